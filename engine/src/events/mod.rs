//! The events of a state root: told by whoever makes something happen, read in the order in which they happened.

mod reader;

pub use porthole_runtime::event::{Actor, Event};
pub use reader::EventReader;

use crate::container::config::ContainerConfig;
use crate::engine::Engine;
use porthole_runtime::event::{self, Subject};

impl Engine {
    /// A container, as its events tell of it.
    pub(crate) fn subject(&self, config: &ContainerConfig) -> Subject {
        Subject {
            log: self.paths().events(),
            id: config.id.clone(),
            name: config.name.clone(),
            image: config.image.clone(),
            labels: config.labels.clone(),
        }
    }

    /// Records what happened to a container.
    pub(crate) fn record_event(&self, config: &ContainerConfig, action: &str, details: &[(&str, &str)]) {
        self.subject(config).record(action, details);
    }

    /// Records what happened to an image: `tag`, `load`, `import`. Whoever uses the store itself tells it here.
    pub fn record_image_event(&self, action: &str, id: &str, name: &str) {
        event::record_image(&self.paths().events(), action, id, name);
    }

    /// Records what happened to a volume: `create`, `destroy`.
    pub(crate) fn record_volume_event(&self, action: &str, name: &str) {
        event::record_volume(&self.paths().events(), action, name);
    }

    /// Reads events from `since` on, or from now on. Times are nanoseconds since 1970.
    pub fn events(&self, since: Option<i64>, until: Option<i64>) -> crate::error::Result<EventReader> {
        EventReader::open(&self.paths().events(), since, until)
    }
}
