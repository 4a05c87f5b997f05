//! What happened to containers and images: one line of JSON an event, in Docker's shape, appended to a log that every
//! porthole process of a state root shares.

mod log;

pub use log::{CURRENT, PREVIOUS, append};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// Something that happened just now.
    pub fn new(kind: &str, action: &str, id: &str, attributes: BTreeMap<String, String>) -> Event {
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

/// A container as its events tell of it, and where they are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The directory of the log.
    pub log: PathBuf,
    /// The container's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image as it was named.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Subject {
    /// Records what happened to the container.
    pub fn record(&self, action: &str, details: &[(&str, &str)]) {
        let mut attributes = self.labels.clone();
        let own = [("image", self.image.as_str()), ("name", &self.name)];
        attributes.extend(own.iter().chain(details).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let event = Event { from: self.image.clone(), ..Event::new("container", action, &self.id, attributes) };
        append(&self.log, &event);
    }
}

/// Records what happened to a volume.
pub fn record_volume(log: &Path, action: &str, name: &str) {
    let attributes = BTreeMap::from([("driver".to_owned(), "local".to_owned())]);
    append(log, &Event::new("volume", action, name, attributes));
}

/// Records what happened to a network, which has a name and a driver; and to which container, if to one.
pub fn record_network(log: &Path, action: &str, id: &str, (name, driver): (&str, &str), container: Option<&str>) {
    let mut attributes = BTreeMap::from([("name".to_owned(), name.to_owned()), ("type".to_owned(), driver.to_owned())]);
    attributes.extend(container.map(|container| ("container".to_owned(), container.to_owned())));
    append(log, &Event::new("network", action, id, attributes));
}

/// Records what happened to an image.
pub fn record_image(log: &Path, action: &str, id: &str, name: &str) {
    let attributes = BTreeMap::from([("name".to_owned(), name.to_owned())]);
    append(log, &Event::new("image", action, id, attributes));
}
