//! Keys and mouse events, free of any terminal library.

/// What was held with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Modifiers {
    /// Shift. Not set for characters that are themselves shifted (`A`, `!`).
    pub shift: bool,
    /// Control.
    pub ctrl: bool,
    /// Alt or Meta.
    pub alt: bool,
}

impl Modifiers {
    /// None held.
    pub const NONE: Self = Self { shift: false, ctrl: false, alt: false };
    /// Control held.
    pub const CTRL: Self = Self { ctrl: true, ..Self::NONE };
    /// Alt held.
    pub const ALT: Self = Self { alt: true, ..Self::NONE };
    /// Shift held.
    pub const SHIFT: Self = Self { shift: true, ..Self::NONE };
}

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A character as typed.
    Char(char),
    /// F1 to F20.
    F(u8),
    /// Return.
    Enter,
    /// Tab; Shift-Tab is this with [`Modifiers::shift`].
    Tab,
    /// Backspace.
    Backspace,
    /// Escape.
    Esc,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Insert.
    Insert,
    /// Delete.
    Delete,
}

/// A key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// What was held.
    pub modifiers: Modifiers,
}

impl Key {
    /// A key with modifiers.
    pub const fn new(code: KeyCode, modifiers: Modifiers) -> Self {
        Self { code, modifiers }
    }

    /// A plain character.
    pub const fn char(c: char) -> Self {
        Self::new(KeyCode::Char(c), Modifiers::NONE)
    }

    /// Control and a character.
    pub const fn ctrl(c: char) -> Self {
        Self::new(KeyCode::Char(c), Modifiers::CTRL)
    }
}

impl From<KeyCode> for Key {
    fn from(code: KeyCode) -> Self {
        Self::new(code, Modifiers::NONE)
    }
}

/// A mouse button.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MouseButton {
    /// Left.
    Left,
    /// Middle.
    Middle,
    /// Right.
    Right,
}

/// What the mouse did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MouseKind {
    /// A button went down.
    Down(MouseButton),
    /// A button came up.
    Up(MouseButton),
    /// Moved with a button down.
    Drag(MouseButton),
    /// Moved with none down.
    Moved,
    /// The wheel, away from the user.
    ScrollUp,
    /// The wheel, towards the user.
    ScrollDown,
}

/// A mouse event at a cell, counted from the upper left of whatever it is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mouse {
    /// What it did.
    pub kind: MouseKind,
    /// Column, from 0.
    pub column: u16,
    /// Row, from 0.
    pub row: u16,
    /// What was held.
    pub modifiers: Modifiers,
}
