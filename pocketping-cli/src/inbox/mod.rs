//! The inbox: sessions, a conversation and an answer on a whole terminal, live.

mod draft;
mod model;
mod view;

use std::thread;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, TryStreamExt};
use pocketping_sdk::{Client, EventData, EventStream, Message, NewMessage, Outcome, Session, SessionId, StreamContent};
use ratatui::DefaultTerminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use crate::error::{CliError, Exit};
use crate::link::Link;
use crate::stop::Stop;
use model::{Effect, Inbox, Key};

/// How many sessions are shown; a person does not look at more.
const MOST_SESSIONS: usize = 500;

/// What came of something that was done.
enum Done {
    Read(SessionId, Vec<Message>),
    Listed(Vec<Session>, bool),
    Saw(Box<Session>),
    Sent(SessionId, String, Box<Message>),
    Failed(String),
}

/// What the terminal says.
enum Input {
    Key(Key),
    /// It has another size, or somebody asked for it (Ctrl-L): all of it is to be drawn.
    Anew,
    Failed(String),
}

/// Runs until the person leaves it. The terminal is as before then, whatever happened.
pub(crate) async fn run(client: Client, stop: &mut Stop) -> Result<(), CliError> {
    let events = tokio::select! {
        events = client.events().connect() => events?,
        end = stop.asked() => return Err(end),
    };
    let (sessions, is_cut) = list(&client).await?;
    let mut link = Link::of(&events, client.base_url().socket());
    let terminal = ratatui::try_init().map_err(|error| CliError::unexpected("the terminal cannot be used", error))?;
    let inbox = Inbox::new(sessions, is_cut);
    let ended = Desk { client, events, inbox, terminal, work: FuturesUnordered::new() }.go_on(&mut link, stop).await;
    ratatui::restore();
    ended
}

/// The newest sessions, and whether there are more.
async fn list(client: &Client) -> pocketping_sdk::Result<(Vec<Session>, bool)> {
    let sessions = client.sessions().list().stream().take(MOST_SESSIONS + 1).try_collect::<Vec<_>>().await?;
    let is_cut = sessions.len() > MOST_SESSIONS;
    Ok((sessions.into_iter().take(MOST_SESSIONS).collect(), is_cut))
}

