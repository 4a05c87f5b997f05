//! Syntax trees, by Dockerfiles and their dumps.

use std::fs;
use std::path::Path;

use porthole_dockerfile::parse::parse;

#[test]
fn dockerfiles_have_their_dumps() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dump");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "dockerfile") {
            continue;
        }
        let dump = fs::read_to_string(path.with_extension("dump")).unwrap();
        let ast = parse(&fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(ast.to_string(), dump, "{}", path.display());
        count += 1;
    }
    assert!(count >= 3, "{count} Dockerfiles");
}
