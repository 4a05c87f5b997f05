//! The flags of `build`, and what they mean.

use clap::{Args, ValueEnum};
use porthole_engine::build::{
    Address, BuildNetwork, BuildOptions, BuildOutput, CacheSource, CacheTarget, ContextSource, DockerfileSource,
    NamedContext, NoCache, SecretSource,
};
use porthole_engine::images::{Reference, is_archive};
use porthole_engine::{HostAddress, Resolution, dockerfile};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// So much of what is on standard input tells what it is.
const BLOCK: u64 = 512 << 10;

// `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Add a custom host-to-IP mapping (HOST:IP)
    #[arg(long, value_name = "HOST:IP")]
    add_host: Vec<String>,
    /// Allow extra privileged entitlement (security.insecure)
    #[arg(long, value_name = "ENTITLEMENT")]
    allow: Vec<String>,
    /// Set build-time variables
    #[arg(long, value_name = "NAME[=VALUE]")]
    build_arg: Vec<String>,
    /// Additional build contexts (NAME=FOLDER, NAME=URL, NAME=docker-image://IMAGE)
    #[arg(long, value_name = "NAME=SOURCE")]
    build_context: Vec<String>,
    /// External cache sources (format: "NAME" or "type=local,src=FOLDER")
    #[arg(long, value_name = "CACHE")]
    cache_from: Vec<CacheSource>,
    /// Cache export destinations (format: "type=registry,ref=NAME[,mode=max]", "type=local,dest=FOLDER" or "type=inline")
    #[arg(long, value_name = "CACHE")]
    cache_to: Vec<CacheTarget>,
    /// Check the Dockerfile without building it
    #[arg(long)]
    pub(super) check: bool,
    /// Name of the Dockerfile (default: "PATH/Dockerfile"); - for standard input
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<String>,
    /// Write the image ID to a file
    #[arg(long, value_name = "FILE")]
    pub(super) iidfile: Option<PathBuf>,
    /// Set metadata for an image
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Set the networking mode for the RUN instructions during build
    #[arg(long, value_name = "default|none|host", default_value = "default", hide_default_value = true)]
    network: String,
    /// Do not use cache when building the image
    #[arg(long)]
    no_cache: bool,
    /// Do not cache specified stages
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    no_cache_filter: Vec<String>,
    /// Output destination (format: "type=local|tar|oci|docker,dest=PATH")
    #[arg(short = 'o', long, value_name = "DESTINATION")]
    output: Option<String>,
    /// Set platform of the image
    #[arg(long, value_name = "OS/ARCHITECTURE[/VARIANT]")]
    platform: Option<String>,
    /// Set type of progress output
    #[arg(long, value_enum, default_value_t = ProgressStyle::Auto, value_name = "auto|plain|tty|json", hide_possible_values = true, hide_default_value = true)]
    pub(super) progress: ProgressStyle,
    /// Always attempt to pull the base images
    #[arg(long)]
    pull: bool,
    /// Suppress the build output and print image ID on success
    #[arg(short = 'q', long)]
    pub(super) quiet: bool,
    /// Secret to expose to the build (format: "id=NAME[,src=FILE|,env=VARIABLE]")
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// SSH agent socket to expose to the build (format: "default|ID[=SOCKET]")
    #[arg(long, value_name = "AGENT")]
    ssh: Vec<String>,
    /// Name and optionally a tag (format: "name:tag")
    #[arg(short = 't', long, value_name = "NAME[:TAG]")]
    tag: Vec<String>,
    /// Set the target build stage to build
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,
    /// The context: a folder, a git repository (URL#REFERENCE:FOLDER), an archive or a Dockerfile of the web, or - for one on standard input
    #[arg(value_name = "PATH|URL|-")]
    context: String,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressStyle {
    Auto,
    Plain,
    Tty,
    Json,
    #[value(skip)]
    Quiet,
}

