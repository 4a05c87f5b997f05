//! How the widgets look, as text, at the sizes of people's screens.

mod samples;

use porthole_themes::{Glyphs, Theme};
use porthole_widgets::Window;
use porthole_widgets::bars::{KeyBar, StatusBar};
use porthole_widgets::chart::{Chart, Sparkline};
use porthole_widgets::confirm::ConfirmDialog;
use porthole_widgets::detail::DetailCard;
use porthole_widgets::form::{Field, Form, FormView};
use porthole_widgets::frame::{self, Panel};
use porthole_widgets::help::{HelpOverlay, HelpState};
use porthole_widgets::hex::HexView;
use porthole_widgets::input::{Input, InputLine};
use porthole_widgets::key::Key;
use porthole_widgets::ladder::{LadderState, PacketList, Way, WayPicture};
use porthole_widgets::log_view::LogPane;
use porthole_widgets::menu::MenuList;
use porthole_widgets::palette::{Palette, PaletteView};
use porthole_widgets::source::SourcePane;
use porthole_widgets::table::{Sort, Table, TableState};
use porthole_widgets::terminal::{Alacritty, TermEmulator, TermOptions, TermPane};
use porthole_widgets::text::width;
use porthole_widgets::toast::{Toast, ToastKind, Toasts};
use porthole_widgets::topology::{TopologyState, TopologyView};
use porthole_widgets::tree::{Tree, TreeView};
use porthole_widgets::waves::{WavesState, WavesView};
use porthole_widgets::welcome::Welcome;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Constraint, Rect};
use ratatui_core::widgets::{StatefulWidget, Widget};

const WIDE: (u16, u16) = (138, 9);
const USUAL: (u16, u16) = (78, 9);
const NARROW: (u16, u16) = (38, 9);
const TINY: (u16, u16) = (18, 4);

/// The rows of a buffer; the cell that a wide character covers is left out.
fn text(buf: &Buffer) -> String {
    let area = buf.area;
    let row = |y: u16| {
        let (mut row, mut x) = (String::new(), area.x);
        while x < area.right() {
            let symbol = buf[(x, y)].symbol();
            row.push_str(symbol);
            x += width(symbol).max(1) as u16;
        }
        row.trim_end().to_owned() + "\n"
    };
    (area.y..area.bottom()).map(row).collect()
}

/// Draws at each size, one picture below the other.
fn pictures(sizes: &[(u16, u16)], mut draw: impl FnMut(Rect, &mut Buffer)) -> String {
    let mut all = String::new();
    for (width, height) in sizes {
        let mut buf = Buffer::empty(Rect::new(0, 0, *width, *height));
        draw(buf.area, &mut buf);
        all += &format!("{width}x{height}\n{}\n", text(&buf));
    }
    all
}

#[test]
fn table() {
    let theme = Theme::default();
    let (rows, columns) = (samples::containers(&theme), samples::container_columns());
    insta::assert_snapshot!(pictures(&[WIDE, USUAL, NARROW, TINY], |area, buf| {
        let mut state = TableState::default();
        state.sort = Some(Sort { column: 0, descending: false });
        state.window.select(Some(1));
        Table::new(&theme, &columns, &rows).focused(true).render(area, buf, &mut state);
    }));
}

#[test]
fn empty_table() {
    let theme = Theme::default();
    let columns = samples::container_columns();
    insta::assert_snapshot!(pictures(&[(60, 4)], |area, buf| {
        Table::new(&theme, &columns, &samples::Many(0)).empty("no containers; `r` runs one").render(
            area,
            buf,
            &mut TableState::default(),
        );
    }));
}

#[test]
fn logs() {
    let theme = Theme::default();
    let mut log = samples::log();
    let mut draw = |area: Rect, buf: &mut Buffer| {
        Panel::new(&theme).title("web · logs").status(&log.status()).render(area, buf);
        LogPane::new(&theme).render(frame::inner(area), buf, &mut log);
    };
    insta::assert_snapshot!(pictures(&[WIDE, USUAL, NARROW, TINY], &mut draw));
}

#[test]
fn source() {
    let theme = Theme::default();
    let mut source = samples::source();
    let mut draw = |area: Rect, buf: &mut Buffer| {
        Panel::new(&theme).title("Dockerfile").status(&source.status()).focused(true).render(area, buf);
        SourcePane::new(&theme).focused(true).render(frame::inner(area), buf, &mut source);
    };
    insta::assert_snapshot!(pictures(&[(138, 14), (78, 14), (38, 9), TINY], &mut draw));
}

#[test]
fn tree() {
    let theme = Theme::default();
    let mut tree = Tree::new(samples::inspected());
    let mut draw = |area: Rect, buf: &mut Buffer| TreeView::new(&theme).focused(true).render(area, buf, &mut tree);
    let folded = pictures(&[USUAL, NARROW, TINY], &mut draw);
    tree.search("route");
    let mut draw = |area: Rect, buf: &mut Buffer| TreeView::new(&theme).focused(true).render(area, buf, &mut tree);
    let unfolded = pictures(&[(138, 20), (78, 20), (38, 12), TINY], &mut draw);
    insta::assert_snapshot!(folded + &unfolded);
}

