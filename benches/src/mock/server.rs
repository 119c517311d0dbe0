//! Accepting connections and answering requests, one after the other on each.

use super::answer::{self, Asked};
use super::inbound::{Head, Inbound, NoRequest, ReceivedBody, Transport};
use super::outbound::{self, End};
use super::prompt::Api;
use super::record::{Record, Recorder};
use super::reply::Reply;
use super::scenario::{Scenario, percent_decode};
use super::{coding, quirk};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// How long an early reply's request is still read, to see what the peer does.
const EARLY_DRAIN: Duration = Duration::from_secs(2);
/// A peer that does not finish its handshake is dropped.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What all connections share.
pub struct Mock {
    /// Where requests are kept.
    pub recorder: Recorder,
    /// What every scenario starts from.
    pub defaults: Scenario,
    /// TLS, where it is switched on.
    pub tls: Option<TlsAcceptor>,
}

/// Accepts until dropped.
pub async fn serve(listener: TcpListener, mock: Arc<Mock>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(accept(socket, Arc::clone(&mock)));
    }
}

async fn accept(socket: TcpStream, mock: Arc<Mock>) {
    let _ = socket.set_nodelay(true);
    let number = mock.recorder.connection();
    match &mock.tls {
        None => connection(socket, &mock, number).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
                connection(stream, &mock, number).await;
            }
        }
    }
}

async fn connection<S: Transport>(io: S, mock: &Mock, number: u64) {
    let mut inbound = Inbound::new(io);
    loop {
        match inbound.head().await {
            Ok(head) => match exchange(&mut inbound, &head, mock, number).await {
                End::KeepAlive => {}
                End::Close | End::Broken => {
                    let _ = inbound.io.shutdown().await;
                    return;
                }
                End::Cut => return,
            },
            Err(NoRequest::Malformed(raw, why)) => {
                let error = why.to_owned();
                mock.recorder.add(Record { connection: number, head: raw, error, ..Record::default() });
                let _ = inbound.io.write_all(&plain(400, why)).await;
                let _ = inbound.io.shutdown().await;
                return;
            }
            Err(NoRequest::Closed | NoRequest::Io(_)) => return,
        }
    }
}

fn plain(status: u16, text: &str) -> Vec<u8> {
    let reason = outbound::reason(status);
    format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

async fn exchange<S: Transport>(inbound: &mut Inbound<S>, head: &Head, mock: &Mock, number: u64) -> End {
    if head.target.starts_with("/__mock/") {
        return control(inbound, head, mock).await;
    }
    let mut scenario = mock.defaults.clone();
    let known = scenario.apply(head.get("x-mock-scenario")).and_then(|()| check(&scenario));
    if let Err(why) = known {
        let _ = inbound.io.write_all(&plain(400, &why)).await;
        return End::Close;
    }
    if scenario.early {
        return early(inbound, head, mock, number, &scenario).await;
    }
    let mut body = ReceivedBody::default();
    let framing = inbound.body(head, scenario.slow_read, &mut body).await;
    let payload = coding::decode(head.get("content-encoding"), &body.payload);
    let error = match (framing, &payload) {
        (Err(why), _) => why,
        (_, None) => "content-encoding not understood",
        _ => "",
    };
    let payload = payload.unwrap_or_else(|| body.payload.clone());
    let complete = body.complete && error.is_empty();
    let request = ReceivedRequest { connection: number, tls: inbound.io.is_tls(), head, body, error };
    let seq = if scenario.record { request.add_to(&mock.recorder, payload.clone()) } else { 0 };
    if !complete {
        if !error.is_empty() {
            let _ = inbound.io.write_all(&plain(400, error)).await;
        }
        return End::Close;
    }
    let reply = answer(head, &payload, &scenario);
    mock.recorder.finish(seq, scenario.record.then(|| reply.bytes()), "pending");
    let end = send(inbound, &reply, &scenario, head).await;
    mock.recorder.finish(seq, None, state(end));
    end
}

/// Refuses scenarios that name codings or quirks that do not exist.
fn check(scenario: &Scenario) -> Result<(), String> {
    if let Some(name) = scenario.encoding.iter().find(|n| coding::Coder::named(n).is_none()) {
        return Err(format!("x-mock-scenario: unknown encoding {name}"));
    }
    match &scenario.quirk {
        Some(name) if quirk::reply(name, b"").is_none() => {
            Err(format!("x-mock-scenario: unknown quirk {name}"))
        }
        _ => Ok(()),
    }
}

fn answer(head: &Head, payload: &[u8], scenario: &Scenario) -> Reply {
    let api = Api::of(&head.method, &head.target);
    let asked = Asked {
        api,
        target: &head.target,
        anthropic_headers: !head.get("anthropic-version").is_empty(),
        content_type: head.get("content-type"),
        body: payload,
    };
    answer::answer(asked, scenario)
}

async fn send<S: Transport>(
    inbound: &mut Inbound<S>,
    reply: &Reply,
    scenario: &Scenario,
    head: &Head,
) -> End {
    if let Some(bytes) = scenario.quirk.as_ref().and_then(|name| quirk::reply(name, &reply.bytes())) {
        return match inbound.io.write_all(&bytes).await {
            Ok(()) => End::Close,
            Err(_) => End::Broken,
        };
    }
    let end = outbound::send(&mut inbound.io, reply, scenario, head.http10, head.method == "HEAD").await;
    let close = head.get("connection").to_ascii_lowercase().contains("close");
    if end == End::KeepAlive && close { End::Close } else { end }
}

fn state(end: End) -> &'static str {
    match end {
        End::KeepAlive | End::Close => "sent",
        End::Cut => "cut",
        End::Broken => "broken",
    }
}

