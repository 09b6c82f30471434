//! `api`: a request of the caller's own making, with the key, the retries and the limits of every other one.

mod answer;

use std::collections::HashSet;

use clap::Args;
use percent_encoding::percent_decode_str;
use pocketping_sdk::http::Method;
use pocketping_sdk::{Call, Client};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::dry_run::{DryRunArgs, Unsent};
use crate::error::{CliError, Exit};
use crate::input::{Source, text_of, typed_text};
use crate::output::{JsonText, Output, escaped_json};

// What to ask, and what to show of the answer.
#[derive(Debug, Args)]
#[command(
    after_help = "Fields go into the query of GET, HEAD and DELETE, and of what has an --input; else they are the JSON body.\n\
                  `a[b]=x` is a field of an object, `a[]=x` one of an array.\n\n\
                  Example: pocketping api POST /webhooks -f url=https://yoursite.com/hook \\\n\
                  \x20          -f 'events[]=message.created'\n\
                  Example: pocketping api GET /sessions --paginate --jq '.sessions[].id'"
)]
pub(crate) struct ApiArgs {
    /// GET, POST, PATCH, PUT, DELETE or HEAD
    #[arg(value_parser = method)]
    method: Method,

    /// The path below the server's address, as the API reference has it: /sessions/sess_abc123
    #[arg(value_parser = path)]
    path: Path,

    /// A field that is a text
    #[arg(short = 'f', long = "raw-field", value_name = "KEY=VALUE", value_parser = key_value)]
    texts: Vec<(String, String)>,

    /// A field that is a number, true, false or null, if it looks like one; @FILE and - are read
    #[arg(short = 'F', long = "field", value_name = "KEY=VALUE", value_parser = key_value)]
    values: Vec<(String, String)>,

    /// The JSON body: a file, or - for standard input
    #[arg(long, value_name = "FILE")]
    input: Option<String>,

    /// A header; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,

    /// Print the answer's status and headers, too
    #[arg(short, long)]
    include: bool,

    /// Read the following pages, too, and print each
    #[arg(long)]
    paginate: bool,

    /// Print a curl command that does the same, with the key as a variable, instead of sending anything
    #[arg(long, conflicts_with = "dry_run")]
    curl: bool,

    #[command(flatten)]
    dry_run: DryRunArgs,
}

fn method(text: &str) -> Result<Method, String> {
    let known = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE, Method::HEAD];
    let found = known.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "it must be GET, POST, PATCH, PUT, DELETE or HEAD".to_owned())
}

/// A path, and the query behind it.
#[derive(Clone, Debug)]
struct Path {
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

fn path(text: &str) -> Result<Path, String> {
    if text.contains("://") {
        return Err("it is a path below the server's address, not a whole URL; --api-url names the server".to_owned());
    }
    if text.contains('#') {
        return Err("a path has no fragment (#)".to_owned());
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let decoded = |text: &str| {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| format!("{text:?} is no UTF-8 behind its percent signs"))
    };
    let segments = path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect::<Result<Vec<_>, _>>()?;
    if segments.len() > 1 && segments.iter().any(String::is_empty) {
        return Err("a part of the path is empty: it has two slashes in a row, or one at its end".to_owned());
    }
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(&name.replace('+', " "))?, decoded(&value.replace('+', " "))?))
    };
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Result<_, String>>()?;
    Ok(Path { segments, query })
}

impl Path {
    /// The path as the SDK takes it: what cannot stand there as it is goes in as an id.
    fn route(&self) -> (String, Vec<&str>) {
        let is_plain = |segment: &str| {
            let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
            !matches!(segment, "" | "." | "..") && segment.chars().all(is_good)
        };
        if self.segments == [""] {
            return ("/".to_owned(), Vec::new());
        }
        let mut route = String::new();
        let mut ids = Vec::new();
        for segment in &self.segments {
            route.push('/');
            if is_plain(segment) {
                route.push_str(segment);
            } else {
                ids.push(segment.as_str());
                route.push_str(":segment");
            }
        }
        (route, ids)
    }
}

