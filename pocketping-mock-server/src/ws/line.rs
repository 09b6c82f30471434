//! A socket whose frames are entered into the journal, both ways: before they are written, and when they were read.

use axum::Error;
use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures::SinkExt;

use crate::journal::{Direction, FrameKind, Tape};

/// A socket and what enters its frames.
#[derive(Debug)]
pub(crate) struct Line {
    socket: WebSocket,
    /// What enters its frames.
    pub(crate) tape: Tape,
}

impl Line {
    pub(super) fn new(socket: WebSocket, tape: Tape) -> Self {
        Self { socket, tape }
    }

    /// The next frame that comes.
    pub(super) async fn recv(&mut self) -> Option<Result<Message, Error>> {
        let message = self.socket.recv().await;
        if let Some(Ok(message)) = &message {
            self.enter(Direction::Received, message);
        }
        message
    }

    /// Writes a frame at once.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Error> {
        self.enter(Direction::Sent, &message);
        self.socket.send(message).await
    }

    /// Writes a frame that a flush is to follow.
    pub(super) async fn feed(&mut self, message: Message) -> Result<(), Error> {
        self.enter(Direction::Sent, &message);
        self.socket.feed(message).await
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        self.socket.flush().await
    }

    fn enter(&self, direction: Direction, message: &Message) {
        match message {
            Message::Text(text) => self.tape.enter(direction, FrameKind::Text, &Bytes::from(text.clone())),
            Message::Binary(bytes) => self.tape.enter(direction, FrameKind::Binary, bytes),
            Message::Ping(bytes) => self.tape.enter(direction, FrameKind::Ping, bytes),
            Message::Pong(bytes) => self.tape.enter(direction, FrameKind::Pong, bytes),
            Message::Close(close) => {
                let text = close.as_ref().map(|close| format!("{} {}", close.code, close.reason).trim_end().to_owned());
                self.tape.enter(direction, FrameKind::Close, &text.unwrap_or_default().into());
            }
        }
    }
}
