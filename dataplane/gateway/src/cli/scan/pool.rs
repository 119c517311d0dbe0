//! Scans many sources on all cores and hands the findings over in the order of the sources.
//!
//! Each source has a channel of its own, and the channels are read one after the other: the order never depends on the
//! threads, and what waits is bounded. The source that is read was taken by a thread before all later ones, so that
//! thread is never held up.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use aegis_detect::{Confidence, Scanner};

use super::comments::VoidComment;
use super::finding::LocatedFinding;
use super::reader::{FileContent, SourceReader, Stopped, Unwanted};
use super::source::{Source, SourceName};

/// Sources that may be scanned or wait for their turn, for each thread.
const AHEAD: usize = 64;
/// Findings handed over at once.
const BATCH: usize = 256;
/// Batches of one source that may wait.
const BATCHES: usize = 2;

/// What comes of a source.
pub(super) enum ScanEvent {
    /// Findings, in their order.
    Findings(Vec<LocatedFinding>),
    /// A comment in it passes over nothing.
    Void(VoidComment),
    /// The source was read to its end.
    Done(FileContent),
    /// It could not be read.
    Failed(io::Error),
}

/// What the walk hands to the reader of results, in order.
pub(super) enum Turn {
    /// A source that is being scanned.
    Source { name: SourceName, events: Receiver<ScanEvent> },
    /// Something that cannot be walked.
    Problem(String),
}

struct ScanTask {
    source: Source,
    events: SyncSender<ScanEvent>,
}

/// The way into the pool.
pub(super) struct TaskQueue {
    tasks: SyncSender<ScanTask>,
    turns: SyncSender<Turn>,
}

impl TaskQueue {
    /// Queues a source; `name` is what it is called in reports.
    pub(super) fn scan(&self, name: SourceName, source: Source) -> Result<(), Unwanted> {
        let (sender, events) = sync_channel(BATCHES);
        self.turns.send(Turn::Source { name, events }).map_err(|_| Unwanted)?;
        self.tasks.send(ScanTask { source, events: sender }).map_err(|_| Unwanted)
    }

    /// Reports something in its place among the results.
    pub(super) fn problem(&self, what: String) -> Result<(), Unwanted> {
        self.turns.send(Turn::Problem(what)).map_err(|_| Unwanted)
    }
}

/// Starts a thread for each scanner; they end when the queue is dropped, or the exit.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    scanners: Vec<Scanner>,
    least: Confidence,
) -> (TaskQueue, Receiver<Turn>) {
    let ahead = scanners.len() * AHEAD;
    let (turns, exit) = sync_channel(ahead);
    let (tasks, queue) = sync_channel(ahead);
    let queue = Arc::new(Mutex::new(queue));
    for scanner in scanners {
        let queue = Arc::clone(&queue);
        scope.spawn(move || work(&mut SourceReader::new(scanner, least), &queue));
    }
    (TaskQueue { tasks, turns }, exit)
}

fn work(reader: &mut SourceReader, queue: &Mutex<Receiver<ScanTask>>) {
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(ScanTask { source, events }) = task else { return };
        let lines = source.lines();
        let mut batch = Vec::new();
        let mut found = |finding: LocatedFinding| {
            if lines.has_any_between(finding.start.line, finding.end.line) {
                batch.push(finding);
            }
            if batch.len() < BATCH {
                return Ok(());
            }
            events.send(ScanEvent::Findings(std::mem::take(&mut batch))).map_err(|_| Unwanted)
        };
        let ended = match source.open() {
            Ok(mut bytes) => reader.scan(&mut bytes, &mut found),
            Err(error) => Err(error.into()),
        };
        let last = match ended {
            Ok(content) => ScanEvent::Done(content),
            Err(Stopped::Unreadable(error)) => ScanEvent::Failed(error),
            Err(Stopped::Unwanted) => return,
        };
        for comment in reader.void.drain(..) {
            let counts = lines.has_any_between(comment.line, comment.line);
            if counts && events.send(ScanEvent::Void(comment)).is_err() {
                return;
            }
        }
        let sent = if batch.is_empty() { Ok(()) } else { events.send(ScanEvent::Findings(batch)) };
        if sent.and_then(|()| events.send(last)).is_err() {
            return;
        }
    }
}
