//! Command lines as people type them: splitting into words, and quoting words back into a line.

/// Splits a line as a POSIX shell would, without expansions: blanks separate, quotes and backslash protect
/// (POSIX.1-2024, Shell Command Language, 2.2 Quoting).
pub fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => single_quoted(&mut chars, word.get_or_insert_default())?,
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next().ok_or("nothing follows the backslash")?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match chars.next().ok_or("a single quote is not closed")? {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
}

fn double_quoted(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Result<(), &'static str> {
    const OPEN: &str = "a double quote is not closed";
    loop {
        match chars.next().ok_or(OPEN)? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or(OPEN)? {
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// Joins words into a line that [`split`] takes apart again.
pub fn join<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// The word itself when a shell would leave it alone, in quotes otherwise.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@,+%^~".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_and_blanks() {
        let words = split(r#"run -d  --name "my web" lab sh -c 'echo $HOME; x' a\ b "" "#).expect("well-formed");
        assert_eq!(words, ["run", "-d", "--name", "my web", "lab", "sh", "-c", "echo $HOME; x", "a b", ""]);
    }

    #[test]
    fn what_is_left_open_is_told() {
        assert!(split("echo 'a").is_err() && split("echo \"a").is_err() && split("echo \\").is_err());
    }

    proptest! {
        #[test]
        fn joined_words_split_into_the_same_words(words in prop::collection::vec(".{0,12}", 0..6)) {
            prop_assert_eq!(split(&join(&words)).expect("quoted"), words);
        }
    }
}
