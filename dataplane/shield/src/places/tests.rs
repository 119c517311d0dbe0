//! The files are judged by their own examples, read by what reads the requests.

use std::fmt::Write;

use super::*;
use crate::places::place::Pattern;
use crate::places::table::FILES;
use crate::request::tests::support::places_in;

/// Where the requests of `file` stand, with a way to put one there.
fn wrapped(root: &str, document: &str) -> String {
    root.split('.').filter(|word| !word.is_empty()).rev().fold(document.to_owned(), |inner, word| {
        let name = word.trim_end_matches("[]");
        let arrays = (word.len() - name.len()) / 2;
        format!("{{\"{name}\":{}{inner}{}}}", "[".repeat(arrays), "]".repeat(arrays))
    })
}

/// The table of one row, so that others do not answer for it.
fn is_of(file: &file::PlacesFile, row: &file::PlaceRow, place: Option<&Place>) -> bool {
    place.is_some_and(|place| {
        place.api == file.api && place.role == row.role && row.paths.contains(&place.path)
    })
}

/// Each row, with the scopes and roots under which its paths hold.
fn for_each_row(mut check: impl FnMut(&file::PlacesFile, &file::PlaceRow, Scope, &str)) {
    for file in FILES.iter() {
        for row in file.place.iter().filter(|row| !row.paths.is_empty()) {
            file.roots.iter().for_each(|root| check(file, row, Scope::Body, root));
            file.upload_roots.iter().for_each(|root| check(file, row, Scope::File, root));
        }
    }
}

#[test]
fn every_path_has_an_example_that_hits_it() {
    for_each_row(|file, row, scope, root| {
        let mut met = Vec::new();
        for example in &row.examples {
            for place in places_in(all(), scope, &wrapped(root, example)) {
                // Another row may say the same of the place, but none may say something else.
                let place = place.unwrap_or_else(|| panic!("{}: {example} below {root:?}", file.api));
                assert_eq!(place.role, row.role, "{}: {example}", file.api);
                met.push(place.path.clone());
            }
        }
        for path in &row.paths {
            let known = FILES.iter().flat_map(|file| &file.place).filter(|other| other.paths.contains(path));
            assert!(met.contains(path) && known.count() >= 1, "{}: no example for {path}", file.api);
        }
    });
}

#[test]
fn what_only_looks_like_a_place_is_none() {
    for_each_row(|file, row, scope, root| {
        for near in &row.near {
            let found = places_in(all(), scope, &wrapped(root, near));
            assert!(!found.is_empty(), "{near} has no mark");
            for place in found {
                assert!(!is_of(file, row, place), "{}: {near} is at {place:?}", file.api);
            }
        }
    });
}

#[test]
fn the_same_members_in_a_message_are_text() {
    for_each_row(|file, row, scope, root| {
        for example in &row.examples {
            for around in [
                "messages[].content[].input",
                "input[].arguments",
                "x",
                "contents[].parts[].functionCall.args",
            ] {
                let document = wrapped(root, &wrapped(around, example));
                for place in places_in(all(), scope, &document) {
                    assert!(!is_of(file, row, place), "{}: {document} is at {place:?}", file.api);
                }
            }
            // JSON in a string is text.
            let inner = example.replace('\\', "\\\\").replace('"', "\\\"");
            assert!(
                places_in(all(), scope, &wrapped(root, &format!("{{\"content\":\"{inner}\"}}"))).is_empty()
            );
        }
    });
}

/// Objects of the user's own: what tools take and give, their schemas, and what is merely kept with a request.
const USERS_OWN: [&str; 22] = [
    "x",
    "metadata",
    "messages[].metadata",
    "messages[].content[].input",
    "messages[].content[].input.properties",
    "messages[].content[].content[].input",
    "tools[].input_schema",
    "tools[].input_schema.properties",
    "messages[].tool_calls[].function.arguments",
    "messages[].function_call.arguments",
    "tools[].function.parameters",
    "tools[].function.parameters.properties",
    "tools[].parameters.properties",
    "input[].arguments",
    "contents[].parts[].functionCall.args",
    "contents[].parts[].function_call.args",
    "contents[].parts[].functionResponse.response",
    "tools[].functionDeclarations[].parameters.properties",
    "messages[].content[].toolUse.input",
    "messages[].content[].toolResult.content[].json",
    "toolConfig.tools[].toolSpec.inputSchema.json",
    "params.arguments",
];

