//! Figures of how support does: what is counted of sessions and their messages, and in which form it is told.
//!
//! PocketPing's management API tells them (`GET /api/v1/stats`); the documented API does not, so [`StatsCounter`] makes them of
//! what it does tell.
//!
//! A session counts when it was opened in the window, its messages and its rating when they came in it; both ends are inside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::types::{Message, MessageKind, ProjectId, Session, SessionStatus, Timestamp, is_unanswered};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The lowest score of a visitor who is content.
const CONTENT: i64 = 4;

/// How support did over some days, in the form PocketPing's own tools read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Stats {
    /// The days it is of: `7d` or `30d`; empty when the server did not say.
    #[serde(default)]
    pub period: String,
    /// The window's first moment.
    pub from: Timestamp,
    /// The window's last moment.
    pub to: Timestamp,
    /// Sessions that were opened in the window.
    pub conversations: u64,
    /// Messages that came in the window, of those sessions.
    pub messages: u64,
    /// Those sessions that are open and whose visitor wrote last.
    pub unanswered_now: u64,
    /// Sessions opened on each day of the window, oldest first. A day has 24 hours and begins when the window does.
    pub conversations_sparkline: Vec<u64>,
    /// The share of sessions that an operator or the AI wrote in, from 0 to 1; 0 when there was none.
    pub response_rate: f64,
    /// The median time from a visitor's first message to the first answer, in seconds. Whoever was greeted first waited for
    /// nobody and is not in it.
    pub median_first_response_seconds: Option<f64>,
    /// What visitors think of it.
    pub csat: CsatStats,
    /// The busiest project first.
    #[serde(default)]
    pub by_project: Vec<ProjectStats>,
    /// Whether not everything could be read.
    #[serde(default)]
    pub truncated: bool,
}

/// The visitors' ratings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CsatStats {
    /// The share of scores of 4 and 5, from 0 to 1.
    pub percent: Option<f64>,
    /// The average score, 1 to 5.
    pub average: Option<f64>,
    /// How many rated.
    pub responses: u64,
}

/// One project's figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProjectStats {
    /// Its name, or its id where nobody knows its name.
    pub project_name: String,
    /// Sessions that were opened in the window.
    pub conversations: u64,
    /// The share of scores of 4 and 5, from 0 to 1.
    pub csat_percent: Option<f64>,
}

/// Counts sessions and makes [`Stats`] of them.
///
/// ```
/// use pocketping_sdk::stats::StatsCounter;
/// use pocketping_sdk::Session;
///
/// let mut counter = StatsCounter::of_days(7, "2024-01-15T12:00:00Z".parse()?);
/// let session: Session = serde_json::from_str(r#"{"id": "sess_abc123", "createdAt": "2024-01-15T10:30:00Z"}"#)?;
/// counter.count(&session, [].iter());
/// assert_eq!(counter.stats().conversations_sparkline, [0, 0, 0, 0, 0, 0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StatsCounter {
    stats: Stats,
    answered: u64,
    first_responses: Vec<Duration>,
    ratings: Ratings,
    /// In the order they were named or first seen in.
    projects: Vec<OfProject>,
}

#[derive(Clone, Debug)]
struct OfProject {
    id: ProjectId,
    name: Option<String>,
    sessions: u64,
    ratings: Ratings,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ratings {
    given: u32,
    sum: i64,
    content: u32,
}

impl StatsCounter {
    /// Counts sessions of so many days, which end at `now`.
    pub fn of_days(days: u16, now: Timestamp) -> Self {
        let stats = Stats {
            period: format!("{days}d"),
            from: now.saturating_sub(DAY * u32::from(days)),
            to: now,
            conversations: 0,
            messages: 0,
            unanswered_now: 0,
            conversations_sparkline: vec![0; usize::from(days.max(1))],
            response_rate: 0.0,
            median_first_response_seconds: None,
            csat: CsatStats::default(),
            by_project: Vec::new(),
            truncated: false,
        };
        Self { stats, answered: 0, first_responses: Vec::new(), ratings: Ratings::default(), projects: Vec::new() }
    }

