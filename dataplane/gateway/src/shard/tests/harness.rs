//! Starts shards, mock upstreams and raw clients on loopback.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aegis_detect::Rules;
use aegis_shield::reply::HostNames;
use aegis_shield::{Action, Keyring, Policy, RequestLimits, Shield};
use aegis_wire::h1::{self, BodyDecoder, Parse, ResponseVerdict};
use aegis_wire::head::{Method, RequestHead, ResponseHead};
use aegis_wire::tls::{Identity, Pem, ServerConfigBuilder};

use crate::config::settings::{Driver, Provider, Timeouts};
use crate::events::{LogEvent, Receiver, RequestRecord, ring};
use crate::lifecycle::{Lifecycle, Phase, ShardContext};
use crate::metrics::{Metrics, ShardMetrics};
use crate::snapshot::{Addresses, Snapshot, SnapshotHandle, TrustIdentity, Upstream};

/// A made-up secret that a rule finds in any text.
pub(super) const SECRET: &str = "AKIAQ3EGV7ZKLM2XTN4D";

/// How long a test waits for something that must come.
const READ_TIMEOUT: Duration = Duration::from_secs(40);

pub(super) fn shield(action: Action) -> Arc<Shield> {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    let rules = RULES.get_or_init(|| Rules::builtin().expect("the built-in rules compile"));
    Arc::new(Shield {
        rules: Arc::clone(rules),
        policy: Policy::new(action),
        keyring: Arc::new(Keyring::new(&[7; 32], "test", 0, &[]).expect("a keyring")),
        search_key: crate::recall::search_key(),
        limits: RequestLimits::default(),
    })
}

/// Returns a server's TLS configuration with a certificate that is made for this test.
pub(super) fn server_tls() -> Arc<rustls::ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let pem = |text: &'static str, name| Pem { name, text: text.as_bytes() };
    let identity = Identity::from_pem(pem(cert.leak(), "cert"), pem(key.leak(), "key")).unwrap();
    ServerConfigBuilder::new().identity(identity).build().unwrap()
}

/// Runs a test on `io_uring`, where it works, and on epoll.
pub(super) fn on_both_drivers(test: impl Fn(Driver)) {
    test(Driver::Epoll);
    if super::super::net::has_io_uring() {
        test(Driver::IoUring);
    }
}

/// A request as a mock upstream has received it.
#[derive(Clone, Debug, Default)]
pub(super) struct ReceivedRequest {
    pub(super) head: RequestHead,
    pub(super) body: Vec<u8>,
    pub(super) chunked: bool,
    /// Which connection it came on, from 0.
    pub(super) connection: usize,
}

/// Returns the token in a request that the upstream has received.
pub(super) fn token(seen: &ReceivedRequest) -> String {
    let body = String::from_utf8(seen.body.clone()).unwrap();
    let start = body.find("AEGIS-").expect("a token");
    body[start..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap().to_owned()
}

/// A made-up token with `claims` parts, much longer than what stands in its place.
pub(super) fn long_secret(claims: usize) -> String {
    let claims: Vec<String> =
        (0..claims).map(|n| format!("eyJ{}Q{}zIiwi", n * 7919 % 1000, n * 104_729 % 1_000_000)).collect();
    let claims = claims.concat();
    format!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIx{claims}fQ.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
}

/// What a mock upstream does next.
pub(super) enum ScriptStep {
    Write(Vec<u8>),
    Sleep(u64),
    /// Closes the connection.
    Close,
}

pub(super) fn write(text: &str) -> ScriptStep {
    ScriptStep::Write(text.as_bytes().to_vec())
}

pub(super) fn ok(body: &str) -> ScriptStep {
    write(&format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

type Script = dyn Fn(&ReceivedRequest) -> Vec<ScriptStep> + Send + Sync;

/// An upstream that reads whole requests and answers each by a script.
pub(super) struct MockUpstream {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Mutex<Vec<ReceivedRequest>>>,
    pub(super) connections: Arc<AtomicUsize>,
}

impl MockUpstream {
    pub(super) fn new(script: impl Fn(&ReceivedRequest) -> Vec<ScriptStep> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (log, count, script) = (
            Arc::clone(&seen),
            Arc::clone(&connections),
            Arc::<Script>::from(Box::new(script) as Box<Script>),
        );
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let index = count.fetch_add(1, SeqCst);
                let (log, script) = (Arc::clone(&log), Arc::clone(&script));
                thread::spawn(move || serve(stream, index, &log, &*script));
            }
        });
        Self { address, seen, connections }
    }

    pub(super) fn seen(&self) -> Vec<ReceivedRequest> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, connection: usize, log: &Mutex<Vec<ReceivedRequest>>, script: &Script) {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer, connection) {
        log.lock().unwrap().push(seen.clone());
        for act in script(&seen) {
            match act {
                ScriptStep::Write(bytes) => {
                    if stream.write_all(&bytes).is_err() {
                        return;
                    }
                }
                ScriptStep::Sleep(millis) => thread::sleep(Duration::from_millis(millis)),
                ScriptStep::Close => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
            }
        }
    }
}

