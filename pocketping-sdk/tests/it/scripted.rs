//! A transport that follows a script, for what no real server does on demand. With paused time its waits are exact.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use pocketping_sdk::http::{Request, Response};
use pocketping_sdk::{Body, Client, ClientBuilder, Transport, TransportError, TransportFailure, Upgrade};

/// One answer of the script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// An answer with these headers and this body.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// An answer without a `Date`; the others have one.
    Undated(u16, &'static str),
    /// No connection.
    Refused,
    /// The connection breaks before the answer.
    Reset,
    /// The connection breaks within the body of a 200.
    Truncated,
    /// The status comes, and then nothing.
    Stalled(u16),
    /// Nothing comes, ever.
    Hang,
}

pub(crate) fn answer(status: u16, body: &'static str) -> Step {
    Step::Answer(status, Vec::new(), body)
}

pub(crate) fn with(status: u16, name: &'static str, value: impl Into<String>, body: &'static str) -> Step {
    Step::Answer(status, vec![(name, value.into())], body)
}

/// What was sent, in order: method, path and query, and the idempotency key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) line: String,
    pub(crate) key: Option<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Script {
    steps: Arc<Mutex<VecDeque<Step>>>,
    otherwise: Option<Step>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: Arc::new(Mutex::new(steps.into_iter().collect())), otherwise: None, sent: Arc::default() }
    }

    /// What is answered when the script is over.
    pub(crate) fn otherwise(mut self, step: Step) -> Self {
        self.otherwise = Some(step);
        self
    }

    /// A client that follows this script.
    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder().base_url("http://scripted.test").api_key("k").transport(self.clone())
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.sent().into_iter().map(|sent| sent.line).collect()
    }
}

impl Transport for Script {
    fn send(
        &self,
        request: Request<bytes::Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, TransportError>> + Send + '_>> {
        let path = request.uri().path_and_query().unwrap().to_string();
        let key = request.headers().get("idempotency-key").map(|key| key.to_str().unwrap().to_owned());
        self.sent.lock().unwrap().push(Sent { line: format!("{} {path}", request.method()), key });
        let step = self.steps.lock().unwrap().pop_front();
        let step = step.or_else(|| self.otherwise.clone()).expect("the script is over");
        Box::pin(async move {
            let broken = || TransportError::new(TransportFailure::Broken, "connection reset");
            match step {
                Step::Answer(status, headers, body) => {
                    let mut answer = Response::builder().status(status);
                    if headers.iter().all(|(name, _)| *name != "date") {
                        answer = answer.header("date", "Mon, 15 Jan 2024 10:30:01 GMT");
                    }
                    for (name, value) in headers {
                        answer = answer.header(name, value);
                    }
                    Ok(answer.body(Body::full(body)).unwrap())
                }
                Step::Undated(status, body) => Ok(Response::builder().status(status).body(Body::full(body)).unwrap()),
                Step::Refused => Err(TransportError::new(TransportFailure::Connect, "connection refused")),
                Step::Reset => Err(broken()),
                Step::Truncated => {
                    let pieces = [Ok(bytes::Bytes::from_static(br#"{"id":"#)), Err(broken())];
                    Ok(Response::new(Body::stream(futures::stream::iter(pieces))))
                }
                Step::Stalled(status) => {
                    let body = Body::stream(futures::stream::pending());
                    Ok(Response::builder().status(status).body(body).unwrap())
                }
                Step::Hang => std::future::pending().await,
            }
        })
    }

    fn upgrade(
        &self,
        _: Request<bytes::Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Upgrade, TransportError>> + Send + '_>> {
        Box::pin(async { Err(TransportError::new(TransportFailure::Connect, "the script has no socket")) })
    }
}
