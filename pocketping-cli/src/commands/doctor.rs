//! `doctor`: everything between this program and a server, one thing after the other.

use std::time::{Duration, SystemTime};

use clap::Args;
use pocketping_mock_server::args::duration;
use pocketping_sdk::retry_after::retry_after;
use pocketping_sdk::{BaseUrl, Client, RetryPolicy, Timestamp};
use tokio::time::{Instant, timeout_at};

use crate::context::{Context, builder};
use crate::doctor::{Answer, CHECKS, Place, Prober, Report, Shown, Status, Surface, recognise, way};
use crate::error::{CliError, Exit, NO_WAY};
use crate::forward::now;
use crate::output::Output;

/// A clock that is this far off is worth a word; `Date` counts whole seconds.
const CLOSE: Duration = Duration::from_secs(5);

// How long to look.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when nothing failed, else with the code of the first check that did, as any other\n\
                  command would: 3 settings or redirect, 4 key, 7 rate limit, 8 answer, 9 the way there.\n\
                  Warnings change nothing. Only GET is asked, and the key goes to no other origin.\n\n\
                  Example: pocketping doctor -o json --jq '.[] | select(.status != \"ok\")'"
)]
pub(crate) struct DoctorArgs {
    /// How long all of it may take
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    timeout: Duration,
}

const DOCUMENTED: &str = "sessions, messages, listen and wait need a server of the documented API, such as \
                          `pocketping mock`; webhooks sign, verify and trigger work without";

pub(crate) async fn run(args: DoctorArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    let mut report = Report::default();
    let deadline = Instant::now() + args.timeout;
    if let Err(why) = look(&mut report, context, deadline).await? {
        report.skip_rest(why);
    }
    report.checks.sort_by_key(|check| CHECKS.iter().position(|name| *name == check.name));
    if output.is_for_people() {
        output.list(&report.checks.iter().map(Shown).collect::<Vec<_>>())?;
    } else {
        output.list(&report.checks)?;
    }
    let Some((check, exit)) = report.first else { return Ok(()) };
    let failed = report.checks.iter().filter(|check| check.status == Status::Fail).count();
    let detail = report.checks.iter().find(|other| other.name == check).map(|check| check.detail.as_str());
    let message = format!("{failed} of {} checks failed, first {check}: {}", CHECKS.len(), detail.unwrap_or_default());
    Err(CliError::new(exit, message))
}

/// Looks at one thing after the other, until the rest makes no sense.
async fn look(report: &mut Report, context: &Context, deadline: Instant) -> Result<Result<(), &'static str>, CliError> {
    let Some((place, made)) = settings(report, context) else {
        return Ok(Err("not tried: there is no address"));
    };
    if !way(report, &place, deadline).await {
        return Ok(Err("not tried: there is no way to the server"));
    }
    let prober = Prober::new(&place, made.as_ref().map(|(key, _)| key.as_str()), deadline)?;
    let answer = match prober.get(&format!("{}/sessions?limit=1", place.base)).await {
        Ok(answer) => answer,
        Err(why) => {
            report.fail("http", Exit::Network, why, Some(NO_WAY));
            return Ok(Err("not tried: the server did not answer"));
        }
    };
    clock(report, &answer, now()?);
    if !http(report, &answer) {
        return Ok(Err("not tried: the server answers otherwise"));
    }
    let surface = recognise(&prober, &place, &answer).await;
    let Some(is_extended) = server(report, &surface) else {
        return Ok(Err("not tried: this is not the documented API"));
    };
    contract(report, is_extended);
    rate_limit(report, &answer);
    let Some((_, client)) = made else {
        return Ok(Err("not tried: there is no key that can be used"));
    };
    if let Err(why) = accepted(report, &answer) {
        return Ok(Err(why));
    }
    socket(report, &client, deadline).await;
    webhooks(report, &client, is_extended, deadline).await;
    Ok(Ok(()))
}

