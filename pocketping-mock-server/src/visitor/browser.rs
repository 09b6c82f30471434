//! `Visitor`: a browser that shows a page with a widget on it, before the widget connects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use pocketping_sdk::{SessionId, VisitorId};
use serde_json::Value;
use url::Url;

use super::answers::{Connected, VersionStanding};
use super::bodies::{self, Hello};
use super::chat::Chat;
use super::error::{Error, Result};
use super::http::{Http, endpoint};
use super::page::Page;
use super::{Identity, Transport};
use crate::http_client::Tls;
use crate::sources::{Clock, browser_id};

/// The version of the widget whose protocol this is.
const VERSION: &str = "2.6.0";
/// How long an answer may take, unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the widget polls.
const POLL: Duration = Duration::from_secs(2);
const FASTEST_POLL: Duration = Duration::from_millis(10);

/// A visitor of a website: a browser that shows a page with PocketPing's widget on it.
///
/// It does nothing until it [connects](Self::connect). One that connects again is the same visitor, in another tab.
///
/// ```
/// use pocketping_mock_server::MockServer;
/// use pocketping_mock_server::visitor::{Identity, Visitor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = MockServer::start();
/// let endpoint = format!("{}/pocketping", server.url());
/// let visitor = Visitor::new(&endpoint)?
///     .page_url("https://example.com/pricing")
///     .page_title("Pricing")
///     .identity(Identity::new("u1").email("user@example.com"));
/// let chat = visitor.connect().await?;
/// assert!(chat.connected().messages.is_empty());
/// assert_eq!(server.sessions()[0].metadata.page_url.as_deref(), Some("https://example.com/pricing"));
///
/// assert_eq!(visitor.connect().await?.session_id(), chat.session_id());
/// assert_ne!(Visitor::new(&endpoint)?.connect().await?.session_id(), chat.session_id());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a visitor does nothing until it connects"]
pub struct Visitor {
    endpoint: Url,
    page: Page,
    id: VisitorId,
    session_id: Option<SessionId>,
    identity: Option<Identity>,
    inspector_token: Option<String>,
    version: String,
    transport: Option<Transport>,
    poll_every: Duration,
    patience: Duration,
    #[cfg(feature = "tls")]
    roots: Vec<Vec<u8>>,
    tls: Arc<Tls>,
    clock: Clock,
}

impl Visitor {
    /// A new visitor of a website whose widget has this endpoint, such as `https://example.com/pocketping`.
    ///
    /// # Errors
    /// When this is no `http` or `https` URL to which paths can be appended; `https` needs the feature `tls`.
    pub fn new(endpoint_url: impl AsRef<str>) -> Result<Self> {
        let clock = Clock::system();
        Ok(Self {
            endpoint: endpoint(endpoint_url.as_ref())?,
            page: Page::default(),
            id: browser_id(clock.now()).into(),
            session_id: None,
            identity: None,
            inspector_token: None,
            version: VERSION.to_owned(),
            transport: None,
            poll_every: POLL,
            patience: PATIENCE,
            #[cfg(feature = "tls")]
            roots: Vec::new(),
            tls: Arc::new(trusting(&[])?),
            clock,
        })
    }

    /// The page the visitor is on. Its origin is the `Origin` of every request. Default: `http://localhost/`.
    pub fn page_url(mut self, url: impl Into<String>) -> Self {
        self.page.url = url.into();
        self
    }

    /// The title of that page. Default: none.
    pub fn page_title(mut self, title: impl Into<String>) -> Self {
        self.page.title = title.into();
        self
    }

    /// The page the visitor came from. Default: none.
    pub fn referrer(mut self, url: impl Into<String>) -> Self {
        self.page.referrer = url.into();
        self
    }

    /// The visitor's browser, in `metadata` and in the `User-Agent` of every request. Default: one on Linux, of
    /// `pocketping-rust`.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.page.user_agent = user_agent.into();
        self
    }

    /// The browser's time zone. Default: `UTC`.
    pub fn timezone(mut self, name: impl Into<String>) -> Self {
        self.page.timezone = name.into();
        self
    }

    /// The browser's language. Default: `en-US`.
    pub fn language(mut self, tag: impl Into<String>) -> Self {
        self.page.language = tag.into();
        self
    }

    /// The screen, in pixels. Default: 1920 by 1080.
    pub fn screen(mut self, width: u32, height: u32) -> Self {
        self.page.screen = format!("{width}x{height}");
        self
    }

    /// A field of `metadata`, besides those a widget tells, or instead of one: `botSignals` say all `false` by default.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.page.more.insert(key.into(), value.into());
        self
    }

    /// Comes as this visitor, whom the browser remembers. Default: a new one.
    pub fn id(mut self, id: impl Into<VisitorId>) -> Self {
        self.id = id.into();
        self
    }

    /// Comes back to this session, which the browser remembers. Default: `null`; the server then knows by the visitor.
    pub fn session_id(mut self, id: impl Into<SessionId>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// Who the visitor is, as the browser remembers it. Default: nobody said.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The `?pp_inspector=` of the page. Default: none.
    pub fn inspector_token(mut self, token: impl Into<String>) -> Self {
        self.inspector_token = Some(token.into());
        self
    }

    /// The widget's version, as every call says it. Default: `2.6.0`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Streams come this way and no other. Default: a WebSocket, else server-sent events, else polling.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// How often is polled, where nothing better is served; at least 10 ms apart. Default: every 2 s.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll_every = interval.max(FASTEST_POLL);
        self
    }

    /// How long an answer may take. Default: 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.patience = timeout;
        self
    }

    /// Trusts the authorities of this PEM text, besides the system's. May be said again. Needs the feature `tls`.
    ///
    /// # Errors
    /// When it holds no certificate.
    #[cfg(feature = "tls")]
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Result<Self> {
        self.roots.push(pem.into());
        self.tls = Arc::new(trusting(&self.roots)?);
        Ok(self)
    }

    pub(super) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the widget: `POST /connect`. The server finds the visitor's session, or opens one.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or answers what no widget could read; and when a header is none.
    pub async fn connect(&self) -> Result<Chat> {
        let agent = (self.page.user_agent.as_str(), self.page.url.as_str());
        let http = Http::new(self.endpoint.clone(), Arc::clone(&self.tls), self.patience, &self.version, agent)?;
        let hello = Hello {
            visitor_id: &self.id,
            session_id: self.session_id.as_ref(),
            inspector_token: self.inspector_token.as_deref(),
            metadata: &self.page,
            identity: self.identity.as_ref(),
        };
        let answer = http.call(Method::POST, http.url(&["connect"]), bodies::json(&hello)).await?;
        let standing = VersionStanding::read(&answer.headers);
        let connected: Connected = answer.read()?;
        Ok(Chat::new(http, self.clock.clone(), connected, standing, (self.transport, self.poll_every)))
    }
}

fn trusting(roots: &[Vec<u8>]) -> Result<Tls> {
    Tls::new(roots).map_err(|error| Error::input(format!("the {error}")))
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("endpoint", &self.endpoint.as_str())
            .field("id", &self.id)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
