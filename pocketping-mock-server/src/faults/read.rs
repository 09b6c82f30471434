//! A fault's JSON. What is wrong is told by its path, and nothing is guessed.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::acts::{Act, HttpFault, Latency, Over, Reply, RetryAfter, SocketFault, Times, WebhookFault, is_bodiless};
use super::draw::Draw;
use super::fault::Fault;
use super::fields::Fields;
use super::on::On;
use super::places::{self, Here};
use crate::json::{self, Unique, Wrong};
use crate::surface::Surface;

/// The longest name of a barrier.
const MOST_NAME: usize = 100;
/// The most seconds a `Retry-After` can ask for: a hundred years.
const MOST_WAIT: u32 = 100 * 365 * 24 * 3600;
/// What frames an answer, and what every answer has from the server.
const OWN_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-pocketping-contract",
    "x-pocketping-mock-fault",
    "x-request-id",
];
const KINDS: &str = "status, gateway, latency, hold, cut-before, apply-then-drop, hold-then-apply, cut-in-body, reset, \
                     malformed-json, wrong-content-type, slow-drip, close, cut, silent, duplicate, swap, skip, corrupt, \
                     garble, delay, refuse-auth, refuse-upgrade, lost, sent-twice";

pub(super) fn fault(text: &[u8]) -> Result<Fault, Wrong> {
    let read = json::read(text);
    let Unique(value) =
        read.map_err(|wrong| Wrong { field: None, what: format!("cannot be read as JSON: {wrong}") })?;
    of_value(value)
}

pub(super) fn of_value(value: Value) -> Result<Fault, Wrong> {
    let mut whole = Fields::of(value)?;
    let wanted = whole.object("do")?;
    let mut wanted = whole.needed("do", wanted)?;
    let kind = wanted.text("kind")?;
    let kind = wanted.needed("kind", kind)?;
    let act = act(&kind, &mut wanted)?;
    wanted.end(&kind)?;
    let mut fault = Fault::new(act);
    if let Some(mut on) = whole.object("on")? {
        fault = fault.after(on.number32("nth", 1..=u32::MAX)?.map_or(0, |nth| nth - 1));
        fault.on = conditions(&fault.act, &mut on)?;
        on.end(&format!("what {kind} happens to"))?;
    }
    fault.times = match whole.take("times") {
        None => Some(1),
        Some(times) if times == "always" => None,
        Some(times) => {
            let times = times.as_u64().and_then(|times| u32::try_from(times).ok()).filter(|times| *times > 0);
            Some(times.ok_or_else(|| whole.wrong("times", "must be a whole number from 1 on, or \"always\""))?)
        }
    };
    whole.end("a fault")?;
    Ok(fault)
}

/// What it happens to. Fields that the act cannot know stay, and are refused.
fn conditions(act: &Act, on: &mut Fields) -> Result<On, Wrong> {
    let mut wanted = On { surface: on.one_of("surface", &Surface::FAULTY, Surface::as_str)?, ..On::default() };
    if act.is_for_calls() {
        wanted.route = on.text("route")?;
    }
    if let Some(route) = &wanted.route {
        if !route.starts_with('/') {
            return Err(on.wrong("route", "must begin with /"));
        }
        // Nothing goes wrong for the page, which reads: its paths are none of a surface's.
        let of = Surface::of(&Method::POST, route);
        if of == Surface::Control {
            return Err(on.wrong("route", "is below /_mock, where nothing goes wrong"));
        }
        // A prefix says the surface, too.
        if wanted.surface.is_none() && of != Surface::Contract {
            wanted.surface = Some(of);
        }
    }
    let surface = wanted.surface.unwrap_or(act.surface());
    let is_possible = match act {
        Act::Webhook(_) => surface == Surface::Webhook,
        Act::Socket(SocketFault::RefuseAuth(_)) => surface == Surface::Contract,
        Act::Socket(_) => matches!(surface, Surface::Contract | Surface::Widget),
        _ => surface != Surface::Webhook,
    };
    if !is_possible {
        return Err(on.wrong("surface", format!("is {}, where this cannot happen", surface.as_str())));
    }
    let is_early = matches!(act, Act::Socket(SocketFault::RefuseAuth(_) | SocketFault::RefuseUpgrade { .. }));
    if act.is_for_calls() {
        wanted.method = on.text("method")?;
        wanted.route = wanted.route.map(|route| places::below_prefix(surface, &route));
        if surface != Surface::Widget {
            wanted.key = on.text("key")?;
        }
        if let Some(mut headers) = on.object("header")? {
            for (name, value) in read_headers(&mut headers)? {
                // Made of texts just now.
                let text = value.to_str().unwrap_or_default().to_owned();
                wanted.headers.extend(name.map(|name| (name, text)));
            }
        }
    } else if !is_early {
        wanted.event = on.text("event")?;
        if surface == Surface::Widget {
            wanted.over = on.one_of("over", &Over::ALL, Over::as_str)?;
        }
    }
    if !is_early {
        wanted.body = on.text("body")?;
    }
    if let Some(probability) = on.fraction("probability")? {
        wanted.chance = Some((probability, Draw::new(on.number("seed", 0..=u64::MAX)?.unwrap_or(0))));
    }
    // What this server has of it, only the server knows.
    places::check(&wanted, act, surface, Here::ALL)?;
    Ok(wanted)
}

