//! `look`: what there is to show that was not shown yet, in one answer, whatever it is of.
//!
//! It is asked again and again, so what has not changed is left out. What was shown is named by a mark of this server's
//! own, which the next look gives back.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use pocketping_sdk::SessionId;
use serde_json::{Value, json};

use crate::app::{App, Look, Seen};
use crate::control::{aside, delivery_json};
use crate::http::{Answer, Pairs, Routes};
use crate::journal::{Journal, Wanted, entry_json};
use crate::store::{Rejection, TenantId};

/// How many requests and deliveries are shown: the last ones.
const SHOWN: usize = 100;
const PARAMETERS: &str = "is none of after, session, has, tenant";

pub(super) fn routes() -> Routes {
    Routes::new().route("/_page/look", get(look))
}

/// Up to where everything was shown.
#[derive(Debug, Default, PartialEq)]
struct Mark {
    seen: Seen,
    entry: u64,
    deliveries: u64,
    /// What the small things were, in a number.
    rest: u64,
}

impl Mark {
    fn write(&self) -> String {
        let Self { seen: Seen { epoch, revision, event }, entry, deliveries, rest } = self;
        format!("{epoch}.{revision}.{event}.{entry}.{deliveries}.{rest}")
    }

    /// Reads a mark; `None` for what is none, such as that of another version.
    fn read(text: &str) -> Option<Self> {
        let (epoch, numbers) = text.split_once('.')?;
        let numbers: Vec<u64> = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let [revision, event, entry, deliveries, rest] = *numbers.as_slice() else { return None };
        Some(Self { seen: Seen { epoch: epoch.to_owned(), revision, event }, entry, deliveries, rest })
    }
}

/// What a look asks for.
#[derive(Debug, Default)]
struct Asked {
    after: Option<Mark>,
    session: Option<SessionId>,
    /// The revision at which the session's messages are shown.
    has: u64,
    tenant: Option<String>,
}

impl Asked {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, Rejection> {
        let mut asked = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "after" => asked.after = Mark::read(&value),
                "session" => asked.session = Some(value.into()),
                "has" => asked.has = value.parse().map_err(|_| Rejection::field(&name, "is a revision, a number"))?,
                "tenant" => asked.tenant = Some(value),
                _ => return Err(Rejection::field(&name, PARAMETERS)),
            }
        }
        Ok(asked)
    }
}

async fn look(State(app): State<App>, Pairs(pairs): Pairs) -> Result<Answer, Rejection> {
    let asked = Asked::read(pairs)?;
    let named = asked.tenant.as_deref().map(|name| app.tenant_named(name)).transpose()?;
    let tenant = named.clone().unwrap_or_else(|| app.first_tenant.clone());
    // Before the tables: what comes between the two is shown once more, and not never.
    let deliveries = *app.outbox_version().borrow();
    let before = asked.after.unwrap_or_default();
    let found = app.look(&tenant, &before.seen, asked.session.as_ref().map(|id| (id, asked.has)));
    // What was seen of another epoch says nothing.
    let before = if found.is_whole { Mark::default() } else { before };
    let rest = rest(&app, &found);
    let (first, last) = app.journal.span();
    let mark = Mark { seen: found.seen.clone(), entry: last, deliveries, rest: hash(&rest) };
    let mut shown = tables(&found);
    shown["mark"] = mark.write().into();
    shown["clock"] = json!({"now": app.now(), "frozen": app.clock.is_frozen()});
    if mark.rest != before.rest {
        shown["rest"] = rest;
    }
    if found.is_whole || mark.deliveries != before.deliveries {
        shown["deliveries"] = last_deliveries(&app, &tenant);
    }
    if app.journal.is_on() {
        shown["requests"] = json!({"first": first});
        if last != before.entry {
            let reader = app.clone();
            let entries = aside(&app, move || requests(&reader, named, before.entry)).await?;
            shown["requests"]["entries"] = entries.into();
        }
    }
    Ok(Answer::json(StatusCode::OK, &shown))
}

/// What the tables and the events have.
fn tables(found: &Look) -> Value {
    let sessions: Vec<Value> =
        found.sessions.iter().map(|(session, last)| json!({"session": **session, "last": last.as_deref()})).collect();
    let conversation = found.conversation.as_ref().map(|it| {
        let messages: Vec<Value> = it.messages.iter().map(|message| json!(**message)).collect();
        json!({"sessionId": it.session, "revision": it.revision, "messages": messages})
    });
    json!({"whole": found.is_whole, "sessions": sessions, "conversation": conversation,
           "events": {"last": found.seen.event, "new": found.events}})
}

/// What is small, and told whole when any of it is another.
fn rest(app: &App, found: &Look) -> Value {
    json!({"operatorOnline": found.operator_online, "projects": found.projects, "snapshots": found.snapshots,
           "tenants": app.tenants(), "faults": app.faults.list()})
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

fn last_deliveries(app: &App, tenant: &TenantId) -> Value {
    let all = app.deliveries();
    let theirs: Vec<_> = all.iter().rev().filter(|delivery| delivery.tenant == *tenant).take(SHOWN).collect();
    let shown = theirs.into_iter().rev().map(|delivery| {
        let mut shown = delivery_json(delivery);
        // Nobody shows it.
        shown["body"].take();
        shown
    });
    shown.collect()
}

fn requests(app: &App, tenant: Option<TenantId>, after: u64) -> Vec<Value> {
    let query = Journal::new(app).with_personal_data().requests().since(after);
    let query = tenant.into_iter().map(Wanted::Tenant).fold(query, crate::journal::Query::and);
    query.part(SHOWN, false).0.iter().map(entry_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_what_is_none_is_nothing() {
        let seen = Seen { epoch: "01HQr3".to_owned(), revision: 7, event: 3 };
        let mark = Mark { seen, entry: 9, deliveries: 2, rest: u64::MAX };
        assert_eq!(Mark::read(&mark.write()), Some(mark));
        for none in
            ["", ".", "e.1.2.3.4", "e.1.2.3.4.5.6", "e.1.2.3.4.x", "e.1.2.3.4.-5", "e.1.2.3.4.99999999999999999999"]
        {
            assert_eq!(Mark::read(none), None, "{none:?}");
        }
    }
}
