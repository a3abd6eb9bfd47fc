//! How many requests a realm has in hand at once: one more is answered 503 before anything is done for it.
//!
//! What comes faster than it can be answered would otherwise stand in line, each behind all others, until nobody waits for
//! the answers any more. A request is in hand once it has come whole: who sends a body a byte at a time takes no place.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{Method, Request};
use hyper::body::{Frame, SizeHint};

use super::reply::HttpFault;

/// Enough for a batch of the store that is being flushed and for the next one, and little enough that the last in line is answered
/// within some hundredths of a second.
pub(crate) const IN_HAND_MAX: usize = 512;

/// The count of a realm.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    in_hand: Arc<AtomicUsize>,
}

/// A request that was let in: until it is dropped, and from when it has come.
#[derive(Debug)]
pub(crate) struct Place {
    in_hand: Arc<AtomicUsize>,
    has_come: AtomicBool,
}

impl Admission {
    /// Lets a request in, or not. Its place is kept as long as the second value is.
    ///
    /// # Errors
    /// [`HttpFault::Overloaded`].
    pub(crate) fn admit(&self, request: Request<Body>) -> Result<(Request<Body>, Arc<Place>), HttpFault> {
        if self.in_hand.load(Ordering::Relaxed) >= IN_HAND_MAX {
            return Err(HttpFault::Overloaded);
        }
        let place = Arc::new(Place { in_hand: Arc::clone(&self.in_hand), has_come: AtomicBool::new(false) });
        // Nobody reads the body of these, so that its end would never be seen.
        let has_no_body = matches!(*request.method(), Method::GET | Method::HEAD) || request.body().is_end_stream();
        if has_no_body {
            place.come().map_err(|Full| HttpFault::Overloaded)?;
            return Ok((request, place));
        }
        let coming = Arc::clone(&place);
        Ok((request.map(|body| Body::new(Coming { body, place: coming })), place))
    }

    #[cfg(test)]
    fn in_hand(&self) -> usize {
        self.in_hand.load(Ordering::Relaxed)
    }
}

impl Place {
    /// The request is here: it takes its place, if there is one still.
    fn come(&self) -> Result<(), Full> {
        if self.has_come.load(Ordering::Relaxed) {
            return Ok(());
        }
        let one_more = |in_hand| (in_hand < IN_HAND_MAX).then_some(in_hand + 1);
        self.in_hand.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).map_err(|_| Full)?;
        self.has_come.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if *self.has_come.get_mut() {
            self.in_hand.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A request came whole, and found no place: those that came while it was on its way have taken them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests are in hand")]
pub(super) struct Full;

/// A body on its way; its end is when the request has come.
struct Coming {
    body: Body,
    place: Arc<Place>,
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none()
            && let Err(full) = self.place.come()
        {
            return Poll::Ready(Some(Err(axum::Error::new(full))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::super::body;
    use super::*;

    fn posted() -> Request<Body> {
        Request::post("/").body(Body::from("a=b")).unwrap()
    }

    fn whole() -> Request<Body> {
        Request::new(Body::empty())
    }

    #[tokio::test]
    async fn a_request_counts_from_the_end_of_its_body_to_its_answer() {
        let admission = Admission::default();
        let (request, place) = admission.admit(posted()).unwrap();
        assert_eq!(admission.in_hand(), 0, "it is still coming");
        assert_eq!(body::read(request.into_body()).await.unwrap(), "a=b");
        assert_eq!(admission.in_hand(), 1);
        drop(place);
        assert_eq!(admission.in_hand(), 0);
    }

    #[tokio::test]
    async fn requests_that_hold_back_their_last_byte_do_not_enter_together_beyond_the_limit() {
        let admission = Admission::default();
        let coming: Vec<_> = (0..=IN_HAND_MAX).map(|_| admission.admit(posted()).unwrap()).collect();
        let mut places = Vec::new();
        let mut turned_away = 0;
        for (request, place) in coming {
            match body::read(Request::into_body(request)).await {
                Ok(_) => places.push(place),
                Err(fault) => {
                    assert_eq!(fault, HttpFault::Overloaded);
                    turned_away += 1;
                }
            }
        }
        assert_eq!((places.len(), turned_away, admission.in_hand()), (IN_HAND_MAX, 1, IN_HAND_MAX));
        places.clear();
        assert_eq!(admission.in_hand(), 0);
    }

    #[test]
    fn a_request_whose_body_nobody_reads_counts_at_once() {
        let admission = Admission::default();
        let request = Request::get("/").body(Body::from("x")).unwrap();
        let (_request, place) = admission.admit(request).unwrap();
        assert_eq!(admission.in_hand(), 1);
        drop(place);
        assert_eq!(admission.in_hand(), 0);
    }

    #[test]
    fn one_request_beyond_the_limit_is_turned_away_and_room_is_made_again() {
        let admission = Admission::default();
        let mut places: Vec<_> = (0..IN_HAND_MAX).map(|_| admission.admit(whole()).unwrap().1).collect();
        assert_eq!(admission.admit(whole()).map(|_| ()), Err(HttpFault::Overloaded));
        places.pop();
        admission.admit(whole()).unwrap();
    }
}