/// Whether it changes nothing.
fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD].contains(method)
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("it must look like KEY=VALUE".to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it must look like NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(crate) async fn run(args: ApiArgs, context: &Context, output: &mut Output) -> Result<(), CliError> {
    if args.paginate && args.method != Method::GET {
        return Err(CliError::usage(format!("--paginate is for GET; {} has no pages", args.method)));
    }
    let request = Ask::new(&args)?;
    let is_told = args.curl || args.dry_run.dry_run;
    let client = if is_read(&args.method) && !is_told {
        context.client()?
    } else {
        context.writer(DryRunArgs { dry_run: is_told })?
    };
    let mut cursor = None;
    let mut seen = HashSet::new();
    loop {
        let answer = match request.call(&client, cursor.as_deref()).raw().await {
            Ok(answer) => answer,
            Err(error) => {
                let refusal = error.api().filter(|_| args.include);
                let printed = refusal.map_or(Ok(()), |refusal| answer::print_refusal(refusal, output));
                let error = CliError::from(error);
                return match error.unsent() {
                    Some(unsent) if args.curl => output.text(&curl(unsent)?),
                    _ => output.first_of(Err(error), printed),
                };
            }
        };
        answer::print(&answer, is_read(&args.method), args.include, output)?;
        cursor = args.paginate.then(|| next_cursor(answer.value())).flatten();
        let Some(next) = &cursor else { return Ok(()) };
        if !seen.insert(next.clone()) {
            return Err(CliError::new(Exit::Server, format!("the server gave the cursor {next:?} twice")));
        }
    }
}

/// What is asked, every time.
struct Ask<'a> {
    args: &'a ApiArgs,
    query: Vec<(String, String)>,
    body: Option<JsonText>,
}

impl<'a> Ask<'a> {
    fn new(args: &'a ApiArgs) -> Result<Self, CliError> {
        let mut fields: Vec<(&str, Value)> = args.texts.iter().map(|(key, text)| (key.as_str(), json!(text))).collect();
        let dashes = args.values.iter().map(|(_, text)| text).chain(&args.input).filter(|text| *text == "-").count();
        if dashes > 1 {
            return Err(CliError::usage("`-` was given twice; standard input can be read once"));
        }
        for (key, text) in &args.values {
            fields.push((key, typed(text)?));
        }
        let mut query = args.path.query.clone();
        let has_body = !matches!(args.method, Method::GET | Method::HEAD | Method::DELETE);
        let body = match &args.input {
            Some(_) if !has_body => {
                return Err(CliError::usage(format!("{} takes no --input", args.method)));
            }
            Some(file) => Some(raw(&text_of(Source::typed(file))?, file)?),
            None if has_body && !fields.is_empty() => {
                let mut body = Value::Object(Map::new());
                for (key, value) in fields.drain(..) {
                    put(&mut body, key, value).map_err(|why| CliError::usage(format!("the field {key:?} {why}")))?;
                }
                Some(raw(&body.to_string(), "the body")?)
            }
            None => None,
        };
        query.extend(
            fields
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))),
        );
        Ok(Self { args, query, body })
    }

    fn call(&self, client: &Client, cursor: Option<&str>) -> Call<Value> {
        let (route, ids) = self.args.path.route();
        let mut call = client.call(self.args.method.clone(), &route, &ids);
        for (name, value) in &self.query {
            if cursor.is_none() || name != "cursor" {
                call = call.query(name.clone(), value);
            }
        }
        if let Some(cursor) = cursor {
            call = call.query("cursor", cursor);
        }
        for (name, value) in &self.args.headers {
            call = call.header(name, value);
        }
        match &self.body {
            Some(body) => call.json(body),
            None => call,
        }
    }
}

fn raw(text: &str, file: &str) -> Result<JsonText, CliError> {
    let refused =
        |error| CliError::usage(format!("{} is no JSON: {error}", if file == "-" { "standard input" } else { file }));
    JsonText::parse(text).map_err(refused)
}

/// A number, `true`, `false` or `null` if it looks like one; else a text.
fn typed(text: &str) -> Result<Value, CliError> {
    let too_large = || Err(CliError::usage(format!("{text} is too large for a number here; -f sends it as a text")));
    Ok(match text {
        // JSON may stand between blanks; what is typed so is a text.
        _ if text.trim() != text => json!(typed_text(text)?),
        "true" => json!(true),
        "false" => json!(false),
        "null" => Value::Null,
        _ => match serde_json::from_str(text) {
            Ok(Value::Number(number)) if number.is_f64() && text != "-0" && !text.contains(['.', 'e', 'E']) => {
                return too_large();
            }
            Ok(Value::Number(number)) => Value::Number(number),
            _ if text.ends_with(|c: char| c.is_ascii_digit()) && text.parse().is_ok_and(f64::is_infinite) => {
                return too_large();
            }
            _ => json!(typed_text(text)?),
        },
    })
}

