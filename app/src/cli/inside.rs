//! `image layers|tree|cat`, `container why`: looking inside images and containers.

use super::format::{Format, Row};
use super::{Failure, Outcome, output};
use clap::Args;
use porthole_engine::inside::{Change, Kind, Layer, NodeId, Object, Sight, Stack, Version, View, Why};
use porthole_engine::{Engine, units};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

// `image layers`.
#[derive(Debug, Args)]
pub struct LayersArgs {
    /// Format output using a custom template, 'table', 'table TEMPLATE' or 'json'
    #[arg(long, default_value = "table")]
    pub format: String,
    /// Don't truncate output
    #[arg(long)]
    pub no_trunc: bool,
    /// An image or a container
    pub name: String,
}

// `image tree`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// Only what this layer changes, counted from 1, the lowest; also IMAGE:LAYER
    #[arg(long)]
    pub layer: Option<usize>,
    /// Only what is added by the layer that it comes from
    #[arg(long)]
    pub added: bool,
    /// Only what replaces something in a layer below
    #[arg(long)]
    pub changed: bool,
    /// Only what the layer removes
    #[arg(long)]
    pub removed: bool,
    /// Only paths that contain this text
    #[arg(long, value_name = "TEXT")]
    pub find: Option<String>,
    /// So many levels of directories
    #[arg(long)]
    pub depth: Option<usize>,
    /// An image or a container
    pub name: String,
    /// Only what is below this directory
    #[arg(default_value = "/")]
    pub path: PathBuf,
}

// `image cat`.
#[derive(Debug, Args)]
pub struct CatArgs {
    /// An image or a container
    pub name: String,
    /// The file
    pub path: PathBuf,
}

// `image extract`.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// Keep owners, and set-id bits
    #[arg(short = 'a', long)]
    pub archive: bool,
    /// An image or a container
    pub name: String,
    /// The file or directory
    pub path: PathBuf,
    /// Where to: into a directory that exists, or else under this name
    pub target: PathBuf,
}

// `container why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// A container or an image
    pub name: String,
    /// The path to explain
    pub path: PathBuf,
}

const LAYERS: &str = "{{.Layer}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Added}}\t{{.Changed}}\t{{.Removed}}\t{{.Wasted}}";
const TITLES: [(&str, &str); 8] = [
    ("Layer", "LAYER"),
    ("CreatedBy", "CREATED BY"),
    ("DiffID", "DIFF ID"),
    ("Size", "SIZE"),
    ("Added", "ADDED"),
    ("Changed", "CHANGED"),
    ("Removed", "REMOVED"),
    ("Wasted", "WASTED"),
];

