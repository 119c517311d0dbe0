//! Rules of one's own: tried on their examples, refused with the reason, and kept when compiled.

use std::path::Path;
use std::process::Output;

use super::{folder_of, program, put, text};

const GOOD: &str = r#"
[[rule]]
id = "acme-key"
name = "Acme key"
category = "key"
severity = "high"
impact = "Everything at Acme"
pattern = 'acme_[0-9a-f]{24}'
match = ["«acme_0123456789abcdef01234567»", "key: «acme_89abcdef0123456789abcdef»"]
no_match = ["acme_0123", "acme_key_of_the_month"]
"#;

fn rules(arguments: &[&str], folder: &Path) -> Output {
    program().arg("rules").args(arguments).current_dir(folder).output().expect("it runs")
}

#[test]
fn good_rules_pass_and_find() {
    let log = "first\nsent acme_fedcba9876543210fedcba98 and password = \"kX9#mQ2$vL\"\n";
    let folder =
        folder_of(&[("own.toml", GOOD.as_bytes()), ("app.log", log.as_bytes()), ("clean.log", b"nothing")]);
    let output = rules(&["test", "own.toml"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let printed = "own.toml\n  pass  acme-key  2 match, 2 no_match; cost 0 of 10\n1 of 1 rules pass\n";
    assert_eq!(text(&output.stdout), printed);
    let output = rules(&["test", "own.toml", "--text", "app.log"], folder.path());
    let found = text(&output.stdout).strip_prefix(printed).expect("the same before");
    assert_eq!(found, "app.log\n  2:6  high  high  acme-key  acme…(29)  Acme key\n", "of its rules only");
    let output = rules(&["test", "own.toml", "--text", "app.log", "--reveal"], folder.path());
    assert!(text(&output.stdout).contains("acme_fedcba9876543210fedcba98"));
    let output = rules(&["test", "own.toml", "--text", "clean.log"], folder.path());
    assert!(text(&output.stdout).ends_with("clean.log\n  nothing found\n"), "{}", text(&output.stdout));
}

#[test]
fn rules_that_do_not_do_what_they_promise_fail() {
    let bad = GOOD
        .replace("acme-key", "acme-wide")
        .replace("{24}", "{4,24}")
        .replace("\"acme_0123\"", "\"x acme_01f3a b\"")
        .replace("«acme_0123456789abcdef01234567»", "acme_0123456789ABCDEF01234567");
    let lonely = GOOD
        .replace("acme-key", "acme-lonely")
        .replace("acme_", "acml_")
        .replace("key: «acml_89abcdef0123456789abcdef»", "key: acml_89abcdef0123456789abcdef")
        .replace(", \"acml_key_of_the_month\"", "");
    let folder = folder_of(&[("own.toml", format!("{GOOD}{bad}{lonely}").as_bytes())]);
    let output = rules(&["test", "own.toml"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    for line in [
        "  FAIL  acme-wide    2 match, 2 no_match; cost 0 of 10",
        "        match `acme_0123456789ABCDEF01234567`: found nothing",
        "        no_match `x acme_01f3a b`: found acme-wide `acme_01f3a`",
        "  FAIL  acme-lonely  2 match, 1 no_match; cost 0 of 10",
        "        match `key: acml_89abcdef0123456789abcdef`: found acme-lonely `acml_89abcdef0123456789abcdef`; \
         set «» around the secret where it is not the whole",
        "        `no_match` has 1, needs at least 2 examples",
        "2 of 3 rules fail",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n--\n{printed}");
    }
}

#[test]
fn what_is_refused_is_said_with_its_line() {
    let folder = folder_of(&[]);
    let refused = |file: &str, code: i32, parts: &[&str]| {
        put(folder.path(), "own.toml", file.as_bytes());
        let output = rules(&["test", "own.toml"], folder.path());
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{printed}");
        assert!(parts.iter().all(|part| printed.contains(part)), "{parts:?}\n--\n{printed}");
    };
    let with = |pattern: &str| GOOD.replace("pattern = 'acme_[0-9a-f]{24}'", pattern);
    refused(
        &with("pattern = '[a-z]*'"),
        1,
        &["error: own.toml:3:6: rule `acme-key`: ", "empty string", "help: "],
    );
    refused(
        &with("value = '[0-9]{9}'\nkeywords = ['in']"),
        1,
        &["own.toml:3:6: rule `acme-key`: costs too much"],
    );
    refused(&with("colour = 1"), 1, &["error: own.toml:8:1: unknown field `colour`"]);
    refused("", 1, &["own.toml: no rules"]);
    refused(
        GOOD.trim_end(),
        1,
        &["own.toml: the file's last line does not end", "help: end it with a line break"],
    );
    let two = with("pattern = '('") + &with("colour = 1").replace("acme-key", "acme-other");
    refused(
        &two,
        1,
        &["error: own.toml:3:6: rule `acme-key`: ", "\nerror: own.toml:", "unknown field `colour`"],
    );
    let output = rules(&["test", "missing.toml"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    let output = rules(&["test", "own.toml", "--text", "missing.log"], folder.path());
    assert_eq!(output.status.code(), Some(1), "the file is refused first");
}

#[test]
fn compiled_rules_are_kept() {
    let folder = folder_of(&[("own.toml", GOOD.as_bytes())]);
    let version = || {
        let mut program = program();
        program.arg("version").env("AEGIS_CACHE_DIR", folder.path().join("cache"));
        let output = program.output().expect("it runs");
        text(&output.stdout).lines().find(|line| line.starts_with("ready ")).expect("a line").to_owned()
    };
    assert!(version().ends_with(", compiled now"));
    assert!(version().ends_with(", compiled before"));
    let list = |files: &[&str]| {
        let mut program = program();
        program.args(["rules", "list", "acme"]).args(files).current_dir(folder.path());
        let output = program.env("AEGIS_CACHE_DIR", folder.path().join("cache")).output().expect("it runs");
        text(&output.stdout).to_owned()
    };
    for _ in 0..2 {
        assert!(list(&["--rules", "own.toml"]).contains("acme-key"));
        assert!(!list(&[]).contains("acme-key"));
    }
    let kept = std::fs::read_dir(folder.path().join("cache")).expect("a folder");
    let kept: Vec<_> = kept.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(
        kept.len(),
        3,
        "one with the rules of one's own, one without, and the key that seals them: {kept:?}"
    );
}
