//! Parser directives: `# syntax=`, `# escape=` and `# check=` in the comments that a Dockerfile begins with
//! (Dockerfile reference, "Parser directives").

use crate::error::{Error, Lines, Result};

/// What a directive sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectiveName {
    /// The frontend that reads the Dockerfile.
    Syntax,
    /// The character that escapes.
    Escape,
    /// What the build checks do.
    Check,
}

impl DirectiveName {
    const ALL: [(&'static str, Self); 3] = [("syntax", Self::Syntax), ("escape", Self::Escape), ("check", Self::Check)];

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, directive)| directive)
    }

    fn text(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Escape => "escape",
            Self::Check => "check",
        }
    }
}

/// A directive of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// What it sets.
    pub name: DirectiveName,
    /// To what.
    pub value: String,
    /// Where it stands.
    pub line: usize,
}

/// Finds directives, line by line. The first line that is none ends them.
#[derive(Debug)]
pub struct DirectiveReader {
    comment: &'static str,
    line: usize,
    seen: Vec<DirectiveName>,
    done: bool,
}

impl DirectiveReader {
    /// Reads directives in comments that begin with `comment`.
    pub fn new(comment: &'static str) -> Self {
        Self { comment, line: 0, seen: Vec::new(), done: false }
    }

    /// The directive that a line is, if it is one. One that was set cannot be set again.
    pub fn read(&mut self, line: &str) -> Result<Option<Directive>> {
        self.line += 1;
        if self.done {
            return Ok(None);
        }
        let Some((name, value)) = line.strip_prefix(self.comment).and_then(split) else {
            self.done = true;
            return Ok(None);
        };
        if self.seen.contains(&name) {
            let message = format!("only one {} parser directive can be used", name.text());
            return Err(Error::new(message).at(Lines::single(self.line)));
        }
        self.seen.push(name);
        Ok(Some(Directive { name, value: value.to_owned(), line: self.line }))
    }
}

/// `name = value`, where the name is one of ours and the value is not empty.
fn split(comment: &str) -> Option<(DirectiveName, &str)> {
    let (name, value) = comment.trim_start().split_once('=')?;
    let (name, value) = (name.trim_ascii_end(), value.trim_ascii());
    DirectiveName::parse(name).filter(|_| !value.is_empty()).map(|name| (name, value))
}

/// The value of `# check=`, up to its first space.
pub fn check(dockerfile: &[u8]) -> Option<String> {
    find(DirectiveName::Check, dockerfile, "#").map(|directive| first_word(&directive.value))
}

/// The frontend that a file asks for: by `# syntax=`, `// syntax=`, or a JSON object with a `syntax`. A first line
/// that begins with `#!` is passed over.
pub fn syntax(file: &[u8]) -> Option<String> {
    let in_comment = |comment| find(DirectiveName::Syntax, file, comment);
    if let Some(directive) = in_comment("#").or_else(|| in_comment("//")) {
        return Some(first_word(&directive.value));
    }
    let (_, json) = skip_shebang(file);
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(json).ok()?;
    object.get("syntax")?.as_str().map(str::to_owned)
}

fn first_word(value: &str) -> String {
    value.split(' ').next().unwrap_or_default().to_owned()
}

fn find(name: DirectiveName, file: &[u8], comment: &'static str) -> Option<Directive> {
    let (skipped, text) = skip_shebang(file);
    let mut reader = DirectiveReader::new(comment);
    reader.line = skipped;
    for line in text.split(|byte| *byte == b'\n') {
        match reader.read(&String::from_utf8_lossy(line)) {
            Ok(Some(directive)) if directive.name == name => return Some(directive),
            Ok(Some(_)) => {}
            // What is wrong with it, reading the whole file tells.
            Ok(None) | Err(_) => return None,
        }
    }
    None
}

/// The file without its mark of byte order and `#!` line, and how many lines that took.
fn skip_shebang(file: &[u8]) -> (usize, &[u8]) {
    let text = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    match text.starts_with(b"#!") {
        true => (1, text.iter().position(|byte| *byte == b'\n').map_or(&[], |end| &text[end + 1..])),
        false => (0, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Vec<(DirectiveName, String, usize)> {
        let mut reader = DirectiveReader::new("#");
        let mut directives = Vec::new();
        for line in text.lines() {
            directives.extend(reader.read(line).unwrap().map(|found| (found.name, found.value, found.line)));
        }
        directives
    }

    #[test]
    fn directives_end_at_the_first_other_line() {
        let both = [(DirectiveName::Escape, "`".to_owned(), 1), (DirectiveName::Syntax, "a b".to_owned(), 2)];
        assert_eq!(read_all("#escape=`\n# SynTax =  a b \n\n# check=skip=all"), both);
        assert_eq!(read_all("# other = x\n# escape=`"), []);
        assert_eq!(read_all("# escape=\n# syntax=a"), []);
        assert_eq!(read_all("FROM a\n# escape=`"), []);
        assert_eq!(read_all(" # escape=`"), []);
    }

    #[test]
    fn none_is_set_twice() {
        let mut reader = DirectiveReader::new("#");
        reader.read("# escape=\\").unwrap();
        let error = reader.read("# ESCAPE=`").unwrap_err();
        assert_eq!(error.to_string(), "only one escape parser directive can be used");
        assert_eq!(error.lines(), Some(Lines::single(2)));
    }

    #[test]
    fn finds_the_frontend_in_every_comment() {
        let found = |text: &str| syntax(text.as_bytes());
        assert_eq!(found("# syntax = a:1 // opts\nFROM b").as_deref(), Some("a:1"));
        assert_eq!(found("\u{feff}#!/bin/sh\n//syntax=x").as_deref(), Some("x"));
        assert_eq!(found("{\"syntax\": \"foo\", \"bar\": [1]}").as_deref(), Some("foo"));
        assert_eq!(found("#!/bin/sh\n\n# syntax=x"), None);
        assert_eq!(found("{\"syntax\": \"foo\""), None);
        assert_eq!(check(b"# syntax=x\n#check=skip=all;error=true rest").as_deref(), Some("skip=all;error=true"));
        assert_eq!(check(b"//check=skip=all"), None);
    }
}
