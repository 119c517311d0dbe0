//! The official SDKs of OpenAI, Anthropic and Google through the gateway, plain and over TLS.
//!
//! The comparisons themselves are in Python and Node (`tests/sdk`), where the SDKs live; this file brings up the
//! programs and hands over their addresses. `tests/run.sh` installs the SDKs and runs these ignored tests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use aegis_tests::compatibility;
use aegis_tests::oracle::{assert_absent, tokens_in};
use aegis_tests::{Authority, Gateway, Message, Mock, Script, Upstream};
use serde_json::{Value, json};

struct Scene {
    plain: (Gateway, Mock),
    tls: (Gateway, Mock),
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let authority = Authority::new(dir.path(), "ca");
        let certificate = authority.sign("server", &["localhost", "127.0.0.1"]);
        let mock = Mock::start();
        let plain = (Gateway::before(&mock.url()), mock);
        let mock = Mock::start_tls(&certificate.cert, &certificate.key);
        let mut config = format!(
            "[server.tls]\ncertificates = [{{ cert = \"{}\", key = \"{}\" }}]\n",
            certificate.cert.display(),
            certificate.key.display()
        );
        for name in ["openai", "anthropic", "google"] {
            write!(
                config,
                "[upstreams.{name}]\nurl = \"https://localhost:{}\"\nroots = \"file\"\nca = \"{}\"\n",
                mock.address.port(),
                dir.path().join("ca.pem").display()
            )
            .expect("a String takes text");
        }
        let tls = (Gateway::builder().config(&config).start(), mock);
        Scene { plain, tls, dir }
    }

    /// Runs `program` with the addresses in its environment; its output is shown when it fails.
    fn run(&self, mut program: Command) {
        let ca = self.dir.path().join("ca.pem");
        let output = program
            .env("AEGIS_TEST_MOCK", self.plain.1.url())
            .env("AEGIS_TEST_GATEWAY", format!("http://{}", self.plain.0.address))
            .env("AEGIS_TEST_MOCK_TLS", format!("https://localhost:{}", self.tls.1.address.port()))
            .env("AEGIS_TEST_GATEWAY_TLS", format!("https://localhost:{}", self.tls.0.address.port()))
            .env("AEGIS_TEST_CA", &ca)
            .env("NODE_EXTRA_CA_CERTS", &ca)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("HTTP_PROXY")
            .env_remove("HTTPS_PROXY")
            .output()
            .unwrap_or_else(|e| panic!("{}: {e}", program.get_program().to_string_lossy()));
        println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} failed", program.get_program().to_string_lossy());
    }
}

fn here(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(path.exists(), "{} is missing: run tests/run.sh, which installs the SDKs", path.display());
    path
}

/// One file as OpenAI describes it.
fn openai_file(id: &str) -> Value {
    json!({"id": id, "object": "file", "bytes": 1, "created_at": 1, "filename": "n", "purpose": "batch", "status": "processed"})
}

/// One file as Anthropic describes it.
fn anthropic_file(id: &str) -> Value {
    json!({"id": id, "type": "file", "filename": "n", "mime_type": "text/plain", "size_bytes": 1,
        "created_at": "2024-01-01T00:00:00Z", "downloadable": false})
}

/// Names the second page of a list, as bytes that mean nothing to others.
const PAGE: &str = "page_MjAyNC0wNS0xNFQwNzoyMjozMS44NzZafGZpbGVfMDExQ05oYTgzN1BvS3c";

/// One of two pages: the second for those whose query holds `second`, which the first one names.
fn page(query: &str, second: &str, item: fn(&str) -> Value) -> Value {
    let is_second = query.contains(second);
    let id = if is_second { "file_2" } else { "file_1" };
    let next = if is_second { Value::Null } else { PAGE.into() };
    json!({"object": "list", "data": [item(id)], "has_more": !is_second, "first_id": id, "last_id": id, "next_page": next})
}

