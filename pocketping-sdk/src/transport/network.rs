//! The network transport: reqwest, for REST and for the socket's upgrade alike, so that TLS, proxies and timeouts are
//! one configuration. The only file that names reqwest.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;

use super::base_url::shown;
use super::seam::{Body, Transport, TransportError, TransportFailure, Upgrade};
use super::tls::TlsOptions;
use crate::error::{Error, Result};

/// What the network transport is made of.
pub(super) struct NetworkOptions {
    pub(super) connect_timeout: Duration,
    pub(super) user_agent: String,
    pub(super) tls: TlsOptions,
    /// Whether anything will be spoken to over TLS; when not, no root certificate is read.
    pub(super) needs_tls: bool,
    /// For REST and for the socket.
    pub(super) proxies: (Proxy, Proxy),
}

/// Where the environment names proxies.
const PROXY_VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Which proxy is used.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Proxy {
    /// Those of the environment (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    System,
    /// None at all.
    Off,
    /// This one, for everything but the hosts of the list.
    Explicit { url: String, no_proxy: Option<String> },
}

impl Proxy {
    /// What errors say of it where a request goes by this scheme, without credentials; nothing where there is none.
    fn told(&self, scheme: &str) -> Option<String> {
        match self {
            Self::Off => None,
            Self::System => {
                let is_set = |name: &&str| std::env::var_os(name).is_some_and(|url| !url.is_empty());
                let counts = |name: &str| {
                    let begin = name.split('_').next().unwrap_or_default();
                    ["ALL", scheme].iter().any(|known| known.eq_ignore_ascii_case(begin))
                };
                let name = PROXY_VARIABLES.into_iter().find(|name| counts(name) && is_set(name))?;
                Some(format!("{name} is set, and a proxy may be in between"))
            }
            Self::Explicit { url, no_proxy } => {
                // Without a scheme it is http.
                let url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
                let url = url::Url::parse(&url).ok()?;
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                let perhaps = if no_proxy.is_some() { "perhaps " } else { "" };
                Some(format!("{perhaps}by way of the proxy {}://{}{port}", url.scheme(), url.host_str()?))
            }
        }
    }

    /// Whether the proxy itself is spoken to over TLS.
    pub(super) fn needs_tls(&self) -> bool {
        let is_tls = |url: &str| url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        match self {
            Self::Off => false,
            Self::Explicit { url, .. } => is_tls(url),
            Self::System => PROXY_VARIABLES.iter().any(|name| std::env::var(name).is_ok_and(|url| is_tls(&url))),
        }
    }
}

/// A way into the network.
#[derive(Clone)]
struct Way {
    client: reqwest::Client,
    proxy: Proxy,
}

/// What failed on a way through a proxy.
#[derive(Debug)]
struct Behind {
    told: String,
    error: reqwest::Error,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told)
    }
}

impl StdError for Behind {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.error)
    }
}

pub(super) struct Network {
    rest: Way,
    socket: Way,
    /// Where the first request went, read once.
    origin: OnceLock<Option<reqwest::Url>>,
}

impl Network {
    pub(super) fn new(options: NetworkOptions) -> Result<Self> {
        let tls = options.tls.into_config(options.needs_tls)?;
        let way = |proxy: Proxy| {
            let used = proxy.clone();
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(options.connect_timeout)
                .user_agent(&options.user_agent)
                .retry(reqwest::retry::never());
            let builder = match proxy {
                Proxy::System => builder,
                Proxy::Off => builder.no_proxy(),
                Proxy::Explicit { url, no_proxy } => builder.proxy(explicit(&url, no_proxy.as_deref())?),
            };
            let failed = |error: reqwest::Error| {
                Error::config("the HTTP client could not be set up").with_source(error.without_url())
            };
            Ok(Way { client: builder.build().map_err(failed)?, proxy: used })
        };
        // One client, and so one pool, unless only one of the two addresses is on this machine.
        let (for_rest, for_socket) = options.proxies;
        let same = for_rest == for_socket;
        let rest = way(for_rest)?;
        let socket = if same { rest.clone() } else { way(for_socket)? };
        Ok(Self { rest, socket, origin: OnceLock::new() })
    }
}

fn explicit(url: &str, no_proxy: Option<&str>) -> Result<reqwest::Proxy> {
    let bad = |error: reqwest::Error| {
        Error::config(format!("the proxy {} is not a URL", shown(url))).with_source(error.without_url())
    };
    // Without a scheme it is http.
    if let Some((scheme, _)) = url.split_once("://")
        && !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return Err(Error::config(format!("the proxy {} must start with http:// or https://", shown(url))));
    }
    Ok(reqwest::Proxy::all(url).map_err(bad)?.no_proxy(no_proxy.and_then(reqwest::NoProxy::from_string)))
}

