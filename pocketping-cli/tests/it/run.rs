//! Runs the binary and writes down what happened.

use std::fmt::Write as _;
use std::io::Write as _;
use std::io::{BufRead, BufReader, ErrorKind, Lines, Read};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use pocketping_mock_server::MockServer;
use serde_json::{Value, json};

/// The binary with nothing of this machine's settings.
pub(crate) fn pocketping(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pocketping"));
    command.args(args).stdin(Stdio::null());
    for name in ["API_KEY", "API_URL", "PLAN", "PROFILE", "EVENTS_WEBHOOK_SECRET", "WEBHOOK_SECRET"] {
        command.env_remove(format!("POCKETPING_{name}"));
    }
    // Nothing is configured there, and nothing is ever kept.
    command.env("POCKETPING_CONFIG_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/none"));
    command.env("POCKETPING_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));
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

/// Holds the next message that is sent at this barrier, before it is applied.
pub(crate) fn hold_a_send(server: &MockServer, barrier: &str) {
    let on = json!({"route": "/sessions/:sessionId/messages", "method": "POST"});
    let fault = json!({"on": on, "do": {"kind": "hold", "barrier": barrier}});
    server.inject(fault.to_string().parse().unwrap());
}

/// An address at which nobody listens, as long as this lives: a connection's own, which nobody is given meanwhile.
pub(crate) struct Nobody {
    _peer: TcpListener,
    connection: TcpStream,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(peer.local_addr().unwrap()).unwrap();
        Self { _peer: peer, connection }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.connection.local_addr().unwrap())
    }
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
pub(crate) fn run_with_input(mut command: Command, input: impl AsRef<[u8]>) -> Ended {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let written = child.stdin.take().unwrap().write_all(input.as_ref());
    // Who refuses the arguments ends before anything is read.
    assert!(written.as_ref().map_or_else(|error| error.kind() == ErrorKind::BrokenPipe, |()| true), "{written:?}");
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The one line of JSON on stderr.
#[track_caller]
pub(crate) fn error_of(stderr: &str) -> Value {
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    serde_json::from_str::<Value>(stderr).unwrap()["error"].take()
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

/// A command that runs on, printing lines of JSON. It ends with the test.
pub(crate) struct Listening {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    stderr: ChildStderr,
}

impl Listening {
    /// Starts `listen -o ndjson` and waits until it says that it is ready.
    pub(crate) fn start(server: &MockServer, args: &[&str]) -> Self {
        let mut listening = Self::spawn(at(server, &[&["listen", "-o", "ndjson"], args].concat()));
        let ready = listening.line();
        assert_eq!(ready["event"], "ready", "{ready}");
        listening
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = child.stderr.take().unwrap();
        Self { child, lines, stderr }
    }

    /// The next line.
    pub(crate) fn line(&mut self) -> Value {
        let Some(line) = self.lines.next() else {
            let mut stderr = String::new();
            self.stderr.read_to_string(&mut stderr).unwrap();
            panic!("there are no more lines: {stderr}");
        };
        serde_json::from_str(&line.unwrap()).unwrap()
    }

    /// The texts of the messages up to this one.
    pub(crate) fn contents_until(&mut self, last: &str) -> Vec<String> {
        let mut contents = Vec::new();
        while contents.last().is_none_or(|content| content != last) {
            contents.extend(self.line()["message"]["content"].as_str().map(str::to_owned));
        }
        contents
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Kills it where it stands.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end without reading what it prints.
    pub(crate) fn end_unread(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap()
    }

    /// Waits for its end: exit code, the lines that were left, and stderr.
    pub(crate) fn end(mut self) -> (i32, Vec<String>, String) {
        let lines = self.lines.by_ref().map(Result::unwrap).collect();
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code().unwrap(), lines, stderr)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
