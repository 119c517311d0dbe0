//! curl through the gateway: its uploads, its expectations and its old protocol, plain and over TLS.

use std::io::Write;
use std::process::{Command, Stdio};

use aegis_tests::oracle::assert_absent;
use aegis_tests::secrets::Seeded;
use aegis_tests::{Authority, Gateway, Mock};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

struct Scene {
    mock: Mock,
    gateway: Gateway,
    gateway_tls: Gateway,
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let certificate = Authority::new(dir.path(), "ca").sign("server", &["localhost"]);
        let mock = Mock::start();
        let config = format!(
            "[server.tls]\ncertificates = [{{ cert = \"{}\", key = \"{}\" }}]\n",
            certificate.cert.display(),
            certificate.key.display()
        );
        Scene {
            gateway: Gateway::before(&mock.url()),
            gateway_tls: Gateway::builder().all_upstreams(&mock.url()).config(&config).start(),
            mock,
            dir,
        }
    }

    /// curl's output and the trace of the heads.
    fn curl(&self, tls: bool, id: &str, arguments: &[&str], body: &[u8]) -> (Vec<u8>, String) {
        let gateway = if tls { &self.gateway_tls } else { &self.gateway };
        let scheme = if tls { "https" } else { "http" };
        let mut command = Command::new("curl");
        command.args(["-sS", "-v", "--noproxy", "*", "--max-time", "30", "--cacert"]);
        command.arg(self.dir.path().join("ca.pem"));
        command.args(["-H", &format!("x-mock-id: {id}"), "-H", "content-type: application/json"]);
        command.args(arguments).args(["--data-binary", "@-"]);
        command.arg(format!("{scheme}://localhost:{}/v1/chat/completions", gateway.address.port()));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("curl is installed: run tests/run.sh");
        child.stdin.take().expect("piped").write_all(body).expect("curl takes its input");
        let output = child.wait_with_output().expect("curl ends");
        let trace = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "curl {arguments:?}: {trace}");
        (output.stdout, trace)
    }

    /// The reply restores the secret and the provider saw nothing of it.
    fn check(&self, name: &str, arguments: &[&str], body: &[u8], secret: &str) {
        for tls in [false, true] {
            let id = format!("{}-{tls}", name.replace([' ', ',', '.'], "-"));
            let (reply, trace) = self.curl(tls, &id, arguments, body);
            assert!(
                String::from_utf8_lossy(&reply).contains(secret),
                "{id}: {trace}{}",
                String::from_utf8_lossy(&reply)
            );
            let records = self.mock.records(Some(&id));
            assert_eq!(records.len(), 1, "{id}");
            assert_absent(&records[0].payload, secret, &id);
            assert_absent(&records[0].head, secret, &id);
        }
    }
}

/// Numbered lines, so that compressing them does not look like a bomb.
fn prompt(secret: &str, padding: usize) -> String {
    let lines: Vec<String> = (0..padding).map(|n| format!("line {n} of {}", n * 7_919)).collect();
    let text = format!("use {secret}\n{}", lines.join("\n"));
    serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string()
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(body).and_then(|()| encoder.finish()).expect("gzip")
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(body).and_then(|()| encoder.finish()).expect("deflate")
        }
        "br" => {
            let mut packed = Vec::new();
            brotli::BrotliCompress(&mut &*body, &mut packed, &brotli::enc::BrotliEncoderParams::default())
                .expect("br");
            packed
        }
        "zstd" => zstd::encode_all(body, 3).expect("zstd"),
        other => panic!("no coding {other}"),
    }
}

#[test]
fn curl_in_all_its_ways() {
    let scene = Scene::new();
    let secret = Seeded::new(1).github();
    let small = prompt(&secret, 1);
    let large = prompt(&secret, 20_000);
    let chunked = "transfer-encoding: chunked";
    scene.check("with a length", &[], small.as_bytes(), &secret);
    scene.check("chunked", &["-H", chunked], small.as_bytes(), &secret);
    scene.check("chunked and large", &["-H", chunked], large.as_bytes(), &secret);
    scene.check("http 1.0", &["--http1.0"], small.as_bytes(), &secret);
    scene.check("large and http 1.0", &["--http1.0"], large.as_bytes(), &secret);
    scene.check("expect", &["-H", "expect: 100-continue"], small.as_bytes(), &secret);
    scene.check(
        "compressed reply",
        &["--compressed", "-H", "x-mock-scenario: encoding=gzip"],
        small.as_bytes(),
        &secret,
    );
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let field = format!("content-encoding: {coding}");
        for body in [&small, &large] {
            let packed = coded(coding, body.as_bytes());
            let name = format!("{coding} of {}", body.len());
            scene.check(&name, &["-H", &field], &packed, &secret);
            scene.check(&format!("{name} chunked"), &["-H", &field, "-H", chunked], &packed, &secret);
        }
    }
}

#[test]
fn the_gateway_answers_the_expectation_itself() {
    let scene = Scene::new();
    let body = prompt(&Seeded::new(2).github(), 40_000);
    let (_, trace) = scene.curl(
        false,
        "continue",
        &["-H", "expect: 100-continue", "--expect100-timeout", "20"],
        body.as_bytes(),
    );
    assert!(trace.contains("HTTP/1.1 100"), "{trace}");
    let records = scene.mock.records(Some("continue"));
    let head = String::from_utf8_lossy(&records[0].head).to_lowercase();
    assert!(!head.contains("\r\nexpect:"), "{head}");
}

#[test]
fn an_unknown_coding_is_refused() {
    let scene = Scene::new();
    let secret = Seeded::new(3).github();
    let arguments = ["-H", "content-encoding: snappy"];
    let (reply, trace) = scene.curl(false, "unknown", &arguments, prompt(&secret, 1).as_bytes());
    assert!(trace.contains("HTTP/1.1 415"), "{trace}");
    assert!(
        String::from_utf8_lossy(&reply).contains("unsupported_encoding"),
        "{}",
        String::from_utf8_lossy(&reply)
    );
    assert!(scene.mock.records(Some("unknown")).iter().all(|record| record.payload.is_empty()));
}
