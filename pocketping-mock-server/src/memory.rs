//! `MemoryTransport`: the whole server, its socket included, for a client in the same process. No port, no network.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{Ready, ready};
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyDataStream, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pocketping_sdk::{Body, Transport, TransportError, TransportFailure, Upgrade};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// How many bytes wait in one direction for the other end to read them, as in a network's buffers.
const BUFFER: usize = 64 << 10;

type Sent<'a, T> = Pin<Box<dyn Future<Output = Result<T, TransportError>> + Send + 'a>>;

/// Carries a client's requests and its socket to a server in the same process, without a network: connections, kept
/// alive as a network's would be, are pairs of buffers in memory. Everything else is as it always is, faults and the
/// journal included.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use pocketping_mock_server::MockServer;
/// use pocketping_sdk::Client;
///
/// let server = MockServer::builder().in_memory().demo_seed().start()?;
/// let client = Client::builder()
///     .base_url(server.url())
///     .api_key(server.api_key())
///     .transport(server.transport())
///     .build()?;
/// assert_eq!(client.sessions().list().await?.sessions[0].id, "sess_abc123");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct MemoryTransport(Client<Dial, Full<Bytes>>);

/// The client's end: makes connections.
#[derive(Clone, Debug)]
pub(crate) struct Dial(UnboundedSender<DuplexStream>);

/// The server's end: where they arrive.
#[derive(Debug)]
pub(crate) struct MemoryDoor(UnboundedReceiver<DuplexStream>);

/// Both ends of what connects a client and a server.
pub(crate) fn pair() -> (Dial, MemoryDoor) {
    let (dial, door) = mpsc::unbounded_channel();
    (Dial(dial), MemoryDoor(door))
}

impl MemoryDoor {
    /// The next connection. Once nobody can make one any more, this waits for ever.
    pub(crate) async fn accept(&mut self) -> DuplexStream {
        match self.0.recv().await {
            Some(stream) => stream,
            None => std::future::pending().await,
        }
    }
}

impl MemoryTransport {
    pub(crate) fn new(dial: Dial) -> Self {
        Self(Client::builder(TokioExecutor::new()).build(dial))
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Incoming>, TransportError> {
        self.0.request(request.map(Full::new)).await.map_err(|error| {
            // As over a network: only what was never connected was certainly not sent.
            let failure = if error.is_connect() { TransportFailure::Connect } else { TransportFailure::Broken };
            TransportError::new(failure, error)
        })
    }
}

impl Transport for MemoryTransport {
    fn send(&self, request: Request<Bytes>) -> Sent<'_, Response<Body>> {
        Box::pin(async move { Ok(self.answer(request).await?.map(body)) })
    }

    fn upgrade(&self, request: Request<Bytes>) -> Sent<'_, Upgrade> {
        Box::pin(async move {
            let answer = self.answer(request).await?;
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Upgrade::Refused(answer.map(body)));
            }
            let headers = answer.headers().clone();
            let stream = hyper::upgrade::on(answer).await.map_err(broken)?;
            Ok(Upgrade::Switched { headers, stream: Box::new(TokioIo::new(stream)) })
        })
    }
}

fn body(body: Incoming) -> Body {
    Body::stream(BodyDataStream::new(body).map_err(broken).boxed())
}

fn broken(error: hyper::Error) -> TransportError {
    TransportError::new(TransportFailure::Broken, error)
}

impl fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryTransport")
    }
}

impl tower::Service<Uri> for Dial {
    type Response = TokioIo<Dialled>;
    type Error = io::Error;
    type Future = Ready<io::Result<TokioIo<Dialled>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        let gone = |_| io::Error::new(io::ErrorKind::ConnectionRefused, "the server has stopped");
        ready(self.0.send(theirs).map_err(gone).map(|()| TokioIo::new(Dialled(ours))))
    }
}

/// A client's end of a connection.
#[derive(Debug)]
pub(crate) struct Dialled(DuplexStream);

impl Connection for Dialled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Dialled {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Dialled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
