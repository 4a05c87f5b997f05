//! Short messages in the lower right corner, where they hide the least.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::Widget;

use crate::frame::{Panel, inner};
use crate::pen::{Pen, cells};

/// What kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ToastKind {
    /// Something to know.
    #[default]
    Info,
    /// It worked.
    Good,
    /// Something to look at.
    Warn,
    /// It failed.
    Bad,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Toast {
    /// What kind.
    pub kind: ToastKind,
    /// What it says.
    pub text: String,
}

/// Draws messages, the newest first, one below the other.
#[derive(Debug, Clone)]
pub struct Toasts<'a> {
    theme: &'a Theme,
    toasts: &'a [Toast],
}

impl<'a> Toasts<'a> {
    /// The messages, newest first.
    pub fn new(theme: &'a Theme, toasts: &'a [Toast]) -> Self {
        Self { theme, toasts }
    }
}

impl Widget for Toasts<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        let (theme, glyphs) = (self.theme, self.theme.glyphs());
        let fitting = usize::from(area.height / 3).min(4);
        for (index, toast) in self.toasts.iter().take(fitting).enumerate() {
            let (glyph, style) = match toast.kind {
                ToastKind::Info => (glyphs.separator, theme.accent()),
                ToastKind::Good => (glyphs.check, theme.good()),
                ToastKind::Warn => ("!", theme.warn()),
                ToastKind::Bad => (glyphs.cross, theme.bad()),
            };
            let width = cells(&toast.text).saturating_add(6).min(area.width.min(70));
            let y = area.bottom() - 3 * (index as u16 + 1);
            let place = Rect { x: area.right() - width, y, width, height: 3 };
            Panel::new(theme).popup().render(place, buf);
            let mut pen = Pen::new(buf, inner(place), glyphs.ellipsis);
            pen.skip(1).text(glyph, style).skip(1).text(&toast.text, theme.text());
        }
    }
}
