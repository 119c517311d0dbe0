//! The configuration as people meet it: what is wrong is named with file, line, key and help.

#[path = "config/silent_slips.rs"]
mod silent_slips;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aegis_gateway::config::reference::CATALOGUE;
use aegis_gateway::config::settings::{Action, Driver, KeyHeader, Provider, Settings};
use aegis_gateway::config::{Flags, Loaded, Sources, docs, load};
use aegis_settings::environment;

fn from_text(text: &str) -> Result<Loaded, String> {
    load_with(text, Sources::default())
}

/// Loads a file `aegis.toml` with this text. Its folder is left out of what is said.
fn load_with(text: &str, sources: Sources) -> Result<Loaded, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aegis.toml");
    std::fs::write(&file, text).expect("written");
    let beside = format!("{}/", folder.path().display());
    let mut loaded = load(&Sources { file: Some(file), ..sources })
        .map_err(|error| error.to_string().replace(&beside, ""))?;
    for warning in &mut loaded.warnings {
        warning.place = warning.place.replace(&beside, "");
    }
    Ok(loaded)
}

fn from_env(variables: &[(&str, &str)]) -> Result<Loaded, String> {
    let environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    load(&Sources { environment, ..Sources::default() }).map_err(|error| error.to_string())
}

/// Text of the file, and the message it must give.
const WRONG: &[(&str, &str)] = &[
    (
        "[server]\nlistn = []\n",
        "error: aegis.toml:2:1: server.listn: unknown key\n  help: did you mean `listen`?",
    ),
    (
        "[sever]\nshards = 1\n",
        "error: aegis.toml:1:2: sever: unknown section\n  help: did you mean `server`?",
    ),
    (
        "[server]\nmax_body = 1\n",
        "error: aegis.toml:2:1: server.max_body: unknown key\n  help: there is `limits.max_body`",
    ),
    (
        "[admin]\nzzzzzzzzz = 1\n",
        "error: aegis.toml:2:1: admin.zzzzzzzzz: unknown key\n  help: known here: listen",
    ),
    (
        "a = 1\nb = 2\n",
        "error: aegis.toml:1:1: a: unknown section\n  help: known here: server, admin, reload, state, cache, timeouts, limits, upstreams, auth, \
         policy, rules, known_values, restore, tokens, session, recall, log, audit\nerror: aegis.toml:2:1: b: unknown section\n  help: known here: server, admin, \
         reload, state, cache, timeouts, limits, upstreams, auth, policy, rules, known_values, restore, tokens, session, recall, log, audit",
    ),
    (
        "[server]\nshards = \"two\"\n",
        "error: aegis.toml:2:10: server.shards: string \"two\" cannot stand here\n  help: expected a whole number, not negative",
    ),
    (
        "[server]\nshards = -1\n",
        "error: aegis.toml:2:10: server.shards: integer -1 cannot stand here\n  help: expected a whole number, not negative",
    ),
    (
        "[server]\nlisten = [\"8080\"]\n",
        "error: aegis.toml:2:11: server.listen: invalid socket address syntax\n  help: expected a list of addresses like [\"0.0.0.0:8080\"]",
    ),
    (
        "[server]\ndriver = \"uring\"\n",
        "error: aegis.toml:2:10: server.driver: `uring` is not a choice\n  help: expected one of \"auto\", \"io_uring\", \"epoll\"",
    ),
    (
        "[rules]\npacks = [\"persnal\"]\n",
        "error: aegis.toml:2:10: rules.packs: `persnal` is not a choice\n  help: expected a list of some of \"personal\"",
    ),
    (
        "[timeouts]\nconnect = \"5 parsecs\"\n",
        "error: aegis.toml:2:11: timeouts.connect: `5 parsecs` is not a length of time: write seconds as a number, or \"250ms\", \
         \"30s\", \"5m\", \"1h\"\n  help: expected seconds as a number, or \"250ms\", \"30s\", \"5m\", \"1h\"",
    ),
    (
        "[timeouts]\nconnect = 0\n",
        "error: aegis.toml:2:1: timeouts.connect: a time limit of 0 would end everything at once\n  help: for a long one write \"1h\"",
    ),
    (
        "[upstreams.openai]\nidempotency_header = \"idempotency key\"\n",
        "error: aegis.toml:2:1: upstreams.openai.idempotency_header: `idempotency key` is no name of a request header that reaches \
         the upstream\n  help: write it like \"idempotency-key\"",
    ),
    (
        "[server\n",
        "error: aegis.toml:1:8: not valid TOML: unclosed table, expected `]`\n  help: quote text with \"...\"; a section begins with [name]",
    ),
    (
        "[admin]\nlisten = \"127.0.0.1:8080\"\n",
        "error: aegis.toml:2:1: admin.listen: 127.0.0.1:8080 is taken by server.listen\n  help: give one of the two another port",
    ),
    (
        "[upstreams.mine]\nprovider = \"openai\"\n",
        "error: aegis.toml:1:12: upstreams.mine: has no url\n  help: add url = \"https://...\"",
    ),
    (
        "[upstreams.mine]\nurl = \"https://key@host\"\n",
        "error: aegis.toml:2:1: upstreams.mine.url: holds a user or password; use api_key_file or api_key_env\n  help: write it like \
         \"https://api.example.com\" or \"http://127.0.0.1:8000/base\"",
    ),
    (
        "[upstreams.v1]\nurl = \"https://host\"\n",
        "error: aegis.toml:1:12: upstreams.v1: `v1` cannot name an upstream\n  help: names are lower-case letters, digits and hyphens, \
         at most 64, and not v1, v1alpha, v1beta, v2 or aegis",
    ),
    (
        "[upstreams.openai]\napi_key = 12345678\n",
        "error: aegis.toml:2:11: upstreams.openai.api_key: not a text\n  help: expected a secret in quotes; better in the environment or a file",
    ),
    (
        "[upstreams.openai]\napi_key = \"a\"\napi_key_env = \"B\"\n",
        "error: aegis.toml:1:12: upstreams.openai: more than one of api_key, api_key_file and api_key_env\n  help: keep one",
    ),
    (
        "[upstreams.openai]\nroots = \"file\"\n",
        "error: aegis.toml:2:1: upstreams.openai.roots: roots = \"file\" without a file\n  help: set ca to a PEM file",
    ),
    (
        "[log]\nlevel = \"inof\"\n",
        "error: aegis.toml:2:1: log.level: `inof` is not a level\n  help: did you mean `info`?",
    ),
    (
        "[log]\nlevel = \"info,aegis_gateway::control\"\n",
        "error: aegis.toml:2:1: log.level: `aegis_gateway::control` is not a level\n  help: error, warn, info, debug or trace; of one \
         module: \"info,aegis_gateway=debug\"",
    ),
    (
        "[[auth.keys]]\nid = \"a\"\nsha256 = \"abc\"\n",
        "error: aegis.toml:3:1: auth.keys[0].sha256: not a SHA-256\n  help: write 64 hexadecimal digits; `aegis-gateway key hash` makes \
         them from a key",
    ),
    (
        "[[auth.keys]]\nid = \"a\"\nsha256 = \"E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\n",
        "error: aegis.toml:3:1: auth.keys[0].sha256: the SHA-256 of an empty key\n  help: make a key with `aegis-gateway key new`",
    ),
    (
        "[[auth.keys]]\nid = \"a\"\nsha265 = \"abc\"\n",
        "error: aegis.toml:3:1: auth.keys[0].sha265: unknown key\n  help: did you mean `sha256`?",
    ),
    (
        "[auth]\nkeys = [{ id = \"a\" }]\n",
        "error: aegis.toml:2:9: auth.keys[0]: missing field `sha256`\n  help: ",
    ),
    (
        "[policy]\nallow_regex = [\"ok\", \"(\"]\n",
        "error: aegis.toml:2:1: policy.allow_regex: item 2 is not a regular expression: unclosed group\n  help: the syntax is that of the \
         Rust crate regex",
    ),
    (
        "[policy.categories]\nkeys = \"block\"\n",
        "error: aegis.toml:2:1: policy.categories.keys: there is no category `keys`\n  help: categories are key, secret, token, conn, pkey, \
         user, host, pii",
    ),
    (
        "[policy.rules]\nx = \"drop\"\n",
        "error: aegis.toml:2:5: policy.rules.x: `drop` is not a choice\n  help: expected one of \"allow\", \"monitor\", \"warn\", \"tokenize\", \
         \"redact\", \"block\"",
    ),
    (
        "[tokens]\nepoch = \"I\"\n",
        "error: aegis.toml:2:1: tokens.epoch: `I` cannot name an epoch\n  help: one of 0-9 and A-Z without I, L, O and U",
    ),
    (
        "[server]\nhosts = [\"http://gw\"]\n",
        "error: aegis.toml:2:1: server.hosts: `http://gw` is not a host name or address\n  help: write names like \
         \"gateway.example.com\", with or without a port",
    ),
    (
        "[server]\norigins = [\"https://ok.example\", \"null\"]\n",
        "error: aegis.toml:2:1: server.origins: `null` is what any page can make its browser send\n  help: write origins like \
         \"https://app.example.com\" or \"vscode-webview://*\"",
    ),
    (
        "[server]\npublic_url = \"gw.example\"\n",
        "error: aegis.toml:2:1: server.public_url: `gw.example` has no scheme\n  help: write it like \"https://gateway.example.com\"",
    ),
    (
        "[upstreams.openai]\nredirect_hosts = [\"https://x.example\"]\n",
        "error: aegis.toml:2:1: upstreams.openai.redirect_hosts: `https://x.example` has a scheme, a port or a path\n  help: write names \
         like \"files.example.com\", or \"*.example.com\" for all below one",
    ),
    (
        "[restore]\nhosts = [\"ok.example\", \"https://x.example\"]\n",
        "error: aegis.toml:2:1: restore.hosts: `https://x.example` has a scheme, a port or a path\n  help: write names like \
         \"files.example.com\", or \"*.example.com\" for all below one",
    ),
    (
        "[restore]\nhosts = [\"*\"]\n",
        "error: aegis.toml:2:1: restore.hosts: `*` has a * that is not the whole first label\n  help: write names like \
         \"files.example.com\", or \"*.example.com\" for all below one",
    ),
    (
        "[restore]\ntools = [\"bash\", \"\"]\n",
        "error: aegis.toml:2:1: restore.tools: item 2 names no tool\n  help: write names like \"bash\", or \"mcp__files__*\" for all \
         that begin so",
    ),
    (
        "[restore]\nlanes = [\"answer\"]\n",
        "error: aegis.toml:2:10: restore.lanes: `answer` is not a choice\n  help: expected a list of some of \"text\", \"reasoning\", \
         \"refusal\", \"tool_arguments\", \"other\"",
    ),
    (
        "[restore]\nunnamed_hosts = \"drop\"\n",
        "error: aegis.toml:2:17: restore.unnamed_hosts: `drop` is not a choice\n  help: expected one of \"count\", \"withhold\"",
    ),
    (
        "[audit]\nring = 63\n",
        "error: aegis.toml:2:1: audit.ring: 63 is not between 64 and 1048576\n  help: the default is 8192",
    ),
];

