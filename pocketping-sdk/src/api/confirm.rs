//! Sending a message so that it is there once: what became of a send that failed without a word is read back.
//!
//! The invariant: every send is in the session exactly once, or its outcome was said to be unknown and it is there at
//! most once (unless the caller asked for a resend).

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Messages;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::{Attempt, Decoded, Pending, Response, Run};
use crate::types::{Message, MessageId, NewMessage, Timestamp};

/// How much older than the send its message may look: servers round their times.
const SLACK: Duration = Duration::from_secs(5);
/// The first wait between two looks; it doubles.
const LOOK: Duration = Duration::from_millis(100);
/// How often a message is sent again after it was looked for in vain.
const RESENDS: u32 = 2;

/// Sends a message and gives it as the server holds it.
pub(super) async fn send(
    run: Run,
    attempt: Attempt<Message>,
    messages: Messages,
    sent: NewMessage,
) -> Result<Response<Message>> {
    let mut pending = Pending::new(run.client(), likeness(&messages, &sent));
    let mut search = Search { run: &run, messages, sent, known: None };
    if run.client().is_undated() {
        // Without the server's clock only what was there before tells an older message from this one.
        let before = search.read().await.map_err(|error| error.with_outcome(Outcome::NotSent))?;
        search.known = Some(before.0.into_iter().map(|message| message.id).collect());
    }
    let mut unknown = None;
    for resends in 0..=RESENDS {
        let error = match attempt.go(&run).await {
            Ok((Decoded::Value(message), reply)) => {
                run.client().inner().claims.claim(message.id.as_str());
                return Ok(Response::new(message, reply));
            }
            Ok((Decoded::Ack, reply)) => {
                let found = search.acknowledged().await;
                return match found {
                    Ok(message) => Ok(Response::new(message, reply)),
                    Err(error) => Err(attempt.incomplete(&reply, error)),
                };
            }
            Err(error) if error.outcome() == Outcome::Unknown => error,
            // A later attempt that did not arrive does not undo an earlier one that may have.
            Err(error) => return Err(unknown.unwrap_or(error)),
        };
        pending.ended();
        match search.settled(pending.kind()).await {
            Settled::Found(response) => return Ok(*response),
            Settled::Absent if resends < RESENDS && (run.may_resend() || said_so_itself(&error)) => {
                tracing::debug!("the message is not there; it is sent again");
                pending.again();
                unknown = Some(error);
            }
            Settled::Absent | Settled::Unreadable => return Err(error),
        }
    }
    Err(unknown.unwrap_or_else(|| Error::new(ErrorKind::Timeout, Outcome::Unknown, "the message could not be sent")))
}

/// A server that answers in the documented form is the origin itself; a gateway's error says nothing about it.
fn said_so_itself(error: &Error) -> bool {
    error.api().is_some_and(|api| api.documented && api.status >= 500)
}

/// What two sends have in common that cannot be told apart by reading.
fn likeness(messages: &Messages, sent: &NewMessage) -> String {
    format!("{}\n{}\n{}", messages.session(), kind(sent), normal(&sent.content))
}

/// The server takes `operator` when no type was given.
fn kind(sent: &NewMessage) -> &str {
    if sent.kind.as_str().is_empty() { "operator" } else { sent.kind.as_str() }
}

fn normal(content: &str) -> String {
    content.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

/// What reading told.
enum Settled {
    Found(Box<Response<Message>>),
    /// It was not there after the time to settle.
    Absent,
    /// Nothing could be told.
    Unreadable,
}

struct Search<'a> {
    run: &'a Run,
    messages: Messages,
    sent: NewMessage,
    /// The ids that were there before the first attempt, when they were read.
    known: Option<HashSet<MessageId>>,
}

impl Search<'_> {
    /// The session's messages, with the earliest time the one just sent can have by the server's own clock.
    async fn read(&self) -> Result<(Vec<Message>, Option<Timestamp>, crate::transport::Reply)> {
        let answer = self.run.follow_up_with_response(self.messages.list().call()).await?;
        let (list, reply) = answer.into_parts();
        let oldest = crate::transport::date(&reply.headers)
            .and_then(|now| now.checked_sub(self.run.elapsed() + SLACK))
            .and_then(|time| Timestamp::try_from(time).ok());
        Ok((list.messages, oldest, reply))
    }

    /// Whether a message is of the same type and text, and not one that was there before. `None` when that cannot be
    /// told.
    fn is_match(&self, message: &Message, oldest: Option<Timestamp>) -> Option<bool> {
        if message.kind != *kind(&self.sent) || normal(&message.content) != normal(&self.sent.content) {
            return Some(false);
        }
        let in_time = message.created_at.zip(oldest).map(|(created, oldest)| created >= oldest);
        let is_new = self.known.as_ref().map(|known| !known.contains(&message.id));
        match (in_time, is_new) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, None) => None,
            _ => Some(true),
        }
    }

    fn claim(&self, message: &Message) -> bool {
        self.run.client().inner().claims.claim(message.id.as_str())
    }

    /// Finds the message an acknowledgement spoke of. It is there, so one that cannot be told apart will do; of several
    /// the last one, for it was written last.
    async fn acknowledged(&self) -> Result<Message> {
        let (messages, oldest, _) = self.read().await?;
        let mut newest_first = messages.into_iter().rev();
        newest_first.find(|message| self.is_match(message, oldest).unwrap_or(true) && self.claim(message)).ok_or_else(
            || {
                let message = "GET /sessions/:sessionId/messages: the message just sent is not in the list";
                Error::new(ErrorKind::Decode, Outcome::Rejected, message)
            },
        )
    }

    /// Looks for a message whose sending failed without a word, until the time to settle is over.
    async fn settled(&self, likeness: &str) -> Settled {
        let until = Instant::now() + self.run.settle().min(self.run.left());
        let mut wait = LOOK;
        loop {
            let is_last = Instant::now() >= until;
            let told = match self.read().await {
                Ok((messages, oldest, reply)) => {
                    // While another send like this one is on its way, any message may be that one's. One that began and
                    // ended during the reading has claimed its own.
                    let alone = !self.run.client().inner().claims.is_pending(likeness);
                    let mut told = true;
                    for message in messages.into_iter().rev() {
                        match self.is_match(&message, oldest) {
                            Some(true) if alone && self.claim(&message) => {
                                return Settled::Found(Box::new(Response::confirmed(message, reply)));
                            }
                            Some(true) if !alone => told = false,
                            Some(_) => {}
                            None => told = false,
                        }
                    }
                    told
                }
                Err(error) => {
                    tracing::debug!(kind = ?error.kind(), "the messages cannot be read back");
                    false
                }
            };
            if is_last {
                return if told { Settled::Absent } else { Settled::Unreadable };
            }
            tokio::time::sleep_until(until.min(Instant::now() + wait)).await;
            wait *= 2;
        }
    }
}
