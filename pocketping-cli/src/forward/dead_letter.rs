//! Deliveries that failed, a line of JSON each: written by `listen` and `events replay`, read by `events replay`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use pocketping_sdk::Timestamp;
use pocketping_sdk::json::member;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, json, now};
use super::lanes::Failed;
use crate::error::{CliError, Exit};
use crate::files::append;

/// A delivery that failed. Its line ends with its `payload`: the body byte for byte as it was sent.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeadLetter {
    pub(super) delivery: String,
    pub(super) attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    pub(super) error: String,
    pub(super) failed_at: Timestamp,
    /// That it is there, and once.
    #[serde(rename = "payload", skip_serializing)]
    _payload: IgnoredAny,
}

impl DeadLetter {
    /// Reads a line, and its payload.
    pub(super) fn read(line: &str) -> serde_json::Result<(Self, &str)> {
        let letter = serde_json::from_str(line)?;
        let payload = member(line, "payload").ok_or_else(|| serde_json::Error::missing_field("payload"))?;
        Ok((letter, payload))
    }

    fn line(&self, payload: &str) -> Result<String, CliError> {
        let object = json(self)?;
        let fields = object.strip_suffix('}').unwrap_or(&object);
        Ok(format!("{fields},\"payload\":{payload}}}"))
    }
}

/// The file they are appended to.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    path: PathBuf,
    lines: Lines<File>,
}

impl DeadLetters {
    /// Opens the file, or makes it: readable by its owner only.
    pub(crate) fn open(path: PathBuf) -> Result<Self, CliError> {
        let opened = append(&path).and_then(|mut file| {
            // A line that was torn by a crash must not swallow the next one.
            if is_torn(&mut file)? {
                file.write_all(b"\n")?;
            }
            Ok(file)
        });
        match opened {
            Ok(file) => Ok(Self { path, lines: Lines { out: file, is_torn: false } }),
            Err(error) => {
                let message = format!("the dead-letter file {} cannot be written: {error}", path.display());
                Err(CliError::new(Exit::Config, message))
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a delivery. When this returns it is in the file, over a power cut, too.
    pub(crate) fn keep(&mut self, delivery: &Delivery, failed: &Failed) -> Result<(), CliError> {
        let letter = DeadLetter {
            delivery: delivery.id.clone(),
            attempts: failed.attempts,
            status: failed.status,
            error: failed.reason.clone(),
            failed_at: now()?,
            _payload: IgnoredAny,
        };
        let line = letter.line(&delivery.body)?;
        self.lines.add(&line).and_then(|()| self.lines.out.sync_data()).map_err(|error| {
            CliError::unexpected(format!("the dead-letter file {} cannot be written", self.path.display()), error)
        })
    }
}

/// Whole lines: after one that was written half way, the next one begins anew.
#[derive(Debug)]
struct Lines<W> {
    out: W,
    /// Whether the last write failed, and may have left a part of a line.
    is_torn: bool,
}

impl<W: Write> Lines<W> {
    fn add(&mut self, line: &str) -> io::Result<()> {
        let begin = if self.is_torn { "\n" } else { "" };
        self.is_torn = true;
        self.out.write_all(format!("{begin}{line}\n").as_bytes())?;
        self.is_torn = false;
        Ok(())
    }
}

fn is_torn(file: &mut File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes.
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= taken;
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_written_half_way_does_not_swallow_the_next_one() {
        let mut lines = Lines { out: Disk { written: Vec::new(), room: 6 }, is_torn: false };
        lines.add("one").unwrap();
        assert_eq!(lines.add("two").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(lines.add("three").unwrap_err().kind(), io::ErrorKind::StorageFull);
        lines.out.room = 100;
        lines.add("four").unwrap();
        lines.add("five").unwrap();
        assert_eq!(String::from_utf8(lines.out.written).unwrap(), "one\ntw\nfour\nfive\n");
    }

    #[test]
    fn the_payload_is_there_and_once() {
        let line = |more: &str| {
            format!(r#"{{"delivery":"dlv_1","attempts":5,"error":"refused","failedAt":"2024-01-15T10:31:00Z"{more}}}"#)
        };
        let read = |more| {
            let line = line(more);
            DeadLetter::read(&line).map(|(_, payload)| payload.to_owned()).map_err(|error| error.to_string())
        };
        assert_eq!(read(r#","payload":{ "event" : 1.0 }"#).unwrap(), r#"{ "event" : 1.0 }"#);
        assert_eq!(read(r#","p\u0061yload":{}"#).unwrap(), "{}");
        assert!(read("").unwrap_err().starts_with("missing field `payload`"));
        assert!(read(r#","payload":{},"payload":{}"#).unwrap_err().starts_with("duplicate field `payload`"));
        assert!(read(r#","payload":{},"p\u0061yload":{}"#).unwrap_err().starts_with("duplicate field `payload`"));
    }
}
