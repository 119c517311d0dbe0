//! One request and its reply.
//!
//! The request is judged on its head, scanned window by window, and sent; the reply is passed on as it comes. Whatever goes
//! wrong ends in one of the few ways of [`Stop`], and [`Exchange::conclude`] alone decides what the client is told and
//! whether its connection lives on. Nothing goes upstream that was not scanned first.

mod envelope;
mod head;
mod keep_alive;
mod links;
mod own;
mod reply;
mod send;
mod unpack;
mod upload;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use aegis_detect::OwnValue;
use aegis_shield::{Documents, Tokenizer, Vault};
use aegis_wire::coding;
use aegis_wire::h1::{self, Peer, RequestParse};
use aegis_wire::head::{BodyLength, Method};

use super::Shard;
use super::bench::{Bench, RESTORING, Workbench};
use super::buffers::Claim;
use super::conn::Patience;
use super::deadline::Phase;
use super::record::{Draft, micros};
use super::serve::Client;
use super::session::{self, SESSION_FIELD, Sessions};
use crate::auth;
use crate::browser::Sites;
use crate::config::settings::{FailMode, Provider};
use crate::error_body::{ErrorKind, Failure};
use crate::events::{Ending, LogEventLevel};
use crate::route::{self, Route};
use crate::snapshot::{Snapshot, Upstream};
use own::Own;
use unpack::undecodable;
use upload::Upload;
pub(super) use upload::refused;

const FAILED_OPEN: &str = "its body cannot be scanned, and policy.fail_mode is open";
const SESSION_FULL: Failure = Failure::new(
    413,
    ErrorKind::PayloadTooLarge,
    "the session holds too many different secrets; begin a new one",
);
const NO_ROOM_TO_RESTORE: Failure = Failure::overloaded("the gateway has no room for this request's reply");
const BROKE_OFF: Failure = Failure::upstream("the upstream broke off inside its reply");
const BROKE_OFF_LATE: Failure = Failure::timeout("the upstream fell silent inside its reply");

/// 426 is the answer at which Codex goes on over HTTP at once; it tries others again and again.
const NO_UPGRADE: Failure = Failure::new(
    426,
    ErrorKind::InvalidRequest,
    "the gateway speaks HTTP only, because it could not look into another protocol: send the request over HTTP",
);

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It takes the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is closed once the client has had a chance to read the answer: what it still sends is thrown away.
    Linger,
    /// It is cut, so that the client does not take a part for the whole.
    Cut,
}

/// Why an exchange did not run to its end.
#[derive(Debug)]
enum Stop {
    /// The client is answered by the gateway, if no reply has begun.
    Answer(Failure),
    /// The gateway itself is asked, not an upstream.
    Own(Own),
    /// The client went away or stopped reading.
    ClientGone,
    /// The upstream broke off in the middle of its reply.
    Broken,
    /// The upstream closed the connection without a reply. The request can be put on another one as it is.
    Stale,
    /// The same, but parts of the request are gone.
    Lost,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Answer(failure)
    }
}

/// The state of one exchange.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is decided in another phase and holds for all later ones"
)]
struct Exchange<'a> {
    shard: &'a Rc<Shard>,
    snapshot: Arc<Snapshot>,
    client: &'a mut Client,
    bench: &'a mut Bench,
    /// What of the shard's memory the exchange has.
    claim: &'a mut Claim,
    /// How much of it was there before it began to work.
    reserved: usize,
    parse: RequestParse,
    method: Method,
    peer: Peer,
    draft: Draft,
    provider: Provider,
    upload: Option<Upload>,
    /// When the bytes being worked on were read.
    in_hand: Instant,
    /// What takes the secrets out, while the body is not complete.
    tokenizer: Option<Tokenizer>,
    /// The secrets that were taken out: what the reply is restored from.
    vault: Option<Vault>,
    /// Where in its documents they were, for what the reply says of these.
    documents: Documents,
    /// The gateway key of this request, where no rule finds it in a text.
    own_key: Option<OwnValue>,
    /// Where they are remembered for the session's next request.
    session: Option<session::Key>,
    /// The body passes unscanned, because it cannot be scanned and the configuration says that passing is more important.
    raw: bool,
    /// The body is a piece of a file whose other pieces have their places, so that its length must stay.
    piece: bool,
    /// Whether the upstream has the whole request.
    request_sent: bool,
    reply_begun: bool,
}

