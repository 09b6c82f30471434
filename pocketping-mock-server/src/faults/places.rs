//! Where faults can happen: the calls that are served behind a key or by the widget's endpoint, and the types of what
//! is told. A test compares them with what is served.

use std::collections::BTreeSet;

use pocketping_sdk::EventKind;

use super::acts::{Act, HttpFault, Over};
use super::on::On;
use crate::contract::Contract;
use crate::json::Wrong;
use crate::surface::Surface;

/// A path below its surface's prefix, and its methods.
pub(crate) type Served = (&'static str, &'static [&'static str]);

const CONTRACT: &[Served] = &[
    ("/sessions", &["GET"]),
    ("/sessions/:sessionId", &["GET"]),
    ("/sessions/:sessionId/ai", &["POST"]),
    ("/sessions/:sessionId/close", &["POST"]),
    ("/sessions/:sessionId/identify", &["POST"]),
    ("/sessions/:sessionId/messages", &["GET", "POST"]),
    ("/webhooks", &["GET", "POST"]),
    ("/webhooks/:webhookId", &["DELETE"]),
];
const WIDGET: &[Served] = &[
    ("/connect", &["POST"]),
    ("/csat", &["POST"]),
    ("/disconnect", &["POST"]),
    ("/files/:uploadId", &["GET"]),
    ("/identify", &["POST"]),
    ("/message", &["POST"]),
    ("/message/:messageId", &["DELETE", "PATCH"]),
    ("/messages", &["GET"]),
    ("/prechat", &["POST"]),
    ("/presence", &["GET"]),
    ("/read", &["POST"]),
    ("/screenshot/requests", &["GET"]),
    ("/screenshot/upload", &["POST"]),
    ("/screenshot/upload/complete", &["POST"]),
    (STREAM, &["GET"]),
    ("/typing", &["POST"]),
    ("/upload", &["POST"]),
    ("/upload/:uploadId", &["PUT"]),
    ("/upload/complete", &["POST"]),
    ("/visibility", &["POST"]),
];
const MANAGEMENT: &[Served] = &[
    ("/me", &["GET"]),
    ("/projects", &["GET"]),
    ("/projects/:projectId", &["GET", "PATCH"]),
    ("/sessions", &["GET"]),
    ("/sessions/:sessionId", &["GET"]),
    ("/sessions/:sessionId/reply", &["POST"]),
    ("/stats", &["GET"]),
];

/// What a server has of all that there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here {
    pub(crate) contract: Contract,
    /// Whether it sends the events of deployments.
    pub(crate) is_deployed: bool,
}

impl Here {
    /// Whatever any server has.
    pub(super) const ALL: Self = Self { contract: Contract::Extended, is_deployed: true };
}

/// What only the extended contract serves.
const ADDED: [(&str, &str); 2] = [("GET", "/webhooks"), ("DELETE", "/webhooks/:webhookId")];
/// The widget's stream, which has no end that could be spoilt.
const STREAM: &str = "/stream";

/// The types of the widget's frames.
pub(crate) const FRAMES: [&str; 12] = [
    "ai_takeover",
    "config_update",
    "csat_request",
    "event",
    "message",
    "message_deleted",
    "message_edited",
    "presence",
    "read",
    "screenshot_request",
    "typing",
    "version_warning",
];

/// The calls of a surface that faults can happen to.
pub(crate) fn calls(surface: Surface) -> &'static [Served] {
    match surface {
        Surface::Contract => CONTRACT,
        Surface::Widget => WIDGET,
        Surface::Management => MANAGEMENT,
        Surface::Webhook | Surface::Control | Surface::Page => &[],
    }
}

/// Whether a contract serves this; it does all but for what the other one adds.
pub(crate) fn is_served_by(contract: Contract, method: &str, path: &str) -> bool {
    contract.is_extended() || !ADDED.contains(&(method, path))
}

/// The types of what is told on a surface.
fn events(surface: Surface, here: Here) -> Vec<String> {
    let documented = || here.contract.webhook_events().iter().map(EventKind::to_string);
    match surface {
        Surface::Widget => FRAMES.map(str::to_owned).into(),
        Surface::Webhook if here.is_deployed => documented().chain(crate::deployed::KINDS.map(str::to_owned)).collect(),
        Surface::Contract | Surface::Webhook => documented().collect(),
        Surface::Management | Surface::Control | Surface::Page => Vec::new(),
    }
}

