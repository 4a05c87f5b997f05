//! All that the workstation knows and shows. Only [`super::update`] changes it; drawing writes back nothing but where
//! things lie on the screen.

pub mod builds;
pub mod commands;
pub mod detail;
pub mod events;
pub mod files;
pub mod form;
pub mod image_shell;
pub mod inspect;
pub mod items;
pub mod limits;
pub mod list;
pub mod modal;
pub mod network_form;
pub mod networks;
pub mod processes;
pub mod projects;
pub mod prompt;
pub mod registry;
pub mod shells;
pub mod trace;
pub mod usage;

use super::actions::Layer;
use super::complete::Grammar;
use super::human;
use super::keymap::Keymap;
use super::layout::Areas;
use super::message::Effect;
use super::source::{Container, Image, Phase, Volume};
use builds::Builds;
use commands::CommandLog;
use detail::{Detail, View};
use events::EventPane;
use files::Files;
use image_shell::ImageShell;
use inspect::Inspect;
use list::List;
use modal::{Modal, Page};
use networks::NetworkPane;
use porthole_engine::network::Driver;
use porthole_themes::Theme;
use porthole_widgets::log_view::LogView;
use projects::ProjectPane;
use ratatui::layout::Rect;
use shells::Shells;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use trace::TracePane;
use usage::Usage;

/// A page of the workstation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Containers and their details.
    Containers,
    /// Images and their details.
    Images,
    /// How containers, networks and the outside are joined.
    Networks,
    /// Volumes and their details.
    Volumes,
    /// Packets hop by hop.
    Trace,
    /// What happens to containers and images.
    Events,
    /// Projects, and how their services wait for each other.
    Projects,
    /// Images being built.
    Builds,
}

impl Screen {
    /// Every page with the digit that opens it.
    pub const ALL: [(Screen, &'static str); 8] = [
        (Screen::Containers, "Containers"),
        (Screen::Images, "Images"),
        (Screen::Networks, "Networks"),
        (Screen::Volumes, "Volumes"),
        (Screen::Trace, "Trace"),
        (Screen::Events, "Events"),
        (Screen::Projects, "Projects"),
        (Screen::Builds, "Builds"),
    ];
}

/// The pane that keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The list, or the picture that fills the screen.
    List,
    /// Log, inspect or processes of the selection.
    Detail,
    /// A terminal.
    Shell,
}

/// A short message in the corner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// What it says.
    pub text: String,
    /// Whether something went wrong.
    pub bad: bool,
    /// When it goes away by itself, in nanoseconds since 1970.
    pub until: i64,
}

/// A container that a command line made or started, and that is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Newcomer {
    /// The one with this name or id.
    Named(String),
    /// The one whose start failed since this time, in nanoseconds since 1970.
    FailedSince(i64),
}

/// Where panes lie on the screen, as last drawn; the mouse is looked up here.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The tab of each screen.
    pub tabs: Vec<(Rect, Screen)>,
    /// The tab of each view of the selection.
    pub views: Vec<(Rect, View)>,
    /// The tab of each terminal.
    pub shell_tabs: Vec<(Rect, usize)>,
    /// The picture of the way on the trace page.
    pub way: Rect,
}

/// The state of the workstation.
pub struct Model {
    /// Columns and rows.
    pub size: (u16, u16),
    /// Nanoseconds since 1970, as of the last message.
    pub now: i64,
    /// The local time's distance from UTC, in seconds.
    pub utc_offset: i32,
    /// The open page.
    pub screen: Screen,
    /// Which pane has the keys.
    pub focus: Focus,
    /// Whether the focused pane has the screen for itself.
    pub zoomed: bool,
    /// The containers.
    pub containers: List<Container>,
    /// What running containers use, by id.
    pub usages: HashMap<String, Usage>,
    /// The shell that the selected container's image could be looked at with.
    pub image_shell: Option<ImageShell>,
    /// The container to select as soon as it is in the list.
    pub newcomer: Option<Newcomer>,
    /// The images.
    pub images: List<Image>,
    /// The volumes.
    pub volumes: List<Volume>,
    /// The networks, and the way from outside to them.
    pub networks: NetworkPane,
    /// Details of the selection.
    pub detail: Detail,
    /// Terminals.
    pub shells: Shells,
    /// The trace, once there was one.
    pub trace: TracePane,
    /// What has happened.
    pub events: EventPane,
    /// The projects.
    pub projects: ProjectPane,
    /// The builds of this session, and their Dockerfiles.
    pub builds: Builds,
    /// What lies above the panes and takes all keys.
    pub modal: Option<Modal>,
    /// The message in the corner.
    pub toast: Option<Toast>,
    /// The command lines that were run.
    pub commands: CommandLog,
    /// Those of them that were typed by hand.
    pub typed_jobs: HashSet<usize>,
    /// The grammar of command lines, for completion.
    pub grammar: Rc<Grammar>,
    /// Lines typed after `:`, the newest last.
    pub history: Vec<String>,
    /// The registry that was looked through last.
    pub registry: String,
    /// Whether mouse events come here.
    pub mouse: bool,
    /// When usage is sampled next.
    pub next_sample: i64,
    /// The keys.
    pub keymap: Keymap,
    /// The colours.
    pub theme: Theme,
    /// Where things lie on the screen.
    pub places: Places,
}

