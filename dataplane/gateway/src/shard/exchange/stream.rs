//! A body that is longer than what is held back of it: the rest is scanned window by window, while it is sent.
//!
//! What is found in it is hidden from there on only, and nothing of it can be sent again.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use aegis_shield::WINDOW;

use super::super::pool::UpstreamConn;
use super::error::{ExchangeError, SendError};
use super::framing::Framing;
use super::hold::HeldBody;
use super::scan::{BodyScanner, Scanned, Secrets};
use super::send::{Answered, Sent};
use super::state::Exchange;
use crate::error_body::Failure;
use crate::snapshot::Upstream;

/// What ended the wait for the client's next bytes.
#[must_use]
enum Refilled {
    /// The window can be scanned.
    Ready,
    /// The upstream has begun its reply meanwhile.
    Answered,
    /// The upstream has closed the connection without one.
    Closed,
}

impl Exchange<'_> {
    /// Sends a request of which only the beginning is held, and waits for the head of the reply.
    pub(super) async fn send_streaming(
        &mut self,
        upstream: &Upstream,
        first: HeldBody,
        mut scanner: Box<BodyScanner>,
    ) -> Result<(Answered, Secrets), ExchangeError> {
        let answered = self.send_in_parts(upstream, first, &mut scanner).await;
        self.buffers.out.clear();
        // Whatever became of it: what was found is taken down. What was sent may come back in an early reply.
        let secrets = self.settle(*scanner);
        Ok((answered?, secrets))
    }

    async fn send_in_parts(
        &mut self,
        upstream: &Upstream,
        first: HeldBody,
        scanner: &mut BodyScanner,
    ) -> Result<Answered, ExchangeError> {
        let mut upstream_conn = self.acquire(upstream).await?;
        let mut sent = loop {
            let mark = upstream_conn.conn.sent();
            match self.write_first(&mut upstream_conn, upstream, &first).await {
                Ok(sent) => break sent,
                Err(error) => {
                    upstream_conn = self.connect_again(upstream, upstream_conn, mark, error).await?;
                }
            }
        };
        let is_chunk_open = matches!(first, HeldBody::Apart(_));
        drop(first);
        self.clear_sent();
        if sent == Sent::All {
            if is_chunk_open {
                Framing::CHUNKED.close_part(&mut self.buffers.out);
            }
            let streamed = self.stream_rest(&mut upstream_conn, upstream, scanner).await;
            sent = streamed.map_err(SendError::give_up)?;
        }
        let waiting = Instant::now();
        if sent == Sent::All {
            self.wipe_request();
            self.client.shrink(&self.shard.buffers);
        }
        let parse = self.await_head(&mut upstream_conn, upstream, waiting, SendError::Unanswered).await;
        Ok(Answered { parse: parse.map_err(SendError::give_up)?, upstream_conn, sent })
    }

    /// Sends the rest of the body as chunks, until it ends or the upstream begins its reply.
    async fn stream_rest(
        &mut self,
        upstream_conn: &mut UpstreamConn,
        upstream: &Upstream,
        scanner: &mut BodyScanner,
    ) -> Result<Sent, SendError> {
        loop {
            match self.next_window(upstream_conn).await? {
                Refilled::Ready => {}
                Refilled::Answered => return Ok(Sent::Early),
                Refilled::Closed => return Err(self.refused_or(SendError::Lost, upstream_conn, upstream)),
            }
            let reached = self.scan_window(scanner)?;
            if self.write_later(upstream_conn, upstream).await? == Sent::Early {
                return Ok(Sent::Early);
            }
            if reached == Scanned::Done {
                return Ok(Sent::All);
            }
        }
    }

    /// Fills the next window, unless the upstream begins its reply meanwhile.
    async fn next_window(&mut self, upstream_conn: &mut UpstreamConn) -> Result<Refilled, SendError> {
        let refilled = {
            let fill = self.body.fill(self.client, self.shard, &self.snapshot.timeouts, WINDOW);
            let mut fill = pin!(fill);
            poll_fn(|cx| {
                if let Poll::Ready(filled) = fill.as_mut().poll(cx) {
                    return Poll::Ready(filled.map(|()| Refilled::Ready).map_err(SendError::from));
                }
                match upstream_conn.conn.rx.poll_response_started(cx) {
                    Poll::Ready(true) => Poll::Ready(Ok(Refilled::Answered)),
                    Poll::Ready(false) => Poll::Ready(Ok(Refilled::Closed)),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await?
        };
        self.in_hand = Instant::now();
        Ok(refilled)
    }

    /// Scans all that can be of the window into one chunk.
    fn scan_window(&mut self, scanner: &mut BodyScanner) -> Result<Scanned, Failure> {
        let last = self.body.is_last(self.client);
        let window = self.body.window(self.client);
        self.buffers.splice.clear();
        let reached = scanner.scan(self.shard, &self.snapshot, window, last, &mut self.buffers.splice)?;
        self.record.sent_bytes += self.buffers.splice.len() as u64;
        let used = scanner.leave_scanned();
        let (out, splice) = (&mut self.buffers.out, &self.buffers.splice);
        Framing::CHUNKED.part(out, |out| splice.write_to(&window[..used], out.tail()));
        self.body.consume(self.client, used);
        if reached == Scanned::Done {
            self.prepare_to_restore(scanner)?;
            Framing::CHUNKED.end(&mut self.buffers.out);
        }
        Ok(reached)
    }
}
