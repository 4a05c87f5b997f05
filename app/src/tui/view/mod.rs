//! Draws the model. Nothing is decided here but how things look; where panes lie says [`super::layout`].

mod bars;
mod builds;
mod containers;
mod details;
mod events;
mod images;
mod networks;
mod overlays;
mod projects;
mod shells;
mod status;
mod trace;
mod volumes;
mod welcome;

#[cfg(test)]
pub use bars::hints;

use super::layout::Areas;
use super::model::{Focus, Model, Screen};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws everything.
pub fn draw(model: &mut Model, frame: &mut Frame) {
    let area = frame.area();
    model.size = (area.width, area.height);
    let buf = frame.buffer_mut();
    buf.set_style(area, model.theme.base());
    let areas = Areas::of(model);
    bars::header(model, areas.header, buf);
    panes(model, &areas, buf);
    bars::footer(model, areas.footer, buf);
    overlays::draw(model, &areas, buf);
}

fn panes(model: &mut Model, areas: &Areas, buf: &mut Buffer) {
    if model.welcomes() {
        return welcome::draw(model, areas.body, buf);
    }
    // Panes share borders; the one below puts its title there, so they are drawn from above.
    if let Some(area) = areas.list {
        match model.screen {
            Screen::Containers => containers::draw(model, area, buf),
            Screen::Images => images::draw(model, area, buf),
            Screen::Volumes => volumes::draw(model, area, buf),
            Screen::Networks => networks::draw(model, area, buf),
            Screen::Trace => trace::draw(model, area, buf),
            Screen::Events => events::draw(model, area, buf),
            Screen::Projects => projects::draw(model, area, buf),
            Screen::Builds => builds::draw(model, area, buf),
        }
    }
    if let Some(area) = areas.detail {
        details::draw(model, area, buf);
    }
    if let Some(area) = areas.shell {
        shells::draw(model, area, buf);
    }
    let focused = match model.focus {
        Focus::List if model.screen == Screen::Trace => None,
        Focus::List => areas.list,
        Focus::Detail => areas.detail,
        Focus::Shell => areas.shell,
    };
    if let Some(area) = focused {
        outline(model, area, buf);
    }
}

/// Gives the lines around the focused pane its colour, those too that it shares with a pane drawn later.
fn outline(model: &Model, area: Rect, buf: &mut Buffer) {
    let borders = &model.theme.glyphs().borders;
    let lines = [borders.horizontal, borders.vertical];
    let joints = [borders.tee_left, borders.tee_right, borders.tee_up, borders.tee_down, borders.cross];
    let area = area.intersection(buf.area);
    for position in area.positions() {
        let inside = position.x > area.x
            && position.x + 1 < area.right()
            && position.y > area.y
            && position.y + 1 < area.bottom();
        let symbol = buf[position].symbol();
        if !inside && (lines.contains(&symbol) || joints.contains(&symbol)) {
            buf[position].set_style(model.theme.border(true));
        }
    }
}

/// A list's name, with what narrows it: `Containers /web · 2 marked`.
fn list_title(name: &str, filter: &str, marked: usize) -> String {
    let mut title = name.to_owned();
    if !filter.is_empty() {
        title.push_str(&format!(" /{filter}"));
    }
    if marked > 0 {
        title.push_str(&format!(" · {marked} marked"));
    }
    title
}
