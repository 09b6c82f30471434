//! Seeds: the sessions and webhooks a server starts with.

use std::collections::HashSet;
use std::fmt;

use pocketping_sdk::{
    Csat, EventKind, Identity, Message, MessageKind, Metadata, ReplyTo, Session, SessionId, SessionStatus, Timestamp,
    is_unanswered,
};
use serde::Deserialize;

use super::projects::SeedProject;
use super::{Project, Rejection, Tx, rules};
use crate::contract::Contract;
use crate::json;

/// What a server starts with, in its first tenant.
///
/// As JSON: sessions as `GET /sessions` prints them, each with its `messages` as they are printed, but for their
/// attachments; every field but a message's `content` may be left out. Unknown fields are refused, so that a typing error is
/// found.
///
/// ```
/// use pocketping_mock_server::{MockServer, Seed};
///
/// let seed = Seed::from_json(r#"{"sessions": [{"id": "sess_1", "messages": [{"content": "Hello", "type": "visitor"}]}]}"#)?;
/// let server = MockServer::builder().seed(seed).start()?;
/// assert_eq!(server.sessions()[0].id, "sess_1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    projects: Option<Vec<SeedProject>>,
    sessions: Option<Vec<SeedSession>>,
    webhooks: Option<Vec<SeedWebhook>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SeedSession {
    id: Option<String>,
    visitor_id: Option<String>,
    project_id: Option<String>,
    status: Option<SessionStatus>,
    created_at: Option<Timestamp>,
    last_activity: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    metadata: Option<Metadata>,
    identity: Option<Identity>,
    ai_enabled: Option<bool>,
    visitor_online: Option<bool>,
    csat: Option<SeedCsat>,
    /// As it is printed. What the messages say counts.
    #[serde(rename = "unanswered")]
    _unanswered: Option<bool>,
    messages: Option<Vec<SeedMessage>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedCsat {
    score: i64,
    comment: Option<String>,
    at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SeedMessage {
    id: Option<String>,
    session_id: Option<SessionId>,
    content: String,
    #[serde(rename = "type")]
    kind: Option<MessageKind>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    read_at: Option<Timestamp>,
    reply_to: Option<ReplyTo>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedWebhook {
    url: String,
    events: Vec<EventKind>,
    secret: Option<String>,
}

/// A seed that cannot be used; one line that names the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedError(String);

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the seed cannot be used: {}", self.0)
    }
}

impl std::error::Error for SeedError {}

impl Seed {
    /// The sessions and messages of the API reference's own examples.
    pub fn demo() -> Self {
        Self::from_json(include_str!("demo_seed.json"))
            .unwrap_or_else(|error| unreachable!("checked by a test: {error}"))
    }

    /// Reads a seed.
    ///
    /// # Errors
    /// When it is not JSON of this shape; the error names the field and the line. Whether its values can stand
    /// together is checked when the server starts.
    pub fn from_json(text: &str) -> Result<Self, SeedError> {
        if text.trim_start().starts_with('[') {
            // serde would read an array as the fields in order.
            return Err(SeedError("it is an array; it must be an object with `sessions`".to_owned()));
        }
        json::read(text.as_bytes()).map_err(|wrong| SeedError(wrong.to_string()))
    }

    /// Puts the seed into a tenant's empty tables; nothing is emitted.
    pub(crate) fn apply(self, tx: &mut Tx<'_>, contract: Contract) -> Result<(), SeedError> {
        let sessions = self.sessions.unwrap_or_default();
        // Ids that are given come first, so that no made one takes their place.
        let mut taken = Taken::default();
        for (n, session) in sessions.iter().enumerate() {
            taken.take(session.id.as_deref(), || format!("sessions[{n}].id"))?;
            // A visitor may have several sessions.
            taken.visitors.extend(session.visitor_id.clone());
            for (m, message) in session.messages.iter().flatten().enumerate() {
                taken.take(message.id.as_deref(), || format!("sessions[{n}].messages[{m}].id"))?;
            }
        }
        let described = self.projects.unwrap_or_default();
        // A session that names no project belongs to the first one described, else to that of a server without a seed.
        let needs_own = described.is_empty() && sessions.iter().any(|session| session.project_id.is_none());
        let own = needs_own.then(|| tx.tables().project().clone());
        tx.set_projects(projects(own, described, &sessions)?);
        for (n, seeded) in sessions.into_iter().enumerate() {
            let at = |field: &str| format!("sessions[{n}].{field}");
            let (session, messages) = seeded.into_parts(tx, &taken, &at)?;
            tx.insert(session, messages);
        }
        let mut urls = HashSet::new();
        for (n, webhook) in self.webhooks.unwrap_or_default().into_iter().enumerate() {
            let at = |rejection: Rejection| SeedError(format!("webhooks[{n}]: {rejection}"));
            rules::webhook(&webhook.url, &webhook.events, webhook.secret.as_deref(), contract).map_err(at)?;
            if !urls.insert(webhook.url.clone()) {
                return Err(SeedError(format!("webhooks[{n}].url: {} stands there twice", webhook.url)));
            }
            tx.put_webhook(&webhook.url, webhook.events, webhook.secret);
        }
        Ok(())
    }
}

/// The projects that are described, then those that sessions only name.
fn projects(
    own: Option<Project>,
    described: Vec<SeedProject>,
    sessions: &[SeedSession],
) -> Result<Vec<Project>, SeedError> {
    let mut projects: Vec<Project> = own.into_iter().collect();
    for (n, project) in described.into_iter().enumerate() {
        let wrong = |field: &str, what: &str| SeedError(format!("projects[{n}].{field}: {what}"));
        check_id(&project.id).map_err(|what| wrong("id", what))?;
        if projects.iter().any(|known| known.id == project.id.as_str()) {
            return Err(wrong("id", "it stands there twice"));
        }
        projects.push(project.into_project().map_err(|(field, what)| wrong(&field, &what))?);
    }
    for (n, id) in sessions.iter().enumerate().filter_map(|(n, session)| Some((n, session.project_id.as_ref()?))) {
        check_id(id).map_err(|what| SeedError(format!("sessions[{n}].projectId: {what}")))?;
        if !projects.iter().any(|known| known.id == id.as_str()) {
            projects.push(Project::new(id.as_str().into()));
        }
    }
    Ok(projects)
}

/// What no client can send is no id.
fn check_id(id: &str) -> Result<(), &'static str> {
    match id {
        "" => Err("it is empty"),
        "." | ".." => Err("it cannot stand in a path"),
        id if id.chars().any(char::is_control) => Err("it holds a control character"),
        _ => Ok(()),
    }
}

