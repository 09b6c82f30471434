//! Texts from the command line, from files and from standard input. Each has a limit: not every file ends.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{CliError, Exit};

/// The most that is read of a text, or of a body; a server takes less.
pub(crate) const MOST: u64 = 1 << 20;

/// Where something is read from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Stdin,
    File(&'a Path),
}

impl<'a> Source<'a> {
    /// As it is typed: `-` is standard input.
    pub(crate) fn typed(file: &'a str) -> Self {
        if file == "-" { Self::Stdin } else { Self::file(file) }
    }

    /// A file, whatever its name is.
    pub(crate) fn file(file: &'a str) -> Self {
        Self::File(Path::new(file))
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// All that it holds, which is `most` bytes, some whole MiB, or less.
    pub(crate) fn bytes(self, most: u64) -> Result<Vec<u8>, CliError> {
        let mut bytes = Vec::new();
        let read = match self {
            Self::Stdin => io::stdin().take(most + 1).read_to_end(&mut bytes),
            Self::File(path) => File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)),
        };
        read.map_err(|error| CliError::new(Exit::Config, format!("{} cannot be read: {error}", self.name())))?;
        if bytes.len() as u64 > most {
            return Err(CliError::usage(format!("{} holds more than {} MiB", self.name(), most >> 20)));
        }
        Ok(bytes)
    }

    /// The same, as a text.
    pub(crate) fn text(self, most: u64) -> Result<String, CliError> {
        String::from_utf8(self.bytes(most)?).map_err(|error| {
            let at = error.utf8_error().valid_up_to() + 1;
            let what = format!("{} cannot be read as text: its byte {at} is no UTF-8", self.name());
            CliError::new(Exit::Config, what)
        })
    }
}

/// A text as it is typed: itself, `-` for standard input, `@FILE` for a file, and `@@` for one that begins with an `@`.
pub(crate) fn typed_text(typed: &str) -> Result<String, CliError> {
    match (typed, typed.strip_prefix('@')) {
        ("-", _) => text_of(Source::Stdin),
        (_, Some(at)) if at.starts_with('@') => Ok(at.to_owned()),
        (_, Some(file)) if !file.is_empty() => text_of(Source::typed(file))
            .map_err(|error| error.with_hint("a text that begins with an @ is typed with two of them")),
        _ => Ok(typed.to_owned()),
    }
}

/// A text without the line break at its end.
pub(crate) fn text_of(source: Source<'_>) -> Result<String, CliError> {
    let text = source.text(MOST)?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    Ok(text.to_owned())
}

/// A secret, which never comes from the command line: other users can see that.
pub(crate) fn secret_of(source: Source<'_>) -> Result<String, CliError> {
    Ok(source.text(MOST)?.trim_end_matches(['\r', '\n']).to_owned())
}