/// A request as it came in.
struct ReceivedRequest<'h> {
    /// The number of its connection.
    connection: u64,
    tls: bool,
    head: &'h Head,
    body: ReceivedBody,
    /// What was wrong with it, or empty.
    error: &'h str,
}

impl ReceivedRequest<'_> {
    /// Adds it to the records, with its decoded body; returns the record's number.
    fn add_to(self, recorder: &Recorder, payload: Vec<u8>) -> u64 {
        let Self { connection, tls, head, body, error } = self;
        recorder.add(Record {
            connection,
            tls,
            id: head.get("x-mock-id").to_owned(),
            method: head.method.clone(),
            target: head.target.clone(),
            head: head.raw.clone(),
            body: body.raw,
            payload,
            complete: body.complete,
            error: error.to_owned(),
            reply_state: "pending",
            ..Record::default()
        })
    }
}

/// Answers before the body, then sees for a while what of the body still comes.
async fn early<S: Transport>(
    inbound: &mut Inbound<S>,
    head: &Head,
    mock: &Mock,
    number: u64,
    scenario: &Scenario,
) -> End {
    let reply = answer(head, b"", scenario);
    let end = send(inbound, &reply, scenario, head).await;
    let mut body = ReceivedBody::default();
    let _ = tokio::time::timeout(EARLY_DRAIN, inbound.body(head, None, &mut body)).await;
    let (payload, complete) = (body.payload.clone(), body.complete);
    let request = ReceivedRequest { connection: number, tls: inbound.io.is_tls(), head, body, error: "" };
    let seq = if scenario.record { request.add_to(&mock.recorder, payload) } else { 0 };
    mock.recorder.finish(seq, Some(reply.bytes()), state(end));
    if complete { end } else { End::Close }
}

/// `/__mock/records` (GET, DELETE, `?id=`), `/__mock/stats`, `/__mock/health`.
async fn control<S: Transport>(inbound: &mut Inbound<S>, head: &Head, mock: &Mock) -> End {
    let _ = inbound.body(head, None, &mut ReceivedBody::default()).await;
    let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let id = query.split('&').find_map(|p| p.strip_prefix("id=")).map(percent_decode);
    let body = match (path, head.method.as_str()) {
        ("/__mock/records", "GET") => mock.recorder.json(id.as_deref()),
        ("/__mock/records", "DELETE") => {
            mock.recorder.clear(id.as_deref());
            b"{}".to_vec()
        }
        ("/__mock/stats", "GET") => mock.recorder.stats(),
        ("/__mock/health", "GET") => b"{\"status\":\"ok\"}".to_vec(),
        _ => {
            let _ = inbound.io.write_all(&plain(404, "no such page")).await;
            return End::Close;
        }
    };
    let reply = Reply::json(body);
    send(inbound, &reply, &Scenario::default(), head).await
}
