//! TLS: one rustls configuration with an explicit provider, for REST and the socket. The only file that names rustls.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use crate::error::{BoxError, Error, Result};

/// What the TLS configuration is made of, as PEM texts.
#[derive(Clone, Default)]
pub(super) struct TlsOptions {
    /// Authorities trusted besides those of the system.
    pub(super) roots: Vec<Vec<u8>>,
    /// Certificate chain and private key, shown to servers that ask.
    pub(super) identity: Option<Vec<u8>>,
}

impl TlsOptions {
    /// Builds the configuration. Without need for TLS it has no roots, because reading the system's costs more than
    /// a whole request.
    pub(super) fn into_config(self, needed: bool) -> Result<ClientConfig> {
        // The provider is explicit: a process-wide default panics as soon as two are linked.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("the TLS versions", error))?;

        let mut extra = Vec::new();
        for pem in &self.roots {
            let before = extra.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                extra.push(certificate.map_err(|error| bad("the root certificate", error))?);
            }
            if extra.len() == before {
                return Err(Error::config("the root certificate holds no PEM block CERTIFICATE"));
            }
        }
        let verified = if needed {
            let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)
                .map_err(|error| bad("the root certificates", error))?;
            versions.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            versions.with_root_certificates(RootCertStore::empty())
        };

        let Some(pem) = self.identity else { return Ok(verified.with_no_client_auth()) };
        let chain = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| bad("the client identity's certificate", error))?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| bad("the client identity's key", error))?;
        verified.with_client_auth_cert(chain, key).map_err(|error| bad("the client identity", error))
    }
}

/// What to do about a server's certificate that was refused, or where there is none, when that is what this error is about.
pub(super) fn hint_for(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(why)) => return hint_for_certificate(why),
            Some(rustls::Error::InvalidMessage(_)) => {
                return Some("the server does not speak TLS there: an http:// address may be meant");
            }
            _ => {}
        }
        // What an I/O error was made of is not its source.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = inner.map(|inner| inner as _).or_else(|| error.source());
    }
    None
}

fn hint_for_certificate(why: &CertificateError) -> Option<&'static str> {
    use CertificateError as Why;
    match why {
        Why::Expired | Why::ExpiredContext { .. } => {
            Some("the server's certificate must be renewed; or this machine's clock is ahead")
        }
        Why::NotValidYet | Why::NotValidYetContext { .. } => Some("this machine's clock may be behind"),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            Some("the server's certificate is for another name than that of the base URL")
        }
        // Another authority of a known name signed it.
        Why::UnknownIssuer | Why::BadSignature | Why::Other(_) => Some(TRUST),
        _ => None,
    }
}

/// Where the platform's own verifier asks for authorities.
const TRUST: &str = if cfg!(any(windows, target_vendor = "apple", target_os = "android")) {
    "the server's certificate is not trusted: add its authority to those of the system, or of the client"
} else {
    "the server's certificate is not trusted: SSL_CERT_FILE=FILE names the authorities that are"
};

fn bad(what: &str, source: impl Into<BoxError>) -> Error {
    Error::config(format!("{what} cannot be used")).with_source(source)
}
