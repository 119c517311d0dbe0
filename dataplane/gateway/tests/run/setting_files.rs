//! Files that settings name and that hold something else than they should: each is told at its own setting and line, with
//! what belongs there.

use std::path::Path;
use std::process::Output;

use crate::{certificate, gateway};

/// What `check` says of `text` as the configuration in `folder`, whose path is `DIR` in it and in what is said.
fn check(folder: &Path, text: &str) -> String {
    let (file, shown) = (folder.join("aegis.toml"), folder.display().to_string());
    std::fs::write(&file, text.replace("DIR", &shown)).expect("written");
    let run =
        gateway().args(["check", "--config"]).arg(&file).arg("--state").arg(folder.join("state")).output();
    let Output { status, stderr, .. } = run.expect("it runs");
    assert_eq!(status.code(), Some(1), "{text}");
    String::from_utf8_lossy(&stderr).replace(&shown, "DIR")
}

/// A configuration, and of each error in it the place, the setting, and parts of what is said and of the help.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)]);

const CASES: &[Case<'_>] = &[
    // Certificates of authorities.
    (
        "[server.tls]\ncertificates = [{ cert = \"DIR/cert.pem\", key = \"DIR/key.pem\" }]\nclient_auth = \"required\"\nclient_ca = \"DIR/text\"\n",
        &[(
            "4:1: server.tls.client_ca",
            "DIR/text: there is no certificate in it",
            "the file holds the certificates of the authorities, in PEM",
        )],
    ),
    (
        "[upstreams.mine]\nurl = \"https://localhost:1\"\nroots = \"file\"\nca = \"DIR/key.pem\"\n",
        &[(
            "4:1: upstreams.mine.ca",
            "DIR/key.pem: there is no certificate in it",
            "it holds a private key: name the file of the certificate here",
        )],
    ),
    (
        "[upstreams.mine]\nurl = \"https://localhost:1\"\nroots = \"file\"\nca = \"DIR/broken.pem\"\n",
        &[(
            "4:1: upstreams.mine.ca",
            "DIR/broken.pem: certificate 1 cannot be read",
            "the file holds the certificates of the authorities, in PEM",
        )],
    ),
    // All of them, not the first.
    (
        "[upstreams.mine]\nurl = \"https://localhost:1\"\nroots = \"file\"\nca = \"DIR/empty\"\nclient_cert = \"DIR/text\"\nclient_key = \"DIR/key.pem\"\n",
        &[
            (
                "5:1: upstreams.mine.client_cert",
                "DIR/text: there is no certificate in it",
                "the file begins with the certificate itself, in PEM",
            ),
            (
                "4:1: upstreams.mine.ca",
                "DIR/empty: there is no certificate in it",
                "the file holds the certificates of the authorities, in PEM",
            ),
        ],
    ),
    // A certificate and its key.
    (
        "[[server.tls.certificates]]\ncert = \"DIR/key.pem\"\nkey = \"DIR/key.pem\"\n",
        &[(
            "2:1: server.tls.certificates[0].cert",
            "DIR/key.pem: there is no certificate in it",
            "it holds a private key: name the file of the certificate here",
        )],
    ),
    (
        "[[server.tls.certificates]]\ncert = \"DIR/cert.pem\"\nkey = \"DIR/cert.pem\"\n",
        &[(
            "3:1: server.tls.certificates[0].key",
            "DIR/cert.pem: there is no private key in it",
            "it holds a certificate: name the file of its private key here",
        )],
    ),
    (
        "[[server.tls.certificates]]\ncert = \"DIR/request.pem\"\nkey = \"DIR/key.pem\"\n",
        &[(
            "2:1: server.tls.certificates[0].cert",
            "DIR/request.pem: there is no certificate in it",
            "it holds a request: the certificate is what the authority has made of it",
        )],
    ),
    (
        "[[server.tls.certificates]]\ncert = \"DIR/cert.der\"\nkey = \"DIR/encrypted.pem\"\n",
        &[(
            "2:1: server.tls.certificates[0].cert",
            "DIR/cert.der: there is no certificate in it",
            "it is DER: `openssl x509 -inform DER -in FILE`",
        )],
    ),
    (
        "[[server.tls.certificates]]\ncert = \"DIR/cert.pem\"\nkey = \"DIR/encrypted.pem\"\n",
        &[(
            "3:1: server.tls.certificates[0].key",
            "DIR/encrypted.pem: there is no private key in it",
            "it is encrypted: `openssl pkey -in FILE -out NEW`",
        )],
    ),
    (
        "[[server.tls.certificates]]\ncert = \"DIR/cert.pem\"\nkey = \"DIR/cut.pem\"\n",
        &[(
            "3:1: server.tls.certificates[0].key",
            "DIR/cut.pem: a section has no END line",
            "the file holds one private key, not encrypted, in PEM",
        )],
    ),
    (
        "[[server.tls.certificates]]\ncert = \"DIR/cert.pem\"\nkey = \"DIR/other/key.pem\"\n",
        &[(
            "3:1: server.tls.certificates[0].key",
            "this is not the private key of the first certificate in DIR/cert.pem",
            "the key must be that of the first certificate",
        )],
    ),
    (
        "[[server.tls.certificates]]\ncert = \"DIR/other\"\nkey = \"DIR/nothing\"\n",
        &[
            ("2:1: server.tls.certificates[0].cert", "cannot read DIR/other: ", "name a file in that folder"),
            ("3:1: server.tls.certificates[0].key", "cannot read DIR/nothing: ", "check the path"),
        ],
    ),
    // Keys of providers.
    (
        "[upstreams.mine]\nurl = \"http://localhost:1\"\napi_key_file = \"DIR/cert.pem\"\n[upstreams.other]\nurl = \"http://localhost:1\"\napi_key_file = \"DIR/cert.der\"\n",
        &[
            (
                "3:1: upstreams.mine.api_key_file",
                "the provider's key has a space, a line break or another sign that no header can carry",
                "DIR/cert.pem holds the key as the provider gave it, and nothing else",
            ),
            (
                "6:1: upstreams.other.api_key_file",
                "cannot read DIR/cert.der: it is not valid UTF-8",
                "a text file in UTF-8 belongs here",
            ),
        ],
    ),
    (
        "[upstreams.mine]\nurl = \"http://localhost:1\"\napi_key_file = \"DIR/empty\"\n",
        &[(
            "3:1: upstreams.mine.api_key_file",
            "the provider's key is empty",
            "holds the key as the provider",
        )],
    ),
    // Rules, known values, keys of the gateway's own.
    (
        "[rules]\ncustom = [\"DIR/text\"]\n",
        &[("2:1: rules.custom", "DIR/text: ", "`aegis-gateway rules test FILE` tries a file out")],
    ),
    (
        "[rules]\ncustom = [\"DIR/cert.der\"]\n",
        &[("2:1: rules.custom[0]", "it is not valid UTF-8", "a text file in UTF-8 belongs here")],
    ),
    (
        "[known_values]\nfile = \"DIR/text\"\nkey_file = \"DIR/hash.key\"\n",
        &[("2:1: known_values.file", "DIR/text: ", "the list and its key belong together")],
    ),
    (
        "[known_values]\nfile = \"DIR/text\"\nkey_file = \"DIR/text\"\n",
        &[(
            "3:1: known_values.key_file",
            "DIR/text does not hold 64 hexadecimal digits",
            "restore it from a backup",
        )],
    ),
    (
        "[tokens]\nkey_file = \"DIR/cert.pem\"\n",
        &[(
            "2:1: tokens.key_file",
            "DIR/cert.pem does not hold 64 hexadecimal digits",
            "restore it from a backup",
        )],
    ),
    // What is written.
    (
        "[audit]\nfile = \"DIR/other\"\n",
        &[("2:1: audit.file", "DIR/other is a folder", "choose another file")],
    ),
    (
        "[log]\naccess = \"DIR/other\"\n",
        &[("2:1: log.access", "DIR/other is a folder", "off, stdout, stderr or a file")],
    ),
];

