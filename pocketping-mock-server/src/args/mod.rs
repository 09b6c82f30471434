//! The command line of the server, shared by its own binary and by `pocketping mock`.

mod logs;
mod running;
mod values;

use std::env;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use running::{Ready, ReadyFile, Running};

use crate::builder::MockServerBuilder;
use crate::http_client::Tls;
use crate::secret::Secret;
use crate::sources::{Clock, random_key};
use crate::versions::Version;
use crate::{ApiKey, Contract, Fault, Limits, MockServer, Responder, Seed, StartError, TlsIdentity};
use logs::LogArgs;
use running::Signals;
use values::{AiDelay, Print, RateLimit, Size};

/// Where the secret of the events webhook is looked for when no flag says it.
const EVENTS_SECRET: &str = "POCKETPING_EVENTS_WEBHOOK_SECRET";

/// How long something takes: a number and its unit, such as `500ms`, `30s`, `10m` or `2h`.
///
/// # Errors
/// When it is no such thing, zero, or more than a hundred years; the error says which.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::durations::duration(text)
}

/// How the server is run.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    host: IpAddr,

    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 3001)]
    port: u16,

    /// Let every unseen key in, each to a tenant of its own
    #[arg(long)]
    any_key: bool,

    /// Speak only what the API reference promises, or its additions too
    #[arg(long, default_value = "extended", value_name = "strict|extended")]
    contract: Contract,

    /// Start with the sessions of this JSON file; `demo` is the API reference's own example
    #[arg(long, value_name = "FILE|demo")]
    seed: Option<PathBuf>,

    /// Requests a minute per key, by plan or number
    #[arg(long, default_value = "none", value_name = "free|pro|team|none|N/min")]
    rate_limit: RateLimit,

    /// Let webhooks lead to private addresses although others than this machine can reach the server
    #[arg(long)]
    allow_private_webhooks: bool,

    /// Trust this PEM file's authorities, too, when delivering to https webhooks
    #[arg(long, value_name = "FILE")]
    webhook_ca: Option<PathBuf>,

    /// Where others reach the server, such as `https://chat.example.com/bridge`; addresses of uploaded files begin with it
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    public_url: Option<String>,

    /// Let whoever sends this token (`Authorization: Bearer`) control the server over `/_mock`; without one only this machine
    /// may, and only a server that no other machine can reach
    #[arg(long, env = "POCKETPING_CONTROL_TOKEN", hide_env = true, value_name = "TOKEN")]
    control_token: Option<Secret>,

    /// Send events to this URL, too, in the form that PocketPing's deployments use
    #[arg(long, value_name = "URL", value_parser = values::web_url)]
    events_webhook: Option<String>,

    /// Sign those events with this secret; better set in the environment as `POCKETPING_EVENTS_WEBHOOK_SECRET`, hidden
    /// from other users of this machine
    #[arg(long, value_name = "SECRET", requires = "events_webhook")]
    events_webhook_secret: Option<Secret>,

    /// Let a scripted AI answer visitors whom nobody answered for so long, such as 30s
    #[arg(long, default_value = "off", value_name = "off|DURATION")]
    ai_delay: AiDelay,

    /// What the AI says to what, from this JSON file; it needs an --ai-delay
    #[arg(long, value_name = "FILE", requires = "ai_delay")]
    ai_rules: Option<PathBuf>,

    /// Let this go wrong, said in JSON as to `/_mock/faults`; may be repeated
    #[arg(long = "fault", value_name = "JSON|@FILE", value_parser = values::fault)]
    faults: Vec<Fault>,

    /// Oldest version of the widget that is served
    #[arg(long, value_name = "VERSION")]
    widget_min_version: Option<Version>,

    /// Newest version of the widget; older ones are told of it
    #[arg(long, value_name = "VERSION")]
    widget_latest_version: Option<Version>,

    #[command(flatten)]
    limits: LimitArgs,

    /// How long running requests have to finish, and sockets to hear goodbye, when the server is told to stop; in real time
    #[arg(long, default_value = "500ms", value_name = "DURATION", value_parser = duration)]
    stop_within: Duration,

    /// Speak https and wss, with a certificate and an authority that are made at the start
    #[arg(long, requires = "tls_ca_file")]
    tls: bool,

    /// Write the authority's certificate to this PEM file, for clients to trust; it is gone when the server is
    #[arg(long, value_name = "FILE", requires = "tls")]
    tls_ca_file: Option<PathBuf>,

    /// Another name or address that the certificate is for, besides localhost, 127.0.0.1 and `::1`; may be repeated
    #[arg(long, value_name = "NAME", requires = "tls")]
    tls_name: Vec<String>,

    /// Listen on this Unix socket, too
    #[cfg(unix)]
    #[arg(long, value_name = "FILE")]
    unix_socket: Option<PathBuf>,

    #[command(flatten)]
    logs: LogArgs,

    /// Write the base URL to this file once the server answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,

    /// How the line is written that says that the server is ready
    #[arg(long, default_value = "text", value_name = "text|json")]
    print: Print,
}

