//! What has to change between what a file says and what is there.

use crate::project::Service;
use std::collections::BTreeMap;

/// A container of a project, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its number among those of its service.
    pub number: usize,
    /// The hash of the service that it was made from.
    pub hash: String,
    /// The id of its image.
    pub image_id: String,
    /// When it was made; the later, the greater.
    pub created: i64,
}

/// When a container is made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recreate {
    /// When it is not as its service is.
    #[default]
    Diverged,
    /// Always.
    Force,
    /// Never.
    Never,
}

/// What happens to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// One with this number is made.
    Create(usize),
    /// It is made anew, since it is not as its service is.
    Recreate(Observed),
    /// It stays, and gets this name if it has another.
    Keep(Observed),
    /// It goes: there are more than are asked for.
    Remove(Observed),
}

/// The name of a container of a service.
pub fn container_name(project: &str, service: &Service, number: usize) -> String {
    service.container_name.clone().unwrap_or_else(|| format!("{project}-{}-{number}", service.name))
}

/// What has to happen so that a service has this many containers, each as the service is. `image` is the id of its image now,
/// if it is there.
pub fn of_service(
    service: &Service,
    count: usize,
    observed: Vec<Observed>,
    image: Option<&str>,
    recreate: Recreate,
) -> Vec<Step> {
    let is_as_asked = |one: &Observed| one.hash == service.hash && image.is_none_or(|image| one.image_id == image);
    let mut by_number: BTreeMap<usize, Vec<Observed>> = BTreeMap::new();
    observed.into_iter().for_each(|one| by_number.entry(one.number).or_default().push(one));
    let mut steps = Vec::new();
    let mut kept = Vec::new();
    for (_, mut same) in by_number {
        // Several have one number when whoever made one anew was killed at it: the one that is as asked stays, else the latest.
        same.sort_by_key(|one| (is_as_asked(one), one.created));
        kept.extend(same.pop());
        steps.extend(same.into_iter().map(Step::Remove));
    }
    // Where there are too many, those that would have to be made anew go first, then those with the highest numbers.
    if kept.len() > count {
        kept.sort_by_key(|one| (!is_as_asked(one), one.number));
        steps.extend(kept.drain(count..).map(Step::Remove));
        kept.sort_by_key(|one| one.number);
    }
    let taken: Vec<usize> = kept.iter().map(|one| one.number).collect();
    let missing = count - kept.len();
    for one in kept {
        let diverged = match recreate {
            Recreate::Diverged => !is_as_asked(&one),
            Recreate::Force => true,
            Recreate::Never => false,
        };
        steps.push(if diverged { Step::Recreate(one) } else { Step::Keep(one) });
    }
    let free = (1..).filter(|number| !taken.contains(number));
    steps.extend(free.take(missing).map(Step::Create));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service { name: "web".into(), hash: "h".into(), ..Service::default() }
    }

    fn one(number: usize, hash: &str) -> Observed {
        let id = format!("{number}{hash}");
        let created = i64::try_from(number).unwrap();
        Observed { id, name: String::new(), number, hash: hash.into(), image_id: "i".into(), created }
    }

    fn steps(count: usize, observed: Vec<Observed>, recreate: Recreate) -> String {
        let step = |step: Step| match step {
            Step::Create(number) => format!("+{number}"),
            Step::Recreate(one) => format!("~{}", one.id),
            Step::Keep(one) => format!("={}", one.id),
            Step::Remove(one) => format!("-{}", one.id),
        };
        of_service(&service(), count, observed, Some("i"), recreate).into_iter().map(step).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_what_diverged_is_made_anew() {
        use Recreate::{Diverged, Force, Never};
        assert_eq!(steps(2, vec![], Diverged), "+1 +2");
        assert_eq!(steps(2, vec![one(1, "h"), one(2, "x")], Diverged), "=1h ~2x");
        assert_eq!(steps(1, vec![one(1, "h")], Force), "~1h");
        assert_eq!(steps(1, vec![one(1, "x")], Never), "=1x");
        assert_eq!(steps(3, vec![one(2, "h")], Diverged), "=2h +1 +3");
        assert_eq!(steps(1, vec![one(1, "x"), one(2, "h")], Diverged), "-1x =2h");
        assert_eq!(steps(1, vec![one(1, "h"), one(2, "h")], Diverged), "-2h =1h");
        assert_eq!(steps(0, vec![one(1, "h")], Diverged), "-1h");
        assert_eq!(steps(1, vec![one(1, "x"), one(1, "h")], Diverged), "-1x =1h", "a recreation that was killed");
    }

    #[test]
    fn a_newer_image_makes_a_container_diverge() {
        let changed = of_service(&service(), 1, vec![one(1, "h")], Some("newer"), Recreate::Diverged);
        assert!(matches!(changed[..], [Step::Recreate(_)]));
        let unknown = of_service(&service(), 1, vec![one(1, "h")], None, Recreate::Diverged);
        assert!(matches!(unknown[..], [Step::Keep(_)]));
    }
}
