//! An outside witness: what PocketPing's own package for Python sends and signs is taken, and signed the same here.
//!
//! It needs that package and Python: `POCKETPING_PYTHON` names the interpreter (`python3` if nothing does). Where there
//! is none these tests say so and pass, unless `POCKETPING_REQUIRE_PYTHON=1`.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use pocketping_sdk::webhooks::{DeployedEvent, Payload, Verifier, VerifyError, sign};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/witness.py");
const VERSION: &str = "1.12.0";
const SECRET: &str = "whsec_Schlüssel 🔑";

/// The script, without this machine's proxies: what it calls is on loopback.
fn python() -> Command {
    let mut command = Command::new(std::env::var_os("POCKETPING_PYTHON").unwrap_or_else(|| "python3".into()));
    command.arg(SCRIPT).stdin(Stdio::null()).env("PYTHONIOENCODING", "utf-8");
    for name in
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"]
    {
        command.env_remove(name);
    }
    command
}

/// What the script printed.
fn printed(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Whether the witness can be heard. Where it must be and cannot, the test fails.
#[track_caller]
fn is_there() -> bool {
    let missing = match printed(python().arg("version")) {
        Ok(version) if version == VERSION => return true,
        Ok(version) => format!("pocketping {version} is installed, not {VERSION}"),
        Err(error) => error,
    };
    let is_required = std::env::var("POCKETPING_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
    assert!(!is_required, "no Python with pocketping {VERSION}: {missing}");
    let why = missing.lines().last().unwrap_or_default();
    // Not by a macro, whose words the runner would keep to itself.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: no Python with pocketping {VERSION} ({why})").unwrap();
    false
}

/// A request as it arrived.
struct Received {
    head: String,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn signature(&self) -> Option<&str> {
        self.header("X-PocketPing-Signature")
    }
}

/// A receiver that takes everything, one request a connection.
fn receiver() -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (tell, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if tell.send(receive(&mut stream)).is_err() {
                return;
            }
            drop(stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
        }
    });
    (url, received)
}

fn receive(stream: &mut TcpStream) -> Received {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let mut received = Received { head: String::from_utf8(head).unwrap(), body: Vec::new() };
    received.body.resize(received.header("content-length").unwrap().parse().unwrap(), 0);
    stream.read_exact(&mut received.body).unwrap();
    received
}

/// What the package sends of two visitors, and the ids of their sessions.
fn told(secret: Option<&str>) -> ([Received; 4], [String; 2]) {
    let (url, received) = receiver();
    let mut command = python();
    command.args(["tell", &url]).env_remove("WITNESS_SECRET").envs(secret.map(|secret| ("WITNESS_SECRET", secret)));
    let ids = printed(&mut command).unwrap();
    let ids: Vec<_> = ids.split(' ').map(str::to_owned).collect();
    let next = || received.recv_timeout(Duration::from_secs(10)).expect("a delivery in time");
    (std::array::from_fn(|_| next()), ids.try_into().unwrap())
}

