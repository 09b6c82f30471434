//! Plain requests, and the whole of what was answered: only `GET`, only to the server's own origin.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use pocketping_sdk::Transport;
use pocketping_sdk::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION};
use pocketping_sdk::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::Place;
use crate::context::builder;
use crate::error::{CliError, chain};

/// How much of an answer is read, and for how long: its beginning tells what it is.
const MOST: usize = 1 << 20;
const LONGEST: Duration = Duration::from_secs(3);

/// Asks a server.
pub(crate) struct Prober {
    transport: Arc<dyn Transport>,
    origin: String,
    key: Option<HeaderValue>,
    deadline: Instant,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// None for what is no JSON.
    pub(crate) json: Option<Value>,
    pub(crate) took: Duration,
}

impl Prober {
    /// Nothing is sent yet. A key that no header can hold is left out.
    pub(crate) fn new(place: &Place, key: Option<&str>, deadline: Instant) -> Result<Self, CliError> {
        let transport = builder().base_url(&place.base).build_transport()?;
        let key = key.and_then(|key| HeaderValue::try_from(format!("Bearer {key}")).ok()).map(|mut key| {
            key.set_sensitive(true);
            key
        });
        Ok(Self { transport, origin: place.origin.clone(), key, deadline })
    }

    /// Asks with the key.
    pub(crate) async fn get(&self, url: &str) -> Result<Answer, String> {
        self.ask(url, self.key.as_ref()).await
    }

    /// Asks without it.
    pub(crate) async fn get_openly(&self, url: &str) -> Result<Answer, String> {
        self.ask(url, None).await
    }

    async fn ask(&self, url: &str, key: Option<&HeaderValue>) -> Result<Answer, String> {
        let answer = self.ask_once(url, key).await?;
        // As the client does: once more where the server sends it, and never to another origin.
        match answer.redirect().map(|target| self.within(&target)) {
            Some(Some(target)) => self.ask_once(&target, key).await,
            _ => Ok(answer),
        }
    }

    /// The target of a redirect as a URL, when it is of the same origin.
    fn within(&self, target: &str) -> Option<String> {
        let is_path = target.starts_with('/') && !target.starts_with("//");
        let target = if is_path { format!("{}{target}", self.origin) } else { target.to_owned() };
        let rest = target.strip_prefix(&self.origin)?;
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(target)
    }

    async fn ask_once(&self, url: &str, key: Option<&HeaderValue>) -> Result<Answer, String> {
        let url: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let mut request = Request::new("".into());
        *request.uri_mut() = url;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            request.headers_mut().insert(AUTHORIZATION, key.clone());
        }
        let begun = Instant::now();
        let asked = timeout_at(self.deadline, self.transport.send(request)).await;
        let answer = match asked {
            Err(_) => return Err("no answer in time".to_owned()),
            Ok(Err(error)) => return Err(chain(&error)),
            Ok(Ok(answer)) => answer,
        };
        let took = begun.elapsed();
        let (parts, mut stream) = answer.into_parts();
        let mut body = Vec::new();
        let reading = async {
            while let Some(Ok(piece)) = stream.next().await {
                body.extend_from_slice(&piece);
                if body.len() > MOST {
                    break;
                }
            }
        };
        // What came of it is looked at, whether it ended or not.
        drop(timeout_at(self.deadline.min(Instant::now() + LONGEST), reading).await);
        let json = serde_json::from_slice(&body).ok();
        Ok(Answer { status: parts.status, headers: parts.headers, body, json, took })
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Where it redirects to.
    pub(crate) fn redirect(&self) -> Option<String> {
        self.status.is_redirection().then(|| self.header(LOCATION.as_str()).map(str::to_owned)).flatten()
    }

    /// Whether it is a page for people.
    pub(crate) fn is_page(&self) -> bool {
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        kind.contains("html") || self.text().starts_with('<')
    }

    /// How its body begins.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body[..self.body.len().min(256)]).trim_start().to_owned()
    }

    /// A text in its JSON.
    pub(crate) fn said(&self, name: &str) -> Option<&str> {
        self.json.as_ref()?.get(name)?.as_str()
    }

    /// `404 Not Found`
    pub(crate) fn told_status(&self) -> String {
        self.status
            .canonical_reason()
            .map_or_else(|| self.status.as_u16().to_string(), |reason| format!("{} {reason}", self.status.as_u16()))
    }
}
