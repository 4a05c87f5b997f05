//! What containers, images and volumes are found and sorted by.

use super::list::Item;
use crate::tui::source::{Container, Image, Volume};
use std::cmp::Ordering;

impl Item for Container {
    fn key(&self) -> &str {
        &self.id
    }

    fn matches(&self, needle: &str) -> bool {
        let fields = [&self.name, &self.image, &self.command, &self.network];
        fields.iter().any(|field| field.to_lowercase().contains(needle)) || self.id.starts_with(needle)
    }

    /// Columns as in the list: name, image, status, CPU, memory; who uses most comes first.
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        let status = |container: &Self| (container.phase, -container.since);
        let cpu = |container: &Self| container.load.map_or(-1.0, |load| load.cpu);
        let memory = |container: &Self| container.load.map(|load| load.memory);
        match column {
            0 => self.name.cmp(&other.name),
            1 => (&self.image, &self.name).cmp(&(&other.image, &other.name)),
            2 => status(self).cmp(&status(other)),
            3 => cpu(other).total_cmp(&cpu(self)),
            _ => memory(other).cmp(&memory(self)),
        }
    }
}

impl Item for Image {
    fn key(&self) -> &str {
        self.reference()
    }

    fn matches(&self, needle: &str) -> bool {
        self.reference().to_lowercase().contains(needle) || self.short_id().starts_with(needle)
    }

    /// Columns as in the list: name, id, size, age, used by.
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            0 => self.reference().cmp(other.reference()),
            1 => self.id.cmp(&other.id),
            2 => other.size.cmp(&self.size),
            3 => other.created.cmp(&self.created),
            _ => other.used_by.len().cmp(&self.used_by.len()),
        }
    }
}

impl Item for Volume {
    fn key(&self) -> &str {
        &self.name
    }

    fn matches(&self, needle: &str) -> bool {
        let users = || self.used_by.iter().any(|name| name.to_lowercase().contains(needle));
        self.name.to_lowercase().contains(needle) || users()
    }

    /// Columns as in the list: name, driver, age, used by; those that somebody named come first.
    fn compare(&self, other: &Self, column: usize) -> Ordering {
        match column {
            0 => (self.anonymous, &self.name).cmp(&(other.anonymous, &other.name)),
            1 => self.driver.cmp(&other.driver),
            2 => other.created.cmp(&self.created),
            _ => other.used_by.len().cmp(&self.used_by.len()),
        }
    }
}
