//! Real TLS and real proxies on loopback, for REST and the socket alike.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use pocketping_mock_server::{MockServer, TlsIdentity, Visit};
use pocketping_sdk::{Client, ClientBuilder, ErrorKind, EventKind, RetryPolicy};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A private authority, a server certificate for localhost and a client identity, all signed by it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate, key)
    }

    /// Ends TLS in front of a server; asks for a client certificate when told to.
    async fn front(&self, to: SocketAddr, asks: bool) -> u16 {
        let (certificate, key) = self.issue("localhost");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            rustls::ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = if asks {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.unwrap().with_client_cert_verifier(verifier)
        } else {
            builder.unwrap().with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        // A server that would rather speak HTTP/2 must not lead the upgrade astray.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust us hangs up here.
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut server = TcpStream::connect(to).await.unwrap();
                    drop(copy_bidirectional(&mut client, &mut server).await);
                });
            }
        });
        port
    }
}

fn https(port: u16) -> ClientBuilder {
    Client::builder().base_url(format!("https://localhost:{port}")).api_key("test_key").retry(RetryPolicy::none())
}

/// A list and a live event, through whatever stands in between.
async fn works(client: &Client, server: &MockServer) {
    client.sessions().list().await.unwrap();
    let mut events = client.events().connect().await.unwrap();
    server.visitor_opens_session(Visit::new());
    assert_eq!(events.next().await.unwrap().unwrap().event().unwrap().kind(), EventKind::SessionCreated);
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_rest_and_socket_when_it_is_given() {
    let server = MockServer::start();
    let authority = Authority::new();
    let port = authority.front(server.address(), false).await;
    works(&https(port).root_certificate_pem(authority.pem()).build().unwrap(), &server).await;

    for stranger in [https(port), https(port).root_certificate_pem(Authority::new().pem())] {
        let client = stranger.build().unwrap();
        let error = client.sessions().list().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, pocketping_sdk::Outcome::NotSent), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("SSL_CERT_FILE")), "{:?}", error.hint());
        let error = client.events().connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.hint().is_some_and(|hint| hint.contains("SSL_CERT_FILE")), "{:?}", error.hint());
    }
    let nobody = https(1).build().unwrap().sessions().list().await.unwrap_err();
    assert_eq!((nobody.kind(), nobody.hint()), (ErrorKind::Connect, None), "{nobody}");
}

#[tokio::test]
async fn a_client_identity_is_shown_to_a_server_that_asks() {
    let server = MockServer::start();
    let authority = Authority::new();
    let port = authority.front(server.address(), true).await;
    let (certificate, key) = authority.issue("operator");
    let identity = format!("{}{}", certificate.pem(), key.serialize_pem());
    let trusting = || https(port).root_certificate_pem(authority.pem());
    works(&trusting().identity_pem(identity).build().unwrap(), &server).await;
    let error = trusting().build().unwrap().sessions().list().await.unwrap_err();
    let said = format!("{:?}", &error);
    assert!(said.contains("CertificateRequired"), "{said}");
}

#[tokio::test]
async fn bad_pem_is_named_when_the_client_is_built() {
    let with = |builder: ClientBuilder| builder.build().unwrap_err().to_string();
    assert!(with(https(1).root_certificate_pem("nonsense")).contains("root certificate"));
    assert!(with(https(1).identity_pem("nonsense")).contains("identity"));
    assert!(with(https(1).proxy("::")).contains("proxy"));
    let socks = with(https(1).proxy("socks5://127.0.0.1:1080"));
    assert_eq!(socks, "the proxy \"socks5://127.0.0.1:1080\" must start with http:// or https://");
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

#[tokio::test]
async fn what_fails_behind_a_proxy_names_it() {
    let through = |proxy: &str| {
        Client::builder().base_url("http://pocketping.test").api_key("k").retry(RetryPolicy::none()).proxy(proxy)
    };
    for (proxy, named) in [
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://user:secret@127.0.0.1:1", "http://127.0.0.1:1"),
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        ("localhost:1", "http://localhost:1"),
        ("user:secret@localhost:1", "http://localhost:1"),
    ] {
        let client = through(proxy).build().unwrap();
        for error in [client.sessions().list().await.unwrap_err(), client.events().connect().await.unwrap_err()] {
            let said = chain(&error);
            assert!(
                said.contains("pocketping.test") && said.contains(&format!(": by way of the proxy {named}: ")),
                "{said}"
            );
            assert!(!format!("{said} {error:?}").contains("secret"), "{said}");
        }
    }
    let nobody = https(1).build().unwrap().sessions().list().await.unwrap_err();
    assert!(!chain(&nobody).contains("proxy"), "{nobody}");

    // A proxy that wants to know who asks.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 4096];
        assert!(stream.read(&mut asked).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    });
    let error = through(&proxy).build().unwrap().sessions().list().await.unwrap_err();
    assert_eq!((error.status(), error.hint().is_some_and(|hint| hint.contains("proxy"))), (Some(407), true), "{error}");

    // And a server that speaks no TLS.
    let server = MockServer::start();
    let error = https(server.address().port()).build().unwrap().sessions().list().await.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("http://")), "{}", chain(&error));
}

