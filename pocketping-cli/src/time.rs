//! Times, as they are typed.

use std::time::SystemTime;

use pocketping_mock_server::args::duration;
use pocketping_sdk::{Timestamp, TimestampError};

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