/// Reads one request from a stream.
pub(super) fn read_request(
    stream: &mut impl Read,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> Option<ReceivedRequest> {
    let mut head = RequestHead::new();
    let parse = loop {
        if let Parse::Complete(parse) =
            h1::parse_request(buffer, &mut head).expect("the gateway writes sound heads")
        {
            break parse;
        }
        read_more(stream, buffer)?;
    };
    buffer.drain(..parse.consumed);
    let chunked = parse.framing == h1::BodyKind::Chunked;
    let mut decoder = BodyDecoder::request(parse.framing, u64::MAX).unwrap();
    let body = read_body(stream, buffer, &mut decoder)?;
    Some(ReceivedRequest { head, body, chunked, connection })
}

fn read_body(stream: &mut impl Read, buffer: &mut Vec<u8>, decoder: &mut BodyDecoder) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while !decoder.is_done() {
        if buffer.is_empty() && read_more(stream, buffer).is_none() {
            return decoder.end_of_input().is_ok().then_some(body);
        }
        let part = decoder.decode(buffer).expect("sound framing");
        body.extend_from_slice(&buffer[part.payload]);
        buffer.drain(..part.consumed);
    }
    Some(body)
}

fn read_more(stream: &mut impl Read, buffer: &mut Vec<u8>) -> Option<()> {
    let mut part = [0; 16 * 1024];
    loop {
        match stream.read(&mut part) {
            Ok(count) if count > 0 => {
                buffer.extend_from_slice(&part[..count]);
                return Some(());
            }
            // A ring that another thread sets up or closes may interrupt this one.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => return None,
        }
    }
}

/// What a test may change about a gateway.
pub(super) struct GatewaySetup {
    pub(super) driver: Driver,
    pub(super) provider: Provider,
    pub(super) upstream: SocketAddr,
    pub(super) action: Action,
    pub(super) idempotency_header: Option<Arc<str>>,
    pub(super) timeouts: Timeouts,
    pub(super) change: Box<dyn FnOnce(&mut Snapshot)>,
}

impl GatewaySetup {
    pub(super) fn new(driver: Driver, upstream: &MockUpstream) -> Self {
        Self {
            driver,
            provider: Provider::Openai,
            upstream: upstream.address,
            action: Action::Tokenize,
            idempotency_header: None,
            timeouts: Timeouts::default(),
            change: Box::new(|_| {}),
        }
    }

    /// The upstream as one of this name, in this place of the snapshot.
    pub(super) fn upstream(&self, name: &str, slot: usize) -> Upstream {
        Upstream {
            name: name.into(),
            provider: self.provider,
            host: "127.0.0.1".into(),
            port: self.upstream.port(),
            authority: self.upstream.to_string().into(),
            base_path: "".into(),
            tls: None,
            needed: true,
            addresses: Arc::new(Addresses::fixed(self.upstream)),
            key: None,
            tls_health: Arc::default(),
            client_certificate: None,
            idempotency_header: self.idempotency_header.clone(),
            timeouts: self.timeouts.clone(),
            slot,
            identity: TrustIdentity::default(),
            redirect_hosts: HostNames::default(),
            recall: true,
        }
    }

    pub(super) fn start(self) -> Gateway {
        let upstream = self.upstream("up", 0);
        let mut snapshot = Snapshot::for_tests(vec![Arc::new(upstream)], shield(self.action));
        snapshot.timeouts = self.timeouts;
        (self.change)(&mut snapshot);
        Gateway::start(self.driver, snapshot)
    }
}

/// A shard in a thread of its own.
pub(super) struct Gateway {
    pub(super) address: SocketAddr,
    pub(super) lifecycle: Arc<Lifecycle>,
    pub(super) metrics: Arc<ShardMetrics>,
    pub(super) snapshots: Arc<SnapshotHandle>,
    events: Receiver,
    thread: Option<JoinHandle<()>>,
    /// The shard's listening socket, as another process may have it.
    pub(super) listener: TcpListener,
}

