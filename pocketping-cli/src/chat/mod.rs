//! A conversation with a visitor: what is typed is sent in order, what others write is shown as it comes.

mod keyboard;
mod line;

use std::collections::VecDeque;

use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use pocketping_sdk::{
    Event, EventData, EventStream, Identify, Message, MessageKind, NewMessage, Outcome, SessionHandle, SessionStatus,
    StreamContent,
};

use crate::commands::chat::Said;
use crate::error::{CliError, Exit};
use crate::link::Link;
use crate::output::{Output, end_progress, remark, safe};
use crate::stop::Stop;
use crate::time::{clock, day_of};
use crate::told::Told;
use keyboard::{Keyboard, Typed};
use line::Line;

const HELP: &str = "A line is sent when you press Enter. /close closes the session, /ai on and /ai off switch its AI,\n\
                    /identify email=… name=… customerId=… says who the visitor is, /quit or Ctrl-D ends the chat.\n\
                    //text sends a text that begins with a slash. Times are UTC.";

/// How many lines wait to be sent before a pipe is read on.
const MOST_WAITING: usize = 64;

/// Something to be done on the server, one after the other.
#[derive(Debug)]
enum Job {
    Send(String),
    Close,
    Ai(bool),
    Identify(Box<Identify>),
}

impl Job {
    /// As it was typed, more or less.
    fn name(&self) -> String {
        match self {
            Self::Send(text) => text.clone(),
            Self::Close => "/close".to_owned(),
            Self::Ai(true) => "/ai on".to_owned(),
            Self::Ai(false) => "/ai off".to_owned(),
            Self::Identify(_) => "/identify".to_owned(),
        }
    }
}

/// What became of it.
enum Done {
    Sent(Box<Message>),
    Other(&'static str),
}

/// A conversation that goes on.
pub(crate) struct Chat<'a> {
    session: SessionHandle,
    events: EventStream,
    link: Link,
    keyboard: Keyboard,
    output: &'a mut Output,
    /// What was shown, or sent by this chat.
    told: Told,
    /// Of what was shown last.
    day: Option<String>,
    waiting: VecDeque<Job>,
    running: Option<(String, BoxFuture<'static, pocketping_sdk::Result<Done>>)>,
    /// Messages that may be the one that is being sent: they wait for its id.
    held: Vec<Message>,
    /// Whether more may be typed.
    is_open: bool,
    was_interrupted: bool,
    /// Whether the keyboard is to be asked for the next line.
    is_owed_a_line: bool,
    jobs: usize,
    failures: Vec<CliError>,
}

impl<'a> Chat<'a> {
    pub(crate) fn new(
        session: SessionHandle,
        events: EventStream,
        link: Link,
        output: &'a mut Output,
    ) -> Result<Self, CliError> {
        // The line at the bottom is the person's.
        end_progress();
        let keyboard = Keyboard::new()?;
        Ok(Self {
            session,
            events,
            link,
            keyboard,
            output,
            told: Told::default(),
            day: None,
            waiting: VecDeque::new(),
            running: None,
            held: Vec::new(),
            is_open: true,
            was_interrupted: false,
            is_owed_a_line: false,
            jobs: 0,
            failures: Vec::new(),
        })
    }

    /// Shows the last messages.
    pub(crate) async fn history(&mut self, most: usize) -> Result<(), CliError> {
        let mut last = VecDeque::new();
        let mut messages = std::pin::pin!(self.session.messages().list().stream());
        while let Some(message) = messages.try_next().await? {
            self.told.is_news(&message);
            last.push_back(message);
            if last.len() > most {
                last.pop_front();
            }
        }
        last.iter().try_for_each(|message| self.show(message))
    }

    /// Until the person, the input or the stream ends it.
    pub(crate) async fn talk(mut self, stop: &mut Stop) -> Result<(), CliError> {
        if self.keyboard.is_terminal() {
            self.tell("/help tells what can be typed");
        }
        let ended = self.go_on(stop).await;
        let is_terminal = self.keyboard.is_terminal();
        self.tell_undone();
        ended?;
        self.events.close().await;
        // A person saw what failed.
        if is_terminal { Ok(()) } else { self.verdict() }
    }

