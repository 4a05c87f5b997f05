//! What a program in a terminal reads when keys are pressed (xterm's "ctlseqs": PC-style function keys, mouse tracking,
//! bracketed paste, focus events).

use super::Modes;
use crate::key::{Key, KeyCode, Modifiers, Mouse, MouseButton, MouseKind};

/// Cursor keys that one step of the wheel sends to a full-screen program without mouse.
const WHEEL_KEYS: usize = 3;

/// The bytes of a key.
pub fn key(key: Key, modes: Modes) -> Vec<u8> {
    let Key { code, modifiers } = key;
    match code {
        KeyCode::Char(c) => char_bytes(c, modifiers),
        KeyCode::Enter if modes.new_line => with_alt(b"\r\n", modifiers),
        KeyCode::Enter => with_alt(b"\r", modifiers),
        KeyCode::Tab if modifiers.shift => with_alt(b"\x1b[Z", modifiers),
        KeyCode::Tab => with_alt(b"\t", modifiers),
        KeyCode::Backspace if modifiers.ctrl => with_alt(b"\x08", modifiers),
        KeyCode::Backspace => with_alt(b"\x7f", modifiers),
        KeyCode::Esc => with_alt(b"\x1b", modifiers),
        KeyCode::Up => cursor_key('A', modifiers, modes),
        KeyCode::Down => cursor_key('B', modifiers, modes),
        KeyCode::Right => cursor_key('C', modifiers, modes),
        KeyCode::Left => cursor_key('D', modifiers, modes),
        KeyCode::Home => cursor_key('H', modifiers, modes),
        KeyCode::End => cursor_key('F', modifiers, modes),
        KeyCode::Insert => tilde_key(2, modifiers),
        KeyCode::Delete => tilde_key(3, modifiers),
        KeyCode::PageUp => tilde_key(5, modifiers),
        KeyCode::PageDown => tilde_key(6, modifiers),
        KeyCode::F(number) => function_key(number, modifiers),
    }
}

fn char_bytes(c: char, modifiers: Modifiers) -> Vec<u8> {
    if let Some(control) = modifiers.ctrl.then(|| control_code(c)).flatten() {
        return with_alt(&[control], modifiers);
    }
    with_alt(c.encode_utf8(&mut [0; 4]).as_bytes(), modifiers)
}

/// The C0 code that Control and a character make.
fn control_code(c: char) -> Option<u8> {
    match c {
        'a'..='z' | 'A'..='Z' => Some(c as u8 & 0x1f),
        ' ' | '@' | '2' => Some(0),
        '[' | '3' => Some(0x1b),
        '\\' | '4' => Some(0x1c),
        ']' | '5' => Some(0x1d),
        '^' | '6' => Some(0x1e),
        '_' | '7' | '/' => Some(0x1f),
        '?' | '8' => Some(0x7f),
        _ => None,
    }
}

fn with_alt(bytes: &[u8], modifiers: Modifiers) -> Vec<u8> {
    let escape: &[u8] = if modifiers.alt { b"\x1b" } else { b"" };
    [escape, bytes].concat()
}

/// xterm's modifier parameter; `None` when nothing is held.
fn parameter(modifiers: Modifiers) -> Option<u8> {
    let Modifiers { shift, ctrl, alt } = modifiers;
    let bits = u8::from(shift) + 2 * u8::from(alt) + 4 * u8::from(ctrl);
    (bits > 0).then_some(bits + 1)
}

fn cursor_key(last: char, modifiers: Modifiers, modes: Modes) -> Vec<u8> {
    match parameter(modifiers) {
        Some(parameter) => format!("\x1b[1;{parameter}{last}"),
        None if modes.application_cursor => format!("\x1bO{last}"),
        None => format!("\x1b[{last}"),
    }
    .into_bytes()
}

fn tilde_key(number: u8, modifiers: Modifiers) -> Vec<u8> {
    match parameter(modifiers) {
        Some(parameter) => format!("\x1b[{number};{parameter}~"),
        None => format!("\x1b[{number}~"),
    }
    .into_bytes()
}

