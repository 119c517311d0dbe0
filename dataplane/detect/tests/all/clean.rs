//! Text without secrets stays as it is, and secrets keep their bounds.

use crate::common::{assert_clean, builtin, show, whole};

/// Kinds of text that look like secrets and are none.
const CLEAN: &[(&str, &str)] = &[
    (
        "words with sk-",
        "use sk-learn, <task-notification> and risk-free disk-image-builder-2024 for task-queue-manager",
    ),
    (
        "lock file",
        "integrity = \"sha512-9c0f2hPq+Zr1Kx7mVbN3tQeWyU8iOoP5lJkHgFdSaZxCvBnM1QwErTyUiOpAsDfGhJkLzXcVbNm0==\"\nchecksum = \"3f1e2d4c5b6a79880f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978\"",
    ),
    (
        "UUID log",
        "request 550e8400-e29b-41d4-a716-446655440000 parent 6ba7b810-9dad-11d1-80b4-00c04fd430c8 done",
    ),
    (
        "git log",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8\nAuthor: A U Thor <author@example.com>\nDate:   Mon Sep 17 00:00:00 2001",
    ),
    (
        "tokens by themselves",
        "AEGIS-SECRET-1ABCDEFGHJKMNPQRSTVW: the password, AEGIS-KEY-1ABCDEFGHJKMNPQRSTVWX = the key",
    ),
    (
        "image",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
    ),
    (
        "certificate",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\nRTESMBAGA1UEChMJQmFsdGltb3JlMRMwEQYDVQQLEwpDeWJlclRydXN0MSIwIAYD\n-----END CERTIFICATE-----",
    ),
    (
        "public SSH key",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl user@host",
    ),
    (
        "types",
        "fn login(user: &str, password: &str) -> Result<Token, Error> { let token: String = self.next_token()?; }",
    ),
    ("TypeScript", "interface Props { password: string; apiKey?: string; token: AuthToken | null }"),
    (
        "templates",
        "password: ${DB_PASSWORD}\ntoken: {{ secrets.TOKEN }}\nkey: <your-api-key>\nsecret = %(secret)s\npwd=$PWD",
    ),
    (
        "environment",
        "api_key = os.environ[\"API_KEY\"]\nconst t = process.env.TOKEN;\npassword = getenv('PW')",
    ),
    (
        "documentation",
        "The token is a JSON web token. Your password must be 12 characters. Set the secret name in the key field.",
    ),
    (
        "form",
        "<input type=\"password\" name=\"password\" placeholder=\"Password\"><label for=\"token\">Token:</label>",
    ),
    (
        "versions",
        "token-parser = \"1.12.0\"\nsecret-service = { version = \"4.0.0\" }\nkey-list = \"0.1.2-alpha.3\"",
    ),
    ("minified", "a.key=b.key,a.token=t.token,c.password=d.password||\"\",e.keyCode===13&&f.secret(g)"),
    (
        "diff",
        "@@ -12,7 +12,7 @@ index 83db48f..bf269f4 100644\n-    token = old_token\n+    token = new_token",
    ),
    ("encrypted settings", "password: ENC[AES256_GCM,data:p673w==,iv:YY=,aad:UQ=,tag:A=]"),
    ("CSS", "#password-field { color: red } .token-string { background: url(/img/secret-key.png) }"),
];

#[test]
fn clean_text_passes_untouched() {
    let (rules, mut scanner) = builtin();
    assert_clean(&rules, &mut scanner, CLEAN);
}

#[test]
fn only_the_secret_is_reported() {
    let (rules, mut scanner) = builtin();
    let cases = [
        ("jdbc:sqlserver://h:1433;databaseName=d;user=sa;password=p0-Lnge7;encrypt=true", vec!["p0-Lnge7"]),
        ("Server=db;Database=shop;User Id=web;Password=winter;", vec!["winter"]),
        ("Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l", vec!["YWxhZGRpbjpvcGVuc2VzYW1l"]),
        ("Authorization: Bearer 0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c", vec!["0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c"]),
        ("amqp://u:first-0ne@a/v amqp://u:sec0nd-one@b/v", vec!["first-0ne", "sec0nd-one"]),
        (
            "https://x:ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A@github.com/a/b",
            vec!["ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A"],
        ),
        ("{\"config\":\"API_TOKEN=\\\"zP4kQ8rT2vW6yB1nM5cX\\\"\\n\"}", vec!["zP4kQ8rT2vW6yB1nM5cX"]),
        (
            "export A_TOKEN=zP4kQ8rT2vW6yB1nM5cX B_TOKEN=Lk8mN3bV6cX1zQ9wE4rT",
            vec!["zP4kQ8rT2vW6yB1nM5cX", "Lk8mN3bV6cX1zQ9wE4rT"],
        ),
    ];
    for (text, expected) in cases {
        let findings = whole(&mut scanner, text.as_bytes());
        let found: Vec<&str> = findings.iter().map(|f| &text[f.span.range()]).collect();
        assert_eq!(found, expected, "{text}\n{}", show(&rules, text, &findings));
    }
}

