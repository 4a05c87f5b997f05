use netlink_packet_core::DecodeError;
use std::{fmt, io};

/// What can go wrong on a netlink socket.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused a request.
    #[error("{}", Refusal { errno: *errno, text: text.as_deref() })]
    Refused {
        /// Which of the requests sent together, counted from 0; `None` when it was the whole batch.
        request: Option<usize>,
        /// The error number (errno(3)).
        errno: i32,
        /// The kernel's own words (NLMSGERR_ATTR_MSG), if it gave any.
        text: Option<String>,
    },
    /// A system call on the socket itself failed.
    #[error("netlink {call}: {source}")]
    Socket {
        /// The system call.
        call: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Events came faster than they were read, and the kernel dropped some.
    #[error("netlink events were lost: the receive buffer overflowed")]
    Overrun,
    /// An answer that cannot be understood.
    #[error("netlink answer not understood: {0}")]
    Decode(String),
}

/// The result of a netlink operation.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// True if the kernel refused with this error number.
    pub fn is(&self, errno: i32) -> bool {
        matches!(self, Error::Refused { errno: e, .. } if *e == errno)
    }

    /// The failure of `call`, from errno.
    pub(crate) fn last(call: &'static str) -> Error {
        Error::Socket { call, source: io::Error::last_os_error() }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Error {
        Error::Decode(error.to_string())
    }
}

/// "No such device", or with the kernel's own words "Cannot find device (No such device)".
struct Refusal<'a> {
    errno: i32,
    text: Option<&'a str>,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = io::Error::from_raw_os_error(self.errno);
        match self.text {
            Some(text) => write!(f, "{text}: {error}"),
            None => write!(f, "{error}"),
        }
    }
}
