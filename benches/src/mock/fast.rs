//! The load rig's backend: prepared replies, nothing recorded, nothing parsed beyond framing, so that the
//! backend is never what is measured. Requests must carry `Content-Length` or be chunked; the reply depends on
//! target, scenario and (where the scenario says tokens back) the tokens in the body only.

#![expect(clippy::cast_possible_truncation, reason = "the smaller of the two is a length in memory")]

use super::answer::{Asked, answer};
use super::inbound::Chunks;
use super::prompt::{Api, tokens_in};
use super::reply::Body;
use super::scenario::Scenario;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Said in place of a token when the body has none, so that replies have the same length for every proxy.
pub const STAND_IN: &str = "AEGIS-KEY-000000000000000000000";
const READ: usize = 256 * 1024;
/// Longest request head.
const MAX_HEAD: usize = 64 * 1024;
/// Most prepared replies kept; the rig needs a handful.
const MAX_PREPARED: usize = 4096;

/// A reply ready to be written: with a delay between pieces, or all at once.
struct Prepared {
    pieces: Vec<Vec<u8>>,
    delay: Duration,
}

/// The prepared replies.
#[derive(Default)]
pub struct Cache(Mutex<HashMap<Vec<u8>, Arc<Prepared>>>);

/// Accepts until dropped.
pub async fn serve(listener: TcpListener) {
    let cache = Arc::new(Cache::default());
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            let _ = socket.set_nodelay(true);
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                let _ = connection(socket, &cache).await;
            });
        }
    }
}

struct Request {
    /// Cache key: target, zero, scenario.
    key: Vec<u8>,
    scenario: String,
    length: Option<u64>,
    used: usize,
}

fn parse(buf: &[u8]) -> io::Result<Option<Request>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    let used = match request.parse(buf).map_err(io::Error::other)? {
        httparse::Status::Complete(used) => used,
        httparse::Status::Partial if buf.len() > MAX_HEAD => return Err(io::Error::other("head too long")),
        httparse::Status::Partial => return Ok(None),
    };
    let (mut length, mut scenario) = (Some(0), "");
    for field in request.headers.iter() {
        let text = std::str::from_utf8(field.value).unwrap_or_default();
        if field.name.eq_ignore_ascii_case("content-length") {
            length = Some(text.parse().map_err(io::Error::other)?);
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            length = None;
        } else if field.name.eq_ignore_ascii_case("x-mock-scenario") {
            scenario = text;
        }
    }
    let target = request.path.unwrap_or_default();
    let key = [target.as_bytes(), b"\0", scenario.as_bytes()].concat();
    Ok(Some(Request { key, scenario: scenario.to_owned(), length, used }))
}

async fn connection(mut socket: TcpStream, cache: &Cache) -> io::Result<()> {
    let mut buf = vec![0; READ];
    let mut filled = 0;
    let mut body = Vec::new();
    loop {
        let mut request = loop {
            if let Some(request) = parse(&buf[..filled])? {
                break request;
            }
            match socket.read(&mut buf[filled..]).await? {
                0 => return Ok(()),
                n => filled += n,
            }
        };
        let wants_body = request.scenario.contains("{t");
        body.clear();
        let mut at = request.used;
        let mut chunks = Chunks::default();
        let mut left = request.length;
        loop {
            let input = &buf[at..filled];
            let done = if let Some(left) = &mut left {
                let take = (*left).min(input.len() as u64) as usize;
                if wants_body {
                    body.extend_from_slice(&input[..take]);
                }
                *left -= take as u64;
                at += take;
                *left == 0
            } else {
                if !wants_body {
                    body.clear();
                }
                let (used, done) = chunks.feed(input, &mut body).map_err(io::Error::other)?;
                at += used;
                done
            };
            if done {
                break;
            }
            at = 0;
            filled = socket.read(&mut buf).await?;
            if filled == 0 {
                return Ok(());
            }
        }
        buf.copy_within(at..filled, 0);
        filled -= at;
        let tokens = if wants_body { tokens_in(&body) } else { Vec::new() };
        let prepared = cache.get(&mut request, &tokens)?;
        for (i, piece) in prepared.pieces.iter().enumerate() {
            if i > 0 && !prepared.delay.is_zero() {
                tokio::time::sleep(prepared.delay).await;
            }
            socket.write_all(piece).await?;
        }
    }
}

impl Cache {
    fn get(&self, request: &mut Request, tokens: &[String]) -> io::Result<Arc<Prepared>> {
        for token in tokens {
            request.key.extend_from_slice(token.as_bytes());
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = kept.get(&request.key) {
            return Ok(Arc::clone(prepared));
        }
        let prepared = Arc::new(prepare(request, tokens)?);
        if kept.len() >= MAX_PREPARED {
            kept.clear();
        }
        kept.insert(request.key.clone(), Arc::clone(&prepared));
        Ok(prepared)
    }
}

fn prepare(request: &Request, tokens: &[String]) -> io::Result<Prepared> {
    let mut scenario = Scenario::default();
    scenario.apply(&request.scenario).map_err(io::Error::other)?;
    let target = String::from_utf8_lossy(&request.key);
    let target = target.split('\0').next().unwrap_or_default();
    let tokens = if tokens.is_empty() { STAND_IN.to_owned() } else { tokens.join(" ") };
    let body = format!("{{\"stream\":{},\"input\":\"{tokens}\"}}", scenario.events.is_some());
    let api = Api::of("POST", target);
    let asked = Asked { api, target, anthropic_headers: false, content_type: "", body: body.as_bytes() };
    let reply = answer(asked, &scenario);
    let head = format!("HTTP/1.1 {} OK\r\ncontent-type: {}\r\n", reply.status, reply.content_type);
    let pieces = match reply.body {
        Body::Whole(body) => {
            let length = format!("content-length: {}\r\n\r\n", body.len());
            vec![[head.as_bytes(), length.as_bytes(), &body].concat()]
        }
        Body::Stream(events) => {
            let mut out = vec![format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes()];
            for event in events {
                out.push([format!("{:x}\r\n", event.len()).as_bytes(), &event, b"\r\n"].concat());
            }
            if let Some(last) = out.last_mut() {
                last.extend_from_slice(b"0\r\n\r\n");
            }
            out
        }
    };
    let delay = scenario.delay;
    Ok(Prepared { pieces, delay })
}
