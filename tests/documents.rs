//! What the documents say of the sources is so.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files that git would see, roughly.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && name != "target"
    };
    entries.filter(wanted).flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_first_program_in_the_readme_is_the_example() {
    let readme = read("README.md");
    let (_, snippet) = readme.split_once("```rust\n").expect("a program");
    let (snippet, _) = snippet.split_once("```").expect("its end");
    assert_eq!(snippet, read("examples/hello.rs"));
}

#[test]
fn every_file_and_test_that_backs_an_invariant_exists() {
    let architecture = read("ARCHITECTURE.md");
    let (_, invariants) = architecture.split_once("## Invariants").expect("invariants");
    let (invariants, _) = invariants.split_once("\n## ").expect("what follows");
    let files = files(root());
    let sources: String = files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")).map(read).collect();
    let mut checked = 0;
    for name in invariants.split('`').skip(1).step_by(2) {
        let is_test = name.split('_').count() > 3 && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if is_test {
            assert!(sources.contains(&format!("fn {name}(")), "there is no test `{name}`");
        } else if name.ends_with(".rs") {
            // `core/x.rs` stands for `ipchannel-core/src/x.rs`, and `rule.rs` for one named before.
            let (_, tail) = name.split_once('/').unwrap_or(("", name));
            assert!(files.iter().any(|file| file.ends_with(tail)), "there is no file `{name}`");
        } else {
            continue;
        }
        checked += 1;
    }
    assert!(checked > 40, "only {checked} were found");
}