    async fn go_on(&mut self, stop: &mut Stop) -> Result<(), CliError> {
        self.keyboard.go_on();
        loop {
            self.begin_next();
            // A pipe is read no faster than it is sent.
            if self.is_owed_a_line && self.waiting.len() < MOST_WAITING {
                self.is_owed_a_line = false;
                self.keyboard.go_on();
            }
            if !self.is_open && self.running.is_none() {
                break;
            }
            tokio::select! {
                biased;
                end = stop.asked() => return Err(end),
                done = ended(&mut self.running) => self.ended(done)?,
                remark = self.link.remark() => self.tell(&remark),
                item = self.events.next() => match item {
                    Some(item) => self.happened(item?.content)?,
                    None => return Err(CliError::new(Exit::Network, "the stream of events ended")),
                },
                typed = self.keyboard.next(), if self.is_open => self.typed(typed)?,
            }
        }
        Ok(())
    }

    /// What an early end leaves: nothing that was typed is lost without a word.
    fn tell_undone(&mut self) {
        let running = self.running.take().map(|(name, _)| format!("it may have been done: {name}"));
        let waiting =
            std::mem::take(&mut self.waiting).into_iter().map(|job| format!("it was not done: {}", job.name()));
        let undone: Vec<_> = running.into_iter().chain(waiting).collect();
        if !undone.is_empty() && self.keyboard.is_terminal() {
            // The thread of the keyboard may not come to print it.
            self.keyboard.leave();
            remark("");
        }
        for line in &undone {
            self.tell(line);
        }
    }

    /// Where nobody sees what failed but the exit code tells. Why each line failed was told.
    fn verdict(mut self) -> Result<(), CliError> {
        match (self.failures.len(), self.jobs) {
            (0, _) => Ok(()),
            (1, 1) => {
                let error = self.failures.remove(0);
                let what = match error.exit() {
                    Exit::Unknown => "the line may have been done",
                    Exit::Partial => "the line was done, and what came of it is not known",
                    _ => "the line was not done",
                };
                Err(error.named(what))
            }
            (failed, all) => {
                Err(CliError::new(Exit::Partial, format!("{failed} of {all} lines were not done, or not for certain")))
            }
        }
    }

    fn typed(&mut self, typed: Typed) -> Result<(), CliError> {
        let was_interrupted = std::mem::take(&mut self.was_interrupted);
        match typed {
            Typed::Line(text) => match Line::read(&text) {
                Ok(Line::Nothing) => {}
                Ok(Line::Help) => HELP.lines().for_each(|line| self.tell(line)),
                Ok(Line::Quit) => {
                    self.is_open = false;
                    return Ok(());
                }
                Ok(Line::Do(job)) => {
                    self.jobs += 1;
                    self.waiting.push_back(job);
                }
                Err(why) => self.misread(why),
            },
            Typed::Wrong(why) => self.misread(why),
            Typed::Interrupt if was_interrupted => return Err(CliError::new(Exit::Interrupted, "interrupted")),
            Typed::Interrupt => {
                self.was_interrupted = true;
                self.tell("Ctrl-C once more ends the chat");
            }
            Typed::End => {
                self.is_open = false;
                return Ok(());
            }
            Typed::Failed(why) if self.keyboard.is_terminal() => return Err(CliError::usage(why)),
            // What was read before is sent all the same.
            Typed::Failed(why) => {
                self.misread(why);
                self.is_open = false;
                return Ok(());
            }
        }
        self.is_owed_a_line = true;
        Ok(())
    }

    /// A line that is nothing to be done.
    fn misread(&mut self, why: String) {
        self.jobs += 1;
        let error = CliError::usage(why);
        self.tell(&format!("error: {error}"));
        self.failures.push(error);
    }

    fn begin_next(&mut self) {
        if self.running.is_some() {
            return;
        }
        let Some(job) = self.waiting.pop_front() else { return };
        let session = self.session.clone();
        let name = job.name();
        let work: BoxFuture<'static, _> = match job {
            Job::Send(text) => async move {
                let sent = session.messages().send(NewMessage::operator(text)).await;
                sent.map(|message| Done::Sent(Box::new(message)))
            }
            .boxed(),
            Job::Close => async move { session.close().await.map(|_| Done::Other("closed")) }.boxed(),
            Job::Ai(on) => {
                let done = if on { "the AI is on" } else { "the AI is off" };
                async move { session.set_ai(on).await.map(|_| Done::Other(done)) }.boxed()
            }
            Job::Identify(who) => {
                async move { session.identify(*who).await.map(|_| Done::Other("the visitor is identified")) }.boxed()
            }
        };
        self.running = Some((name, work));
    }