    /// Names a project, which is told of then even when nothing happens in it. Others are told of under their ids.
    pub fn name_project(&mut self, id: &ProjectId, name: impl Into<String>) {
        self.project(id).name = Some(name.into());
    }

    /// The window's first moment.
    pub fn from(&self) -> Timestamp {
        self.stats.from
    }

    /// Whether a session was opened in the window. What [`count`](Self::count) is given of others changes nothing.
    pub fn counts(&self, session: &Session) -> bool {
        self.holds(session.created_at)
    }

    fn holds(&self, time: Option<Timestamp>) -> bool {
        time.is_some_and(|time| (self.stats.from..=self.stats.to).contains(&time))
    }

    /// Notes that something could not be read.
    pub fn truncate(&mut self) {
        self.stats.truncated = true;
    }

    /// Counts a session and its messages, oldest first.
    pub fn count<'a>(&mut self, session: &Session, messages: impl DoubleEndedIterator<Item = &'a Message> + Clone) {
        let Some(opened) = session.created_at.filter(|time| self.holds(Some(*time))) else { return };
        self.stats.conversations += 1;
        // The window's last moment belongs to its last day.
        let last = self.stats.conversations_sparkline.len() - 1;
        let day = usize::try_from(opened.since(self.stats.from).as_secs() / DAY.as_secs()).unwrap_or(last);
        self.stats.conversations_sparkline[day.min(last)] += 1;
        let all = || messages.clone();
        self.stats.messages += all().filter(|message| self.holds(message.created_at)).count() as u64;
        let first = |is_theirs: fn(&MessageKind) -> bool| all().find(|message| is_theirs(&message.kind));
        let asked = first(|kind| *kind == MessageKind::Visitor).and_then(|message| message.created_at);
        if let Some(response) = first(|kind| matches!(kind, MessageKind::Operator | MessageKind::Ai)) {
            self.answered += 1;
            // Whoever was greeted first waited for nobody.
            let pair = asked.zip(response.created_at).filter(|(asked, at)| at >= asked);
            self.first_responses.extend(pair.map(|(asked, at)| at.since(asked)));
        }
        if session.status != SessionStatus::Closed && session.unanswered.unwrap_or_else(|| is_unanswered(messages)) {
            self.stats.unanswered_now += 1;
        }
        let rating = session.csat.as_ref().filter(|csat| self.holds(csat.at)).and_then(|csat| csat.score);
        self.ratings.add(rating);
        if let Some(id) = &session.project_id {
            let project = self.project(id);
            project.sessions += 1;
            project.ratings.add(rating);
        }
    }

    fn project(&mut self, id: &ProjectId) -> &mut OfProject {
        let position = self.projects.iter().position(|project| project.id == *id).unwrap_or_else(|| {
            self.projects.push(OfProject { id: id.clone(), name: None, sessions: 0, ratings: Ratings::default() });
            self.projects.len() - 1
        });
        &mut self.projects[position]
    }

    /// The figures of what was counted.
    #[expect(clippy::cast_precision_loss, reason = "nobody has so many sessions")]
    pub fn stats(mut self) -> Stats {
        if self.stats.conversations > 0 {
            self.stats.response_rate = self.answered as f64 / self.stats.conversations as f64;
        }
        self.stats.median_first_response_seconds = median(self.first_responses).map(|median| median.as_secs_f64());
        self.stats.csat = self.ratings.told();
        let of_project = |project: OfProject| ProjectStats {
            project_name: project.name.unwrap_or_else(|| project.id.to_string()),
            conversations: project.sessions,
            csat_percent: project.ratings.told().percent,
        };
        self.stats.by_project = self.projects.into_iter().map(of_project).collect();
        self.stats.by_project.sort_by_key(|project| std::cmp::Reverse(project.conversations));
        self.stats
    }
}

