//! What the program opens: no connection but to the server that was named, no file but its own and the system's.
//!
//! Needs strace. Without it the test says that it was skipped; with `POCKETPING_REQUIRE_STRACE=1` it fails.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use pocketping_mock_server::MockServer;

use crate::run::pocketping;

/// The calls that reach out: what is opened, made, removed, and connected to.
const CALLS: &str =
    "trace=open,openat,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2,connect,bind,sendto";

fn is_there() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("POCKETPING_REQUIRE_STRACE").is_none(), "strace is required and not there");
    found
}

/// The system calls of a command.
fn traced(home: &Path, server: &MockServer, args: &[&str]) -> Vec<String> {
    let file = home.join("trace");
    let plain = pocketping(args);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-s", "4096", "-e", CALLS, "-o"]).arg(&file).arg(plain.get_program()).args(args);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // What cargo sets for tests.
    command.env_remove("LD_LIBRARY_PATH");
    command.env("HOME", home).env("POCKETPING_CONFIG_DIR", home.join("config"));
    command.env("POCKETPING_STATE_DIR", home.join("state")).env("POCKETPING_PLAN", "600/min");
    command.env("POCKETPING_API_URL", server.url()).env("POCKETPING_API_KEY", server.api_key());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect()
}

/// What stands between the first quotes.
fn path(call: &str) -> &str {
    call.split('"').nth(1).unwrap_or_else(|| panic!("no path: {call}"))
}

#[test]
fn nothing_is_opened_but_the_server_that_was_named_and_the_programs_own_files() {
    if !is_there() {
        eprintln!("SKIPPED: there is no strace");
        return;
    }
    let server = MockServer::builder().demo_seed().start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let own = [home.join("config"), home.join("state")];
    let port = format!("htons({})", server.address().port());
    let mut connected = BTreeSet::new();
    for args in [
        &["--version"][..],
        &["--help"],
        &["explain"],
        &["config", "show"],
        &["profile", "list"],
        &["completions", "bash"],
        &["man"],
        &["doctor"],
        &["sessions", "list"],
        &["sessions", "get", "sess_abc123", "-o", "json"],
        &["messages", "send", "sess_abc123", "Hello!"],
        &["sessions", "close", "sess_abc123"],
        &["listen", "--since", "2024-01-01T00:00:00Z", "--limit", "1"],
        &["wait", "--session", "sess_abc123", "--until", ".message", "--timeout", "1m"],
    ] {
        for line in traced(home, &server, args) {
            let Some((_, call)) = line.split_once(' ') else { panic!("{line}") };
            let call = call.trim_start();
            let name = call.split('(').next().unwrap_or_default();
            match name {
                "connect" => {
                    let is_named = call.contains(&port) && call.contains("\"127.0.0.1\"");
                    assert!(is_named, "{args:?} connects elsewhere: {call}");
                    connected.insert(args);
                }
                // A socket of streams is written to by other calls; one of datagrams would be a name server's.
                "sendto" => assert!(call.contains("NULL, 0)"), "{args:?} sends a datagram: {call}"),
                "bind" => panic!("{args:?} listens: {call}"),
                "open" | "openat" if !["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| call.contains(flag)) => {
                    let path = path(call);
                    let is_system =
                        ["/lib", "/usr/lib", "/etc/", "/proc/", "/sys/"].iter().any(|folder| path.starts_with(folder));
                    let is_own = own.iter().any(|folder| Path::new(path).starts_with(folder));
                    assert!(is_system || is_own, "{args:?} reads {call}");
                }
                "---" | "+++" | "<..." => {}
                _ => {
                    let path = Path::new(path(call));
                    let is_own = own.iter().any(|folder| path.starts_with(folder)) || path == Path::new("/dev/null");
                    assert!(is_own, "{args:?} changes {call}");
                }
            }
        }
    }
    assert_eq!(connected.len(), 7, "those that ask the server: {connected:?}");
}
