//! The near word: what was probably meant by a key that is not known.

/// Words that take this many edits or more are not alike.
const TOO_FAR: usize = 3;

/// ` (did you mean X?)`, or nothing.
pub fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|name| (distance(word, name), name)).min().filter(|(distance, _)| *distance < TOO_FAR);
    near.map(|(_, name)| format!(" (did you mean {name}?)")).unwrap_or_default()
}

/// The Levenshtein distance, or [`TOO_FAR`] when the lengths alone say that.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    if left.chars().count().abs_diff(right.len()) >= TOO_FAR {
        return TOO_FAR;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, character) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::hint;

    #[test]
    fn the_near_word_is_found() {
        let known = ["image", "volumes", "ports"];
        assert_eq!(hint("volume", known.into_iter()), " (did you mean volumes?)");
        assert_eq!(hint("prots", known.into_iter()), " (did you mean ports?)");
        assert_eq!(hint("zzzzz", known.into_iter()), "");
    }
}
