//! `webhooks sign` and `webhooks verify`.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use pocketping_sdk::{Timestamp, webhooks};
use serde_json::{Value, json};

use crate::run::{Ended, error_of, pocketping, run, run_with_input};

/// A delivery of a bridge server, as it was once received.
const BODY: &str = r#"{"data":{"online":true},"sentAt":"2026-11-22T07:13:45Z","type":"operator_status"}"#;
const SIGNATURE: &str = "sha256=4dbbec12776eb4eec1f422940c276b343a8a64e7774251858cc9f33f743b5ae1";

fn with_secret(args: &[&str], secret: &str, input: &str) -> Ended {
    let mut command = pocketping(&[&["webhooks"], args].concat());
    command.env("POCKETPING_WEBHOOK_SECRET", secret);
    run_with_input(command, input)
}

#[test]
fn a_body_is_signed_as_deployments_sign_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let secret = file("secret", "s3cret\n");
    let body = format!("@{}", file("body.json", BODY));
    for ended in [
        with_secret(&["sign"], "s3cret", BODY),
        with_secret(&["sign", "-", "--secret-file", &secret], "another", BODY),
        with_secret(&["sign", &body, "--secret-file", "-"], "another", "s3cret\n"),
        with_secret(&["sign", &body, "-q"], "s3cret", ""),
        with_secret(&["sign", &body, "--jq", ".value"], "s3cret", ""),
    ] {
        assert_eq!((ended.code, ended.stdout.trim_end(), ended.stderr.as_str()), (0, SIGNATURE, ""));
    }
    let ended = with_secret(&["sign", "-o", "json"], "s3cret", BODY);
    let header: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(header, json!({"header": "X-PocketPing-Signature", "value": SIGNATURE}));
    assert_ne!(with_secret(&["sign"], "s3cret", &format!("{BODY}\n")).stdout.trim_end(), SIGNATURE, "bytes are bytes");
}

#[test]
fn a_secret_and_a_body_are_needed() {
    let ended = run_with_input(pocketping(&["webhooks", "sign"]), BODY);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("no secret") && ended.stderr.contains("POCKETPING_WEBHOOK_SECRET"));
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    for (args, code, named) in [
        (&["sign", "--secret-file", "-"][..], 2, "one thing only"),
        (&["sign", BODY], 2, "@FILE"),
        (&["sign", "@/nowhere"], 3, "/nowhere cannot be read"),
        (&["sign", "--secret-file", "/nowhere"], 3, "/nowhere cannot be read"),
        (&["sign", "--secret-file", empty.to_str().unwrap()], 3, "is empty"),
        (&["verify"], 2, "--signature"),
        (&["verify", "--signature", SIGNATURE, "--secret-file", "-", "--secret-file", "-", "@x"], 2, "one thing only"),
        (&["verify", "--signature", SIGNATURE, "--tolerance", "soon"], 2, "--tolerance"),
    ] {
        // An argument that is wrong is found before anything is read.
        let mut command = pocketping(&[&["webhooks"], args].concat());
        command.env("POCKETPING_WEBHOOK_SECRET", "s3cret");
        let ended = run(command);
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_genuine_delivery_is_valid_and_told() {
    let ended = with_secret(&["verify", "--signature", SIGNATURE, "--allow-stale", "-o", "json"], "s3cret", BODY);
    let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
    let expected = json!({"valid": true, "secret": "POCKETPING_WEBHOOK_SECRET", "envelope": "deployed",
        "event": "operator_status", "time": "2026-11-22T07:13:45Z"});
    assert_eq!((ended.code, verdict, ended.stderr.as_str()), (0, expected, ""));

    // While secrets change, both are taken, and which one it was is told.
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (new, old) = (path("new"), path("old"));
    fs::write(Path::new(&new), "n3w").unwrap();
    fs::write(Path::new(&old), "0ld").unwrap();
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    let body = format!(
        r#"{{"event":"message.created","timestamp":"{now}","data":{{"sessionId":"sess_1","message":{{"id":"m","content":"Hi","type":"visitor"}}}}}}"#
    );
    let signature = webhooks::sign("0ld", body.as_bytes());
    let args = ["verify", "--signature", &signature, "--secret-file", &new, "--secret-file", &old, "-o", "json"];
    let ended = with_secret(&args, "ignored", &body);
    let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, verdict["secret"].as_str()), (0, Some(old.as_str())), "{}", ended.stderr);
    let told = [&verdict["envelope"], &verdict["event"], &verdict["session"]];
    assert_eq!(told, ["documented", "message.created", "sess_1"]);
}

#[test]
fn what_is_wrong_is_said_as_far_as_it_is_known() {
    let sign = |body: &str| webhooks::sign("s3cret", body.as_bytes());
    let now = Timestamp::try_from(SystemTime::now()).unwrap();
    let fresh = format!(r#"{{"type":"operator_status", "data":{{"online":true}}, "sentAt":"{now}"}}"#);
    let parsed: Value = serde_json::from_str(&fresh).unwrap();
    // The same JSON without its white space, in its own order.
    let compact = fresh.replace(", ", ",");
    assert_eq!(serde_json::from_str::<Value>(&compact).unwrap(), parsed);
    for (signature, body, reason, said) in [
        (String::new(), BODY, "missing", "is empty"),
        (SIGNATURE.replace("sha256=", ""), BODY, "bad_prefix", "sha256="),
        (SIGNATURE.replace("sha256", "sha1"), BODY, "bad_prefix", "sha256="),
        (SIGNATURE.replace("ae1", ""), BODY, "bad_length", "61 characters"),
        (SIGNATURE.replace("ae1", "xyz"), BODY, "bad_hex", "hexadecimal"),
        (SIGNATURE.to_owned(), &fresh, "wrong_secret_or_body", "nobody can tell which"),
        (SIGNATURE.to_owned(), "Hello", "wrong_secret_or_body", "not JSON"),
        (sign(&compact), &fresh, "reserialised", "written otherwise"),
        (sign("Hello"), "Hello", "not_a_payload", "not JSON"),
        (sign("[1]"), "[1]", "not_a_payload", "neither `event` nor `type`"),
        (sign(r#"{"type":"test","data":{}}"#), r#"{"type":"test","data":{}}"#, "no_time", "no time"),
        (SIGNATURE.to_owned(), BODY, "stale", "2026-11-22T07:13:45Z"),
    ] {
        let ended = with_secret(&["verify", "--signature", &signature, "-o", "json"], "s3cret", body);
        let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((ended.code, &verdict["valid"], &verdict["reason"]), (6, &json!(false), &json!(reason)), "{body}");
        let error = error_of(&ended.stderr);
        assert!(verdict["detail"].as_str().unwrap().contains(said), "{verdict}");
        assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        assert!(!ended.stderr.contains("s3cret") && !ended.stdout.contains("s3cret"), "{}", ended.stderr);
    }
    let old = Timestamp::from_millis(now.as_millis() - 30 * 60 * 1000).unwrap();
    let body = format!(r#"{{"type":"operator_status","data":{{"online":true}},"sentAt":"{old}"}}"#);
    for (tolerance, code) in [("29m", 6), ("40m", 0)] {
        let args = ["verify", "--signature", &sign(&body), "--tolerance", tolerance];
        assert_eq!(with_secret(&args, "s3cret", &body).code, code);
    }
}