/// How much of everything is taken.
#[derive(Debug, clap::Args)]
struct LimitArgs {
    /// Largest JSON body
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = values::body_size,
        default_value_t = Size(Limits::default().body as u64)
    )]
    max_body: Size,

    /// Largest frame of a socket
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().frame as u64))]
    max_frame: Size,

    /// Largest file that a visitor may upload
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().upload))]
    max_upload: Size,

    /// How much all uploads of a tenant may take together
    #[arg(long, value_name = "BYTES", default_value_t = Size(Limits::default().upload_memory))]
    upload_memory: Size,

    /// How many frames may wait for one reader of a socket or stream
    #[arg(long, value_name = "N", value_parser = values::queue, default_value_t = Limits::default().queue)]
    max_queue: usize,

    /// How many requests, frames, events and deliveries the journal keeps; 0 turns it off
    #[arg(long, value_name = "N", default_value_t = Limits::default().journal_entries)]
    journal_entries: usize,

    /// How much they may take together; 0 turns the journal off
    #[arg(
        long,
        value_name = "BYTES",
        value_parser = values::size_or_none,
        default_value_t = Size(Limits::default().journal_bytes as u64)
    )]
    journal_bytes: Size,
}

/// The keys of the server's own binary; `pocketping mock` takes them from its global flag.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// Key the server takes, and the tenant it opens; may be repeated [default: a random one]
    #[arg(long = "api-key", env = "POCKETPING_API_KEY", hide_env = true, value_name = "KEY[=TENANT]")]
    pub api_keys: Vec<ApiKey>,
}

impl ServeArgs {
    /// Starts the server: with the system's clock and random ids, as a server that is not inside a test. Without a key
    /// it makes a random one. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// When it cannot start, or a file cannot be read or written; the error names it.
    pub fn start(self, api_keys: Vec<ApiKey>) -> Result<Running, StartError> {
        // Whoever waits for it must not find that of a run before, which was killed.
        self.ready_file.iter().try_for_each(|path| ReadyFile::remove_stale("--ready-file", path))?;
        let mut builder = MockServer::builder()
            .address(SocketAddr::new(self.host, self.port))
            .contract(self.contract)
            .clock(Clock::system())
            .random_ids();
        let key = api_keys.is_empty().then(random_key);
        if let Some(key) = &key {
            builder = builder.api_key(key);
        }
        for key in api_keys {
            builder = builder.key(key);
        }
        if self.any_key {
            builder = builder.any_key();
        }
        if self.allow_private_webhooks {
            builder = builder.allow_private_webhooks();
        }
        if let Some(limit) = self.rate_limit.0 {
            builder = builder.rate_limit(limit);
        }
        if let Some(path) = &self.seed {
            builder = builder.seed(read_seed(path)?);
        }
        if let Some(path) = &self.webhook_ca {
            builder = builder.webhook_root_certificate_pem(read_roots(path)?);
        }
        if let Some(token) = &self.control_token {
            builder = builder.control_token(token.as_str());
        }
        if let Some(url) = &self.public_url {
            builder = builder.public_url(url);
        }
        for fault in &self.faults {
            builder = builder.fault(fault.clone());
        }
        builder = self.with_events_webhook(builder)?;
        if let Some(responder) = self.responder()? {
            builder = builder.responder(responder);
        }
        let [min, latest] = [self.widget_min_version, self.widget_latest_version].map(|it| it.map(|it| it.to_string()));
        builder = builder.widget_versions(min.as_deref(), latest.as_deref()).limits(self.limits.limits());
        builder = builder.stop_within(self.stop_within);
        #[cfg(unix)]
        if let Some(path) = &self.unix_socket {
            builder = builder.unix_socket(path);
        }
        if self.tls {
            builder = builder.tls(self.tls_name.into_iter().fold(TlsIdentity::generated(), TlsIdentity::name));
        }
        self.logs.begin()?;
        // From here on a signal ends the server in order, however early it comes.
        let signals = Signals::new()
            .map_err(|error| StartError::new("signals cannot be listened for".to_owned()).with_source(error))?;
        let server = builder.start().map_err(|error| match &self.seed {
            Some(path) if error.is_seed => error.in_file("--seed", path),
            _ => error,
        })?;
        let ready = Ready {
            url: server.url().to_owned(),
            api_key: key,
            contract: self.contract,
            pid: std::process::id(),
            ca: self.tls_ca_file,
            #[cfg(unix)]
            socket: self.unix_socket,
            #[cfg(not(unix))]
            socket: None,
        };
        Running::new(server, ready, self.print, self.ready_file, signals)
    }

