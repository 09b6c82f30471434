//! `Run`: one execution of a call: its deadline, its attempts and the waits between them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::call::{Call, Knobs};
use super::client::Client;
use super::plan::Plan;
use super::refusal::{led_elsewhere, redirect, refusal, refused_redirect};
use super::response::{Reply, text_header};
use super::retry::{RetryPolicy, floor, overall};
use super::seam::{Body, TransportError, TransportFailure};
use crate::error::{Error, ErrorKind, Outcome, Result};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MOST_REDIRECTS: usize = 5;

/// One execution. Follow-ups that complete a call share its deadline.
#[derive(Clone)]
pub(crate) struct Run {
    client: Client,
    knobs: Knobs,
    started: Instant,
    until: Instant,
    writing: Arc<Writing>,
}

/// What is known of a call that writes.
#[derive(Default)]
struct Writing {
    /// One key for all that this call sends, however often.
    key: OnceLock<String>,
    /// When the first attempt left.
    first_sent: OnceLock<Instant>,
}

impl Run {
    pub(super) fn new(client: Client, knobs: Knobs) -> Self {
        let started = Instant::now();
        let deadline = knobs.deadline.unwrap_or(client.inner().settings.deadline);
        let until = started.checked_add(deadline).unwrap_or_else(|| started + Duration::from_secs(86_400 * 365));
        Self { client, knobs, started, until, writing: Arc::default() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The time since the call began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the first attempt of a write left; the beginning of the call before that.
    pub(crate) fn first_sent(&self) -> Instant {
        self.writing.first_sent.get().copied().unwrap_or(self.started)
    }

    fn policy(&self) -> &RetryPolicy {
        self.knobs.retry.as_ref().unwrap_or(&self.client.inner().settings.retry)
    }

    /// How often a request is sent at most.
    pub(crate) fn max_attempts(&self) -> u32 {
        self.policy().max_attempts
    }

    /// How long to wait before a request is sent again that failed so many times; `None` when the deadline comes first.
    pub(crate) fn wait_after(&self, error: &Error, attempts: u32) -> Option<Duration> {
        let wait = self.policy().wait(attempts, floor(error), rand::random());
        (wait < self.left()).then_some(wait)
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// The same call, whose follow-ups are sent once each.
    pub(crate) fn once(&self) -> Self {
        let knobs = Knobs { retry: Some(RetryPolicy::none()), ..self.knobs.clone() };
        Self { knobs, ..self.clone() }
    }

    /// Sends another call under this one's deadline. Its own headers and key are not passed on.
    pub(crate) async fn follow_up<T: Send + 'static>(&self, call: Call<T>) -> Result<T> {
        self.follow_up_with_response(call).await.map(super::Response::into_value)
    }

    /// As [`follow_up`](Self::follow_up), with the answer's status and headers.
    pub(crate) async fn follow_up_with_response<T: Send + 'static>(&self, call: Call<T>) -> Result<super::Response<T>> {
        let knobs = Knobs { headers: HeaderMap::new(), idempotency_key: None, ..self.knobs.clone() };
        call.run(Self { knobs, ..self.clone() }).await
    }

    /// How long what became of a write is looked for.
    pub(crate) fn settle(&self) -> Duration {
        self.knobs.settle.unwrap_or(self.client.inner().settings.settle)
    }

    /// Whether the caller would rather have a message twice than not at all.
    pub(crate) fn may_resend(&self) -> bool {
        self.knobs.resend
    }

    /// Sends a request until it is answered, refused, or out of attempts or time; `before` is how often it was sent
    /// already.
    pub(super) async fn send(&self, plan: &Plan, before: u32) -> Result<Reply> {
        let request_id = self.given_id().unwrap_or_else(|| random_hex("req_"));
        let span = tracing::info_span!(
            "pocketping.call",
            http.request.method = %plan.method,
            http.route = %plan.route,
            http.response.status_code = tracing::field::Empty,
            pocketping.attempts = tracing::field::Empty,
            pocketping.request_id = %request_id,
        );
        let result = self.attempts(plan, before, &request_id).instrument(span.clone()).await;
        let (status, attempts) = match &result {
            Ok(reply) => (Some(reply.status.as_u16()), reply.attempts),
            Err(error) => (error.status(), error.attempts()),
        };
        span.record("http.response.status_code", status);
        span.record("pocketping.attempts", attempts);
        result
    }

    /// The id that the caller wants the request to have.
    fn given_id(&self) -> Option<String> {
        if self.knobs.headers.is_empty() {
            return None;
        }
        text_header(&self.knobs.headers, &REQUEST_ID)
    }

    async fn attempts(&self, plan: &Plan, before: u32, request_id: &str) -> Result<Reply> {
        let mut earlier = None;
        let mut cause: Option<Error> = None;
        for attempt in before + 1.. {
            let error = match self.paced_attempt(plan, request_id, attempt).await {
                Ok(mut reply) => {
                    reply.attempts = attempt;
                    reply.elapsed = self.elapsed();
                    reply.request_id =
                        text_header(&reply.headers, &REQUEST_ID).unwrap_or_else(|| request_id.to_owned());
                    return Ok(reply);
                }
                // Nothing was sent this time, and waiting cannot help: what went wrong before is the better answer.
                Err(error)
                    if matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Timeout)
                        && error.outcome() == Outcome::NotSent =>
                {
                    let error = overall(earlier, cause.unwrap_or(error));
                    return Err(error.of_call(plan.line(), attempt - 1, request_id));
                }
                Err(error) => error,
            };
            let recognised = self.sends_key(plan) && self.client.is_extended();
            let again = attempt < self.max_attempts() && plan.repeat.allows(&error, recognised);
            // A wait past the deadline could only end in it: the cause is the better answer, and it comes at once.
            let Some(wait) = self.wait_after(&error, attempt).filter(|_| again) else {
                return Err(overall(earlier, error).of_call(plan.line(), attempt, request_id));
            };
            if error.outcome() == Outcome::Unknown {
                earlier = Some(Outcome::Unknown);
            }
            tracing::debug!(attempt, ?wait, kind = ?error.kind(), status = error.status(), "trying again");
            cause = Some(error);
            tokio::time::sleep(wait).await;
        }
        unreachable!("attempts end in the loop")
    }

