//! The server over TLS, as a client sees it that knows nothing but TLS and bytes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use pocketping_mock_server::{MockServer, TlsIdentity};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

fn connect(server: &MockServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Sends a request to the server under this name, trusting this authority.
fn ask(server: &MockServer, ca: &str, name: &str, request: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tls = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    let mut stream = StreamOwned::new(tls, connect(server));
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // The connection may end without the goodbye of TLS; the answer says how long it is.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(String::from_utf8(answer).unwrap()),
    }
}

fn post(path: &str, body: &str, port: u16) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn the_certificate_is_for_the_names_of_this_machine_and_those_that_were_given() {
    let server = MockServer::builder().tls(TlsIdentity::generated().name("mock.example")).start().unwrap();
    let ca = server.ca_pem().unwrap();
    let get = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for name in ["localhost", "127.0.0.1", "::1", "mock.example"] {
        let answer = ask(&server, ca, name, get).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let error = ask(&server, ca, "elsewhere.example", get).unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let other = MockServer::builder().tls(TlsIdentity::generated()).start().unwrap();
    let error = ask(&server, other.ca_pem().unwrap(), "localhost", get).unwrap_err();
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}

#[test]
fn a_name_that_cannot_be_one_is_named_at_the_start() {
    let error = MockServer::builder().tls(TlsIdentity::generated().name("naïve")).start().unwrap_err();
    assert!(error.to_string().contains("naïve"), "{error}");
}

#[test]
fn addresses_of_files_begin_with_https() {
    let server = MockServer::builder().tls(TlsIdentity::generated()).start().unwrap();
    let (ca, port) = (server.ca_pem().unwrap(), server.address().port());
    assert_eq!(server.url(), format!("https://127.0.0.1:{port}"));
    let json = |path: &str, body: &str| -> Value {
        let answer = ask(&server, ca, "localhost", &post(path, body, port)).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let session = json("/pocketping/connect", r#"{"visitorId":"v"}"#)["sessionId"].clone();
    let file = format!(r#"{{"sessionId":{session},"filename":"a.txt","mimeType":"text/plain","size":3}}"#);
    let upload = json("/pocketping/upload", &file)["uploadUrl"].clone();
    let begins = format!("https://localhost:{port}/pocketping/");
    assert!(upload.as_str().unwrap().starts_with(&begins), "{upload}");
}

#[test]
fn who_speaks_plain_http_is_told_so() {
    let server = MockServer::builder().tls(TlsIdentity::generated()).start().unwrap();
    let mut stream = connect(&server);
    stream.write_all(post("/sessions", "some body", 1).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("must begin with https://"), "{answer}");
}

#[tokio::test]
async fn clients_in_the_middle_of_the_handshake_hold_nobody_up() {
    let server = MockServer::builder().tls(TlsIdentity::generated()).start().unwrap();
    let silent = connect(&server);
    let mut half = connect(&server);
    half.write_all(&[0x16, 3, 1]).unwrap();
    // Behind them others are served, and at the end nobody waits for them.
    let (ca, get) =
        (server.ca_pem().unwrap().to_owned(), "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(ask(&server, &ca, "localhost", get).unwrap().starts_with("HTTP/1.1 200"));
    server.shutdown().await;
    for mut stream in [silent, half] {
        assert!(matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_)));
    }
}
