//! Which key does what: chords, the key file, and what clashes in it.

use super::actions::{Action, Layer, REGISTRY, find};
use porthole_widgets::key::{Key, KeyCode, Modifiers};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

const DEFAULTS: &str = include_str!("keys.toml");

/// A key with its modifiers. Shift is part of a character (`G`), and named only for other keys (`shift-tab`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord(pub Key);

const NAMED: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("insert", KeyCode::Insert),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

impl FromStr for Chord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut modifiers = Modifiers::NONE;
        let mut rest = text;
        for (prefix, held) in
            [("ctrl-", &mut modifiers.ctrl), ("alt-", &mut modifiers.alt), ("shift-", &mut modifiers.shift)]
        {
            if let Some(after) = rest.strip_prefix(prefix) {
                *held = true;
                rest = after;
            }
        }
        let unknown = || format!("`{text}` is no key: write it like `x`, `ctrl-x`, `shift-tab`, `pageup` or `f5`");
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !modifiers.shift => KeyCode::Char(c),
            (Some('f'), Some('0'..='9')) => KeyCode::F(rest[1..].parse().map_err(|_| unknown())?),
            _ => NAMED.iter().find(|(name, _)| *name == rest).ok_or_else(unknown)?.1,
        };
        Ok(Self(Key { code, modifiers }))
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { code, modifiers } = self.0;
        for (held, name) in [(modifiers.ctrl, "Ctrl-"), (modifiers.alt, "Alt-"), (modifiers.shift, "Shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match code {
            KeyCode::Enter => f.write_str("⏎"),
            KeyCode::Up => f.write_str("↑"),
            KeyCode::Down => f.write_str("↓"),
            KeyCode::Left => f.write_str("←"),
            KeyCode::Right => f.write_str("→"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::Char(c) if modifiers.ctrl => write!(f, "{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) if c != ' ' => write!(f, "{c}"),
            KeyCode::F(number) => write!(f, "F{number}"),
            code => {
                let name = NAMED.iter().find(|(_, named)| *named == code).map_or("?", |(name, _)| name);
                let mut letters = name.chars();
                let first = letters.next().unwrap_or('?').to_ascii_uppercase();
                write!(f, "{first}{}", letters.as_str())
            }
        }
    }
}

/// One chord or several, as the key file says them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Chords {
    One(String),
    Several(Vec<String>),
}

type KeyFile = BTreeMap<String, BTreeMap<String, Chords>>;

/// Which chord does what in which layer.
#[derive(Clone, Debug)]
pub struct Keymap {
    chords: HashMap<Action, Vec<Chord>>,
    actions: HashMap<(Layer, Chord), Action>,
}

impl Keymap {
    /// The default keys.
    pub fn defaults() -> Self {
        let mut keymap = Self { chords: HashMap::new(), actions: HashMap::new() };
        let problems = keymap.load(DEFAULTS);
        debug_assert!(problems.is_empty(), "{problems:?}");
        keymap
    }

    /// Applies a user's key file over what there is; returns what is wrong with it, in the user's words.
    ///
    /// A wrong line costs only itself: the action keeps the keys that it had.
    pub fn load(&mut self, text: &str) -> Vec<String> {
        let file: KeyFile = match toml::from_str(text) {
            Ok(file) => file,
            Err(error) => return vec![error.message().to_owned()],
        };
        let mut problems = Vec::new();
        for (layer_name, entries) in file {
            let Some(layer) = Layer::ALL.into_iter().find(|layer| layer.name() == layer_name) else {
                problems.push(format!("there is no layer [{layer_name}]"));
                continue;
            };
            for (name, chords) in entries {
                match (find(layer, &name), parse_all(chords)) {
                    (None, _) => problems.push(format!("[{layer_name}] has no action `{name}`")),
                    (_, Err(problem)) => problems.push(problem),
                    (Some(action), Ok(chords)) => {
                        self.chords.insert(action, chords);
                    }
                }
            }
        }
        problems.extend(self.index());
        problems
    }

