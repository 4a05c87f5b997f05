//! A line being typed: commands, filters, searches, file names.

use crate::tui::complete;
use porthole_widgets::input::Input;

/// What the line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A command line, as after `porthole` in a shell.
    Command,
    /// The filter of a list, applied while typing.
    Filter,
    /// A search in a text, applied while typing.
    Search,
    /// The lines of a text to show, applied while typing.
    Grep,
    /// The registry to look through.
    Registry,
    /// The file to write a text to.
    SaveText,
    /// The file to write packets to.
    SavePackets,
}

impl Purpose {
    /// What stands before the line.
    pub fn lead(self) -> &'static str {
        match self {
            Purpose::Command => ":",
            Purpose::Filter => "filter /",
            Purpose::Search => "search /",
            Purpose::Grep => "only lines with ",
            Purpose::Registry => "registry ",
            Purpose::SaveText | Purpose::SavePackets => "save to ",
        }
    }

    /// What the empty line says.
    pub fn hint(self) -> &'static str {
        match self {
            Purpose::Command => "run -d -p 9000:80 lab httpd -f",
            Purpose::Filter | Purpose::Grep => "text, or !text for all without it",
            Purpose::Search => "text",
            Purpose::Registry => "localhost:5000",
            Purpose::SaveText | Purpose::SavePackets => "file",
        }
    }
}

/// Something that fits what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What to insert.
    pub text: String,
    /// What it is.
    pub about: String,
}

/// A line being typed.
pub struct Prompt {
    /// What it is for.
    pub purpose: Purpose,
    /// The text field.
    pub input: Input,
    /// What was there before, for a cancel.
    pub before: String,
    /// What fits the last word.
    pub offers: Vec<Offer>,
    /// The offer that stands in the line now, and the line as it was typed.
    pub taken: Option<(usize, String)>,
}

impl Prompt {
    /// A line with a text already in it.
    pub fn new(purpose: Purpose, text: &str) -> Self {
        let (input, before) = (Input::with_text(text), text.to_owned());
        Self { purpose, input, before, offers: Vec::new(), taken: None }
    }

    /// The line.
    pub fn line(&self) -> &str {
        self.input.text()
    }

    /// Puts the next offer into the line, round and round.
    pub fn complete(&mut self) {
        if self.taken.is_none() {
            let common = complete::common(&self.offers);
            let (line, last) = (self.line().to_owned(), complete::last_word(self.line()).to_owned());
            if self.offers.len() > 1 && common.len() > last.len() {
                let line = format!("{}{common}", &line[..line.len() - last.len()]);
                return self.input.set_text(&line);
            }
        }
        self.step(1);
    }

    /// Puts the next or previous offer into the line.
    pub fn step(&mut self, by: isize) {
        let Some(last) = self.offers.len().checked_sub(1) else { return };
        let (at, typed) = match self.taken.take() {
            Some((at, typed)) if by > 0 => (if at == last { 0 } else { at + 1 }, typed),
            Some((at, typed)) => (at.checked_sub(1).unwrap_or(last), typed),
            None => (if by > 0 { 0 } else { last }, self.line().to_owned()),
        };
        self.input.set_text(&complete::insert(&typed, &self.offers[at]));
        self.taken = Some((at, typed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(line: &str, offers: &[&str]) -> Prompt {
        let mut prompt = Prompt::new(Purpose::Command, line);
        prompt.offers = offers.iter().map(|text| Offer { text: (*text).to_owned(), about: String::new() }).collect();
        prompt
    }

    #[test]
    fn completion_takes_what_is_shared_and_then_each_in_turn() {
        let mut prompt = prompt("st", &["start", "stats"]);
        prompt.complete();
        assert_eq!(prompt.line(), "sta");
        prompt.complete();
        assert_eq!(prompt.line(), "start ");
        prompt.step(1);
        assert_eq!(prompt.line(), "stats ");
        prompt.step(1);
        assert_eq!(prompt.line(), "start ");
    }

    #[test]
    fn without_offers_nothing_changes() {
        let mut prompt = prompt("xyz", &[]);
        prompt.complete();
        assert_eq!(prompt.line(), "xyz");
    }
}