    /// Whether a request carries an idempotency key.
    fn sends_key(&self, plan: &Plan) -> bool {
        plan.method == Method::POST || self.knobs.headers.contains_key(IDEMPOTENCY_KEY)
    }

    fn headers(&self, plan: &Plan, request_id: &str) -> Result<HeaderMap> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(AUTHORIZATION, self.client.inner().authorization.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(REQUEST_ID, header_value(request_id)?);
        if plan.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if plan.method == Method::POST {
            let key = match &self.knobs.idempotency_key {
                Some(key) => key.clone(),
                None => header_value(self.writing.key.get_or_init(|| random_hex("")))?,
            };
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        for (name, value) in &self.knobs.headers {
            headers.insert(name, value.clone());
        }
        if plan.body.is_none() && plan.method == Method::POST {
            // Some servers answer 411 to a POST without a length.
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(headers)
    }

    async fn paced_attempt(&self, plan: &Plan, request_id: &str, attempt: u32) -> Result<Reply> {
        let left = self.left();
        if left.is_zero() {
            let message = format!("{}: the deadline ran out before anything was sent", plan.line());
            return Err(Error::new(ErrorKind::Timeout, Outcome::NotSent, message));
        }
        let pace = self.client.inner().pacer.reserve(left).map_err(|wait| {
            let message = format!(
                "{}: staying under the rate limit would take {wait:.1?}, longer than the deadline leaves",
                plan.line()
            );
            Error::new(ErrorKind::RateLimited, Outcome::NotSent, message)
        })?;
        if !pace.is_zero() {
            tokio::time::sleep(pace).await;
            // The whole process may have stood still meanwhile.
            if self.left().is_zero() {
                let message = format!("{}: the deadline ran out while the rate limit was waited for", plan.line());
                return Err(Error::new(ErrorKind::Timeout, Outcome::NotSent, message));
            }
        }
        let span = tracing::debug_span!(
            "pocketping.attempt",
            attempt,
            http.response.status_code = tracing::field::Empty,
            pocketping.request_id = request_id,
            pace_ms = u64::try_from(pace.as_millis()).unwrap_or(u64::MAX),
        );
        if plan.method != Method::GET {
            self.writing.first_sent.get_or_init(Instant::now);
        }
        let timeout = self.knobs.timeout.unwrap_or(self.client.inner().settings.timeout);
        let until = Instant::now().checked_add(timeout).map_or(self.until, |end| end.min(self.until));
        let result = timeout_at(until, self.attempt(plan, request_id, until)).instrument(span.clone()).await;
        let result = result.unwrap_or_else(|_| {
            let what = if until == self.until { "deadline" } else { "timeout" };
            let message = format!("{}: no answer before the {what} ran out", plan.line());
            Err(Error::new(ErrorKind::Timeout, Outcome::Unknown, message))
        });
        let status = result.as_ref().map_or_else(Error::status, |reply| Some(reply.status.as_u16()));
        span.record("http.response.status_code", status);
        result
    }

    /// One attempt, redirects within the origin included.
    async fn attempt(&self, plan: &Plan, request_id: &str, until: Instant) -> Result<Reply> {
        let no_address = |error| Error::request(format!("{} is no address", plan.route)).with_source(error);
        let mut uri = http::Uri::try_from(plan.url(self.client.base_url().rest())).map_err(no_address)?;
        let mut last = StatusCode::OK;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.request(plan, request_id, uri.clone()).await?;
            let status = answer.status();
            self.client.learn(status, answer.headers());
            if status.is_success() {
                return self.read(plan, answer, until).await;
            }
            let from = uri.to_string();
            match redirect(&plan.method, status, answer.headers(), &from) {
                None => return Err(refusal(&plan.line(), answer, until).await),
                Some(Ok(target)) => uri = http::Uri::try_from(String::from(target)).map_err(no_address)?,
                Some(Err(target)) => return Err(refused_redirect(&plan.line(), &plan.method, status, &from, &target)),
            }
            last = status;
        }
        Err(led_elsewhere(&plan.method, last, format!("{}: more than {MOST_REDIRECTS} redirects", plan.line())))
    }

    async fn request(&self, plan: &Plan, request_id: &str, uri: http::Uri) -> Result<http::Response<Body>> {
        let mut request = http::Request::new(plan.body.clone().unwrap_or_default());
        *request.method_mut() = plan.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers(plan, request_id)?;
        self.client
            .inner()
            .transport
            .send(request)
            .await
            .map_err(|error| failed(plan, None, error, self.client.base_url().rest()))
    }

    async fn read(&self, plan: &Plan, answer: http::Response<Body>, until: Instant) -> Result<Reply> {
        let answered = Instant::now();
        let settings = &self.client.inner().settings;
        let (most, setting) = if plan.is_list {
            (settings.max_list_bytes, "max_list_bytes")
        } else {
            (settings.max_answer_bytes, "max_answer_bytes")
        };
        let (parts, body) = answer.into_parts();
        let too_large = || {
            let message = format!(
                "{}: the answer ({}) is larger than {most} bytes; the client's `{setting}` raises the limit",
                plan.line(),
                parts.status
            );
            Error::new(ErrorKind::TooLarge, Outcome::Unknown, message).with_status(parts.status)
        };
        let declared = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > most as u64) {
            return Err(too_large());
        }
        // The timer of the attempt, once more: here it still knows the status.
        let body = match timeout_at(until, collect(body, most)).await {
            Ok(Ok(Some(body))) => body,
            Ok(Ok(None)) => return Err(too_large()),
            Ok(Err(error)) => return Err(failed(plan, Some(parts.status), error, self.client.base_url().rest())),
            Err(_) => {
                let message = format!("{}: the answer ({}) did not end in time", plan.line(), parts.status);
                return Err(Error::new(ErrorKind::Timeout, Outcome::Unknown, message).with_status(parts.status));
            }
        };
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body,
            attempts: 0,
            request_id: String::new(),
            elapsed: Duration::ZERO,
            answered,
        })
    }
}