impl Network {
    async fn execute(&self, way: &Way, request: http::Request<Bytes>) -> Result<reqwest::Response, TransportError> {
        let request = match self.url(request.uri()) {
            Some(url) => {
                let (parts, body) = request.into_parts();
                let mut request = reqwest::Request::new(parts.method, url);
                *request.headers_mut() = parts.headers;
                *request.body_mut() = Some(body.into());
                request
            }
            None => reqwest::Request::try_from(request).map_err(classify)?,
        };
        let scheme = if request.url().scheme() == "https" { "HTTPS" } else { "HTTP" };
        way.client.execute(request).await.map_err(|error| match way.proxy.told(scheme).filter(|_| error.is_connect()) {
            Some(told) => TransportError::new(TransportFailure::Connect, Behind { told, error: error.without_url() }),
            None => classify(error),
        })
    }

    /// The address as reqwest takes it. Nearly all requests go to one origin, which is read once; `None` for
    /// what goes elsewhere.
    fn url(&self, uri: &http::Uri) -> Option<reqwest::Url> {
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
        let origin = self.origin.get_or_init(|| format!("{scheme}://{authority}").parse().ok()).as_ref()?;
        let is_there = origin.as_str().strip_prefix(scheme)?.strip_prefix("://")?.strip_suffix('/')? == authority;
        is_there.then(|| {
            let mut url = origin.clone();
            url.set_path(uri.path());
            // The origin has none.
            if uri.query().is_some() {
                url.set_query(uri.query());
            }
            url
        })
    }
}

impl Transport for Network {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Body>, TransportError>> + Send + '_>> {
        Box::pin(async move { Ok(convert(self.execute(&self.rest, request).await?)) })
    }

    fn upgrade(
        &self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Upgrade, TransportError>> + Send + '_>> {
        Box::pin(async move {
            let answer = self.execute(&self.socket, request).await?;
            if answer.status() != http::StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Upgrade::Refused(convert(answer)));
            }
            let headers = answer.headers().clone();
            let stream = answer.upgrade().await.map_err(classify)?;
            Ok(Upgrade::Switched { headers, stream: Box::new(stream) })
        })
    }
}

fn convert(mut answer: reqwest::Response) -> http::Response<Body> {
    let (status, version, headers) = (answer.status(), answer.version(), std::mem::take(answer.headers_mut()));
    let mut converted = http::Response::new(Body::stream(answer.bytes_stream().map_err(classify)));
    *converted.status_mut() = status;
    *converted.version_mut() = version;
    *converted.headers_mut() = headers;
    converted
}

/// A failure to connect is the only one that proves that nothing was sent. The URL is left out: it stands in the
/// call's own error, as a template without ids.
fn classify(error: reqwest::Error) -> TransportError {
    let failure = if error.is_connect() || error.is_builder() {
        TransportFailure::Connect
    } else if error.is_timeout() {
        TransportFailure::Timeout
    } else {
        TransportFailure::Broken
    };
    TransportError::new(failure, error.without_url())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tls::TlsOptions;

    fn network() -> Network {
        let options = NetworkOptions {
            connect_timeout: Duration::from_secs(1),
            user_agent: "test".to_owned(),
            tls: TlsOptions::default(),
            needs_tls: false,
            proxies: (Proxy::Off, Proxy::Off),
        };
        Network::new(options).unwrap()
    }

    #[test]
    fn an_address_is_the_same_whether_its_origin_is_known_or_not() {
        for origin in
            ["http://127.0.0.1:3001", "https://api.pocketping.io", "http://[::1]:80", "http://Host:8080", "http://h:80"]
        {
            let network = network();
            for path in [
                "",
                "/",
                "/v1/sessions",
                "/sessions/a%2Fb%3Fc%23d%20e%25%C3%A9",
                "/sessions/...",
                "//double",
                "/a/./b",
                "/sessions?q=a%26b+c&limit=5",
                "/sessions?q='\"<>",
                "/?",
            ] {
                let Ok(uri) = format!("{origin}{path}").parse::<http::Uri>() else { continue };
                let whole = reqwest::Url::parse(&uri.to_string()).unwrap();
                // The first one is the one the origin is read of.
                let part = network.url(&uri);
                assert!(part.is_none_or(|part| part == whole), "{uri}");
            }
            assert_eq!(network.url(&"http://elsewhere:3001/".parse().unwrap()), None, "another origin");
        }
        let uri = "http://127.0.0.1:3001/v1/sessions".parse().unwrap();
        assert!(network().url(&uri).is_some(), "the short way is taken");
    }
}
