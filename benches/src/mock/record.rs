//! What was received, kept for the tests that ask: `GET /__mock/records[?id=ID]`, and files where a folder is given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Bytes kept in memory by default; the oldest records go first.
pub const DEFAULT_LIMIT: usize = 512 * 1024 * 1024;

/// One request as received, and what became of its reply.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Counts from 1 over the life of the process.
    pub seq: u64,
    /// Which connection, counted from 1: equal numbers mean reuse.
    pub connection: u64,
    /// Value of `x-mock-id`.
    pub id: String,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Method as written; empty for what was not HTTP.
    pub method: String,
    /// Request target as written.
    pub target: String,
    /// The head's bytes.
    pub head: Vec<u8>,
    /// The body's bytes on the wire.
    pub body: Vec<u8>,
    /// The body without chunk framing, content coding undone where known.
    pub payload: Vec<u8>,
    /// Whether the body's end was seen.
    pub complete: bool,
    /// What was wrong with it, if anything.
    pub error: String,
    /// Reply body before coding and framing.
    pub reply: Vec<u8>,
    /// `pending`, `sent`, `broken` (the peer went away), `cut` (ended by the scenario).
    pub reply_state: &'static str,
}

#[derive(Serialize)]
struct RecordDocument<'a> {
    seq: u64,
    connection: u64,
    id: &'a str,
    tls: bool,
    method: &'a str,
    target: &'a str,
    complete: bool,
    error: &'a str,
    reply_state: &'a str,
    head: String,
    body: String,
    payload: String,
    reply: String,
}

impl Record {
    fn size(&self) -> usize {
        self.head.len() + self.body.len() + self.payload.len() + self.reply.len() + 512
    }

    fn document(&self) -> RecordDocument<'_> {
        RecordDocument {
            seq: self.seq,
            connection: self.connection,
            id: &self.id,
            tls: self.tls,
            method: &self.method,
            target: &self.target,
            complete: self.complete,
            error: &self.error,
            reply_state: self.reply_state,
            head: STANDARD.encode(&self.head),
            body: STANDARD.encode(&self.body),
            payload: STANDARD.encode(&self.payload),
            reply: STANDARD.encode(&self.reply),
        }
    }
}

/// Keeps records, oldest dropped beyond a limit of bytes.
pub struct Recorder {
    kept: Mutex<(VecDeque<Record>, usize)>,
    limit: usize,
    folder: Option<PathBuf>,
    seq: AtomicU64,
    connections: AtomicU64,
}

impl Recorder {
    /// Keeps up to `limit` bytes; writes files into `folder` if given (it must exist).
    pub fn new(limit: usize, folder: Option<PathBuf>) -> Self {
        Self {
            kept: Mutex::new((VecDeque::new(), 0)),
            limit,
            folder,
            seq: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        }
    }

    /// Numbers a new connection.
    pub fn connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds a record and returns its number. Files: `SEQ.head`, `SEQ.body`.
    pub fn add(&self, mut record: Record) -> u64 {
        record.seq = self.seq.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(folder) = &self.folder {
            for (kind, bytes) in [("head", &record.head), ("body", &record.body)] {
                let path = folder.join(format!("{:06}.{kind}", record.seq));
                if let Err(e) = std::fs::write(&path, bytes) {
                    eprintln!("mock-provider: {}: {e}", path.display());
                }
            }
        }
        let seq = record.seq;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1 += record.size();
        kept.0.push_back(record);
        while kept.1 > self.limit && kept.0.len() > 1 {
            kept.1 -= kept.0.pop_front().map_or(0, |r| r.size());
        }
        seq
    }

    /// Says what became of a reply.
    pub fn finish(&self, seq: u64, reply: Option<Vec<u8>>, state: &'static str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (records, size) = &mut *kept;
        if let Some(record) = records.iter_mut().rev().find(|r| r.seq == seq) {
            record.reply_state = state;
            if let Some(reply) = reply {
                *size += reply.len();
                record.reply = reply;
            }
        }
    }

    /// The records as JSON, of one `x-mock-id` if given.
    pub fn json(&self, id: Option<&str>) -> Vec<u8> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = kept.0.iter().filter(|r| id.is_none_or(|id| r.id == id));
        let list: Vec<_> = wanted.map(Record::document).collect();
        serde_json::to_vec(&serde_json::json!({ "records": list })).unwrap_or_default()
    }

    /// Forgets the records, of one `x-mock-id` if given.
    pub fn clear(&self, id: Option<&str>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0.retain(|r| id.is_some_and(|id| r.id != id));
        kept.1 = kept.0.iter().map(Record::size).sum();
    }

    /// Counters as JSON: connections and requests so far.
    pub fn stats(&self) -> Vec<u8> {
        let connections = self.connections.load(Ordering::Relaxed);
        let requests = self.seq.load(Ordering::Relaxed);
        format!("{{\"connections\":{connections},\"requests\":{requests}}}").into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, size: usize) -> Record {
        Record { id: id.to_owned(), body: vec![7; size], ..Record::default() }
    }

    #[test]
    fn ids_do_not_mix_and_the_oldest_go_first() {
        let recorder = Recorder::new(5_000, None);
        for id in ["a", "b", "a"] {
            recorder.add(record(id, 1_000));
        }
        let count = |id: Option<&str>| -> usize {
            let doc: serde_json::Value = serde_json::from_slice(&recorder.json(id)).unwrap();
            doc["records"].as_array().unwrap().len()
        };
        assert_eq!((count(None), count(Some("a")), count(Some("b"))), (3, 2, 1));
        recorder.add(record("c", 1_000));
        assert_eq!((count(None), count(Some("a"))), (3, 1));
        recorder.clear(Some("a"));
        assert_eq!((count(None), count(Some("b"))), (2, 1));
        recorder.clear(None);
        assert_eq!(count(None), 0);
    }
}
