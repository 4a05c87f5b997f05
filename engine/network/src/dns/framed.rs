//! Messages on a stream, each after its length in two bytes (RFC 1035 §4.2.2).

use super::epoll::Interest;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

/// How much is read at once.
const READ: usize = 4096;

/// A stream that never blocks. It holds at most one message that is too long to be read at once.
#[derive(Debug)]
pub(super) struct Framed {
    stream: TcpStream,
    longest: usize,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Framed {
    /// Messages of up to `longest` bytes on a stream that has been made nonblocking.
    pub fn new(stream: TcpStream, longest: usize) -> Framed {
        Framed { stream, longest, input: Vec::new(), output: Vec::new() }
    }

    /// Adds a message to what is to be sent.
    pub fn queue(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u16::try_from(message.len()).map_err(io::Error::other)?;
        self.output.extend(length.to_be_bytes());
        self.output.extend(message);
        Ok(())
    }

    /// Sends as much as the other end takes now.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.output = Vec::new();
        Ok(())
    }

    /// Whether something is still to be sent.
    pub fn is_sending(&self) -> bool {
        !self.output.is_empty()
    }

    /// What to wait for.
    pub fn interest(&self) -> Interest {
        if self.is_sending() { Interest::Write } else { Interest::Read }
    }

    /// Takes in what has come, at most so much as is read at once. An error when the other end has closed.
    pub fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.input.extend(&buffer[..count]);
                Ok(())
            }
            Err(error) if is_for_later(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The next message that has come whole.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(length) = self.input.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length))) else {
            return Ok(None);
        };
        if length > self.longest {
            return Err(ErrorKind::InvalidData.into());
        }
        if self.input.len() < 2 + length {
            return Ok(None);
        }
        let rest = self.input.split_off(2 + length);
        let message = std::mem::replace(&mut self.input, rest).split_off(2);
        Ok(Some(message))
    }
}

impl AsFd for Framed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn is_for_later(error: &io::Error) -> bool {
    // A connection that is only being made is not connected yet.
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::NotConnected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn messages_in_pieces_and_in_a_row() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut here = Framed::new(listener.accept().unwrap().0, 10);
        let mut next = |bytes: &[u8]| {
            there.write_all(bytes).unwrap();
            here.receive().unwrap();
            here.next()
        };
        assert_eq!(next(&[0]).unwrap(), None);
        assert_eq!(next(&[3, b'a']).unwrap(), None);
        assert_eq!(next(b"bc\x00\x01d\x00").unwrap().as_deref(), Some(&b"abc"[..]));
        assert_eq!(next(&[0]).unwrap().as_deref(), Some(&b"d"[..]));
        assert_eq!(next(&[0]).unwrap().as_deref(), Some(&b""[..]));
        assert!(next(&[11]).is_err());
        drop(there);
        assert_eq!(here.receive().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert!(here.queue(&[0; 65536]).is_err() && !here.is_sending());
    }
}
