//! Bodies whose size meets a buffer's border, to the byte, before or after their secrets were replaced or restored, in
//! every framing and coding: complete, equal, and within the client's time limit.

use std::io::Write;

use aegis_shield::WINDOW;
use aegis_shield::reply::MAX_EVENT;
use aegis_wire::coding::MAX_STEP;
use aegis_wire::h1;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::net::buffers::{LARGE, SMALL};
use super::harness::{
    Client, Gateway, GatewaySetup, MockUpstream, ReceivedRequest, Reply, SECRET, ScriptStep, long_secret,
    on_both_drivers, token,
};
use crate::config::settings::Driver;

/// Sizes at which some buffer of an exchange is full. The scanner's window is as long as a step of a decoder.
const BORDERS: [usize; 4] = [SMALL, WINDOW, LARGE, MAX_EVENT];
const _: () = assert!(WINDOW == MAX_STEP);

/// Sizes at which a body that is held outgrows its buffer, or a read.
const HELD_BORDERS: [usize; 4] = [2 * LARGE, 4 * LARGE, 256 * 1024, 8 * LARGE];

/// How often a reply names the secret.
const COUNTS: [usize; 2] = [1, 36];

const PLAIN: &str = "identity";
const CODINGS: [&str; 5] = [PLAIN, "gzip", "members", "br", "zstd"];

/// Text of `length` bytes in which `word` stands `count` times, and something else at both ends.
pub(super) fn page(length: usize, word: &str, count: usize) -> Option<String> {
    page_of("lorem ipsum\n", length, word, count)
}

/// The same with other words between.
fn page_of(words: &str, length: usize, word: &str, count: usize) -> Option<String> {
    let filler = length.checked_sub(count * word.len()).filter(|filler| *filler >= 2 * count + 2)?;
    let gap = filler / (count + 1);
    // Copied as slices: letter by letter it is most of these tests' time.
    let words = words.repeat((gap + count + 1) / words.len() + 1);
    let mut page = String::with_capacity(length);
    for index in 0..=count {
        let wanted = if index == count { length - page.len() } else { gap };
        page.push(' ');
        page.push_str(&words[..wanted - 2]);
        page.push(' ');
        if index < count {
            page.push_str(word);
        }
    }
    Some(page)
}

/// The same as content of a document or an event, in all as long.
fn wrapped(kind: &str, length: usize, word: &str, count: usize) -> Option<String> {
    let (before, after) = match kind {
        "application/json" => ("{\"text\":\"", "\"}"),
        "text/event-stream" => ("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", "\"}}]}\n\n"),
        _ => ("", ""),
    };
    let words = if before.is_empty() { "lorem ipsum\n" } else { "lorem ipsum " };
    let inside = page_of(words, length.checked_sub(before.len() + after.len())?, word, count)?;
    Some([before, &inside, after].concat())
}

fn encode(coding: &str, data: &[u8]) -> Vec<u8> {
    let gzip = |data: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    match coding {
        "gzip" => gzip(data),
        "members" => [gzip(&data[..data.len() / 2]), gzip(&data[data.len() / 2..])].concat(),
        "br" => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 1, 18).write_all(data).unwrap();
            out
        }
        "zstd" => zstd::bulk::compress(data, 1).unwrap(),
        _ => data.to_vec(),
    }
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length,
    Chunked,
    /// By the end of the connection, as HTTP/1.0 does it.
    Close,
}

impl Framing {
    fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Chunked => "chunked",
            Self::Close => "close",
        }
    }

    fn named(name: &str) -> Self {
        *[Self::Length, Self::Chunked, Self::Close].iter().find(|one| one.name() == name).unwrap()
    }
}

/// The fields and bytes of a message with this body.
fn message(first: &str, kind: &str, framing: Framing, coding: &str, body: &[u8]) -> Vec<u8> {
    let body = encode(coding, body);
    let coding = match coding {
        PLAIN => String::new(),
        "members" => "content-encoding: gzip\r\n".to_owned(),
        coding => format!("content-encoding: {coding}\r\n"),
    };
    let length = match framing {
        Framing::Length => format!("content-length: {}\r\n", body.len()),
        Framing::Chunked => "transfer-encoding: chunked\r\n".to_owned(),
        Framing::Close => String::new(),
    };
    let fields = format!("{first}\r\ncontent-type: {kind}\r\n{coding}{length}\r\n");
    let mut out = fields.into_bytes();
    if framing != Framing::Chunked {
        out.extend_from_slice(&body);
        return out;
    }
    for part in body.chunks(10_000) {
        h1::write_chunk(part, &mut out);
    }
    out.extend_from_slice(h1::LAST_CHUNK);
    out
}

