//! The terminals that are open.

use crate::tui::message::ShellId;
use porthole_widgets::key::{Key, Mouse, MouseKind};
use porthole_widgets::terminal::{Alacritty, TermEmulator, TermOptions, encode};

/// Lines that one can scroll back.
const SCROLLBACK: usize = 2000;
/// Rows that one notch of the wheel scrolls.
const NOTCH: i32 = 3;

/// A terminal.
pub struct Shell {
    /// Its number.
    pub id: ShellId,
    /// What it is called.
    pub title: String,
    /// Its number in the command log.
    job: usize,
    /// Whether it stays when its program has ended well.
    held: bool,
    /// The exit code of its program, once it has ended.
    pub ended: Option<i32>,
    /// The screen.
    pub emulator: Alacritty,
}

impl Shell {
    /// A key as the program reads it. Typing goes back to what the program writes now.
    pub fn key(&mut self, key: Key) -> Vec<u8> {
        self.emulator.scroll_to_end();
        encode::key(key, self.emulator.modes())
    }

    /// Pasted text as the program reads it.
    pub fn paste(&mut self, text: &str) -> Vec<u8> {
        self.emulator.scroll_to_end();
        encode::paste(text, self.emulator.modes())
    }

    /// A mouse event as the program reads it; one that it does not want scrolls.
    pub fn mouse(&mut self, event: Mouse) -> Vec<u8> {
        let bytes = encode::mouse(event, self.emulator.modes()).unwrap_or_default();
        if bytes.is_empty() {
            match event.kind {
                MouseKind::ScrollUp => self.emulator.scroll(NOTCH),
                MouseKind::ScrollDown => self.emulator.scroll(-NOTCH),
                _ => {}
            }
        }
        bytes
    }

    /// Scrolls back or forth by a page.
    pub fn scroll_page(&mut self, up: bool) {
        let rows = i32::from(self.emulator.size().1.saturating_sub(1).max(1));
        self.emulator.scroll(if up { rows } else { -rows });
    }
}

/// The terminals, one of which shows.
#[derive(Default)]
pub struct Shells {
    shells: Vec<Shell>,
    shown: usize,
    next: u32,
}

impl Shells {
    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.shells.is_empty()
    }

    /// How many have a program that runs.
    pub fn running(&self) -> usize {
        self.shells.iter().filter(|shell| shell.ended.is_none()).count()
    }

    /// All of them, in the order that they were opened.
    pub fn all(&self) -> &[Shell] {
        &self.shells
    }

    /// The index of the one that shows.
    pub fn shown_index(&self) -> usize {
        self.shown
    }

    /// The one that shows.
    pub fn shown(&self) -> Option<&Shell> {
        self.shells.get(self.shown)
    }

    /// The one that shows, to type into.
    pub fn shown_mut(&mut self) -> Option<&mut Shell> {
        self.shells.get_mut(self.shown)
    }

    /// Opens one and shows it.
    pub fn open(&mut self, title: &str, job: usize, held: bool, size: (u16, u16)) -> ShellId {
        let id = ShellId(self.next);
        self.next += 1;
        let same = self.shells.iter().filter(|shell| shell.title.split(" · ").next() == Some(title)).count();
        let title = if same == 0 { title.to_owned() } else { format!("{title} · {}", same + 1) };
        let options = TermOptions { scrollback: SCROLLBACK, ..TermOptions::default() };
        let emulator = Alacritty::new(size.0, size.1, options);
        self.shells.push(Shell { id, title, job, held, ended: None, emulator });
        self.shown = self.shells.len() - 1;
        id
    }

    /// Shows one by its index.
    pub fn show(&mut self, index: usize) {
        self.shown = index.min(self.shells.len().saturating_sub(1));
    }

    /// Shows the next or the previous one, round and round.
    pub fn step(&mut self, forward: bool) {
        let count = self.shells.len().max(1);
        self.shown = (self.shown + if forward { 1 } else { count - 1 }) % count;
    }

    /// Takes in what a program wrote; what has to be answered.
    pub fn feed(&mut self, id: ShellId, bytes: &[u8]) -> Vec<u8> {
        let Some(shell) = self.find(id) else { return Vec::new() };
        shell.emulator.feed(bytes);
        shell.emulator.take_replies()
    }

    /// Notes that a program ended; its number in the command log. One that ended well closes, unless it is to be read.
    pub fn ended(&mut self, id: ShellId, code: i32) -> Option<usize> {
        let shell = self.find(id)?;
        shell.ended = Some(code);
        let (job, closes) = (shell.job, code == 0 && !shell.held);
        if closes {
            self.close(id);
        }
        Some(job)
    }

    /// Forgets one; its number in the command log.
    pub fn close(&mut self, id: ShellId) -> Option<usize> {
        let index = self.shells.iter().position(|shell| shell.id == id)?;
        let shell = self.shells.remove(index);
        if index < self.shown || self.shown == self.shells.len() {
            self.shown = self.shown.saturating_sub(1);
        }
        Some(shell.job)
    }

    /// Gives all of them a size; those for which it is another one.
    pub fn fit(&mut self, (columns, rows): (u16, u16)) -> Vec<ShellId> {
        let others = self.shells.iter_mut().filter(|shell| shell.emulator.size() != (columns, rows));
        others
            .map(|shell| {
                shell.emulator.resize(columns, rows);
                shell.id
            })
            .collect()
    }

    fn find(&mut self, id: ShellId) -> Option<&mut Shell> {
        self.shells.iter_mut().find(|shell| shell.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_badly_or_is_to_be_read_stays() {
        let mut shells = Shells::default();
        let open = |shells: &mut Shells, held| shells.open("web", 0, held, (20, 5));
        let (well, badly, held) = (open(&mut shells, false), open(&mut shells, false), open(&mut shells, true));
        assert_eq!([0, 1, 2].map(|index| shells.all()[index].title.clone()), ["web", "web · 2", "web · 3"]);
        shells.ended(well, 0);
        shells.ended(badly, 1);
        shells.ended(held, 0);
        assert_eq!(shells.all().iter().map(|shell| shell.id).collect::<Vec<_>>(), [badly, held]);
        assert_eq!(shells.running(), 0);
    }

    #[test]
    fn closing_keeps_the_one_that_shows() {
        let mut shells = Shells::default();
        let ids: Vec<ShellId> = (0..3).map(|_| shells.open("x", 0, false, (20, 5))).collect();
        shells.show(1);
        shells.close(ids[0]);
        assert_eq!(shells.shown().map(|shell| shell.id), Some(ids[1]));
        shells.close(ids[1]);
        assert_eq!(shells.shown().map(|shell| shell.id), Some(ids[2]));
        shells.close(ids[2]);
        assert!(shells.shown().is_none());
        shells.step(true);
    }
}