/// Shows what each layer amounts to; as a table also what that is together.
pub fn layers(engine: &Engine, arguments: &LayersArgs) -> Outcome {
    let format = Format::parse(&arguments.format, LAYERS)?;
    let stack = engine.inside(&arguments.name)?;
    let none = BTreeMap::new();
    let rows = stack.layers().iter().enumerate();
    let rows = rows.map(|(at, layer)| Row { fields: fields(at, layer, arguments.no_trunc), labels: &none });
    format.print(&TITLES, rows.collect())?;
    if matches!(format, Format::Table(_)) {
        output::line(&summary(&stack))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(stack: &Stack) -> String {
    let (all, wasted) = (units::human_size(stack.bytes()), units::human_size(stack.wasted()));
    // Never 100 % when something is wasted.
    let percent = (stack.efficiency() * 1000.0).floor() / 10.0;
    format!("efficiency {percent} %: {wasted} of {all} are hidden by layers above")
}

fn fields(at: usize, layer: &Layer, whole: bool) -> Map<String, Value> {
    let made_by = output::plain(&layer.source.made_by);
    let made_by = if whole { made_by } else { output::ellipsis(&made_by, 45) };
    let fields = [
        ("Layer", (at + 1).to_string()),
        ("CreatedBy", made_by),
        ("DiffID", layer.source.diff_id.clone().unwrap_or_default()),
        ("Size", units::human_size(layer.bytes)),
        ("Added", layer.added.to_string()),
        ("Changed", layer.changed.to_string()),
        ("Removed", layer.removed.to_string()),
        ("Wasted", units::human_size(layer.wasted)),
    ];
    fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
}

/// Lists files: what the layer does, mode, owner, length, path.
pub fn tree(engine: &Engine, arguments: &TreeArgs) -> Outcome {
    let (stack, layer) = read(engine, arguments)?;
    let view = match layer {
        None => View::Merged,
        Some(layer) if (1..=stack.layers().len()).contains(&layer) => View::Layer(layer - 1),
        Some(layer) => {
            let count = stack.layers().len();
            return Err(Failure::new(format!("{} has no layer {layer}: it has {count}", arguments.name), 1));
        }
    };
    let missing = || Failure::new(format!("{}: no such file or directory", arguments.path.display()), 1);
    let from = stack.find(&arguments.path).filter(|node| stack.sight(*node, view).is_some()).ok_or_else(missing)?;
    let lister = Lister { stack: &stack, view, arguments };
    let mut out = io::BufWriter::new(io::stdout().lock());
    lister.list(from, 1, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The layers, and which of them is meant: `IMAGE:2`, where there is no such tag, means the second.
fn read(engine: &Engine, arguments: &TreeArgs) -> Result<(Stack, Option<usize>), Failure> {
    let whole = engine.inside(&arguments.name);
    let part = arguments.name.rsplit_once(':').and_then(|(name, layer)| Some((name, layer.parse().ok()?)));
    match (whole, part) {
        (Err(_), Some((name, layer))) if arguments.layer.is_none() => Ok((engine.inside(name)?, Some(layer))),
        (stack, _) => Ok((stack?, arguments.layer)),
    }
}

struct Lister<'a> {
    stack: &'a Stack,
    view: View,
    arguments: &'a TreeArgs,
}

impl Lister<'_> {
    fn list(&self, directory: NodeId, depth: usize, out: &mut impl Write) -> io::Result<()> {
        if self.arguments.depth.is_some_and(|most| depth > most) {
            return Ok(());
        }
        for (node, sight) in self.stack.children(directory, self.view) {
            let path = self.stack.path(node);
            if self.is_wanted(&sight, &path) {
                writeln!(out, "{}", row(&sight, &path))?;
            }
            self.list(node, depth + 1, out)?;
        }
        Ok(())
    }

    fn is_wanted(&self, sight: &Sight, path: &Path) -> bool {
        let TreeArgs { added, changed, removed, .. } = *self.arguments;
        let by_change = match sight.change {
            _ if !(added || changed || removed) => true,
            Change::Added => added,
            Change::Changed => changed,
            Change::Removed => removed,
            Change::None => false,
        };
        let text = self.arguments.find.as_deref();
        by_change && text.is_none_or(|text| path.to_string_lossy().contains(text))
    }
}

fn row(sight: &Sight, path: &Path) -> String {
    let Sight { object, change, .. } = sight;
    let change = change.letter().unwrap_or(' ');
    let owner = format!("{}:{}", object.uid, object.gid);
    let path = output::plain(&path.to_string_lossy());
    format!("{change} {} {owner:>9} {:>8}  {path}", object.permissions(), units::human_size(object.size))
}

/// Prints a file.
pub fn cat(engine: &Engine, arguments: &CatArgs) -> Outcome {
    let mut file = engine.open_inside(&arguments.name, &arguments.path)?;
    io::copy(&mut file, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

/// Copies files out.
pub fn extract(engine: &Engine, arguments: &ExtractArgs) -> Outcome {
    let ExtractArgs { archive, name, path, target } = arguments;
    let extracted = engine.extract(name, path, target, *archive)?;
    for path in &extracted.skipped {
        let path = output::plain(&path.to_string_lossy());
        eprintln!("WARNING: {path} is a device, a pipe or a socket, which is not copied");
    }
    let objects = if extracted.objects == 1 { "1 object".to_owned() } else { format!("{} objects", extracted.objects) };
    output::line(&format!("{objects}, {}", units::human_size(extracted.bytes)))?;
    Ok(ExitCode::SUCCESS)
}

/// Tells of every layer that has something to do with a path, the topmost first.
pub fn why(engine: &Engine, arguments: &WhyArgs) -> Outcome {
    let why = engine.why(&arguments.name, &arguments.path)?;
    let path = output::plain(&why.path.to_string_lossy());
    let lines: Vec<String> = why.versions.iter().rev().map(|version| explain(&why, version)).collect();
    if why.seen().is_none() {
        output::line(&format!("{path} is not there: {}", removal(&why)))?;
    } else if why.path != arguments.path {
        output::line(&format!("{} is {path}", output::plain(&arguments.path.to_string_lossy())))?;
    }
    lines.iter().try_for_each(|line| output::line(line))?;
    Ok(ExitCode::SUCCESS)
}

/// Who removed it.
fn removal(why: &Why) -> String {
    let by = why.versions.iter().rev().find_map(|version| match version.object.kind {
        Kind::Whiteout => Some(version.layer),
        _ => version.hidden_by,
    });
    by.map_or_else(|| "no layer has it".to_owned(), |layer| format!("{} removed it", layer_name(why, layer)))
}

fn explain(why: &Why, version: &Version) -> String {
    let place = layer_name(why, version.layer);
    let made_by = output::plain(&why.sources[version.layer].made_by);
    let step = if made_by.is_empty() || is_own(why, version.layer) { String::new() } else { format!("  {made_by}") };
    let object = match version.object.kind {
        Kind::Whiteout => "removes it".to_owned(),
        Kind::Directory if version.object.opaque => format!("{} and hides what is below it", describe(&version.object)),
        _ => describe(&version.object),
    };
    let copied = is_own(why, version.layer) && why.versions.iter().any(|below| is_below(below, version));
    let role = match (version.hidden_by, version.object.kind) {
        (_, Kind::Whiteout) => "",
        (Some(_), Kind::Directory) => ", merged with those above",
        (Some(_), _) => ", hidden",
        (None, Kind::Directory) => ", seen",
        (None, _) if copied => ", seen: copied up when it was changed",
        (None, _) => ", seen",
    };
    format!("{place:<9} {object}{role}{step}")
}

/// Whether one version is what another one was made from.
fn is_below(below: &Version, version: &Version) -> bool {
    below.layer < version.layer && below.object.kind == version.object.kind && below.hidden_by == Some(version.layer)
}

fn describe(object: &Object) -> String {
    match object.kind {
        Kind::Directory => format!("{} directory", object.permissions()),
        _ => format!("{} {}", object.permissions(), units::human_size(object.size)),
    }
}

/// Whether a layer is the container's own.
fn is_own(why: &Why, layer: usize) -> bool {
    why.sources[layer].diff_id.is_none() && layer + 1 == why.sources.len()
}

fn layer_name(why: &Why, layer: usize) -> String {
    if is_own(why, layer) { "container".to_owned() } else { format!("layer {}", layer + 1) }
}
