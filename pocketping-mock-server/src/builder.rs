//! `MockServerBuilder`: everything that can be configured.

use std::net::{IpAddr, SocketAddr, TcpListener};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, AppParts};
use crate::contract::Contract;
use crate::delivery::refuses_host;
use crate::deployed::EventsWebhook;
use crate::doors::Doors;
#[cfg(unix)]
use crate::doors::UnixDoor;
use crate::faults::Fault;
use crate::http_client::Tls;
use crate::limits::Limits;
use crate::responder::Responder;
use crate::secret::Secret;
use crate::serve::GRACE;
use crate::server::{MockServer, Reach};
#[cfg(not(feature = "tls"))]
use crate::server_tls::Acceptor;
#[cfg(feature = "tls")]
use crate::server_tls::TlsIdentity;
use crate::sources::{Clock, Ids};
use crate::start_error::StartError;
use crate::store::{Access, ApiKey, Rejection, Seed, rules};
use crate::versions::Versions;
use url::Url;

/// Configures a [`MockServer`].
///
/// ```
/// use pocketping_mock_server::{Contract, MockServer};
///
/// let server = MockServer::builder().contract(Contract::Strict).api_key("my_key").demo_seed().start()?;
/// assert_eq!(server.sessions()[0].id, "sess_abc123");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `start`"]
#[derive(Debug)]
pub struct MockServerBuilder {
    address: SocketAddr,
    contract: Contract,
    keys: Vec<Result<ApiKey, String>>,
    any_key: bool,
    seed: Seed,
    rate_limit: Option<u32>,
    private_webhooks: bool,
    public_url: Option<String>,
    control_token: Option<Secret>,
    webhook_roots: Vec<Vec<u8>>,
    events_webhook: Option<EventsWebhook>,
    limits: Limits,
    responder: Option<Responder>,
    faults: Vec<Fault>,
    widget_versions: Result<Versions, String>,
    clock: Clock,
    ids: Ids,
    grace: Duration,
    /// Whether it listens on no port.
    in_memory: bool,
    #[cfg(unix)]
    unix_socket: Option<PathBuf>,
    #[cfg(feature = "tls")]
    identity: Option<TlsIdentity>,
}

impl Default for MockServerBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0),
            contract: Contract::default(),
            keys: Vec::new(),
            any_key: false,
            seed: Seed::default(),
            rate_limit: None,
            private_webhooks: false,
            public_url: None,
            control_token: None,
            webhook_roots: Vec::new(),
            events_webhook: None,
            limits: Limits::default(),
            responder: None,
            faults: Vec::new(),
            widget_versions: Ok(Versions::default()),
            clock: Clock::frozen(),
            ids: Ids::sequential(),
            grace: GRACE,
            in_memory: false,
            #[cfg(unix)]
            unix_socket: None,
            #[cfg(feature = "tls")]
            identity: None,
        }
    }
}

impl MockServerBuilder {
    /// Where it listens. Default: a free port of 127.0.0.1.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// How much of the contract it speaks. Default: extended.
    pub fn contract(mut self, contract: Contract) -> Self {
        self.contract = contract;
        self
    }

    /// Takes this key of the default tenant. May be said again; the first key is the one [`MockServer::api_key`]
    /// gives. Default: `test_key`.
    pub fn api_key(mut self, key: impl AsRef<str>) -> Self {
        self.keys.push(ApiKey::new(key.as_ref()));
        self
    }

    /// Takes this key of its tenant.
    pub fn key(mut self, key: ApiKey) -> Self {
        self.keys.push(Ok(key));
        self
    }

    /// Lets every key in that nobody named, each to a tenant of its own (10,000 at most): for parallel tests on one
    /// server.
    pub fn any_key(mut self) -> Self {
        self.any_key = true;
        self
    }

    /// What it starts with, in the first key's tenant.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Starts with the API reference's own example session.
    pub fn demo_seed(self) -> Self {
        self.seed(Seed::demo())
    }

    /// At most this many requests in any minute per key. Default: no limit.
    pub fn rate_limit(mut self, per_minute: u32) -> Self {
        self.rate_limit = Some(per_minute.max(1));
        self
    }

