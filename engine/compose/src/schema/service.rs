//! What a service may say (Compose specification, 05-services.md).

use super::{COMMAND, Field, Kind, PAIRS, TEXT_OR_TEXTS, TEXTS, VALUE};

/// A service.
pub const SERVICE: Kind = Kind::Object(&[
    ("annotations", PAIRS),
    ("attach", Kind::Flag),
    ("blkio_config", Kind::Object(BLKIO)),
    ("build", Kind::Either(&[Kind::Text, Kind::Object(BUILD)])),
    ("cap_add", TEXTS),
    ("cap_drop", TEXTS),
    ("cgroup", Kind::Word(&["host", "private"])),
    ("cgroup_parent", Kind::Refused("the cgroups of containers lie where porthole puts them")),
    ("command", COMMAND),
    ("configs", Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(FILE_MOUNT)]))),
    ("container_name", Kind::Text),
    ("cpu_count", Kind::Refused("it is for Windows")),
    ("cpu_percent", Kind::Refused("it is for Windows")),
    ("cpu_period", Kind::Either(&[Kind::Integer, Kind::Duration])),
    ("cpu_quota", Kind::Either(&[Kind::Integer, Kind::Duration])),
    ("cpu_rt_period", Kind::Either(&[Kind::Integer, Kind::Duration])),
    ("cpu_rt_runtime", Kind::Either(&[Kind::Integer, Kind::Duration])),
    ("cpu_shares", Kind::Integer),
    ("cpus", Kind::Number),
    ("cpuset", Kind::Scalar),
    ("credential_spec", Kind::Refused("it is for Windows")),
    ("depends_on", Kind::Either(&[TEXTS, Kind::Map(&Kind::Object(DEPENDENCY))])),
    ("deploy", Kind::Either(&[Kind::Null, Kind::Object(DEPLOY)])),
    ("develop", Kind::Either(&[Kind::Null, Kind::Object(DEVELOP)])),
    ("device_cgroup_rules", TEXTS),
    ("devices", Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(DEVICE)]))),
    ("dns", TEXT_OR_TEXTS),
    ("dns_opt", TEXTS),
    ("dns_search", TEXT_OR_TEXTS),
    ("domainname", Kind::Text),
    ("entrypoint", COMMAND),
    ("env_file", Kind::Either(&[Kind::Text, Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(ENV_FILE)]))])),
    ("environment", PAIRS),
    ("expose", Kind::List(&Kind::Scalar)),
    ("extends", Kind::Either(&[Kind::Text, Kind::Object(&[("service", Kind::Text), ("file", Kind::Text)])])),
    ("external_links", Kind::Refused("put the containers on a network of the project instead")),
    ("extra_hosts", Kind::Either(&[TEXTS, Kind::Map(&TEXT_OR_TEXTS)])),
    ("gpus", Kind::Refused("use devices")),
    ("group_add", Kind::List(&Kind::Scalar)),
    ("healthcheck", Kind::Object(HEALTHCHECK)),
    ("hostname", Kind::Text),
    ("image", Kind::Text),
    ("init", Kind::Flag),
    ("ipc", Kind::Text),
    ("isolation", Kind::Refused("it is for Windows")),
    ("label_file", TEXT_OR_TEXTS),
    ("labels", PAIRS),
    ("links", TEXTS),
    ("logging", Kind::Object(&[("driver", Kind::Text), ("options", Kind::Map(&VALUE))])),
    ("mac_address", Kind::Text),
    ("mem_limit", Kind::Bytes),
    ("mem_reservation", Kind::Bytes),
    ("mem_swappiness", Kind::Integer),
    ("memswap_limit", Kind::Bytes),
    ("models", Kind::Refused("porthole runs no language models")),
    ("network_mode", Kind::Text),
    ("networks", Kind::Either(&[TEXTS, Kind::Map(&Kind::Either(&[Kind::Null, Kind::Object(NETWORK)]))])),
    ("oom_kill_disable", Kind::Flag),
    ("oom_score_adj", Kind::Integer),
    ("pid", Kind::Either(&[Kind::Null, Kind::Text])),
    ("pids_limit", Kind::Integer),
    ("platform", Kind::Text),
    ("ports", Kind::List(&Kind::Either(&[Kind::Scalar, Kind::Object(PORT)]))),
    ("post_start", Kind::List(&Kind::Object(HOOK))),
    ("pre_stop", Kind::List(&Kind::Object(HOOK))),
    ("privileged", Kind::Flag),
    ("profiles", TEXTS),
    ("provider", Kind::Refused("services are containers here")),
    ("pull_policy", Kind::Word(&["always", "missing", "if_not_present", "never", "build"])),
    ("read_only", Kind::Flag),
    ("restart", Kind::Text),
    ("runtime", Kind::Text),
    ("scale", Kind::Integer),
    ("secrets", Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(FILE_MOUNT)]))),
    ("security_opt", TEXTS),
    ("shm_size", Kind::Bytes),
    ("stdin_open", Kind::Flag),
    ("stop_grace_period", Kind::Duration),
    ("stop_signal", Kind::Scalar),
    ("storage_opt", Kind::Refused("the layers of containers have no options")),
    ("sysctls", PAIRS),
    ("tmpfs", TEXT_OR_TEXTS),
    ("tty", Kind::Flag),
    ("ulimits", Kind::Map(&Kind::Either(&[Kind::Integer, Kind::Object(ULIMIT)]))),
    ("use_api_socket", Kind::Refused("there is no daemon whose socket could be given")),
    ("user", Kind::Scalar),
    ("userns_mode", Kind::Text),
    ("uts", Kind::Word(&["host"])),
    ("volumes", Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(MOUNT)]))),
    ("volumes_from", TEXTS),
    ("working_dir", Kind::Text),
]);

