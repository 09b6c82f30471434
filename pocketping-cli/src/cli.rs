//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, FromArgMatches, Subcommand};

use crate::catalogue;
use crate::commands::{
    api, chat, completions, config, demo, doctor, events, explain, inbox, listen, login, man, messages, mock, profile,
    sessions, stats, wait, webhooks,
};
use crate::error::CliError;
use crate::jq::Jq;
use crate::output::{Color, Field, Format, Output, Shape};

/// What was typed.
#[derive(Debug)]
pub(crate) struct Cli {
    pub(crate) global: GlobalArgs,
    pub(crate) command: Command,
}

impl Cli {
    /// The definition of all commands.
    pub(crate) fn definition() -> clap::Command {
        let command = clap::Command::new("pocketping")
            .version(env!("CARGO_PKG_VERSION"))
            .subcommand_required(true)
            .arg_required_else_help(true);
        with_global(Command::augment_subcommands(command))
    }

    /// The definition of all commands, with what stands at the end of the help.
    pub(crate) fn whole() -> clap::Command {
        Self::definition().after_help(after_help())
    }

    /// Reads a command line.
    pub(crate) fn read(typed: &[OsString]) -> Result<Self, clap::Error> {
        // Most calls do without the end of the help, which is made of the whole catalogue.
        let is_help = |word: &OsString| word == "-h" || word == "--help" || word == "help";
        let wants_help = typed.len() < 2 || typed.iter().skip(1).any(is_help);
        let mut command = if wants_help { Self::whole() } else { Self::definition() };
        let matches = command.try_get_matches_from_mut(typed);
        let matches = matches.map_err(|error| match help_in_a_word(&error, typed, &mut command) {
            Some(word) => word.format(&mut command),
            None => error,
        });
        let cli = matches.and_then(|mut matches| {
            let global = GlobalArgs::from_arg_matches_mut(&mut matches);
            let cli =
                global.and_then(|global| Ok(Self { global, command: Command::from_arg_matches_mut(&mut matches)? }));
            std::mem::forget(matches);
            cli.map_err(|error| error.format(&mut command))
        });
        // Taking the definition of all commands apart costs more than many a command.
        std::mem::forget(command);
        cli
    }
}

/// A text such as `-hi` that was not typed behind `--`, and for which clap would print the help: a script would believe that it
/// was sent.
fn help_in_a_word(error: &clap::Error, typed: &[OsString], command: &mut clap::Command) -> Option<clap::Error> {
    let is_help = |error: &clap::Error| error.kind() == ErrorKind::DisplayHelp;
    if !is_help(error) {
        return None;
    }
    let has_it = |word: &str| word.starts_with('-') && !word.starts_with("--") && word != "-h" && word.contains('h');
    let word = typed.iter().enumerate().skip(1).find_map(|(at, word)| {
        let word = word.to_str().filter(|word| has_it(word))?;
        // Without it there is no help.
        let others = [&typed[..at], &typed[at + 1..]].concat();
        (!command.try_get_matches_from_mut(others).is_err_and(|error| is_help(&error))).then_some(word)
    })?;
    let what = format!(
        "unexpected argument '{word}' found\n\n  tip: '-h' by itself prints the help; to pass '{word}' as a value, use '-- {word}'"
    );
    Some(clap::Error::raw(ErrorKind::UnknownArgument, what))
}

// What can be typed with every command.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct GlobalArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    /// Never ask, even on a terminal
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_input: bool,
}

/// What can be typed after a noun or a verb: its own arguments or verbs, and the global options. It is defined when the noun or
/// the verb is called.
#[derive(Debug)]
pub(crate) struct Called<T>(pub(crate) T);

/// Adds the global options, which are so by name only where the last verb may stand: clap would copy those of a noun into each of
/// its verbs at once.
fn with_global(command: clap::Command) -> clap::Command {
    if command.get_arguments().any(clap::Arg::is_global_set) {
        // Copied: the verb of something that also stands alone.
        return command;
    }
    let is_last = !command.is_subcommand_required_set();
    let command = GlobalArgs::augment_args(command);
    if is_last { command } else { command.mut_args(|arg| arg.global(false)) }
}

// Nothing but the global options.
#[derive(Debug, Args)]
pub(crate) struct NoArgs {}

impl<T: FromArgMatches> FromArgMatches for Called<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }

    fn update_from_arg_matches_mut(&mut self, matches: &mut ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches_mut(matches)
    }
}

impl<T: Args> Args for Called<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        with_global(T::augment_args(command))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        with_global(T::augment_args_for_update(command))
    }
}

impl<T: Subcommand> Subcommand for Called<T> {
    // What is derived defers arguments, but not verbs.
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        command.defer(|command| with_global(T::augment_subcommands(command)))
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        command.defer(|command| with_global(T::augment_subcommands_for_update(command)))
    }

    fn has_subcommand(name: &str) -> bool {
        T::has_subcommand(name)
    }
}

