//! What lies above the panes and takes all keys.

use super::form::CommandForm;
use super::prompt::Prompt;
use super::registry::Registry;
use crate::tui::actions::Action;
use crate::tui::message::ShellId;
use porthole_widgets::confirm;
use porthole_widgets::help::HelpState;
use porthole_widgets::log_view::LogView;
use porthole_widgets::palette::Palette;
use std::path::PathBuf;

/// What lies above the panes.
pub enum Modal {
    /// A question.
    Confirm(Confirm),
    /// A line being typed.
    Prompt(Box<Prompt>),
    /// Fields to fill in.
    Form(CommandForm),
    /// Finding an action by its name: the items, and the action of each.
    Palette(Box<Palette>, Vec<Action>),
    /// Choosing by a name.
    Choice(Box<Choice>),
    /// What a registry has to offer.
    Registry(Box<Registry>),
    /// A page to read.
    Page(Page),
}

/// One of several command lines to be chosen.
pub struct Choice {
    /// What is chosen.
    pub title: String,
    /// The names.
    pub palette: Palette,
    /// The command line of each.
    pub commands: Vec<Vec<String>>,
}

/// A question that names its object, what will happen, and the exact command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// The question, what happens on yes, and the command line.
    pub dialog: confirm::Confirm,
    /// What is done on yes.
    pub then: Then,
}

/// What a yes does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Runs a command line.
    Run(Vec<String>),
    /// Runs a command line in a terminal, which shows how it comes on.
    Terminal(String, Vec<String>),
    /// Quits.
    Quit,
    /// Hangs up a terminal.
    CloseShell(ShellId),
    /// Saves the Dockerfile that is open, and builds.
    SaveAndBuild(Vec<String>),
    /// Saves a Dockerfile over what somebody else wrote.
    SaveOver(PathBuf),
}

/// A page to read.
pub enum Page {
    /// The keys, from a line on.
    Help(HelpState),
    /// The command lines that were run; the selected one counted from the newest.
    Commands { selected: usize },
    /// What a command line printed.
    Output { title: String, text: Box<LogView> },
}