/// Answers as the fields of the request say: with its own body, or with a page of a length that names its token.
fn upstream() -> MockUpstream {
    MockUpstream::new(|seen| {
        let field = |name: &str| {
            std::str::from_utf8(seen.head.fields.get(name.as_bytes()).unwrap_or_default()).unwrap().to_owned()
        };
        let kind = field("x-kind");
        let body = match field("x-length").parse() {
            Ok(length) => {
                wrapped(&kind, length, &token(seen), field("x-count").parse().unwrap()).unwrap().into_bytes()
            }
            Err(_) => seen.body.clone(),
        };
        let framing = Framing::named(&field("x-framing"));
        let version = if framing == Framing::Close { "HTTP/1.0" } else { "HTTP/1.1" };
        let first = format!("{version} 200 OK");
        let mut steps = vec![ScriptStep::Write(message(&first, &kind, framing, &field("x-coding"), &body))];
        if framing == Framing::Close {
            steps.push(ScriptStep::Close);
        }
        steps
    })
}

/// One shape of reply.
#[derive(Clone, Copy, Debug)]
struct Shape {
    kind: &'static str,
    framing: Framing,
    coding: &'static str,
}

impl Shape {
    fn all() -> Vec<Self> {
        let mut shapes = Vec::new();
        for framing in [Framing::Length, Framing::Chunked, Framing::Close] {
            for coding in CODINGS {
                shapes.push(Self { kind: "text/plain", framing, coding });
            }
            for kind in ["application/json", "text/event-stream"] {
                for coding in [PLAIN, "gzip"] {
                    shapes.push(Self { kind, framing, coding });
                }
            }
        }
        shapes
    }

    fn fields(self) -> String {
        format!("x-kind: {}\r\nx-framing: {}\r\nx-coding: {}", self.kind, self.framing.name(), self.coding)
    }
}

/// A body of `length` bytes that names something `count` times.
#[derive(Clone, Copy)]
struct Body {
    shape: Shape,
    length: usize,
    count: usize,
}

struct Harness {
    gateway: Gateway,
    client: Client,
    upstream: MockUpstream,
}

impl Harness {
    fn new(driver: Driver) -> Self {
        let upstream = upstream();
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.audit = false);
        let gateway = setup.start();
        let client = gateway.client();
        Self { gateway, client, upstream }
    }

    /// Asks for a reply with this body, which names the token of `secret`.
    fn ask(&mut self, secret: &str, body: Body) -> Reply {
        let Body { shape, length, count } = body;
        self.client.send(format!(
            "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-type: text/plain\r\n{}\r\nx-length: {length}\r\nx-count: {count}\r\n\
             content-length: {}\r\n\r\n{secret}",
            shape.fields(),
            secret.len()
        ));
        self.client.reply()
    }

    /// The token that stands for `secret`.
    fn token_of(&mut self, secret: &str) -> String {
        let shape = Shape { kind: "text/plain", framing: Framing::Length, coding: PLAIN };
        self.ask(secret, Body { shape, length: 200, count: 1 });
        let seen: ReceivedRequest = self.upstream.seen().pop().unwrap();
        token(&seen)
    }

    fn check_request(&mut self, secret: &str, token: &str, body: Body) {
        let Body { shape, length, count } = body;
        let Some(sent) = wrapped(shape.kind, length, secret, count) else { return };
        let first =
            "POST /up/x HTTP/1.1\r\nhost: g\r\nx-kind: text/plain\r\nx-framing: length\r\nx-coding: identity";
        self.client.send(message(first, shape.kind, shape.framing, shape.coding, sent.as_bytes()));
        let reply = self.client.reply();
        let case = format!("{length} bytes, {count} secrets of {}, {shape:?}", secret.len());
        assert!(reply.complete && reply.status == 200, "{case}: {}", reply.status);
        assert!(reply.body == sent.as_bytes(), "{case}: other bytes came back");
        let seen = std::mem::take(&mut *self.upstream.seen.lock().unwrap()).pop().unwrap();
        assert!(seen.body == sent.replace(secret, token).as_bytes(), "{case}: other bytes sent");
    }

    fn check_reply(&mut self, secret: &str, token: &str, body: Body) {
        let Body { shape, length, count } = body;
        let Some(sent) = wrapped(shape.kind, length, token, count) else { return };
        let reply = self.ask(secret, body);
        let case = format!("{shape:?}, {length} bytes, {count} tokens for {} bytes", secret.len());
        assert!(reply.complete && reply.keep_alive && reply.status == 200, "{case}");
        assert!(reply.body == sent.replace(token, secret).as_bytes(), "{case}: other bytes");
        assert!(!reply.head.fields.contains(b"content-encoding"), "{case}");
    }
}

/// Lengths on the wire that meet a border before or after each of `count` words grew by `growth` bytes.
fn lengths(count: usize, growth: isize) -> Vec<usize> {
    lengths_at(&BORDERS, count, growth)
}

