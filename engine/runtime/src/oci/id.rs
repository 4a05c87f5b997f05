//! Names of containers.

use super::error::Error;
use std::fmt;
use std::str::FromStr;

/// The id of a container: a file name of letters, digits and `_+-.`, as runc has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(String);

impl Id {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte);
        match text {
            "" => Err(Error::EmptyId),
            "." | ".." => Err(Error::Id(text.to_owned())),
            text if text.len() <= 255 && text.bytes().all(allowed) => Ok(Self(text.to_owned())),
            text => Err(Error::Id(text.to_owned())),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_file_names() {
        for good in ["a", "container-1_2+3.4", "...", "-a"] {
            assert!(good.parse::<Id>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../a", "a b", "ä", "a\n"] {
            assert!(bad.parse::<Id>().is_err(), "{bad}");
        }
    }
}
