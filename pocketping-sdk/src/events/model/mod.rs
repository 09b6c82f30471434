//! A model of everything a network can do to the feed, drawn from seeds: links that end at any frame, frames behind the
//! readings and readings behind the frames, readings that fail, coarse clocks, restarts from a stored cursor. Whatever is
//! drawn, each event is told once and in its session's order.

mod check;
mod weather;

use std::collections::VecDeque;

use super::cursor::EventCursor;
use super::feed::{Feed, Fence};
use super::item::{StreamContent, StreamItem};
use super::ledger::Ledger;
use super::pass::{Found, Wanted};
use super::protocol::AuthOk;
use super::queue::{BufferPolicy, Queue};
use crate::types::{Event, EventData, Message, MessageKind, Session, SessionStatus, Timestamp};
use weather::{Weather, weathers};

/// splitmix64: small, seeded, the same everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A server that keeps every promise of the documents, and none beyond.
struct Server {
    weather: Weather,
    now: i64,
    sessions: Vec<(Session, Vec<Message>)>,
    log: Vec<Event>,
    messages: u64,
}

impl Server {
    fn time(&mut self, draw: &mut Draw) -> Timestamp {
        self.now += i64::try_from(draw.below(1500)).unwrap();
        let back = if self.weather.disorder > 0 {
            i64::try_from(draw.below(self.weather.disorder.unsigned_abs())).unwrap()
        } else {
            0
        };
        Timestamp::from_millis((self.now - back) / self.weather.resolution * self.weather.resolution).unwrap()
    }

    fn commit(&mut self, at: usize, time: Timestamp, data: EventData) {
        let session = &mut self.sessions[at].0;
        session.last_activity = session.last_activity.max(Some(time));
        let mut event = Event::new(data);
        if self.weather.is_extended {
            let seq = self.log.len() as u64 + 1;
            event.id = Some(format!("evt_{seq}").into());
            event.seq = Some(seq);
            event.timestamp = Some(time);
        }
        self.log.push(event);
    }

    fn write(&mut self, at: usize, time: Timestamp, kind: MessageKind) {
        self.messages += 1;
        let mut message = Message::new(format!("m{}", self.messages));
        message.session_id = Some(self.sessions[at].0.id.clone());
        message.kind = kind;
        message.content = self.messages.to_string();
        message.created_at = Some(time);
        self.sessions[at].1.push(message.clone());
        self.commit(at, time, EventData::MessageCreated(Box::new(message)));
    }

    fn happen(&mut self, draw: &mut Draw) {
        let time = self.time(draw);
        if self.sessions.is_empty() || draw.chance(8) {
            let mut session = Session::new(format!("s{}", self.sessions.len()));
            session.status = SessionStatus::Active;
            session.created_at = Some(time).filter(|_| self.weather.is_dated);
            session.last_activity = Some(time);
            self.sessions.push((session.clone(), Vec::new()));
            let at = self.sessions.len() - 1;
            return self.commit(at, time, EventData::SessionCreated(Box::new(session)));
        }
        // Mostly the younger ones move, as they do.
        let back = draw.below(self.sessions.len().min(6) as u64);
        let at = self.sessions.len() - 1 - usize::try_from(back).unwrap();
        let is_closed = self.sessions[at].0.status == SessionStatus::Closed;
        match draw.below(10) {
            0 | 1 if !is_closed => {
                if self.weather.has_closing_word {
                    self.write(at, time, MessageKind::System);
                }
                self.sessions[at].0.status = SessionStatus::Closed;
                self.sessions[at].0.closed_at = Some(time).filter(|_| self.weather.is_extended);
                let id = self.sessions[at].0.id.clone();
                self.commit(at, time, EventData::SessionClosed(id));
            }
            2 | 3 if self.weather.is_extended && !self.sessions[at].1.is_empty() => {
                let which = usize::try_from(draw.below(self.sessions[at].1.len() as u64)).unwrap();
                let message = &mut self.sessions[at].1[which];
                message.content.push('!');
                message.updated_at = Some(time);
                let message = message.clone();
                self.commit(at, time, EventData::MessageUpdated(Box::new(message)));
            }
            // On the bare API nobody is told who the visitor is, and the session moves all the same.
            4 if !self.weather.is_extended => {
                let session = &mut self.sessions[at].0;
                session.last_activity = session.last_activity.max(Some(time));
            }
            4 => {
                let session = &mut self.sessions[at].0;
                session.visitor_online = Some(!session.visitor_online.unwrap_or(false));
                session.last_activity = session.last_activity.max(Some(time));
                let session = session.clone();
                self.commit(at, time, EventData::SessionUpdated(Box::new(session)));
            }
            5 | 6 if !is_closed => self.write(at, time, MessageKind::Operator),
            _ => {
                self.sessions[at].0.status = SessionStatus::Active;
                self.sessions[at].0.closed_at = None;
                self.write(at, time, MessageKind::Visitor);
            }
        }
    }

