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

/// A line of a configuration, and what is said of it: the setting, what is wrong, and the help.
type Line = (&'static str, Option<(&'static str, &'static str, &'static str)>);

const CERTIFICATES: &[Line] = &[
    ("[server.tls]", None),
    (
        "client_ca = \"DIR/text\"",
        Some((
            "server.tls.client_ca",
            "DIR/text: there is no certificate in it",
            "the file holds the certificates of the authorities, in PEM",
        )),
    ),
    ("client_auth = \"required\"", None),
    ("[[server.tls.certificates]]", None),
    (
        "cert = \"DIR/key.pem\" # 0",
        Some((
            "server.tls.certificates[0].cert",
            "DIR/key.pem: there is no certificate in it",
            "it holds a private key: name the file of the certificate here",
        )),
    ),
    ("key = \"DIR/key.pem\" # 0", None),
    ("[[server.tls.certificates]]", None),
    ("cert = \"DIR/cert.pem\" # 1", None),
    (
        "key = \"DIR/cert.pem\" # 1",
        Some((
            "server.tls.certificates[1].key",
            "DIR/cert.pem: there is no private key in it",
            "it holds a certificate: name the file of its private key here",
        )),
    ),
    ("[[server.tls.certificates]]", None),
    (
        "cert = \"DIR/request.pem\" # 2",
        Some((
            "server.tls.certificates[2].cert",
            "DIR/request.pem: there is no certificate in it",
            "it holds a request: the certificate is what the authority has made of it",
        )),
    ),
    ("key = \"DIR/key.pem\" # 2", None),
    ("[[server.tls.certificates]]", None),
    (
        "cert = \"DIR/cert.der\" # 3",
        Some((
            "server.tls.certificates[3].cert",
            "DIR/cert.der: there is no certificate in it",
            "it is DER: `openssl x509 -inform DER -in FILE`",
        )),
    ),
    ("key = \"DIR/key.pem\" # 3", None),
    ("[[server.tls.certificates]]", None),
    ("cert = \"DIR/cert.pem\" # 4", None),
    (
        "key = \"DIR/encrypted.pem\" # 4",
        Some((
            "server.tls.certificates[4].key",
            "DIR/encrypted.pem: there is no private key in it",
            "it is encrypted: `openssl pkey -in FILE -out NEW`",
        )),
    ),
    ("[[server.tls.certificates]]", None),
    ("cert = \"DIR/cert.pem\" # 5", None),
    (
        "key = \"DIR/cut.pem\" # 5",
        Some((
            "server.tls.certificates[5].key",
            "DIR/cut.pem: a section has no END line",
            "the file holds one private key, not encrypted, in PEM",
        )),
    ),
    ("[[server.tls.certificates]]", None),
    ("cert = \"DIR/cert.pem\" # 6", None),
    (
        "key = \"DIR/other/key.pem\" # 6",
        Some((
            "server.tls.certificates[6].key",
            "this is not the private key of the first certificate in DIR/cert.pem",
            "the key must be that of the first certificate",
        )),
    ),
    ("[[server.tls.certificates]]", None),
    (
        "cert = \"DIR/other\" # 7",
        Some(("server.tls.certificates[7].cert", "cannot read DIR/other: ", "name a file in that folder")),
    ),
    (
        "key = \"DIR/nothing\" # 7",
        Some(("server.tls.certificates[7].key", "cannot read DIR/nothing: ", "check the path")),
    ),
];

const UPSTREAMS: &[Line] = &[
    ("[upstreams.one]", None),
    ("url = \"https://localhost:1\"", None),
    ("roots = \"file\"", None),
    (
        "ca = \"DIR/key.pem\"",
        Some((
            "upstreams.one.ca",
            "DIR/key.pem: there is no certificate in it",
            "it holds a private key: name the file of the certificate here",
        )),
    ),
    (
        "client_cert = \"DIR/text\"",
        Some((
            "upstreams.one.client_cert",
            "DIR/text: there is no certificate in it",
            "the file begins with the certificate itself, in PEM",
        )),
    ),
    ("client_key = \"DIR/key.pem\"", None),
    ("[upstreams.two]", None),
    ("url = \"https://localhost:2\"", None),
    ("roots = \"file\" # two", None),
    (
        "ca = \"DIR/broken.pem\"",
        Some((
            "upstreams.two.ca",
            "DIR/broken.pem: certificate 1 cannot be read",
            "the file holds the certificates of the authorities, in PEM",
        )),
    ),
    ("[upstreams.three]", None),
    ("url = \"http://localhost:3\"", None),
    (
        "api_key_file = \"DIR/cert.pem\"",
        Some((
            "upstreams.three.api_key_file",
            "the provider's key has a space, a line break or another sign that no header can carry",
            "DIR/cert.pem holds the key as the provider gave it, and nothing else",
        )),
    ),
    ("[upstreams.four]", None),
    ("url = \"http://localhost:4\"", None),
    (
        "api_key_file = \"DIR/cert.der\"",
        Some((
            "upstreams.four.api_key_file",
            "cannot read DIR/cert.der: it is not valid UTF-8",
            "a text file in UTF-8 belongs here",
        )),
    ),
    ("[upstreams.five]", None),
    ("url = \"http://localhost:5\"", None),
    (
        "api_key_file = \"DIR/empty\"",
        Some((
            "upstreams.five.api_key_file",
            "the provider's key is empty",
            "holds the key as the provider gave it",
        )),
    ),
];