fn lengths_at(borders: &[usize], count: usize, growth: isize) -> Vec<usize> {
    let grown = isize::try_from(count).unwrap() * growth;
    let mut lengths: Vec<usize> = borders
        .iter()
        .flat_map(|border| {
            let before = border - 2..=border + 2;
            let after = (border - 1..=border + 1).filter_map(move |after| after.checked_add_signed(-grown));
            before.chain(after)
        })
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

#[test]
fn replies_of_every_size_arrive_whole() {
    on_both_drivers(|driver| {
        let mut harness = Harness::new(driver);
        for secret in [SECRET.to_owned(), long_secret(20)] {
            let token = harness.token_of(&secret);
            let growth = secret.len().cast_signed() - token.len().cast_signed();
            for count in COUNTS {
                for length in lengths(count, growth) {
                    for shape in Shape::all() {
                        harness.check_reply(&secret, &token, Body { shape, length, count });
                    }
                }
            }
        }
        assert_eq!(harness.gateway.metrics.connections_total.get(), 1, "the client never had to come again");
    });
}

#[test]
fn replies_that_just_outgrow_the_buffer_arrive() {
    on_both_drivers(|driver| {
        let mut harness = Harness::new(driver);
        let secret = long_secret(20);
        let token = harness.token_of(&secret);
        let shape = Shape { kind: "application/json", framing: Framing::Length, coding: PLAIN };
        harness.check_reply(&secret, &token, Body { shape, length: 34_806, count: 36 });
        harness.check_reply(&secret, &token, Body { shape, length: LARGE, count: 1 });
        let token = harness.token_of(SECRET);
        harness.check_reply(SECRET, &token, Body { shape, length: LARGE, count: 1 });
    });
}

#[test]
fn an_old_client_gets_what_outgrows_the_buffer_until_the_connection_ends() {
    on_both_drivers(|driver| {
        let mut harness = Harness::new(driver);
        let secret = long_secret(20);
        let token = harness.token_of(&secret);
        for (length, has_length) in [(LARGE - 4_000, true), (LARGE, false), (LARGE + 1, false)] {
            let mut client = harness.gateway.client();
            client.send(format!(
                "POST /up/x HTTP/1.0\r\nx-kind: text/plain\r\nx-framing: length\r\nx-coding: identity\r\nx-length: {length}\r\nx-count: 1\r\n\
                 content-length: {}\r\n\r\n{secret}",
                secret.len()
            ));
            let reply = client.reply();
            let sent = page(length, &token, 1).unwrap();
            assert!(reply.complete && reply.body == sent.replace(&token, &secret).as_bytes(), "{length}");
            let framing = if has_length {
                h1::BodyKind::Length(reply.body.len() as u64)
            } else {
                h1::BodyKind::UntilClose
            };
            assert_eq!(reply.framing, framing, "{length}");
            assert!(client.is_closed());
        }
    });
}

/// Shapes of a request: every coding of a text, and what is taken apart besides.
fn request_shapes() -> impl Iterator<Item = Shape> {
    [Framing::Length, Framing::Chunked].into_iter().flat_map(|framing| {
        let texts = CODINGS.map(|coding| Shape { kind: "text/plain", framing, coding });
        let json = [PLAIN, "gzip"].map(|coding| Shape { kind: "application/json", framing, coding });
        texts.into_iter().chain(json)
    })
}

#[test]
fn requests_of_every_size_arrive_whole() {
    on_both_drivers(|driver| {
        let mut harness = Harness::new(driver);
        for secret in [SECRET.to_owned(), long_secret(20)] {
            let token = harness.token_of(&secret);
            let growth = token.len().cast_signed() - secret.len().cast_signed();
            for (count, length) in COUNTS
                .into_iter()
                .flat_map(|count| lengths(count, growth).into_iter().map(move |length| (count, length)))
            {
                for shape in request_shapes() {
                    harness.check_request(&secret, &token, Body { shape, length, count });
                }
            }
        }
    });
}

#[test]
fn held_requests_of_every_size_arrive_whole() {
    on_both_drivers(|driver| {
        let mut harness = Harness::new(driver);
        let token = harness.token_of(SECRET);
        let growth = token.len().cast_signed() - SECRET.len().cast_signed();
        for count in COUNTS {
            for length in lengths_at(&HELD_BORDERS, count, growth) {
                for shape in request_shapes() {
                    harness.check_request(SECRET, &token, Body { shape, length, count });
                }
            }
        }
    });
}

/// A field that is as long as it must be for the head to have `length` bytes.
fn padded(first: &str, pad: &str, length: usize) -> Vec<u8> {
    let filler = length - first.len() - pad.len() - ": \r\n\r\n".len();
    let head = format!("{first}{pad}: {}\r\n\r\n", "x".repeat(filler));
    assert_eq!(head.len(), length);
    head.into_bytes()
}

/// Lengths of a body for which a message with such a head, or what is left of it behind the head, meets a border.
fn behind_head(head: usize) -> impl Iterator<Item = usize> {
    let whole =
        [LARGE, h1::MAX_HEAD, 2 * h1::MAX_HEAD].into_iter().filter_map(move |at| at.checked_sub(head));
    let rest = [SMALL, WINDOW, LARGE];
    whole.chain(rest).filter(|at| *at > 100).flat_map(|at| at - 1..=at + 1)
}

const HEADS: [usize; 8] =
    [SMALL - 1, SMALL, SMALL + 1, LARGE - 1, LARGE, LARGE + 1, h1::MAX_HEAD - 1, h1::MAX_HEAD];

#[test]
fn long_heads_with_bodies_of_every_size_arrive_whole() {
    on_both_drivers(|driver| {
        let mut harness = Harness::new(driver);
        for head in HEADS {
            for length in behind_head(head) {
                let sent = page(length, SECRET, 1).unwrap();
                // Fields of this name stay at the gateway, so that the upstream's head is short.
                let first = format!(
                    "POST /up/x HTTP/1.1\r\nhost: g\r\nx-kind: text/plain\r\nx-framing: length\r\nx-coding: identity\r\n\
                     content-type: text/plain\r\ncontent-length: {length}\r\n"
                );
                let request = [&padded(&first, "x-aegis-pad", head)[..], sent.as_bytes()].concat();
                // The second one waits behind the first in the same buffer.
                harness.client.send([&request[..], &request].concat());
                for _ in 0..2 {
                    let reply = harness.client.reply();
                    let case = format!("{head} bytes of head, {length} of body");
                    assert!(reply.complete && reply.status == 200, "{case}: {}", reply.status);
                    assert!(reply.body == sent.as_bytes(), "{case}: other bytes came back");
                }
                for seen in harness.upstream.seen.lock().unwrap().drain(..) {
                    assert!(!seen.head.fields.contains(b"x-aegis-pad"));
                    assert_eq!(memchr::memmem::find(&seen.body, SECRET.as_bytes()), None);
                }
            }
        }
        assert_eq!(harness.gateway.metrics.connections_total.get(), 1, "the client never had to come again");
    });
}

#[test]
fn longer_heads_are_refused_and_nothing_of_them_is_sent() {
    on_both_drivers(|driver| {
        let harness = Harness::new(driver);
        let buffer = 2 * h1::MAX_HEAD;
        for length in [h1::MAX_HEAD + 1, buffer - 1, buffer, buffer + 1, 2 * buffer] {
            for cut in [length, 10_000] {
                let mut client = harness.gateway.client();
                let head = padded("GET /up/x HTTP/1.1\r\nhost: g\r\n", "x-pad", length);
                for part in head.chunks(cut) {
                    // The gateway may have refused it already.
                    if client.stream.write_all(part).is_err() {
                        break;
                    }
                }
                assert_eq!(client.reply().status, 431, "{length} by {cut}");
                assert!(client.is_closed());
            }
        }
        assert_eq!(harness.upstream.seen().len(), 0);
    });
}

#[test]
fn replies_with_long_heads_and_bodies_of_every_size_arrive_whole() {
    on_both_drivers(|driver| {
        // Names of a reply's connection fields go no further than the gateway.
        let upstream = MockUpstream::new(|seen| {
            let field = |name: &[u8]| -> usize {
                std::str::from_utf8(seen.head.fields.get(name).unwrap()).unwrap().parse().unwrap()
            };
            let body = page(field(b"x-length"), &token(seen), 1).unwrap();
            let first = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: x-pad\r\ncontent-length: {}\r\n",
                body.len()
            );
            vec![ScriptStep::Write(
                [&padded(&first, "x-pad", field(b"x-head"))[..], body.as_bytes()].concat(),
            )]
        });
        let mut setup = GatewaySetup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.audit = false);
        let gateway = setup.start();
        let mut client = gateway.client();
        for head in HEADS {
            for length in behind_head(head) {
                client.send(format!(
                    "POST /up/x HTTP/1.1\r\nhost: g\r\ncontent-type: text/plain\r\nx-length: {length}\r\nx-head: {head}\r\n\
                     content-length: {}\r\n\r\n{SECRET}",
                    SECRET.len()
                ));
                let reply = client.reply();
                let token = token(&upstream.seen().pop().unwrap());
                let case = format!("{head} bytes of head, {length} of body");
                assert!(reply.complete && reply.status == 200, "{case}: {}", reply.status);
                let sent = page(length, &token, 1).unwrap();
                assert!(reply.body == sent.replace(&token, SECRET).as_bytes(), "{case}: other bytes");
                upstream.seen.lock().unwrap().clear();
            }
        }
    });
}
