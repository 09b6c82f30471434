//! `Timestamp`: a point in time, read from any RFC 3339 form and written in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time, in UTC.
///
/// Reads RFC 3339 with any offset and precision; writes UTC with `Z` and as many digits of the fraction as it has
/// (none, three, six or nine).
///
/// ```
/// use pocketping_sdk::Timestamp;
///
/// let time: Timestamp = "2024-01-15T11:30:00.5+01:00".parse()?;
/// assert_eq!(time.to_string(), "2024-01-15T10:30:00.500Z");
/// # Ok::<(), pocketping_sdk::types::TimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// A text that is not an RFC 3339 time, or a number outside the years that can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampError(String);

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not an RFC 3339 time such as 2024-01-15T10:30:00Z", self.0)
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// The time this many milliseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// When the result is outside the years that can be written.
    pub fn from_millis(millis: i64) -> Result<Self, TimestampError> {
        jiff::Timestamp::from_millisecond(millis).map(Self).map_err(|_| TimestampError(millis.to_string()))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, rounded towards zero.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// This time and `duration`, at most the last time that can be written.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration).unwrap_or(jiff::Timestamp::MAX))
    }

    /// This time less `duration`, at least the first time that can be written.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration).unwrap_or(jiff::Timestamp::MIN))
    }

    /// The time from `earlier` to this one; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from(self.0.duration_since(earlier.0)).unwrap_or(Duration::ZERO)
    }
}

impl crate::types::wire::Presence for Timestamp {}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(time) = as_documented(text) {
            return Ok(Self(time));
        }
        let parsed = text.parse().or_else(|error| match tolerable(text) {
            Some(near) => near.parse(),
            None => Err(error),
        });
        parsed.map(Self).map_err(|_| TimestampError(format!("{text:?}")))
    }
}

/// A time in the very form that the API reference prints, with or without milliseconds: a list is full of them. What is odd
/// about any other is left to the parser of all forms.
fn as_documented(text: &str) -> Option<jiff::Timestamp> {
    let (head, rest) = text.as_bytes().split_first_chunk::<19>()?;
    let mut is_number = true;
    let mut number = |digits: &[u8]| {
        digits.iter().fold(0, |number, digit| {
            let digit = digit.wrapping_sub(b'0');
            is_number &= digit <= 9;
            number * 10 + i32::from(digit)
        })
    };
    let millis = match rest {
        b"Z" => 0,
        [b'.', digits @ .., b'Z'] if digits.len() == 3 => number(digits),
        _ => return None,
    };
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1] = *head else {
        return None;
    };
    let year = i16::try_from(number(&[y0, y1, y2, y3])).ok()?;
    let [month, day, hour, minute, second] =
        [[m0, m1], [d0, d1], [h0, h1], [i0, i1], [s0, s1]].map(|digits| i8::try_from(number(&digits)).unwrap_or(-1));
    if !is_number {
        return None;
    }
    let local = jiff::civil::DateTime::new(year, month, day, hour, minute, second, millis * 1_000_000).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(local).ok()
}

/// A time close to one that cannot be held: a fraction cut after nine digits, and the last hours of the year 9999,
/// which some servers write for "never", drawn in.
fn tolerable(text: &str) -> Option<String> {
    if text.starts_with("9999-12-3")
        && text.get(..19).is_some_and(|local| local.parse::<jiff::civil::DateTime>().is_ok())
    {
        return Some(jiff::Timestamp::MAX.to_string());
    }
    let (whole, rest) = text.split_once('.')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 9).then(|| format!("{whole}.{}{}", &rest[..9], &rest[digits..]))
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampError;

    fn try_from(time: SystemTime) -> Result<Self, Self::Error> {
        jiff::Timestamp::try_from(time).map(Self).map_err(|_| TimestampError(format!("{time:?}")))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        time.0.into()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_nanosecond() {
            0 => write!(f, "{:.0}", self.0),
            n if n % 1_000_000 == 0 => write!(f, "{:.3}", self.0),
            n if n % 1_000 == 0 => write!(f, "{:.6}", self.0),
            _ => write!(f, "{:.9}", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl serde::de::Visitor<'_> for TimeVisitor {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(TimeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn any_offset_and_precision_is_read_and_utc_is_written() {
        for (text, written) in [
            ("2024-01-15T10:30:00Z", "2024-01-15T10:30:00Z"),
            ("2024-01-15T10:30:00.000Z", "2024-01-15T10:30:00Z"),
            ("2024-01-15T10:30:00.12Z", "2024-01-15T10:30:00.120Z"),
            ("2024-01-15T12:30:00.123456+02:00", "2024-01-15T10:30:00.123456Z"),
            ("2024-01-15T10:30:00.123456789-00:00", "2024-01-15T10:30:00.123456789Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("2024-01-15T10:30:00.12345678987654321Z", "2024-01-15T10:30:00.123456789Z"),
            ("9999-12-31T23:59:59Z", "9999-12-30T22:00:00.999999999Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), written, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_documented_form_is_read_as_any_other(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{3})?Z"
        ) {
            let read = as_documented(&text);
            let by_any = text.parse::<jiff::Timestamp>().ok();
            prop_assert!(read.is_none() || read == by_any, "{text}: {read:?} {by_any:?}");
            // Only what is odd about a time is left to the other: a leap second, the end of all years.
            let is_odd = text.contains(":60") || text.starts_with("9999");
            prop_assert!(is_odd || read.is_some() == by_any.is_some(), "{text}: {read:?} {by_any:?}");
        }
    }

    #[test]
    fn what_only_looks_like_the_documented_form_is_left_to_the_other() {
        for text in [
            "2024-01-15t10:30:00Z",
            "2024-01-15T10:30:00+00",
            "2024-01-15T10:30:00,000Z",
            "+024-01-15T10:30:00Z",
            "2024-01-15T10:30:00é",
        ] {
            assert_eq!(as_documented(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_named_in_the_error() {
        for text in ["", "yesterday", "2024-01-15", "2024-13-01T00:00:00Z", "1705314600"] {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let time: Timestamp = "2024-01-15T10:30:00Z".parse().unwrap();
        assert_eq!(time.saturating_add(Duration::from_millis(1500)).to_string(), "2024-01-15T10:30:01.500Z");
        assert!(time.saturating_add(Duration::MAX) > time);
        assert!(time.saturating_sub(Duration::MAX) < time);
        assert_eq!(time.since(time.saturating_sub(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(time.since(time.saturating_add(Duration::from_secs(7))), Duration::ZERO);
    }
}
