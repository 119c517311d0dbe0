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
    assert_eq!(
        place["artifactLocation"],
        serde_json::json!({ "uri": "src/main.py", "uriBaseId": "SRCROOT" })
    );
    assert!(run["originalUriBaseIds"]["SRCROOT"].is_object());
    let rules = run["tool"]["driver"]["rules"].as_array().expect("a list");
    assert_eq!((rules.len(), &rules[0]["id"]), (1, &result["ruleId"]), "only rules that were hit");
    assert!(rules[0]["helpUri"].as_str().expect("an address").starts_with("https://"));
    let region = serde_json::json!({
        "startLine": 3, "startColumn": 6, "endLine": 3, "endColumn": 46, "byteOffset": 17, "byteLength": 40
    });
    assert_eq!(place["region"], region);
    assert!(!text(&output.stdout).contains(TOKEN));
}

#[test]
fn paths_have_one_base_from_wherever_the_scan_is_started_and_fingerprints_do_not_move() {
    let folder = folder();
    let results = |from: &str, path: &str| -> Vec<Value> {
        let output = scan(&["--format", "sarif", path], &folder.path().join(from), b"");
        let log: Value = serde_json::from_slice(&output.stdout).expect("one document");
        log["runs"][0]["results"].as_array().expect("a list").clone()
    };
    let address =
        |result: &Value| result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
    let print = |result: &Value| result["partialFingerprints"]["aegisFinding/v1"].clone();
    let first = results("", "src/main.py");
    for (from, path) in [("src", "main.py"), ("ignored", "../src/main.py")] {
        let again = results(from, path);
        assert_eq!((address(&again[0]), print(&again[0])), (address(&first[0]), print(&first[0])), "{from}");
    }
    super::put(folder.path(), "src/main.py", format!("\n\n\n\nx = '{TOKEN}'\ny = '{TOKEN}'\n").as_bytes());
    let moved = results("", "src");
    assert_eq!(print(&moved[0]), print(&first[0]), "lines do not count");
    assert_ne!(print(&moved[1]), print(&first[0]), "a second one is another");
}
