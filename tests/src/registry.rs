//! Debian's `docker-registry` on loopback, and certificates for it.

use crate::wait::eventually;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The name and password that a registry with [`Door::Basic`] knows.
pub const USER: &str = "somebody";
/// The password.
pub const PASSWORD: &str = "secret";

/// The same in Apache's format, the password hashed by bcrypt.
const HTPASSWD: &str = "somebody:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// How a registry is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// By HTTP, by anybody.
    Open,
    /// By HTTP, with a name and a password.
    Basic,
    /// By TLS, by anybody; the certificate is by an authority of its own.
    Tls,
}

/// A registry, as long as this is.
pub struct Registry {
    directory: TempDir,
    address: SocketAddr,
    server: Child,
}

impl Registry {
    /// Starts one on a port of the calling thread's network namespace.
    pub fn start(port: u16, door: Door) -> Registry {
        let directory = tempfile::Builder::new().prefix("registry-").tempdir().expect("a directory");
        let path = directory.path().display();
        let extra = match door {
            Door::Open => String::new(),
            Door::Basic => {
                fs::write(directory.path().join("htpasswd"), HTPASSWD).expect("a file");
                format!("auth: {{htpasswd: {{realm: test, path: {path}/htpasswd}}}}\n")
            }
            Door::Tls => {
                certify(directory.path());
                String::new()
            }
        };
        let tls = match door {
            Door::Tls => format!(", tls: {{certificate: {path}/server.pem, key: {path}/server.key}}"),
            Door::Open | Door::Basic => String::new(),
        };
        let config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {path}/data}}}}\n\
             http: {{addr: '127.0.0.1:{port}', relativeurls: true{tls}}}\n{extra}"
        );
        fs::write(directory.path().join("config.yml"), config).expect("a file");
        let log = File::create(directory.path().join("log")).expect("a file");
        let server = Command::new("docker-registry")
            .arg("serve")
            .arg(directory.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("docker-registry is installed");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let registry = Registry { directory, address, server };
        eventually("the registry listens", || TcpStream::connect(address).is_ok());
        registry
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority that vouches for it, if it speaks TLS.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It ends only so.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Makes an authority, and a certificate by it for the address 127.0.0.1.
fn certify(directory: &Path) {
    let write = |name: &str, text: String| fs::write(directory.join(name), text).expect("a file");
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    write("ca.pem", authority.self_signed(&key).expect("a certificate").pem());
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    write("server.pem", server.signed_by(&key, &issuer).expect("a certificate").pem());
    write("server.key", key.serialize_pem());
}
