//! Theme files: a palette of named colours, and for each role a style written as words.
//!
//! ```toml
//! base = "dusk"                      # what is not given here comes from there
//! ansi = ["#22262e", …]              # what the 16 named colours look like in logs and shells
//! [palette]
//! accent = ["#8fb8de", "cyan"]       # the colour, and its stand-in on a 16-colour terminal
//! [styles]
//! title = "accent bold"              # FOREGROUND [on BACKGROUND] [bold dim italic underline reverse strike]
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use ratatui_core::style::{Color, Modifier, Style};
use serde::Deserialize;

use crate::{ColourDepth, Role, Theme};

/// Why a theme file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// The file is no TOML, or has fields that a theme does not have.
    #[error("theme {file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says, with the line.
        message: String,
    },
    /// The file builds on a theme that does not exist.
    #[error("theme {file}: base = \"{base}\": no such theme; there are {}", Theme::BUILTIN.join(", "))]
    UnknownBase {
        /// The file.
        file: String,
        /// The name that it gave.
        base: String,
    },
    /// The file styles something that has no style.
    #[error("theme {file}: styles.{field}: nothing is called so; see the built-in themes for the names")]
    UnknownRole {
        /// The file.
        file: String,
        /// The name that it gave.
        field: String,
    },
    /// A word in a style or a palette entry is neither colour nor modifier.
    #[error(
        "theme {file}: {field}: \"{word}\" is no colour (#rrggbb, red, lightblue, 0–255, default or a name of the palette) and no modifier"
    )]
    UnknownWord {
        /// The file.
        file: String,
        /// The field that holds it.
        field: String,
        /// The word.
        word: String,
    },
    /// A role has no style, neither here nor in the base.
    #[error("theme {file}: styles.{role} is missing")]
    MissingStyle {
        /// The file.
        file: String,
        /// The role's name.
        role: &'static str,
    },
}

/// A theme file as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Sheet {
    name: Option<String>,
    base: Option<String>,
    /// What the 16 named colours look like in logs and shells; the terminal's own when not given.
    ansi: Option<[String; 16]>,
    palette: BTreeMap<String, Entry>,
    styles: BTreeMap<String, String>,
}

/// A colour of the palette, perhaps with its stand-in among the 16.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Entry {
    One(String),
    WithSixteen(String, String),
}

/// The sheet of a built-in theme.
pub(crate) fn builtin(name: &str) -> Option<Sheet> {
    let text = match name {
        "dusk" => include_str!("../themes/dusk.toml"),
        "paper" => include_str!("../themes/paper.toml"),
        "terminal" => include_str!("../themes/terminal.toml"),
        _ => return None,
    };
    Some(parse(name, text).expect("built-in themes parse, as a test checks"))
}

/// The styles of a terminal without colour.
pub(crate) fn mono() -> Sheet {
    parse("mono", include_str!("../themes/mono.toml")).expect("built-in themes parse, as a test checks")
}

/// A user's sheet laid over its base.
pub(crate) fn user(file: &str, text: &str) -> Result<Sheet, ThemeError> {
    let over = parse(file, text)?;
    if let Some(field) = over.styles.keys().find(|field| Role::ALL.iter().all(|role| role.name() != *field)) {
        return Err(ThemeError::UnknownRole { file: file.into(), field: field.clone() });
    }
    let base = over.base.clone().unwrap_or_else(|| "dusk".into());
    let mut sheet = builtin(&base).ok_or(ThemeError::UnknownBase { file: file.into(), base })?;
    sheet.name = over.name;
    sheet.ansi = over.ansi.or(sheet.ansi);
    sheet.palette.extend(over.palette);
    sheet.styles.extend(over.styles);
    Ok(sheet)
}

fn parse(file: &str, text: &str) -> Result<Sheet, ThemeError> {
    toml::from_str(text)
        .map_err(|error| ThemeError::Syntax { file: file.into(), message: error.to_string().trim_end().to_owned() })
}

impl Sheet {
    /// The name given, or the file's.
    pub(crate) fn name(&self, file: &str) -> String {
        let stem = || Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        self.name.clone().or_else(stem).unwrap_or_else(|| file.to_owned())
    }

