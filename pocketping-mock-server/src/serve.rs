//! `serve`: one connection, from its first byte to its end, and how it ends with the server.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::app::App;
use crate::connection::{Connection, Pipe};
use crate::http::Front;
use crate::http_client::Wire;
use crate::server_tls::Acceptor;

/// How long a server that shuts down waits for its connections, unless it is told otherwise.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
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

/// What answers requests.
pub(crate) type Routed = TowerToHyperService<Front>;

/// Ends shortly before the grace of a stopping server does.
pub(crate) async fn after_grace(app: &App) {
    app.stop.cancelled().await;
    // Real time: a stopping server does not wait for its clock.
    drop(timeout(app.grace / 2, std::future::pending::<()>()).await);
}

/// Serves a connection until it ends.
pub(crate) async fn serve(app: &App, stream: TcpStream, connection: Connection, service: Routed) {
    http(app, connection.wire(stream), connection, service).await;
}

/// As [`serve`], for all that is no TCP.
#[cfg(any(unix, feature = "memory"))]
pub(crate) async fn serve_local(app: &App, stream: impl Pipe, connection: Connection, service: Routed) {
    let stream: Wire = Box::new(connection.wire(stream));
    http(app, stream, connection, service).await;
}

/// As [`serve`], over TLS.
pub(crate) async fn serve_tls(app: &App, tls: &Acceptor, stream: TcpStream, connection: Connection, service: Routed) {
    let accepted = tokio::select! {
        accepted = timeout(HANDSHAKE, accept_tls(tls, stream, &connection)) => accepted,
        () = app.stop.cancelled() => return,
        () = connection.ended() => return,
    };
    match accepted {
        Ok(Ok(Some(stream))) => http::<Wire>(app, Box::new(stream), connection, service).await,
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "no TLS with a client"),
        Err(_) => tracing::debug!("no TLS with a client in time"),
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

async fn http<S>(app: &App, stream: S, connection: Connection, service: Routed)
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
                served.as_mut().await
            }
        }
    };
    let ended = tokio::select! {
        ended = until_stop => ended,
        () = connection.ended() => {
            if !connection.owes() {
                return;
            }
            served.as_mut().graceful_shutdown();
            served.await
        }
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
