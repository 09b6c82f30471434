//! A fault as JSON, as it could have been said.

use std::time::Duration;

use http::HeaderMap;
use pocketping_sdk::json::object;
use serde_json::{Map, Value, json};

use super::acts::{Act, HttpFault, Latency, Reply, RetryAfter, SocketFault, Times, WebhookFault};
use super::fault::Fault;

pub(super) fn fault(fault: &Fault) -> Value {
    json!({"on": on(fault), "do": act(&fault.act)})
}

fn on(fault: &Fault) -> Value {
    let wanted = &fault.on;
    let mut shown = Map::new();
    for (name, value) in [
        ("surface", Some(json!(fault.of_surface().as_str()))),
        ("over", wanted.over.map(|over| json!(over.as_str()))),
        ("method", wanted.method.as_ref().map(|method| json!(method))),
        ("route", wanted.route.as_ref().map(|route| json!(route))),
        ("key", wanted.key.as_ref().map(|_| json!("<masked>"))),
        ("body", wanted.body.as_ref().map(|body| json!(body))),
        ("event", wanted.event.as_ref().map(|event| json!(event))),
        ("nth", Some(fault.after).filter(|after| *after > 0).map(|after| json!(u64::from(after) + 1))),
        ("probability", wanted.chance.as_ref().map(|(probability, _)| json!(probability))),
        ("seed", wanted.chance.as_ref().map(|(_, draw)| json!(draw.seed()))),
    ] {
        shown.extend(value.map(|value| (name.to_owned(), value)));
    }
    if !wanted.headers.is_empty() {
        let headers = wanted.headers.iter().map(|(name, value)| (name.to_string(), json!(value)));
        shown.insert("header".to_owned(), Value::Object(object(headers)));
    }
    Value::Object(shown)
}

fn act(act: &Act) -> Value {
    match act {
        Act::Http(fault) => http(*fault),
        Act::Answer(answer) => reply(answer),
        Act::Latency(wait) => latency(wait),
        Act::Hold { barrier, after: true } => json!({"kind": "hold", "barrier": **barrier, "after": "apply"}),
        Act::Hold { barrier, after: false } => json!({"kind": "hold", "barrier": **barrier}),
        Act::Drip { bytes, barrier } => json!({"kind": "slow-drip", "bytes": bytes, "barrier": **barrier}),
        Act::ContentType(kind) => json!({"kind": "wrong-content-type", "contentType": **kind}),
        Act::Socket(fault) => socket(*fault),
        Act::Webhook(WebhookFault::Lost) => json!({"kind": "lost"}),
        Act::Webhook(WebhookFault::SentTwice) => json!({"kind": "sent-twice"}),
    }
}

fn http(fault: HttpFault) -> Value {
    match fault {
        HttpFault::Status { status, retry_after } => {
            with_wait(json!({"kind": "status", "status": status}), retry_after)
        }
        HttpFault::Gateway(status) => json!({"kind": "gateway", "status": status}),
        HttpFault::CutBefore => json!({"kind": "cut-before"}),
        HttpFault::ApplyThenDrop => json!({"kind": "apply-then-drop"}),
        HttpFault::ResetBefore => json!({"kind": "reset"}),
        HttpFault::ApplyThenReset => json!({"kind": "reset", "after": "apply"}),
        HttpFault::HoldThenApply(hold) => json!({"kind": "hold-then-apply", "time": time(hold)}),
        HttpFault::CutInBody => json!({"kind": "cut-in-body"}),
        HttpFault::MalformedJson => json!({"kind": "malformed-json"}),
        HttpFault::WrongContentType => json!({"kind": "wrong-content-type"}),
        HttpFault::SlowDrip { bytes, every } => json!({"kind": "slow-drip", "bytes": bytes, "every": time(every)}),
    }
}

fn socket(fault: SocketFault) -> Value {
    let kind = fault.kind();
    match fault {
        SocketFault::Close(code) | SocketFault::RefuseAuth(code) => json!({"kind": kind, "code": code}),
        SocketFault::Delay(delay) => json!({"kind": kind, "time": time(delay)}),
        SocketFault::RefuseUpgrade { status, retry_after } => {
            with_wait(json!({"kind": kind, "status": status}), retry_after)
        }
        _ => json!({"kind": kind}),
    }
}

fn reply(reply: &Reply) -> Value {
    let mut shown = json!({"kind": "status", "status": reply.status});
    if let Some(body) = &reply.body {
        shown["body"] = body.clone();
    }
    if !reply.headers.is_empty() {
        shown["headers"] = headers(&reply.headers);
    }
    match reply.retry_after {
        Some(RetryAfter::Seconds(seconds)) => shown["retryAfter"] = json!(seconds),
        Some(RetryAfter::Date(seconds)) => shown["retryAfterDate"] = json!(seconds),
        None => {}
    }
    if let Some(limit) = reply.rate_limit {
        shown["rateLimit"] = json!(limit);
    }
    if reply.after {
        shown["after"] = json!("apply");
    }
    shown
}

fn latency(latency: &Latency) -> Value {
    let mut shown = match &latency.times {
        Times::Fixed(fixed) => json!({"kind": "latency", "time": time(*fixed)}),
        Times::Range(from, to) => {
            json!({"kind": "latency", "from": time(*from), "to": time(*to), "seed": latency.draw.seed()})
        }
        Times::Percentiles(times) => {
            let times = times.iter().map(|(percentile, at)| (percentile.to_string(), json!(time(*at))));
            json!({"kind": "latency", "percentiles": object(times), "seed": latency.draw.seed()})
        }
    };
    if latency.after {
        shown["after"] = json!("apply");
    }
    shown
}

fn with_wait(mut shown: Value, retry_after: Option<u32>) -> Value {
    if let Some(seconds) = retry_after {
        shown["retryAfter"] = json!(seconds);
    }
    shown
}

fn headers(headers: &HeaderMap) -> Value {
    let shown = headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap_or_default())));
    Value::Object(object(shown))
}

fn time(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}
