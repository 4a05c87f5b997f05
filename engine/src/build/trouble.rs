//! What went wrong, with where in the Dockerfile that is.

use crate::error::Error;
use porthole_dockerfile::instruction::Instruction;

/// Longer instructions are cut where they are told of.
const LONGEST: usize = 160;

/// Names the file, the line and the instruction of what went wrong.
pub(super) struct Trouble {
    name: String,
    lines: Vec<String>,
}

impl Trouble {
    pub(super) fn new(name: &str, dockerfile: &[u8]) -> Self {
        let text = String::from_utf8_lossy(dockerfile);
        Self { name: name.to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    /// The Dockerfile cannot be understood.
    pub(super) fn of_dockerfile(&self, error: &porthole_dockerfile::Error) -> Error {
        match error.lines().filter(|lines| lines.start > 0) {
            Some(lines) => {
                let line = self.lines.get(lines.start.saturating_sub(1)).map(|line| line.trim()).unwrap_or_default();
                Error::Build(format!("{}:{}: {}: {}", self.name, lines.start, shortened(line), error.message()))
            }
            None => Error::Build(format!("{}: {}", self.name, error.message())),
        }
    }

    /// An instruction failed.
    pub(super) fn of(&self, instruction: &Instruction, problem: impl std::fmt::Display) -> Error {
        let line = instruction.lines.start;
        Error::Build(format!("{}:{line}: {}: {problem}", self.name, shortened(&instruction.source)))
    }

    /// The same at a line, where no instruction is at hand.
    pub(super) fn at(&self, line: usize, source: &str, problem: impl std::fmt::Display) -> Error {
        Error::Build(format!("{}:{line}: {}: {problem}", self.name, shortened(source)))
    }
}

/// A text as one line that is not too long.
pub(super) fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
