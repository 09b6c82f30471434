//! The help of the whole tree, in one place.

use std::fmt::Write;

use crate::run::{pocketping, run};

#[test]
fn the_whole_tree() {
    let mut text = String::new();
    for path in [
        "",
        "sessions",
        "sessions list",
        "sessions get",
        "sessions close",
        "sessions export",
        "sessions identify",
        "sessions ai",
        "sessions watch",
        "messages",
        "messages list",
        "messages send",
        "messages tail",
        "webhooks",
        "webhooks create",
        "webhooks list",
        "webhooks delete",
        "webhooks sign",
        "webhooks verify",
        "webhooks trigger",
        "events",
        "events listen",
        "events replay",
        "listen",
        "wait",
        "mock",
        "mock run",
        "mock stories",
        "mock export",
        "demo",
        "chat",
        "inbox",
        "stats",
        "api",
        "login",
        "profile",
        "profile list",
        "profile use",
        "profile show",
        "profile remove",
        "config",
        "config show",
        "explain",
        "doctor",
        "completions",
        "man",
    ] {
        let words: Vec<_> = path.split_whitespace().chain(["-h"]).collect();
        let ended = run(pocketping(&words));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{path}");
        writeln!(text, "$ pocketping {}\n{}", words.join(" "), ended.stdout).unwrap();
        let leaf = path.contains(' ')
            || [
                "mock",
                "listen",
                "wait",
                "explain",
                "inbox",
                "stats",
                "chat",
                "api",
                "login",
                "doctor",
                "completions",
                "man",
            ]
            .contains(&path);
        assert!(!leaf || ended.stdout.contains("Example: pocketping"), "{path} has an example");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn nouns_may_be_said_in_the_singular() {
    for noun in ["session", "message", "webhook", "event"] {
        assert_eq!(run(pocketping(&[noun, "--help"])).code, 0, "{noun}");
    }
}