impl Gateway {
    fn start(driver: Driver, snapshot: Snapshot) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listeners = vec![listener.try_clone().unwrap()];
        let (sender, events) = ring(64);
        let metrics = Arc::clone(&Metrics::new(1).shards()[0]);
        let (lifecycle, snapshots) = (Arc::new(Lifecycle::new(1)), Arc::new(SnapshotHandle::new(snapshot)));
        let (life, shard_snapshots, shard_metrics) =
            (Arc::clone(&lifecycle), Arc::clone(&snapshots), Arc::clone(&metrics));
        let thread = thread::spawn(move || {
            let context = ShardContext {
                index: 0,
                shards: 1,
                cpu: None,
                listeners,
                driver,
                max_connections: 1000,
                snapshots: shard_snapshots,
                lifecycle: life,
                metrics: shard_metrics,
                events: sender,
            };
            super::super::run(context).unwrap();
        });
        wait_for(|| lifecycle.is_listening());
        Self { address, lifecycle, metrics, snapshots, events, thread: Some(thread), listener }
    }

    pub(super) fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, buffer: Vec::new() }
    }

    /// What is said for the log until so many exchanges have ended.
    pub(super) fn remarks(&mut self, mut exchanges: usize) -> Vec<LogEvent> {
        let mut remarks = Vec::new();
        wait_for(|| {
            exchanges -= usize::from(self.events.take().is_some());
            while let Some(remark) = self.events.take_remark() {
                remarks.push(remark);
            }
            exchanges == 0
        });
        remarks
    }

    /// The record of the next exchange.
    pub(super) fn record(&mut self) -> Box<RequestRecord> {
        let mut record = None;
        wait_for(|| {
            while let Some(remark) = self.events.take_remark() {
                assert!(!remark.what.contains("panicked"), "{remark:?}");
            }
            record = self.events.take();
            record.is_some()
        });
        record.unwrap()
    }

    /// Drains the shard and waits for its thread.
    pub(super) fn drain(&mut self) {
        self.lifecycle.advance(Phase::Draining);
        self.finish();
    }

    /// Waits for the shard's thread, which ends with its last connection.
    pub(super) fn finish(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.lifecycle.advance(Phase::Stopping);
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            thread.join().unwrap();
            assert_eq!(self.metrics.requests_in_flight.get(), 0);
            assert_eq!(self.metrics.connections_open.get(), 0);
        }
    }
}

/// Waits until `ready`, which must happen.
pub(super) fn wait_for(mut ready: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if ready() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not happen in time");
}

/// A client that sends exactly the bytes that it is given.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) buffer: Vec<u8>,
}

/// A reply as the client has received it.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: ResponseHead,
    pub(super) body: Vec<u8>,
    /// Whether the body ended as its framing promised.
    pub(super) complete: bool,
    pub(super) keep_alive: bool,
    /// How the body was delimited.
    pub(super) framing: h1::BodyKind,
}

impl Reply {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn field(&self, name: &str) -> &str {
        std::str::from_utf8(self.head.fields.get(name.as_bytes()).unwrap_or_default()).unwrap()
    }
}

impl Client {
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub(super) fn post(&mut self, path: &str, body: &str) {
        self.send(format!(
            "POST {path} HTTP/1.1\r\nhost: gateway\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ));
    }

    pub(super) fn reply(&mut self) -> Reply {
        self.reply_to(Method::Post)
    }

    pub(super) fn reply_to(&mut self, method: Method) -> Reply {
        read_reply(&mut self.stream, &mut self.buffer, method)
    }

    /// Whether the gateway has closed the connection, with nothing more to read.
    pub(super) fn is_closed(&mut self) -> bool {
        read_more(&mut self.stream, &mut self.buffer).is_none()
    }
}

/// Reads one reply from a stream.
pub(super) fn read_reply(stream: &mut impl Read, buffer: &mut Vec<u8>, method: Method) -> Reply {
    let mut head = ResponseHead::new();
    let parse = loop {
        let verdict = h1::parse_response(buffer, method, &mut head).expect("a sound reply");
        if let ResponseVerdict::Complete(parse) = verdict {
            break parse;
        }
        read_more(stream, buffer).expect("a reply");
    };
    buffer.drain(..parse.consumed);
    let mut decoder = BodyDecoder::response(parse.framing);
    let mut body = Vec::new();
    let mut complete = true;
    while !decoder.is_done() {
        if buffer.is_empty() && read_more(stream, buffer).is_none() {
            complete = decoder.end_of_input().is_ok();
            break;
        }
        let part = decoder.decode(buffer).expect("sound framing");
        body.extend_from_slice(&buffer[part.payload]);
        buffer.drain(..part.consumed);
    }
    Reply { status: head.status, head, body, complete, keep_alive: parse.keep_alive, framing: parse.framing }
}
