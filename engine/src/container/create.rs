//! Making a container: its directory, its name, its configuration. Nothing runs yet.

use super::config::{Bind, ContainerConfig, NetworkMode};
use super::namespaces::IpcMode;
use super::options::CreateOptions;
use super::record::Record;
use super::remove::RemoveOptions;
use super::start::{Attachment, FRESH, Finished};
use super::{environment, health, names};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Lock};
use crate::identity;
use crate::volume::{VolumeMount, VolumesInUse};
use porthole_images::Image;
use porthole_network::PortSpec;
use porthole_runtime::monitor::RestartPolicy;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::chown;
use std::path::{Component, Path};

/// uname(2)'s names have room for so many bytes.
const LONGEST_HOST_NAME: usize = 64;

/// What happens to a container once it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Nothing,
    Start,
}

/// A container that was just made.
#[derive(Debug)]
pub struct Created {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the user should know, one line each.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Makes a container and leaves it not running.
    pub fn create(&self, options: CreateOptions) -> Result<Created> {
        self.create_locked(options, Next::Nothing).map(|(created, ..)| created)
    }

    /// Makes a container and starts it.
    pub fn run_detached(&self, options: CreateOptions) -> Result<Created> {
        let (mut created, record, lock) = self.create_locked(options, Next::Start)?;
        created.warnings.extend(self.start_locked(record, lock)?);
        Ok(created)
    }

    /// Makes a container, starts it, and stays with its streams until it ends or the user leaves.
    pub fn run_attached(&self, options: CreateOptions, attachment: &Attachment) -> Result<Finished> {
        let (created, record, lock) = self.create_locked(options, Next::Start)?;
        created.warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
        self.start_attached_locked(record, lock, attachment)
    }

    fn create_locked(&self, options: CreateOptions, next: Next) -> Result<(Created, Record, Lock)> {
        check(&options)?;
        self.prepare()?;
        let Some(path) = options.id_file.clone() else { return self.create_checked(options, next) };
        let mut file = create_id_file(&path)?;
        let written = self.create_checked(options, next).and_then(|made| match file.write_all(made.0.id.as_bytes()) {
            Ok(()) => Ok(made),
            Err(source) => {
                drop(made.2);
                self.remove(&made.0.id, RemoveOptions { force: true, volumes: true })?;
                Err(Error::file(&path, source))
            }
        });
        if written.is_err() {
            // Made by us, and of use to nobody.
            let _ = fs::remove_file(&path);
        }
        written
    }

    fn create_checked(&self, options: CreateOptions, next: Next) -> Result<(Created, Record, Lock)> {
        let store = self.images()?;
        let image = store.resolve(&options.image)?;
        if let Some(wanted) = &options.platform {
            image.check_platform(&options.image, wanted)?;
        }
        // From here until the record names it, nobody may remove the image.
        let _lease = store.lease(&image.id)?;
        let record = Record::new(self.paths(), &identity::new_id());
        match self.create_record(&record, &image, options, next) {
            Ok((created, lock)) => Ok((created, record, lock)),
            Err(error) => {
                // The error that stopped us is the one to tell; what cannot be removed now, the next command removes.
                let _ = fs::remove_dir_all(record.directory());
                let _ = fs::remove_file(self.paths().active(&record.id));
                Err(error)
            }
        }
    }

    fn create_record(
        &self,
        record: &Record,
        image: &Image,
        options: CreateOptions,
        next: Next,
    ) -> Result<(Created, Lock)> {
        let lock = make_directory(record)?;
        if next == Next::Start {
            // If we are killed before it is started, the next command finds it by this.
            self.mark(&record.id, FRESH)?;
        }
        let name = self.reserve_name(options.name.as_deref(), &record.id)?;
        match self.configure(record, image, options, name.clone()) {
            Ok(warnings) => Ok((Created { id: record.id.clone(), name, warnings }, lock)),
            Err(error) => {
                names::release(self.paths(), &name, &record.id)?;
                Err(error)
            }
        }
    }

