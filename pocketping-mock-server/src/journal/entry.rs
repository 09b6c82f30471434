//! What the journal holds, typed.

use std::time::Duration;

use crate::surface::Surface;
use bytes::Bytes;
use http::HeaderMap;
use pocketping_sdk::{DeliveryId, EventKind, SessionId, Timestamp, WebhookId};
use serde_json::Value;

/// Something that came, or was sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Its place: numbers grow by one and never come again, whatever is dropped or cleared.
    pub number: u64,
    /// When it came or happened, on the server's clock.
    pub at: Timestamp,
    /// Whose it is, where that was found out; nothing for tenants that unseen keys have opened, too.
    pub tenant: Option<String>,
    /// What it is.
    pub kind: Kind,
}

impl Entry {
    /// The request, if it is one.
    pub fn request(&self) -> Option<&Request> {
        match &self.kind {
            Kind::Request(request) => Some(request),
            _ => None,
        }
    }

    /// The frame, if it is one.
    pub fn frame(&self) -> Option<&Frame> {
        match &self.kind {
            Kind::Frame(frame) => Some(frame),
            _ => None,
        }
    }
}

/// What an [`Entry`] is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A request and its answer, entered when the answer had been given.
    Request(Box<Request>),
    /// A frame of a socket or an event stream.
    Frame(Frame),
    /// An event of the contract, in the order of the commits.
    Event(Event),
    /// An attempt to deliver a webhook.
    Attempt(Attempt),
}

impl Kind {
    /// Its name, as the control surface writes it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Request(_) => "request",
            Self::Frame(_) => "frame",
            Self::Event(_) => "event",
            Self::Attempt(_) => "attempt",
        }
    }
}

/// A request and what it was answered.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// Which side of the server it came to.
    pub surface: Surface,
    /// Its method.
    pub method: String,
    /// Its path, as it came.
    pub path: String,
    /// The route that served it, such as `/sessions/:sessionId/messages`.
    pub route: Option<String>,
    /// Its query, as it came.
    pub query: Option<String>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as far as the server read it.
    pub body: Body,
    /// The answer's status; nothing when there was no answer.
    pub status: Option<u16>,
    /// The answer's headers.
    pub answer_headers: HeaderMap,
    /// The answer's body; that of an event stream is told frame by frame.
    pub answer: Body,
    /// Whether the answer was sent to its end.
    pub is_whole: bool,
    /// How long that took, in real time.
    pub took: Duration,
    /// Why the server refused it, if it did.
    pub refused_by: Option<Refusal>,
    /// The id of the fault that happened to it, if one did.
    pub fault: Option<String>,
}

impl Request {
    /// Whether its answer is one that was given before, for the same idempotency key.
    pub fn is_replay(&self) -> bool {
        self.answer_headers.contains_key("idempotent-replayed")
    }

    /// Whether it was taken: answered 2xx.
    pub fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The error's code, such as `RATE_LIMITED`.
    pub code: String,
    /// The rule, where it has a name: `rate limit`, `fault`, or `field x`.
    pub rule: Option<String>,
    /// The reason, as a sentence.
    pub why: String,
}

/// A frame of a socket or an event stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Frame {
    /// Which side of the server it belongs to.
    pub surface: Surface,
    /// The number of the socket or stream.
    pub link: u64,
    /// The session it shows, where it shows only one.
    pub session_id: Option<SessionId>,
    /// Which way it went.
    pub direction: Direction,
    /// What kind of frame it is.
    pub kind: FrameKind,
    /// Its text; of a close its code and reason, of a fault its kind.
    pub text: Body,
    /// The id of the fault, if it tells of one.
    pub fault: Option<String>,
}

/// An event of the contract.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// What it tells of.
    pub kind: EventKind,
    /// The session it tells of.
    pub session_id: Option<SessionId>,
    /// The event, as a socket has it.
    pub text: Body,
}

/// An attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// The delivery's id.
    pub delivery_id: DeliveryId,
    /// The webhook's id.
    pub webhook_id: WebhookId,
    /// Where it goes.
    pub url: String,
    /// What it tells of.
    pub event: EventKind,
    /// The session it tells of.
    pub session_id: Option<SessionId>,
    /// Which attempt it is, counted from one.
    pub attempt: u32,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
    /// What the receiver answered.
    pub status: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    Received,
    /// From the server.
    Sent,
}

impl Direction {
    /// Its name, as the control surface writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// What kind of frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameKind {
    /// Text of a socket, or data of an event stream.
    Text,
    /// Bytes, which this server refuses.
    Binary,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// A close.
    Close,
    /// A comment of an event stream.
    Comment,
    /// No frame: a fault happens here, to the frame that would have been next, or to the link.
    Fault,
}

impl FrameKind {
    /// Its name, as the control surface writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Close => "close",
            Self::Comment => "comment",
            Self::Fault => "fault",
        }
    }
}

/// The first 64 KiB of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    pub(crate) bytes: Bytes,
    pub(crate) whole: u64,
}

impl Body {
    /// How much of a body is kept.
    pub(crate) const MOST: usize = 64 << 10;

    /// What is kept of these bytes.
    pub(crate) fn new(bytes: &Bytes) -> Self {
        let whole = bytes.len() as u64;
        // A slice would hold on to the rest.
        let bytes =
            if bytes.len() <= Self::MOST { bytes.clone() } else { Bytes::copy_from_slice(&bytes[..Self::MOST]) };
        Self { bytes, whole }
    }

    /// What is kept.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }

    /// The same as JSON, if it is that.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes).ok()
    }

    /// How long the whole body was, in bytes.
    pub fn whole_len(&self) -> u64 {
        self.whole
    }

    /// Whether there was more than is kept.
    pub fn is_cut(&self) -> bool {
        self.cut() > 0
    }

    /// How many bytes are not kept.
    pub(crate) fn cut(&self) -> u64 {
        self.whole.saturating_sub(Self::MOST as u64)
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.whole == 0
    }
}
