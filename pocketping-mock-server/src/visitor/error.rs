//! `Error`: why a visitor could not do something, in one line.

use http::StatusCode;

use crate::http_client::Failure;

/// What a visitor's calls give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How much of an answer's text stands in the message.
const SHOWN: usize = 300;

/// Why a visitor could not do something.
///
/// It is told in one line: what was asked, and the status and text of a refusal or what else went wrong.
///
/// ```
/// use pocketping_mock_server::MockServer;
/// use pocketping_mock_server::visitor::ErrorKind;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = MockServer::start();
/// let chat = server.visitor().connect().await?;
/// let error = chat.say("").await.unwrap_err();
/// assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (ErrorKind::Refused, Some(400)));
/// assert!(error.to_string().contains("/pocketping/message was answered 400 Bad Request: {\"error\":"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    status: Option<StatusCode>,
    body: Option<String>,
    close_code: Option<u16>,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was given cannot be used: an endpoint, a header, a certificate, a custom event without a WebSocket.
    Input,
    /// Nobody was reached: no such host, nobody listening, no TLS.
    Connect,
    /// There was no answer in time.
    Timeout,
    /// The connection broke, or what came on it is not the protocol.
    Broken,
    /// The server refused it: [`Error::status`] and [`Error::body`] say how.
    Refused,
    /// The server agreed, and what it said cannot be read.
    Unreadable,
    /// The server ended the stream; [`Error::close_code`] says how a WebSocket was closed.
    Closed,
}

impl Error {
    fn new(kind: ErrorKind, message: String) -> Self {
        Self(Box::new(Inner { kind, message, status: None, body: None, close_code: None }))
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status of the answer, where there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The text of the answer, where it is what is wrong.
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }

    /// The code with which the WebSocket was closed, where there was one.
    pub fn close_code(&self) -> Option<u16> {
        self.0.close_code
    }

    pub(super) fn input(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, what.into())
    }

    /// `asked` had no answer.
    pub(super) fn failed(asked: &str, failure: &Failure) -> Self {
        match failure {
            Failure::Connect(why) => Self::new(ErrorKind::Connect, format!("{asked}: no connection: {why}")),
            Failure::Broken(why) => Self::broken(asked, why),
            Failure::TooLarge(_) => Self::new(ErrorKind::Unreadable, format!("{asked}: {failure}")),
        }
    }

    pub(super) fn broken(asked: &str, why: impl std::fmt::Display) -> Self {
        Self::new(ErrorKind::Broken, format!("{asked}: the connection broke: {why}"))
    }

    pub(super) fn late(asked: &str, patience: std::time::Duration) -> Self {
        Self::new(ErrorKind::Timeout, format!("{asked}: no answer within {patience:?}"))
    }

    /// `asked` was answered like this, and that is no success.
    pub(super) fn refused(asked: &str, status: StatusCode, body: &[u8]) -> Self {
        Self::answered(ErrorKind::Refused, format!("{asked} was answered {status}"), status, body)
    }

    /// `asked` was answered with success and this, which is not what it should be.
    pub(super) fn unreadable(asked: &str, status: StatusCode, why: impl std::fmt::Display, body: &[u8]) -> Self {
        let message = format!("{asked} was answered {status} with what cannot be read ({why})");
        Self::answered(ErrorKind::Unreadable, message, status, body)
    }

    fn answered(kind: ErrorKind, message: String, status: StatusCode, body: &[u8]) -> Self {
        let mut error = Self::with_body(kind, message, String::from_utf8_lossy(body).into_owned());
        error.0.status = Some(status);
        error
    }

    fn with_body(kind: ErrorKind, message: String, body: String) -> Self {
        let shown = excerpt(&body);
        let mut error = Self::new(kind, if shown.is_empty() { message } else { format!("{message}: {shown}") });
        error.0.body = Some(body);
        error
    }

    /// A frame of the stream cannot be read.
    pub(super) fn frame(why: impl std::fmt::Display, text: &str) -> Self {
        let message = format!("a frame cannot be read ({why})");
        Self::with_body(ErrorKind::Unreadable, message, text.to_owned())
    }

    /// The stream is over.
    pub(super) fn closed(what: impl Into<String>, code: Option<u16>) -> Self {
        let mut error = Self::new(ErrorKind::Closed, what.into());
        error.0.close_code = code;
        error
    }
}

/// The beginning of a text, in one line.
fn excerpt(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if let Some((end, _)) = line.char_indices().nth(SHOWN) {
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_becomes_one_line() {
        assert_eq!(excerpt(" <h1>\n  Not  found\t</h1>\r\n"), "<h1> Not found </h1>");
        let long = excerpt(&"é".repeat(1000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (SHOWN + 1, true));
        let error = Error::refused("GET http://a/b", StatusCode::NO_CONTENT, b"");
        assert_eq!(error.to_string(), "GET http://a/b was answered 204 No Content");
    }
}
