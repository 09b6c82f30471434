//! To what a fault happens.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use pocketping_sdk::EventKind;

use super::acts::Over;
use super::draw::Draw;
use super::places::{self, meets};
use crate::surface::Surface;

/// What must be true of a call, a frame or a delivery; nothing that is not said.
#[derive(Clone, Default)]
pub(super) struct On {
    /// The act's own when nothing is said.
    pub(super) surface: Option<Surface>,
    pub(super) over: Option<Over>,
    pub(super) method: Option<String>,
    /// A documented line, whose `:names` match any one segment.
    pub(super) route: Option<String>,
    pub(super) key: Option<String>,
    pub(super) headers: Vec<(HeaderName, String)>,
    /// A part of the body, the frame or the payload.
    pub(super) body: Option<String>,
    /// The frame's or the payload's type.
    pub(super) event: Option<String>,
    /// How often it happens when it could, from 0 to 1.
    pub(super) chance: Option<(f64, Draw)>,
}

/// Without the key.
impl std::fmt::Debug for On {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("On")
            .field("surface", &self.surface)
            .field("method", &self.method)
            .field("route", &self.route)
            .field("event", &self.event)
            .field("chance", &self.chance)
            .finish_non_exhaustive()
    }
}

/// What is known of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFacts<'a> {
    pub(crate) surface: Surface,
    pub(crate) method: &'a str,
    /// Below the surface's own prefix.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// What is known of something that is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToldFacts<'a> {
    pub(super) surface: Surface,
    pub(super) over: Option<Over>,
    pub(super) event: &'a str,
    pub(super) body: &'a [u8],
}

impl On {
    /// Its route and its method, as they are compared.
    pub(super) fn settle(&mut self, surface: Surface) {
        self.route = self.route.take().map(|line| places::below_prefix(surface, &line));
        self.method = self.method.take().map(|method| method.to_ascii_uppercase());
    }

    pub(super) fn is_call(&self, surface: Surface, call: &CallFacts<'_>) -> bool {
        surface == call.surface
            && self.method.as_deref().is_none_or(|method| method == call.method)
            && self.route.as_deref().is_none_or(|line| is_route(line, call.path))
            && self.key.as_deref().is_none_or(|key| bearer(call.headers) == Some(key))
            && self.headers.iter().all(|(name, wanted)| {
                call.headers.get_all(name).iter().any(|value| value.as_bytes() == wanted.as_bytes())
            })
            && self.holds(call.body)
    }

    pub(super) fn is_told(&self, surface: Surface, told: &ToldFacts<'_>) -> bool {
        surface == told.surface
            && (self.over.is_none() || self.over == told.over)
            && self.event.as_deref().is_none_or(|event| event == told.event)
            && self.holds(told.body)
    }

    fn holds(&self, body: &[u8]) -> bool {
        let wanted = self.body.as_deref().unwrap_or_default().as_bytes();
        wanted.is_empty() || body.windows(wanted.len()).any(|part| part == wanted)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn is_route(line: &str, path: &str) -> bool {
    let path = unversioned(path);
    line.split('/').count() == path.split('/').count()
        && line.split('/').zip(path.split('/')).all(|(name, segment)| meets(name, segment))
}

fn unversioned(path: &str) -> &str {
    path.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// The type of a frame.
pub(super) fn event_of(frame: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: EventKind,
    }
    serde_json::from_slice::<Typed>(frame).map(|typed| typed.kind.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_the_documented_line_with_and_without_the_version() {
        for line in ["/sessions/:sessionId/messages", "/v1/sessions/{sessionId}/messages"] {
            let line = &places::below_prefix(Surface::Contract, line);
            for path in ["/sessions/s_1/messages", "/v1/sessions/s_1/messages", "/sessions/v1/messages"] {
                assert!(is_route(line, path), "{line} {path}");
            }
            for path in ["/sessions/s_1", "/sessions/s_1/messages/m", "/sessions//messages", "/v1sessions/s_1/messages"]
            {
                assert!(!is_route(line, path), "{line} {path}");
            }
        }
        assert!(is_route("/webhooks", "/v1/webhooks") && !is_route("/webhooks", "/v1"));
    }

    #[test]
    fn the_type_of_a_frame_is_its_event() {
        assert_eq!(event_of(br#"{"type":"message.created","message":{}}"#), "message.created");
        assert_eq!(event_of(br#"{"type":"typing","data":{}}"#), "typing");
        assert_eq!(event_of(b"{}"), "");
    }
}
