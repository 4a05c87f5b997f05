//! The glyphs of the chrome, in Unicode and in ASCII.
//!
//! Every glyph is one cell wide and none has an emoji form, so that no terminal draws one wider than it is counted.

/// The lines of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Borders {
    /// Horizontal line.
    pub horizontal: &'static str,
    /// Vertical line.
    pub vertical: &'static str,
    /// Upper left corner.
    pub top_left: &'static str,
    /// Upper right corner.
    pub top_right: &'static str,
    /// Lower left corner.
    pub bottom_left: &'static str,
    /// Lower right corner.
    pub bottom_right: &'static str,
    /// A vertical line with an arm to the right (├).
    pub tee_right: &'static str,
    /// A vertical line with an arm to the left (┤).
    pub tee_left: &'static str,
    /// A horizontal line with an arm down (┬).
    pub tee_down: &'static str,
    /// A horizontal line with an arm up (┴).
    pub tee_up: &'static str,
    /// Two lines crossing.
    pub cross: &'static str,
}

/// The glyphs of the chrome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    /// The lines of frames.
    pub borders: Borders,
    /// Left edge of the selected row.
    pub marker: &'static str,
    /// A row marked for a bulk action.
    pub mark: &'static str,
    /// Left edge of a line written to standard error.
    pub stderr: &'static str,
    /// End of text that was cut.
    pub ellipsis: &'static str,
    /// Something that holds, is up, or matched.
    pub check: &'static str,
    /// Something that failed.
    pub cross: &'static str,
    /// Something that would be better otherwise.
    pub warning: &'static str,
    /// Separates facts within one line.
    pub separator: &'static str,
    /// From one thing to another.
    pub arrow: &'static str,
    /// From one thing back to another.
    pub arrow_back: &'static str,
    /// Two interfaces that are one pair.
    pub pair: &'static str,
    /// A packet seen at a hop, on its way in.
    pub hop: &'static str,
    /// The hop after which an address was changed, on the way in.
    pub hop_nat: &'static str,
    /// A packet seen at a hop, on its way back.
    pub hop_back: &'static str,
    /// The hop after which an address was changed, on the way back.
    pub hop_nat_back: &'static str,
    /// A hop at which the packet was not seen.
    pub unseen: &'static str,
    /// A hop of which it is uncertain whether the packet was seen there.
    pub unsure: &'static str,
    /// The hop where a packet was dropped.
    pub dropped: &'static str,
    /// A node of the way.
    pub node: &'static str,
    /// The selected node of the way, or one with a meaning of its own.
    pub node_full: &'static str,
    /// A link between two nodes.
    pub link: &'static str,
    /// A link on which an address is changed.
    pub link_nat: &'static str,
    /// Sorted upwards.
    pub ascending: &'static str,
    /// Sorted downwards.
    pub descending: &'static str,
    /// A value of which it is hidden what it holds.
    pub folded: &'static str,
    /// A value below which stands what it holds.
    pub unfolded: &'static str,
    /// The position within a longer list.
    pub scroll: &'static str,
    /// The levels of a small chart, from empty to full.
    pub levels: [&'static str; 9],
    /// Stands before what is typed.
    pub prompt: &'static str,
    /// Shown in place of a byte that has no printable form.
    pub unprintable: &'static str,
}

impl Glyphs {
    /// Box drawing and geometric shapes, as every UTF-8 terminal font has them.
    pub const fn unicode() -> Self {
        Self {
            borders: Borders {
                horizontal: "─",
                vertical: "│",
                top_left: "╭",
                top_right: "╮",
                bottom_left: "╰",
                bottom_right: "╯",
                tee_right: "├",
                tee_left: "┤",
                tee_down: "┬",
                tee_up: "┴",
                cross: "┼",
            },
            marker: "▌",
            mark: "•",
            stderr: "▎",
            ellipsis: "…",
            check: "✓",
            cross: "✗",
            warning: "!",
            separator: "·",
            arrow: "→",
            arrow_back: "←",
            pair: "⇄",
            hop: "▸",
            hop_nat: "►",
            hop_back: "◂",
            hop_nat_back: "◄",
            unseen: "·",
            unsure: "?",
            dropped: "✗",
            node: "○",
            node_full: "●",
            link: "─",
            link_nat: "═",
            ascending: "▴",
            descending: "▾",
            folded: "▸",
            unfolded: "▾",
            scroll: "┃",
            levels: [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
            prompt: "›",
            unprintable: "·",
        }
    }

    /// ASCII only, for terminals and fonts without box drawing.
    pub const fn ascii() -> Self {
        Self {
            borders: Borders {
                horizontal: "-",
                vertical: "|",
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                tee_right: "+",
                tee_left: "+",
                tee_down: "+",
                tee_up: "+",
                cross: "+",
            },
            marker: ">",
            mark: "*",
            stderr: "!",
            ellipsis: "~",
            check: "y",
            cross: "x",
            warning: "!",
            separator: "-",
            arrow: ">",
            arrow_back: "<",
            pair: "=",
            hop: ">",
            hop_nat: "#",
            hop_back: "<",
            hop_nat_back: "#",
            unseen: ".",
            unsure: "?",
            dropped: "x",
            node: "o",
            node_full: "O",
            link: "-",
            link_nat: "=",
            ascending: "^",
            descending: "v",
            folded: "+",
            unfolded: "-",
            scroll: "#",
            levels: [" ", ".", ".", ":", ":", "-", "=", "+", "#"],
            prompt: ">",
            unprintable: ".",
        }
    }

    /// Decides from the locale (POSIX order: LC_ALL, LC_CTYPE, LANG) and TERM, read through `env`.
    ///
    /// The Linux console's font lacks the rounded corners, so it gets ASCII too.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| env(name).filter(|value| !value.is_empty()));
        let utf8 = locale.is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        });
        if utf8 && env("TERM").as_deref() != Some("linux") { Self::unicode() } else { Self::ascii() }
    }
}

impl Default for Glyphs {
    fn default() -> Self {
        Self::unicode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(vars: &[(&str, &str)]) -> Glyphs {
        Glyphs::detect(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string()))
    }

    #[test]
    fn the_locale_decides() {
        assert_eq!(detect(&[("LANG", "C.UTF-8")]), Glyphs::unicode());
        assert_eq!(detect(&[("LANG", "de_DE.utf8"), ("LC_ALL", "")]), Glyphs::unicode());
        assert_eq!(detect(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")]), Glyphs::ascii());
        assert_eq!(detect(&[("LANG", "C.UTF-8"), ("TERM", "linux")]), Glyphs::ascii());
        assert_eq!(detect(&[]), Glyphs::ascii());
    }
}