fn act(kind: &str, wanted: &mut Fields) -> Result<Act, Wrong> {
    let http = |fault| Ok(Act::Http(fault));
    let socket = |fault| Ok(Act::Socket(fault));
    match kind {
        "status" => status(wanted),
        "gateway" => match wanted.number16("status", 200..=599)?.unwrap_or(502) {
            status if is_bodiless(status) => Err(wanted.wrong("status", format!("is {status}, which has no page"))),
            status => http(HttpFault::Gateway(status)),
        },
        "latency" => latency(wanted).map(Act::Latency),
        "hold" => Ok(Act::Hold { barrier: needed_barrier(wanted)?, after: is_after(wanted)? }),
        "cut-before" => http(HttpFault::CutBefore),
        "apply-then-drop" => http(HttpFault::ApplyThenDrop),
        "hold-then-apply" => http(HttpFault::HoldThenApply(time(wanted)?)),
        "cut-in-body" => http(HttpFault::CutInBody),
        "reset" => http(if is_after(wanted)? { HttpFault::ApplyThenReset } else { HttpFault::ResetBefore }),
        "malformed-json" => http(HttpFault::MalformedJson),
        "wrong-content-type" => match wanted.text("contentType")? {
            None => http(HttpFault::WrongContentType),
            Some(kind) if HeaderValue::try_from(&kind).is_ok() => Ok(Act::ContentType(kind.into())),
            Some(_) => Err(wanted.wrong("contentType", "cannot be a header")),
        },
        "slow-drip" => slow_drip(wanted),
        "close" => socket(SocketFault::Close(code(wanted)?)),
        "cut" => socket(SocketFault::Cut),
        "silent" => socket(SocketFault::Silent),
        "duplicate" => socket(SocketFault::Duplicate),
        "swap" => socket(SocketFault::Swap),
        "skip" => socket(SocketFault::Skip),
        "corrupt" => socket(SocketFault::Corrupt),
        "garble" => socket(SocketFault::Garble),
        "delay" => socket(SocketFault::Delay(time(wanted)?)),
        "refuse-auth" => socket(SocketFault::RefuseAuth(code(wanted)?)),
        "refuse-upgrade" => {
            let status = wanted.number16("status", 400..=599)?;
            let status = wanted.needed("status", status)?;
            socket(SocketFault::RefuseUpgrade { status, retry_after: wanted.number32("retryAfter", 0..=MOST_WAIT)? })
        }
        "lost" => Ok(Act::Webhook(WebhookFault::Lost)),
        "sent-twice" => Ok(Act::Webhook(WebhookFault::SentTwice)),
        _ => Err(wanted.wrong("kind", format!("must be one of {KINDS}"))),
    }
}

fn status(wanted: &mut Fields) -> Result<Act, Wrong> {
    let status = wanted.number16("status", 200..=599)?;
    let mut reply = Reply::new(wanted.needed("status", status)?);
    reply.body = wanted.take("body");
    if let Some(mut headers) = wanted.object("headers")? {
        reply.headers = read_headers(&mut headers)?;
        if let Some(own) = OWN_HEADERS.into_iter().find(|name| reply.headers.contains_key(*name)) {
            return Err(headers.wrong(own, "is a header that the server writes itself"));
        }
    }
    if reply.body.is_some() && is_bodiless(reply.status) {
        return Err(wanted.wrong("body", format!("cannot be sent with {}", reply.status)));
    }
    let seconds = wanted.number32("retryAfter", 0..=MOST_WAIT)?;
    let date = wanted.number32("retryAfterDate", 0..=MOST_WAIT)?;
    if seconds.is_some() && date.is_some() {
        return Err(wanted.wrong("retryAfterDate", "and retryAfter exclude each other"));
    }
    reply.retry_after = seconds.map(RetryAfter::Seconds).or(date.map(RetryAfter::Date));
    reply.rate_limit = wanted.flag("rateLimit")?;
    reply.after = is_after(wanted)?;
    Ok(Act::Answer(Arc::new(reply)))
}

