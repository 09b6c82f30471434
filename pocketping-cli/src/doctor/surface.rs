//! Which PocketPing answers at an address. They share a name and little else.

use pocketping_sdk::http::StatusCode;
use serde_json::Value;

use super::{Answer, Place, Prober};

/// What was found at an address.
#[derive(Debug)]
pub(crate) enum Surface {
    /// The documented API, which this program speaks.
    Documented { is_extended: bool },
    /// The documented API, at another path of the same server.
    Elsewhere { at: String },
    /// The hosted service's management API, and where it is.
    Management { at: String },
    /// The Go bridge server, with its bridges.
    Bridge { bridges: Vec<String> },
    /// What widgets speak with, and where it is.
    Widget { at: String },
    /// An SDK's middleware that serves widgets; where, is not known.
    Middleware,
    /// A page for people: a website, a proxy or a login.
    Page,
    /// Something else; what it said.
    Other { said: String },
}

/// Says what answered `GET /sessions`; asks on where that alone does not tell.
pub(crate) async fn recognise(prober: &Prober, place: &Place, answer: &Answer) -> Surface {
    // Every part of one server may speak of its contract, and say in the same words that a path is not there.
    let is_extended = answer.header("x-pocketping-contract").is_some_and(|contract| contract == "extended");
    if is_documented_error(answer) && answer.status != StatusCode::NOT_FOUND {
        return Surface::Documented { is_extended };
    }
    if has_sessions(answer) {
        // The management API has a list under the same name. It has projects, too, and the documented API has none.
        let projects = prober.get(&format!("{}/projects", place.base)).await;
        let is_management =
            projects.is_ok_and(|answer| answer.status == StatusCode::OK && holds_list(&answer, "projects"));
        if is_management {
            return Surface::Management { at: place.base.clone() };
        }
        return Surface::Documented { is_extended };
    }
    ask_on(prober, place, answer).await
}

async fn ask_on(prober: &Prober, place: &Place, answer: &Answer) -> Surface {
    let root = ["/api/v1", "/v1", "/api"].iter().find_map(|tail| place.base.strip_suffix(tail)).unwrap_or(&place.base);
    let health = prober.get_openly(&format!("{root}/health")).await.ok();
    let bridges = health.as_ref().filter(|answer| answer.status == StatusCode::OK).and_then(bridges);
    if bridges.is_some() || answer.text().starts_with("404 page not found") {
        return Surface::Bridge { bridges: bridges.unwrap_or_default() };
    }
    if is_widget(prober, &place.base).await {
        return Surface::Widget { at: place.base.clone() };
    }
    if is_documented_error(answer) {
        for at in [place.origin.clone(), format!("{}/v1", place.origin)] {
            let there = prober.get(&format!("{at}/sessions?limit=1")).await;
            let is_there = |answer: &Answer| has_sessions(answer) || is_documented_error(answer);
            if at != place.base && there.is_ok_and(|answer| is_there(&answer) && answer.status != StatusCode::NOT_FOUND)
            {
                return Surface::Elsewhere { at };
            }
        }
    }
    let management = format!("{}/api/v1", place.origin);
    if let Ok(answer) = prober.get(&format!("{management}/sessions?limit=1")).await {
        let refuses = matches!(answer.status.as_u16(), 401 | 403 | 429) && answer.said("error").is_some();
        if has_sessions(&answer) || (refuses && answer.said("message").is_none()) {
            return Surface::Management { at: management };
        }
    }
    // Where self-hosted servers usually have it.
    let usual = format!("{}/pocketping", place.origin);
    if usual != place.base && is_widget(prober, &usual).await {
        return Surface::Widget { at: usual };
    }
    let is_sentence = |name: &str| answer.said(name).is_some() && answer.said("code").is_none();
    match answer.status {
        _ if answer.is_page() => Surface::Page,
        StatusCode::NOT_FOUND if is_sentence("error") || is_sentence("detail") => Surface::Middleware,
        _ => Surface::Other { said: described(answer) },
    }
}

/// Whether widgets are served there: they can ask who is online.
async fn is_widget(prober: &Prober, at: &str) -> bool {
    let presence = prober.get_openly(&format!("{at}/presence")).await;
    presence.is_ok_and(|answer| {
        let online = answer.json.as_ref().and_then(|json| json.get("online"));
        answer.status == StatusCode::OK && online.is_some_and(Value::is_boolean)
    })
}

/// The documented error: a status phrase, a sentence and a code.
fn is_documented_error(answer: &Answer) -> bool {
    !answer.status.is_success() && ["error", "message", "code"].iter().all(|name| answer.said(name).is_some())
}

fn has_sessions(answer: &Answer) -> bool {
    // A list that is longer than what was read is one all the same.
    let begins = answer.text().split_whitespace().collect::<String>().starts_with("{\"sessions\":[");
    answer.status == StatusCode::OK && (holds_list(answer, "sessions") || (answer.json.is_none() && begins))
}

fn holds_list(answer: &Answer, name: &str) -> bool {
    answer.json.as_ref().and_then(|json| json.get(name)).is_some_and(Value::is_array)
}

/// The bridges of a bridge server's health: names, or, in older ones, names with whether they are on.
fn bridges(answer: &Answer) -> Option<Vec<String>> {
    match answer.json.as_ref()?.get("bridges")? {
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        Value::Object(names) => {
            let on = names.iter().filter(|(_, is_on)| **is_on == Value::Bool(true));
            Some(on.map(|(name, _)| name.clone()).collect())
        }
        _ => None,
    }
}

/// The answer in a few words; what it holds is not repeated, it may be anything.
fn described(answer: &Answer) -> String {
    let kind = answer.header("content-type").unwrap_or("no content type");
    format!("{} with {} bytes ({kind})", answer.told_status(), answer.body.len())
}
