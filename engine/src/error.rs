//! What can go wrong, each naming the object and what to do about it.

use std::path::PathBuf;

/// An engine result.
pub type Result<T> = std::result::Result<T, Error>;

/// An engine error. Its text is one line, in Docker's words where Docker has some.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No container has this name or id.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// Several ids begin like this.
    #[error("Multiple IDs found with provided prefix: {0}")]
    AmbiguousId(String),
    /// The name belongs to another container.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameInUse {
        /// The name.
        name: String,
        /// Whose it is.
        id: String,
    },
    /// What a volume is made of cannot be mounted.
    #[error("failed to mount local volume {name}: {source}: check its options by volume inspect")]
    VolumeMount {
        /// The volume.
        name: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A project of several containers is not what it should be.
    #[error(transparent)]
    Compose(#[from] porthole_compose::Error),
    /// Files could not be copied.
    #[error("copy {}: {source}", path.display())]
    Copy {
        /// Which, or where to.
        path: PathBuf,
        /// What went wrong.
        source: porthole_images::CopyError,
    },
    /// The name has characters that names do not have.
    #[error("Invalid container name ({0}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")]
    InvalidName(String),
    /// An option or its value makes no sense.
    #[error("{0}")]
    InvalidOption(String),
    /// The container must not run for this.
    #[error(
        "cannot remove container \"/{0}\": container is running: stop the container before removing or force remove"
    )]
    RemoveRunning(String),
    /// The container must run for this.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// It is paused, and this needs it to go on.
    #[error("Container {0} is paused, unpause the container before stopping or killing")]
    Paused(String),
    /// It runs, and this needs it paused.
    #[error("Container {0} is not paused")]
    NotPaused(String),
    /// It runs already.
    #[error("container {0} is already running")]
    AlreadyRunning(String),
    /// Its init could not be started; the code is the one to exit with.
    #[error("{message}")]
    StartFailed {
        /// 125, 126 or 127.
        exit_code: i32,
        /// Why.
        message: String,
    },
    /// The init could not be told to begin or end, or an exec failed.
    #[error(transparent)]
    Sandbox(#[from] porthole_runtime::sandbox::Error),
    /// The monitor did not answer, or could not be started.
    #[error("container {name}: {source}")]
    Monitor {
        /// The container.
        name: String,
        /// What the client met.
        source: porthole_runtime::client::Error,
    },
    /// The rules of the firewall cannot be read.
    #[error(transparent)]
    Rules(#[from] porthole_network::ruleset::ReadError),
    /// The map of the network cannot be drawn.
    #[error(transparent)]
    Map(#[from] porthole_network::map::Error),
    /// No volume has this name.
    #[error("get {0}: no such volume")]
    NoSuchVolume(String),
    /// Containers use the volume.
    #[error("remove {name}: volume is in use by {users}: remove them first")]
    VolumeInUse {
        /// The volume.
        name: String,
        /// The names of the containers.
        users: String,
    },
    /// A path of an image or a container cannot be what is asked for.
    #[error("{}: {problem}", path.display())]
    Inside {
        /// As it was named.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The cgroup could not be used.
    #[error("cgroup of container {name}: {source}")]
    Cgroup {
        /// The container.
        name: String,
        /// What went wrong.
        source: porthole_runtime::cgroup::Error,
    },
    /// From the image store.
    #[error(transparent)]
    Image(#[from] porthole_images::Error),
    /// From the network.
    #[error(transparent)]
    Network(#[from] porthole_network::Error),
    /// The host's links could not be listed.
    #[error("the host's network interfaces could not be listed: {0}")]
    Links(#[from] porthole_network::netlink::Error),
    /// From the capture.
    #[error(transparent)]
    Capture(#[from] porthole_capture::Error),
    /// A file of the state could not be read or written.
    #[error("{}: {source}{}", path.display(), advice(source))]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A record in the state is damaged.
    #[error("{} is damaged: {source}; remove the container with `porthole rm -f`", path.display())]
    Record {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A socket's path may have 107 bytes, and the monitors' lie below the state root.
    #[error("{} is too long a path for sockets in it: choose a shorter one with PORTHOLE_ROOT", .0.display())]
    RootTooLong(PathBuf),
    /// Others than root could change what porthole runs as root.
    #[error("{} {problem}: it must be a directory that only root can write to, or others could change what runs as root", .path.display())]
    Insecure {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A build failed.
    #[error("{0}")]
    Build(String),
    /// It was told to end.
    #[error("cancelled")]
    Cancelled,
    /// This needs root.
    #[error("{0} needs root: run it as root or with sudo")]
    NeedsRoot(String),
    /// Nothing to make the lab from.
    #[error("the lab needs a static busybox at /bin/busybox: install the package busybox-static")]
    NoBusybox,
    /// The lab's request got no answer.
    #[error("no answer from {to}: {source}")]
    LabRequest {
        /// Where it was sent.
        to: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The lab is not there.
    #[error("the lab is not up: start it with `porthole lab up`")]
    NoLab,
}

impl Error {
    /// Names the file of an I/O error.
    pub fn file(path: impl Into<PathBuf>, source: impl Into<std::io::Error>) -> Error {
        Error::File { path: path.into(), source: source.into() }
    }

    /// The exit code of a `run` or `start` that failed so: 125 unless the command itself was at fault.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::StartFailed { exit_code, .. } => *exit_code,
            Error::Sandbox(error) => error.exit_code(),
            _ => 125,
        }
    }
}

fn advice(error: &std::io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => "; porthole's state belongs to root: run it as root or with sudo",
        Some(libc::ENOSPC) => "; free some space, `porthole rm` and `porthole rmi` remove what is not needed",
        Some(libc::EROFS) => "; choose a writable place with PORTHOLE_ROOT",
        _ => "",
    }
}
