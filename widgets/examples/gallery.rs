//! Shows every widget on pages: `cargo run -p porthole-widgets --example gallery -- [THEME]`; 1 to 9 turn the page, q quits.

#[path = "../tests/samples/mod.rs"]
mod samples;

use std::error::Error;

use porthole_themes::{ColourDepth, Glyphs, Theme};
use porthole_widgets::bars::{KeyBar, StatusBar};
use porthole_widgets::chart::{Chart, Sparkline};
use porthole_widgets::confirm::ConfirmDialog;
use porthole_widgets::detail::DetailCard;
use porthole_widgets::form::{Field, Form, FormView};
use porthole_widgets::frame::{self, Panel};
use porthole_widgets::help::{HelpOverlay, HelpState};
use porthole_widgets::hex::HexView;
use porthole_widgets::key::Key;
use porthole_widgets::ladder::{LadderState, PacketList, Way, WayPicture};
use porthole_widgets::log_view::LogPane;
use porthole_widgets::menu::MenuList;
use porthole_widgets::palette::{Palette, PaletteView};
use porthole_widgets::table::{Table, TableState};
use porthole_widgets::terminal::{Alacritty, TermEmulator, TermOptions, TermPane};
use porthole_widgets::toast::{Toast, ToastKind, Toasts};
use porthole_widgets::topology::{TopologyState, TopologyView};
use porthole_widgets::tree::{Tree, TreeView};
use porthole_widgets::{Window, welcome::Welcome};
use ratatui::crossterm::event::{self, Event, KeyCode};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::{StatefulWidget, Widget};
use ratatui::{Frame, buffer::Buffer};

fn main() -> Result<(), Box<dyn Error>> {
    let env = |name: &str| std::env::var(name).ok();
    let name = std::env::args().nth(1).unwrap_or_else(|| "dusk".into());
    let theme = Theme::builtin(&name, ColourDepth::detect(env))
        .ok_or_else(|| format!("no theme {name}; there are {}", Theme::BUILTIN.join(", ")))?
        .with_glyphs(Glyphs::detect(env));
    let mut terminal = ratatui::init();
    let mut page = '1';
    let outcome = loop {
        if let Err(error) = terminal.draw(|frame| draw(frame, &theme, page)) {
            break Err(error);
        }
        match event::read() {
            Ok(Event::Key(key)) if key.code == KeyCode::Char('q') => break Ok(()),
            Ok(Event::Key(key)) => page = key.code.as_char().unwrap_or(page),
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    ratatui::restore();
    Ok(outcome?)
}

fn draw(frame: &mut Frame, theme: &Theme, page: char) {
    let (area, buf) = (frame.area(), frame.buffer_mut());
    buf.set_style(area, theme.base());
    let [top, body, bottom] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)]).areas(area);
    let active = if page == '2' { 4 } else { 0 };
    StatusBar::new(theme, "porthole", &samples::tabs(), active)
        .summary("docker0 172.17.0.1/16 · 3 up · 2 exited")
        .render(top, buf);
    KeyBar::new(theme, &samples::hints()).render(bottom, buf);
    match page {
        '2' => trace(theme, body, buf),
        '3' => network(theme, body, buf),
        '6' => welcome(theme, body, buf),
        '8' => charts(theme, body, buf),
        '9' => tree(theme, body, buf),
        _ => workstation(theme, body, buf),
    }
    match page {
        '4' => popups(theme, area, buf),
        '5' => HelpOverlay::new(theme, &samples::help_groups()).render(area, buf, &mut HelpState::default()),
        '7' => PaletteView::new(theme, "Actions").render(area, buf, &mut {
            let mut palette = Palette::new(samples::palette_items());
            palette.key(Key::char('s'));
            palette.key(Key::char('t'));
            palette
        }),
        _ => {}
    }
}

fn workstation(theme: &Theme, area: Rect, buf: &mut Buffer) {
    let [left, right] = Layout::horizontal([Constraint::Percentage(45), Constraint::Fill(1)]).areas(area);
    let containers = samples::containers(theme);
    let mut state = TableState::default();
    state.window.select(Some(0));
    Panel::new(theme).title("Containers").status("1/5").focused(true).render(left, buf);
    Table::new(theme, &samples::container_columns(), &containers).focused(true).render(
        frame::inner(left),
        buf,
        &mut state,
    );
    let values: Vec<f32> = (0..200).map(|x| (x as f32 / 9.0).sin().abs()).collect();
    let chart = frame::inner(left);
    Sparkline::new(theme, &values)
        .render(Rect { y: chart.bottom().saturating_sub(2), height: 2.min(chart.height), ..chart }, buf);
    let panes = frame::stack(right, [Constraint::Fill(1), Constraint::Length(12)]);
    let mut log = samples::log();
    log.search("get");
    log.scroll_lines(3);
    let views = ["logs", "stats", "top", "inspect"];
    Panel::new(theme).title("web").tabs(&views, 0).status(&log.status()).render(panes[0], buf);
    LogPane::new(theme).render(frame::inner(panes[0]), buf, &mut log);
    Panel::new(theme).title("web · shell 1").status("Ctrl-] to leave").render(panes[1], buf);
    let inside = frame::inner(panes[1]);
    let mut shell = Alacritty::new(inside.width, inside.height, TermOptions::default());
    shell.feed(samples::SHELL.as_bytes());
    TermPane::new(theme, &shell).focused(true).render(inside, buf);
}

