//! Documents in every cut: the addresses change, nothing else does.

use super::*;

fn links() -> ResultLinks {
    ResultLinks::new(Box::new(|link| {
        if link.starts_with("https://up.example/outside") {
            return Replaced::Null;
        }
        link.strip_prefix("https://up.example")
            .map_or(Replaced::Kept, |rest| Replaced::By(format!("http://127.0.0.1:8080/up{rest}")))
    }))
}

fn run(pieces: &[&[u8]]) -> String {
    let (mut links, mut out) = (links(), Vec::new());
    for piece in pieces {
        links.push(piece, &mut out);
    }
    links.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// Documents, and what they become.
fn cases() -> Vec<(String, String)> {
    let long = "x".repeat(MAX_LINK);
    let fits = "x".repeat(MAX_LINK - "https://up.example/".len());
    let mut cases: Vec<(String, String)> = [
        (
            r#"{"results_url": "https://up.example/outside" ,"x":1,"data":[{"results_url":"https:\/\/up.example\/outside"}]}"#,
            r#"{"results_url": null ,"x":1,"data":[{"results_url":null}]}"#,
        ),
        (
            r#"{"id":"b","results_url":"https://up.example/v1/r" , "x":[{"results_url":"https://up.example/no"}]}"#,
            r#"{"id":"b","results_url":"http://127.0.0.1:8080/up/v1/r" , "x":[{"results_url":"https://up.example/no"}]}"#,
        ),
        (
            r#"{"data":[{"results_url":null,"a":{"results_url":"https://up.example/no"}},{"b":"\"","results_url" : "https:\/\/up.example\/\u0061"}],"has_more":false}"#,
            r#"{"data":[{"results_url":null,"a":{"results_url":"https://up.example/no"}},{"b":"\"","results_url" : "http://127.0.0.1:8080/up/a"}],"has_more":false}"#,
        ),
        (
            r#"{"data":{"x":{"results_url":"https://up.example/no"}},"other":[{"results_url":"https://up.example/no"}]}"#,
            r#"{"data":{"x":{"results_url":"https://up.example/no"}},"other":[{"results_url":"https://up.example/no"}]}"#,
        ),
        (
            r#"{"results_url":"https://else.example/\u00e9","results_url":"https://up.example/2","x":"results_url"}"#,
            r#"{"results_url":"https://else.example/\u00e9","results_url":"http://127.0.0.1:8080/up/2","x":"results_url"}"#,
        ),
        (r#"{"results\u005furl":"https://up.example/1"}"#, r#"{"results\u005furl":"http://127.0.0.1:8080/up/1"}"#),
        (r#"["results_url","https://up.example/1"]"#, r#"["results_url","https://up.example/1"]"#),
        (r#"[{"results_url":"https://up.example/1"}]"#, r#"[{"results_url":"https://up.example/1"}]"#),
        (r#"{"results_url":"https://up.example/cut"#, r#"{"results_url":"https://up.example/cut"#),
        (r#"{"results_url":"bad \x escape"}"#, r#"{"results_url":"bad \x escape"}"#),
        ("no json at all \" { [ }", "no json at all \" { [ }"),
        ("", ""),
    ]
    .map(|(text, expected)| (text.to_owned(), expected.to_owned()))
    .to_vec();
    let document = |link: &str| format!("{{\"results_url\":\"{link}\",\"x\":1}}");
    cases.push((
        document(&format!("https://up.example/{fits}")),
        document(&format!("http://127.0.0.1:8080/up/{fits}")),
    ));
    let too_long = document(&format!("https://up.example/{long}"));
    cases.push((too_long.clone(), too_long));
    cases
}

#[test]
fn addresses_of_results_are_replaced_at_every_cut() {
    for (text, expected) in cases() {
        let bytes = text.as_bytes();
        assert_eq!(run(&[bytes]), expected);
        let step = 1 + bytes.len() / 300;
        for cut in (0..bytes.len()).step_by(step) {
            assert_eq!(run(&[&bytes[..cut], &bytes[cut..]]), expected, "cut at {cut}: {text}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(run(&single), expected);
    }
}

#[test]
fn results_are_linked_at_the_endpoints_of_batches() {
    for (path, expected) in [
        ("/v1/messages/batches", true),
        ("/v1/messages/batches/", true),
        ("/v1/messages/batches/msgbatch_1", true),
        ("/v1/messages/batches/msgbatch_1/cancel", true),
        ("/v1/messages/batches/msgbatch_1/results", false),
        ("/v1/messages/%62atches/b", true),
        ("/v1/messages/batches%2Fb", true),
        ("/v1/%2562%256datches/b", false),
        ("/v1//messages/Batches/b/CANCEL", true),
        ("/v1/messages/batches/b/%72esults", false),
        ("/v1/messages/batchesx", false),
        ("/v1/messages", false),
        ("/v1/batches", false),
    ] {
        assert_eq!(has_result_links(path), expected, "{path}");
    }
}