    fn ended(&mut self, (name, result): (String, pocketping_sdk::Result<Done>)) -> Result<(), CliError> {
        match result {
            Ok(Done::Sent(message)) => {
                self.told.is_news(&message);
                if self.keyboard.is_terminal() {
                    self.tell(&format!("✓ {}", clock(&message)));
                } else if let Err(error) = self.show(&message) {
                    if !error.exit().is_quiet() {
                        self.tell(&format!("it was done: {name}"));
                    }
                    return Err(error.after_a_write());
                }
            }
            Ok(Done::Other(what)) => self.tell(what),
            Err(error) => {
                let outcome = error.outcome();
                let error = CliError::from(error);
                self.tell(&format!("error: {error}"));
                // What may have been sent must not be sent again without a look.
                let what = match outcome {
                    Outcome::Unknown => "it may have been done",
                    Outcome::Applied => "it was done",
                    _ => "it was not done",
                };
                self.tell(&format!("{what}: {name}"));
                if let Some(hint) = error.hint() {
                    self.tell(&format!("hint: {hint}"));
                }
                self.failures.push(error);
            }
        }
        for message in std::mem::take(&mut self.held) {
            self.arrived(&message)?;
        }
        Ok(())
    }

    fn happened(&mut self, content: StreamContent) -> Result<(), CliError> {
        let event = match content {
            StreamContent::Gap(gap) => {
                self.tell(&format!("warning: something may be missing: {}", gap.detail));
                return Ok(());
            }
            StreamContent::Live(event) | StreamContent::Backfilled(event) => event,
            _ => return Ok(()),
        };
        let Event { data, .. } = event;
        match data {
            EventData::MessageCreated(message) => {
                let message = *message;
                let is_sending = self.running.is_some() && message.kind == MessageKind::Operator;
                if is_sending { self.held.push(message) } else { self.arrived(&message)? }
            }
            // A receipt is no news.
            EventData::MessageUpdated(message) if self.told.is_news(&message) => {
                if message.deleted_at.is_some() {
                    self.tell(&format!("the {} deleted: {}", message.kind, message.id));
                } else if message.edited_at.is_some() {
                    self.tell(&format!("the {} edited: {}", message.kind, message.content));
                }
            }
            EventData::SessionClosed(_) => self.tell("the session is closed; it opens again when its visitor writes"),
            _ => {}
        }
        Ok(())
    }

    /// A message that came, once.
    fn arrived(&mut self, message: &Message) -> Result<(), CliError> {
        if self.told.knows(&message.id) {
            return Ok(());
        }
        self.told.is_news(message);
        self.show(message)
    }

    fn show(&mut self, message: &Message) -> Result<(), CliError> {
        if !self.keyboard.is_terminal() {
            return match self.output.event(&Said(message)) {
                // Nobody reads any more; what is to be sent is sent all the same.
                Err(error) if error.exit() == Exit::Done => Ok(()),
                printed => printed,
            };
        }
        let day = day_of(message);
        if day.is_some() && day != self.day {
            self.keyboard.print(&format!("── {} ──", day.as_deref().unwrap_or_default()));
            self.day = day;
        }
        let head = format!("{} {}: ", clock(message), message.kind);
        let indent = format!("\n{:1$}", "", head.len());
        let text: Vec<_> = message.content.lines().map(safe).collect();
        self.keyboard.print(&format!("{}{}", safe(&head), text.join(&indent)));
        Ok(())
    }

    /// What a person should know.
    fn tell(&mut self, line: &str) {
        if self.keyboard.is_terminal() {
            self.keyboard.print(&safe(line));
        } else {
            remark(line);
        }
    }
}

/// What runs, until it ends.
async fn ended(
    running: &mut Option<(String, BoxFuture<'static, pocketping_sdk::Result<Done>>)>,
) -> (String, pocketping_sdk::Result<Done>) {
    let Some((name, work)) = running else { return std::future::pending().await };
    let result = work.await;
    let name = std::mem::take(name);
    *running = None;
    (name, result)
}

/// Whether it makes sense to write there at once.
pub(crate) fn is_closed(status: &SessionStatus) -> bool {
    *status == SessionStatus::Closed
}
