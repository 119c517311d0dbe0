//! Slips that would take effect without a word: a log that says nothing, a path that leads nowhere, a variable that nobody reads.

use std::path::Path;

use aegis_gateway::config::reference::CATALOGUE;

use crate::{from_env, from_text};

/// Text of the file, and the message it must give.
const SILENT: &[(&str, &str)] = &[
    (
        "[log]\nlevel = \"\"\n",
        "error: aegis.toml:2:1: log.level: `` has an empty part\n  help: error, warn, info, debug or trace; of one \
         module: \"info,aegis_gateway=debug\"",
    ),
    (
        "[log]\nlevel = \" \"\n",
        "error: aegis.toml:2:1: log.level: ` ` has an empty part\n  help: error, warn, info, debug or trace; of one \
         module: \"info,aegis_gateway=debug\"",
    ),
    (
        "[log]\nlevel = \",\"\n",
        "error: aegis.toml:2:1: log.level: `,` has an empty part\n  help: error, warn, info, debug or trace; of one \
         module: \"info,aegis_gateway=debug\"",
    ),
    (
        "[log]\nlevel = \"off\"\n",
        "error: aegis.toml:2:1: log.level: `off` would silence the whole log\n  help: error, warn, info, debug or trace; of one \
         module: \"info,aegis_gateway=debug\"",
    ),
    (
        "[log]\nlevel = \"0\"\n",
        "error: aegis.toml:2:1: log.level: `0` is not a level\n  help: error, warn, info, debug or trace; of one \
         module: \"info,aegis_gateway=debug\"",
    ),
    (
        "[log]\nlevel = \"aegis_detect=info\"\n",
        "error: aegis.toml:2:1: log.level: `aegis_detect=info` has no level for everything else, which would be silent\n  help: error, warn, info, debug or trace; of one \
         module: \"info,aegis_gateway=debug\"",
    ),
    (
        "[log]\nlevel = \"info,aegis_gatway=debug\"\n",
        "error: aegis.toml:2:1: log.level: no module `aegis_gatway` logs here\n  help: did you mean `aegis_gateway`?",
    ),
    (
        "[log]\naccess = \"\"\n",
        "error: aegis.toml:2:1: log.access: the path is empty\n  help: expected \"off\", \"stdout\", \"stderr\" or a path in quotes",
    ),
    (
        "[rules]\ncustom = [\"a.toml\", \"\"]\n",
        "error: aegis.toml:2:1: rules.custom[1]: the path is empty\n  help: expected a list of paths like [\"a.toml\"]",
    ),
];

#[test]
fn what_would_silence_the_log_or_lead_nowhere_is_refused() {
    for (text, expected) in SILENT {
        assert_eq!(from_text(text).expect_err(text), *expected, "\n--- of ---\n{text}");
    }
}

#[test]
fn a_variable_that_was_left_empty_is_not_one_that_is_not_set() {
    for (name, says) in [
        ("AEGIS_LOG_LEVEL", "AEGIS_LOG_LEVEL: log.level: `` has an empty part"),
        (
            "AEGIS_AUDIT_FILE",
            "AEGIS_AUDIT_FILE: audit.file: the path is empty\n  help: expected a path in quotes",
        ),
        ("AEGIS_LOG_ACCESS", "AEGIS_LOG_ACCESS: log.access: the path is empty"),
        ("AEGIS_STATE_DIR", "AEGIS_STATE_DIR: state.dir: the path is empty"),
        ("AEGIS_UPSTREAMS_OPENAI_CA", "AEGIS_UPSTREAMS_OPENAI_CA: upstreams.openai.ca: the path is empty"),
    ] {
        let error = from_env(&[(name, "")]).expect_err(name);
        assert!(error.starts_with("error: environment variable ") && error.contains(says), "{error}");
        assert_eq!(error.matches("error: ").count(), 1, "{error}");
    }
}

/// Far off by letters, the nearest name would lead astray.
#[test]
fn a_variable_like_no_other_is_not_told_the_nearest() {
    let warnings = |name: &str| -> Vec<String> {
        from_env(&[(name, "1")]).expect(name).warnings.iter().map(ToString::to_string).collect()
    };
    for (name, help) in [
        ("AEGIS_BIN_DIRS", "did you mean AEGIS_BIN_DIR?"),
        ("AEGIS_FOO_BAR", "unset it if it is not meant for others; docs/settings.md lists every key"),
        ("AEGIS_BIN_FOLDER", "unset it if it is not meant for others; docs/settings.md lists every key"),
    ] {
        let expected = format!(
            "warning: environment variable {name}: names no key of the configuration\n  help: {help}"
        );
        assert_eq!(warnings(name), [expected]);
    }
    for name in ["AEGIS_BIN_DIR", "AEGIS_TEST_ANYTHING"] {
        assert_eq!(warnings(name), [""; 0], "{name}");
    }
}

#[test]
fn the_page_names_every_variable_that_is_ignored() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let page = std::fs::read_to_string(page).expect("the page");
    for ignored in CATALOGUE.reserved_variables.iter().chain(CATALOGUE.foreign_prefixes) {
        assert!(page.contains(&format!("`{ignored}")), "{ignored} is not documented");
    }
}

/// What is there already is not to be added.
#[test]
fn an_address_of_the_network_is_told_what_it_lacks() {
    const PROBLEM: &str =
        "warning: aegis.toml:2:1: server.listen: 0.0.0.0:8080 can be reached from the network, and there is ";
    let listen = "[server]\nlisten = [\"0.0.0.0:8080\"]\n";
    let key = format!("[[auth.keys]]\nid = \"ci\"\nsha256 = \"{}\"\n", "0f".repeat(32));
    let tls = "[[server.tls.certificates]]\ncert = \"c.pem\"\nkey = \"k.pem\"\n";
    for (more, lacks) in [
        (String::new(), "neither a key nor TLS\n  help: add [[auth.keys]] and server.tls.certificates, or"),
        (tls.to_owned(), "no key\n  help: add [[auth.keys]], or"),
        (key.clone(), "no TLS\n  help: add server.tls.certificates, or"),
    ] {
        let warnings = from_text(&format!("{listen}{more}")).expect(lacks).warnings;
        let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert!(said.contains(&format!("{PROBLEM}{lacks} listen on 127.0.0.1")), "{lacks}: {said:?}");
    }
    assert!(from_text(&format!("{listen}{tls}{key}")).expect("both").warnings.is_empty());
}