/// Runs the exchange whose request head lies on the bench.
pub(super) async fn run(
    shard: &Rc<Shard>,
    client: &mut Client,
    bench: &mut Workbench,
    parse: RequestParse,
    began: Instant,
) -> After {
    let snapshot = shard.snapshot();
    let (bench, claim) = bench.parts();
    let method = bench.request.method;
    let keep_alive = parse.keep_alive && client.may_stay(shard, &snapshot);
    let mut exchange = Exchange {
        draft: Draft::new(shard, &snapshot, client.peer.ip(), method, began),
        peer: Peer { version: bench.request.version, keep_alive },
        provider: Provider::Generic,
        upload: None,
        in_hand: began,
        tokenizer: None,
        vault: None,
        documents: Documents::default(),
        own_key: None,
        session: None,
        raw: false,
        piece: false,
        request_sent: false,
        reply_begun: false,
        shard,
        snapshot,
        client,
        reserved: claim.bytes(),
        claim,
        bench,
        parse,
        method,
    };
    let outcome = exchange.handle().await;
    exchange.conclude(outcome).await
}

impl Exchange<'_> {
    async fn handle(&mut self) -> Result<(), Stop> {
        let route = self.admit();
        // Made even for a request that is refused: it knows whether the body that stands before the next request has come.
        let upload = self.open_body();
        let refusal = upload.map(|upload| self.upload = Some(upload));
        let route = route?;
        refusal?;
        let upstream = Arc::clone(&route.upstream);
        self.open_session(&upstream);
        self.shape_request(&route)?;
        self.sanitize_envelope()?;
        self.note_path(&upstream);
        self.answer_expectation().await?;
        let whole = self.first_window().await?;
        let (link, parse) = self.send(&upstream, whole).await?;
        self.reply(&upstream, link, parse).await
    }

    /// Everything that is decided on the head: may this request pass, and whereto.
    fn admit(&mut self) -> Result<Route, Stop> {
        let head = &self.bench.request;
        let path = &head.path;
        let own = Own::of(&self.snapshot, head).map(Stop::Own);
        let route = match own.map_or_else(|| route::choose(&self.snapshot, head).map_err(Stop::from), Err) {
            Ok(route) => route,
            Err(stop) => {
                self.provider = route::likely_provider(&self.snapshot, head);
                self.draft.asked(route::path_pattern(path, false));
                self.draft.reserve(self.snapshot.fail_mode)?;
                return Err(stop);
            }
        };
        self.provider = route.upstream.provider;
        self.draft.routed(&route.upstream, route::path_pattern(&path[route.strip..], false));
        self.draft.reserve(self.snapshot.fail_mode)?;
        if self.parse.upgrade {
            return Err(NO_UPGRADE.into());
        }
        if self.snapshot.guards(&route.upstream, self.client.conn.is_loopback()) {
            self.snapshot.sites.admit(&self.bench.request.authority, &self.bench.request.fields)?;
        }
        if let Some(key) = auth::check(&self.snapshot.auth, &self.bench.request.fields, &route.upstream)? {
            self.draft.authorised(key);
            self.own_key = auth::own_key(&self.bench.request.fields, &route.upstream);
        }
        Ok(route)
    }

    /// Notes the path once its secrets are replaced, when more of it can be shown.
    fn note_path(&mut self, upstream: &Upstream) {
        let path = &self.bench.request.path;
        let path = path.strip_prefix(&*upstream.base_path).unwrap_or(path);
        if !route::is_plain(path) {
            self.draft.asked(route::path_pattern(path, true));
        }
    }

    /// Prepares for the body: what cannot be decoded cannot be scanned.
    fn open_body(&mut self) -> Result<Upload, Failure> {
        let fields = &self.bench.request.fields;
        let codings = match coding::parse(fields.get_all(b"content-encoding")) {
            Ok(codings) => codings,
            Err(_) if self.snapshot.fail_mode == FailMode::Open => {
                self.raw = true;
                Vec::new()
            }
            Err(error) => return Err(undecodable(error)),
        };
        Upload::new(self.shard, self.parse.framing, &codings, &self.snapshot.limits, self.in_hand)
    }

    /// Recalls the session that the request names, if the configuration has sessions.
    fn open_session(&mut self, upstream: &Upstream) {
        let fields = &self.bench.request.fields;
        let Some(name) = fields.get(SESSION_FIELD).filter(|_| self.snapshot.session.enabled) else { return };
        let credentials = auth::CREDENTIAL_FIELDS.map(|field| fields.get(field).unwrap_or_default());
        let (organisation, key) = self.draft.owner();
        let mut parts = vec![organisation.as_bytes(), key.as_bytes(), upstream.name.as_bytes(), name];
        parts.extend(credentials);
        let place = session::Key::new(&parts);
        let settings = &self.snapshot.session;
        self.vault = Some(Sessions::shared(settings).recall(place, settings));
        self.session = Some(place);
    }

    /// Remembers the request's secrets for the session.
    fn keep_session(&mut self) -> Result<(), Failure> {
        if let (Some(place), Some(vault)) = (self.session, &self.vault) {
            let settings = &self.snapshot.session;
            let kept = Sessions::shared(settings).remember(place, vault, settings);
            kept.map_err(|session::Full| SESSION_FULL)?;
        }
        Ok(())
    }

    /// Makes sure, before the upstream has the whole request, that there is room to restore its reply.
    fn reserve_restoring(&mut self) -> Result<(), Failure> {
        if !self.documents.is_empty() || self.vault.as_ref().is_some_and(|vault| !vault.is_empty()) {
            if !self.claim.grow(RESTORING) {
                return Err(NO_ROOM_TO_RESTORE);
            }
            self.reserved = self.claim.bytes();
        }
        Ok(())
    }

    /// Counts the memory that the exchange holds for its reply now.
    fn count(&mut self, restoring: usize) {
        let held = (self.bench.held_bytes() + restoring).max(self.reserved);
        if held != self.claim.bytes() {
            self.claim.count(held);
        }
    }

    /// Tells the outcome to whom it concerns, and decides what becomes of the client's connection.
    async fn conclude(&mut self, outcome: Result<(), Stop>) -> After {
        self.wipe_request();
        let all_read = match &mut self.upload {
            Some(upload) => {
                self.draft.request_bytes = upload.received(&self.client.conn);
                upload.release(self.shard);
                let all_read = upload.is_last(&self.client.conn);
                if all_read {
                    upload.discard(&mut self.client.conn);
                }
                all_read
            }
            // Judged on the head alone: there is a body to come only if it says so.
            None => self.parse.framing.length() == BodyLength::Empty,
        };
        let after = match outcome {
            Ok(()) if self.peer.keep_alive => After::Keep,
            Ok(()) if all_read => After::Close,
            Ok(()) => After::Linger,
            Err(stop) => self.stopped(stop, all_read).await,
        };
        if self.raw {
            self.draft.failed_open = true;
            self.shard.notice(LogEventLevel::Error, "a request passed unscanned", || FAILED_OPEN.to_owned());
        }
        if self.draft.findings_total > 0 || self.vault.as_ref().is_some_and(|vault| !vault.is_empty()) {
            self.bench.wipe();
        }
        self.draft.close();
        after
    }

    async fn stopped(&mut self, stop: Stop, all_read: bool) -> After {
        let missed = self.client.conn.deadline.missed();
        let failure = match stop {
            Stop::ClientGone => {
                let gone = if missed.is_some() { Ending::TimedOut } else { Ending::ClientAborted };
                self.draft.ended = gone;
                return After::Cut;
            }
            Stop::Broken if self.draft.ended == Ending::TimedOut && !self.reply_begun => BROKE_OFF_LATE,
            Stop::Broken if !self.reply_begun => BROKE_OFF,
            Stop::Broken => {
                if self.draft.ended == Ending::Complete {
                    self.draft.ended = Ending::UpstreamAborted;
                }
                return After::Cut;
            }
            Stop::Own(own) => return self.answer_own(own, all_read).await,
            Stop::Answer(failure) => failure,
            Stop::Stale => Failure::upstream("the upstream closed the connection without a reply"),
            Stop::Lost => Failure::upstream("the upstream closed the connection inside the request"),
        };
        self.draft.error = Some(failure.kind.as_str());
        if matches!(failure.status, 408 | 504) {
            self.draft.ended = Ending::TimedOut;
        }
        if self.reply_begun {
            self.draft.ended = Ending::UpstreamAborted;
            return After::Cut;
        }
        // Behind a body that was not read to its end nobody can tell where the next request begins.
        let keep = self.peer.keep_alive && all_read && missed.is_none() && failure.status != 408;
        self.draft.status = failure.status;
        if failure.kind == ErrorKind::Overloaded {
            self.shard.metrics.overloaded.inc();
        }
        if self.answer(&failure, keep).await.is_err() {
            return After::Cut;
        }
        match (keep, all_read) {
            (true, _) => After::Keep,
            (false, true) => After::Close,
            (false, false) => After::Linger,
        }
    }

    /// Writes the gateway's own answer.
    async fn answer(&mut self, failure: &Failure, keep_alive: bool) -> Result<(), Stop> {
        let peer = Peer { keep_alive, ..self.peer };
        let head_only = self.method == Method::Head;
        let sites = Some(&self.snapshot.sites);
        write_failure(self.bench, failure, self.provider, peer, &self.draft.id.to_hex(), head_only, sites);
        self.flush().await
    }

    /// Writes what has been put together to the client.
    async fn flush(&mut self) -> Result<(), Stop> {
        if self.bench.out.is_empty() {
            self.bench.out.clear();
            return Ok(());
        }
        let patience = Patience { phase: Phase::ReplyWrite, gap: self.snapshot.timeouts.response_write_gap };
        let (bytes, range) = self.bench.out.take();
        let (result, bytes) = self.client.conn.write(bytes, range, patience).await;
        self.bench.out.restore(bytes);
        self.client.conn.deadline.disarm();
        result.map_err(|_| Stop::ClientGone)
    }

    /// Adds the time since the bytes in hand were read to what the gateway itself took.
    fn account(&mut self) {
        self.draft.added += micros(self.in_hand);
    }

    /// Whether the client's whole body has been received.
    fn has_all(&self) -> bool {
        self.upload.as_ref().is_none_or(|upload| upload.is_last(&self.client.conn))
    }
}

