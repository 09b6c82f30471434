//! Endpoints over TLS: a proxy of the test's own in front of the server.

use std::sync::Arc;
use std::time::Duration;

use pocketping_mock_server::MockServer;
use pocketping_mock_server::visitor::{ErrorKind, Frame, Visitor};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::transports::{ALL, next};

/// Speaks TLS as `localhost` in front of a server. Gives its endpoint, and its authority as PEM.
async fn in_front_of(server: &MockServer) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://localhost:{}/pocketping", listener.local_addr().unwrap().port());
    let behind = server.address();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that does not trust us hangs up here.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(behind).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut stream, &mut server).await);
            });
        }
    });
    (endpoint, authority.pem())
}

#[tokio::test]
async fn an_endpoint_over_tls_is_served_on_every_way() {
    let server = MockServer::start();
    let (endpoint, authority) = in_front_of(&server).await;
    for transport in ALL {
        let visitor = Visitor::new(&endpoint).unwrap().root_certificate_pem(authority.as_str()).unwrap();
        let chat = visitor.transport(transport).poll_every(Duration::from_millis(10)).connect().await.unwrap();
        let mut stream = chat.stream().await.unwrap();
        chat.say("Hello").await.unwrap();
        assert!(matches!(next(&mut stream).await, Frame::Message(message) if message.content == "Hello"));
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_prove_itself_is_not_spoken_to() {
    let server = MockServer::start();
    let (endpoint, _) = in_front_of(&server).await;
    let (_, another) = in_front_of(&server).await;
    let visitor = Visitor::new(&endpoint).unwrap().root_certificate_pem(another).unwrap();
    let error = visitor.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    let message = format!("POST {endpoint}/connect: no connection: no TLS with localhost: invalid peer certificate: ");
    assert!(error.to_string().starts_with(&message), "{error}");
    let error = Visitor::new(&endpoint).unwrap().root_certificate_pem("nonsense").unwrap_err();
    assert_eq!(error.to_string(), "the root certificate holds no PEM block CERTIFICATE");
}
