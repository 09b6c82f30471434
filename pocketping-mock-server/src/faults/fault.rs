//! A fault as a test says it.

use std::time::Duration;

/// What goes wrong, where, and how often. Unless told otherwise: once, at the first chance.
///
/// Several faults may wait at once. Of those that are due, the one that was injected first is carried out; the others
/// wait for the next chance.
///
/// ```
/// use pocketping_mock_server::{Fault, HttpFault, MockServer, SocketFault};
///
/// let server = MockServer::start();
/// server.inject(Fault::http(HttpFault::ApplyThenDrop).route("POST", "/sessions/:sessionId/messages"));
/// server.inject(Fault::socket(SocketFault::Skip).after(3).times(2));
/// assert_eq!(server.faults_left(), 3);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fault {
    pub(super) act: Act,
    route: Option<Route>,
    pub(super) after: u32,
    pub(super) times: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Http(HttpFault),
    Socket(SocketFault),
}

/// What can happen to a call over HTTP. It happens to calls whose key is right, that are within the rate limit and
/// arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpFault {
    /// It is answered with this status, and nothing is applied. 502, 503 and 504 come as a gateway sends them: a page of
    /// HTML without the contract's headers. All others have the contract's error JSON; 429 and 500 with the documented
    /// words and code.
    Status {
        /// A 4xx or 5xx.
        status: u16,
        /// Seconds for the `Retry-After` header; `None` sends none.
        retry_after: Option<u32>,
    },
    /// The connection ends, and nothing is applied.
    CutBefore,
    /// It is applied; then the connection ends without a byte of an answer.
    ApplyThenDrop,
    /// Nothing happens for this long (real time); then it is applied and answered. It is applied even when the client
    /// has hung up meanwhile, and not when the server stops first.
    HoldThenApply(Duration),
    /// It is applied, status and headers are sent, and the connection ends in the middle of the body. An answer without
    /// a body (204) arrives whole.
    CutInBody,
}

/// What can happen on the socket. Most of it happens to an event frame, new or resumed, as it is about to be written; of
/// several links, to the one that writes first. `auth.ok` is no event frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketFault {
    /// Instead of the event, the link is closed with this code, in both contracts.
    Close(u16),
    /// Instead of the event, the connection ends without a close frame.
    Cut,
    /// From the event on, nothing is written and nothing is heard, pings neither, while the connection stays open: until
    /// the client ends it, or the server does.
    Silent,
    /// The event is sent twice.
    Duplicate,
    /// The event is sent after the next one, or after 50 ms (real time) when there is none.
    Swap,
    /// The event is not sent.
    Skip,
    /// The first half of the event's text is sent: no JSON.
    Corrupt,
    /// The event is sent with other content: its message's text, its session's page, or else its session's id is
    /// `garbled`. In extended its `seq` is 7 more than it should be, so that a client can tell.
    Garble,
    /// The event is sent after this long (real time), and what is behind it waits too. More than 1024 events that wait
    /// close the link as too slow.
    Delay(Duration),
    /// An auth frame with a right key is refused with this close code, in both contracts. Before 4401 and 4403, extended
    /// sends its error object.
    RefuseAuth(u16),
    /// `GET /ws` is answered with this instead of the upgrade, as [`HttpFault::Status`] is.
    RefuseUpgrade {
        /// A 4xx or 5xx.
        status: u16,
        /// Seconds for the `Retry-After` header; `None` sends none.
        retry_after: Option<u32>,
    },
}

/// A documented line: a method, and a path whose `:names` match any one segment.
#[derive(Clone, Debug)]
struct Route {
    method: String,
    line: String,
}

impl Route {
    fn matches(&self, method: &str, path: &str) -> bool {
        let (mut wanted, mut given) = (unversioned(&self.line).split('/'), unversioned(path).split('/'));
        if self.method != method {
            return false;
        }
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(name), Some(segment)) if name.starts_with(':') && !segment.is_empty() => {}
                (Some(same), Some(segment)) if same == segment => {}
                _ => return false,
            }
        }
    }
}

fn unversioned(path: &str) -> &str {
    path.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

impl Fault {
    /// Something happens to a call over HTTP.
    pub fn http(act: HttpFault) -> Self {
        Self { act: Act::Http(act), route: None, after: 0, times: 1 }
    }

    /// Something happens on the socket.
    pub fn socket(act: SocketFault) -> Self {
        Self { act: Act::Socket(act), route: None, after: 0, times: 1 }
    }

    /// It happens to this call only, given as documented: `("POST", "/sessions/:sessionId/messages")`. It is meant with
    /// and without `/v1`. Default: every call that takes a key. What happens on the socket has no route.
    pub fn route(mut self, method: &str, line: &str) -> Self {
        self.route = Some(Route { method: method.to_owned(), line: line.to_owned() });
        self
    }

    /// Lets this many calls or frames go by before it is due. Only those it could happen to count, from its injection
    /// on, whatever other faults make of them. Default: 0.
    pub fn after(mut self, n: u32) -> Self {
        self.after = n;
        self
    }

    /// Whether this call is one it happens to.
    pub(super) fn is_for(&self, method: &str, path: &str) -> bool {
        self.route.as_ref().is_none_or(|route| route.matches(method, path))
    }

    /// It happens this many times, at one chance after the other. Default: once.
    pub fn times(mut self, n: u32) -> Self {
        self.times = n;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_the_documented_line_with_and_without_the_version() {
        let route = |line: &str| Route { method: "POST".into(), line: line.into() };
        for line in ["/sessions/:sessionId/messages", "/v1/sessions/:sessionId/messages"] {
            for path in ["/sessions/s_1/messages", "/v1/sessions/s_1/messages", "/sessions/v1/messages"] {
                assert!(route(line).matches("POST", path), "{line} {path}");
            }
            for path in ["/sessions/s_1", "/sessions/s_1/messages/m", "/sessions//messages", "/v1sessions/s_1/messages"]
            {
                assert!(!route(line).matches("POST", path), "{line} {path}");
            }
            assert!(!route(line).matches("GET", "/sessions/s_1/messages"), "{line}");
        }
        assert!(route("/webhooks").matches("POST", "/v1/webhooks") && !route("/webhooks").matches("POST", "/v1"));
    }
}
