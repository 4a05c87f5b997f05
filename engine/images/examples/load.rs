//! Loads an archive into the store below a root: `load ROOT ARCHIVE`, or `load ROOT -` to read it from a pipe.

use std::path::Path;
use std::time::Instant;

use porthole_images::Store;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, root, archive] = arguments.as_slice() else {
        return Err("usage: load ROOT ARCHIVE".into());
    };
    let start = Instant::now();
    let store = Store::open(Path::new(root))?;
    let mut read = 0;
    let images = match archive.as_str() {
        "-" => store.load(std::io::stdin(), &mut |progress| read = progress.current)?,
        path => store.load_file(Path::new(path), &mut |progress| read = progress.current)?,
    };
    for image in images {
        let names: Vec<String> = image.references.iter().map(ToString::to_string).collect();
        println!("{} {} ({read} bytes, {:?})", image.id.short(), names.join(", "), start.elapsed());
    }
    Ok(())
}
