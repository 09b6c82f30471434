//! Each document against itself: examples and schemas, references and components, and the reference's own examples.

use std::collections::BTreeSet;

use serde_json::Value;

use super::descriptions::{BOTH, CONTRACT, Descriptions, Document, SOCKETS, escaped};
use crate::contract::Contract;

/// The JSON that the API reference prints.
const PRINTED: [&str; 8] = [
    include_str!("../../../../pocketping-sdk/tests/contract/list_sessions.json"),
    include_str!("../../../../pocketping-sdk/tests/contract/list_messages.json"),
    include_str!("../../../../pocketping-sdk/tests/contract/send_message.json"),
    include_str!("../../../../pocketping-sdk/tests/contract/identify.json"),
    include_str!("../../../../pocketping-sdk/tests/contract/ai.json"),
    include_str!("../../../../pocketping-sdk/tests/contract/error.json"),
    include_str!("../../../../pocketping-sdk/tests/contract/create_webhook.json"),
    include_str!("../../../../pocketping-sdk/tests/contract/webhook_payload.json"),
];

/// A document's examples, each with the place of its schema.
fn examples(document: &Document) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    document.walk(&mut |place, value| {
        let mut add = |schema: &str, example: &Value| found.push((format!("{place}/{schema}"), example.clone()));
        if value.get("schema").is_some() {
            value["examples"]
                .as_object()
                .into_iter()
                .flatten()
                .for_each(|(_, example)| add("schema", &example["value"]));
            value.get("example").into_iter().for_each(|example| add("schema", example));
        }
        if value.get("payload").is_some_and(|payload| payload["type"] == "object") {
            value["examples"].as_array().into_iter().flatten().for_each(|example| add("payload", &example["payload"]));
        }
    });
    found
}

#[test]
fn every_example_is_as_its_schema_says() {
    for contract in BOTH {
        let descriptions = Descriptions::of(contract);
        for document in descriptions.all() {
            let examples = examples(document);
            assert!(examples.len() > 3, "{} shows little", document.name);
            for (place, example) in examples {
                if let Err(wrong) = descriptions.check(document.name, &place, &example) {
                    panic!("{contract:?}: {wrong}");
                }
            }
        }
    }
}

#[test]
fn every_body_and_every_frame_has_an_example() {
    for contract in BOTH {
        for document in Descriptions::of(contract).all() {
            let shown: BTreeSet<_> = examples(document).into_iter().map(|(place, _)| place).collect();
            document.walk(&mut |place, value| {
                let is_body = place.ends_with("/content/application~1json");
                let is_frame = value.get("payload").is_some() && value.get("title").is_some();
                if is_body || is_frame {
                    let schema = if is_body { "schema" } else { "payload" };
                    assert!(shown.contains(&format!("{place}/{schema}")), "{}#{place} shows nothing", document.name);
                }
            });
        }
    }
}

#[test]
fn what_the_reference_prints_stands_in_the_documents_as_it_is() {
    for contract in BOTH {
        let descriptions = Descriptions::of(contract);
        let shown = examples(descriptions.document(CONTRACT));
        for printed in PRINTED {
            let printed: Value = serde_json::from_str(printed).unwrap();
            assert!(shown.iter().any(|(_, example)| *example == printed), "{contract:?} shows no {printed}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    for contract in BOTH {
        let descriptions = Descriptions::of(contract);
        let mut used = BTreeSet::new();
        for document in descriptions.all() {
            document.walk(&mut |place, value| {
                let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return };
                let (name, to) = reference.split_once('#').unwrap();
                let name = if name.is_empty() { document.name } else { name };
                let is_there = descriptions.document(name).at(to).is_some();
                assert!(is_there, "{contract:?}: {}#{place} leads nowhere: {reference}", document.name);
                used.insert(format!("{name}#{to}"));
            });
        }
        for document in descriptions.all() {
            for (kind, components) in document.root["components"].as_object().unwrap() {
                for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
                    let place = format!("{}#/components/{kind}/{}", document.name, escaped(name));
                    assert!(used.contains(&place), "{contract:?}: nothing uses {place}");
                }
            }
        }
    }
}

