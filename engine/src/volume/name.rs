//! Names of volumes.

use crate::error::{Error, Result};

/// A file name has at most so many bytes.
const LONGEST: usize = 255;

/// Docker's grammar: two or more characters, the first a letter or digit, the others also `_`, `.` and `-`.
pub(super) fn check(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if name.len() > LONGEST {
        return Err(Error::InvalidOption(format!("volume name is too long: at most {LONGEST} characters")));
    }
    if name.len() < 2 || !starts || !name.chars().all(allowed) {
        return Err(Error::InvalidOption(format!(
            "\"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        )));
    }
    Ok(())
}

/// As Docker names volumes that nobody named: 64 hexadecimal digits.
pub(crate) fn is_generated(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_file_names_are_names() {
        for good in ["data", "a1", "my.db_v-2", &"a".repeat(255)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "a", ".hidden", "..", "a/b", "../x", "-x", "a b", "naïve", "lock ", &"a".repeat(256)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
