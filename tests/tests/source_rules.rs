//! The project's own rules, checked like any other behaviour.
//!
//! They keep the parts replaceable: protocol and scanning code stays free of runtimes, unsafe code stays in
//! the modules that are named here, files stay readable, and nothing in the tree depends on where it was built.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// Longest Rust source file, in lines.
const FILE_LINES_MAX: usize = 600;

/// Which crates of the workspace each crate may depend on outside of its tests.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("aegis-settings", &[]),
    ("aegis-proto", &[]),
    ("aegis-detect", &[]),
    ("aegis-shield", &["aegis-detect"]),
    ("aegis-wire", &[]),
    ("aegis-gateway", &["aegis-detect", "aegis-settings", "aegis-shield", "aegis-wire"]),
    ("aegis-coordinator", &["aegis-proto", "aegis-settings"]),
    ("aegis-bench", &[]), // its criterion benches do, as tests may
    ("aegis-fuzz", &["aegis-detect", "aegis-shield", "aegis-wire"]),
    ("aegis-tests", &[]), // a judge shares no code with the judged
];

/// Crates that must know no runtime, executor, timer or socket.
const SANS_IO: &[&str] = &["aegis-detect", "aegis-shield", "aegis-wire"];
const RUNTIMES: &[&str] =
    &["tokio", "monoio", "glommio", "mio", "async-std", "smol", "async-io", "socket2", "io-uring", "hyper"];

/// The only files that may contain unsafe code, and so lift the lint.
const UNSAFE_MODULES: &[&str] = &["dataplane/detect/src/engine/hyperscan.rs"];

/// Crates whose root may say `deny` instead of `forbid`, because one of the modules above is theirs.
const DENY_INSTEAD_OF_FORBID: &[&str] = &["dataplane/detect/"];

/// The only folders whose code knows the runtime of the shards, so that another runtime means one folder.
const SHARD_RUNTIME_MODULES: &[&str] = &["dataplane/gateway/src/shard/net/", "benches/"];

/// The coordinator's storage: the only code that knows SQL.
const STORAGE: &str = "controlplane/coordinator/src/storage/";
/// What names a database's client, and the only folder that may.
const DATABASE_CLIENTS: &[(&str, &str)] = &[
    ("tokio_postgres", "controlplane/coordinator/src/storage/postgres/"),
    ("deadpool_postgres", "controlplane/coordinator/src/storage/postgres/"),
    ("rusqlite", "controlplane/coordinator/src/storage/sqlite/"),
];
/// Beginnings of statements.
const STATEMENTS: &[&str] =
    &["SELECT ", "INSERT INTO ", "DELETE FROM ", "UPDATE ", "CREATE TABLE ", "ALTER TABLE "];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &host()])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("cargo metadata prints JSON")
}

/// The platform this was built for: other platforms' crates need not be there.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let out = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc knows its host").to_owned()
}

/// Text files under version control (new ones too), by path from the root.
fn tracked_files() -> Vec<String> {
    let out = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(out.status.success(), "git ls-files: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout)
        .expect("paths are UTF-8")
        .split_terminator('\0')
        .filter(|path| root().join(path).is_file())
        .map(str::to_owned)
        .collect()
}

fn read(path: &str) -> String {
    String::from_utf8_lossy(&fs::read(root().join(path)).expect("a tracked file can be read")).into_owned()
}

fn rust_files() -> Vec<String> {
    tracked_files()
        .into_iter()
        .filter(|path| Path::new(path).extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// Files that are compiled for tests only: by their place, or because their module is declared under `cfg(test)`.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/") || test_modules().contains(path)
}

fn test_modules() -> &'static BTreeSet<String> {
    static MODULES: OnceLock<BTreeSet<String>> = OnceLock::new();
    MODULES.get_or_init(|| {
        let mut modules = BTreeSet::new();
        for path in rust_files() {
            let parent = Path::new(&path);
            let stem = parent.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            let folder = match stem.as_str() {
                "mod" | "lib" | "main" => parent.with_file_name(""),
                _ => parent.with_extension(""),
            };
            let text = read(&path);
            let (mut under_cfg_test, mut named_file) = (false, None);
            for line in text.lines().map(str::trim) {
                if let Some(file) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]"))
                {
                    named_file = Some(parent.with_file_name(file));
                } else if let Some((_, name)) =
                    line.strip_suffix(';').and_then(|line| line.split_once("mod "))
                {
                    let files = [folder.join(format!("{name}.rs")), folder.join(format!("{name}/mod.rs"))];
                    let named = named_file.take();
                    if under_cfg_test {
                        modules
                            .extend(files.into_iter().chain(named).map(|f| f.to_string_lossy().into_owned()));
                    }
                }
                under_cfg_test = line == "#[cfg(test)]" || under_cfg_test && line.starts_with("#[");
            }
        }
        modules
    })
}

