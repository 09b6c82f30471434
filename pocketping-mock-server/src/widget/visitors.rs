//! Who the visitor is, what the visitor thinks of it, and when the visitor leaves.

use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use pocketping_sdk::{Extra, Identity, SessionId};
use serde::Deserialize;
use serde_json::json;

use super::place::Place;
use crate::app::App;
use crate::http::{Answer, Body, Routes};
use crate::names;
use crate::operations;
use crate::store::change::Update;
use crate::store::{Rejection, Tx, rules};

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/identify", post(identify))
        .route("/prechat", post(pre_chat))
        .route("/csat", post(rate))
        .route("/presence", get(presence))
        .route("/disconnect", post(leave))
        .route("/visibility", post(visibility))
}

/// How many seconds widgets are told until the AI takes over, where nothing is set.
const AI_AFTER: u64 = 300;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Introduction {
    session_id: SessionId,
    identity: Extra,
}

async fn identify(State(app): State<App>, place: Place, Body(said): Body<Introduction>) -> Result<Answer, Rejection> {
    let identity = names::read_identity(said.identity)?;
    app.write(&place.tenant, |tx| introduce(tx, &place, &said.session_id, identity))?;
    Ok(Answer::ok())
}

/// Adds what was said to what is known of the visitor.
fn introduce(tx: &mut Tx<'_>, place: &Place, id: &SessionId, said: Identity) -> Result<(), Rejection> {
    let stored = tx.tables().session_in(&place.project, id)?.identity.as_ref();
    let merged = names::introduced(stored, said)?;
    tx.update_session(id, Update::Identified, |session, _| session.identity = Some(merged))?;
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PreChat {
    session_id: SessionId,
    email: Option<String>,
    phone: Option<String>,
    phone_country: Option<String>,
}

async fn pre_chat(State(app): State<App>, place: Place, Body(form): Body<PreChat>) -> Result<Answer, Rejection> {
    let given = |field: Option<String>| field.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let (email, phone, country) = (given(form.email), given(form.phone), given(form.phone_country));
    if email.is_none() && phone.is_none() {
        return Err(Rejection::Invalid("one of `email` and `phone` must be given".to_owned()));
    }
    if email.as_ref().is_some_and(|email| !rules::looks_like_email(email)) {
        return Err(Rejection::field("email", "does not look like an e-mail address"));
    }
    if phone.as_ref().is_some_and(|phone| !is_e164(phone)) {
        return Err(Rejection::field("phone", "is not in international form, such as +33612345678"));
    }
    if country.as_ref().is_some_and(|country| country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase())) {
        return Err(Rejection::field("phoneCountry", "is not a country's code of two letters, such as FR"));
    }
    let said = names::pre_chat(email, phone, country);
    app.write(&place.tenant, |tx| introduce(tx, &place, &form.session_id, said))?;
    Ok(Answer::ok())
}

/// A plus, and 7 to 15 digits that begin with none of the trunk's zeros.
fn is_e164(phone: &str) -> bool {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rating {
    session_id: SessionId,
    score: i64,
    comment: Option<String>,
}

async fn rate(State(app): State<App>, place: Place, Body(rating): Body<Rating>) -> Result<Answer, Rejection> {
    let comment = rules::rating(rating.score, rating.comment)?;
    let is_first = app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &rating.session_id)?;
        tx.rate_session(&rating.session_id, rating.score, comment)
    })?;
    let answer = if is_first { json!({"ok": true}) } else { json!({"ok": true, "alreadyRated": true}) };
    Ok(Answer::json(StatusCode::OK, &answer))
}

async fn presence(State(app): State<App>, place: Place) -> Answer {
    let online = app.read(&place.tenant, crate::store::Tenant::operator_online);
    let responder = app.responder.as_ref();
    let after = responder.map_or(AI_AFTER, |responder| responder.delay().as_secs());
    Answer::json(StatusCode::OK, &json!({"online": online, "aiEnabled": responder.is_some(), "aiActiveAfter": after}))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Goodbye {
    session_id: SessionId,
    duration: Option<f64>,
    reason: Option<String>,
}

async fn leave(State(app): State<App>, place: Place, Body(goodbye): Body<Goodbye>) -> Result<Answer, Rejection> {
    let seconds = goodbye.duration.unwrap_or(0.0);
    if !seconds.is_finite() || seconds < 0.0 {
        return Err(Rejection::field("duration", "is a number of seconds"));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above; it saturates")]
    let duration = seconds as u64;
    let reason = goodbye.reason.unwrap_or_else(|| "page_unload".to_owned());
    names::check_id("reason", &reason)?;
    app.write(&place.tenant, |tx| {
        tx.tables().session_in(&place.project, &goodbye.session_id)?;
        operations::leave(tx, &goodbye.session_id, duration, reason)
    })?;
    Ok(Answer::ok())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Visibility {
    session_id: SessionId,
    state: String,
}

/// A page came to the front, or went behind others: nobody is told, and the visitor is still there.
async fn visibility(State(app): State<App>, place: Place, Body(seen): Body<Visibility>) -> Result<Answer, Rejection> {
    if !matches!(seen.state.as_str(), "hidden" | "visible") {
        return Err(Rejection::field("state", "is hidden or visible"));
    }
    app.read(&place.tenant, |tables| tables.session_in(&place.project, &seen.session_id).map(drop))?;
    Ok(Answer::ok())
}
