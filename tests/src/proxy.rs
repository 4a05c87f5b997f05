//! An HTTP server that stands before a registry, or for one, and misbehaves as it is told.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a client asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` and its like.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// What came along.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for this, by method and the beginning of the path.
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.starts_with(path)
    }

    /// Whether it asks for the content of a blob.
    pub fn is_for_blob(&self) -> bool {
        self.method == "GET" && self.path.contains("/blobs/sha256:")
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// It is answered by the registry.
    Forward,
    /// The same, but the connection is cut after so many bytes of the body.
    Cut(usize),
    /// The same, but with one byte of the body changed.
    Corrupt(usize),
    /// The same, after a while.
    Delay(Duration),
    /// The registry never sees it, and the client gets no answer.
    Drop,
    /// It is answered so.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
}

impl Action {
    /// An answer without headers.
    pub fn status(status: u16, body: &str) -> Action {
        Action::Answer(status, Vec::new(), body.as_bytes().to_vec())
    }

    /// An answer with one header.
    pub fn with_header(status: u16, name: &str, value: &str) -> Action {
        Action::Answer(status, vec![(name.to_owned(), value.to_owned())], Vec::new())
    }
}

type Rule = dyn Fn(&Request) -> Action + Send + Sync;

/// The server. It lives as long as the test's process; nobody calls it after the test.
pub struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Proxy {
    /// Starts one before the registry at `upstream`, in the calling thread's network namespace.
    pub fn start(port: u16, upstream: SocketAddr, rule: impl Fn(&Request) -> Action + Send + Sync + 'static) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (seen, rule): (Arc<Mutex<Vec<Request>>>, Arc<Rule>) = (Arc::default(), Arc::new(rule));
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (log, rule) = (Arc::clone(&log), Arc::clone(&rule));
                thread::spawn(move || {
                    // A client that leaves in the middle is what some tests are about.
                    let _ = serve(client, upstream, &log, &*rule);
                });
            }
        });
        Proxy { address, seen }
    }

    /// Starts one that stands for a registry.
    pub fn alone(port: u16, rule: impl Fn(&Request) -> Action + Send + Sync + 'static) -> Proxy {
        // Port 9 is that of the discard service: nobody is there.
        Proxy::start(port, SocketAddr::from(([127, 0, 0, 1], 9)), rule)
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic").clone()
    }
}

fn serve(mut client: TcpStream, upstream: SocketAddr, log: &Mutex<Vec<Request>>, rule: &Rule) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let request = read_request(&mut reader)?;
    log.lock().expect("no panic").push(request.clone());
    match rule(&request) {
        Action::Drop => {}
        Action::Answer(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            client.write_all(format!("{head}\r\n").as_bytes())?;
            if request.method != "HEAD" {
                client.write_all(&body)?;
            }
        }
        Action::Forward => client.write_all(&forward(&request, upstream)?.0)?,
        Action::Delay(time) => {
            thread::sleep(time);
            client.write_all(&forward(&request, upstream)?.0)?;
        }
        Action::Cut(length) => {
            let (answer, body) = forward(&request, upstream)?;
            client.write_all(&answer[..answer.len().min(body + length)])?;
        }
        Action::Corrupt(at) => {
            let (mut answer, body) = forward(&request, upstream)?;
            answer[body + at] ^= 0x55;
            client.write_all(&answer)?;
        }
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let first = lines.first().ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Request { method, path, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

/// The registry's answer, and where in it the body begins.
fn forward(request: &Request, upstream: SocketAddr) -> io::Result<(Vec<u8>, usize)> {
    let mut server = TcpStream::connect(upstream)?;
    let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", request.method, request.path);
    let kept = request.headers.iter().filter(|(name, _)| name != "connection");
    kept.for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    server.write_all(format!("{head}\r\n").as_bytes())?;
    server.write_all(&request.body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
    Ok((answer, body))
}