/// The ids a seed gives.
#[derive(Default)]
struct Taken {
    ids: HashSet<String>,
    visitors: HashSet<String>,
}

impl Taken {
    fn take(&mut self, id: Option<&str>, place: impl Fn() -> String) -> Result<(), SeedError> {
        let Some(id) = id else { return Ok(()) };
        check_id(id).map_err(|what| SeedError(format!("{}: {what}", place())))?;
        if !self.ids.insert(id.to_owned()) {
            return Err(SeedError(format!("{}: {id} stands there twice", place())));
        }
        Ok(())
    }

    fn or_new(&self, id: Option<String>, tx: &Tx<'_>, prefix: &'static str) -> String {
        id.unwrap_or_else(|| tx.unused(prefix, |_, id| self.ids.contains(id) || self.visitors.contains(id)))
    }
}

impl SeedSession {
    fn into_parts(
        self,
        tx: &Tx<'_>,
        taken: &Taken,
        at: &dyn Fn(&str) -> String,
    ) -> Result<(Session, Vec<Message>), SeedError> {
        let wrong = |field: &str, what: &str| Err(SeedError(format!("{}: {what}", at(field))));
        if let Some(Err(what)) = self.visitor_id.as_deref().map(check_id) {
            return wrong("visitorId", what);
        }
        // A session is no younger than what was said in it.
        let said = self.messages.iter().flatten().filter_map(|message| whole(message.created_at)).min();
        let created = whole(self.created_at).unwrap_or_else(|| said.map_or(tx.now(), |said| said.min(tx.now())));
        let mut session = Session::new(taken.or_new(self.id, tx, "sess"));
        session.visitor_id = Some(taken.or_new(self.visitor_id, tx, "vis").into());
        session.project_id = Some(self.project_id.map_or_else(|| tx.tables().project().id.clone(), Into::into));
        session.created_at = Some(created);
        session.ai_enabled = Some(self.ai_enabled.unwrap_or(true));
        session.visitor_online = self.visitor_online;
        session.status = self.status.unwrap_or(SessionStatus::Active);
        if !session.status.is_known() {
            return wrong("status", "it is neither active nor closed");
        }
        session.metadata = self.metadata.unwrap_or_default();
        rules::metadata(&session.metadata).map_err(|error| SeedError(format!("{}: {error}", at("metadata"))))?;
        if let Some(identity) = self.identity {
            if let Some(unknown) = identity.extra.keys().next() {
                return wrong(&format!("identity.{unknown}"), "there is no such field");
            }
            let merged = rules::identity(&identity).and_then(|()| rules::merged(None, identity));
            session.identity = Some(merged.map_err(|error| SeedError(format!("{}: {error}", at("identity"))))?);
        }

        let mut messages: Vec<Message> = Vec::new();
        for (n, seeded) in self.messages.into_iter().flatten().enumerate() {
            let id = taken.or_new(seeded.id.clone(), tx, "msg");
            let message = seeded.into_message(id, &session, &messages);
            messages
                .push(message.map_err(|(field, what)| {
                    SeedError(format!("{}: {what}", at(&format!("messages[{n}].{field}"))))
                })?);
        }
        if let Some(csat) = self.csat {
            let comment = rules::rating(csat.score, csat.comment);
            let mut rated = Csat::new();
            rated.score = Some(csat.score);
            rated.comment = comment.map_err(|error| SeedError(format!("{}: {error}", at("csat"))))?;
            rated.at = whole(csat.at).or_else(|| messages.last()?.created_at).or(Some(created));
            session.csat = Some(rated);
        }
        let closed = whole(self.closed_at);
        if closed.is_some() && session.status != SessionStatus::Closed {
            return wrong("closedAt", "the session is not closed");
        }
        let newest = messages.last().and_then(|message| message.created_at);
        let changed = messages.iter().filter_map(|message| message.updated_at).max();
        let rated = session.csat.as_ref().and_then(|csat| csat.at);
        let happened = [whole(self.last_activity), newest, changed, rated, closed, Some(created)];
        session.last_activity = happened.into_iter().max().flatten();
        session.unanswered = Some(is_unanswered(messages.iter()));
        if session.status == SessionStatus::Closed {
            session.closed_at = closed.or(session.last_activity);
        }
        Ok((session, messages))
    }
}