/// A provider that hands out addresses of its own: for uploads, results, pages and moved things.
fn link_provider() -> Upstream {
    Upstream::start(|request, _| {
        let host = request.field("host").unwrap_or_default();
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        // Google's libraries ask for one version or the other.
        let path = &path.replace("/v1beta/", "/v1/");
        let reply = |fields: &str, body: &str| {
            Script::raw(format!("HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\n\r\n{body}", body.len()))
        };
        let json = |body: &str| reply("content-type: application/json\r\n", body);
        let moved = |status: u16, to: &str| {
            Script::raw(format!(
                "HTTP/1.1 {status} Moved\r\nlocation: http://{host}{to}\r\ncontent-length: 0\r\n\r\n"
            ))
        };
        let text = request.text();
        let moved_text = || format!("moved {}", tokens_in(&text).first().unwrap_or(&"without a token"));
        let is_anthropic = request.field("anthropic-version").is_some();
        let is_openai = request.field("authorization").is_some();
        let posted = request.start.starts_with("POST");
        let batch = |id: &str| {
            format!(
                r#"{{"id":"{id}","type":"message_batch","processing_status":"ended","request_counts":{{"processing":0,"succeeded":1,"errored":0,"canceled":0,"expired":0}},"created_at":"2024-01-01T00:00:00Z","expires_at":"2024-01-02T00:00:00Z","ended_at":"2024-01-01T01:00:00Z","archived_at":null,"cancel_initiated_at":null,"results_url":"http://{host}/v1/messages/batches/{id}/results"}}"#
            )
        };
        let command = request.field("x-goog-upload-command").unwrap_or_default();
        match path.as_str() {
            "/upload/v1/files" if command.contains("start") => reply(
                &format!(
                    "x-goog-upload-status: active\r\nx-goog-upload-url: http://{host}/upload/v1/files?upload_id=u1&upload_protocol=resumable\r\n"
                ),
                "{}",
            ),
            "/upload/v1/files" => reply(
                "content-type: application/json\r\nx-goog-upload-status: final\r\n",
                r#"{"file":{"name":"files/one","mimeType":"application/json","state":"ACTIVE","uri":"https://up.example/v1beta/files/one"}}"#,
            ),
            "/v1/files" if is_anthropic && posted => json(&anthropic_file("file_new").to_string()),
            "/v1/files" if is_anthropic => json(&page(query, PAGE, anthropic_file).to_string()),
            "/v1/files" if is_openai && posted => json(&openai_file("file_new").to_string()),
            "/v1/files" if is_openai => json(&page(query, "after=file_1", openai_file).to_string()),
            "/v1/files" if query.contains("pageToken=second") => json(r#"{"files":[{"name":"files/two"}]}"#),
            "/v1/files" => json(r#"{"files":[{"name":"files/one"}],"nextPageToken":"second"}"#),
            "/v1/files/one:download" => moved(302, "/v1/content/one"),
            "/v1/content/one" => reply("content-type: application/octet-stream\r\n", "the content"),
            "/v1/chat/completions" => moved(307, "/v1/moved/completions"),
            "/v1/moved/completions" => json(
                &json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": moved_text()}},
                ]})
                .to_string(),
            ),
            "/v1/messages" => moved(307, "/v1/moved/messages"),
            "/v1/moved/messages" => json(
                &json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                    "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1},
                    "content": [{"type": "text", "text": moved_text()}]})
                .to_string(),
            ),
            "/v1/messages/batches" if posted => json(&batch("made")),
            "/v1/messages/batches" if query.contains("after_id") => json(&format!(
                r#"{{"data":[{}],"has_more":false,"first_id":"b2","last_id":"b2"}}"#,
                batch("b2")
            )),
            "/v1/messages/batches" => json(&format!(
                r#"{{"data":[{}],"has_more":true,"first_id":"b1","last_id":"b1"}}"#,
                batch("b1")
            )),
            "/v1/messages/batches/b1" => json(&batch("b1")),
            "/v1/messages/batches/b1/results" | "/v1/messages/batches/made/results" => reply(
                "content-type: application/x-jsonl\r\n",
                "{\"custom_id\":\"first\",\"result\":{\"type\":\"canceled\"}}\n",
            ),
            _ => Script::raw("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        }
    })
}