    fn shown(&self, session: &Session) -> Session {
        let mut session = session.clone();
        session.last_activity = session.last_activity.filter(|_| self.weather.has_activity);
        session
    }

    fn list(&self) -> Vec<Session> {
        self.sessions.iter().map(|(session, _)| self.shown(session)).collect()
    }

    fn read(&self, wanted: &Wanted) -> Found {
        let (session, messages) = self.sessions.iter().find(|(session, _)| session.id == wanted.session).unwrap();
        let mut messages = messages.clone();
        let changed = |message: &Message| message.updated_at.or(message.created_at);
        messages.retain(|message| wanted.since.is_none_or(|since| changed(message) >= Some(since)));
        if !self.weather.is_extended {
            messages.sort_by_key(|message| message.created_at);
        }
        let session = wanted.with_session.then(|| Box::new(self.shown(session)));
        Found::Messages { session, messages }
    }
}

/// A request on its way: asked for, served at some later step, answered at a later one still.
enum Request {
    List(Option<Vec<Session>>),
    Read(Wanted, Option<Found>),
}

struct World {
    draw: Draw,
    server: Server,
    feed: Feed,
    queue: Queue,
    /// The link's frames that were not delivered, from this place of the log.
    link: Option<usize>,
    requests: VecDeque<Request>,
    /// What the consumer has dealt with, and how much of it is acknowledged.
    told: Vec<StreamItem>,
    acknowledged: usize,
    unacknowledged: VecDeque<StreamItem>,
    restarts: u64,
    /// The sessions as they were read when the stream began.
    baseline: Option<Vec<Session>>,
    /// Whether to say what happens.
    is_traced: bool,
}

const STEPS: u64 = 220;

impl World {
    fn new(seed: u64, weather: Weather) -> Self {
        let mut draw = Draw(seed);
        let now = 1_705_314_600_000;
        let mut server = Server { weather, now, sessions: Vec::new(), log: Vec::new(), messages: 0 };
        for _ in 0..draw.below(12) {
            server.happen(&mut draw);
        }
        Self {
            draw,
            server,
            feed: Feed::new(Ledger::default(), None),
            queue: Queue::new(usize::MAX, BufferPolicy::Wait, Some(Ledger::default())),
            link: None,
            requests: VecDeque::new(),
            told: Vec::new(),
            acknowledged: 0,
            unacknowledged: VecDeque::new(),
            restarts: 0,
            baseline: None,
            is_traced: false,
        }
    }

    #[expect(clippy::print_stderr, reason = "it is asked for, and by a person")]
    fn trace(&self, what: impl Fn() -> String) {
        if self.is_traced {
            eprintln!("after {} events: {}", self.server.log.len(), what());
        }
    }

    fn connect(&mut self) {
        let last = self.feed.last_event_id().map(|id| id.as_str()["evt_".len()..].parse::<usize>().unwrap());
        // Only so much is kept for going on.
        let resumed = last.filter(|last| self.server.log.len() - last < 12);
        self.link = Some(resumed.unwrap_or(self.server.log.len()));
        self.trace(|| format!("a link stands, resumed {resumed:?}"));
        self.feed.linked(if self.server.weather.is_extended {
            Fence::AuthOk(AuthOk { resumed: resumed.is_some(), seq: self.link.map(|next| next as u64) })
        } else {
            Fence::Pong
        });
        self.hand_on();
    }

    fn cut(&mut self) {
        self.trace(|| "the link ends".to_owned());
        self.link = None;
        self.requests.clear();
        self.feed.unlinked();
        self.hand_on();
    }

