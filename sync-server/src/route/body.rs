//! Reading bodies: the first bytes of one, the rest once its sender is known, all of it at a pace that
//! is no slower than a bad line.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Version, header};
use domain::sync::message::HEAD_BYTES_MAX;
use tokio::time::{Instant, timeout_at};

use super::BINARY;
use crate::error::ApiError;
use crate::limits;
use crate::peer::{Door, Stranger};
use crate::router::Shared;

/// A body on its way.
pub(crate) struct Inflow {
    body: Body,
    /// Its first bytes.
    kept: Vec<u8>,
    /// What came together with them and has no room among them.
    over: Bytes,
    is_whole: bool,
    announced: Option<usize>,
    max: usize,
    pace: Pace,
    lingers: bool,
}

impl Inflow {
    /// A binary body of at most `max` bytes, of which nothing is read yet.
    ///
    /// # Errors
    /// When its type or the length that it announces is wrong.
    pub(crate) fn of(request: Request, max: usize) -> Result<Self, ApiError> {
        let media = request.headers().get(header::CONTENT_TYPE);
        let is_wrong = media.is_some_and(|media| media.as_bytes() != BINARY.as_bytes());
        // Over HTTP/2 a refusal ends the one request alone, and its reason arrives.
        let lingers = request.version() < Version::HTTP_2;
        let body = request.into_body();
        let size = body.size_hint();
        let announced = size.exact().and_then(|size| usize::try_from(size).ok());
        let coming = Self {
            body,
            kept: Vec::new(),
            over: Bytes::new(),
            is_whole: false,
            announced,
            max,
            pace: Pace::begin(),
            lingers,
        };
        if is_wrong {
            return Err(coming.refused(ApiError::MediaType));
        }
        if size.lower() > u64::try_from(max).unwrap_or(u64::MAX) {
            return Err(coming.refused(ApiError::TooLarge));
        }
        Ok(coming)
    }

    /// Reads the first bytes, or the whole of a short body.
    ///
    /// # Errors
    /// When they do not come in time.
    pub(crate) async fn begin(&mut self) -> Result<(), ApiError> {
        self.pace = Pace::first();
        while self.kept.len() < HEAD_BYTES_MAX {
            let Some(mut piece) = self.pace.next(&mut self.body).await? else {
                self.is_whole = true;
                break;
            };
            let room = HEAD_BYTES_MAX.saturating_sub(self.kept.len());
            self.over = piece.split_off(room.min(piece.len()));
            self.kept.extend_from_slice(&piece);
        }
        if self.kept.len() + self.over.len() > self.max {
            return Err(ApiError::TooLarge);
        }
        self.is_whole |= self.over.is_empty() && self.body.is_end_stream();
        Ok(())
    }

    /// What was read so far.
    pub(crate) fn first(&self) -> &[u8] {
        &self.kept
    }

