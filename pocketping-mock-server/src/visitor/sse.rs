//! Server-sent events: the stream as an answer that does not end.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::chat::cursor;
use super::error::{Error, Result};
use super::http::MOST;
use super::{Chat, Frame};
use crate::http_client::Exchange;

/// How long the widget waits for the stream to open.
const PATIENCE: Duration = Duration::from_secs(15);
/// The names of events a widget listens to; of others it hears nothing.
const NAMES: [&str; 3] = ["message", "screenshot_request", "csat_request"];

/// A stream that is open.
pub(super) struct Events {
    asked: String,
    exchange: Exchange,
    reader: Reader,
}

impl Events {
    pub(super) async fn open(chat: &Chat) -> Result<Self> {
        let http = &chat.0.http;
        let after = chat.0.conversation.last_change().map(cursor);
        let mut query = vec![chat.session()];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let url = http.url_with(&["stream"], &query);
        let patience = PATIENCE.min(http.patience);
        let late = |_| Error::late(&super::http::asked(&http::Method::GET, &url), patience);
        let (asked, mut exchange) = timeout(patience, http.events(&url)).await.map_err(late)??;
        let status = exchange.head.status;
        let kind = exchange.head.headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()));
        let is_stream = kind.as_deref().is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"));
        if status == http::StatusCode::OK && is_stream {
            return Ok(Self { asked, exchange, reader: Reader::default() });
        }
        let why = format!("it is no event stream, but {}", kind.as_deref().unwrap_or("of no type"));
        // What is refused is told with its text, as far as that comes soon.
        let body = timeout(Duration::from_secs(1), exchange.whole(MOST)).await;
        let body = body.ok().and_then(std::result::Result::ok).unwrap_or_default();
        Err(if status.is_success() {
            Error::unreadable(&asked, status, why, &body)
        } else {
            Error::refused(&asked, status, &body)
        })
    }

    /// Hands over what comes, until that ends.
    pub(super) async fn serve(mut self, frames: mpsc::Sender<Result<Frame>>) {
        let end = loop {
            let part = match self.exchange.part().await {
                Some(Ok(part)) => part,
                Some(Err(failure)) => break Error::failed(&self.asked, &failure),
                None => break Error::closed("the server ended the event stream", None),
            };
            for text in self.reader.read(&part) {
                if frames.send(Frame::read(&text)).await.is_err() {
                    return;
                }
            }
            if self.reader.held() > MOST {
                break Error::broken(&self.asked, format_args!("an event is larger than {MOST} bytes"));
            }
        };
        // Nobody may listen any more, and then nobody minds.
        drop(frames.send(Err(end)).await);
    }
}

/// Makes events of bytes.
#[derive(Debug, Default)]
struct Reader {
    line: Vec<u8>,
    /// Whether the last byte was a carriage return: a line feed behind it ends no other line.
    after_return: bool,
    name: String,
    data: Option<String>,
}

impl Reader {
    /// Takes what came, and gives the data of the events that are whole now, and that a widget listens to.
    fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                }
                byte => {
                    self.after_return = false;
                    self.line.push(*byte);
                }
            }
        }
        events
    }

    fn end_line(&mut self, line: &[u8]) -> Option<String> {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), self.data.take());
            return data.filter(|_| name.is_empty() || NAMES.contains(&name.as_str()));
        }
        let line = String::from_utf8_lossy(line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments have no field; ids and times to wait are of no use to whoever does not come back.
            _ => {}
        }
        None
    }

    /// How many bytes wait for the rest of their event.
    fn held(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, String::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_written() {
        let text = "\u{feff}: hello\r\nretry: 10\r\ndata: {\"a\":1}\r\n\r\nevent: connected\ndata: x\n\nevent:csat_request\n\
                    data:{\ndata: }\nid: 7\n\nevent: message\rdata: é\r\rdata\n\n: ping\n\ndata: unfinished";
        let expected = ["{\"a\":1}", "{\n}", "é", ""];
        assert_eq!(Reader::default().read(text.as_bytes()), expected);
        let mut reader = Reader::default();
        let in_bytes: Vec<String> = text.bytes().flat_map(|byte| reader.read(&[byte])).collect();
        assert_eq!(in_bytes, expected);
        assert_eq!(reader.held(), "data: unfinished".len());
    }
}
