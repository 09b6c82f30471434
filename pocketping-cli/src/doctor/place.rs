//! Where a server is: its name, its addresses, and whether the way to it is direct.

use std::env;
use std::net::{IpAddr, SocketAddr};

use pocketping_sdk::http::Uri;

/// What a base URL says about the way to a server.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) is_tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `https://example.com:8443`
    pub(crate) origin: String,
    /// The base URL as it is used, without a slash at its end.
    pub(crate) base: String,
}

impl Place {
    /// The place of a base URL that was found to be one.
    pub(crate) fn of(base: &str) -> Option<Self> {
        let uri: Uri = base.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let is_tls = scheme == "https";
        Some(Self {
            is_tls,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            origin: format!("{scheme}://{authority}"),
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether the server is on this machine, by its name alone.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.').to_ascii_lowercase();
        match self.ip() {
            Some(ip) => ip.to_canonical().is_loopback(),
            None => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// The variable of the environment that leads requests through a proxy.
    pub(crate) fn proxy(&self) -> Option<&'static str> {
        let exceptions = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
        if self.is_loopback() || is_excepted(&self.host, &exceptions) {
            return None;
        }
        let names: [&str; 4] = if self.is_tls {
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        } else {
            ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"]
        };
        names.into_iter().find(|name| variable(name).is_some_and(|value| !value.is_empty()))
    }

    /// Its addresses, as the system knows them.
    pub(crate) async fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        let mut found = Vec::new();
        for address in tokio::net::lookup_host((self.host.as_str(), self.port)).await? {
            if !found.contains(&address) {
                found.push(address);
            }
        }
        Ok(found)
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Whether a list of hosts, as `NO_PROXY` has them, names this one.
fn is_excepted(host: &str, list: &str) -> bool {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.trim_start_matches('.');
        let below = host.len().checked_sub(entry.len()).filter(|start| *start > 0 && host.is_char_boundary(*start));
        entry == "*"
            || host.eq_ignore_ascii_case(entry)
            || below.is_some_and(|start| host[..start].ends_with('.') && host[start..].eq_ignore_ascii_case(entry))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_a_base_url() {
        let place = Place::of("https://[::1]:8443/bridge/v1").unwrap();
        assert_eq!((place.host.as_str(), place.port, place.is_tls), ("::1", 8443, true));
        assert_eq!((place.origin.as_str(), place.is_loopback()), ("https://[::1]:8443", true));
        let place = Place::of("http://example.com/").unwrap();
        assert_eq!((place.port, place.base.as_str(), place.is_loopback()), (80, "http://example.com", false));
        assert_eq!(
            Place::of("https://app.localhost").map(|place| (place.port, place.is_loopback())),
            Some((443, true))
        );
        assert!(Place::of("/relative").is_none());
    }

    #[test]
    fn exceptions_of_the_proxy_are_hosts_and_what_is_below_them() {
        for (list, excepted) in [
            ("example.com", true),
            (".example.com", true),
            ("localhost, EXAMPLE.com", true),
            ("*", true),
            ("ample.com", false),
            ("other.com", false),
            ("", false),
        ] {
            assert_eq!(is_excepted("api.example.com", list), excepted, "{list}");
        }
    }
}
