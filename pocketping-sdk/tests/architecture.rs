//! The workspace's import rules, checked on the source text. `ARCHITECTURE.md` says why they are.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

/// The Rust files below a folder or file of the workspace, with their text; comments are left out.
fn sources(below: &str) -> Vec<(String, String)> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            for entry in &entries {
                walk(entry, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), &mut found);
    assert!(!found.is_empty(), "{below} holds no source");
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            (name, code.collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

/// Whether a word stands in the code as a word of its own.
fn says(code: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Nothing below `folder` says `word`, save the files named.
fn only(folder: &str, word: &str, allowed: &[&str]) {
    for (name, code) in sources(folder) {
        if says(&code, word) {
            assert!(allowed.iter().any(|file| name.ends_with(file)), "{name} must not say `{word}`");
        }
    }
    for file in allowed {
        let path = format!("{folder}/{file}");
        assert!(
            sources(&path).iter().any(|(_, code)| says(code, word)),
            "{path} was to say `{word}`: the rule is stale"
        );
    }
}

#[test]
fn each_foreign_dependency_has_one_module() {
    only("pocketping-sdk/src", "reqwest", &["transport/network.rs"]);
    only("pocketping-sdk/src", "rustls", &["transport/tls.rs"]);
    only("pocketping-sdk/src", "tokio_tungstenite", &["events/link.rs"]);
    only("pocketping-sdk/src", "jiff", &["types/timestamp.rs"]);
    only("pocketping-sdk/src", "secrecy", &["transport/api_key.rs"]);
    // Its type, for the header; its clock is banned by clippy.toml.
    only("pocketping-mock-server/src", "SystemTime", &["sources.rs", "http/finish.rs"]);
    only("pocketping-mock-server/src", "clap", &["args/mod.rs", "args/logs.rs", "main.rs"]);
    only("pocketping-mock-server/src", "tracing_subscriber", &["args/logs.rs"]);
    only("pocketping-mock-server/src", "hyper_util::client", &["memory.rs"]);
    // One file for each side of a connection.
    only("pocketping-mock-server/src", "rustls", &["http_client/tls.rs", "server_tls.rs"]);
    only("pocketping-mock-server/src", "rcgen", &["server_tls.rs"]);
    only("pocketping-mock-server/src", "miniz_oxide", &["packed.rs"]);
    only("pocketping-mock-server/src", "hyper::client", &["http_client/mod.rs"]);
    only("pocketping-mock-server/src", "tokio_tungstenite", &["visitor/socket.rs", "openapi/tests/sockets.rs"]);
    only("pocketping-cli/src", "comfy_table", &["output/human.rs"]);
    only("pocketping-sdk/src", "fs4", &["transport/shared_bucket.rs"]);
    only("pocketping-cli/src", "fs4", &["files.rs"]);
    only("pocketping-cli/src", "jaq_core", &["jq.rs"]);
    only("pocketping-cli/src", "rustls", &["doctor/tls.rs"]);
    only("pocketping-cli/src", "x509_parser", &["doctor/tls.rs"]);
    only("pocketping-cli/src", "clap_complete", &["commands/completions.rs"]);
    only("pocketping-cli/src", "clap_mangen", &["commands/man.rs"]);
    only("pocketping-cli/src", "ratatui", &["inbox/mod.rs", "inbox/screen.rs", "inbox/view.rs"]);
    only("pocketping-cli/src", "crossterm", &["inbox/mod.rs", "inbox/inputs.rs"]);
    only("pocketping-cli/src", "rustyline", &["chat/keyboard.rs"]);
    only("pocketping-cli/src", "rustix", &["terminal.rs"]);
    only("pocketping-cli/src", "csv::Writer", &["output/delimited.rs"]);
    only("pocketping-cli/src", "toml_edit", &["settings/file.rs"]);
    only("pocketping-cli/src", "dotenvy", &["settings/env_file.rs"]);
    only("pocketping-cli/src", "etcetera", &["settings/mod.rs"]);
    // Output, whether it is a terminal, and the whole of one.
    only("pocketping-cli/src", "io::stdout", &["output/sink.rs", "terminal.rs", "inbox/mod.rs"]);
}

#[test]
fn types_know_only_types() {
    for (name, code) in sources("pocketping-sdk/src/types") {
        for line in code.lines() {
            assert!(!line.contains("crate::") || line.contains("crate::types"), "{name}: {line}");
        }
        for word in ["tokio", "http", "bytes", "futures", "url"] {
            assert!(
                !code.contains(&format!("use {word}")) && !code.contains(&format!("{word}::")),
                "{name} uses {word}"
            );
        }
    }
}

#[test]
fn webhooks_know_types_only() {
    for (name, code) in sources("pocketping-sdk/src/webhooks") {
        for line in code.lines().filter(|line| line.contains("crate::")) {
            assert!(line.contains("crate::types"), "{name}: {line}");
        }
        assert!(!says(&code, "tokio"), "{name} says tokio");
    }
    only("pocketping-sdk/src", "axum_core", &["webhooks/extract.rs"]);
    only("pocketping-sdk/src", "hmac", &["webhooks/signature.rs"]);
}

#[test]
fn transport_names_no_noun_and_api_and_events_do_not_know_each_other() {
    for (name, code) in sources("pocketping-sdk/src/transport") {
        assert!(!code.contains("crate::api") && !code.contains("crate::events"), "{name}");
        for noun in ["Session", "Message", "Webhook"] {
            // Unit tests may decode a wire type.
            let code = code.split("#[cfg(test)]").next().unwrap();
            assert!(!says(code, noun), "{name} names {noun}");
        }
    }
    for (name, code) in sources("pocketping-sdk/src/api") {
        assert!(!code.contains("crate::events"), "{name}");
    }
    for (name, code) in sources("pocketping-sdk/src/events") {
        // What was missed is read, and waited for, through the calls everybody uses.
        let reads = ["events/backfill.rs", "events/wait.rs"].iter().any(|file| name.ends_with(file));
        assert!(reads || !code.contains("crate::api"), "{name}");
    }
}

#[test]
fn the_store_is_pure_and_synchronous() {
    for (name, code) in sources("pocketping-mock-server/src/store") {
        for word in ["axum", "tokio", "async", "await", "hyper"] {
            assert!(!says(&code, word), "{name} says `{word}`");
        }
        for module in ["app", "http", "hub", "endpoints", "router", "server", "ws"] {
            assert!(!code.contains(&format!("crate::{module}")), "{name} knows crate::{module}");
        }
    }
    for file in ["hub.rs", "sources.rs", "app", "delivery", "journal"] {
        for (name, code) in sources(&format!("pocketping-mock-server/src/{file}")) {
            assert!(!says(&code, "axum"), "{name} says `axum`");
        }
    }
}

#[test]
fn the_lock_is_taken_in_one_place_and_never_held_over_an_await() {
    for (name, code) in sources("pocketping-mock-server/src") {
        if says(&code, "await") {
            assert!(!code.contains("Mutex") || name.ends_with("sources.rs"), "{name} awaits and locks");
        }
    }
    only("pocketping-mock-server/src", "Store", &["app/mod.rs", "store/mod.rs", "store/tables.rs"]);
}

#[test]
fn every_frame_of_a_socket_passes_the_journal() {
    // In `ws/mod.rs` it is a word of a sentence, in `ws/frames.rs` the name of a way that faults know.
    only("pocketping-mock-server/src/ws", "WebSocket", &["line.rs", "mod.rs", "frames.rs"]);
    let (_, frames) = sources("pocketping-mock-server/src/ws/frames.rs").remove(0);
    assert!(!says(&frames.replace("Way::WebSocket", ""), "WebSocket"), "ws/frames.rs takes a bare socket");
    let (_, socket) = sources("pocketping-mock-server/src/ws/mod.rs").remove(0);
    assert!(!socket.contains("ws::{WebSocket") && !socket.contains("WebSocket,"), "ws/mod.rs takes a bare socket");
}

#[test]
fn visitors_know_the_protocol_and_nothing_of_the_server() {
    for (name, code) in sources("pocketping-mock-server/src/visitor") {
        for line in code.lines().filter(|line| line.contains("crate::")) {
            let known = ["visitor", "http_client", "json", "names", "sources"];
            let is_protocol = known.iter().any(|module| line.contains(&format!("crate::{module}")));
            // One accessor stands with what it gives.
            let is_accessor = name.ends_with("visitor/mod.rs") && line.contains("crate::server::MockServer");
            assert!(is_protocol || is_accessor, "{name}: {line}");
        }
        assert!(!says(&code, "axum"), "{name} says `axum`");
    }
    for (name, code) in sources("pocketping-mock-server/src/http_client") {
        assert!(!code.contains("crate::"), "{name} knows what is asked, or who asks");
    }
}

#[test]
fn the_output_knows_no_noun() {
    for (name, code) in sources("pocketping-cli/src/output") {
        assert!(!code.contains("pocketping_sdk"), "{name}");
    }
}

#[test]
fn every_file_says_what_it_is_and_none_is_a_pile() {
    for folder in ["pocketping-sdk", "pocketping-mock-server", "pocketping-cli", "examples"] {
        for (name, _) in sources(folder) {
            let text = fs::read_to_string(root().join(&name)).unwrap();
            let lines = text.lines().count();
            let begins = text.starts_with("//!") || text.starts_with("#![doc");
            assert!(begins, "{name} does not say what it owns");
            assert!(lines <= 450, "{name} has {lines} lines");
        }
    }
}

#[test]
fn every_public_example_runs() {
    for folder in ["pocketping-sdk/src", "pocketping-mock-server/src", "pocketping-cli/src"] {
        for (name, _) in sources(folder) {
            let text = fs::read_to_string(root().join(&name)).unwrap();
            for fence in ["no_run", "ignore"] {
                let fence = format!("```{fence}");
                assert!(!text.contains(&fence), "{name} holds an example that never runs");
            }
        }
    }
    for readme in
        ["", "pocketping-sdk/", "pocketping-mock-server/", "pocketping-cli/"].map(|at| format!("{at}README.md"))
    {
        let text = fs::read_to_string(root().join(&readme)).unwrap();
        for word in ["no_run", "```ignore"] {
            assert!(!text.contains(word), "{readme} holds an example that never runs");
        }
    }
}

#[test]
fn the_top_level_is_what_the_readme_says() {
    let mut folders: Vec<_> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    folders.sort();
    assert_eq!(folders, ["examples", "pocketping-cli", "pocketping-mock-server", "pocketping-sdk"]);
}