// Which server, and as whom.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
#[command(next_help_heading = "Global options")]
pub(crate) struct ConnectionArgs {
    /// Base URL of the bridge server [env: POCKETPING_API_URL] [default: https://api.pocketping.io/v1]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) api_url: Option<String>,

    /// API key; better set in the environment, hidden from other users of this machine [env: POCKETPING_API_KEY]
    #[arg(long = "api-key", global = true, value_name = "KEY")]
    pub(crate) api_keys: Vec<String>,

    /// Use the server and the key that are kept under this name [env: POCKETPING_PROFILE]
    #[arg(long, global = true, value_name = "NAME", value_parser = profile::name)]
    pub(crate) profile: Option<String>,

    /// Read POCKETPING_* variables from this file; the environment goes before it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Do not count requests together with other calls of this program, where they are paced
    #[arg(long, global = true)]
    pub(crate) no_shared_limit: bool,
}

// What is printed, and how.
#[derive(Debug, Default, Args)]
#[group(skip)]
#[command(next_help_heading = "Global options")]
pub(crate) struct OutputArgs {
    /// How data is printed; lists and items go to stdout, everything else to stderr [default: table]
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    /// Print these fields only, by their names in the JSON: id,identity.email
    #[arg(long, global = true, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<Field>,

    /// Print what this jq expression makes of the JSON, a result a line
    #[arg(long, global = true, value_name = "EXPR")]
    jq: Option<String>,

    /// Print ids only
    #[arg(short, long, global = true)]
    quiet: bool,

    /// When to print with colour [default: auto]
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    color: Option<Color>,

    /// As --color never
    #[arg(long, global = true)]
    no_color: bool,
}

impl OutputArgs {
    /// Where data and remarks go, as it was asked for.
    pub(crate) fn output(self) -> (Output, Result<(), CliError>) {
        let conflict = self.conflict();
        let color = if self.no_color { Color::Never } else { self.color.unwrap_or_default() };
        let (shape, result) = match self.jq.as_deref().map(Jq::compile) {
            Some(Ok(jq)) => (Shape::Jq(jq), Ok(())),
            Some(Err(what)) => (Shape::Whole, Err(CliError::usage(format!("--jq: {what}")))),
            None if self.quiet => (Shape::Id, Ok(())),
            None if self.fields.is_empty() => (Shape::Whole, Ok(())),
            None => (Shape::fields(self.fields), Ok(())),
        };
        (Output::to_stdout(self.output.unwrap_or_default(), shape, color), conflict.and(result))
    }

    /// Options that exclude each other. clap would miss those of which one stands before the noun and one behind the verb.
    fn conflict(&self) -> Result<(), CliError> {
        let shapes = [("--fields", !self.fields.is_empty()), ("--jq", self.jq.is_some()), ("--quiet", self.quiet)];
        let colors = [("--color", self.color.is_some()), ("--no-color", self.no_color)];
        for options in [&shapes[..], &colors] {
            let mut given = options.iter().filter(|(_, is_given)| *is_given).map(|(option, _)| option);
            if let (Some(one), Some(other)) = (given.next(), given.next()) {
                return Err(CliError::usage(format!("{one} and {other} exclude each other")));
            }
        }
        Ok(())
    }
}

fn after_help() -> String {
    let exits = catalogue::exits_in_help();
    format!(
        "{exits}\n`pocketping explain CODE` tells more.\n\n\
         Environment:\n  \
         POCKETPING_API_URL, POCKETPING_API_KEY, POCKETPING_PROFILE, POCKETPING_PLAN\n  \
         POCKETPING_CONFIG_DIR, POCKETPING_STATE_DIR: where profiles and rate limits are kept\n  \
         HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY; SSL_CERT_FILE: authorities to trust\n  \
         NO_COLOR, CLICOLOR_FORCE, TERM=dumb\n\n\
         Start with `pocketping demo`: it needs nothing but this program."
    )
}

