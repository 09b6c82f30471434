//! The catalogue of what can go wrong: one table that exit codes, JSON errors, `--help`, `pocketping explain` and the docs
//! are made of.

use crate::error::Exit;

/// Something that can go wrong, by its code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Ours in lower case; the API's as it writes them.
    pub(crate) code: &'static str,
    /// What the program ends with.
    pub(crate) exit: Exit,
    /// What happened.
    pub(crate) meaning: &'static str,
    /// What to do.
    pub(crate) advice: &'static str,
}

const fn entry(code: &'static str, exit: Exit, meaning: &'static str, advice: &'static str) -> Entry {
    Entry { code, exit, meaning, advice }
}

/// What the program ends with, by exit code.
pub(crate) const EXITS: [Entry; 15] = [
    entry("done", Exit::Done, "done", "Nothing: a reader that stopped reading is no failure, either."),
    entry(
        "unexpected",
        Exit::Unexpected,
        "unexpected",
        "Something that should not happen, such as a full disk under the output. The message says what.",
    ),
    entry(
        "usage",
        Exit::Usage,
        "usage",
        "The command line is wrong, or a value on it. `--help` shows what can be typed.",
    ),
    entry(
        "config",
        Exit::Config,
        "configuration",
        "A key, an address or a file cannot be used. `pocketping config show` tells where each value comes from.",
    ),
    entry(
        "auth",
        Exit::Auth,
        "auth",
        "The server refused the API key. Check the key, and that it belongs to this server's address.",
    ),
    entry(
        "not_found",
        Exit::NotFound,
        "not found",
        "There is no such thing on the server. Check the id and the project.",
    ),
    entry(
        "invalid_request",
        Exit::Invalid,
        "invalid request",
        "The server refused what was asked for, and nothing changed; or a signature is not valid. The message names what is wrong.",
    ),
    entry("rate_limited", Exit::RateLimited, "rate limited", "Too many requests in a minute. Wait, then do it again."),
    entry(
        "server_error",
        Exit::Server,
        "server error",
        "The server failed, or its answer is not the API's. Try again later; a proxy may have answered instead.",
    ),
    entry(
        "network",
        Exit::Network,
        "network or timeout",
        "The server was not reached, or did not answer in time. Check the address, and that the server runs.",
    ),
    entry(
        "outcome_unknown",
        Exit::Unknown,
        "outcome unknown",
        "The request may have been done: the answer was lost. Look before doing it again.",
    ),
    entry(
        "partial",
        Exit::Partial,
        "partly done",
        "Some of many failed; each has a line that says why, and the others are done. Or what was asked for was done, and what came of \
         it could not be read or printed: do not do it again.",
    ),
    entry(
        "unmet",
        Exit::Unmet,
        "what was waited for did not happen",
        "The time was over, or a story's expectation failed.",
    ),
    entry("interrupted", Exit::Interrupted, "interrupted", "Ctrl-C ended it."),
    entry("terminated", Exit::Terminated, "terminated", "SIGTERM ended it."),
];

