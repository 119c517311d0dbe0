//! What a request holds for its provider passes; what only sounds so does not; files are not believed their labels.

use super::harness::{Client, GatewaySetup, MockUpstream, SECRET, ok, on_both_drivers};

/// Sends a request with these lines in its head and this body, and gives back the status.
fn send(client: &mut Client, target: &str, fields: &str, body: &[u8]) -> u16 {
    let head = format!("POST {target} HTTP/1.1\r\nhost: g\r\n{fields}content-length: {}\r\n\r\n", body.len());
    client.send([head.as_bytes(), body].concat());
    client.reply().status
}

#[test]
fn names_decide_exactly() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        let fields = format!(
            "x-goog-api-key: {SECRET}\r\nx-my-key: {SECRET}\r\nx-author: {SECRET}\r\nx-session-notes: {SECRET}\r\n"
        );
        let target =
            format!("/up/v1/files?pageToken={SECRET}&upload_id={SECRET}&{SECRET}=1&a={SECRET}&code={SECRET}");
        assert_eq!(send(&mut client, &target, &fields, b""), 200);
        let head = &upstream.seen()[0].head;
        let field = |name: &[u8]| String::from_utf8_lossy(head.fields.get(name).unwrap()).into_owned();
        assert_eq!(field(b"x-goog-api-key"), SECRET);
        let token = field(b"x-my-key");
        assert!(token.starts_with("AEGIS-KEY-"), "{token}");
        assert_eq!((field(b"x-author"), field(b"x-session-notes")), (token.clone(), token.clone()));
        let expected =
            format!("/v1/files?pageToken={SECRET}&upload_id={SECRET}&{token}=1&a={token}&code={SECRET}");
        assert_eq!(head.path, expected);
    });
}

#[test]
fn values_in_latin_1_are_scanned() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        let value = [b"caf\xe9 ".as_slice(), SECRET.as_bytes(), b" \xfc"].concat();
        let head = [b"GET /up/x HTTP/1.1\r\nhost: g\r\nx-title: ".as_slice(), &value, b"\r\n\r\n"].concat();
        client.send(head);
        assert_eq!(client.reply_to(aegis_wire::head::Method::Get).status, 200);
        let seen = upstream.seen();
        let value = seen[0].head.fields.get(b"x-title").unwrap();
        assert!(value.starts_with(b"caf\xe9 AEGIS-KEY-") && value.ends_with(b" \xfc"), "{value:?}");
    });
}

#[test]
fn files_labelled_json_are_read_as_what_they_are() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        let json = "content-type: application/json\r\n";
        let upload = format!("{json}x-goog-upload-command: upload, finalize\r\nx-goog-upload-offset: 0\r\n");
        let files = "/up/upload/v1beta/files?upload_id=abc&upload_protocol=resumable";
        let text = format!("# notes\nthe key is {SECRET}\n");
        let png = [b"\x89PNG\r\n\x1a\n".as_slice(), SECRET.as_bytes()].concat();
        assert_eq!(send(&mut client, files, &upload, text.as_bytes()), 200);
        assert_eq!(send(&mut client, files, &upload, &png), 200);
        let seen = upstream.seen();
        let sent = String::from_utf8(seen[0].body.clone()).unwrap();
        assert!(sent.starts_with("# notes\nthe key is AEGIS-KEY-"), "{sent}");
        assert_eq!(seen[1].body, png);
        // What is said about a file, and every other JSON, must be JSON.
        let start = format!("{json}x-goog-upload-command: start\r\n");
        assert_eq!(send(&mut client, files, &start, b"{\"file\":{}}"), 200);
        for (path, fields) in [(files, &start), ("/up/v1/messages", &json.to_owned())] {
            let mut client = gateway.client();
            assert_eq!(send(&mut client, path, fields, text.as_bytes()), 400, "{path}");
        }
        // So is a file behind what is said about it; the rest of a request in parts is not believed to be one.
        let parts = |file: &str| {
            let part = |content: &str| format!("--b\r\nContent-Type: application/json\r\n\r\n{content}\r\n");
            format!("{}{}--b--\r\n", part("{\"file\":{}}"), part(file))
        };
        let related = "content-type: multipart/related; boundary=b\r\n";
        for (path, status) in [
            ("/up/upload/v1beta/files?uploadType=multipart", 200),
            ("/up/upload/drive/v3/files?uploadType=multipart", 200),
            ("/up/v1/files", 400),
        ] {
            for file in ["// a comment\n", "{\"x\":NaN}\n", "{\"a\":1}\n{\"a\":2}\n"] {
                let mut client = gateway.client();
                let body = parts(&format!("{file}{SECRET}"));
                assert_eq!(send(&mut client, path, related, body.as_bytes()), status, "{path} {file}");
            }
        }
        let seen: Vec<_> = upstream.seen().into_iter().skip(3).collect();
        assert_eq!(seen.len(), 6);
        assert!(seen.iter().all(|sent| !String::from_utf8_lossy(&sent.body).contains(SECRET)));
        let two = format!("{json}content-type: image/png\r\n");
        assert_eq!(send(&mut gateway.client(), "/up/v1/messages", &two, b"{}"), 400);
        let boundaries = "content-type: multipart/form-data; boundary=a; boundary=b\r\n";
        assert_eq!(send(&mut gateway.client(), "/up/v1/files", boundaries, b"--a--"), 400);
        assert_eq!(upstream.seen().len(), 9);
    });
}

