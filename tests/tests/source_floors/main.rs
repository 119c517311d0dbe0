//! No import circles between the files of a crate, and no import from a lower floor to a higher one.
//!
//! A crate declares its floors in the file `floors.toml` beside its manifest, and a folder of modules may have another
//! one for what lies in it. A module imports only from its own floor or from those below. `imports.rs`
//! says what counts as an import.

mod circles;
mod floors;
mod imports;
mod itself;
mod modules;

use std::path::Path;

use floors::Floors;
use modules::Modules;

/// Judges the module tree of a root file (from the workspace's folder). `floors` are the floor files that hold for it,
/// each with the module that its paths count from.
fn check(workspace: &Path, root: &str, floors: &[(&str, &[&str])]) -> Result<(), String> {
    let modules = Modules::load(&workspace.join(root));
    let imports = imports::imports(&modules);
    let mut faults = circles::circles(&modules.files, &imports);
    for (file, folder) in floors {
        match Floors::read(&workspace.join(file), folder) {
            Ok(floors) => faults.extend(floors.violations(&modules, &imports)),
            Err(reason) => faults.push(format!("{file}: {reason}")),
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!("{root}: {} fault(s); paths count from its folder\n{}", faults.len(), faults.join("\n")))
}

fn check_ours(root: &str, floors: &[(&str, &[&str])]) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace");
    check(workspace, root, floors).unwrap_or_else(|faults| panic!("{faults}"));
}

#[test]
fn settings() {
    check_ours("settings/src/lib.rs", &[("settings/floors.toml", &[])]);
}

#[test]
fn detect() {
    check_ours("dataplane/detect/src/lib.rs", &[("dataplane/detect/floors.toml", &[])]);
}

#[test]
fn shield() {
    check_ours("dataplane/shield/src/lib.rs", &[("dataplane/shield/floors.toml", &[])]);
}

#[test]
fn wire() {
    check_ours("dataplane/wire/src/lib.rs", &[("dataplane/wire/floors.toml", &[])]);
}

#[test]
fn gateway() {
    check_ours(
        "dataplane/gateway/src/lib.rs",
        &[("dataplane/gateway/floors.toml", &[]), ("dataplane/gateway/src/shard/floors.toml", &["shard"])],
    );
}

#[test]
fn coordinator() {
    check_ours("controlplane/coordinator/src/lib.rs", &[("controlplane/coordinator/floors.toml", &[])]);
}

#[test]
fn benches() {
    check_ours("benches/src/lib.rs", &[("benches/floors.toml", &[])]);
}

/// Crates and programs that are too small for floors: no circles.
#[test]
fn small_crates_and_programs() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace");
    let programs = std::fs::read_dir(workspace.join("benches/src/bin")).expect("a folder of programs");
    let mut roots: Vec<String> = programs
        .map(|program| program.expect("the folder can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "rs"))
        .map(|name| format!("benches/src/bin/{name}"))
        .collect();
    roots.extend(
        ["dataplane/gateway/src/main.rs", "fuzz/src/lib.rs", "proto/src/lib.rs", "tests/src/lib.rs"]
            .map(str::to_owned),
    );
    for root in roots {
        check_ours(&root, &[]);
    }
}
