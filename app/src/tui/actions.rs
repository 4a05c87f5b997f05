//! Everything a key, the palette or a click can do, in one registry.
//!
//! The key bar, the help page, the palette, the key file and the tests all read [`REGISTRY`]; what an action does is in
//! [`super::update`], which keys it has by default in `keys.toml`.

/// Where keys are looked up. The active layers are searched from the most to the least specific.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Works wherever no more specific layer takes the key.
    Global,
    /// Moving about in whatever has the keys.
    Move,
    /// Every list.
    List,
    /// The list of containers.
    Containers,
    /// A container that has no processes: its keys go before those of all containers.
    Ended,
    /// The list of images.
    Images,
    /// The list of volumes.
    Volumes,
    /// The picture of networks.
    Networks,
    /// The trace.
    Trace,
    /// The events.
    Events,
    /// The projects.
    Projects,
    /// A project's file, or what it means.
    Sheet,
    /// The builds.
    Builds,
    /// Every text and tree.
    Find,
    /// Every pane of text.
    Text,
    /// A tree of values.
    Tree,
    /// The layers and files of an image or a container.
    Files,
    /// The processes of a container.
    Processes,
    /// A container's log.
    Log,
    /// What a step of a build prints.
    Output,
    /// A Dockerfile that is being edited: all other keys are typed into it.
    Editor,
    /// A terminal pane that has the keyboard: only these keys do not go to its program.
    Shell,
    /// A question that waits for yes or no.
    Confirm,
    /// A line being typed.
    Prompt,
    /// Fields to fill in.
    Form,
    /// Help, the command log and other pages above the panes.
    Overlay,
}

impl Layer {
    /// Every layer, in the order of the help page.
    pub const ALL: [Layer; 26] = [
        Layer::Global,
        Layer::Move,
        Layer::List,
        Layer::Containers,
        Layer::Ended,
        Layer::Images,
        Layer::Volumes,
        Layer::Networks,
        Layer::Trace,
        Layer::Events,
        Layer::Projects,
        Layer::Sheet,
        Layer::Builds,
        Layer::Find,
        Layer::Text,
        Layer::Log,
        Layer::Output,
        Layer::Tree,
        Layer::Files,
        Layer::Processes,
        Layer::Editor,
        Layer::Shell,
        Layer::Prompt,
        Layer::Form,
        Layer::Confirm,
        Layer::Overlay,
    ];

    /// Its table in the key file.
    pub const fn name(self) -> &'static str {
        match self {
            Layer::Global => "global",
            Layer::Move => "move",
            Layer::List => "list",
            Layer::Containers => "containers",
            Layer::Ended => "ended",
            Layer::Images => "images",
            Layer::Volumes => "volumes",
            Layer::Networks => "networks",
            Layer::Trace => "trace",
            Layer::Events => "events",
            Layer::Projects => "projects",
            Layer::Sheet => "sheet",
            Layer::Builds => "builds",
            Layer::Find => "find",
            Layer::Text => "text",
            Layer::Tree => "tree",
            Layer::Files => "files",
            Layer::Processes => "processes",
            Layer::Log => "log",
            Layer::Output => "output",
            Layer::Editor => "editor",
            Layer::Shell => "shell",
            Layer::Confirm => "confirm",
            Layer::Prompt => "prompt",
            Layer::Form => "form",
            Layer::Overlay => "overlay",
        }
    }

    /// Its heading on the help page.
    pub const fn title(self) -> &'static str {
        match self {
            Layer::Global => "Everywhere",
            Layer::Move => "Moving",
            Layer::List => "In a list",
            Layer::Containers => "Containers",
            Layer::Ended => "A container that does not run",
            Layer::Images => "Images",
            Layer::Volumes => "Volumes",
            Layer::Networks => "Networks",
            Layer::Trace => "Trace",
            Layer::Events => "Events",
            Layer::Projects => "Projects",
            Layer::Sheet => "A project's file",
            Layer::Builds => "Builds",
            Layer::Find => "In text and trees",
            Layer::Text => "In text",
            Layer::Tree => "In a tree",
            Layer::Files => "Layers and files",
            Layer::Processes => "Processes",
            Layer::Log => "Log",
            Layer::Output => "The output of a step",
            Layer::Editor => "A Dockerfile",
            Layer::Shell => "Terminal",
            Layer::Confirm => "A question",
            Layer::Prompt => "A line being typed",
            Layer::Form => "A form",
            Layer::Overlay => "A page",
        }
    }
}

