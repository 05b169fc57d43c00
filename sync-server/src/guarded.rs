//! A connection that gives up when no byte moves for too long, in either direction, and that is read
//! slowly once it has brought too much that nobody asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::pace::Allowance;

/// Wraps a connection with a limit on silence.
///
/// HTTP's own timers cover the head of a request; this one covers all the rest: a client that never
/// says a word, one that stops in the middle of a body, one that does not take its answer.
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    inner: S,
    silence: Pin<Box<Sleep>>,
    limit: Duration,
    /// None where no limit holds for what it brings.
    allowance: Option<Allowance>,
    /// Until when nothing more is read.
    rest: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    /// Allows `first` before the first byte and `limit` between two after that.
    pub(crate) fn new(
        inner: S,
        (first, limit): (Duration, Duration),
        allowance: Option<Allowance>,
    ) -> Self {
        Self {
            inner,
            silence: Box::pin(tokio::time::sleep(first)),
            limit,
            allowance,
            rest: None,
        }
    }

    fn settle<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            let next = Instant::now() + self.limit;
            self.silence.as_mut().reset(next);
            return outcome;
        }
        match self.silence.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(rest) = &mut self.rest {
            if rest.as_mut().poll(cx).is_pending() {
                return self.settle(cx, Poll::Pending);
            }
            self.rest = None;
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        if let Some(allowance) = &self.allowance
            && let Some(until) = allowance.came(came, Instant::now())
        {
            self.rest = Some(Box::pin(tokio::time::sleep_until(until)));
        }
        self.settle(cx, outcome)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.settle(cx, outcome)
    }

    /// Without this a whole file would be copied into one buffer before it is sent.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, pieces);
        self.settle(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush that is ready at once is no sign of life of the other side.
        match Pin::new(&mut self.inner).poll_flush(cx) {
            Poll::Pending => self.settle(cx, Poll::Pending),
            ready @ Poll::Ready(_) => ready,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_shutdown(cx) {
            Poll::Pending => self.settle(cx, Poll::Pending),
            ready @ Poll::Ready(_) => ready,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::limits;
    use crate::pace::Paces;
    use crate::prefix::Prefix;

    #[tokio::test]
    async fn silence_ends_the_connection_and_bytes_prolong_it() {
        let (mut client, server) = tokio::io::duplex(64);
        let limit = Duration::from_millis(40);
        let mut guarded = Guarded::new(server, (limit, limit), None);
        client.write_all(b"x").await.expect("write");
        let mut buffer = [0; 1];
        guarded
            .read_exact(&mut buffer)
            .await
            .expect("the byte arrives");
        let error = guarded
            .read_exact(&mut buffer)
            .await
            .expect_err("nothing more comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn pr17_a_stranger_that_has_said_enough_is_read_slowly() {
        let (mut client, server) = tokio::io::duplex(4_096);
        let here = Prefix::of("10.0.1.1".parse().expect("an address"));
        let limit = limits::CONNECTION_IDLE_TIMEOUT;
        let allowance = Some(Paces::default().allow(here));
        let mut guarded = Guarded::new(server, (limit, limit), allowance);
        let talking =
            tokio::spawn(async move { while client.write_all(&[0; 1_024]).await.is_ok() {} });
        let begun = Instant::now();
        let mut buffer = vec![0; limits::UNASKED_BYTES_MAX];
        guarded.read_exact(&mut buffer).await.expect("read at once");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        guarded.read_exact(&mut buffer).await.expect("read slowly");
        let took = begun.elapsed().as_secs_f64();
        assert!((1.8..2.2).contains(&took), "{took}");
        talking.abort();
    }
}
