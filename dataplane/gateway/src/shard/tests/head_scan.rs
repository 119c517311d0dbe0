//! What a rule finds in a text is found in every part of a request's head, on the first request and on later ones.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use aegis_detect::{Pack, Rules, Selection, rule_test};
use aegis_shield::{Action, Format, ShardScratch, Shield, Splice, Tokenizer};
use aegis_wire::head::Method;

use super::harness::{
    Client, Gateway, GatewaySetup, MockUpstream, ReceivedRequest, Reply, SECRET, ok, on_both_drivers, shield,
};
use crate::config::settings::Driver;

/// A made-up password that only its name makes a secret.
const NAMED: &str = "Xq7vR2kLw9TzBn4Jd8Ge";

/// All rules of all packs.
fn all_packs() -> Arc<Shield> {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    let load = || Rules::load(&Selection { packs: &Pack::ALL, ..Selection::default() });
    let base = shield(Action::Tokenize);
    Arc::new(Shield {
        rules: Arc::clone(RULES.get_or_init(|| load().unwrap())),
        policy: base.policy.clone(),
        keyring: Arc::clone(&base.keyring),
        search_key: crate::recall::search_key(),
        limits: base.limits,
    })
}

fn gateway(driver: Driver, upstream: &MockUpstream) -> Gateway {
    let mut setup = GatewaySetup::new(driver, upstream);
    setup.change = Box::new(|snapshot| snapshot.shield = all_packs());
    setup.start()
}

/// What the tokenizer alone makes of a text.
fn tokenized(shield: &Arc<Shield>, scratch: &mut ShardScratch, format: Format, text: &str) -> String {
    let mut tokenizer = Tokenizer::new(Arc::clone(shield), format);
    let mut splice = Splice::new();
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        splice.clear();
        let consumed = tokenizer.push(scratch, rest, true, &mut splice).unwrap();
        splice.write_to(rest, &mut out);
        rest = &rest[consumed..];
    }
    String::from_utf8(out).unwrap()
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'A'..=b'Z' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").unwrap(),
        }
        out
    })
}

fn ask(client: &mut Client, upstream: &MockUpstream, path: &str, fields: &str) -> (Reply, ReceivedRequest) {
    client.send(format!("GET {path} HTTP/1.1\r\nhost: g\r\n{fields}\r\n"));
    let reply = client.reply_to(Method::Get);
    (reply, upstream.seen.lock().unwrap().pop().unwrap_or_default())
}

fn field(seen: &ReceivedRequest, name: &str) -> String {
    String::from_utf8_lossy(seen.head.fields.get(name.as_bytes()).unwrap_or_default()).into_owned()
}

/// No choice of what is worth a scan, and no memory of what was clean, may be narrower than the rules.
#[test]
fn fields_and_parameters_are_judged_as_the_rules_judge_texts() {
    let upstream = MockUpstream::new(|_| vec![ok("fine")]);
    let mut gateway = gateway(Driver::Epoll, &upstream);
    let shield = all_packs();
    let mut scratch = ShardScratch::new(&shield.rules).unwrap();
    let examples = shield.rules.iter().flat_map(|(_, rule)| rule.matching.iter());
    let mut texts: Vec<String> = examples.map(|example| rule_test::unmark(example).0).collect();
    texts.extend(
        ["Xq7!k2#", "k9Q;x2/Lm,7Tz", "k9Q/x2/Lm/7Tz/aa8/Pq4", "2023-06-01", "identity", "x", NAMED]
            .map(str::to_owned),
    );
    let plain = |text: &String| text.trim() == text && text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    let mut hidden = 0;
    let mut client = gateway.client();
    for text in texts.iter().filter(|text| plain(text) && text.len() < 2000) {
        for (name, parameter) in [("x-note", "q"), ("x-db-password", "db_password")] {
            let query = format!("{parameter}={}", percent(text));
            let expected = [
                tokenized(&shield, &mut scratch, Format::Text, &format!("{name}: {text}")),
                tokenized(&shield, &mut scratch, Format::Form, &query),
            ];
            for time in 0..2 {
                let (reply, seen) = ask(&mut client, &upstream, "/up/v1/x", &format!("{name}: {text}\r\n"));
                assert_eq!(reply.status, 200, "{text}: {}", reply.text());
                let value = format!("{name}: {}", field(&seen, name));
                assert_eq!(value, expected[0], "{text}, time {time}");
                let (_, seen) = ask(&mut client, &upstream, &format!("/up/v1/x?{query}"), "");
                assert_eq!(seen.head.path.split_once('?').unwrap().1, expected[1], "{text}, time {time}");
                gateway.record();
                gateway.record();
                hidden += usize::from(!value.ends_with(text.as_str()));
            }
        }
    }
    assert!(hidden > 2000, "{hidden}");
}

