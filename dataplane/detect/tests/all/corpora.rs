//! Large clean texts: kinds that are full of what looks like secrets, and what is installed on the machine.
//!
//! A rule of a vendor must find nothing in them, the rules of assignments next to nothing: every finding would put a
//! token where the model needs the text.

use crate::common::builtin;
use crate::random::Random;
use aegis_detect::{LEFT_CONTEXT, Rules, Scanner, Window};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The windows of the gateway.
const WINDOW: usize = 32 * 1024;
/// How much of each kind is made up.
const MADE: usize = 1 << 20;
/// Rules for assignments may find one thing in so many bytes.
const GENERIC_PER: usize = 10_000_000;
/// Files that are larger are no text that people wrote.
const MAX_FILE: u64 = 64 << 20;

/// What was found in a corpus, by rule, with some of the values.
#[derive(Default)]
struct CorpusFindings {
    specific: BTreeMap<String, Vec<String>>,
    generic: BTreeMap<String, Vec<String>>,
    bytes: usize,
}

impl CorpusFindings {
    fn scan(&mut self, rules: &Rules, scanner: &mut Scanner, text: &[u8]) {
        self.bytes += text.len();
        let (mut from, mut fresh, mut end) = (0, 0, WINDOW.min(text.len()));
        loop {
            let last = end == text.len();
            let scan = scanner.scan(Window { text: &text[from..end], fresh: fresh - from, last });
            for found in scan.findings {
                let rule = rules.get(found.rule);
                let side = if rule.group == "generic" { &mut self.generic } else { &mut self.specific };
                let value = &text[found.span.shifted(from)];
                side.entry(rule.id.clone()).or_default().push(String::from_utf8_lossy(value).into_owned());
            }
            fresh = from + scan.settled;
            if last {
                return;
            }
            from = fresh.saturating_sub(LEFT_CONTEXT);
            end = (from + WINDOW).min(text.len());
        }
    }

    /// Fails when a vendor's rule found anything, or assignments too much.
    fn assert_clean(&self, corpus: &str) {
        assert!(self.specific.is_empty(), "{corpus}: {:?}", self.specific);
        let generic: usize = self.generic.values().map(Vec::len).sum();
        assert!(
            generic <= self.bytes / GENERIC_PER,
            "{corpus}: {generic} in {} bytes: {:?}",
            self.bytes,
            self.generic
        );
    }
}

/// Scans made-up text of one kind until there is enough of it.
fn made(corpus: &str, mut piece: impl FnMut(&mut Random, &mut String)) {
    let (rules, mut scanner) = builtin();
    let mut random = Random::new(0x00c0_ffee);
    let mut text = String::with_capacity(MADE + 4096);
    while text.len() < MADE {
        piece(&mut random, &mut text);
    }
    let mut findings = CorpusFindings::default();
    findings.scan(&rules, &mut scanner, text.as_bytes());
    findings.assert_clean(corpus);
}

/// A corpus that is installed has at least so many bytes; a smaller one would prove nothing.
const INSTALLED_LEAST: usize = 100_000;

/// Scans all files below `root` that `wanted` takes.
fn installed(corpus: &str, root: &Path, wanted: impl Fn(&Path) -> bool) {
    let (rules, mut scanner) = builtin();
    let mut findings = CorpusFindings::default();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type());
            if kind.as_ref().is_ok_and(std::fs::FileType::is_dir) {
                folders.push(path);
            } else if wanted(&path) && entry.metadata().is_ok_and(|m| m.is_file() && m.len() <= MAX_FILE) {
                findings.scan(&rules, &mut scanner, &std::fs::read(&path).unwrap_or_default());
            }
        }
    }
    println!("{corpus}: {} bytes, generic: {:?}", findings.bytes, findings.generic);
    assert!(findings.bytes >= INSTALLED_LEAST, "{corpus}: {} is not installed here", root.display());
    findings.assert_clean(corpus);
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| endings.contains(&e))
}

/// The first line that a command prints.
fn ask(command: &str, arguments: &[&str]) -> PathBuf {
    let output = std::process::Command::new(command).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{command} is not installed here: {error}"));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim())
}

#[test]
fn headers_of_the_system() {
    installed("/usr/include", Path::new("/usr/include"), |_| true);
}

#[test]
fn the_library_of_python() {
    let root = ask("python3", &["-c", "import sysconfig; print(sysconfig.get_paths()['stdlib'])"]);
    // Tests of TLS and of mail hold private keys and passwords; what pip installed is not Python's.
    let own = |p: &Path| {
        !p.components().any(|c| ["test", "tests", "site-packages"].iter().any(|n| c.as_os_str() == *n))
    };
    installed("Python's library", &root, |p| own(p) && has_ending(p, &["py", "txt", "rst", "cfg"]));
}

/// Manuals and pages about them; with the component rust-docs its pages, too.
#[test]
fn documents_of_the_toolchain() {
    let root = ask("rustc", &["--print", "sysroot"]);
    installed("Rust's documents", &root.join("share"), |p| has_ending(p, &["html", "js", "css", "md", "1"]));
}

#[test]
fn certificates() {
    installed("certificates", Path::new("/etc/ssl/certs"), |_| true);
    installed("certificates", Path::new("/usr/share/ca-certificates"), |_| true);
}