    /// Adds the binds and volumes of other containers, but where this one has something of its own.
    fn inherit_volumes(&self, config: &mut ContainerConfig) -> Result<()> {
        for word in &config.host.volumes_from {
            let (name, read_only) = match word.rsplit_once(':') {
                Some((name, "ro")) => (name, true),
                Some((name, "rw")) => (name, false),
                Some((_, mode)) => return Err(Error::InvalidOption(format!("invalid mode: {mode}: use ro or rw"))),
                None => (word.as_str(), false),
            };
            let donor = self.find(name)?.existing_config()?.host;
            for bind in donor.binds {
                if !is_taken(config, &bind.target) {
                    config.host.binds.push(Bind { read_only: bind.read_only || read_only, ..bind });
                }
            }
            for mount in donor.volumes {
                if !is_taken(config, &mount.target) {
                    let read_only = mount.read_only || read_only;
                    config.host.volumes.push(VolumeMount { read_only, no_copy: true, ..mount });
                }
            }
        }
        Ok(())
    }

    /// Makes the volumes that are not there yet, and fills those that are used for the first time with what the container,
    /// which has changed nothing yet, has of its image. They stay while the guard does.
    fn prepare_volumes(&self, record: &Record, config: &mut ContainerConfig) -> Result<Option<VolumesInUse>> {
        if config.host.volumes.is_empty() {
            return Ok(None);
        }
        let in_use = self.use_volumes()?;
        let image = self.view(record, config, &[], true)?;
        config.host.volumes.iter().try_for_each(|mount| mount.check_place(&image.root))?;
        for mount in &mut config.host.volumes {
            let volume = self.volume_for(&in_use, mount)?;
            self.fill_volume(&volume, mount, &image.root)?;
            mount.name = Some(volume.name);
        }
        Ok(Some(in_use))
    }

    fn reserve_name(&self, name: Option<&str>, id: &str) -> Result<String> {
        let Some(name) = name else { return names::reserve_generated(self.paths(), id) };
        match names::reserve(self.paths(), name, id) {
            // Its owner may be one that should have been removed when it ended, but whose processes were all killed.
            Err(Error::NameInUse { .. }) => {
                self.reconcile_all()?;
                names::reserve(self.paths(), name, id)
            }
            reserved => reserved,
        }
    }

    /// Writes the container's records; what the user should know.
    fn configure(&self, record: &Record, image: &Image, options: CreateOptions, name: String) -> Result<Vec<String>> {
        let mut config = combine(record.id.clone(), name, image, options)?;
        let warnings = match config.host.resources.is_for_v1() && self.cgroup_of(record)?.is_v2() {
            true => config.host.resources.discard_v1(),
            false => Vec::new(),
        };
        self.pin_donors(&mut config)?;
        self.inherit_volumes(&mut config)?;
        declare_volumes(&mut config, image)?;
        config.host.binds.iter().try_for_each(create_bind_source)?;
        for directory in ["upper", "work", "log"] {
            files::create_private_directory(&record.path(directory))?;
        }
        // The upper directory becomes the container's root: like any root it is readable by all.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(record.path("upper"), mode).map_err(|source| Error::file(record.path("upper"), source))?;
        if let Some(users) = &config.host.user_namespace {
            let (user, group) = users.root();
            chown(record.path("upper"), Some(user), Some(group))
                .map_err(|source| Error::file(record.path("upper"), source))?;
        }
        let _in_use = self.prepare_volumes(record, &mut config)?;
        record.write_config(&config)?;
        self.record_event(&config, "create", &[]);
        Ok(warnings)
    }
}

fn create_id_file(path: &Path) -> Result<File> {
    File::create_new(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::InvalidOption(format!(
            "container ID file found, make sure the other container isn't running or delete {}",
            path.display()
        )),
        _ => Error::file(path, error),
    })
}

/// Makes its directory and locks it until the record is whole: a directory without a record that nobody locks was left by
/// a killed process. Ours is taken for one, too, by who looks before it is locked.
fn make_directory(record: &Record) -> Result<Lock> {
    loop {
        files::create_private_directory(record.directory())?;
        match record.lock() {
            Err(Error::NoSuchContainer(_)) => {}
            lock => return lock,
        }
    }
}

