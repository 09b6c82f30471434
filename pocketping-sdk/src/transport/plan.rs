//! `Plan`: what a call sends, the same in every attempt.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::retry::Repeat;
use crate::error::{Error, Result};

/// What is sent, the same in every attempt.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) method: Method,
    /// The path with `:name` in place of ids: for errors and spans.
    pub(super) route: Cow<'static, str>,
    path: Cow<'static, str>,
    pub(super) query: Vec<(Cow<'static, str>, String)>,
    pub(super) body: Option<Bytes>,
    pub(super) repeat: Repeat,
    pub(super) is_list: bool,
}

/// What may stand in a path segment as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Plan {
    pub(super) fn new(method: Method, route: Cow<'static, str>, ids: &[&str]) -> Result<Self> {
        let path = path(route.clone(), ids)?;
        Ok(Self { method, route, path, query: Vec::new(), body: None, repeat: Repeat::WhenSafe, is_list: false })
    }

    /// The documented line, for errors.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.route)
    }

    /// The whole address.
    pub(super) fn url(&self, base: &str) -> String {
        let mut url = String::with_capacity(base.len() + self.path.len());
        url.push_str(base);
        url.push_str(&self.path);
        if !self.query.is_empty() {
            url.push('?');
            let mut query = url::form_urlencoded::Serializer::for_suffix(&mut url, base.len() + self.path.len() + 1);
            query.extend_pairs(&self.query).finish();
        }
        url
    }
}

/// The path of a route: itself, where there is nothing to put in or to encode.
fn path(route: Cow<'static, str>, ids: &[&str]) -> Result<Cow<'static, str>> {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'-' | b'.' | b'_' | b'~');
    if ids.is_empty() && route.starts_with('/') && route.bytes().all(is_plain) {
        return Ok(route);
    }
    expand(&route, ids).map(Cow::Owned)
}

/// Puts the ids into the route, each encoded as one segment.
fn expand(route: &str, ids: &[&str]) -> Result<String> {
    let Some(segments) = route.strip_prefix('/') else {
        return Err(Error::request(format!("the path {route:?} does not start with a slash")));
    };
    if segments.contains(['?', '#']) {
        return Err(Error::request(format!("the path {route:?} holds a query; use `query`")));
    }
    let mut ids = ids.iter();
    let mut path = String::with_capacity(route.len() + 32);
    for segment in segments.split('/') {
        path.push('/');
        let segment = match segment.strip_prefix(':') {
            Some(name) => {
                let id = *ids.next().ok_or_else(|| Error::request(format!("{route} lacks its :{name}")))?;
                sendable(id).map_err(|why| Error::request(format!("{id:?} cannot be the :{name} of {route}: {why}")))?
            }
            None => segment,
        };
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    match ids.next() {
        Some(id) => Err(Error::request(format!("{route} has no place for {id:?}"))),
        None => Ok(path),
    }
}

/// URL parsers collapse dot segments even when they are encoded, so such an id would reach another path.
fn sendable(id: &str) -> Result<&str, &'static str> {
    match id {
        "" => Err("it is empty"),
        "." | ".." => Err("it would change the path"),
        id if id.chars().any(char::is_control) => Err("it holds a control character"),
        id => Ok(id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_one_by_one() {
        let path = |ids: &[&str]| expand("/sessions/:sessionId/messages", ids);
        assert_eq!(path(&["sess_abc123"]).unwrap(), "/sessions/sess_abc123/messages");
        assert_eq!(path(&["a/b?c#d e%é"]).unwrap(), "/sessions/a%2Fb%3Fc%23d%20e%25%C3%A9/messages");
        assert_eq!(path(&["..."]).unwrap(), "/sessions/.../messages");
    }

    #[test]
    fn ids_that_would_reach_another_path_are_refused() {
        for (id, word) in [("", "empty"), (".", "path"), ("..", "path"), ("a\nb", "control"), ("a\u{7f}", "control")] {
            let error = expand("/sessions/:sessionId", &[id]).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("sessionId"), "{error}");
        }
        for (route, ids) in [("sessions", &[][..]), ("/a/:b", &[]), ("/a", &["x"]), ("/a?b=c", &[])] {
            assert!(expand(route, ids).is_err(), "{route}");
        }
    }

    #[test]
    fn a_route_that_needs_nothing_is_its_own_path() {
        for route in ["/sessions", "/a/b-c.d_e~f", "/", "/a//b", "/é", "/a b", "/.."] {
            assert_eq!(path(route.into(), &[]).unwrap(), expand(route, &[]).unwrap(), "{route}");
        }
        assert!(path("sessions".into(), &[]).is_err() && path("/a?b".into(), &[]).is_err());
    }

    #[test]
    fn the_query_is_encoded() {
        let mut plan = Plan::new(Method::GET, "/sessions".into(), &[]).unwrap();
        assert_eq!(plan.url("http://h/v1"), "http://h/v1/sessions");
        plan.query.push(("q".into(), "a&b c".into()));
        plan.query.push(("limit".into(), "5".into()));
        assert_eq!(plan.url("http://h"), "http://h/sessions?q=a%26b+c&limit=5");
    }
}
