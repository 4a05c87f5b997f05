//! Scans a folder as a build's context, and tells how long that took: once reading every file, once with what the first scan
//! found. Usage: scan FOLDER

use porthole_build::{Known, Tree};
use porthole_dockerfile::ignore::Ignore;
use std::error::Error;
use std::fs::{self, File};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder")?;
    let remembered = std::env::temp_dir().join(format!("scan-{}", std::process::id()));
    for name in ["all files are read", "nothing has changed"] {
        let begun = Instant::now();
        let tree = Tree::context(File::open(&folder)?.into(), Ignore::default(), Known::load(&remembered));
        let scan = tree.scan(b"", &Ignore::default())?;
        tree.remember(&[&scan], &remembered)?;
        println!("{name}: {} objects in {:?}, {}", scan.entries.len(), begun.elapsed(), scan.key.hex());
    }
    Ok(fs::remove_file(remembered)?)
}
