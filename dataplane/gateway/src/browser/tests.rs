//! Names, origins and what browsers send.

use super::*;

fn fields(list: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in list {
        fields.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    fields
}

fn sites() -> Sites {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Sites::new(
        &texts(&["Gateway.lan", "other.lan:8080", "10.0.0.7"]),
        &texts(&["https://App.example", "http://localhost:3000", "vscode-webview://*"]),
    )
}

#[test]
fn a_name_that_can_be_pointed_here_is_refused() {
    for (host, admitted) in [
        ("localhost", true),
        ("LOCALHOST:8080", true),
        ("localhost.", true),
        ("localhost.:8080", true),
        ("tool.localhost:1", true),
        ("127.0.0.1:8080", true),
        ("127.255.3.4", true),
        ("[::1]", true),
        ("[::1]:8080", true),
        ("[0:0:0:0:0:0:0:1]:1", true),
        ("[::ffff:127.0.0.1]", true),
        ("gateway.lan", true),
        ("GATEWAY.LAN.:9999", true),
        ("other.lan:8080", true),
        ("10.0.0.7:8080", true),
        ("other.lan:8081", false),
        ("other.lan", false),
        ("10.0.0.8", false),
        ("evil.example", false),
        ("localhost.evil.example", false),
        ("xlocalhost", false),
        ("127.0.0.1.evil.example", false),
        ("127.1", false),
        ("0.0.0.0", false),
        ("[::]", false),
        ("[fe80::1]", false),
        ("", false),
    ] {
        assert_eq!(sites().admit(host, &Fields::new()).is_ok(), admitted, "{host}");
    }
}

#[test]
fn a_page_that_is_not_listed_is_refused() {
    for (sent, admitted) in [
        (&[][..], true),
        (&[("origin", "https://app.example")], true),
        (&[("origin", "HTTPS://APP.EXAMPLE:443")], true),
        (&[("origin", "http://localhost:3000")], true),
        (&[("origin", "vscode-webview://1f3a9")], true),
        (&[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("origin", "null")], false),
        (&[("origin", "")], false),
        (&[("origin", "http://app.example")], false),
        (&[("origin", "https://app.example:444")], false),
        (&[("origin", "https://app.example.evil.example")], false),
        (&[("origin", "http://localhost:8080")], false),
        (&[("origin", "https://app.example"), ("origin", "https://evil.example")], false),
    ] {
        assert_eq!(sites().admit("localhost", &fields(sent)).is_ok(), admitted, "{sent:?}");
    }
    assert!(Sites::default().admit("localhost", &fields(&[("origin", "null")])).is_err());
}

#[test]
fn a_preflight_is_granted_to_listed_pages_only() {
    let asked = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type, x-api-key"),
        ("access-control-request-private-network", "true"),
    ];
    let mut head = RequestHead { method: Method::Options, fields: fields(&asked), ..RequestHead::default() };
    assert!(sites().is_preflight(&head));
    let mut reply = fields(&[("access-control-allow-origin", "*"), ("x", "y")]);
    sites().answer_preflight(&head.fields, &mut reply);
    let value =
        |name: &str| reply.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned());
    assert_eq!(value("access-control-allow-origin").as_deref(), Some("https://app.example"));
    assert_eq!(value("access-control-allow-methods").as_deref(), Some("POST"));
    assert_eq!(value("access-control-allow-headers").as_deref(), Some("content-type, x-api-key"));
    assert_eq!(value("access-control-allow-private-network").as_deref(), Some("true"));
    assert_eq!((value("vary").as_deref(), value("x").as_deref()), (Some("origin"), Some("y")));
    assert_eq!(reply.get_all(b"access-control-allow-origin").count(), 1);
    head.method = Method::Post;
    assert!(!sites().is_preflight(&head));
    head.method = Method::Options;
    head.fields = fields(&[("origin", "https://evil.example"), asked[1]]);
    assert!(!sites().is_preflight(&head));
}

#[test]
fn listeners_on_a_network_are_warned_of() {
    for (listen, warned) in [
        (&["127.0.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"][..], None),
        (&["127.0.0.1:1", "0.0.0.0:2"], Some("0.0.0.0:2")),
        (&["[::]:3"], Some("[::]:3")),
        (&["10.0.0.7:4", "192.0.2.1:5"], Some("10.0.0.7:4, 192.0.2.1:5")),
    ] {
        let mut settings = Settings::default();
        settings.server.listen = listen.iter().map(|address| address.parse().unwrap()).collect();
        let said = warn_of_network(&["openai"], &settings);
        assert_eq!(said.is_some(), warned.is_some(), "{listen:?}");
        if let (Some(said), Some(warned)) = (said, warned) {
            assert!(said.contains(&format!("reaches {warned} can")) && said.contains("openai"), "{said}");
        }
    }
}