/// An HTTP proxy that takes `CONNECT` and absolute URLs, and leads everything to one server. It records first lines.
async fn proxy(to: SocketAddr) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://user:secret@{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if client.read(&mut byte).await.unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let first = head.lines().next().unwrap().to_owned();
                let authorized = head.to_lowercase().contains("proxy-authorization: basic");
                log.lock().unwrap().push(format!("{first} {}", if authorized { "authorized" } else { "bare" }));
                let mut server = TcpStream::connect(to).await.unwrap();
                if first.starts_with("CONNECT") {
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                } else {
                    let (method, rest) = head.split_once(" http://").unwrap();
                    let path = &rest[rest.find('/').unwrap()..];
                    server.write_all(format!("{method} {path}").as_bytes()).await.unwrap();
                }
                drop(copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    (url, seen)
}

#[tokio::test]
async fn an_explicit_proxy_carries_rest_and_socket_even_to_this_machine() {
    let server = MockServer::start();
    let (proxy_url, seen) = proxy(server.address()).await;
    // Two clients, so that the upgrade does not go over the connection of the list.
    let client = || Client::builder().base_url(server.url()).api_key("test_key").proxy(&proxy_url).build().unwrap();
    client().events().connect().await.unwrap();
    works(&client(), &server).await;
    let address = server.address();
    let lines = seen.lock().unwrap().clone();
    assert!(lines.contains(&format!("GET http://{address}/sessions HTTP/1.1 authorized")), "{lines:?}");
    assert!(lines.contains(&format!("GET http://{address}/ws HTTP/1.1 authorized")), "{lines:?}");
}

#[tokio::test]
async fn https_and_wss_go_through_a_tunnel() {
    let server = MockServer::start();
    let authority = Authority::new();
    let port = authority.front(server.address(), false).await;
    let (proxy_url, seen) = proxy(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let client = Client::builder()
        .base_url("https://pocketping.test/v1")
        .api_key("test_key")
        .root_certificate_pem(authority.pem())
        .proxy(&proxy_url)
        .retry(RetryPolicy::none());
    // The certificate is for localhost, so the tunnel must not hide that.
    assert_eq!(client.build().unwrap().sessions().list().await.unwrap_err().kind(), ErrorKind::Connect);
    let client = https(port).root_certificate_pem(authority.pem()).proxy(&proxy_url).build().unwrap();
    works(&client, &server).await;
    let lines = seen.lock().unwrap().clone();
    assert!(lines[0].starts_with("CONNECT pocketping.test:443 "), "{lines:?}");
    let tunnel = format!("CONNECT localhost:{port} HTTP/1.1 authorized");
    assert_eq!(lines[1..], [tunnel.clone(), tunnel], "one for REST, one for the socket");
}

#[tokio::test]
async fn no_proxy_names_the_hosts_that_are_reached_directly() {
    let server = MockServer::start();
    let (proxy_url, seen) = proxy(server.address()).await;
    let client = Client::builder().base_url(server.url()).api_key("test_key").proxy(proxy_url).no_proxy("127.0.0.0/8");
    works(&client.build().unwrap(), &server).await;
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_mock_server_that_speaks_tls_itself_is_known_by_its_authority_on_rest_and_on_the_socket() {
    let server = MockServer::builder().tls(TlsIdentity::generated()).start().unwrap();
    let ca = server.ca_pem().unwrap().to_owned();
    let port = server.address().port();
    for url in [server.url().to_owned(), format!("https://localhost:{port}")] {
        let client = https(port).base_url(url).root_certificate_pem(ca.clone()).build().unwrap();
        works(&client, &server).await;
    }

    let other = MockServer::builder().tls(TlsIdentity::generated()).start().unwrap();
    let others = other.ca_pem().unwrap().to_owned();
    for stranger in [https(port), https(port).root_certificate_pem(others)] {
        let client = stranger.build().unwrap();
        let error = client.sessions().list().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, pocketping_sdk::Outcome::NotSent), "{error}");
        assert_eq!(client.events().connect().await.unwrap_err().kind(), ErrorKind::Connect);
    }
}
