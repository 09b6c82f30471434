//! Every command that asks a server, and every way in which a server can fail it: one table of how they end.

use std::fmt::Write as _;
use std::thread;

use serde_json::Value;

use crate::everything::{Example, example, leaves};
use crate::failures::peer;
use crate::run::{Ended, Nobody, pocketping, run_with_input};
use crate::stub::{Say, Stub};

/// What stands behind the address.
#[derive(Clone, Copy)]
enum Server {
    Says(Say),
    HangsUp,
    IsNotThere,
}

macro_rules! json {
    () => {
        "Content-Type: application/json"
    };
}

/// The ways, by the literal answers of the API reference, of a proxy, and of the network. Whoever is asked to wait an hour
/// ends at once.
const CLASSES: [(&str, Server); 10] = [
    ("400", Server::Says(|_| (concat!("400 Bad Request\r\n", json!()), r#"{"error":"e","code":"INVALID_REQUEST"}"#))),
    ("401", Server::Says(|_| (concat!("401 Unauthorized\r\n", json!()), r#"{"error":"e","code":"UNAUTHORIZED"}"#))),
    (
        "403 of nobody's code",
        Server::Says(|_| (concat!("403 Forbidden\r\n", json!()), r#"{"error":"e","code":"NEW"}"#)),
    ),
    ("404", Server::Says(|_| (concat!("404 Not Found\r\n", json!()), r#"{"error":"e","code":"SESSION_NOT_FOUND"}"#))),
    (
        "429",
        Server::Says(|_| {
            (concat!("429 Too Many\r\nRetry-After: 3600\r\n", json!()), r#"{"error":"e","code":"RATE_LIMITED"}"#)
        }),
    ),
    (
        "500",
        Server::Says(|_| {
            (concat!("500 Oh\r\nRetry-After: 3600\r\n", json!()), r#"{"error":"e","code":"INTERNAL_ERROR"}"#)
        }),
    ),
    ("502 of a proxy", Server::Says(|_| ("502 Bad\r\nRetry-After: 3600\r\nContent-Type: text/html", "<h1>502</h1>"))),
    ("a web page", Server::Says(|_| ("200 OK\r\nContent-Type: text/html", "<html></html>"))),
    ("a broken connection", Server::HangsUp),
    ("nobody there", Server::IsNotThere),
];

/// The commands that no server is asked by, and those that start one.
const ALONE: [&str; 12] = [
    "explain",
    "config show",
    "completions",
    "man",
    "profile list",
    "profile use",
    "profile show",
    "profile remove",
    "webhooks sign",
    "webhooks verify",
    "mock",
    "demo",
];

/// Those that only work on what they have: a recording, a story.
const OF_FILES: [&str; 3] = ["events replay", "mock stories", "mock run"];

fn words_of(leaf: &[String]) -> (Vec<&str>, &'static str) {
    let name = leaf.join(" ");
    let (args, input): (&[&str], _) = match example(&name) {
        Example::Ends(args, input) => (args, input),
        Example::GoesOn => match name.as_str() {
            "sessions watch" | "inbox" => (&[], ""),
            "messages tail" => (&["sess_abc123"], ""),
            "webhooks trigger" => (&["message.created", "--secret-file", "-", "--to", "URL"], "s3cret"),
            other => panic!("`{other}` has no arguments here"),
        },
    };
    (leaf.iter().map(String::as_str).chain(args.iter().copied()).collect(), input)
}

fn run_at(url: &str, words: &[&str], format: &[&str], input: &str) -> Ended {
    let words: Vec<_> = words.iter().map(|word| if *word == "URL" { url } else { word }).collect();
    let mut command = pocketping(&[&words[..], format].concat());
    command.env("POCKETPING_API_URL", url);
    if words[0] != "login" {
        command.env("POCKETPING_API_KEY", "k");
    }
    run_with_input(command, input)
}

/// How a command ends, in a line.
fn ending(class: Server, leaf: &[String]) -> String {
    let (words, input) = words_of(leaf);
    let stub;
    let nobody;
    let url = match class {
        Server::Says(say) => {
            stub = Stub::start(say);
            stub.url().to_owned()
        }
        Server::HangsUp => peer(""),
        Server::IsNotThere => {
            nobody = Nobody::new();
            nobody.url()
        }
    };
    let ended = run_at(&url, &words, &["-o", "json"], input);
    if ended.code == 0 {
        return "0".to_owned();
    }
    let last = ended.stderr.lines().last().unwrap_or_default();
    let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{words:?}: {error}: {last}"));
    let error = &error["error"];
    assert_eq!(error["exit"], ended.code, "{words:?}: {error}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{words:?}: {error}");
    let text = |name: &str| error[name].as_str().unwrap_or("-").to_owned();
    let status = error["status"].as_u64().map_or("-".to_owned(), |status| status.to_string());
    let mut line = format!("{:<3} {:<18} {status:<4} {:<9}", ended.code, text("code"), text("outcome"));
    if error["retryable"] == true {
        line.push_str(" retryable");
    }
    // A person is told once.
    let plain = run_at(&url, &words, &[], input);
    let errors = plain.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, usize::from(plain.code != 0), "{words:?}: {}", plain.stderr);
    if plain.code != ended.code {
        write!(line, " in a table {}", plain.code).unwrap();
    }
    line.trim_end().to_owned()
}

#[test]
fn every_command_ends_by_the_class_of_what_went_wrong() {
    let leaves: Vec<_> = leaves(&[])
        .into_iter()
        .filter(|leaf| !ALONE.contains(&&*leaf.join(" ")) && !OF_FILES.contains(&&*leaf.join(" ")))
        .collect();
    // Some wait before they give up, so all at once.
    let table = thread::scope(|scope| {
        let tables: Vec<_> = CLASSES
            .iter()
            .map(|(class, server)| {
                let endings: Vec<_> =
                    leaves.iter().map(|leaf| (leaf.join(" "), scope.spawn(|| ending(*server, leaf)))).collect();
                (class, endings)
            })
            .collect();
        let mut text = String::new();
        for (class, endings) in tables {
            writeln!(text, "== {class}").unwrap();
            for (name, ending) in endings {
                writeln!(text, "{name:<18} {}", ending.join().unwrap()).unwrap();
            }
        }
        text
    });
    insta::assert_snapshot!("classes", table);
}
