//! What is looked for, and what is closest to it where there is none.

use std::fmt;

use pocketping_sdk::SessionId;
use serde_json::Value;

use super::entry::{Body, Kind, Request};
use super::log::Stored;
use super::masks::Masks;
use super::shown;
use crate::store::TenantId;

/// How many of the closest entries are told.
const CLOSEST: usize = 5;

/// Something that is to be true of an entry.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Kind(String),
    Method(String),
    Route(String),
    Path(String),
    Status(u16),
    Tenant(TenantId),
    /// Entered after this one.
    Since(u64),
    /// Every field of this is in the body, with this value.
    Body(Value),
    /// A message that was taken into this session.
    SentTo(SessionId),
    /// Nothing is it: the tenant is unknown.
    Nothing(String),
}

impl Wanted {
    pub(super) fn is_true_of(&self, stored: &Stored) -> bool {
        let kind = &stored.entry.kind;
        let request = stored.entry.request();
        match self {
            Self::Kind(wanted) => kind.as_str() == wanted,
            Self::Method(method) => request.is_some_and(|request| request.method.eq_ignore_ascii_case(method)),
            Self::Route(route) => {
                request.and_then(|request| request.route.as_deref()).is_some_and(|is| is_route(is, route))
            }
            Self::Path(path) => request.is_some_and(|request| request.path == *path),
            Self::Status(status) => status_of(kind) == Some(*status),
            Self::Tenant(tenant) => stored.tenant.as_ref() == Some(tenant),
            Self::Since(number) => stored.entry.number > *number,
            Self::Body(body) => body_of(kind).json().is_some_and(|is| difference(body, &is, "$").is_none()),
            Self::SentTo(session) => request.is_some_and(|request| is_sent_to(request, session)),
            Self::Nothing(_) => false,
        }
    }

    /// Whether a near miss must be this, too.
    fn is_scope(&self) -> bool {
        matches!(self, Self::Kind(_) | Self::Tenant(_) | Self::Since(_) | Self::Nothing(_))
    }

    /// How an entry differs from it.
    fn tell(&self, stored: &Stored, masks: &Masks<'_>) -> String {
        let kind = &stored.entry.kind;
        let request = stored.entry.request();
        let or_none = |is: Option<String>| is.unwrap_or_else(|| "none".to_owned());
        let (what, is) = match self {
            Self::Method(_) => ("method", or_none(request.map(|request| request.method.clone()))),
            Self::Route(_) => ("route", or_none(request.and_then(|request| request.route.clone()))),
            Self::Path(_) => ("path", or_none(request.map(|request| request.path.clone()))),
            Self::Status(_) => ("status", or_none(status_of(kind).map(|status| status.to_string()))),
            Self::Body(wanted) => {
                let Some(is) = body_of(kind).json() else { return "the body is no JSON".to_owned() };
                // Compared as they are, told as they may be shown.
                let at = difference(wanted, &is, "$").map_or_else(String::new, |(at, ..)| at);
                let shown = |value: &Value| masks.json(value.clone());
                return match difference(&shown(wanted), &shown(&is), "$") {
                    Some((at, wanted, is)) => format!("{at} of the body is {is}, not {wanted}"),
                    None => format!("{at} of the body is another"),
                };
            }
            _ => return format!("it is not {self}"),
        };
        let wanted = self.to_string();
        format!("the {what} is {is}, not {}", wanted.strip_prefix(what).unwrap_or(&wanted).trim_start())
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "kind {kind}"),
            Self::Method(method) => write!(f, "method {method}"),
            Self::Route(route) => write!(f, "route {route}"),
            Self::Path(path) => write!(f, "path {path}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Tenant(_) => f.write_str("the tenant's"),
            Self::Since(number) => write!(f, "after #{number}"),
            Self::Body(_) => f.write_str("a body with these fields"),
            Self::SentTo(session) => write!(f, "a message that {session} took"),
            Self::Nothing(why) => f.write_str(why),
        }
    }
}

fn status_of(kind: &Kind) -> Option<u16> {
    match kind {
        Kind::Request(request) => request.status,
        Kind::Attempt(attempt) => attempt.status,
        Kind::Frame(_) | Kind::Event(_) => None,
    }
}

fn body_of(kind: &Kind) -> &Body {
    match kind {
        Kind::Request(request) => &request.body,
        Kind::Frame(frame) => &frame.text,
        Kind::Event(event) => &event.text,
        Kind::Attempt(attempt) => &attempt.body,
    }
}

