//! Requests through the real router, and what the documents say of their answers.

use std::collections::BTreeSet;

use crate::http::Front;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use url::form_urlencoded;

use super::descriptions::{Descriptions, Document, escaped};
use crate::connection::Connection;
use crate::server::MockServer;

/// Headers that every HTTP server may send.
const PLAIN: [&str; 4] = ["content-type", "content-length", "date", "vary"];

#[derive(Clone, Debug)]
pub(super) struct Request {
    method: String,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Request {
    pub(super) fn new(method: &str, path: impl Into<String>) -> Self {
        Self { method: method.to_owned(), path: path.into(), headers: Vec::new(), body: Bytes::new() }
    }

    /// A request as its line says, such as `GET /sessions`.
    pub(super) fn line(line: &str) -> Self {
        let (method, path) = line.split_once(' ').unwrap();
        Self::new(method, path)
    }

    pub(super) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string())
    }

    pub(super) fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request, and gives the answer with its body still coming.
pub(super) async fn begin(service: Front, request: Request) -> http::Response<Body> {
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(request.path)
        .header("host", "localhost:3001")
        .extension(Connection::new(None, CancellationToken::new()));
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    service.oneshot(builder.body(Body::from(request.body)).unwrap()).await.unwrap()
}

pub(super) async fn send(service: Front, request: Request) -> Answer {
    let (parts, body) = begin(service, request).await.into_parts();
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await.unwrap().to_bytes(),
    }
}

/// Plays a conversation; every answer must be as a document says.
#[derive(Debug)]
pub(super) struct Player<'a> {
    descriptions: &'a Descriptions,
    document: &'static str,
    /// What stands before the document's paths.
    below: &'static str,
    /// A header of every request.
    always: Option<(&'static str, &'static str)>,
    /// What was answered: operation and status.
    seen: BTreeSet<(String, u16)>,
    /// What was said: operation and parameter.
    said: BTreeSet<(String, String)>,
}

impl<'a> Player<'a> {
    pub(super) fn new(descriptions: &'a Descriptions, document: &'static str, below: &'static str) -> Self {
        Self { descriptions, document, below, always: None, seen: BTreeSet::new(), said: BTreeSet::new() }
    }

    /// Goes on below another path.
    pub(super) fn goes_below(&mut self, below: &'static str) {
        self.below = below;
    }

