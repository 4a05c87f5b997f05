//! How many colours the terminal shows.

use ratatui_core::style::Color;

use crate::colour::{to_indexed, to_sixteen};

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ColourDepth {
    /// No colour at all: meaning is carried by bold, reverse, underline and glyphs.
    None,
    /// The 16 colours of the terminal's own palette.
    Sixteen,
    /// xterm's 256 colours.
    Indexed,
    /// 24-bit colour.
    #[default]
    Full,
}

/// Terminals that show 24-bit colour without saying so in COLORTERM.
const TRUECOLOUR_TERMS: [&str; 6] = ["direct", "kitty", "alacritty", "ghostty", "wezterm", "foot"];

impl ColourDepth {
    /// Decides from NO_COLOR (<https://no-color.org>), COLORTERM and TERM, read through `env`.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name| env(name).unwrap_or_default();
        let term = value("TERM");
        if !value("NO_COLOR").is_empty() || term == "dumb" {
            return Self::None;
        }
        let colorterm = value("COLORTERM");
        if colorterm == "truecolor" || colorterm == "24bit" || TRUECOLOUR_TERMS.iter().any(|name| term.contains(name)) {
            return Self::Full;
        }
        if term.contains("256color") { Self::Indexed } else { Self::Sixteen }
    }

    /// The nearest colour that the terminal can show.
    pub fn adapt(self, colour: Color) -> Color {
        match self {
            Self::None => Color::Reset,
            Self::Sixteen => to_sixteen(colour),
            Self::Indexed => to_indexed(colour),
            Self::Full => colour,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(vars: &[(&str, &str)]) -> ColourDepth {
        ColourDepth::detect(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string()))
    }

    #[test]
    fn the_environment_decides() {
        assert_eq!(detect(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), ColourDepth::Full);
        assert_eq!(detect(&[("TERM", "xterm-kitty")]), ColourDepth::Full);
        assert_eq!(detect(&[("TERM", "tmux-256color")]), ColourDepth::Indexed);
        assert_eq!(detect(&[("TERM", "linux")]), ColourDepth::Sixteen);
        assert_eq!(detect(&[]), ColourDepth::Sixteen);
        assert_eq!(detect(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), ColourDepth::None);
    }

    #[test]
    fn no_color_wins_unless_it_is_empty() {
        assert_eq!(detect(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), ColourDepth::None);
        assert_eq!(detect(&[("NO_COLOR", ""), ("COLORTERM", "truecolor")]), ColourDepth::Full);
    }
}
