//! `--chmod`: octal digits, or what chmod(1) calls a symbolic mode.

/// What becomes of the permissions of what is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chmod(Vec<Clause>);

/// One part of a symbolic mode, or an octal one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Clause {
    Octal(u32),
    Symbolic { who: u32, action: char, permissions: String },
}

/// Text that is no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777, or a symbolic mode as u=rwX,go=rX"
)]
pub struct ChmodError(String);

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHERS: u32 = 0o1007;

impl std::str::FromStr for Chmod {
    type Err = ChmodError;

    fn from_str(text: &str) -> Result<Self, ChmodError> {
        let error = || ChmodError(text.to_owned());
        if !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777).ok_or_else(error)?;
            return Ok(Self(vec![Clause::Octal(mode)]));
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            let at = part.find(['+', '-', '=']).ok_or_else(error)?;
            let mut who = 0;
            for letter in part[..at].chars() {
                who |= match letter {
                    'u' => USER,
                    'g' => GROUP,
                    'o' => OTHERS,
                    'a' => USER | GROUP | OTHERS,
                    _ => return Err(error()),
                };
            }
            let who = if who == 0 { USER | GROUP | OTHERS } else { who };
            let mut rest = &part[at..];
            while let Some(action) = rest.chars().next() {
                let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |end| end + 1);
                let permissions = &rest[1..end];
                if !permissions.chars().all(|letter| "rwxXstugo".contains(letter)) {
                    return Err(error());
                }
                clauses.push(Clause::Symbolic { who, action, permissions: permissions.to_owned() });
                rest = &rest[end..];
            }
        }
        Ok(Self(clauses))
    }
}

impl Chmod {
    /// The permissions of something that had `mode`.
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        self.0.iter().fold(mode & 0o7777, |mode, clause| match clause {
            Clause::Octal(octal) => *octal,
            Clause::Symbolic { who, action, permissions } => {
                let bits = permissions.chars().fold(0, |bits, letter| bits | bits_of(letter, mode, is_directory)) & who;
                match action {
                    '+' => mode | bits,
                    '-' => mode & !bits,
                    // A directory keeps its set-ID bits unless they are named, as chmod(1) does.
                    _ => mode & !(who & if is_directory { 0o1777 } else { 0o7777 }) | bits,
                }
            }
        })
    }
}

fn bits_of(letter: char, mode: u32, is_directory: bool) -> u32 {
    let spread = |bits: u32| (bits & 7) * 0o111;
    match letter {
        'r' => 0o444,
        'w' => 0o222,
        'x' => 0o111,
        'X' if is_directory || mode & 0o111 != 0 => 0o111,
        's' => 0o6000,
        't' => 0o1000,
        'u' => spread(mode >> 6),
        'g' => spread(mode >> 3),
        'o' => spread(mode),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[ugoarwxXst0-9+=,é-]{0,12}", mode in 0_u32..0o10000, is_directory: bool) {
            if let Ok(chmod) = text.parse::<Chmod>() {
                prop_assert!(chmod.apply(mode, is_directory) <= 0o7777);
            }
        }
    }

    #[test]
    fn modes_are_as_chmod_has_them() {
        let cases = [
            ("755", 0o600, false, 0o755),
            ("0644", 0o755, true, 0o644),
            ("4755", 0, false, 0o4755),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("a+x", 0o644, false, 0o755),
            ("+x", 0o644, false, 0o755),
            ("go-rwx", 0o4777, false, 0o4700),
            ("g=u", 0o640, false, 0o660),
            ("u+s", 0o755, false, 0o4755),
            ("u=rw+x", 0o000, false, 0o700),
        ];
        for (text, before, is_directory, after) in cases {
            let mode = text.parse::<Chmod>().unwrap().apply(before, is_directory);
            assert_eq!(mode, after, "{text} of {before:o}: {mode:o}");
        }
        for text in ["", "8", "99999", "u", "z=r", "u=q", "rwx"] {
            assert!(text.parse::<Chmod>().is_err(), "{text}");
        }
    }
}