#[test]
fn every_mistake_is_named_with_place_key_and_help() {
    for (text, expected) in WRONG {
        let error = from_text(text).expect_err(text);
        assert_eq!(error.trim_end(), expected.trim_end_matches("\n  help: "), "\n--- of ---\n{text}");
    }
}

#[test]
fn problems_of_the_whole_are_found_in_one_pass() {
    let error = from_text("[limits]\nmax_body = 0\nmax_fields = 1\n[timeouts]\nresolve = 0\n")
        .expect_err("three problems");
    assert_eq!(error.matches("error: ").count(), 3, "{error}");
}

#[test]
fn a_body_that_is_held_must_fit_what_there_is_for_bodies() {
    for (text, expected) in [
        (
            "[limits]\nmax_body = \"16MiB\"\n",
            "limits.hold: 32MiB is more than limits.max_body\n  help: at most 16MiB, or raise limits.max_body",
        ),
        (
            "[limits]\nbuffers_per_shard = \"16MiB\"\n",
            "limits.hold: 32MiB does not fit into limits.buffers_per_shard, a part of which is kept for small bodies\n  help: at most \
             15232KiB, or raise limits.buffers_per_shard",
        ),
    ] {
        let error = from_text(text).expect_err(text);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let sources = Sources { file: Some(PathBuf::from("/nonexistent/aegis.toml")), ..Sources::default() };
    let error = load(&sources).expect_err("missing").to_string();
    assert!(
        error.starts_with("error: /nonexistent/aegis.toml: cannot read the configuration: No such file"),
        "{error}"
    );
    assert!(error.contains("--config FILE"), "{error}");
}

#[test]
fn limits_hold_at_their_edge() {
    for (text, ok) in [
        ("[server]\nshards = 1024\n", true),
        ("[server]\nshards = 1025\n", false),
        ("[audit]\nring = 64\n", true),
        ("[audit]\nring = 1048577\n", false),
        ("[limits]\nhold = \"64KiB\"\n", true),
        ("[limits]\nhold = 65535\n", false),
        ("[limits]\nhold = \"64MiB\"\nbeyond_hold = \"stream\"\n", true),
        ("[limits]\nhold = 67108865\n", false),
        ("[limits]\nhold = 67108865\nmax_body = 67108865\n", true),
        ("[limits]\nbuffers_per_shard = 35931204\n", true),
        ("[limits]\nbuffers_per_shard = 35931203\n", false),
        ("[limits]\nmax_head = \"4KiB\"\n", true),
        ("[limits]\nmax_head = 4095\n", false),
        ("[timeouts]\nkeep_alive = \"7d\"\n", true),
        ("[timeouts]\nkeep_alive = 604801\n", false),
        ("[server]\nsse_keep_alive = 604800\n", true),
        ("[server]\nsse_keep_alive = 604801\n", false),
        ("[server]\nsse_keep_alive = 0\n", true),
        ("[timeouts]\nconnect_total = 0\n", false),
        ("[timeouts]\nrequest_write_gap = 0\n", false),
        ("[upstreams.openai]\nidempotency_header = \"Idempotency-Key\"\n", true),
        ("[upstreams.openai]\nidempotency_header = \"x-aegis-key\"\n", false),
        ("[upstreams.openai]\nidempotency_header = \"\"\n", false),
    ] {
        assert_eq!(from_text(text).is_ok(), ok, "{text}");
    }
    let many = |count: usize| -> String {
        let section = |i| format!("[upstreams.u{i}]\nurl = \"http://127.0.0.1:9\"\n");
        (0..count).map(section).collect::<Vec<_>>().concat()
    };
    let built_in = from_text("").expect("defaults").settings.upstreams.len();
    assert!(from_text(&many(64 - built_in)).is_ok());
    assert!(from_text(&many(65 - built_in)).expect_err("65").contains("more than 64"));
}

#[test]
fn every_key_has_a_variable_that_overrides_the_file() {
    let loaded = from_env(&[
        ("AEGIS_SERVER_LISTEN", "127.0.0.1:1, [::1]:2"),
        ("AEGIS_SERVER_SHARDS", "3"),
        ("AEGIS_SERVER_DRIVER", "epoll"),
        ("AEGIS_SERVER_SHUTDOWN_TIMEOUT", "45"),
        ("AEGIS_TIMEOUTS_CONNECT", "250ms"),
        ("AEGIS_LIMITS_MAX_BODY", "1GiB"),
        ("AEGIS_SESSION_ENABLED", "true"),
        ("AEGIS_TOKENS_EPOCH", "7"),
        ("AEGIS_UPSTREAMS_OPENAI_API_KEY_ENV", "OPENAI_API_KEY"),
        ("AEGIS_UPSTREAMS_MY_LLM_URL", "http://127.0.0.1:9"),
        ("AEGIS_UPSTREAMS_MY_LLM_CONNECT_TIMEOUT", "1s"),
        ("AEGIS_POLICY_CATEGORIES_PII", "block"),
        ("AEGIS_POLICY_RULES_AWS_ACCESS_KEY", "monitor"),
        ("AEGIS_AUTH_KEYS", &format!("[{{ id = \"ci\", sha256 = \"{}\" }}]", "ab".repeat(32))),
        ("AEGIS_CONFIG", "elsewhere.toml"),
        ("AEGIS_BIN_DIR", "/opt"),
        ("AEGIS_SEVER_SHARDS", "9"),
        ("AEGIS_SERVICE_HOST", "10.0.0.1"),
        ("AEGIS_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("PATH", "/bin"),
    ])
    .expect("valid");
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "warning: environment variable AEGIS_SEVER_SHARDS: names no key of the configuration\n  help: did you mean AEGIS_SERVER_SHARDS?"
        ]
    );
    let settings = loaded.settings;
    assert_eq!(settings.server.listen.len(), 2);
    assert_eq!((settings.server.shards, settings.server.driver), (3, Driver::Epoll));
    assert_eq!(settings.server.shutdown_timeout.as_secs(), 45);
    assert_eq!(settings.timeouts.connect.as_millis(), 250);
    assert_eq!(settings.limits.max_body, 1 << 30);
    assert!(settings.session.enabled);
    assert_eq!(settings.tokens.epoch, '7');
    assert_eq!(settings.upstreams["openai"].api_key_env.as_deref(), Some("OPENAI_API_KEY"));
    assert_eq!(settings.upstreams["my-llm"].connect_timeout.map(|time| time.as_secs()), Some(1));
    assert_eq!(settings.policy.categories["pii"].0, Action::Block);
    assert_eq!(settings.policy.rules["aws-access-key"].0, Action::Monitor);
    assert_eq!(settings.auth.keys[0].id, "ci");
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    for (name, value, expected) in [
        (
            "AEGIS_SERVER_SHARD",
            "1",
            "error: environment variable AEGIS_SERVER_SHARD: names no key of the configuration\n  help: did you mean AEGIS_SERVER_SHARDS?",
        ),
        (
            "AEGIS_SERVER_SHARDS",
            "many",
            "error: environment variable AEGIS_SERVER_SHARDS: server.shards: string \"many\" cannot stand here\n  help: expected a whole \
             number, not negative",
        ),
        (
            "AEGIS_LIMITS_MAX_BODY",
            "0",
            "error: environment variable AEGIS_LIMITS_MAX_BODY: limits.max_body: 0 would refuse every body\n  help: the default is \"64MiB\"",
        ),
    ] {
        assert_eq!(from_env(&[(name, value)]).expect_err(name), expected);
    }
    let error = from_env(&[("AEGIS_TOKENS_KEY", "not-a-key-but-private")]).expect_err("no key");
    assert!(error.contains("64 hexadecimal digits") && !error.contains("private"), "{error}");
}

