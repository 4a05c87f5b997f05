//! Commands on images.

use super::arguments::{HistoryArgs, ImportArgs, LoadArgs, RmiArgs, TagArgs};
use super::{Failure, Outcome, change, output};
use jiff::Timestamp;
use porthole_engine::images::{ImportConfig, Reference, Removal};
use porthole_engine::{Engine, units};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

/// `load`.
pub fn load(engine: &Engine, arguments: &LoadArgs) -> Outcome {
    let store = engine.images().map_err(Failure::from)?;
    let loaded = match &arguments.input {
        Some(path) => store.load_file(path, &mut |_| {}),
        None if io::stdin().is_terminal() => {
            return Err(Failure::new("requested load from stdin, but stdin is empty: name a file with -i", 1));
        }
        None => store.load(io::stdin(), &mut |_| {}),
    };
    for image in loaded.map_err(of_store)? {
        engine.record_image_event("load", &image.id.to_string(), &image.id.to_string());
        if arguments.quiet {
            continue;
        }
        if image.references.is_empty() {
            output::line(&format!("Loaded image ID: {}", image.id))?;
        }
        for reference in &image.references {
            output::line(&format!("Loaded image: {reference}"))?;
        }
    }
    sweep_replaced(engine)?;
    Ok(ExitCode::SUCCESS)
}

/// Lets damaged layers be deleted, if a load or a pull replaced any.
pub fn sweep_replaced(engine: &Engine) -> Result<(), Failure> {
    if engine.images()?.has_trash().map_err(of_store)? {
        super::sweep(engine);
    }
    Ok(())
}

/// `import`.
pub fn import(engine: &Engine, arguments: ImportArgs) -> Outcome {
    let store = engine.images().map_err(Failure::from)?;
    let reference: Option<Reference> = arguments
        .reference
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error| Failure::new(format!("{error}"), 1))?;
    let mut config = ImportConfig { message: arguments.message.unwrap_or_default(), ..ImportConfig::default() };
    for instruction in &arguments.change {
        change::apply(&mut config, instruction).map_err(|error| Failure::new(error, 1))?;
    }
    let image = if arguments.source == Path::new("-") {
        store.import(io::stdin().lock(), reference.as_ref(), config)
    } else {
        let file = File::open(&arguments.source)
            .map_err(|error| Failure::new(format!("{}: {error}", arguments.source.display()), 1))?;
        store.import(file, reference.as_ref(), config)
    };
    let id = image.map_err(of_store)?.id.to_string();
    engine.record_image_event("import", &id, arguments.reference.as_deref().unwrap_or(&id));
    output::line(&id)?;
    Ok(ExitCode::SUCCESS)
}

/// `tag`.
pub fn tag(engine: &Engine, arguments: &TagArgs) -> Outcome {
    let target: Reference = arguments.target.parse().map_err(|error| Failure::new(format!("{error}"), 1))?;
    let store = engine.images()?;
    store.tag(&arguments.source, &target).map_err(of_store)?;
    let id = store.resolve(&arguments.target).map_err(of_store)?.id;
    engine.record_image_event("tag", &id.to_string(), &target.to_string());
    Ok(ExitCode::SUCCESS)
}

/// `rmi`.
pub fn remove(engine: &Engine, arguments: &RmiArgs) -> Outcome {
    let mut failed = false;
    for name in &arguments.names {
        match engine.remove_image(name, arguments.force) {
            Ok(removals) => {
                for removal in removals {
                    output::line(&match removal {
                        Removal::Untagged(reference) => format!("Untagged: {reference}"),
                        Removal::Deleted(digest) => format!("Deleted: {digest}"),
                    })?;
                }
            }
            Err(error) => {
                eprintln!("porthole: {error}");
                failed = true;
            }
        }
    }
    super::sweep(engine);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `history`.
pub fn history(engine: &Engine, arguments: &HistoryArgs) -> Outcome {
    let store = engine.images().map_err(Failure::from)?;
    let image = store.resolve(&arguments.image).map_err(of_store)?;
    let entries = store.history(&image).map_err(of_store)?;
    let now = Timestamp::now();
    let mut rows = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let id = match number {
            0 if arguments.no_trunc => image.id.to_string(),
            0 => image.id.short().to_owned(),
            _ => "<missing>".to_owned(),
        };
        if arguments.quiet {
            output::line(&id)?;
            continue;
        }
        let created_by = output::plain(&entry.created_by);
        let created_by = if arguments.no_trunc { created_by } else { output::ellipsis(&created_by, 45) };
        let created = age(entry.created, now);
        rows.push(vec![id, created, created_by, units::human_size(entry.size), output::plain(&entry.comment)]);
    }
    if !arguments.quiet {
        output::table(&["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How long ago an image was made.
pub fn age(created: Option<Timestamp>, now: Timestamp) -> String {
    created.map_or_else(
        || "N/A".to_owned(),
        |created| {
            let nanoseconds = now.duration_since(created).as_nanos();
            format!("{} ago", units::human_duration(i64::try_from(nanoseconds).unwrap_or(i64::MAX)))
        },
    )
}

/// A failure of the store, told as it is.
pub fn of_store(error: porthole_engine::images::Error) -> Failure {
    Failure::new(error.to_string(), 1)
}
