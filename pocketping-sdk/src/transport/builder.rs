//! `ClientBuilder`: everything that can be configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::client::{Client, Settings};
use super::network::{Network, NetworkOptions, Proxy};
use super::rate_limit::{Pacer, Pacing};
use super::retry::RetryPolicy;
use super::seam::Transport;
use super::tls::TlsOptions;
use super::{ApiKey, BaseUrl};
use crate::error::{Error, Result};

type Layer = Box<dyn FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send>;

/// Configures a [`Client`]. Only the API key has no default.
///
/// ```
/// use std::time::Duration;
/// use pocketping_sdk::{Client, RetryPolicy};
///
/// let client = Client::builder()
///     .base_url("http://localhost:3001")
///     .api_key("test_key")
///     .deadline(Duration::from_secs(20))
///     .retry(RetryPolicy::default().max_attempts(6))
///     .build()?;
/// assert_eq!(client.base_url().socket(), "ws://localhost:3001/ws");
/// # Ok::<(), pocketping_sdk::Error>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    base_url: Option<String>,
    socket_url: Option<String>,
    api_key: Option<String>,
    settings: Settings,
    pacing: Pacing,
    plan: Option<Pacing>,
    /// Whether the plan is a limit, which counts on every server.
    plan_is_limit: bool,
    #[cfg(feature = "shared-pacing")]
    shared_pacing: Option<std::path::PathBuf>,
    tls: TlsOptions,
    proxy: Option<String>,
    no_proxy: Option<String>,
    system_proxy: bool,
    user_agent: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    layers: Vec<Layer>,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            base_url: None,
            socket_url: None,
            api_key: None,
            settings: Settings {
                connect_timeout: Duration::from_secs(10),
                timeout: Duration::from_secs(30),
                // More than the minute a rate limit may ask for: a call that waits for the next one still gets its answer.
                deadline: Duration::from_secs(90),
                settle: Duration::from_secs(5),
                retry: RetryPolicy::default(),
                max_answer_bytes: 4 << 20,
                max_list_bytes: 256 << 20,
            },
            pacing: Pacing::Auto,
            plan: None,
            plan_is_limit: false,
            #[cfg(feature = "shared-pacing")]
            shared_pacing: None,
            tls: TlsOptions::default(),
            proxy: None,
            no_proxy: None,
            system_proxy: true,
            user_agent: None,
            transport: None,
            layers: Vec::new(),
        }
    }
}

impl ClientBuilder {
    /// Takes what the environment says: `POCKETPING_API_KEY`, `POCKETPING_API_URL`, and `POCKETPING_PLAN` (`free`,
    /// `pro`, `team` or `self-hosted`, which count on the hosted service only, or a limit such as `60/min`). Variables
    /// that are not set change nothing.
    ///
    /// # Errors
    /// When a variable is empty or not Unicode or the plan is unknown; the error names the variable.
    pub fn from_env(mut self) -> Result<Self> {
        let read = |name: &str| match std::env::var(name) {
            // An empty address would mean the hosted service, and send it a key that is meant for another.
            Ok(value) if value.is_empty() => Err(Error::config(format!("the environment variable {name} is empty"))),
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(error) => {
                Err(Error::config(format!("the environment variable {name} cannot be read")).with_source(error))
            }
        };
        self.api_key = read("POCKETPING_API_KEY")?.or(self.api_key);
        self.base_url = read("POCKETPING_API_URL")?.or(self.base_url);
        if let Some(plan) = read("POCKETPING_PLAN")? {
            self = self.plan(&plan)?;
        }
        Ok(self)
    }

    /// Sets the base URL. Default: the hosted service, [`BaseUrl::SAAS`].
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the socket's address, where it cannot be derived from the base URL.
    pub fn socket_url(mut self, url: impl Into<String>) -> Self {
        self.socket_url = Some(url.into());
        self
    }

    /// Sets the API key.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How long connecting may take (name resolution, TCP, TLS, proxy). Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// How long a whole call may take, attempts and waits together. Default 90 s, so that a
    /// `Retry-After` of a minute fits.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How long a message whose sending failed without a word is looked for, within the deadline: a slow server may
    /// still be at work on it. Default 5 s.
    pub fn settle(mut self, settle: Duration) -> Self {
        self.settings.settle = settle;
        self
    }

