//! What `stats` counts when the server does not count by itself: pure, over values. A session counts when it was opened in the
//! window, its messages when they came in it; both ends are inside.

use std::collections::BTreeMap;
use std::time::Duration;

use pocketping_sdk::{Message, MessageKind, Session, SessionStatus, Timestamp};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How support does, in the form PocketPing's own tools read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    #[serde(default)]
    pub(crate) period: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
    pub(crate) unanswered_now: u64,
    /// Sessions opened on each day of the window, oldest first.
    pub(crate) conversations_sparkline: Vec<u64>,
    pub(crate) response_rate: f64,
    pub(crate) median_first_response_seconds: Option<f64>,
    pub(crate) csat: Csat,
    #[serde(default)]
    pub(crate) by_project: Vec<OfProject>,
    /// Whether not everything could be read.
    #[serde(default)]
    pub(crate) truncated: bool,
}

/// What visitors think of it; nothing is known of it without a server that counts.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Csat {
    pub(crate) percent: Option<f64>,
    pub(crate) average: Option<f64>,
    pub(crate) responses: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfProject {
    pub(crate) project_name: String,
    pub(crate) conversations: u64,
    pub(crate) csat_percent: Option<f64>,
}

/// The figures of the sessions so far.
#[derive(Debug)]
pub(crate) struct Figures {
    stats: Stats,
    answered: u64,
    first_responses: Vec<Duration>,
    /// Names are not known: ids stand for them.
    projects: BTreeMap<String, u64>,
}

