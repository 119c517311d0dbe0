//! Which tools point here: their variables, and the configuration files that they keep in the home folder.
//!
//! Of the files only addresses are taken, and of addresses nothing that could be a key.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::diagnosis::Diagnosis;
use crate::cli::tools::OPENCODE_CONFIG;
use crate::config::upstream_url::UpstreamUrl;
use crate::os;

/// Longest file that is read, in bytes.
const MAX_LEN: u64 = 1 << 20;
/// Variables that hold an address.
const VARIABLES: [&str; 7] = [
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_API_BASE",
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "GOOGLE_GEMINI_BASE_URL",
    "GEMINI_API_BASE",
    "CODE_ASSIST_ENDPOINT",
];

/// How addresses are written in a file.
#[derive(Debug, Clone, Copy)]
enum Syntax {
    Json,
    Toml,
    /// `name: value` or `name=value`, a line each.
    Lines,
}

/// A tool's configuration file: the tool, its place below the home folder, how it is written, and the members that hold
/// addresses.
const FILES: [(&str, &str, Syntax, &[&str]); 9] = [
    ("Claude Code", ".claude/settings.json", Syntax::Json, &["ANTHROPIC_BASE_URL"]),
    ("Codex", ".codex/config.toml", Syntax::Toml, &["openai_base_url", "base_url"]),
    ("Gemini CLI", ".gemini/.env", Syntax::Lines, &["GOOGLE_GEMINI_BASE_URL"]),
    ("opencode", ".config/opencode/opencode.json", Syntax::Json, &["baseURL"]),
    ("opencode", ".config/opencode/opencode.jsonc", Syntax::Json, &["baseURL"]),
    ("aider", ".aider.conf.yml", Syntax::Lines, &["openai-api-base"]),
    ("aider", ".env", Syntax::Lines, &["OPENAI_API_BASE", "ANTHROPIC_API_BASE", "GEMINI_API_BASE"]),
    ("Continue", ".continue/config.yaml", Syntax::Lines, &["apiBase"]),
    ("Continue", ".continue/config.json", Syntax::Json, &["apiBase"]),
];

/// Looks for tools that point at one of these `addresses` of gateways, or elsewhere.
pub(super) fn examine(addresses: &[String]) -> Vec<Diagnosis> {
    let gateways: Vec<UpstreamUrl> =
        addresses.iter().filter_map(|address| UpstreamUrl::parse(address).ok()).collect();
    let mut diagnoses = Vec::new();
    for name in VARIABLES {
        if let Some(value) = std::env::var(name).ok().filter(|value| !value.trim().is_empty()) {
            diagnoses.push(classify(&format!("variable {name}"), &value, &gateways));
        }
    }
    if let Ok(config) = std::env::var(OPENCODE_CONFIG) {
        diagnoses.extend(of_text(
            &format!("variable {OPENCODE_CONFIG}"),
            &config,
            Syntax::Json,
            &["baseURL"],
            &gateways,
        ));
    }
    if let Some(home) = std::env::var_os("HOME").filter(|home| !home.is_empty()) {
        diagnoses.extend(of_home(Path::new(&home), &gateways));
    }
    if diagnoses.is_empty() {
        let help =
            "`aegis-gateway env TOOL` shows what points it here, `aegis-gateway exec -- TOOL` runs it so";
        diagnoses.push(Diagnosis::note("no tool has an address set", help));
    }
    diagnoses
}

fn of_home(home: &Path, gateways: &[UpstreamUrl]) -> Vec<Diagnosis> {
    let mut diagnoses = Vec::new();
    for (tool, place, syntax, members) in FILES {
        let path = match (place, std::env::var_os("CODEX_HOME").filter(|folder| !folder.is_empty())) {
            (".codex/config.toml", Some(folder)) => PathBuf::from(folder).join("config.toml"),
            _ => home.join(place),
        };
        let name = format!("{tool} ({})", path.display());
        match read(&path) {
            Ok(text) => diagnoses.extend(of_text(&name, &text, syntax, members, gateways)),
            // A folder may have the name for another reason: `.env` of Python.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {}
            Err(error) => diagnoses.push(Diagnosis::note(format!("{name} cannot be read: {error}"), "")),
        }
    }
    diagnoses
}

/// The file's text. A pipe would wait for somebody who writes it, and is not opened.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    os::open_to_reread(path)?.take(MAX_LEN).read_to_string(&mut text)?;
    Ok(text)
}

fn of_text(
    name: &str,
    text: &str,
    syntax: Syntax,
    members: &[&str],
    gateways: &[UpstreamUrl],
) -> Vec<Diagnosis> {
    let document = match syntax {
        Syntax::Json => serde_json::from_str(text).ok(),
        Syntax::Toml => toml::from_str::<Value>(text).ok(),
        Syntax::Lines => Some(Value::Null),
    };
    let Some(document) = document else {
        let help = "comments may be the reason; look for an address of the gateway in it";
        return vec![Diagnosis::note(format!("{name} cannot be read"), help)];
    };
    let mut found = BTreeSet::new();
    match syntax {
        Syntax::Json | Syntax::Toml => collect(&document, members, &mut found),
        Syntax::Lines => found.extend(text.lines().filter_map(|line| of_line(line, members))),
    }
    found.iter().map(|address| classify(name, address, gateways)).collect()
}

