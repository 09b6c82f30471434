//! Where deliveries go: one attempt over HTTP, signed, and never with the API key.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use pocketping_sdk::http::header::CONTENT_TYPE;
use pocketping_sdk::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use pocketping_sdk::retry_after::retry_after;
use pocketping_sdk::{Body, Client, Transport, webhooks};
use tokio::time::timeout;

use super::delivery::Delivery;
use crate::error::{CliError, chain};

/// How long the receiver has to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest wait a receiver can ask for.
const MOST_WAIT: Duration = Duration::from_secs(5 * 60);
/// How much of an answer is read, and how long, for the connection to be of use again.
const REST: (usize, Duration) = (64 << 10, Duration::from_secs(1));
/// How much of an answer is kept.
const START: usize = 2048;

/// A receiver.
pub(crate) struct Target {
    transport: Arc<dyn Transport>,
    url: Uri,
    secret: Option<String>,
}

/// An attempt that was not answered with 2xx.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What was answered, if anything was.
    pub(crate) status: Option<u16>,
    pub(crate) reason: String,
    /// How long the receiver asks to wait.
    pub(super) wait: Duration,
}

/// What was answered, whatever it was.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// How its body begins.
    pub(crate) start: String,
    wait: Duration,
}

impl Target {
    /// A receiver at the URL that this flag named. Its transport is one by itself: it has never heard of the API key.
    pub(crate) fn new(flag: &str, url: &str, secret: Option<String>) -> Result<Self, CliError> {
        let bad = |why: &str| CliError::usage(format!("{flag} {why}"));
        let url: Uri = url.parse().map_err(|error| bad(&format!("is no whole http:// or https:// URL: {error}")))?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(bad("is no whole http:// or https:// URL"));
        };
        if authority.as_str().contains('@') {
            return Err(bad("carries a user name or password; a secret to sign with comes from --secret-file"));
        }
        let transport = Client::builder()
            .base_url(format!("{scheme}://{authority}"))
            .user_agent(concat!("pocketping-cli/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .build_transport()?;
        Ok(Self { transport, url, secret })
    }

    /// Posts it once.
    pub(super) async fn post(&self, delivery: &Delivery, attempt: u32) -> Result<u16, Refusal> {
        self.exchange(delivery, attempt).await?.taken()
    }

    /// Posts it once, and reads how the answer begins.
    pub(crate) async fn exchange(&self, delivery: &Delivery, attempt: u32) -> Result<Answer, Refusal> {
        let request = self
            .request(delivery, attempt)
            .map_err(|reason| Refusal::silent(format!("it cannot be sent: {reason}")))?;
        let answer = match timeout(PATIENCE, self.transport.send(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                return Err(Refusal::silent(chain(&error)));
            }
            Err(_) => return Err(Refusal::silent(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        let (status, wait) = (answer.status(), asked_wait(&answer));
        let mut start = Vec::new();
        drop(timeout(REST.1, read_rest(answer.into_body(), &mut start)).await);
        Ok(Answer { status, start: String::from_utf8_lossy(&start).into_owned(), wait })
    }

    fn request<B: From<String>>(&self, delivery: &Delivery, attempt: u32) -> Result<Request<B>, String> {
        let mut request = Request::new(B::from(delivery.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let signature = self.secret.as_ref().map(|secret| webhooks::sign(secret, delivery.body.as_bytes()));
        for (name, value) in [
            (webhooks::EVENT, Some(delivery.event.to_string())),
            (webhooks::DELIVERY, Some(delivery.id.clone())),
            (webhooks::ATTEMPT, Some(attempt.to_string())),
            (webhooks::SIGNATURE, signature),
        ] {
            if let Some(value) = value {
                let value = HeaderValue::try_from(value).map_err(|error| format!("{name}: {error}"))?;
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Ok(request)
    }
}

impl Answer {
    /// Its status when it says that the delivery was taken.
    pub(crate) fn taken(&self) -> Result<u16, Refusal> {
        let status = self.status.as_u16();
        if self.status.is_success() {
            return Ok(status);
        }
        Err(Refusal { status: Some(status), reason: said(self.status), wait: self.wait })
    }
}

impl Refusal {
    fn silent(reason: String) -> Self {
        Self { status: None, reason, wait: Duration::ZERO }
    }
}

/// `503 Service Unavailable`
fn said(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// How long the answer asks to wait.
fn asked_wait(answer: &Response<Body>) -> Duration {
    retry_after(answer.headers(), SystemTime::now).unwrap_or_default().min(MOST_WAIT)
}

/// Reads what is left of an answer, and keeps how it begins. Whether it ends well changes nothing: its status was there.
async fn read_rest(mut body: Body, start: &mut Vec<u8>) {
    let mut read = 0;
    while let Some(Ok(piece)) = body.next().await {
        read += piece.len();
        start.extend(piece.iter().take(START - start.len()));
        if read > REST.0 {
            return;
        }
    }
}

impl fmt::Display for Target {
    /// Without the query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.url.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", self.url.scheme_str().unwrap_or_default(), self.url.path())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use pocketping_sdk::http::header::{DATE, RETRY_AFTER};

    use super::*;
    use crate::error::Exit;

    #[test]
    fn a_target_is_a_whole_url_and_its_query_is_not_shown() {
        for (url, named) in [
            ("localhost:3000/hook", "https://"),
            ("/hook", "https://"),
            ("ftp://a/", "https://"),
            ("http://user:hunter2@a/", "user name"),
            ("http://a b/", "https://"),
            ("", "https://"),
        ] {
            let error = Target::new("--to", url, None).unwrap_err();
            assert!(error.to_string().starts_with("--to "), "{error}");
            assert!(error.exit() == Exit::Usage && error.to_string().contains(named), "{url}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let target = Target::new("--to", "http://localhost:3000/hook?token=hunter2", None).unwrap();
        assert_eq!(
            (target.to_string().as_str(), target.url.query()),
            ("http://localhost:3000/hook", Some("token=hunter2"))
        );
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_date_of_the_receiver() {
        let asked = |value: &str, date: Option<&str>| {
            let mut answer = Response::new(Body::full(""));
            answer.headers_mut().insert(RETRY_AFTER, value.parse().unwrap());
            answer.headers_mut().extend(date.map(|date| (DATE, date.parse().unwrap())));
            asked_wait(&answer).as_secs()
        };
        assert_eq!((asked("7", None), asked("soon", None), asked("-1", None), asked("86400", None)), (7, 0, 0, 300));
        let (noon, later) = ("Mon, 15 Jan 2024 12:00:00 GMT", "Mon, 15 Jan 2024 12:01:00 GMT");
        assert_eq!((asked(later, Some(noon)), asked(later, None)), (60, 0), "its clock need not be this one's");
    }
}