#[test]
fn file_then_environment_then_flags() {
    let text = "[server]\nshards = 1\ndriver = \"epoll\"\n[log]\nlevel = \"warn\"\n[upstreams.openai]\nurl = \"http://127.0.0.1:1\"\n";
    let sources = Sources {
        file: None,
        environment: vec![
            ("AEGIS_SERVER_SHARDS".to_owned(), "2".to_owned()),
            ("AEGIS_LOG_LEVEL".to_owned(), "debug".to_owned()),
        ],
        flags: Flags {
            shards: Some(3),
            upstreams: vec![("openai".to_owned(), "http://127.0.0.1:2".to_owned())],
            ..Flags::default()
        },
    };
    let settings = load_with(text, sources).expect("valid").settings;
    assert_eq!(
        (settings.server.shards, settings.server.driver, settings.log.level.as_str()),
        (3, Driver::Epoll, "debug")
    );
    assert_eq!(settings.upstreams["openai"].url.as_deref(), Some("http://127.0.0.1:2"));
    let wrong = Sources {
        flags: Flags { upstreams: vec![("x".to_owned(), "nonsense".to_owned())], ..Flags::default() },
        ..Sources::default()
    };
    let error = load(&wrong).expect_err("no scheme").to_string();
    assert!(
        error.starts_with("error: flag --upstream: upstreams.x.url: `nonsense` has no scheme"),
        "{error}"
    );
}