    fn document(&self) -> &'a Document {
        self.descriptions.document(self.document)
    }

    /// Sends this header with every request that has none of this name.
    pub(super) fn always(mut self, name: &'static str, value: &'static str) -> Self {
        self.always = Some((name, value));
        self
    }

    fn completed(&self, request: Request) -> Request {
        match self.always {
            Some((name, value)) if request.headers.iter().all(|(known, _)| *known != name) => {
                request.header(name, value)
            }
            _ => request,
        }
    }

    /// A request with the whole of its path.
    pub(super) fn whole(&self, request: &Request) -> Request {
        Request { path: format!("{}{}", self.below, request.path), ..request.clone() }
    }

    /// Sends a request below the document's root, and holds request and answer against the document.
    pub(super) async fn ask(&mut self, server: &MockServer, request: Request) -> Answer {
        let request = self.completed(request);
        let answer = send(server.service(), self.whole(&request)).await;
        self.judge(&request, &answer)
            .unwrap_or_else(|wrong| panic!("{} {} was answered {answer:?}, and {wrong}", request.method, request.path));
        answer
    }

    /// As [`ask`](Self::ask) with a body that must be refused, by the server and by the document's schema.
    pub(super) async fn refused(&mut self, server: &MockServer, line: &str, body: &Value) {
        let request = Request::line(line).key("test_key").json(body);
        let operation = self.operation(&request).unwrap();
        let answer = self.ask(server, request).await;
        assert_eq!(answer.json()["code"], "INVALID_REQUEST", "{line} {body}");
        assert!(self.check_request(&operation, body).is_err(), "{line} {body} is refused, and the schema takes it");
    }

    /// An operation's example, sent as it is.
    pub(super) async fn example(&mut self, server: &MockServer, line: &str, name: &str) -> Answer {
        let request = Request::line(line).key("test_key");
        let operation = self.operation(&request).unwrap_or_else(|| panic!("{line} is not documented"));
        let body = self.document().request_example(&operation, name);
        self.ask(server, request.json(&body)).await
    }

    /// The document's operations.
    pub(super) fn operations(&self) -> BTreeSet<String> {
        self.document().operations()
    }

    /// Whether a body is documented for the operation that a line is.
    pub(super) fn takes_a_body(&self, line: &str) -> bool {
        let operation = self.operation(&Request::line(line)).unwrap_or_else(|| panic!("{line} is not documented"));
        self.document().at(&Self::schema_of_request(&operation)).is_some()
    }

    /// Whether an operation is about the tenant that its query names.
    pub(super) fn is_about_a_tenant(&self, operation: &str) -> bool {
        self.document().parameters(operation).contains_key("tenant")
    }

    /// An operation's example, or nothing.
    pub(super) fn body_of(&self, operation: &str) -> Value {
        let has_one = self.document().at(&Self::schema_of_request(operation)).is_some();
        if has_one { self.document().request_example(operation, "example") } else { Value::Null }
    }

    fn operation(&self, request: &Request) -> Option<String> {
        let path = request.path.split('?').next().unwrap();
        self.document().operation_of(&request.method, path)
    }

    fn schema_of_request(operation: &str) -> String {
        format!("{}/requestBody/content/application~1json/schema", Document::place_of(operation))
    }

    fn check_request(&self, operation: &str, body: &Value) -> Result<(), String> {
        self.descriptions.check(self.document, &Self::schema_of_request(operation), body)
    }

    fn judge(&mut self, request: &Request, answer: &Answer) -> Result<(), String> {
        let operation = self.operation(request);
        let place = match &operation {
            Some(operation) => format!("{}/responses/{}", Document::place_of(operation), answer.status),
            None => format!("/x-otherwise/responses/{}", answer.status),
        };
        let place = self.document().follow(place);
        let response = self.document().at(&place).ok_or("this status is not documented")?;
        self.judge_headers(answer, &place, response)?;
        self.judge_body(answer, &place, response)?;
        let Some(operation) = operation else { return Ok(()) };
        if (200..300).contains(&answer.status) {
            self.judge_parameters(request, &operation)?;
            if self.document().at(&Self::schema_of_request(&operation)).is_some() {
                let body = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
                self.check_request(&operation, &body)?;
            }
        }
        self.seen.insert((operation, answer.status));
        Ok(())
    }

    /// Whatever a request that is carried out says besides its body is a parameter.
    fn judge_parameters(&mut self, request: &Request, operation: &str) -> Result<(), String> {
        let parameters = self.document().parameters(operation);
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let query =
            form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.to_lowercase(), value.into_owned()));
        let plain = ["authorization", "content-type", "accept"];
        let headers = request.headers.iter().filter(|(name, _)| !plain.contains(name));
        for (name, value) in query.chain(headers.map(|(name, value)| ((*name).to_owned(), value.clone()))) {
            let place = parameters.get(&name).ok_or_else(|| format!("the parameter {name} is not documented"))?;
            let is_text = self.document().at(&format!("{place}/schema/type")) == Some(&"string".into());
            let value =
                if is_text { value.into() } else { serde_json::from_str(&value).map_err(|it| it.to_string())? };
            self.descriptions.check(self.document, &format!("{place}/schema"), &value)?;
            self.said.insert((operation.to_owned(), name));
        }
        Ok(())
    }

    fn judge_headers(&self, answer: &Answer, place: &str, response: &Value) -> Result<(), String> {
        let none = serde_json::Map::new();
        let documented = response["headers"].as_object().unwrap_or(&none);
        for (name, value) in &answer.headers {
            if PLAIN.contains(&name.as_str()) || name.starts_with("access-control-") {
                continue;
            }
            let known = documented.keys().find(|known| known.eq_ignore_ascii_case(name));
            let known = known.ok_or_else(|| format!("the header {name} is not documented"))?;
            let header = self.document().follow(format!("{place}/headers/{}", escaped(known)));
            self.descriptions.check(self.document, &format!("{header}/schema"), &Value::from(value.as_str()))?;
        }
        for known in documented.keys() {
            let header = self.document().follow(format!("{place}/headers/{}", escaped(known)));
            let is_required = self.document().at(&header).is_some_and(|header| header["required"] == true);
            if is_required && answer.header(&known.to_lowercase()).is_none() {
                return Err(format!("the header {known} is missing"));
            }
        }
        Ok(())
    }

    fn judge_body(&self, answer: &Answer, place: &str, response: &Value) -> Result<(), String> {
        let Some(content) = response["content"].as_object() else {
            return if answer.body.is_empty() { Ok(()) } else { Err("no body is documented".to_owned()) };
        };
        let kind = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
        if kind == "application/json" && content.contains_key(kind) {
            let body = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            return self.descriptions.check(self.document, &format!("{place}/content/application~1json/schema"), &body);
        }
        let is_known = content.contains_key(kind) || content.contains_key("*/*");
        if is_known { Ok(()) } else { Err(format!("a body of {kind:?} is not documented")) }
    }

    /// Notes a request that was carried out elsewhere.
    pub(super) fn note(&mut self, request: Request, status: u16) {
        let request = self.completed(request);
        let operation = self.operation(&request).unwrap();
        self.judge_parameters(&request, &operation).unwrap();
        self.seen.insert((operation, status));
    }

    /// The parameters that are documented and were not said, as `GET /sessions q`, those of paths aside.
    pub(super) fn unsaid(&self) -> Vec<String> {
        let document = self.document();
        let said = |operation: &str, name: &str| self.said.contains(&(operation.to_owned(), name.to_owned()));
        let unsaid = |operation: &String| {
            let parameters = document.parameters(operation).into_iter();
            let parameters = parameters.filter(|(_, place)| document.at(place).unwrap()["in"] != "path");
            let unsaid = parameters.filter(|(name, _)| !said(operation, name));
            unsaid.map(|(name, _)| format!("{operation} {name}")).collect::<Vec<_>>()
        };
        document.operations().iter().flat_map(unsaid).collect()
    }

    /// What is documented and was not played, as `GET /sessions 200`.
    pub(super) fn unseen(&self) -> Vec<String> {
        let document = self.document();
        let statuses = |operation: &String| {
            let responses = document.at(&Document::place_of(operation)).unwrap()["responses"].as_object().unwrap();
            responses.keys().map(|status| (operation.clone(), status.parse().unwrap())).collect::<Vec<_>>()
        };
        let documented: BTreeSet<(String, u16)> = document.operations().iter().flat_map(statuses).collect();
        documented.difference(&self.seen).map(|(operation, status)| format!("{operation} {status}")).collect()
    }
}