    /// Lets webhooks lead to private addresses even when others than this machine can reach the server. On loopback they
    /// always may.
    pub fn allow_private_webhooks(mut self) -> Self {
        self.private_webhooks = true;
        self
    }

    /// Trusts the authorities of this PEM text, besides the system's, when it delivers to `https` webhooks. May be said
    /// again. Needs the feature `tls`.
    #[cfg(feature = "tls")]
    pub fn webhook_root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.webhook_roots.push(pem.into());
        self
    }

    /// Sends every tenant's events to this URL in the form that PocketPing's deployments use, `{type, data, sentAt}`, besides
    /// the documented webhooks; signed where there is a secret.
    pub fn events_webhook(mut self, url: impl Into<String>, secret: Option<&str>) -> Self {
        self.events_webhook = Some(EventsWebhook { url: url.into(), secret: secret.map(str::to_owned) });
        self
    }

    /// How much of everything is taken.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where others reach the server, such as `https://chat.example.com/bridge`: addresses of files begin with it. Default:
    /// as the visitor's browser wrote it; on loopback only when that is a name of this machine.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Lets whoever sends this token (`Authorization: Bearer`) control the server over `/_mock`, from wherever it is reached.
    /// Default: only programs and pages of this machine, and only on loopback.
    pub fn control_token(mut self, token: impl Into<String>) -> Self {
        self.control_token = Some(Secret::new(token));
        self
    }

    /// Lets a scripted AI answer where nobody does. Default: silence.
    pub fn responder(mut self, responder: Responder) -> Self {
        self.responder = Some(responder);
        self
    }

    /// Lets this go wrong from the start. May be said again. One that can never happen keeps the server from starting.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The oldest version of the widget that is served, and the newest there is: what widgets of other versions are told.
    /// Default: all are welcome.
    pub fn widget_versions(mut self, min: Option<&str>, latest: Option<&str>) -> Self {
        let parsed = |text: Option<&str>| text.map(str::parse).transpose();
        self.widget_versions = parsed(min).and_then(|min| Ok(Versions { min, latest: parsed(latest)? }));
        self
    }

    /// The clock. Default: frozen at 2024-01-15T10:30:00Z.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Random ids (lower-case ULIDs) instead of sequential ones.
    pub fn random_ids(mut self) -> Self {
        self.ids = Ids::Random;
        self
    }

    /// How long [`MockServer::shutdown`] waits, in real time, for requests that are running and sockets that are told
    /// goodbye; what is left then is cut. Default: half a second.
    pub fn stop_within(mut self, most: Duration) -> Self {
        self.grace = most;
        self
    }

    /// Speaks TLS instead of plain HTTP: its addresses begin with `https://` and `wss://`, and clients that trust
    /// [`MockServer::ca_pem`] can talk to it. Default: plain HTTP.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, identity: TlsIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Listens on this Unix socket, too; always plain HTTP. The file is gone when the server is. Default: none.
    #[cfg(unix)]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.unix_socket = Some(path.into());
        self
    }

    /// Listens on no port: only clients with [`MockServer::transport`] reach it. For tests where there is no network, and for
    /// thousands at a time. Default: a port.
    #[cfg(feature = "memory")]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Starts the server. It answers as soon as this returns.
    ///
    /// # Errors
    /// When the address cannot be listened on, a key, a root certificate, the events webhook or a version cannot be one, or
    /// the seed contradicts itself.
    pub fn start(self) -> Result<MockServer, StartError> {
        let io = |what: String| move |error: std::io::Error| StartError::new(what).with_source(error);
        let mut keys = self.keys.into_iter().collect::<Result<Vec<_>, _>>().map_err(StartError::new)?;
        if keys.is_empty() {
            keys.push(ApiKey::new("test_key").map_err(StartError::new)?);
        }
        let access = Access::new(keys.clone(), self.any_key).map_err(StartError::new)?;
        let tls = Tls::new(&self.webhook_roots).map_err(|error| StartError::new(format!("the webhook {error}")))?;
        let versions = self.widget_versions.map_err(StartError::new)?;
        let public_url = self.public_url.as_deref().map(rules::web_url).transpose();
        let public_url = public_url.map_err(|what| StartError::new(format!("the public URL {what}")))?;
        let is_loopback = self.address.ip().to_canonical().is_loopback();
        let private_webhooks = self.private_webhooks || is_loopback;
        if let Some(webhook) = &self.events_webhook {
            check_events_webhook(&webhook.url, private_webhooks)?;
        }
        let tcp = (!self.in_memory).then(|| TcpListener::bind(self.address)).transpose();
        let tcp = tcp.map_err(io(format!("{} cannot be listened on", self.address)))?;
        let address = tcp.as_ref().map(TcpListener::local_addr).transpose();
        let address = address.map_err(io("its own address cannot be read".to_owned()))?;
        #[cfg(unix)]
        let unix = self.unix_socket.as_deref().map(UnixDoor::bind).transpose().map_err(|error| {
            let path = self.unix_socket.as_deref().unwrap_or(Path::new("")).display();
            StartError::new(format!("{path} cannot be listened on")).with_source(error)
        })?;
        #[cfg(feature = "tls")]
        let made = self.identity.as_ref().map(TlsIdentity::make).transpose().map_err(StartError::new)?;
        #[cfg(not(feature = "tls"))]
        let made: Option<(Acceptor, String)> = None;
        let scheme = if made.is_some() { "https" } else { "http" };
        let (acceptor, ca_pem) = made.unzip();
        let own_url = own_url(scheme, address);
        let url = address.map_or_else(|| format!("{scheme}://localhost"), |address| format!("{scheme}://{address}"));
        let app = App::new(AppParts {
            clock: self.clock,
            ids: self.ids,
            contract: self.contract,
            access,
            rate_limit: self.rate_limit,
            is_loopback,
            control_token: self.control_token,
            own_url,
            public_url,
            private_webhooks,
            tls,
            limits: self.limits,
            events_webhook: self.events_webhook,
            versions,
            responder: self.responder,
            grace: self.grace,
            first_tenant: Arc::clone(&keys[0].tenant),
        });
        let mut seeded = Ok(());
        app.write(&keys[0].tenant, |tx| {
            seeded = self.seed.apply(tx, self.contract);
            Ok(())
        })
        .map_err(|rejection: Rejection| StartError::new(rejection.to_string()))?;
        seeded?;
        for fault in self.faults {
            app.try_inject(fault).map_err(|rejection| StartError::fault(&rejection.to_string()))?;
        }
        app.begin_tenant(&keys[0].tenant);
        #[cfg(feature = "memory")]
        let (dial, memory) = crate::memory::pair();
        let doors = Doors {
            tcp,
            tls: acceptor,
            #[cfg(unix)]
            unix,
            #[cfg(feature = "memory")]
            memory,
        };
        let reach = Reach {
            url,
            address,
            ca_pem,
            #[cfg(feature = "memory")]
            dial,
        };
        MockServer::launch(app, keys, doors, reach).map_err(io("the server's thread cannot start".to_owned()))
    }
}

/// As a webhook that is registered: a server that others can reach must not be made to call what only it can reach.
fn check_events_webhook(url: &str, private: bool) -> Result<(), StartError> {
    rules::web_url(url).map_err(|what| StartError::new(format!("the events webhook's URL {what}")))?;
    if !private && refuses_host(url) {
        let what = "the events webhook's URL is a private address, and others than this machine can reach this server; \
                    --allow-private-webhooks allows it";
        return Err(StartError::new(what));
    }
    Ok(())
}

/// Where this machine reaches a server that listens there, or nowhere.
fn own_url(scheme: &str, address: Option<SocketAddr>) -> Url {
    let text = match address {
        None => format!("{scheme}://localhost"),
        Some(address) if address.ip().is_unspecified() => format!("{scheme}://localhost:{}", address.port()),
        Some(address) => format!("{scheme}://{address}"),
    };
    Url::parse(&text).unwrap_or_else(|error| unreachable!("an address is always a URL: {error}"))
}