#[test]
fn logs_without_wrapping_filtered() {
    let theme = Theme::default();
    let mut log = samples::log();
    log.set_wrap(false);
    log.scroll_columns(4);
    log.filter("!favicon");
    let mut draw = |area: Rect, buf: &mut Buffer| {
        Panel::new(&theme).title("web · logs").status(&log.status()).render(area, buf);
        LogPane::new(&theme).render(frame::inner(area), buf, &mut log);
    };
    insta::assert_snapshot!(pictures(&[USUAL, NARROW], &mut draw));
}

#[test]
fn way() {
    let theme = Theme::default();
    let (taps, links) = (samples::taps(), samples::links());
    let way = Way { taps: &taps, links: &links, seen: &[], selected: Some(2) };
    let sizes = [(138, 3), (78, 3), (38, 3), (18, 3)];
    insta::assert_snapshot!(pictures(&sizes, |area, buf| WayPicture::new(&theme, way).render(area, buf)));
}

#[test]
fn packets() {
    let theme = Theme::default();
    let packets = samples::packets();
    insta::assert_snapshot!(pictures(&[WIDE, (108, 5), USUAL, NARROW, TINY], |area, buf| {
        let mut state = LadderState::default();
        state.window.select(Some(1));
        PacketList::new(&theme, packets.as_slice()).render(area, buf, &mut state);
    }));
}

#[test]
fn joined_panes_of_the_trace() {
    let theme = Theme::default();
    insta::assert_snapshot!(pictures(&[(78, 14), (38, 14)], |area, buf| {
        let panes = frame::stack(area, [Constraint::Length(4), Constraint::Fill(1), Constraint::Length(7)]);
        Panel::new(&theme).title("The way").status("publish 8088 → web:80").render(panes[0], buf);
        Panel::new(&theme).title("Packets").status("12 seen, 12 joined, 0 lost").render(panes[1], buf);
        let cards = frame::row(panes[2], [Constraint::Fill(1), Constraint::Fill(1)]);
        Panel::new(&theme).title("Hop 3 of 5: docker0").render(cards[0], buf);
        DetailCard::new(&theme, &samples::hop_details()).render(frame::inner(cards[0]), buf);
        Panel::new(&theme).title("Rules that saw this packet").render(cards[1], buf);
        DetailCard::new(&theme, &samples::rules()).render(frame::inner(cards[1]), buf);
    }));
}

#[test]
fn waves() {
    let theme = Theme::default();
    let groups = samples::waves();
    insta::assert_snapshot!(pictures(&[WIDE, USUAL, NARROW, TINY], |area, buf| {
        let mut state = WavesState::default();
        state.window.select(Some(6));
        WavesView::new(&theme, &groups).focused(true).render(area, buf, &mut state);
    }));
}

#[test]
fn topology() {
    let theme = Theme::default();
    let topology = samples::topology(5);
    insta::assert_snapshot!(pictures(&[WIDE, USUAL, NARROW, TINY], |area, buf| {
        let mut state = TopologyState::default();
        state.window.select(Some(1));
        TopologyView::new(&theme, &topology).focused(true).render(area, buf, &mut state);
    }));
}

#[test]
fn hex() {
    let theme = Theme::default();
    let bytes: Vec<u8> = (0..70u8).map(|byte| byte.wrapping_mul(37)).collect();
    insta::assert_snapshot!(pictures(&[(78, 5), (46, 4), NARROW], |area, buf| {
        HexView::new(&theme, &bytes).render(area, buf)
    }));
}

#[test]
fn bars() {
    let theme = Theme::default();
    insta::assert_snapshot!(pictures(&[(138, 2), (78, 2), (38, 2), (18, 2)], |area, buf| {
        let row = |y| Rect { y, height: 1, ..area };
        StatusBar::new(&theme, "porthole", &samples::tabs(), 4)
            .summary("docker0 172.17.0.1/16 · 3 up · 1 exited")
            .render(row(0), buf);
        KeyBar::new(&theme, &samples::hints()).render(row(1), buf);
    }));
}

#[test]
fn terminal() {
    let theme = Theme::default();
    insta::assert_snapshot!(pictures(&[USUAL, NARROW], |area, buf| {
        let mut terminal = Alacritty::new(78, 9, TermOptions::default());
        terminal.feed(samples::SHELL.as_bytes());
        terminal.resize(area.width, area.height);
        TermPane::new(&theme, &terminal).render(area, buf);
    }));
}

