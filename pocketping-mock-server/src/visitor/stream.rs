//! `Frames`: what happens in a session, as it comes, and how it comes.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::{Error, Result};
use super::socket::{Outgoing, Socket};
use super::sse::Events;
use super::{Chat, Frame, polling};

/// How many frames are read ahead of the reader.
const AHEAD: usize = 256;

/// How a stream comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// Over a WebSocket: the upgrade of `GET /stream`.
    WebSocket,
    /// As server-sent events: `GET /stream`.
    Sse,
    /// By asking again and again: `GET /messages`, and `GET /screenshot/requests`.
    Polling,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WebSocket => "WebSocket",
            Self::Sse => "server-sent events",
            Self::Polling => "polling",
        })
    }
}

/// The frames of a chat, as they come: [`Chat::stream`] opens it.
///
/// It comes over a WebSocket; where there is none (refused, unreachable, or silent for 5 s), as server-sent events; and
/// where there are none (15 s), by polling. [`Visitor::transport`](super::Visitor::transport) allows one of them only.
/// Whichever it was that opened stays: a link that breaks, is closed by the server, or has a poll that fails, gives an
/// error, and then the stream is over. Nothing is tried again behind its back: [`Chat::stream`] opens another, which
/// begins with what was missed as far as the server tells it, and repeats nothing.
///
/// A message that is told again is left out, unless it has changed: a server tells it as often as it likes, and the
/// visitor's own messages are told, too. A frame that is no JSON is an error, and the stream goes on. The link is served
/// in the background, so that pings are answered while nobody reads, as long as no more than 256 frames wait to be read;
/// dropping the stream ends it.
///
/// ```
/// use pocketping_mock_server::MockServer;
/// use pocketping_mock_server::visitor::{Frame, Transport};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = MockServer::start();
/// let chat = server.visitor().connect().await?;
/// let mut stream = chat.stream().await?;
/// assert_eq!(stream.transport(), Transport::WebSocket);
///
/// server.operator().types(chat.session_id(), true);
/// let Some(Frame::Typing(typing)) = stream.next().await.transpose()? else { panic!("a typing frame") };
/// assert!(typing.is_typing && typing.sender == "operator");
///
/// chat.leave().await?;
/// assert!(stream.next().await.is_none());
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream is over when it is dropped"]
pub struct Frames {
    chat: Chat,
    transport: Transport,
    queue: mpsc::Receiver<Result<Frame>>,
    _stop: DropGuard,
}

/// What a chat has to do with its stream: it ends it, and sends on its WebSocket.
#[derive(Debug, Default)]
pub(super) struct Line {
    stop: CancellationToken,
    outgoing: Option<mpsc::Sender<Outgoing>>,
}

impl Line {
    pub(super) fn end(&self) {
        self.stop.cancel();
    }

    pub(super) fn outgoing(&self) -> Option<mpsc::Sender<Outgoing>> {
        self.outgoing.clone()
    }
}

impl Frames {
    pub(super) async fn open(chat: &Chat) -> Result<Self> {
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        chat.0.line.send_replace(Line { stop: stop.clone(), outgoing: None }).end();
        let (frames, queue) = mpsc::channel(AHEAD);
        let transport = match chat.0.transport {
            Some(only) => {
                open(chat, only, &frames, &stop).await?;
                only
            }
            None => first(chat, &frames, &stop).await?,
        };
        Ok(Self { chat: chat.clone(), transport, queue, _stop: guard })
    }

    /// How it comes.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The next frame; none once the chat [left](Chat::leave), has another stream, or an error ended this one.
    ///
    /// # Cancel safety
    /// No frame is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Frame>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for Frames {
    type Item = Result<Frame>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.queue.poll_recv(cx)) {
                Some(Ok(frame)) if !self.chat.0.conversation.take(&frame) => {}
                frame => return Poll::Ready(frame),
            }
        }
    }
}

/// Opens the first way that is served.
async fn first(chat: &Chat, frames: &mpsc::Sender<Result<Frame>>, stop: &CancellationToken) -> Result<Transport> {
    for transport in [Transport::WebSocket, Transport::Sse] {
        match open(chat, transport, frames, stop).await {
            Ok(()) => return Ok(transport),
            Err(error) => tracing::debug!(%error, %transport, "the next way is tried"),
        }
    }
    open(chat, Transport::Polling, frames, stop).await?;
    Ok(Transport::Polling)
}

/// Opens this way, and serves it in the background until it ends or is stopped.
async fn open(
    chat: &Chat,
    transport: Transport,
    frames: &mpsc::Sender<Result<Frame>>,
    stop: &CancellationToken,
) -> Result<()> {
    let (frames, stop) = (frames.clone(), stop.clone());
    match transport {
        Transport::WebSocket => {
            let socket = Socket::open(chat).await?;
            let (outgoing, to_send) = mpsc::channel(1);
            chat.0.line.send_if_modified(|line| {
                // Another stream may have come meanwhile.
                let is_ours = !stop.is_cancelled();
                if is_ours {
                    line.outgoing = Some(outgoing);
                }
                is_ours
            });
            tokio::spawn(socket.serve(frames, to_send, stop));
        }
        Transport::Sse => {
            let events = Events::open(chat).await?;
            tokio::spawn(async move { stop.run_until_cancelled(events.serve(frames)).await });
        }
        Transport::Polling => {
            let first = polling::poll(chat).await?;
            let chat = chat.clone();
            tokio::spawn(async move { stop.run_until_cancelled(polling::serve(chat, first, frames)).await });
        }
    }
    Ok(())
}

impl Chat {
    /// Sends a frame over the WebSocket there is.
    pub(super) async fn transmit(&self, frame: bytes::Bytes) -> Result<()> {
        let none = || Error::input("custom events go over a WebSocket, and this chat has none open");
        let outgoing = self.0.line.borrow().outgoing().ok_or_else(none)?;
        let (outgoing_frame, written) = Outgoing::new(frame);
        outgoing.send(outgoing_frame).await.map_err(|_| none())?;
        written.await.unwrap_or_else(|_| Err(none()))
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").field("chat", &self.chat).field("transport", &self.transport).finish_non_exhaustive()
    }
}