/// Runs a program that uploads, pages and follows links through a gateway, and looks at all that reached the provider.
fn follow_links(mut program: Command) {
    let provider = link_provider();
    let gateway = Gateway::before(&provider.url());
    let output = program
        .env("AEGIS_TEST_GATEWAY", format!("http://{}", gateway.address))
        .env("AEGIS_TEST_SECRET", SECRET)
        .env("AEGIS_TEST_FILES", json!(files()).to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("HTTP_PROXY")
        .env_remove("HTTPS_PROXY")
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}", program.get_program().to_string_lossy()));
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let seen: Vec<Message> = provider.records().clone();
    for request in &seen {
        let coding = request.field("accept-encoding");
        assert_eq!(coding, Some("identity"), "{} went past the gateway", request.start);
        assert_absent(&request.raw, SECRET, &request.start);
    }
    for wanted in [
        "/upload/v1/files?upload_id=u1",
        "pageToken=second",
        "/v1/content/one",
        "/v1/moved/completions",
        "/v1/moved/messages",
        "after=file_1",
        PAGE,
        "after_id=b1",
        "/v1/messages/batches/b1/results",
        "/v1/messages/batches/made/results",
    ] {
        let asked: Vec<&str> = seen.iter().map(Message::target).collect();
        assert!(asked.iter().any(|target| target.contains(wanted)), "nobody asked for {wanted}: {asked:?}");
    }
    let is_post = |request: &&Message| request.start.starts_with("POST /v1/files");
    let google = seen.iter().filter(|request| request.target().contains("upload_id"));
    let openai = seen.iter().filter(is_post).filter(|request| request.field("authorization").is_some());
    let anthropic =
        seen.iter().filter(is_post).filter(|request| request.field("anthropic-version").is_some());
    assert_all_arrived("Google", google);
    assert_all_arrived("OpenAI", openai);
    assert_all_arrived("Anthropic", anthropic);
    assert!(output.status.success(), "{} failed", program.get_program().to_string_lossy());
}

/// Asserts that every one of the files was uploaded with a token in the secret's place, and is else what it was.
fn assert_all_arrived<'a>(whose: &str, uploads: impl Iterator<Item = &'a Message>) {
    let texts: Vec<String> = uploads.map(Message::text).collect();
    let restored: Vec<String> = texts
        .iter()
        .map(|text| tokens_in(text).first().map_or_else(|| text.clone(), |token| text.replace(token, SECRET)))
        .collect();
    for file in files() {
        assert!(restored.iter().any(|text| text.contains(&file)), "{whose} did not get {file}: {texts:?}");
    }
}

/// What is uploaded, always under the name of JSON, as the libraries do: JSON, a text, JSON with comments, lines of
/// JSON, a batch.
fn files() -> [String; 5] {
    [
        format!("{{\"note\": \"deploy with {SECRET}\"}}"),
        format!("remember: deploy with {SECRET}\nand then {{\"the\": rest\n"),
        format!("// how to\n{{\n  /* with */ \"key\": \"{SECRET}\", // today's\n  \"list\": [1, 2,],\n}}\n"),
        format!("{{\"a\": 1}}\n{{\"key\": \"{SECRET}\"}}\n{{\"b\": 2}}\n"),
        format!(
            "{{\"custom_id\": \"1\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\", \"body\": {{\"model\": \"m\", \"messages\": [{{\"role\": \"user\", \"content\": \"use {SECRET}\"}}]}}}}\n"
        ),
    ]
}

/// A made-up secret that a rule finds in any text.
const SECRET: &str = "AKIAQ3EGV7ZKLM2XTN4D";

#[test]
#[ignore = "needs the Python SDKs in tests/.venv: run tests/run.sh"]
fn python_sdks_follow_links_through_the_gateway() {
    let mut program = Command::new(here(".venv/bin/python"));
    program
        .args(["-W", "ignore::ResourceWarning", "-m", "unittest", "-v", "links"])
        .current_dir(here("sdk/python"));
    follow_links(program);
}

#[test]
#[ignore = "needs the Node SDKs in tests/sdk/node/node_modules: run tests/run.sh"]
fn node_sdks_follow_links_through_the_gateway() {
    let _ = here("sdk/node/node_modules");
    let mut program = Command::new("node");
    program.args(["--test", "links.test.mjs"]).current_dir(here("sdk/node"));
    follow_links(program);
}

#[test]
#[ignore = "needs the Python SDKs in tests/.venv: run tests/run.sh"]
fn python_sdks() {
    let mut program = Command::new(here(".venv/bin/python"));
    program.args(["-W", "ignore::ResourceWarning", "-m", "unittest", "-v"]).current_dir(here("sdk/python"));
    Scene::new().run(program);
    compatibility::passed("Python");
}

#[test]
#[ignore = "needs the Node SDKs in tests/sdk/node/node_modules: run tests/run.sh"]
fn node_sdks() {
    let _ = here("sdk/node/node_modules");
    let mut program = Command::new("node");
    program.args(["--test", "sdks.test.mjs"]).current_dir(here("sdk/node"));
    Scene::new().run(program);
    compatibility::passed("Node");
}