/// Written in full, so that a secret that could pass for a sealed value is really searched for.
#[test]
fn nothing_in_an_object_of_the_users_own_is_a_place() {
    use crate::format::Format;
    use crate::request::tests::support::run;
    // A token of GitHub's is base64, and long enough to be a signature.
    let secret = concat!(
        "github_pat_",
        "SdXUISDrH9Om1tpwiTlnut",
        "_",
        "MnAHpGAPPDwn5hDDJkquyRbvY5hvr873ZfYDvLRtAHNWMXC6M768sp4dV5V"
    );
    for_each_row(|file, row, scope, root| {
        for example in &row.examples {
            for around in USERS_OWN {
                let document = wrapped(root, &wrapped(around, example));
                let found = places_in(of_requests(), scope, &document);
                assert!(found.iter().all(Option::is_none), "{}: {document} is at {found:?}", file.api);
            }
            if scope == Scope::Body && row.role == Role::Sealed {
                for around in USERS_OWN {
                    let body = wrapped(root, &wrapped(around, example)).replace('@', secret);
                    let (out, _) = run(Format::Json, body.as_bytes()).unwrap();
                    assert!(!String::from_utf8(out).unwrap().contains(secret), "{body}");
                }
            }
            // A file that looks like a request is the user's own too, whatever stands around.
            let found = places_in(of_requests(), Scope::File, &wrapped("x", &wrapped(root, example)));
            assert!(found.iter().all(Option::is_none), "{}: {example} in a file", file.api);
            // One path begins with what is the root of a line of a batch too.
            if !file.upload_roots.iter().any(|root| example.starts_with(&format!("{{\"{root}\":"))) {
                let found = places_in(of_requests(), Scope::File, example);
                assert!(found.iter().all(Option::is_none), "{}: {example} in a file", file.api);
            }
        }
    });
}

#[test]
fn a_file_is_no_request() {
    for document in [
        r#"{"pageToken":"@"}"#,
        r#"{"mcp_servers":[{"authorization_token":"@"}]}"#,
        r#"{"tools":[{"authorization":"@","headers":{"x":"@"}}]}"#,
    ] {
        assert!(places_in(of_requests(), Scope::Body, document).iter().all(Option::is_some), "{document}");
        assert!(places_in(of_requests(), Scope::File, document).iter().all(Option::is_none), "{document}");
    }
    let line = r#"{"custom_id":"1","body":{"tools":[{"authorization":"@"}]}}"#;
    assert!(places_in(of_requests(), Scope::File, line)[0].is_some());
    assert!(places_in(of_requests(), Scope::Body, line)[0].is_none());
}

