//! What is done for many: how many of them failed, why, and whether it is worth going on.

use std::cell::RefCell;

use crate::error::{CliError, Exit};

/// How many of many failed, and why.
#[derive(Debug, Default)]
pub(super) struct Tally {
    all: usize,
    failed: usize,
    /// The exit of the first failure.
    exit: Option<Exit>,
    /// Whether the others failed for other reasons.
    is_mixed: bool,
}

impl Tally {
    /// Counts one, and its failure.
    pub(super) fn note(&mut self, failure: Option<&CliError>) {
        self.all += 1;
        if let Some(failure) = failure {
            self.failed += 1;
            let exit = *self.exit.get_or_insert(failure.exit());
            self.is_mixed |= exit != failure.exit();
        }
    }

    /// Whether any was done.
    pub(super) fn did_some(&self) -> bool {
        self.failed < self.all
    }

    /// How the command ends: with the failures' own exit when all failed for one reason. `what` says what was not done.
    pub(super) fn verdict(&self, what: &str) -> Result<(), CliError> {
        let exit = match self.exit {
            None => return Ok(()),
            Some(exit) if self.failed == self.all && !self.is_mixed => exit,
            Some(_) => Exit::Partial,
        };
        Err(CliError::new(exit, format!("{} of {} {what}", self.failed, self.all)))
    }
}

/// Ends what is done for many at a failure that the others would share: a refused key, a server that is not there, or that
/// takes no more requests for now.
#[derive(Debug, Default)]
pub(super) struct Brake {
    failure: RefCell<Option<(Exit, String)>>,
}

impl Brake {
    /// The error of one that need not be tried any more.
    pub(super) fn check(&self) -> Result<(), CliError> {
        match &*self.failure.borrow() {
            Some((exit, message)) => Err(CliError::new(*exit, format!("it was not tried: {message}"))),
            None => Ok(()),
        }
    }

    /// Takes note of a failure.
    pub(super) fn note(&self, failure: &CliError) {
        if matches!(failure.exit(), Exit::Auth | Exit::Config | Exit::Network | Exit::RateLimited) {
            self.failure.borrow_mut().get_or_insert_with(|| (failure.exit(), failure.to_string()));
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
