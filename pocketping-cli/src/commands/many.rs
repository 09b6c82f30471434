//! What is done for many: how many of them failed, why, and whether it is worth going on.

use std::cell::RefCell;

use crate::error::{CliError, Exit};

/// How many of many failed, and why.
#[derive(Debug, Default)]
pub(super) struct Tally {
    all: usize,
    failed: usize,
    /// What can be said of all failures.
    common: Option<CliError>,
    /// Whether they failed for several reasons.
    is_mixed: bool,
}

impl Tally {
    /// Counts one, and its failure.
    pub(super) fn note(&mut self, failure: Option<&CliError>) {
        self.all += 1;
        if let Some(failure) = failure {
            self.failed += 1;
            let common = self.common.as_ref().unwrap_or(failure);
            self.is_mixed |= common.exit() != failure.exit();
            self.common = Some(common.in_common(failure));
        }
    }

    /// Whether any was done.
    pub(super) fn did_some(&self) -> bool {
        self.failed < self.all
    }

    /// How the command ends: with the failures' own exit when all failed for one reason, and what can be said of all of them.
    /// `what` says what was not done.
    pub(super) fn verdict(self, what: &str) -> Result<(), CliError> {
        let message = format!("{} of {} {what}", self.failed, self.all);
        match self.common {
            None => Ok(()),
            Some(common) if self.failed == self.all && !self.is_mixed => Err(common.saying(message)),
            Some(_) => Err(CliError::new(Exit::Partial, message)),
        }
    }
}

/// Ends what is done for many at a failure that the others would share: a refused key, a server that is not there, or that
/// takes no more requests for now.
#[derive(Debug, Default)]
pub(super) struct Brake {
    failure: RefCell<Option<CliError>>,
}

impl Brake {
    /// The error of one that need not be tried any more.
    pub(super) fn check(&self) -> Result<(), CliError> {
        match &*self.failure.borrow() {
            Some(untried) => Err(untried.of_untried()),
            None => Ok(()),
        }
    }

    /// Takes note of a failure.
    pub(super) fn note(&self, failure: &CliError) {
        if matches!(failure.exit(), Exit::Auth | Exit::Config | Exit::Network | Exit::RateLimited) {
            self.failure.borrow_mut().get_or_insert_with(|| failure.in_common(failure));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(exits: &[Option<Exit>]) -> Option<(Exit, String)> {
        let mut tally = Tally::default();
        for exit in exits {
            tally.note(exit.map(|exit| CliError::new(exit, "x")).as_ref());
        }
        tally.verdict("sessions were not closed").err().map(|error| (error.exit(), error.to_string()))
    }

    #[test]
    fn all_for_one_reason_end_with_it_and_some_with_their_own_code() {
        use Exit::{NotFound, Partial, Server};
        let said = |exit, what: &str| Some((exit, format!("{what} sessions were not closed")));
        assert_eq!(verdict(&[]), None);
        assert_eq!(verdict(&[None, None]), None);
        assert_eq!(verdict(&[Some(NotFound), None]), said(Partial, "1 of 2"));
        assert_eq!(verdict(&[Some(NotFound), Some(NotFound)]), said(NotFound, "2 of 2"));
        assert_eq!(verdict(&[Some(NotFound), Some(Server)]), said(Partial, "2 of 2"));
    }
}
