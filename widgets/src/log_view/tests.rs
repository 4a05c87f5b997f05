//! The view as its pane draws it.

use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::widgets::StatefulWidget;

use super::{LogLimits, LogLine, LogPane, LogView};

fn log(lines: usize) -> LogView {
    let mut log = LogView::new(LogLimits { lines: 1000, bytes: 1 << 20 });
    log.set_timestamps(false);
    push(&mut log, 0..lines);
    log
}

fn push(log: &mut LogView, numbers: std::ops::Range<usize>) {
    numbers.for_each(|number| log.push(LogLine { text: &format!("line {number}"), ..LogLine::default() }));
}

/// Draws at 20x5 and returns what is seen.
fn seen(log: &mut LogView) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, 20, 5));
    LogPane::new(&Theme::default()).render(buf.area, &mut buf, log);
    log.visible_text()
}

fn first(log: &mut LogView) -> String {
    seen(log).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn following_stops_on_the_way_up_and_resumes_at_the_end() {
    let mut log = log(20);
    assert_eq!(first(&mut log), "line 15");
    push(&mut log, 20..21);
    assert_eq!(first(&mut log), "line 16");
    log.scroll_lines(-2);
    assert_eq!(first(&mut log), "line 14");
    push(&mut log, 21..25);
    assert_eq!((first(&mut log).as_str(), log.following()), ("line 14", false));
    log.scroll_pages(9.0);
    assert_eq!((first(&mut log).as_str(), log.following()), ("line 20", true));
    log.to_start();
    assert_eq!(first(&mut log), "line 0");
    log.scroll_lines(-5);
    assert_eq!(first(&mut log), "line 0");
}

#[test]
fn the_oldest_lines_go_and_are_counted() {
    let mut log = LogView::new(LogLimits { lines: 10, bytes: 1 << 20 });
    push(&mut log, 0..25);
    assert_eq!((log.len(), log.dropped()), (10, 15));
    assert!(log.status().ends_with("10 lines · 15 dropped"));
    let mut bytes = LogView::new(LogLimits { lines: 1000, bytes: 100 });
    push(&mut bytes, 0..100);
    assert_eq!(bytes.len(), 100 / "line 99".len());
}

#[test]
fn a_reader_stays_where_the_lines_are() {
    let mut log = LogView::new(LogLimits { lines: 10, bytes: 1 << 20 });
    log.set_timestamps(false);
    push(&mut log, 0..10);
    seen(&mut log);
    log.scroll_lines(-2);
    assert_eq!(first(&mut log), "line 3");
    push(&mut log, 10..12);
    assert_eq!(first(&mut log), "line 3");
    push(&mut log, 12..17);
    assert_eq!(first(&mut log), "line 7");
}

#[test]
fn searching_goes_back_first_and_then_round() {
    let mut log = log(100);
    seen(&mut log);
    log.search("LINE 7");
    assert!(log.search_text().is_some() && seen(&mut log).contains("line 99"));
    log.search("line 7");
    assert!(seen(&mut log).contains("line 79"));
    assert!(log.search_next() && seen(&mut log).contains("line 7\n"));
    assert!(log.search_previous() && seen(&mut log).contains("line 79"));
    assert!(log.search_previous() && seen(&mut log).contains("line 78"));
    log.search("absent");
    assert!(!log.search_next() && !log.search_previous());
}

#[test]
fn a_filter_shows_and_keeps_showing_what_passes() {
    let mut log = log(30);
    log.filter("line 2");
    assert_eq!(seen(&mut log), "line 25\nline 26\nline 27\nline 28\nline 29");
    push(&mut log, 200..202);
    push(&mut log, 300..302);
    assert!(seen(&mut log).ends_with("line 200\nline 201"));
    assert!(log.status().contains("13 of 34 lines"));
    log.filter("!line 2");
    assert!(seen(&mut log).ends_with("line 19\nline 300\nline 301"));
    log.filter("");
    assert!(log.filter_text().is_none() && seen(&mut log).contains("line 201"));
}

#[test]
fn wrapped_lines_are_whole_when_copied() {
    let mut log = log(0);
    log.push(LogLine { text: "0123456789abcdefghijKLMNO", ..LogLine::default() });
    log.push(LogLine { text: "\x1b[31mred\x1b[0m end", ..LogLine::default() });
    assert_eq!(seen(&mut log), "0123456789abcdefghijKLMNO\nred end");
    // One cell of margin, then 19 of text.
    log.select_from(Position::new(18, 0));
    log.select_to(Position::new(3, 2));
    assert_eq!(log.selected_text().as_deref(), Some("hijKLMNO\nre"));
    log.clear_selection();
    assert_eq!(log.selected_text(), None);
}

#[test]
fn a_very_long_line_is_scrolled_row_by_row() {
    let mut log = log(3);
    log.push(LogLine { text: &"x".repeat(90_000), ..LogLine::default() });
    log.push(LogLine { text: "after", ..LogLine::default() });
    assert!(seen(&mut log).ends_with("\nafter"));
    log.scroll_pages(-1.0);
    assert!(!seen(&mut log).contains("after"));
    log.to_start();
    assert!(seen(&mut log).starts_with("line 0\nline 1\nline 2\nxxx"));
    log.set_wrap(false);
    log.scroll_columns(89_999);
    assert_eq!(seen(&mut log).matches('x').count(), 1);
}