#[test]
fn built_in_upstreams_are_there_and_can_be_changed() {
    let settings = from_text(
        "[upstreams.anthropic]\napi_key_env = \"K\"\n[upstreams.azure-eu]\nurl = \"https://eu.example\"\n",
    )
    .expect("valid")
    .settings;
    assert_eq!(settings.upstreams["anthropic"].url.as_deref(), Some("https://api.anthropic.com"));
    assert!(!settings.upstreams["anthropic"].built_in && settings.upstreams["openai"].built_in);
    assert_eq!(settings.upstreams["google"].provider, Some(Provider::Google));
    assert_eq!(settings.upstreams["azure-eu"].provider, Some(Provider::Openai));
    assert_eq!(aegis_gateway::config::builtin::key_header("azure-eu", Provider::Openai), KeyHeader::ApiKey);
}

#[test]
fn relative_paths_of_the_file_are_meant_from_its_folder() {
    let text = "[state]\ndir = \"state\"\n[audit]\nfile = \"/var/audit\"\n[log]\naccess = \"access.log\"\n\
                [rules]\ncustom = [\"own.toml\", \"/r.toml\"]\n[[server.tls.certificates]]\ncert = \"c.pem\"\nkey = \"../k.pem\"\n";
    let environment = vec![
        ("AEGIS_CACHE_DIR".to_owned(), "x".to_owned()),
        ("AEGIS_KNOWN_VALUES_FILE".to_owned(), "list".to_owned()),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aegis.toml");
    let sources = Sources { file: Some(file.clone()), environment, ..Sources::default() };
    let load_text = |text: &str| {
        std::fs::write(&file, text).expect("written");
        load(&sources).expect("right").settings
    };
    let settings = load_text(text);
    let certificate = &settings.server.tls.certificates[0];
    let beside = |name: &str| folder.path().join(name);
    for (path, expected) in [
        (settings.state.dir.as_deref(), beside("state")),
        (settings.audit.file.as_deref(), "/var/audit".into()),
        (Some(Path::new(&settings.log.access)), beside("access.log")),
        (Some(&*settings.rules.custom[0]), beside("own.toml")),
        (Some(&*settings.rules.custom[1]), "/r.toml".into()),
        (Some(&*certificate.cert), beside("c.pem")),
        (Some(&*certificate.key), beside("../k.pem")),
        (settings.known_values.file.as_deref(), "list".into()),
    ] {
        assert_eq!(path, Some(&*expected));
    }
    assert_eq!(load_text("[log]\naccess = \"stderr\"\n").log.access, "stderr");
}

#[test]
fn variables_that_name_no_key_are_reported_with_the_nearest() {
    let warnings = |name: &str| -> Vec<String> {
        from_env(&[(name, "1")]).expect(name).warnings.iter().map(ToString::to_string).collect()
    };
    for (name, help) in [
        ("AEGIS_SEVER_SHARDS", "did you mean AEGIS_SERVER_SHARDS?"),
        ("AEGIS_CONFG", "did you mean AEGIS_CONFIG?"),
        ("AEGIS_SERVR", "unset it if it is not meant for others; the nearest are AEGIS_SERVER_..."),
        ("AEGIS_LISTEN", "unset it if it is not meant for others; the nearest is AEGIS_ADMIN_LISTEN"),
    ] {
        let expected = format!(
            "warning: environment variable {name}: names no key of the configuration\n  help: {help}"
        );
        assert_eq!(warnings(name), [expected]);
    }
    for name in [
        "AEGIS_SERVICE_HOST",
        "AEGIS_PORT_8080_TCP",
        "AEGIS_GATEWAY_SERVICE_PORT",
        "AEGIS_COORDINATOR_LISTEN",
        "AEGIS_CONFIG",
    ] {
        assert_eq!(warnings(name), [""; 0], "{name}");
    }
    // A person may write a port; Kubernetes writes an address.
    for name in ["AEGIS_SERVER_PORT", "AEGIS_ADMIN_PORT", "AEGIS_KNOWN_VALUES_FILES_PORT_X"] {
        let error = from_env(&[(name, "9090")]).expect_err(name);
        assert!(error.starts_with(&format!("error: environment variable {name}: names no key")), "{error}");
    }
    let link = from_env(&[
        ("AEGIS_SERVER_PORT", "tcp://10.0.0.1:80"),
        ("AEGIS_SERVER_PORT_80_UDP_ADDR", "10.0.0.1"),
    ]);
    assert!(link.expect("links of a Service").warnings.is_empty());
}

#[test]
fn risky_settings_are_warned_about() {
    for (text, warning) in [
        (
            "[upstreams.openai]\napi_key_env = \"K\"\n[server]\nlisten = [\"[::]:8080\"]\n",
            "everybody who reaches server.listen may use the provider's key",
        ),
        ("[policy]\nfail_mode = \"open\"\n", "what cannot be scanned or recorded passes"),
        ("[restore]\nguard_addresses = false\n", "can make a client send values to any host"),
        ("[admin]\nlisten = \"0.0.0.0:9901\"\n", "can be reached from outside"),
        (
            "[server]\nlisten = [\"0.0.0.0:8080\"]\n",
            "0.0.0.0:8080 can be reached from the network, and there is neither a key nor TLS",
        ),
        ("[auth]\nmode = \"keys\"\n", "every request will be refused"),
        (
            "[upstreams.x]\nurl = \"http://example.com\"\napi_key_env = \"K\"\n",
            "would cross the network unencrypted",
        ),
    ] {
        let warnings: Vec<String> =
            from_text(text).expect(text).warnings.iter().map(ToString::to_string).collect();
        assert!(
            warnings.iter().any(|w| w.starts_with("warning: aegis.toml:") && w.contains(warning)),
            "{text}: {warnings:?}"
        );
    }
    assert!(from_text("").expect("defaults").warnings.is_empty());
}

/// Compares a file made from the settings with the one in the tree; `UPDATE_DOCS=1` writes it.
fn is_up_to_date(path: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, made).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "{} is out of date: run UPDATE_DOCS=1 cargo test -p aegis-gateway --test config",
        path.display()
    );
}

