//! `forensics`: all that is known of a container in one archive, gathered without changing it.
//!
//! Everything is read: records, layers, `/proc` and netlink dumps; files are opened without changing their access times. What
//! cannot be gathered is told in the report, and the rest is gathered all the same. The archive has no time but that which the
//! caller gives, its members are sorted: the same stopped container gives the same bytes.

mod archive;
mod changes;
mod live;
mod network;
mod report;
mod secrets;

use crate::container::config::ContainerConfig;
use crate::container::record::{self, Live, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files;
use crate::forensics::archive::Bundle;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Write;

/// What goes into the archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForensicsOptions {
    /// The values of variables whose names look secret, too.
    pub secrets: bool,
    /// When it was gathered, to be told in the report and as the time of every member.
    pub at: Option<Timestamp>,
}

/// A container that is looked at.
struct Case<'a> {
    engine: &'a Engine,
    record: Record,
    config: ContainerConfig,
    live: Live,
    options: ForensicsOptions,
}

impl Engine {
    /// Writes all that is known of a container as a tar archive compressed by zstd.
    pub fn forensics(&self, name: &str, options: ForensicsOptions, writer: impl Write) -> Result<()> {
        let record = self.find(name)?;
        let (config, live) = (record.existing_config()?, record.live()?);
        let case = Case { engine: self, record, config, live, options };
        case.gather().write(options.at, writer).map_err(|source| Error::file("the archive", source))
    }
}

impl Case<'_> {
    /// The init on the host, while it runs.
    fn init(&self) -> Option<i32> {
        let state = &self.live.state;
        state.init.filter(|init| record::is_active(state.status) && init.is_alive()).map(|init| init.pid)
    }

    fn gather(&self) -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add_json("container.json", self.engine.inspect(&self.config.id).map(|value| self.masked(value)));
        bundle.add_json("state.json", Ok::<_, Error>(json!(self.live.state)));
        bundle.add_json("spec.json", self.spec());
        bundle.add_json("image.json", self.image());
        bundle.add_text("environment", Ok::<_, Error>(self.environment()));
        bundle.add_json("events.json", self.events());
        self.add_logs(&mut bundle);
        let mounts = bundle.add_json("mounts.json", self.mounts());
        let processes = bundle.add_json("processes.json", self.processes());
        let network = bundle.add_json("network.json", self.network());
        let changes = self.engine.inside(&self.config.id).and_then(|layers| changes::of(&layers));
        bundle.add_text(
            "changes.tsv",
            changes.as_ref().map(|changes| changes::table(changes)).map_err(ToString::to_string),
        );
        let seen = report::Seen { mounts, processes, network, changes: changes.ok() };
        let report = report::write(self, &seen, bundle.failures());
        bundle.add_text("report.md", Ok::<_, Error>(report));
        bundle
    }

    /// Its OCI spec as it was started last; nothing if it never was.
    fn spec(&self) -> Result<Value> {
        // As it is written: the type that the runtime reads it into has sets, which have no order.
        let spec: Option<Value> = files::read_json(&self.record.path("spec.json"))?;
        Ok(spec.map_or(Value::Null, |spec| self.masked(spec)))
    }

    /// The image, and where its layers come from.
    fn image(&self) -> Result<Value> {
        let store = self.engine.images()?;
        let image = store.resolve(&self.config.image_id)?;
        let history = store.history(&image)?;
        let step = |entry: &porthole_images::HistoryEntry| {
            json!({
                "Created": entry.created.map(|time| time.to_string()),
                "CreatedBy": entry.created_by,
                "Size": entry.size,
                "Comment": entry.comment,
                "EmptyLayer": entry.empty_layer,
            })
        };
        let diff_ids = image.config.rootfs().diff_ids().iter();
        let layers = diff_ids.zip(store.layer_directories(&image));
        let layer = |(diff_id, directory)| json!({ "DiffID": diff_id, "Directory": directory });
        Ok(json!({
            "Named": self.config.image,
            "Inspect": self.masked(self.engine.inspect_image(&self.config.image_id)?),
            "History": history.iter().map(step).collect::<Vec<_>>(),
            "Layers": layers.map(layer).collect::<Vec<_>>(),
        }))
    }

    fn environment(&self) -> String {
        let mask = |variable: &String| if self.options.secrets { variable.clone() } else { secrets::mask(variable) };
        let lines = self.config.env.iter().map(mask);
        lines.map(|line| line.escape_debug().to_string() + "\n").collect()
    }

    /// What was recorded of this container.
    fn events(&self) -> Result<Value> {
        let mut reader = self.engine.events(Some(0), None)?;
        let mut events = Vec::new();
        while let Some(event) = reader.written_event()? {
            if event.actor.id == self.config.id {
                events.push(json!(event));
            }
        }
        Ok(Value::Array(events))
    }

    /// The log's files as they are.
    fn add_logs(&self, bundle: &mut Bundle) {
        let directory = self.record.path("log");
        let names = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            entries => entries.and_then(Iterator::collect::<std::io::Result<Vec<_>>>),
        };
        match names {
            Ok(entries) => {
                for entry in entries {
                    bundle.add_file(&format!("logs/{}", entry.file_name().to_string_lossy()), &entry.path());
                }
            }
            Err(error) => bundle.fail("logs", &error),
        }
    }

    fn masked(&self, mut value: Value) -> Value {
        if !self.options.secrets {
            secrets::mask_all(&mut value);
        }
        value
    }
}
