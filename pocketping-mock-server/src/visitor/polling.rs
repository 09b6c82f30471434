//! Polling: where nothing better is served, the widget asks again and again.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::error::Result;
use super::{Chat, Frame};

/// Asks once for what has changed.
pub(super) async fn poll(chat: &Chat) -> Result<Vec<Frame>> {
    let messages = chat.messages_after(chat.0.conversation.last_change()).await?;
    let mut frames: Vec<_> = messages.into_iter().map(|message| Frame::Message(Box::new(message))).collect();
    // Many servers know nothing of screenshots, and a widget does not mind.
    match chat.screenshot_requests().await {
        Ok(asked) => frames.extend(asked.into_iter().map(Frame::ScreenshotRequest)),
        Err(error) => tracing::debug!(%error, "no screenshots"),
    }
    Ok(frames)
}

/// Hands over what the first poll found, and goes on asking.
pub(super) async fn serve(chat: Chat, first: Vec<Frame>, frames: mpsc::Sender<Result<Frame>>) {
    let mut found = Ok(first);
    loop {
        match found {
            Ok(found) => {
                for frame in found {
                    if frames.send(Ok(frame)).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                // Nobody may listen any more, and then nobody minds.
                drop(frames.send(Err(error)).await);
                return;
            }
        }
        let is_over = wait(chat.0.poll_every, &frames).await;
        if is_over {
            return;
        }
        found = poll(&chat).await;
    }
}

/// Lets this much time go by; `true` when nobody listens any more.
async fn wait(interval: Duration, frames: &mpsc::Sender<Result<Frame>>) -> bool {
    timeout(interval, frames.closed()).await.is_ok()
}