const SECOND: i64 = 1_000_000_000;
/// Between two looks at how long a build has taken.
const BUILD_PERIOD: i64 = SECOND / 2;
/// Between two looks at what containers use.
pub const SAMPLE_PERIOD: i64 = SECOND;

impl Model {
    /// An empty workstation of columns × rows.
    pub fn new(size: (u16, u16), now: i64, theme: Theme, keymap: Keymap) -> Self {
        Self {
            size,
            now,
            utc_offset: 0,
            screen: Screen::Containers,
            focus: Focus::List,
            zoomed: false,
            containers: List::default(),
            usages: HashMap::new(),
            image_shell: None,
            newcomer: None,
            images: List::default(),
            volumes: List::default(),
            networks: NetworkPane::default(),
            detail: Detail::default(),
            shells: Shells::default(),
            trace: TracePane::default(),
            events: EventPane::default(),
            projects: ProjectPane::default(),
            builds: Builds::default(),
            modal: None,
            toast: None,
            commands: CommandLog::default(),
            typed_jobs: HashSet::new(),
            grammar: Rc::default(),
            history: Vec::new(),
            registry: String::new(),
            mouse: true,
            next_sample: now,
            keymap,
            theme,
            places: Places::default(),
        }
    }

    /// The layers of keys that are active, the most specific first.
    pub fn layers(&self) -> &'static [Layer] {
        use Layer::*;
        match (&self.modal, self.focus, self.screen) {
            (Some(Modal::Confirm(_)), ..) => &[Confirm],
            (Some(Modal::Prompt(_) | Modal::Palette(..) | Modal::Registry(_) | Modal::Choice(_)), ..) => &[Prompt],
            (Some(Modal::Form(_)), ..) => &[Form],
            (Some(Modal::Page(Page::Output { .. })), ..) => &[Overlay, Find, Text, Move],
            (Some(Modal::Page(_)), ..) => &[Overlay, Move],
            (None, Focus::Shell, _) => &[Shell],
            (None, Focus::Detail, _) => match self.view() {
                Some(View::Log) if self.shows_failure() => &[Ended, Log, Find, Text, Move, Global],
                Some(View::Log) => &[Log, Find, Text, Move, Global],
                Some(View::Stats) if self.shows_ended() => &[Ended, Containers, Move, Global],
                Some(View::Stats) => &[Containers, Move, Global],
                Some(View::Yaml | View::Config) => &[Sheet, Projects, Move, Global],
                Some(View::Inspect | View::Links | View::Rules | View::Map) => &[Tree, Find, Move, Global],
                Some(View::Files) => &[Files, Find, Move, Global],
                Some(View::Top) => &[Processes, List, Find, Move, Global],
                Some(View::Output) => &[Output, Find, Text, Builds, Move, Global],
                Some(View::Dockerfile) => &[Editor],
                None => &[Move, Global],
            },
            (None, Focus::List, _) if self.welcomes() => &[Global],
            (None, Focus::List, Screen::Containers) if self.shows_ended() => &[Ended, Containers, List, Move, Global],
            (None, Focus::List, Screen::Containers) => &[Containers, List, Move, Global],
            (None, Focus::List, Screen::Images) => &[Images, List, Move, Global],
            (None, Focus::List, Screen::Volumes) => &[Volumes, List, Move, Global],
            (None, Focus::List, Screen::Networks) => &[Networks, Move, Global],
            (None, Focus::List, Screen::Trace) => &[Trace, Move, Global],
            (None, Focus::List, Screen::Events) => &[Events, List, Move, Global],
            (None, Focus::List, Screen::Projects) => &[Projects, Move, Global],
            (None, Focus::List, Screen::Builds) => &[Builds, Move, Global],
        }
    }

    /// The layer of the open page or pane, whose keys help shows first.
    pub fn home(&self) -> Layer {
        match (self.focus, self.screen) {
            (Focus::Shell, _) => Layer::Shell,
            (Focus::Detail, _) => match self.view() {
                Some(View::Log) => Layer::Log,
                Some(View::Stats) => Layer::Containers,
                Some(View::Yaml | View::Config) => Layer::Sheet,
                Some(View::Inspect | View::Links | View::Rules | View::Map) => Layer::Tree,
                Some(View::Files) => Layer::Files,
                Some(View::Top) => Layer::Processes,
                Some(View::Output) => Layer::Output,
                Some(View::Dockerfile) => Layer::Editor,
                None => Layer::Move,
            },
            (Focus::List, Screen::Containers) => Layer::Containers,
            (Focus::List, Screen::Images) => Layer::Images,
            (Focus::List, Screen::Volumes) => Layer::Volumes,
            (Focus::List, Screen::Networks) => Layer::Networks,
            (Focus::List, Screen::Trace) => Layer::Trace,
            (Focus::List, Screen::Events) => Layer::Events,
            (Focus::List, Screen::Projects) => Layer::Projects,
            (Focus::List, Screen::Builds) => Layer::Builds,
        }
    }

    /// Whether there is nothing yet: no container, no image.
    pub fn is_empty(&self) -> bool {
        let nothing = self.containers.all().is_empty() && self.images.all().is_empty();
        nothing && self.containers.loaded && self.images.loaded
    }

    /// Whether the welcome page shows.
    pub fn welcomes(&self) -> bool {
        self.is_empty() && matches!(self.screen, Screen::Containers | Screen::Images) && self.shells.is_empty()
    }

    /// The container that actions on one container work on.
    pub fn current(&self) -> Option<&Container> {
        match self.screen {
            Screen::Networks => {
                let place = self.networks.selected_place()?;
                self.containers.all().iter().find(|container| container.name == place.container)
            }
            Screen::Projects => {
                let id = self.projects.selected_service()?.containers.first()?;
                self.containers.all().iter().find(|container| container.id == *id)
            }
            _ => self.containers.selected(),
        }
    }

    /// Whether a pane of details belongs to the open page and has something to show.
    pub fn has_detail(&self) -> bool {
        match self.screen {
            Screen::Containers => self.containers.selected().is_some(),
            Screen::Images => self.images.selected().is_some(),
            Screen::Volumes => self.volumes.selected().is_some(),
            Screen::Networks => !self.welcomes(),
            Screen::Projects => self.projects.selected().is_some(),
            Screen::Builds => self.builds.shown().is_some(),
            Screen::Trace | Screen::Events => false,
        }
    }

    /// What can be seen of the selection, in the order of the tabs.
    pub fn views(&self) -> &'static [View] {
        match self.screen {
            Screen::Containers => &[View::Log, View::Top, View::Stats, View::Files, View::Inspect],
            Screen::Images => &[View::Files, View::Inspect],
            Screen::Volumes => &[View::Inspect],
            Screen::Networks if self.current().is_some() => &[View::Links, View::Map],
            Screen::Networks => match self.networks.selected_network().map(|network| network.driver) {
                Some(Driver::Bridge) => &[View::Inspect, View::Rules, View::Map],
                // What does not come through a bridge, the host's rules never see.
                Some(_) => &[View::Inspect, View::Map],
                None => &[View::Map],
            },
            Screen::Projects => &[View::Log, View::Yaml, View::Config],
            Screen::Builds => &[View::Output, View::Dockerfile],
            Screen::Trace | Screen::Events => &[],
        }
    }

    /// The view of the selection that the pane of details shows.
    pub fn view(&self) -> Option<View> {
        let views = self.views();
        let chosen = views.iter().find(|view| **view == self.detail.view);
        chosen.or(views.first()).copied().filter(|_| self.has_detail())
    }

    /// Whether the selected container has no processes.
    pub fn shows_ended(&self) -> bool {
        self.screen == Screen::Containers && self.containers.selected().is_some_and(|container| !container.is_up())
    }

    /// Whether the log stands below the reason why its container failed.
    pub fn shows_failure(&self) -> bool {
        self.view() == Some(View::Log)
            && self.screen == Screen::Containers
            && self.containers.selected().is_some_and(Container::has_failed)
    }

    /// The text that text actions work on: the page above the panes, or the details.
    pub fn text(&self) -> Option<&LogView> {
        match &self.modal {
            Some(Modal::Page(Page::Output { text, .. })) => Some(text),
            Some(Modal::Page(_)) => None,
            _ => match self.view()? {
                View::Log => Some(&self.detail.text),
                View::Output => Some(&self.builds.shown()?.selected()?.log),
                _ => None,
            },
        }
    }

    /// The same, to change how it is looked at.
    pub fn text_mut(&mut self) -> Option<&mut LogView> {
        let view = self.view();
        match &mut self.modal {
            Some(Modal::Page(Page::Output { text, .. })) => Some(text),
            Some(Modal::Page(_)) => None,
            _ => match view? {
                View::Log => Some(&mut self.detail.text),
                View::Output => Some(&mut self.builds.shown_mut()?.selected_mut()?.log),
                _ => None,
            },
        }
    }

    /// All that is known of the selection, when that is what is shown.
    pub fn inspect(&self) -> Option<&Inspect> {
        let covered = matches!(self.modal, Some(Modal::Page(_)));
        let shown = self.view().is_some_and(View::is_tree) && !covered && !self.detail.loading;
        shown.then_some(&self.detail.inspect)
    }

    /// The same, to change how it is looked at.
    pub fn inspect_mut(&mut self) -> Option<&mut Inspect> {
        let shown = self.inspect().is_some();
        shown.then_some(&mut self.detail.inspect)
    }

    /// The files of the selection, when they are what is shown.
    pub fn files(&self) -> Option<&Files> {
        let covered = matches!(self.modal, Some(Modal::Page(_)));
        (self.view() == Some(View::Files) && !covered).then_some(&self.detail.files)
    }

    /// The same, to change how they are looked at.
    pub fn files_mut(&mut self) -> Option<&mut Files> {
        let shown = self.files().is_some();
        shown.then_some(&mut self.detail.files)
    }

    /// Shows a short message.
    pub fn say(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), bad: false, until: self.now + 4 * SECOND });
    }

    /// Shows what went wrong, longer.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.toast = Some(Toast { text: text.into(), bad: true, until: self.now + 12 * SECOND });
    }

    /// When the model wants to hear of the time again, in nanoseconds since 1970; `None` when nothing depends on it.
    pub fn wake_at(&self) -> Option<i64> {
        let toast = self.toast.as_ref().map(|toast| toast.until);
        let sample = self.samples().then_some(self.next_sample);
        let check = self.builds.editors.iter().filter_map(|editor| editor.check_at);
        let build = (self.screen == Screen::Builds && self.builds.running() > 0).then_some(self.now + BUILD_PERIOD);
        toast.into_iter().chain(sample).chain(self.next_age()).chain(check).chain(build).min()
    }

    /// Whether usage is of interest now: somebody sees it, and something runs.
    pub fn samples(&self) -> bool {
        let runs = || self.containers.all().iter().any(|item| item.phase == Phase::Running);
        let seen = || {
            let areas = Areas::of(self);
            areas.list.is_some() || (areas.detail.is_some() && self.view() == Some(View::Stats))
        };
        matches!(self.screen, Screen::Containers | Screen::Projects) && runs() && seen()
    }

    /// When the age of a container next reads differently.
    fn next_age(&self) -> Option<i64> {
        let shown = self.screen == Screen::Containers;
        let containers = self.containers.all().iter().filter(|item| shown && item.phase != Phase::Created);
        let left = containers.map(|container| human::until_change(container.age(self.now))).min()?;
        Some(self.now + left.as_nanos() as i64)
    }

    /// Opens a page.
    pub fn open(&mut self, screen: Screen) {
        if self.screen != screen {
            self.screen = screen;
            self.focus = Focus::List;
            self.zoomed = false;
        }
    }

    /// Runs a command line in the background, and remembers that.
    pub fn run(&mut self, argv: Vec<String>) -> Effect {
        let job = self.commands.start(&argv, self.now);
        Effect::Run { job, argv }
    }
}
