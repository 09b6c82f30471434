//! TLS to clients: an authority and a certificate of its own, made at the start. The only file that names rcgen, and
//! with `http_client/tls.rs` one of the two that name rustls.

use std::fmt;
use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::sources::epoch;

/// What a server that speaks TLS proves to be.
///
/// ```
/// use pocketping_mock_server::{MockServer, TlsIdentity};
///
/// let server = MockServer::builder().tls(TlsIdentity::generated()).start()?;
/// assert!(server.url().starts_with("https://127.0.0.1:"));
/// assert!(server.ca_pem().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    names: Vec<String>,
}

impl TlsIdentity {
    /// A certificate for `localhost`, `127.0.0.1` and `::1`, of an authority that is made with it and forgotten with the
    /// server. The authority's key is thrown away as soon as it has signed.
    pub fn generated() -> Self {
        Self { names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec() }
    }

    /// Proves to be this name or address, too, such as the server's name in a network of containers.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Makes both: what connections are accepted with, and the authority's certificate.
    pub(crate) fn make(&self) -> Result<(Acceptor, String), String> {
        let bad = |error: rcgen::Error| format!("no TLS certificate for {}: {error}", self.names.join(", "));
        let mut authority = CertificateParams::new(Vec::new()).map_err(bad)?;
        // One of a name of its own: two of one name would be taken for each other until the signature is looked at.
        authority.distinguished_name.push(DnType::CommonName, format!("PocketPing mock server {}", epoch()));
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().map_err(bad)?).map_err(bad)?;
        let key = KeyPair::generate().map_err(bad)?;
        let mut own = CertificateParams::new(self.names.clone()).map_err(bad)?;
        own.distinguished_name.push(DnType::CommonName, "PocketPing mock server");
        own.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        own.use_authority_key_identifier_extension = true;
        let own = own.signed_by(&key, &authority).map_err(bad)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| format!("no TLS key: {error}"))?;
        let bad = |error: rustls::Error| format!("no TLS: {error}");
        // The provider is explicit: a process-wide default panics as soon as two are linked.
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(bad)?
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .map_err(bad)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((Acceptor(TlsAcceptor::from(Arc::new(config))), authority.pem()))
    }
}

/// Accepts TLS on connections that stand.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.0.accept(stream).await
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}
