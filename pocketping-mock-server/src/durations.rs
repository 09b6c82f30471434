//! How long things take, as it is typed.

use std::time::Duration;

/// The longest duration: a hundred years. Clocks end somewhere.
const LONGEST: u64 = 100 * 365 * 24 * 3_600_000;

/// The furthest the clock is moved at once: every timer on the way is played, every ping of every socket.
pub(crate) const MOST_MOVED: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long something takes: a number and its unit; longer than zero and at most a hundred years.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "it must be a number with its unit, such as 500ms, 30s, 10m, 2h or 7d".to_owned();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
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

/// A duration as people say it: `2h`, `1m 30s`.
pub(crate) fn told(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (unit, length) in [("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if millis >= length {
            parts.push(format!("{}{unit}", millis / length));
            millis %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_its_units() {
        for (millis, text) in [
            (0, "0s"),
            (1500, "1s 500ms"),
            (7_200_000, "2h"),
            (90_000, "1m 30s"),
            (30 * 24 * 3_600_000, "30d"),
            (90_061_001, "1d 1h 1m 1s 1ms"),
        ] {
            assert_eq!(told(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_duration_has_a_unit() {
        for (text, millis) in
            [("500ms", 500), ("30s", 30_000), ("10m", 600_000), ("2h", 7_200_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (bad, why) in [
            ("", "unit"),
            ("s", "unit"),
            ("30", "unit"),
            ("-1s", "unit"),
            ("1.5s", "unit"),
            ("10 m", "unit"),
            ("1w", "unit"),
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
}