/// The address, and the key with the client that uses it. Without a usable address there is nothing to look at; without a
/// usable key there is, and none is sent.
fn settings(report: &mut Report, context: &Context) -> Option<(Place, Option<(String, Client)>)> {
    let found = || {
        let settings = context.settings()?;
        let url = settings.api_url()?;
        let base = BaseUrl::parse(&url.value)?;
        // The key is asked for once: it may be told by a command.
        let made = settings.key_for(&url).and_then(|key| {
            let mut client = builder().base_url(&url.value).api_key(&key);
            if let Some(plan) = settings.plan()? {
                client = client.plan(&plan.value)?;
            }
            Ok((key, client.build()?))
        });
        Ok::<_, CliError>((base, made))
    };
    let (base, made) = match found() {
        Ok(found) => found,
        Err(error) => {
            report.failed("settings", &error);
            return None;
        }
    };
    let Some(place) = Place::of(base.rest()) else {
        report.fail("settings", Exit::Config, format!("the address {} is no URL of a server", base.rest()), None);
        return None;
    };
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            report.failed("settings", &error);
            return Some((place, None));
        }
    };
    if place.is_tls || place.is_loopback() {
        report.ok("settings", format!("a key for {}", place.base));
    } else {
        let detail = format!("the key and all messages travel to {} for everybody to read: plain http", place.host);
        report.warn("settings", detail, "use an https:// address");
    }
    Some((place, Some(made)))
}

/// Whether the answer is worth being looked at.
fn http(report: &mut Report, answer: &Answer) -> bool {
    let status = answer.told_status();
    if let Some(target) = answer.redirect() {
        // The query may hold a secret.
        let target = target.split(['?', '#']).next().unwrap_or_default();
        let detail = format!("{status}: it redirects to {target}, where the key is not sent");
        report.fail("http", Exit::Config, detail, Some("set POCKETPING_API_URL to the address that is meant"));
        return false;
    }
    if answer.status.is_server_error() && answer.said("code").is_none() {
        let hint = "the server, or a proxy before it, fails; try again later, or tell its people";
        report.fail("http", Exit::Server, format!("the answer is {status}"), Some(hint));
        return false;
    }
    report.ok("http", format!("{status} in {} ms", answer.took.as_millis()));
    true
}

fn clock(report: &mut Report, answer: &Answer, now: Timestamp) {
    let date = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
    let Some(theirs) = date.and_then(|date| Timestamp::try_from(date).ok()) else {
        report.skip("clock", "the server does not tell its time");
        return;
    };
    let (ahead, behind) = (theirs.since(now), now.since(theirs));
    let (apart, which) = if ahead > behind { (ahead, "ahead") } else { (behind, "behind") };
    // What the answer took to come, and the part of a second that is cut off.
    if apart.saturating_sub(answer.took) <= CLOSE {
        report.ok("clock", "this machine's and the server's agree");
    } else {
        let detail = format!("the server's is {} s {which}", apart.as_secs());
        report.warn("clock", detail, "times and how long ago things were may be wrong, fresh webhooks look stale");
    }
}

/// Which PocketPing it is; for the documented API, whether it has the additions.
fn server(report: &mut Report, surface: &Surface) -> Option<bool> {
    let detail = match surface {
        Surface::Documented { is_extended } => {
            report.ok("server", "PocketPing's documented API");
            return Some(*is_extended);
        }
        Surface::Elsewhere { at } => {
            format!("PocketPing's documented API is at {at}, and this path is none of its own")
        }
        Surface::Management { at } => format!("PocketPing's management API is at {at}; it is another API"),
        Surface::Bridge { bridges } if bridges.is_empty() => {
            "PocketPing's Go bridge server, which has no API to read sessions".into()
        }
        Surface::Bridge { bridges } => {
            format!(
                "PocketPing's Go bridge server (bridges: {}), which has no API to read sessions",
                bridges.join(", ")
            )
        }
        Surface::Widget { at } => format!("PocketPing's widget endpoint is at {at}: it serves visitors, not operators"),
        Surface::Middleware => {
            "something that serves widgets, such as PocketPing's SDKs: not the documented API".into()
        }
        Surface::Page => "a web page: a website, a proxy or a login, and no API".into(),
        Surface::Other { said } => format!("nothing that PocketPing is known to say: {said}"),
    };
    let hint = match surface {
        Surface::Page | Surface::Other { .. } => {
            "check the address (with its path), and whether a proxy stands in between".to_owned()
        }
        Surface::Elsewhere { at } => format!("set POCKETPING_API_URL to {at}"),
        Surface::Bridge { .. } => format!("{DOCUMENTED}; trigger --deployed posts what this server posts"),
        _ => DOCUMENTED.to_owned(),
    };
    report.fail("server", Exit::Server, detail, Some(&hint));
    None
}

