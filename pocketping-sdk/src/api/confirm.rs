//! Sending a message so that it is there once: what became of a send that failed without a word is read back.
//!
//! The invariant: every send is in the session exactly once, or its outcome was said to be unknown and it is there at
//! most once (unless the caller asked for a resend).

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Messages;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::transport::{Attempt, Decoded, Pending, Reply, Response, Run, floor};
use crate::types::{ErrorBody, Message, MessageId, NewMessage, Timestamp};

/// How much older than the send its message may look: servers round their times.
const SLACK: Duration = Duration::from_secs(5);
/// The first wait between two looks; it doubles.
const LOOK: Duration = Duration::from_millis(100);
/// How many pages of messages are read at most.
const MOST_PAGES: usize = 100;

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
        match search.read(&run).await {
            Ok((before, ..)) => search.known = Some(before.into_iter().map(|message| message.id).collect()),
            Err(error) => {
                pending.known();
                return Err(error.with_outcome(Outcome::NotSent));
            }
        }
    }
    let mut earlier: Option<Earlier> = None;
    let mut key = Key::Spare;
    loop {
        let before = earlier.as_ref().map_or(0, |earlier| earlier.error.attempts());
        let failed = match attempt.go(&run, before).await {
            Ok((Decoded::Value(message), reply)) => {
                search.claim(&message);
                pending.known();
                return Ok(Response::new(message, reply));
            }
            Ok((Decoded::Ack, reply)) => {
                let found = search.acknowledged().await.map_err(|error| attempt.incomplete(&reply, error))?;
                pending.known();
                return Ok(Response::new(found, reply));
            }
            Err(error) => error,
        };
        let is_unknown = failed.outcome() == Outcome::Unknown;
        // An attempt that did not arrive does not undo an earlier one that may have.
        let error = match earlier.take() {
            None if !is_unknown => {
                pending.known();
                return Err(failed);
            }
            None => failed,
            Some(earlier) => {
                // Where nothing was sent this time, what went wrong before is the better answer.
                let was_sent = failed.attempts() > before;
                let error = if was_sent { failed.with_outcome(Outcome::Unknown) } else { earlier.error };
                if earlier.was_looked_for && !(was_sent && is_unknown) {
                    return Err(error);
                }
                error
            }
        };
        let may_repeat = error.attempts() < run.max_attempts();
        let is_fresh = before == 0 && may_repeat && !run.client().is_extended();
        let this_key = match key {
            _ if run.max_attempts() == 1 || !run.client().is_extended() && is_success(&error) => Key::Unheeded,
            Key::Spare if is_fresh => Key::Fresh,
            key => key,
        };
        pending.searched();
        let was_looked_for = match search.settled(pending.likeness(), this_key).await {
            Settled::Found(found) => {
                pending.known();
                let (message, reading) = *found;
                return Ok(Response::confirmed(message, reading, error.attempts()));
            }
            Settled::Recognised => {
                if this_key == Key::Spare {
                    key = Key::Spent;
                }
                false
            }
            Settled::Absent if may_repeat && (run.may_resend() || said_so_itself(&error)) => true,
            Settled::Absent | Settled::Unreadable => return Err(error),
        };
        // A wait past the deadline could only end in it.
        let Some(wait) = run.wait_after(&error, error.attempts()) else { return Err(error) };
        tracing::debug!(?wait, by_key = !was_looked_for, "the message is sent again");
        tokio::time::sleep(wait).await;
        earlier = Some(Earlier { error, was_looked_for });
        pending.again();
    }
}

/// A round of attempts of which one may have arrived.
struct Earlier {
    error: Error,
    /// Whether its message was looked for until the time to settle was over.
    was_looked_for: bool,
}

/// Whether an answer began as a success that could not be read to its end, or was none.
fn is_success(error: &Error) -> bool {
    error.status().is_some_and(|status| (200..300).contains(&status))
}

/// Whether the origin itself said, with all that the documented form has, that it failed. What a gateway says, in
/// whatever form, says nothing about the origin.
fn said_so_itself(error: &Error) -> bool {
    error.api().is_some_and(|api| {
        let body = serde_json::from_str::<ErrorBody>(&api.body).unwrap_or_default();
        api.status == 500 && body.error.is_some() && body.message.is_some() && !body.code.as_str().is_empty()
    })
}

/// What two sends have in common that cannot be told apart by reading.
pub(super) fn likeness(messages: &Messages, sent: &NewMessage) -> String {
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
    /// The message, and the answer it was found in.
    Found(Box<(Message, Reply)>),
    /// A repetition with the same key tells more than reading can.
    Recognised,
    /// It was not there after the time to settle.
    Absent,
    /// Nothing could be told.
    Unreadable,
}

/// What the idempotency key of a send is good for once a server shows that it knows keys. A message that looks like the one that
/// was sent proves nothing there: another process may have sent the same text.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    /// No attempt leaned on it: an answer that shows that it is known is enough to ask again.
    Fresh,
    /// It is worth one more attempt, even beyond the policy, where something looks like the message.
    Spare,
    /// That attempt was in vain, too.
    Spent,
    /// It is good for nothing: whoever did the work knows no keys, whatever another machine of the service says afterwards, or
    /// one attempt is all that is wanted. Reading tells as much as of any other server.
    Unheeded,
}

struct Search<'a> {
    run: &'a Run,
    messages: Messages,
    sent: NewMessage,
    /// The ids that were there before the first attempt, when they were read.
    known: Option<HashSet<MessageId>>,
}

