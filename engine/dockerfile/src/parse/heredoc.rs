//! Finds the heredocs that a line opens: `[descriptor]<<[-]name`.

use crate::ast::Heredoc;
use crate::environment::Environment;
use crate::shell::{Lexer, WordError};

/// The heredocs that a line opens. A line whose words cannot be read opens none: its shell will tell.
pub fn in_line(line: &str) -> Result<Vec<Heredoc>, WordError> {
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    let lexer = Lexer { raw_quotes: true, raw_escapes: true, keep_unset: true, ..Lexer::default() };
    let Ok(words) = lexer.words(line, &Environment::new()) else { return Ok(Vec::new()) };
    words.iter().filter_map(|word| in_word(word).transpose()).collect()
}

/// The heredoc that a word opens, if it does.
pub fn in_word(word: &str) -> Result<Option<Heredoc>, WordError> {
    let digits = word.len() - word.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (descriptor, rest) = word.split_at(digits);
    let Some(rest) = rest.strip_prefix("<<").filter(|rest| !rest.contains('<')) else { return Ok(None) };
    let (chomp, name) = match rest.strip_prefix('-') {
        Some(name) => (true, name.trim_start()),
        None => (false, rest.trim_start()),
    };
    let lexer = Lexer { keep_unset: true, ..Lexer::default() };
    let plain = lexer.words(name, &Environment::new())?;
    let quoted = Lexer { raw_quotes: true, ..lexer }.words(name, &Environment::new())?;
    let ([name], [quoted]) = (plain.as_slice(), quoted.as_slice()) else { return Ok(None) };
    Ok(Some(Heredoc {
        name: name.clone(),
        file_descriptor: match descriptor {
            "" => 0,
            // Too large a number is as good as any other that is never open.
            _ => descriptor.parse().unwrap_or(u64::MAX),
        },
        // A quote that quotes is gone from the plain reading; one that is escaped is in both.
        expand: count_quotes(name) == count_quotes(quoted),
        chomp,
        content: String::new(),
    }))
}

fn count_quotes(text: &str) -> usize {
    text.matches(['\'', '"']).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_word() {
        let read =
            |word: &str| in_word(word).unwrap().map(|doc| (doc.name, doc.expand, doc.chomp, doc.file_descriptor));
        let doc = |name: &str, expand, chomp, descriptor| Some((name.to_owned(), expand, chomp, descriptor));
        assert_eq!(read("<<EOF"), doc("EOF", true, false, 0));
        assert_eq!(read("3<<-EOF"), doc("EOF", true, true, 3));
        assert_eq!(read("<<- EOF"), doc("EOF", true, true, 0));
        assert_eq!(read("<< -EOF"), doc("-EOF", true, false, 0));
        assert_eq!(read("<<eo'f'"), doc("eof", false, false, 0));
        assert_eq!(read("<<eo\\'f"), doc("eo'f", true, false, 0));
        assert_eq!(read("<<'e'o\\'f"), doc("eo'f", false, false, 0));
        assert_eq!(read("<<\"one two\""), doc("one two", false, false, 0));
        assert_eq!(read("<<$EOF"), doc("$EOF", true, false, 0));
        assert_eq!(read("99999999999999999999<<E"), doc("E", true, false, u64::MAX));
        for word in ["", "EOF", "<<", "<<-", "<EOF", "<<<EOF", "<<EOF sh", "x<<EOF", "\"<<EOF\""] {
            assert_eq!(read(word), None, "{word}");
        }
        assert!(in_word("<<'EOF").is_err());
    }

    #[test]
    fn finds_all_of_a_line() {
        let names = |line: &str| in_line(line).unwrap().into_iter().map(|doc| doc.name).collect::<Vec<_>>();
        assert_eq!(names("COPY <<A <<-'B C' /dest"), ["A", "B C"]);
        assert_eq!(names("RUN <<  EOF  > foo"), ["EOF"]);
        assert_eq!(names("RUN '<<EOF'"), [""; 0]);
        assert_eq!(names("RUN it's <<EOF"), [""; 0], "the quote is not closed");
    }
}
