//! The inbox: sessions, a conversation and an answer on a whole terminal, live.

mod conversation;
mod draft;
mod inputs;
mod model;
mod outgoing;
mod screen;
mod scroll;
mod view;

use std::io::{self, Stdout};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, TryStreamExt};
use pocketping_sdk::{Client, EventData, EventStream, Message, NewMessage, Outcome, Session, SessionId, StreamContent};
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};

use crate::error::{CliError, Exit};
use crate::link::Link;
use crate::output::remark;
use crate::resizes::Resizes;
use crate::stop::Stop;
use inputs::{Input, inputs};
use model::{Effect, Inbox};
use screen::Screen;

/// How many sessions are shown; a person does not look at more.
const MOST_SESSIONS: usize = 500;

/// What came of something that was done.
enum Done {
    Read(SessionId, pocketping_sdk::Result<Vec<Message>>),
    Listed(pocketping_sdk::Result<(Vec<Session>, bool)>),
    Looked(SessionId, pocketping_sdk::Result<Session>),
    Closed(SessionId, pocketping_sdk::Result<Session>),
    Switched(SessionId, bool, pocketping_sdk::Result<Session>),
    Sent(SessionId, pocketping_sdk::Result<Message>),
}

/// Runs until the person leaves it. The terminal is as before then, whatever happened.
pub(crate) async fn run(client: Client, stop: &mut Stop) -> Result<(), CliError> {
    let opening = async {
        let events = client.events().connect().await?;
        Ok::<_, pocketping_sdk::Error>((events, list(&client).await?))
    };
    let (events, (sessions, is_cut)) = tokio::select! {
        opened = opening => opened?,
        end = stop.asked() => return Err(end),
    };
    let mut link = Link::of(&events, client.base_url().socket());
    let terminal = begin().and_then(|()| terminal()).inspect_err(|_| ratatui::restore());
    let terminal = terminal.map_err(|error| CliError::unexpected("the terminal cannot be used", error))?;
    // A terminal that knows nothing of it pastes as if it was typed.
    let told = execute!(io::stdout(), EnableBracketedPaste);
    let inbox = Inbox::new(sessions, is_cut);
    let mut desk = Desk { client, events, inbox, terminal, work: FuturesUnordered::new(), is_to_be_listed: false };
    let ended = match told {
        Ok(()) => desk.go_on(&mut link, stop).await,
        Err(error) => Err(failed(error)),
    };
    // What cannot be told to a terminal that is gone changes nothing.
    drop(execute!(io::stdout(), DisableBracketedPaste));
    ratatui::restore();
    // Nothing that was typed is lost without a word.
    for (id, text, may_be_sent) in desk.inbox.undone() {
        remark(&format!("{} to {id}: {text}", if may_be_sent { "it may have been sent" } else { "it was not sent" }));
    }
    ended
}

/// The newest sessions, and whether there are more.
async fn list(client: &Client) -> pocketping_sdk::Result<(Vec<Session>, bool)> {
    let sessions = client.sessions().list().stream().take(MOST_SESSIONS + 1).try_collect::<Vec<_>>().await?;
    let is_cut = sessions.len() > MOST_SESSIONS;
    Ok((sessions.into_iter().take(MOST_SESSIONS).collect(), is_cut))
}

fn failed(error: io::Error) -> CliError {
    CliError::unexpected("the terminal cannot be drawn on", error)
}

/// Takes the whole terminal. It is given back when the program panics, too.
fn begin() -> io::Result<()> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        ratatui::restore();
        hook(info);
    }));
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen)
}

type Whole = Terminal<Screen<CrosstermBackend<Stdout>>>;

/// The whole terminal, as if nothing was drawn on it yet.
fn terminal() -> io::Result<Whole> {
    Terminal::new(Screen::new(CrosstermBackend::new(io::stdout())))
}

struct Desk {
    client: Client,
    events: EventStream,
    inbox: Inbox,
    terminal: Whole,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Whether sessions may have come that no event told of.
    is_to_be_listed: bool,
}

impl Desk {
    async fn go_on(&mut self, link: &mut Link, stop: &mut Stop) -> Result<(), CliError> {
        let mut resizes =
            Resizes::new().map_err(|error| CliError::unexpected("signals cannot be listened for", error))?;
        let mut inputs = inputs()?;
        loop {
            self.begin();
            if self.inbox.is_leaving && self.inbox.outgoing.is_empty() {
                return Ok(());
            }
            self.terminal.draw(|frame| view::draw(&self.inbox, frame)).map_err(failed)?;
            tokio::select! {
                biased;
                end = stop.asked() => return Err(end),
                input = inputs.recv() => match input {
                    Some(Input::Key(key)) => match self.inbox.press(key) {
                        Some(Effect::Quit) => return Ok(()),
                        Some(Effect::Interrupt) => return Err(CliError::new(Exit::Interrupted, "interrupted")),
                        Some(effect) => self.act(effect),
                        None => {}
                    },
                    Some(Input::Paste(text)) => self.inbox.paste(&text),
                    Some(Input::Anew) => self.draw_anew()?,
                    Some(Input::Failed(why)) => return Err(CliError::usage(why)),
                    None => return Ok(()),
                },
                // What was drawn for the old size may stand anywhere now.
                () = resizes.next() => self.draw_anew()?,
                Some(done) = self.work.next() => self.done(done),
                state = link.changed() => self.inbox.link = state,
                item = self.events.next() => match item {
                    Some(item) => self.happened(item?.content),
                    None => return Err(CliError::new(Exit::Network, "the stream of events ended")),
                },
            }
        }
    }

