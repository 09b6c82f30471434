//! What of sessions is counted, and how: pure, over values. A session counts when it was opened in the window, its
//! messages and its rating when they came in it; both ends are inside.

use std::sync::Arc;
use std::time::Duration;

use pocketping_sdk::{Message, MessageKind, ProjectId, Session, SessionStatus, Timestamp};
use serde_json::{Value, json};

use crate::names;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The lowest score of a visitor who is content.
const CONTENT: i64 = 4;

/// The figures of the sessions so far.
#[derive(Debug)]
pub(super) struct Figures {
    from: Timestamp,
    to: Timestamp,
    sessions: u32,
    /// Those that were opened on each day of the window, oldest first.
    by_day: Vec<u32>,
    messages: u64,
    answered: u32,
    unanswered: u32,
    first_responses: Vec<Duration>,
    ratings: Ratings,
    projects: Vec<OfProject>,
}

/// The figures of one project.
#[derive(Debug)]
struct OfProject {
    id: ProjectId,
    name: String,
    sessions: u32,
    ratings: Ratings,
}

#[derive(Debug, Default)]
struct Ratings {
    given: u32,
    sum: i64,
    content: u32,
}

impl Figures {
    /// Figures of nothing yet, over as many days up to now, of these projects.
    pub(super) fn of_days(days: u16, now: Timestamp, projects: Vec<(ProjectId, String)>) -> Self {
        let projects = projects.into_iter();
        Self {
            from: now.saturating_sub(DAY * u32::from(days)),
            to: now,
            sessions: 0,
            by_day: vec![0; usize::from(days.max(1))],
            messages: 0,
            answered: 0,
            unanswered: 0,
            first_responses: Vec::new(),
            ratings: Ratings::default(),
            projects: projects
                .map(|(id, name)| OfProject { id, name, sessions: 0, ratings: Ratings::default() })
                .collect(),
        }
    }

    fn holds(&self, time: Option<Timestamp>) -> bool {
        time.is_some_and(|time| (self.from..=self.to).contains(&time))
    }

    /// Counts a session and its messages, oldest first.
    pub(super) fn count(&mut self, session: &Session, messages: &[Arc<Message>]) {
        let Some(opened) = session.created_at.filter(|time| self.holds(Some(*time))) else { return };
        self.sessions += 1;
        // The window's last moment belongs to its last day.
        let last = self.by_day.len() - 1;
        let day = usize::try_from(opened.since(self.from).as_secs() / DAY.as_secs()).unwrap_or(last);
        self.by_day[day.min(last)] += 1;
        self.messages += messages.iter().filter(|message| self.holds(message.created_at)).count() as u64;
        let first = |is_theirs: fn(&MessageKind) -> bool| messages.iter().find(|message| is_theirs(&message.kind));
        let asked = first(|kind| *kind == MessageKind::Visitor).and_then(|message| message.created_at);
        if let Some(response) = first(|kind| matches!(kind, MessageKind::Operator | MessageKind::Ai)) {
            self.answered += 1;
            // Whoever was greeted first waited for nobody.
            let pair = asked.zip(response.created_at).filter(|(asked, at)| at >= asked);
            self.first_responses.extend(pair.map(|(asked, at)| at.since(asked)));
        }
        if session.status != SessionStatus::Closed && session.unanswered == Some(true) {
            self.unanswered += 1;
        }
        let rating = session.csat.as_ref().filter(|csat| self.holds(csat.at)).and_then(|csat| csat.score);
        self.ratings.add(rating);
        let project = self.projects.iter_mut().find(|project| session.project_id.as_ref() == Some(&project.id));
        if let Some(project) = project {
            project.sessions += 1;
            project.ratings.add(rating);
        }
    }

    /// The figures as they are told; the busiest project comes first.
    pub(super) fn json(mut self, period: &str) -> Value {
        self.projects.sort_by_key(|project| std::cmp::Reverse(project.sessions));
        let by_project: Vec<Value> = self.projects.iter().map(OfProject::json).collect();
        json!({
            "period": period,
            "from": names::time(self.from),
            "to": names::time(self.to),
            "conversations": self.sessions,
            "messages": self.messages,
            "unansweredNow": self.unanswered,
            "conversationsSparkline": self.by_day,
            "responseRate": share(self.answered, self.sessions).unwrap_or(0.0),
            "medianFirstResponseSeconds": median(self.first_responses).map(|median| median.as_secs_f64()),
            "csat": {
                "percent": self.ratings.percent(),
                "average": self.ratings.average(),
                "responses": self.ratings.given,
            },
            "byProject": by_project,
            "truncated": false,
        })
    }
}

impl OfProject {
    fn json(&self) -> Value {
        json!({
            "projectName": self.name,
            "conversations": self.sessions,
            "csatPercent": self.ratings.percent(),
        })
    }
}

impl Ratings {
    fn add(&mut self, score: Option<i64>) {
        if let Some(score) = score {
            self.given += 1;
            self.sum += score;
            self.content += u32::from(score >= CONTENT);
        }
    }

