//! Subsequence matching for the palette.

/// How well a pattern fits a text: `None` when its characters do not occur in it in order, else higher is better.
///
/// Characters in a row and at the starts of words count most; a shorter text wins among equals. Case is ignored.
pub fn score(pattern: &str, text: &str) -> Option<i32> {
    positions(pattern, text).map(|(score, _)| score)
}

/// The score, and the indices of the characters that matched.
pub fn positions(pattern: &str, text: &str) -> Option<(i32, Vec<usize>)> {
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let pattern: Vec<char> = pattern.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let Some(first) = pattern.first() else {
        return Some((0, Vec::new()));
    };
    let starts = (0..text.len()).filter(|index| text[*index] == *first);
    starts.filter_map(|start| from(start, &pattern, &text)).max_by_key(|(score, _)| *score)
}

/// The greedy match that begins at `start`.
fn from(start: usize, pattern: &[char], text: &[char]) -> Option<(i32, Vec<usize>)> {
    let mut found = vec![start];
    for c in &pattern[1..] {
        let next = found[found.len() - 1] + 1;
        found.push(next + text[next..].iter().position(|other| other == c)?);
    }
    let word_start = |index: usize| index == 0 || !text[index - 1].is_alphanumeric();
    let starts = found.iter().filter(|index| word_start(**index)).count() as i32;
    let runs = found.windows(2).filter(|pair| pair[1] == pair[0] + 1).count() as i32;
    Some((8 * starts + 10 * runs - (start as i32).min(8) - (text.len() as i32) / 8, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_matters_and_case_does_not() {
        assert!(score("RmI", "container rm image").is_some());
        assert!(score("imr", "rm image").is_none());
        assert_eq!(score("", "anything"), Some(0));
        assert_eq!(positions("sto", "restart: stop").unwrap().1, [9, 10, 11]);
    }

    #[test]
    fn words_and_runs_win() {
        let best =
            |pattern: &str, texts: &[&'static str]| *texts.iter().max_by_key(|text| score(pattern, text)).unwrap();
        assert_eq!(best("stop", &["show topology", "stop container"]), "stop container");
        assert_eq!(best("rc", &["remove container", "trace", "source"]), "remove container");
    }
}