#[test]
fn secrets_under_base64_are_found() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let (rules, mut scanner) = builtin();
    let plain = [
        "ghp_Q5kP2vX8nR1tY7wZ3mB6cD9fG4hJ0L1c2b3A",
        "DB_PASSWORD=s3cr3t-Pa55w0rd\nDB_HOST=db\n",
        "postgres://app:s3cr3t-Pa55w0rd@db.internal/app",
        "{\"auth\":\"x\",\"api_key\":\"zP4kQ8rT2vW6yB1nM5cX\"}",
    ];
    for text in plain {
        for shift in ["", "a", "ab"] {
            let both = [
                STANDARD.encode(format!("{shift} {text}")),
                URL_SAFE_NO_PAD.encode(format!("{shift} {text}")),
            ];
            for encoded in both {
                let full = format!("data: {encoded}\nnext: line\n");
                let findings = whole(&mut scanner, full.as_bytes());
                let spans: Vec<_> = findings.iter().map(|f| (f.span.start, f.span.end)).collect();
                assert_eq!(spans, [(6, 6 + encoded.len())], "{text}: {}", show(&rules, &full, &findings));
            }
        }
    }
}

#[test]
fn secrets_in_percent_encoding_are_found() {
    let (rules, mut scanner) = builtin();
    let cases = [
        ("u=x&body=password%3D%22s3cr3t-Pa55%22%0A", "s3cr3t-Pa55"),
        ("?next=%2Fa%3Faccess_token%3DzP4kQ8rT2vW6yB1nM5cX%26v%3D1", "zP4kQ8rT2vW6yB1nM5cX"),
        ("db=postgres%3A%2F%2Fapp%3As3cr3t-Pa55w0rd%40db.internal%2Fapp", "s3cr3t-Pa55w0rd"),
        (
            "k=AccountKey%3DZ8x%2BqLm2XvT7bZp4Rk8Yw1N0cD3eF5gH6iJ7kL9mO1p%3D",
            "Z8x%2BqLm2XvT7bZp4Rk8Yw1N0cD3eF5gH6iJ7kL9mO1p%3D",
        ),
    ];
    for (text, secret) in cases {
        let findings = whole(&mut scanner, text.as_bytes());
        let found: Vec<&str> = findings.iter().map(|f| &text[f.span.range()]).collect();
        assert_eq!(found, [secret], "{text}: {}", show(&rules, text, &findings));
    }
}

/// Bytes without any meaning, always the same for the same seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56
    });
    next.take(len).map(|b| b as u8).collect()
}

#[test]
fn noise_under_any_encoding_holds_nothing() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let (rules, mut scanner) = builtin();
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |out, b| out + &format!("{b:02x}"));
    let folded = |bytes: &[u8]| {
        let lines: Vec<String> = bytes.chunks(57).map(|line| STANDARD.encode(line)).collect();
        lines.join("\n")
    };
    for seed in 1..=5 {
        let bytes = noise(seed, 1_000_000);
        let texts = [
            ("base64", STANDARD.encode(&bytes)),
            ("base64 for URLs", URL_SAFE_NO_PAD.encode(&bytes)),
            ("folded base64", folded(&bytes)),
            ("hex", hex(&bytes[..200_000])),
            ("base64 twice", STANDARD.encode(STANDARD.encode(&bytes))),
            (
                "hashes",
                bytes[..200_000]
                    .chunks(64)
                    .fold(String::new(), |out, b| out + "\"sha512-" + &STANDARD.encode(b) + "\",\n"),
            ),
            (
                "short",
                bytes[..200_000].chunks(18).fold(String::new(), |out, b| out + &STANDARD.encode(b) + " "),
            ),
        ];
        for (name, text) in texts {
            let found = whole(&mut scanner, text.as_bytes());
            assert!(found.is_empty(), "{name} {seed}: {}", show(&rules, &text, &found));
        }
    }
}

#[test]
fn files_that_are_no_text_hold_nothing_under_base64() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (rules, mut scanner) = builtin();
    let heads: [(&str, &[u8]); 6] = [
        ("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0\0\0\x01\0\x08\x06\0\0\0"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        ("JPEG", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01"),
        ("DER", b"\x30\x82\x04\xa3\x02\x01\0\x02\x82\x01\x01\0"),
        ("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Filter/FlateDecode>>stream\n"),
        ("ELF", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0"),
    ];
    for (name, head) in heads {
        let bytes = [head, &noise(head.len() as u64, 200_000)].concat();
        let text = format!("<img src=\"data:image/png;base64,{}\">", STANDARD.encode(bytes));
        let found = whole(&mut scanner, text.as_bytes());
        assert!(found.is_empty(), "{name}: {}", show(&rules, &text, &found));
    }
}