fn is_taken(config: &ContainerConfig, target: &str) -> bool {
    let same = |own: &str| own.trim_end_matches('/') == target.trim_end_matches('/');
    let host = &config.host;
    host.binds.iter().any(|own| same(&own.target))
        || host.volumes.iter().any(|own| same(&own.target))
        || host.tmpfs.keys().any(|own| same(own))
}

/// Where the image says that there are to be volumes, there are, unless something else is.
fn declare_volumes(config: &mut ContainerConfig, image: &Image) -> Result<()> {
    let declared = image.config.config().as_ref().and_then(|config| config.volumes().clone()).unwrap_or_default();
    for target in declared {
        let path = Path::new(&target);
        let leads_out = path.components().any(|part| part == Component::ParentDir);
        if !path.is_absolute() || leads_out || path.parent().is_none() {
            return Err(Error::InvalidOption(format!(
                "the image declares a volume at {target:?}, which is no place for one"
            )));
        }
        if !is_taken(config, &target) {
            config.host.volumes.push(VolumeMount { target, ..VolumeMount::default() });
        }
    }
    Ok(())
}

/// `-v` makes a directory of the host that is missing, as Docker does.
fn create_bind_source(bind: &Bind) -> Result<()> {
    match fs::symlink_metadata(&bind.source) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && bind.must_exist => Err(Error::InvalidOption(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            bind.source.display()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(&bind.source).map_err(|source| Error::file(&bind.source, source))
        }
        Err(source) => Err(Error::file(&bind.source, source)),
    }
}

/// Refuses what contradicts itself.
fn check(options: &CreateOptions) -> Result<()> {
    let host = &options.host;
    let refuse = |text: &str| Err(Error::InvalidOption(text.to_owned()));
    if host.auto_remove && host.restart != RestartPolicy::No {
        return refuse("conflicting options: cannot specify both --restart and --rm");
    }
    host.foreign_runtime()?;
    host.resources.check()?;
    host.confinement.check(&host.network, &host.namespaces.ipc)?;
    host.resolution.check(&host.network)?;
    if let Some(score @ (..-1000 | 1001..)) = host.oom_score_adj {
        return refuse(&format!("Invalid value {score}, range for oom score adj is [-1000, 1000]"));
    }
    if !host.publish.is_empty() {
        match &host.network {
            NetworkMode::Container(_) => {
                return refuse("conflicting options: port publishing and the container type network mode");
            }
            NetworkMode::Bridge | NetworkMode::Network(_) | NetworkMode::Host | NetworkMode::None => {}
        }
    }
    if !options.expose.is_empty() && matches!(host.network, NetworkMode::Container(_)) {
        return refuse("conflicting options: port exposing and the container type network mode");
    }
    if options.hostname.is_some() && matches!(host.network, NetworkMode::Container(_)) {
        return refuse("conflicting options: hostname and the network mode");
    }
    if options.hostname.is_some() && host.namespaces.host_uts {
        return refuse("conflicting options: hostname and the UTS mode");
    }
    if host.shm_size.is_some() && matches!(host.namespaces.ipc, IpcMode::Host | IpcMode::None | IpcMode::Container(_)) {
        return refuse("conflicting options: shm-size and the IPC mode, which leaves no /dev/shm to be sized");
    }
    if options.hostname.as_ref().is_some_and(|name| name.len() > LONGEST_HOST_NAME) {
        return refuse(&format!("invalid hostname: the kernel allows at most {LONGEST_HOST_NAME} bytes"));
    }
    options.healthcheck.as_ref().map_or(Ok(()), health::check)?;
    host.user_namespace.as_ref().map_or(Ok(()), |users| users.check(host))?;
    options.expose.iter().try_for_each(|text| exposed_ports(text).map(drop))?;
    if let Some(signal) = &options.stop_signal {
        super::stop::parse_signal(signal)?;
    }
    let targets = host.binds.iter().map(|bind| &bind.target).chain(host.volumes.iter().map(|mount| &mount.target));
    let targets = targets.chain(host.tmpfs.keys());
    let mut seen = std::collections::BTreeSet::new();
    for target in targets {
        if !target.starts_with('/') {
            return refuse(&format!("invalid mount path: '{target}' mount path must be absolute"));
        }
        if !seen.insert(target.trim_end_matches('/')) {
            return refuse(&format!("Duplicate mount point: {target}"));
        }
    }
    Ok(())
}

