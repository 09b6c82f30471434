//! What can go wrong.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use super::draw::Draw;
use crate::surface::Surface;

/// How frames travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Over {
    /// On a WebSocket.
    WebSocket,
    /// In a stream of server-sent events.
    Sse,
}

impl Over {
    pub(super) const ALL: [Self; 2] = [Self::WebSocket, Self::Sse];

    /// Its name, as it is written in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
        }
    }
}

/// What can happen to a call over HTTP. It happens to calls whose key is right, that are within the rate limit and
/// arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpFault {
    /// It is answered with this status, and nothing is applied. 502, 503 and 504 come as a gateway sends them: a page of
    /// HTML without the contract's headers. All others have the surface's error JSON; 429 and 500 with the documented
    /// words and code.
    Status {
        /// A 4xx or 5xx.
        status: u16,
        /// Seconds for the `Retry-After` header; `None` sends none.
        retry_after: Option<u32>,
    },
    /// It is answered with this status and a page of HTML, as a gateway or a login page would, and nothing is applied.
    Gateway(u16),
    /// The connection ends, and nothing is applied.
    CutBefore,
    /// It is applied; then the connection ends without a byte of an answer.
    ApplyThenDrop,
    /// The connection is reset (RST), and nothing is applied.
    ResetBefore,
    /// It is applied; then the connection is reset (RST).
    ApplyThenReset,
    /// Nothing happens for this long (real time); then it is applied and answered. It is applied even when the client
    /// has hung up meanwhile, and not when the server stops first.
    HoldThenApply(Duration),
    /// It is applied, status and headers are sent, and the connection ends in the middle of the body. An answer without
    /// a body (204) arrives whole.
    CutInBody,
    /// It is applied; the first half of the answer's body is sent as if it were all of it: no JSON.
    MalformedJson,
    /// It is applied; the answer says that it is `text/html`.
    WrongContentType,
    /// It is applied; the answer's body comes so many bytes at a time, with this long between (real time).
    SlowDrip {
        /// How many bytes at a time.
        bytes: usize,
        /// How long it takes from one to the next.
        every: Duration,
    },
}

/// What can happen on a socket; [`Cut`](Self::Cut), [`Duplicate`](Self::Duplicate), [`Skip`](Self::Skip) and
/// [`Delay`](Self::Delay) in the widget's event stream, too. Most of it happens to an event frame, new or resumed, as it is
/// about to be written; of several links, to the one that writes first. `auth.ok` is no event frame.
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
    /// The event is sent after the next one; when none comes, before the link's next ping (20 s on the server's clock).
    Swap,
    /// The event is not sent.
    Skip,
    /// The first half of the event's text is sent: no JSON.
    Corrupt,
    /// The event is sent with other content: its message's text, its session's page, or else its session's id is
    /// `garbled`; of a widget's frame, its data's `content`. In extended its `seq` is 7 more than it should be, so that a
    /// client can tell.
    Garble,
    /// The event is sent after this long (real time), and what is behind it waits too. More than 1024 events that wait
    /// close the link as too slow.
    Delay(Duration),
    /// An auth frame with a right key is refused with this close code, in both contracts. Before 4401 and 4403, extended
    /// sends its error object.
    RefuseAuth(u16),
    /// `GET /ws`, or the widget's stream over a WebSocket, is answered with this instead of the upgrade, as
    /// [`HttpFault::Status`] is.
    RefuseUpgrade {
        /// A 4xx or 5xx.
        status: u16,
        /// Seconds for the `Retry-After` header; `None` sends none.
        retry_after: Option<u32>,
    },
}

impl SocketFault {
    /// Its name, as it is written in JSON.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Close(_) => "close",
            Self::Cut => "cut",
            Self::Silent => "silent",
            Self::Duplicate => "duplicate",
            Self::Swap => "swap",
            Self::Skip => "skip",
            Self::Corrupt => "corrupt",
            Self::Garble => "garble",
            Self::Delay(_) => "delay",
            Self::RefuseAuth(_) => "refuse-auth",
            Self::RefuseUpgrade { .. } => "refuse-upgrade",
        }
    }

    /// Whether it can happen to server-sent events.
    pub(super) fn is_for_streams(self) -> bool {
        matches!(self, Self::Cut | Self::Duplicate | Self::Skip | Self::Delay(_))
    }
}

/// What can happen to an attempt of a webhook delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookFault {
    /// It counts as failed, and nothing is sent.
    Lost,
    /// It is sent twice, the second time whatever came of the first, whose answer counts.
    SentTwice,
}

/// What a fault does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Http(HttpFault),
    /// An answer, when it is to be more than [`HttpFault::Status`].
    Answer(Arc<Reply>),
    Latency(Latency),
    Hold {
        barrier: Arc<str>,
        after: bool,
    },
    /// As [`HttpFault::SlowDrip`]; each drop but the first waits at the barrier.
    Drip {
        bytes: usize,
        barrier: Arc<str>,
    },
    ContentType(Arc<str>),
    Socket(SocketFault),
    Webhook(WebhookFault),
}

