//! The page at `/`: its files and their headers, and who is given it.

use std::time::Duration;

use pocketping_mock_server::{Contract, MockServer, MockServerBuilder, Visit};
use serde_json::{Value, json};

use crate::wire::{Answer, answer, call, raw, rest, send};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

fn get(server: &MockServer, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(server, &format!("GET {path}"), headers, "")
}

/// The page's files as the page itself names them, and the kind of each.
fn files(server: &MockServer) -> Vec<(String, &'static str)> {
    let kind = |path: &str| match path.rsplit_once('.').unwrap().1 {
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "js" => "text/javascript; charset=utf-8",
        other => panic!("what is .{other}?"),
    };
    let mut found = vec!["/_page/page.js".to_owned(), "/_page/style.css".to_owned(), "/_page/icon.svg".to_owned()];
    let mut looked = 0;
    let html = get(server, "/", &[]).body;
    assert!(found.iter().all(|path| html.contains(path)), "{html}");
    while let Some(path) = found.get(looked).cloned() {
        looked += 1;
        for name in get(server, &path, &[]).body.split("from \"./").skip(1).map(|rest| rest.split('"').next().unwrap())
        {
            let path = format!("/_page/{name}");
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    found.iter().map(|path| (path.clone(), kind(path))).chain([("/".to_owned(), "text/html; charset=utf-8")]).collect()
}

#[test]
fn every_file_has_its_kind_and_the_strictest_headers() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).api_key("sk_secret").start().unwrap();
        let files = files(&server);
        assert_eq!(files.len(), 9);
        for (path, kind) in files {
            let file = get(&server, &path, &[]);
            assert_eq!((file.status, file.header("content-type")), (200, Some(kind)), "{path}");
            assert_eq!(file.header("content-security-policy"), Some(POLICY), "{path}");
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(file.header(name), Some(value), "{path}");
            }
            assert_eq!(file.header("access-control-allow-origin"), None, "{path}");
            assert!(!file.body.contains("sk_secret"), "{path}");
            let elsewhere = |scheme: &str| {
                let found = file.body.match_indices(scheme).map(|(at, _)| &file.body[at..]);
                found
                    .filter(|rest| {
                        !["http://www.w3.org/2000/svg", "https://YOUR_SITE"].iter().any(|it| rest.starts_with(it))
                    })
                    .count()
            };
            assert_eq!(elsewhere("http://") + elsewhere("https://"), 0, "{path} names another host");
        }
        let posted = send(&server, "POST /", &[], "");
        assert_eq!(posted.status, if contract == Contract::Strict { 404 } else { 405 });
        assert_eq!(get(&server, "/_page/mod.rs", &[]).status, 404);
        assert_eq!(get(&server, "/v1/", &[]).status, 404, "it is at the root only");
    }
}

#[test]
fn only_this_machine_is_given_the_page_or_whoever_is_asked_for_the_token() {
    let server = MockServer::start();
    for path in ["/", "/_page/page.js"] {
        assert_eq!(get(&server, path, &[("Origin", "http://localhost:3000")]).status, 200);
        for origin in ["https://evil.example", "null"] {
            let refused = get(&server, path, &[("Origin", origin)]);
            assert_eq!(refused.status, 403, "{origin}");
            assert!(refused.json()["message"].as_str().unwrap().contains("Origin"), "{refused:?}");
            assert_eq!(refused.header("content-security-policy"), Some(POLICY));
        }
        let by_name = format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        assert_eq!(raw(&server, by_name.as_bytes()).status, 403, "a name that leads here");
    }

    let at_all = |builder: MockServerBuilder| {
        let server = builder.address("0.0.0.0:0".parse().unwrap()).start().unwrap();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.address().port())).unwrap();
        let request = "GET / HTTP/1.1\r\nHost: mock.example\r\nConnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        answer(&rest(stream))
    };
    let open = at_all(MockServer::builder());
    assert_eq!(open.status, 403);
    assert!(open.json()["message"].as_str().unwrap().contains("--control-token"), "{open:?}");
    let guarded = at_all(MockServer::builder().control_token("let me in"));
    assert_eq!(guarded.status, 200);
    assert!(!guarded.body.contains("let me in"));
}