    /// The 16 named colours as this theme has them. A terminal with no more than those keeps its own.
    pub(crate) fn ansi(&self, file: &str, depth: ColourDepth) -> Result<Option<[Color; 16]>, ThemeError> {
        let Some(words) = &self.ansi else { return Ok(None) };
        let mut colours = [Color::Reset; 16];
        for (index, (word, colour)) in words.iter().zip(&mut colours).enumerate() {
            let unknown =
                || ThemeError::UnknownWord { file: file.into(), field: format!("ansi[{index}]"), word: word.clone() };
            *colour = depth.adapt(literal(word).ok_or_else(unknown)?);
        }
        Ok((depth >= ColourDepth::Indexed).then_some(colours))
    }

    /// The style of every role at `depth`.
    pub(crate) fn styles(&self, file: &str, depth: ColourDepth) -> Result<[Style; Role::ALL.len()], ThemeError> {
        let mut styles = [Style::new(); Role::ALL.len()];
        for role in Role::ALL {
            let name = role.name();
            let words = self.styles.get(name).ok_or(ThemeError::MissingStyle { file: file.into(), role: name })?;
            styles[*role as usize] = self.style(words, depth).map_err(|(field, word)| ThemeError::UnknownWord {
                file: file.into(),
                field: field.unwrap_or_else(|| format!("styles.{name}")),
                word,
            })?;
        }
        Ok(styles)
    }

    /// Reads `FOREGROUND [on BACKGROUND] [MODIFIER…]`; the error is the field (when it is not the style) and the word.
    fn style(&self, words: &str, depth: ColourDepth) -> Result<Style, (Option<String>, String)> {
        let mut style = Style::new();
        let mut words = words.split_whitespace();
        while let Some(word) = words.next() {
            if let Some(modifier) = modifier(word) {
                style = style.add_modifier(modifier);
            } else if word == "on" {
                let colour = words.next().ok_or((None, "on".to_owned()))?;
                style = style.bg(self.colour(colour, depth)?);
            } else {
                style = style.fg(self.colour(word, depth)?);
            }
        }
        if depth == ColourDepth::None {
            (style.fg, style.bg) = (None, None);
        }
        Ok(style)
    }

    fn colour(&self, word: &str, depth: ColourDepth) -> Result<Color, (Option<String>, String)> {
        let in_palette = |text: &String| literal(text).ok_or((Some(format!("palette.{word}")), text.clone()));
        match self.palette.get(word) {
            Some(Entry::WithSixteen(full, sixteen)) => {
                let (full, sixteen) = (in_palette(full)?, in_palette(sixteen)?);
                Ok(if depth == ColourDepth::Sixteen { sixteen } else { depth.adapt(full) })
            }
            Some(Entry::One(text)) => in_palette(text).map(|colour| depth.adapt(colour)),
            None => literal(word).map(|colour| depth.adapt(colour)).ok_or((None, word.to_owned())),
        }
    }
}

fn literal(word: &str) -> Option<Color> {
    if word == "default" { Some(Color::Reset) } else { Color::from_str(word).ok() }
}

fn modifier(word: &str) -> Option<Modifier> {
    Some(match word {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underline" => Modifier::UNDERLINED,
        "reverse" => Modifier::REVERSED,
        "strike" => Modifier::CROSSED_OUT,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Theme::from_toml("mine.toml", text, ColourDepth::Full).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_file_and_the_field() {
        assert!(message("[styles]\ntext = \"no-such\"").starts_with("theme mine.toml: styles.text: \"no-such\""));
        assert!(message("[palette]\naccent = \"#12\"").starts_with("theme mine.toml: palette.accent: \"#12\""));
        assert!(message("[styles]\nsparkle = \"red\"").starts_with("theme mine.toml: styles.sparkle:"));
        let ansi = vec!["\"red\""; 15].join(",");
        assert!(
            message(&format!("ansi = [{ansi}, \"blurple\"]")).starts_with("theme mine.toml: ansi[15]: \"blurple\"")
        );
        assert!(message("base = \"neon\"").contains("base = \"neon\": no such theme; there are dusk, paper, terminal"));
        assert!(message("colour = 1").contains("unknown field `colour`"));
        assert!(message("[styles]\ntext = \"red on\"").contains("\"on\" is no colour"));
    }

    #[test]
    fn a_style_is_foreground_background_and_modifiers() {
        let style = Sheet::default().style("red on #000010 bold underline", ColourDepth::Full).unwrap();
        let expected = Style::new().fg(Color::Red).bg(Color::Rgb(0, 0, 16)).bold().underlined();
        assert_eq!(style, expected);
    }
}