fn latency(wanted: &mut Fields) -> Result<Latency, Wrong> {
    let (fixed, from) = (wanted.time("time")?, wanted.time("from")?);
    let (to, list) = (wanted.time("to")?, wanted.object("percentiles")?);
    let times = match (fixed, from, to, list) {
        (Some(time), None, None, None) => Times::Fixed(time),
        (None, Some(from), Some(to), None) if from <= to => Times::Range(from, to),
        (None, Some(_), Some(_), None) => return Err(wanted.wrong("to", "is shorter than from")),
        (None, None, None, Some(list)) => Times::Percentiles(percentiles(list)?),
        (None, Some(_), None, None) => return Err(wanted.wrong("to", "is missing")),
        (None, None, Some(_), None) => return Err(wanted.wrong("from", "is missing")),
        (None, None, None, None) => return Err(wanted.wrong("time", "is missing; or from and to; or percentiles")),
        _ => return Err(wanted.wrong("time", "and from, to and percentiles exclude each other")),
    };
    let seed = if matches!(times, Times::Fixed(_)) { None } else { wanted.number("seed", 0..=u64::MAX)? };
    Ok(Latency { times, draw: Draw::new(seed.unwrap_or(0)), after: is_after(wanted)? })
}

fn percentiles(mut list: Fields) -> Result<Vec<(f64, Duration)>, Wrong> {
    let mut times: Vec<(f64, Duration)> = Vec::new();
    let named: Vec<_> = list.drain().collect();
    for (name, value) in named {
        let percentile = name.parse().ok().filter(|number: &f64| *number > 0.0 && *number <= 100.0);
        let percentile =
            percentile.ok_or_else(|| list.wrong(&name, "must be named by a percentile, such as \"99\""))?;
        times.push((percentile, list.time_of(&name, &value)?));
    }
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    if let Some(pair) = times.windows(2).find(|pair| pair[0].1 > pair[1].1) {
        return Err(list.wrong(&pair[1].0.to_string(), "is shorter than a lower percentile"));
    }
    if times.is_empty() {
        return Err(list.wrong("50", "is missing; at least one percentile has a time"));
    }
    Ok(times)
}

fn slow_drip(wanted: &mut Fields) -> Result<Act, Wrong> {
    let bytes = wanted.number32("bytes", 1..=1 << 20)?.unwrap_or(1) as usize;
    match (wanted.time("every")?, barrier(wanted)?) {
        (Some(every), None) => Ok(Act::Http(HttpFault::SlowDrip { bytes, every })),
        (None, Some(barrier)) => Ok(Act::Drip { bytes, barrier }),
        (None, None) => Err(wanted.wrong("every", "is missing; or a barrier")),
        (Some(_), Some(_)) => Err(wanted.wrong("every", "and barrier exclude each other")),
    }
}

fn barrier(wanted: &mut Fields) -> Result<Option<Arc<str>>, Wrong> {
    match wanted.text("barrier")? {
        Some(name) if name.len() > MOST_NAME || name.contains('/') => {
            Err(wanted.wrong("barrier", format!("must be a name of at most {MOST_NAME} bytes without /")))
        }
        name => Ok(name.map(Arc::from)),
    }
}

fn needed_barrier(wanted: &mut Fields) -> Result<Arc<str>, Wrong> {
    let name = barrier(wanted)?;
    wanted.needed("barrier", name)
}

fn time(wanted: &mut Fields) -> Result<Duration, Wrong> {
    let time = wanted.time("time")?;
    wanted.needed("time", time)
}

/// A code that a close frame may carry.
fn code(wanted: &mut Fields) -> Result<u16, Wrong> {
    let code = wanted.number16("code", 1000..=4999)?;
    match wanted.needed("code", code)? {
        1004..=1006 | 1015..=2999 => Err(wanted.wrong("code", "cannot stand in a close frame")),
        code => Ok(code),
    }
}

/// Whether the call is applied first.
fn is_after(wanted: &mut Fields) -> Result<bool, Wrong> {
    match wanted.take("after") {
        None | Some(Value::Bool(false)) => Ok(false),
        Some(after) if after == "apply" => Ok(true),
        Some(_) => Err(wanted.wrong("after", "must be \"apply\" or false")),
    }
}

fn read_headers(fields: &mut Fields) -> Result<HeaderMap, Wrong> {
    let mut headers = HeaderMap::new();
    let named: Vec<_> = fields.drain().collect();
    for (name, value) in named {
        let parsed = HeaderName::try_from(&name).map_err(|_| fields.wrong(&name, "is no header's name"))?;
        let text = value.as_str().filter(|text| text.is_ascii());
        let value = text.and_then(|text| HeaderValue::try_from(text).ok());
        let value = value.ok_or_else(|| fields.wrong(&name, "must be a text that a header can have"))?;
        if headers.insert(parsed, value).is_some() {
            return Err(fields.wrong(&name, "is there twice"));
        }
    }
    Ok(headers)
}
