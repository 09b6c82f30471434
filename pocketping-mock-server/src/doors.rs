//! `Doors`: where connections come from.

use std::io;
use std::net::TcpListener;
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::service::TowerToHyperService;
use tokio::time::timeout;

use crate::app::App;
use crate::connection::{Connection, Pipe};
#[cfg(feature = "memory")]
use crate::memory::MemoryDoor;
#[cfg(any(unix, feature = "memory"))]
use crate::serve::serve_local;
use crate::serve::{Routed, serve, serve_tls};
use crate::server_tls::Acceptor;

/// How long the server waits after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(20);

/// Where connections come from.
#[derive(Debug)]
pub(crate) struct Doors {
    /// None when nothing outside the process is to reach the server.
    pub(crate) tcp: Option<TcpListener>,
    /// What TCP connections speak, if not plain HTTP.
    pub(crate) tls: Option<Acceptor>,
    #[cfg(unix)]
    pub(crate) unix: Option<UnixDoor>,
    #[cfg(feature = "memory")]
    pub(crate) memory: MemoryDoor,
}

impl Doors {
    /// Takes connections until the server stops.
    pub(crate) async fn accept(self, app: &App) {
        let service = TowerToHyperService::new(crate::router::router(app.clone()));
        tokio::join!(
            async {
                if let Some(tcp) = self.tcp {
                    accept_tcp(app, tcp, self.tls, &service).await;
                }
            },
            async {
                #[cfg(unix)]
                if let Some(unix) = self.unix {
                    accept_unix(app, unix, &service).await;
                }
            },
            async {
                #[cfg(feature = "memory")]
                accept_memory(app, self.memory, &service).await;
            },
            app.stop.cancelled(),
        );
    }
}

async fn accept_tcp(app: &App, listener: TcpListener, tls: Option<Acceptor>, service: &Routed) {
    let listening = listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener));
    let Some(listener) = usable(listening) else { return };
    while let Some((stream, peer)) = next(app, || listener.accept()).await {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let connection = Connection::new(Some(peer.ip()), app.faults.new_end());
        let (serving, service, tls) = (app.clone(), service.clone(), tls.clone());
        app.tasks.spawn(async move {
            match tls {
                Some(tls) => serve_tls(&serving, &tls, stream, connection, service).await,
                None => serve(&serving, stream, connection, service).await,
            }
        });
    }
}

#[cfg(unix)]
async fn accept_unix(app: &App, door: UnixDoor, service: &Routed) {
    let UnixDoor { listener, file: _until_the_end } = door;
    let listening = listener.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(listener));
    let Some(listener) = usable(listening) else { return };
    while let Some((stream, _)) = next(app, || listener.accept()).await {
        spawn(app, stream, service);
    }
}

#[cfg(feature = "memory")]
async fn accept_memory(app: &App, mut door: MemoryDoor, service: &Routed) {
    loop {
        let stream = tokio::select! {
            stream = door.accept() => stream,
            () = app.stop.cancelled() => return,
        };
        // Dropped without a byte, as below.
        if !app.faults.refuses_connections() {
            spawn(app, stream, service);
        }
    }
}

/// Serves a connection of somebody on this machine.
#[cfg(any(unix, feature = "memory"))]
fn spawn(app: &App, stream: impl Pipe, service: &Routed) {
    let connection = Connection::new(None, app.faults.new_end());
    let (serving, service) = (app.clone(), service.clone());
    app.tasks.spawn(async move { serve_local(&serving, stream, connection, service).await });
}

fn usable<L>(listener: io::Result<L>) -> Option<L> {
    listener.inspect_err(|error| tracing::error!(%error, "a listener cannot be used")).ok()
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

/// A Unix socket. Its file is gone when this is.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct UnixDoor {
    listener: std::os::unix::net::UnixListener,
    file: SocketFile,
}

#[cfg(unix)]
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Which file it is: another server's, under the same name, is not ours to remove.
    inode: u64,
}

#[cfg(unix)]
impl UnixDoor {
    /// Listens there. A file that a server left behind which did not end in order is replaced; one that another server
    /// listens on is not, nor one that is no socket.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        use std::os::unix::net::{UnixListener, UnixStream};
        let is_left_behind = || {
            std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
                && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
        };
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind() => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        let inode = std::fs::symlink_metadata(path)?.ino();
        Ok(Self { listener, file: SocketFile { path: path.to_owned(), inode } })
    }
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        use std::os::unix::fs::MetadataExt;
        let is_ours = std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if is_ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the socket's file stays behind");
        }
    }
}
