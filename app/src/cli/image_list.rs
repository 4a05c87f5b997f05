//! `images`.

use super::arguments::ImagesArgs;
use super::filters::{Filters, invalid};
use super::format::{Format, Row};
use super::image::{age, of_store};
use super::{Failure, Outcome, output};
use jiff::Timestamp;
use porthole_engine::images::{ImageSummary, Reference, Store};
use porthole_engine::{Engine, units};
use regex::Regex;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::process::ExitCode;

const DEFAULT: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
const DEFAULT_WITH_DIGESTS: &str = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
const FILTERS: [&str; 5] = ["reference", "dangling", "label", "before", "since"];

/// The columns, by the name that templates use.
const TITLES: [(&str, &str); 7] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
];

/// An image under one of its names, or under none.
struct Named<'a> {
    image: &'a ImageSummary,
    reference: Option<&'a Reference>,
}

/// Lists images.
pub fn list(engine: &Engine, arguments: &ImagesArgs) -> Outcome {
    let default = if arguments.digests { DEFAULT_WITH_DIGESTS } else { DEFAULT };
    let written = arguments.format.as_deref().filter(|format| !format.is_empty());
    let format = Format::parse(written.unwrap_or("table"), default)?;
    let store = engine.images()?;
    let selection = Selection::parse(&store, arguments)?;
    let images = store.list().map_err(of_store)?;
    let mut rows = Vec::new();
    for image in &images {
        if selection.wants(&store, image)? {
            rows.extend(names_of(image).into_iter().filter(|named| selection.wants_name(named)));
        }
    }
    let id = |image: &ImageSummary| match arguments.no_trunc {
        true => image.id.to_string(),
        false => image.id.short().to_owned(),
    };
    if arguments.quiet && written.is_none() {
        for named in &rows {
            output::line(&id(named.image))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wants_digests = arguments.digests || written.is_some();
    let (now, no_labels) = (Timestamp::now(), BTreeMap::new());
    let mut printed = Vec::new();
    for named in &rows {
        let digest = if wants_digests { digest(&store, named)? } else { String::new() };
        printed.push(Row { fields: fields(named, id(named.image), digest, now), labels: &no_labels });
    }
    format.print(&TITLES, printed)?;
    Ok(ExitCode::SUCCESS)
}

fn names_of(image: &ImageSummary) -> Vec<Named<'_>> {
    match image.references.is_empty() {
        true => vec![Named { image, reference: None }],
        false => image.shown_references().map(|reference| Named { image, reference: Some(reference) }).collect(),
    }
}

fn fields(named: &Named<'_>, id: String, digest: String, now: Timestamp) -> Map<String, Value> {
    let Named { image, reference } = named;
    let none = || "<none>".to_owned();
    let texts = [
        ("ID", id),
        ("Repository", reference.map_or_else(none, Reference::repository)),
        ("Tag", reference.and_then(Reference::tag).map_or_else(none, str::to_owned)),
        ("Digest", digest),
        ("CreatedSince", age(image.created, now)),
        ("CreatedAt", image.created.map_or_else(|| "N/A".to_owned(), output::local_time)),
        ("Size", units::human_size(image.size)),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

/// The digest by which a registry would know the image; `<none>` when it did not come by a manifest.
fn digest(store: &Store, named: &Named<'_>) -> Result<String, Failure> {
    let none = || "<none>".to_owned();
    let Some(reference) = named.reference else { return Ok(none()) };
    let image = store.resolve(&named.image.id.to_string()).map_err(of_store)?;
    let digests = store.inspect(&image).map_err(of_store)?.repo_digests;
    let repository = reference.repository();
    let of_repository = |text: &String| {
        text.split_once('@').filter(|(name, _)| *name == repository).map(|(_, digest)| digest.to_owned())
    };
    Ok(digests.iter().find_map(of_repository).unwrap_or_else(none))
}

/// What the list is narrowed to.
struct Selection {
    filters: Filters,
    references: Vec<Regex>,
    dangling: Vec<bool>,
    before: Vec<Option<Timestamp>>,
    since: Vec<Option<Timestamp>>,
}

impl Selection {
    fn parse(store: &Store, arguments: &ImagesArgs) -> Result<Selection, Failure> {
        let filters = Filters::parse(&arguments.filter, &FILTERS)?;
        let created = |key: &str| -> Result<Vec<Option<Timestamp>>, Failure> {
            filters.of(key).iter().map(|name| Ok(store.resolve(name).map_err(of_store)?.created)).collect()
        };
        let mut references = filters.parsed("reference", glob)?;
        if let Some(repository) = &arguments.repository {
            references.push(glob(repository).ok_or_else(|| invalid("reference", repository))?);
        }
        Ok(Selection {
            references,
            dangling: filters.parsed("dangling", truth)?,
            before: created("before")?,
            since: created("since")?,
            filters,
        })
    }

    fn wants(&self, store: &Store, image: &ImageSummary) -> Result<bool, Failure> {
        let dangling = image.references.iter().all(|name| name.tag().is_none());
        let in_time = (self.before.is_empty() || self.before.iter().any(|moment| image.created < *moment))
            && (self.since.is_empty() || self.since.iter().any(|moment| image.created > *moment));
        if !in_time || !(self.dangling.is_empty() || self.dangling.contains(&dangling)) {
            return Ok(false);
        }
        if self.filters.of("label").is_empty() {
            return Ok(true);
        }
        let image = store.resolve(&image.id.to_string()).map_err(of_store)?;
        let labels = image.config.config().as_ref().and_then(|config| config.labels().clone()).unwrap_or_default();
        Ok(self.filters.labels_match(&labels.into_iter().collect()))
    }

    fn wants_name(&self, named: &Named<'_>) -> bool {
        if self.references.is_empty() {
            return true;
        }
        let Some(reference) = named.reference else { return false };
        let (whole, repository) = (reference.to_string(), reference.repository());
        self.references.iter().any(|pattern| pattern.is_match(&whole) || pattern.is_match(&repository))
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "1" | "t" | "T" => Some(true),
        "false" | "False" | "FALSE" | "0" | "f" | "F" => Some(false),
        _ => None,
    }
}

/// A shell pattern of names: `*` and `?` stay between slashes, as Go's path.Match has it.
fn glob(text: &str) -> Option<Regex> {
    let mut pattern = String::from("^");
    let mut in_class = false;
    for character in text.chars() {
        match character {
            '*' if !in_class => pattern.push_str("[^/]*"),
            '?' if !in_class => pattern.push_str("[^/]"),
            '[' | ']' => {
                in_class = character == '[';
                pattern.push(character);
            }
            '-' | '^' if in_class => pattern.push(character),
            _ => pattern.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    pattern.push('$');
    Regex::new(&pattern).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stay_between_slashes() {
        let matches = |pattern: &str, name: &str| glob(pattern).unwrap().is_match(name);
        assert!(matches("alpine", "alpine") && matches("al*", "alpine") && matches("*:3.?", "alpine:3.2"));
        assert!(matches("[a-c]lpine", "alpine") && matches("quay.io/*/x", "quay.io/y/x"));
        assert!(!matches("al", "alpine") && !matches("*", "quay.io/x") && !matches("a.b", "axb"));
        assert!(glob("[").is_none());
    }
}