/// Puts an answer of the gateway itself into the bench's buffer.
pub(super) fn write_failure(
    bench: &mut Bench,
    failure: &Failure,
    provider: Provider,
    peer: Peer,
    id: &[u8; 32],
    head_only: bool,
    sites: Option<&Sites>,
) {
    let Bench { request, reply, out, .. } = bench;
    let mut body = Vec::with_capacity(256);
    failure.write_body(provider, &mut body);
    out.clear();
    reply.clear();
    reply.status = failure.status;
    reply.version = peer.version;
    let mut fields = vec![(&b"content-type"[..], &b"application/json"[..]), (head::REQUEST_ID, id)];
    fields.extend(failure.retry_after().map(|seconds| (&b"retry-after"[..], seconds)));
    for (name, value) in fields {
        // Fixed names and values of our own are always accepted.
        let _ = reply.fields.push(name, value);
    }
    if let Some(sites) = sites {
        sites.open_reply(&request.fields, &mut reply.fields);
    }
    if head_only {
        reply.fields.set_described_length(body.len() as u64);
        h1::write_response(reply, BodyLength::Empty, peer, out.tail());
    } else {
        h1::write_response(reply, BodyLength::Known(body.len() as u64), peer, out.tail());
        out.tail().extend_from_slice(&body);
    }
}

/// How pooled connections of `upstream` are kept.
fn keeping(snapshot: &Snapshot, upstream: &Upstream) -> super::pool::Keeping {
    super::pool::Keeping {
        most: snapshot.limits.idle_per_upstream,
        idle: upstream.timeouts.idle_pooled,
        age: upstream.timeouts.connection_age,
        slot: upstream.slot,
    }
}