const ULIMIT: &[Field] = &[("soft", Kind::Integer), ("hard", Kind::Integer)];

const ENV_FILE: &[Field] = &[("path", Kind::Text), ("required", Kind::Flag), ("format", Kind::Word(&["raw"]))];

const DEPENDENCY: &[Field] = &[
    ("condition", Kind::Word(&["service_started", "service_healthy", "service_completed_successfully"])),
    ("restart", Kind::Flag),
    ("required", Kind::Flag),
];

const HEALTHCHECK: &[Field] = &[
    ("disable", Kind::Flag),
    ("interval", Kind::Duration),
    ("retries", Kind::Integer),
    ("test", Kind::Either(&[Kind::Text, TEXTS])),
    ("timeout", Kind::Duration),
    ("start_period", Kind::Duration),
    ("start_interval", Kind::Duration),
];

const HOOK: &[Field] = &[
    ("command", Kind::Either(&[Kind::Text, TEXTS])),
    ("user", Kind::Scalar),
    ("privileged", Kind::Flag),
    ("working_dir", Kind::Text),
    ("environment", PAIRS),
];

const PORT: &[Field] = &[
    ("name", Kind::Text),
    ("mode", Kind::Word(&["ingress", "host"])),
    ("host_ip", Kind::Text),
    ("target", Kind::Integer),
    ("published", Kind::Scalar),
    ("protocol", Kind::Word(&["tcp", "udp"])),
    ("app_protocol", Kind::Text),
];

const NETWORK: &[Field] = &[
    ("aliases", TEXTS),
    ("ipv4_address", Kind::Text),
    ("ipv6_address", Kind::Text),
    ("mac_address", Kind::Text),
    ("priority", Kind::Number),
    ("gw_priority", Kind::Refused("the first network by priority has the default route: use priority")),
    ("interface_name", Kind::Refused("interfaces are named in the order of the networks")),
    ("link_local_ips", Kind::Refused("give ipv4_address or ipv6_address")),
    ("driver_opts", Kind::Refused("places on networks have no options")),
];

