//! `webhooks sign` and `webhooks verify`: what a delivery is signed with, and why a signature is not good.

use std::time::Duration;

use clap::Args;
use pocketping_mock_server::args::duration;
use pocketping_sdk::Timestamp;
use pocketping_sdk::webhooks::{self, Payload, Verifier, VerifyError};
use serde::Serialize;

use super::cell;
use crate::error::{CliError, Exit};
use crate::forward::{SECRET, secret_in};
use crate::input::{self, Source};
use crate::output::{Output, Render};

/// The header, as servers write it.
const HEADER: &str = "X-PocketPing-Signature";

// What to sign.
#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The body: `-` is standard input, `@FILE` a file; its bytes are signed as they are
    #[arg(default_value = "-", value_name = "BODY")]
    body: String,

    /// File with the secret, `-` for standard input [env: POCKETPING_WEBHOOK_SECRET]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<String>,
}

// What to verify.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The raw body as it was received: `-` is standard input, `@FILE` a file
    #[arg(default_value = "-", value_name = "BODY")]
    body: String,

    /// The value of the header X-PocketPing-Signature
    #[arg(long, value_name = "sha256=…")]
    signature: String,

    /// File with a secret, `-` for standard input; repeat it while secrets change [env: POCKETPING_WEBHOOK_SECRET]
    #[arg(long = "secret-file", value_name = "FILE")]
    secret_files: Vec<String>,

    /// How far the body's time may be from now, such as 20m
    #[arg(long, value_name = "TIME", default_value = "20m", value_parser = duration)]
    tolerance: Duration,

    /// Take a body of any age
    #[arg(long, conflicts_with = "tolerance")]
    allow_stale: bool,
}

/// A header to send.
#[derive(Debug, Serialize)]
struct Header {
    header: &'static str,
    value: String,
}

/// What is known of a delivery.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    valid: bool,
    /// What is wrong, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Where the secret stood that it was signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
}

pub(crate) fn sign(args: &SignArgs, output: &mut Output) -> Result<(), CliError> {
    let [(_, secret)] = &secrets(args.secret_file.as_slice(), &args.body)?[..] else {
        return Err(CliError::usage("one secret signs"));
    };
    let value = webhooks::sign(secret, &body_of(&args.body)?);
    if output.is_plain() {
        return output.text(&value);
    }
    output.item(&Header { header: HEADER, value })
}

pub(crate) fn verify(args: &VerifyArgs, output: &mut Output) -> Result<(), CliError> {
    let secrets = secrets(&args.secret_files, &args.body)?;
    let body = body_of(&args.body)?;
    let mut verifier = Verifier::new("").freshness(args.tolerance);
    for (label, secret) in &secrets {
        verifier = verifier.secret(label.as_str(), secret);
    }
    if args.allow_stale {
        verifier = verifier.allow_stale();
    }
    match verifier.verify(Some(&args.signature), &body) {
        Ok(genuine) => {
            let payload = genuine.payload();
            output.item(&Verdict {
                valid: true,
                secret: Some(genuine.secret().to_owned()),
                envelope: Some(envelope(payload)),
                event: Some(payload.name().to_owned()),
                session: payload.session_id().map(str::to_owned),
                time: payload.time(),
                ..Verdict::default()
            })
        }
        Err(error) => {
            let (reason, detail, hint) = why(&error, &args.signature, &body, secrets.len());
            let mut failed = CliError::new(Exit::Invalid, format!("the delivery is not valid: {detail}"));
            if let Some(hint) = hint {
                failed = failed.with_hint(hint);
            }
            output.item(&Verdict { reason: Some(reason), detail: Some(detail), ..Verdict::default() })?;
            Err(failed)
        }
    }
}