/// What a look with this query tells.
#[track_caller]
fn look(server: &MockServer, query: &str) -> Value {
    let answer = get(server, &format!("/_page/look{query}"), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// What a look tells after this one.
#[track_caller]
fn look_after(server: &MockServer, before: &Value) -> Value {
    look(server, &format!("?after={}", before["mark"].as_str().unwrap()))
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["session"]["id"].as_str().unwrap()).collect()
}

#[test]
fn whoever_watches_the_page_is_neither_entered_nor_counted_nor_numbered() {
    for contract in [Contract::Extended, Contract::Strict] {
        let start = || MockServer::builder().contract(contract).start().unwrap();
        let (watched, alone) = (start(), start());
        for (path, _) in files(&watched) {
            get(&watched, &path, &[]);
        }
        let seen = look(&watched, "");
        look_after(&watched, &seen);
        assert_eq!(watched.journal().entries(), []);
        let id = |server: &MockServer| call(server, "GET /sessions", "").header("x-request-id").map(str::to_owned);
        assert_eq!(id(&watched), id(&alone), "a test's ids are the same");
        let counted = get(&watched, "/_mock/metrics", &[]).body;
        let counted: Vec<_> =
            counted.lines().filter(|line| line.starts_with("pocketping_mock_requests_total")).collect();
        assert_eq!(
            counted,
            [r#"pocketping_mock_requests_total{surface="contract",method="GET",status="2xx"} 1"#],
            "{contract:?}"
        );
        send(&watched, "POST /", &[], "");
        watched.journal().requests().path("/").assert_count(1);
    }
}

#[test]
fn a_look_tells_what_was_not_shown_yet_and_nothing_twice() {
    for contract in [Contract::Extended, Contract::Strict] {
        let server = MockServer::builder().contract(contract).start().unwrap();
        let first = server.visitor_opens_session(Visit::new()).id;
        let second = server.visitor_opens_session(Visit::new()).id;
        server.visitor_says(&first, "Hello");
        call(&server, "GET /sessions", "");
        let all = look(&server, "");
        assert_eq!((&all["whole"], ids(&all["sessions"])), (&json!(true), vec![first.as_str(), second.as_str()]));
        assert_eq!(all["sessions"][0]["last"]["content"], "Hello");
        assert_eq!(all["events"]["last"], 3);
        assert_eq!(all["events"]["new"][2]["type"], "message.created");
        assert_eq!(all["requests"]["entries"][0]["path"], "/sessions");
        assert_eq!(all["clock"], json!({"now": "2024-01-15T10:30:00Z", "frozen": true}));
        assert_eq!(
            all["rest"],
            json!({"operatorOnline": false, "projects": ["proj_1"], "snapshots": [], "tenants": ["default"],
                   "faults": []})
        );
        assert_eq!(all["deliveries"], json!([]));

        let none = look_after(&server, &all);
        assert_eq!(
            (&none["whole"], &none["sessions"], &none["events"]["new"]),
            (&json!(false), &json!([]), &json!([]))
        );
        for left_out in ["rest", "deliveries"] {
            assert_eq!(none.get(left_out), None, "{left_out} is as it was");
        }
        assert_eq!(none["requests"].get("entries"), None);
        assert_eq!(none["mark"], all["mark"]);

        // Under a clock that stands, and in a way that strict has no event for.
        server.operator().reads(&first);
        let read = look_after(&server, &none);
        assert_eq!(ids(&read["sessions"]), [first.as_str()]);
        assert_eq!(read["conversation"], Value::Null, "nobody asked for its messages");
        let messages = look(&server, &format!("?session={first}&has=0"));
        let conversation = &messages["conversation"];
        assert_eq!(conversation["messages"].as_array().unwrap().len(), 1);
        assert!(conversation["messages"][0]["readAt"].is_string());
        let mark = messages["mark"].as_str().unwrap();
        let has = |revision: &Value| look(&server, &format!("?after={mark}&session={first}&has={revision}"));
        assert_eq!(has(&conversation["revision"])["conversation"], Value::Null, "they are known");
        assert_eq!(has(&json!(0))["conversation"], *conversation, "they are not");

        server.operator().is_online(true);
        let online = look_after(&server, &read);
        assert_eq!((&online["rest"]["operatorOnline"], &online["sessions"]), (&json!(true), &json!([])));
        call(&server, "POST /nowhere", "");
        let wrong = look_after(&server, &online);
        assert_eq!(wrong["requests"]["entries"][0]["path"], "/nowhere");
        assert_eq!(wrong["requests"]["entries"].as_array().unwrap().len(), 1);
        server.journal().clear();
        let forgotten = look_after(&server, &wrong);
        assert!(forgotten["requests"]["first"].as_u64() > wrong["requests"]["entries"][0]["number"].as_u64());
    }
}

#[test]
fn what_was_seen_of_another_server_or_before_a_reset_says_nothing() {
    for contract in [Contract::Extended, Contract::Strict] {
        let start = || MockServer::builder().contract(contract).demo_seed().start().unwrap();
        let (server, other) = (start(), start());
        let seen = look(&other, "");
        assert_eq!(look_after(&server, &seen)["whole"], true);
        for none in ["x", "1.2.3", "%00", "a.b.c.d.e.f"] {
            assert_eq!(look(&server, &format!("?after={none}"))["whole"], true, "{none}");
        }
        let before = look(&server, "");
        let session = server.visitor_opens_session(Visit::new()).id;
        server.reset();
        let after = look(&server, &format!("?after={}&session={session}", before["mark"].as_str().unwrap()));
        assert_eq!((&after["whole"], ids(&after["sessions"])), (&json!(true), vec!["sess_abc123"]));
        assert_eq!((&after["conversation"], &after["events"]["last"]), (&Value::Null, &json!(0)));
    }
}

#[tokio::test]
async fn deliveries_are_told_when_one_is_another() {
    let server = MockServer::builder().demo_seed().start().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let webhook = json!({"url": format!("http://{nobody}/"), "events": ["message.created"]});
    assert_eq!(call(&server, "POST /webhooks", &webhook.to_string()).status, 201);
    let before = look(&server, "");
    server.visitor_says(&"sess_abc123".into(), "Hello");
    server.deliveries_until(|all| all.iter().any(|delivery| !delivery.attempts.is_empty())).await;
    let tried = look_after(&server, &before);
    assert_eq!(tried["deliveries"][0]["state"], "pending");
    assert_eq!(tried["deliveries"][0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(tried["deliveries"][0]["body"], Value::Null);
    server.advance(Duration::from_secs(3600)).await;
    assert_eq!(look_after(&server, &tried)["deliveries"][0]["state"], "failed");
}

#[test]
fn a_look_is_given_to_whom_the_control_surface_answers_and_is_told_what_is_wrong_with_it() {
    let guarded = MockServer::builder().control_token("let me in").start().unwrap();
    assert_eq!(get(&guarded, "/_page/look", &[]).status, 401);
    assert_eq!(get(&guarded, "/_page/look", &[("Authorization", "Bearer let me in")]).status, 200);
    let server = MockServer::builder().key("a=one".parse().unwrap()).key("b=two".parse().unwrap()).start().unwrap();
    assert_eq!(get(&server, "/_page/look", &[("Origin", "https://evil.example")]).status, 403);
    let second = look(&server, "?tenant=two");
    assert_eq!(second["rest"]["tenants"], json!(["one", "two"]));
    assert_ne!(second["rest"]["projects"], look(&server, "")["rest"]["projects"]);
    for (query, what) in [
        ("?since=1", "`since` is none of after, session, has, tenant"),
        ("?has=x", "`has` is a revision, a number"),
        ("?tenant=three", "`tenant`"),
    ] {
        let refused = get(&server, &format!("/_page/look{query}"), &[]);
        assert_eq!(refused.status, 400, "{query}");
        assert!(refused.json()["message"].as_str().unwrap().contains(what), "{refused:?}");
    }
}
