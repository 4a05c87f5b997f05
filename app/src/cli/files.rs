//! Files of settings that flags name: variables and labels, one a line.

use super::Failure;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Variables of the files, then of the command line. A bare name takes its value from our own environment.
pub fn environment(files: &[PathBuf], words: &[String]) -> Result<Vec<String>, Failure> {
    let mut variables = Vec::new();
    for file in files {
        variables.extend(lines(file)?.iter().filter_map(|line| with_value(line)));
    }
    for word in words {
        if word.is_empty() || word.starts_with('=') {
            return Err(Failure::new(format!("invalid environment variable: {word}"), 125));
        }
        variables.push(with_value(word).unwrap_or_else(|| word.clone()));
    }
    Ok(variables)
}

/// Labels of the files, then of the command line.
pub fn labels(files: &[PathBuf], words: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut labels = BTreeMap::new();
    for file in files {
        labels.extend(lines(file)?.iter().map(|line| pair(line)));
    }
    labels.extend(words.iter().map(|word| pair(word)));
    Ok(labels)
}

/// `KEY=VALUE`; without a value it is empty.
pub fn pair(word: &str) -> (String, String) {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    (key.to_owned(), value.to_owned())
}

/// The lines that say something, each with a name that is one.
fn lines(file: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display()), 125))?;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split('=').next().unwrap_or_default();
        if name.is_empty() || name.contains(char::is_whitespace) {
            let place = format!("{}:{}", file.display(), number + 1);
            return Err(Failure::new(format!("{place}: variable '{name}' has white space or no name"), 125));
        }
        lines.push(line.to_owned());
    }
    Ok(lines)
}

fn with_value(word: &str) -> Option<String> {
    if word.contains('=') {
        return Some(word.to_owned());
    }
    std::env::var(word).ok().map(|value| format!("{word}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_from_files_words_and_our_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("env");
        fs::write(&file, "# comment\n\nA=1\nPATH\nNOT_SET_ANYWHERE\n").unwrap();
        let variables =
            environment(std::slice::from_ref(&file), &["B=2".to_owned(), "NOT_SET_ANYWHERE".to_owned()]).unwrap();
        assert_eq!(variables[0], "A=1");
        assert!(variables[1].starts_with("PATH=/"));
        assert_eq!(variables[2..], ["B=2", "NOT_SET_ANYWHERE"]);
        fs::write(&file, "a b=1\n").unwrap();
        assert!(environment(&[file], &[]).unwrap_err().message.contains("env:1"));
    }

    #[test]
    fn labels_of_the_command_line_come_last() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("labels");
        fs::write(&file, "a=1\nb\n").unwrap();
        let labels = labels(&[file], &["a=2".to_owned(), "c=x=y".to_owned()]).unwrap();
        let expected = [("a", "2"), ("b", ""), ("c", "x=y")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(labels, expected.into());
    }
}
