//! `image`, `container` and `system`: groups of commands. Those that have a short word of their own are told by
//! [`super::canonical`]; here are the others.

use super::image_verify::VerifyArgs;
use super::inside::{CatArgs, ExtractArgs, LayersArgs, TreeArgs, WhyArgs};
use super::prune::{ImagePruneArgs, PruneArgs, SystemPruneArgs};
use super::system_df::DfArgs;
use super::{Outcome, image_verify, inside, prune, system_df};
use clap::{Args, Subcommand};
use porthole_engine::Engine;

// `image`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "As the commands of the same name, or the one in brackets:
  build, history, import, inspect, load, ls (images), rm (rmi), save, tag"
)]
pub struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum ImageCommand {
    /// Print a file of an image or a container
    Cat(CatArgs),
    /// Copy a file or directory out of an image or a container
    Extract(ExtractArgs),
    /// Show what each layer of an image or a container adds, changes, removes and wastes
    Layers(LayersArgs),
    /// Remove unused images
    Prune(ImagePruneArgs),
    /// List the files of an image or a container, of all layers together or of one
    Tree(TreeArgs),
    /// Check that the store still holds what it was given
    Verify(VerifyArgs),
}

// `container`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "As the commands of the same name, or the one in brackets:
  attach, commit, cp, create, diff, exec, export, inspect, kill, logs, ls (ps),
  pause, rename, restart, rm, run, start, stats, stop, top, unpause, update, wait"
)]
pub struct ContainerArgs {
    #[command(subcommand)]
    command: ContainerCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum ContainerCommand {
    /// Remove all stopped containers
    Prune(PruneArgs),
    /// Tell which layer a file of a container comes from, and what is hidden below it
    Why(WhyArgs),
}

// `system`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct SystemArgs {
    #[command(subcommand)]
    command: SystemCommand,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum SystemCommand {
    /// Show disk usage
    Df(DfArgs),
    /// Remove unused data
    Prune(SystemPruneArgs),
}

/// Whether these two words are a command of a group, rather than another way to write a short one.
pub fn is_own(group: &str, word: &str) -> bool {
    match group {
        "image" => ImageCommand::has_subcommand(word),
        "container" => ContainerCommand::has_subcommand(word),
        _ => false,
    }
}

/// Runs a command on images.
pub fn image(engine: &Engine, arguments: ImageArgs) -> Outcome {
    match arguments.command {
        ImageCommand::Cat(options) => inside::cat(engine, &options),
        ImageCommand::Extract(options) => inside::extract(engine, &options),
        ImageCommand::Layers(options) => inside::layers(engine, &options),
        ImageCommand::Tree(options) => inside::tree(engine, &options),
        ImageCommand::Prune(options) => prune::images(engine, &options),
        ImageCommand::Verify(options) => image_verify::verify(engine, &options),
    }
}

/// Runs a command on containers.
pub fn container(engine: &Engine, arguments: ContainerArgs) -> Outcome {
    match arguments.command {
        ContainerCommand::Prune(options) => prune::containers(engine, &options),
        ContainerCommand::Why(options) => inside::why(engine, &options),
    }
}

/// Runs a command on all that there is.
pub fn system(engine: &Engine, arguments: SystemArgs) -> Outcome {
    match arguments.command {
        SystemCommand::Df(options) => system_df::df(engine, &options),
        SystemCommand::Prune(options) => prune::system(engine, &options),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_on_images_tells_of_every_command_of_a_group() {
        let page = include_str!("../../../docs/images.md");
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for group in ["image", "container", "system"] {
            let command = crate::cli::command();
            let group = command.find_subcommand(group).expect("a group");
            for own in group.get_subcommands() {
                let words = format!("{} {}", group.get_name(), own.get_name());
                assert!(page.contains(&words), "{words}");
            }
        }
    }
}
