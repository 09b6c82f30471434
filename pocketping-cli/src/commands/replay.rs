//! `events replay`: recorded deliveries once more.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::cell;
use crate::error::{CliError, Exit};
use crate::files::is_same;
use crate::forward::{DeadLetters, Ended, Forward, ForwardArgs, Recorded, Time, now};
use crate::output::{Output, Render};
use crate::stop::Stop;

/// How long deliveries under way have to finish when the command ends early.
const GRACE: Duration = Duration::from_secs(5);

// What to post, and where to.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Dead letters, or lines of `pocketping listen -o ndjson`; `-` is standard input
    file: String,

    /// Where they are posted to
    #[arg(long = "to", id = "target", value_name = "URL")]
    to: String,

    /// Post what was recorded as it was, with its own time: receivers that check it refuse what is old
    #[arg(long)]
    verbatim: bool,

    #[command(flatten)]
    forward: ForwardArgs,
}

/// What became of a delivery.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    delivery: String,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    result: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How many were taken, how many were not, and how the latter failed.
#[derive(Debug, Default)]
struct Tally {
    taken: usize,
    failed: usize,
    /// Whether a receiver answered any of those that failed.
    answered: bool,
    /// Why nothing more is printed. What was asked for is posted all the same.
    unprinted: Option<CliError>,
}

pub(crate) async fn run(args: ReplayArgs, output: &mut Output) -> Result<(), CliError> {
    if args.file == "-" && args.forward.secret_file.as_deref() == Some("-") {
        return Err(CliError::usage("standard input cannot be both the file and the secret"));
    }
    if let Some(path) = &args.forward.dead_letter
        && is_same(Path::new(&args.file), path)
    {
        let message = format!("{} cannot be read and appended to at once; name another --dead-letter file", args.file);
        return Err(CliError::usage(message));
    }
    let time = now()?;
    let time = if args.verbatim { Time::Verbatim(time) } else { Time::Now(time) };
    let (bytes, name) = bytes_of(&args.file)?;
    let recorded = Recorded::read(&bytes, time)?;
    let forward = args.forward.open("--to", &args.to)?;
    if recorded.others > 0 {
        let remark = format!("{} events of kinds that webhooks do not tell of are left out", recorded.others);
        output.remark(&remark);
    }
    let all = recorded.deliveries.len();
    if all == 0 {
        output.remark(&format!("no deliveries in {name}"));
    }
    let mut tally = Tally::default();
    let ended = post(recorded, forward, &mut tally, output).await;
    let untried = all - tally.taken - tally.failed;
    if untried > 0 {
        output.remark(&format!("{untried} of {all} deliveries were not posted"));
    }
    let printed = tally.printed();
    output.first_of(ended.and_then(|()| tally.verdict()), printed)
}

async fn post(
    recorded: Recorded,
    forward: Forward<()>,
    tally: &mut Tally,
    output: &mut Output,
) -> Result<(), CliError> {
    let Forward { mut lanes, mut remarks, mut dead_letters } = forward;
    let mut stop = Stop::new()?;
    let mut deliveries = recorded.deliveries.into_iter();
    let mut result = loop {
        while !lanes.is_full()
            && let Some(delivery) = deliveries.next()
        {
            lanes.push(delivery, ());
        }
        if lanes.is_idle() {
            return Ok(());
        }
        let noted = tokio::select! {
            biased;
            end = stop.asked() => Err(end),
            remark = remarks.next() => {
                output.remark(&remark);
                Ok(())
            }
            ended = lanes.next() => tally.note(ended, dead_letters.as_mut(), output),
        };
        if noted.is_err() {
            break noted;
        }
    };
    lanes.stop();
    let deadline = Instant::now() + GRACE;
    loop {
        let ended = tokio::select! {
            ended = lanes.next_until(deadline) => ended,
            _ = stop.asked() => None,
        };
        let Some(ended) = ended else { return result };
        let noted = tally.note(ended, dead_letters.as_mut(), output);
        result = output.first_of(result, noted);
    }
}

impl Tally {
    fn note(
        &mut self,
        ended: Ended<()>,
        dead_letters: Option<&mut DeadLetters>,
        output: &mut Output,
    ) -> Result<(), CliError> {
        let Ended { delivery, result, .. } = ended;
        let (event, session) = (delivery.event.to_string(), delivery.session.clone());
        let posted = match &result {
            Ok(taken) => {
                self.taken += 1;
                let (attempts, status) = (taken.attempts, Some(taken.status));
                Posted { delivery: delivery.id, event, session, result: "taken", attempts, status, error: None }
            }
            Err(failed) if failed.is_given_up => return Ok(()),
            Err(failed) => {
                self.failed += 1;
                self.answered |= failed.status.is_some();
                if let Some(dead_letters) = dead_letters {
                    dead_letters.keep(&delivery, failed)?;
                }
                let (attempts, status, error) = (failed.attempts, failed.status, Some(failed.reason.clone()));
                Posted { delivery: delivery.id, event, session, result: "failed", attempts, status, error }
            }
        };
        if self.unprinted.is_none() {
            self.unprinted = output.event(&posted).err();
        }
        Ok(())
    }

    /// What of the printing failed, unless that is nothing to say.
    fn printed(&mut self) -> Result<(), CliError> {
        match self.unprinted.take() {
            Some(error) if !error.exit().is_quiet() => Err(error.after_a_write()),
            _ => Ok(()),
        }
    }

    fn verdict(&self) -> Result<(), CliError> {
        let exit = match self {
            Self { failed: 0, .. } => return Ok(()),
            Self { taken: 1.., .. } => Exit::Partial,
            Self { answered: true, .. } => Exit::Server,
            Self { .. } => Exit::Network,
        };
        Err(CliError::new(exit, format!("{} of {} deliveries failed", self.failed, self.taken + self.failed)))
    }
}

/// The whole of a file, or of standard input for `-`, and what that is called: a bad line is to be found before anything is sent.
fn bytes_of(file: &str) -> Result<(Vec<u8>, &str), CliError> {
    let mut bytes = Vec::new();
    let (read, name) = if file == "-" {
        (std::io::stdin().read_to_end(&mut bytes), "standard input")
    } else {
        (fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes)), file)
    };
    match read {
        Ok(_) => Ok((bytes, name)),
        Err(error) => Err(CliError::new(Exit::Config, format!("{name} cannot be read: {error}"))),
    }
}

impl Render for Posted {
    const COLUMNS: &'static [&'static str] = &["delivery", "event", "session", "result", "attempts", "answer"];

    /// What was not taken has none: whoever reads ids goes on with what was.
    fn ids(&self) -> Vec<String> {
        if self.error.is_none() { vec![self.delivery.clone()] } else { Vec::new() }
    }

    fn cells(&self) -> Vec<String> {
        let answer = self.error.clone().unwrap_or_else(|| cell(self.status.as_ref()));
        let (result, attempts) = (self.result.to_owned(), self.attempts.to_string());
        vec![self.delivery.clone(), self.event.clone(), cell(self.session.as_ref()), result, attempts, answer]
    }
}
