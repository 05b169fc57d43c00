//! A connection that gives up when no byte moves for too long, in either direction.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Wraps a connection with a limit on silence.
///
/// HTTP's own timers cover the head of a request; this one covers all the rest: a client that never
/// says a word, one that stops in the middle of a body, one that does not take its answer.
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    inner: S,
    silence: Pin<Box<Sleep>>,
    limit: Duration,
}

impl<S> Guarded<S> {
    /// Allows `first` before the first byte and `limit` between two after that.
    pub(crate) fn new(inner: S, first: Duration, limit: Duration) -> Self {
        Self {
            inner,
            silence: Box::pin(tokio::time::sleep(first)),
            limit,
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
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buffer);
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
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn silence_ends_the_connection_and_bytes_prolong_it() {
        let (mut client, server) = tokio::io::duplex(64);
        let limit = Duration::from_millis(40);
        let mut guarded = Guarded::new(server, limit, limit);
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
}
