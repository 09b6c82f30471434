//! `--dry-run`: what would be sent is told instead of sent.
//!
//! The request is made by the same code as always and stopped in the transport, the last place before the network. From there
//! it comes back as the error of the call, which [`CliError`](crate::error::CliError) knows to be none.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use clap::Args;
use pocketping_sdk::http::header::AUTHORIZATION;
use pocketping_sdk::http::{HeaderMap, Request, Response};
use pocketping_sdk::{Body, Transport, TransportError, TransportFailure, Upgrade};
use serde::Serialize;
use serde_json::Value;

use crate::output::{JsonText, Render};
use crate::settings::masked;

// Whether a write is only told.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct DryRunArgs {
    /// Print the request instead of sending it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A request that was not sent.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unsent {
    dry_run: bool,
    pub(crate) method: String,
    pub(crate) url: String,
    /// The key is masked.
    pub(crate) headers: BTreeMap<String, String>,
    /// Secrets are masked.
    body: Option<JsonText>,
    /// As it would be sent.
    #[serde(skip)]
    pub(crate) sent: Option<JsonText>,
}

impl Unsent {
    fn new(request: &Request<Bytes>) -> Self {
        // Every body this program sends is JSON.
        let sent = std::str::from_utf8(request.body()).ok().filter(|body| !body.is_empty());
        let sent = sent.and_then(|body| JsonText::parse(body).ok());
        Self {
            dry_run: true,
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: shown(request.headers()),
            body: sent.as_ref().map(without_secret),
            sent,
        }
    }

    fn body(&self) -> String {
        self.body.as_ref().map(|body| body.as_str().to_owned()).unwrap_or_default()
    }
}

/// The body with its secret masked, if it has one: what is told may be kept in a log.
fn without_secret(body: &JsonText) -> JsonText {
    let masked_body = || {
        let mut value: Value = serde_json::from_str(body.as_str()).ok()?;
        let secret = value.get_mut("secret")?;
        *secret = masked(secret.as_str()?).into();
        JsonText::parse(&value.to_string()).ok()
    };
    masked_body().unwrap_or_else(|| body.clone())
}

fn shown(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |name, value: &pocketping_sdk::http::HeaderValue| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match value.strip_prefix("Bearer ") {
            Some(key) if name == AUTHORIZATION => format!("Bearer {}", masked(key)),
            _ => value,
        }
    };
    let mut shown = BTreeMap::new();
    shown.extend(headers.iter().map(|(name, value)| (name.to_string(), text(name, value))));
    shown
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was not sent")
    }
}

impl std::error::Error for Unsent {}

impl Render for Unsent {
    const COLUMNS: &'static [&'static str] = &["method", "url", "body"];

    fn cells(&self) -> Vec<String> {
        vec![self.method.clone(), self.url.clone(), self.body()]
    }

    /// Nothing was made or changed.
    fn ids(&self) -> Vec<String> {
        Vec::new()
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details = vec![("method", self.method.clone()), ("url", self.url.clone())];
        details.extend(self.headers.iter().map(|(name, value)| ("header", format!("{name}: {value}"))));
        details.push(("body", self.body()));
        details.retain(|(_, value)| !value.is_empty());
        details
    }
}

/// Sends nothing.
#[derive(Debug)]
pub(crate) struct DryRun;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, TransportError>> + Send + 'a>>;

impl DryRun {
    fn stop<T>(request: &Request<Bytes>) -> Answer<'static, T> {
        let unsent = Unsent::new(request);
        Box::pin(async { Err(TransportError::new(TransportFailure::Connect, unsent)) })
    }
}

impl Transport for DryRun {
    fn send(&self, request: Request<Bytes>) -> Answer<'_, Response<Body>> {
        Self::stop(&request)
    }

    fn upgrade(&self, request: Request<Bytes>) -> Answer<'_, Upgrade> {
        Self::stop(&request)
    }
}