#[test]
fn popups() {
    let theme = Theme::default();
    insta::assert_snapshot!(
        "confirm",
        pictures(&[(80, 12), (40, 12), (20, 5)], |area, buf| {
            ConfirmDialog::new(&theme, &samples::confirm()).render(area, buf);
        })
    );
    insta::assert_snapshot!(
        "help",
        pictures(&[(120, 16), (80, 24), (40, 12), (20, 5)], |area, buf| {
            HelpOverlay::new(&theme, &samples::help_groups()).render(area, buf, &mut HelpState::default());
        })
    );
    insta::assert_snapshot!(
        "palette",
        pictures(&[(100, 14), (40, 12), (20, 5)], |area, buf| {
            let mut palette = Palette::new(samples::palette_items());
            palette.key(Key::char('s'));
            palette.key(Key::char('t'));
            PaletteView::new(&theme, "Actions").render(area, buf, &mut palette);
        })
    );
    insta::assert_snapshot!(
        "menu",
        pictures(&[(60, 7), (20, 5)], |area, buf| {
            let mut window = Window::default();
            window.select(Some(2));
            MenuList::new(&theme, "web", &samples::menu_items()).render(area, buf, &mut window);
        })
    );
    insta::assert_snapshot!(
        "form",
        pictures(&[(80, 7), (40, 6)], |area, buf| {
            let mut form = Form::new(vec![Field::new("image", "lab"), Field::new("publish", "8088:80")]);
            form.fields[0].error = Some("no image is called x".into());
            FormView::new(&theme, "Run a container", &form).render(area, buf);
        })
    );
    insta::assert_snapshot!(
        "form_with_a_command",
        pictures(&[(80, 8), (40, 8), (30, 5)], |area, buf| {
            let form = Form::new(vec![Field::new("memory", "no limit"), Field::new("cpus", "no limit")]);
            let command = "porthole update --memory 128m --memory-swap 256m --cpus 1.5 --cpu-shares 512 web";
            FormView::new(&theme, "Limits of web", &form)
                .problem(Some("Minimum memory limit allowed is 6MB"))
                .command(command)
                .render(area, buf);
        })
    );
    insta::assert_snapshot!(
        "toasts",
        pictures(&[(60, 9), (20, 5)], |area, buf| {
            let toast = |kind, text: &str| Toast { kind, text: text.into() };
            let toasts =
                [toast(ToastKind::Good, "web is up"), toast(ToastKind::Bad, "port 8088 is taken by nginx (pid 812)")];
            Toasts::new(&theme, &toasts).render(area, buf);
        })
    );
}

#[test]
fn welcome_and_small_things() {
    let theme = Theme::default();
    let hints = samples::hints();
    insta::assert_snapshot!(
        "welcome",
        pictures(&[(78, 12), (38, 8), (18, 4)], |area, buf| {
            let sentence =
                "Containers on an embedded engine: nothing runs in the background, everything can be watched.";
            Welcome::new(&theme, "porthole", sentence, &hints[..3]).render(area, buf);
        })
    );
    insta::assert_snapshot!(
        "input",
        pictures(&[(30, 1), (10, 1)], |area, buf| {
            InputLine::new(&theme, &Input::with_text("run -d -p 9000:80")).prompt(": ").render(area, buf);
        })
    );
    insta::assert_snapshot!(
        "chart",
        pictures(&[(40, 3), (10, 1)], |area, buf| {
            let values: Vec<f32> = (0..40).map(|x| (x * x % 23) as f32).collect();
            Sparkline::new(&theme, &values).render(area, buf);
        })
    );
    insta::assert_snapshot!(
        "chart_of_a_figure",
        pictures(&[(60, 5), (60, 2), (60, 1), (40, 1), (12, 3)], |area, buf| {
            let mut values: Vec<f32> = (0..45).map(|x| (x * x % 23) as f32 + 20.0).collect();
            values[20] = f32::NAN;
            Chart::new(&theme, "memory", "42 M")
                .limit("of 64 M")
                .note("peak 51 M")
                .scale(64.0, "64 M")
                .course(&values)
                .render(area, buf);
        })
    );
}

#[test]
fn ascii_only() {
    let theme = Theme::default().with_glyphs(Glyphs::ascii());
    let (taps, links, packets) = (samples::taps(), samples::links(), samples::packets());
    let picture = pictures(&[(100, 12)], |area, buf| {
        let panes = frame::stack(area, [Constraint::Length(5), Constraint::Fill(1)]);
        Panel::new(&theme).title("The way").render(panes[0], buf);
        let way = Way { taps: &taps[..3], links: &links, seen: &[], selected: Some(2) };
        WayPicture::new(&theme, way).render(frame::inner(panes[0]), buf);
        Panel::new(&theme).title("Packets").render(panes[1], buf);
        let mut state = LadderState::default();
        state.window.select(Some(0));
        PacketList::new(&theme, &packets[..4]).render(frame::inner(panes[1]), buf, &mut state);
    });
    assert!(picture.replace('µ', "u").is_ascii(), "{picture}");
    insta::assert_snapshot!(picture);
}
