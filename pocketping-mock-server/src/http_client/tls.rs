//! TLS to other servers: one rustls configuration with an explicit provider. What the server itself presents is in `server_tls`.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

/// The authorities that are trusted, and what is made of them when the first `https` target is connected to: reading
/// the system's takes longer than everything else a start does.
#[derive(Debug)]
pub(crate) struct Tls {
    roots: Vec<CertificateDer<'static>>,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    /// Trusts the system's authorities and those of these PEM texts. What is wrong with one begins with "root certificate".
    pub(crate) fn new(pems: &[Vec<u8>]) -> Result<Self, String> {
        let mut roots = Vec::new();
        for pem in pems {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| unusable(&error))?;
                // What is no certificate at all is found here, and not with the first connection.
                RootCertStore::empty().add(certificate.clone()).map_err(|error| unusable(&error))?;
                roots.push(certificate);
            }
            if roots.len() == before {
                return Err("root certificate holds no PEM block CERTIFICATE".to_owned());
            }
        }
        Ok(Self { roots, config: OnceCell::new() })
    }

    pub(super) async fn connector(&self) -> Result<Connector, String> {
        let made = self.config.get_or_try_init(|| async {
            let roots = self.roots.clone();
            // It reads files: others are served meanwhile.
            tokio::task::spawn_blocking(|| config(roots)).await.map_err(|error| error.to_string())?
        });
        Ok(Connector(Arc::clone(made.await?).into()))
    }
}

fn unusable(error: &dyn std::fmt::Display) -> String {
    format!("root certificate cannot be used: {error}")
}

fn config(roots: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, String> {
    let bad = |error: rustls::Error| format!("no TLS: {error}");
    // The provider is explicit: a process-wide default panics as soon as two are linked.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(roots, Arc::clone(&provider)).map_err(bad)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(bad)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Speaks TLS on a connection that stands.
pub(super) struct Connector(TlsConnector);

impl Connector {
    /// Ends with an error unless the other side proves that it is this host.
    pub(super) async fn connect(&self, host: &Host<&str>, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = match host {
            Host::Domain(name) => ServerName::try_from((*name).to_owned()).map_err(io::Error::other)?,
            Host::Ipv4(ip) => IpAddr::from(*ip).into(),
            Host::Ipv6(ip) => IpAddr::from(*ip).into(),
        };
        self.0.connect(name, stream).await
    }
}
