//! `journal`: what came and what was sent, listed, waited for, exported and forgotten.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::durations::duration;
use crate::http::{Answer, Body, Pairs, Routes};
use crate::journal::{Entry, Journal, Query, Wanted, entry_json};
use crate::store::Rejection;

/// How many entries are listed where nobody says.
const LISTED: usize = 500;
/// How long is waited where nobody says, and at the longest.
const WAIT: Duration = Duration::from_secs(10);
const MOST_WAIT: Duration = Duration::from_secs(300);
const KINDS: [&str; 4] = ["request", "frame", "event", "attempt"];

pub(super) fn routes() -> Routes {
    Routes::new()
        .route("/journal", get(list).delete(clear))
        .route("/journal/wait", post(wait))
        .route("/journal.har", get(har))
        .route("/journal.ndjson", get(ndjson))
}

/// What a call asks for, in its query or its body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    kind: Option<String>,
    method: Option<String>,
    route: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    since: Option<u64>,
    tenant: Option<String>,
    key: Option<String>,
    body: Option<Value>,
    #[serde(skip)]
    limit: Option<usize>,
    #[serde(default)]
    pii: bool,
}

impl Asked {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, Rejection> {
        let mut asked = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "kind" => asked.kind = Some(value),
                "method" => asked.method = Some(value),
                "route" => asked.route = Some(value),
                "path" => asked.path = Some(value),
                "tenant" => asked.tenant = Some(value),
                "key" => asked.key = Some(value),
                "status" => asked.status = Some(parsed(&name, &value)?),
                "since" => asked.since = Some(parsed(&name, &value)?),
                "limit" => asked.limit = Some(parsed(&name, &value)?),
                "pii" => asked.pii = flag(&name, &value)?,
                // What the description does not name was refused before.
                _ => {}
            }
        }
        Ok(asked)
    }

    fn query(&self, app: &App) -> Result<Query, Rejection> {
        let journal = Journal::new(app);
        let journal = if self.pii { journal.with_personal_data() } else { journal };
        let mut query = journal.all();
        if let Some(kind) = &self.kind {
            if !KINDS.contains(&kind.as_str()) {
                return Err(Rejection::field("kind", format_args!("is none of {}", KINDS.join(", "))));
            }
            query = query.and(Wanted::Kind(kind.clone()));
        }
        let tenant = match (&self.tenant, &self.key) {
            (Some(_), Some(_)) => {
                return Err(Rejection::Invalid("`tenant` and `key` cannot both be given".to_owned()));
            }
            (Some(name), None) => Some(app.tenant_named(name)?),
            (None, Some(key)) => Some(app.tenant_of(key)?),
            (None, None) => None,
        };
        let texts = [
            self.method.clone().map(Wanted::Method),
            self.route.clone().map(Wanted::Route),
            self.path.clone().map(Wanted::Path),
            self.status.map(Wanted::Status),
            self.since.map(Wanted::Since),
            self.body.clone().map(Wanted::Body),
            tenant.map(Wanted::Tenant),
        ];
        Ok(texts.into_iter().flatten().fold(query, Query::and))
    }
}

fn parsed<T: FromStr>(name: &str, value: &str) -> Result<T, Rejection> {
    value.parse().map_err(|_| Rejection::field(name, "must be a whole number"))
}

fn flag(name: &str, value: &str) -> Result<bool, Rejection> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(Rejection::field(name, "is 1 or 0")),
    }
}

fn shown(entries: &[Entry]) -> Vec<Value> {
    entries.iter().map(entry_json).collect()
}

/// The last entries, or with `since` the first ones after it.
async fn list(State(app): State<App>, Pairs(pairs): Pairs) -> Result<Answer, Rejection> {
    let asked = Asked::read(pairs)?;
    let query = asked.query(&app)?;
    let (most, is_first) = (asked.limit.unwrap_or(LISTED), asked.since.is_some());
    let (entries, matching) = aside(&app, move || query.part(most, is_first)).await?;
    let last = entries.last().map_or(asked.since.unwrap_or(0), |entry| entry.number);
    let dropped = Journal::new(&app).dropped();
    let told = json!({
        "entries": shown(&entries), "matching": matching, "last": last,
        "dropped": {"entries": dropped.entries, "bytes": dropped.bytes},
    });
    Ok(Answer::json(StatusCode::OK, &told))
}

async fn clear(State(app): State<App>) -> Answer {
    Journal::new(&app).clear();
    Answer::ok()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    #[serde(rename = "match")]
    wanted: Asked,
    #[serde(default = "one")]
    count: usize,
    within: Option<String>,
    #[serde(default)]
    pii: bool,
}

fn one() -> usize {
    1
}

async fn wait(State(app): State<App>, Body(mut asked): Body<Wait>) -> Result<Answer, Rejection> {
    let within = asked.within.as_deref().map(duration).transpose();
    let within = within.map_err(|what| Rejection::field("within", what))?.unwrap_or(WAIT);
    if within > MOST_WAIT {
        return Err(Rejection::field("within", "is 5 minutes at most"));
    }
    if asked.count == 0 {
        return Err(Rejection::field("count", "is 1 or more"));
    }
    if !app.journal.is_on() {
        return Err(Rejection::Conflict("the journal is off (--journal-entries 0 or --journal-bytes 0)".to_owned()));
    }
    asked.wanted.pii |= asked.pii;
    let query = asked.wanted.query(&app)?;
    match query.wait_for(asked.count, within).await {
        Ok(entries) => Ok(Answer::json(StatusCode::OK, &json!({"entries": shown(&entries)}))),
        Err(late) => {
            let misses = late.closest().iter();
            let misses: Vec<_> =
                misses.map(|(entry, differences)| json!({"entry": entry, "differences": differences})).collect();
            let told = json!({
                "error": "Not in time", "message": late.to_string(), "code": "NOT_IN_TIME",
                "entries": shown(late.entries()), "nearMisses": misses,
            });
            Ok(Answer::json(StatusCode::REQUEST_TIMEOUT, &told))
        }
    }
}

/// Does work on the journal beside the server's thread: masking thousands of bodies must hold nobody up. What nobody waits for any
/// more when its turn comes is not begun.
pub(crate) async fn aside<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejection> {
    let turn = app.journal.turn().acquire_owned().await.map_err(|_| Rejection::Internal)?;
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Rejection::Internal)
}

/// What an export asks for: all of it.
fn exported(pairs: Vec<(String, String)>) -> Result<Asked, Rejection> {
    let asked = Asked::read(pairs)?;
    if asked.limit.is_some() {
        Err(Rejection::field("limit", "is for the list; an export is whole"))
    } else {
        Ok(asked)
    }
}

async fn har(State(app): State<App>, Pairs(pairs): Pairs) -> Result<Response, Rejection> {
    let query = exported(pairs)?.query(&app)?;
    Ok(([(CONTENT_TYPE, "application/json")], aside(&app, move || query.to_har()).await?).into_response())
}

async fn ndjson(State(app): State<App>, Pairs(pairs): Pairs) -> Result<Response, Rejection> {
    let query = exported(pairs)?.query(&app)?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], aside(&app, move || query.to_ndjson()).await?).into_response())
}