struct Graph {
    name_of: BTreeMap<String, String>,
    normal: BTreeMap<String, Vec<String>>,
    members: Vec<String>,
}

impl Graph {
    /// The resolved graph without test-only edges; build scripts' dependencies count as the crate's own.
    fn load() -> Graph {
        let meta = metadata();
        let text = |v: &Value| v.as_str().expect("a string in cargo metadata").to_owned();
        let list = |v: &Value| v.as_array().expect("a list in cargo metadata").clone();
        let name_of = list(&meta["packages"]).iter().map(|p| (text(&p["id"]), text(&p["name"]))).collect();
        let mut normal = BTreeMap::new();
        for node in list(&meta["resolve"]["nodes"]) {
            let deps = list(&node["deps"])
                .iter()
                .filter(|dep| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev"))
                .map(|dep| text(&dep["pkg"]))
                .collect();
            normal.insert(text(&node["id"]), deps);
        }
        let members = list(&meta["workspace_members"]).iter().map(text).collect();
        Graph { name_of, normal, members }
    }

    fn member(&self, name: &str) -> Option<&String> {
        self.members.iter().find(|id| self.name_of[*id] == name)
    }

    /// Names of everything reachable from `id`, without `id`.
    fn tree(&self, id: &str) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        let mut open: Vec<&String> = self.normal[id].iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                names.insert(self.name_of[next].as_str());
                open.extend(&self.normal[next]);
            }
        }
        names
    }
}

/// A line for what is no longer there would let it come back unseen.
#[test]
fn what_the_lists_name_exists() {
    let graph = Graph::load();
    let allowed = MAY_DEPEND_ON.iter().flat_map(|(_, allowed)| *allowed);
    for name in MAY_DEPEND_ON.iter().map(|(name, _)| name).chain(allowed).chain(SANS_IO) {
        assert!(graph.member(name).is_some(), "{name} is not in the workspace");
    }
    for folder in DENY_INSTEAD_OF_FORBID {
        assert!(UNSAFE_MODULES.iter().any(|path| path.starts_with(folder)), "{folder} has no unsafe module");
    }
    let clients: Vec<&str> = DATABASE_CLIENTS.iter().map(|(_, folder)| *folder).collect();
    let lists =
        [UNSAFE_MODULES, DENY_INSTEAD_OF_FORBID, SHARD_RUNTIME_MODULES, NO_GUIDES, &[STORAGE], &clients];
    for path in lists.into_iter().flatten() {
        assert!(root().join(path).exists(), "{path} does not exist");
    }
}

#[test]
fn dependencies_point_one_way() {
    let graph = Graph::load();
    for id in &graph.members {
        let name = graph.name_of[id].as_str();
        let (_, allowed) = MAY_DEPEND_ON
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("{name} has no line in MAY_DEPEND_ON: say what it may depend on"));
        for dep in &graph.normal[id] {
            let dep = graph.name_of[dep].as_str();
            assert!(!dep.starts_with("aegis-") || allowed.contains(&dep), "{name} must not depend on {dep}");
        }
    }
}

#[test]
fn detect_shield_and_wire_know_no_runtime() {
    let graph = Graph::load();
    for name in SANS_IO {
        let id = graph.member(name).unwrap_or_else(|| panic!("{name} is in the workspace"));
        let tree = graph.tree(id);
        for runtime in RUNTIMES {
            assert!(!tree.contains(runtime), "{name} pulls in {runtime}");
        }
    }
}

#[test]
fn only_the_network_module_knows_the_shards_runtime() {
    for path in rust_files() {
        let may_know = SHARD_RUNTIME_MODULES.iter().any(|folder| path.starts_with(folder));
        if may_know || path == file_of_this_test() {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let names_it = code.contains("monoio") || code.contains("io_uring::");
            assert!(!names_it, "{path}:{}: knows the shards' runtime", number + 1);
        }
    }
}

