//! A bounded queue of log lines between those who log and the one thread that writes.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::waiting::wait_until;

/// Lines that may wait; more are dropped.
const CAPACITY: usize = 4_096;

/// How often a flush looks whether all is written.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
struct Counts {
    /// Lines in the queue, and the one being written.
    waiting: AtomicUsize,
    /// Lines that did not fit, or could not be written.
    dropped: AtomicU64,
}

/// The end of those who log. Each write is one line, and never waits.
#[derive(Debug, Clone)]
pub(super) struct LineQueue {
    lines: SyncSender<Vec<u8>>,
    counts: Arc<Counts>,
}

/// The end of the thread that writes.
#[derive(Debug)]
pub(super) struct LineReceiver {
    lines: Receiver<Vec<u8>>,
    counts: Arc<Counts>,
}

impl LineQueue {
    /// Returns both ends of an empty queue.
    pub(super) fn new() -> (LineQueue, LineReceiver) {
        let (sender, receiver) = sync_channel(CAPACITY);
        let counts = Arc::<Counts>::default();
        (LineQueue { lines: sender, counts: Arc::clone(&counts) }, LineReceiver { lines: receiver, counts })
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.counts.dropped.load(Relaxed)
    }

    /// Waits until no line waits, at most `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        wait_until(limit, POLL_INTERVAL, || self.counts.waiting.load(Acquire) == 0);
    }
}

impl Write for LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.counts.waiting.fetch_add(1, Relaxed);
        if self.lines.try_send(line.to_vec()).is_err() {
            self.counts.waiting.fetch_sub(1, Relaxed);
            self.counts.dropped.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LineReceiver {
    /// Writes lines to `out` as they come, for as long as somebody may log.
    pub(super) fn write_all(self, mut out: impl Write) {
        for line in self.lines {
            if out.write_all(&line).is_err() {
                self.counts.dropped.fetch_add(1, Relaxed);
            }
            self.counts.waiting.fetch_sub(1, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let (mut queue, lines) = LineQueue::new();
        let (near, far) = UnixStream::pair().unwrap();
        let writer = thread::spawn(move || lines.write_all(near));
        for number in 0..3 {
            queue.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        LineQueue::flush(&queue, Duration::from_secs(10));
        drop(queue);
        writer.join().unwrap();
        assert_eq!(io::read_to_string(far).unwrap(), "0\n1\n2\n");
    }

    #[test]
    fn beyond_its_capacity_lines_are_dropped_and_counted() {
        let (mut queue, lines) = LineQueue::new();
        for number in 0..=CAPACITY {
            queue.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        assert_eq!(queue.dropped(), 1);
        let counts = queue.clone();
        drop(queue);
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        let writer = thread::spawn(move || lines.write_all(near));
        LineQueue::flush(&counts, Duration::from_secs(10));
        assert_eq!(counts.dropped(), 1 + CAPACITY as u64, "nobody reads: what fails is counted, too");
        drop(counts);
        writer.join().unwrap();
    }

    #[test]
    fn who_logs_and_who_flushes_does_not_wait_for_a_reader() {
        let (mut queue, lines) = LineQueue::new();
        let (near, _far) = UnixStream::pair().unwrap();
        thread::spawn(move || lines.write_all(near));
        while queue.dropped() == 0 {
            queue.write_all(&[b'x'; 1_024]).unwrap();
        }
        LineQueue::flush(&queue, Duration::from_millis(1));
    }
}
