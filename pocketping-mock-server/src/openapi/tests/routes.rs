//! The paths and methods of the documents are those that are served: no more, no fewer.

use std::collections::BTreeSet;

use serde_json::Value;

use super::descriptions::{BOTH, CONTRACT, CONTROL, Descriptions, METHODS, SOCKETS, WIDGET};
use super::player::{Request, send};
use crate::contract::Contract;
use crate::faults::places;
use crate::http::Routes;
use crate::server::MockServer;
use crate::surface::Surface;
use crate::{control, endpoints, management, widget};

/// The operations that are served below a path, found out by asking for every method of every path the routers were given.
async fn served(contract: Contract, below: &str, routes: &Routes) -> BTreeSet<String> {
    let server = MockServer::builder().contract(contract).start().unwrap();
    let mut found = BTreeSet::new();
    for path in routes.paths() {
        for method in METHODS.map(str::to_uppercase) {
            let request = Request::new(&method, format!("{below}{}", filled(path))).key("test_key");
            let answer = send(server.service(), request).await;
            let is_refused = answer.status == 405 || (answer.status == 404 && answer.json()["code"] == "NOT_FOUND");
            if !is_refused {
                found.insert(format!("{method} {path}"));
            }
        }
    }
    found
}

/// The path with an id for each parameter.
fn filled(path: &str) -> String {
    path.split('/')
        .map(|segment| if segment.starts_with('{') { "nobody" } else { segment })
        .collect::<Vec<_>>()
        .join("/")
}

/// What only one side has; nothing when both are the same.
fn differences(served: &BTreeSet<String>, documented: &BTreeSet<String>) -> Vec<String> {
    let undocumented = served.difference(documented).map(|it| format!("{it} is served and not documented"));
    let unserved = documented.difference(served).map(|it| format!("{it} is documented and not served"));
    undocumented.chain(unserved).collect()
}

fn contract_routes(contract: Contract) -> Routes {
    endpoints::contract_routes(contract).merge(endpoints::open_routes())
}

#[tokio::test]
async fn the_contract_s_document_names_what_is_served_and_nothing_else() {
    for contract in BOTH {
        let documented = Descriptions::of(contract).document(CONTRACT).operations();
        for below in ["", "/v1"] {
            let served = served(contract, below, &contract_routes(contract)).await;
            assert_eq!(differences(&served, &documented), [""; 0], "{contract:?}, below {below:?}");
        }
    }
}

#[tokio::test]
async fn the_widget_s_document_names_what_is_served_and_nothing_else() {
    for contract in BOTH {
        let documented = Descriptions::of(contract).document(WIDGET).operations();
        // The first tenant's project is the first id there is.
        for below in ["/pocketping", "/api/widget/proj_1"] {
            let served = served(contract, below, &widget::routes()).await;
            assert_eq!(differences(&served, &documented), [""; 0], "{contract:?}, below {below:?}");
        }
    }
}

#[tokio::test]
async fn the_control_surface_s_document_names_what_is_served_and_nothing_else() {
    for contract in BOTH {
        let documented = Descriptions::of(contract).document(CONTROL).operations();
        let served = served(contract, "/_mock", &control::routes()).await;
        assert_eq!(differences(&served, &documented), [""; 0], "{contract:?}");
    }
}

#[tokio::test]
async fn faults_can_be_wanted_of_what_is_served_and_of_nothing_else() {
    for contract in BOTH {
        for (surface, below, routes) in [
            (Surface::Contract, "", endpoints::contract_routes(contract)),
            (Surface::Widget, "/pocketping", widget::routes()),
            (Surface::Management, "/api/v1", management::routes()),
        ] {
            let served = served(contract, below, &routes).await;
            let served: BTreeSet<_> = served.iter().map(|it| it.replace('{', ":").replace('}', "")).collect();
            let of =
                |(path, methods): &places::Served| methods.iter().map(|method| (*method, *path)).collect::<Vec<_>>();
            let known = places::calls(surface).iter().flat_map(of);
            let known = known.filter(|(method, path)| places::is_served_by(contract, method, path));
            let known: BTreeSet<_> = known.map(|(method, path)| format!("{method} {path}")).collect();
            assert_eq!(differences(&served, &known), [""; 0], "{contract:?} {surface:?}");
        }
    }
}

#[test]
fn the_types_that_faults_know_are_those_of_the_widget_s_frames() {
    let descriptions = Descriptions::of(Contract::Extended);
    let root = &descriptions.document(SOCKETS).root;
    let messages = root["components"]["messages"].as_object().unwrap();
    let frames = root["channels"]["widget"]["messages"].as_object().unwrap().keys();
    let kinds = frames.map(|name| messages[name]["payload"]["properties"]["type"]["const"].as_str().unwrap());
    // What only the visitor sends.
    let told: BTreeSet<_> = kinds.filter(|kind| *kind != "inspector_select").collect();
    assert_eq!(told, BTreeSet::from(places::FRAMES));
    let readme = include_str!("../../../README.md");
    assert!(crate::deployed::KINDS.iter().all(|kind| readme.contains(&format!("`{kind}`"))));
}

#[tokio::test]
async fn an_operation_that_is_missing_or_one_too_many_is_named() {
    for contract in BOTH {
        for (name, below, routes) in [
            (CONTRACT, "", contract_routes(contract)),
            (WIDGET, "/pocketping", widget::routes()),
            (CONTROL, "/_mock", control::routes()),
        ] {
            let descriptions = Descriptions::of(contract);
            let document = descriptions.document(name);
            let served = served(contract, below, &routes).await;
            for operation in document.operations() {
                let (method, path) = operation.split_once(' ').unwrap();
                let mut without = document.clone();
                let methods = without.root["paths"][path].as_object_mut().unwrap();
                methods.remove(&method.to_lowercase()).unwrap();
                let named = [format!("{operation} is served and not documented")];
                assert_eq!(differences(&served, &without.operations()), named);
            }
            let mut with = document.clone();
            with.root["paths"]["/nobody/serves/this"]["post"] = Value::Object(serde_json::Map::new());
            let named = ["POST /nobody/serves/this is documented and not served"];
            assert_eq!(differences(&served, &with.operations()), named);
        }
    }
}
