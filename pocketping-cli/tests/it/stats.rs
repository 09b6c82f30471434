//! `stats`: as the server counts, in every form, and by the flags scripts use.

use pocketping_mock_server::{Clock, Contract, MockServer, Visit};
use serde_json::{Value, json};

use crate::run::{Nobody, at, pocketping, run};

#[test]
fn the_flags_of_scripts_give_all_fields() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        server.visitor_opens_session(Visit::new());
        for args in [&["--json", "--period", "7d"][..], &["-o", "json"], &["--json", "-o", "ndjson"]] {
            let ended = run(at(&server, &[&["stats"], args].concat()));
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let stats: Value = serde_json::from_str(&ended.stdout).unwrap();
            assert_eq!((&stats["period"], &stats["conversations"]), (&json!("7d"), &json!(1)), "{stats}");
            assert_eq!(stats["csat"], json!({"percent": null, "average": null, "responses": 0}));
            assert_eq!(stats["conversationsSparkline"].as_array().unwrap().len(), 7);
            for field in ["from", "to", "messages", "unansweredNow", "responseRate", "byProject", "truncated"] {
                assert!(!stats[field].is_null(), "{field}: {stats}");
            }
        }
        let text = run(at(&server, &["stats", "--period", "30d"])).stdout;
        assert!(text.contains("conversations\t1\n") && text.contains("by day\t▁") && text.contains("30d"), "{text}");
    }
}

#[test]
fn a_project_that_is_not_there_is_no_quiet_week() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        server.visitor_opens_session(Visit::new());
        let wrong = run(at(&server, &["stats", "-p", "proj_nowhere"]));
        assert_eq!((wrong.code, wrong.stdout.as_str()), (5, ""), "{}", wrong.stderr);
        assert!(wrong.stderr.contains("404 PROJECT_NOT_FOUND: Project not found"), "{}", wrong.stderr);
        // A server that has no figures cannot tell.
        let fault = json!({"on": {"surface": "management"}, "do": {"kind": "status", "status": 404, "body": {"error": "Not found"}}});
        server.inject(fault.to_string().parse().unwrap());
        let none = run(at(&server, &["stats", "--json", "-p", "proj_nowhere"]));
        assert_eq!(serde_json::from_str::<Value>(&none.stdout).unwrap()["conversations"], 0, "{}", none.stderr);
        assert_eq!(none.stderr, "there was no conversation in the project proj_nowhere\n");
    }
}

#[test]
fn another_period_is_wrong_before_anything_is_asked() {
    let nobody = Nobody::new();
    let mut command = pocketping(&["stats", "--period", "14d"]);
    command.env("POCKETPING_API_URL", nobody.url()).env("POCKETPING_API_KEY", "k");
    let ended = run(command);
    assert!(ended.code == 2 && ended.stderr.contains("30d"), "{}", ended.stderr);
}

#[test]
fn a_server_without_figures_is_counted_here() {
    for answer in [
        json!({"kind": "status", "status": 404, "body": {"error": "Not found"}}),
        json!({"kind": "status", "status": 405, "body": ""}),
        json!({"kind": "gateway", "status": 404}),
        json!({"kind": "gateway", "status": 200}),
        json!({"kind": "malformed-json"}),
    ] {
        for contract in [Contract::Strict, Contract::Extended] {
            let server = MockServer::builder().contract(contract).clock(Clock::system()).start().unwrap();
            server.visitor_opens_session(Visit::new());
            for kind in ["visitor", "operator", "visitor"] {
                assert_eq!(run(at(&server, &["messages", "send", "sess_1", "x", "--type", kind])).code, 0);
            }
            let fault = json!({"on": {"surface": "management"}, "do": answer, "times": 100});
            server.inject(fault.to_string().parse().unwrap());
            let ended = run(at(&server, &["stats", "--json"]));
            assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{answer}");
            let stats: Value = serde_json::from_str(&ended.stdout).unwrap();
            for (field, value) in [
                ("conversations", json!(1)),
                ("messages", json!(3)),
                ("unansweredNow", json!(1)),
                ("conversationsSparkline", json!([0, 0, 0, 0, 0, 0, 1])),
                ("responseRate", json!(1.0)),
                ("csat", json!({"percent": null, "average": null, "responses": 0})),
                ("truncated", json!(false)),
            ] {
                assert_eq!(stats[field], value, "{field}, {answer}, {contract:?}: {stats}");
            }
            assert_eq!(stats["byProject"][0]["csatPercent"], Value::Null);
        }
    }
}

#[test]
fn the_server_and_this_program_count_alike() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).clock(Clock::system()).start().unwrap();
        for kinds in [&["visitor", "operator"][..], &["visitor", "ai", "visitor"], &["operator", "visitor"], &[]] {
            let id = server.visitor_opens_session(Visit::new()).id;
            for kind in kinds {
                assert_eq!(run(at(&server, &["messages", "send", id.as_str(), "x", "--type", kind])).code, 0);
            }
        }
        assert_eq!(run(at(&server, &["sessions", "close", "sess_2"])).code, 0);
        // The strict contract tells no ratings with its sessions, so nobody rates there.
        if contract == Contract::Extended {
            let mut rate = at(&server, &["api", "POST", "/sessions/sess_1/visitor/rate", "-F", "score=5"]);
            rate.env("POCKETPING_API_URL", format!("{}/_mock", server.url()));
            assert_eq!(run(rate).code, 0);
        }
        let stats = || -> Value {
            let ended = run(at(&server, &["stats", "--json"]));
            let mut stats: Value = serde_json::from_str(&ended.stdout).expect(&ended.stderr);
            // The time goes on, and names are the server's.
            for field in ["from", "to", "byProject"] {
                assert!(stats.as_object_mut().unwrap().remove(field).is_some(), "{field}");
            }
            stats
        };
        let theirs = stats();
        let fault = json!({"on": {"surface": "management"}, "do": {"kind": "gateway", "status": 404}, "times": 100});
        server.inject(fault.to_string().parse().unwrap());
        assert_eq!(stats(), theirs, "{contract:?}");
        assert_eq!((&theirs["conversations"], &theirs["responseRate"]), (&json!(4), &json!(0.75)));
        assert_eq!(theirs["csat"]["responses"], json!(u8::from(contract == Contract::Extended)));
    }
}
