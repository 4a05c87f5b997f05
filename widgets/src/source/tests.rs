use super::*;
use crate::key::{Key, KeyCode, Modifiers};
use porthole_themes::Theme;
use ratatui_core::buffer::Buffer;
use ratatui_core::widgets::StatefulWidget;
use std::time::{Duration, Instant};

fn type_in(source: &mut Source, text: &str) {
    for c in text.chars() {
        source.key(if c == '\n' { KeyCode::Enter.into() } else { Key::char(c) });
    }
}

fn rows(source: &mut Source, width: u16, height: u16) -> Vec<String> {
    let theme = Theme::default();
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    SourcePane::new(&theme).focused(true).render(buf.area, &mut buf, source);
    let row = |y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).collect()
}

#[test]
fn the_text_stays_what_it_was() {
    for text in ["", "a", "a\n", "a\r\nb\r\n", "a\r\nb\n", "\n\n", "\x1b[31m\t漢\r"] {
        let source = Source::new(text, Language::Dockerfile);
        assert_eq!(source.text(), text);
        assert!(!source.is_changed());
    }
}

#[test]
fn typing_indents_and_is_undone() {
    let mut source = Source::new("a:\n  b: 1", Language::Yaml);
    source.last();
    type_in(&mut source, "\nc");
    source.key(KeyCode::Tab.into());
    assert_eq!(source.text(), "a:\n  b: 1\n  c ");
    assert!(source.is_changed());
    source.set_saved(&source.text());
    assert!(!source.is_changed());
    for _ in 0..3 {
        source.key(Key::ctrl('z'));
    }
    assert_eq!(source.text(), "a:\n  b: 1");
    assert!(source.is_changed());
    source.key(Key::ctrl('y'));
    assert_eq!((source.text(), source.cursor()), ("a:\n  b: 1\n  ".to_owned(), (2, 2)));
}

#[test]
fn words_lines_and_ends_are_reached() {
    let mut source = Source::new("RUN make  all\n  x", Language::Dockerfile);
    let ctrl = |code| Key::new(code, Modifiers::CTRL);
    let mut after = |key: Key| {
        source.key(key);
        source.cursor()
    };
    assert_eq!(after(ctrl(KeyCode::Right)), (0, 4));
    assert_eq!(after(KeyCode::End.into()), (0, 13));
    assert_eq!(after(KeyCode::End.into()), (0, 13));
    assert_eq!(after(KeyCode::Down.into()), (1, 3));
    assert_eq!(after(KeyCode::Up.into()), (0, 13));
    assert_eq!(after(KeyCode::Down.into()), (1, 3));
    assert_eq!(after(KeyCode::Home.into()), (1, 2));
    assert_eq!(after(KeyCode::Home.into()), (1, 0));
    assert_eq!(after(KeyCode::Left.into()), (0, 13));
    assert_eq!(after(ctrl(KeyCode::Home)), (0, 0));
    assert_eq!(after(ctrl(KeyCode::End)), (1, 3));
    source.key(ctrl(KeyCode::Backspace));
    assert_eq!(source.text(), "RUN make  all\n  ");
}

#[test]
fn pasted_text_commands_no_terminal() {
    let mut source = Source::new("", Language::Plain);
    assert_eq!(source.paste("a\r\nb\x1b[31m\tc\u{7}\rd"), SourceEvent::Changed);
    assert_eq!(source.text(), "a\nb[31m\tc\nd");
}

#[test]
fn marks_are_found_told_and_gone_through() {
    let mut source = Source::new("one\ntwo three\n\nfour\nfive\nsix\n", Language::Plain);
    let mark = |line, column, severity, message: &str| Mark {
        lines: line..=line,
        column,
        severity,
        message: message.to_owned(),
    };
    source.set_marks(vec![
        mark(3, None, Severity::Warning, "better five"),
        mark(1, Some(4), Severity::Error, "no three"),
    ]);
    assert_eq!(source.status(), "1:1 · 1 error, 1 warning");
    assert_eq!(rows(&mut source, 30, 8)[6], " line 2: no three");
    source.next_mark();
    assert_eq!(source.cursor(), (1, 4));
    let shown = rows(&mut source, 30, 8);
    assert_eq!(
        (shown[1].as_str(), shown[3].as_str(), shown[6].as_str()),
        ("  2 ✗ two three", "  4 ! four", " no three")
    );
    source.next_mark();
    assert_eq!(source.cursor(), (3, 0));
    source.next_mark();
    assert_eq!(source.cursor(), (1, 4));
}

#[test]
fn the_mouse_finds_characters_in_what_is_scrolled() {
    let text: String = (0..100).map(|line| format!("\t{line}漢x\n")).collect();
    let mut source = Source::new(&text, Language::Plain);
    rows(&mut source, 40, 10);
    source.scroll(50);
    assert_eq!(source.cursor(), (50, 0));
    rows(&mut source, 40, 10);
    // 101 lines: three digits, and four cells around them.
    assert!(source.click(Position::new(7 + 8 + 2 + 1, 3)));
    assert_eq!(source.cursor(), (53, 3));
    assert!(!source.click(Position::new(0, 3)));
}

#[test]
fn what_is_opened_shows_what_stands_below_it() {
    let text: String = (0..100).map(|line| format!("{line}\n")).collect();
    let mut source = Source::new(&text, Language::Plain);
    rows(&mut source, 40, 10);
    source.open_at(50, 0);
    assert!(rows(&mut source, 40, 10)[2].ends_with(" 50"));
    source.open_at(54, 0);
    assert!(rows(&mut source, 40, 10)[2].ends_with(" 50"), "what is in sight does not move");
}

#[test]
fn a_line_of_90_000_characters_stays_cheap() {
    for text in [format!("RUN {}", "echo $x \"y\" ".repeat(7_500)), format!("RUN {}", "é\t漢 ".repeat(22_500))] {
        let mut source = Source::new(&format!("FROM a\n{text}\nRUN b\n"), Language::Dockerfile);
        source.go_to(1, 0);
        source.key(KeyCode::End.into());
        rows(&mut source, 100, 20);
        let begun = Instant::now();
        for key in [Key::char('x'), KeyCode::Left.into(), KeyCode::Up.into(), KeyCode::Down.into()] {
            source.key(key);
            rows(&mut source, 100, 20);
        }
        // Were a key's cost the square of the length, this would take minutes; the bench has the figures.
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
