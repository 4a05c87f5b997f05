//! Widgets for a terminal workstation; they know nothing of the engine.
//!
//! Every widget takes a [`Theme`](porthole_themes::Theme) and implements ratatui's `Widget` or `StatefulWidget`; its
//! state is a type of its own, which keys act upon without anything being drawn. A frame costs what is seen, and all
//! text passes [`text`], so that nothing that a container, image or packet says can reach the terminal as a command.

mod columns;
mod list;
mod pattern;
mod pen;

pub mod bars;
pub mod chart;
pub mod confirm;
pub mod detail;
pub mod form;
pub mod frame;
pub mod fuzzy;
pub mod help;
pub mod hex;
pub mod input;
pub mod key;
pub mod ladder;
pub mod log_view;
pub mod menu;
pub mod palette;
pub mod source;
pub mod table;
pub mod terminal;
pub mod text;
pub mod toast;
pub mod topology;
pub mod tree;
pub mod waves;
pub mod welcome;

pub use list::Window;

/// A number with its thousands apart: `1,204`.
pub fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_apart() {
        assert_eq!(super::number(0), "0");
        assert_eq!(super::number(999), "999");
        assert_eq!(super::number(1204), "1,204");
        assert_eq!(super::number(1_000_000), "1,000,000");
    }
}
