//! What commands print: lines, tables, times.

use super::Outcome;
use std::io::{self, Write};
use std::process::ExitCode;

/// Docker's tables: columns at least so wide, so many blanks between.
const LEAST_WIDTH: usize = 10;
const PADDING: usize = 3;

/// Prints a line.
pub fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

/// Prints a table as Docker does: left-aligned, the last column as it is.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    io::stdout().write_all(format_table(header, rows).as_bytes())
}

/// Prints a table whose first row is its header.
pub fn aligned(rows: &[Vec<String>]) -> io::Result<()> {
    let Some((header, rows)) = rows.split_first() else { return Ok(()) };
    table(&header.iter().map(String::as_str).collect::<Vec<_>>(), rows)
}

fn format_table(header: &[&str], rows: &[Vec<String>]) -> String {
    let last = header.len() - 1;
    let mut widths: Vec<usize> = header.iter().map(|title| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let mut push = |cells: &mut dyn Iterator<Item = &str>| {
        for (column, cell) in cells.enumerate() {
            text.push_str(cell);
            if column < last {
                let width = (widths[column] + PADDING).max(LEAST_WIDTH);
                text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
        }
        text.push('\n');
    };
    push(&mut header.iter().copied());
    for row in rows {
        push(&mut row.iter().map(String::as_str));
    }
    text
}

/// At most `width` characters, the last one `…` when something was cut.
pub fn ellipsis(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Text from a container or an image, without what could steer the terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `2026-01-02 15:04:05 +0100 CET`, as Go writes a local time.
pub fn local_time(time: jiff::Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// Now, in nanoseconds since 1970.
pub fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// `version`.
pub fn version() -> Outcome {
    line(&format!("porthole version {}", env!("CARGO_PKG_VERSION")))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_as_dockers() {
        let rows = vec![vec!["0123456789ab".to_owned(), "x".to_owned(), "web".to_owned()]];
        let text = format_table(&["CONTAINER ID", "IMAGE", "NAMES"], &rows);
        assert_eq!(text, "CONTAINER ID   IMAGE     NAMES\n0123456789ab   x         web\n");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(ellipsis("sleep infinity", 6), "sleep…");
        assert_eq!(ellipsis("sleep", 6), "sleep");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(plain("a\x1b[31mb\u{9b}c"), "a [31mb c");
    }
}
