//! No widget panics or draws outside its area, whatever the size and the text.

mod samples;

use porthole_themes::{ColourDepth, Glyphs, Theme};
use porthole_widgets::bars::{KeyBar, KeyHint, StatusBar};
use porthole_widgets::chart::{Chart, Sparkline};
use porthole_widgets::confirm::{Confirm, ConfirmDialog};
use porthole_widgets::detail::{DetailCard, DetailRow};
use porthole_widgets::form::{Field, Form, FormView};
use porthole_widgets::frame::{self, Panel};
use porthole_widgets::help::{HelpOverlay, HelpState};
use porthole_widgets::hex::HexView;
use porthole_widgets::input::{Input, InputLine};
use porthole_widgets::key::{Key, KeyCode};
use porthole_widgets::ladder::{LadderState, PacketList, Way, WayPicture};
use porthole_widgets::log_view::{LogLimits, LogLine, LogPane, LogView};
use porthole_widgets::menu::MenuList;
use porthole_widgets::palette::{Palette, PaletteItem, PaletteView};
use porthole_widgets::source::{Language, Mark, Severity, Source, SourcePane};
use porthole_widgets::table::{Table, TableState};
use porthole_widgets::terminal::{Alacritty, TermEmulator, TermOptions, TermPane};
use porthole_widgets::toast::{Toast, ToastKind, Toasts};
use porthole_widgets::topology::{TopologyState, TopologyView};
use porthole_widgets::tree::{Tree, TreeView, Value};
use porthole_widgets::waves::{WavesState, WavesView};
use porthole_widgets::{Window, welcome::Welcome};
use proptest::prelude::*;
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::{Constraint, Position, Rect};
use ratatui_core::widgets::{StatefulWidget, Widget};

/// Text that a stranger might send: controls, escape sequences, wide, combining and invisible characters.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(\\x1b\\[[0-9;]{0,6}m|\\x1b\\]0;|\\x07|\\t|[a-z]|漢|e\u{301}|\u{200d}|\u{202e}|\u{fe0f}|👍🏽|\n){0,60}"
    ]
}

fn area() -> impl Strategy<Value = Rect> {
    (0u16..5, 0u16..5, 0u16..160, 0u16..50).prop_map(|(x, y, width, height)| Rect { x, y, width, height })
}

/// Draws into the middle of a buffer of which the area may hang out, and checks what is there.
fn check(area: Rect, draw: impl FnOnce(Rect, &mut Buffer)) -> Result<(), TestCaseError> {
    let screen = Rect::new(0, 0, 120, 40);
    let mut buf = Buffer::filled(screen, Cell::new("~"));
    draw(area, &mut buf);
    for (position, cell) in screen.positions().zip(buf.content()) {
        let symbol = cell.symbol();
        prop_assert!(!symbol.chars().any(char::is_control), "{symbol:?}");
        prop_assert!(area.contains(position) || symbol == "~", "{symbol:?} outside {area} at {position}");
    }
    Ok(())
}