#[test]
fn members_for_the_provider_pass_and_are_reported_nowhere() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let mut gateway = GatewaySetup::new(driver, &upstream).start();
        let mut client = gateway.client();
        let body = format!(
            r#"{{"mcp_servers":[{{"authorization_token":"{SECRET}"}}],"tools":[{{"headers":{{"X-Key":"{SECRET}"}}}}],"pageToken":"{SECRET}"}}"#
        );
        assert_eq!(
            send(&mut client, "/up/v1/messages", "content-type: application/json\r\n", body.as_bytes()),
            200
        );
        assert_eq!(upstream.seen()[0].body, body.as_bytes());
        assert!(gateway.record().findings.is_empty());
    });
}

#[test]
fn every_field_that_is_no_credential_is_scanned() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let names =
            ["user-agent", "sec-notes", "x-stainless-os", "openai-project", "accept-language", "tracestate"];
        let secrets = names.map(|name| format!("{name}: x {SECRET}\r\n")).concat();
        let usual = [
            ("user-agent", "OpenAI/Python 1.2.3"),
            ("x-stainless-runtime-version", "3.12.1-beta4+x86_64"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("x-request-id", "0b9f6a1e-3c1d-4a57-9d2e-8f00b6c1d2e3"),
            ("anthropic-beta", "interleaved-thinking-2025-05-14,prompt-caching-2024-07-31"),
            ("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
        ];
        let harmless = usual.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
        for fields in [&secrets, &harmless] {
            assert_eq!(send(&mut gateway.client(), "/up/v1/x", fields, b""), 200);
        }
        let seen = upstream.seen();
        for name in names {
            let value =
                String::from_utf8_lossy(seen[0].head.fields.get(name.as_bytes()).unwrap()).into_owned();
            assert!(value.starts_with("x AEGIS-KEY-"), "{name}: {value}");
        }
        for (name, value) in usual {
            assert_eq!(seen[1].head.fields.get(name.as_bytes()), Some(value.as_bytes()), "{name}");
        }
    });
}

#[test]
fn pieces_of_files_are_not_moved() {
    on_both_drivers(|driver| {
        let upstream = MockUpstream::new(|_| vec![ok("fine")]);
        let gateway = GatewaySetup::new(driver, &upstream).start();
        let long = format!("{}\nthe key is {SECRET}\n", "word word\n".repeat(8000));
        for (command, offset, body, status) in [
            ("upload, finalize", 0, SECRET, 200),
            ("upload", 0, SECRET, 400),
            ("upload, finalize", 8, SECRET, 400),
            ("upload", 0, &long, 400),
            ("upload", 8, "nothing in it", 200),
        ] {
            let fields = format!("x-goog-upload-command: {command}\r\nx-goog-upload-offset: {offset}\r\n");
            let status_of = send(&mut gateway.client(), "/up/upload/v1beta/files", &fields, body.as_bytes());
            assert_eq!(status_of, status, "{command} {offset}");
        }
        assert_eq!(upstream.seen().len(), 2);
    });
}
