//! What flags are worth, as it is typed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::durations::duration;
use crate::faults::{Fault, FaultError};
use crate::store::rules;

/// The smallest limit of a body that lets anything be said.
const LEAST_BODY: u64 = 1 << 10;
/// The longest queue: its frames share their bytes, and still each takes a place.
const LONGEST_QUEUE: usize = 1_000_000;

/// The form of the ready line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Print {
    /// A sentence, for people.
    #[default]
    Text,
    /// An object, for programs.
    Json,
}

impl FromStr for Print {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("it must be text or json".to_owned()),
        }
    }
}

/// A rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RateLimit(pub(super) Option<u32>);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "free" => Some(100),
            "pro" => Some(1000),
            "team" => Some(10_000),
            "none" => None,
            other => Some(
                other
                    .strip_suffix("/min")
                    .and_then(|number| number.parse().ok())
                    .filter(|number| *number > 0)
                    .ok_or_else(|| format!("{other:?} is none of free, pro, team, none and N/min"))?,
            ),
        }))
    }
}

/// How long the AI waits, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AiDelay(pub(super) Option<Duration>);

impl FromStr for AiDelay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self(None)),
            other => duration(other).map(|delay| Self(Some(delay))).map_err(|error| format!("{error}; or off")),
        }
    }
}

/// A number of bytes, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size(pub(super) u64);

/// The units of a [`Size`], and how often each is doubled.
const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unit = UNITS.into_iter().find_map(|(unit, doubled)| Some((text.strip_suffix(unit)?, doubled)));
        let (number, doubled) = unit.unwrap_or((text, 0));
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err("it must be a number of bytes, such as 65536, 512KiB or 10MiB".to_owned());
        }
        // Only digits: what does not fit is too large.
        match number.parse().ok().and_then(|number: u64| number.checked_mul(1 << doubled)) {
            Some(0) => Err("it must be more than zero".to_owned()),
            Some(bytes) => Ok(Self(bytes)),
            None => Err("it is too large".to_owned()),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, doubled)| self.0 > 0 && self.0.is_multiple_of(1 << doubled)) {
            Some((unit, doubled)) => write!(f, "{}{unit}", self.0 >> doubled),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Size {
    /// As much as this machine can count in memory.
    pub(super) fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The limit of a body.
pub(super) fn body_size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if size.0 < LEAST_BODY { Err(format!("it must be {} or more", Size(LEAST_BODY))) } else { Ok(size) }
}

/// A number of bytes, or zero for what is turned off.
pub(super) fn size_or_none(text: &str) -> Result<Size, String> {
    if text == "0" { Ok(Size(0)) } else { text.parse() }
}

/// How many may wait.
pub(super) fn queue(text: &str) -> Result<usize, String> {
    let length = text.parse().ok().filter(|length| (1..=LONGEST_QUEUE).contains(length));
    length.ok_or_else(|| format!("it must be a number from 1 to {LONGEST_QUEUE}"))
}

/// Where something is on the web.
pub(super) fn web_url(text: &str) -> Result<String, String> {
    rules::web_url(text).map_err(|what| format!("it {what}"))?;
    Ok(text.to_owned())
}

/// A fault, or the file that has it.
pub(super) fn fault(text: &str) -> Result<Fault, String> {
    let Some(path) = text.strip_prefix('@') else { return text.parse().map_err(|error: FaultError| error.to_string()) };
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    text.parse().map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ai_waits_or_is_off() {
        assert_eq!("off".parse(), Ok(AiDelay(None)));
        assert_eq!("30s".parse(), Ok(AiDelay(Some(Duration::from_secs(30)))));
        assert!("soon".parse::<AiDelay>().unwrap_err().ends_with("or off"));
    }
    use crate::Limits;

    #[test]
    fn a_rate_limit_is_a_plan_or_a_number() {
        for (text, limit) in [("free", Some(100)), ("team", Some(10_000)), ("none", None), ("7/min", Some(7))] {
            assert_eq!(text.parse(), Ok(RateLimit(limit)), "{text}");
        }
        for bad in ["", "7", "0/min", "-1/min", "gold"] {
            assert!(bad.parse::<RateLimit>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_is_bytes_or_has_a_unit_and_reads_as_it_is_written() {
        for (text, bytes, shown) in [
            ("1", 1, "1"),
            ("1000", 1000, "1000"),
            ("1024", 1024, "1KiB"),
            ("512KiB", 512 << 10, "512KiB"),
            ("10MiB", 10 << 20, "10MiB"),
            ("2048MiB", 2 << 30, "2GiB"),
            ("18446744073709551615", u64::MAX, "18446744073709551615"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, shown), "{text}");
            assert_eq!(shown.parse(), Ok(size));
        }
        for (bad, why) in [
            ("", "number of bytes"),
            ("KiB", "number of bytes"),
            ("-1", "number of bytes"),
            ("+1", "number of bytes"),
            ("1.5MiB", "number of bytes"),
            ("1 MiB", "number of bytes"),
            ("1MB", "number of bytes"),
            ("1mib", "number of bytes"),
            ("0", "more than zero"),
            ("0MiB", "more than zero"),
            ("18446744073709551616", "too large"),
            ("17179869184GiB", "too large"),
        ] {
            let error = bad.parse::<Size>().unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
        let of_limits = Limits::default();
        assert_eq!(Size(of_limits.upload).to_string(), "10MiB");
        assert_eq!(Size(of_limits.upload_memory).in_memory(), 256 << 20);
    }

    #[test]
    fn a_body_must_be_able_to_say_something() {
        assert_eq!(body_size("1KiB"), Ok(Size(1024)));
        for bad in ["1023", "1", "0", "x"] {
            assert!(body_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_queue_has_a_place_and_an_end() {
        assert_eq!((queue("1"), queue("1000000")), (Ok(1), Ok(1_000_000)));
        for bad in ["0", "1000001", "-1", "", "many", "99999999999999999999"] {
            assert!(queue(bad).is_err(), "{bad}");
        }
    }
}