    /// How failed requests are tried again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = policy;
        self
    }

    /// How requests are paced.
    pub fn pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// The plan whose limit requests to the hosted service are paced to: `free`, `pro`, `team` or `self-hosted`; other
    /// servers are not paced by its name. A limit such as `60/min` is kept to on any server. An explicit
    /// [`pacing`](Self::pacing) wins.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn plan(mut self, name: &str) -> Result<Self> {
        let plan = Pacing::of_plan(name).ok_or_else(|| {
            Error::config(format!(
                "the plan {name:?} is unknown; it must be free, pro, team, self-hosted, or a limit such as 60/min"
            ))
        })?;
        self.plan = Some(plan);
        self.plan_is_limit = name.ends_with("/min");
        Ok(self)
    }

    /// Counts requests together with all processes of this machine that name the same directory: they keep to the limit as
    /// one, by a file per host and key. Nothing is kept of a client that is not paced. A process may be killed at any time:
    /// what it had reserved stays spent.
    ///
    /// Each request then waits for a lock on that file, some microseconds. When the file cannot be used after the start, the
    /// client goes on by a count of its own.
    #[cfg(feature = "shared-pacing")]
    pub fn shared_pacing(mut self, directory: impl Into<std::path::PathBuf>) -> Self {
        self.shared_pacing = Some(directory.into());
        self
    }

    /// The largest answer that is read, lists aside. Default 4 MiB.
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_answer_bytes = bytes;
        self
    }

    /// The largest list that is read. Default 256 MiB.
    pub fn max_list_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_list_bytes = bytes;
        self
    }

    /// Trusts the certificates of a PEM text besides those of the system, for REST and the socket.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.roots.push(pem.into());
        self
    }

    /// Shows this certificate chain and private key (one PEM text) to servers that ask for one.
    pub fn identity_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.identity = Some(pem.into());
        self
    }

    /// Sends everything, REST and socket, through this proxy (`http://` or `https://`, with credentials if it wants
    /// them). Without it the environment's variables decide, and never for a server on this machine.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// The hosts the explicit proxy is not used for, as in `NO_PROXY`: names, `.suffixes`, addresses and networks,
    /// separated by commas.
    pub fn no_proxy(mut self, hosts: impl Into<String>) -> Self {
        self.no_proxy = Some(hosts.into());
        self
    }

    /// Whether the proxy variables of the environment count. Default true.
    pub fn system_proxy(mut self, used: bool) -> Self {
        self.system_proxy = used;
        self
    }

    /// Puts the name of your program before this library's in `User-Agent`.
    pub fn user_agent(mut self, product: impl Into<String>) -> Self {
        self.user_agent = Some(product.into());
        self
    }

    /// Carries requests by something else than the network. TLS, proxies and the connect timeout are its own matter
    /// then.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Wraps the transport, for what must see every request and answer; the last one wrapped sees a request first.
    pub fn layer(mut self, wrap: impl FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + 'static) -> Self {
        self.layers.push(Box::new(wrap));
        self
    }

    /// Makes the client. Nothing is sent and nothing is connected.
    ///
    /// # Errors
    /// When a URL, the key, a certificate or the proxy cannot be used; the error names it.
    pub fn build(mut self) -> Result<Client> {
        let key = self.api_key.take().ok_or_else(|| {
            Error::config("no API key was given").with_hint(Some("set POCKETPING_API_KEY or pass the key explicitly"))
        })?;
        let key = ApiKey::new(key)?;
        let base = self.addresses()?;
        let transport = self.carrier(&base)?;
        let pacing = match self.pacing {
            Pacing::Auto if base.is_saas() || self.plan_is_limit => self.plan.unwrap_or_default(),
            pacing => pacing,
        };
        let pacer = Pacer::new(pacing, base.is_saas());
        #[cfg(feature = "shared-pacing")]
        let pacer = match &self.shared_pacing {
            Some(directory) => pacer.shared(directory, base.rest(), &key)?,
            None => pacer,
        };
        Client::assemble(transport, base, key, self.settings, pacer)
    }

    /// Makes only what would carry the client's requests, for requests of your own to the base URL: TLS, proxies, connect
    /// timeout and layers as for a client of it. It needs no API key and sends none; nothing is retried, and redirects are
    /// not followed.
    ///
    /// ```
    /// # let server = pocketping_mock_server::MockServer::start();
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use pocketping_sdk::{Client, http::Request};
    ///
    /// let transport = Client::builder().base_url(server.url()).build_transport()?;
    /// let request = Request::get(format!("{}/sessions", server.url())).body("".into()).unwrap();
    /// let answer = transport.send(request).await.unwrap();
    /// assert_eq!(answer.status(), 401, "no key was sent");
    /// # Ok::<(), pocketping_sdk::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// When a URL, a certificate or the proxy cannot be used; the error names it.
    pub fn build_transport(mut self) -> Result<Arc<dyn Transport>> {
        let base = self.addresses()?;
        self.carrier(&base)
    }

    fn addresses(&self) -> Result<BaseUrl> {
        let base = BaseUrl::parse(self.base_url.as_deref().unwrap_or(BaseUrl::SAAS))?;
        match &self.socket_url {
            Some(socket) => base.with_socket(socket),
            None => Ok(base),
        }
    }

    /// Takes the transport out, with its layers, or makes one over the network.
    fn carrier(&mut self, base: &BaseUrl) -> Result<Arc<dyn Transport>> {
        let proxy = |is_loopback: bool| match &self.proxy {
            Some(url) => Proxy::Explicit { url: url.clone(), no_proxy: self.no_proxy.clone() },
            None if self.system_proxy && !is_loopback => Proxy::System,
            None => Proxy::Off,
        };
        let (rest, socket) = base.is_loopback();
        let proxies = (proxy(rest), proxy(socket));
        let transport = match self.transport.take() {
            Some(transport) => transport,
            None => Arc::new(Network::new(NetworkOptions {
                // A little less than an attempt, so that a host that does not answer is known not to have been reached.
                connect_timeout: self.settings.connect_timeout.min(self.settings.timeout.mul_f64(0.9)),
                user_agent: user_agent(self.user_agent.as_deref())?,
                tls: std::mem::take(&mut self.tls),
                needs_tls: base.needs_tls() || proxies.0.needs_tls() || proxies.1.needs_tls(),
                proxies,
            })?),
        };
        Ok(std::mem::take(&mut self.layers).into_iter().fold(transport, |transport, wrap| wrap(transport)))
    }
}

/// `pocketping-rust/<version>`: some deployments turn away names that look like a script's.
fn user_agent(product: Option<&str>) -> Result<String> {
    const OURS: &str = concat!("pocketping-rust/", env!("CARGO_PKG_VERSION"));
    let Some(product) = product else { return Ok(OURS.to_owned()) };
    let user_agent = format!("{product} {OURS}");
    http::HeaderValue::try_from(&user_agent)
        .map_err(|error| Error::config(format!("the user agent {product:?} cannot be sent")).with_source(error))?;
    Ok(user_agent)
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url.as_deref().map(super::base_url::shown))
            .field("settings", &self.settings)
            .field("pacing", &self.pacing)
            .finish_non_exhaustive()
    }
}