#[test]
fn the_example_file_is_up_to_date_and_holds_every_default() {
    let example = docs::example_file();
    is_up_to_date("deploy/aegis.example.toml", &example);
    let settings: Settings = toml::from_str(&example).expect("the example parses");
    assert_eq!(settings, Settings::default());
    // Every line that is commented out is one that would work.
    let full: String = example
        .lines()
        .filter(|line| !line.starts_with("# ") && *line != "#")
        .filter(|line| !matches!(*line, "hosts = []" | "origins = []" | "#certificates = []" | "#keys = []"))
        .map(|line| line.trim_start_matches('#').to_owned() + "\n")
        .collect();
    toml::from_str::<toml::Table>(&full).expect("the example without its comment marks parses");
    // A key that somebody could have must not come to hold by taking a comment mark away.
    let of_key = ["#[[auth.keys]]", "#id = ", "#sha256 = "];
    let lines = example.lines().filter(|line| of_key.iter().any(|part| line.starts_with(part)));
    let keys: String = lines.map(|line| line[1..].to_owned() + "\n").collect();
    let error = from_text(&keys).expect_err(&keys);
    assert!(error.contains("auth.keys[0].sha256: not a SHA-256"), "{error}");
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    is_up_to_date("docs/settings.md", &docs::settings_page());
}

