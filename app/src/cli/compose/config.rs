//! `compose config`.

use super::Context;
use crate::cli::{Failure, Outcome, output};
use clap::{Args, ValueEnum};
use porthole_engine::compose::model::node::Node;
use porthole_engine::compose::model::{Disk, Request, emit, normal};
use std::path::PathBuf;
use std::process::ExitCode;

// `compose config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Print the service names, one per line
    #[arg(long, group = "list")]
    services: bool,
    /// Print the image names, one per line
    #[arg(long, group = "list")]
    images: bool,
    /// Print the volume names, one per line
    #[arg(long, group = "list")]
    volumes: bool,
    /// Print the network names, one per line
    #[arg(long, group = "list")]
    networks: bool,
    /// Print the profile names, one per line
    #[arg(long, group = "list")]
    profiles: bool,
    /// Print the service config hash, one per line ('*' for all services)
    #[arg(long, value_name = "SERVICES", group = "list")]
    hash: Option<String>,
    /// Format the output
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
    /// Only validate the configuration, don't print anything
    #[arg(short = 'q', long)]
    quiet: bool,
    /// Don't interpolate environment variables
    #[arg(long)]
    no_interpolate: bool,
    /// Save to file (default to stdout)
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Services
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

/// Shows a project as it is understood.
pub fn config(context: Context<'_>, arguments: &ConfigArgs) -> Outcome {
    if arguments.no_interpolate {
        let request = Request { keep_variables: true, ..context.request };
        let loaded = request.read(&Disk)?;
        let mut tree = loaded.tree;
        tree.set("name", Node::text(&tree.place.clone(), loaded.name));
        normal::sort(&mut tree);
        return print(arguments, &tree, false);
    }
    let project = context.project(&arguments.names)?;
    let list = |names: Vec<String>| -> Outcome {
        names.iter().try_for_each(|name| output::line(name))?;
        Ok(ExitCode::SUCCESS)
    };
    if arguments.services {
        return list(project.services.keys().cloned().collect());
    }
    if arguments.images {
        return list(project.services.values().map(|service| service.image.clone()).collect());
    }
    if arguments.volumes {
        return list(project.volumes.keys().cloned().collect());
    }
    if arguments.networks {
        return list(project.networks.keys().cloned().collect());
    }
    if arguments.profiles {
        return list(project.profiles.iter().cloned().collect());
    }
    if let Some(names) = &arguments.hash {
        let names: Vec<String> = match names.as_str() {
            "*" => Vec::new(),
            names => names.split(',').map(str::to_owned).collect(),
        };
        let selected = project.select(&names)?;
        return list(selected.iter().map(|name| format!("{name} {}", project.services[name].hash)).collect());
    }
    let mut tree = project.tree.clone();
    if !arguments.names.is_empty() {
        let wanted = project.with_dependencies(&project.select(&arguments.names)?);
        if let Some(services) = tree.get_mut("services") {
            project.services.keys().filter(|name| !wanted.contains(*name)).for_each(|name| drop(services.take(name)));
        }
    }
    print(arguments, &tree, true)
}

/// What is shown can be read again: a `$` that is no variable any more is written twice.
fn print(arguments: &ConfigArgs, tree: &Node, escape: bool) -> Outcome {
    let text = match arguments.format {
        Format::Yaml => emit::yaml(tree),
        Format::Json => {
            let json = serde_json::to_string_pretty(&tree.to_json());
            json.map_err(|error| Failure::new(error.to_string(), 1))? + "\n"
        }
    };
    let text = if escape { text.replace('$', "$$") } else { text };
    if arguments.quiet {
        return Ok(ExitCode::SUCCESS);
    }
    match &arguments.output {
        Some(path) => {
            std::fs::write(path, text).map_err(|error| Failure::new(format!("{}: {error}", path.display()), 1))?;
        }
        None => output::line(text.trim_end_matches('\n'))?,
    }
    Ok(ExitCode::SUCCESS)
}