impl BuildArgs {
    /// Reads the flags, and what of the Dockerfile is not in the context.
    pub fn options(self) -> Result<BuildOptions, String> {
        let (context, dockerfile) = self.sources()?;
        let tags = self.tag.iter().map(|tag| tag.parse::<Reference>().and_then(|tag| tag.as_tag().cloned()));
        let tags = tags.collect::<Result<Vec<_>, _>>();
        let tags = tags.map_err(|error| format!("invalid argument for \"-t, --tag\" flag: {error}"))?;
        let platform = self.platform.as_deref().map(platform).transpose()?;
        let no_cache = match (self.no_cache, self.no_cache_filter) {
            (true, _) => NoCache::Everything,
            (false, stages) if stages.is_empty() => NoCache::Nothing,
            (false, stages) => NoCache::Stages(stages.into_iter().map(|stage| stage.to_lowercase()).collect()),
        };
        let network = match self.network.as_str() {
            "default" | "bridge" => BuildNetwork::Default,
            "none" => BuildNetwork::None,
            "host" => BuildNetwork::Host,
            other => return Err(format!("network {other:?} is none that builds can have: use default, none or host")),
        };
        if let Some(other) = self.allow.iter().find(|word| *word != "security.insecure" && *word != "network.host") {
            return Err(format!("invalid entitlement: {other}"));
        }
        let hosts = self.add_host.iter().map(|word| HostAddress::of(word)).collect::<Result<_, _>>()?;
        let mut build_args: BTreeMap<String, String> =
            self.build_arg.iter().filter_map(|word| build_arg(word)).collect();
        if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
            build_args.entry("SOURCE_DATE_EPOCH".to_owned()).or_insert(epoch);
        }
        Ok(BuildOptions {
            context,
            dockerfile,
            tags,
            build_args,
            target: self.target,
            before: None,
            platform,
            no_cache,
            pull: self.pull,
            network,
            resolution: Resolution { hosts, ..Resolution::default() },
            labels: self.label.iter().map(|label| pair(label)).collect(),
            contexts: self.build_context.iter().map(|word| named_context(word)).collect::<Result<_, _>>()?,
            secrets: self.secret.iter().map(|word| secret(word)).collect::<Result<_, _>>()?,
            agents: self.ssh.iter().map(|word| agent(word)).collect::<Result<_, _>>()?,
            allows_insecure: self.allow.iter().any(|word| word == "security.insecure"),
            cache_from: self.cache_from,
            cache_to: self.cache_to,
            output: self.output.as_deref().map_or(Ok(BuildOutput::Image), destination)?,
        })
    }

    /// The network that commands have unless they say otherwise.
    pub(super) fn network(&self) -> &str {
        if self.network == "default" { "bridge" } else { &self.network }
    }

    /// `--add-host`.
    pub(super) fn hosts(&self) -> &[String] {
        &self.add_host
    }

    /// The Dockerfile, if it and the context are files of this host.
    pub(super) fn dockerfile(&self) -> Option<PathBuf> {
        match (self.context.as_str(), self.file.as_deref()) {
            ("-", _) | (_, Some("-")) => None,
            (_, Some(file)) => Some(file.into()),
            (context, None) => Some(Path::new(context).join("Dockerfile")),
        }
    }

    /// Whether its steps are told, in a way that is left open.
    pub(super) fn is_told_of(&self) -> bool {
        !self.check && !self.quiet && self.progress == ProgressStyle::Auto
    }

    /// What it is called: the first tag, or the context.
    pub(super) fn name(&self) -> &str {
        self.tag.first().unwrap_or(&self.context)
    }

    /// Where context and Dockerfile come from.
    fn sources(&self) -> Result<(ContextSource, DockerfileSource), String> {
        let file = self.file.as_deref();
        match (self.context.as_str(), file) {
            ("-", Some("-")) => {
                Err("invalid argument: can't use stdin for both build context and dockerfile".to_owned())
            }
            ("-", file) => {
                let start = start_of_stdin()?;
                if is_archive(start.as_slice()) {
                    let name = file.unwrap_or("Dockerfile").to_owned();
                    return Ok((ContextSource::Archive { start }, DockerfileSource::InContext(name)));
                }
                if file.is_some() {
                    return Err("ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles".to_owned());
                }
                Ok((ContextSource::Nothing, given("Dockerfile", rest_of_stdin(start)?, None)))
            }
            (context, file) if let Some(address) = Address::of_context(context) => {
                let dockerfile = match file {
                    Some("-") => given("Dockerfile", rest_of_stdin(Vec::new())?, None),
                    file => DockerfileSource::InContext(file.unwrap_or("Dockerfile").to_owned()),
                };
                Ok((ContextSource::Address(address), dockerfile))
            }
            (context, Some("-")) => {
                let content = rest_of_stdin(Vec::new())?;
                Ok((ContextSource::Directory(context.into()), given("Dockerfile", content, None)))
            }
            (context, Some(file)) => {
                let content = read(Path::new(file))?;
                let ignore = fs::read(format!("{file}.dockerignore")).ok();
                Ok((ContextSource::Directory(context.into()), given(file, content, ignore)))
            }
            (context, None) => {
                let small =
                    !Path::new(context).join("Dockerfile").exists() && Path::new(context).join("dockerfile").exists();
                let name = if small { "dockerfile" } else { "Dockerfile" };
                Ok((ContextSource::Directory(context.into()), DockerfileSource::InContext(name.to_owned())))
            }
        }
    }
}

