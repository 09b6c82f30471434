//! What stands in for TLS in a build without the feature `tls`: connections to `https` targets fail and say why.

use std::io;

use tokio::net::TcpStream;
use url::Host;

/// Nothing; its surface is that of `tls.rs`.
#[derive(Debug)]
pub(crate) struct Tls;

/// Cannot be had.
pub(super) enum Connector {}

#[expect(clippy::unused_async, clippy::unnecessary_wraps, reason = "as in `tls.rs`")]
impl Tls {
    pub(crate) fn new(_: &[Vec<u8>]) -> Result<Self, String> {
        Ok(Self)
    }

    pub(super) async fn connector(&self) -> Result<Connector, String> {
        Err("https:// targets need the feature `tls` of pocketping-mock-server".to_owned())
    }
}

#[expect(clippy::unused_async, reason = "as in `tls.rs`")]
impl Connector {
    pub(super) async fn connect(&self, _: &Host<&str>, _: TcpStream) -> io::Result<TcpStream> {
        match *self {}
    }
}
