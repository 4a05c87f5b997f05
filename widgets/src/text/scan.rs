//! Cutting text into glyphs and escape sequences in one pass.

use unicode_width::UnicodeWidthChar;

/// Tabs stop at every eighth column.
const TAB: usize = 8;

/// Accents drawn upon one character; more are dropped, so that no text can climb over its neighbours.
const MAX_MARKS: usize = 3;

/// One cell's worth of text, or two for a wide character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyph<'a> {
    /// A character with its accents; never a control character.
    pub text: &'a str,
    /// 1 or 2 cells.
    pub width: usize,
    /// Where it starts in the source, in bytes.
    pub offset: usize,
}

/// A piece of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// Something to draw.
    Glyph(Glyph<'a>),
    /// The parameters of a "select graphic rendition" sequence (ECMA-48, 8.3.117): `CSI parameters m`.
    Sgr(&'a str),
}

/// The glyphs of a text; every escape sequence is left out.
pub fn glyphs(text: &str) -> impl Iterator<Item = Glyph<'_>> {
    tokens(text).filter_map(|token| match token {
        Token::Glyph(glyph) => Some(glyph),
        Token::Sgr(_) => None,
    })
}

/// The glyphs of a text and its colour sequences; every other escape sequence is left out.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0, column: 0, spaces: 0, no_terminator: false }
}

/// Iterator of [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    column: usize,
    /// Spaces still to come of a tab.
    spaces: usize,
    /// No string terminator lies ahead: looking again would make a hostile line quadratic.
    no_terminator: bool,
}

impl<'a> Tokens<'a> {
    /// Where the next token starts in the source, in bytes.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Takes the printable ASCII that comes next, all at once. A character that may have an accent is left alone.
    pub(crate) fn plain_run(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let printable = rest.bytes().take_while(|byte| (0x20..0x7f).contains(byte)).count();
        let accented = rest.as_bytes().get(printable).is_some_and(|byte| !byte.is_ascii());
        let len = printable.saturating_sub(usize::from(accented));
        if len == 0 || self.spaces > 0 {
            return None;
        }
        self.at += len;
        self.column += len;
        Some(&rest[..len])
    }

    /// Counts columns anew, for tabs: `column` cells of a new row are taken. What was left of a tab is dropped.
    pub(crate) fn restart(&mut self, column: usize) {
        (self.column, self.spaces) = (column, 0);
    }

    fn emit(&mut self, text: &'a str, width: usize, offset: usize) -> Option<Token<'a>> {
        self.column += width;
        Some(Token::Glyph(Glyph { text, width, offset }))
    }

    /// The character at `start` with the accents that follow it.
    fn printable(&mut self, start: usize, width: usize) -> Option<Token<'a>> {
        let rest = &self.text[self.at..];
        let marks = rest.chars().take_while(|c| is_mark(*c));
        let (mut end, mut all) = (self.at, self.at);
        for (index, mark) in marks.enumerate() {
            all += mark.len_utf8();
            if index < MAX_MARKS {
                end = all;
            }
        }
        self.at = all;
        let text = self.text;
        self.emit(&text[start..end], width, start)
    }

    /// Skips the sequence that an ESC or C1 character opened. `None` when it never ends.
    fn sequence(&mut self, kind: Sequence) -> Option<Option<Token<'a>>> {
        let rest = &self.text[self.at..];
        match kind {
            Sequence::Csi => {
                let end = rest.bytes().position(|byte| !(0x20..=0x3f).contains(&byte))?;
                let last = rest.as_bytes()[end];
                if !(0x40..=0x7e).contains(&last) {
                    return None;
                }
                self.at += end + 1;
                let parameters = &rest[..end];
                let sgr = last == b'm' && parameters.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'));
                Some(sgr.then_some(Token::Sgr(parameters)))
            }
            Sequence::String => {
                if self.no_terminator {
                    return None;
                }
                let Some(length) = string_length(rest) else {
                    self.no_terminator = true;
                    return None;
                };
                self.at += length;
                Some(None)
            }
            Sequence::Short => {
                let end = rest.bytes().position(|byte| !(0x20..=0x2f).contains(&byte))?;
                if !(0x30..=0x7e).contains(&rest.as_bytes()[end]) {
                    return None;
                }
                self.at += end + 1;
                Some(None)
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if self.spaces > 0 {
            self.spaces -= 1;
            return self.emit(" ", 1, self.at - 1);
        }
        loop {
            let start = self.at;
            let c = self.text[start..].chars().next()?;
            self.at += c.len_utf8();
            match classify(c) {
                Class::Printable(width) => return self.printable(start, width),
                Class::Tab => {
                    self.spaces = TAB - 1 - self.column % TAB;
                    return self.emit(" ", 1, start);
                }
                Class::Invisible => {}
                Class::Unsafe => return self.emit("\u{fffd}", 1, start),
                Class::Escape => {
                    let introduced = self.text[self.at..].chars().next();
                    let kind = match introduced {
                        Some('[') => Sequence::Csi,
                        Some(']' | 'P' | 'X' | '^' | '_') => Sequence::String,
                        _ => Sequence::Short,
                    };
                    let back = self.at;
                    if kind != Sequence::Short {
                        self.at += 1;
                    }
                    match self.sequence(kind) {
                        Some(Some(token)) => return Some(token),
                        Some(None) => {}
                        None => {
                            self.at = back;
                            return self.emit("\u{fffd}", 1, start);
                        }
                    }
                }
                Class::Introducer(kind) => match self.sequence(kind) {
                    Some(Some(token)) => return Some(token),
                    Some(None) => {}
                    None => return self.emit("\u{fffd}", 1, start),
                },
            }
        }
    }
}

/// The shapes of escape sequences (ECMA-48, ECMA-35).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sequence {
    /// `ESC [ parameters final`.
    Csi,
    /// OSC, DCS, SOS, PM, APC: up to BEL or ST.
    String,
    /// `ESC intermediates final`.
    Short,
}

enum Class {
    Printable(usize),
    Tab,
    Invisible,
    Unsafe,
    Escape,
    Introducer(Sequence),
}

fn classify(c: char) -> Class {
    match c {
        ' '..='~' => Class::Printable(1),
        '\t' => Class::Tab,
        '\x1b' => Class::Escape,
        '\u{9b}' => Class::Introducer(Sequence::Csi),
        '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => Class::Introducer(Sequence::String),
        '\n' | '\r' => Class::Invisible,
        c if c.is_control() => Class::Unsafe,
        // Bidirectional embeddings, overrides, isolates and marks; line and paragraph separators.
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => Class::Unsafe,
        // Variation selectors and skin tones change the width of what stands before them.
        '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}' | '\u{1f3fb}'..='\u{1f3ff}' => Class::Invisible,
        c => match c.width() {
            Some(width @ 1..=2) => Class::Printable(width),
            // A wider character than two cells is drawn by no terminal as such.
            Some(3..) => Class::Unsafe,
            // A mark without a character before it, a joiner, a soft hyphen.
            _ => Class::Invisible,
        },
    }
}

/// An accent that combines with the character before it.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && c.width() == Some(0) && !c.is_control() && !is_invisible(c)
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The length of a string sequence with its terminator: BEL, ESC \ or ST.
fn string_length(rest: &str) -> Option<usize> {
    for (index, c) in rest.char_indices() {
        match c {
            '\x07' => return Some(index + 1),
            '\u{9c}' => return Some(index + 2),
            '\x1b' if rest[index + 1..].starts_with('\\') => return Some(index + 2),
            _ => {}
        }
    }
    None
}
