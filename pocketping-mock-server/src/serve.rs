//! `serve`: connections, from the listener to the router, and how they end with the server.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::app::App;
use crate::connection::Connection;
use crate::server_tls::Acceptor;

/// How long a server that shuts down waits for its connections, unless it is told otherwise.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// How long the server waits after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a connection may be idle, and take for the head of a request: longer than clients keep theirs.
const HEAD: Duration = Duration::from_secs(100);
/// How long a client has to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How TLS begins, and no HTTP does.
const TLS_HANDSHAKE: u8 = 0x16;
/// What a client hears that speaks plain HTTP where TLS is spoken.
const NO_TLS: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 61\r\n\
    Connection: close\r\n\r\nThis server speaks TLS: the address must begin with https://\n";
/// How much of what such a client says is read.
const MOST_UNHEARD: u64 = 64 << 10;

/// Ends shortly before the grace of a stopping server does.
pub(crate) async fn after_grace(app: &App) {
    app.stop.cancelled().await;
    // Real time: a stopping server does not wait for its clock.
    drop(timeout(app.grace / 2, std::future::pending::<()>()).await);
}

/// Where connections come from.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) tcp: std::net::TcpListener,
    /// What TCP connections speak, if not plain HTTP.
    pub(crate) tls: Option<Acceptor>,
}

type Routed = TowerToHyperService<Router>;

/// Takes connections until the server stops.
pub(crate) async fn accept(app: &App, doors: Doors) {
    let service = TowerToHyperService::new(crate::router::router(app.clone()));
    match tokio::net::TcpListener::from_std(doors.tcp) {
        Ok(listener) => accept_tcp(app, listener, doors.tls, service).await,
        Err(error) => tracing::error!(%error, "the listener cannot be used"),
    }
}

async fn accept_tcp(app: &App, listener: TcpListener, tls: Option<Acceptor>, service: Routed) {
    while let Some((stream, peer)) = next(app, || listener.accept()).await {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let connection = Connection::new(Some(peer.ip()), app.faults.new_end());
        let (app, service, tls) = (app.clone(), service.clone(), tls.clone());
        app.clone().tasks.spawn(async move {
            let Some(tls) = tls else { return serve(&app, stream, connection, service).await };
            let accepted = tokio::select! {
                accepted = timeout(HANDSHAKE, accept_tls(&tls, stream, &connection)) => accepted,
                () = app.stop.cancelled() => return,
                () = connection.ended() => return,
            };
            match accepted {
                Ok(Ok(Some(stream))) => serve_on(&app, stream, connection, service).await,
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "no TLS with a client"),
                Err(_) => tracing::debug!("no TLS with a client in time"),
            }
        });
    }
}

/// The next connection that is to be served; none once the server stops.
async fn next<S, F: Future<Output = io::Result<S>>>(app: &App, accept: impl Fn() -> F) -> Option<S> {
    loop {
        let accepted = tokio::select! {
            accepted = accept() => accepted,
            () = app.stop.cancelled() => return None,
        };
        match accepted {
            // Dropped without a byte.
            Ok(_) if app.faults.refuses_connections() => {}
            Ok(accepted) => return Some(accepted),
            Err(error) => {
                // Out of file descriptors, say: others may become free, and until then there is nothing to do.
                tracing::warn!(%error, "a connection could not be accepted");
                drop(timeout(PAUSE, app.stop.cancelled()).await);
            }
        }
    }
}

/// Accepts TLS. Who speaks plain HTTP is told so, as nothing else would tell: that is none.
async fn accept_tls(
    tls: &Acceptor,
    mut stream: TcpStream,
    connection: &Connection,
) -> io::Result<Option<impl AsyncRead + AsyncWrite + Send + Unpin + use<>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first != [TLS_HANDSHAKE] {
        stream.write_all(NO_TLS.as_bytes()).await?;
        stream.shutdown().await?;
        // Unread input would reset the connection, and the answer be lost.
        tokio::io::copy(&mut stream.take(MOST_UNHEARD), &mut tokio::io::sink()).await?;
        return Ok(None);
    }
    tls.accept(connection.wire(stream)).await.map(Some)
}

async fn serve<S>(app: &App, stream: S, connection: Connection, service: Routed)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    serve_on(app, connection.wire(stream), connection, service).await;
}

/// Serves a connection until it ends.
async fn serve_on<S>(app: &App, stream: S, connection: Connection, service: Routed)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), with(connection.clone(), service))
        .with_upgrades();
    let mut served = std::pin::pin!(served);
    let until_stop = async {
        tokio::select! {
            ended = served.as_mut() => ended,
            () = app.stop.cancelled() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        }
    };
    let ended = tokio::select! {
        ended = until_stop => ended,
        () = connection.ended() => return,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The service of one connection: whoever answers a request can reach the connection it came on.
fn with(
    connection: Connection,
    service: Routed,
) -> impl HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send> {
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        service.call(request)
    })
}
