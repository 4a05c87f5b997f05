//! What a file says beside its services.

use super::service::SERVICE;
use super::{Field, Kind, PAIRS, TEXT_OR_TEXTS};

/// A whole file.
pub const FILE: Kind = Kind::Either(&[
    Kind::Object(&[
        ("version", Kind::Scalar),
        ("name", Kind::Text),
        ("include", Kind::List(&Kind::Either(&[Kind::Text, Kind::Object(INCLUDE)]))),
        ("services", Kind::Map(&SERVICE)),
        ("networks", Kind::Map(&NETWORK)),
        ("volumes", Kind::Map(&VOLUME)),
        ("secrets", Kind::Map(&FILE_OBJECT)),
        ("configs", Kind::Map(&FILE_OBJECT)),
        ("models", Kind::Refused("porthole runs no language models")),
    ]),
    Kind::Null,
]);

const INCLUDE: &[Field] = &[("path", TEXT_OR_TEXTS), ("env_file", TEXT_OR_TEXTS), ("project_directory", Kind::Text)];

const EXTERNAL: Kind = Kind::Either(&[Kind::Flag, Kind::Object(&[("name", Kind::Text)])]);

const NETWORK: Kind = Kind::Either(&[
    Kind::Null,
    Kind::Object(&[
        ("name", Kind::Text),
        ("driver", Kind::Text),
        ("driver_opts", Kind::Map(&Kind::Scalar)),
        ("ipam", Kind::Object(IPAM)),
        ("external", EXTERNAL),
        ("internal", Kind::Flag),
        ("enable_ipv4", Kind::Flag),
        ("enable_ipv6", Kind::Flag),
        ("attachable", Kind::Flag),
        ("labels", PAIRS),
    ]),
]);

const IPAM: &[Field] = &[
    ("driver", Kind::Word(&["default"])),
    (
        "config",
        Kind::List(&Kind::Object(&[
            ("subnet", Kind::Text),
            ("ip_range", Kind::Text),
            ("gateway", Kind::Text),
            ("aux_addresses", Kind::Map(&Kind::Text)),
        ])),
    ),
    ("options", Kind::Refused("the addresses of networks have no options")),
];

const VOLUME: Kind = Kind::Either(&[
    Kind::Null,
    Kind::Object(&[
        ("name", Kind::Text),
        ("driver", Kind::Text),
        ("driver_opts", Kind::Map(&Kind::Scalar)),
        ("external", EXTERNAL),
        ("labels", PAIRS),
    ]),
]);

const FILE_OBJECT: Kind = Kind::Object(&[
    ("name", Kind::Text),
    ("file", Kind::Text),
    ("environment", Kind::Text),
    ("content", Kind::Text),
    ("external", Kind::Refused("secrets and configs of a swarm are not there: use file, environment or content")),
    ("labels", PAIRS),
    ("driver", Kind::Refused("secrets and configs are of porthole itself")),
    ("driver_opts", Kind::Refused("secrets and configs are of porthole itself")),
    ("template_driver", Kind::Refused("secrets and configs are taken as they are")),
]);
