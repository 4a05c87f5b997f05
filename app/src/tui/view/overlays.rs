//! What lies above the panes: questions, help, pages, offers, the message in the corner.

use crate::tui::actions::{Layer, REGISTRY, Spec};
use crate::tui::layout::Areas;
use crate::tui::model::Model;
use crate::tui::model::commands::{Entry, Outcome};
use crate::tui::model::form::CommandForm;
use crate::tui::model::modal::{Modal, Page};
use crate::tui::model::prompt::Prompt;
use crate::tui::words;
use porthole_themes::Theme;
use porthole_widgets::Window;
use porthole_widgets::confirm::ConfirmDialog;
use porthole_widgets::form::FormView;
use porthole_widgets::frame::{Panel, centred, inner};
use porthole_widgets::help::{HelpGroup, HelpOverlay};
use porthole_widgets::log_view::LogPane;
use porthole_widgets::menu::{MenuItem, MenuList};
use porthole_widgets::palette::PaletteView;
use porthole_widgets::text::{fit, put, put_right, width};
use porthole_widgets::toast::{Toast, ToastKind, Toasts};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{StatefulWidget, Widget};

/// Draws whatever lies above the panes.
pub fn draw(model: &mut Model, areas: &Areas, buf: &mut Buffer) {
    let screen = Rect::new(0, 0, model.size.0, model.size.1);
    let body = areas.body;
    toast(model, body, buf);
    let mut modal = model.modal.take();
    match &mut modal {
        None => {}
        Some(Modal::Confirm(confirm)) => ConfirmDialog::new(&model.theme, &confirm.dialog).render(body, buf),
        Some(Modal::Form(open)) => form(&model.theme, open, body, buf),
        Some(Modal::Choice(choice)) => {
            PaletteView::new(&model.theme, &choice.title).render(screen, buf, &mut choice.palette);
        }
        Some(Modal::Prompt(prompt)) => offers(&model.theme, prompt, body, buf),
        Some(Modal::Palette(palette, _)) => PaletteView::new(&model.theme, "Actions").render(screen, buf, palette),
        Some(Modal::Registry(registry)) => {
            let title = registry.title();
            PaletteView::new(&model.theme, &title).render(screen, buf, &mut registry.choice().palette);
        }
        Some(Modal::Page(Page::Help(state))) => {
            HelpOverlay::new(&model.theme, &help(model)).render(body, buf, state);
        }
        Some(Modal::Page(Page::Commands { selected })) => commands(model, *selected, body, buf),
        Some(Modal::Page(Page::Output { title, text })) => {
            let area = centred(body, body.width.saturating_sub(4), body.height.saturating_sub(2));
            Panel::new(&model.theme).title(title).focused(true).popup().render(area, buf);
            LogPane::new(&model.theme).render(inner(area), buf, text);
        }
    }
    model.modal = modal;
}

fn toast(model: &Model, body: Rect, buf: &mut Buffer) {
    let Some(toast) = &model.toast else { return };
    let kind = if toast.bad { ToastKind::Bad } else { ToastKind::Good };
    Toasts::new(&model.theme, &[Toast { kind, text: toast.text.clone() }]).render(body, buf);
}

/// The keys of every layer, from the registry.
fn help(model: &Model) -> Vec<HelpGroup> {
    let keys = |action| {
        let chords: Vec<String> = model.keymap.chords(action).map(|chord| chord.to_string()).collect();
        chords.join(" ")
    };
    let group = |layer: Layer| HelpGroup {
        title: layer.title().to_owned(),
        keys: REGISTRY
            .iter()
            .filter(|spec| spec.layer == layer)
            .map(|spec| (keys(spec.action), about(spec)))
            .filter(|(keys, _)| !keys.is_empty())
            .collect(),
    };
    // First the keys of where one is.
    let mut layers = Layer::ALL.to_vec();
    layers.sort_by_key(|layer| *layer != model.home());
    layers.into_iter().map(group).filter(|group| !group.keys.is_empty()).collect()
}

/// What an action does, and whether it asks before that.
fn about(spec: &Spec) -> String {
    if spec.danger { format!("{} (asks first)", spec.about) } else { spec.about.to_owned() }
}

/// A form, and the command line that it stands for.
fn form(theme: &Theme, open: &CommandForm, body: Rect, buf: &mut Buffer) {
    let command = open.fields.argv().map(|argv| format!("porthole {}", words::join(&argv)));
    FormView::new(theme, &open.fields.title(), open.fields.form())
        .problem(open.problem.as_deref())
        .command(command.as_deref().unwrap_or(open.fields.idle()))
        .render(body, buf);
}

/// What fits the word being typed, above the line.
fn offers(theme: &Theme, prompt: &Prompt, body: Rect, buf: &mut Buffer) {
    if prompt.offers.is_empty() || body.height < 5 {
        return;
    }
    let most = usize::from(body.height - 2).min(10);
    let items: Vec<MenuItem> = prompt
        .offers
        .iter()
        .map(|offer| MenuItem { label: offer.text.clone(), about: offer.about.clone(), ..MenuItem::default() })
        .collect();
    let height = (items.len().min(most) + 2) as u16;
    let area = Rect { y: body.bottom() - height, height, width: body.width.min(72), ..body };
    let mut window = Window::default();
    window.select(prompt.taken.as_ref().map(|(at, _)| *at));
    MenuList::new(theme, "", &items).render(area, buf, &mut window);
}

/// The command lines that were run, the newest first.
fn commands(model: &Model, selected: usize, body: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let area = centred(body, 100, body.height.saturating_sub(2));
    let count = model.commands.entries().count();
    let status = if count == 0 { String::new() } else { format!("{}/{count}", selected + 1) };
    Panel::new(theme).title("Command lines").status(&status).focused(true).popup().render(area, buf);
    let inside = inner(area);
    if count == 0 && inside.height > 0 {
        put(buf, Rect { height: 1, ..inside }, "  nothing was run yet", theme.muted());
    }
    let skip = (selected + 1).saturating_sub(usize::from(inside.height));
    for (line, (index, entry)) in
        model.commands.entries().rev().enumerate().skip(skip).take(usize::from(inside.height)).enumerate()
    {
        let place = Rect { y: inside.y + line as u16, height: 1, ..inside };
        command(theme, entry, index == selected, place, buf);
    }
}

fn command(theme: &Theme, entry: &Entry, selected: bool, place: Rect, buf: &mut Buffer) {
    let glyphs = theme.glyphs();
    let (glyph, style) = match entry.outcome {
        Outcome::Running => (glyphs.ellipsis, theme.muted()),
        Outcome::Done => (glyphs.check, theme.good()),
        Outcome::Failed(..) => (glyphs.cross, theme.bad()),
    };
    let base = if selected { theme.selection(true) } else { theme.text() };
    if selected {
        buf.set_style(place, base);
        put(buf, Rect { width: place.width.min(1), ..place }, glyphs.marker, theme.marker());
    }
    let part = |x: u16| Rect { x: place.x + x.min(place.width), width: place.width.saturating_sub(x + 1), ..place };
    put(buf, part(2), glyph, style);
    let room = part(4);
    let used = put(buf, room, &fit(&entry.line, usize::from(room.width), glyphs.ellipsis), base);
    if let Outcome::Failed(_, problem) = &entry.outcome {
        let left = part(4 + used + 2);
        if width(problem) > 0 && left.width > 10 {
            put_right(
                buf,
                left,
                &fit(problem, usize::from(left.width), glyphs.ellipsis),
                theme.muted(),
                glyphs.ellipsis,
            );
        }
    }
}
