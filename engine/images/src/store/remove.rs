//! Names given and taken away, and images removed, as `docker tag` and `docker rmi` do it.

use std::fs::File;

use super::find::Found;
use super::{Guard, Store};
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::fs;
use crate::reference::Reference;

/// One thing that removing an image did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// A name was taken from an image.
    Untagged(Reference),
    /// An image or a layer is gone; layers go by their chain IDs.
    Deleted(Digest),
}

/// What is to be done to remove an image by one of its names, or by its ID.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    untag: Vec<Reference>,
    delete: bool,
}

impl Store {
    /// Gives the image `source` another name, taking it from whatever image has it.
    pub fn tag(&self, source: &str, target: &Reference) -> Result<()> {
        let target = target.as_tag()?;
        let guard = self.lock()?;
        let mut references = self.references()?;
        let id = self.find(source, &references)?.id();
        references.set(target, id);
        self.write_references(&references, &guard)
    }

    /// Takes the name from its image, and removes the image with its last name. Removed by ID, an image loses all its
    /// names.
    ///
    /// `in_use` names the containers that use an image. Without `force`, an image with containers keeps its last name, and
    /// one with several names is not removed by ID. Even with `force`, an image in use stays, without a name.
    pub fn remove(&self, name: &str, force: bool, in_use: &dyn Fn(&Digest) -> Vec<String>) -> Result<Vec<Removal>> {
        // Tells others that a removal is under way, and to complete it should this process be killed.
        let _intent = self.ingest()?;
        let guard = self.lock()?;
        let mut references = self.references()?;
        let found = self.find(name, &references)?;
        let id = found.id();
        let record = self.record_path(&id);
        let file = File::open(&record).at("open", &record)?;
        let leased = !fs::try_lock(&file, &record)?;
        // Once it is locked, no container can begin to use the image.
        let mut users = in_use(&id);
        if leased {
            users.push("(one that is just being created)".to_owned());
        }
        let plan = plan(&found, references.of(&id), force, &users)?;
        // With its record, an image loses all its names.
        let deleted = if plan.delete { self.delete(&id, &guard)? } else { Vec::new() };
        if !plan.delete {
            plan.untag.iter().for_each(|reference| references.remove(reference));
            self.write_references(&references, &guard)?;
        }
        let untagged = plan.untag.into_iter().map(Removal::Untagged);
        Ok(untagged.chain(deleted.into_iter().map(Removal::Deleted)).collect())
    }

    /// Removes an image's record, and then what no other image uses of its layers and blobs.
    fn delete(&self, id: &Digest, guard: &Guard) -> Result<Vec<Digest>> {
        let (used, record) = (self.used(Some(id))?, self.record(id));
        // First, since a record without data would be worse than data without a record.
        self.discard(&self.record_path(id), guard)?;
        let layers = match (record, used) {
            (Ok(record), Some(used)) => self.discard_layers(id, &record, &used, guard)?,
            // Which layers only this image used cannot be told from damaged records: they stay.
            (Ok(_), None) | (Err(Error::Record { .. }), _) => Vec::new(),
            (Err(error), _) => return Err(error),
        };
        Ok([*id].into_iter().chain(layers).collect())
    }
}

/// Docker's rules.
fn plan(found: &Found, references: Vec<Reference>, force: bool, users: &[String]) -> Result<Plan> {
    let id = found.id().short();
    match found {
        Found::ByReference(reference, _) => {
            // With its last tag, a repository's digests go, too.
            let is_last = reference.tag().is_some()
                && !references
                    .iter()
                    .any(|other| other != reference && other.tag().is_some() && other.same_repository(reference));
            let goes = |other: &&Reference| {
                *other == reference || (is_last && other.tag().is_none() && other.same_repository(reference))
            };
            if !references.iter().all(|other| goes(&other)) {
                return Ok(Plan { untag: references.iter().filter(goes).cloned().collect(), delete: false });
            }
            match users.first() {
                Some(user) if !force => Err(Error::Conflict(format!(
                    "unable to remove repository reference \"{reference}\" (must force) - container {user} is using its \
                     referenced image {id}"
                ))),
                user => Ok(Plan { untag: references, delete: user.is_none() }),
            }
        }
        Found::ById(_) => {
            if let Some(user) = users.first() {
                return Err(Error::Conflict(format!(
                    "unable to delete {id} (cannot be forced) - image is being used by container {user}"
                )));
            }
            if !force && references.iter().filter(|reference| reference.tag().is_some()).count() > 1 {
                return Err(Error::Conflict(format!(
                    "unable to delete {id} (must be forced) - image is referenced in multiple repositories"
                )));
            }
            Ok(Plan { untag: references, delete: true })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(names: &[&str]) -> Vec<Reference> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn by_name(name: &str, names: &[&str], force: bool, users: &[String]) -> Result<Plan> {
        plan(&Found::ByReference(name.parse().unwrap(), Digest::of(b"")), references(names), force, users)
    }

    fn by_id(names: &[&str], force: bool, users: &[String]) -> Result<Plan> {
        plan(&Found::ById(Digest::of(b"")), references(names), force, users)
    }

    #[test]
    fn a_name_among_others_is_just_taken() {
        let plan = by_name("a:1", &["a:1", "a:2"], false, &["web".into()]).unwrap();
        assert_eq!(plan, Plan { untag: references(&["a:1"]), delete: false });
    }

    #[test]
    fn the_last_name_takes_the_image_along() {
        let digest = format!("a@{}", Digest::of(b"manifest"));
        let names = ["a:1", digest.as_str()];
        assert_eq!(by_name("a:1", &names, false, &[]).unwrap(), Plan { untag: references(&names), delete: true });
    }

    #[test]
    fn the_last_tag_of_a_repository_takes_its_digests_along() {
        let digest = format!("a@{}", Digest::of(b"manifest"));
        let plan = by_name("a:1", &["a:1", &digest, "b:1"], false, &[]).unwrap();
        assert_eq!(plan, Plan { untag: references(&["a:1", &digest]), delete: false });
        let plan = by_name("a:1", &["a:1", &digest, "a:2"], false, &[]).unwrap();
        assert_eq!(plan, Plan { untag: references(&["a:1"]), delete: false });
    }

    #[test]
    fn an_image_in_use_keeps_its_last_name_unless_forced() {
        let error = by_name("a:1", &["a:1"], false, &["web".into()]).unwrap_err().to_string();
        assert!(
            error.contains("unable to remove repository reference \"a:1\" (must force) - container web"),
            "{error}"
        );
        let plan = by_name("a:1", &["a:1"], true, &["web".into()]).unwrap();
        assert_eq!(plan, Plan { untag: references(&["a:1"]), delete: false });
        assert!(by_id(&["a:1"], true, &["web".into()]).is_err());
    }

    #[test]
    fn an_id_with_several_names_must_be_forced() {
        assert!(by_id(&["a:1", "b:1"], false, &[]).is_err());
        assert!(by_id(&["a:1", "b:1"], true, &[]).unwrap().delete);
        assert!(by_id(&["a:1"], false, &[]).unwrap().delete);
        assert!(by_id(&[], false, &[]).unwrap().delete);
    }
}
