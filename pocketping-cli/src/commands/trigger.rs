//! `webhooks trigger`: made-up deliveries, posted as a server would. It takes no server and no API key.

use clap::Args;
use pocketping_sdk::webhooks::DeployedEvent;
use pocketping_sdk::{EventKind, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::signing::body_of;
use super::{at_least_one, cell};
use crate::error::{CliError, Exit};
use crate::forward::{Delivery, Refusal, Target, now, secret_in};
use crate::output::{Output, Render};
use crate::stop::Stop;

// What to make up, and where to post it.
#[derive(Debug, Args)]
pub(crate) struct TriggerArgs {
    /// session.created, message.created, session.closed, session.updated or message.updated; with --deployed a name as
    /// deployments use it, such as visitor_message
    event: String,

    /// Where it is posted to
    #[arg(long, value_name = "URL")]
    to: String,

    /// Post what deployed servers send: {"type","data","sentAt"}
    #[arg(long)]
    deployed: bool,

    /// Post this many, one after the other, each of a session of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    count: usize,

    /// Its data as a JSON object, instead of what is made up: `-` is standard input, `@FILE` a file
    #[arg(long, value_name = "BODY")]
    data: Option<String>,

    /// Set a text in its data; may be repeated
    #[arg(short = 'f', long = "set", value_name = "PATH=TEXT", value_parser = field)]
    sets: Vec<(String, String)>,

    /// File with the key of the signatures, `-` for standard input [env: POCKETPING_WEBHOOK_SECRET]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,

    /// Show how the receiver's answers begin
    #[arg(long)]
    show_response: bool,
}

/// What became of a delivery.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Triggered {
    delivery: String,
    event: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    ms: u64,
    signed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<String>,
}

/// The names of one session in its data: whoever sets one of them means all.
const SESSION_IDS: [&str; 4] = ["sessionId", "session.id", "message.sessionId", "event.sessionId"];

fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if path.split('.').all(|step| !step.is_empty()) => Ok((path.to_owned(), value.to_owned())),
        _ => Err("it must look like PATH=TEXT, such as message.content=Hello or session.id=sess_abc123".to_owned()),
    }
}

pub(crate) async fn run(args: TriggerArgs, output: &mut Output) -> Result<(), CliError> {
    let event = known(&args.event, args.deployed)?;
    if args.data.as_deref() == Some("-") && args.secret_file.as_deref() == Some("-") {
        return Err(CliError::usage("standard input cannot be both the data and the secret"));
    }
    let data = args.data.as_deref().map(data_of).transpose()?;
    let secret = secret_in(args.secret_file.as_deref())?;
    let signed = secret.is_some();
    let target = Target::new("--to", &args.to, secret)?;
    let mut stop = Stop::new()?;
    let (mut taken, mut answered) = (0, false);
    for n in 0..args.count {
        let delivery = made_up(&event, &args, data.as_ref(), now()?, n)?;
        let begun = Instant::now();
        let answer = tokio::select! {
            biased;
            end = stop.asked() => return Err(end),
            answer = target.exchange(&delivery, 1) => answer,
        };
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let response = answer.as_ref().ok().map(|answer| answer.start.clone()).filter(|_| args.show_response);
        let result = answer.and_then(|answer| answer.taken());
        let (result, status, error) = match result {
            Ok(status) => ("taken", Some(status), None),
            Err(Refusal { status, reason, .. }) => ("failed", status, Some(reason)),
        };
        taken += usize::from(error.is_none());
        answered |= status.is_some();
        let Delivery { id: delivery, session, .. } = delivery;
        let event = args.event.clone();
        let triggered = Triggered { delivery, event, session, result, status, ms, signed, error, response };
        let printed = output.event(&triggered);
        printed.map_err(|error| if taken > 0 { error.after_a_write() } else { error })?;
    }
    let exit = match args.count - taken {
        0 => return Ok(()),
        _ if taken > 0 => Exit::Partial,
        _ if answered => Exit::Server,
        _ => Exit::Network,
    };
    Err(CliError::new(exit, format!("{} of {} deliveries were not taken by {target}", args.count - taken, args.count)))
}

