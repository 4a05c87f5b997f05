//! Colours in logs: SGR sequences to styles, every other escape sequence dropped.

use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::text::Span;

use super::scan::{Token, tokens};

/// The state that SGR sequences change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sgr {
    style: Style,
}

impl Sgr {
    /// The style now in force.
    pub fn style(self) -> Style {
        self.style
    }

    /// Applies the parameters of one `CSI … m` (ECMA-48, 8.3.117; 38 and 48 as in ISO 8613-6 and xterm).
    pub fn apply(&mut self, parameters: &str) {
        let mut numbers = parameters.split([';', ':']).map(|number| number.parse().unwrap_or(0u16));
        while let Some(number) = numbers.next() {
            match number {
                0 => self.style = Style::new(),
                1..=9 => self.add(number),
                21 => self.style = self.style.add_modifier(Modifier::UNDERLINED),
                22..=29 => self.remove(number),
                30..=37 | 90..=97 => self.style.fg = Some(basic(number)),
                38 => match extended(&mut numbers) {
                    Some(colour) => self.style.fg = Some(colour),
                    // What belongs to a colour of unknown form cannot be told from what follows it.
                    None => return,
                },
                39 => self.style.fg = None,
                40..=47 | 100..=107 => self.style.bg = Some(basic(number - 10)),
                48 => match extended(&mut numbers) {
                    Some(colour) => self.style.bg = Some(colour),
                    None => return,
                },
                49 => self.style.bg = None,
                _ => {}
            }
        }
    }

    fn add(&mut self, number: u16) {
        let modifier = match number {
            1 => Modifier::BOLD,
            2 => Modifier::DIM,
            3 => Modifier::ITALIC,
            4 => Modifier::UNDERLINED,
            7 => Modifier::REVERSED,
            9 => Modifier::CROSSED_OUT,
            // Blinking and concealment are not passed on: nothing moves, nothing hides.
            _ => return,
        };
        self.style.add_modifier |= modifier;
    }

    fn remove(&mut self, number: u16) {
        let modifier = match number {
            22 => Modifier::BOLD | Modifier::DIM,
            23 => Modifier::ITALIC,
            24 => Modifier::UNDERLINED,
            27 => Modifier::REVERSED,
            29 => Modifier::CROSSED_OUT,
            _ => return,
        };
        self.style.add_modifier -= modifier;
    }
}

/// 30 to 37 and 90 to 97.
fn basic(number: u16) -> Color {
    const COLOURS: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    COLOURS[usize::from(if number >= 90 { number - 82 } else { number - 30 })]
}

/// What follows 38 or 48: `5 ; index` or `2 ; red ; green ; blue`.
fn extended(numbers: &mut impl Iterator<Item = u16>) -> Option<Color> {
    let mut channel = || numbers.next().and_then(|number| u8::try_from(number).ok());
    match channel()? {
        5 => channel().map(Color::Indexed),
        2 => Some(Color::Rgb(channel()?, channel()?, channel()?)),
        _ => None,
    }
}

/// The text as spans of one style each, upon `base`.
pub fn styled(text: &str, base: Style) -> Vec<Span<'static>> {
    let (mut sgr, mut spans, mut run) = (Sgr::default(), Vec::new(), String::new());
    let mut flush = |run: &mut String, style: Style| {
        if !run.is_empty() {
            spans.push(Span::styled(std::mem::take(run), base.patch(style)));
        }
    };
    for token in tokens(text) {
        match token {
            Token::Glyph(glyph) => run.push_str(glyph.text),
            Token::Sgr(parameters) => {
                let before = sgr;
                sgr.apply(parameters);
                if sgr != before {
                    flush(&mut run, before.style());
                }
            }
        }
    }
    flush(&mut run, sgr.style());
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(String, Style)> {
        styled(text, Style::new()).into_iter().map(|span| (span.content.into_owned(), span.style)).collect()
    }

    #[test]
    fn colours_and_attributes_become_styles() {
        let red = Style::new().fg(Color::Red);
        assert_eq!(
            pieces("a\x1b[31mb\x1b[1mc\x1b[0md"),
            [("a".into(), Style::new()), ("b".into(), red), ("c".into(), red.bold()), ("d".into(), Style::new())]
        );
        assert_eq!(pieces("\x1b[38;5;208mx")[0].1.fg, Some(Color::Indexed(208)));
        assert_eq!(pieces("\x1b[48;2;1;2;3mx")[0].1.bg, Some(Color::Rgb(1, 2, 3)));
        assert_eq!(pieces("\x1b[1;97mx")[0].1, Style::new().fg(Color::White).bold());
        assert_eq!(pieces("\x1b[31m\x1b[mx")[0].1, Style::new());
    }

    #[test]
    fn nothing_but_colour_passes() {
        assert_eq!(pieces("a\x1b[2Jb\x1b[10;10Hc\x1b]0;t\x07d\x1b[?25le"), [("abcde".into(), Style::new())]);
        assert_eq!(pieces("\x1b[5;8mx"), [("x".into(), Style::new())]);
        assert_eq!(pieces("\x1b[38;5mx\x1b[38;9;9mx").len(), 1);
    }
}
