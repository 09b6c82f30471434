//! What every request goes through, whatever its noun: authentication, limits, idempotency keys, errors.

mod answer;
mod call;
mod extract;
mod faulty;
mod finish;
mod rate_limit;
mod routes;

pub(crate) use answer::{Answer, list};
pub(crate) use call::{Caller, admit, contract_call};
pub(crate) use extract::{Body, Pairs, PathId, collect};
pub(crate) use faulty::answer as faulty_answer;
pub(crate) use finish::{finish, insert, no_such_method, no_such_path, panicked, plain_errors};
pub(crate) use rate_limit::RateLimits;
pub(crate) use routes::Routes;