/// The event's kind; a name that nobody uses is a mistake in typing.
fn known(name: &str, is_deployed: bool) -> Result<EventKind, CliError> {
    let names: &[&str] = if is_deployed { DeployedEvent::KNOWN } else { EventKind::KNOWN };
    if !names.contains(&name) {
        let (list, which) = (names.join(", "), if is_deployed { "deployed" } else { "documented" });
        let error = CliError::usage(format!("there is no {which} event {name:?}; there are {list}"));
        let other = if is_deployed { EventKind::KNOWN } else { DeployedEvent::KNOWN };
        return Err(match (other.contains(&name), is_deployed) {
            (false, _) => error,
            (true, false) => error.with_hint("--deployed posts what deployed servers send"),
            (true, true) => error.with_hint("leave out --deployed to post the documented payload"),
        });
    }
    name.parse().map_err(|error| CliError::unexpected("the event's name", error))
}

fn data_of(from: &str) -> Result<Map<String, Value>, CliError> {
    serde_json::from_slice(&body_of(from)?)
        .map_err(|error| CliError::usage(format!("--data is no JSON object: {error}")))
}

/// A delivery that never happened, in the form of those that do.
fn made_up(
    kind: &EventKind,
    args: &TriggerArgs,
    data: Option<&Map<String, Value>>,
    time: Timestamp,
    n: usize,
) -> Result<Delivery, CliError> {
    let event = kind.as_str();
    let ids = Ids { seed: format!("{time} {} {n}", std::process::id()), time: time.to_string() };
    let mut data = Value::Object(match data {
        Some(data) => data.clone(),
        None if args.deployed => ids.deployed(event),
        None => ids.documented(event),
    });
    for (path, text) in &args.sets {
        set(&mut data, path, text)?;
    }
    if let Some((path, id)) = args.sets.iter().rev().find(|(path, _)| SESSION_IDS.contains(&path.as_str())) {
        for other in SESSION_IDS {
            if other != path && at(&data, other).is_some() {
                set(&mut data, other, id)?;
            }
        }
    }
    let session = SESSION_IDS.iter().find_map(|path| at(&data, path)?.as_str()).map(str::to_owned);
    let body = if args.deployed {
        // Whole seconds, as they write them.
        let sent = Timestamp::from_millis(time.as_millis() / 1000 * 1000)
            .map_err(|error| CliError::unexpected("the system's clock cannot be used", error))?;
        json!({"type": event, "data": data, "sentAt": sent.to_string()})
    } else {
        json!({"event": event, "timestamp": ids.time, "data": data, "id": ids.of("evt")})
    };
    Ok(Delivery { id: ids.of("dlv"), event: kind.clone(), session, body: body.to_string() })
}

/// Where a path of names leads.
fn at<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(data, |value, step| value.get(step))
}

fn set(data: &mut Value, path: &str, text: &str) -> Result<(), CliError> {
    let mut place = data;
    for step in path.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let Some(object) = place.as_object_mut() else {
            return Err(CliError::usage(format!("--set {path}: there is no object to hold {step:?}")));
        };
        place = object.entry(step).or_insert(Value::Null);
    }
    *place = Value::String(text.to_owned());
    Ok(())
}

/// What the objects of one delivery are called.
struct Ids {
    seed: String,
    time: String,
}

impl Ids {
    fn of(&self, prefix: &str) -> String {
        let hex = format!("{:x}", Sha256::digest(format!("{prefix} {}", self.seed)));
        format!("{prefix}_{}", &hex[..32])
    }

