//! A web server on loopback.

use crate::wait::eventually;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};

/// A server in the calling thread's network namespace, as long as this is. Programs in `cgi-bin` are run.
pub struct Web(Child);

impl Web {
    /// Where it is.
    pub const ADDRESS: &str = "http://127.0.0.1:8099";

    /// Serves what is in a folder.
    pub fn serve(folder: &Path) -> Web {
        let mut command = Command::new("/bin/busybox");
        command.args(["httpd", "-f", "-p", "127.0.0.1:8099", "-h"]).arg(folder);
        let server = Web(command.spawn().expect("busybox-static is installed"));
        eventually("it listens", || TcpStream::connect("127.0.0.1:8099").is_ok());
        server
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
