//! Expansion, by the lines of two files.

use porthole_dockerfile::Environment;
use porthole_dockerfile::shell::Lexer;

fn cases(file: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let numbered = file.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
    numbered.map(|(number, line)| {
        let (text, expected) = line.split_once('|').unwrap_or((line, ""));
        (number + 1, text.trim(), expected.trim())
    })
}

#[test]
fn text_expands() {
    let variables = ["PWD=/home", "SHELL=bash", "KOREAN=한국어", "NULL=", "FILE=a.tar.gz", "PATTERN=*."];
    let environment = Environment::from_iter(variables);
    let mut count = 0;
    for (line, text, expected) in cases(include_str!("expand/word")) {
        let expanded = Lexer::default().word(text, &environment);
        match expected {
            "error" => assert!(expanded.is_err(), "line {line}: {text}: {expanded:?}"),
            _ => assert_eq!(expanded.as_deref(), Ok(expected), "line {line}: {text}"),
        }
        count += 1;
    }
    assert!(count > 90, "{count} lines");
}

#[test]
fn text_splits_into_words() {
    let mut environment = Environment::new();
    for (line, text, expected) in cases(include_str!("expand/words")) {
        if let Some((name, value)) = text.strip_prefix("ENV ").and_then(|assignment| assignment.split_once('=')) {
            environment.set(name, value);
            continue;
        }
        let words = Lexer::default().words(text, &environment);
        match expected {
            "error" => assert!(words.is_err(), "line {line}: {text}: {words:?}"),
            "" => assert_eq!(words, Ok(vec![]), "line {line}: {text}"),
            _ => assert_eq!(words.unwrap(), expected.split(',').collect::<Vec<_>>(), "line {line}: {text}"),
        }
    }
}