impl Figures {
    /// Figures of nothing yet, over as many days up to now.
    pub(crate) fn of_days(days: u16, now: Timestamp) -> Self {
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
            csat: Csat::default(),
            by_project: Vec::new(),
            truncated: false,
        };
        Self { stats, answered: 0, first_responses: Vec::new(), projects: BTreeMap::new() }
    }

    /// The window's first moment.
    pub(crate) fn from(&self) -> Timestamp {
        self.stats.from
    }

    /// Whether a session was opened in the window.
    pub(crate) fn counts(&self, session: &Session) -> bool {
        self.holds(session.created_at)
    }

    /// Something could not be read.
    pub(crate) fn truncate(&mut self) {
        self.stats.truncated = true;
    }

    fn holds(&self, time: Option<Timestamp>) -> bool {
        time.is_some_and(|time| (self.stats.from..=self.stats.to).contains(&time))
    }

    /// Counts a session and its messages, oldest first.
    pub(crate) fn count(&mut self, session: &Session, messages: &[Message]) {
        let Some(opened) = session.created_at.filter(|time| self.holds(Some(*time))) else { return };
        self.stats.conversations += 1;
        // The window's last moment belongs to its last day.
        let day = usize::try_from(opened.since(self.stats.from).as_secs() / DAY.as_secs()).unwrap_or(usize::MAX);
        let last = self.stats.conversations_sparkline.len() - 1;
        self.stats.conversations_sparkline[day.min(last)] += 1;
        self.stats.messages += messages.iter().filter(|message| self.holds(message.created_at)).count() as u64;
        let first = |is_theirs: fn(&MessageKind) -> bool| messages.iter().find(|message| is_theirs(&message.kind));
        let asked = first(|kind| *kind == MessageKind::Visitor).and_then(|message| message.created_at);
        if let Some(response) = first(|kind| matches!(kind, MessageKind::Operator | MessageKind::Ai)) {
            self.answered += 1;
            // Whoever was greeted first waited for nobody.
            let pair = asked.zip(response.created_at).filter(|(asked, at)| at >= asked);
            self.first_responses.extend(pair.map(|(asked, at)| at.since(asked)));
        }
        let is_last = || messages.last().is_some_and(|message| message.kind == MessageKind::Visitor);
        if session.status != SessionStatus::Closed && session.unanswered.unwrap_or_else(is_last) {
            self.stats.unanswered_now += 1;
        }
        if let Some(project) = &session.project_id {
            *self.projects.entry(project.to_string()).or_default() += 1;
        }
    }

    /// The figures as they are told; the busiest project comes first.
    #[expect(clippy::cast_precision_loss, reason = "nobody has so many sessions")]
    pub(crate) fn stats(mut self) -> Stats {
        if self.stats.conversations > 0 {
            self.stats.response_rate = self.answered as f64 / self.stats.conversations as f64;
        }
        self.stats.median_first_response_seconds = median(self.first_responses).map(|median| median.as_secs_f64());
        let of_project = |(project_name, conversations)| OfProject { project_name, conversations, csat_percent: None };
        self.stats.by_project = self.projects.into_iter().map(of_project).collect();
        self.stats.by_project.sort_by_key(|project| std::cmp::Reverse(project.conversations));
        self.stats
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

    type Messages<'a> = &'a [(&'a str, &'a str)];

    /// The figures of sessions: when each was opened, its status, and who wrote when.
    fn counted(sessions: &[(&str, &str, Messages<'_>)]) -> Value {
        let mut figures = Figures::of_days(7, "2024-01-15T12:00:00Z".parse().unwrap());
        for (opened, status, messages) in sessions {
            let session =
                json!({"id": "s", "projectId": "a", "status": status, "createdAt": format!("2024-01-{opened}Z")});
            let message = |(kind, at): &(&str, &str)| {
                let message = json!({"id": "m", "content": "x", "type": kind, "createdAt": format!("2024-01-{at}Z")});
                serde_json::from_value(message).unwrap()
            };
            let messages: Vec<Message> = messages.iter().map(message).collect();
            figures.count(&serde_json::from_value(session).unwrap(), &messages);
        }
        serde_json::to_value(figures.stats()).unwrap()
    }

    #[test]
    fn nothing_has_all_fields() {
        let expected = json!({
            "period": "7d", "from": "2024-01-08T12:00:00Z", "to": "2024-01-15T12:00:00Z", "conversations": 0, "messages": 0,
            "unansweredNow": 0, "conversationsSparkline": [0, 0, 0, 0, 0, 0, 0], "responseRate": 0.0,
            "medianFirstResponseSeconds": null, "csat": {"percent": null, "average": null, "responses": 0},
            "byProject": [], "truncated": false,
        });
        assert_eq!(counted(&[]), expected);
    }

    #[test]
    fn both_ends_of_the_window_count_and_days_begin_with_it() {
        let opened = ["08T11:59:59", "08T12:00:00", "09T11:59:59", "09T12:00:00", "15T12:00:00", "15T12:00:01"];
        let sessions: Vec<_> = opened.map(|opened| (opened, "active", &[][..])).to_vec();
        let stats = counted(&sessions);
        assert_eq!(stats["conversationsSparkline"], json!([2, 1, 0, 0, 0, 0, 1]));
        assert_eq!((&stats["conversations"], &stats["byProject"][0]["conversations"]), (&json!(4), &json!(4)));
    }

    #[test]
    fn answers_are_counted_and_timed_and_greetings_are_not() {
        let stats = counted(&[
            ("15T10:00:00", "active", &[("visitor", "15T10:00:00"), ("system", "15T10:00:05"), ("ai", "15T10:00:10")]),
            ("15T10:00:00", "active", &[("visitor", "15T10:00:00"), ("operator", "15T10:00:31")]),
            ("15T10:00:00", "active", &[("operator", "15T10:00:00"), ("visitor", "15T10:01:00")]),
            ("15T10:00:00", "closed", &[("visitor", "15T10:00:00")]),
        ]);
        assert_eq!(stats["responseRate"], 0.75);
        assert_eq!(stats["medianFirstResponseSeconds"], 20.5);
        assert_eq!((&stats["unansweredNow"], &stats["messages"]), (&json!(1), &json!(8)));
    }
}
