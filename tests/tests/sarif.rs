//! SARIF: what code scanning services take, held against the standard's own schema.
//!
//! The schema comes with a package for Node, and so the judge is `tests/sdk/node/sarif.mjs`; `tests/run.sh` installs
//! both and runs these ignored tests.

#![expect(clippy::cast_possible_truncation, reason = "an index of a short list")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aegis_tests::process::binary;
use aegis_tests::secrets::Seeded;
use serde_json::Value;

/// A folder to scan, made anew for each case.
struct Folder {
    dir: tempfile::TempDir,
    github: String,
    anthropic: String,
}

impl Folder {
    fn new() -> Folder {
        let mut seeded = Seeded::new(2_100);
        let (github, anthropic) = (seeded.github(), seeded.anthropic());
        let folder = Folder { dir: tempfile::tempdir().expect("a folder"), github, anthropic };
        folder.put("clean.txt", b"nothing to see");
        folder
    }

    fn put(&self, path: &str, text: &[u8]) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// What `scan --format sarif` writes; `--jobs 1` keeps the order.
    fn scan(&self, arguments: &[&str]) -> Value {
        let output = Command::new(binary("aegis-gateway"))
            .args(["scan", "--format", "sarif", "--jobs", "1"])
            .args(arguments)
            .current_dir(self.dir.path())
            .env("AEGIS_CACHE_DIR", self.dir.path().join(".cache"))
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let shown = String::from_utf8_lossy(&output.stdout);
        for secret in [&self.github, &self.anthropic] {
            assert!(!shown.contains(secret), "{arguments:?} shows a secret");
        }
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn results(log: &Value) -> &[Value] {
    log["runs"][0]["results"].as_array().expect("a list")
}

fn node_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/node");
    assert!(
        folder.join("node_modules").exists(),
        "{} has no node_modules: run tests/run.sh, which installs them",
        folder.display()
    );
    folder
}

/// What the schema says against each of the logs.
fn judge(logs: &[Value]) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().expect("a folder");
    let files = logs.iter().enumerate().map(|(index, log)| {
        let path = dir.path().join(format!("{index}.sarif"));
        fs::write(&path, log.to_string()).expect("a file");
        path
    });
    let output = Command::new("node")
        .arg("sarif.mjs")
        .args(files)
        .current_dir(node_folder())
        .output()
        .expect("node runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verdicts: Vec<Vec<String>> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a list of errors"))
        .collect();
    assert_eq!(verdicts.len(), logs.len());
    verdicts
}

/// A case: what it shows, what lies in the folder, how it is scanned, and how many findings are reported.
type Case = (&'static str, fn(&Folder), &'static [&'static str], usize);

const CASES: &[Case] = &[
    ("nothing found", |_| {}, &["."], 0),
    (
        "several rules",
        |f| {
            f.put("src/main.py", format!("\n\na = \"{}\"\nb = \"{}\"\n", f.github, f.anthropic).as_bytes());
            f.put(".env", b"DB_PASSWORD=Kx82-hUq71-Zz\r\n");
        },
        &["."],
        3,
    ),
    (
        "a path of unusual letters",
        |f| f.put("ein \"neuer\" Ö/日本 b#1?%41.txt", format!("ü🦀 {} {}\n", f.github, f.github).as_bytes()),
        &["."],
        2,
    ),
    (
        "UTF-16",
        |f| {
            let text = format!("\u{FEFF}🦀\n{}\n", f.github);
            f.put("wide.ini", &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        },
        &["wide.ini"],
        1,
    ),
    (
        "what a baseline knows, and a new one",
        |f| {
            f.put("old.txt", f.github.as_bytes());
            let _ = f.scan(&["--write-baseline", "known.json", "old.txt"]);
            f.put("new.txt", f.anthropic.as_bytes());
        },
        &["--baseline", "known.json", "old.txt", "new.txt"],
        1,
    ),
    (
        "ignored by a comment and by a file",
        |f| {
            f.put("a.py", format!("key = \"{}\"  # aegis:ignore\n", f.github).as_bytes());
            f.put(".ignore", b"b.py\n");
            f.put("b.py", f.github.as_bytes());
        },
        &["."],
        0,
    ),
    (
        "personal data, doubtful and sure",
        |f| f.put("notes.txt", b"call mara.brandt@posteo.de, card 4532 1487 6540 9871\n"),
        &["--pack", "personal", "notes.txt"],
        2,
    ),
    ("a file that is missing", |_| {}, &["missing.txt"], 0),
];

#[test]
#[ignore = "needs the packages in tests/sdk/node/node_modules: run tests/run.sh"]
fn every_report_fits_the_schema() {
    let logs: Vec<Value> = CASES
        .iter()
        .map(|(name, fill, arguments, count)| {
            let folder = Folder::new();
            fill(&folder);
            let log = folder.scan(arguments);
            assert_eq!(results(&log).len(), *count, "{name}: {:?}", results(&log));
            for result in results(&log) {
                let index = result["ruleIndex"].as_u64().expect("an index") as usize;
                assert_eq!(
                    log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"],
                    "{name}"
                );
            }
            let complete = &log["runs"][0]["invocations"][0]["executionSuccessful"];
            assert_eq!(*complete, !arguments.contains(&"missing.txt"), "{name}");
            log
        })
        .collect();
    for ((name, ..), errors) in CASES.iter().zip(judge(&logs)) {
        assert_eq!(errors, [""; 0], "{name}");
    }
}

/// The judge is one: a log with one thing wrong is refused, and for that thing.
#[test]
#[ignore = "needs the packages in tests/sdk/node/node_modules: run tests/run.sh"]
fn a_broken_report_is_refused() {
    let folder = Folder::new();
    folder.put("a.txt", folder.github.as_bytes());
    let log = folder.scan(&["a.txt"]);
    let place = "/runs/0/results/0/locations/0/physicalLocation";
    let broken: Vec<(String, Value)> = [
        ("/version".to_owned(), "2.0".into()),
        ("/runs/0/tool/driver".to_owned(), serde_json::json!({"version": "1"})),
        ("/runs/0/columnKind".to_owned(), "bytes".into()),
        ("/runs/0/results/0/level".to_owned(), "fatal".into()),
        ("/runs/0/results/0/ruleIndex".to_owned(), (-2).into()),
        (format!("{place}/region/startLine"), 0.into()),
        (format!("{place}/artifactLocation/uri"), "a b.txt".into()),
        (format!("{place}/artifactLocation"), serde_json::json!({"url": "a.txt"})),
    ]
    .into();
    let logs: Vec<Value> = broken
        .iter()
        .map(|(pointer, value)| {
            let mut log = log.clone();
            *log.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value.clone();
            log
        })
        .collect();
    for ((pointer, _), errors) in broken.iter().zip(judge(&logs)) {
        let dotted = pointer.replace("/0", "[0]").replace('/', ".");
        assert!(errors.iter().any(|error| error.starts_with(&dotted)), "{pointer}: {errors:?}");
    }
}