const OTHERS: &[Line] = &[
    ("[rules]", None),
    (
        "custom = [\"DIR/cert.der\"]",
        Some(("rules.custom[0]", "it is not valid UTF-8", "a text file in UTF-8 belongs here")),
    ),
    ("[known_values]", None),
    ("file = \"DIR/text\"", None),
    (
        "key_file = \"DIR/text\"",
        Some((
            "known_values.key_file",
            "DIR/text does not hold 64 hexadecimal digits",
            "restore it from a backup",
        )),
    ),
    ("[tokens]", None),
    (
        "key_file = \"DIR/cert.pem\"",
        Some((
            "tokens.key_file",
            "DIR/cert.pem does not hold 64 hexadecimal digits",
            "restore it from a backup",
        )),
    ),
    ("[audit]", None),
    (
        "file = \"DIR/other\"",
        Some(("audit.file", "DIR/other is a folder", "choose another file, or set audit.enabled = false")),
    ),
    ("[log]", None),
    (
        "access = \"DIR/other\"",
        Some(("log.access", "DIR/other is a folder", "off, stdout, stderr or a file")),
    ),
];

const LIST: &[Line] = &[
    ("[known_values]", None),
    (
        "file = \"DIR/text\"",
        Some(("known_values.file", "DIR/text: ", "the list and its key belong together")),
    ),
    ("key_file = \"DIR/hash.key\"", None),
];

/// A section of a PEM file.
fn pem(label: &str, bytes: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(bytes);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[test]
fn a_file_of_another_kind_is_reported_at_its_own_setting_with_what_belongs_there() {
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
    for lines in [CERTIFICATES, UPSTREAMS, OTHERS, LIST] {
        let text: String = lines.iter().flat_map(|(line, _)| [line, "\n"]).collect();
        let said = check(folder.path(), &text);
        let errors: Vec<&str> = said.split("error: ").skip(1).collect();
        let mut expected = 0;
        for (number, (line, says)) in (1..).zip(lines) {
            let Some((setting, what, help)) = says else { continue };
            expected += 1;
            let at = format!("DIR/aegis.toml:{number}:1: {setting}: ");
            let is_reported = |problem: &&str| {
                let (first, second) = problem.split_once("\n  help: ").unwrap_or((problem, ""));
                first.starts_with(&at) && first.contains(what) && second.contains(help)
            };
            assert_eq!(errors.iter().filter(|error| is_reported(error)).count(), 1, "{at} {line}\n{said}");
        }
        assert_eq!(errors.len(), expected, "no other: {said}");
    }
}

/// The head of a rule, up to its pattern.
fn rule(id: &str, line: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\nname = \"A key\"\ncategory = \"key\"\nseverity = \"high\"\nimpact = \"A\"\n{line}\n"
    )
}

/// All that is wrong with all rule files, at its line and column.
#[test]
fn everything_that_is_wrong_with_rule_files_is_told_at_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = rule("fine", "pattern = 'acme_[0-9a-f]{24}'");
    for (name, text) in [
        ("two.toml", rule("one", "pattern = '('") + &good + &rule("two", "pattern = '[a-z]*'")),
        ("other.toml", rule("three", "colour = 1") + &rule("four", "pattern = '('")),
        ("text", "nothing of all that\n".to_owned()),
        ("empty.toml", "# rules follow\n".to_owned()),
        ("cut.toml", good.replace("fine", "five").trim_end().to_owned()),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let files =
        ["two.toml", "other.toml", "text", "empty.toml", "cut.toml"].map(|name| format!("\"DIR/{name}\""));
    let said = check(folder.path(), &format!("[rules]\ncustom = [{}]\n", files.join(", ")));
    for expected in [
        "DIR/two.toml:2:6: rules.custom[0]: rule `one`: ",
        "DIR/two.toml:16:6: rules.custom[0]: rule `two`: ",
        "DIR/other.toml:7:1: rules.custom[1]: unknown field `colour`",
        "DIR/other.toml:9:6: rules.custom[1]: rule `four`: ",
        "DIR/text:1:9: rules.custom[2]: ",
        "DIR/aegis.toml:2:1: rules.custom[3]: DIR/empty.toml looks cut off: there is no rule in it",
        "DIR/aegis.toml:2:1: rules.custom[4]: DIR/cut.toml looks cut off: the file's last line does not end",
    ] {
        assert_eq!(said.matches(&format!("error: {expected}")).count(), 1, "{expected}\n{said}");
    }
    assert_eq!(said.matches("error: DIR/").count(), 7, "no other: {said}");
}
