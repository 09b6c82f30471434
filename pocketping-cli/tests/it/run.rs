//! Runs the binary and writes down what happened.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use pocketping_mock_server::MockServer;

/// The binary with nothing of this machine's settings.
pub(crate) fn pocketping(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocketping"));
    command.args(args).stdin(Stdio::null());
    for name in ["API_KEY", "API_URL", "PLAN"] {
        command.env_remove(format!("POCKETPING_{name}"));
    }
    for name in
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]
    {
        command.env_remove(name);
    }
    command
}

/// The binary pointed at a server by the environment.
pub(crate) fn at(server: &MockServer, args: &[&str]) -> Command {
    let mut command = pocketping(args);
    command.env("POCKETPING_API_URL", server.url()).env("POCKETPING_API_KEY", server.api_key());
    command
}

/// What a command printed and how it ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn run(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// As [`run`], with this on standard input.
pub(crate) fn run_with_input(mut command: Command, input: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs commands one after the other and writes them down like a terminal would show them, the server's address left
/// out.
pub(crate) fn transcript(server: &MockServer, commands: &[&[&str]]) -> String {
    let mut text = String::new();
    for args in commands {
        let ended = run(at(server, args));
        writeln!(text, "$ pocketping {}", args.join(" ")).unwrap();
        text.push_str(&ended.stdout);
        for line in ended.stderr.lines() {
            writeln!(text, "! {line}").unwrap();
        }
        writeln!(text, "= {}\n", ended.code).unwrap();
    }
    text.replace(&server.address().to_string(), "SERVER")
}
