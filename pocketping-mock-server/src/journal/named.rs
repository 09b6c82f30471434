//! What holds secrets and personal data, by its name.

/// JSON fields, parameters and headers that hold secrets, by a part of their names in lower case.
const SECRETS: [&str; 7] = ["apikey", "secret", "token", "authorization", "password", "signature", "cookie"];
/// Fields and parameters that hold personal data, with all that is below them.
const PERSONAL: [&str; 31] = [
    "comment",
    "content",
    "customerid",
    "description",
    "email",
    "filename",
    "firstname",
    "identity",
    "ip",
    "ipaddress",
    "lastname",
    "metadata",
    "name",
    "operatorname",
    "pageurl",
    "pagetitle",
    "phone",
    "phonecountry",
    "preview",
    "q",
    "referrer",
    "reply",
    "screenresolution",
    "subject",
    "text",
    "timezone",
    "title",
    "useragent",
    "userphone",
    "userphonecountry",
    "value",
];
/// Fields that hold sentences of the server's own. They may quote what came.
pub(super) const SENTENCES: [&str; 3] = ["error", "message", "why"];
/// Headers that say who somebody is, or where.
pub(super) const PERSONAL_HEADERS: [&str; 7] =
    ["cf-connecting-ip", "forwarded", "referer", "true-client-ip", "x-client-ip", "x-forwarded-for", "x-real-ip"];

/// Whether a header holds a secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    let plain: String = name.chars().filter(|c| *c != '-').collect();
    plain.contains("auth") || plain == "secwebsocketprotocol" || SECRETS.iter().any(|secret| plain.contains(secret))
}

/// What becomes of a text.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Plain,
    Personal,
    Secret,
}

impl Place {
    pub(super) fn max(self, other: Self) -> Self {
        match (self, other) {
            (Self::Secret, _) | (_, Self::Secret) => Self::Secret,
            (Self::Personal, _) | (_, Self::Personal) => Self::Personal,
            _ => Self::Plain,
        }
    }
}

/// What a field or parameter holds, by its name.
pub(super) fn place_of(name: &str) -> Option<Place> {
    let plain: String = name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect();
    if plain == "key" || SECRETS.iter().any(|secret| plain.contains(secret)) {
        return Some(Place::Secret);
    }
    PERSONAL.contains(&plain.as_str()).then_some(Place::Personal)
}

/// Whether a text that nothing is known of may be somebody's words or address.
pub(super) fn is_free(text: &str) -> bool {
    text.contains([' ', '@'])
}

#[cfg(test)]
mod tests {
    use pocketping_sdk as sdk;

    use super::*;

    #[test]
    fn what_the_types_mask_the_journal_masks_too() {
        let masked = [
            sdk::Session::PRIVATE,
            sdk::Metadata::PRIVATE,
            sdk::Csat::PRIVATE,
            sdk::Identity::PRIVATE,
            sdk::Message::PRIVATE,
            sdk::Attachment::PRIVATE,
            sdk::NewMessage::PRIVATE,
            sdk::Webhook::PRIVATE,
            sdk::NewWebhook::PRIVATE,
        ];
        // Their own fields are masked one by one: of an address what is secret in it.
        let looked_into = ["attachments", "csat", "messages", "replyTo", "url"];
        for name in masked.concat() {
            assert_eq!(place_of(name).is_none(), looked_into.contains(&name), "{name}");
        }
    }
}
