//! 7. Encodings: what is compressed is opened, scanned and sent on; what cannot be opened is not sent.

use std::io::Write;

use aegis_tests::client::{post_chunked, post_with};
use aegis_tests::oracle::assert_absent;
use aegis_tests::secrets::Seeded;
use aegis_tests::{Message, Script};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzDecoder, GzEncoder, ZlibEncoder};

use crate::harness::{CHAT, Harness, chat, chat_stream, chat_text, token};

fn encode(coding: &str, bytes: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" | "x-gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("gzip")
        }
        "deflate" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("deflate")
        }
        "raw deflate" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("deflate")
        }
        "br" => {
            let mut packed = Vec::new();
            let mut encoder = brotli::CompressorWriter::new(&mut packed, 4096, 4, 20);
            encoder.write_all(bytes).expect("br");
            drop(encoder);
            packed
        }
        "zstd" => zstd::encode_all(bytes, 1).expect("zstd"),
        other => panic!("no coding {other}"),
    }
}

/// What the provider can make of the body it got.
fn decoded(request: &Message) -> String {
    let mut bytes = request.body.clone();
    for coding in request.field("content-encoding").unwrap_or_default().rsplit(',').map(str::trim) {
        bytes = match coding {
            "" | "identity" => bytes,
            "gzip" | "x-gzip" => {
                let mut decoder = GzDecoder::new(Vec::new());
                decoder.write_all(&bytes).and_then(|()| decoder.finish()).expect("gzip from the gateway")
            }
            "deflate" => {
                let mut decoder = flate2::write::ZlibDecoder::new(Vec::new());
                decoder.write_all(&bytes).and_then(|()| decoder.finish()).expect("deflate from the gateway")
            }
            "br" => {
                let mut plain = Vec::new();
                brotli::BrotliDecompress(&mut bytes.as_slice(), &mut plain).expect("br from the gateway");
                plain
            }
            "zstd" => zstd::decode_all(bytes.as_slice()).expect("zstd from the gateway"),
            other => panic!("unknown coding {other} from the gateway"),
        };
    }
    if let Some(length) = request.field("content-length") {
        assert_eq!(length, request.body.len().to_string(), "content-length fits the edited body");
    }
    String::from_utf8(bytes).expect("the body is text")
}

#[test]
fn every_coding_is_opened_and_scanned() {
    let harness = Harness::new();
    let secret = Seeded::new(701).github();
    let body = chat(&format!("use {secret} {}", "and some words to make it longer ".repeat(200)));
    let wanted = harness.seen(CHAT, &body);
    for (name, coding) in [
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate", "deflate"),
        ("deflate", "raw deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("identity", ""),
    ] {
        let bytes =
            if coding.is_empty() { body.clone().into_bytes() } else { encode(coding, body.as_bytes()) };
        let fields = [("content-encoding", name)];
        for request in [
            post_with(CHAT, "application/json", &fields, &bytes),
            post_chunked(CHAT, "application/json", &fields, &bytes, 1),
            post_chunked(CHAT, "application/json", &fields, &bytes, 100),
        ] {
            harness.upstream.forget();
            let reply = harness.gateway.exchange(&request);
            assert_eq!(reply.status(), 200, "{coding}: {}", reply.text());
            let seen = harness.upstream.last();
            assert_eq!(decoded(&seen), wanted, "{coding}");
            assert_absent(&seen.raw, &secret, coding);
        }
    }
}

#[test]
fn stacked_codings_and_several_members() {
    let harness = Harness::new();
    let secret = Seeded::new(702).github();
    let body = chat(&format!("use {secret} twice: {secret}"));
    let wanted = harness.seen(CHAT, &body);
    let (left, right) = body.as_bytes().split_at(body.find(&secret).expect("in the body") + 7);
    let cases = [
        ("gzip, zstd", encode("zstd", &encode("gzip", body.as_bytes()))),
        ("br, gzip", encode("gzip", &encode("br", body.as_bytes()))),
        ("gzip", [encode("gzip", left), encode("gzip", right)].concat()),
        ("zstd", [encode("zstd", left), encode("zstd", right)].concat()),
    ];
    for (name, bytes) in cases {
        let reply = harness.gateway.exchange(&post_with(
            CHAT,
            "application/json",
            &[("content-encoding", name)],
            &bytes,
        ));
        assert_eq!(reply.status(), 200, "{name}: {}", reply.text());
        assert_eq!(decoded(&harness.upstream.last()), wanted, "{name}");
    }
    harness.assert_unseen(&secret);
}

#[test]
fn what_cannot_be_opened_is_refused_and_not_sent() {
    let harness = Harness::new();
    let secret = Seeded::new(703).github();
    let body = chat(&format!("use {secret}"));
    let gzip = encode("gzip", body.as_bytes());
    let bomb = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; 20 << 20]).and_then(|()| encoder.finish()).expect("gzip")
    };
    let mut wrong_sum = gzip.clone();
    let place = wrong_sum.len() - 6;
    wrong_sum[place] ^= 1;
    let cases = [
        ("snappy", body.as_bytes().to_vec(), 415),
        ("gzip, snappy", gzip.clone(), 415),
        ("gzip gzip", gzip.clone(), 415),
        ("gzip", gzip[..gzip.len() - 9].to_vec(), 400),
        ("gzip", body.as_bytes().to_vec(), 400),
        ("gzip", wrong_sum, 400),
        ("zstd", encode("zstd", body.as_bytes())[..20].to_vec(), 400),
        ("br", vec![0xff; 64], 400),
        ("gzip", bomb, 413),
    ];
    for (name, bytes, status) in cases {
        harness.upstream.forget();
        let reply = harness.gateway.exchange(&post_with(
            CHAT,
            "application/json",
            &[("content-encoding", name)],
            &bytes,
        ));
        assert_eq!(reply.status(), status, "{name}, {} bytes: {}", bytes.len(), reply.text());
        assert!(reply.json().pointer("/error/message").is_some(), "{name}: {}", reply.text());
        let whole =
            harness.upstream.records().iter().any(|request| request.complete && !request.body.is_empty());
        assert!(!whole, "{name}: the provider got a request it could act on");
    }
}

#[test]
fn a_reply_compressed_although_nobody_asked() {
    let harness = Harness::new();
    let secret = Seeded::new(704).github();
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let reply = harness.ask(CHAT, &chat(&format!("use {secret}")), move |request| {
            let body = encode(coding, chat_stream(&format!("it is {}", token(request)), 2).as_bytes());
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            Script::raw([head.as_bytes(), &body].concat()).cut(13)
        });
        assert_eq!(reply.field("content-encoding").unwrap_or("identity"), "identity", "{coding}");
        assert_eq!(chat_text(&reply), format!("it is {secret}"), "{coding}");
        let asked = harness.upstream.last();
        assert_eq!(asked.field("accept-encoding").unwrap_or("identity"), "identity", "{coding}");
    }
}