    fn documented(&self, event: &str) -> Map<String, Value> {
        let (session, time) = (self.of("sess"), &self.time);
        let mut data = json!({"sessionId": session});
        match event {
            "message.created" | "message.updated" => {
                data["message"] = json!({"id": self.of("msg"), "sessionId": session, "content": "Hello!",
                    "type": "visitor", "createdAt": time});
                if event == "message.updated" {
                    data["message"]["updatedAt"] = json!(time);
                    data["message"]["editedAt"] = json!(time);
                }
            }
            "session.created" | "session.updated" => {
                data["session"] = json!({"id": session, "visitorId": self.of("vis"), "projectId": self.of("proj"),
                    "status": "active", "createdAt": time, "lastActivity": time,
                    "metadata": {"pageUrl": "https://example.com/pricing", "userAgent": "Mozilla/5.0"}});
                if event == "session.updated" {
                    data["session"]["identity"] = json!({"email": "user@example.com", "name": "Jane Doe"});
                }
            }
            _ => {}
        }
        object(data)
    }

    /// As bridge servers write them, which is not in every case what their documentation says.
    fn deployed(&self, event: &str) -> Map<String, Value> {
        let (id, time) = (self.of("sess"), &self.time);
        let (message_id, operator_id) = (self.of("msg"), "telegram:123");
        let session = json!({"id": id, "visitorId": self.of("vis"), "createdAt": time, "lastActivity": time,
            "operatorOnline": false, "aiActive": false,
            "metadata": {"url": "https://example.com/pricing", "userAgent": "Mozilla/5.0"}});
        let identified = || {
            let mut session = session.clone();
            session["identity"] = json!({"id": "user_123", "email": "user@example.com", "name": "Jane Doe"});
            session
        };
        // What operators do is nested once more, as bridge servers stream it.
        let nested = |more: Value| {
            let mut nested = json!({"type": event, "sessionId": id});
            for (key, value) in object(more) {
                nested[key] = value;
            }
            json!({"event": nested})
        };
        object(match event {
            "new_session" => json!({"session": session}),
            "visitor_message" => json!({"message": {"id": message_id, "sessionId": id, "content": "Hello!",
                "sender": "visitor", "timestamp": time}, "session": session}),
            "visitor_message_edited" => {
                json!({"sessionId": id, "messageId": message_id, "content": "Hello, everybody!"})
            }
            "visitor_message_deleted" => json!({"sessionId": id, "messageId": message_id}),
            "message_read" => json!({"sessionId": id, "messageIds": [operator_id], "status": "read"}),
            "operator_status" => json!({"online": true}),
            "ai_takeover" => json!({"session": session, "reason": "timeout"}),
            "custom_event" => json!({"event": {"name": "clicked_cta", "data": {"button": "pricing"},
                "timestamp": time, "sessionId": id}, "session": session}),
            "identity_update" => json!({"session": identified()}),
            "visitor_disconnect" => json!({"session": session, "duration": 42, "reason": "page_unload"}),
            "csat_submitted" => json!({"sessionId": id, "score": 5, "comment": "", "respondedAt": time}),
            "operator_message" => nested(json!({"messageId": operator_id, "content": "How can I help?",
                "sourceBridge": "telegram", "operatorName": "Operator"})),
            "operator_message_edited" => {
                nested(json!({"messageId": operator_id, "content": "How may I help?", "editedAt": time}))
            }
            "operator_message_deleted" => nested(json!({"messageId": operator_id, "deletedAt": time})),
            "csat_request" => nested(json!({"requestedAt": time})),
            // What the dashboard's test says is written down nowhere.
            _ => json!({}),
        })
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

impl Render for Triggered {
    const COLUMNS: &'static [&'static str] = &["delivery", "event", "session", "result", "ms", "answer", "response"];

    fn cells(&self) -> Vec<String> {
        let answer = self.error.clone().unwrap_or_else(|| cell(self.status.as_ref()));
        vec![
            self.delivery.clone(),
            self.event.clone(),
            cell(self.session.as_ref()),
            self.result.to_owned(),
            self.ms.to_string(),
            answer,
            cell(self.response.as_ref()),
        ]
    }
}
