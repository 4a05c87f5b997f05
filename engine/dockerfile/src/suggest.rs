//! The near word: what was probably meant by a name that is not known.

/// Words that take this many edits or more are not alike.
const TOO_FAR: usize = 3;

/// Which of `options` is nearest to `word`, if one is near and none is the word itself. Of several that are equally
/// near, one with the same letters is, and then one with the same first letter.
pub fn nearest<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best = None;
    for option in options {
        if option == word {
            return None;
        }
        let same_first = option.chars().next() == word.chars().next();
        let rank = (distance(word, option), letters(option) != letters(word), !same_first);
        if rank.0 < TOO_FAR && best.is_none_or(|(least, _)| rank < least) {
            best = Some((rank, option));
        }
    }
    best.map(|(_, option)| option)
}

fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<_> = word.chars().collect();
    letters.sort_unstable();
    letters
}

/// ` (did you mean X?)` for messages, or nothing.
pub fn hint<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, options).map(did_you_mean).unwrap_or_default()
}

/// ` (did you mean X?)`, in the case that the word was written in; `options` are in upper case.
pub fn hint_in_case<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(&word.to_uppercase(), options) {
        Some(near) if word == word.to_uppercase() => did_you_mean(near),
        Some(near) => did_you_mean(&near.to_lowercase()),
        None => String::new(),
    }
}

fn did_you_mean(near: &str) -> String {
    format!(" (did you mean {near}?)")
}

/// The Levenshtein distance, or anything from [`TOO_FAR`] up when the words are not alike.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let length = left.chars().count();
    if length.abs_diff(right.len()) >= TOO_FAR {
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
    use super::*;

    #[test]
    fn finds_the_near_word() {
        assert_eq!(nearest("plaform", ["from", "platform"]), Some("platform"));
        assert_eq!(nearest("from", ["from", "form"]), None, "the word itself is not the trouble");
        assert_eq!(nearest("zzz", ["from", "platform"]), None);
        assert_eq!(nearest("", ["ab"]), Some("ab"));
        assert_eq!(nearest("RNU", ["ENV", "ARG", "RUN"]), Some("RUN"));
        assert_eq!(nearest("RXN", ["XN", "RN"]), Some("RN"));
        let known = ["image", "volumes", "ports"];
        assert_eq!(hint("volume", known), " (did you mean volumes?)");
        assert_eq!(hint("prots", known), " (did you mean ports?)");
        assert_eq!(hint("zzzzz", known), "");
        assert_eq!(hint("PAHT", ["HOME", "PATH"]), " (did you mean PATH?)");
        assert_eq!(hint_in_case("frm", ["FROM", "RUN"]), " (did you mean from?)");
        assert_eq!(hint_in_case("FRMO", ["FROM", "RUN"]), " (did you mean FROM?)");
    }
}
