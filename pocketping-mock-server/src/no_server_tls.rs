//! What stands in for TLS in a build without the feature `tls`: nobody can ask for it.

use std::io;

/// Cannot be had; its surface is that of `server_tls.rs`.
#[derive(Clone, Debug)]
pub(crate) enum Acceptor {}

#[expect(clippy::unused_async, reason = "as in `server_tls.rs`")]
impl Acceptor {
    pub(crate) async fn accept<S>(&self, _: S) -> io::Result<S> {
        match *self {}
    }
}
