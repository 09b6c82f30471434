//! Every command there is, in every output, piped: stdout parses. A new command fails here until it has a line.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use pocketping_mock_server::{Contract, MockServer};
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{at, pocketping, run, run_with_input};

/// The commands of the help, down to those that do something.
pub(crate) fn leaves(path: &[String]) -> Vec<Vec<String>> {
    let words: Vec<_> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let help = run(pocketping(&words)).stdout;
    let (_, commands) = help.split_once("\nCommands:\n").unwrap_or_default();
    let names: Vec<_> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let below: Vec<_> = names.iter().flat_map(|name| leaves(&[path, &[(*name).to_owned()]].concat())).collect();
    // The server is a command and has some.
    if names.is_empty() || path == ["mock"] { [below, vec![path.to_vec()]].concat() } else { below }
}

/// What an example says of a command.
pub(crate) enum Example {
    /// Arguments behind the command's name, and what stands on standard input.
    Ends(&'static [&'static str], &'static str),
    /// It is a conversation with a person, runs until it is ended, or needs a delivery: other tests look at it.
    GoesOn,
}

pub(crate) fn example(command: &str) -> Example {
    use Example::{Ends, GoesOn};
    match command {
        "sessions list" | "webhooks list" | "profile list" | "stats" | "config show" | "explain" | "mock stories" => {
            Ends(&[], "")
        }
        "sessions export" | "sessions get" | "sessions close" | "messages list" | "mock export" => {
            Ends(&["sess_abc123"], "")
        }
        "sessions identify" => Ends(&["sess_abc123", "--name", "Ann"], ""),
        "sessions ai" => Ends(&["sess_abc123", "off"], ""),
        "messages send" => Ends(&["sess_abc123", "-"], "Hello!"),
        "webhooks create" => Ends(&["https://a.test/"], ""),
        "webhooks delete" => Ends(&["wh_1"], ""),
        "events listen" | "listen" => Ends(&["--since", "2024-01-01T00:00:00Z", "--limit", "1"], ""),
        "wait" => Ends(&["--session", "sess_abc123", "--until", ".message", "--timeout", "1m"], ""),
        "api" => Ends(&["GET", "/sessions"], ""),
        "login" => Ends(&["--with-token"], "test_key"),
        "profile use" | "profile show" | "profile remove" => Ends(&["default"], ""),
        "mock run" => Ends(&["rush-hour"], ""),
        "chat" => Ends(&["sess_abc123"], "Hello!"),
        "doctor" | "man" => Ends(&[], ""),
        "completions" => Ends(&["bash"], ""),
        "webhooks sign" => Ends(&["@Cargo.toml", "--secret-file", "-"], "s3cret"),
        "inbox" | "mock" | "demo" | "events replay" | "sessions watch" | "messages tail" | "webhooks verify"
        | "webhooks trigger" => GoesOn,
        other => panic!("`{other}` has no example here"),
    }
}

/// A machine with a server, a profile and a webhook.
struct Machine {
    server: MockServer,
    config: TempDir,
}

impl Machine {
    fn new(contract: Contract) -> Self {
        let server = MockServer::builder().contract(contract).api_key("test_key").demo_seed().start().unwrap();
        let config = tempfile::tempdir().unwrap();
        let file = config.path().join("config.toml");
        let text = format!("[profiles.default]\napi-url = \"{}\"\napi-key = \"test_key\"\n", server.url());
        fs::write(&file, text).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let machine = Self { server, config };
        assert_eq!(run(machine.command(&["webhooks", "create", "https://b.test/"])).code, 0);
        machine
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = at(&self.server, args);
        command.env("POCKETPING_CONFIG_DIR", self.config.path());
        if args[0] == "login" {
            command.env_remove("POCKETPING_API_KEY");
        }
        command
    }
}

/// Commands that a strict server has nothing for.
fn is_extended_only(command: &str) -> bool {
    matches!(command, "webhooks list" | "webhooks delete")
}

