//! `doctor`: what is found healthy, what is not, and which PocketPing is behind an address.

use std::collections::HashMap;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, SystemTime};

use pocketping_mock_server::{Clock, Contract, MockServer, TlsIdentity};
use serde_json::Value;

use crate::run::{Nobody, at, error_of, pocketping, run};
use crate::stub::{Identity, Say, Stub, ca_file, ca_of};

const ORDER: [&str; 12] =
    ["settings", "dns", "tcp", "tls", "http", "clock", "server", "contract", "key", "socket", "webhooks", "rate_limit"];

/// What a doctor says.
struct Said {
    code: i32,
    checks: HashMap<String, Value>,
    stderr: String,
}

impl Said {
    fn status(&self, check: &str) -> &str {
        self.checks[check]["status"].as_str().unwrap()
    }

    fn detail(&self, check: &str) -> &str {
        self.checks[check]["detail"].as_str().unwrap()
    }

    fn hint(&self, check: &str) -> &str {
        self.checks[check]["hint"].as_str().unwrap_or_default()
    }

    /// The checks that are not as they should be.
    fn with(&self, status: &str) -> Vec<&str> {
        ORDER.into_iter().filter(|check| self.status(check) == status).collect()
    }

    /// The first failure, and what the command ends with.
    #[track_caller]
    fn fails(&self, check: &str, code: i32, said: &str) {
        let failed = self.with("fail");
        assert_eq!((self.code, failed.first()), (code, Some(&check)), "{:?}", self.checks);
        assert!(self.detail(check).contains(said), "{:?}", self.checks);
        let error = error_of(&self.stderr);
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("{} of 12 checks failed, first {check}: ", failed.len())), "{message}");
        assert!(message.contains(said), "{message}");
    }
}

fn doctor(mut command: Command) -> Said {
    command.args(["doctor", "-o", "json"]);
    let ended = run(command);
    let list: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let names: Vec<_> = list.iter().map(|check| check["check"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ORDER, "all of them, always, in order");
    for check in &list {
        let keys: Vec<_> = check.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 4, "{keys:?}");
        assert!(check.get("hint").is_some() && !check["detail"].as_str().unwrap().is_empty(), "{check}");
    }
    Said { code: ended.code, checks: names.into_iter().zip(list).collect(), stderr: ended.stderr }
}

fn of(url: &str) -> Command {
    let mut command = pocketping(&["--api-url", url]);
    command.env("POCKETPING_API_KEY", "k3y");
    command
}

#[test]
fn a_healthy_server_is_healthy_in_both_contracts() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().clock(Clock::system()).start().unwrap();
        let said = doctor(at(&server, &[]));
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{:?}", said.checks);
        let skipped: &[&str] = if contract == Contract::Strict { &["tls", "webhooks"] } else { &["tls"] };
        assert_eq!((said.with("skip"), said.with("warn")), (skipped.to_vec(), vec![]));
        assert_eq!(said.detail("settings"), format!("a key for {}", server.url()));
        assert_eq!(said.detail("dns"), "127.0.0.1 is an address");
        assert!(said.detail("tcp").starts_with(&format!("{} in ", server.address())), "{}", said.detail("tcp"));
        assert!(said.detail("http").starts_with("200 OK in "));
        assert_eq!(said.detail("server"), "PocketPing's documented API");
        assert!(said.detail("contract").starts_with(if contract == Contract::Strict { "strict" } else { "extended" }));
        assert!(said.detail("socket").ends_with("/ws takes the key"));
    }
}

#[test]
fn it_is_printed_like_everything_else() {
    let server = MockServer::builder().clock(Clock::system()).start().unwrap();
    let ended = run(at(&server, &["doctor", "-q"]));
    assert_eq!(ended.stdout.lines().collect::<Vec<_>>(), ORDER);
    let ended = run(at(&server, &["doctor", "-o", "csv", "--fields", "check,status"]));
    assert!(ended.stdout.starts_with("check,status\nsettings,ok\ndns,ok\n"), "{}", ended.stdout);
    let ended = run(at(&server, &["--api-key", "wrong", "doctor", "--jq", ".[] | select(.status == \"fail\").check"]));
    assert_eq!((ended.code, ended.stdout.as_str()), (4, "key\n"));
    assert!(ended.stderr.starts_with("error: 1 of 12 checks failed, first key: refused: 401"), "{}", ended.stderr);
    assert_eq!(run(at(&server, &["doctor", "--timeout", "0s"])).code, 2);
}

