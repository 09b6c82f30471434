//! `SharedBucket`: a token bucket in a file, for all processes of a machine.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use fs4::{FileExt, TryLockError};
use sha2::{Digest, Sha256};

use super::ApiKey;
use super::rate_limit::Bucket;
use crate::error::{Error, Result};

/// What is written is always this long, so that one write takes the place of the last.
const LENGTH: usize = 80;

/// How often another process that holds the file is waited for, a millisecond each. It needs less than one; whoever was
/// stopped in the middle must not stop the rest.
const LOOKS: usize = 250;

/// The bucket of a host and a key.
#[derive(Debug)]
pub(super) struct SharedBucket(Mutex<File>);

impl SharedBucket {
    pub(super) fn open(directory: &Path, host: &str, key: &ApiKey) -> Result<Self> {
        let path = directory.join(name(host, key));
        let open = || {
            fs::create_dir_all(directory)?;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path)
        };
        let file = open().map_err(|error| {
            Error::config(format!("the rate limit cannot be shared by {}", path.display())).with_source(error)
        })?;
        Ok(Self(Mutex::new(file)))
    }

    /// As [`Bucket::take`], by the limit `set`, else by the one of the file, else by `first`; with the limit it went by.
    /// The outer error is the file's.
    pub(super) fn take(
        &self,
        set: Option<u32>,
        first: u32,
        most: Duration,
    ) -> io::Result<(std::result::Result<Duration, Duration>, u32)> {
        self.change(|bucket, now| {
            // What cannot be read was cut off by a crash: as if everything was spent.
            let mut bucket = bucket.unwrap_or_else(|is_new| {
                let fresh = Bucket::new(set.unwrap_or(first), now);
                if is_new { fresh } else { Bucket { tokens: 0.0, ..fresh } }
            });
            if let Some(limit) = set.filter(|limit| *limit != bucket.limit) {
                bucket.set_limit(limit);
            }
            let taken = bucket.take(now, most);
            (Some(bucket), (taken, bucket.limit))
        })
    }

    /// Goes by the limit the server named. When the file cannot be used, the process goes by it alone.
    pub(super) fn set_limit(&self, limit: u32) {
        let changed = self.change(|bucket, _| {
            let changed = bucket.ok().map(|mut bucket| {
                bucket.set_limit(limit);
                bucket
            });
            (changed, ())
        });
        drop(changed);
    }

    /// Changes what the file says while no other process looks at it. What is not there is `Err(true)`, what cannot be read
    /// `Err(false)`.
    fn change<R>(
        &self,
        change: impl FnOnce(std::result::Result<Bucket, bool>, Duration) -> (Option<Bucket>, R),
    ) -> io::Result<R> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hold(&file)?;
        let result = (|| {
            let mut text = String::new();
            file.seek(SeekFrom::Start(0))?;
            let is_text = (&*file).take(4 * LENGTH as u64).read_to_string(&mut text).is_ok();
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let read = if text.is_empty() && is_text { Err(true) } else { parse(&text).ok_or(false) };
            let (bucket, result) = change(read, now);
            if let Some(bucket) = bucket {
                file.seek(SeekFrom::Start(0))?;
                file.write_all(written(&bucket).as_bytes())?;
            }
            Ok(result)
        })();
        FileExt::unlock(&*file)?;
        result
    }
}

/// Locks the file. A process that ends lets go of it, however it ends.
fn hold(file: &File) -> io::Result<()> {
    for _ in 0..LOOKS {
        match FileExt::try_lock(file) {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => return Ok(()),
        }
    }
    Err(io::ErrorKind::WouldBlock.into())
}

