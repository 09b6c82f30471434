//! A server that says what it was told to say, over plain http or TLS, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::SystemTime;

use pocketping_mock_server::MockServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request: its path, and whether it came with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) has_key: bool,
}

/// Listens until the process ends.
pub(crate) struct Stub {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// The first line and headers, and the body, for a path.
pub(crate) type Say = fn(&str) -> (&'static str, &'static str);

impl Stub {
    pub(crate) fn start(say: Say) -> Self {
        Self::listen("http", say, Some)
    }

    /// With this certificate.
    pub(crate) fn start_tls(identity: &Identity, say: Say) -> Self {
        let config = Arc::clone(&identity.config);
        Self::listen("https", say, move |stream| {
            Some(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).ok()?, stream))
        })
    }

    fn listen<S: Read + Write>(
        scheme: &str,
        say: Say,
        open: impl Fn(std::net::TcpStream) -> Option<S> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // Who hangs up, as a client does that refuses a certificate, is let go.
                if let Some(stream) = open(stream.unwrap()) {
                    drop(answer(stream, say, &noted));
                }
            }
        });
        Self { url, asked }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer<S: Read + Write>(stream: S, say: Say, asked: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let line = lines[0].strip_suffix(" HTTP/1.1").unwrap().to_owned();
    let target = line.split(' ').nth(1).unwrap();
    // A proxy is given the whole URL.
    let path = target.strip_prefix("http://").map_or(target, |rest| &rest[rest.find('/').unwrap()..]);
    let (head, body) = say(path.split('?').next().unwrap());
    let has_key = lines.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization:"));
    asked.lock().unwrap().push(Asked { line: line.clone(), has_key });
    let stream = reader.get_mut();
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())?;
    stream.flush()
}

/// A certificate, and the authority that signed it.
pub(crate) struct Identity {
    config: Arc<ServerConfig>,
    pub(crate) ca_pem: String,
}

impl Identity {
    /// An authority that shows its own certificate, as `openssl req -x509` makes one.
    pub(crate) fn of_an_authority(name: &str) -> Self {
        let mut authority = CertificateParams::new(vec![name.to_owned()]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = authority.self_signed(&key).unwrap();
        Self { config: config(authority.der(), &key), ca_pem: authority.pem() }
    }

    pub(crate) fn new(name: &str, from: SystemTime, to: SystemTime) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let mut own = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (own.not_before, own.not_after) = (from.into(), to.into());
        let key = KeyPair::generate().unwrap();
        let own = own.signed_by(&key, &authority).unwrap();
        Self { config: config(own.der(), &key), ca_pem: authority.pem() }
    }
}

/// A server that shows this certificate.
fn config(certificate: &CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
    Arc::new(config.unwrap())
}

/// Writes an authority's certificate where a command can be told of it.
pub(crate) fn ca_file(folder: &tempfile::TempDir, pem: &str) -> String {
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, pem).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The authority of a server that made its own.
pub(crate) fn ca_of(server: &MockServer, folder: &tempfile::TempDir) -> String {
    ca_file(folder, server.ca_pem().unwrap())
}
