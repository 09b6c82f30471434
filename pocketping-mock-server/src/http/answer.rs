//! Answers as JSON, in the form the contract gives them.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use pocketping_sdk::{Message, Session};
use serde::Serialize;

use super::Caller;
use crate::app::App;
use crate::contract::Contract;
use crate::store::{Held, Kept, Rejection, Row, Tx};

/// An answer that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Self {
        Self { status, body: encode(value) }
    }

    /// JSON that is text already.
    pub(crate) fn text(json: String) -> Self {
        Self { status: StatusCode::OK, body: json.into_bytes() }
    }

    /// What is said where there is nothing to say.
    pub(crate) fn ok() -> Self {
        Self { status: StatusCode::OK, body: br#"{"ok":true}"#.to_vec() }
    }

    /// A session as the contract shows it.
    pub(crate) fn session(contract: Contract, session: &Row<Session>) -> Self {
        Self { status: StatusCode::OK, body: session_json(contract, session).to_vec() }
    }

    /// The answer to a write: its value, or the thin acknowledgement of the strict contract.
    fn written<T: Serialize>(contract: Contract, status: StatusCode, value: &T) -> Self {
        if contract.is_extended() { Self::json(status, value) } else { Self::ok() }
    }

    /// Runs a write whose answer is its value, and keeps the answer under the same lock when the caller sent an
    /// idempotency key.
    pub(crate) fn of_write<T: Serialize>(
        app: &App,
        caller: &Caller,
        status: StatusCode,
        change: impl FnOnce(&mut Tx<'_>) -> Result<T, Rejection>,
    ) -> Result<Self, Rejection> {
        app.write_kept(
            &caller.tenant,
            change,
            |value| Self::written(app.contract, status, &value),
            |answer| {
                let reservation = caller.reservation.as_ref()?;
                Some((reservation.scope().clone(), Kept { status: answer.status.as_u16(), body: answer.body.clone() }))
            },
        )
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = ok(self.body.into());
        *response.status_mut() = self.status;
        response
    }
}

fn ok(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    // With room for those that every answer is given.
    headers.reserve(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer that was given before.
pub(super) fn replay(kept: Kept) -> Response {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    let replayed = HeaderName::from_static("idempotent-replayed");
    let mut response = Answer { status, body: kept.body }.into_response();
    response.headers_mut().insert(replayed, HeaderValue::from_static("true"));
    response
}

/// A list that is written as its parts come: `{"sessions":[…],"nextCursor":…}`.
#[derive(Debug)]
pub(crate) struct ListAnswer {
    body: Vec<u8>,
    is_empty: bool,
    contract: Contract,
}

/// Begins a list under this key.
pub(crate) fn list(contract: Contract, key: &str) -> ListAnswer {
    ListAnswer { body: format!("{{\"{key}\":[").into_bytes(), is_empty: true, contract }
}

impl ListAnswer {
    /// Adds sessions.
    pub(crate) fn push_sessions(&mut self, sessions: &[Held<Session>]) {
        let contract = self.contract;
        // A comma each.
        self.body.reserve(sessions.iter().map(|session| session_json(contract, session).len() + 1).sum());
        for session in sessions {
            self.push_json(session_json(contract, session));
        }
    }

    /// Adds a message, unless the contract does not show it.
    pub(crate) fn push_message(&mut self, message: &Row<Message>) {
        let contract = self.contract;
        let json = message.json(|message| contract.message(message).map_or_else(Vec::new, |shown| encode(&*shown)));
        if !json.is_empty() {
            self.push_json(json);
        }
    }

    pub(crate) fn push<T: Serialize>(&mut self, item: &T) {
        self.push_json(&encode(item));
    }

    fn push_json(&mut self, json: &[u8]) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.body.push(b',');
        }
        self.body.extend_from_slice(json);
    }

    /// Answers with what there is and what comes: `more` adds a part, and says when there is none left. So a long list is
    /// never held as a whole, and others are served between two parts.
    pub(crate) fn streamed(self, more: impl FnMut(&mut Self) -> bool + Send + 'static) -> Response {
        let pieces = stream::unfold(Some((self, more)), |state| async {
            let (mut list, mut more) = state?;
            tokio::task::yield_now().await;
            if more(&mut list) {
                let piece = std::mem::take(&mut list.body);
                Some((Ok::<_, Infallible>(piece), Some((list, more))))
            } else {
                Some((Ok(list.finish(None).body), None))
            }
        });
        ok(Body::from_stream(pieces))
    }

    /// Ends the list.
    pub(crate) fn finish(mut self, next_cursor: Option<String>) -> Answer {
        self.body.push(b']');
        if let Some(cursor) = next_cursor {
            self.body.extend(br#","nextCursor":"#);
            self.body.extend(encode(&cursor));
        }
        self.body.push(b'}');
        Answer { status: StatusCode::OK, body: self.body }
    }
}

fn session_json(contract: Contract, session: &Row<Session>) -> &[u8] {
    session.json(|session| encode(&*contract.session(session)))
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Wire types have string keys only, so this cannot fail.
    serde_json::to_vec(value).unwrap_or_else(|error| unreachable!("a wire type is always JSON: {error}"))
}