/// One entry of the registry.
#[derive(Debug)]
pub struct Spec {
    /// What it is.
    pub action: Action,
    /// The layer of its keys.
    pub layer: Layer,
    /// Its name in the key file.
    pub name: &'static str,
    /// Its word in the key bar; `None` keeps it out of there.
    pub label: Option<&'static str>,
    /// What it does, for help and palette.
    pub about: &'static str,
    /// Whether it destroys something, and therefore asks first.
    pub danger: bool,
    /// The command line that does the same.
    pub command: Option<&'static str>,
}

macro_rules! label {
    (_) => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

macro_rules! danger {
    (asks) => {
        true
    };
    () => {
        false
    };
}

macro_rules! command {
    () => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}

macro_rules! registry {
    ($($layer:ident { $($variant:ident $name:literal $label:tt $about:literal $(= $command:literal)? $([$danger:ident])?;)* })*) => {
        /// What a key can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[doc = $about] $variant,)*)* }

        /// Every action, in the order of the help page and the key bar.
        pub const REGISTRY: &[Spec] = &[$($(Spec {
            action: Action::$variant,
            layer: Layer::$layer,
            name: $name,
            label: label!($label),
            about: $about,
            danger: danger!($($danger)?),
            command: command!($($command)?),
        },)*)*];
    };
}

registry! {
    Global {
        ShowContainers "containers" _ "Shows the containers" = "porthole ps -a";
        ShowImages "images" _ "Shows the images" = "porthole images";
        ShowNetworks "networks" _ "Shows how containers, networks and the outside are joined" = "porthole network ls";
        ShowVolumes "volumes" _ "Shows the volumes" = "porthole volume ls";
        ShowTrace "show-trace" _ "Shows the packets of the running trace";
        ShowEvents "show-events" _ "Shows what happens to containers and images" = "porthole events";
        ShowProjects "projects" _ "Shows projects, and how their services wait for each other" = "porthole compose ls -a";
        ShowBuilds "builds" _ "Shows the builds of this session";
        FocusNext "next-pane" _ "To the next pane";
        FocusPrevious "previous-pane" _ "To the previous pane";
        PreviousView "previous-view" "view" "Shows the previous view of the selection: log, processes, stats, files, inspect";
        NextView "next-view" _ "Shows the next view of the selection";
        Zoom "zoom" _ "Gives the focused pane the whole screen, and takes it back";
        Back "back" _ "One step back: clears the filter, leaves the pane";
        FocusShell "terminal" _ "Gives the keyboard to the terminal pane";
        NextShell "next-terminal" _ "Shows the next terminal";
        PreviousShell "previous-terminal" _ "Shows the previous terminal";
        CloseShell "close-terminal" _ "Closes the terminal shown; its program gets a hang-up";
        LabSend "lab" "lab" "Starts the lab and follows one request from outside to web" = "porthole lab up; porthole lab send";
        LoadArchive "load" "load archive" "Loads the images of an archive" = "porthole load -i FILE";
        LabDown "lab-down" _ "Removes the lab: web, the outside and what they used" = "porthole lab down" [asks];
        Command "command" "command" "Types a command line, as after `porthole` in a shell";
        Palette "palette" _ "Finds an action by its name";
        CommandLog "command-log" _ "Shows the command lines that were run, and how they ended";
        NextTheme "theme" _ "Takes the next theme";
        ToggleMouse "mouse" _ "Gives the mouse to the terminal, to select and copy its way, and takes it back";
        Redraw "redraw" _ "Draws the whole screen anew";
        Suspend "suspend" _ "Stops porthole as Ctrl-Z does, until the shell's fg";
        Help "help" "help" "Shows the keys";
        Quit "quit" "quit" "Quits; containers stay as they are";
    }
    Move {
        MoveUp "up" _ "One up";
        MoveDown "down" _ "One down";
        PageUp "page-up" _ "One page up";
        PageDown "page-down" _ "One page down";
        HalfUp "half-up" _ "Half a page up";
        HalfDown "half-down" _ "Half a page down";
        MoveFirst "first" _ "To the first";
        MoveLast "last" _ "To the last";
    }
    List {
        Filter "filter" "filter" "Shows only rows with a text; a leading ! shows those without it";
        Mark "mark" _ "Marks a row, so that the next action takes all marked ones";
        Sort "sort" _ "Sorts by the next column";
        ReverseSort "reverse-sort" _ "Turns the order round";
    }
    Containers {
        Inspect "inspect" "inspect" "Shows all that is known of the container" = "porthole inspect NAME";
        Logs "logs" "logs" "Shows its log" = "porthole logs -f NAME";
        Shell "shell" "shell" "Opens a shell in it" = "porthole exec -it NAME sh";
        Trace "trace" "trace" "Follows its packets through bridge and NAT" = "porthole trace --container NAME";
        Start "start" "start" "Starts it" = "porthole start NAME";
        Stop "stop" "stop" "Asks it to end, and kills it after ten seconds" = "porthole stop NAME";
        Restart "restart" "restart" "Stops and starts it" = "porthole restart NAME";
        Pause "pause" _ "Freezes all its processes, or lets them go on" = "porthole pause NAME";
        Attach "attach" _ "Joins its own terminal; Ctrl-P Ctrl-Q leaves it" = "porthole attach NAME";
        Top "top" _ "Shows its processes" = "porthole top NAME";
        Stats "stats" "stats" "Shows what it uses, over the last minutes and of how much" = "porthole stats NAME";
        ContainerFiles "files" _ "Shows its layers and files, and which layer each is from" = "porthole image layers NAME; porthole container why NAME PATH";
        Limits "limits" "limits" "Changes how much it may use, and whether it is started again" = "porthole update … NAME";
        Forensics "forensics" _ "Gathers all that is known of it into a file, and changes nothing" = "porthole forensics -o NAME-TIME.tar.zst NAME";
        Kill "kill" _ "Kills it without asking it first" = "porthole kill NAME" [asks];
        Rename "rename" _ "Gives it another name" = "porthole rename NAME NEW";
        Remove "remove" "remove" "Removes it and what it wrote" = "porthole rm -f NAME" [asks];
        NewContainer "new" _ "Types the command line of a new container" = "porthole run …";
        ToggleExited "all" _ "Shows or hides containers that do not run";
        CopyId "copy" _ "Copies its id to the clipboard";
    }
    Ended {
        ImageShell "shell" "shell in its image" "Opens a shell in its image, with the same mounts, variables and network" = "porthole run --rm -it --entrypoint sh … IMAGE";
    }
    Images {
        InspectImage "inspect" "inspect" "Shows all that is known of the image" = "porthole inspect NAME";
        ImageFiles "files" "files" "Shows its layers and files, and which layer each is from" = "porthole image layers NAME";
        RunImage "run" "run" "Types the command line of a new container of this image" = "porthole run -it --rm NAME";
        TagImage "tag" "tag" "Gives it one more name" = "porthole tag NAME NEW";
        PullImage "pull" "pull" "Types the command line that fetches an image from a registry" = "porthole pull NAME";
        PushImage "push" _ "Types the command line that sends it to a registry" = "porthole push NAME";
        BrowseRegistry "registry" "registry" "Looks through the repositories and tags of a registry" = "porthole search HOST/";
        BuildImage "build" "build" "Builds an image: a form to fill in" = "porthole build -t NAME FOLDER";
        RemoveImage "remove" "remove" "Removes the name, and the image with its last name" = "porthole rmi NAME" [asks];
        CopyImageId "copy" _ "Copies its id to the clipboard";
    }
    Volumes {
        InspectVolume "inspect" "inspect" "Shows all that is known of the volume" = "porthole volume inspect NAME";
        NewVolume "new" "new" "Types the command line of a new volume" = "porthole volume create NAME";
        RemoveVolume "remove" "remove" "Removes it and the data in it" = "porthole volume rm NAME" [asks];
        PruneVolumes "prune" "prune" "Removes the volumes that nobody named and no container uses" = "porthole volume prune -f" [asks];
        CopyMountpoint "copy" _ "Copies its place on the host to the clipboard";
    }
    Networks {
        InspectNetwork "inspect" "inspect" "Shows all that is known of the network, or the links of the container" = "porthole network inspect NAME";
        OpenContainer "open" "open" "Shows the selected container in the list, or all that is known of the network";
        NewNetwork "new" "new" "Makes a network: a form to fill in" = "porthole network create … NAME";
        ConnectContainer "connect" "connect" "Connects a container to the network" = "porthole network connect NAME CONTAINER";
        DisconnectContainer "disconnect" "disconnect" "Disconnects the selected container" = "porthole network disconnect NAME CONTAINER" [asks];
        TraceContainer "trace" "trace" "Follows the packets of the selected container" = "porthole trace --container NAME";
        RemoveNetwork "remove" "remove" "Removes the network" = "porthole network rm NAME" [asks];
        PruneNetworks "prune" "prune" "Removes the unused networks" = "porthole network prune -f" [asks];
        AttachInterface "attach" _ "Attaches an interface to the container" = "porthole network attach NAME --link BRIDGE --ip ADDRESS";
        DetachInterface "detach" _ "Detaches an interface from it" = "porthole network detach NAME INTERFACE";
        CopyNetwork "copy" _ "Copies the network's id, or the container's address";
    }
    Trace {
        HopLeft "hop-left" "hop" "To the previous hop";
        HopRight "hop-right" _ "To the next hop";
        Freeze "freeze" "freeze" "Holds the picture still; packets are still recorded";
        FollowConnection "follow" "follow connection" "Shows only the packets of this connection, and all again";
        SavePackets "save" "save pcapng" "Writes what was seen to a pcapng file" = "porthole trace -w FILE";
        Bytes "bytes" "bytes" "Shows the bytes of the packet at this hop";
        Rules "rules" "rules" "Shows or hides the rules that saw the packet";
        StopTrace "stop" _ "Ends the trace, and keeps what was seen";
        TraceAgain "again" _ "Forgets what was seen and traces on";
    }
    Events {
        OpenSubject "open" "open" "Shows the container or image in its list";
        FollowEvents "follow" "follow" "Stays at the newest event, or stays where it is";
    }
    Projects {
        UpProject "up" "up" "Makes and starts the project, or the service and what it waits for" = "porthole compose up -d SERVICE";
        DownProject "down" "down" "Removes its containers and networks" = "porthole compose down SERVICE" [asks];
        ProjectLogs "logs" "logs" "Shows its log, that of all services in the order of time" = "porthole compose logs -f SERVICE";
        ProjectFile "file" "file" "Shows its file, opened at the service" = "porthole compose config -q";
        ProjectConfig "config" "config" "Shows what its files mean: merged, variables replaced, long forms" = "porthole compose config";
        RebuildProject "rebuild" "rebuild" "Builds its images and makes its containers anew where they changed" = "porthole compose up -d --build SERVICE";
        RestartProject "restart" "restart" "Stops and starts its containers" = "porthole compose restart SERVICE";
        StopProject "stop" "stop" "Stops its containers" = "porthole compose stop SERVICE";
        StartProject "start" "start" "Starts its containers" = "porthole compose start SERVICE";
        PullProject "pull" _ "Fetches its images from their registries" = "porthole compose pull SERVICE";
        ScaleService "scale" _ "Types the command line that gives the service another number of containers" = "porthole compose scale SERVICE=NUM";
        ServiceShell "shell" "shell" "Opens a shell in a container of the service" = "porthole compose exec SERVICE sh";
        OpenService "open" "open" "Shows the service's container in the list; folds a project" = "porthole compose ps SERVICE";
        FoldProject "fold" _ "Hides the services of the project";
        UnfoldProject "unfold" _ "Shows the services of the project";
    }
    Sheet {
        NextMistake "next-mistake" "next error" "To the next place where something is wrong";
        SheetLeft "left" _ "To the left in a long line";
        SheetRight "right" _ "To the right in a long line";
        CopySheet "copy" "copy" "Copies the whole text to the clipboard (OSC 52)";
    }
    Builds {
        EditDockerfile "edit" "edit" "Opens the Dockerfile at the selected step";
        BuildShell "shell" "shell" "Opens a shell where the selected step is about to begin, on the last good layer" = "porthole builder shell --line LINE FOLDER";
        NewBuild "new" "new" "Builds an image: a form to fill in" = "porthole build -t NAME FOLDER";
        CancelBuild "stop" "stop" "Ends what the build is running; steps that are done stay in the cache";
        BuildAgain "again" "rebuild" "Builds it once more";
        BuildWithoutCache "no-cache" "without cache" "Builds it once more, and does all steps again" = "porthole build --no-cache FOLDER";
        OlderBuild "older" "build" "Looks at the build before";
        NewerBuild "newer" _ "Looks at the next build";
        ShowOutput "output" _ "Shows what the selected step prints";
        CopyBuild "copy" _ "Copies the build's command line to the clipboard (OSC 52)";
    }
    Find {
        Search "search" "search" "Searches for a text";
        SearchNext "next-match" _ "To the next match";
        SearchPrevious "previous-match" _ "To the previous match";
        SaveText "save" "save" "Saves what is shown to a file";
    }
    Text {
        TextFilter "grep" _ "Shows only lines with a text; a leading ! shows those without it";
        Wrap "wrap" "wrap" "Wraps long lines, or cuts them";
        ScrollLeft "left" _ "Scrolls to the left";
        ScrollRight "right" _ "Scrolls to the right";
        CopyText "copy" "copy" "Copies the lines in view to the clipboard (OSC 52)";
    }
    Log {
        Follow "follow" "follow" "Stays at the newest line, or stays where it is";
        Timestamps "timestamps" "times" "Shows or hides the time of each line";
        Since0 "since-tail" _ "The newest lines" = "porthole logs --tail 2000 NAME";
        Since1 "since-head" _ "From the very first line" = "porthole logs NAME";
        Since2 "since-1m" _ "The last minute" = "porthole logs --since 1m NAME";
        Since3 "since-5m" _ "The last 5 minutes" = "porthole logs --since 5m NAME";
        Since4 "since-15m" _ "The last 15 minutes" = "porthole logs --since 15m NAME";
        Since5 "since-30m" _ "The last 30 minutes" = "porthole logs --since 30m NAME";
        Since6 "since-1h" _ "The last hour" = "porthole logs --since 1h NAME";
    }
    Output {
        FollowOutput "follow" "follow" "Stays at the newest line, or stays where it is";
    }
    Tree {
        ToggleFold "toggle" "fold" "Unfolds what is selected, or folds it; shows a text whole";
        FoldAll "toggle-all" "fold all" "Unfolds everything, or folds everything";
        Unfold "unfold" _ "Unfolds what is selected, or goes into it";
        Fold "fold" _ "Folds what is selected, or goes out of it";
        CopyValue "copy" "copy" "Copies the value to the clipboard (OSC 52)";
        CopyPath "copy-path" "copy path" "Copies the template that prints the value" = "porthole inspect --format TEMPLATE NAME";
    }
    Files {
        OpenEntry "open" "open" "Unfolds or folds a directory; shows what is in a file" = "porthole image cat NAME PATH";
        PreviousLayer "previous-layer" "layer" "Shows what the layer before changes; before the first, all layers together" = "porthole image tree NAME --layer N";
        NextLayer "next-layer" _ "Shows what the next layer changes";
        UnfoldEntry "unfold" _ "Unfolds the directory, or goes into it";
        FoldEntry "fold" _ "Folds the directory, or goes out of it";
        ReadAgain "read-again" "read again" "Reads the files once more";
        CopyEntryPath "copy" "copy path" "Copies the path to the clipboard (OSC 52)";
    }
    Processes {
        CopyProcess "copy" "copy" "Copies its command line to the clipboard (OSC 52)";
    }
    Editor {
        LeaveEditor "leave" "to the steps" "Gives the keys back to the steps; what was typed stays";
        SaveSource "save" "save" "Saves the Dockerfile";
        BuildSource "build" "save and build" "Saves the Dockerfile, and builds it";
        NextProblem "next-mark" "next problem" "To the next line that the checks say something of";
        EditorHelp "help" "help" "Shows the keys";
    }
    Shell {
        LeaveShell "leave" "to leave" "Gives the keyboard back to the lists; the program goes on";
        ShellPageUp "page-up" _ "Scrolls back";
        ShellPageDown "page-down" _ "Scrolls forward";
    }
    Confirm {
        Yes "yes" "yes" "Does it";
        No "no" "no" "Leaves everything as it is";
    }
    Prompt {
        Accept "accept" "go" "Takes the line";
        Cancel "cancel" "cancel" "Throws the line away";
        Complete "complete" "complete" "Completes the word, or offers what fits";
        Earlier "earlier" "history" "The line or the offer before";
        Later "later" _ "The line or the offer after";
    }
    Form {
        SubmitForm "submit" "do it" "Runs the command line that the form shows";
        NextField "next-field" "next field" "To the next field";
        PreviousField "previous-field" _ "To the previous field";
        CancelForm "cancel" "cancel" "Closes the form, and changes nothing";
    }
    Overlay {
        CloseOverlay "close" "close" "Closes the page";
    }
}

impl Action {
    /// Its entry in the registry.
    pub fn spec(self) -> &'static Spec {
        &REGISTRY[self as usize]
    }
}

/// The action of a layer with a name, as the key file says them.
pub fn find(layer: Layer, name: &str) -> Option<Action> {
    REGISTRY.iter().find(|spec| spec.layer == layer && spec.name == name).map(|spec| spec.action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_registry_is_in_the_order_of_the_actions() {
        for spec in REGISTRY {
            assert_eq!(spec.action.spec().name, spec.name);
            assert_eq!(spec.action.spec().layer, spec.layer);
        }
    }

    #[test]
    fn names_are_unique_within_a_layer_and_everything_is_explained() {
        let mut seen = HashSet::new();
        for spec in REGISTRY {
            assert!(seen.insert((spec.layer, spec.name)), "{} twice in {}", spec.name, spec.layer.name());
            assert!(spec.about.len() > 5 && !spec.about.ends_with('.'), "{}", spec.about);
            assert_eq!(find(spec.layer, spec.name), Some(spec.action));
        }
    }

    #[test]
    fn what_destroys_has_a_command_line_to_show() {
        for spec in REGISTRY.iter().filter(|spec| spec.danger) {
            assert!(spec.command.is_some(), "{}", spec.name);
        }
    }
}
