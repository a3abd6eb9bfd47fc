//! A future that is carried out to its end, also when whoever waits for it goes away.
//!
//! A caller that hangs up drops its connection, and with it what was being answered: between a verb and what must follow it, such
//! as the end of a grant whose spent refresh token was presented. Dropped unfinished, this future goes on as a task of its own;
//! finished in place, as nearly all are, it costs no task.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// See the module.
pub(super) struct ToItsEnd<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> ToItsEnd<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for ToItsEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for ToItsEnd<T> {
    fn drop(&mut self) {
        if let (Some(unfinished), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(unfinished);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_dropped_unfinished_goes_on() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let mut future = Box::pin(ToItsEnd::new(async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        }));
        assert!(poll_once(&mut future).await.is_pending());
        drop(future);
        go.send(()).unwrap();
        assert_eq!(is_done.await, Ok(7));
    }

    #[tokio::test]
    async fn what_is_finished_is_finished_once() {
        assert_eq!(ToItsEnd::new(async { 7 }).await, 7);
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
    }
}
