//! The body of an answer: all of it, or as it comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Body;

use super::{Exchange, Failure};

impl Exchange {
    /// The next part of the body; none at its end. Cancel safe: nothing is lost when the future is dropped.
    pub(crate) async fn part(&mut self) -> Option<Result<Bytes, Failure>> {
        poll_fn(|cx| self.poll_part(cx)).await
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
                match frame {
                    None => return Poll::Ready(None),
                    Some(Err(error)) => return Poll::Ready(Some(Err(Failure::broken(error)))),
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Poll::Ready(Some(Ok(data)));
                        }
                        // Trailers say nothing here.
                        continue;
                    }
                }
            }
            let Some(connection) = &mut self.connection else { return Poll::Pending };
            if connection.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.connection = None;
        }
    }

    /// The whole body, which may have this many bytes.
    pub(crate) async fn whole(&mut self, limit: usize) -> Result<Bytes, Failure> {
        let mut whole = Vec::new();
        while let Some(part) = self.part().await {
            whole.extend_from_slice(&part?);
            if whole.len() > limit {
                return Err(Failure::TooLarge(limit));
            }
        }
        Ok(whole.into())
    }
}
