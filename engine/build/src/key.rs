//! Keys of the cache: digests over all that a step's result depends on. A value goes into a key only by its digest, so that
//! nobody reads out of the cache what a build was told.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// What a step, or some files, are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 32]);

/// A key that is being made. Each field has its length before it, so that no two lists of fields are the same bytes.
#[derive(Debug, Clone)]
pub struct KeyBuilder(Sha256);

impl Key {
    /// 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

impl KeyBuilder {
    /// A key of this kind of thing.
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new()).text(kind)
    }

    /// With a text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// With bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// With a number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// With another key.
    #[must_use]
    pub fn key(self, key: &Key) -> Self {
        self.bytes(&key.0)
    }

    /// With a list of texts, which is not the same as the texts one by one.
    #[must_use]
    pub fn texts<S: AsRef<str>>(self, texts: impl IntoIterator<Item = S>) -> Self {
        let texts: Vec<S> = texts.into_iter().collect();
        texts.iter().fold(self.number(texts.len() as u64), |key, text| key.text(text.as_ref()))
    }

    /// With what may not be there.
    #[must_use]
    pub fn option(self, text: Option<&str>) -> Self {
        match text {
            None => self.number(0),
            Some(text) => self.number(1).text(text),
        }
    }

    /// The key.
    pub fn finish(self) -> Key {
        Key(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_run_into_one_another() {
        let key = |texts: &[&str]| texts.iter().fold(KeyBuilder::new("run"), |key, text| key.text(text)).finish();
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a", "b"]), key(&["ab", ""]));
        assert_ne!(key(&["a"]), KeyBuilder::new("copy").text("a").finish());
        let lists = |one: &[&str], other: &[&str]| KeyBuilder::new("run").texts(one).texts(other).finish();
        assert_ne!(lists(&["a", "b"], &[]), lists(&["a"], &["b"]));
        assert_ne!(KeyBuilder::new("x").option(None).finish(), KeyBuilder::new("x").option(Some("")).finish());
        assert_eq!(key(&[]).hex().len(), 64);
    }
}
