//! The WebSocket of a widget. The only file that names tungstenite.

use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::Method;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::error::{Error, Result};
use super::http::{MOST, asked};
use super::{Chat, Frame};
use crate::http_client::Wire;

/// How long the widget waits for the socket to open.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a polite close may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A socket that is open.
pub(super) struct Socket {
    asked: String,
    socket: WebSocketStream<Wire>,
}

/// A frame to the server, and whom to tell that it is on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    frame: Bytes,
    written: oneshot::Sender<Result<()>>,
}

impl Outgoing {
    pub(super) fn new(frame: Bytes) -> (Self, oneshot::Receiver<Result<()>>) {
        let (written, is_written) = oneshot::channel();
        (Self { frame, written }, is_written)
    }
}

impl Socket {
    pub(super) async fn open(chat: &Chat) -> Result<Self> {
        let http = &chat.0.http;
        let mut url = http.url(&["stream"]);
        // The widget writes the id as it is; a browser then encodes what cannot stand in an address.
        url.set_query(Some(&format!("sessionId={}", chat.session_id())));
        let asked = format!("the WebSocket upgrade {}", asked(&Method::GET, &url));
        let patience = PATIENCE.min(http.patience);
        let open = async {
            let wire = http.connect(&url, &asked).await?;
            shake_hands(&url, http.common(), wire).await.map_err(|error| refused(&asked, error))
        };
        let socket = timeout(patience, open).await.map_err(|_| Error::late(&asked, patience))??;
        Ok(Self { asked, socket })
    }

    /// Hands over what comes and sends what is to be sent, until the link ends or is to end.
    pub(super) async fn serve(
        mut self,
        frames: mpsc::Sender<Result<Frame>>,
        mut to_send: mpsc::Receiver<Outgoing>,
        stop: CancellationToken,
    ) {
        loop {
            // A reader that is slow slows the server down.
            let heard = async {
                let place = frames.reserve().await;
                (place, self.socket.next().await)
            };
            let (place, heard) = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(outgoing) = to_send.recv() => {
                    let text = Utf8Bytes::try_from(outgoing.frame).map(Message::Text);
                    let text = text.unwrap_or_else(|error| unreachable!("JSON is UTF-8: {error}"));
                    let written = timeout(PATIENCE, self.socket.send(text)).await;
                    let written = match written {
                        Ok(written) => written.map_err(|error| broken(&self.asked, error)),
                        Err(_) => Err(Error::late(&self.asked, PATIENCE)),
                    };
                    // Nobody may wait for it any more.
                    drop(outgoing.written.send(written));
                    continue;
                }
                heard = heard => heard,
            };
            let Ok(place) = place else { break };
            match heard {
                Some(Ok(Message::Text(text))) => place.send(Frame::read(&text)),
                Some(Ok(Message::Binary(_))) => place.send(Err(Error::frame("it is binary", ""))),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    place.send(Err(closed(frame.as_ref())));
                    break;
                }
                Some(Err(error)) => {
                    place.send(Err(broken(&self.asked, error)));
                    return;
                }
                None => {
                    place.send(Err(closed(None)));
                    return;
                }
            }
        }
        // For whoever reads or writes it is over now.
        drop((frames, to_send));
        self.close().await;
    }

    /// Says goodbye, or lets the answer to the server's go out, and waits until the server has ended the link: not for
    /// long.
    async fn close(mut self) {
        let goodbye = async {
            self.socket.close(None).await?;
            while let Some(message) = self.socket.next().await {
                message?;
            }
            Ok::<_, SocketError>(())
        };
        if !matches!(timeout(LAST_WORDS, goodbye).await, Ok(Ok(()))) {
            tracing::debug!(asked = self.asked, "the link ended before its close was answered");
        }
    }
}

async fn shake_hands(
    url: &Url,
    common: http::HeaderMap,
    wire: Wire,
) -> std::result::Result<WebSocketStream<Wire>, SocketError> {
    // The same address; only its scheme is spelled otherwise.
    let mut request = url.as_str().replacen("http", "ws", 1).into_client_request()?;
    request.headers_mut().extend(common);
    let config =
        WebSocketConfig::default().read_buffer_size(16 << 10).max_message_size(Some(MOST)).max_frame_size(Some(MOST));
    client_async_with_config(request, wire, Some(config)).await.map(|(socket, _)| socket)
}

/// Why there is no socket.
fn refused(asked: &str, error: SocketError) -> Error {
    match error {
        SocketError::Http(answer) => {
            let (head, body) = answer.into_parts();
            Error::refused(asked, head.status, &body.unwrap_or_default())
        }
        error => broken(asked, error),
    }
}

fn broken(asked: &str, error: SocketError) -> Error {
    match error {
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => closed(None),
        error => Error::broken(asked, error),
    }
}

fn closed(frame: Option<&CloseFrame>) -> Error {
    match frame {
        None => Error::closed("the server closed the WebSocket without a code", None),
        Some(CloseFrame { code, reason }) => {
            let code = u16::from(*code);
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            Error::closed(format!("the server closed the WebSocket with {code}{reason}"), Some(code))
        }
    }
}
