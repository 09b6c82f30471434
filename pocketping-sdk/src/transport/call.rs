//! `Call`: the one request type. Lazy, owned, awaited to send.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{self, Decoded};
use super::claims::Pending;
use super::client::Client;
use super::plan::Plan;
use super::response::{RawResponse, Reply, Response};
use super::retry::{Repeat, RetryPolicy};
use super::run::Run;
use crate::error::{Error, ErrorKind, Outcome, Result};

/// What says how a request is framed.
const FRAMING: [HeaderName; 7] = [
    http::header::CONTENT_LENGTH,
    http::header::TRANSFER_ENCODING,
    http::header::CONNECTION,
    http::header::HOST,
    http::header::UPGRADE,
    http::header::TE,
    http::header::TRAILER,
];

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Decode<T> = fn(&Reply, &Method, &str, Option<&str>) -> Result<Decoded<T>>;
type Complete<T> = Box<dyn FnOnce(Run) -> BoxFuture<Result<T>> + Send>;
type Drive<T> = Box<dyn FnOnce(Run, Attempt<T>) -> BoxFuture<Result<Response<T>>> + Send>;
type Refine<T> = Box<dyn FnOnce(Run, Reply, T) -> BoxFuture<Result<T>> + Send>;

/// A request that was described and not yet sent. Await it to send it.
///
/// The knobs on it override the client's settings for this call. Retries, reading back a value after a thin
/// acknowledgement, and the waits in between all happen under the one [`deadline`](Self::deadline).
///
/// Dropping the future abandons the request; a write may have arrived nevertheless. `tokio::spawn` takes
/// `call.into_future()`.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<T> {
    client: Client,
    plan: Result<Plan>,
    knobs: Knobs,
    key: Option<&'static str>,
    decode: Decode<T>,
    complete: Option<Complete<T>>,
    refine: Option<Refine<T>>,
    drive: Option<Drive<T>>,
    /// What this write has in common with others that cannot be told apart by reading.
    likeness: Option<String>,
}

/// A request and how its answer is read, for a call that has a way of its own to its value.
pub(crate) struct Attempt<T> {
    plan: Plan,
    key: Option<&'static str>,
    decode: Decode<T>,
}

impl<T> Attempt<T> {
    /// Sends the request, as often as that is safe, and reads the answer; `before` is how often it was sent already.
    pub(crate) async fn go(&self, run: &Run, before: u32) -> Result<(Decoded<T>, Reply)> {
        let reply = run.send(&self.plan, before).await?;
        let decoded = (self.decode)(&reply, &self.plan.method, &self.plan.route, self.key)
            .map_err(|error| error.of_call(self.plan.line(), reply.attempts, &reply.request_id))?;
        Ok((decoded, reply))
    }

    /// The error of a request that was acknowledged and whose value could not be read back.
    pub(crate) fn incomplete(&self, reply: &Reply, error: Error) -> Error {
        let line = self.plan.line();
        let message = format!("{line} was applied ({}), but its value could not be read back", reply.status);
        Error::new(ErrorKind::Incomplete, Outcome::Applied, message)
            .of_call(line, reply.attempts, &reply.request_id)
            .with_source(error)
    }
}

/// What this call does differently from the client's settings.
#[derive(Clone, Default)]
pub(super) struct Knobs {
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Duration>,
    pub(super) retry: Option<RetryPolicy>,
    pub(super) idempotency_key: Option<HeaderValue>,
    pub(super) settle: Option<Duration>,
    pub(super) resend: bool,
    pub(super) headers: HeaderMap,
}

