//! From the words of `run` and `create` to what the engine is asked for.

use super::arguments::ContainerArgs;
use super::{Failure, files};
use porthole_engine::{CreateOptions, HostConfig, Logging, UserNamespace, parse_restart, units};

/// Reads the options of a new container. `attach_stdin` says whether a client will send its
/// standard input from the start.
pub fn create_options(arguments: ContainerArgs, attach_stdin: bool) -> Result<CreateOptions, Failure> {
    let usage = |message: String| Failure::new(message, 125);
    let mounts = arguments.mounts.mounts().map_err(usage)?;
    let (network, endpoints) = arguments.networking.networks().map_err(usage)?;
    let host = HostConfig {
        binds: mounts.binds,
        volumes: mounts.volumes,
        network,
        endpoints,
        publish: arguments.publish,
        restart: parse_restart(arguments.restart.as_deref().unwrap_or("no")).map_err(usage)?,
        auto_remove: arguments.rm,
        privileged: arguments.privileged,
        init: arguments.init,
        runtime: arguments.runtime.as_deref().and_then(porthole_engine::runtime_named),
        cap_add: arguments.cap_add,
        cap_drop: arguments.cap_drop,
        read_only: arguments.read_only,
        tmpfs: mounts.tmpfs,
        volumes_from: mounts.volumes_from,
        publish_all: arguments.publish_all,
        annotations: arguments.annotation.iter().map(|word| files::pair(word)).collect(),
        logging: Logging::parse(&arguments.log_driver, &arguments.log_opt).map_err(usage)?,
        resources: arguments
            .limits
            .resources()
            .and_then(|limits| arguments.fixed_limits.add_to(limits))
            .map_err(usage)?,
        oom_score_adj: arguments.oom_score_adj,
        shm_size: arguments.shm_size.as_deref().map(units::parse_bytes).transpose().map_err(usage)?.filter(|n| *n != 0),
        confinement: arguments.confinement.confinement().map_err(usage)?,
        user_namespace: UserNamespace::parse(&arguments.namespaces.userns).map_err(Failure::of_start)?,
        namespaces: arguments.namespaces.namespaces().map_err(usage)?,
        resolution: arguments.resolution.resolution().map_err(usage)?,
        ulimits: arguments.ulimit.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(usage)?,
    };
    let mut words = arguments.words.into_iter();
    let image = words.next().unwrap_or_default();
    Ok(CreateOptions {
        image,
        platform: arguments.pull.platform,
        name: arguments.name,
        command: words.collect(),
        entrypoint: arguments.entrypoint.map(|word| if word.is_empty() { Vec::new() } else { vec![word] }),
        env: files::environment(&arguments.env_file, &arguments.env)?,
        working_dir: arguments.workdir,
        user: arguments.user,
        hostname: arguments.hostname,
        domain_name: arguments.domainname,
        expose: arguments.expose,
        tty: arguments.tty,
        open_stdin: arguments.interactive,
        attach_stdin,
        labels: files::labels(&arguments.label_file, &arguments.label)?,
        stop_signal: arguments.stop_signal,
        stop_timeout: arguments.stop_timeout,
        healthcheck: arguments.health.healthcheck().map_err(usage)?,
        id_file: arguments.cidfile,
        host,
    })
}
