//! `stats`: how support does.

use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use pocketping_sdk::ProjectId;

use super::figures::Figures;
use crate::app::App;
use crate::http::{Answer, Caller, Pairs, Routes};
use crate::store::{Rejection, SessionQuery};

pub(super) fn routes() -> Routes {
    Routes::new().route("/stats", get(stats))
}

async fn stats(State(app): State<App>, caller: Caller, Pairs(pairs): Pairs) -> Result<Answer, Rejection> {
    let Asked { project, period, days } = Asked::read(&pairs)?;
    let (now, projects) = app.read(&caller.tenant, |tables| {
        let projects = match &project {
            Some(id) => std::slice::from_ref(tables.project_by_id(id)?),
            None => tables.projects(),
        };
        let named = projects.iter().map(|project| (project.id.clone(), project.name.clone())).collect();
        Ok((tables.time(app.now()), named))
    })?;
    let mut figures = Figures::of_days(days, now, projects);
    let mut query = SessionQuery { reads_messages: true, ..SessionQuery::default() };
    query.filter.project_id = project;
    let mut walk = app.walk_sessions(&caller.tenant, query);
    let mut count = || {
        walk.next_part_as(|tables, session| {
            figures.count(session, tables.conversation(&session.id).unwrap_or_default());
        })
    };
    while count().is_some() {
        // Others are served between two parts.
        tokio::task::yield_now().await;
    }
    Ok(Answer::json(StatusCode::OK, &figures.json(period)))
}

/// What the figures are to be of.
#[derive(Debug)]
struct Asked {
    project: Option<ProjectId>,
    period: &'static str,
    days: u16,
}

impl Asked {
    /// Reads the parameters; unknown ones are ignored.
    fn read(pairs: &[(String, String)]) -> Result<Self, Rejection> {
        let mut asked = Self { project: None, period: "7d", days: 7 };
        for (name, value) in pairs {
            match (name.as_str(), value.as_str()) {
                ("projectId", id) => asked.project = Some(id.into()),
                ("period", "7d") => (asked.period, asked.days) = ("7d", 7),
                ("period", "30d") => (asked.period, asked.days) = ("30d", 30),
                ("period", _) => return Err(Rejection::field(name, "is 7d or 30d")),
                _ => {}
            }
        }
        Ok(asked)
    }
}
