//! How answers of `api` are printed: as they are, with their heads, and as far as they are known.

use pocketping_sdk::http::StatusCode;
use pocketping_sdk::json::object;
use pocketping_sdk::{ApiError, RawResponse};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::{CliError, Exit};
use crate::output::{Document, JsonText, Output};

/// An answer with its head.
#[derive(Serialize)]
struct Included {
    status: u16,
    headers: Map<String, Value>,
    body: Option<JsonText>,
}

pub(super) fn print(answer: &RawResponse, is_read: bool, include: bool, output: &mut Output) -> Result<(), CliError> {
    let body = std::str::from_utf8(answer.value()).map(str::trim);
    let json = body.ok().and_then(|text| JsonText::parse(text).ok());
    let is_text = json.is_none() && body != Ok("");
    if is_text && !output.is_plain() {
        // As with the other commands: who knows what answered a write like that.
        let (exit, hint) = if is_read {
            (Exit::Server, "-o table prints it as it is")
        } else {
            (Exit::Unknown, "it may have been done: look before you do it again")
        };
        return Err(CliError::new(exit, format!("the answer ({}) is not JSON", answer.status()))
            .with_answer(answer.status().as_u16(), answer.request_id())
            .with_hint(hint));
    }
    let Ok(body) = body else {
        return Err(CliError::new(Exit::Server, format!("the answer is no text: {} bytes", answer.value().len())));
    };
    if include {
        let headers = answer.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))));
        with_head(answer.status(), object(headers), body, output)
    } else {
        as_it_is(body, output)
    }
}

/// What is known of an answer that is an error: its head, and how its body begins.
pub(super) fn print_refusal(refusal: &ApiError, output: &mut Output) -> Result<(), CliError> {
    let known = [
        ("content-type", refusal.content_type.clone()),
        ("retry-after", refusal.retry_after.map(|after| after.as_secs().to_string())),
        ("x-request-id", refusal.request_id.clone()),
    ];
    let headers = object(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
    let status = StatusCode::from_u16(refusal.status).unwrap_or_default();
    with_head(status, headers, refusal.body.trim(), output)
}

fn with_head(status: StatusCode, headers: Map<String, Value>, body: &str, output: &mut Output) -> Result<(), CliError> {
    if !output.is_plain() {
        let body = JsonText::parse(body).ok();
        return output.document(&Document(Included { status: status.as_u16(), headers, body }));
    }
    output.text(&format!("HTTP {status}"))?;
    for (name, value) in &headers {
        output.text(&format!("{name}: {}", value.as_str().unwrap_or_default()))?;
    }
    output.text("")?;
    as_it_is(body, output)
}

fn as_it_is(body: &str, output: &mut Output) -> Result<(), CliError> {
    match JsonText::parse(body) {
        Ok(json) => output.document(&Document(json)),
        Err(_) => body.lines().try_for_each(|line| output.text(line)),
    }
}
