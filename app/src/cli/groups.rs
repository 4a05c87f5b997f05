//! Commands that are said with a word for what they work on: `image layers`, `container why`. All others have a short
//! form too, which [`short`] finds.

use super::inside::{CatArgs, ExtractArgs, LayersArgs, TreeArgs, WhyArgs};
use super::{Outcome, inside};
use clap::Subcommand;
use porthole_engine::Engine;

/// `image …`.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Show what each layer of an image or a container adds, changes, removes and wastes
    Layers(LayersArgs),
    /// List the files of an image or a container, of all layers together or of one
    Tree(TreeArgs),
    /// Print a file of an image or a container
    Cat(CatArgs),
    /// Copy a file or directory out of an image or a container
    Extract(ExtractArgs),
}

/// `container …`.
#[derive(Debug, Subcommand)]
pub enum ContainerCommand {
    /// Tell which layer a file of a container comes from, and what is hidden below it
    Why(WhyArgs),
}

/// The short word for two: `ps` for `container ls`.
pub fn short<'a>(group: &str, word: &'a str) -> Option<&'a str> {
    match (group, word) {
        ("image", "layers" | "tree" | "cat" | "extract") | ("container", "why") => None,
        ("container", "ls" | "list") => Some("ps"),
        ("image", "ls" | "list") => Some("images"),
        ("image", "rm" | "remove") => Some("rmi"),
        ("container", "remove") => Some("rm"),
        ("container" | "image", word) if !word.starts_with('-') => Some(word),
        _ => None,
    }
}

/// Runs a command on images.
pub fn image(engine: &Engine, command: ImageCommand) -> Outcome {
    match command {
        ImageCommand::Layers(arguments) => inside::layers(engine, &arguments),
        ImageCommand::Tree(arguments) => inside::tree(engine, &arguments),
        ImageCommand::Cat(arguments) => inside::cat(engine, &arguments),
        ImageCommand::Extract(arguments) => inside::extract(engine, &arguments),
    }
}

/// Runs a command on containers.
pub fn container(engine: &Engine, command: ContainerCommand) -> Outcome {
    match command {
        ContainerCommand::Why(arguments) => inside::why(engine, &arguments),
    }
}