/// All strings of these members, wherever they stand.
fn collect(value: &Value, members: &[&str], found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::String(text) if members.contains(&name.as_str()) => {
                        found.insert(text.clone());
                    }
                    other => collect(other, members, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, members, found)),
        _ => {}
    }
}

/// The value of a line that sets one of these members.
fn of_line(line: &str, members: &[&str]) -> Option<String> {
    let line = line.trim().trim_start_matches("- ").trim_start_matches("export ");
    let (name, value) = line.split_once([':', '='])?;
    let value = value.trim().trim_matches(['"', '\'']);
    (members.contains(&name.trim()) && !value.is_empty()).then(|| value.to_owned())
}

fn classify(name: &str, address: &str, gateways: &[UpstreamUrl]) -> Diagnosis {
    let Ok(url) = UpstreamUrl::parse(address.trim()) else {
        // Not shown: it may hold a password, or be something else altogether.
        return Diagnosis::warning(format!("{name} holds no address that a gateway could have"), "");
    };
    let scheme = if url.tls { "https" } else { "http" };
    let shown = format!("{scheme}://{}", url.authority());
    if gateways.iter().any(|gateway| is_same(gateway, &url)) {
        return Diagnosis::good(format!("{name} points here: {shown}"));
    }
    let help = "`aegis-gateway env TOOL` shows what points it here";
    Diagnosis::note(format!("{name} points elsewhere: {shown}"), help)
}

/// Whether two addresses lead to the same listener.
fn is_same(a: &UpstreamUrl, b: &UpstreamUrl) -> bool {
    let is_loopback =
        |host: &str| host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    a.port == b.port && (a.host == b.host || (is_loopback(&a.host) && is_loopback(&b.host)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::doctor::diagnosis::DiagnosisLevel;

    #[test]
    fn files_of_tools_are_read_for_their_addresses_alone() {
        let home = tempfile::tempdir().unwrap();
        let put = |place: &str, text: &str| {
            let path = home.path().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put(
            ".claude/settings.json",
            r#"{"env":{"ANTHROPIC_BASE_URL":"http://localhost:8080","X":"http://no"}}"#,
        );
        put(".gemini/.env", "export GOOGLE_GEMINI_BASE_URL='http://127.0.0.1:8080'\nGEMINI_API_KEY=a:b\n");
        put(".config/opencode/opencode.json", "{ // comment\n}");
        put(".aider.conf.yml", "openai-api-base: https://user:hunter2@elsewhere.example/v1\nmodel: x\n");
        put(
            ".continue/config.yaml",
            "models:\n  - apiBase: https://other.example/v1?key=hunter2\n    apiKey: k\n",
        );
        put(".continue/config.json", r#"{"models":[{"apiBase":"https://third.example/v1"}]}"#);
        let gateways = [UpstreamUrl::parse("http://127.0.0.1:8080").unwrap()];
        let diagnoses = of_home(home.path(), &gateways);
        let has = |level, tool: &str, part: &str| {
            let fits = |one: &&Diagnosis| {
                one.level == level && one.what.starts_with(tool) && one.what.contains(part)
            };
            assert!(diagnoses.iter().any(|one| fits(&one)), "{tool} {part}: {diagnoses:#?}");
        };
        has(DiagnosisLevel::Good, "Claude Code", "points here: http://localhost:8080");
        has(DiagnosisLevel::Good, "Gemini CLI", "points here: http://127.0.0.1:8080");
        has(DiagnosisLevel::Note, "opencode", "cannot be read");
        has(DiagnosisLevel::Warning, "aider", "holds no address");
        has(DiagnosisLevel::Warning, "Continue", "holds no address");
        has(DiagnosisLevel::Note, "Continue", "points elsewhere: https://third.example");
        assert_eq!(diagnoses.len(), 6);
        assert!(!format!("{diagnoses:?}").contains("hunter2"));
    }

    #[test]
    fn codex_names_its_addresses_in_two_ways() {
        let gateways = [UpstreamUrl::parse("http://[::1]:9000").unwrap()];
        let text = "openai_base_url = \"http://127.0.0.1:9000/v1\"\n[model_providers.x]\nbase_url = \"http://h:1/v1\"\n";
        let diagnoses = of_text("Codex", text, Syntax::Toml, &["openai_base_url", "base_url"], &gateways);
        assert_eq!(
            diagnoses.iter().map(|one| one.level).collect::<Vec<_>>(),
            [DiagnosisLevel::Good, DiagnosisLevel::Note]
        );
    }
}
