//! Times and how long things take, as they are typed.

use std::time::{Duration, SystemTime};

use pocketping_sdk::{Timestamp, TimestampError};

/// The longest duration: a hundred years. Clocks end somewhere.
const LONGEST: u64 = 100 * 365 * 24 * 3_600_000;

/// A number and its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it must be a number with its unit, such as 500ms, 30s, 10m or 2h".to_owned();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    if number.is_empty() {
        return Err(wrong());
    }
    // Only digits: what does not fit is too large.
    match number.parse().ok().and_then(|number: u64| number.checked_mul(millis)) {
        Some(0) => Err("it must be longer than zero".to_owned()),
        Some(millis @ ..=LONGEST) => Ok(Duration::from_millis(millis)),
        _ => Err("it is too long".to_owned()),
    }
}

/// A time, or how long ago it was by this machine's clock.
pub(crate) fn since(text: &str) -> Result<Timestamp, String> {
    let error = match text.parse() {
        Ok(time) => return Ok(time),
        Err(error) => error,
    };
    if !text.ends_with(['s', 'm', 'h']) {
        return Err(format!("{error}; or how long ago, such as 30s, 10m or 2h"));
    }
    let ago = duration(text)?;
    let then = SystemTime::now().checked_sub(ago).ok_or("it is too long")?;
    let then = Timestamp::try_from(then).map_err(said)?;
    // In milliseconds, as servers write times.
    Timestamp::from_millis(then.as_millis()).map_err(said)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn said(error: TimestampError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        for (text, millis) in [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (bad, why) in [
            ("", "unit"),
            ("s", "unit"),
            ("30", "unit"),
            ("-1s", "unit"),
            ("1.5s", "unit"),
            ("10 m", "unit"),
            ("1d", "unit"),
            ("1ß", "unit"),
            ("0s", "longer than zero"),
            ("876001h", "too long"),
            ("99999999999h", "too long"),
            ("99999999999999999999s", "too long"),
        ] {
            let error = duration(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
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
