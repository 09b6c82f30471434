//! `sessions`: list, get, reply.

use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use pocketping_sdk::{Message, NewMessage, SessionId, SessionStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::endpoints::messages::send_filled;
use crate::http::{Answer, Body, Caller, Pairs, PathId, Routes, list as list_answer};
use crate::names;
use crate::store::{Rejection, SessionQuery, Tx};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/sessions", get(list))
        .route("/sessions/{sessionId}", get(get_one))
        .route("/sessions/{sessionId}/reply", post(reply))
}

/// How many sessions are shown when nobody says it.
const USUAL_LIMIT: usize = 25;
/// How many sessions can be asked for.
const MOST_LIMIT: usize = 100;
/// What a session can be asked to be. None here is ever archived.
const STATUSES: [&str; 3] = ["active", "closed", "archived"];

async fn list(State(app): State<App>, caller: Caller, Pairs(pairs): Pairs) -> Result<Answer, Rejection> {
    let (query, mut missing) = read_query(&pairs)?;
    if let Some(project) = &query.filter.project_id {
        app.read(&caller.tenant, |tables| tables.project_by_id(project).map(drop))?;
    }
    let mut answer = list_answer(app.contract, "sessions");
    let mut walk = app.walk_sessions(&caller.tenant, query);
    while missing > 0 {
        let part = walk.next_part_as(|tables, session| {
            let messages = tables.conversation(&session.id).unwrap_or_default();
            (session.clone(), messages.len(), messages.last().cloned(), tables.operator_online())
        });
        let Some(part) = part else { break };
        missing -= part.len();
        for (session, messages, last, operator_online) in &part {
            answer.push(&names::conversation(session, *messages, last.as_ref().map(|last| &***last), *operator_online));
        }
        // Others are served between two parts.
        tokio::task::yield_now().await;
    }
    Ok(answer.finish(None))
}

/// Reads the parameters, and how many sessions are wanted; unknown ones are ignored.
fn read_query(pairs: &[(String, String)]) -> Result<(SessionQuery, usize), Rejection> {
    let mut query = SessionQuery::default();
    let mut limit = USUAL_LIMIT;
    for (name, value) in pairs {
        match name.as_str() {
            "projectId" => query.filter.project_id = Some(value.as_str().into()),
            "status" if STATUSES.contains(&value.as_str()) => query.filter.status = Some(value.as_str().into()),
            "status" => return Err(Rejection::field(name, "is active, closed or archived")),
            "unanswered" => {
                query.filter.unanswered = value.parse().map_err(|_| Rejection::field(name, "is true or false"))?;
            }
            "q" => query.filter.text = Some(value.clone()).filter(|text| !text.is_empty()),
            "limit" => limit = read_limit(value)?,
            _ => {}
        }
    }
    if query.filter.unanswered {
        // A closed one takes no reply, so it waits for none, unless somebody asks for such.
        query.filter.status.get_or_insert(SessionStatus::Active);
    }
    query.limit = Some(limit);
    Ok((query, limit))
}

fn read_limit(text: &str) -> Result<usize, Rejection> {
    let limit = text.parse().ok().filter(|limit| (1..=MOST_LIMIT).contains(limit));
    limit.ok_or_else(|| Rejection::field("limit", format_args!("is a number from 1 to {MOST_LIMIT}")))
}

async fn get_one(State(app): State<App>, caller: Caller, id: PathId<SessionId>) -> Result<Answer, Rejection> {
    let (session, messages, operator_online) = app.read(&caller.tenant, |tables| {
        let session = tables.session(&id.0)?.clone();
        Ok((session, tables.conversation(&id.0)?.to_vec(), tables.operator_online()))
    })?;
    let last = messages.last().map(|last| &***last);
    let session = names::conversation(&session, messages.len(), last, operator_online);
    let messages: Vec<Value> = messages.iter().map(|message| names::message(message)).collect();
    Ok(Answer::json(StatusCode::OK, &json!({"session": session, "messages": messages})))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    content: String,
    operator_name: Option<String>,
}

async fn reply(
    State(app): State<App>,
    caller: Caller,
    id: PathId<SessionId>,
    Body(reply): Body<Reply>,
) -> Result<Answer, Rejection> {
    let message = app.write(&caller.tenant, |tx| send_reply(tx, &id.0, reply))?;
    Ok(Answer::json(StatusCode::OK, &json!({"ok": true, "message": names::message(&message)})))
}

/// Adds an operator's message, and the name that it is to show.
fn send_reply(tx: &mut Tx<'_>, id: &SessionId, reply: Reply) -> Result<Message, Rejection> {
    tx.session(id)?;
    let name = reply.operator_name.filter(|name| !name.trim().is_empty());
    if let Some(name) = &name {
        names::check_id("operatorName", name)?;
    }
    send_filled(tx, id, NewMessage::operator(reply.content), |message| {
        if let Some(name) = name {
            message.extra.insert("metadata".to_owned(), json!({"operatorName": name}));
        }
    })
}