#[test]
fn lock_files() {
    made("package-lock.json", |r, out| {
        let (name, version) = (r.word(), r.version());
        let _ = writeln!(
            out,
            "    \"node_modules/{name}\": {{\n      \"version\": \"{version}\",\n      \"resolved\": \"https://packages.example.org/{name}/-/{name}-{version}.tgz\",\n      \"integrity\": \"sha512-{}\",\n      \"license\": \"MIT\"\n    }},",
            STANDARD.encode(r.bytes(64))
        );
    });
    made("yarn.lock and pnpm-lock.yaml", |r, out| {
        let (name, version) = (r.word(), r.version());
        let _ = writeln!(
            out,
            "\"@{name}/token@npm:^{version}\":\n  version: {version}\n  resolution: \"@{name}/token@npm:{version}\"\n  checksum: 10c0/{}\n  /{name}@{version}:\n    resolution: {{integrity: sha1-{}}}",
            r.hex(64),
            STANDARD.encode(r.bytes(20))
        );
    });
    made("go.sum, requirements and Terraform's lock", |r, out| {
        let (name, version) = (r.word(), r.version());
        let _ = writeln!(
            out,
            "github.com/{name}/secret v{version} h1:{}=\n{name}-auth=={version} --hash=sha256:{}\n    \"zh:{}\",\nimage: {name}/key@sha256:{}",
            r.alnum(43),
            r.hex(32),
            r.hex(32),
            r.hex(32)
        );
    });
}

#[test]
fn logs_rich_in_uuids() {
    made("UUID log", |r, out| {
        let _ = writeln!(
            out,
            "2026-03-{:02}T{:02}:{:02}:11.{:06}Z INFO request_id={} session={} user_id={} trace={} span={} token_count={} path=/v1/keys/{}/secret status=200",
            1 + r.below(28),
            r.below(24),
            r.below(60),
            r.below(1_000_000),
            r.uuid(),
            r.uuid(),
            r.below(1 << 31),
            r.hex(16),
            r.hex(8),
            r.below(4096),
            r.uuid()
        );
    });
}

#[test]
fn logs_of_git() {
    made("git log", |r, out| {
        let _ = writeln!(
            out,
            "commit {}\nMerge: {} {}\nAuthor: {} <{}@example.org>\nDate:   Mon Sep 17 00:{:02}:00 2001 +0200\n\n    Rotate the token of the {} key\n\n    Change-Id: I{}\n",
            r.hex(20),
            r.hex(4),
            r.hex(4),
            r.word(),
            r.word(),
            r.below(60),
            r.word(),
            r.hex(20)
        );
    });
}

#[test]
fn diffs() {
    made("diff", |r, out| {
        let _ = writeln!(
            out,
            "diff --git a/src/{0}.rs b/src/{0}.rs\nindex {1}..{2} 100644\n--- a/src/{0}.rs\n+++ b/src/{0}.rs\n@@ -{3},7 +{3},7 @@ fn token(&self)\n-    let password = self.{0}_password();\n+    let password = self.vault.read(\"{0}\")?;\n     Ok(token)",
            r.word(),
            r.hex(4),
            r.hex(4),
            r.below(900)
        );
    });
}

#[test]
fn images_in_base64() {
    made("images", |r, out| {
        let size = 64 + r.below(4000);
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(r.bytes(size));
        let _ = writeln!(out, "<img alt=\"key\" src=\"data:image/png;base64,{}\">", STANDARD.encode(bytes));
    });
    made("noise in base64", |r, out| {
        let _ = writeln!(out, "{}", STANDARD.encode(r.bytes(57)));
    });
    made("noise in hexadecimal", |r, out| {
        let _ = writeln!(out, "{}", r.hex(40));
    });
}

#[test]
fn files_of_sops() {
    made("SOPS", |r, out| {
        let size = 8 + r.below(40);
        let sealed = |r: &mut Random, n: usize| {
            format!(
                "ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]",
                STANDARD.encode(r.bytes(n)),
                STANDARD.encode(r.bytes(32)),
                STANDARD.encode(r.bytes(16))
            )
        };
        let _ = writeln!(
            out,
            "db_password: {}\napi_key: {}\nsops:\n    kms:\n        - arn: arn:aws:kms:eu-west-1:{}:key/{}\n          enc: {}\n    age:\n        - recipient: age1{}\n          enc: |\n            -----BEGIN AGE ENCRYPTED FILE-----\n            {}\n            -----END AGE ENCRYPTED FILE-----\n    lastmodified: \"2026-01-02T03:04:05Z\"\n    mac: {}\n    version: 3.9.1",
            sealed(r, size),
            sealed(r, 32),
            100_000_000_000 + r.below(800_000_000_000),
            r.uuid(),
            STANDARD.encode(r.bytes(180)),
            r.lower(58),
            STANDARD.encode(r.bytes(48)),
            sealed(r, 64),
        );
    });
}

#[test]
fn minified_scripts() {
    made("minified script", |r, out| {
        let (a, b, c) = (r.lower(1), r.lower(1), r.lower(2));
        let _ = write!(
            out,
            "function {c}({a},{b}){{return {a}.token={b}.key||null,{a}.password=e({b},{}),{c}.secret=t[{}],{b}.auth?.header({a}):void 0}}var {a}={{apiKey:r,secretKey:n.get(\"{}\"),token:{b}=>{b}+\"{}\"}};",
            r.below(9999),
            r.below(99),
            r.word(),
            r.word()
        );
    });
}