    fn with_events_webhook(&self, builder: MockServerBuilder) -> Result<MockServerBuilder, StartError> {
        let Some(url) = &self.events_webhook else { return Ok(builder) };
        let secret = match &self.events_webhook_secret {
            Some(secret) => Some(secret.clone()),
            None => events_secret()?,
        };
        Ok(builder.events_webhook(url, secret.as_ref().map(Secret::as_str)))
    }

    fn responder(&self) -> Result<Option<Responder>, StartError> {
        let responder = self.ai_delay.0.map(Responder::after);
        match (responder, &self.ai_rules) {
            (Some(responder), Some(path)) => {
                let json = fs::read_to_string(path).map_err(|error| cannot("read", "--ai-rules", path, error))?;
                let read = responder.rules_json(&json);
                read.map(Some).map_err(|error| StartError::new(error.to_string()).in_file("--ai-rules", path))
            }
            (None, Some(_)) => Err(StartError::usage("--ai-rules needs an --ai-delay that is not off, such as 30s")),
            (responder, None) => Ok(responder),
        }
    }
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        Limits {
            body: self.max_body.in_memory(),
            frame: self.max_frame.in_memory(),
            upload: self.max_upload.0,
            upload_memory: self.upload_memory.0,
            queue: self.max_queue,
            journal_entries: self.journal_entries,
            journal_bytes: self.journal_bytes.in_memory(),
        }
    }
}

/// The secret that the environment holds. One that is set and empty is an error: it must not mean unsigned.
fn events_secret() -> Result<Option<Secret>, StartError> {
    let text = match env::var(EVENTS_SECRET) {
        Err(env::VarError::NotPresent) => return Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err("it is not Unicode".to_owned()),
        Ok(text) => Ok(text),
    };
    let secret = text.and_then(|text| text.parse());
    secret.map(Some).map_err(|what| StartError::new(format!("the environment variable {EVENTS_SECRET}: {what}")))
}

fn read_seed(path: &Path) -> Result<Seed, StartError> {
    if path == Path::new("demo") {
        return Ok(Seed::demo());
    }
    let json = fs::read_to_string(path).map_err(|error| cannot("read", "--seed", path, error))?;
    Seed::from_json(&json).map_err(|error| StartError::from(error).in_file("--seed", path))
}

fn read_roots(path: &Path) -> Result<Vec<u8>, StartError> {
    let pem = fs::read(path).map_err(|error| cannot("read", "--webhook-ca", path, error))?;
    // Only here is it known which file it was.
    Tls::new(std::slice::from_ref(&pem))
        .map_err(|error| StartError::new(format!("the webhook {error}")).in_file("--webhook-ca", path))?;
    Ok(pem)
}

fn cannot(what: &str, flag: &str, path: &Path, error: io::Error) -> StartError {
    StartError::new(format!("{flag} {} cannot be {what}", path.display())).with_source(error)
}
