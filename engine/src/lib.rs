//! The engine: containers, images and networks behind one façade.
//!
//! [`Engine`] is what the command line and the workstation see. It holds no state of its own: what exists is what the
//! state directory and the kernel say, so any number of porthole processes may work side by side.

mod attach;
pub mod build;
pub mod compose;
mod container;
mod engine;
mod error;
mod events;
mod files;
mod forensics;
mod identity;
pub mod inside;
pub mod lab;
pub mod map;
mod networks;
mod parallel;
mod paths;
mod registry;
mod storage;
pub mod trace;
pub mod units;
pub mod volume;
mod watch;

pub use container::changes::CommitOptions;
pub use container::config::{Bind, ContainerConfig, EndpointConfig, HostConfig, NetworkMode};
pub use container::confinement::{Confinement, DeviceMapping, DeviceRule};
pub use container::copy::CopyOptions;
pub use container::create::Created;
pub use container::disk_usage::DiskUsage;
pub use container::exec::ExecOptions;
pub use container::logging::{LogDriver, Logging};
pub use container::logs::{LogOptions, LogReader, Next};
pub use container::names::is_valid_name;
pub use container::names_service::monitor;
pub use container::namespaces::{IpcMode, Namespaces, PidMode};
pub use container::options::{CreateOptions, parse_restart};
pub use container::remove::RemoveOptions;
pub use container::resolution::{HostAddress, Resolution};
pub use container::resources::{Resources, Throttle};
pub use container::runtime::named as runtime_named;
pub use container::seccomp::Seccomp;
pub use container::start::{Attachment, Finished};
pub use container::step::{Cancel, stay_with_step};
pub use container::summary::ContainerSummary;
pub use container::top::{Process, ProcessTable};
pub use container::ulimit::Ulimit;
pub use container::update::Update;
pub use container::usage::{Running as RunningUsage, Usage};
pub use container::user_namespace::UserNamespace;
pub use engine::Engine;
pub use error::{Error, Result};
pub use events::{Actor, Event, EventReader};
pub use forensics::ForensicsOptions;
pub use networks::{Connected, NetworkSummary, NewNetwork};
pub use paths::Paths;
pub use registry::PullPolicy;
pub use storage::{PruneFilter, Pruned, StorageUsage, Totals, Verified};
pub use volume::{NewVolume, Volume, VolumeMount, VolumeSummary};
pub use watch::{FileWatcher, Watcher};

pub use porthole_capture as capture;
pub use porthole_dockerfile as dockerfile;
pub use porthole_images as images;
pub use porthole_network as network;
pub use porthole_runtime as runtime;
