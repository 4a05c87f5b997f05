//! Which parts of which instructions hold variables (Dockerfile reference, "Environment replacement").

use super::{Command, KeyValue, SourcesAndDest};
use crate::error::Result;

/// What expands the variables in the parts of an instruction.
pub(crate) trait Expand {
    /// A word, its quotes removed.
    fn word(&mut self, word: &str) -> Result<String>;
    /// Words, their quotes removed.
    fn words(&mut self, word: &str) -> Result<Vec<String>>;
    /// A document, in which quotes mean nothing.
    fn document(&mut self, text: &str) -> Result<String>;
}

impl Command {
    /// Expands the variables of the instruction, but for the values of `ARG`, which another may replace, and of mounts.
    pub(crate) fn expand(&mut self, by: &mut dyn Expand) -> Result<()> {
        match self {
            Self::Add(add) => {
                optional(&mut add.chown, by)?;
                optional(&mut add.chmod, by)?;
                optional(&mut add.checksum, by)?;
                paths(&mut add.paths, by)
            }
            Self::Copy(copy) => {
                optional(&mut copy.chown, by)?;
                optional(&mut copy.chmod, by)?;
                paths(&mut copy.paths, by)
            }
            Self::Env(pairs) | Self::Label(pairs) => key_values(pairs, by),
            Self::Expose(ports) => {
                let expanded = ports.iter().map(|port| by.words(port)).collect::<Result<Vec<_>>>()?;
                *ports = expanded.concat();
                Ok(())
            }
            Self::StopSignal(word) | Self::User(word) | Self::Workdir(word) => single(word, by),
            Self::Volume(volumes) => volumes.iter_mut().try_for_each(|volume| single(volume, by)),
            Self::Arg(_)
            | Self::Cmd(_)
            | Self::Entrypoint(_)
            | Self::Healthcheck(_)
            | Self::Maintainer(_)
            | Self::Onbuild(_)
            | Self::Run(_)
            | Self::Shell(_) => Ok(()),
        }
    }
}

fn single(word: &mut String, by: &mut dyn Expand) -> Result<()> {
    *word = by.word(word)?;
    Ok(())
}

fn optional(word: &mut Option<String>, by: &mut dyn Expand) -> Result<()> {
    word.as_mut().map_or(Ok(()), |word| single(word, by))
}

fn key_values(pairs: &mut [KeyValue], by: &mut dyn Expand) -> Result<()> {
    pairs.iter_mut().try_for_each(|pair| {
        single(&mut pair.key, by)?;
        single(&mut pair.value, by)
    })
}

fn paths(paths: &mut SourcesAndDest, by: &mut dyn Expand) -> Result<()> {
    paths.sources.iter_mut().try_for_each(|source| single(source, by))?;
    single(&mut paths.dest, by)?;
    paths.contents.iter_mut().filter(|file| file.expand).try_for_each(|file| {
        file.data = by.document(&file.data)?;
        Ok(())
    })
}