/// A file's name that tells neither host nor key.
fn name(host: &str, key: &ApiKey) -> String {
    let digest = Sha256::new().chain_update(host).chain_update([0]).chain_update(key.expose()).finalize();
    let mut name = String::from("limit-");
    for byte in &digest[..16] {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Limit, tokens and the time of the last look in seconds since 1970: a line, filled up with blanks.
fn written(bucket: &Bucket) -> String {
    let line = format!("{} {} {}.{:09}", bucket.limit, bucket.tokens, bucket.at.as_secs(), bucket.at.subsec_nanos());
    format!("{line:<width$}\n", width = LENGTH - 1)
}

/// More than there can be, on either side: a limit is a `u32`.
const MOST_TOKENS: f64 = u32::MAX as f64;

fn parse(text: &str) -> Option<Bucket> {
    let mut parts = text.get(..LENGTH)?.split_whitespace();
    let limit = parts.next()?.parse().ok().filter(|limit| *limit > 0)?;
    // What no call of ours could have written is damage.
    let tokens: f64 = parts.next()?.parse().ok().filter(|tokens: &f64| tokens.abs() <= MOST_TOKENS)?;
    let (seconds, nanos) = parts.next()?.split_once('.')?;
    let at = Duration::new(seconds.parse().ok()?, nanos.parse().ok().filter(|nanos| *nanos < 1_000_000_000)?);
    Some(Bucket { limit, tokens, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::new("sk_secret").unwrap()
    }

    #[test]
    fn what_one_takes_the_other_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let open = |key: &ApiKey| SharedBucket::open(folder.path(), "http://host", key).unwrap();
        let (one, two) = (open(&key()), open(&key()));
        assert_eq!(one.take(Some(1), 100, Duration::ZERO).unwrap(), (Ok(Duration::ZERO), 1));
        let wait = two.take(Some(1), 100, Duration::ZERO).unwrap().0.unwrap_err();
        assert!(wait > Duration::from_secs(50), "{wait:?}");
        let other = open(&ApiKey::new("other").unwrap());
        assert_eq!(
            other.take(Some(1), 100, Duration::ZERO).unwrap(),
            (Ok(Duration::ZERO), 1),
            "another key, another limit"
        );
        for entry in fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            let shown = format!("{:?}{}", entry.file_name(), fs::read_to_string(entry.path()).unwrap());
            assert!(!shown.contains("secret") && !shown.contains("host"), "{shown}");
        }
    }

    #[test]
    fn a_limit_that_the_server_named_to_one_counts_for_all() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SharedBucket::open(folder.path(), "http://host", &key()).unwrap();
        let take = |bucket: &SharedBucket| bucket.take(None, 100, Duration::ZERO).unwrap().0;
        let (one, two) = (open(), open());
        assert!((0..10).all(|_| take(&one) == Ok(Duration::ZERO)) && take(&two).is_err());
        one.set_limit(1000);
        assert!((0..90).all(|_| take(&two) == Ok(Duration::ZERO)), "90 are left of a burst of 100");
    }

    #[test]
    fn a_process_that_was_stopped_in_the_middle_does_not_stop_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let (stopped, bucket) = (File::create(folder.path().join(name("h", &key()))), || {
            SharedBucket::open(folder.path(), "h", &key()).unwrap()
        });
        let stopped = stopped.unwrap();
        FileExt::lock(&stopped).unwrap();
        let refused = bucket().take(None, 100, Duration::ZERO).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(stopped);
        assert_eq!(bucket().take(None, 100, Duration::ZERO).unwrap(), (Ok(Duration::ZERO), 100));
    }

    #[test]
    fn what_a_crash_cut_off_counts_as_spent_and_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = SharedBucket::open(folder.path(), "h", &key()).unwrap();
        let path = folder.path().join(name("h", &key()));
        for torn in ["100 9", "nonsense", "100 NaN 1.0", "0 1 1.0", "\u{0}\u{0}"] {
            fs::write(&path, torn).unwrap();
            assert!(bucket.take(None, 100, Duration::ZERO).unwrap().0.is_err(), "{torn}");
            assert!(parse(&fs::read_to_string(&path).unwrap()).is_some(), "{torn}");
        }
        for damaged in ["100 -1e300 1.0", "100 1e300 1.0"] {
            fs::write(&path, format!("{damaged:<width$}\n", width = LENGTH - 1)).unwrap();
            assert!(bucket.take(None, 100, Duration::ZERO).unwrap().0.is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_neither_gives_nor_blocks() {
        let mut bucket = Bucket::new(100, Duration::from_secs(5000));
        bucket.tokens = 0.0;
        let wait = bucket.take(Duration::from_secs(10), Duration::ZERO).unwrap_err();
        assert!(wait < Duration::from_secs(1), "{wait:?}");
        assert!(bucket.take(Duration::from_secs(12), Duration::ZERO).is_ok());
    }

    #[test]
    fn what_is_written_is_read_and_is_of_one_length() {
        for (limit, tokens, at) in
            [(1, -0.1, Duration::new(1, 5)), (u32::MAX, -123_456.789_012_345_67, Duration::MAX / 4)]
        {
            let bucket = Bucket { limit, tokens, at };
            assert_eq!((written(&bucket).len(), parse(&written(&bucket))), (LENGTH, Some(bucket)));
        }
    }
}
