//! The environment: proxies, colour, closed pipes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;

use pocketping_mock_server::{MockServer, Visit};

use crate::run::{at, pocketping, run};

#[test]
fn a_proxy_of_the_environment_is_used_but_never_for_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let seen = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        let body = r#"{"sessions":[{"id":"through_the_proxy"}]}"#;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).unwrap();
        String::from_utf8_lossy(&request[..length]).lines().next().unwrap().to_owned()
    });

    let server = MockServer::builder().demo_seed().start().unwrap();
    let mut local = at(&server, &["sessions", "list"]);
    local.env("HTTP_PROXY", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1");
    assert_eq!(run(local).code, 0);

    let mut remote = pocketping(&["--api-key", "k", "--api-url", "http://pocketping.test/v1", "sessions", "list"]);
    remote.env("HTTP_PROXY", &proxy);
    let ended = run(remote);
    assert!(ended.stdout.starts_with("through_the_proxy"), "{}", ended.stderr);
    assert!(seen.join().unwrap().starts_with("GET http://pocketping.test/v1/sessions?limit="));

    let mut excepted = pocketping(&["--api-key", "k", "--api-url", "http://pocketping.test", "sessions", "list"]);
    excepted.env("HTTP_PROXY", "http://127.0.0.1:1").env("NO_PROXY", "pocketping.test");
    assert!(!run(excepted).stderr.contains("127.0.0.1:1"));
}

#[test]
fn a_reader_that_hangs_up_is_no_failure() {
    let server = MockServer::start();
    let id = server.visitor_opens_session(Visit::new()).id;
    for _ in 0..500 {
        server.visitor_says(&id, "x".repeat(1000));
    }
    let mut command = at(&server, &["messages", "list", id.as_str(), "--all", "-o", "ndjson"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn a_key_in_the_environment_is_not_shown_in_the_help() {
    let mut command = pocketping(&["--help"]);
    command.env("POCKETPING_API_KEY", "sk_secret");
    assert!(!run(command).stdout.contains("sk_secret"));
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_a_command_so_that_a_loop_around_it_ends_too() {
    use std::os::unix::process::ExitStatusExt;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut child = pocketping(&["--api-key", "k", "--api-url", &url, "sessions", "list"]).spawn().unwrap();
    // It waits for an answer that does not come.
    let _stream = listener.accept().unwrap();
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    // As the signal itself: a shell says 130, and goes on with nothing.
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}
