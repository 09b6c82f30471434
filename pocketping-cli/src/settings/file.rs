//! The configuration file: profiles, and which of them is used. What people wrote into it by hand stays as it is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::{Directory, KeyFrom, Profile, Setting, Source};
use crate::error::{CliError, Exit};
use crate::files::{lock, make_private, replace};

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// The profile that is used unless another one is named.
    profile: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// The configuration file; one that is not there says nothing.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    text: String,
    content: Content,
    is_open_to_others: bool,
}

impl ConfigFile {
    pub(crate) fn read() -> Result<Self, CliError> {
        if !Directory::Config.is_there() {
            // It cannot be written, either: that says why.
            return Ok(Self {
                path: PathBuf::new(),
                text: String::new(),
                content: Content::default(),
                is_open_to_others: false,
            });
        }
        let path = Directory::Config.path()?.join("config.toml");
        let refused = |what: String| CliError::new(Exit::Config, format!("{}: {what}", path.display()));
        let (text, is_open_to_others) = match fs::read_to_string(&path) {
            Ok(text) => (text, is_open_to_others(&path)),
            // Nor is there one below a home that is no directory.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                (String::new(), false)
            }
            Err(error) => return Err(refused(format!("it cannot be read: {error}"))),
        };
        let content = if text.is_empty() {
            Content::default()
        } else {
            // The error's own text would repeat the line, and with it a key.
            toml_edit::de::from_str::<Content>(&text).map_err(|error| {
                let line = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
                let line = line.map(|line| format!("line {line}: ")).unwrap_or_default();
                refused(format!("{line}{}", error.message()))
            })?
        };
        for (name, profile) in &content.profiles {
            profile.check().map_err(|why| refused(format!("profile {name:?}: {why}")))?;
        }
        Ok(Self { path, text, content, is_open_to_others })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it is, and who says so.
    pub(crate) fn setting(&self) -> Setting {
        let source = if Directory::Config.is_set() {
            Source::Environment(Directory::Config.variable())
        } else {
            Source::Default
        };
        Setting { value: self.path.display().to_string(), source }
    }

    /// Whether others may read it.
    pub(crate) fn is_open_to_others(&self) -> bool {
        self.is_open_to_others
    }

    /// The profile that is used unless another one is named.
    pub(crate) fn current(&self) -> Option<&str> {
        self.content.profile.as_deref()
    }

    pub(crate) fn profile(&self, name: &str) -> Option<&Profile> {
        self.content.profiles.get(name)
    }

    pub(crate) fn profiles(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.content.profiles.iter().map(|(name, profile)| (name.as_str(), profile))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.content.profiles.keys().map(String::as_str)
    }

    /// Makes this the profile that is used, unless it is not there any more. Whether it is.
    pub(crate) fn select(&mut self, name: &str) -> Result<bool, CliError> {
        self.edit(|document| {
            if document.get("profiles").and_then(|profiles| profiles.get(name)).is_some() {
                document["profile"] = value(name);
            }
        })?;
        Ok(self.current() == Some(name))
    }

    /// Keeps a profile under a name.
    pub(crate) fn keep(&mut self, name: &str, profile: &Profile) -> Result<(), CliError> {
        self.edit(|document| {
            let profiles = document.entry("profiles").or_insert_with(|| {
                let mut table = Table::new();
                table.set_implicit(true);
                Item::Table(table)
            });
            let mut table = Table::new();
            let mut set = |key: &str, text: Option<&str>| {
                if let Some(text) = text {
                    table[key] = value(text);
                }
            };
            set("api-url", profile.api_url.as_deref());
            set("plan", profile.plan.as_deref());
            match profile.key() {
                Some(KeyFrom::Given(key)) => set("api-key", Some(&key)),
                Some(KeyFrom::Command(command)) => table["credential-command"] = value(Array::from_iter(command)),
                None => {}
            }
            table.decor_mut().set_prefix("\n");
            profiles[name] = Item::Table(table);
        })
    }

    /// Removes a profile, and what names it as the one that is used.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), CliError> {
        self.edit(|document| {
            let is_current = document.get("profile").and_then(Item::as_str) == Some(name);
            if let Some(profiles) = document.get_mut("profiles").and_then(Item::as_table_like_mut) {
                profiles.remove(name);
            }
            if is_current {
                document.remove("profile");
            }
        })
    }

    /// Changes the file as it is now, as a whole or not at all; it is readable by its owner only from then on.
    fn edit(&mut self, change: impl FnOnce(&mut DocumentMut)) -> Result<(), CliError> {
        // It is not there without a home, and this says so.
        let path = Directory::Config.path()?.join("config.toml");
        let failed = |what: String| CliError::new(Exit::Config, format!("{} {what}", path.display()));
        let unwritten = |error| failed(format!("cannot be written: {error}"));
        if let Some(folder) = path.parent() {
            make_private(folder).map_err(unwritten)?;
        }
        let unlocked = |error| failed(format!("cannot be locked, by a file of that name and .lock: {error}"));
        let _until_it_is_written = lock(&path).map_err(unlocked)?;
        // Another call of this program may have changed it since it was read.
        *self = Self::read()?;
        let mut document: DocumentMut = self.text.parse().map_err(|_| failed("is no TOML".to_owned()))?;
        change(&mut document);
        let text = document.to_string();
        replace(&path, &text).map_err(unwritten)?;
        self.content =
            toml_edit::de::from_str(&text).map_err(|_| failed("was not written as it was meant".to_owned()))?;
        self.text = text;
        self.is_open_to_others = false;
        Ok(())
    }
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}
