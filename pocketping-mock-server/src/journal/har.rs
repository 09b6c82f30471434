//! Requests as an HTTP archive: HAR 1.2, which browsers and proxies open.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use super::entry::{Body, Entry, Request};

/// The archive of those entries that are requests.
pub(crate) fn archive<'a>(origin: &Url, entries: impl Iterator<Item = &'a Entry>) -> Value {
    let entries: Vec<_> = entries.filter_map(|entry| Some(exchange(origin, entry, entry.request()?))).collect();
    let creator = json!({"name": "pocketping-mock-server", "version": env!("CARGO_PKG_VERSION")});
    json!({"log": {"version": "1.2", "creator": creator, "entries": entries}})
}

fn exchange(origin: &Url, entry: &Entry, request: &Request) -> Value {
    let mut url = origin.clone();
    url.set_path(&request.path);
    url.set_query(request.query.as_deref());
    let query: Vec<_> = form_urlencoded::parse(request.query.as_deref().unwrap_or_default().as_bytes())
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut asked = json!({
        "method": request.method, "url": url.as_str(), "httpVersion": "HTTP/1.1", "cookies": [],
        "headers": headers(&request.headers), "queryString": query, "headersSize": -1, "bodySize": request.body.whole,
    });
    if !request.body.is_empty() {
        asked["postData"] = json!({"mimeType": kind(&request.headers), "params": [], "text": request.body.text()});
    }
    let status = request.status.unwrap_or(0);
    let words = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let millis = millis(request.took);
    json!({
        "startedDateTime": entry.at, "time": millis, "request": asked,
        "response": {
            "status": status, "statusText": words.unwrap_or_default(), "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": headers(&request.answer_headers), "content": content(&request.answer, &request.answer_headers),
            "redirectURL": "", "headersSize": -1, "bodySize": request.answer.whole,
        },
        "cache": {}, "timings": {"send": 0, "wait": millis, "receive": 0},
        "_number": entry.number, "_route": request.route, "_whole": request.is_whole, "_fault": request.fault,
        "_refusedBy": request.refused_by.as_ref().map(|by| json!({"code": by.code, "rule": by.rule, "why": by.why})),
    })
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

fn content(body: &Body, headers: &HeaderMap) -> Value {
    json!({"size": body.whole, "mimeType": kind(headers), "text": body.text()})
}

fn kind(headers: &HeaderMap) -> &str {
    headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

fn headers(headers: &HeaderMap) -> Vec<Value> {
    headers
        .iter()
        .map(|(name, value)| json!({"name": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes())}))
        .collect()
}