    /// Builds the table from chord to action, in the registry's order: the first action keeps a chord, a second is told.
    fn index(&mut self) -> Vec<String> {
        self.actions.clear();
        let mut clashes = Vec::new();
        for spec in REGISTRY {
            for &chord in self.chords.get(&spec.action).into_iter().flatten() {
                let first = *self.actions.entry((spec.layer, chord)).or_insert(spec.action);
                if first != spec.action {
                    let layer = spec.layer.name();
                    clashes.push(format!("[{layer}] {chord} is both `{}` and `{}`", first.spec().name, spec.name));
                }
            }
        }
        clashes
    }

    /// What a chord does when `layers` are active, the most specific first.
    pub fn action(&self, layers: &[Layer], chord: Chord) -> Option<Action> {
        layers.iter().find_map(|&layer| self.actions.get(&(layer, chord)).copied())
    }

    /// The chords of an action that really reach it.
    pub fn chords(&self, action: Action) -> impl Iterator<Item = Chord> {
        let layer = action.spec().layer;
        let chords = self.chords.get(&action).map_or(&[][..], Vec::as_slice);
        chords.iter().copied().filter(move |&chord| self.actions.get(&(layer, chord)) == Some(&action))
    }
}

fn parse_all(chords: Chords) -> Result<Vec<Chord>, String> {
    match chords {
        Chords::One(text) => Ok(vec![text.parse()?]),
        Chords::Several(texts) => texts.iter().map(|text| text.parse()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_keys_are_sound_and_every_action_is_listed() {
        let mut keymap = Keymap { chords: HashMap::new(), actions: HashMap::new() };
        assert_eq!(keymap.load(DEFAULTS), Vec::<String>::new());
        for spec in REGISTRY {
            assert!(keymap.chords.contains_key(&spec.action), "[{}] {} is missing", spec.layer.name(), spec.name);
            assert!(spec.label.is_none() || keymap.chords(spec.action).next().is_some(), "{} has no key", spec.name);
        }
    }

    #[test]
    fn a_more_specific_layer_goes_first() {
        let keymap = Keymap::defaults();
        let one: Chord = "1".parse().expect("a key");
        assert_eq!(keymap.action(&[Layer::Log, Layer::Text, Layer::Global], one), Some(Action::Since1));
        assert_eq!(keymap.action(&[Layer::Containers, Layer::List, Layer::Global], one), Some(Action::ShowContainers));
        assert_eq!(keymap.action(&[Layer::Shell], one), None);
    }

    #[test]
    fn a_user_replaces_keys_and_learns_of_clashes() {
        let mut keymap = Keymap::defaults();
        let problems = keymap
            .load("[containers]\nstop = \"ctrl-x\"\nstart = \"t\"\nfly = \"f\"\n[moon]\n[log]\nfollow = \"blue\"\n");
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(problems.iter().any(|problem| problem == "[containers] t is both `trace` and `start`"), "{problems:?}");
        let chord: Chord = "ctrl-x".parse().expect("a key");
        assert_eq!(keymap.action(&[Layer::Containers], chord), Some(Action::Stop));
        assert_eq!(keymap.action(&[Layer::Containers], "s".parse().expect("a key")), None);
        assert_eq!(keymap.chords(Action::Start).count(), 0);
    }

    #[test]
    fn chords_read_as_they_are_written() {
        for text in ["x", "G", "ctrl-]", "shift-tab", "f12", "alt-enter", "space", "pageup", "-", "ctrl--"] {
            let chord: Chord = text.parse().expect(text);
            assert!(!chord.to_string().is_empty());
        }
        for text in ["", "shift-a", "ctrl-", "fx", "hyper-x"] {
            assert!(text.parse::<Chord>().is_err(), "{text}");
        }
    }
}