fn given(name: &str, content: Vec<u8>, ignore: Option<Vec<u8>>) -> DockerfileSource {
    DockerfileSource::Given { name: name.to_owned(), content, ignore }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("failed to read dockerfile: {}: {error}", path.display()))
}

fn start_of_stdin() -> Result<Vec<u8>, String> {
    let mut start = Vec::new();
    io::stdin().take(BLOCK).read_to_end(&mut start).map_err(|error| format!("standard input: {error}"))?;
    Ok(start)
}

fn rest_of_stdin(mut start: Vec<u8>) -> Result<Vec<u8>, String> {
    io::stdin().read_to_end(&mut start).map_err(|error| format!("standard input: {error}"))?;
    Ok(start)
}

fn platform(text: &str) -> Result<dockerfile::platform::Platform, String> {
    if text.contains(',') {
        return Err(format!("{text}: an image is built for one platform: build once for each"));
    }
    text.parse().map_err(|error: dockerfile::Error| error.to_string())
}

/// `NAME=VALUE`, or a name whose value is that of the variable; none if there is none.
pub fn build_arg(word: &str) -> Option<(String, String)> {
    match word.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(word).ok().map(|value| (word.to_owned(), value)),
    }
}

fn pair(word: &str) -> (String, String) {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    (name.to_owned(), value.to_owned())
}

fn named_context(word: &str) -> Result<(String, NamedContext), String> {
    let bad = || format!("invalid build context {word:?}: use NAME=FOLDER, NAME=URL or NAME=docker-image://IMAGE");
    let (name, source) =
        word.split_once('=').filter(|(name, source)| !name.is_empty() && !source.is_empty()).ok_or_else(bad)?;
    let context = match (source.strip_prefix("docker-image://"), Address::of_context(source)) {
        (Some(image), _) => NamedContext::Image(image.to_owned()),
        (None, Some(address)) => NamedContext::Address(address),
        (None, None) if source.contains("://") => return Err(bad()),
        (None, None) => NamedContext::Directory(source.into()),
    };
    Ok((name.to_lowercase(), context))
}

