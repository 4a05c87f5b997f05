//! Times and sizes as people say them.

use std::time::Duration;

/// A duration in one unit: `12 s`, `3 min`, `5 h`, `2 days`.
pub fn duration(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// How long something took: `0.3 s`, `12 s`, `2:05 min`.
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        0..10 => format!("{:.1} s", span.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{}:{:02} min", seconds / 60, seconds % 60),
    }
}

/// How long what [`duration`] says of `span` stays true.
pub fn until_change(span: Duration) -> Duration {
    let unit = match span.as_secs() {
        0..60 => 1,
        60..3600 => 60,
        3600..172_800 => 3600,
        _ => 86_400,
    };
    let unit = Duration::from_secs(unit);
    let over = Duration::from_nanos((span.as_nanos() % unit.as_nanos()) as u64);
    unit - over
}

/// Bytes in three figures and a letter: `512 B`, `4.1 K`, `12 M`. 1 K is 1024 bytes, as memory is counted.
pub fn memory(bytes: u64) -> String {
    scaled(bytes, 1024.0, ["B", "K", "M", "G", "T"])
}

/// Bytes as image sizes are counted: `4.42 MB` is 4,420,000.
pub fn size(bytes: u64) -> String {
    scaled(bytes, 1000.0, ["B", "kB", "MB", "GB", "TB"])
}

fn scaled(bytes: u64, step: f64, units: [&str; 5]) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= step - 0.5 && unit < units.len() - 1 {
        value /= step;
        unit += 1;
    }
    let decimals = if unit == 0 || value >= 9.95 { 0 } else { 1 };
    format!("{value:.decimals$} {}", units[unit])
}

/// Nanoseconds in three figures: `424 µs`, `1.2 ms`.
pub fn offset(nanoseconds: u64) -> String {
    let microseconds = nanoseconds as f64 / 1e3;
    match nanoseconds {
        0..9_950 => format!("{microseconds:.1} µs"),
        9_950..999_500 => format!("{microseconds:.0} µs"),
        999_500..9_950_000 => format!("{:.1} ms", microseconds / 1e3),
        9_950_000..999_500_000 => format!("{:.0} ms", microseconds / 1e3),
        _ => format!("{:.1} s", microseconds / 1e6),
    }
}

/// CPU time as `top` tells it: `0:01.23`, from an hour on `1:02:03`.
pub fn cpu_time(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, rest) = (seconds / 60, seconds % 60);
    match minutes {
        0..60 => format!("{minutes}:{rest:02}.{:02}", time.subsec_millis() / 10),
        _ => format!("{}:{:02}:{rest:02}", minutes / 60, minutes % 60),
    }
}

/// A moment as a clock shows it, with the day when that is not today: `12:01:07`, `Jun 15 12:01:07`.
pub fn moment(time: i64, now: i64, utc_offset: i32) -> String {
    let local = |time: i64| {
        let seconds = time.div_euclid(1_000_000_000) + i64::from(utc_offset);
        jiff::Timestamp::from_second(seconds).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC)
    };
    let (time, now) = (local(time), local(now));
    time.strftime(if time.date() == now.date() { "%H:%M:%S" } else { "%b %d %H:%M:%S" }).to_string()
}

/// A moment as a part of a file's name, so that names sort as their times do: `20250616T120320Z`.
pub fn stamp(time: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(time.into()).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// The local time's distance from UTC, in seconds.
pub fn utc_offset() -> i32 {
    jiff::Zoned::now().offset().seconds()
}

/// `one` for 1, `many` otherwise, with the number before it.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", porthole_widgets::number(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_figures_are_enough() {
        assert_eq!(
            ["0 B", "1023 B", "1.0 K", "12 M"],
            [0, 1023, 1024, 12 << 20].map(memory).each_ref().map(|s| s.as_str())
        );
        assert_eq!([size(4_420_000), size(221_000_000), size(1_500)], ["4.4 MB", "221 MB", "1.5 kB"]);
        assert_eq!(
            [offset(424_000), offset(24_100), offset(1_240_000), offset(800)],
            ["424 µs", "24 µs", "1.2 ms", "0.8 µs"]
        );
    }

    #[test]
    fn a_moment_of_another_day_has_its_day() {
        let second = 1_000_000_000;
        let now = 1_750_075_400 * second;
        assert_eq!(moment(now, now, 0), "12:03:20");
        assert_eq!(moment(now - 86_400 * second, now, 3600), "Jun 15 13:03:20");
        assert_eq!(moment(now - 12 * 3600 * second, now, 0), "00:03:20");
        assert_eq!(moment(now - 12 * 3600 * second, now, -3600), "Jun 15 23:03:20");
    }

    #[test]
    fn cpu_time_is_exact_as_long_as_it_is_short() {
        let times = [0, 1_230, 754_000, 3_723_990].map(Duration::from_millis).map(cpu_time);
        assert_eq!(times, ["0:00.00", "0:01.23", "12:34.00", "1:02:03"]);
    }

    proptest! {
        #[test]
        fn the_text_holds_exactly_as_long_as_promised(millis in 0u64..400_000_000) {
            let span = Duration::from_millis(millis);
            let change = span + until_change(span);
            prop_assert_eq!(duration(span), duration(change - Duration::from_nanos(1)));
            prop_assert_ne!(duration(span), duration(change));
        }
    }
}
