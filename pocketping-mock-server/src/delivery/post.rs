//! One delivery over HTTP, and no way to addresses that are nobody else's business.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use pocketping_sdk::retry_after::retry_after;
use url::{Host, Url};

use crate::http_client::{Tls, connect, exchange, request};

/// How long a receiver has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a receiver answered: its status, and how long it asks to wait.
pub(super) type Answer = (u16, Option<Duration>);

/// What of the server a delivery goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    /// Whether it may lead to private addresses.
    pub(super) private: bool,
    /// How `https` targets are spoken to.
    pub(super) tls: &'a Tls,
}

/// Posts a body with these headers and waits for the answer's head.
pub(super) async fn post(url: &str, headers: HeaderMap, body: Bytes, way: Way<'_>) -> Result<Answer, String> {
    match tokio::time::timeout(PATIENCE, send(url, headers, body, way)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn send(url: &str, mut headers: HeaderMap, body: Bytes, way: Way<'_>) -> Result<Answer, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("pocketping-mock-server/", env!("CARGO_PKG_VERSION"))));
    let request = request(Method::POST, &url, headers, body)?;
    let refuses = |ip: IpAddr| {
        let is_refused = !way.private && is_private(ip);
        is_refused.then(|| format!("{ip} is a private address; --allow-private-webhooks allows it"))
    };
    let wire = connect(&url, way.tls, refuses).await.map_err(|failure| failure.to_string())?;
    let answer = exchange(wire, request).await.map_err(|failure| failure.to_string())?;
    let wait = retry_after(&answer.head.headers, crate::sources::system_time);
    Ok((answer.head.status.as_u16(), wait))
}

/// Whether a webhook's host can be told to be private by its spelling alone.
pub(crate) fn refuses_host(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => is_private(ip.into()),
        Some(Host::Ipv6(ip)) => is_private(ip.into()),
        None => false,
    }
}

/// Loopback, link-local, private, shared, unique-local, unspecified, and what of version 4 is mapped into version 6.
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            first == 0 || is_shared || ip.is_loopback() || ip.is_private() || ip.is_link_local()
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_says_nothing_has_ten_seconds() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Way { private: true, tls: &Tls::new(&[]).unwrap() };
        let schemes: &[_] = if cfg!(feature = "tls") { &["http", "https"] } else { &["http"] };
        for scheme in schemes {
            let url = format!("{scheme}://{}/", silent.local_addr().unwrap());
            let begun = tokio::time::Instant::now();
            let error = post(&url, HeaderMap::new(), Bytes::new(), way).await.unwrap_err();
            assert_eq!((error.as_str(), begun.elapsed().as_secs()), ("no answer within 10 s", 10), "{scheme}");
        }
    }

    #[test]
    fn private_addresses_are_known_in_all_their_forms() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2606:4700::1", "::ffff:1.1.1.1"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
        assert!(
            refuses_host("http://localhost:8080/x") && refuses_host("http://[::1]/") && refuses_host("http://0x7f.1/")
        );
        assert!(!refuses_host("https://yoursite.com/webhook"));
    }
}
