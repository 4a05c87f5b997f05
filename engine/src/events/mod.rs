//! What happened to containers and images: one line of JSON an event, in Docker's shape, appended to a log that every
//! porthole process of a state root shares.

mod log;
mod reader;

pub use reader::EventReader;

use crate::container::config::ContainerConfig;
use crate::engine::Engine;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// As `action`; Docker's older name for it.
    pub status: String,
    /// As the actor's; Docker's older place for it.
    pub id: String,
    /// The image, of an event of a container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// `container` or `image`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// What happened, `start`.
    #[serde(rename = "Action")]
    pub action: String,
    /// To whom.
    #[serde(rename = "Actor")]
    pub actor: Actor,
    /// Always `local`.
    pub scope: String,
    /// When, in seconds since 1970.
    pub time: i64,
    /// When, in nanoseconds since 1970.
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
}

/// To whom something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The id of the container or image.
    #[serde(rename = "ID")]
    pub id: String,
    /// Name, image and labels, and what belongs to the action.
    #[serde(rename = "Attributes")]
    pub attributes: BTreeMap<String, String>,
}

impl Event {
    fn new(kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>) -> Event {
        let now = Timestamp::now();
        Event {
            status: action.to_owned(),
            id: id.to_owned(),
            from: String::new(),
            kind: kind.to_owned(),
            action: action.to_owned(),
            actor: Actor { id: id.to_owned(), attributes },
            scope: "local".to_owned(),
            time: now.as_second(),
            time_nano: i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX),
        }
    }

    /// The event as JSON, without a newline.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Engine {
    /// Records what happened to a container.
    pub(crate) fn record_event(&self, config: &ContainerConfig, action: &str, details: &[(&str, &str)]) {
        let mut attributes = config.labels.clone();
        attributes.insert("image".to_owned(), config.image.clone());
        attributes.insert("name".to_owned(), config.name.clone());
        attributes.extend(details.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let event = Event { from: config.image.clone(), ..Event::new("container", action, &config.id, attributes) };
        log::append(&self.paths().events(), &event);
    }

    /// Records what happened to an image: `tag`, `load`, `import`. Whoever uses the store itself tells it here.
    pub fn record_image_event(&self, action: &str, id: &str, name: &str) {
        let attributes = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        log::append(&self.paths().events(), &Event::new("image", action, id, attributes));
    }

    /// Reads events from `since` on, or from now on. Times are nanoseconds since 1970.
    pub fn events(&self, since: Option<i64>, until: Option<i64>) -> crate::error::Result<EventReader> {
        EventReader::open(&self.paths().events(), since, until)
    }
}
