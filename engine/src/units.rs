//! Sizes and times as people write and read them, in Docker's forms.

/// `About an hour`, `3 minutes`: Docker's HumanDuration, of nanoseconds.
pub fn human_duration(nanoseconds: i64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", hours / 24 / 365),
    }
}

/// `7.06MB`: Docker's HumanSize, decimal, at most four significant digits.
pub fn human_size(bytes: u64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"], 4)
}

/// `7.06MB`: the same with at most three significant digits.
pub fn human_size_short(bytes: u64) -> String {
    scaled(bytes, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB"], 3)
}

/// `12.5MiB`: Docker's BytesSize, binary.
pub fn human_size_binary(bytes: u64) -> String {
    scaled(bytes, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4)
}

fn scaled(bytes: u64, base: f64, units: &[&str], digits: usize) -> String {
    #[allow(clippy::cast_precision_loss)] // Few digits are shown.
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= base && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    format!("{}{}", significant(value, digits), units[unit])
}

fn significant(value: f64, digits: usize) -> String {
    let digits_before = if value >= 1000.0 {
        4
    } else if value >= 100.0 {
        3
    } else if value >= 10.0 {
        2
    } else {
        1
    };
    let text = format!("{value:.*}", digits.saturating_sub(digits_before));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `512m`, `1.5g`, `64kb`, `1024`: bytes, in binary units, as Docker's RAMInBytes reads them.
pub fn parse_bytes(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid size: '{text}'");
    let lower = text.trim().to_ascii_lowercase();
    let number_end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(number_end);
    let exponent = match unit.trim_start().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(invalid()),
    };
    let value: f64 = number.parse().map_err(|_| invalid())?;
    #[allow(clippy::cast_possible_truncation)] // A fraction of a byte means nothing; out of range is checked below.
    let bytes = (value * 1024_f64.powi(exponent)) as i64;
    if !value.is_finite() || bytes < 0 || bytes == i64::MAX { Err(invalid()) } else { Ok(bytes) }
}

/// `--cpus 1.5` in billionths of a CPU.
pub fn parse_cpus(text: &str) -> Result<i64, String> {
    let value: f64 = text.parse().map_err(|_| format!("failed to parse {text} as a rational number"))?;
    if !(0.0..=1_000_000.0).contains(&value) {
        return Err(format!("invalid number of CPUs: {text}"));
    }
    #[allow(clippy::cast_possible_truncation)] // Bounded above.
    Ok((value * 1e9).round() as i64)
}

/// A point in time as `--since` takes it, in nanoseconds since 1970: RFC 3339, a local date or time, seconds since 1970,
/// or a duration before `now` such as `10m` or `1h30m`.
pub fn parse_time(text: &str, now: i64) -> Result<i64, String> {
    if let Some(duration) = parse_duration(text) {
        return Ok(now - duration);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        #[allow(clippy::cast_possible_truncation)] // Times beyond 2262 do not occur in logs.
        return Ok((seconds * 1e9) as i64);
    }
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| local_time(text));
    instant
        .and_then(|time| i64::try_from(time.as_nanosecond()).ok())
        .ok_or_else(|| format!("failed to parse value for \"since\" or \"until\": {text}"))
}

fn local_time(text: &str) -> Option<jiff::Timestamp> {
    let zone = jiff::tz::TimeZone::system();
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    zone.to_timestamp(civil).ok()
}

/// A Go duration, `1h30m`, `1.5s`, `300ms`, in nanoseconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit_end = rest[number_end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| number_end + n);
        let value: f64 = rest[..number_end].parse().ok()?;
        total += value
            * match &rest[number_end..unit_end] {
                "ns" => 1.0,
                "us" | "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    #[allow(clippy::cast_possible_truncation)] // Saturates, centuries away.
    (!text.is_empty()).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn durations_read_as_dockers() {
        for (seconds, text) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (180, "3 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (3 * 86_400, "3 days"),
            (15 * 86_400, "2 weeks"),
            (90 * 86_400, "3 months"),
            (800 * 86_400, "2 years"),
        ] {
            assert_eq!(human_duration(seconds * SECOND), text);
        }
    }

    #[test]
    fn sizes_read_as_dockers() {
        for (bytes, text) in [(0, "0B"), (999, "999B"), (1000, "1kB"), (2_231_040, "2.231MB"), (221_000_000, "221MB")] {
            assert_eq!(human_size(bytes), text);
        }
        assert_eq!([1_090, 10_949, 999].map(human_size_short), ["1.09kB", "10.9kB", "999B"]);
        assert_eq!(human_size_binary(12 * 1024 * 1024 + 512 * 1024), "12.5MiB");
    }

    #[test]
    fn bytes_take_binary_units() {
        for (text, bytes) in [("1024", 1024), ("1k", 1024), ("512m", 512 << 20), ("1.5G", 3 << 29), ("64KiB", 65_536)] {
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
        for text in ["", "m", "-1", "1x", "1e99g", "99999999999p"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cpus_are_a_fraction() {
        assert_eq!(parse_cpus("0.5"), Ok(500_000_000));
        assert!(parse_cpus("-1").is_err() && parse_cpus("x").is_err() && parse_cpus("inf").is_err());
    }

    #[test]
    fn times_are_absolute_or_relative() {
        assert_eq!(parse_time("90s", 100 * SECOND), Ok(10 * SECOND));
        assert_eq!(parse_time("1h30m", 0), Ok(-5400 * SECOND));
        assert_eq!(parse_time("12", 0), Ok(12 * SECOND));
        assert_eq!(parse_time("1970-01-01T00:00:05Z", 0), Ok(5 * SECOND));
        assert!(parse_time("yesterday", 0).is_err());
    }
}
