//! `--filter KEY=VALUE`: several values of one key are alternatives, several keys must all match.

use super::Failure;
use regex::Regex;
use std::collections::BTreeMap;

/// What a list is narrowed to.
#[derive(Debug, Default)]
pub struct Filters {
    values: BTreeMap<String, Vec<String>>,
}

impl Filters {
    /// Reads the words; only these keys make sense.
    pub fn parse(words: &[String], known: &[&str]) -> Result<Filters, Failure> {
        let mut values = BTreeMap::<String, Vec<String>>::new();
        for word in words.iter().filter(|word| !word.is_empty()) {
            let Some((key, value)) = word.split_once('=') else {
                let message = format!(
                    "invalid argument \"{word}\" for \"-f, --filter\" flag: bad format of filter (expected name=value)"
                );
                return Err(Failure::new(message, 125));
            };
            let key = key.trim().to_lowercase();
            if !known.contains(&key.as_str()) {
                return Err(Failure::new(format!("invalid filter '{key}': known are {}", known.join(", ")), 1));
            }
            values.entry(key).or_default().push(value.trim().to_owned());
        }
        Ok(Filters { values })
    }

    /// The values of a key.
    pub fn of(&self, key: &str) -> &[String] {
        self.values.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether nothing is asked of this key, or one of its values matches.
    pub fn any(&self, key: &str, matches: impl FnMut(&String) -> bool) -> bool {
        self.of(key).is_empty() || self.of(key).iter().any(matches)
    }

    /// Whether every `label=KEY[=VALUE]` is among the labels: labels, unlike all else, must all match.
    pub fn labels_match(&self, labels: &BTreeMap<String, String>) -> bool {
        self.of("label").iter().all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|label| label == value),
            None => labels.contains_key(wanted),
        })
    }

    /// Whether something is to be so or not, if either is asked: `true`, `1`, `false` or `0`, and not twice.
    pub fn truth(&self, key: &str) -> Result<Option<bool>, Failure> {
        let values = self.parsed(key, |text| match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })?;
        match values[..] {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(invalid(key, &self.of(key).join(","))),
        }
    }

    /// The values of a key, each read by `read`.
    pub fn parsed<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Failure> {
        let value = |text: &String| read(text).ok_or_else(|| invalid(key, text));
        self.of(key).iter().map(value).collect()
    }

    /// The values of a key as patterns that match anywhere.
    pub fn patterns(&self, key: &str) -> Result<Vec<Regex>, Failure> {
        self.parsed(key, |text| Regex::new(text).ok())
    }
}

/// Docker's words for a value that makes no sense.
pub fn invalid(key: &str, value: &str) -> Failure {
    Failure::new(format!("invalid filter '{key}={value}'"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(words: &[&str]) -> Result<Filters, Failure> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Filters::parse(&words, &["name", "label"])
    }

    #[test]
    fn values_of_one_key_are_alternatives() {
        let filters = filters(&["name=a", "name=b"]).unwrap();
        assert!(filters.any("name", |name| name == "b") && !filters.any("name", |name| name == "c"));
        assert!(filters.any("label", |_| false));
    }

    #[test]
    fn labels_must_all_match() {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
        assert!(filters(&["label=a=1", "label=b"]).unwrap().labels_match(&labels));
        assert!(!filters(&["label=a=1", "label=c"]).unwrap().labels_match(&labels));
        assert!(!filters(&["label=a=2"]).unwrap().labels_match(&labels));
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(filters(&["x=1"]).unwrap_err().message, "invalid filter 'x': known are name, label");
        assert_eq!(filters(&["name"]).unwrap_err().exit_code, 125);
        assert_eq!(filters(&["name=("]).unwrap().patterns("name").unwrap_err().message, "invalid filter 'name=('");
    }
}
