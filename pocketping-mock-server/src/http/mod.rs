//! What every request goes through, whatever its noun: authentication, limits, idempotency keys, errors.

mod answer;
mod call;
mod extract;
mod faulty;
mod finish;
mod rate_limit;

pub(crate) use answer::{Answer, list};
pub(crate) use call::{Caller, contract_call};
pub(crate) use extract::{Body, Pairs, PathId};
pub(crate) use faulty::answer as faulty_answer;
pub(crate) use finish::{finish, no_such_method, no_such_path, panicked};
pub(crate) use rate_limit::RateLimits;