fn secret(word: &str) -> Result<(String, SecretSource), String> {
    let (mut id, mut file, mut variable, mut kind) = (None, None, None, None);
    for field in word.split(',') {
        let (key, value) =
            field.split_once('=').ok_or_else(|| format!("invalid field '{field}' must be a key=value pair"))?;
        match key.to_lowercase().as_str() {
            "id" => id = Some(value.to_owned()),
            "src" | "source" => file = Some(value.to_owned()),
            "env" => variable = Some(value.to_owned()),
            "type" if matches!(value, "file" | "env") => kind = Some(value.to_owned()),
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    let id = id.ok_or_else(|| format!("secret {word:?} needs an id"))?;
    if kind.as_deref() == Some("env") && variable.is_none() {
        variable = file.take();
    }
    let source = match (file, variable) {
        (Some(file), _) => SecretSource::File(file.into()),
        (None, Some(variable)) => SecretSource::Variable(variable),
        (None, None) if kind.as_deref() != Some("file") && std::env::var_os(&id).is_some() => {
            SecretSource::Variable(id.clone())
        }
        (None, None) => SecretSource::File(id.clone().into()),
    };
    Ok((id, source))
}

fn agent(word: &str) -> Result<(String, PathBuf), String> {
    use std::os::unix::fs::FileTypeExt;
    let (id, path) = match word.split_once('=') {
        Some((id, path)) => (id.to_owned(), PathBuf::from(path)),
        None => {
            let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
            let socket = socket.ok_or("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set")?;
            (word.to_owned(), PathBuf::from(socket))
        }
    };
    let metadata = fs::metadata(&path).map_err(|error| format!("ssh agent {id}: {}: {error}", path.display()))?;
    match metadata.file_type().is_socket() {
        true => Ok((id, path)),
        false => Err(format!(
            "ssh agent {id}: {} is no socket of an agent: start one, and add the key to it",
            path.display()
        )),
    }
}

fn destination(word: &str) -> Result<BuildOutput, String> {
    if word == "-" {
        return Ok(BuildOutput::Tar(None));
    }
    if !word.contains('=') {
        return Ok(BuildOutput::Directory(word.into()));
    }
    let (mut kind, mut dest) = (String::new(), None);
    for field in word.split(',') {
        match field.split_once('=') {
            Some(("type", value)) => value.clone_into(&mut kind),
            Some(("dest", "-")) => dest = None,
            Some(("dest", value)) => dest = Some(PathBuf::from(value)),
            _ => return Err(format!("invalid output {word:?}: {field:?} is neither type=… nor dest=…")),
        }
    }
    match (kind.as_str(), dest) {
        ("local", Some(dest)) => Ok(BuildOutput::Directory(dest)),
        ("local", None) => Err("dest is required for local exporter".to_owned()),
        ("tar", dest) => Ok(BuildOutput::Tar(dest)),
        ("docker" | "image", None) => Ok(BuildOutput::Image),
        ("docker" | "oci", dest) => Ok(BuildOutput::Archive(dest)),
        _ => Err(format!("invalid output type {kind:?}: use local, tar, oci or docker")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_and_secrets_are_read() {
        assert_eq!(destination("out"), Ok(BuildOutput::Directory("out".into())));
        assert_eq!(destination("-"), Ok(BuildOutput::Tar(None)));
        assert_eq!(destination("type=oci,dest=a.tar"), Ok(BuildOutput::Archive(Some("a.tar".into()))));
        assert_eq!(destination("type=docker"), Ok(BuildOutput::Image));
        assert!(destination("type=local").is_err() && destination("type=cloud").is_err());
        assert_eq!(secret("id=a,src=/b").unwrap().1, SecretSource::File("/b".into()));
        assert_eq!(secret("type=env,id=a,env=B").unwrap().1, SecretSource::Variable("B".into()));
        assert!(secret("src=/b").is_err() && secret("id=a,x=y").is_err());
        assert_eq!(named_context("A=docker-image://b:1").unwrap(), ("a".into(), NamedContext::Image("b:1".into())));
        assert!(named_context("a").is_err() && named_context("a=oci-layout://x").is_err());
        assert_eq!(build_arg("A=b=c"), Some(("A".into(), "b=c".into())));
        assert_eq!(build_arg("A_VARIABLE_THAT_NOBODY_SETS"), None);
    }
}
