//! What a call may bring along: the query parameters and the body that its description names, each once, and nothing else. What
//! was ignored would look as if it had been done.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use serde_json::Value;
use url::form_urlencoded;

use crate::app::App;
use crate::http::collect;
use crate::openapi;
use crate::store::Rejection;

/// What a call takes.
#[derive(Debug, Default)]
struct Taken {
    parameters: Vec<String>,
    body: bool,
}

/// By path and method, as the description writes them.
static CALLS: LazyLock<HashMap<String, HashMap<String, Taken>>> = LazyLock::new(|| {
    let description: Value = serde_json::from_str(openapi::control_text()).unwrap_or_default();
    let paths = description["paths"].as_object().into_iter().flatten();
    paths.map(|(path, methods)| (path.clone(), calls(methods, &description))).collect()
});

fn calls(methods: &Value, description: &Value) -> HashMap<String, Taken> {
    let parameter = |parameter: &Value| {
        let reference = parameter["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        let parameter = reference.and_then(|place| description.pointer(place)).unwrap_or(parameter);
        (parameter["in"] == "query").then(|| parameter["name"].as_str().unwrap_or_default().to_owned())
    };
    let taken = |operation: &Value| Taken {
        parameters: operation["parameters"].as_array().into_iter().flatten().filter_map(parameter).collect(),
        body: operation.get("requestBody").is_some(),
    };
    methods.as_object().into_iter().flatten().map(|(method, it)| (method.clone(), taken(it))).collect()
}

/// Refuses a call that brings something else. Calls that there are not are refused elsewhere.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().and_then(|path| path.as_str().strip_prefix("/_mock"));
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let taken = path.and_then(|path| CALLS.get(path)?.get(&method.as_str().to_ascii_lowercase()));
    let Some(taken) = taken else { return next.run(request).await };
    if let Err(rejection) = check_query(request.uri().query().unwrap_or_default(), &taken.parameters) {
        return rejection.into_response();
    }
    if taken.body {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    match collect(body, app.limits.body).await {
        // What some clients send when they have nothing to say.
        Ok(body) if matches!(body.trim_ascii(), b"" | b"{}" | b"null") => {
            next.run(Request::from_parts(head, Body::empty())).await
        }
        _ => Rejection::Invalid("this call takes no body".to_owned()).into_response(),
    }
}

fn check_query(query: &str, parameters: &[String]) -> Result<(), Rejection> {
    let mut seen = HashSet::new();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if !parameters.iter().any(|known| *known == name) {
            let known = match parameters {
                [] => "this call takes none".to_owned(),
                known => format!("there are {}", known.join(", ")),
            };
            return Err(Rejection::field(&name, format_args!("is no parameter here; {known}")));
        }
        if !seen.insert(name.clone()) {
            return Err(Rejection::field(&name, "is given twice"));
        }
    }
    Ok(())
}
