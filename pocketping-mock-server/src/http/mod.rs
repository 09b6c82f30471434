//! What every request goes through, whatever its noun: authentication, limits, idempotency keys, errors.

mod answer;
mod call;
mod extract;
mod faulty;
mod finish;
mod front;
mod rate_limit;
mod recorded;
mod routes;
mod spoilt;

pub(crate) use answer::{Answer, list};
pub(crate) use call::{Caller, admit, bearer, contract_call};
pub(crate) use extract::{Body, Pairs, PathId, collect};
pub(crate) use faulty::{faulty_surface, refused as refused_upgrade};
pub(crate) use finish::{insert, no_such_method, no_such_path, panicked, plain_errors};
pub(crate) use front::Front;
pub(crate) use rate_limit::RateLimits;
pub(crate) use recorded::{note_tenant, routed};
pub(crate) use routes::Routes;

/// Whether an address names this machine, whatever resolves it.
pub(crate) fn is_of_this_machine(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.to_canonical().is_loopback(),
        None => false,
    }
}
