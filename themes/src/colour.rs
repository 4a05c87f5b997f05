//! Mapping colours down to what a terminal can show.

use ratatui_core::style::Color;

/// The 16 colours in index order, with the RGB values of xterm's default palette.
const SIXTEEN: [(Color, [u8; 3]); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [205, 0, 0]),
    (Color::Green, [0, 205, 0]),
    (Color::Yellow, [205, 205, 0]),
    (Color::Blue, [0, 0, 238]),
    (Color::Magenta, [205, 0, 205]),
    (Color::Cyan, [0, 205, 205]),
    (Color::Gray, [229, 229, 229]),
    (Color::DarkGray, [127, 127, 127]),
    (Color::LightRed, [255, 0, 0]),
    (Color::LightGreen, [0, 255, 0]),
    (Color::LightYellow, [255, 255, 0]),
    (Color::LightBlue, [92, 92, 255]),
    (Color::LightMagenta, [255, 0, 255]),
    (Color::LightCyan, [0, 255, 255]),
    (Color::White, [255, 255, 255]),
];

/// The levels of one channel in xterm's 6×6×6 colour cube (indices 16 to 231).
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The index of one of the 16 colours.
pub(crate) fn named_index(colour: Color) -> Option<usize> {
    match colour {
        Color::Indexed(index) => (index < 16).then_some(usize::from(index)),
        named => SIXTEEN.iter().position(|(other, _)| *other == named),
    }
}

/// The nearest of the terminal's 16 colours.
pub fn to_sixteen(colour: Color) -> Color {
    match colour {
        Color::Rgb(r, g, b) => nearest_sixteen([r, g, b]),
        Color::Indexed(index) if index < 16 => SIXTEEN[usize::from(index)].0,
        Color::Indexed(index) => nearest_sixteen(indexed_rgb(index)),
        named => named,
    }
}

/// The nearest of xterm's 256 colours; the first 16 are left alone, as users redefine them.
pub(crate) fn to_indexed(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else {
        return colour;
    };
    let rgb = [r, g, b];
    let best = (16..=255u8).min_by_key(|index| distance(rgb, indexed_rgb(*index)));
    best.map_or(colour, Color::Indexed)
}

fn nearest_sixteen(rgb: [u8; 3]) -> Color {
    let saturation = rgb.iter().max().zip(rgb.iter().min()).map_or(0, |(max, min)| max - min);
    // A greyish colour must not become a hue, nor a hue grey: meaning lies in that difference.
    let grey = |colour: Color| matches!(colour, Color::Black | Color::Gray | Color::DarkGray | Color::White);
    let candidates = SIXTEEN.iter().filter(|(colour, _)| grey(*colour) == (saturation < 48));
    candidates.min_by_key(|(_, other)| distance(rgb, *other)).map_or(Color::Reset, |(colour, _)| *colour)
}

fn indexed_rgb(index: u8) -> [u8; 3] {
    match index {
        0..=15 => SIXTEEN[usize::from(index)].1,
        16..=231 => {
            let cube = usize::from(index - 16);
            [CUBE[cube / 36], CUBE[cube / 6 % 6], CUBE[cube % 6]]
        }
        grey => [8 + 10 * (grey - 232); 3],
    }
}

/// Squared distance, channels weighted by the eye's sensitivity.
fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    let square = |i: usize| u32::from(a[i].abs_diff(b[i])).pow(2);
    2 * square(0) + 4 * square(1) + 3 * square(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greys_stay_grey_and_hues_stay_hues() {
        assert_eq!(to_sixteen(Color::Rgb(120, 124, 130)), Color::DarkGray);
        assert_eq!(to_sixteen(Color::Rgb(20, 20, 24)), Color::Black);
        assert_eq!(to_sixteen(Color::Rgb(220, 90, 90)), Color::Red);
        assert_eq!(to_sixteen(Color::Indexed(9)), Color::LightRed);
        assert_eq!(to_sixteen(Color::Indexed(231)), Color::White);
    }

    #[test]
    fn cube_and_grey_ramp_are_exact() {
        assert_eq!(to_indexed(Color::Rgb(95, 135, 255)), Color::Indexed(69));
        assert_eq!(to_indexed(Color::Rgb(8, 8, 8)), Color::Indexed(232));
        assert_eq!(to_indexed(Color::Green), Color::Green);
    }
}