struct Desk {
    client: Client,
    events: EventStream,
    inbox: Inbox,
    terminal: DefaultTerminal,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl Desk {
    async fn go_on(mut self, link: &mut Link, stop: &mut Stop) -> Result<(), CliError> {
        let mut inputs = inputs()?;
        if let Some(id) = self.inbox.selected.clone() {
            self.act(Effect::Read(id));
        }
        loop {
            let drawn = self.terminal.draw(|frame| view::draw(&self.inbox, frame));
            drawn.map_err(|error| CliError::unexpected("the terminal cannot be drawn on", error))?;
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
                    // What was drawn for the old size may stand anywhere now.
                    Some(Input::Anew) => self.draw_anew()?,
                    Some(Input::Failed(why)) => return Err(CliError::usage(why)),
                    None => return Ok(()),
                },
                Some(done) = self.work.next() => self.done(done),
                remark = link.remark() => self.inbox.status = remark,
                item = self.events.next() => match item {
                    Some(item) => self.happened(item?.content),
                    None => return Err(CliError::new(Exit::Network, "the stream of events ended")),
                },
            }
        }
    }

    /// Draws all of it as on an empty terminal.
    fn draw_anew(&mut self) -> Result<(), CliError> {
        let failed = |error| CliError::unexpected("the terminal cannot be drawn on", error);
        self.terminal.backend_mut().clear().map_err(failed)?;
        self.terminal = ratatui::Terminal::new(CrosstermBackend::new(std::io::stdout())).map_err(failed)?;
        Ok(())
    }

    /// Begins something. The inbox goes on meanwhile.
    fn act(&mut self, effect: Effect) {
        let client = self.client.clone();
        let failed = |what: String| move |error: pocketping_sdk::Error| Done::Failed(told(&what, error));
        let work = match effect {
            Effect::Read(id) => async move {
                let messages = client.session(&id).messages().list().stream().try_collect().await;
                let what = format!("{id} cannot be read");
                messages.map_or_else(failed(what), |messages| Done::Read(id, messages))
            }
            .boxed(),
            Effect::Send(id, text) => {
                "sending …".clone_into(&mut self.inbox.status);
                async move {
                    let sent = client.session(&id).messages().send(NewMessage::operator(text.clone())).await;
                    let what = format!("to {id}");
                    sent.map_or_else(failed(what), |message| Done::Sent(id, text, Box::new(message)))
                }
                .boxed()
            }
            Effect::Close(id) => async move {
                let what = format!("{id} is not closed");
                client.session(&id).close().await.map_or_else(failed(what), |session| Done::Saw(Box::new(session)))
            }
            .boxed(),
            Effect::Ai(id, on) => async move {
                let what = format!("the AI of {id} stays");
                client.session(&id).set_ai(on).await.map_or_else(failed(what), |session| Done::Saw(Box::new(session)))
            }
            .boxed(),
            Effect::Quit | Effect::Interrupt => return,
        };
        self.work.push(work);
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Read(id, messages) => self.inbox.read(id, messages),
            Done::Listed(sessions, is_cut) => {
                self.inbox.is_cut = is_cut;
                for session in sessions {
                    self.inbox.saw(session);
                }
            }
            Done::Saw(session) => {
                self.inbox.status.clear();
                self.inbox.saw(*session);
            }
            Done::Sent(id, text, mut message) => {
                self.inbox.status.clear();
                self.inbox.sent(&id, &text);
                message.session_id.get_or_insert(id);
                self.inbox.said(&message);
            }
            Done::Failed(why) => self.inbox.status = why,
        }
    }

    fn happened(&mut self, content: StreamContent) {
        let event = match content {
            StreamContent::Live(event) | StreamContent::Backfilled(event) => event,
            StreamContent::Gap(gap) => {
                self.inbox.status = format!("something may be missing: {}; it is read again", gap.detail);
                self.read_again();
                return;
            }
            _ => return,
        };
        match event.data {
            EventData::MessageCreated(message) | EventData::MessageUpdated(message) => {
                let id = message.session_id.clone();
                if let (false, Some(id)) = (self.inbox.said(&message), id) {
                    self.look(id);
                }
            }
            EventData::SessionCreated(session) => self.inbox.saw(*session),
            // A strict server's tells less than the session itself.
            EventData::SessionUpdated(session) => self.look(session.id.clone()),
            EventData::SessionClosed(_) => {
                if let Some(id) = event_session(&event) {
                    self.look(id);
                }
            }
            _ => {}
        }
    }

    /// Reads a session.
    fn look(&mut self, id: SessionId) {
        let client = self.client.clone();
        let read = async move {
            let read = client.session(&id).get().await;
            read.map_or_else(
                |error| Done::Failed(told(&format!("{id} cannot be read"), error)),
                |session| Done::Saw(Box::new(session)),
            )
        };
        self.work.push(read.boxed());
    }

    /// Reads everything that is shown.
    fn read_again(&mut self) {
        let client = self.client.clone();
        let read = async move {
            list(&client).await.map_or_else(
                |error| Done::Failed(told("the sessions cannot be read", error)),
                |(sessions, is_cut)| Done::Listed(sessions, is_cut),
            )
        };
        self.work.push(read.boxed());
        self.inbox.forget();
        if let Some(id) = self.inbox.selected.clone() {
            self.act(Effect::Read(id));
        }
    }
}

fn event_session(event: &pocketping_sdk::Event) -> Option<SessionId> {
    event.session_id().map(SessionId::from)
}

/// A failure on one line, with what became of what was asked for.
fn told(what: &str, error: pocketping_sdk::Error) -> String {
    let may_have_happened =
        error.outcome() == Outcome::Unknown && error.route().is_some_and(|route| !route.starts_with("GET "));
    let outcome = if may_have_happened { " (it may have been done)" } else { "" };
    format!("error: {what}{outcome}: {}", CliError::from(error))
}

/// Keys and sizes, read in a thread of its own: it waits for them when the program ends.
fn inputs() -> Result<mpsc::UnboundedReceiver<Input>, CliError> {
    let (sender, inputs) = mpsc::unbounded_channel();
    let work = move || {
        loop {
            let input = match event::read() {
                Ok(Event::Resize(..)) => Some(Input::Anew),
                Ok(Event::Key(key)) if is_redraw(key) => Some(Input::Anew),
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => known(key).map(Input::Key),
                Ok(_) => None,
                Err(error) => Some(Input::Failed(format!("the terminal cannot be read: {error}"))),
            };
            let is_over = matches!(input, Some(Input::Failed(_)));
            // An error says that the inbox is over.
            if input.is_some_and(|input| sender.send(input).is_err()) || is_over {
                return;
            }
        }
    };
    let started = thread::Builder::new().name("keyboard".to_owned()).spawn(work);
    started.map_err(|error| CliError::unexpected("a thread cannot be started", error))?;
    Ok(inputs)
}

fn is_redraw(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('l') && key.modifiers.contains(KeyModifiers::CONTROL) && key.kind != KeyEventKind::Release
}

fn known(key: KeyEvent) -> Option<Key> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if is_control => Key::Interrupt,
        KeyCode::Char('u') if is_control => Key::Clear,
        KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Tab | KeyCode::BackTab => Key::Tab,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        _ => return None,
    })
}
