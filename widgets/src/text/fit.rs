//! Measuring text and cutting it to a width.

use std::borrow::Cow;

use super::{glyphs, is_plain};

/// The cells that a text takes.
pub fn width(text: &str) -> usize {
    if is_plain(text.as_bytes()) { text.len() } else { glyphs(text).map(|glyph| glyph.width).sum() }
}

/// The safe text, cut at the end with `ellipsis` when it is wider than `max` cells.
pub fn fit<'a>(text: &'a str, max: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= max {
        return super::sanitise(text);
    }
    let room = max.saturating_sub(width(ellipsis));
    let mut out = head(text, room);
    if max >= width(ellipsis) {
        out.push_str(ellipsis);
    }
    Cow::Owned(out)
}

/// The safe text, cut in the middle with `ellipsis` when it is wider than `max` cells: for paths, digests and image
/// names, whose ends say most.
pub fn fit_middle<'a>(text: &'a str, max: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= max {
        return super::sanitise(text);
    }
    let Some(room) = max.checked_sub(width(ellipsis)) else {
        return Cow::Borrowed("");
    };
    let back = room / 2;
    let mut out = head(text, room - back);
    out.push_str(ellipsis);
    out.push_str(&tail(text, back));
    Cow::Owned(out)
}

/// Between two facts of a line of facts.
const FACT: &str = " · ";

/// The first facts of `one · two · three` that fit; the first is cut when even it does not.
pub fn fit_first_facts<'a>(text: &'a str, max: usize, ellipsis: &str) -> Cow<'a, str> {
    let ends = text.rmatch_indices(FACT).map(|(end, _)| end);
    let mut shorter = std::iter::once(text.len()).chain(ends).map(|end| &text[..end]);
    let first = text.split(FACT).next().unwrap_or_default();
    fit(shorter.find(|facts| width(facts) <= max).unwrap_or(first), max, ellipsis)
}

/// The last facts of `one · two · three` that fit; nothing when even the last does not.
pub fn fit_last_facts(text: &str, max: usize) -> Cow<'_, str> {
    let starts = text.match_indices(FACT).map(|(start, separator)| start + separator.len());
    let mut shorter = std::iter::once(0).chain(starts).map(|start| &text[start..]);
    super::sanitise(shorter.find(|facts| width(facts) <= max).unwrap_or_default())
}

/// As much of the start as `room` cells hold.
fn head(text: &str, room: usize) -> String {
    let mut used = 0;
    glyphs(text)
        .take_while(|glyph| {
            used += glyph.width;
            used <= room
        })
        .map(|glyph| glyph.text)
        .collect()
}

/// As much of the end as `room` cells hold.
fn tail(text: &str, room: usize) -> String {
    let mut skip = width(text).saturating_sub(room);
    glyphs(text)
        .skip_while(|glyph| {
            let skipped = skip > 0;
            skip = skip.saturating_sub(glyph.width);
            skipped
        })
        .map(|glyph| glyph.text)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(fit("container", 9, "…"), "container");
        assert_eq!(fit("container", 5, "…"), "cont…");
        assert_eq!(fit("container", 1, "…"), "…");
        assert_eq!(fit("container", 0, "…"), "");
        assert_eq!(fit("漢字漢字", 4, "…"), "漢…");
        assert_eq!(fit_middle("sha256:0123456789", 9, "…"), "sha2…6789");
        assert_eq!(fit_middle("漢字漢字", 5, "…"), "漢…字");
    }

    #[test]
    fn facts_are_dropped_whole() {
        let text = "following · wrap · 12 lines";
        assert_eq!(fit_first_facts(text, 40, "…"), text);
        assert_eq!(fit_first_facts(text, 20, "…"), "following · wrap");
        assert_eq!(fit_first_facts(text, 5, "…"), "foll…");
        assert_eq!(fit_last_facts(text, 20), "wrap · 12 lines");
        assert_eq!(fit_last_facts(text, 5), "");
    }

    proptest! {
        #[test]
        fn the_result_fits(text in any::<String>(), max in 0usize..40) {
            prop_assert!(width(&fit(&text, max, "…")) <= max);
            prop_assert!(width(&fit_middle(&text, max, "…")) <= max);
            prop_assert!(width(&fit_first_facts(&text, max, "…")) <= max);
            prop_assert!(width(&fit_last_facts(&text, max)) <= max);
        }
    }
}