/// What is wrong, as far as that can be told: a code, a sentence, and what to do.
fn why(
    error: &VerifyError,
    signature: &str,
    body: &[u8],
    secrets: usize,
) -> (&'static str, String, Option<&'static str>) {
    let digits = signature.trim().strip_prefix("sha256=").unwrap_or_default();
    let said = error.to_string();
    match error {
        VerifyError::MissingHeader => ("missing", "the signature is empty".to_owned(), None),
        VerifyError::BadPrefix => ("bad_prefix", said, Some("it looks like sha256= and 64 hexadecimal digits")),
        VerifyError::BadHex if digits.chars().count() != 64 => {
            let count = digits.chars().count();
            ("bad_length", format!("sha256= is followed by {count} characters, not by 64"), None)
        }
        VerifyError::BadHex => ("bad_hex", "not all that follows sha256= are hexadecimal digits".to_owned(), None),
        VerifyError::Reserialised => (
            "reserialised",
            "the signature is that of the same JSON written otherwise".to_owned(),
            Some("sign and verify the raw bytes, before anything parses them"),
        ),
        VerifyError::WrongKey => match webhooks::parse(body) {
            Ok(_) => {
                let said = if secrets == 1 { "the secret does not give it" } else { "none of the secrets gives it" };
                let detail = format!("{said}: it is another secret, or the body was changed; nobody can tell which");
                ("wrong_secret_or_body", detail, None)
            }
            Err(error) => {
                ("wrong_secret_or_body", format!("the signature is not that of this body, and {error}"), None)
            }
        },
        VerifyError::NotAPayload(_) => ("not_a_payload", said, None),
        VerifyError::NoTime => ("no_time", said, Some("--allow-stale takes it all the same")),
        VerifyError::Stale { .. } => (
            "stale",
            said,
            Some("a replay, a late retry or a wrong clock; --tolerance TIME takes more, --allow-stale all"),
        ),
        _ => ("invalid", said, None),
    }
}

fn envelope(payload: &Payload) -> &'static str {
    match payload {
        Payload::Documented(_) => "documented",
        Payload::Deployed(_) => "deployed",
        Payload::Sdk(_) => "sdk",
        _ => "other",
    }
}

/// The secrets and where each stood: those of the files, else that of the environment. One at least.
fn secrets(files: &[String], body: &str) -> Result<Vec<(String, String)>, CliError> {
    let of_input = files.iter().filter(|file| *file == "-").count();
    if of_input > 1 || (of_input == 1 && body == "-") {
        return Err(CliError::usage("standard input can be one thing only: the body, or one secret")
            .with_hint("@FILE reads the body from a file"));
    }
    let found: Vec<_> = if files.is_empty() {
        let secret = secret_in(None)?.map(|secret| (SECRET.to_owned(), secret));
        secret.into_iter().collect()
    } else {
        let read = files.iter().map(|file| Ok((file.clone(), secret_in(Some(file))?.unwrap_or_default())));
        read.collect::<Result<_, CliError>>()?
    };
    if found.is_empty() {
        return Err(CliError::new(Exit::Config, "no secret was given")
            .with_hint("pass --secret-file FILE, or set POCKETPING_WEBHOOK_SECRET"));
    }
    Ok(found)
}

/// The bytes of standard input (`-`) or of a file (`@FILE`), as they are.
pub(super) fn body_of(from: &str) -> Result<Vec<u8>, CliError> {
    let source = match from.strip_prefix('@') {
        _ if from == "-" => Source::Stdin,
        Some(file) => Source::file(file),
        None => return Err(CliError::usage("a body is `-` for standard input, or `@FILE`")),
    };
    source.bytes(input::MOST)
}

impl Render for Header {
    const COLUMNS: &'static [&'static str] = &["header", "value"];

    fn cells(&self) -> Vec<String> {
        vec![self.header.to_owned(), self.value.clone()]
    }

    fn ids(&self) -> Vec<String> {
        vec![self.value.clone()]
    }
}

impl Render for Verdict {
    const COLUMNS: &'static [&'static str] =
        &["valid", "reason", "detail", "secret", "envelope", "event", "session", "time"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.valid.to_string(),
            cell(self.reason.as_ref()),
            cell(self.detail.as_ref()),
            cell(self.secret.as_ref()),
            cell(self.envelope.as_ref()),
            cell(self.event.as_ref()),
            cell(self.session.as_ref()),
            cell(self.time.as_ref()),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let mut details: Vec<_> = Self::COLUMNS.iter().copied().zip(self.cells()).collect();
        details.retain(|(_, value)| !value.is_empty());
        details
    }
}
