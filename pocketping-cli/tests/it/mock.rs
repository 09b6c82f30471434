//! `mock`: the reference server from the operators' tool.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::run::{pocketping, run};

#[test]
fn a_server_and_its_client_are_one_program() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("url");
    let args = ["mock", "--port", "0", "--seed", "demo", "--ready-file", ready.to_str().unwrap()];
    let args = [&["--api-key", "one", "--api-key", "two=other"][..], &args].concat();
    let mut child = pocketping(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = std::fs::read_to_string(&ready).unwrap().trim().to_owned();
    let announced = line == format!("PocketPing mock server ready at {url}\n");
    let list = |key: &str| run(pocketping(&["--api-url", &url, "--api-key", key, "sessions", "list"]));
    let (one, two, three) = (list("one"), list("two"), list("three"));
    let terminated = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let ended = child.wait().unwrap();
    assert!(announced, "{line}");
    assert!(one.stdout.starts_with("sess_abc123\t"), "{}", one.stderr);
    assert_eq!((two.code, two.stdout.as_str(), three.code), (0, "", 4));
    assert!(terminated.success() && ended.success());
    assert!(!ready.exists());
}

#[test]
fn what_keeps_it_from_starting_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("seed.json");
    std::fs::write(&bad, "{\"sessions\": [{\"id\": 5}]}").unwrap();
    for (args, code, named) in [
        (&["mock", "--port", "0", "--seed", bad.to_str().unwrap()][..], 3, "sessions[0].id"),
        (&["mock", "--port", "0", "--seed", "/nowhere.json"], 3, "/nowhere.json"),
        (&["mock", "--host", "192.0.2.1", "--port", "0"], 3, "192.0.2.1"),
        (&["mock", "--api-key", "=t"], 2, "--api-key"),
        (&["mock", "--contract", "loose"], 2, "neither strict nor extended"),
        (&["mock", "--port", "0", "--ai-rules", "/nowhere.json", "--ai-delay", "off"], 2, "--ai-rules needs"),
        (
            &["mock", "--port", "0", "--ai-rules", "/nowhere.json", "--ai-delay", "1s"],
            3,
            "/nowhere.json cannot be read",
        ),
        (&["mock", "--events-webhook", "nowhere"], 2, "--events-webhook"),
    ] {
        let ended = run(pocketping(args));
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_script_reads_address_and_made_key_as_json() {
    let mut child = pocketping(&["mock", "--port", "0", "-o", "json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let (url, key) = (ready["url"].as_str().unwrap(), ready["apiKey"].as_str().unwrap());
    let list = run(pocketping(&["--api-url", url, "--api-key", key, "sessions", "list"]));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success(), "Ctrl-C ends it in order");
    assert_eq!(list.code, 0, "{}", list.stderr);
}

#[test]
fn a_key_of_the_environment_serves_server_and_client_alike() {
    let key = "a2V5PQ==";
    let mut command = pocketping(&["mock", "--port", "0", "-o", "ndjson"]);
    let mut child = command.env("POCKETPING_API_KEY", key).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    let mut list = pocketping(&["--api-url", ready["url"].as_str().unwrap(), "sessions", "list"]);
    list.env("POCKETPING_API_KEY", key);
    let list = run(list);
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    assert_eq!((list.code, ready.get("apiKey")), (0, None), "{}", list.stderr);
}
