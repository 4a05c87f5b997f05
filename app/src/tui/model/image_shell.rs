//! A shell in the image of a container that does not run, to see what its command met there.

/// The command line of such a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageShell {
    /// The container's id.
    pub container: String,
    /// The arguments of `porthole`, or why there can be no shell; nothing until that is known.
    pub argv: Option<Result<Vec<String>, String>>,
}

impl ImageShell {
    /// Asked for, and not known yet.
    pub fn of(container: &str) -> Self {
        Self { container: container.to_owned(), argv: None }
    }
}
