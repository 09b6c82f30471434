//! What a list call asks for, checked.

use std::fmt::Display;
use std::str::FromStr;

use pocketping_sdk::{SessionFilter, SessionStatus, Timestamp};

use super::Rejection;

/// What a list of sessions is about.
#[derive(Debug, Default)]
pub(crate) struct SessionQuery {
    pub(crate) filter: SessionFilter,
    pub(crate) limit: Option<usize>,
    /// The position of the last session of the page before.
    pub(crate) cursor: Option<usize>,
    /// Whether whoever reads it looks at the messages, too: parts are smaller then.
    pub(crate) reads_messages: bool,
}

/// What `GET /sessions/:sessionId/messages` asks for.
#[derive(Debug, Default)]
pub(crate) struct MessageQuery {
    pub(crate) since: Option<Timestamp>,
    pub(crate) limit: Option<usize>,
    /// The position of the first message of the page.
    pub(crate) cursor: Option<usize>,
}

impl SessionQuery {
    /// Reads the parameters; unknown ones are ignored.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, Rejection> {
        let mut query = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "status" => {
                    let status = SessionStatus::from(value.as_str());
                    if !status.is_known() {
                        return Err(Rejection::field(name, "is active or closed"));
                    }
                    query.filter.status = Some(status);
                }
                "projectId" => query.filter.project_id = Some(value.as_str().into()),
                "since" => query.filter.since = Some(parsed(name, value)?),
                "unanswered" => {
                    query.filter.unanswered = value.parse().map_err(|_| Rejection::field(name, "is true or false"))?;
                }
                "q" => query.filter.text = Some(value.clone()).filter(|text| !text.is_empty()),
                "limit" => query.limit = Some(limit(value)?),
                "cursor" => query.cursor = Some(cursor('s', value)?),
                _ => {}
            }
        }
        Ok(query)
    }

    /// Refuses a cursor this list cannot have given, holding so many sessions.
    pub(crate) fn check_cursor(&self, held: usize) -> Result<(), Rejection> {
        if self.cursor.is_some_and(|cursor| cursor > held) { Err(unknown_cursor()) } else { Ok(()) }
    }

    /// The cursor of the page that starts before this position.
    pub(crate) fn next_cursor(position: usize) -> String {
        format!("s{position}")
    }
}

impl MessageQuery {
    /// Reads the parameters; unknown ones are ignored.
    pub(crate) fn read(pairs: &[(String, String)]) -> Result<Self, Rejection> {
        let mut query = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "since" => query.since = Some(parsed(name, value)?),
                "limit" => query.limit = Some(limit(value)?),
                "cursor" => query.cursor = Some(cursor('m', value)?),
                _ => {}
            }
        }
        Ok(query)
    }

    /// The refusal of a cursor this list cannot have given.
    pub(crate) fn unknown_cursor() -> Rejection {
        unknown_cursor()
    }

    /// The cursor of the page that starts at this position.
    pub(crate) fn next_cursor(position: usize) -> String {
        format!("m{position}")
    }
}

fn parsed<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, Rejection> {
    value.parse().map_err(|error| Rejection::field(name, format_args!("cannot be read: {error}")))
}

fn limit(value: &str) -> Result<usize, Rejection> {
    value
        .parse()
        .ok()
        .filter(|limit| (1..=1000).contains(limit))
        .ok_or_else(|| Rejection::field("limit", "is a number from 1 to 1000"))
}

fn cursor(prefix: char, value: &str) -> Result<usize, Rejection> {
    value.strip_prefix(prefix).and_then(|position| position.parse().ok()).ok_or_else(unknown_cursor)
}

fn unknown_cursor() -> Rejection {
    Rejection::field("cursor", "is not one this list gave")
}