fn contract(report: &mut Report, is_extended: bool) {
    report.ok(
        "contract",
        if is_extended {
            "extended: filters, idempotency keys and resuming are the server's"
        } else {
            "strict: filters and resuming are done here, by reading more"
        },
    );
}

fn rate_limit(report: &mut Report, answer: &Answer) {
    let number = |name: &str| answer.header(name)?.split([',', ';']).next()?.trim().parse::<u64>().ok();
    if answer.status.as_u16() == 429 {
        let wait = retry_after(&answer.headers, SystemTime::now);
        let wait = wait.map(|wait| format!("; {} s to wait", wait.as_secs())).unwrap_or_default();
        let hint = "wait, then try again; POCKETPING_PLAN keeps to a plan's limit";
        report.fail("rate_limit", Exit::RateLimited, format!("too many requests in a minute{wait}"), Some(hint));
        return;
    }
    match (number("ratelimit-limit"), number("ratelimit-remaining")) {
        (Some(limit), Some(left)) => report.ok("rate_limit", format!("{left} of {limit} requests a minute are left")),
        (Some(limit), None) => report.ok("rate_limit", format!("{limit} requests a minute")),
        _ => report.ok("rate_limit", "none is told"),
    }
}

fn accepted(report: &mut Report, answer: &Answer) -> Result<(), &'static str> {
    match answer.status.as_u16() {
        200..=299 => {
            report.ok("key", "accepted");
            Ok(())
        }
        401 | 403 => {
            let detail = format!("refused: {}", answer.told_status());
            report.fail("key", Exit::Auth, detail, Some("check the key, and that it belongs to this server's address"));
            Err("not tried: the key was not accepted")
        }
        429 => Err("not tried: the server takes no more requests for now"),
        _ => {
            report.fail("key", Exit::Server, format!("it cannot be told: {}", answer.told_status()), None);
            Err("not tried: the server did not do what it was asked")
        }
    }
}

async fn socket(report: &mut Report, client: &Client, deadline: Instant) {
    let address = client.base_url().socket().to_owned();
    let left = deadline.saturating_duration_since(Instant::now());
    let connect = client.events().connect().timeout(left).reconnect(RetryPolicy::none());
    match timeout_at(deadline, connect.into_future()).await {
        Ok(Ok(events)) => {
            drop(timeout_at(deadline, events.close()).await);
            report.ok("socket", format!("{address} takes the key"));
        }
        Ok(Err(error)) => report.failed("socket", &error.into()),
        Err(_) => report.fail("socket", Exit::Network, format!("{address} did not take the key in time"), None),
    }
}

async fn webhooks(report: &mut Report, client: &Client, is_extended: bool, deadline: Instant) {
    if !is_extended {
        report.skip("webhooks", "this server has no list of webhooks");
        return;
    }
    let list = client.webhooks().list().retry(RetryPolicy::none());
    match timeout_at(deadline, list.into_future()).await {
        Ok(Ok(list)) => report.ok(
            "webhooks",
            match list.webhooks.len() {
                0 => "none".to_owned(),
                n => format!("{n} registered"),
            },
        ),
        Ok(Err(error)) => report.failed("webhooks", &error.into()),
        Err(_) => report.fail("webhooks", Exit::Network, "no answer in time", None),
    }
}
