//! `login` and `logout`.

use super::{Failure, Outcome, output};
use clap::Args;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use porthole_engine::Engine;
use porthole_engine::images::Secret;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::ExitCode;

// `login`.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// Username
    #[arg(short = 'u', long)]
    username: Option<String>,
    /// Password
    #[arg(short = 'p', long, conflicts_with = "password_stdin")]
    password: Option<String>,
    /// Take the password from stdin
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// The registry; the default one if none is named
    server: Option<String>,
}

// `logout`.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The registry; the default one if none is named
    server: Option<String>,
}

/// Keeps a name and a password that the registry accepts.
pub fn login(engine: &Engine, arguments: LoginArgs) -> Outcome {
    let host = host(engine, arguments.server.as_deref())?;
    let needs_terminal = arguments.username.is_none() || (arguments.password.is_none() && !arguments.password_stdin);
    if needs_terminal && !io::stdin().is_terminal() {
        return Err(Failure::new("Cannot perform an interactive login from a non TTY device", 1));
    }
    if arguments.password.is_some() {
        eprintln!("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    }
    let user = match arguments.username {
        Some(user) => user,
        None => ask("Username: ")?,
    };
    let password = match arguments.password {
        Some(password) => password,
        None if arguments.password_stdin => {
            let mut password = String::new();
            io::stdin().read_to_string(&mut password)?;
            password.trim_end_matches(['\n', '\r']).to_owned()
        }
        None => ask_secretly("Password: ")?,
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::new("username and password must not be empty", 1));
    }
    if let Some(path) = engine.log_in(&host, &user, Secret::new(password))? {
        eprintln!(
            "WARNING! Your password will be stored unencrypted in {}.\nConfigure a credential helper to remove this \
             warning. See\nhttps://docs.docker.com/engine/reference/commandline/login/#credentials-store\n",
            path.display()
        );
    }
    output::line("Login Succeeded")?;
    Ok(ExitCode::SUCCESS)
}

/// Forgets them.
pub fn logout(engine: &Engine, arguments: &LogoutArgs) -> Outcome {
    let host = host(engine, arguments.server.as_deref())?;
    output::line(&match engine.log_out(&host)? {
        true => format!("Removing login credentials for {host}"),
        false => format!("Not logged in to {host}"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The registry's host, also when it is written as a URL.
fn host(engine: &Engine, server: Option<&str>) -> Result<String, Failure> {
    let Some(server) = server else { return Ok(engine.default_registry()?) };
    let bare = server.trim_start_matches("https://").trim_start_matches("http://");
    let host = bare.split('/').next().unwrap_or_default();
    match host {
        "" => Err(Failure::new(format!("{server:?} is no registry: write HOST or HOST:PORT"), 1)),
        "index.docker.io" | "registry-1.docker.io" => Ok("docker.io".to_owned()),
        host => Ok(host.to_owned()),
    }
}

fn ask(prompt: &str) -> io::Result<String> {
    let mut out = io::stdout();
    out.write_all(prompt.as_bytes())?;
    out.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks for what must not be seen.
fn ask_secretly(prompt: &str) -> io::Result<String> {
    let silence = Silence::begin()?;
    let answer = ask(prompt);
    drop(silence);
    output::line("")?;
    answer
}

/// Lets the terminal not echo what is typed.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Silence> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent)?;
        Ok(Silence(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone echoes nothing.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}
