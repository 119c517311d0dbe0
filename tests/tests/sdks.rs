//! The official SDKs of OpenAI, Anthropic and Google through the gateway, plain and over TLS.
//!
//! The comparisons themselves are in Python and Node (`tests/sdk`), where the SDKs live; this file brings up the
//! programs and hands over their addresses. `tests/run.sh` installs the SDKs and runs these ignored tests.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use aegis_tests::{Authority, Gateway, Mock};

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

#[test]
#[ignore = "needs the Python SDKs in tests/.venv: run tests/run.sh"]
fn python_sdks() {
    let mut program = Command::new(here(".venv/bin/python"));
    program.args(["-W", "ignore::ResourceWarning", "-m", "unittest", "-v"]).current_dir(here("sdk/python"));
    Scene::new().run(program);
}

#[test]
#[ignore = "needs the Node SDKs in tests/sdk/node/node_modules: run tests/run.sh"]
fn node_sdks() {
    let _ = here("sdk/node/node_modules");
    let mut program = Command::new("node");
    program.args(["--test", "sdks.test.mjs"]).current_dir(here("sdk/node"));
    Scene::new().run(program);
}
