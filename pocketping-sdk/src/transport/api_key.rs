//! The API key: shown to nobody but the server.

use std::fmt;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Result};

/// An API key. It has no `Display`, its `Debug` is masked, its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct ApiKey(SecretString);

impl ApiKey {
    /// Takes a key.
    ///
    /// # Errors
    /// When it is empty or holds anything but visible ASCII; the error does not repeat it.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        if key.is_empty() {
            return Err(Error::config("the API key is empty"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::config("the API key holds a blank or a character that is not visible ASCII"));
        }
        Ok(Self(key.into()))
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) fn header(&self) -> Result<HeaderValue> {
        let mut header = HeaderValue::try_from(format!("Bearer {}", self.0.expose_secret()))
            .map_err(|error| Error::config("the API key cannot stand in a header").with_source(error))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// The key itself, for the socket's first frame and the name of what is shared by it.
    #[cfg(any(feature = "events", feature = "shared-pacing"))]
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(<masked>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::new("sk_secret").unwrap();
        assert_eq!(format!("{key:?} {:?}", key.header().unwrap()), "ApiKey(<masked>) Sensitive");
        for bad in ["", "sk secret", "sk\nsecret", "sk_é"] {
            let error = ApiKey::new(bad).unwrap_err();
            assert!(bad.is_empty() || !format!("{error} {error:?}").contains(bad));
        }
    }
}