impl Ratings {
    fn add(&mut self, score: Option<i64>) {
        if let Some(score) = score {
            self.given += 1;
            self.sum = self.sum.saturating_add(score);
            self.content += u32::from(score >= CONTENT);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody gives so many ratings")]
    fn told(self) -> CsatStats {
        let given = (self.given > 0).then(|| f64::from(self.given));
        CsatStats {
            percent: given.map(|given| f64::from(self.content) / given),
            average: given.map(|given| self.sum as f64 / given),
            responses: self.given.into(),
        }
    }
}

/// The one in the middle, or what lies between the two.
fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    let middle = times.len() / 2;
    let upper = times.get(middle)?;
    if times.len() % 2 == 1 { Some(*upper) } else { Some((times[middle - 1] + *upper) / 2) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2024-01-15T12:00:00Z";

    fn of_week() -> StatsCounter {
        let mut counter = StatsCounter::of_days(7, NOW.parse().unwrap());
        for id in ["a", "b"] {
            counter.name_project(&id.into(), id.to_uppercase());
        }
        counter
    }

    /// The figures as they are told.
    fn told(counter: StatsCounter) -> Value {
        serde_json::to_value(counter.stats()).unwrap()
    }

    /// Counts a session that was opened at this time, with what more there is of it, and messages of these kinds and times.
    fn count(counter: &mut StatsCounter, opened: &str, more: &Value, messages: &[(&str, &str)]) {
        let mut session = json!({"id": "s", "projectId": "a", "status": "active", "createdAt": opened});
        session.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let messages: Vec<Message> = messages
            .iter()
            .map(|(kind, at)| {
                let message = json!({"id": "m", "content": "x", "type": kind, "createdAt": format!("2024-01-{at}Z")});
                serde_json::from_value(message).unwrap()
            })
            .collect();
        counter.count(&serde_json::from_value(session).unwrap(), messages.iter());
    }

    #[test]
    fn nothing_gives_zeros_and_nulls() {
        assert_eq!(
            told(of_week()),
            json!({"period": "7d", "from": "2024-01-08T12:00:00Z", "to": "2024-01-15T12:00:00Z",
                   "conversations": 0, "messages": 0, "unansweredNow": 0, "conversationsSparkline": [0, 0, 0, 0, 0, 0, 0],
                   "responseRate": 0.0, "medianFirstResponseSeconds": null,
                   "csat": {"percent": null, "average": null, "responses": 0},
                   "byProject": [{"projectName": "A", "conversations": 0, "csatPercent": null},
                                 {"projectName": "B", "conversations": 0, "csatPercent": null}],
                   "truncated": false})
        );
        let month = told(StatsCounter::of_days(30, NOW.parse().unwrap()));
        assert_eq!(month["conversationsSparkline"].as_array().unwrap().len(), 30);
        assert_eq!(month["from"], "2023-12-16T12:00:00Z");
    }

    #[test]
    fn both_ends_of_the_window_are_inside_and_each_day_has_its_place() {
        let mut counter = of_week();
        for opened in [
            "2024-01-08T11:59:59.999Z",
            "2024-01-08T12:00:00Z",
            "2024-01-09T11:59:59.999Z",
            "2024-01-09T12:00:00Z",
            "2024-01-15T12:00:00Z",
            "2024-01-15T12:00:00.001Z",
        ] {
            count(&mut counter, opened, &json!({}), &[("visitor", "10T00:00:00")]);
        }
        let told = told(counter);
        assert_eq!(told["conversationsSparkline"], json!([2, 1, 0, 0, 0, 0, 1]));
        assert_eq!(
            (&told["conversations"], &told["messages"]),
            (&json!(4), &json!(4)),
            "those of a session outside do not"
        );
    }

    #[test]
    fn messages_and_ratings_count_by_their_own_time() {
        let mut counter = of_week();
        let rated = |at: &str, score: i64| json!({"csat": {"score": score, "at": at}});
        let messages =
            [("visitor", "08T11:00:00"), ("operator", "08T12:00:00"), ("system", "15T12:00:00"), ("ai", "15T12:00:01")];
        count(&mut counter, "2024-01-10T00:00:00Z", &rated("2024-01-15T12:00:00Z", 4), &messages);
        count(&mut counter, "2024-01-10T00:00:00Z", &rated("2024-01-15T12:00:01Z", 1), &[]);
        count(&mut counter, "2024-01-01T00:00:00Z", &rated("2024-01-10T00:00:00Z", 1), &messages);
        let told = told(counter);
        assert_eq!(told["messages"], 2);
        assert_eq!(told["csat"], json!({"percent": 1.0, "average": 4.0, "responses": 1}));
        assert_eq!(told["medianFirstResponseSeconds"], 3600.0, "whatever the window");
    }

    #[test]
    fn a_first_response_is_an_operators_or_the_ais_and_no_earlier_than_the_question() {
        let mut counter = of_week();
        let at = "2024-01-10T00:00:00Z";
        for messages in [
            &[
                ("visitor", "10T00:00:00"),
                ("visitor", "10T00:00:05"),
                ("operator", "10T00:00:10"),
                ("ai", "10T00:00:11"),
            ][..],
            &[("visitor", "10T00:00:00"), ("system", "10T00:00:01"), ("ai", "10T00:00:31.5")],
            &[("visitor", "10T00:00:00"), ("operator", "10T00:00:00")],
            &[("operator", "10T00:00:00"), ("visitor", "10T00:00:09"), ("operator", "10T00:00:19")],
            &[("operator", "10T00:00:00")],
            &[("visitor", "10T00:00:00"), ("system", "10T00:00:01")],
            &[],
            &[],
        ] {
            count(&mut counter, at, &json!({}), messages);
        }
        let told = told(counter);
        assert_eq!(told["responseRate"], 0.625);
        assert_eq!(told["medianFirstResponseSeconds"], 10.0);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let of = |seconds: &[u64]| median(seconds.iter().map(|seconds| Duration::from_secs(*seconds)).collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some(Duration::from_secs(7)));
        assert_eq!(of(&[9, 1, 5]), Some(Duration::from_secs(5)));
        assert_eq!(of(&[60, 1, 9, 2]), Some(Duration::from_millis(5500)));
    }

    #[test]
    fn open_sessions_whose_visitor_wrote_last_wait_for_an_answer() {
        let mut counter = of_week();
        for (status, unanswered) in [("active", true), ("active", false), ("closed", true)] {
            count(&mut counter, NOW, &json!({"status": status, "unanswered": unanswered}), &[]);
        }
        // What the server does not say is read off the messages.
        for messages in [&[("operator", "10T00:00:00"), ("visitor", "10T00:00:01")][..], &[("operator", "10T00:00:00")]]
        {
            count(&mut counter, NOW, &json!({}), messages);
        }
        assert_eq!(told(counter)["unansweredNow"], 2);
    }

    #[test]
    fn the_share_of_content_visitors_is_told_by_project_and_the_busiest_comes_first() {
        let mut counter = of_week();
        for (project, score) in [("a", 5), ("b", 3), ("b", 4), ("b", 1)] {
            let rated = json!({"projectId": project, "csat": {"score": score, "at": NOW}});
            count(&mut counter, NOW, &rated, &[]);
        }
        count(&mut counter, NOW, &json!({"projectId": "nameless"}), &[]);
        let told = told(counter);
        assert_eq!(told["csat"], json!({"percent": 0.5, "average": 3.25, "responses": 4}));
        assert_eq!(
            told["byProject"],
            json!([{"projectName": "B", "conversations": 3, "csatPercent": 1.0 / 3.0},
                   {"projectName": "A", "conversations": 1, "csatPercent": 1.0},
                   {"projectName": "nameless", "conversations": 1, "csatPercent": null}])
        );
        assert_eq!(told["conversations"], 5);
    }
}