/// 128 random bits as hexadecimal digits, behind a prefix.
fn random_hex(prefix: &str) -> String {
    let mut digits = [0; 32];
    for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(rand::random::<[u8; 16]>()) {
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    [prefix, std::str::from_utf8(&digits).unwrap_or_default()].concat()
}

fn header_value(text: &str) -> Result<HeaderValue> {
    HeaderValue::try_from(text).map_err(|error| Error::request("a header cannot be sent").with_source(error))
}

/// Reads a body of at most `most` bytes; `None` when there are more.
async fn collect(mut body: Body, most: usize) -> Result<Option<Bytes>, TransportError> {
    let Some(first) = body.next().await.transpose()? else { return Ok(Some(Bytes::new())) };
    let Some(second) = body.next().await.transpose()? else { return Ok((first.len() <= most).then_some(first)) };
    let mut whole = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(piece) = next {
        if whole.len() + piece.len() > most {
            return Ok(None);
        }
        whole.extend_from_slice(&piece);
        next = body.next().await.transpose()?;
    }
    Ok((whole.len() <= most).then(|| whole.freeze()))
}

/// The error of a request that got no answer, or not all of it.
fn failed(plan: &Plan, status: Option<StatusCode>, error: TransportError, base: &str) -> Error {
    let (kind, outcome, what) = match (error.failure(), status) {
        (TransportFailure::Connect, _) => (ErrorKind::Connect, Outcome::NotSent, format!("no connection to {base}")),
        (TransportFailure::Timeout, _) => (ErrorKind::Timeout, Outcome::Unknown, "no answer in time".into()),
        (_, None) => (ErrorKind::Network, Outcome::Unknown, "the connection broke before the answer".into()),
        (_, Some(status)) => {
            (ErrorKind::Network, Outcome::Unknown, format!("the connection broke within the answer ({status})"))
        }
    };
    let failure = Error::new(kind, outcome, format!("{}: {what}", plan.line())).with_hint(error.hint());
    let failure = failure.with_source(error.into_source());
    match status {
        Some(status) => failure.with_status(status),
        None => failure,
    }
}