#[test]
fn only_the_storage_knows_sql() {
    let sources: Vec<String> =
        rust_files().into_iter().filter(|path| path.starts_with("controlplane/coordinator/src/")).collect();
    assert!(sources.iter().any(|path| path.starts_with(STORAGE)));
    for path in &sources {
        let text = read(path);
        for (client, folder) in DATABASE_CLIENTS {
            assert!(path.starts_with(folder) || !text.contains(client), "{path}: knows {client}");
        }
        let knows_sql = STATEMENTS.iter().any(|statement| text.contains(statement));
        assert!(path.starts_with(STORAGE) || !knows_sql, "{path}: knows SQL");
    }
}

#[test]
fn every_dependency_takes_its_version_from_the_workspace() {
    for path in tracked_files().iter().filter(|path| path.ends_with("/Cargo.toml")) {
        let manifest: toml::Value = toml::from_str(&read(path)).expect("a manifest is TOML");
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(deps) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
            for (name, spec) in deps {
                let inherited = spec.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherited, "{path}: [{table}] {name} must say `workspace = true`");
            }
        }
        for key in ["version", "edition", "rust-version", "license"] {
            let inherited = manifest["package"].get(key).and_then(|v| v.get("workspace")).is_some();
            assert!(inherited, "{path}: {key} must say `workspace = true`");
        }
        assert!(
            manifest.get("lints").is_some_and(|l| l.get("workspace").is_some()),
            "{path}: no workspace lints"
        );
    }
}

/// Dependencies that no code names, and why they stand there.
const UNNAMED_DEPENDENCIES: &[&str] = &[];

#[test]
fn every_dependency_is_used() {
    let sources = rust_files();
    for path in tracked_files().iter().filter(|path| path.ends_with("/Cargo.toml")) {
        let folder = path.trim_end_matches("Cargo.toml");
        let manifest: toml::Value = toml::from_str(&read(path)).expect("a manifest is TOML");
        let texts: Vec<String> =
            sources.iter().filter(|source| source.starts_with(folder)).map(|source| read(source)).collect();
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(deps) = manifest.get(table).and_then(toml::Value::as_table) else { continue };
            for name in deps.keys().filter(|name| !UNNAMED_DEPENDENCIES.contains(&name.as_str())) {
                let is_named = texts.iter().any(|text| text.contains(&name.replace('-', "_")));
                assert!(is_named, "{path}: [{table}] {name}: no file in {folder} names it");
            }
        }
    }
}

#[test]
fn unsafe_code_stays_in_the_named_modules() {
    for path in rust_files() {
        let text = read(&path);
        let is_root =
            path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || path.contains("/src/bin/");
        if is_root {
            let may_deny = DENY_INSTEAD_OF_FORBID.iter().any(|crate_dir| path.starts_with(crate_dir));
            let forbids = text.contains("#![forbid(unsafe_code)]");
            assert!(forbids || (may_deny && text.contains("#![deny(unsafe_code)]")), "{path}: no unsafe ban");
        }
        if UNSAFE_MODULES.contains(&path.as_str()) || path == file_of_this_test() {
            continue;
        }
        let lifts =
            ["allow(unsafe_code", "expect(unsafe_code"].iter().any(|attribute| text.contains(attribute));
        assert!(!lifts, "{path}: lifts the unsafe ban");
    }
}

#[test]
fn rust_files_are_short() {
    for path in rust_files() {
        let lines = read(&path).lines().count();
        assert!(lines <= FILE_LINES_MAX, "{path}: {lines} lines, more than {FILE_LINES_MAX}");
    }
}

#[test]
fn modules_say_why_they_exist() {
    for path in rust_files().iter().filter(|path| path.contains("/src/") && !is_test(path)) {
        let text = read(path);
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        assert!(first.starts_with("//!") || text.starts_with("#!"), "{path}: does not open with `//!`");
    }
}

#[test]
fn the_tree_names_no_place_it_was_built_in() {
    let registries =
        [["crates", "io"], ["pypi", "org"], ["pythonhosted", "org"], ["npmjs", "org"], ["debian", "org"]];
    let mut banned: Vec<String> = registries.iter().map(|parts| parts.join(".")).collect();
    banned.extend(
        [["/work", "main"], ["/work", "shared"], ["/tmp", "wt/"], ["/tmp", "aegis/"]].map(|p| p.join("/")),
    );
    for path in tracked_files() {
        if path.ends_with("Cargo.lock") {
            continue; // cargo writes the registry's name there by itself
        }
        let text = read(&path);
        for word in &banned {
            assert!(!text.contains(word.as_str()), "{path}: names {word}");
        }
    }
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"]].map(|parts| parts.concat());
    for path in rust_files() {
        let text = read(&path);
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{path}: {mark}");
        }
    }
}