impl<T: Send + 'static> Call<T> {
    pub(crate) fn new(client: &Client, method: Method, route: impl Into<Cow<'static, str>>, ids: &[&str]) -> Self
    where
        T: DeserializeOwned,
    {
        Self {
            client: client.clone(),
            plan: Plan::new(method, route.into(), ids),
            knobs: Knobs::default(),
            key: None,
            decode: answer::decode::<T>,
            complete: None,
            refine: None,
            drive: None,
            likeness: None,
        }
    }

    fn plan(mut self, change: impl FnOnce(&mut Plan) -> Result<()>) -> Self {
        self.plan = self.plan.and_then(|mut plan| change(&mut plan).map(|()| plan));
        self
    }

    /// Refuses the call before anything is sent, when the check failed.
    pub(crate) fn require(self, check: Result<()>) -> Self {
        self.plan(|_| check)
    }

    /// The name a server may wrap the object in.
    pub(crate) fn under(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    /// The answer is a list and may be large.
    pub(crate) fn list(self) -> Self {
        self.plan(|plan| {
            plan.is_list = true;
            Ok(())
        })
    }

    /// After a thin acknowledgement the value is read by this call.
    pub(crate) fn or_get(self, get: Self) -> Self {
        self.or_else(move |run| Box::pin(async move { run.follow_up(get).await }))
    }

    /// After a thin acknowledgement the value is made by `complete`, under the same deadline.
    pub(crate) fn or_else(mut self, complete: impl FnOnce(Run) -> BoxFuture<Result<T>> + Send + 'static) -> Self {
        self.complete = Some(Box::new(complete));
        self
    }

    /// The value of an answer is handed through `refine`, under the same deadline.
    pub(crate) fn refine(
        mut self,
        refine: impl FnOnce(Run, Reply, T) -> BoxFuture<Result<T>> + Send + 'static,
    ) -> Self {
        self.refine = Some(Box::new(refine));
        self
    }

    /// The call finds its value in a way of its own, under the same deadline.
    pub(crate) fn drive(
        mut self,
        likeness: String,
        drive: impl FnOnce(Run, Attempt<T>) -> BoxFuture<Result<Response<T>>> + Send + 'static,
    ) -> Self {
        self.drive = Some(Box::new(drive));
        self.likeness = Some(likeness);
        self
    }

    pub(crate) fn set_settle(mut self, settle: Duration) -> Self {
        self.knobs.settle = Some(settle);
        self
    }

    pub(crate) fn set_resend(mut self) -> Self {
        self.knobs.resend = true;
        self
    }

    /// Sets the JSON body.
    pub fn json<B: Serialize + ?Sized>(self, body: &B) -> Self {
        self.plan(|plan| {
            let bytes = serde_json::to_vec(body)
                .map_err(|error| Error::request("the body cannot be written as JSON").with_source(error))?;
            plan.body = Some(bytes.into());
            Ok(())
        })
    }

    /// Adds a query parameter.
    pub fn query(self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.plan(|plan| {
            plan.query.push((name.into(), value.into()));
            Ok(())
        })
    }

    /// Says that doing this twice is the same as doing it once, so that it is repeated after any failure that may
    /// pass.
    pub fn repeatable(self) -> Self {
        self.plan(|plan| {
            plan.repeat = Repeat::Freely;
            Ok(())
        })
    }

    /// How long one attempt may take, from connecting to the last byte of the answer. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.knobs.timeout = Some(timeout);
        self
    }

    /// How long the whole call may take, attempts and waits and reading back together. Default 90 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.knobs.deadline = Some(deadline);
        self
    }

    /// How this call is tried again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.knobs.retry = Some(policy);
        self
    }

    /// Sets the `Idempotency-Key` of a write, 1 to 255 visible ASCII characters. Without it every `POST` gets a
    /// random one, the same in all its attempts. Servers without the extended contract ignore it.
    pub fn idempotency_key(mut self, key: impl AsRef<str>) -> Self {
        let key = key.as_ref();
        if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.knobs.idempotency_key = HeaderValue::try_from(key).ok();
            self
        } else {
            self.plan(|_| Err(Error::request("an idempotency key is 1 to 255 visible ASCII characters")))
        }
    }

    /// Adds a header. `Authorization` is the client's own and cannot be set, nor can those that say how a request is framed
    /// (`Content-Length`, `Transfer-Encoding`, `Connection`, `Host`, `Upgrade`, `TE`, `Trailer`).
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(_)) if name == http::header::AUTHORIZATION => {
                self.plan(|_| Err(Error::request("the Authorization header is made of the client's API key")))
            }
            (Ok(name), Ok(_)) if FRAMING.contains(&name) => {
                self.plan(move |_| Err(Error::request(format!("the header {name} is the transport's own"))))
            }
            (Ok(name), Ok(value)) => {
                self.knobs.headers.insert(name, value);
                self
            }
            _ => self.plan(|_| Err(Error::request(format!("the header {name:?} cannot be sent")))),
        }
    }

    /// Is content with the server's acknowledgement: nothing is read back when the answer was thin.
    pub fn ack_only(self) -> Call<()>
    where
        T: DeserializeOwned,
    {
        fn either<T: DeserializeOwned>(
            reply: &Reply,
            method: &Method,
            route: &str,
            key: Option<&str>,
        ) -> Result<Decoded<()>> {
            answer::decode::<T>(reply, method, route, key).map(|_| Decoded::Value(()))
        }
        Call {
            client: self.client,
            plan: self.plan,
            knobs: self.knobs,
            key: self.key,
            decode: either::<T>,
            complete: None,
            refine: None,
            drive: None,
            likeness: self.likeness,
        }
    }

    /// Sends it and gives the value together with status, headers, attempts and timing.
    ///
    /// # Errors
    /// As awaiting the call itself.
    pub async fn with_response(mut self) -> Result<Response<T>> {
        let run = Run::new(self.client.clone(), std::mem::take(&mut self.knobs));
        self.run(run).await
    }

    /// Sends it and gives the answer's bytes as they came; nothing is decoded or read back.
    ///
    /// # Errors
    /// As awaiting the call itself, save decoding.
    pub async fn raw(self) -> Result<RawResponse> {
        let run = Run::new(self.client.clone(), self.knobs);
        let plan = self.plan?;
        let pending = self.likeness.map(|likeness| Pending::new(&self.client, likeness));
        let reply = watched(run.send(&plan, 0).await, pending)?;
        Ok(Response::new(reply.body.clone(), reply))
    }

    /// Sends it within an execution that may be shared with the call it completes.
    pub(super) async fn run(self, run: Run) -> Result<Response<T>> {
        let attempt = Attempt { plan: self.plan?, key: self.key, decode: self.decode };
        if let Some(drive) = self.drive {
            return drive(run.clone(), attempt).await.map(|response| response.took(run.elapsed()));
        }
        let pending = self.likeness.map(|likeness| Pending::new(&self.client, likeness));
        let (decoded, mut reply) = watched(attempt.go(&run, 0).await, pending)?;
        let value = match (decoded, self.complete) {
            (Decoded::Value(value), _) => value,
            (Decoded::Ack, Some(complete)) => {
                complete(run.clone()).await.map_err(|error| attempt.incomplete(&reply, error))?
            }
            (Decoded::Ack, None) => null(&attempt, &reply)?,
        };
        let value = match self.refine {
            Some(refine) => refine(run.clone(), reply.clone(), value).await?,
            None => value,
        };
        reply.elapsed = run.elapsed();
        Ok(Response::new(value, reply))
    }
}