/// A section of a PEM file.
fn pem(label: &str, bytes: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(bytes);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[test]
fn a_file_of_another_kind_is_told_at_its_own_setting_with_what_belongs_there() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (cert, key) = certificate(folder.path(), (2020, 1, 1), (2120, 1, 1));
    std::fs::create_dir(path("other")).expect("a folder");
    certificate(&path("other"), (2020, 1, 1), (2120, 1, 1));
    let text = std::fs::read_to_string(cert).expect("a certificate");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = data_encoding::BASE64.decode(lines.concat().as_bytes()).expect("base64");
    let private = std::fs::read_to_string(key).expect("a key");
    for (name, bytes) in [
        ("text", b"nothing of all that\n".to_vec()),
        ("empty", Vec::new()),
        ("cert.der", der),
        ("request.pem", pem("CERTIFICATE REQUEST", b"a request").into_bytes()),
        ("broken.pem", pem("CERTIFICATE", b"no certificate").into_bytes()),
        ("encrypted.pem", pem("ENCRYPTED PRIVATE KEY", b"a key").into_bytes()),
        ("cut.pem", private.as_bytes()[..private.len() / 2].to_vec()),
        ("hash.key", "0f".repeat(32).into_bytes()),
    ] {
        std::fs::write(path(name), bytes).expect("written");
    }
    for entry in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
        let mode = if entry.path().is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(entry.path(), std::fs::Permissions::from_mode(mode)).expect("set");
    }
    let mut wrong = Vec::new();
    for (text, expected) in CASES {
        let said = check(folder.path(), text);
        let problems: Vec<&str> = said.split("error: ").skip(1).collect();
        let are_told = expected.len() == problems.len()
            && expected.iter().zip(&problems).all(|((place, what, help), problem)| {
                let (first, second) = problem.split_once("\n  help: ").unwrap_or((problem, ""));
                let at = format!("DIR/aegis.toml:{place}: ");
                first.starts_with(&at) && first.contains(what) && second.contains(help)
            });
        if !are_told {
            wrong.push(format!("--- of ---\n{text}--- is said ---\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
