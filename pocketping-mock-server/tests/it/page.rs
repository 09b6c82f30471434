//! The page at `/`: its files and their headers, and who is given it.

use pocketping_mock_server::{Contract, MockServer};

use crate::wire::{Answer, answer, raw, rest, send};

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

    let at_all = |builder: pocketping_mock_server::MockServerBuilder| {
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