/// Puts a value where its key says: `a`, `a[b]` and `a[]`.
fn put(object: &mut Value, key: &str, value: Value) -> Result<(), &'static str> {
    let malformed = "must look like a, a[b] or a[]";
    let (name, rest) = key.split_once('[').map_or((key, None), |(name, rest)| (name, Some(rest)));
    let mut keys = vec![name];
    if let Some(rest) = rest {
        keys.extend(rest.strip_suffix(']').ok_or(malformed)?.split("]["));
    }
    let mut place = object;
    for (n, key) in keys.iter().enumerate() {
        if n == 0 && key.is_empty() {
            return Err(malformed);
        }
        if key.is_empty() {
            if place.is_null() {
                *place = json!([]);
            }
            let items = place.as_array_mut().ok_or("is an array here and something else there")?;
            items.push(Value::Null);
            place = items.last_mut().ok_or(malformed)?;
        } else {
            if place.is_null() {
                *place = json!({});
            }
            let fields = place.as_object_mut().ok_or("is an object here and something else there")?;
            place = fields.entry(*key).or_insert(Value::Null);
        }
    }
    if !place.is_null() {
        return Err("is given twice");
    }
    *place = value;
    Ok(())
}

fn next_cursor(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("nextCursor")?.as_str().map(str::to_owned)
}

/// A shell command that does the same.
fn curl(unsent: &Unsent) -> Result<String, CliError> {
    let quoted = |text: &str| {
        let quoted = shlex::try_quote(text).map(std::borrow::Cow::into_owned);
        quoted.map_err(|error| CliError::usage(format!("a shell cannot be given {text:?}: {error}")))
    };
    let mut words = vec!["curl".to_owned()];
    match unsent.method.as_str() {
        "GET" => {}
        "HEAD" => words.push("--head".to_owned()),
        method => words.push(format!("-X {method}")),
    }
    words.push("-H \"Authorization: Bearer $POCKETPING_API_KEY\"".to_owned());
    // Ours to make anew, every time.
    let ours = ["authorization", "accept", "x-request-id", "idempotency-key"];
    for (name, value) in unsent.headers.iter().filter(|(name, _)| !ours.contains(&name.as_str())) {
        words.push(format!("-H {}", quoted(&format!("{name}: {value}"))?));
    }
    if let Some(body) = &unsent.sent {
        words.push(format!("--data-raw {}", quoted(&escaped_json(body.as_str()))?));
    }
    words.push(quoted(&unsent.url)?);
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: &[(&str, &str)]) -> Result<Value, String> {
        let mut body = json!({});
        for (key, value) in fields {
            put(&mut body, key, typed(value).unwrap()).map_err(|why| format!("{key} {why}"))?;
        }
        Ok(body)
    }

    #[test]
    fn keys_lead_into_objects_and_arrays() {
        let fields = [("a", "1"), ("b[c]", "true"), ("b[d][e]", "x"), ("f[]", "1.5"), ("f[]", "null"), ("g[][h]", "y")];
        let expected = json!({"a": 1, "b": {"c": true, "d": {"e": "x"}}, "f": [1.5, null], "g": [{"h": "y"}]});
        assert_eq!(body(&fields), Ok(expected));
        for (fields, why) in [
            (&[("a", "1"), ("a", "2")][..], "twice"),
            (&[("a", "1"), ("a[b]", "2")], "object here"),
            (&[("a[b]", "1"), ("a[]", "2")], "array here"),
            (&[("a[b", "1")], "a[b]"),
            (&[("[b]", "1")], "a[b]"),
        ] {
            let error = body(fields).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn paths_are_taken_apart_and_never_lead_elsewhere() {
        let parsed = path("sessions/a%2Fb?status=active&q=a+b%26").unwrap();
        assert_eq!(parsed.route(), ("/sessions/:segment".to_owned(), vec!["a/b"]));
        assert_eq!(path("/").unwrap().route(), ("/".to_owned(), vec![]));
        assert_eq!(parsed.query, [("status".to_owned(), "active".to_owned()), ("q".to_owned(), "a b&".to_owned())]);
        assert_eq!(path("/sessions/..").unwrap().route().1, [".."], "which the SDK refuses");
        for bad in ["https://elsewhere/x", "/a#b", "/%ff"] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }
}
