//! The small grammars of values: command lines, durations, sizes.

/// Splits a command line as a shell would, without expanding anything.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\\' => {
                let c = characters.next().ok_or("a backslash at the end of a command line escapes nothing")?;
                word.get_or_insert_default().push(c);
            }
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        None => return Err(format!("a closing {c} is missing in the command line")),
                        Some(end) if end == c => break,
                        Some('\\') if c == '"' => match characters.next() {
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err(format!("a closing {c} is missing in the command line")),
                        },
                        Some(inner) => word.push(inner),
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A duration in nanoseconds: `1m30s`, `500ms`, `1.5h`, `2d`; a number alone is seconds.
pub fn duration(text: &str) -> Option<i64> {
    let mut nanoseconds = 0.0_f64;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let factor = match unit {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86_400e9,
            "w" => 604_800e9,
            "" if rest == text => 1e9,
            _ => return None,
        };
        nanoseconds += number.parse::<f64>().ok()? * factor;
        rest = behind;
    }
    #[allow(clippy::cast_possible_truncation)] // It is checked.
    (nanoseconds < i64::MAX as f64).then_some(nanoseconds.round() as i64)
}

/// A size in bytes: `64m`, `1.5gb`, `512`; units are powers of 1024.
pub fn bytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let shift = match unit.trim() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * (1_i64 << shift) as f64;
    #[allow(clippy::cast_possible_truncation)] // It is checked.
    (bytes < i64::MAX as f64).then_some(bytes as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_split_as_by_a_shell() {
        for (line, expected) in [
            ("", vec![]),
            ("a b  c", vec!["a", "b", "c"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("sh -c \"echo \\\"x\\\" $$Y\"", vec!["sh", "-c", "echo \"x\" $$Y"]),
            ("a\\ b ''", vec!["a b", ""]),
            ("a'b'\"c\"", vec!["abc"]),
            ("'a\\b'", vec!["a\\b"]),
        ] {
            assert_eq!(split(line).unwrap(), expected, "{line}");
        }
        for line in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    #[test]
    fn durations_and_sizes_have_units() {
        for (text, expected) in [
            ("10s", Some(10_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("500ms", Some(500_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("30", Some(30_000_000_000)),
            ("0", Some(0)),
            ("", None),
            ("s", None),
            ("1x", None),
            ("1m30", None),
            ("-1s", None),
            ("99999999w", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
        for (text, expected) in
            [("512", Some(512)), ("64m", Some(64 << 20)), ("1.5GB", Some(3 << 29)), ("2 kb", Some(2048)), ("m", None)]
        {
            assert_eq!(bytes(text), expected, "{text}");
        }
        for text in ["", "1x", "-1", "1e400", "9999999999t"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
