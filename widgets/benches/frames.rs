//! What a frame costs at 200x50.

#[path = "../tests/samples/mod.rs"]
mod samples;

use criterion::{Criterion, criterion_group, criterion_main};
use porthole_themes::Theme;
use porthole_widgets::key::Key;
use porthole_widgets::ladder::{LadderState, PacketList};
use porthole_widgets::log_view::{LogLimits, LogLine, LogPane, LogView, Stream};
use porthole_widgets::source::{Language, Source, SourcePane};
use porthole_widgets::table::{Table, TableState};
use porthole_widgets::terminal::{Alacritty, TermEmulator, TermOptions, TermPane};
use porthole_widgets::tree::{Tree, TreeView, Value};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::{StatefulWidget, Widget};

const SCREEN: Rect = Rect { x: 0, y: 0, width: 200, height: 50 };

fn million_lines() -> LogView {
    let mut log = LogView::new(LogLimits { lines: 2_000_000, bytes: 1 << 30 });
    for index in 0..1_000_000i64 {
        let text = format!(
            "10.88.0.{} \x1b[3{}mGET\x1b[0m /page/{index} 200 512 B some more text to fill it",
            index % 250,
            index % 7
        );
        let text = if index % 2 == 0 { text.replace('\x1b', "") } else { text };
        log.push(LogLine { time: Some(index), stream: Stream::Stdout, text: &text });
    }
    log
}

fn table(c: &mut Criterion) {
    let (theme, rows, columns) = (Theme::default(), samples::Many(5_000), samples::container_columns());
    let (mut buf, mut state) = (Buffer::empty(SCREEN), TableState::default());
    state.window.select(Some(2_500));
    c.bench_function("table, 5,000 rows", |b| {
        b.iter(|| Table::new(&theme, &columns, &rows).render(SCREEN, &mut buf, &mut state))
    });
}

fn log(c: &mut Criterion) {
    let (theme, mut log, mut buf) = (Theme::default(), million_lines(), Buffer::empty(SCREEN));
    let mut draw = |log: &mut LogView| LogPane::new(&theme).render(SCREEN, &mut buf, log);
    c.bench_function("log, 1,000,000 lines, following", |b| b.iter(|| draw(&mut log)));
    c.bench_function("log, 1,000,000 lines, a line pushed for each frame", |b| {
        b.iter(|| {
            log.push(LogLine { text: "one \x1b[31mmore\x1b[0m line", ..LogLine::default() });
            draw(&mut log);
        })
    });
    log.to_start();
    c.bench_function("log, 1,000,000 lines, scrolling a page a frame", |b| {
        b.iter(|| {
            log.scroll_pages(1.0);
            draw(&mut log);
        })
    });
    log.search("page");
    c.bench_function("log, 1,000,000 lines, search highlighted", |b| b.iter(|| draw(&mut log)));
    c.bench_function("log, 1,000,000 lines, searching what is not there", |b| b.iter(|| log.search("nowhere")));
    c.bench_function("log, 1,000,000 lines, setting a filter", |b| b.iter(|| log.filter("page/99")));
    log.filter("");
    for (name, text) in [("plain", "x".repeat(90_000)), ("coloured", "\x1b[31mred \x1b[0m".repeat(7_000))] {
        let mut log = LogView::new(LogLimits::default());
        log.push(LogLine { text: &text, ..LogLine::default() });
        c.bench_function(&format!("log, one {name} line of 90,000 characters"), |b| b.iter(|| draw(&mut log)));
    }
}

fn source(c: &mut Criterion) {
    let (theme, mut buf) = (Theme::default(), Buffer::empty(SCREEN));
    for (name, text) in [("plain", "echo $x \"y\" ".repeat(7_500)), ("wide", "é\t漢 ".repeat(22_500))] {
        let mut source = Source::new(&format!("FROM a\nRUN {text}\n"), Language::Dockerfile);
        source.go_to(1, usize::MAX);
        c.bench_function(&format!("source, typing into one {name} line of 90,000 characters"), |b| {
            b.iter(|| {
                source.key(Key::char('x'));
                SourcePane::new(&theme).focused(true).render(SCREEN, &mut buf, &mut source);
            })
        });
    }
}

fn others(c: &mut Criterion) {
    let (theme, mut buf) = (Theme::default(), Buffer::empty(SCREEN));
    let packets: Vec<_> = samples::packets().into_iter().cycle().take(10_000).collect();
    let mut state = LadderState::default();
    state.window.select(Some(5_000));
    c.bench_function("packets, 10,000", |b| {
        b.iter(|| PacketList::new(&theme, packets.as_slice()).render(SCREEN, &mut buf, &mut state))
    });
    let mut tree = Tree::new(Value::List(vec![samples::inspected(); 5_000]));
    tree.toggle_all();
    tree.window.last(tree.rows());
    tree.search("route");
    c.bench_function("tree, 150,000 values", |b| b.iter(|| TreeView::new(&theme).render(SCREEN, &mut buf, &mut tree)));
    let mut terminal = Alacritty::new(200, 50, TermOptions::default());
    terminal.feed("\x1b[31mcoloured \x1b[0mtext fills every line ".repeat(400).as_bytes());
    c.bench_function("terminal, full", |b| b.iter(|| TermPane::new(&theme, &terminal).render(SCREEN, &mut buf)));
}

criterion_group!(benches, table, log, source, others);
criterion_main!(benches);
