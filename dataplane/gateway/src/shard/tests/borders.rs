//! Bodies whose size meets a buffer's border, to the byte, before or after their secrets were replaced or restored, in every
//! framing and coding: complete, equal, and before the client's patience ends.

use std::io::Write;

use aegis_shield::WINDOW;
use aegis_shield::reply::MAX_EVENT;
use aegis_wire::coding::MAX_STEP;
use aegis_wire::h1;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::super::buffers::LARGE;
use super::super::inbound::SMALL;
use super::kit::{Act, Client, Gateway, Provided, Reply, SECRET, Seen, Setup, long_secret, on_both, token};
use crate::config::settings::Driver;

/// Sizes at which some buffer of an exchange is full. The scanner's window is as long as a step of a decoder.
const BORDERS: [usize; 4] = [SMALL, WINDOW, LARGE, MAX_EVENT];
const _: () = assert!(WINDOW == MAX_STEP);

/// How often a reply names the secret.
const COUNTS: [usize; 2] = [1, 36];

const PLAIN: &str = "identity";
const CODINGS: [&str; 5] = [PLAIN, "gzip", "members", "br", "zstd"];

/// Text of `length` bytes in which `word` stands `count` times, and something else at both ends.
pub(super) fn page(length: usize, word: &str, count: usize) -> Option<String> {
    let filler = length.checked_sub(count * word.len()).filter(|filler| *filler >= 2 * count + 2)?;
    let gap = filler / (count + 1);
    let mut page = String::with_capacity(length);
    for index in 0..=count {
        let wanted = if index == count { length - page.len() } else { gap };
        let words = "lorem ipsum\n".chars().cycle().take(wanted - 2);
        page.push(' ');
        page.extend(words);
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
    let inside = page(length.checked_sub(before.len() + after.len())?, word, count)?;
    Some(format!("{before}{}{after}", if before.is_empty() { inside } else { inside.replace('\n', " ") }))
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

/// The fields and bytes of a message with this body.
fn message(first: &str, kind: &str, chunked: bool, coding: &str, body: &[u8]) -> Vec<u8> {
    let body = encode(coding, body);
    let coding = match coding {
        PLAIN => String::new(),
        "members" => "content-encoding: gzip\r\n".to_owned(),
        coding => format!("content-encoding: {coding}\r\n"),
    };
    let framing = if chunked {
        "transfer-encoding: chunked".to_owned()
    } else {
        format!("content-length: {}", body.len())
    };
    let fields = format!("{first}\r\ncontent-type: {kind}\r\n{coding}{framing}\r\n\r\n");
    let mut out = fields.into_bytes();
    if !chunked {
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
fn upstream() -> Provided {
    Provided::new(|seen| {
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
        vec![Act::Write(message(
            "HTTP/1.1 200 OK",
            &kind,
            field("x-framing") == "chunked",
            &field("x-coding"),
            &body,
        ))]
    })
}

/// One shape of reply.
#[derive(Clone, Copy, Debug)]
struct Shape {
    kind: &'static str,
    chunked: bool,
    coding: &'static str,
}

impl Shape {
    fn all() -> Vec<Self> {
        let mut shapes = Vec::new();
        for chunked in [false, true] {
            for coding in CODINGS {
                shapes.push(Self { kind: "text/plain", chunked, coding });
            }
            for kind in ["application/json", "text/event-stream"] {
                shapes.push(Self { kind, chunked, coding: PLAIN });
            }
        }
        shapes
    }

    fn fields(self) -> String {
        let framing = if self.chunked { "chunked" } else { "length" };
        format!("x-kind: {}\r\nx-framing: {framing}\r\nx-coding: {}", self.kind, self.coding)
    }
}

struct Stage {
    gateway: Gateway,
    client: Client,
    upstream: Provided,
}

impl Stage {
    fn new(driver: Driver) -> Self {
        let upstream = upstream();
        let mut setup = Setup::new(driver, &upstream);
        setup.change = Box::new(|snapshot| snapshot.audit = false);
        let gateway = setup.start();
        let client = gateway.client();
        Self { gateway, client, upstream }
    }

    /// Asks for a reply of `length` bytes that names the token of `secret` so often.
    fn ask(&mut self, secret: &str, shape: Shape, length: usize, count: usize) -> Reply {
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
        let shape = Shape { kind: "text/plain", chunked: false, coding: PLAIN };
        self.ask(secret, shape, 200, 1);
        let seen: Seen = self.upstream.seen().pop().unwrap();
        token(&seen)
    }

    fn check_reply(&mut self, secret: &str, token: &str, shape: Shape, length: usize, count: usize) {
        let Some(sent) = wrapped(shape.kind, length, token, count) else { return };
        let reply = self.ask(secret, shape, length, count);
        let case = format!("{shape:?}, {length} bytes, {count} tokens for {} bytes", secret.len());
        assert!(reply.complete && reply.keep_alive && reply.status == 200, "{case}");
        assert!(reply.body == sent.replace(token, secret).as_bytes(), "{case}: other bytes");
        assert!(!reply.head.fields.contains(b"content-encoding"), "{case}");
    }
}

/// Lengths on the wire that meet a border before or after each of `count` words grew by `growth` bytes.
fn lengths(count: usize, growth: isize) -> Vec<usize> {
    let grown = isize::try_from(count).unwrap() * growth;
    let mut lengths: Vec<usize> = BORDERS
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
    on_both(|driver| {
        let mut stage = Stage::new(driver);
        for secret in [SECRET.to_owned(), long_secret(20)] {
            let token = stage.token_of(&secret);
            let growth = secret.len().cast_signed() - token.len().cast_signed();
            for count in COUNTS {
                for length in lengths(count, growth) {
                    for shape in Shape::all() {
                        stage.check_reply(&secret, &token, shape, length, count);
                    }
                }
            }
        }
        assert_eq!(stage.gateway.metrics.connections_total.get(), 1, "the client never had to come again");
    });
}

#[test]
fn replies_that_just_outgrow_the_buffer_arrive() {
    on_both(|driver| {
        let mut stage = Stage::new(driver);
        let secret = long_secret(20);
        let token = stage.token_of(&secret);
        let shape = Shape { kind: "application/json", chunked: false, coding: PLAIN };
        stage.check_reply(&secret, &token, shape, 34_806, 36);
        stage.check_reply(&secret, &token, shape, LARGE, 1);
        let token = stage.token_of(SECRET);
        stage.check_reply(SECRET, &token, shape, LARGE, 1);
    });
}

#[test]
fn an_old_client_gets_what_outgrows_the_buffer_until_the_connection_ends() {
    on_both(|driver| {
        let mut stage = Stage::new(driver);
        let secret = long_secret(20);
        let token = stage.token_of(&secret);
        for (length, told) in [(LARGE - 4_000, true), (LARGE, false), (LARGE + 1, false)] {
            let mut client = stage.gateway.client();
            client.send(format!(
                "POST /up/x HTTP/1.0\r\nx-kind: text/plain\r\nx-framing: length\r\nx-coding: identity\r\nx-length: {length}\r\nx-count: 1\r\n\
                 content-length: {}\r\n\r\n{secret}",
                secret.len()
            ));
            let reply = client.reply();
            let sent = page(length, &token, 1).unwrap();
            assert!(reply.complete && reply.body == sent.replace(&token, &secret).as_bytes(), "{length}");
            let framing =
                if told { h1::BodyKind::Length(reply.body.len() as u64) } else { h1::BodyKind::UntilClose };
            assert_eq!(reply.framing, framing, "{length}");
            assert!(client.is_closed());
        }
    });
}

#[test]
fn requests_of_every_size_arrive_whole() {
    on_both(|driver| {
        let mut stage = Stage::new(driver);
        for secret in [SECRET.to_owned(), long_secret(20)] {
            let token = stage.token_of(&secret);
            let growth = token.len().cast_signed() - secret.len().cast_signed();
            for (count, length) in COUNTS
                .into_iter()
                .flat_map(|count| lengths(count, growth).into_iter().map(move |length| (count, length)))
            {
                let Some(sent) = page(length, &secret, count) else { continue };
                for (chunked, coding) in [false, true].into_iter().flat_map(|c| CODINGS.map(|d| (c, d))) {
                    let first = "POST /up/x HTTP/1.1\r\nhost: g\r\nx-kind: text/plain";
                    stage.client.send(message(first, "text/plain", chunked, coding, sent.as_bytes()));
                    let reply = stage.client.reply();
                    let case =
                        format!("{length} bytes, {count} secrets of {}, {chunked} {coding}", secret.len());
                    assert!(reply.complete && reply.status == 200, "{case}: {}", reply.status);
                    assert!(reply.body == sent.as_bytes(), "{case}: other bytes came back");
                    let seen = std::mem::take(&mut *stage.upstream.seen.lock().unwrap()).pop().unwrap();
                    assert!(
                        seen.body == sent.replace(&secret, &token).as_bytes(),
                        "{case}: other bytes sent"
                    );
                }
            }
        }
    });
}
