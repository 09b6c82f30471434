//! `stats`: how support does.

use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use pocketping_sdk::ProjectId;
use pocketping_sdk::stats::{Stats, StatsCounter};
use serde_json::{Value, json};

use crate::app::App;
use crate::http::{Answer, Caller, Pairs, Routes};
use crate::names;
use crate::store::{Rejection, SessionQuery};

pub(super) fn routes() -> Routes {
    Routes::new().route("/stats", get(stats))
}

async fn stats(State(app): State<App>, caller: Caller, Pairs(pairs): Pairs) -> Result<Answer, Rejection> {
    let Asked { project, days } = Asked::read(&pairs)?;
    let (now, projects) = app.read(&caller.tenant, |tables| {
        let projects = match &project {
            Some(id) => std::slice::from_ref(tables.project_by_id(id)?),
            None => tables.projects(),
        };
        let named: Vec<_> = projects.iter().map(|project| (project.id.clone(), project.name.clone())).collect();
        Ok((tables.time(app.now()), named))
    })?;
    let mut counter = StatsCounter::of_days(days, now);
    for (id, name) in projects {
        counter.name_project(&id, name);
    }
    let mut query = SessionQuery { reads_messages: true, ..SessionQuery::default() };
    query.filter.project_id = project;
    let mut walk = app.walk_sessions(&caller.tenant, query);
    let mut count = || {
        walk.next_part_as(|tables, session| {
            let messages = tables.conversation(&session.id).unwrap_or_default();
            counter.count(session, messages.iter().map(|message| &***message));
        })
    };
    while count().is_some() {
        // Others are served between two parts.
        tokio::task::yield_now().await;
    }
    Ok(Answer::json(StatusCode::OK, &told(&counter.stats())))
}

/// The figures in this surface's form: its times have milliseconds.
fn told(stats: &Stats) -> Value {
    let mut told = json!(stats);
    told["from"] = names::time(stats.from).into();
    told["to"] = names::time(stats.to).into();
    told
}

/// What the figures are to be of.
#[derive(Debug)]
struct Asked {
    project: Option<ProjectId>,
    days: u16,
}

impl Asked {
    /// Reads the parameters; unknown ones are ignored.
    fn read(pairs: &[(String, String)]) -> Result<Self, Rejection> {
        let mut asked = Self { project: None, days: 7 };
        for (name, value) in pairs {
            match (name.as_str(), value.as_str()) {
                ("projectId", id) => asked.project = Some(id.into()),
                ("period", "7d") => asked.days = 7,
                ("period", "30d") => asked.days = 30,
                ("period", _) => return Err(Rejection::field(name, "is 7d or 30d")),
                _ => {}
            }
        }
        Ok(asked)
    }
}
