//! What was looked at, and what came of it.

use serde::Serialize;

use crate::error::{CliError, Exit};
use crate::output::Render;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    #[serde(rename = "check")]
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    pub(crate) detail: String,
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Ok,
    Warn,
    Fail,
    /// It could not be looked at, or there is nothing to look at.
    Skip,
}

/// What there is to look at, in this order.
pub(crate) const CHECKS: [&str; 12] =
    ["settings", "dns", "tcp", "tls", "http", "clock", "server", "contract", "key", "socket", "webhooks", "rate_limit"];

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) checks: Vec<Check>,
    /// The first failure: the check and the exit code.
    pub(crate) first: Option<(&'static str, Exit)>,
}

impl Report {
    fn add(&mut self, status: Status, check: &'static str, detail: impl Into<String>, hint: Option<&str>) {
        self.checks.push(Check { name: check, status, detail: detail.into(), hint: hint.map(str::to_owned) });
    }

    pub(crate) fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.add(Status::Ok, check, detail, None);
    }

    pub(crate) fn warn(&mut self, check: &'static str, detail: impl Into<String>, hint: &str) {
        self.add(Status::Warn, check, detail, Some(hint));
    }

    pub(crate) fn skip(&mut self, check: &'static str, why: impl Into<String>) {
        self.add(Status::Skip, check, why, None);
    }

    pub(crate) fn fail(&mut self, check: &'static str, exit: Exit, detail: impl Into<String>, hint: Option<&str>) {
        self.first.get_or_insert((check, exit));
        self.add(Status::Fail, check, detail, hint);
    }

    pub(crate) fn failed(&mut self, check: &'static str, error: &CliError) {
        self.fail(check, error.exit(), error.to_string(), error.hint());
    }

    /// Skips what has not been looked at.
    pub(crate) fn skip_rest(&mut self, why: &str) {
        for check in CHECKS {
            if !self.checks.iter().any(|other| other.name == check) {
                self.skip(check, why);
            }
        }
    }
}

impl Render for Check {
    const COLUMNS: &'static [&'static str] = &["check", "status", "detail", "hint"];

    fn cells(&self) -> Vec<String> {
        let status = match self.status {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Skip => "skip",
        };
        let hint = self.hint.clone().unwrap_or_default();
        vec![self.name.to_owned(), status.to_owned(), self.detail.clone(), hint]
    }
}

/// A check on a terminal: what to do stands below what is wrong.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a>(pub(crate) &'a Check);

impl Render for Shown<'_> {
    const COLUMNS: &'static [&'static str] = &["check", "status", "detail"];

    fn cells(&self) -> Vec<String> {
        let mut cells = self.0.cells();
        if let (Some(hint), Some(detail)) = (&self.0.hint, cells.get_mut(2)) {
            *detail = format!("{detail}\nhint: {hint}");
        }
        cells.truncate(3);
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_counts_and_the_rest_is_skipped() {
        let mut report = Report::default();
        report.ok("settings", "a key");
        report.fail("dns", Exit::Network, "it is not known", Some("check it"));
        report.fail("tcp", Exit::Server, "no", None);
        report.skip_rest("not tried");
        assert_eq!(report.first, Some(("dns", Exit::Network)));
        assert_eq!(report.checks.len(), CHECKS.len());
        let shown = Shown(&report.checks[1]).cells();
        assert_eq!(shown, ["dns", "fail", "it is not known\nhint: check it"]);
        assert_eq!(Shown(&report.checks[3]).cells(), ["tls", "skip", "not tried"]);
    }
}