/// Whether a request brought a new message into a session, on whichever surface.
fn is_sent_to(request: &Request, session: &SessionId) -> bool {
    if request.method != "POST" || !request.is_taken() || request.is_replay() {
        return false;
    }
    let Some(route) = request.route.as_deref() else { return false };
    let in_path = || request.path.split('/').rev().nth(1) == Some(session.as_str());
    let in_body = || request.body.json().is_some_and(|body| body["sessionId"] == session.as_str());
    match route {
        "/sessions/:sessionId/messages" | "/api/v1/sessions/:sessionId/reply" => in_path(),
        _ => route.ends_with("/message") && in_body(),
    }
}

/// Whether a route is the one that is meant: names of parameters, and `/v1` in front, make no difference.
fn is_route(is: &str, meant: &str) -> bool {
    let is_parameter = |segment: &str| segment.starts_with([':', '{']);
    let meant = meant.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(meant);
    let (mut is, mut meant) = (is.split('/'), meant.split('/'));
    loop {
        match (is.next(), meant.next()) {
            (None, None) => return true,
            (Some(is), Some(meant)) if is == meant || (is_parameter(is) && is_parameter(meant)) => {}
            _ => return false,
        }
    }
}

/// Where a value lacks something that is wanted of it, what was wanted and what is there.
fn difference(wanted: &Value, is: &Value, at: &str) -> Option<(String, Value, Value)> {
    match (wanted, is) {
        (Value::Object(wanted), Value::Object(is)) => wanted.iter().find_map(|(name, wanted)| {
            difference(wanted, is.get(name).unwrap_or(&Value::Null), &format!("{at}.{name}"))
        }),
        (Value::Array(wanted), Value::Array(is)) if wanted.len() == is.len() => {
            let items = wanted.iter().zip(is).enumerate();
            items.into_iter().find_map(|(n, (wanted, is))| difference(wanted, is, &format!("{at}[{n}]")))
        }
        _ => (wanted != is).then(|| (at.to_owned(), wanted.clone(), is.clone())),
    }
}

/// What was looked for, in words.
pub(super) fn words(wanted: &[Wanted]) -> String {
    let words: Vec<_> = wanted.iter().map(Wanted::to_string).collect();
    if words.is_empty() { "any entry".to_owned() } else { words.join(", ") }
}

/// The entries that are closest to what is wanted, the closest first: each as a line, and how it differs.
pub(super) fn closest(wanted: &[Wanted], entries: &[Stored], masks: &Masks<'_>) -> Vec<(String, Vec<String>)> {
    let (scope, wanted): (Vec<_>, Vec<_>) = wanted.iter().partition(|wanted| wanted.is_scope());
    let in_scope = entries.iter().filter(|stored| scope.iter().all(|wanted| wanted.is_true_of(stored)));
    let mut misses: Vec<_> = in_scope
        .map(|stored| (stored, wanted.iter().filter(|wanted| !wanted.is_true_of(stored)).collect::<Vec<_>>()))
        .filter(|(_, unmet)| !unmet.is_empty())
        .collect();
    // Of equals the later one says more.
    misses.sort_by_key(|(stored, unmet)| (unmet.len(), std::cmp::Reverse(stored.entry.number)));
    misses
        .into_iter()
        .take(CLOSEST)
        .map(|(stored, unmet)| {
            let differences = unmet.into_iter().map(|wanted| wanted.tell(stored, masks)).collect();
            (shown::line(&masks.entry(stored)), differences)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn routes_are_compared_by_their_segments() {
        let is = "/sessions/:sessionId/messages";
        for same in [is, "/sessions/{id}/messages", "/v1/sessions/:x/messages"] {
            assert!(is_route(is, same), "{same}");
        }
        for other in ["/sessions/:sessionId", "/sessions/sess_1/messages", "/sessions/:a/messages/:b", ""] {
            assert!(!is_route(is, other), "{other}");
        }
    }

    #[test]
    fn a_body_has_what_is_wanted_of_it_or_differs_somewhere() {
        let is = json!({"a": 1, "b": {"c": [1, {"d": "x", "e": 2}]}});
        for wanted in [json!({}), json!({"a": 1}), json!({"b": {"c": [1, {"d": "x"}]}})] {
            assert_eq!(difference(&wanted, &is, "$"), None, "{wanted}");
        }
        for (wanted, at) in
            [(json!({"z": 1}), "$.z"), (json!({"b": {"c": [1, {"d": "y"}]}}), "$.b.c[1].d"), (json!([]), "$")]
        {
            assert_eq!(difference(&wanted, &is, "$").unwrap().0, at, "{wanted}");
        }
    }
}