    fn hand_on(&mut self) {
        self.queue.push(self.feed.take()).unwrap();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Some(item)) = self.queue.poll_next(&mut cx) {
            let item = item.unwrap();
            self.trace(|| format!("told {item:?}"));
            self.told.push(item.clone());
            self.unacknowledged.push_back(item);
        }
    }

    fn deliver(&mut self) {
        let Some(next) = self.link.filter(|next| *next < self.server.log.len()) else { return };
        self.link = Some(next + 1);
        self.trace(|| format!("frame {:?}", self.server.log[next]));
        let mut event = self.server.log[next].clone();
        if let (false, EventData::MessageCreated(message)) = (self.server.weather.names_sessions, &mut event.data) {
            message.session_id = None;
        }
        self.feed.frame(event).unwrap();
        self.hand_on();
    }

    /// Asks for what is wanted, serves what was asked for, or answers what was served, in any order.
    fn exchange(&mut self) {
        let is_listing = self.requests.iter().any(|request| matches!(request, Request::List(_)));
        if self.feed.wants_list() && !is_listing {
            self.requests.push_back(Request::List(None));
        }
        let reading = self.requests.iter().filter(|request| matches!(request, Request::Read(..))).count();
        if reading < 4
            && let Some(wanted) = self.feed.next_read()
        {
            self.requests.push_back(Request::Read(wanted, None));
        }
        if self.requests.is_empty() {
            return;
        }
        let at = usize::try_from(self.draw.below(self.requests.len() as u64)).unwrap();
        let fails = self.draw.chance(self.server.weather.failures) && !self.told.is_empty();
        match self.requests.remove(at).unwrap() {
            Request::List(None) => self.requests.push_back(Request::List(Some(self.server.list()))),
            Request::Read(wanted, None) => {
                let found = self.server.read(&wanted);
                self.requests.push_back(Request::Read(wanted, Some(found)));
            }
            Request::List(Some(_)) if fails => self.feed.list_failed("drawn"),
            Request::Read(wanted, _) if fails => self.feed.read_failed(&wanted.session, "drawn"),
            Request::List(Some(sessions)) => {
                self.trace(|| format!("listed {} sessions", sessions.len()));
                self.baseline.get_or_insert_with(|| sessions.clone());
                self.feed.listed(sessions).unwrap();
            }
            Request::Read(wanted, Some(found)) => {
                self.trace(|| format!("read {} {found:?}", wanted.session));
                self.feed.read(&wanted.session, found);
            }
        }
        self.hand_on();
    }

    fn acknowledge(&mut self) {
        if let Some(item) = self.unacknowledged.pop_front() {
            self.queue.ack(item.ticket());
            self.acknowledged += 1;
        }
    }

    /// The process ends and another one goes on from the stored cursor: what was not acknowledged was not dealt with.
    fn restart(&mut self) {
        let Some(cursor) = self.queue.acknowledged(|ledger| EventCursor::of(ledger, "http://a", None)) else { return };
        let ledger = cursor.to_string().parse::<EventCursor>().unwrap().ledger("http://a", None).unwrap();
        if !ledger.is_warm() {
            return;
        }
        self.cut();
        self.told.truncate(self.acknowledged);
        self.unacknowledged.clear();
        self.feed = Feed::new(ledger.clone(), None);
        self.queue = Queue::new(usize::MAX, BufferPolicy::Wait, Some(ledger));
        self.restarts += 1;
    }

    fn step(&mut self) {
        match self.draw.below(100) {
            0..=24 => {
                let mut draw = Draw(self.draw.next());
                self.server.happen(&mut draw);
            }
            25..=54 => self.deliver(),
            55..=84 => self.exchange(),
            85..=92 => self.acknowledge(),
            93 if self.feed.awaits_second() && self.link.is_some() => self.feed.second(),
            94 if self.link.is_some() => self.feed.retry(),
            95 => self.restart(),
            _ => {}
        }
        self.hand_on();
        if self.link.is_none() && self.draw.chance(30) {
            self.connect();
        } else if self.link.is_some() && self.draw.chance(self.server.weather.cuts) {
            self.cut();
        }
    }

    /// Runs, then lets everything come to rest without further faults.
    fn run(&mut self) -> usize {
        // Where the stream begins.
        self.connect();
        while self.feed.is_beginning() {
            if self.draw.chance(40) {
                let mut draw = Draw(self.draw.next());
                self.server.happen(&mut draw);
            }
            self.exchange();
        }
        assert!(self.told.is_empty());
        let begun = self.server.log.len();
        for _ in 0..STEPS {
            self.step();
        }
        self.server.weather.failures = 0;
        if self.link.is_none() {
            self.connect();
        }
        for _ in 0..10_000 {
            self.deliver();
            self.exchange();
            self.acknowledge();
            if self.feed.awaits_second() && !self.feed.is_filling() {
                self.feed.second();
            }
            self.feed.retry();
            self.hand_on();
        }
        begun
    }
}

#[test]
fn each_event_is_told_once_and_in_order_whatever_the_network_does() {
    let seeds: u64 = std::env::var("POCKETPING_MODEL_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(60);
    let mut restarts = 0;
    let mut events = 0;
    let mut backfilled = 0;
    // `POCKETPING_MODEL_TRACE=seed,weather` tells one run.
    let traced = std::env::var("POCKETPING_MODEL_TRACE").ok();
    for (kind, weather) in weathers().into_iter().enumerate() {
        for seed in 0..seeds {
            let mut world = World::new(seed << 8 | kind as u64, weather);
            world.is_traced = traced.as_deref() == Some(&format!("{seed},{kind}"));
            let begun = world.run();
            check::check(&world, begun, &format!("seed {seed},{kind}, {weather:?}"));
            restarts += world.restarts;
            events += world.told.len();
            backfilled += world.told.iter().filter(|it| matches!(it.content, StreamContent::Backfilled(_))).count();
        }
    }
    // A model in which nothing happens proves nothing.
    assert!(restarts > 100 && events > 5_000 && backfilled > 1_000, "{restarts} {events} {backfilled}");
}
