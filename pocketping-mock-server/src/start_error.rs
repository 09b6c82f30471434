//! `StartError`: why a server cannot start.

use std::error::Error as StdError;
use std::fmt;

use crate::store::SeedError;

/// Why a server cannot start.
#[derive(Debug)]
pub struct StartError {
    what: String,
    /// Whether the seed is at fault, whose file only the caller knows.
    #[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the command line names the file"))]
    pub(crate) is_seed: bool,
    #[cfg(feature = "cli")]
    is_usage: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StartError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            is_seed: false,
            #[cfg(feature = "cli")]
            is_usage: false,
            source: None,
        }
    }

    /// Flags that contradict each other.
    #[cfg(feature = "cli")]
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { is_usage: true, ..Self::new(what) }
    }

    /// A fault that cannot be injected.
    pub(crate) fn fault(what: &str) -> Self {
        Self {
            #[cfg(feature = "cli")]
            is_usage: true,
            ..Self::new(format!("a fault that is wanted from the start: {what}"))
        }
    }

    /// Whether the command line is at fault, and nothing that it leads to.
    #[cfg(feature = "cli")]
    pub fn is_usage(&self) -> bool {
        self.is_usage
    }

    #[cfg(feature = "cli")]
    pub(crate) fn in_file(self, flag: &str, path: &std::path::Path) -> Self {
        Self { what: format!("{flag} {}: {}", path.display(), self.what), ..self }
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl StdError for StartError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

impl From<SeedError> for StartError {
    fn from(error: SeedError) -> Self {
        Self { is_seed: true, ..Self::new(error.to_string()) }
    }
}
