//! `Secret`: a text that no log and no `Debug` shows.

use std::fmt;
use std::str::FromStr;

/// A text that is nobody else's business.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Takes any text. No `From`: a command line would prefer that to what refuses an empty one.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(Self::new(text)) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(<masked>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret: Secret = "whsec_test".parse().unwrap();
        assert_eq!((secret.as_str(), format!("{secret:?}").as_str()), ("whsec_test", "Secret(<masked>)"));
        assert!("".parse::<Secret>().is_err());
    }
}
