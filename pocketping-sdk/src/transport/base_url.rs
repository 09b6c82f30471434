//! Where the server is: one base URL gives the address of REST and that of the socket.

use std::net::IpAddr;

use url::{Host, Url};

use crate::error::{Error, Result};

/// The addresses of a server.
///
/// ```
/// use pocketping_sdk::BaseUrl;
///
/// let base = BaseUrl::parse("https://api.pocketping.io/v1")?;
/// assert_eq!(base.rest(), "https://api.pocketping.io/v1");
/// assert_eq!(base.socket(), "wss://api.pocketping.io/ws");
/// # Ok::<(), pocketping_sdk::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    rest: Url,
    socket: Url,
}

impl BaseUrl {
    /// The hosted service.
    pub const SAAS: &str = "https://api.pocketping.io/v1";

    /// Reads a base URL and derives the socket's address: a trailing `/v1` belongs to REST only.
    ///
    /// # Errors
    /// When it is not an absolute `http` or `https` URL, or carries credentials, a query or a fragment.
    pub fn parse(base: &str) -> Result<Self> {
        let rest = address(base, "base URL", &["http", "https"])?;
        let path = rest.path();
        let mut socket = rest.clone();
        socket.set_path(&format!("{}/ws", path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/')));
        // contract gap: the reference shows the socket beside /v1, not under it, and nothing for other bases.
        Ok(Self { socket: with_scheme(socket, true)?, rest })
    }

    /// Sets the socket's address when it cannot be derived.
    ///
    /// # Errors
    /// When it is not an absolute `ws`, `wss`, `http` or `https` URL, or carries credentials, a query or a fragment.
    pub fn with_socket(self, socket: &str) -> Result<Self> {
        let socket = address(socket, "socket URL", &["ws", "wss", "http", "https"])?;
        Ok(Self { socket: with_scheme(socket, true)?, ..self })
    }

    /// The address of REST, without a trailing slash.
    pub fn rest(&self) -> &str {
        self.rest.as_str().trim_end_matches('/')
    }

    /// The address of the socket, with a `ws` scheme.
    pub fn socket(&self) -> &str {
        self.socket.as_str()
    }

    /// The socket's address as the HTTP request that is upgraded.
    #[cfg(feature = "events")]
    pub(crate) fn socket_http(&self) -> Result<Url> {
        with_scheme(self.socket.clone(), false)
    }

    /// The host, for messages and per-host state.
    pub fn host(&self) -> &str {
        self.rest.host_str().unwrap_or_default()
    }

    /// Whether it is the hosted service's, which has a rate limit for each plan.
    pub fn is_saas(&self) -> bool {
        self.host() == "api.pocketping.io"
    }

    /// Whether REST and the socket are on this machine; proxies of the environment are never used then.
    pub(super) fn is_loopback(&self) -> (bool, bool) {
        (is_loopback(&self.rest), is_loopback(&self.socket))
    }

    pub(super) fn needs_tls(&self) -> bool {
        self.rest.scheme() == "https" || self.socket.scheme() == "wss"
    }
}

/// A URL as an error may show it: not at all when it may hold a secret.
pub(super) fn shown(url: &str) -> String {
    if url.contains(['@', '?', '#']) { "(not shown: it may hold a secret)".to_owned() } else { format!("{url:?}") }
}

/// Parses an absolute URL and refuses what has no place in a base; the path loses its trailing slashes.
fn address(text: &str, what: &str, schemes: &[&str]) -> Result<Url> {
    let it = shown(text);
    let mut url = Url::parse(text.trim())
        .map_err(|error| Error::config(format!("the {what} {it} is not an absolute URL")).with_source(error))?;
    if !schemes.contains(&url.scheme()) {
        return Err(Error::config(format!("the {what} {it} must start with {}://", schemes.join(":// or "))));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config(format!("the {what} carries a user name or password; give the API key by itself")));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::config(format!("the {what} must not have a query or a fragment")));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Turns `http` into `ws` (and back), keeping the encryption.
fn with_scheme(mut url: Url, socket: bool) -> Result<Url> {
    let scheme = match (url.scheme(), socket) {
        ("http" | "ws", true) => "ws",
        ("http" | "ws", false) => "http",
        (_, true) => "wss",
        (_, false) => "https",
    };
    url.set_scheme(scheme).map_err(|()| Error::config(format!("{url} cannot be turned into {scheme}://")))?;
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_and_socket_follow_from_one_base() {
        for (base, rest, socket) in [
            ("https://api.pocketping.io/v1", "https://api.pocketping.io/v1", "wss://api.pocketping.io/ws"),
            ("https://api.pocketping.io/v1/", "https://api.pocketping.io/v1", "wss://api.pocketping.io/ws"),
            ("http://localhost:3001", "http://localhost:3001", "ws://localhost:3001/ws"),
            ("http://localhost:3001/", "http://localhost:3001", "ws://localhost:3001/ws"),
            ("https://example.com/bridge/", "https://example.com/bridge", "wss://example.com/bridge/ws"),
            ("https://example.com/bridge/v1", "https://example.com/bridge/v1", "wss://example.com/bridge/ws"),
            ("https://example.com/bridgev1", "https://example.com/bridgev1", "wss://example.com/bridgev1/ws"),
            ("http://[::1]:3001", "http://[::1]:3001", "ws://[::1]:3001/ws"),
        ] {
            let parsed = BaseUrl::parse(base).unwrap();
            assert_eq!((parsed.rest(), parsed.socket()), (rest, socket), "{base}");
        }
    }

    #[test]
    fn both_addresses_can_be_set() {
        let base = BaseUrl::parse("http://localhost:3001").unwrap().with_socket("https://live.example.com/s").unwrap();
        assert_eq!((base.rest(), base.socket()), ("http://localhost:3001", "wss://live.example.com/s"));
        assert!(base.needs_tls());
        assert_eq!(base.is_loopback(), (true, false));
    }

    #[test]
    fn what_cannot_be_a_base_is_named() {
        for (base, word) in [
            ("localhost:3001", "http://"),
            ("example.com", "absolute"),
            ("", "absolute"),
            ("ftp://example.com", "http://"),
            ("https://example.com/?a=1", "query"),
            ("https://example.com/#x", "fragment"),
        ] {
            let error = BaseUrl::parse(base).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        for secret in
            ["https://user:hunter2@e.com", "htps://user:hunter2@e.com", "user:hunter2@e", "https://e.com/?k=hunter2"]
        {
            let error = BaseUrl::parse(secret).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn loopback_is_known_in_all_its_forms() {
        for host in ["localhost", "LOCALHOST", "app.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"]
        {
            assert_eq!(BaseUrl::parse(&format!("http://{host}:1")).unwrap().is_loopback(), (true, true), "{host}");
        }
        assert_eq!(BaseUrl::parse("http://localhost.example.com").unwrap().is_loopback(), (false, false));
    }
}
