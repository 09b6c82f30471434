//! The client: one configuration, shared by all its clones.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderValue, Method};
use serde::de::DeserializeOwned;

use super::builder::ClientBuilder;
use super::call::Call;
use super::claims::Claims;
use super::rate_limit::Pacer;
use super::retry::RetryPolicy;
use super::seam::Transport;
use super::{ApiKey, BaseUrl};
use crate::error::Result;

/// A client of one PocketPing server.
///
/// Cheap to clone; all clones share connections, pacing and what was learned of the server. Handles and calls own a
/// clone, so nothing borrows.
///
/// ```
/// # let server = pocketping_mock_server::MockServer::start();
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use pocketping_sdk::Client;
///
/// let client = Client::new(server.url(), server.api_key())?;
/// assert!(client.sessions().list().await?.sessions.is_empty());
/// # Ok::<(), pocketping_sdk::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) base: BaseUrl,
    pub(crate) key: ApiKey,
    pub(crate) authorization: HeaderValue,
    pub(crate) settings: Settings,
    pub(super) pacer: Pacer,
    pub(crate) claims: Claims,
    extended: AtomicBool,
    /// Whether the last answer had no `Date`.
    undated: AtomicBool,
}

/// The limits of one call, unless the call says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) settle: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) max_answer_bytes: usize,
    pub(crate) max_list_bytes: usize,
}

impl Client {
    /// A client of the server at `base_url`, with every default.
    ///
    /// # Errors
    /// When the URL or the key cannot be used. Nothing is sent yet.
    pub fn new(base_url: impl AsRef<str>, api_key: impl Into<String>) -> Result<Self> {
        Self::builder().base_url(base_url.as_ref()).api_key(api_key).build()
    }

    /// A client from the environment: `POCKETPING_API_KEY`, and `POCKETPING_API_URL` (default: the hosted service)
    /// and `POCKETPING_PLAN` when they are set.
    ///
    /// # Errors
    /// When the key is missing, or one of them cannot be used; the error names the variable.
    pub fn from_env() -> Result<Self> {
        Self::builder().from_env()?.build()
    }

    /// Everything that can be configured.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(super) fn assemble(
        transport: Arc<dyn Transport>,
        base: BaseUrl,
        key: ApiKey,
        settings: Settings,
        pacer: Pacer,
    ) -> Result<Self> {
        let authorization = key.header()?;
        Ok(Self(Arc::new(Inner {
            transport,
            base,
            key,
            authorization,
            settings,
            pacer,
            claims: Claims::default(),
            extended: AtomicBool::new(false),
            undated: AtomicBool::new(false),
        })))
    }

    /// A call this library has no method for, with the same authentication, retries and limits.
    ///
    /// `route` is the documented path; each `:name` in it is replaced by the next of `ids`, percent-encoded. `GET`,
    /// `HEAD`, `PUT` and `DELETE` are repeated freely, anything else only when that is safe
    /// ([`Call::repeatable`] says otherwise). An answer without a body decodes as `null`.
    ///
    /// ```
    /// # let server = pocketping_mock_server::MockServer::builder().demo_seed().start()?;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let client = pocketping_sdk::Client::new(server.url(), server.api_key())?;
    /// use pocketping_sdk::http::Method;
    ///
    /// let session: serde_json::Value = client.call(Method::GET, "/sessions/:sessionId", &["sess_abc123"]).await?;
    /// assert_eq!(session["visitorId"], "vis_xyz789");
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call<T: DeserializeOwned + Send + 'static>(&self, method: Method, route: &str, ids: &[&str]) -> Call<T> {
        let freely = matches!(method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE);
        let call = Call::new(self, method, route.to_owned(), ids);
        if freely { call.repeatable() } else { call }
    }

    /// The addresses this client talks to.
    pub fn base_url(&self) -> &BaseUrl {
        &self.0.base
    }

    /// Whether the server's last answer that tells spoke the extended contract: a success, or any answer with its header. `false`
    /// before the first one.
    pub fn is_extended(&self) -> bool {
        self.0.extended.load(Ordering::Relaxed)
    }

    /// Whether the server was seen to answer without a `Date`.
    pub(crate) fn is_undated(&self) -> bool {
        self.0.undated.load(Ordering::Relaxed)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Takes note of what an answer's headers say of the server. A success without the contract's header says that
    /// nothing may be leaned on any more; a refusal may come from a gateway, which knows nothing of it.
    pub(super) fn learn(&self, status: http::StatusCode, headers: &http::HeaderMap) {
        let extended = super::response::is_extended(headers);
        if extended || status.is_success() {
            self.0.extended.store(extended, Ordering::Relaxed);
            self.0.undated.store(!headers.contains_key(http::header::DATE), Ordering::Relaxed);
        }
        self.0.pacer.learn(headers);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.0.base.rest())
            .field("key", &self.0.key)
            .finish_non_exhaustive()
    }
}