/// The API's own codes, as `code` of a JSON error when the server said so.
pub(crate) const API: [Entry; 12] = [
    entry(
        "INVALID_REQUEST",
        Exit::Invalid,
        "a parameter or the body is wrong",
        "The message names the field. Nothing changed.",
    ),
    entry(
        "SESSION_CLOSED",
        Exit::Invalid,
        "the session is closed",
        "It takes no operator message until its visitor writes again.",
    ),
    entry(
        "IDEMPOTENCY_KEY_REUSED",
        Exit::Invalid,
        "this idempotency key came before, with another body",
        "Use a new key for a new request.",
    ),
    entry(
        "UNAUTHORIZED",
        Exit::Auth,
        "the API key is missing or wrong",
        "Check the key, and that it belongs to this server's address.",
    ),
    entry("SESSION_NOT_FOUND", Exit::NotFound, "there is no such session", "Check the id; `pocketping sessions list`."),
    entry(
        "WEBHOOK_NOT_FOUND",
        Exit::NotFound,
        "there is no such webhook",
        "It may be deleted already; `pocketping webhooks list`.",
    ),
    entry(
        "NOT_FOUND",
        Exit::NotFound,
        "there is no such path",
        "The server may be another one, or of another version. Check the address.",
    ),
    entry(
        "METHOD_NOT_ALLOWED",
        Exit::Invalid,
        "the path is there, this method is not",
        "The server has less of the contract, or `pocketping api` was given the wrong method.",
    ),
    entry(
        "IDEMPOTENCY_IN_PROGRESS",
        Exit::Unknown,
        "a request with this idempotency key still runs",
        "Wait, then do it again with the same key.",
    ),
    entry("PAYLOAD_TOO_LARGE", Exit::Invalid, "the body is too large", "Send less. Nothing changed."),
    entry(
        "RATE_LIMITED",
        Exit::RateLimited,
        "too many requests in a minute",
        "Wait as long as `retryAfterSeconds` says. POCKETPING_PLAN keeps to a plan's limit.",
    ),
    entry(
        "INTERNAL_ERROR",
        Exit::Server,
        "the server failed",
        "Try again later; tell the server's people the request id.",
    ),
];

/// All of it.
pub(crate) fn all() -> impl Iterator<Item = &'static Entry> {
    EXITS.iter().chain(&API)
}

/// The entry of a code, in any case, or of an exit code's number.
pub(crate) fn find(code: &str) -> Option<&'static Entry> {
    let by_number = code.parse::<u8>().ok();
    EXITS
        .iter()
        .find(|entry| Some(entry.exit as u8) == by_number)
        .or_else(|| all().find(|entry| entry.code == code))
        .or_else(|| all().find(|entry| entry.code.eq_ignore_ascii_case(code)))
}

/// The exit codes as `--help` tells them.
pub(crate) fn exits_in_help() -> String {
    let mut text = String::from("Exit codes:");
    let mut width = text.len();
    for (n, entry) in EXITS.iter().enumerate() {
        let item = format!(" {} {}{}", entry.exit as u8, entry.meaning, if n + 1 == EXITS.len() { "." } else { "," });
        if width + item.len() > 80 {
            text.push('\n');
            width = 0;
        }
        let item = if width == 0 { item.trim_start() } else { &item };
        text.push_str(item);
        width += item.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use pocketping_sdk::ErrorCode;

    use super::*;

    #[test]
    fn every_code_of_the_api_stands_here_and_no_other() {
        let mut known: Vec<_> = ErrorCode::KNOWN.to_vec();
        let mut here: Vec<_> = API.iter().map(|entry| entry.code).collect();
        known.sort_unstable();
        here.sort_unstable();
        assert_eq!(here, known);
    }

    #[test]
    fn every_exit_code_stands_here_once() {
        for (n, entry) in EXITS.iter().enumerate() {
            assert_eq!(EXITS.iter().filter(|other| other.exit == entry.exit).count(), 1, "{n}");
            assert_eq!(Exit::ALL[n], entry.exit);
        }
        assert_eq!(EXITS.len(), Exit::ALL.len());
    }

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../README.md");
        for entry in EXITS {
            let row = format!("| {} | `{}` | {} | {} |", entry.exit as u8, entry.code, entry.meaning, entry.advice);
            assert!(readme.contains(&row), "{row}");
        }
        for entry in API {
            let row = format!("| `{}` | {} | {} | {} |", entry.code, entry.exit as u8, entry.meaning, entry.advice);
            assert!(readme.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_code_is_found_by_its_name_in_any_case_and_by_its_number() {
        let code = |text: &str| find(text).map(|entry| entry.code);
        assert_eq!([code("5"), code("not_found")], [Some("not_found"); 2]);
        assert_eq!([code("NOT_FOUND"), code("session_not_found")], [Some("NOT_FOUND"), Some("SESSION_NOT_FOUND")]);
        assert_eq!([code("99"), code("nope"), code("")], [None; 3]);
    }
}
