//! One connection: how it is ended from within, and how it falls silent.

use std::future::pending;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// What those who answer on a connection can do to it. Every request has it among its extensions.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    peer: Option<IpAddr>,
    end: CancellationToken,
    is_silent: Arc<AtomicBool>,
    is_reset: Arc<AtomicBool>,
    /// How many are to be answered before it ends.
    owed: Arc<AtomicUsize>,
}

/// An answer that is owed.
#[derive(Debug)]
pub(crate) struct Owed(Arc<AtomicUsize>);

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    pub(crate) fn new(peer: Option<IpAddr>, end: CancellationToken) -> Self {
        Self { peer, end, is_silent: Arc::default(), is_reset: Arc::default(), owed: Arc::default() }
    }

    /// Whoever controls the server is answered, also when all connections are cut meanwhile: for as long as this is kept.
    pub(crate) fn owe(&self) -> Owed {
        self.owed.fetch_add(1, Ordering::Relaxed);
        Owed(Arc::clone(&self.owed))
    }

    /// Whether somebody is to be answered before it ends.
    pub(crate) fn owes(&self) -> bool {
        self.owed.load(Ordering::Relaxed) > 0
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// The stream, as it is to be served.
    pub(crate) fn wire<S: Pipe>(&self, stream: S) -> Wire<S> {
        Wire { stream, is_silent: Arc::clone(&self.is_silent), is_reset: Arc::clone(&self.is_reset) }
    }

    /// Ends it: what was not sent yet never is.
    pub(crate) fn end(&self) {
        self.end.cancel();
    }

    /// As [`end`](Self::end), for those who owe an answer: whoever waits for it is dropped with the connection.
    pub(crate) async fn end_unanswered<T>(&self) -> T {
        self.end();
        pending().await
    }

    /// As [`end_unanswered`](Self::end_unanswered), with a reset instead of an end.
    pub(crate) async fn reset_unanswered<T>(&self) -> T {
        self.is_reset.store(true, Ordering::Relaxed);
        self.end_unanswered().await
    }

    /// Waits until it is to end.
    pub(crate) async fn ended(&self) {
        self.end.cancelled().await;
    }

    /// Lets it fall silent: it stays open, but nothing is sent or heard any more, save that the peer ends it.
    pub(crate) fn silence(&self) {
        self.is_silent.store(true, Ordering::Relaxed);
    }
}

/// What a connection is made of.
pub(crate) trait Pipe: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Lets the close be a reset, where there is such a thing: nothing that was not sent yet ever is.
    fn reset_on_close(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Pipe for TcpStream {
    fn reset_on_close(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

#[cfg(unix)]
impl Pipe for tokio::net::UnixStream {}

#[cfg(feature = "memory")]
impl Pipe for tokio::io::DuplexStream {}

/// The stream of a connection.
#[derive(Debug)]
pub(crate) struct Wire<S: Pipe> {
    stream: S,
    is_silent: Arc<AtomicBool>,
    is_reset: Arc<AtomicBool>,
}

impl<S: Pipe> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.is_reset.load(Ordering::Relaxed)
            && let Err(error) = self.stream.reset_on_close()
        {
            tracing::debug!(%error, "a connection cannot be reset");
        }
    }
}

impl<S: Pipe> Wire<S> {
    fn is_silent(&self) -> bool {
        self.is_silent.load(Ordering::Relaxed)
    }
}

impl<S: Pipe> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_silent() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let mut scratch = [0; 1024];
        loop {
            let mut unheard = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut unheard))?;
            if unheard.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: Pipe> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_silent() {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_silent() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
