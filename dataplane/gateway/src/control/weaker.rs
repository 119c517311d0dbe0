//! What a reload may not take away in passing: a file cut off by a full disk or half a copy reads like one whose author
//! wants neither TLS nor keys.

use aegis_settings::Problem;

use crate::config::settings::{ClientAuth, Settings};

/// A protection: whether settings have it, its key, and what is said when it would go.
type Protection = (fn(&Settings) -> bool, &'static str, &'static str);

const PROTECTIONS: [Protection; 6] = [
    (has_tls, "server.tls.certificates", "TLS towards clients is on, and would be off"),
    (
        has_client_auth,
        "server.tls.client_auth",
        "certificates of clients are checked, and would no longer be",
    ),
    (demands_certificates, "server.tls.client_auth", "clients need a certificate, and would no longer"),
    (
        |settings| settings.auth.demands_keys(),
        "auth.mode",
        "gateway keys are demanded, and would no longer be",
    ),
    (has_keys, "auth.keys", "there are gateway keys, and none would be left"),
    (has_upstreams, "upstreams", "there are upstreams, and none would be left but the built-in ones"),
];

/// What to do about it.
const HELP: &str = "if that is meant, set reload.allow_weaker = true, or restart the gateway";

/// Which protections a configuration has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protections([bool; PROTECTIONS.len()]);

impl Protections {
    /// Those of `settings`.
    pub(super) fn of(settings: &Settings) -> Self {
        Self(PROTECTIONS.map(|(has, _, _)| has(settings)))
    }

    /// What `new` would take away of these, one problem each; none if `new` allows it.
    pub(super) fn lost(self, new: &Settings) -> Vec<Problem> {
        let lost = PROTECTIONS.into_iter().zip(self.0).filter(|((has, ..), had)| *had && !has(new));
        let lost = lost.filter(|_| !new.reload.allow_weaker);
        lost.map(|((_, key, what), _)| Problem::error(key, what, HELP)).collect()
    }
}

fn has_tls(settings: &Settings) -> bool {
    !settings.server.tls.certificates.is_empty()
}

fn has_client_auth(settings: &Settings) -> bool {
    settings.server.tls.client_auth != ClientAuth::Off
}

fn demands_certificates(settings: &Settings) -> bool {
    settings.server.tls.client_auth == ClientAuth::Required
}

fn has_keys(settings: &Settings) -> bool {
    !settings.auth.keys.is_empty()
}

fn has_upstreams(settings: &Settings) -> bool {
    settings.upstreams.values().any(|upstream| !upstream.built_in)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    fn settings(text: &str) -> Settings {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("aegis.toml");
        std::fs::write(&file, text).expect("written");
        load(&Sources { file: Some(file), ..Sources::default() }).expect(text).settings
    }

    #[test]
    fn each_protection_is_missed_and_what_stays_is_not() {
        let key = format!("[[auth.keys]]\nid = \"a\"\nsha256 = \"{}\"\n", "0f".repeat(32));
        let tls = "[[server.tls.certificates]]\ncert = \"c\"\nkey = \"k\"\n[server.tls]\n";
        let clients = format!("{tls}client_auth = \"required\"\nclient_ca = \"ca\"\n");
        let upstream = "[upstreams.mine]\nurl = \"http://127.0.0.1:1\"\n";
        for (running, new, missed) in [
            ("", "", &[][..]),
            ("", &*key, &[]),
            (&*key, "", &["auth.mode", "auth.keys"]),
            (&*key, "[auth]\nmode = \"keys\"\n", &["auth.keys"]),
            ("[auth]\nmode = \"keys\"\n", "", &["auth.mode"]),
            (tls, "", &["server.tls.certificates"]),
            (&*clients, tls, &["server.tls.client_auth"; 2]),
            (&*clients, &*clients.replace("required", "optional"), &["server.tls.client_auth"]),
            (&*clients.replace("required", "optional"), &*clients, &[]),
            (&*clients, "", &["server.tls.certificates", "server.tls.client_auth", "server.tls.client_auth"]),
            (upstream, "[upstreams.other]\nurl = \"http://127.0.0.1:1\"\n", &[]),
            (upstream, "", &["upstreams"]),
            (upstream, "[reload]\nallow_weaker = true\n", &[]),
        ] {
            let problems = Protections::of(&settings(running)).lost(&settings(new));
            let keys: Vec<&str> = problems.iter().map(|problem| &*problem.key).collect();
            assert_eq!(keys, missed, "{running} -> {new}");
        }
    }
}