#[test]
fn the_parameters_of_a_path_are_described_and_names_are_given_once() {
    for contract in BOTH {
        let descriptions = Descriptions::of(contract);
        for document in descriptions.all().iter().filter(|document| document.name != SOCKETS) {
            let mut ids = BTreeSet::new();
            for operation in document.operations() {
                let place = Document::place_of(&operation);
                let value = document.at(&place).unwrap();
                let id = value["operationId"].as_str().unwrap_or_else(|| panic!("{operation} has no id"));
                assert!(ids.insert(id.to_owned()), "{id} stands there twice");
                let tag = &value["tags"][0];
                assert!(document.root["tags"].as_array().unwrap().iter().any(|known| known["name"] == *tag), "{tag}");
                assert!(value["summary"].is_string(), "{operation} says nothing");
                let (_, path) = operation.split_once(' ').unwrap();
                let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
                let wanted: BTreeSet<_> = names.map(str::to_lowercase).collect();
                let parameters = document.parameters(&operation).into_iter();
                let in_path = parameters.filter(|(_, place)| document.at(place).unwrap()["in"] == "path");
                let described: BTreeSet<_> = in_path.map(|(name, _)| name).collect();
                assert_eq!(described, wanted, "{operation}");
            }
        }
    }
}

#[test]
fn what_is_not_there_is_documented_and_every_code_and_tag_is_used() {
    for contract in [Contract::Strict, Contract::Extended] {
        let descriptions = Descriptions::of(contract);
        let document = descriptions.document(CONTRACT);
        for operation in document.operations() {
            let place = Document::place_of(&operation);
            let is_of_one = operation.contains("{sessionId}") || operation.contains("{webhookId}");
            let has_404 = document.at(&format!("{place}/responses/404")).is_some();
            assert_eq!(has_404, is_of_one, "{operation}: what is not there is 404");
        }
        let used: BTreeSet<_> = document
            .operations()
            .iter()
            .map(|operation| {
                document.at(&Document::place_of(operation)).unwrap()["tags"][0].as_str().unwrap().to_owned()
            })
            .collect();
        let tags: BTreeSet<_> = document.root["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| tag["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(tags, used, "{contract:?}: the tags, and those of the operations");
    }
    let extended = Descriptions::of(Contract::Extended);
    let text = extended.document(CONTRACT).root.to_string();
    for code in pocketping_sdk::ErrorCode::KNOWN {
        assert!(text.contains(&format!("\"{code}\"")), "{code} stands nowhere in openapi.json");
    }
}

#[test]
fn strict_knows_the_statuses_of_the_reference_and_no_additions() {
    let descriptions = Descriptions::of(Contract::Strict);
    let document = descriptions.document(CONTRACT);
    document.walk(&mut |place, value| {
        if let Some(responses) = value.get("responses").and_then(Value::as_object).filter(|_| place != "/components") {
            for status in responses.keys() {
                let known = ["200", "400", "401", "404", "429", "500", "2XX"].contains(&status.as_str());
                assert!(known, "{place} answers {status}");
            }
        }
        for addition in ["nextCursor", "secret", "identity", "aiEnabled"] {
            let has_it = value.get("properties").unwrap_or(value).get(addition).is_some();
            assert!(!has_it, "{place} has {addition}");
        }
        let is_parameter = value.get("in").is_some() && value.get("schema").is_some();
        assert!(!is_parameter || value["in"] == "path", "{place} is a parameter the reference does not print");
    });
    let headers: Vec<_> = document.root["components"]["headers"].as_object().unwrap().keys().collect();
    assert_eq!(headers, ["Allow"]);
    let text = document.root.to_string();
    for word in ["Idempotency", "X-Request-Id", "RateLimit-", "X-PocketPing"] {
        assert!(!text.contains(word), "the strict document says {word}");
    }
}
