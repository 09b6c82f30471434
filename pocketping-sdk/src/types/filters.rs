//! `SessionFilter`: which sessions a list is about. The server applies it; on one that cannot, the client does.

use super::{Message, MessageKind, ProjectId, Session, SessionStatus, Timestamp};

/// Which sessions a list is about; an empty filter takes all of them.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SessionFilter {
    /// Query `status`.
    pub status: Option<SessionStatus>,
    /// Query `projectId`.
    pub project_id: Option<ProjectId>,
    /// Query `since`: `lastActivity` at this time or later.
    pub since: Option<Timestamp>,
    /// Query `unanswered`: the visitor wrote last.
    pub unanswered: bool,
    /// Query `q`: a text in the visitor's name or e-mail, the page URL or a message, whatever its case.
    pub text: Option<String>,
}

impl std::fmt::Debug for SessionFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFilter")
            .field("status", &self.status)
            .field("project_id", &self.project_id)
            .field("since", &self.since)
            .field("unanswered", &self.unanswered)
            .field("text", &self.text.as_ref().map(|_| "<masked>"))
            .finish()
    }
}

impl SessionFilter {
    /// The filter as query parameters.
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = Vec::new();
        query.extend(self.status.as_ref().map(|status| ("status", status.to_string())));
        query.extend(self.project_id.as_ref().map(|id| ("projectId", id.to_string())));
        query.extend(self.since.map(|time| ("since", time.to_string())));
        query.extend(self.unanswered.then(|| ("unanswered", "true".to_owned())));
        query.extend(self.text.as_ref().map(|text| ("q", text.clone())));
        query
    }

    /// The text in the one case everything is compared in.
    fn needle(&self) -> Option<String> {
        self.text.as_ref().map(|text| text.to_lowercase())
    }

    /// Whether the session itself, without its messages, is taken; `None` when its messages must be read to know.
    ///
    /// A field the session does not carry cannot exclude it, save the project and the status, which must be equal.
    pub fn accepts(&self, session: &Session) -> Option<bool> {
        let status = self.status.as_ref().is_none_or(|status| *status == session.status);
        let project = self.project_id.as_ref().is_none_or(|id| session.project_id.as_ref() == Some(id));
        let since = self.since.is_none_or(|since| session.last_activity.is_none_or(|time| time >= since));
        if !(status && project && since) {
            return Some(false);
        }
        let unanswered = if self.unanswered { session.unanswered } else { Some(true) };
        let text = match self.needle() {
            Some(needle) if !session_contains(session, &needle) => None,
            _ => Some(true),
        };
        match (unanswered, text) {
            (Some(false), _) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// Whether the session is taken, its messages (oldest first) being known.
    pub fn accepts_with<'a>(
        &self,
        session: &Session,
        messages: &(impl DoubleEndedIterator<Item = &'a Message> + Clone),
    ) -> bool {
        self.accepts(session).unwrap_or_else(|| {
            let answered = self.unanswered && !session.unanswered.unwrap_or_else(|| is_unanswered(messages.clone()));
            let found = self.needle().is_none_or(|needle| {
                session_contains(session, &needle)
                    || messages.clone().any(|message| contains(&message.content, &needle))
            });
            !answered && found
        })
    }
}

/// Whether the visitor wrote last, system messages and deleted ones aside. Takes the messages oldest first.
pub fn is_unanswered<'a>(messages: impl DoubleEndedIterator<Item = &'a Message>) -> bool {
    messages
        .rev()
        .find(|message| message.kind != MessageKind::System && message.deleted_at.is_none())
        .is_some_and(|message| message.kind == MessageKind::Visitor)
}

fn session_contains(session: &Session, needle: &str) -> bool {
    let identity = session.identity.as_ref();
    [
        identity.and_then(|identity| identity.name.as_ref()),
        identity.and_then(|identity| identity.email.as_ref()),
        session.metadata.page_url.as_ref(),
    ]
    .into_iter()
    .flatten()
    .any(|field| contains(field, needle))
}

fn contains(field: &str, needle: &str) -> bool {
    field.to_lowercase().contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(json: serde_json::Value) -> Session {
        serde_json::from_value(json).unwrap()
    }

    fn messages(kinds: &[&str]) -> Vec<Message> {
        kinds
            .iter()
            .map(|kind| {
                serde_json::from_value(serde_json::json!({"id": "m", "content": "Hello World", "type": kind})).unwrap()
            })
            .collect()
    }

    #[test]
    fn what_the_session_carries_decides_without_its_messages() {
        let session = session(serde_json::json!({
            "id": "s", "status": "active", "projectId": "p", "lastActivity": "2024-01-15T10:00:00Z",
            "metadata": {"pageUrl": "https://example.com/Pricing"}, "identity": {"name": "Zoë"}
        }));
        let accepts = |filter: SessionFilter| filter.accepts(&session);
        assert_eq!(accepts(SessionFilter::default()), Some(true));
        assert_eq!(accepts(SessionFilter { status: Some("closed".into()), ..Default::default() }), Some(false));
        assert_eq!(accepts(SessionFilter { project_id: Some("q".into()), ..Default::default() }), Some(false));
        let since = |text: &str| SessionFilter { since: Some(text.parse().unwrap()), ..Default::default() };
        assert_eq!(accepts(since("2024-01-15T10:00:00Z")), Some(true), "inclusive");
        assert_eq!(accepts(since("2024-01-15T10:00:01Z")), Some(false));
        let text = |text: &str| SessionFilter { text: Some(text.into()), ..Default::default() };
        assert_eq!(accepts(text("pricing")), Some(true));
        assert_eq!(accepts(text("ZOË")), Some(true));
        assert_eq!(accepts(text("absent")), None);
        assert_eq!(accepts(SessionFilter { unanswered: true, ..Default::default() }), None);
    }

    #[test]
    fn messages_decide_the_rest() {
        let session = session(serde_json::json!({"id": "s"}));
        let unanswered = SessionFilter { unanswered: true, ..Default::default() };
        for (kinds, expected) in [
            (&[][..], false),
            (&["visitor"], true),
            (&["visitor", "system"], true),
            (&["visitor", "operator"], false),
            (&["visitor", "ai"], false),
            (&["operator", "visitor"], true),
        ] {
            assert_eq!(unanswered.accepts_with(&session, &messages(kinds).iter()), expected, "{kinds:?}");
        }
        let text = SessionFilter { text: Some("o w".into()), ..Default::default() };
        assert!(text.accepts_with(&session, &messages(&["ai"]).iter()));
        assert!(!text.accepts_with(&session, &messages(&[]).iter()));
    }
}
