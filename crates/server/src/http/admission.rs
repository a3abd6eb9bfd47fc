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
use http::Request;
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
        if request.body().is_end_stream() {
            place.come();
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
    fn come(&self) {
        if !self.has_come.swap(true, Ordering::Relaxed) {
            self.in_hand.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if *self.has_come.get_mut() {
            self.in_hand.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

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
        if frame.is_none() {
            self.place.come();
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

    fn whole() -> Request<Body> {
        Request::new(Body::empty())
    }

    #[tokio::test]
    async fn a_request_counts_from_the_end_of_its_body_to_its_answer() {
        let admission = Admission::default();
        let (request, place) = admission.admit(Request::new(Body::from("a=b"))).unwrap();
        assert_eq!(admission.in_hand(), 0, "it is still coming");
        assert_eq!(body::read(request.into_body()).await.unwrap(), "a=b");
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
