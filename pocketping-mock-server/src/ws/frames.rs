//! The event frames of one link: which is written when, and what injected faults make of them.

use std::collections::VecDeque;
use std::future::pending;

use axum::extract::ws::{Message, Utf8Bytes};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::line::Line;
use super::link::{Over, fault, progress};
use crate::app::App;
use crate::faults::{Over as Way, SocketFault};
use crate::surface::Surface;

/// How far the number of a garbled event is off.
const OFF: u64 = 7;

/// The event frames that wait to be written.
#[derive(Debug)]
pub(super) struct Frames {
    /// Whose they are.
    surface: Surface,
    queue: VecDeque<Bytes>,
    /// Those whose turn was before the queue's: written after the next frame, when it is time, or before a ping; the last
    /// one first.
    held: Vec<Bytes>,
    /// When the held ones are written without a next frame.
    due: Option<Instant>,
    /// Whether the queue waits for the held ones, too.
    is_stopped: bool,
}

impl Frames {
    pub(super) fn new(surface: Surface) -> Self {
        Self { surface, queue: VecDeque::new(), held: Vec::new(), due: None, is_stopped: false }
    }

    pub(super) fn extend(&mut self, frames: impl IntoIterator<Item = Bytes>) {
        self.queue.extend(frames);
    }

    /// Whether more frames may be taken in.
    pub(super) fn is_open(&self) -> bool {
        !self.is_stopped
    }

    /// Waits until held frames are due.
    pub(super) async fn are_due(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => pending().await,
        }
    }

    /// Writes what may be written now, with one flush.
    pub(super) async fn write(&mut self, app: &App, socket: &mut Line) -> Result<(), Over> {
        let is_due = self.due.is_some_and(|due| due <= Instant::now());
        if is_due {
            self.write_held(socket).await?;
        } else if self.queue.is_empty() {
            return Ok(());
        }
        while !self.is_stopped
            && let Some(frame) = self.queue.pop_front()
        {
            match app.faults.on_frame(self.surface, Way::WebSocket, &frame) {
                None => self.put(socket, frame).await?,
                Some(met) => {
                    socket.tape.fault(&met.id, met.act.kind());
                    self.put_faulty(socket, frame, met.act).await?;
                }
            }
        }
        flush(socket).await
    }

    async fn put(&mut self, socket: &mut Line, frame: Bytes) -> Result<(), Over> {
        feed(socket, frame).await?;
        if self.held.is_empty() { Ok(()) } else { self.write_held(socket).await }
    }

    /// Writes what waits for a next frame that did not come until now.
    pub(super) async fn write_waiting(&mut self, socket: &mut Line) -> Result<(), Over> {
        if self.held.is_empty() || self.due.is_some() {
            return Ok(());
        }
        self.write_held(socket).await?;
        flush(socket).await
    }

    async fn write_held(&mut self, socket: &mut Line) -> Result<(), Over> {
        (self.due, self.is_stopped) = (None, false);
        while let Some(frame) = self.held.pop() {
            feed(socket, frame).await?;
        }
        Ok(())
    }

    async fn put_faulty(&mut self, socket: &mut Line, frame: Bytes, act: SocketFault) -> Result<(), Over> {
        tracing::debug!(?act, "an event meets a fault");
        match act {
            SocketFault::Duplicate => {
                feed(socket, frame.clone()).await?;
                self.put(socket, frame).await
            }
            SocketFault::Corrupt => self.put(socket, half(&frame)).await,
            SocketFault::Garble => self.put(socket, garbled(&frame)).await,
            SocketFault::Skip => Ok(()),
            SocketFault::Swap => {
                self.held.push(frame);
                Ok(())
            }
            SocketFault::Delay(time) => {
                self.held.push(frame);
                (self.due, self.is_stopped) = (Some(Instant::now() + time), true);
                Ok(())
            }
            SocketFault::Close(code) => Err(Over::Close(code, "a fault that was asked for")),
            SocketFault::Cut => flush(socket).await.and(Err(Over::Gone)),
            SocketFault::Silent => flush(socket).await.and(Err(Over::Silent)),
            // They happen before there are events.
            SocketFault::RefuseAuth(_) | SocketFault::RefuseUpgrade { .. } => self.put(socket, frame).await,
        }
    }
}

async fn feed(socket: &mut Line, frame: Bytes) -> Result<(), Over> {
    // Frames are made by serde_json: always UTF-8.
    let text = Utf8Bytes::try_from(frame).map_err(|error| fault(&axum::Error::new(error)))?;
    progress(socket.feed(Message::Text(text))).await.map_err(|error| fault(&error))
}

async fn flush(socket: &mut Line) -> Result<(), Over> {
    progress(socket.flush()).await.map_err(|error| fault(&error))
}

/// The first half of a text.
fn half(frame: &Bytes) -> Bytes {
    let is_start = |at: &usize| frame.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let end = (0..=frame.len() / 2).rev().find(is_start).unwrap_or(0);
    frame.slice(..end)
}

/// An event with other content, and in extended another number.
fn garbled(frame: &Bytes) -> Bytes {
    let mut event: Value = serde_json::from_slice(frame).unwrap_or_default();
    if let Some(seq) = event.get("seq").and_then(Value::as_u64) {
        event["seq"] = json!(seq.saturating_add(OFF));
    }
    let word = json!("garbled");
    if event["message"].is_object() {
        event["message"]["content"] = word;
    } else if event["session"].is_object() {
        event["session"]["metadata"]["pageUrl"] = word;
    } else if event["data"].is_object() {
        event["data"]["content"] = word;
    } else {
        event["sessionId"] = word;
    }
    event.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_text_is_text_and_no_json() {
        for frame in [r#"{"a":"ééééééééé"}"#, r#"{"a":"ééééééééé" }"#, r#"{"a":"🦀🦀"}"#, "{}"] {
            let half = half(&Bytes::from_static(frame.as_bytes()));
            let text = std::str::from_utf8(&half).unwrap();
            assert!(frame.starts_with(text) && serde_json::from_str::<Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_kind_of_event_is_garbled() {
        for (event, expected) in [
            (json!({"message": {"id": "m", "content": "Hi"}}), json!({"message": {"id": "m", "content": "garbled"}})),
            (json!({"session": {"id": "s"}}), json!({"session": {"id": "s", "metadata": {"pageUrl": "garbled"}}})),
            (json!({"type": "typing", "data": {}}), json!({"type": "typing", "data": {"content": "garbled"}})),
            (json!({"sessionId": "s", "seq": 1}), json!({"sessionId": "garbled", "seq": 8})),
        ] {
            let garbled: Value = serde_json::from_slice(&garbled(&event.to_string().into())).unwrap();
            assert_eq!(garbled, expected);
        }
    }
}
