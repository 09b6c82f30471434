//! `serve`: connections, from the listener to the router, and how they end with the server.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use crate::app::App;
use crate::connection::Connection;

/// How long a server that shuts down waits for its connections, unless it is told otherwise.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// How long the server waits after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a connection may be idle, and take for the head of a request: longer than clients keep theirs.
const HEAD: Duration = Duration::from_secs(100);

/// Ends shortly before the grace of a stopping server does.
pub(crate) async fn after_grace(app: &App) {
    app.stop.cancelled().await;
    // Real time: a stopping server does not wait for its clock.
    drop(tokio::time::timeout(app.grace / 2, std::future::pending::<()>()).await);
}

/// Takes connections until the server stops.
pub(crate) async fn accept(app: &App, listener: tokio::net::TcpListener) {
    let service = TowerToHyperService::new(crate::router::router(app.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.stop.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, say: others may become free, and until then there is nothing to do.
                tracing::warn!(%error, "a connection could not be accepted");
                drop(tokio::time::timeout(PAUSE, app.stop.cancelled()).await);
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        if app.faults.refuses_connections() {
            continue;
        }
        let connection = Connection::new(Some(peer.ip()), app.faults.new_end());
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(connection.wire(stream)), with(connection.clone(), service.clone()))
            .with_upgrades();
        let stop = app.stop.clone();
        app.tasks.spawn(async move {
            let mut served = std::pin::pin!(served);
            let until_stop = async {
                tokio::select! {
                    ended = served.as_mut() => ended,
                    () = stop.cancelled() => {
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
        });
    }
}

/// The service of one connection: whoever answers a request can reach the connection it came on.
fn with(
    connection: Connection,
    service: TowerToHyperService<Router>,
) -> impl HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send> {
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        service.call(request)
    })
}