// A command's arguments are defined when it is the one that is called (`defer`): `--version` should not pay for all of them. What
// is said of a command stands here then, as of a verb in its noun; a doc comment on its arguments, or on the verbs, would take its
// place.
/// PocketPing from the terminal: sessions, messages, live events and a local reference server
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// List, read, close and identify sessions, and switch their AI
    #[command(subcommand, alias = "session")]
    Sessions(Called<sessions::SessionsCommand>),
    /// Read and send messages
    #[command(subcommand, alias = "message")]
    Messages(Called<messages::MessagesCommand>),
    /// Talk with a visitor, line by line
    Chat(Called<chat::ChatArgs>),
    /// See all conversations on the whole terminal, and answer
    Inbox(Called<inbox::InboxArgs>),
    /// Create, list and delete webhooks; sign, verify and try out deliveries
    #[command(subcommand, alias = "webhook")]
    Webhooks(Called<webhooks::WebhooksCommand>),
    /// Watch live events, and post recorded ones again
    #[command(subcommand, alias = "event")]
    Events(Called<events::EventsCommand>),
    /// Print events as they happen, and forward them: the same as `events listen`
    Listen(Called<listen::ListenArgs>),
    /// Wait for the first event of a session that is as it should be
    Wait(Called<wait::WaitArgs>),
    /// Say how support does: conversations, answers and ratings of 7 or 30 days
    Stats(Called<stats::StatsArgs>),
    /// Run the in-memory reference server
    Mock(Called<Box<mock::MockArgs>>),
    /// See a whole conversation happen, with nothing but this program
    Demo(Called<demo::DemoArgs>),
    /// Send a request of your own making
    Api(Called<Box<api::ApiArgs>>),
    /// Keep a key, and the server it is for, in a profile
    Login(Called<login::LoginArgs>),
    /// List, choose, show and remove profiles
    #[command(subcommand, alias = "profiles")]
    Profile(Called<profile::ProfileCommand>),
    /// Show which settings count, and where each of them comes from
    #[command(subcommand)]
    Config(Called<config::ConfigCommand>),
    /// Say what an error's code means, and what to do
    Explain(Called<explain::ExplainArgs>),
    /// Look at everything between this program and the server, and say what is wrong
    Doctor(Called<doctor::DoctorArgs>),
    /// Print the script that completes commands, flags and session ids in a shell
    Completions(Called<completions::CompletionsArgs>),
    /// Print a page of the manual, or write all of them
    Man(Called<man::ManArgs>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::definition().debug_assert();
    }

    /// The words of every command that does something.
    fn commands(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            let words = [words, &[command.get_name().to_owned()]].concat();
            commands(command, &words, found);
            if !command.is_subcommand_required_set() {
                found.push(words);
            }
        }
    }

    #[test]
    fn global_options_may_stand_anywhere() {
        let mut whole = Cli::definition();
        whole.build();
        let (mut found, mut read) = (Vec::new(), 0);
        commands(&whole, &["pocketping".to_owned()], &mut found);
        assert!(found.len() > 30, "{found:?}");
        for words in found {
            for at in 1..=words.len() {
                let mut typed: Vec<OsString> = words.iter().map(OsString::from).collect();
                typed.splice(at..at, ["--output", "json", "--no-input"].map(OsString::from));
                match Cli::read(&typed) {
                    Ok(cli) => {
                        assert!(cli.global.no_input, "{typed:?}");
                        assert_eq!(cli.global.output.output, Some(Format::Json), "{typed:?}");
                        read += 1;
                    }
                    // What is typed after `mock` is about the server that it runs.
                    Err(error) if words[1] == "mock" && at == 2 => {
                        assert_eq!(error.kind(), ErrorKind::ArgumentConflict, "{typed:?}: {error}");
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument, "{typed:?}: {error}"),
                }
            }
        }
        assert!(read > 40, "{read}");
    }

    fn read(words: &str) -> Result<Cli, clap::Error> {
        Cli::read(&words.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn help_is_printed_for_nothing_but_help() {
        for asked in
            ["-h", "--help", "sessions list -h", "help", "help sessions", "-q sessions list --help", "stats -pshop -h"]
        {
            assert_eq!(read(&format!("pocketping {asked}")).unwrap_err().kind(), ErrorKind::DisplayHelp, "{asked}");
        }
        for (line, text) in [
            ("messages send ses_1 -hi", "-hi"),
            ("messages send ses_1 -qh", "-qh"),
            ("messages send ses_1 -hello help", "-hello"),
            ("stats -pshop -hi", "-hi"),
        ] {
            let error = read(&format!("pocketping {line}")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnknownArgument, "{text}");
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(&format!("use '-- {text}'")), "{error}");
            read(&format!("pocketping messages send ses_1 -- {text}")).unwrap();
        }
    }

    #[test]
    fn options_exclude_each_other_wherever_they_stand() {
        let conflicts = [
            ("--quiet", "--jq=."),
            ("--fields=id", "--quiet"),
            ("--jq=.", "--fields=id"),
            ("--no-color", "--color=always"),
        ];
        for (one, other) in conflicts {
            for (before, between, behind) in [(one, other, ""), (one, "", other), ("", one, other), (other, one, "")] {
                let typed = format!("pocketping {before} sessions {between} list {behind}");
                let typed: Vec<_> = typed.split_whitespace().map(OsString::from).collect();
                let error = Cli::read(&typed).unwrap().global.output.output().1.unwrap_err().to_string();
                let [one, other] = [one, other].map(|option| option.split('=').next().unwrap());
                assert!(
                    error.contains(one) && error.contains(other) && error.ends_with("exclude each other"),
                    "{error}"
                );
            }
        }
        read("pocketping -q sessions list --no-color").unwrap().global.output.output().1.unwrap();
    }
}