fn function_key(number: u8, modifiers: Modifiers) -> Vec<u8> {
    const CODES: [u8; 16] = [15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34];
    match number {
        1..=4 => {
            let last = char::from(b'P' + number - 1);
            match parameter(modifiers) {
                Some(parameter) => format!("\x1b[1;{parameter}{last}").into_bytes(),
                None => format!("\x1bO{last}").into_bytes(),
            }
        }
        5..=20 => tilde_key(CODES[usize::from(number - 5)], modifiers),
        _ => Vec::new(),
    }
}

/// The bytes of a paste. A paste cannot end its own brackets, and line breaks become what Enter sends.
pub fn paste(text: &str, modes: Modes) -> Vec<u8> {
    let text = text.replace("\r\n", "\r").replace('\n', "\r");
    if !modes.bracketed_paste {
        return text.into_bytes();
    }
    // Removing one marker may join the halves of another: only a text without ESC and C1 CSI is sure to hold none.
    let inside = text.replace(['\x1b', '\u{9b}'], "");
    format!("\x1b[200~{inside}\x1b[201~").into_bytes()
}

/// The bytes of a mouse event, `None` when the program does not want it.
pub fn mouse(mouse: Mouse, modes: Modes) -> Option<Vec<u8>> {
    if !modes.mouse() {
        return wheel_as_keys(mouse.kind, modes);
    }
    let wanted = match mouse.kind {
        MouseKind::Moved => modes.mouse_motion,
        MouseKind::Drag(_) => modes.mouse_motion || modes.mouse_drag,
        _ => true,
    };
    if !wanted {
        return None;
    }
    let button = button_code(mouse.kind) + modifier_code(mouse.modifiers);
    let (column, row) = (u32::from(mouse.column) + 1, u32::from(mouse.row) + 1);
    let released = matches!(mouse.kind, MouseKind::Up(_));
    if modes.mouse_sgr {
        let last = if released { 'm' } else { 'M' };
        return Some(format!("\x1b[<{button};{column};{row}{last}").into_bytes());
    }
    // The old form: a byte each, offset by 32; a release does not tell which button.
    let button = if released { 3 + modifier_code(mouse.modifiers) } else { button };
    let byte = |number: u32| u8::try_from(number + 32).ok();
    Some(vec![0x1b, b'[', b'M', byte(button)?, byte(column)?, byte(row)?])
}

fn wheel_as_keys(kind: MouseKind, modes: Modes) -> Option<Vec<u8>> {
    let code = match kind {
        MouseKind::ScrollUp => KeyCode::Up,
        MouseKind::ScrollDown => KeyCode::Down,
        _ => return None,
    };
    let wanted = modes.alternate_screen && modes.alternate_scroll;
    wanted.then(|| key(code.into(), modes).repeat(WHEEL_KEYS))
}

fn button_code(kind: MouseKind) -> u32 {
    let button = |button| match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    };
    match kind {
        MouseKind::Down(which) | MouseKind::Up(which) => button(which),
        MouseKind::Drag(which) => button(which) + 32,
        MouseKind::Moved => 3 + 32,
        MouseKind::ScrollUp => 64,
        MouseKind::ScrollDown => 65,
    }
}

fn modifier_code(Modifiers { shift, ctrl, alt }: Modifiers) -> u32 {
    4 * u32::from(shift) + 8 * u32::from(alt) + 16 * u32::from(ctrl)
}

