//! A small synchronous netlink socket.
//!
//! The kernel answers a netlink request before `send` returns, so nothing here waits: a request is one `send`, and its answer
//! is read with non-blocking receives until the acknowledgement. Several requests travel in one `send`, of which only the last
//! asks for an acknowledgement (errors come unasked). See netlink(7), and <https://docs.kernel.org/userspace-api/netlink/intro.html>.

mod error;
mod message;
mod requests;
mod socket;

pub use error::{Error, Result};
pub(crate) use message::attributes;
pub use message::{Datagram, Message, Messages};
pub use requests::Requests;
pub use socket::{Protocol, Socket};
