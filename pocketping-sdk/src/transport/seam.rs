//! The seam every request and the socket's byte stream go through, in terms of `http` and `bytes` only.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::tls::hint_for;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries requests. The client brings one over the network; another HTTP stack, a recording layer or a server in the
/// same process can stand in its place ([`ClientBuilder::transport`](super::ClientBuilder::transport)).
///
/// A transport sends one request and gives back whatever was answered: it does not retry, follow redirects or judge
/// the status. Dropping a future abandons the request.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request. The future ends when the answer's headers are there.
    ///
    /// # Errors
    /// See [`TransportFailure`]: what matters most is whether the request may have left this machine.
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Body>, TransportError>>;

    /// Sends an upgrade request, whose headers are complete, and gives the byte stream of the new protocol when the
    /// server switched (101). The URL's scheme is `http` or `https`.
    ///
    /// # Errors
    /// As [`send`](Self::send). An answer other than 101 is not an error but [`Upgrade::Refused`].
    fn upgrade(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, TransportError>>;
}

/// Both directions of an upgraded connection.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// What became of an upgrade request.
pub enum Upgrade {
    /// The server switched protocols.
    Switched {
        /// The answer's headers.
        headers: http::HeaderMap,
        /// The connection.
        stream: Box<dyn ByteStream>,
    },
    /// The server answered something else.
    Refused(http::Response<Body>),
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switched { .. } => f.write_str("Switched"),
            Self::Refused(answer) => write!(f, "Refused({})", answer.status()),
        }
    }
}

/// The body of an answer, as it arrives.
pub struct Body(Pin<Box<dyn Stream<Item = Result<Bytes, TransportError>> + Send>>);

impl Body {
    /// A body that arrives in pieces.
    pub fn stream(pieces: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static) -> Self {
        Self(Box::pin(pieces))
    }

    /// A body that is already there.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::stream(futures::stream::iter([Ok(bytes)]))
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// How far a failed request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportFailure {
    /// No connection could be made: no byte of the request was written.
    Connect,
    /// The connection broke later: the request may have arrived.
    Broken,
    /// The transport's own time ran out after the connection stood: the request may have arrived.
    Timeout,
}

/// A request that got no answer, or not all of it.
#[derive(Debug)]
pub struct TransportError {
    failure: TransportFailure,
    source: Box<dyn StdError + Send + Sync>,
}

impl TransportError {
    /// Wraps the cause.
    pub fn new(failure: TransportFailure, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { failure, source: source.into() }
    }

    /// How far the request came.
    pub fn failure(&self) -> TransportFailure {
        self.failure
    }

    /// What to do about it, when that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        hint_for(&*self.source)
    }

    /// Takes the cause out.
    pub fn into_source(self) -> Box<dyn StdError + Send + Sync> {
        self.source
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.failure {
            TransportFailure::Connect => "no connection",
            TransportFailure::Broken => "the connection broke",
            TransportFailure::Timeout => "no answer in time",
        })
    }
}

impl StdError for TransportError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.source)
    }
}