#[test]
fn a_key_that_is_refused_or_missing_is_said_and_the_rest_is_looked_at() {
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).clock(Clock::system()).start().unwrap();
        let said = doctor(at(&server, &["--api-key", "wrong"]));
        said.fails("key", 4, "refused: 401 Unauthorized");
        assert_eq!(said.status("socket"), "skip");
        let mut command = at(&server, &[]);
        command.env_remove("POCKETPING_API_KEY");
        let said = doctor(command);
        said.fails("settings", 3, "no API key");
        assert_eq!([said.status("http"), said.status("server"), said.status("key")], ["ok", "ok", "skip"]);
        assert!(said.hint("settings").contains("POCKETPING_API_KEY"));
    }
    let stub =
        Stub::start(|_| ("401 Unauthorized", r#"{"error":"Unauthorized","message":"No","code":"UNAUTHORIZED"}"#));
    let mut command = of(stub.url());
    command.env("POCKETPING_API_KEY", "no key");
    let said = doctor(command);
    said.fails("settings", 3, "API key");
    assert!(!said.stderr.contains("no key") && !stub.asked()[0].has_key, "{}", said.stderr);
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    for (name, value, named) in [
        ("POCKETPING_API_URL", "localhost:3001", "localhost:3001"),
        ("POCKETPING_API_URL", "", "POCKETPING_API_URL is empty"),
        ("POCKETPING_API_URL", "ftp://example.com", "ftp://example.com"),
        ("POCKETPING_API_KEY", "", "POCKETPING_API_KEY is empty"),
    ] {
        let mut command = pocketping(&[]);
        command.env("POCKETPING_API_URL", "http://127.0.0.1:9").env("POCKETPING_API_KEY", "k").env(name, value);
        let said = doctor(command);
        said.fails("settings", 3, named);
        // With an address the way to it is looked at all the same.
        assert_eq!(said.with("skip").len() == 11, name == "POCKETPING_API_URL");
    }
}

#[test]
fn a_server_that_is_not_there_is_the_network() {
    let nobody = Nobody::new();
    let said = doctor(of(&nobody.url()));
    said.fails("tcp", 9, "no connection to 127.0.0.1:");
    assert_eq!((said.with("ok"), said.status("http")), (vec!["settings", "dns"], "skip"));
    assert!(said.hint("tcp").contains("pocketping mock"));
    let said = doctor(of("https://nobody.invalid/v1"));
    said.fails("dns", 9, "nobody.invalid is not known");
    assert_eq!(said.with("skip").len(), 10);
    let said = doctor(of("http://nobody.invalid"));
    assert_eq!((said.code, said.status("settings")), (9, "warn"));
    assert!(said.detail("settings").contains("plain http"));
}

#[test]
fn a_server_that_does_not_answer_ends_with_the_time() {
    // The system takes the connections; nobody reads what comes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ended = run(in_no_time(&format!("http://{address}")));
    assert_eq!(ended.code, 9);
    assert!(ended.stdout.contains("http\tfail\tno answer in time"), "{}", ended.stdout);
    let ended = run(in_no_time(&format!("https://{address}")));
    assert_eq!(ended.code, 9);
    assert!(ended.stdout.contains("tls\tfail\tno handshake in time"), "{}", ended.stdout);
}

fn in_no_time(url: &str) -> Command {
    let mut command = of(url);
    command.args(["doctor", "--timeout", "200ms"]);
    command
}

#[test]
fn a_clock_that_is_off_is_a_warning() {
    // Its clock stands at 2024.
    let server = MockServer::start();
    let said = doctor(at(&server, &[]));
    assert_eq!((said.code, said.with("warn")), (0, vec!["clock"]));
    assert!(said.detail("clock").starts_with("the server's is ") && said.detail("clock").ends_with(" s behind"));
    let without = Stub::start(|_| ("200 OK\r\nX-PocketPing-Contract: extended", r#"{"sessions":[]}"#));
    assert_eq!(doctor(of(without.url())).status("clock"), "skip");
}

#[test]
fn a_good_certificate_is_told_with_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = MockServer::builder().tls(TlsIdentity::generated()).clock(Clock::system()).start().unwrap();
    let mut command = at(&server, &[]);
    command.env("SSL_CERT_FILE", ca_of(&server, &folder));
    let said = doctor(command);
    assert_eq!((said.code, said.status("tls"), said.status("socket")), (0, "ok", "ok"), "{:?}", said.checks);
    let detail = said.detail("tls");
    assert!(detail.starts_with("TLSv1.3, valid until ") && detail.contains(" days left)"), "{detail}");
    assert!(detail.contains("issued by CN=PocketPing mock server"), "{detail}");
    // The same without its authority.
    let other = Identity::new("127.0.0.1", SystemTime::UNIX_EPOCH, SystemTime::now());
    let mut command = at(&server, &[]);
    command.env("SSL_CERT_FILE", ca_file(&folder, &other.ca_pem));
    let said = doctor(command);
    said.fails("tls", 9, "issuer is not trusted: CN=PocketPing mock server");
    assert!(said.hint("tls").contains("SSL_CERT_FILE"));
}

#[test]
fn a_certificate_that_is_not_good_is_said_to_be_what_it_is() {
    let day = Duration::from_secs(24 * 3600);
    let now = SystemTime::now();
    let folder = tempfile::tempdir().unwrap();
    let healthy: Say = |_| ("200 OK\r\nX-PocketPing-Contract: extended", r#"{"sessions":[],"webhooks":[]}"#);
    for (name, from, to, said) in [
        ("127.0.0.1", now - 90 * day, now - day, "the certificate ended 20"),
        ("127.0.0.1", now + 2 * day, now + 90 * day, "is not valid yet, but from 20"),
        ("other.example", now - day, now + 90 * day, "is not for 127.0.0.1, but for other.example"),
    ] {
        let identity = Identity::new(name, from, to);
        let stub = Stub::start_tls(&identity, healthy);
        let mut command = of(stub.url());
        command.env("SSL_CERT_FILE", ca_file(&folder, &identity.ca_pem));
        let found = doctor(command);
        found.fails("tls", 9, said);
        assert_eq!(found.status("http"), "skip");
        assert!(stub.asked().is_empty(), "nothing was sent to it");
    }
    let identity = Identity::of_an_authority("127.0.0.1");
    let stub = Stub::start_tls(&identity, healthy);
    let mut command = of(stub.url());
    command.env("SSL_CERT_FILE", ca_file(&folder, &identity.ca_pem));
    doctor(command).fails("tls", 9, "the certificate is one for an authority (CA:TRUE): CN=");
    let mut command = of(stub.url());
    command.args(["sessions", "list"]);
    let told = run(command).stderr;
    assert!(told.contains("hint: the server's certificate is not trusted: SSL_CERT_FILE=FILE"), "{told}");
    let identity = Identity::new("127.0.0.1", now - day, now + 10 * day + day / 2);
    let stub = Stub::start_tls(&identity, healthy);
    let mut command = of(stub.url());
    command.env("SSL_CERT_FILE", ca_file(&folder, &identity.ca_pem));
    let found = doctor(command);
    assert_eq!((found.status("tls"), found.status("http")), ("warn", "ok"), "{:?}", found.checks);
    assert!(found.detail("tls").contains("(10 days left)") && found.hint("tls").contains("renewed"));
    // Plain http where TLS was meant.
    let plain = Stub::start(healthy);
    doctor(of(&plain.url().replace("http:", "https:"))).fails("tls", 9, "no TLS connection");
}

/// The literal answers of each other `PocketPing`, and of what is none.
#[test]
fn which_pocketping_it_is_is_told() {
    const NOT_FOUND: (&str, &str) =
        ("404 Not Found\r\nContent-Type: text/plain; charset=utf-8", "404 page not found\n");
    let bridge: Say = |path| match path {
        "/health" => {
            ("200 OK\r\nContent-Type: application/json", "{\"bridges\":[\"slack\",\"telegram\"],\"status\":\"ok\"}\n")
        }
        "/api/v1/stats" => ("401 Unauthorized\r\nContent-Type: text/plain", "{\"error\":\"Unauthorized\"}\n"),
        _ => NOT_FOUND,
    };
    let management: Say = |path| match path {
        "/api/v1/sessions" => ("200 OK\r\nContent-Type: application/json", r#"{"sessions":[]}"#),
        "/api/v1/projects" => ("200 OK\r\nContent-Type: application/json", r#"{"projects":[{"id":"proj_1"}]}"#),
        _ => ("404 Not Found\r\nContent-Type: text/html", "<!DOCTYPE html><title>404</title>"),
    };
    let management_without_key: Say = |path| match path {
        _ if path.starts_with("/api/v1/") => {
            ("401 Unauthorized\r\nContent-Type: application/json", r#"{"error":"Invalid or missing API key."}"#)
        }
        _ => ("200 OK\r\nContent-Type: text/html", "<html>Dashboard</html>"),
    };
    let widget: Say = |path| match path {
        "/pocketping/presence" => {
            ("200 OK\r\nContent-Type: application/json", r#"{"online":false,"aiEnabled":false,"aiActiveAfter":300}"#)
        }
        _ => ("404 Not Found", r#"{"error":"Not found"}"#),
    };
    // The hosted service has both under one name.
    let hosted: Say = |path| match path {
        "/api/widget/proj_1/presence" => ("200 OK\r\nContent-Type: application/json", r#"{"online":true}"#),
        "/api/v1/sessions" => ("401 Unauthorized", r#"{"error":"Invalid or missing API key."}"#),
        _ => ("404 Not Found\r\nContent-Type: text/html", "<html>404</html>"),
    };
    let python: Say = |_| ("404 Not Found\r\nContent-Type: application/json", r#"{"detail":"Not Found"}"#);
    let page: Say = |_| ("200 OK\r\nContent-Type: text/html; charset=utf-8", "<!doctype html><title>Sign in</title>");
    let other: Say = |_| ("200 OK\r\nContent-Type: application/json", r#"{"hello":"world"}"#);
    for (say, path, detail, hint) in [
        (bridge, "", "Go bridge server (bridges: slack, telegram)", "--deployed"),
        (bridge, "/v1", "Go bridge server (bridges: slack, telegram)", "pocketping mock"),
        (bridge, "/api/v1", "Go bridge server (bridges: slack, telegram)", "pocketping mock"),
        (management, "", "management API is at STUB/api/v1", "documented API"),
        (management, "/api/v1", "management API is at STUB/api/v1", "documented API"),
        (management_without_key, "", "management API is at STUB/api/v1", "documented API"),
        (management_without_key, "/api/v1", "management API is at STUB/api/v1", "documented API"),
        (widget, "", "widget endpoint is at STUB/pocketping", "documented API"),
        (widget, "/pocketping", "widget endpoint is at STUB/pocketping", "documented API"),
        (hosted, "/api/widget/proj_1", "widget endpoint is at STUB/api/widget/proj_1", "documented API"),
        (hosted, "", "management API is at STUB/api/v1", "documented API"),
        (python, "", "PocketPing's SDKs", "documented API"),
        (page, "", "a web page", "proxy"),
        (other, "", "200 OK with 17 bytes (application/json)", "check the address"),
    ] {
        let stub = Stub::start(say);
        let said = doctor(of(&format!("{}{path}", stub.url())));
        said.fails("server", 8, &detail.replace("STUB", stub.url()));
        assert!(said.hint("server").contains(hint), "{}", said.hint("server"));
        assert_eq!([said.status("contract"), said.status("key"), said.status("socket")], ["skip"; 3]);
        let asked = stub.asked();
        assert!(asked.len() <= 6 && asked.iter().all(|asked| asked.line.starts_with("GET /")), "{asked:?}");
        let open = |asked: &&crate::stub::Asked| asked.line.ends_with("/health") || asked.line.ends_with("/presence");
        assert!(asked.iter().filter(open).all(|asked| !asked.has_key), "who needs no key gets none: {asked:?}");
    }
    // The reference server has them all beside each other.
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).demo_seed().start().unwrap();
        for (path, detail) in [
            ("/pocketping", "widget endpoint is at STUB/pocketping"),
            ("/api/v1", "management API is at STUB/api/v1"),
            ("/openapi.json", "documented API is at STUB, and this path is none of its own"),
        ] {
            let said = doctor(of(&format!("{}{path}", server.url())));
            said.fails("server", 8, &detail.replace("STUB", server.url()));
        }
    }
    // A bridge server that says nothing of its health is known by its page.
    let stub = Stub::start(|_| NOT_FOUND);
    doctor(of(stub.url())).fails("server", 8, "Go bridge server, which");
}

#[test]
fn the_key_goes_to_no_other_origin() {
    let stub = Stub::start(|path| match path {
        "/sessions" => ("308 Permanent Redirect\r\nLocation: /moved/sessions", ""),
        _ => ("200 OK\r\nX-PocketPing-Contract: extended", r#"{"sessions":[],"webhooks":[]}"#),
    });
    assert_eq!(doctor(of(stub.url())).status("key"), "ok", "within the origin it is followed");
    assert!(stub.asked()[1].has_key && stub.asked()[1].line == "GET /moved/sessions", "{:?}", stub.asked());
    let elsewhere = Stub::start(|_| ("302 Found\r\nLocation: http://127.0.0.2:9/sessions?token=t0ken", ""));
    let said = doctor(of(elsewhere.url()));
    said.fails("http", 3, "redirects to http://127.0.0.2:9/sessions, where the key is not sent");
    assert!(!said.stderr.contains("t0ken") && elsewhere.asked().len() == 1, "{}", said.stderr);
}

#[test]
fn a_gateway_that_fails_is_the_server() {
    let stub = Stub::start(|_| ("502 Bad Gateway\r\nContent-Type: text/html", "<html>502</html>"));
    doctor(of(stub.url())).fails("http", 8, "502 Bad Gateway");
    let stub = Stub::start(|_| {
        (
            "500 Internal Server Error",
            r#"{"error":"Internal server error","message":"It broke","code":"INTERNAL_ERROR"}"#,
        )
    });
    let said = doctor(of(stub.url()));
    said.fails("key", 8, "500 Internal Server Error");
    assert_eq!(said.status("server"), "ok");
}

#[test]
fn a_socket_that_refuses_is_told_apart_from_the_rest() {
    let stub = Stub::start(|path| match path {
        "/ws" => ("404 Not Found\r\nContent-Type: text/plain", "404 page not found\n"),
        _ => ("200 OK\r\nX-PocketPing-Contract: extended", r#"{"sessions":[],"webhooks":[]}"#),
    });
    let said = doctor(of(stub.url()));
    assert_eq!((said.with("fail"), said.status("key"), said.status("webhooks")), (vec!["socket"], "ok", "ok"));
    let mut listen = of(stub.url());
    listen.args(["listen", "-o", "json"]);
    let as_listen = run(listen);
    assert_eq!(said.code, as_listen.code, "as any other command would end: {}", as_listen.stderr);
    assert_ne!(said.code, 0);
}

#[test]
fn a_rate_limit_is_seen() {
    let server = MockServer::builder().rate_limit(100).clock(Clock::system()).start().unwrap();
    let said = doctor(at(&server, &[]));
    assert_eq!((said.code, said.detail("rate_limit")), (0, "99 of 100 requests a minute are left"));
    for contract in [Contract::Strict, Contract::Extended] {
        let server = MockServer::builder().contract(contract).rate_limit(1).clock(Clock::system()).start().unwrap();
        assert_eq!(run(at(&server, &["sessions", "list"])).code, 0);
        let said = doctor(at(&server, &[]));
        said.fails("rate_limit", 7, "too many requests in a minute");
        assert_eq!([said.status("server"), said.status("key"), said.status("socket")], ["ok", "skip", "skip"]);
    }
    // A wait may be told as a date, which counts from the answer's own.
    let stub = Stub::start(|_| {
        (
            "429 Too Many Requests\r\nDate: Mon, 15 Jan 2024 10:30:00 GMT\r\nRetry-After: Mon, 15 Jan 2024 10:30:42 GMT",
            r#"{"error":"Too many requests","message":"slow down","code":"RATE_LIMITED"}"#,
        )
    });
    doctor(of(stub.url())).fails("rate_limit", 7, "too many requests in a minute; 42 s to wait");
}

#[test]
fn through_a_proxy_the_direct_way_is_not_looked_at() {
    let proxy = Stub::start(|_| ("200 OK\r\nX-PocketPing-Contract: extended", r#"{"sessions":[],"webhooks":[]}"#));
    let mut command = of("http://pocketping.invalid");
    command.env("http_proxy", proxy.url());
    let said = doctor(command);
    assert_eq!([said.status("dns"), said.status("tcp"), said.status("tls")], ["skip"; 3], "{:?}", said.checks);
    assert!(said.detail("dns").contains("the proxy of http_proxy"));
    assert_eq!([said.status("http"), said.status("key"), said.status("webhooks")], ["ok"; 3]);
    assert!(proxy.asked()[0].line.starts_with("GET http://pocketping.invalid/sessions"), "{:?}", proxy.asked());
    let mut command = of("http://pocketping.invalid");
    command.env("http_proxy", proxy.url()).env("NO_PROXY", "invalid");
    doctor(command).fails("dns", 9, "is not known");
}