fn trace(theme: &Theme, area: Rect, buf: &mut Buffer) {
    let heights = [Constraint::Length(5), Constraint::Fill(1), Constraint::Length(7), Constraint::Length(8)];
    let panes = frame::stack(area, heights);
    let (taps, links, packets) = (samples::taps(), samples::links(), samples::packets());
    let way = Way { taps: &taps, links: &links, seen: &[], selected: Some(2) };
    Panel::new(theme).title("The way").status("publish 8088 → web:80").render(panes[0], buf);
    WayPicture::new(theme, way).render(frame::inner(panes[0]), buf);
    let mut state = LadderState::default();
    state.window.select(Some(0));
    state.select_hop(2);
    Panel::new(theme).title("Packets").status("12 seen, 11 joined, 1 lost").focused(true).render(panes[1], buf);
    PacketList::new(theme, packets.as_slice()).focused(true).render(frame::inner(panes[1]), buf, &mut state);
    let cards = frame::row(panes[2], [Constraint::Fill(1), Constraint::Fill(1)]);
    Panel::new(theme).title("Hop 3 of 5: docker0, +419 µs").render(cards[0], buf);
    DetailCard::new(theme, &samples::hop_details()).render(frame::inner(cards[0]), buf);
    Panel::new(theme).title("Rules that saw this packet").render(cards[1], buf);
    DetailCard::new(theme, &samples::rules()).render(frame::inner(cards[1]), buf);
    let bytes: Vec<u8> = (0..96u8).map(|byte| byte.wrapping_mul(37)).collect();
    Panel::new(theme).title("Bytes").status("60 B").render(panes[3], buf);
    HexView::new(theme, &bytes).highlight(30..36).render(frame::inner(panes[3]), buf);
}

fn network(theme: &Theme, area: Rect, buf: &mut Buffer) {
    Panel::new(theme).title("Network").status("bridge docker0").focused(true).render(area, buf);
    let mut state = TopologyState::default();
    state.window.select(Some(1));
    TopologyView::new(theme, &samples::topology(6)).focused(true).render(frame::inner(area), buf, &mut state);
}

fn tree(theme: &Theme, area: Rect, buf: &mut Buffer) {
    let views = ["logs", "stats", "top", "inspect"];
    Panel::new(theme).title("web").tabs(&views, 3).status("/80 1 of 3").focused(true).render(area, buf);
    let mut tree = Tree::new(samples::inspected());
    tree.window.step(3, tree.rows());
    tree.toggle();
    tree.search("80");
    TreeView::new(theme).focused(true).render(frame::inner(area), buf, &mut tree);
}

fn welcome(theme: &Theme, area: Rect, buf: &mut Buffer) {
    let keys = samples::hints();
    let sentence = "Containers on an embedded engine: nothing runs in the background, everything can be watched.";
    Welcome::new(theme, "porthole", sentence, &keys[..4]).render(area, buf);
}

fn charts(theme: &Theme, area: Rect, buf: &mut Buffer) {
    Panel::new(theme).title("web · stats").status("last 5 min").focused(true).render(area, buf);
    let inside = frame::inner(area);
    let chart = |of: Rect| {
        let course = |x: usize| (x as f32 / 17.0).sin().abs() * 50.0 + (x % 5) as f32;
        (0..Chart::columns(of.width, of.height)).map(course).collect::<Vec<f32>>()
    };
    let places = Layout::vertical([Constraint::Length(7), Constraint::Length(1), Constraint::Length(1)]).split(inside);
    for (place, title, limit) in
        [(places[0], "memory", "of 64 M"), (places[1], "pids", "of 100"), (places[2], "cpu", "of 1.5 cpus")]
    {
        let course = chart(place);
        let chart = Chart::new(theme, title, "48").limit(limit).note("peak 55").scale(64.0, "64");
        chart.course(&course).render(place, buf);
    }
}

fn popups(theme: &Theme, area: Rect, buf: &mut Buffer) {
    let quarter = |x, y| Rect {
        x: x * area.width / 2,
        y: 2 + y * area.height / 2,
        width: area.width / 2,
        height: area.height / 2 - 2,
    };
    ConfirmDialog::new(theme, &samples::confirm()).render(quarter(0, 0), buf);
    let mut window = Window::default();
    window.select(Some(1));
    MenuList::new(theme, "web", &samples::menu_items()).render(quarter(0, 1), buf, &mut window);
    let mut form =
        Form::new(vec![Field::new("image", "lab"), Field::new("name", "generated"), Field::new("publish", "8088:80")]);
    form.key(Key::char('w'));
    form.fields[0].error = Some("no image is called w; see `porthole images`".into());
    let command = "porthole run --name web --publish 8088:80 w";
    FormView::new(theme, "Run a container", &form).command(command).render(quarter(1, 1), buf);
    let toast = |kind, text: &str| Toast { kind, text: text.into() };
    let toasts = [
        toast(ToastKind::Good, "web is up, http://127.0.0.1:8088"),
        toast(ToastKind::Warn, "db: restarted 3 times in a minute"),
        toast(ToastKind::Bad, "port 8088 is taken by nginx (pid 812)"),
    ];
    Toasts::new(theme, &toasts).render(area, buf);
}
