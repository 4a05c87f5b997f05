//! A calm page for when there is nothing yet: what this is, and the keys that begin.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::Widget;

use crate::bars::KeyHint;
use crate::frame::centred;
use crate::pen::{Pen, cells, line};

/// Draws the page in the middle of its area.
#[derive(Debug, Clone)]
pub struct Welcome<'a> {
    theme: &'a Theme,
    title: &'a str,
    sentence: &'a str,
    keys: &'a [KeyHint],
}

impl<'a> Welcome<'a> {
    /// A title, one sentence, and the keys that begin.
    pub fn new(theme: &'a Theme, title: &'a str, sentence: &'a str, keys: &'a [KeyHint]) -> Self {
        Self { theme, title, sentence, keys }
    }
}

/// The words of a text in lines of at most `width` cells.
fn wrap_words(text: &str, width: u16) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if cells(last) + 1 + cells(word) <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

impl Widget for Welcome<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let theme = self.theme;
        let key = self.keys.iter().map(|hint| cells(&hint.key)).max().unwrap_or(0);
        let widest = self.keys.iter().map(|hint| key + 2 + cells(&hint.label)).max().unwrap_or(0);
        let width = widest.max(60).min(area.width.saturating_sub(2));
        let sentence = wrap_words(self.sentence, width);
        let height = 1 + 1 + sentence.len() + 1 + self.keys.len();
        let page = centred(area, width, u16::try_from(height).unwrap_or(u16::MAX));
        // On a small page the blank lines go first.
        let blank = u16::from(usize::from(page.height) >= height);
        let mut lines = vec![self.title];
        lines.extend((0..blank).map(|_| ""));
        lines.extend(sentence.iter().map(String::as_str));
        lines.extend((0..blank).map(|_| ""));
        for (row, text) in lines.iter().enumerate() {
            let style = if row == 0 { theme.brand() } else { theme.text() };
            Pen::new(buf, line(page, row as u16), theme.glyphs().ellipsis).text(text, style);
        }
        for (row, hint) in self.keys.iter().enumerate() {
            let mut pen = Pen::new(buf, line(page, (lines.len() + row) as u16), theme.glyphs().ellipsis);
            pen.column_right(key, &hint.key, theme.key()).skip(2).text(&hint.label, theme.key_label());
        }
    }
}