impl Search<'_> {
    /// The session's messages, all pages of them, with the earliest time the one just sent can have by the server's own
    /// clock.
    async fn read(&self, run: &Run) -> Result<(Vec<Message>, Option<Timestamp>, Reply)> {
        let (list, first) = run.follow_up_with_response(self.messages.list().call()).await?.into_parts();
        let (mut messages, mut next) = (list.messages, list.next_cursor);
        let mut pages = 1;
        while let Some(cursor) = next {
            if pages == MOST_PAGES {
                let message = "GET /sessions/:sessionId/messages: the list has no end";
                return Err(Error::new(ErrorKind::Decode, Outcome::Rejected, message));
            }
            let page = run.follow_up(self.messages.list().cursor(cursor).call()).await?;
            messages.extend(page.messages);
            next = page.next_cursor;
            pages += 1;
        }
        let since = first.answered.saturating_duration_since(self.run.first_sent());
        let oldest = crate::retry_after::date(&first.headers)
            .and_then(|now| now.checked_sub(since + SLACK))
            .and_then(|time| Timestamp::try_from(time).ok());
        Ok((messages, oldest, first))
    }

    /// Whether a message is of the same type and text, and not one that was there before. `None` when that cannot be
    /// told.
    fn is_match(&self, message: &Message, oldest: Option<Timestamp>) -> Option<bool> {
        if normal(&message.content) != normal(&self.sent.content) {
            return Some(false);
        }
        let is_kind = if message.kind.as_str().is_empty() { None } else { Some(message.kind == *kind(&self.sent)) };
        let in_time = message.created_at.zip(oldest).map(|(created, oldest)| created >= oldest);
        let is_new = self.known.as_ref().map(|known| !known.contains(&message.id));
        if [is_kind, in_time, is_new].contains(&Some(false)) {
            return Some(false);
        }
        (is_kind.is_some() && (in_time.is_some() || is_new.is_some())).then_some(true)
    }

    fn claim(&self, message: &Message) -> bool {
        // Ids need be unique within their session only.
        let id = format!("{}\n{}", self.messages.session(), message.id);
        self.run.client().inner().claims.claim(id)
    }

    /// Finds the message an acknowledgement spoke of. It is there, or soon will be: at the end one that cannot be told
    /// apart will do. Of several the last one, for it was written last.
    async fn acknowledged(&self) -> Result<Message> {
        let until = Instant::now() + self.run.settle().min(self.run.left());
        let mut wait = LOOK;
        loop {
            let is_last = Instant::now() >= until;
            let (messages, oldest, _) = self.read(self.run).await?;
            for message in messages.into_iter().rev() {
                if self.is_match(&message, oldest).unwrap_or(is_last) && self.claim(&message) {
                    return Ok(message);
                }
            }
            if is_last {
                let message = "GET /sessions/:sessionId/messages: the message just sent is not in the list";
                return Err(Error::new(ErrorKind::Decode, Outcome::Rejected, message));
            }
            look_again(&mut wait, until, Duration::ZERO).await;
        }
    }

    /// Looks for a message whose sending failed without a word, until the time to settle is over, or until its key is the
    /// better way to find it.
    async fn settled(&self, likeness: &str, key: Key) -> Settled {
        let until = Instant::now() + self.run.settle().min(self.run.left());
        // A message of this client that was done before this one left can still look new enough.
        let since = self.run.first_sent().checked_sub(SLACK).unwrap_or_else(|| self.run.first_sent());
        let claims = &self.run.client().inner().claims;
        // One that fails is followed by the next look.
        let once = self.run.once();
        let mut wait = LOOK;
        let mut contested = false;
        loop {
            let is_last = Instant::now() >= until;
            contested |= claims.is_contested(likeness);
            let read = self.read(&once).await;
            let is_heeded = key != Key::Unheeded && self.run.client().is_extended();
            if is_heeded && key == Key::Fresh {
                return Settled::Recognised;
            }
            let mut asked_for = Duration::ZERO;
            let told = match read {
                Ok((messages, oldest, reply)) => {
                    // Asked after the reading: a send that began and ended meanwhile has claimed its own.
                    let ambiguous = claims.is_ambiguous(likeness, since);
                    let mut told = true;
                    for message in messages.into_iter().rev() {
                        match self.is_match(&message, oldest) {
                            Some(false) => {}
                            _ if is_heeded && key == Key::Spare => return Settled::Recognised,
                            Some(true) if !ambiguous && !is_heeded => {
                                if self.claim(&message) {
                                    return Settled::Found(Box::new((message, reply)));
                                }
                            }
                            _ => told = false,
                        }
                    }
                    told
                }
                Err(error) => {
                    tracing::debug!(kind = ?error.kind(), "the messages cannot be read back");
                    asked_for = floor(&error).unwrap_or_default();
                    false
                }
            };
            if is_last || asked_for >= self.run.left() {
                // Where several are looked for, one may have taken the other's: nothing is known of what is missing.
                return if told && !contested { Settled::Absent } else { Settled::Unreadable };
            }
            look_again(&mut wait, until, asked_for).await;
        }
    }
}

/// Waits before the next look: longer each time, but not past the end, unless the server asked for that.
async fn look_again(wait: &mut Duration, until: Instant, asked_for: Duration) {
    let now = Instant::now();
    tokio::time::sleep_until(until.min(now + *wait).max(now + asked_for)).await;
    *wait *= 2;
}
