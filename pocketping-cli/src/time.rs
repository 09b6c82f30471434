//! Times, as they are typed.

use std::time::{Duration, SystemTime};

use pocketping_mock_server::args::duration;
use pocketping_sdk::{Message, Timestamp, TimestampError};

/// A time, or how long ago it was by this machine's clock.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    let error = match text.parse() {
        Ok(time) => return Ok(time),
        Err(error) => error,
    };
    if !text.ends_with(['s', 'm', 'h', 'd']) {
        return Err(format!("{error}; or how long ago, such as 30s, 10m, 2h or 7d"));
    }
    let ago = duration(text)?;
    let then = SystemTime::now().checked_sub(ago).ok_or("it is too long")?;
    let then = Timestamp::try_from(then).map_err(said)?;
    // In milliseconds, as servers write times.
    Timestamp::from_millis(then.as_millis()).map_err(said)
}

/// This machine's time, in milliseconds as servers write times.
fn now() -> Result<Timestamp, TimestampError> {
    Timestamp::from_millis(Timestamp::try_from(SystemTime::now())?.as_millis())
}

/// How far another clock may be ahead of this one before its times are shown as they are.
const AHEAD: Duration = Duration::from_secs(60);
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A time of an object for people, by this machine's clock; nothing for what is no time.
pub(crate) fn as_people_say(text: &str) -> Option<String> {
    Some(ago(text.parse().ok()?, now().ok()?))
}

/// The day on which a message was written, in UTC.
pub(crate) fn day_of(message: &Message) -> Option<String> {
    message.created_at.map(date)
}

fn date(time: Timestamp) -> String {
    time.to_string().chars().take_while(|c| *c != 'T').collect()
}

/// When it was written, to the minute, in UTC.
pub(crate) fn clock(message: &Message) -> String {
    let time = message.created_at.map(|time| time.to_string()).unwrap_or_default();
    time.get(11..16).unwrap_or("--:--").to_owned()
}

/// How long ago a time was, for people: the date of what is long ago, the whole time of what is to come.
fn ago(time: Timestamp, now: Timestamp) -> String {
    if time > now.saturating_add(AHEAD) {
        return time.to_string();
    }
    match now.since(time).as_secs() {
        0..MINUTE => "just now".to_owned(),
        seconds @ MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h ago", seconds / HOUR),
        seconds if seconds < 2 * DAY => "1 day ago".to_owned(),
        seconds if seconds < 30 * DAY => format!("{} days ago", seconds / DAY),
        _ => date(time),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(error: TimestampError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_how_long_ago_it_was() {
        let now = "2024-01-15T10:30:00Z".parse().unwrap();
        for (time, said) in [
            ("2024-01-15T10:31:00Z", "just now"),
            ("2024-01-15T10:31:01Z", "2024-01-15T10:31:01Z"),
            ("2024-01-15T10:29:00.001Z", "just now"),
            ("2024-01-15T10:29:00Z", "1 min ago"),
            ("2024-01-15T09:30:01Z", "59 min ago"),
            ("2024-01-15T09:30:00Z", "1 h ago"),
            ("2024-01-14T10:30:01Z", "23 h ago"),
            ("2024-01-14T10:30:00Z", "1 day ago"),
            ("2024-01-13T10:30:00Z", "2 days ago"),
            ("2023-12-16T10:30:01Z", "29 days ago"),
            ("2023-12-16T10:30:00Z", "2023-12-16"),
        ] {
            assert_eq!(ago(time.parse().unwrap(), now), said, "{time}");
        }
    }

    #[test]
    fn a_time_is_absolute_or_relative() {
        assert_eq!(since("2024-01-15T10:30:00Z"), Ok("2024-01-15T10:30:00Z".parse().unwrap()));
        let now = Timestamp::try_from(SystemTime::now()).unwrap();
        let ago = now.since(since("10m").unwrap()).as_secs();
        assert!((590..=601).contains(&ago), "{ago}");
        for (bad, why) in [("soon", "10m"), ("", "10m"), ("0s", "longer than zero"), ("xs", "unit")] {
            let error = since(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
