//! Durations as Go writes them: `1h30m`, `1.5s`, `300ms` (Go's `time.ParseDuration`).

use std::time::Duration;

use crate::error::{Error, Result};
use crate::quote::quote;

/// The shortest that a health check may wait.
const MINIMUM: Duration = Duration::from_millis(1);

/// The value of a health check's flag. Zero means that nothing is set.
pub fn interval(flag: &str, value: Option<&str>) -> Result<Duration> {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(Duration::ZERO) };
    let (negative, duration) = parse(value)?;
    match duration.is_zero() {
        true => Ok(Duration::ZERO),
        false if negative || duration < MINIMUM => {
            Err(Error::new(format!("Interval {} cannot be less than 1ms", quote(flag))))
        }
        false => Ok(duration),
    }
}

/// Whether the duration is less than nothing, and how long it is without its sign.
fn parse(text: &str) -> Result<(bool, Duration)> {
    let invalid = || Error::new(format!("time: invalid duration {}", quote(text)));
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok((negative, Duration::ZERO));
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut nanoseconds = 0_u64;
    while !rest.is_empty() {
        let (part, after) = part(text, rest)?;
        nanoseconds = nanoseconds.checked_add(part).filter(|sum| *sum <= 1 << 63).ok_or_else(invalid)?;
        rest = after;
    }
    if nanoseconds == 1 << 63 && !negative {
        return Err(invalid());
    }
    Ok((negative, Duration::from_nanos(nanoseconds)))
}

/// A number with its unit, in nanoseconds, and what follows.
fn part<'a>(text: &str, rest: &'a str) -> Result<(u64, &'a str)> {
    let error = |what: String| Error::new(format!("time: {what} duration {}", quote(text)));
    let digits = |text: &'a str| text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (whole, after) = digits(rest);
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => digits(after),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(error("invalid".to_owned()));
    }
    let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
    let (unit, after) = after.split_at(end);
    let scale = match unit {
        "" => return Err(error("missing unit in".to_owned())),
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(error(format!("unknown unit {} in", quote(unit)))),
    };
    let whole = if whole.is_empty() { Some(0) } else { whole.parse::<u64>().ok() };
    let fraction = fraction_of(fraction, scale);
    let sum = whole.and_then(|whole| whole.checked_mul(scale)).and_then(|whole| whole.checked_add(fraction));
    sum.map(|sum| (sum, after)).ok_or_else(|| error("invalid".to_owned()))
}

/// `digits` after a decimal point, of a unit of `scale` nanoseconds. No unit is longer than 13 digits of them.
fn fraction_of(digits: &str, scale: u64) -> u64 {
    let mut unit = 1_u64;
    let mut value = 0_u64;
    for digit in digits.bytes().take(15) {
        unit *= 10;
        value = value * 10 + u64::from(digit - b'0');
    }
    u64::try_from(u128::from(value) * u128::from(scale) / u128::from(unit)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        let read = |text: &str| interval("interval", Some(text));
        assert_eq!(read("1h30m1.5s"), Ok(Duration::from_millis(5_401_500)));
        assert_eq!(read("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(read(".5s"), Ok(Duration::from_millis(500)));
        assert_eq!(read("1000µs"), Ok(Duration::from_millis(1)));
        assert_eq!(read("0"), Ok(Duration::ZERO));
        assert_eq!(read("0ms"), Ok(Duration::ZERO));
        assert_eq!(read("2562047h47m16.854775807s"), Ok(Duration::from_nanos((1 << 63) - 1)));
        assert_eq!(interval("x", None), Ok(Duration::ZERO));
        let message = |text: &str| read(text).unwrap_err().message().to_owned();
        assert_eq!(message("50ns"), "Interval \"interval\" cannot be less than 1ms");
        assert_eq!(message("-1s"), "Interval \"interval\" cannot be less than 1ms");
        assert_eq!(message("5"), "time: missing unit in duration \"5\"");
        assert_eq!(message("5q"), "time: unknown unit \"q\" in duration \"5q\"");
        for text in ["x", "-", ".s", "2562048h", "9223372036854775808ns", "99999999999999999999s"] {
            assert_eq!(message(text), format!("time: invalid duration \"{text}\""));
        }
    }
}