/// Joins what the user said with what the image says.
fn combine(id: String, name: String, image: &Image, options: CreateOptions) -> Result<ContainerConfig> {
    let defaults = image.config.config().clone().unwrap_or_default();
    let list = |values: &Option<Vec<String>>| values.clone().unwrap_or_default();
    let (entrypoint, command) = match options.entrypoint {
        None if options.command.is_empty() => (list(defaults.entrypoint()), list(defaults.cmd())),
        None => (list(defaults.entrypoint()), options.command),
        // An entrypoint of the user's also clears the image's arguments.
        Some(entrypoint) => (entrypoint, options.command),
    };
    if entrypoint.is_empty() && command.is_empty() {
        return Err(Error::InvalidOption("no command specified: the image names none, so give one".to_owned()));
    }
    let mut labels: std::collections::BTreeMap<String, String> =
        defaults.labels().clone().unwrap_or_default().into_iter().collect();
    labels.extend(options.labels);
    let working_dir = options.working_dir.or_else(|| defaults.working_dir().clone()).filter(|path| !path.is_empty());
    let working_dir = working_dir.unwrap_or_else(|| "/".to_owned());
    if !working_dir.starts_with('/') {
        return Err(Error::InvalidOption(format!(
            "the working directory '{working_dir}' is invalid, it needs to be an absolute path"
        )));
    }
    let hostname = match (&options.host.network, options.hostname) {
        (_, Some(hostname)) => hostname,
        (_, None) if options.host.namespaces.host_uts => host_name(),
        (NetworkMode::Host, None) => host_name(),
        (_, None) => id[..12].to_owned(),
    };
    let mut exposed = list(defaults.exposed_ports());
    for text in &options.expose {
        exposed.extend(exposed_ports(text)?);
    }
    exposed.sort_by_key(|port| (port.split('/').next().and_then(|number| number.parse::<u16>().ok()), port.clone()));
    exposed.dedup();
    Ok(ContainerConfig {
        created: i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
        image: options.image,
        image_id: image.id.to_string(),
        layers: image.layers.clone(),
        entrypoint,
        command,
        env: environment::merge(&list(defaults.env()), &options.env),
        working_dir,
        user: options.user.or_else(|| defaults.user().clone()).unwrap_or_default(),
        hostname,
        tty: options.tty,
        open_stdin: options.open_stdin,
        stdin_once: options.open_stdin && options.attach_stdin,
        labels,
        exposed_ports: exposed,
        domain_name: options.domain_name,
        stop_signal: options.stop_signal.or_else(|| defaults.stop_signal().clone()),
        stop_timeout: options.stop_timeout,
        healthcheck: health::combine(options.healthcheck, image.healthcheck.clone()),
        shell: image.shell.clone(),
        host: options.host,
        id,
        name,
    })
}

/// `80`, `53/udp`, `8000-8010/tcp`, one by one. Where on the host they are published is not for such a text to say.
pub(super) fn declared_ports(text: &str) -> Result<Vec<PortSpec>> {
    let ports = PortSpec::parse(text).ok().filter(|_| !text.contains(':'));
    ports.ok_or_else(|| {
        Error::InvalidOption(format!("invalid range format for --expose: {text}: use PORT, PORT-PORT or PORT/udp"))
    })
}

fn exposed_ports(text: &str) -> Result<Vec<String>> {
    let ports = declared_ports(text)?;
    Ok(ports.iter().map(|port| format!("{}/{}", port.container_port, port.protocol)).collect())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
