//! Keeps a panic inside the task it happened in.
//!
//! monoio lets a panic unwind through the shard's loop, which would end every other connection. Here the task is
//! dropped and its connection closed with it; what it had not sent yet is never sent.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is ready with false if the wrapped one has panicked, and with true when that has ended.
pub(crate) struct CatchUnwind<F>(Option<Pin<Box<F>>>);

impl<F: Future<Output = ()>> CatchUnwind<F> {
    /// Wraps `future`.
    pub(crate) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<F: Future<Output = ()>> Future for CatchUnwind<F> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(future) = self.0.as_mut() else { return Poll::Ready(true) };
        // What a panic leaves half done is dropped with the future; shared state of the shard is only touched in
        // sections that cannot panic, or is rebuilt (the scanner's scratch).
        let Ok(polled) = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) else {
            let broken = self.0.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
            return Poll::Ready(false);
        };
        if polled.is_ready() {
            self.0 = None;
        }
        polled.map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_panic_is_an_outcome() {
        let mut cx = Context::from_waker(Waker::noop());
        let mut broken = CatchUnwind::new(async { panic!("on purpose") });
        assert_eq!(Pin::new(&mut broken).poll(&mut cx), Poll::Ready(false));
        let mut sound = CatchUnwind::new(async {});
        assert_eq!(Pin::new(&mut sound).poll(&mut cx), Poll::Ready(true));
    }
}