    /// Draws all of it as on an empty terminal.
    fn draw_anew(&mut self) -> Result<(), CliError> {
        self.terminal.backend_mut().clear().map_err(failed)?;
        self.terminal = terminal().map_err(failed)?;
        Ok(())
    }

    /// Begins whatever is due. The inbox goes on meanwhile.
    fn begin(&mut self) {
        if std::mem::take(&mut self.is_to_be_listed) {
            let client = self.client.clone();
            self.work.push(async move { Done::Listed(list(&client).await) }.boxed());
        }
        while let Some((id, text)) = self.inbox.outgoing.next() {
            let session = self.client.session(&id);
            let send = async move { Done::Sent(id, session.messages().send(NewMessage::operator(text)).await) };
            self.work.push(send.boxed());
        }
        if let Some(id) = self.inbox.next_to_read() {
            let session = self.client.session(&id);
            let read = async move { Done::Read(id, session.messages().list().stream().try_collect().await) };
            self.work.push(read.boxed());
        }
        if let Some(id) = self.inbox.next_to_look() {
            let session = self.client.session(&id);
            self.work.push(async move { Done::Looked(id, session.get().await) }.boxed());
        }
    }

    fn act(&mut self, effect: Effect) {
        self.inbox.outcome.clear();
        let client = self.client.clone();
        let work = match effect {
            Effect::Close(id) => async move { Done::Closed(id.clone(), client.session(id).close().await) }.boxed(),
            Effect::Ai(id, on) => {
                async move { Done::Switched(id.clone(), on, client.session(id).set_ai(on).await) }.boxed()
            }
            Effect::Quit | Effect::Interrupt => return,
        };
        self.work.push(work);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Read(id, messages) => {
                let messages = messages.map_err(|error| told(&format!("{id} cannot be read"), error));
                self.inbox.read(&id, messages);
            }
            Done::Listed(Ok((sessions, is_cut))) => {
                self.inbox.is_cut = is_cut;
                for session in sessions {
                    self.inbox.saw(session);
                }
            }
            Done::Listed(Err(error)) => self.inbox.outcome = told("the sessions cannot be read", error),
            Done::Looked(id, session) => {
                self.inbox.looked();
                match session {
                    Ok(session) => self.inbox.saw(session),
                    Err(error) => self.inbox.outcome = told(&format!("{id} cannot be read"), error),
                }
            }
            Done::Closed(_, Ok(session)) => self.inbox.saw(session),
            Done::Closed(id, Err(error)) => self.inbox.outcome = told(&format!("{id} is not closed"), error),
            Done::Switched(_, on, Ok(session)) => self.inbox.switched(session, on),
            Done::Switched(id, _, Err(error)) => self.inbox.outcome = told(&format!("the AI of {id} stays"), error),
            Done::Sent(id, Ok(message)) => self.inbox.sent(&id, message),
            // It is there, but not to be seen: it comes by an event, if it does.
            Done::Sent(id, Err(error)) if error.outcome() == Outcome::Applied => {
                self.inbox.outcome = told(&format!("it was sent to {id}, but"), error);
                self.inbox.outgoing.sent(&id);
            }
            Done::Sent(id, Err(error)) => {
                self.inbox.not_sent(&id, may_have_happened(&error));
                self.inbox.outcome = told(&format!("to {id}"), error);
            }
        }
    }

    fn happened(&mut self, content: StreamContent) {
        let event = match content {
            StreamContent::Live(event) | StreamContent::Backfilled(event) => event,
            StreamContent::Gap(gap) => {
                self.inbox.outcome = format!("something was missing: {}; it is read again", gap.detail);
                self.is_to_be_listed = true;
                self.inbox.forget();
                return;
            }
            _ => return,
        };
        let id = event.session_id().map(SessionId::from);
        match event.data {
            EventData::MessageCreated(message) => self.inbox.said(*message, true),
            EventData::MessageUpdated(message) => self.inbox.said(*message, false),
            EventData::SessionCreated(session) => self.inbox.saw(*session),
            // A strict server's tells less than the session itself.
            EventData::SessionUpdated(_) | EventData::SessionClosed(_) => {
                if let Some(id) = id {
                    self.inbox.look(id);
                }
            }
            _ => {}
        }
    }
}

fn may_have_happened(error: &pocketping_sdk::Error) -> bool {
    error.outcome() == Outcome::Unknown && error.route().is_some_and(|route| !route.starts_with("GET "))
}

/// A failure on one line, with what became of what was asked for.
fn told(what: &str, error: pocketping_sdk::Error) -> String {
    let outcome = if may_have_happened(&error) { " (it may have been done)" } else { "" };
    format!("error: {what}{outcome}: {}", CliError::from(error))
}
