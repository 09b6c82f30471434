//! `man`: the manual's pages, made of what `--help` is made of. The only file that names clap_mangen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use serde::Serialize;

use crate::cli::Cli;
use crate::error::{CliError, Exit};
use crate::output::{Output, Render};

// Which page, or where to write all of them.
#[derive(Debug, Args)]
#[command(after_help = "pocketping man sessions list | man -l -    reads a page\n\n\
                  Example: pocketping man --dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The command the page is about; the program itself without one
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,

    /// Write all pages into this folder, which is made when it is not there
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

/// A page.
#[derive(Debug, Serialize)]
struct Page {
    name: String,
    section: u8,
    roff: String,
}

/// A page that was written.
#[derive(Debug, Serialize)]
struct Written {
    name: String,
    path: String,
}

pub(crate) fn run(args: &ManArgs, output: &mut Output) -> Result<(), CliError> {
    let mut tree = Cli::whole().disable_help_subcommand(true);
    tree.build();
    if let Some(dir) = &args.dir {
        let mut pages = Vec::new();
        collect(&tree, &mut pages)?;
        return output.list(&write(dir, &pages)?);
    }
    let mut command = &tree;
    for word in &args.command {
        command = command.find_subcommand(word).filter(|command| !command.is_hide_set()).ok_or_else(|| {
            let names: Vec<_> = shown(command).map(Command::get_name).collect();
            let name = name_of(command).replace('-', " ");
            let there =
                if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
            CliError::usage(format!("{name} has no command {word:?}; {there}"))
        })?;
    }
    let page = page(command)?;
    if output.is_plain() {
        return page.roff.lines().try_for_each(|line| output.code(line));
    }
    output.item(&page)
}

/// The commands that are told of.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn name_of(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// The pages of a command and of all below it.
fn collect(command: &Command, pages: &mut Vec<Page>) -> Result<(), CliError> {
    pages.push(page(command)?);
    shown(command).try_for_each(|command| collect(command, pages))
}

/// A page has no date of its own: the same program makes the same pages.
fn page(command: &Command) -> Result<Page, CliError> {
    let man = Man::new(command.clone())
        .source(concat!("pocketping ", env!("CARGO_PKG_VERSION")))
        .manual("PocketPing from the terminal");
    let mut roff = Vec::new();
    man.render(&mut roff).map_err(|error| CliError::unexpected("the page cannot be made", error))?;
    Ok(Page { name: name_of(command), section: 1, roff: String::from_utf8_lossy(&roff).into_owned() })
}

fn write(dir: &Path, pages: &[Page]) -> Result<Vec<Written>, CliError> {
    let bad = |path: &Path, error: io::Error| {
        CliError::new(Exit::Config, format!("{} cannot be written: {error}", path.display()))
    };
    fs::create_dir_all(dir).map_err(|error| bad(dir, error))?;
    let write = |page: &Page| {
        let path = dir.join(format!("{}.{}", page.name, page.section));
        fs::write(&path, &page.roff).map_err(|error| bad(&path, error))?;
        Ok(Written { name: page.name.clone(), path: path.display().to_string() })
    };
    pages.iter().map(write).collect()
}

impl Render for Page {
    const COLUMNS: &'static [&'static str] = &["name", "section", "roff"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.section.to_string(), self.roff.clone()]
    }
}

impl Render for Written {
    const COLUMNS: &'static [&'static str] = &["name", "path"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.path.clone()]
    }
}
