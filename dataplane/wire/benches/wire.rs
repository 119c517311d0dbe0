//! What the wire costs: a typical head in and out, a chunked body, and TLS beside rustls' buffered connection.

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;

use aegis_wire::h1::{
    BodyDecoder, BodyKind, LAST_CHUNK, Parse, RequestParser, ResponseParser, ResponseVerdict, write_chunk,
    write_request,
};
use aegis_wire::head::{Method, RequestHead, ResponseHead};
use aegis_wire::target::RequestTarget;
use aegis_wire::tls::{
    ClientOptions, Identity, Pem, Roots, ServerConfigBuilder, TlsStream, client_config, server_name,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A head as a provider's SDK sends it, 600 bytes and a few.
const REQUEST: &str = "POST /v1/messages?beta=true HTTP/1.1\r\nHost: gateway.example.com\r\nAccept: application/json\r\n\
    Content-Type: application/json\r\nUser-Agent: Example/JS 0.60.0\r\nX-Stainless-Arch: x64\r\nX-Stainless-Lang: js\r\n\
    X-Stainless-OS: Linux\r\nX-Stainless-Package-Version: 0.60.0\r\nX-Stainless-Retry-Count: 0\r\n\
    X-Stainless-Runtime: node\r\nX-Stainless-Runtime-Version: v22.1.0\r\nX-Api-Key: example-key-0123456789abcdef0123456789\r\n\
    Anthropic-Version: 2023-06-01\r\nAnthropic-Beta: example-feature-2025-01-01\r\nAccept-Language: *\r\n\
    Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nContent-Length: 1024\r\n\r\n";

const RESPONSE: &str = "HTTP/1.1 200 OK\r\nDate: Sat, 01 Jan 2000 00:00:00 GMT\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
    Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nCache-Control: no-cache\r\nRequest-Id: req_0123456789\r\n\
    X-Ratelimit-Limit-Requests: 4000\r\nX-Ratelimit-Remaining-Requests: 3999\r\nVia: 1.1 example\r\n\r\n";

fn heads(c: &mut Criterion) {
    let mut group = c.benchmark_group("head");
    let (mut parser, mut head) = (RequestParser::new(), RequestHead::new());
    group.bench_function(format!("parse and route a request of {} bytes", REQUEST.len()), |b| {
        b.iter(|| {
            let parse = parser.parse(black_box(REQUEST.as_bytes()), &mut head);
            let target = RequestTarget::parse(&head.path).map(|target| target.first_segment() == "v1");
            black_box((parse, target, head.fields.content_type())).0.is_ok()
        });
    });
    let Ok(Parse::Complete(parse)) = parser.parse(REQUEST.as_bytes(), &mut head) else { panic!("a request") };
    let mut out = Vec::new();
    group.bench_function("write a request", |b| {
        b.iter(|| {
            out.clear();
            write_request(black_box(&head), parse.framing.length(), &mut out)
        });
    });
    let (mut parser, mut head) = (ResponseParser::new(), ResponseHead::new());
    group.bench_function(format!("parse a reply of {} bytes", RESPONSE.len()), |b| {
        b.iter(|| {
            let parse = parser.parse(black_box(RESPONSE.as_bytes()), Method::Post, &mut head);
            matches!(parse, Ok(ResponseVerdict::Complete(_)))
        });
    });
    group.finish();
}

fn bodies(c: &mut Criterion) {
    let mut body = Vec::new();
    for _ in 0..200 {
        write_chunk(&[b'x'; 120], &mut body);
    }
    body.extend_from_slice(LAST_CHUNK);
    let mut group = c.benchmark_group("body");
    group.throughput(Throughput::Elements(200));
    group.bench_function("200 chunks of 120 bytes", |b| {
        b.iter(|| {
            let mut decoder = BodyDecoder::response(BodyKind::Chunked);
            let mut rest = black_box(&body[..]);
            while let Ok(decoded) = decoder.decode(rest) {
                rest = &rest[decoded.consumed..];
                if decoded.done {
                    break;
                }
            }
            decoder.payload_bytes()
        });
    });
    group.finish();
}

/// Both configurations, the client trusting the server.
fn configs() -> (Arc<rustls::ClientConfig>, Arc<rustls::ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(vec!["a.test".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let pem = |text| Pem { name: "made", text };
    let identity = Identity::from_pem(pem(certificate.as_bytes()), pem(key.as_bytes())).expect("an identity");
    let options =
        ClientOptions { roots: Roots::Pem(pem(certificate.as_bytes())), ..ClientOptions::default() };
    let server = ServerConfigBuilder::new().identity(identity).build().expect("a server");
    (client_config(&options).expect("a client"), server)
}

/// One MiB from client to server, in reads of 64 KiB; the plaintext ends in one buffer.
fn tls(c: &mut Criterion) {
    let (client_config, server_config) = configs();
    let name = server_name("a.test").expect("a name");
    let data = vec![7u8; 1 << 20];
    let mut group = c.benchmark_group("tls");
    group.throughput(Throughput::Bytes(data.len() as u64)).sample_size(20);

    let (mut up, mut down, mut plaintext) = (Vec::new(), Vec::new(), Vec::new());
    let mut client = TlsStream::client(Arc::clone(&client_config), name.clone(), &mut up).expect("a client");
    let mut server = TlsStream::server(Arc::clone(&server_config)).expect("a server");
    while !up.is_empty() || !down.is_empty() {
        server.receive(&mut std::mem::take(&mut up), &mut plaintext, &mut down).expect("the handshake");
        client.receive(&mut std::mem::take(&mut down), &mut plaintext, &mut up).expect("the handshake");
    }
    group.bench_function("1 MiB through TlsStream", |b| {
        b.iter(|| {
            up.clear();
            plaintext.clear();
            data.chunks(64 << 10).for_each(|piece| client.send(piece, &mut up).expect("sending"));
            for piece in up.chunks_mut(64 << 10) {
                server.receive(piece, &mut plaintext, &mut down).expect("receiving");
            }
            assert_eq!(plaintext.len(), data.len());
        });
    });

    let mut client = rustls::ClientConnection::new(client_config, name).expect("a client");
    let mut server = rustls::ServerConnection::new(server_config).expect("a server");
    while client.wants_write() || server.wants_write() {
        let mut pipe = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut pipe).expect("writing");
        }
        feed(&mut server, &pipe, &mut Vec::new());
        pipe.clear();
        while server.wants_write() {
            server.write_tls(&mut pipe).expect("writing");
        }
        feed(&mut client, &pipe, &mut Vec::new());
    }
    group.bench_function("1 MiB through rustls' buffered connection", |b| {
        b.iter(|| {
            up.clear();
            plaintext.clear();
            for piece in data.chunks(64 << 10) {
                client.writer().write_all(piece).expect("sending");
                while client.wants_write() {
                    client.write_tls(&mut up).expect("writing");
                }
            }
            up.chunks(64 << 10).for_each(|piece| feed(&mut server, piece, &mut plaintext));
            assert_eq!(plaintext.len(), data.len());
        });
    });
    group.finish();
}

/// Gives ciphertext to a buffered connection and takes the plaintext.
fn feed<D: rustls::SideData>(
    connection: &mut rustls::ConnectionCommon<D>,
    mut ciphertext: &[u8],
    plaintext: &mut Vec<u8>,
) {
    while !ciphertext.is_empty() {
        connection.read_tls(&mut ciphertext).expect("reading");
        let state = connection.process_new_packets().expect("processing");
        let start = plaintext.len();
        plaintext.resize(start + state.plaintext_bytes_to_read(), 0);
        connection.reader().read_exact(&mut plaintext[start..]).expect("plaintext");
    }
}

criterion_group!(benches, heads, bodies, tls);
criterion_main!(benches);