const MOUNT: &[Field] = &[
    ("type", Kind::Word(&["bind", "volume", "tmpfs"])),
    ("source", Kind::Text),
    ("target", Kind::Text),
    ("read_only", Kind::Flag),
    ("consistency", Kind::Text),
    (
        "bind",
        Kind::Object(&[
            ("propagation", Kind::Text),
            ("create_host_path", Kind::Flag),
            ("recursive", Kind::Word(&["enabled", "disabled", "writable"])),
            ("selinux", Kind::Word(&["z", "Z"])),
        ]),
    ),
    ("volume", Kind::Object(&[("nocopy", Kind::Flag), ("subpath", Kind::Text), ("labels", PAIRS)])),
    ("tmpfs", Kind::Object(&[("size", Kind::Bytes), ("mode", Kind::Scalar)])),
];

const FILE_MOUNT: &[Field] = &[
    ("source", Kind::Text),
    ("target", Kind::Text),
    ("uid", Kind::Scalar),
    ("gid", Kind::Scalar),
    ("mode", Kind::Scalar),
];

const DEVICE: &[Field] = &[("source", Kind::Text), ("target", Kind::Text), ("permissions", Kind::Text)];

const RATE: Kind = Kind::List(&Kind::Object(&[("path", Kind::Text), ("rate", Kind::Bytes)]));

const BLKIO: &[Field] = &[
    ("weight", Kind::Integer),
    ("weight_device", Kind::List(&Kind::Object(&[("path", Kind::Text), ("weight", Kind::Integer)]))),
    ("device_read_bps", RATE),
    ("device_read_iops", RATE),
    ("device_write_bps", RATE),
    ("device_write_iops", RATE),
];

/// What is for a swarm is read and has no effect, as with Docker Compose.
const DEPLOY: &[Field] = &[
    ("mode", Kind::Word(&["replicated", "global"])),
    ("endpoint_mode", Kind::Text),
    ("replicas", Kind::Integer),
    ("labels", PAIRS),
    ("rollback_config", Kind::Any),
    ("update_config", Kind::Any),
    ("placement", Kind::Any),
    (
        "resources",
        Kind::Object(&[
            ("limits", Kind::Object(&[("cpus", Kind::Number), ("memory", Kind::Bytes), ("pids", Kind::Integer)])),
            (
                "reservations",
                Kind::Object(&[
                    ("cpus", Kind::Number),
                    ("memory", Kind::Bytes),
                    ("generic_resources", Kind::Any),
                    ("devices", Kind::Refused("use the service's devices")),
                ]),
            ),
        ]),
    ),
    (
        "restart_policy",
        Kind::Object(&[
            ("condition", Kind::Word(&["none", "on-failure", "any"])),
            ("delay", Kind::Duration),
            ("max_attempts", Kind::Integer),
            ("window", Kind::Duration),
        ]),
    ),
];

const BUILD: &[Field] = &[
    ("context", Kind::Text),
    ("dockerfile", Kind::Text),
    ("dockerfile_inline", Kind::Text),
    ("args", PAIRS),
    ("ssh", PAIRS),
    ("labels", PAIRS),
    ("cache_from", TEXTS),
    ("cache_to", TEXTS),
    ("no_cache", Kind::Flag),
    ("additional_contexts", PAIRS),
    ("network", Kind::Text),
    ("pull", Kind::Flag),
    ("target", Kind::Text),
    ("shm_size", Kind::Bytes),
    ("extra_hosts", Kind::Either(&[TEXTS, Kind::Map(&TEXT_OR_TEXTS)])),
    ("isolation", Kind::Text),
    ("privileged", Kind::Flag),
    ("secrets", Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(FILE_MOUNT)]))),
    ("tags", TEXTS),
    ("ulimits", Kind::Map(&Kind::Either(&[Kind::Integer, Kind::Object(ULIMIT)]))),
    ("platforms", TEXTS),
    ("entitlements", TEXTS),
    ("provenance", VALUE),
    ("sbom", VALUE),
];

const DEVELOP: &[Field] = &[(
    "watch",
    Kind::List(&Kind::Object(&[
        ("path", Kind::Text),
        ("action", Kind::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])),
        ("target", Kind::Text),
        ("ignore", TEXT_OR_TEXTS),
        ("include", TEXT_OR_TEXTS),
        ("initial_sync", Kind::Flag),
        ("exec", Kind::Object(HOOK)),
    ])),
)];
