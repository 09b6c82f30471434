//! `completions`: a script for the shell, and what it asks for at every press of the tab key. The only file that names
//! clap_complete.

use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Command, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::engine::{ArgValueCompleter, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};
use futures::{StreamExt, TryStreamExt};
use pocketping_sdk::{EventKind, MessageKind};
use serde::Serialize;

use crate::catalogue::{API, EXITS};
use crate::cli::{Cli, ConnectionArgs};
use crate::context::builder;
use crate::error::{CliError, Exit};
use crate::output::{Output, Render};
use crate::settings::{ConfigFile, KeyFrom, Settings};

/// The variable by which a script asks for words instead of running a command.
const VARIABLE: &str = "_POCKETPING_COMPLETE";
/// How long a person waits for session ids.
const PATIENCE: Duration = Duration::from_millis(900);
/// How many sessions are looked at, the latest ones.
const MOST: usize = 100;

// For which shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Ids of sessions are asked for while one types, with the key of the environment or the profile.\n\n\
                  bash        source <(pocketping completions bash)                in ~/.bashrc\n\
                  zsh         source <(pocketping completions zsh)                 in ~/.zshrc, after compinit\n\
                  fish        pocketping completions fish | source                 in ~/.config/fish/config.fish\n\
                  powershell  pocketping completions powershell | Out-String | Invoke-Expression    in $PROFILE\n\
                  elvish      eval (pocketping completions elvish | slurp)         in ~/.elvish/rc.elv\n\n\
                  Example: pocketping completions bash"
)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

/// A script and the shell it is for.
#[derive(Debug, Serialize)]
struct Script {
    shell: &'static str,
    script: String,
}

pub(crate) fn run(args: &CompletionsArgs, output: &mut Output) -> Result<(), CliError> {
    let shell = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
        Shell::Elvish => "elvish",
    };
    let shells = Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| CliError::new(Exit::Unexpected, format!("there is no completion for {shell}")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "pocketping", "pocketping", "pocketping", &mut script)
        .map_err(|error| CliError::unexpected("the script cannot be written", error))?;
    let script = String::from_utf8_lossy(&script).into_owned();
    if output.is_plain() {
        return script.lines().try_for_each(|line| output.code(line));
    }
    output.item(&Script { shell, script })
}

/// Prints the words that can stand where the cursor is, when a script asks for them. Whatever goes wrong says nothing: a
/// person is in the middle of typing.
pub(crate) fn answer() -> Option<ExitCode> {
    env::var_os(VARIABLE)?;
    let typed: Vec<OsString> = env::args_os().collect();
    let ids = Sessions { is_elsewhere: names_a_server(&typed) };
    let here = env::current_dir().ok();
    let tree = || {
        let mut tree = Cli::definition();
        // Nouns make their verbs now, of which `help` has a copy, and verbs their arguments.
        tree.get_subcommands_mut().for_each(Command::build);
        tree.build();
        with_sessions(tree, ids)
    };
    let asked = CompleteEnv::with_factory(tree).var(VARIABLE);
    let answered = asked.try_complete(typed, here.as_deref());
    Some(if answered.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the line that is typed is about another server than that of the settings: its sessions are not those, and its key
/// is not to be sent.
fn names_a_server(typed: &[OsString]) -> bool {
    const FLAGS: [&str; 4] = ["--api-url", "--api-key", "--profile", "--env-file"];
    typed.iter().any(|word| {
        let word = word.to_string_lossy();
        FLAGS.contains(&word.split('=').next().unwrap_or_default())
    })
}

/// Lets everything in the tree that is called a session be completed with sessions, and files with files.
fn with_sessions(command: Command, ids: Sessions) -> Command {
    let is_profile = matches!(command.get_name(), "use" | "show" | "remove");
    command
        .mut_args(|arg| match arg.get_id().as_str() {
            "session" | "sessions" => arg.add(ArgValueCompleter::new(ids)),
            "event" | "events" => arg.add(ArgValueCompleter::new(Words(events))),
            "kind" => arg.add(ArgValueCompleter::new(Words(kinds))),
            "code" => arg.add(ArgValueCompleter::new(Words(codes))),
            "profile" => arg.add(ArgValueCompleter::new(Words(profiles))),
            // Of a profile; elsewhere it is a visitor's.
            "name" if is_profile => arg.add(ArgValueCompleter::new(Words(profiles))),
            _ if arg.get_value_names().is_some_and(|names| names.iter().any(|name| *name == "FILE")) => {
                arg.add(ArgValueCompleter::new(PathCompleter::any()))
            }
            _ => arg,
        })
        .mut_subcommands(|command| with_sessions(command, ids))
}

/// Values that are known here.
#[derive(Clone, Copy)]
struct Words(fn() -> Vec<String>);

impl ValueCompleter for Words {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(begin) = current.to_str() else { return Vec::new() };
        (self.0)().into_iter().filter(|word| word.starts_with(begin)).map(CompletionCandidate::new).collect()
    }
}

fn events() -> Vec<String> {
    let kinds = [
        EventKind::SessionCreated,
        EventKind::MessageCreated,
        EventKind::SessionClosed,
        EventKind::SessionUpdated,
        EventKind::MessageUpdated,
    ];
    kinds.iter().map(ToString::to_string).collect()
}

fn kinds() -> Vec<String> {
    [MessageKind::Operator, MessageKind::Visitor, MessageKind::Ai, MessageKind::System]
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn codes() -> Vec<String> {
    EXITS.iter().chain(&API).map(|entry| entry.code.to_owned()).collect()
}

fn profiles() -> Vec<String> {
    ConfigFile::read().map(|file| file.names().map(str::to_owned).collect()).unwrap_or_default()
}

/// The ids of the server's sessions.
#[derive(Clone, Copy)]
struct Sessions {
    is_elsewhere: bool,
}

impl ValueCompleter for Sessions {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(begin) = current.to_str().filter(|_| !self.is_elsewhere) else { return Vec::new() };
        let ids = latest().unwrap_or_default().into_iter().filter(|id| id.starts_with(begin));
        ids.map(CompletionCandidate::new).collect()
    }
}

/// The ids of the latest sessions; none without a key, and none when it takes too long.
fn latest() -> Option<BTreeSet<String>> {
    let connection = ConnectionArgs::default();
    let settings = Settings::read(&connection).ok()?;
    // A command that tells the key may ask for more than a person wants to be asked while typing.
    settings.api_key().ok()?.filter(|key| matches!(key.value, KeyFrom::Given(_)))?;
    let url = settings.api_url().ok()?;
    let key = settings.key_for(&url).ok()?;
    let client = builder().api_key(key).base_url(url.value).build().ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let read = async {
        let pages = client.sessions().list().limit(MOST).stream();
        let sessions: Vec<_> = pages.take(MOST).try_collect().await.ok()?;
        // A shell reads the words; what it might take for more than a word stays out.
        let is_plain = |id: &String| id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        Some(sessions.into_iter().map(|session| session.id.to_string()).filter(is_plain).collect())
    };
    let ids = runtime.block_on(async { tokio::time::timeout(PATIENCE, read).await.ok().flatten() });
    // A name may still be looked up.
    runtime.shutdown_background();
    ids
}

impl Render for Script {
    const COLUMNS: &'static [&'static str] = &["shell", "script"];

    fn cells(&self) -> Vec<String> {
        vec![self.shell.to_owned(), self.script.clone()]
    }
}
