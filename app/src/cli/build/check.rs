//! `build --check`: what is better written otherwise.

use super::super::{Failure, Outcome, output};
use porthole_engine::Engine;
use porthole_engine::build::BuildOptions;
use porthole_engine::dockerfile::Lines;
use std::fmt::Write;
use std::process::ExitCode;

/// So many lines around those that are meant are shown too.
const AROUND: usize = 2;

/// Checks a Dockerfile.
pub fn check(engine: &Engine, options: &BuildOptions) -> Outcome {
    let (report, name, text) = engine.check_build(options)?;
    let mut warnings = report.warnings;
    warnings.sort_by_key(|warning| (warning.lines.start, warning.rule));
    for warning in &warnings {
        output::line(&format!("WARNING: {} - {}", warning.rule.name(), warning.rule.url()))?;
        output::line(&warning.message)?;
        output::line(&format!("{name}:{}", warning.lines.start))?;
        output::line(&excerpt(&text, warning.lines))?;
    }
    if let Some(error) = report.error {
        let at =
            error.lines().filter(|lines| lines.start > 0).map_or_else(String::new, |lines| format!(":{}", lines.start));
        return Err(Failure::new(format!("{name}{at}: {}", error.message()), 1));
    }
    match warnings.len() {
        0 => output::line("Check complete, no warnings found.")?,
        1 => output::line("Check complete, 1 warning has been found!")?,
        count => output::line(&format!("Check complete, {count} warnings have been found!"))?,
    }
    Ok(if warnings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The lines that are meant, and those around them.
fn excerpt(text: &str, lines: Lines) -> String {
    let rule = "--------------------\n";
    let (first, last) = (lines.start.saturating_sub(AROUND), lines.end + AROUND);
    let shown = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let mut excerpt = rule.to_owned();
    for (number, line) in shown.filter(|(number, _)| (first..=last).contains(number)) {
        let mark = if (lines.start..=lines.end).contains(&number) { ">>>" } else { "   " };
        // Writing to a string cannot fail.
        let _ = writeln!(excerpt, "{number:>4} | {mark} {}", output::plain(line));
    }
    excerpt + rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_are_meant_are_marked() {
        let text = excerpt("one\ntwo\nthree\nfour\nfive\nsix", Lines { start: 4, end: 4 });
        let rule = "--------------------\n";
        let expected = "   2 |     two\n   3 |     three\n   4 | >>> four\n   5 |     five\n   6 |     six\n";
        assert_eq!(text, format!("{rule}{expected}{rule}"));
    }
}