    /// Whether that is all.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// How many bytes it will have at most.
    pub(crate) fn most(&self) -> usize {
        if self.is_whole {
            return self.kept.len();
        }
        self.announced.unwrap_or(self.max).min(self.max)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// When it is too large or does not come in time.
    pub(crate) async fn rest(mut self) -> Result<Vec<u8>, ApiError> {
        let mut bytes = std::mem::take(&mut self.kept);
        bytes.reserve_exact(self.most().saturating_sub(bytes.len()));
        bytes.extend_from_slice(&std::mem::take(&mut self.over));
        self.pace = Pace::begin();
        while !self.is_whole {
            let Some(piece) = self.pace.next(&mut self.body).await? else {
                break;
            };
            if bytes.len() + piece.len() > self.max {
                return Err(self.refused(ApiError::TooLarge));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Lets the body go. A client that still sends while its connection is closed would never read
    /// why, so over HTTP/1 what comes is thrown away for a while, and slowly.
    pub(crate) fn refused(self, error: ApiError) -> ApiError {
        if self.lingers && !self.is_whole && !self.body.is_end_stream() {
            tokio::spawn(discard(self.body));
        }
        error
    }
}

async fn discard(mut body: Body) {
    let end = Instant::now() + limits::LINGER_TIMEOUT;
    let mut left = limits::EXCHANGE_BODY_BYTES_MAX;
    let mut at_once = limits::LINGER_BYTES;
    while let Ok(Ok(Some(piece))) = timeout_at(end, next(&mut body)).await {
        if piece.len() > left {
            return;
        }
        left -= piece.len();
        at_once = match at_once.checked_sub(piece.len()) {
            Some(rest) => rest,
            None => {
                tokio::time::sleep(limits::LINGER_PAUSE).await;
                limits::LINGER_BYTES
            }
        };
    }
}

/// How fast a body has to come.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When it has to be whole.
    end: Instant,
    /// When it has to have brought a few bytes more, or to be whole.
    soon: Instant,
    /// How long that is.
    pause: Duration,
    bytes: usize,
}

impl Pace {
    /// For a whole body.
    pub(crate) fn begin() -> Self {
        Self::within(limits::BODY_TIMEOUT, limits::BODY_PAUSE_TIMEOUT)
    }

    /// For the first bytes of one.
    fn first() -> Self {
        Self::within(limits::FIRST_BYTES_TIMEOUT, limits::FIRST_BYTES_TIMEOUT)
    }

    fn within(time: Duration, pause: Duration) -> Self {
        let now = Instant::now();
        Self {
            end: now + time,
            soon: now + pause,
            pause,
            bytes: 0,
        }
    }

    /// The next bytes of the body; none at its end.
    ///
    /// # Errors
    /// [`ApiError::TooSlow`] when too few came for too long.
    pub(crate) async fn next(&mut self, body: &mut Body) -> Result<Option<Bytes>, ApiError> {
        let piece = timeout_at(self.end.min(self.soon), next(body)).await;
        let piece = piece.map_err(|_| ApiError::TooSlow)??;
        self.bytes += piece.as_ref().map_or(0, Bytes::len);
        if self.bytes >= limits::BODY_BYTES_MIN {
            self.bytes = 0;
            self.soon = Instant::now() + self.pause;
        }
        Ok(piece)
    }
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, ApiError> {
    loop {
        match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(ApiError::Malformed),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

/// A small body that was read whole, with the room that it takes.
#[derive(Debug)]
pub(crate) struct Small {
    pub(crate) bytes: Vec<u8>,
    _room: Stranger,
}

/// Reads a body of at most `max` bytes that tells itself who sends it.
///
/// # Errors
/// When there is no room for it, or it is too large or too slow.
pub(crate) async fn small(
    shared: &Shared,
    door: &Door,
    request: Request,
    max: usize,
) -> Result<Small, ApiError> {
    let coming = Inflow::of(request, max)?;
    let room = coming.most() + limits::HTTP2_FRAME_BYTES;
    match door.stranger(&shared.budget, room).await {
        Err(error) => Err(coming.refused(error)),
        Ok(room) => Ok(Small {
            bytes: coming.rest().await?,
            _room: room,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// A body that brings a byte every millisecond, without an end.
    struct Trickle(tokio::time::Interval);

    impl HttpBody for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let tick = self.0.poll_tick(cx);
            tick.map(|_| Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    const MAX: usize = limits::EXCHANGE_BODY_BYTES_MAX;

    #[tokio::test]
    async fn pr8_a_body_that_trickles_is_dropped_however_long_it_may_take() {
        let every = tokio::time::interval(Duration::from_millis(1));
        let mut body = Body::new(Trickle(every));
        let mut pace = Pace::within(Duration::from_secs(3_600), Duration::from_millis(200));
        let ended = loop {
            match pace.next(&mut body).await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        };
        assert_eq!(ended, Err(ApiError::TooSlow));
    }

    #[test]
    fn pr8_a_line_of_9_6_kbit_is_fast_enough_and_half_a_minute_of_silence_is_not() {
        let seconds = usize::try_from(limits::BODY_PAUSE_TIMEOUT.as_secs()).expect("few");
        assert!(limits::BODY_BYTES_MIN < seconds * 9_600 / 8 / 4);
        assert!(seconds <= 30);
        let first = usize::try_from(limits::FIRST_BYTES_TIMEOUT.as_secs()).expect("few");
        assert!(HEAD_BYTES_MAX < first * 9_600 / 8 / 4);
    }

    #[tokio::test]
    async fn pr4_no_more_than_the_first_bytes_are_kept_until_the_rest_is_asked_for() {
        let whole = Request::new(Body::from(vec![7; 600_000]));
        let mut coming = Inflow::of(whole, MAX).expect("coming");
        assert_eq!(coming.most(), 600_000);
        coming.begin().await.expect("begins");
        assert_eq!(coming.first().len(), HEAD_BYTES_MAX);
        assert!(!coming.is_whole());
        assert_eq!(coming.rest().await.expect("the rest").len(), 600_000);
        let mut short = Inflow::of(Request::new(Body::from("abc")), MAX).expect("coming");
        short.begin().await.expect("begins");
        assert!(short.is_whole() && short.most() == 3);
        assert_eq!(short.rest().await.expect("the rest"), b"abc");
    }
}