fn theme() -> impl Strategy<Value = Theme> {
    let depth = prop_oneof![Just(ColourDepth::None), Just(ColourDepth::Sixteen), Just(ColourDepth::Full)];
    (depth, any::<bool>()).prop_map(|(depth, ascii)| {
        let theme = Theme::builtin("dusk", depth).expect("built in");
        if ascii { theme.with_glyphs(Glyphs::ascii()) } else { theme }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn lists(area in area(), theme in theme(), row in 0usize..9) {
        let (rows, columns) = (samples::containers(&theme), samples::container_columns());
        let mut state = TableState::default();
        state.window.select(Some(row));
        check(area, |area, buf| Table::new(&theme, &columns, &rows).empty("nothing").render(area, buf, &mut state))?;
        for position in area.positions().take(200) {
            state.hit(position);
        }
        let (packets, mut ladder) = (samples::packets(), LadderState::default());
        ladder.window.select(Some(row));
        ladder.select_hop(row);
        check(area, |area, buf| PacketList::new(&theme, packets.as_slice()).render(area, buf, &mut ladder))?;
        let mut topology = TopologyState::default();
        topology.window.select(Some(row));
        check(area, |area, buf| TopologyView::new(&theme, &samples::topology(row)).render(area, buf, &mut topology))?;
        let mut waves = WavesState::default();
        waves.window.select(Some(row));
        check(area, |area, buf| WavesView::new(&theme, &samples::waves()).render(area, buf, &mut waves))?;
        let (taps, links) = (samples::taps(), samples::links());
        let way = Way { taps: &taps[..row.min(5)], links: &links, seen: &[], selected: Some(row) };
        check(area, |area, buf| WayPicture::new(&theme, way).render(area, buf))?;
    }

    #[test]
    fn cards_and_bars(area in area(), theme in theme(), text in hostile(), bytes in any::<Vec<u8>>(), values in any::<Vec<f32>>()) {
        let rows = [DetailRow::change(&*text, &*text, "after", &*text), DetailRow::fact("key", &*text)];
        check(area, |area, buf| DetailCard::new(&theme, &rows).render(area, buf))?;
        check(area, |area, buf| HexView::new(&theme, &bytes).highlight(3..9).render(area, buf))?;
        check(area, |area, buf| Sparkline::new(&theme, &values).render(area, buf))?;
        check(area, |area, buf| {
            let chart = Chart::new(&theme, &text, &text).limit(&text).note(&text).scale(9.0, &text);
            chart.course(&values).render(area, buf);
        })?;
        let hints = [KeyHint::new(&*text, &*text), KeyHint::new("?", "help")];
        check(area, |area, buf| KeyBar::new(&theme, &hints).render(area, buf))?;
        check(area, |area, buf| StatusBar::new(&theme, &text, &samples::tabs(), 1).summary(&text).render(area, buf))?;
        check(area, |area, buf| Panel::new(&theme).title(&text).status(&text).render(area, buf))?;
        check(area, |area, buf| {
            let tabs = [&*text, "logs", &*text, "inspect"];
            let panel = Panel::new(&theme).title(&text).tabs(&tabs, text.len() % 4).status(&text);
            assert!(panel.tab_places(area).iter().all(|(place, _)| area.intersection(*place) == *place));
            panel.render(area, buf);
        })?;
        check(area, |area, buf| Welcome::new(&theme, &text, &text, &hints).render(area, buf))?;
        check(area, |area, buf| {
            for pane in frame::stack(area, [Constraint::Fill(1), Constraint::Length(4), Constraint::Percentage(30)]) {
                Panel::new(&theme).title("pane").render(pane, buf);
            }
        })?;
    }

    #[test]
    fn popups(area in area(), theme in theme(), text in hostile(), scroll in -5isize..40) {
        let confirm = Confirm { title: text.clone(), object: text.clone(), depends: vec![text.clone(); 12], command: text.clone(), yes: false };
        check(area, |area, buf| ConfirmDialog::new(&theme, &confirm).render(area, buf))?;
        let toasts = vec![Toast { kind: ToastKind::Bad, text: text.clone() }; 5];
        check(area, |area, buf| Toasts::new(&theme, &toasts).render(area, buf))?;
        let mut help = HelpState::default();
        help.scroll(scroll);
        check(area, |area, buf| HelpOverlay::new(&theme, &samples::help_groups()).render(area, buf, &mut help))?;
        let mut palette = Palette::new(vec![PaletteItem { name: text.clone(), about: text.clone(), key: text.clone() }; 30]);
        text.chars().take(3).for_each(|c| { palette.key(Key::char(c)); });
        check(area, |area, buf| PaletteView::new(&theme, &text).render(area, buf, &mut palette))?;
        let mut window = Window::default();
        window.select(Some(scroll.unsigned_abs()));
        check(area, |area, buf| MenuList::new(&theme, &text, &samples::menu_items()).render(area, buf, &mut window))?;
        let mut form = Form::new(vec![Field::new(&*text, &*text), Field::new("b", "c")]);
        form.fields[0].input.paste(&text);
        check(area, |area, buf| FormView::new(&theme, &text, &form).render(area, buf))?;
        check(area, |area, buf| {
            FormView::new(&theme, &text, &form).problem(Some(&text)).command(&text).render(area, buf);
        })?;
        let mut input = Input::new();
        input.paste(&text);
        input.key(KeyCode::Left.into());
        check(area, |area, buf| {
            let line = InputLine::new(&theme, &input).prompt(&text);
            if let Some(cursor) = line.cursor_position(area) {
                assert!(area.contains(cursor));
            }
            line.render(area, buf);
        })?;
    }

    #[test]
    fn trees(area in area(), theme in theme(), text in hostile(), search in hostile(), row in 0usize..30) {
        let named = |value| Value::Map(vec![(text.clone(), value), ("plain".into(), Value::Text(text.clone()))]);
        let deep = (0..40).fold(Value::Null, |value, _| named(Value::List(vec![value])));
        let mut tree = Tree::new(Value::List(vec![samples::inspected(), deep]));
        check(area, |area, buf| TreeView::new(&theme).render(area, buf, &mut tree))?;
        tree.toggle_all();
        tree.search(&search);
        tree.window.step(row as isize, tree.rows());
        check(area, |area, buf| TreeView::new(&theme).focused(true).render(area, buf, &mut tree))?;
        for position in area.positions().take(300).step_by(7) {
            tree.click(position);
        }
        check(area, |area, buf| TreeView::new(&theme).render(area, buf, &mut tree))?;
    }

    #[test]
    fn logs(area in area(), theme in theme(), lines in prop::collection::vec(hostile(), 0..40), steps in prop::collection::vec((0u8..12, hostile()), 0..6)) {
        let mut log = LogView::new(LogLimits { lines: 20, bytes: 2000 });
        lines.iter().for_each(|text| log.push(LogLine { text, ..LogLine::default() }));
        check(area, |area, buf| LogPane::new(&theme).render(area, buf, &mut log))?;
        for (step, text) in steps {
            match step {
                0 => log.scroll_lines(-3),
                1 => log.scroll_lines(5),
                2 => log.scroll_pages(-0.5),
                3 => log.to_start(),
                4 => log.to_end(),
                5 => log.set_wrap(!log.wrap()),
                6 => log.scroll_columns(7),
                7 => log.search(&text),
                8 => { log.search_next(); }
                9 => log.filter(&text),
                10 => log.push(LogLine { text: &text, ..LogLine::default() }),
                _ => { log.search_previous(); }
            }
            log.select_from(Position::new(3, 1));
            log.select_to(Position::new(9, 5));
            check(area, |area, buf| LogPane::new(&theme).render(area, buf, &mut log))?;
            for text in [log.visible_text(), log.selected_text().unwrap_or_default()] {
                prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
            }
            log.status();
        }
    }

    #[test]
    fn sources(
        area in area(), theme in theme(), text in hostile(), lines in 0usize..30, steps in prop::collection::vec((0u8..24, hostile()), 0..8), yaml in any::<bool>(),
    ) {
        use porthole_widgets::key::Modifiers;
        let language = if yaml { Language::Yaml } else { Language::Dockerfile };
        let whole = format!("{text}\n").repeat(lines) + &text;
        let mut source = Source::new(&whole, language);
        prop_assert_eq!(source.text(), whole);
        let mark = Mark { lines: 2..=40, column: Some(3), severity: Severity::Error, message: text.clone() };
        source.set_marks(vec![mark.clone(), Mark { lines: 0..=0, column: None, ..mark }]);
        check(area, |area, buf| SourcePane::new(&theme).focused(true).render(area, buf, &mut source))?;
        for (step, text) in steps {
            let far = step % 2 == 0;
            let key = |code| Key::new(code, if far { Modifiers::CTRL } else { Modifiers::NONE });
            match step {
                0 => source.first(),
                1 => source.last(),
                2 | 3 => { source.key(key(KeyCode::Backspace)); }
                4 | 5 => { source.key(key(KeyCode::Delete)); }
                6 | 7 => { source.key(key(KeyCode::Right)); }
                8 | 9 => { source.key(key(KeyCode::Left)); }
                10 | 11 => { source.key(key(KeyCode::Home)); }
                12 | 13 => { source.key(key(KeyCode::End)); }
                14 => { source.key(Key::ctrl('z')); }
                15 => { source.key(Key::ctrl('y')); }
                16 => source.step(3),
                17 => source.page(-0.5),
                18 => source.scroll(5),
                19 => { source.click(Position::new(20, 7)); }
                20 => source.next_mark(),
                21 => { source.key(KeyCode::Enter.into()); }
                22 => text.chars().for_each(|c| { source.key(Key::char(c)); }),
                _ => { source.paste(&text); }
            }
            check(area, |area, buf| SourcePane::new(&theme).focused(true).render(area, buf, &mut source))?;
            source.status();
        }
    }

    #[test]
    fn terminals(area in area(), theme in theme(), bytes in any::<Vec<u8>>(), text in hostile(), columns in 0u16..100, rows in 0u16..40) {
        let mut terminal = Alacritty::new(columns, rows, TermOptions::default());
        terminal.feed(&bytes);
        terminal.feed(text.as_bytes());
        terminal.resize(rows, columns);
        terminal.scroll(3);
        check(area, |area, buf| TermPane::new(&theme, &terminal).focused(true).render(area, buf))?;
    }
}