/// Whether some path can be both of these: a `:name` stands for any one segment.
fn is_same(one: &str, other: &str) -> bool {
    one.split('/').count() == other.split('/').count()
        && one.split('/').zip(other.split('/')).all(|(one, other)| meets(one, other) || meets(other, one))
}

/// Whether a segment of a route meets one of a path.
pub(super) fn meets(name: &str, segment: &str) -> bool {
    if name.starts_with(':') { !segment.is_empty() } else { name == segment }
}

/// Refuses what can never happen on a server that has this.
pub(super) fn check(on: &On, act: &Act, surface: Surface, here: Here) -> Result<(), Wrong> {
    let wrong = |name: &str, what: String| Err(Wrong { field: Some(format!("on.{name}")), what });
    if let Act::Socket(act) = act
        && on.over == Some(Over::Sse)
        && !act.is_for_streams()
    {
        return wrong("over", "is sse, where only cut, delay, duplicate and skip can happen".to_owned());
    }
    if let Some(event) = &on.event {
        let told = events(surface, here);
        if !told.contains(event) {
            return wrong("event", format!("must be one of {}, which {} has", told.join(", "), surface.as_str()));
        }
    }
    if !act.is_for_calls() {
        return Ok(());
    }
    let line = on.route.as_deref();
    let of_line = |(path, _): &&Served| line.is_none_or(|line| is_same(line, path));
    if !calls(surface).iter().any(|served| of_line(&served)) {
        return wrong("route", no_such_route(line.unwrap_or_default(), surface));
    }
    let methods = methods(calls(surface).iter().filter(of_line), here.contract);
    if methods.is_empty() {
        return wrong("route", "is served by the extended contract only".to_owned());
    }
    if let Some(method) = on.method.as_deref()
        && !methods.contains(method)
    {
        let methods: Vec<_> = methods.into_iter().collect();
        let of = line.unwrap_or(surface.as_str());
        return wrong("method", format!("must be one of {}, which {of} has", methods.join(", ")));
    }
    if line == Some(STREAM) && surface == Surface::Widget && is_for_bodies(act) {
        return wrong("route", format!("is {STREAM}, whose answer has no end and is left alone"));
    }
    Ok(())
}

/// The methods of these; whoever serves GET serves HEAD.
fn methods<'a>(calls: impl Iterator<Item = &'a Served>, contract: Contract) -> BTreeSet<&'static str> {
    let of = |(path, methods): &'a Served| methods.iter().filter(move |method| is_served_by(contract, method, path));
    let mut methods: BTreeSet<_> = calls.flat_map(of).copied().collect();
    if methods.contains("GET") {
        methods.insert("HEAD");
    }
    methods
}

fn no_such_route(line: &str, surface: Surface) -> String {
    let has = |surface: Surface| calls(surface).iter().any(|(path, _)| is_same(line, path));
    if let Some(other) = Surface::FAULTY.into_iter().find(|other| has(*other)) {
        return format!("is a route of {}: say so with `on.surface`", other.as_str());
    }
    let routes: Vec<_> = calls(surface).iter().map(|(path, _)| *path).collect();
    format!("must be one of {}, which {} has", routes.join(", "), surface.as_str())
}

/// Whether it needs an answer whose body has an end.
fn is_for_bodies(act: &Act) -> bool {
    use HttpFault::{CutInBody, MalformedJson, SlowDrip, WrongContentType};
    match act {
        Act::Drip { .. } | Act::ContentType(_) => true,
        Act::Http(fault) => matches!(fault, CutInBody | MalformedJson | SlowDrip { .. } | WrongContentType),
        _ => false,
    }
}

/// A route as faults have it, however it is written: with `{name}` or `:name`, with its surface's prefix or without.
pub(super) fn below_prefix(surface: Surface, line: &str) -> String {
    let line = line
        .split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => format!(":{name}"),
            None => segment.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("/");
    let below = match surface {
        Surface::Contract => line.strip_prefix("/v1"),
        Surface::Management => line.strip_prefix("/api/v1"),
        Surface::Widget => line.strip_prefix("/pocketping").or_else(|| {
            let rest = line.strip_prefix("/api/widget/:")?;
            Some(&rest[rest.find('/')?..])
        }),
        Surface::Webhook | Surface::Control | Surface::Page => None,
    };
    below.filter(|rest| rest.starts_with('/')).unwrap_or(&line).to_owned()
}