/// The bytes for focus gained or lost, `None` when the program does not want them.
pub fn focus(gained: bool, modes: Modes) -> Option<&'static [u8]> {
    modes.focus.then_some(if gained { b"\x1b[I" } else { b"\x1b[O" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(code: KeyCode, modifiers: Modifiers) -> String {
        String::from_utf8(key(Key::new(code, modifiers), Modes::default())).unwrap()
    }

    #[test]
    fn characters_and_controls() {
        assert_eq!(plain(KeyCode::Char('ü'), Modifiers::NONE), "ü");
        assert_eq!(plain(KeyCode::Char('c'), Modifiers::CTRL), "\x03");
        assert_eq!(plain(KeyCode::Char(' '), Modifiers::CTRL), "\0");
        assert_eq!(plain(KeyCode::Char(']'), Modifiers::CTRL), "\x1d");
        assert_eq!(plain(KeyCode::Char('x'), Modifiers::ALT), "\x1bx");
        assert_eq!(plain(KeyCode::Char('x'), Modifiers { ctrl: true, ..Modifiers::ALT }), "\x1b\x18");
        assert_eq!(plain(KeyCode::Backspace, Modifiers::NONE), "\x7f");
        assert_eq!(plain(KeyCode::Tab, Modifiers::SHIFT), "\x1b[Z");
    }

    #[test]
    fn function_and_cursor_keys() {
        assert_eq!(plain(KeyCode::Up, Modifiers::NONE), "\x1b[A");
        assert_eq!(plain(KeyCode::Left, Modifiers::CTRL), "\x1b[1;5D");
        assert_eq!(plain(KeyCode::Delete, Modifiers::NONE), "\x1b[3~");
        assert_eq!(plain(KeyCode::PageUp, Modifiers::SHIFT), "\x1b[5;2~");
        assert_eq!(plain(KeyCode::F(1), Modifiers::NONE), "\x1bOP");
        assert_eq!(plain(KeyCode::F(5), Modifiers::NONE), "\x1b[15~");
        assert_eq!(plain(KeyCode::F(12), Modifiers::ALT), "\x1b[24;3~");
        assert_eq!(plain(KeyCode::F(99), Modifiers::NONE), "");
    }

    #[test]
    fn application_mode_changes_cursor_keys() {
        let modes = Modes { application_cursor: true, ..Modes::default() };
        assert_eq!(key(KeyCode::Up.into(), modes), b"\x1bOA");
        assert_eq!(key(KeyCode::End.into(), modes), b"\x1bOF");
        assert_eq!(key(Key::new(KeyCode::Up, Modifiers::SHIFT), modes), b"\x1b[1;2A");
    }

    #[test]
    fn mouse_events_as_wanted() {
        let at = |kind| Mouse { kind, column: 4, row: 2, modifiers: Modifiers::NONE };
        let sgr = Modes { mouse_click: true, mouse_sgr: true, ..Modes::default() };
        assert_eq!(mouse(at(MouseKind::Down(MouseButton::Left)), sgr).unwrap(), b"\x1b[<0;5;3M");
        assert_eq!(mouse(at(MouseKind::Up(MouseButton::Right)), sgr).unwrap(), b"\x1b[<2;5;3m");
        assert_eq!(mouse(at(MouseKind::ScrollUp), sgr).unwrap(), b"\x1b[<64;5;3M");
        assert_eq!(mouse(at(MouseKind::Drag(MouseButton::Left)), sgr), None);
        assert_eq!(mouse(at(MouseKind::ScrollUp), Modes::default()), None);
        let old = Modes { mouse_click: true, ..Modes::default() };
        assert_eq!(mouse(at(MouseKind::Down(MouseButton::Left)), old).unwrap(), b"\x1b[M\x20\x25\x23");
        let pager = Modes { alternate_screen: true, alternate_scroll: true, ..Modes::default() };
        assert_eq!(mouse(at(MouseKind::ScrollDown), pager).unwrap(), b"\x1b[B\x1b[B\x1b[B");
    }

    #[test]
    fn focus_only_when_asked_for() {
        assert_eq!(focus(true, Modes::default()), None);
        assert_eq!(focus(false, Modes { focus: true, ..Modes::default() }), Some(&b"\x1b[O"[..]));
    }

    proptest! {
        #[test]
        fn a_paste_never_leaves_its_brackets(text in any::<String>(), evil in "(\\x1b|\\[201~|\\[2|01~|x){0,20}") {
            let bytes = paste(&(text + &evil), Modes { bracketed_paste: true, ..Modes::default() });
            let sent = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(sent.find("\x1b[201~"), Some(sent.len() - 6));
        }
    }
}
