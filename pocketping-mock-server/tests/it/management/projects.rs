//! Projects and their switches.

use std::io::{BufRead, BufReader};

use pocketping_mock_server::{MockServer, Visit};
use serde_json::{Value, json};

use super::{get, refused, seeded};
use crate::wire::{begin, call, request};

fn switches(on: &[&str]) -> Value {
    let mut all = json!({"botHeuristicsEnabled": true, "telegramNotifyPresence": false, "discordNotifyPresence": false,
                         "slackNotifyPresence": false, "hubspotNotifyPresence": false, "uaFilterEnabled": false,
                         "ipFilterEnabled": false, "csatEnabled": false});
    for name in on {
        all[*name] = json!(true);
    }
    all
}

fn and(mut one: Value, other: &Value) -> Value {
    one.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    one
}

#[test]
fn projects_are_listed_with_their_switches_and_sessions() {
    let server = seeded();
    let shop = json!({"id": "proj_shop", "name": "Shop", "domain": "shop.test", "sessionCount": 2});
    let shop = and(shop, &switches(&["uaFilterEnabled"]));
    let blog = json!({"id": "proj/blog", "name": "Blog", "domain": null, "sessionCount": 1});
    let blog = and(blog, &switches(&[]));
    assert_eq!(get(&server, "/projects"), json!({"projects": [shop, blog]}));
    assert_eq!(get(&server, "/projects/proj%2Fblog"), json!({"project": blog}));
    server.visitor_opens_session(Visit::new());
    assert_eq!(get(&server, "/projects/proj_shop")["project"]["sessionCount"], 3);
    refused(&call(&server, "GET /api/v1/projects/nope", ""), 404, "PROJECT_NOT_FOUND", "Project not found");
}

#[test]
fn a_switch_is_turned_and_nothing_else() {
    let server = seeded();
    let patch = |body: &str| call(&server, "PATCH /api/v1/projects/proj_shop", body);
    let turned = patch(r#"{"csatEnabled": true, "uaFilterEnabled": false, "name": "Renamed", "other": [1]}"#);
    assert_eq!(turned.status, 200);
    let shop = json!({"id": "proj_shop", "name": "Shop", "domain": "shop.test", "sessionCount": 2});
    assert_eq!(turned.json(), json!({"project": and(shop, &switches(&["csatEnabled"]))}));
    assert_eq!(get(&server, "/projects/proj_shop"), turned.json());

    for (body, words) in [
        (r#"{"csatEnabled": "yes"}"#, "`csatEnabled`"),
        (r#"{"ipFilterEnabled": false, "csatEnabled": null}"#, "`csatEnabled`"),
        (r#"{"csatEnabled": false, "botHeuristicsEnabled": 0}"#, "`botHeuristicsEnabled`"),
        ("{}", "`botHeuristicsEnabled`, `telegramNotifyPresence`"),
        (r#"{"name": "Renamed"}"#, "`ipFilterEnabled`, `csatEnabled` must be given"),
        ("[]", "body"),
        ("", "body"),
    ] {
        refused(&patch(body), 400, "INVALID_REQUEST", words);
    }
    assert_eq!(get(&server, "/projects/proj_shop"), turned.json(), "what is refused changes nothing");
    let unknown = call(&server, "PATCH /api/v1/projects/nope", r#"{"csatEnabled": true}"#);
    refused(&unknown, 404, "PROJECT_NOT_FOUND", "Project not found");
}

#[test]
fn a_turned_switch_works_at_once() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    call(&server, "PATCH /api/v1/projects/proj_1", r#"{"csatEnabled": true}"#);
    call(&server, &format!("POST /sessions/{id}/close"), "");
    let stream = begin(&server, &request(&format!("GET /pocketping/stream?sessionId={id}"), &[], ""));
    let asked = BufReader::new(stream).lines().map_while(Result::ok).any(|line| line.contains("csat_request"));
    assert!(asked);
}