/// The result of a write nobody asks the id of: it is in the way of its like, unless nothing was done.
fn watched<R>(result: Result<R>, pending: Option<Pending>) -> Result<R> {
    let nothing = result.as_ref().is_err_and(|error| matches!(error.outcome(), Outcome::NotSent | Outcome::Rejected));
    if let Some(pending) = pending.filter(|_| nothing) {
        pending.known();
    }
    result
}

/// An acknowledgement nothing completes: good for types that `null` decodes to, an error for the rest.
fn null<T>(attempt: &Attempt<T>, reply: &Reply) -> Result<T> {
    let plan = &attempt.plan;
    let null = Reply { status: http::StatusCode::OK, body: Bytes::from_static(b"null"), ..reply.clone() };
    if let Ok(Decoded::Value(value)) = (attempt.decode)(&null, &plan.method, &plan.route, attempt.key) {
        return Ok(value);
    }
    let message = format!("{}: the answer ({}) is empty where a value was expected", plan.line(), reply.status);
    let error = Error::new(ErrorKind::Decode, Outcome::Unknown, message).with_status(reply.status);
    Err(error.of_call(plan.line(), reply.attempts, &reply.request_id))
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<T>;
    type IntoFuture = BoxFuture<Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.with_response().await.map(Response::into_value) })
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plan {
            Ok(plan) => write!(f, "Call({} {})", plan.method, plan.route),
            Err(error) => write!(f, "Call({error})"),
        }
    }
}
