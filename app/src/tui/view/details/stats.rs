//! The pane of charts: what the selected container uses, and of how much.

use crate::tui::human;
use crate::tui::model::Model;
use crate::tui::model::usage::{Point, Usage, minutes};
use crate::tui::source::Container;
use crate::tui::view::status::Tone;
use porthole_engine::RunningUsage;
use porthole_themes::Theme;
use porthole_widgets::chart::Chart;
use porthole_widgets::text::put;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;

/// From this part of its limit on a figure is worth a look, and from this one it is bad.
const HIGH: (f32, f32) = (0.8, 0.95);
/// Two charts stand side by side from this width on.
const PAIR: u16 = 56;
/// Rows of a chart: its head, two of bars. Taller ones get a row between them.
const LEAST: u16 = 3;
/// No chart is taller: it would say no more.
const MOST: u16 = 10;

/// A figure, ready to be drawn.
struct Figure {
    title: &'static str,
    value: String,
    tone: Option<Tone>,
    limit: String,
    of: fn(&Point) -> f32,
    /// The value of a full bar; as high as the course itself when there is no limit.
    full: Option<f32>,
    unit: Unit,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Percent of one CPU.
    Percent,
    /// Processes.
    Pieces,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    Rate,
}

impl Unit {
    /// A value of the scale. It has little room, and the figure itself says what is counted.
    fn text(self, value: f32) -> String {
        match self {
            Unit::Percent => format!("{value:.0} %"),
            Unit::Pieces => format!("{value:.0}"),
            Unit::Bytes | Unit::Rate => human::memory(value as u64),
        }
    }

    /// What stands behind a value where there is room.
    fn per(self) -> &'static str {
        if self == Unit::Rate { "/s" } else { "" }
    }

    /// The top of a scale: a round number that is no lower. Bytes are rounded to powers of two.
    fn round_up(self, value: f32) -> f32 {
        if matches!(self, Unit::Bytes | Unit::Rate) {
            return value.max(1024.0).log2().ceil().exp2();
        }
        let power = 10f32.powf(value.max(1.0).log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        steps.into_iter().find(|step| *step >= value).unwrap_or(value).max(5.0)
    }
}

/// Draws the charts; says so when there are none.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let container = model.containers.selected();
    let usage = container.and_then(|container| model.usages.get(&container.id));
    let figures = match (container, usage.and_then(|usage| Some((usage, usage.last()?)))) {
        (Some(container), Some((usage, (now, point)))) => (usage, figures(container, now, point, theme)),
        (Some(container), None) if !container.is_up() => return say("it does not run", theme, area, buf),
        _ => return,
    };
    let (usage, figures) = figures;
    for (figure, place) in figures.iter().zip(places(area)) {
        figure.draw(usage, model.now, theme, place, buf);
    }
}

/// How many minutes the charts show.
pub fn status(area: Rect) -> String {
    let widest = places(area).into_iter().map(|place| Chart::columns(place.width, place.height)).max();
    match minutes(widest.unwrap_or(0)) {
        0 => String::new(),
        minutes => format!("last {minutes} min"),
    }
}

fn say(text: &str, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let place = Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(2), ..area };
    put(buf, Rect { height: area.height.min(1), ..place }, text, theme.muted());
}

/// The figures in the order of importance.
fn figures(container: &Container, now: &RunningUsage, point: &Point, theme: &Theme) -> [Figure; 7] {
    let cpus = container.resources.cpus().map(|cpus| cpus as f32);
    let memory_limit = now.cgroup.memory_limit.map(|_| now.memory_limit as f32);
    let pids_limit = now.cgroup.pids_limit.map(|limit| limit as f32);
    let rate = |title, value: f32, of| Figure {
        title,
        value: if value.is_nan() {
            theme.glyphs().ellipsis.to_owned()
        } else {
            format!("{}{}", Unit::Rate.text(value), Unit::Rate.per())
        },
        tone: None,
        limit: String::new(),
        of,
        full: None,
        unit: Unit::Rate,
    };
    [
        Figure {
            title: "cpu",
            value: percent(point.cpu),
            tone: tone(point.cpu, cpus.map(|cpus| cpus * 100.0)),
            limit: cpus.map(|cpus| format!("of {}", cpu_count(cpus))).unwrap_or_default(),
            of: |point| point.cpu,
            full: cpus.map(|cpus| cpus * 100.0),
            unit: Unit::Percent,
        },
        Figure {
            title: "memory",
            value: human::memory(now.memory()),
            tone: tone(point.memory, memory_limit),
            limit: format!("of {}", human::memory(now.memory_limit)),
            of: |point| point.memory,
            full: memory_limit,
            unit: Unit::Bytes,
        },
        rate("net in", point.rates.received, |point| point.rates.received),
        rate("net out", point.rates.sent, |point| point.rates.sent),
        rate("disk read", point.rates.read, |point| point.rates.read),
        rate("disk write", point.rates.written, |point| point.rates.written),
        Figure {
            title: "pids",
            value: now.cgroup.pids.to_string(),
            tone: tone(point.pids, pids_limit),
            limit: now.cgroup.pids_limit.map(|limit| format!("of {limit}")).unwrap_or_default(),
            of: |point| point.pids,
            full: pids_limit,
            unit: Unit::Pieces,
        },
    ]
}

