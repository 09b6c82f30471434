//! The way to a server: its name, its addresses, and what it proves to be.

use std::time::{Duration, SystemTime};

use futures::future::join_all;
use pocketping_sdk::Timestamp;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::tls::{Certificate, Handshake, Problem, handshake};
use super::{Place, Report};
use crate::error::{Exit, NO_WAY};

/// A certificate that ends this soon should have been renewed.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Name, addresses and certificate. Whether there is a way.
pub(crate) async fn way(report: &mut Report, place: &Place, deadline: Instant) -> bool {
    if let Some(proxy) = place.proxy() {
        for check in ["dns", "tcp", "tls"] {
            report.skip(check, format!("not tried: requests go through the proxy of {proxy}"));
        }
        return true;
    }
    let addresses = match timeout_at(deadline, place.addresses()).await {
        Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
        Ok(Ok(_)) => {
            report.fail("dns", Exit::Network, format!("{} has no address", place.host), Some(NO_WAY));
            return false;
        }
        Ok(Err(error)) => {
            report.fail("dns", Exit::Network, format!("{} is not known: {error}", place.host), Some(NO_WAY));
            return false;
        }
        Err(_) => {
            report.fail("dns", Exit::Network, format!("{} was not found in time", place.host), Some(NO_WAY));
            return false;
        }
    };
    let list: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    match place.ip() {
        Some(_) => report.ok("dns", format!("{} is an address", place.host)),
        None => report.ok("dns", format!("{} is {}", place.host, list.join(", "))),
    }

    let connects = addresses.iter().map(|address| async move {
        let begun = Instant::now();
        let stream = match timeout_at(deadline, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        (address, stream, begun.elapsed())
    });
    let mut connected = None;
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (address, stream, took) in join_all(connects).await {
        match stream {
            Ok(stream) => {
                good.push(format!("{address} in {} ms", took.as_millis()));
                connected.get_or_insert(stream);
            }
            Err(error) => bad.push(format!("{address}: {error}")),
        }
    }
    let Some(stream) = connected else {
        report.fail("tcp", Exit::Network, format!("no connection to {}", bad.join("; ")), Some(NO_WAY));
        return false;
    };
    match bad.as_slice() {
        [] => report.ok("tcp", good.join(", ")),
        // A server on this machine need not listen on both of its addresses.
        _ if place.is_loopback() => report.ok("tcp", format!("{} (not {})", good.join(", "), bad.join("; "))),
        _ => {
            let detail = format!("{}; but not {}", good.join(", "), bad.join("; "));
            report.warn("tcp", detail, "some of its addresses do not answer: connections may be slow or fail at times");
        }
    }
    if !place.is_tls {
        report.skip("tls", "plain http");
        return true;
    }
    let seen = timeout_at(deadline, handshake(stream, &place.host)).await;
    tls(report, place, seen.unwrap_or_default(), SystemTime::now())
}

fn tls(report: &mut Report, place: &Place, seen: Handshake, now: SystemTime) -> bool {
    let Handshake { version, certificate, problem } = seen;
    let now = Timestamp::try_from(now).ok();
    let ends = certificate.as_ref().zip(now).map(|(shown, now)| {
        let left = shown.not_after.since(now);
        (left, format!("valid until {} ({} days left)", shown.not_after, left.as_secs() / 86400))
    });
    if let (Some(version), Some((left, ends))) = (&version, &ends) {
        let detail = format!("{version}, {ends}{}", told_issuer(certificate.as_ref()));
        if *left < SOON {
            report.warn("tls", detail, "the certificate should be renewed");
        } else {
            report.ok("tls", detail);
        }
        return true;
    }
    if let Some(version) = version {
        report.ok("tls", format!("{version}; the certificate cannot be read"));
        return true;
    }
    let (detail, hint) = refused(place, certificate.as_ref(), problem);
    report.fail("tls", Exit::Network, detail, hint);
    false
}

fn told_issuer(certificate: Option<&Certificate>) -> String {
    certificate.map(|shown| format!(", issued by {}", shown.issuer)).unwrap_or_default()
}

/// Why a certificate is not taken, with what it says.
fn refused(
    place: &Place,
    certificate: Option<&Certificate>,
    problem: Option<Problem>,
) -> (String, Option<&'static str>) {
    let shown = |what: &dyn Fn(&Certificate) -> String| certificate.map(what).unwrap_or_default();
    match problem {
        None => ("no handshake in time".to_owned(), Some("something else than TLS may listen there")),
        Some(Problem::Expired) => (
            format!("the certificate ended{}", shown(&|it| format!(" {}", it.not_after))),
            Some("the server's certificate must be renewed; or this machine's clock is ahead"),
        ),
        Some(Problem::NotYetValid) => (
            format!("the certificate is not valid yet{}", shown(&|it| format!(", but from {}", it.not_before))),
            Some("this machine's clock may be behind"),
        ),
        Some(Problem::OtherName) => (
            format!(
                "the certificate is not for {}{}",
                place.host,
                shown(&|it| format!(", but for {}", it.names.join(", ")))
            ),
            Some("use a name the certificate is for, or one that lists this one"),
        ),
        Some(Problem::UnknownIssuer) => (
            format!("the certificate's issuer is not trusted{}", shown(&|it| format!(": {}", it.issuer))),
            Some("SSL_CERT_FILE=FILE names the authorities to trust; a proxy that reads along may stand in between"),
        ),
        Some(Problem::Authority) => (
            format!("the certificate is one for an authority (CA:TRUE){}", shown(&|it| format!(": {}", it.issuer))),
            Some("let the server show one that this authority signed, and name the authority with SSL_CERT_FILE=FILE"),
        ),
        Some(Problem::Untrusted(why)) => (
            format!("the certificate is not trusted: {why}"),
            Some("SSL_CERT_FILE=FILE names the authorities to trust"),
        ),
        Some(Problem::Other(error)) => (
            format!("no TLS connection: {error}"),
            Some("an http:// address may be meant; or the server's TLS is too old"),
        ),
    }
}
