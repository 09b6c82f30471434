//! One HTTP request on a connection of its own: no pool, no redirects. What it says and what its answer means is its
//! caller's. The only file that names hyper's client.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use url::{Host, Position, Url};

#[cfg(feature = "visitor")]
mod body;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
mod tls;

pub(crate) use tls::Tls;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody was reached: nothing was sent.
    Connect(String),
    /// The connection broke, or what came on it is no HTTP.
    Broken(String),
    /// The answer's body is larger than this.
    #[cfg(feature = "visitor")]
    TooLarge(usize),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(what) | Self::Broken(what) => f.write_str(what),
            #[cfg(feature = "visitor")]
            Self::TooLarge(limit) => write!(f, "the answer is larger than {limit} bytes"),
        }
    }
}

impl Failure {
    fn connect(error: impl fmt::Display) -> Self {
        Self::Connect(error.to_string())
    }

    fn broken(error: impl fmt::Display) -> Self {
        Self::Broken(error.to_string())
    }
}

/// What goes to and fro on a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that stands, over TLS or not.
pub(crate) type Wire = Box<dyn Duplex>;

/// Connects to the host of a URL, over TLS where its scheme says so. `refuses` says why an address is not connected to:
/// the address that is really meant counts, not its name.
pub(crate) async fn connect(url: &Url, tls: &Tls, refuses: impl Fn(IpAddr) -> Option<String>) -> Result<Wire, Failure> {
    let host = url.host().ok_or_else(|| Failure::connect("the URL has no host"))?;
    if url.scheme() != "https" {
        return Ok(Box::new(reach(url, &host, refuses).await.map_err(Failure::connect)?));
    }
    let connector = tls.connector().await.map_err(Failure::Connect)?;
    let stream = reach(url, &host, refuses).await.map_err(Failure::connect)?;
    match connector.connect(&host, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(Failure::Connect(format!("no TLS with {host}: {error}"))),
    }
}

/// How long an address may take while there is another one: a host with two may be reached by one of them only.
const NEXT_ADDRESS: Duration = Duration::from_secs(2);

async fn reach(url: &Url, host: &Host<&str>, refuses: impl Fn(IpAddr) -> Option<String>) -> io::Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses: Vec<SocketAddr> = match *host {
        Host::Domain(name) => lookup_host((name, port)).await?.collect(),
        Host::Ipv4(ip) => vec![(ip, port).into()],
        Host::Ipv6(ip) => vec![(ip, port).into()],
    };
    let mut failure = io::Error::other("the host has no address");
    let last = addresses.len().saturating_sub(1);
    for (number, address) in addresses.into_iter().enumerate() {
        if let Some(why) = refuses(address.ip()) {
            failure = io::Error::other(why);
            continue;
        }
        let connecting = TcpStream::connect(address);
        if number == last {
            return connecting.await;
        }
        match tokio::time::timeout(NEXT_ADDRESS, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

/// What a URL's host is called in a request.
pub(crate) fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// A request to the host of a URL, as it is written on a connection to it.
pub(crate) fn request(
    method: Method,
    url: &Url,
    mut headers: HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, String> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let target: Uri = target.parse().map_err(|error| format!("{target:?} cannot be asked for: {error}"))?;
    let host = host(url);
    headers.insert(HOST, host.parse().map_err(|_| format!("{host:?} cannot be a header"))?);
    if body.is_empty() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
        // Otherwise nothing says that there is a body, and that it is empty.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Ok(request)
}

/// An answer whose head has come. Its body comes while this is asked for it; the connection lives as long as this, and
/// not longer.
pub(crate) struct Exchange {
    pub(crate) head: response::Parts,
    #[cfg_attr(not(feature = "visitor"), expect(dead_code, reason = "deliveries read no body"))]
    body: Incoming,
    /// None once it has ended: it has handed over all that there is.
    #[cfg_attr(not(feature = "visitor"), expect(dead_code, reason = "held, for the body"))]
    connection: Option<Connection>,
}

/// What keeps a connection going, and its sender: without one it would end.
type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sends a request on this connection and waits for the answer's head.
pub(crate) async fn exchange(wire: Wire, request: Request<Full<Bytes>>) -> Result<Exchange, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(wire)).await.map_err(Failure::broken)?;
    let mut connection = Box::pin(connection);
    let mut is_over = false;
    let answer = {
        let mut answer = std::pin::pin!(sender.send_request(request));
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // One that ends has handed over its answer, or never will.
            _ = &mut connection => {
                is_over = true;
                answer.await
            }
        }
    };
    let (head, body) = answer.map_err(Failure::broken)?.into_parts();
    let connection = (!is_over).then(|| -> Connection {
        Box::pin(async move {
            // How it ends, the body tells.
            drop(connection.await);
            drop(sender);
        })
    });
    Ok(Exchange { head, body, connection })
}