impl Act {
    /// Where it happens, unless told otherwise.
    pub(super) fn surface(&self) -> Surface {
        if matches!(self, Self::Webhook(_)) { Surface::Webhook } else { Surface::Contract }
    }

    /// What happens to a call, when it happens to calls.
    pub(super) fn happens_to_call(&mut self) -> Option<HttpAct> {
        Some(match self {
            Self::Http(fault) => HttpAct::Plain(*fault),
            Self::Answer(reply) => HttpAct::Answer(Arc::clone(reply)),
            Self::Latency(latency) => HttpAct::Latency { time: latency.next(), after: latency.after },
            Self::Hold { barrier, after } => HttpAct::Hold { barrier: Arc::clone(barrier), after: *after },
            Self::Drip { bytes, barrier } => HttpAct::Drip { bytes: *bytes, barrier: Arc::clone(barrier) },
            Self::ContentType(kind) => HttpAct::ContentType(Arc::clone(kind)),
            Self::Socket(_) | Self::Webhook(_) => return None,
        })
    }

    pub(super) fn is_for_calls(&self) -> bool {
        !matches!(self, Self::Socket(_) | Self::Webhook(_))
    }

    /// Where it holds calls.
    pub(super) fn barrier(&self) -> Option<&Arc<str>> {
        match self {
            Self::Hold { barrier, .. } | Self::Drip { barrier, .. } => Some(barrier),
            _ => None,
        }
    }
}

/// What happens to this one call.
#[derive(Clone, Debug)]
pub(crate) enum HttpAct {
    Plain(HttpFault),
    Answer(Arc<Reply>),
    Latency { time: Duration, after: bool },
    Hold { barrier: Arc<str>, after: bool },
    Drip { bytes: usize, barrier: Arc<str> },
    ContentType(Arc<str>),
}

/// An answer as a test wants it.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// A text, or JSON; the surface's own words when nothing is said.
    pub(crate) body: Option<Value>,
    pub(crate) headers: HeaderMap,
    pub(crate) retry_after: Option<RetryAfter>,
    /// Whether it has headers of a limit that is reached; the server's own when nothing is said.
    pub(crate) rate_limit: Option<bool>,
    /// Whether the call is applied before.
    pub(crate) after: bool,
}

impl Reply {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, body: None, headers: HeaderMap::new(), retry_after: None, rate_limit: None, after: false }
    }
}

/// Whether an answer with this status has no body.
pub(crate) fn is_bodiless(status: u16) -> bool {
    matches!(status, 204 | 205 | 304)
}

/// The two forms of `Retry-After`, in seconds from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Seconds(u32),
    Date(u32),
}

/// How long calls take.
#[derive(Clone, Debug)]
pub(super) struct Latency {
    pub(super) times: Times,
    pub(super) draw: Draw,
    /// Whether a call is applied before it waits.
    pub(super) after: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Times {
    Fixed(Duration),
    Range(Duration, Duration),
    /// Percentiles and their times, both rising; what is above the last one takes as long as it.
    Percentiles(Vec<(f64, Duration)>),
}

impl Latency {
    fn next(&mut self) -> Duration {
        match &self.times {
            Times::Fixed(time) => *time,
            Times::Range(from, to) => *from + to.saturating_sub(*from).mul_f64(self.draw.fraction()),
            Times::Percentiles(times) => {
                let drawn = self.draw.fraction() * 100.0;
                let found = times.iter().find(|(percentile, _)| drawn < *percentile).or(times.last());
                found.map_or(Duration::ZERO, |(_, time)| *time)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_keep_to_their_range_and_to_their_percentiles() {
        let ms = Duration::from_millis;
        let drawn = |times: Times| {
            let mut latency = Latency { times, draw: Draw::new(3), after: false };
            (0..1000).map(|_| latency.next()).collect::<Vec<_>>()
        };
        assert!(drawn(Times::Fixed(ms(5))).iter().all(|time| *time == ms(5)));
        let range = drawn(Times::Range(ms(100), ms(200)));
        assert!(range.iter().all(|time| (ms(100)..ms(200)).contains(time)) && range[0] != range[1]);
        let list = drawn(Times::Percentiles(vec![(50.0, ms(1)), (90.0, ms(2)), (99.0, ms(3))]));
        let count = |time| list.iter().filter(|drawn| **drawn == time).count();
        assert!((450..550).contains(&count(ms(1))) && (350..450).contains(&count(ms(2))), "{}", count(ms(1)));
        assert_eq!(count(ms(1)) + count(ms(2)) + count(ms(3)), 1000);
    }
}