    fn percent(&self) -> Option<f64> {
        share(self.content, self.given)
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody gives so many ratings")]
    fn average(&self) -> Option<f64> {
        (self.given > 0).then(|| self.sum as f64 / f64::from(self.given))
    }
}

/// The share of some in all, from 0 to 1; none of nothing.
fn share(some: u32, all: u32) -> Option<f64> {
    (all > 0).then(|| f64::from(some) / f64::from(all))
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
    use super::*;

    const NOW: &str = "2024-01-15T12:00:00Z";

    fn of_week() -> Figures {
        let projects = ["a", "b"].map(|id| (ProjectId::from(id), id.to_uppercase()));
        Figures::of_days(7, NOW.parse().unwrap(), projects.to_vec())
    }

    /// Counts a session that was opened at this time, with what more there is of it, and messages of these kinds and times.
    fn count(figures: &mut Figures, opened: &str, more: &Value, messages: &[(&str, &str)]) {
        let mut session = json!({"id": "s", "projectId": "a", "status": "active", "createdAt": opened});
        session.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let messages: Vec<Arc<Message>> = messages
            .iter()
            .map(|(kind, at)| {
                let message = json!({"id": "m", "content": "x", "type": kind, "createdAt": format!("2024-01-{at}Z")});
                Arc::new(serde_json::from_value(message).unwrap())
            })
            .collect();
        figures.count(&serde_json::from_value(session).unwrap(), &messages);
    }

    #[test]
    fn nothing_gives_zeros_and_nulls() {
        assert_eq!(
            of_week().json("7d"),
            json!({"period": "7d", "from": "2024-01-08T12:00:00.000Z", "to": "2024-01-15T12:00:00.000Z",
                   "conversations": 0, "messages": 0, "unansweredNow": 0, "conversationsSparkline": [0, 0, 0, 0, 0, 0, 0],
                   "responseRate": 0.0, "medianFirstResponseSeconds": null,
                   "csat": {"percent": null, "average": null, "responses": 0},
                   "byProject": [{"projectName": "A", "conversations": 0, "csatPercent": null},
                                 {"projectName": "B", "conversations": 0, "csatPercent": null}],
                   "truncated": false})
        );
        let month = Figures::of_days(30, NOW.parse().unwrap(), Vec::new()).json("30d");
        assert_eq!(month["conversationsSparkline"].as_array().unwrap().len(), 30);
        assert_eq!(month["from"], "2023-12-16T12:00:00.000Z");
    }

    #[test]
    fn both_ends_of_the_window_are_inside_and_each_day_has_its_place() {
        let mut figures = of_week();
        for opened in [
            "2024-01-08T11:59:59.999Z",
            "2024-01-08T12:00:00Z",
            "2024-01-09T11:59:59.999Z",
            "2024-01-09T12:00:00Z",
            "2024-01-15T12:00:00Z",
            "2024-01-15T12:00:00.001Z",
        ] {
            count(&mut figures, opened, &json!({}), &[("visitor", "10T00:00:00")]);
        }
        let told = figures.json("7d");
        assert_eq!(told["conversationsSparkline"], json!([2, 1, 0, 0, 0, 0, 1]));
        assert_eq!(
            (&told["conversations"], &told["messages"]),
            (&json!(4), &json!(4)),
            "those of a session outside do not"
        );
    }

    #[test]
    fn messages_and_ratings_count_by_their_own_time() {
        let mut figures = of_week();
        let rated = |at: &str, score: i64| json!({"csat": {"score": score, "at": at}});
        let messages =
            [("visitor", "08T11:00:00"), ("operator", "08T12:00:00"), ("system", "15T12:00:00"), ("ai", "15T12:00:01")];
        count(&mut figures, "2024-01-10T00:00:00Z", &rated("2024-01-15T12:00:00Z", 4), &messages);
        count(&mut figures, "2024-01-10T00:00:00Z", &rated("2024-01-15T12:00:01Z", 1), &[]);
        count(&mut figures, "2024-01-01T00:00:00Z", &rated("2024-01-10T00:00:00Z", 1), &messages);
        let told = figures.json("7d");
        assert_eq!(told["messages"], 2);
        assert_eq!(told["csat"], json!({"percent": 1.0, "average": 4.0, "responses": 1}));
        assert_eq!(told["medianFirstResponseSeconds"], 3600.0, "whatever the window");
    }

    #[test]
    fn a_first_response_is_an_operators_or_the_ais_and_no_earlier_than_the_question() {
        let mut figures = of_week();
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
            count(&mut figures, at, &json!({}), messages);
        }
        let told = figures.json("7d");
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
        let mut figures = of_week();
        for (status, unanswered) in [("active", true), ("active", false), ("closed", true)] {
            count(&mut figures, NOW, &json!({"status": status, "unanswered": unanswered}), &[]);
        }
        assert_eq!(figures.json("7d")["unansweredNow"], 1);
    }

    #[test]
    fn the_share_of_content_visitors_is_told_by_project_and_the_busiest_comes_first() {
        let mut figures = of_week();
        for (project, score) in [("a", 5), ("b", 3), ("b", 4), ("b", 1)] {
            let rated = json!({"projectId": project, "csat": {"score": score, "at": NOW}});
            count(&mut figures, NOW, &rated, &[]);
        }
        count(&mut figures, NOW, &json!({"projectId": "gone"}), &[]);
        let told = figures.json("7d");
        assert_eq!(told["csat"], json!({"percent": 0.5, "average": 3.25, "responses": 4}));
        assert_eq!(
            told["byProject"],
            json!([{"projectName": "B", "conversations": 3, "csatPercent": 1.0 / 3.0},
                   {"projectName": "A", "conversations": 1, "csatPercent": 1.0}])
        );
        assert_eq!(told["conversations"], 5);
    }
}
