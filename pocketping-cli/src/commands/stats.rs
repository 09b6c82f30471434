//! `stats`: how support does, as the server counts it, or counted here.

use std::time::SystemTime;

use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use pocketping_sdk::http::Method;
use pocketping_sdk::stats::{Stats, StatsCounter};
use pocketping_sdk::{Client, Error, ErrorKind, Message, Session, Timestamp};

use crate::context::Context;
use crate::error::CliError;
use crate::output::{Output, Render};

/// How many sessions' messages are read at once, and of how many at most.
const READS_AT_ONCE: usize = 4;
const MOST_READS: usize = 5000;

// Of what, and of how many days.
#[derive(Debug, Args)]
#[command(
    after_help = "The server is asked for its figures; one that has none is read, session by session. Ratings are \
                        known then as far as it tells them with its sessions, and `truncated` says when not everything \
                        could be read.\n\n\
                        Example: pocketping stats -p proj_123 --period 30d"
)]
pub(crate) struct StatsArgs {
    /// Only of this project
    #[arg(short, long, value_name = "ID")]
    project: Option<String>,
    /// The last 7 or 30 days
    #[arg(long, default_value = "7d", value_parser = ["7d", "30d"])]
    period: String,
    /// As -o json
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: StatsArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    if args.json {
        output.as_json();
    }
    let client = context.client()?;
    let mut call = context.management()?.call::<Stats>(Method::GET, "/stats", &[]).query("period", &args.period);
    if let Some(project) = &args.project {
        call = call.query("projectId", project);
    }
    let stats = match call.await {
        Ok(mut stats) => {
            if stats.period.is_empty() {
                stats.period.clone_from(&args.period);
            }
            stats
        }
        Err(error) if has_none(&error) => counted(&args, &client, output).await?,
        Err(error) => return Err(error.into()),
    };
    output.item(&stats)?;
    if let (Some(project), 0) = (&args.project, stats.conversations) {
        output.remark(&format!("there was no conversation in the project {project}"));
    }
    if stats.truncated {
        output.remark("warning: not everything could be read; there is more than these figures say");
    }
    Ok(())
}

/// Whether the server has no figures, at least for this key: whether the key is good is said by the contract's calls.
fn has_none(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Api => {
            // It would count a project that it knows.
            let knows_no_project = error.code().is_some_and(|code| code.as_str() == "PROJECT_NOT_FOUND");
            let refuses = error.status().is_some_and(|status| status < 500 || status == 501);
            refuses && !error.is_rate_limited() && !knows_no_project
        }
        ErrorKind::Decode | ErrorKind::Redirect => true,
        _ => false,
    }
}

/// The figures of what sessions and messages there are.
async fn counted(args: &StatsArgs, client: &Client, output: &mut Output) -> Result<Stats, CliError> {
    let now = Timestamp::try_from(SystemTime::now()).and_then(|now| Timestamp::from_millis(now.as_millis()));
    let now = now.map_err(|error| CliError::unexpected("this machine's clock cannot be right", error))?;
    let mut counter = StatsCounter::of_days(if args.period == "30d" { 30 } else { 7 }, now);
    // What was opened in the window moved in it.
    let mut list = client.sessions().list().since(counter.from());
    if let Some(project) = &args.project {
        list = list.project(project.as_str());
    }
    let mut sessions: Vec<Session> = list.stream().try_collect().await?;
    sessions.retain(|session| counter.counts(session));
    if sessions.len() > MOST_READS {
        counter.truncate();
    }
    let all = sessions.len().min(MOST_READS);
    let mut read = stream::iter(sessions.into_iter().take(MOST_READS))
        .map(|session| {
            let messages = client.session(&session.id).messages().list().stream().try_collect::<Vec<Message>>();
            async move { (session, messages.await) }
        })
        .buffered(READS_AT_ONCE);
    let mut failed = 0;
    while let Some((session, messages)) = read.next().await {
        match messages {
            Ok(messages) => counter.count(&session, messages.iter()),
            Err(error) => {
                failed += 1;
                let error = CliError::from(error);
                if failed == all {
                    return Err(error);
                }
                output.remark(&format!("warning: {} is not counted: {error}", session.id));
                counter.truncate();
            }
        }
    }
    Ok(counter.stats())
}

impl Render for Stats {
    const COLUMNS: &'static [&'static str] = &[
        "period",
        "conversations",
        "messages",
        "unanswered now",
        "response rate",
        "median first response",
        "csat",
        "by day",
    ];

    fn cells(&self) -> Vec<String> {
        let csat = match (self.csat.percent, self.csat.average) {
            (Some(percent), Some(average)) => {
                let ratings = if self.csat.responses == 1 { "rating" } else { "ratings" };
                format!("{}, {average:.1} of 5 ({} {ratings})", percentage(percent), self.csat.responses)
            }
            (Some(percent), None) => percentage(percent),
            _ => String::new(),
        };
        vec![
            self.period.clone(),
            self.conversations.to_string(),
            self.messages.to_string(),
            self.unanswered_now.to_string(),
            // Of nothing there is no share.
            if self.conversations == 0 { String::new() } else { percentage(self.response_rate) },
            self.median_first_response_seconds.map(duration).unwrap_or_default(),
            csat,
            sparkline(&self.conversations_sparkline),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details: Vec<_> = Self::COLUMNS.iter().copied().zip(self.cells()).collect();
        details.insert(1, ("from", self.from.to_string()));
        details.insert(2, ("to", self.to.to_string()));
        if self.by_project.len() > 1 {
            details.extend(self.by_project.iter().map(|project| {
                let rated =
                    project.csat_percent.map(|share| format!(", csat {}", percentage(share))).unwrap_or_default();
                ("project", format!("{}: {} conversations{rated}", project.project_name, project.conversations))
            }));
        }
        details.retain(|(_, value)| !value.is_empty());
        details
    }
}

fn percentage(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

fn duration(seconds: f64) -> String {
    match seconds {
        _ if seconds < 60.0 => format!("{seconds:.0} s"),
        _ if seconds < 3600.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// A bar a day, the busiest one full.
fn sparkline(counts: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let bar = |count: &u64| {
        let height = u128::from(*count) * 7 / u128::from(most);
        BARS[usize::try_from(height).unwrap_or(7).min(7)]
    };
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(sparkline(&[0, 1, 2, 7, 0]), "▁▂▃█▁");
        assert_eq!((sparkline(&[0, 0]), sparkline(&[])), ("▁▁".to_owned(), String::new()));
        assert_eq!([4.4, 60.0, 5400.0].map(duration), ["4 s", "1 min", "1.5 h"]);
        assert_eq!(percentage(0.666), "67%");
    }
}