#[test]
fn what_the_python_package_sends_is_taken_and_read() {
    if !is_there() {
        return;
    }
    let ([custom, named, rated, silent], [one, two]) = told(Some(SECRET));
    // The package has the time of now, as this machine has.
    let verifier = Verifier::new("another").secret("python", SECRET);
    let taken = |got: &Received| {
        assert_eq!(got.header("X-PocketPing-Event"), None, "the package names none");
        let genuine = verifier.verify(got.signature(), &got.body).unwrap();
        assert_eq!((genuine.secret(), genuine.is_repeat()), ("python", false));
        let payload = genuine.payload().clone();
        genuine.done();
        payload
    };

    let payload = taken(&custom);
    let Payload::Sdk(event) = &payload else { panic!("an SDK's envelope: {payload:?}") };
    assert_eq!((payload.name(), payload.session_id(), payload.message()), ("clicked_cta", Some(one.as_str()), None));
    let data = event.event.data.as_ref().unwrap();
    assert_eq!((&data["plan"], &data["seats"]), (&"pro".into(), &3.into()));
    assert_eq!(data["words"], "Grüße, \"Ünïcode\" / 💬\n");
    let session = payload.session().unwrap();
    assert_eq!((session.id.as_str(), session.visitor_id.unwrap().as_str()), (one.as_str(), "visitor-1"));
    assert_eq!(session.metadata.page_url.as_deref(), Some("https://example.com/pricing"));
    assert_eq!((session.metadata.user_agent.as_deref(), session.identity), (Some("Mozilla/5.0"), None));

    let payload = taken(&named);
    assert!(matches!(payload, Payload::Sdk(_)));
    assert_eq!((payload.name(), payload.session_id()), ("identify", Some(one.as_str())));
    let identity = payload.session().unwrap().identity.unwrap();
    assert_eq!((identity.email.as_deref(), identity.name.as_deref()), (Some("ada@example.com"), Some("Ada Lovelace")));

    for (got, session, score, comment) in
        [(&rated, &one, 5, "Très bien, merci 👍".into()), (&silent, &two, 1, serde_json::Value::Null)]
    {
        let payload = taken(got);
        let Payload::Deployed(event) = &payload else { panic!("a deployment's envelope: {payload:?}") };
        assert_eq!((&event.event, payload.session_id()), (&DeployedEvent::CsatSubmitted, Some(session.as_str())));
        assert_eq!((&event.data["score"], &event.data["comment"]), (&score.into(), &comment));
    }
    assert!(verifier.verify(rated.signature(), &rated.body).unwrap().is_repeat(), "what was handled");
}

#[test]
fn what_was_changed_on_its_way_is_refused() {
    if !is_there() {
        return;
    }
    let (deliveries, _) = told(Some(SECRET));
    let verifier = Verifier::new(SECRET);
    for got in &deliveries {
        for at in 0..got.body.len() {
            let mut changed = got.body.clone();
            changed[at] ^= 1;
            let error = verifier.verify(got.signature(), &changed).unwrap_err();
            assert!(error.is_forgery(), "byte {at}: {error}");
        }
        let longer = [&got.body[..], b" "].concat();
        assert!(verifier.verify(got.signature(), &longer).unwrap_err().is_forgery());
        let other = Verifier::new("another").verify(got.signature(), &got.body);
        assert_eq!(other.unwrap_err(), VerifyError::WrongKey);
    }
    // One delivery's signature is not another's.
    let [one, other, ..] = &deliveries;
    assert!(verifier.verify(one.signature(), &other.body).unwrap_err().is_forgery());

    let (unsigned, _) = told(None);
    for got in &unsigned {
        assert_eq!(verifier.verify(got.signature(), &got.body).unwrap_err(), VerifyError::MissingHeader);
    }
}

#[test]
fn python_signs_the_same() {
    if !is_there() {
        return;
    }
    let secrets: [&[u8]; 6] = [b"s3cret", b"", SECRET.as_bytes(), &[0, 0xff, 0xfe], &[b'x'; 64], &[b'y'; 200]];
    let long = vec![b'z'; 100_000];
    let bodies: [&[u8]; 6] = [
        br#"{"data":{"online":true},"sentAt":"2026-11-22T07:13:45Z","type":"operator_status"}"#,
        b"",
        "{\"content\": \"Zażółć gęślą jaźń / 💬\"}\r\n".as_bytes(),
        &[0, 0xff, 0xfe, b'\n'],
        &[b' '; 64],
        &long,
    ];
    let pairs = || secrets.iter().flat_map(|secret| bodies.iter().map(move |body| (*secret, *body)));
    let mut asked = String::new();
    for (secret, body) in pairs() {
        writeln!(asked, r#"{{"secret":"{}","body":"{}"}}"#, hex(secret), hex(body)).unwrap();
    }
    let mut child = python().arg("sign").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // From a thread of its own: it answers while it is asked.
    let writer = thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let signed = String::from_utf8(output.stdout).unwrap();
    let signed: Vec<_> = signed.lines().map(|digest| format!("sha256={digest}")).collect();
    let ours: Vec<_> = pairs().map(|(secret, body)| sign(secret, body)).collect();
    assert_eq!((signed.len(), signed), (36, ours));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
