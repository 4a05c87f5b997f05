//! From crossterm's events to the widgets' keys.

use crossterm::event::{KeyCode as Code, MouseButton as Button};
use crossterm::event::{KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};
use porthole_widgets::key::{Key, KeyCode, Modifiers, Mouse, MouseButton, MouseKind};

/// A key press; `None` for releases and for keys that nothing here knows.
pub fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let mut modifiers = modifiers(event.modifiers);
    let code = match event.code {
        // Terminals without the kitty protocol send Ctrl-] as 0x1D, which crossterm reads as Ctrl-5 (ECMA-48, C0 GS),
        // and Ctrl-\ as 0x1C, read as Ctrl-4.
        Code::Char('5') if modifiers == Modifiers::CTRL => KeyCode::Char(']'),
        Code::Char('4') if modifiers == Modifiers::CTRL => KeyCode::Char('\\'),
        Code::Char('7') if modifiers == Modifiers::CTRL => KeyCode::Char('_'),
        Code::Char(c) => {
            modifiers.shift = false;
            KeyCode::Char(c)
        }
        Code::BackTab => {
            modifiers.shift = true;
            KeyCode::Tab
        }
        Code::F(number) => KeyCode::F(number),
        Code::Enter => KeyCode::Enter,
        Code::Tab => KeyCode::Tab,
        Code::Backspace => KeyCode::Backspace,
        Code::Esc => KeyCode::Esc,
        Code::Up => KeyCode::Up,
        Code::Down => KeyCode::Down,
        Code::Left => KeyCode::Left,
        Code::Right => KeyCode::Right,
        Code::Home => KeyCode::Home,
        Code::End => KeyCode::End,
        Code::PageUp => KeyCode::PageUp,
        Code::PageDown => KeyCode::PageDown,
        Code::Insert => KeyCode::Insert,
        Code::Delete => KeyCode::Delete,
        _ => return None,
    };
    Some(Key { code, modifiers })
}

/// A mouse event; `None` for what nothing here uses.
pub fn mouse(event: MouseEvent) -> Option<Mouse> {
    let button = |button| match button {
        Button::Left => MouseButton::Left,
        Button::Middle => MouseButton::Middle,
        Button::Right => MouseButton::Right,
    };
    let kind = match event.kind {
        MouseEventKind::Down(which) => MouseKind::Down(button(which)),
        MouseEventKind::Up(which) => MouseKind::Up(button(which)),
        MouseEventKind::Drag(which) => MouseKind::Drag(button(which)),
        MouseEventKind::ScrollUp => MouseKind::ScrollUp,
        MouseEventKind::ScrollDown => MouseKind::ScrollDown,
        MouseEventKind::Moved | MouseEventKind::ScrollLeft | MouseEventKind::ScrollRight => return None,
    };
    Some(Mouse { kind, column: event.column, row: event.row, modifiers: modifiers(event.modifiers) })
}

fn modifiers(held: KeyModifiers) -> Modifiers {
    Modifiers {
        shift: held.contains(KeyModifiers::SHIFT),
        ctrl: held.contains(KeyModifiers::CONTROL),
        alt: held.contains(KeyModifiers::ALT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terminals_send_for_the_leader_is_the_leader() {
        for code in [Code::Char('5'), Code::Char(']')] {
            assert_eq!(key(KeyEvent::new(code, KeyModifiers::CONTROL)), Some(Key::ctrl(']')));
        }
    }

    #[test]
    fn shift_belongs_to_the_character() {
        assert_eq!(key(KeyEvent::new(Code::Char('G'), KeyModifiers::SHIFT)), Some(Key::char('G')));
        let backtab = key(KeyEvent::new(Code::BackTab, KeyModifiers::SHIFT));
        assert_eq!(backtab, Some(Key::new(KeyCode::Tab, Modifiers::SHIFT)));
    }
}