/// What is printed, read by the rules of its format.
fn check(format: &str, stdout: &str) -> Result<(), String> {
    if stdout.contains('\u{1b}') {
        return Err("it holds an escape".to_owned());
    }
    match format {
        "json" => {
            let documents = serde_json::Deserializer::from_str(stdout).into_iter::<Value>();
            documents.collect::<Result<Vec<_>, _>>().map(drop).map_err(|error| error.to_string())
        }
        "ndjson" => stdout.lines().try_for_each(|line| match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(_)) => Ok(()),
            other => Err(format!("{line}: {other:?}")),
        }),
        "csv" => {
            let mut reader = csv::Reader::from_reader(stdout.as_bytes());
            reader.records().try_for_each(|record| record.map(drop).map_err(|error| error.to_string()))
        }
        "tsv" => {
            let width = |line: &str| line.split('\t').count();
            let heads = stdout.lines().next().map(width);
            let odd = stdout.lines().find(|line| Some(width(line)) != heads);
            odd.map_or(Ok(()), |line| Err(format!("another number of fields: {line:?}")))
        }
        _ => Ok(()),
    }
}

#[test]
fn every_command_piped_in_every_output_prints_what_parses() {
    let leaves = leaves(&[]);
    assert!(leaves.len() > 20, "{leaves:?}");
    for leaf in leaves {
        let name = leaf.join(" ");
        let Example::Ends(args, input) = example(&name) else { continue };
        let words: Vec<_> = leaf.iter().map(String::as_str).chain(args.iter().copied()).collect();
        for contract in [Contract::Strict, Contract::Extended] {
            if contract == Contract::Strict && is_extended_only(&name) {
                continue;
            }
            for format in ["table", "json", "ndjson", "csv", "tsv"] {
                let machine = Machine::new(contract);
                let ended = run_with_input(machine.command(&[&words[..], &["-o", format]].concat()), input);
                assert_eq!(ended.code, 0, "{words:?} {format} {contract:?}: {}", ended.stderr);
                if let Err(why) = check(format, &ended.stdout) {
                    panic!("{words:?} -o {format}, {contract:?}: {why}\n{}", ended.stdout);
                }
                assert!(!ended.stderr.contains('\u{1b}'), "{words:?}: {}", ended.stderr);
            }
        }
    }
}

#[test]
fn whatever_changes_something_can_be_told_instead() {
    let mut writes = Vec::new();
    for leaf in leaves(&[]) {
        let name = leaf.join(" ");
        // A conversation is no request.
        let Example::Ends(args, input) = example(&name) else { continue };
        if name == "chat" {
            continue;
        }
        let words: Vec<_> = leaf.iter().map(String::as_str).chain(args.iter().copied()).collect();
        let changes = |machine: &Machine| {
            let requests = machine.server.journal().requests();
            requests.len() - requests.method("GET").len()
        };
        let machine = Machine::new(Contract::Extended);
        let before = changes(&machine);
        assert_eq!(run_with_input(machine.command(&words), input).code, 0, "{name}");
        if changes(&machine) == before {
            continue;
        }
        let machine = Machine::new(Contract::Extended);
        let before = changes(&machine);
        let told = run_with_input(machine.command(&[&words[..], &["--dry-run"]].concat()), input);
        assert_eq!((told.code, changes(&machine)), (0, before), "{name} --dry-run: {}", told.stderr);
        let told = run_with_input(machine.command(&[&words[..], &["--dry-run", "-q"]].concat()), input);
        assert_eq!((told.code, told.stdout.as_str(), changes(&machine)), (0, "", before), "{name} --dry-run -q");
        writes.push(name);
    }
    assert_eq!(writes.len(), 6, "{writes:?}");
}

#[test]
fn no_command_minds_a_reader_that_is_gone() {
    for leaf in leaves(&[]) {
        let Example::Ends(args, input) = example(&leaf.join(" ")) else { continue };
        let words: Vec<_> = leaf.iter().map(String::as_str).chain(args.iter().copied()).collect();
        let machine = Machine::new(Contract::Extended);
        let mut command = machine.command(&words);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        // It may have ended before it read.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(0) && !stderr.contains("error"), "{words:?}: {} {stderr}", output.status);
    }
}
