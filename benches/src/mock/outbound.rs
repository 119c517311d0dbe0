//! Sending replies: framing, coding, segments, delays, and the ways a stream can break.

use super::coding::Coder;
use super::inbound::Transport;
use super::reply::{Body, Reply};
use super::scenario::{ReplyFraming, Scenario};
use std::fmt::Write as _;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Lets what was sent reach the peer before a reset overtakes it.
const BEFORE_RESET: Duration = Duration::from_millis(5);

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Complete; the connection may be used again.
    KeepAlive,
    /// Complete; the connection is to be closed.
    Close,
    /// Ended early, as the scenario asked.
    Cut,
    /// The peer went away.
    Broken,
}

/// Reason phrases (RFC 9110, 15) of the statuses that providers use.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Status",
    }
}

struct Writer<'a, S> {
    io: &'a mut S,
    scenario: &'a Scenario,
    coders: Vec<Coder>,
    chunked: bool,
    /// Body bytes on the wire so far.
    sent: usize,
    /// Head not yet written: it goes out with the first body bytes.
    pending: Vec<u8>,
}

/// Sends a reply as the scenario asks. `bodyless`: the request was HEAD, so the body is left out.
pub async fn send<S: Transport>(
    io: &mut S,
    reply: &Reply,
    scenario: &Scenario,
    http10: bool,
    bodyless: bool,
) -> End {
    let natural = match reply.body {
        _ if http10 => ReplyFraming::Close,
        Body::Whole(_) => ReplyFraming::Length,
        Body::Stream(_) => ReplyFraming::Chunked,
    };
    let framing = scenario.framing.filter(|_| !http10).unwrap_or(natural);
    let mut coders = Vec::new();
    for name in &scenario.encoding {
        coders.extend(Coder::named(name));
    }
    let mut writer = Writer {
        io,
        scenario,
        coders,
        chunked: framing == ReplyFraming::Chunked,
        sent: 0,
        pending: Vec::new(),
    };
    let keep = scenario.keepalive && framing != ReplyFraming::Close;
    match writer.reply(reply, framing, keep, bodyless).await {
        Ok(()) if keep => End::KeepAlive,
        Ok(()) => End::Close,
        Err(end) => end,
    }
}

impl<S: Transport> Writer<'_, S> {
    async fn reply(
        &mut self,
        reply: &Reply,
        framing: ReplyFraming,
        keep: bool,
        bodyless: bool,
    ) -> Result<(), End> {
        let scenario = self.scenario;
        let whole;
        let pieces: &[Vec<u8>] = match &reply.body {
            Body::Stream(pieces) if framing != ReplyFraming::Length => pieces,
            _ => {
                whole = [reply.bytes()];
                &whole
            }
        };
        let mut known = None;
        let coded;
        let pieces = if framing == ReplyFraming::Length {
            coded = [self.code(&pieces.concat(), true)?];
            known = Some(coded[0].len());
            &coded
        } else {
            pieces
        };
        self.head(reply, known, keep).await?;
        if bodyless || reply.status == 204 {
            return self.flush().await;
        }
        if !scenario.first_delay.is_zero() {
            self.flush().await?;
            tokio::time::sleep(scenario.first_delay).await;
        }
        let last = pieces.len().saturating_sub(1);
        for (i, piece) in pieces.iter().enumerate() {
            if known.is_some() {
                self.wire(piece).await?;
            } else {
                let bytes = self.code(piece, i == last)?;
                self.piece(&bytes).await?;
            }
            if i != last && !scenario.delay.is_zero() {
                tokio::time::sleep(scenario.delay).await;
            }
        }
        if self.chunked {
            self.wire(b"0\r\n\r\n").await?;
        }
        self.flush().await
    }

    async fn head(&mut self, reply: &Reply, known: Option<usize>, keep: bool) -> Result<(), End> {
        if let Some(info) = self.scenario.info {
            let text = format!("HTTP/1.1 {info} Info\r\nlink: </mock>; rel=preload\r\n\r\n");
            self.pending.extend_from_slice(text.as_bytes());
            self.flush().await?;
        }
        let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
        if !self.scenario.no_content_type {
            let _ = write!(head, "content-type: {}\r\n", reply.content_type);
        }
        for field in &reply.fields {
            let _ = write!(head, "{field}\r\n");
        }
        if !self.coders.is_empty() || !self.scenario.encoding.is_empty() {
            let _ = write!(head, "content-encoding: {}\r\n", self.scenario.encoding.join(", "));
        }
        match known {
            Some(length) => {
                let _ = write!(head, "content-length: {length}\r\n");
            }
            None if self.chunked => head.push_str("transfer-encoding: chunked\r\n"),
            None => {}
        }
        if !keep {
            head.push_str("connection: close\r\n");
        }
        head.push_str("x-request-id: req_mock\r\n\r\n");
        self.pending.extend_from_slice(head.as_bytes());
        Ok(())
    }

    /// Applies the content codings in order.
    fn code(&mut self, data: &[u8], last: bool) -> Result<Vec<u8>, End> {
        let mut data = data.to_vec();
        let mut rest = std::mem::take(&mut self.coders);
        for coder in &mut rest {
            data = coder.push(&data).map_err(|_| End::Broken)?;
        }
        if !last {
            self.coders = rest;
            return Ok(data);
        }
        let mut rest: std::collections::VecDeque<Coder> = rest.into();
        while let Some(coder) = rest.pop_front() {
            let mut tail = coder.finish().map_err(|_| End::Broken)?;
            for later in &mut rest {
                tail = later.push(&tail).map_err(|_| End::Broken)?;
            }
            data.extend(tail);
        }
        Ok(data)
    }

    /// Writes body bytes in HTTP chunks, or as they are.
    async fn piece(&mut self, bytes: &[u8]) -> Result<(), End> {
        if !self.chunked {
            return self.wire(bytes).await;
        }
        for part in bytes.chunks(self.scenario.http_chunk.unwrap_or(usize::MAX)) {
            let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
            chunk.extend_from_slice(part);
            chunk.extend_from_slice(b"\r\n");
            self.wire(&chunk).await?;
        }
        Ok(())
    }

    /// Writes body bytes as framed, ending where the scenario says so.
    async fn wire(&mut self, bytes: &[u8]) -> Result<(), End> {
        let (reset, close) = (self.scenario.reset_at, self.scenario.close_at);
        let limit = reset.unwrap_or(usize::MAX).min(close.unwrap_or(usize::MAX));
        let room = limit.saturating_sub(self.sent);
        let now = &bytes[..bytes.len().min(room)];
        self.pending.extend_from_slice(now);
        self.sent += now.len();
        self.flush().await?;
        if now.len() < bytes.len() || (self.sent == limit && limit != usize::MAX) {
            if reset == Some(limit) {
                tokio::time::sleep(BEFORE_RESET).await;
                let _ = self.io.tcp().set_zero_linger();
            } else {
                let _ = self.io.shutdown().await;
            }
            return Err(End::Cut);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        let pending = std::mem::take(&mut self.pending);
        for segment in pending.chunks(self.scenario.segment.unwrap_or(usize::MAX)) {
            if self.io.write_all(segment).await.is_err() || self.io.flush().await.is_err() {
                return Err(End::Broken);
            }
            if !self.scenario.segment_wait.is_zero() {
                tokio::time::sleep(self.scenario.segment_wait).await;
            }
        }
        Ok(())
    }
}
