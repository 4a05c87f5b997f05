//! A theme as the widgets see it.

use ratatui_core::style::{Color, Style};

use crate::colour::named_index;
use crate::sheet::{self, Sheet};
use crate::{ColourDepth, Glyphs, Role, ThemeError};

/// The styles of every role, resolved for one terminal, and its glyphs.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    name: String,
    depth: ColourDepth,
    glyphs: Glyphs,
    styles: [Style; Role::ALL.len()],
    ansi: Option<[Color; 16]>,
}

impl Theme {
    /// The names of the built-in themes.
    pub const BUILTIN: &[&str] = &["dusk", "paper", "terminal"];

    /// A built-in theme; `None` when there is none of that name.
    pub fn builtin(name: &str, depth: ColourDepth) -> Option<Self> {
        let sheet = sheet::builtin(name)?;
        Some(Self::resolve(&sheet, name, depth).expect("built-in themes are complete, as a test checks"))
    }

    /// A user's theme: TOML that overrides fields of the built-in theme named by `base` (`dusk` when not given).
    /// `file` names the source in errors.
    pub fn from_toml(file: &str, text: &str, depth: ColourDepth) -> Result<Self, ThemeError> {
        Self::resolve(&sheet::user(file, text)?, file, depth)
    }

    fn resolve(sheet: &Sheet, file: &str, depth: ColourDepth) -> Result<Self, ThemeError> {
        let mut styles = sheet.styles(file, depth)?;
        if depth == ColourDepth::None {
            styles = sheet::mono().styles("mono", depth)?;
        }
        let ansi = sheet.ansi(file, depth)?;
        Ok(Self { name: sheet.name(file), depth, glyphs: Glyphs::unicode(), styles, ansi })
    }

    /// The same theme with other glyphs.
    pub fn with_glyphs(mut self, glyphs: Glyphs) -> Self {
        self.glyphs = glyphs;
        self
    }

    /// The theme's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of colours that the styles were resolved for.
    pub fn depth(&self) -> ColourDepth {
        self.depth
    }

    /// The glyphs of the chrome.
    pub fn glyphs(&self) -> &Glyphs {
        &self.glyphs
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// A colour from outside (logs, shells) as this theme and this terminal show it.
    pub fn adapt(&self, colour: Color) -> Color {
        let named = named_index(colour).zip(self.ansi.as_ref()).map(|(index, ansi)| ansi[index]);
        named.unwrap_or_else(|| self.depth.adapt(colour))
    }

    /// The title of a pane.
    pub fn title(&self, focused: bool) -> Style {
        if focused { self.panel_title_focused() } else { self.panel_title() }
    }

    /// The frame of a pane.
    pub fn border(&self, focused: bool) -> Style {
        if focused { self.panel_border_focused() } else { self.panel_border() }
    }

    /// The selected row of a list.
    pub fn selection(&self, focused: bool) -> Style {
        if focused { self.row_focused() } else { self.row() }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::builtin("dusk", ColourDepth::Full).expect("dusk is built in")
    }
}

#[cfg(test)]
mod tests {
    use ratatui_core::style::Modifier;

    use super::*;

    const DEPTHS: [ColourDepth; 4] = [ColourDepth::None, ColourDepth::Sixteen, ColourDepth::Indexed, ColourDepth::Full];

    #[test]
    fn every_builtin_is_complete_at_every_depth() {
        for name in Theme::BUILTIN {
            for depth in DEPTHS {
                assert!(Theme::builtin(name, depth).is_some(), "{name} at {depth:?}");
            }
        }
        assert!(Theme::builtin("neon", ColourDepth::Full).is_none());
    }

    #[test]
    fn without_colour_no_style_has_any_and_the_meanings_still_differ() {
        let theme = Theme::builtin("paper", ColourDepth::None).unwrap();
        for role in Role::ALL {
            let style = theme.style(*role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        assert!(theme.selection(true).add_modifier.contains(Modifier::REVERSED));
        assert_ne!(theme.title(true), theme.title(false));
        assert_ne!(theme.found(), theme.found_current());
        assert_ne!(theme.bad(), theme.text());
    }

    #[test]
    fn sixteen_colours_mean_named_colours_only() {
        for name in Theme::BUILTIN {
            let theme = Theme::builtin(name, ColourDepth::Sixteen).unwrap();
            for role in Role::ALL {
                for colour in [theme.style(*role).fg, theme.style(*role).bg].into_iter().flatten() {
                    assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{name} {role:?} {colour:?}");
                }
            }
        }
    }

    #[test]
    fn named_colours_from_outside_are_the_themes_own() {
        let paper = Theme::builtin("paper", ColourDepth::Full).unwrap();
        assert!(matches!(paper.adapt(Color::Yellow), Color::Rgb(..)));
        assert_eq!(paper.adapt(Color::Indexed(3)), paper.adapt(Color::Yellow));
        assert_eq!(paper.adapt(Color::Indexed(208)), Color::Indexed(208));
        let sixteen = Theme::builtin("paper", ColourDepth::Sixteen).unwrap();
        assert_eq!(sixteen.adapt(Color::Yellow), Color::Yellow);
        assert_eq!(Theme::builtin("terminal", ColourDepth::Full).unwrap().adapt(Color::Yellow), Color::Yellow);
        assert_eq!(Theme::builtin("dusk", ColourDepth::None).unwrap().adapt(Color::Yellow), Color::Reset);
    }

    #[test]
    fn a_user_theme_overrides_only_what_it_names() {
        let text = "base = \"paper\"\n[palette]\naccent = \"#102030\"\n[styles]\nbad = \"#ff0000 bold\"\n";
        let theme = Theme::from_toml("mine.toml", text, ColourDepth::Full).unwrap();
        let paper = Theme::builtin("paper", ColourDepth::Full).unwrap();
        assert_eq!(theme.accent().fg, Some(Color::Rgb(0x10, 0x20, 0x30)));
        assert_eq!(theme.bad().fg, Some(Color::Rgb(0xff, 0, 0)));
        assert_eq!(theme.good(), paper.good());
        assert_eq!(theme.name(), "mine");
    }
}