impl Figure {
    fn draw(&self, usage: &Usage, now: i64, theme: &Theme, place: Rect, buf: &mut Buffer) {
        let (course, peak) = usage.course(self.of, Chart::columns(place.width, place.height), now);
        let full = self.full.unwrap_or_else(|| self.unit.round_up(peak));
        let (scale, peak) = (self.unit.text(full), format!("peak {}{}", self.unit.text(peak), self.unit.per()));
        let mut chart = Chart::new(theme, self.title, &self.value).limit(&self.limit).note(&peak);
        if let Some(tone) = self.tone {
            chart = chart.style(tone.style(theme));
        }
        chart.scale(full, &scale).course(&course).render(place, buf);
    }
}

/// Where each figure goes: cpu, memory, pids over the whole width, network and disk in pairs; a row each when there is no
/// room for charts.
fn places(area: Rect) -> Vec<Rect> {
    let height = (area.height / 5).min(MOST);
    if height < LEAST || area.width < PAIR {
        let rows = (0..7.min(area.height)).map(|row| Rect { y: area.y + row, height: 1, ..area });
        return rows.collect();
    }
    // What is left over goes to CPU and memory.
    let spare = (area.height - height * 5).min(2 * (MOST - height));
    let heights = [height + spare.div_ceil(2), height + spare / 2, height, height, height];
    let bands = Layout::vertical(heights.map(Constraint::Length)).split(area);
    let gap = u16::from(height > LEAST);
    let band = |index: usize| Rect { height: bands[index].height - gap, ..bands[index] };
    let halves = |index: usize| {
        let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).split(band(index));
        [halves[0], halves[1]]
    };
    let ([received, sent], [read, written]) = (halves(2), halves(3));
    vec![band(0), band(1), received, sent, read, written, band(4)]
}

/// A value beside what it may be at most.
fn tone(value: f32, limit: Option<f32>) -> Option<Tone> {
    let share = value / limit?;
    match share {
        share if share >= HIGH.1 => Some(Tone::Bad),
        share if share >= HIGH.0 => Some(Tone::Warn),
        _ => None,
    }
}

/// A share of one CPU, in at most three figures: `0.4 %`, `134 %`.
pub fn percent(share: f32) -> String {
    if share < 99.95 { format!("{share:.1} %") } else { format!("{share:.0} %") }
}

/// `1 cpu`, `1.5 cpus`.
fn cpu_count(cpus: f32) -> String {
    if cpus == 1.0 { "1 cpu".to_owned() } else { format!("{cpus} cpus") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_in_round_numbers() {
        let tops = [0.0, 3.0, 7.0, 12.0, 60.0, 130.0].map(|value| Unit::Percent.round_up(value));
        assert_eq!(tops, [5.0, 5.0, 10.0, 20.0, 100.0, 200.0]);
        assert_eq!([0.0, 1500.0, 4096.0].map(|value| Unit::Rate.round_up(value)), [1024.0, 2048.0, 4096.0]);
    }

    #[test]
    fn what_comes_near_its_limit_is_told() {
        assert_eq!([0.5, 0.8, 0.96].map(|value| tone(value, Some(1.0))), [None, Some(Tone::Warn), Some(Tone::Bad)]);
        assert_eq!(tone(9.0, None), None);
    }

    #[test]
    fn every_figure_has_a_place_of_its_own() {
        for (width, height) in [(116, 46), (78, 15), (60, 40), (38, 9), (118, 17), (80, 3)] {
            let places = places(Rect::new(0, 0, width, height));
            assert_eq!(places.len(), usize::from(height.min(7)), "{width}x{height}");
            for (index, place) in places.iter().enumerate() {
                assert!(place.height >= 1 && place.bottom() <= height && place.right() <= width);
                assert!(places[..index].iter().all(|other| !other.intersects(*place)), "{width}x{height}: {places:?}");
            }
        }
    }
}
