//! SARIF: what code scanning services take.

#![expect(clippy::cast_possible_truncation, reason = "an index of a short list")]

use serde_json::Value;

use super::{TOKEN, folder, scan, text};

#[test]
fn sarif_has_what_the_schema_demands() {
    let folder = folder();
    let output = scan(&["--format", "sarif", "src"], folder.path(), b"");
    let log: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], "aegis-gateway");
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let result = &run["results"][0];
    let index = result["ruleIndex"].as_u64().expect("an index") as usize;
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().expect("a level")));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/main.py");
    let region = serde_json::json!({
        "startLine": 3, "startColumn": 6, "endLine": 3, "endColumn": 46, "byteOffset": 17, "byteLength": 40
    });
    assert_eq!(place["region"], region);
    assert!(!text(&output.stdout).contains(TOKEN));
}
