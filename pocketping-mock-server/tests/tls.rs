//! Deliveries to `https` webhooks: real TLS on loopback, with authorities of the test's own.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pocketping_mock_server::{Contract, Delivery, DeliveryState, MockServer, MockServerBuilder, Seed};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A private authority and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A request as it arrived, and the host it was meant for by the client's hello.
#[derive(Debug)]
struct Received {
    hello: Option<String>,
    head: String,
    body: Value,
}

impl Authority {
    /// Of this name: two of one name would be taken for each other until the signature is looked at.
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A webhook that proves to be this host and gives every request this answer.
    async fn webhook(&self, host: &str, answer: &'static str) -> (SocketAddr, mpsc::UnboundedReceiver<Received>) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not trust us hangs up here.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                tell.send(receive(&mut stream).await).unwrap();
                let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (address, received)
    }
}

async fn receive(stream: &mut TlsStream<TcpStream>) -> Received {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let hello = stream.get_ref().1.server_name().map(str::to_owned);
    Received { hello, head, body: serde_json::from_slice(&body).unwrap() }
}

/// A server with a webhook, whose visitor has said something.
fn told(builder: MockServerBuilder, url: &str) -> MockServer {
    let seed = json!({"sessions": [{"id": "s"}], "webhooks": [{"url": url, "events": ["message.created"]}]});
    let server = builder.seed(Seed::from_json(&seed.to_string()).unwrap()).start().unwrap();
    server.visitor_says(&"s".into(), "Hello");
    server
}

async fn tried(server: &MockServer) -> Delivery {
    let made = server.deliveries_until(|all| all.iter().any(|it| !it.attempts.is_empty()));
    tokio::time::timeout(Duration::from_secs(20), made).await.expect("an attempt in time").remove(0)
}

/// Why the first attempt had no answer.
async fn error_of(server: &MockServer) -> String {
    let delivery = tried(server).await;
    assert_eq!(delivery.attempts[0].status, None, "{delivery:?}");
    delivery.attempts[0].error.clone().unwrap()
}

#[tokio::test]
async fn a_target_whose_authority_was_given_is_delivered_to() {
    let authority = Authority::new("ours");
    let (address, mut received) = authority.webhook("localhost", "204 No Content").await;
    let url = format!("https://localhost:{}/hook?a=1", address.port());
    for contract in [Contract::Extended, Contract::Strict] {
        // What others trust is trusted besides.
        let roots = [Authority::new("another").pem(), authority.pem()].concat();
        let builder = MockServer::builder().contract(contract).webhook_root_certificate_pem(roots);
        let server = told(builder, &url);
        let got = received.recv().await.unwrap();
        assert!(got.head.starts_with("post /hook?a=1 http/1.1\r\n"), "{got:?}");
        assert!(got.head.contains(&format!("\r\nhost: localhost:{}\r\n", address.port())), "{got:?}");
        assert_eq!(got.head.contains("\r\nx-pocketping-signature: "), contract == Contract::Extended, "{got:?}");
        assert_eq!((got.hello.as_deref(), &got.body["event"]), (Some("localhost"), &json!("message.created")));
        let all = server.deliveries_until(|all| all[0].state == DeliveryState::Delivered).await;
        assert_eq!(all[0].attempts[0].status, Some(204));
    }
}

#[tokio::test]
async fn a_target_may_be_an_address() {
    let authority = Authority::new("ours");
    let (address, mut received) = authority.webhook("127.0.0.1", "200 OK").await;
    let builder = MockServer::builder().webhook_root_certificate_pem(authority.pem());
    let server = told(builder, &format!("https://{address}/"));
    assert_eq!(received.recv().await.unwrap().hello, None);
    assert_eq!(tried(&server).await.attempts[0].status, Some(200));
}

#[tokio::test]
async fn a_target_of_an_unknown_authority_is_refused_for_its_certificate() {
    let (address, mut received) = Authority::new("unknown").webhook("localhost", "200 OK").await;
    let url = format!("https://localhost:{}/", address.port());
    let others = MockServer::builder().webhook_root_certificate_pem(Authority::new("another").pem());
    let error = error_of(&told(others, &url)).await;
    assert_eq!(error, "no TLS with localhost: invalid peer certificate: UnknownIssuer");
    // Without any, the words are the system's own; where it has no authorities at all, it says that.
    let error = error_of(&told(MockServer::builder(), &url)).await;
    assert!(error.starts_with("no TLS") && error.to_lowercase().contains("certificate"), "{error}");
    assert!(received.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let authority = Authority::new("ours");
    let (address, mut received) = authority.webhook("elsewhere.example", "200 OK").await;
    let builder = MockServer::builder().webhook_root_certificate_pem(authority.pem());
    let error = error_of(&told(builder, &format!("https://localhost:{}/", address.port()))).await;
    assert!(error.starts_with("no TLS with localhost: invalid peer certificate: certificate not valid for"), "{error}");
    assert!(received.try_recv().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_target_that_speaks_no_tls_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = told(MockServer::builder().webhook_root_certificate_pem(Authority::new("another").pem()), &url);
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let error = error_of(&server).await;
    assert!(error.starts_with("no TLS with 127.0.0.1: "), "{error}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_over_tls_too() {
    let authority = Authority::new("ours");
    let (address, mut received) = authority.webhook("localhost", "307 Elsewhere\r\nLocation: /other").await;
    let builder = MockServer::builder().webhook_root_certificate_pem(authority.pem());
    let server = told(builder, &format!("https://localhost:{}/", address.port()));
    let delivery = tried(&server).await;
    assert_eq!((delivery.attempts[0].status, delivery.state), (Some(307), DeliveryState::Pending));
    assert!(received.recv().await.is_some() && received.try_recv().is_err(), "once, and not elsewhere");
}

#[tokio::test]
async fn a_server_others_can_reach_calls_no_private_address_over_tls_either() {
    let authority = Authority::new("ours");
    let (address, mut received) = authority.webhook("localhost", "200 OK").await;
    let open = || {
        let builder = MockServer::builder().address("0.0.0.0:0".parse().unwrap());
        builder.webhook_root_certificate_pem(authority.pem())
    };
    let url = format!("https://localhost:{}/", address.port());
    // A seed's webhook is not looked at when it is registered, so it is the connection that is refused.
    let error = error_of(&told(open(), &url)).await;
    assert!(error.contains("is a private address; --allow-private-webhooks allows it"), "{error}");
    assert!(received.try_recv().is_err(), "nothing was sent");
    let server = told(open().allow_private_webhooks(), &url);
    assert_eq!(tried(&server).await.attempts[0].status, Some(200));
}

#[test]
fn a_root_that_is_no_certificate_is_named_when_the_server_starts() {
    let started = |pem: &str| MockServer::builder().webhook_root_certificate_pem(pem).start();
    for (pem, named) in [
        ("nonsense", "the webhook root certificate holds no PEM block CERTIFICATE"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "the webhook root certificate cannot be used",
        ),
    ] {
        let error = started(pem).unwrap_err().to_string();
        assert!(error.starts_with(named), "{error}");
    }
}