/// Times are told in whole milliseconds.
fn whole(time: Option<Timestamp>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::from_millis(time.as_millis()).ok())
}

impl SeedMessage {
    /// The message, behind those that stand before it; or which field is wrong, and what about it.
    fn into_message(
        self,
        id: String,
        session: &Session,
        before: &[Message],
    ) -> Result<Message, (&'static str, String)> {
        let mut message = Message::new(id);
        if self.session_id.is_some_and(|id| id != session.id) {
            return Err(("sessionId", format!("the session is {}", session.id)));
        }
        message.session_id = Some(session.id.clone());
        message.deleted_at = whole(self.deleted_at);
        if message.deleted_at.is_none() {
            rules::content(&self.content).map_err(|error| ("content", error.to_string()))?;
        } else if !self.content.is_empty() {
            return Err(("content", "a deleted message has none".to_owned()));
        }
        message.content = self.content;
        message.kind = self.kind.unwrap_or(MessageKind::Operator);
        if !message.kind.is_known() {
            return Err(("type", format!("it is none of {}", MessageKind::KNOWN.join(", "))));
        }
        let last = before.last().and_then(|message| message.created_at);
        message.created_at = whole(self.created_at).or(last).or(session.created_at);
        if last > message.created_at {
            return Err(("createdAt", "it is earlier than that of the message before".to_owned()));
        }
        message.edited_at = whole(self.edited_at);
        message.delivered_at = whole(self.delivered_at);
        message.read_at = whole(self.read_at);
        let changed = [message.edited_at, message.deleted_at, message.delivered_at, message.read_at];
        message.updated_at = whole(self.updated_at).max(changed.into_iter().max().flatten());
        message.reply_to = self.reply_to;
        let answered = message.reply_to.as_ref().map(ReplyTo::id);
        let is_there = |id: Option<&str>| before.iter().any(|message| id == Some(message.id.as_str()));
        if answered.is_some_and(|id| !is_there(id)) {
            return Err(("replyTo", "there is no such message before it".to_owned()));
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_seed_can_be_used() {
        let seed = Seed::demo();
        assert_eq!(seed.sessions.unwrap().len(), 1);
    }

    #[test]
    fn a_malformed_seed_is_refused_with_its_place() {
        for (json, place) in [
            ("", "line 1"),
            ("[]", "must be an object"),
            (r#"{"session": []}"#, "session"),
            (r#"{"sessions": [{"visitor": "v"}]}"#, "sessions[0].visitor"),
            (r#"{"sessions": [{"messages": [{"type": "visitor"}]}]}"#, "sessions[0].messages[0]"),
            (r#"{"sessions": [{"createdAt": "yesterday"}]}"#, "sessions[0].createdAt"),
            (r#"{"sessions": []} trailing"#, "line 1"),
        ] {
            let error = Seed::from_json(json).unwrap_err().to_string();
            assert!(error.contains(place) && !error.contains('\n'), "{json}: {error}");
        }
    }
}