#[test]
fn the_reference_has_every_key_with_its_real_default() {
    let defaults = toml::Table::try_from(Settings::default()).expect("settings are a table");
    let mut leaves = BTreeSet::new();
    collect(&defaults, "", &mut leaves);
    for (path, value) in &leaves {
        let key = CATALOGUE.find(path).unwrap_or_else(|| panic!("{path} is not in the reference"));
        assert_eq!(&key.default, value, "{path}");
    }
    for key in CATALOGUE.keys.iter().filter(|key| !key.default.is_empty() && !key.path.contains(['*', '['])) {
        assert!(leaves.iter().any(|(path, _)| *path == key.path), "{} has no such default", key.path);
    }
    for key in CATALOGUE.keys.iter().filter(|key| !key.path.contains("[]")) {
        assert!(environment::variable_of(key).is_some());
    }
}

fn collect(table: &toml::Table, above: &str, leaves: &mut BTreeSet<(String, String)>) {
    for (name, value) in table {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            toml::Value::Table(inner) => collect(inner, &path, leaves),
            value => {
                leaves.insert((path, value.to_string()));
            }
        }
    }
}

#[test]
fn the_reference_says_how_many_upstreams_there_may_be() {
    let page = docs::settings_page();
    let limit = aegis_gateway::metrics::MAX_UPSTREAMS;
    assert!(page.contains(&format!("At most {limit} upstreams, with the built-in ones, and {limit} names")));
}