#[test]
fn names_and_depths_are_compared_whole() {
    let token = |document: &str| places_in(of_requests(), Scope::Body, document)[0].map(|place| place.role);
    assert_eq!(token(r#"{"pageToken":"@"}"#), Some(Role::PageToken));
    for name in
        ["pageToke", "pageTokens", "PageToken", "page\\u0000Token", "pageTokenpageTokenpageTokenpageToken"]
    {
        assert_eq!(token(&format!(r#"{{"{name}":"@"}}"#)), None, "{name}");
    }
    for around in ["[", "[["] {
        let closed = "]".repeat(around.len());
        assert_eq!(token(&format!(r#"{around}{{"pageToken":"@"}}{closed}"#)), None);
    }
}

#[test]
fn parameters_and_fields_are_known_in_any_case() {
    assert_eq!(of_parameter(b"PAGETOKEN"), Some(Role::PageToken));
    assert_eq!(of_parameter(b"x-amz-signature"), Some(Role::Credential));
    assert_eq!(of_parameter(b"q"), None);
    assert_eq!(of_parameter(b""), None);
    assert_eq!(of_header(b"X-Api-Key"), Some(Role::Credential));
    for name in [&b"x-api-key2"[..], b"my-x-api-key", b"x-session-id", b"x-authority", b"monkey", b""] {
        assert_eq!(of_header(name), None, "{}", String::from_utf8_lossy(name));
    }
}

#[test]
fn no_row_is_empty_and_names_fit() {
    for row in FILES.iter().flat_map(|file| &file.place) {
        assert!(!row.paths.is_empty() || !row.query.is_empty() || !row.headers.is_empty());
        assert!(row.paths.is_empty() == row.examples.is_empty(), "{:?}", row.paths);
        for name in &row.headers {
            assert_eq!(*name, name.to_ascii_lowercase());
        }
    }
    for place in all().places() {
        for step in &place.steps {
            // A longer key is cut when it is kept, and would never be equal.
            assert!(!matches!(step, Pattern::Name(name) if name.len() > MAX_NAME), "{}", place.path);
        }
    }
}

#[test]
fn the_page_shows_the_table() {
    let shown = [
        (Role::Credential, "credential"),
        (Role::PageToken, "page_token"),
        (Role::Link, "link"),
        (Role::Sealed, "sealed"),
        (Role::Signed, "signed"),
        (Role::Media, "media"),
    ];
    let mut table = String::from("| what | API | where |\n|---|---|---|\n");
    for (role, name) in shown {
        for file in FILES.iter() {
            let rows = file.place.iter().filter(|row| row.role == role);
            let places: Vec<String> = rows
                .flat_map(|row| {
                    let paths = row.paths.iter().map(|path| format!("`{path}`"));
                    let query = row.query.iter().map(|name| format!("`?{name}`"));
                    paths.chain(query).chain(row.headers.iter().map(|name| format!("`{name}:`")))
                })
                .collect();
            if !places.is_empty() {
                let _ = writeln!(table, "| {name} | {} | {} |", file.api, places.join(", "));
            }
        }
    }
    let page = include_str!("../../../../docs/places.md");
    assert!(page.contains(&table), "the table in docs/places.md should be:\n{table}");
}

/// What passes unscanned on its way out gets no secret on its way back, or it would leak in the next turn. The reply
/// knows signed text, sealed values, media and addresses by their names, so the examples of requests serve.
#[test]
fn what_passes_unscanned_gets_no_secret() {
    use crate::format::Format;
    use crate::reply::{Rehydrator, ReplyFormat};
    use crate::request::tests::support::run;
    /// Media whose member is called like text elsewhere (`source.data` is a document's text too), so that replies restore
    /// what begins with a token. A request knows media by their bytes there, and so has to find what was restored.
    const NAMED_LIKE_TEXT: [&str; 5] = ["data", "result", "bytes", "blob", "images[]"];
    /// The head of a picture.
    const HEAD: &str = "iVBORw0KGgoAAAANSUhEUgAA";
    let secret = concat!("ghp_", "SdXUISDrH9Om1tpwiTln", "uOCyUHYgXE3Os6B1");
    let keyring = crate::Keyring::new(&[42; 32], "acme", 5, &[]).unwrap();
    let token = keyring.mint(aegis_detect::Category::Key, secret.as_bytes());
    // Below `parameters` a reply has what a tool gets, whatever its members are called.
    let is_tools = |example: &&String| example.contains("\"parameters\":");
    for row in FILES.iter().flat_map(|file| &file.place) {
        let value = match row.role {
            Role::Link => format!("\"https://h/{token}\""),
            Role::Offset | Role::Structure => continue,
            _ => format!("\"{token}\""),
        };
        let behind_head = format!("\"{HEAD}{token}\"");
        let values = [(&value, false), (&behind_head, true)];
        let values = &values[..if row.role == Role::Media { 2 } else { 1 }];
        let named_like_text = row.role == Role::Media
            && row
                .paths
                .iter()
                .any(|path| path.rsplit('.').next().is_some_and(|m| NAMED_LIKE_TEXT.contains(&m)));
        for (example, &(value, has_head)) in row
            .examples
            .iter()
            .filter(|example| !is_tools(example))
            .flat_map(|example| values.iter().map(move |value| (example, value)))
        {
            let reply = example.replace("\"@\"", value);
            let mut vault = crate::Vault::new();
            vault.insert(token, secret.as_bytes()).unwrap();
            let mut rehydrator = Rehydrator::new(vault, ReplyFormat::Json);
            let mut out = Vec::new();
            rehydrator.push(reply.as_bytes(), &mut out);
            rehydrator.finish(&mut out);
            let restored = String::from_utf8_lossy(&out);
            if named_like_text && !has_head && restored != reply {
                let (sent, _) = run(Format::Json, &out).unwrap();
                assert!(!String::from_utf8(sent).unwrap().contains(secret), "{restored}");
                continue;
            }
            assert_eq!(restored, reply);
            if matches!(row.role, Role::Link | Role::Signed | Role::Credential | Role::PageToken) {
                assert!(rehydrator.stats().kept > 0, "{reply}");
            }
        }
    }
}

/// What names something that the provider keeps is known at its places, and in files and tools' arguments it is not.
#[test]
fn requests_that_refer_to_history_are_known_by_their_members() {
    for_each_row(|file, row, scope, root| {
        for example in &row.examples {
            let found = places_in(history(), scope, &wrapped(root, example));
            let is_history = row.history;
            assert!(found.iter().all(|place| place.is_some() == is_history), "{}: {example}", file.api);
        }
    });
    for document in [
        r#"{"input":[{"arguments":{"previous_response_id":"@"}}]}"#,
        r#"{"messages":[{"content":[{"input":{"file_id":"@"}}]}]}"#,
        r#"{"metadata":{"conversation":"@"},"x":{"cachedContent":"@"}}"#,
        r#"{"messages":[{"role":"@"}],"model":"@"}"#,
    ] {
        assert!(places_in(history(), Scope::Body, document).iter().all(Option::is_none), "{document}");
    }
}

#[test]
fn requests_that_refer_to_history_are_known_by_their_paths() {
    for path in [
        "/v1/responses/resp_1",
        "/v1/responses/resp_1/input_items?limit=20",
        "/v1/conversations/conv_1/items",
        "/v1/threads/thread_1/messages",
        "/v1/threads/runs",
        "/v1/chat/completions/chatcmpl_1/messages",
        "/v1/files/file_1/content",
        "/v1/files?purpose=batch",
        "/v1/batches/batch_1",
        "/v1/messages/batches/msgbatch_1/results",
        "/v1beta/files/abc:download?alt=media",
        "/download/v1beta/files/abc:download",
        "/v1beta/cachedContents/c",
        "/openai/v1/files/file_1/content",
        "/openai/deployments/d/threads/t",
    ] {
        assert!(is_history_path(path), "{path}");
    }
    for path in [
        "",
        "/",
        "/v1/responses",
        "/v1/responses/",
        "/v1/responses?x=/responses/a",
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1beta/models/gemini-pro:generateContent",
        "/v1/embeddings",
        "/v1/myfiles/a",
        "/v1/filesystem",
    ] {
        assert!(!is_history_path(path), "{path}");
    }
}

/// The pages list what makes a request refer to history.
#[test]
fn the_page_shows_what_refers_to_history() {
    let page = include_str!("../../../../docs/places.md");
    let mut table = String::from("| API | members | paths |\n|---|---|---|\n");
    for file in FILES.iter() {
        let rows = file.place.iter().filter(|row| row.history);
        let members: Vec<String> =
            rows.flat_map(|row| row.paths.iter().map(|path| format!("`{path}`"))).collect();
        let paths: Vec<String> = file.history_paths.iter().map(|path| format!("`{path}`")).collect();
        if !members.is_empty() || !paths.is_empty() {
            let _ = writeln!(table, "| {} | {} | {} |", file.api, members.join(", "), paths.join(", "));
        }
    }
    assert!(page.contains(&table), "the table of histories in docs/places.md should be:\n{table}");
}