#[test]
fn of_a_multipart_type_the_boundary_alone_stays() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = gateway(driver, &upstream);
        let mut client = gateway.client();
        let mut sent = |method: &str, media_type: &str, body: &str| {
            client.send(format!(
                "{method} /up/v1/x HTTP/1.1\r\nhost: g\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ));
            let method = if method == "GET" { Method::Get } else { Method::Post };
            let reply = client.reply_to(method);
            assert_eq!(reply.status, 200, "{media_type}: {}", reply.text());
            field(&upstream.seen.lock().unwrap().pop().unwrap(), "content-type")
        };
        // A boundary may look like anything: it must stay what stands in the body.
        let body = format!("--{SECRET}\r\na: b\r\n\r\nx\r\n--{SECRET}--\r\n");
        let plain = format!("multipart/form-data; boundary={SECRET}");
        assert_eq!(sent("POST", &plain, &body), plain);
        for (before, behind) in [("", format!("; x={SECRET}")), ("; x=1", format!("; db_password={NAMED}"))] {
            let media_type = format!("multipart/form-data{before}; boundary={SECRET}{behind}");
            let seen = sent("POST", &media_type, &body);
            assert!(seen.starts_with(&format!("multipart/form-data{before}; boundary={SECRET}; ")), "{seen}");
            assert!(seen.contains("=AEGIS-") && !seen.contains(NAMED), "{seen}");
        }
        let first = format!("multipart/form-data; x={SECRET}; boundary=b");
        let seen = sent("POST", &first, "--b\r\na: b\r\n\r\nx\r\n--b--\r\n");
        assert!(seen.contains("x=AEGIS-") && seen.ends_with("boundary=b"), "{seen}");
        // Without a body no boundary is needed.
        let seen = sent("GET", &format!("multipart/x; n={SECRET}"), "");
        assert!(seen.starts_with("multipart/x; n=AEGIS-"), "{seen}");
    });
}

#[test]
fn names_of_fields_are_judged_as_they_came() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = gateway(driver, &upstream);
        for name in [SECRET, "4111-1111-1111-1111", "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"] {
            for _ in 0..2 {
                let (reply, seen) =
                    ask(&mut gateway.client(), &upstream, "/up/v1/x", &format!("X-Note: a\r\n{name}: 1\r\n"));
                assert_eq!(reply.status, 400, "{name}");
                assert!(reply.text().contains("name of a header") && seen.head.path.is_empty(), "{name}");
            }
        }
        let names = "User-Agent: a\r\nX-Stainless-OS: Linux\r\nX-Stainless-Lang: js\r\nAccept-Language: *\r\n\
                     Authorization: Bearer x\r\nX-Api-Key: y\r\nDNT: 1\r\nsec-ch-ua: x\r\nOpenAI-Beta: z\r\n";
        for _ in 0..2 {
            let (reply, seen) = ask(&mut gateway.client(), &upstream, "/up/v1/x", names);
            assert_eq!((reply.status, field(&seen, "openai-beta").as_str()), (200, "z"));
        }
    });
}

/// The secrets of rules whose characters include the slash.
fn with_slash() -> Vec<String> {
    let rules = Arc::clone(&all_packs().rules);
    let ids = ["flyio-token", "confluent-secret", "aws-bedrock-api-key"];
    let secret = |id: &str| {
        let example = &rules.get(rules.find(id).unwrap()).matching[0];
        let (text, span) = rule_test::unmark(example);
        text[span.range()].to_owned()
    };
    ids.map(secret).to_vec()
}

#[test]
fn what_follows_a_secret_in_a_path_or_a_name_does_not_hide_it() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = gateway(driver, &upstream);
        for secret in with_slash() {
            let path: String = secret
                .chars()
                .map(|c| if c == '/' { c.to_string() } else { percent(&c.to_string()) })
                .collect();
            for target in [
                format!("/up/v1/files/{path}"),
                format!("/up/v1/files/{path}/content"),
                format!("/up/v1/x?u={}", percent(&format!("files/{secret}/content"))),
                format!("/up/v1/x?{}=1", percent(&secret)),
            ] {
                let (reply, seen) = ask(&mut gateway.client(), &upstream, &target, "");
                assert_eq!(reply.status, 200, "{target}");
                assert!(seen.head.path.contains("AEGIS-"), "{target}: {}", seen.head.path);
                assert!(!seen.head.path.contains(&percent(&secret)[..12]), "{target}: {}", seen.head.path);
            }
        }
    });
}