fn file_of_this_test() -> &'static str {
    "tests/tests/source_rules.rs"
}

#[test]
fn every_dependency_has_a_licence_that_is_allowed() {
    let deny: toml::Table = toml::from_str(&read("deny.toml")).expect("deny.toml is TOML");
    let allowed: Vec<spdx::Licensee> = deny["licenses"]["allow"]
        .as_array()
        .expect("deny.toml lists licences")
        .iter()
        .map(|name| {
            spdx::Licensee::parse(name.as_str().expect("a licence is a string")).expect("a known licence")
        })
        .collect();
    for package in metadata()["packages"].as_array().expect("a list of packages") {
        let (name, written) = (&package["name"], package["license"].as_str().unwrap_or_default());
        let licence = spdx::Expression::parse_mode(written, spdx::ParseMode::LAX)
            .unwrap_or_else(|e| panic!("{name}: `{written}` is no licence: {e}"));
        let is_allowed = licence.evaluate(|wanted| allowed.iter().any(|licence| licence.satisfies(wanted)));
        assert!(is_allowed, "{name}: the licence {written} is not in deny.toml");
    }
}

/// What `tests/full.sh` compiles with the oldest compiler, by what the crates themselves say.
#[test]
fn every_dependency_works_with_the_oldest_compiler() {
    let number = |text: &str| -> Vec<u32> {
        text.split('.').map(|part| part.parse().expect("a version of the compiler is numbers")).collect()
    };
    let workspace: toml::Table = toml::from_str(&read("Cargo.toml")).expect("a manifest is TOML");
    let promised =
        workspace["workspace"]["package"]["rust-version"].as_str().expect("rust-version").to_owned();
    for package in metadata()["packages"].as_array().expect("a list of packages") {
        let Some(wanted) = package["rust_version"].as_str() else { continue };
        let is_older = number(wanted)[..2] <= number(&promised)[..2];
        assert!(is_older, "{} wants Rust {wanted}, Cargo.toml promises {promised}", package["name"]);
    }
}

/// Documents about the past, and so may name files that are gone. All others send their readers to files, by
/// paths from the root.
const NO_GUIDES: &[&str] = &["CHANGELOG.md", "benches/RESULTS.md"];

fn documents() -> impl Iterator<Item = String> {
    tracked_files().into_iter().filter(|path| Path::new(path).extension().is_some_and(|kind| kind == "md"))
}

#[test]
fn paths_in_documents_exist() {
    for document in documents().filter(|path| !NO_GUIDES.contains(&path.as_str())) {
        for path in paths_in(&read(&document)) {
            assert!(root().join(&path).exists(), "{document}: `{path}` does not exist");
        }
    }
}

/// The paths in backquotes: what has a slash and begins with a name in the repository's root, names a file of a known
/// kind, or ends in a slash. A colon ends a path, and a path from the file system's root is none of ours.
fn paths_in(text: &str) -> Vec<String> {
    const KINDS: [&str; 8] = ["rs", "md", "toml", "sh", "txt", "py", "mjs", "json"];
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    spans
        .filter(|span| span.contains('/') && !span.starts_with('/') && span.bytes().all(is_path_byte))
        .map(|span| span.split(':').next().unwrap_or(span))
        .filter(|path| {
            let is_of_kind = Path::new(path).extension().is_some_and(|kind| KINDS.iter().any(|k| kind == *k));
            let first = path.split('/').next().unwrap_or(path);
            is_of_kind || path.ends_with('/') || root().join(first).exists()
        })
        .filter(|path| !path.starts_with("target/"))
        .map(str::to_owned)
        .collect()
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._-:".contains(&byte)
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in documents() {
        let folder = root().join(&path).parent().expect("a file lies in a folder").to_path_buf();
        let text = read(&path);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") || link.contains(char::is_whitespace) {
                continue;
            }
            let target = if file.is_empty() { root().join(&path) } else { folder.join(file) };
            assert!(target.exists(), "{path}: the link {link} leads nowhere");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).expect("a linked document can be read");
                assert!(headings(&text).contains(heading), "{path}: the link {link} names no heading");
            }
        }
    }
}

/// The names that a document's headings have in links.
fn headings(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let names = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"));
    names.map(|name| name.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()).collect()
}
