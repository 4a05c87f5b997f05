//! `image prune`, `container prune` and `system prune`.

use super::filters::{Filters, invalid};
use super::{Failure, Outcome, output};
use clap::Args;
use porthole_engine::images::Removal;
use porthole_engine::{Engine, PruneFilter, Pruned, units};
use std::io::{self, Write};
use std::process::ExitCode;

const FILTERS: [&str; 3] = ["until", "label", "label!"];

// `container prune`, and what all of them take.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Do not prompt for confirmation
    #[arg(short = 'f', long)]
    pub force: bool,
    /// Provide filter values (e.g. "until=24h", "label=KEY=VALUE", "label!=KEY")
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
}

// `image prune`.
#[derive(Debug, Args)]
pub struct ImagePruneArgs {
    /// Remove all unused images, not just dangling ones
    #[arg(short = 'a', long)]
    pub all: bool,
    #[command(flatten)]
    pub common: PruneArgs,
}

// `system prune`.
#[derive(Debug, Args)]
pub struct SystemPruneArgs {
    /// Remove all unused images, not just dangling ones
    #[arg(short = 'a', long)]
    pub all: bool,
    /// Prune anonymous volumes
    #[arg(long)]
    pub volumes: bool,
    #[command(flatten)]
    pub common: PruneArgs,
}

/// Removes images that no container was made of.
pub fn images(engine: &Engine, arguments: &ImagePruneArgs) -> Outcome {
    let filter = filter(&arguments.common)?;
    confirm(&arguments.common, "image", &format!("WARNING! This will remove {}.", unused_images(arguments.all)))?;
    let pruned = engine.prune_images(arguments.all, &filter)?;
    super::sweep(engine);
    report(&pruned)
}

/// Removes containers that do not run.
pub fn containers(engine: &Engine, arguments: &PruneArgs) -> Outcome {
    let filter = filter(arguments)?;
    confirm(arguments, "container", "WARNING! This will remove all stopped containers.")?;
    let pruned = engine.prune_containers(&filter)?;
    super::sweep(engine);
    report(&pruned)
}

/// Removes containers that do not run, networks that none is on, then anonymous volumes if asked to, and images that no container was made of.
pub fn system(engine: &Engine, arguments: &SystemPruneArgs) -> Outcome {
    let filter = filter(&arguments.common)?;
    let mut warning =
        "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n"
            .to_owned();
    if arguments.volumes {
        warning.push_str("  - all anonymous volumes not used by at least one container\n");
    }
    warning.push_str(&format!("  - {}\n", unused_images(arguments.all)));
    confirm(&arguments.common, "system", &warning)?;
    let mut pruned = engine.prune_containers(&filter)?;
    pruned.networks = engine.prune_networks(&filter)?.networks;
    if arguments.volumes {
        let volumes = engine.prune_volumes(false, &filter)?;
        pruned.volumes = volumes.volumes;
        pruned.reclaimed += volumes.reclaimed;
    }
    let images = engine.prune_images(arguments.all, &filter)?;
    super::sweep(engine);
    report(&Pruned { reclaimed: pruned.reclaimed + images.reclaimed, images: images.images, ..pruned })
}

fn unused_images(all: bool) -> &'static str {
    if all { "all images without at least one container associated to them" } else { "all dangling images" }
}

/// Reads the filters.
pub(super) fn filter(arguments: &PruneArgs) -> Result<PruneFilter, Failure> {
    let filters = Filters::parse(&arguments.filter, &FILTERS)?;
    let until = filters.parsed("until", |text| units::parse_time(text, output::now()).ok())?;
    if until.len() > 1 {
        return Err(invalid("until", &filters.of("until").join(",")));
    }
    let labels = |key: &str| filters.of(key).iter().map(|label| pair(label)).collect();
    Ok(PruneFilter { until: until.first().copied(), labels: labels("label"), without_labels: labels("label!") })
}

fn pair(label: &str) -> (String, Option<String>) {
    match label.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (label.to_owned(), None),
    }
}

/// Asks, unless told not to. The end of the input means no.
pub(super) fn confirm(arguments: &PruneArgs, what: &str, warning: &str) -> Result<(), Failure> {
    if arguments.force {
        return Ok(());
    }
    print!("{warning}\nAre you sure you want to continue? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y") {
        return Ok(());
    }
    // Without an answer, the line is still open.
    if !answer.ends_with('\n') {
        println!();
    }
    Err(Failure::new(format!("{what} prune has been cancelled"), 1))
}

/// Tells what went.
pub(super) fn report(pruned: &Pruned) -> Outcome {
    if !pruned.containers.is_empty() {
        output::line("Deleted Containers:")?;
        pruned.containers.iter().try_for_each(|id| output::line(id))?;
        output::line("")?;
    }
    if !pruned.volumes.is_empty() {
        output::line("Deleted Volumes:")?;
        pruned.volumes.iter().try_for_each(|name| output::line(name))?;
        output::line("")?;
    }
    if !pruned.networks.is_empty() {
        output::line("Deleted Networks:")?;
        pruned.networks.iter().try_for_each(|name| output::line(name))?;
        output::line("")?;
    }
    if !pruned.images.is_empty() {
        output::line("Deleted Images:")?;
        for removal in &pruned.images {
            output::line(&match removal {
                Removal::Untagged(name) => format!("untagged: {name}"),
                Removal::Deleted(digest) => format!("deleted: {digest}"),
            })?;
        }
        output::line("")?;
    }
    output::line(&format!("Total reclaimed space: {}", units::human_size(pruned.reclaimed)))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter_of(words: &[&str]) -> Result<PruneFilter, Failure> {
        filter(&PruneArgs { force: true, filter: words.iter().map(ToString::to_string).collect() })
    }

    #[test]
    fn filters_are_read() {
        let found = filter_of(&["until=1970-01-01T00:00:01Z", "label=a", "label=b=c", "label!=d"]).unwrap();
        assert_eq!(found.until, Some(1_000_000_000));
        assert_eq!(found.labels, [("a".to_owned(), None), ("b".to_owned(), Some("c".to_owned()))]);
        assert_eq!(found.without_labels, [("d".to_owned(), None)]);
        for wrong in [&["until=soon"][..], &["until=1h", "until=2h"], &["dangling=true"], &["label"]] {
            assert!(filter_of(wrong).is_err(), "{wrong:?}");
        }
    }
}
