//! News: an answer that does not end, with a line for each time that something is new.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use domain::id::DeviceId;
use domain::sync::message::Secret;
use hyper::body::Frame;
use tokio::sync::{mpsc, oneshot};

use super::body;
use crate::error::ApiError;
use crate::limits;
use crate::news::Heard;
use crate::peer::Door;
use crate::router::Shared;
use crate::scope::Scope;

/// What keeps the connection from being taken for dead: a comment in the language of events.
const ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// Tells a device when another one brought something of its streams: `data: N`, the place in the
/// log, and nothing of what it is.
///
/// # Errors
/// When the device is not known, or too many listen.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, ApiError> {
    let door = Door::of(&request)?;
    let body = body::small(&shared, &door, request, limits::NEWS_BODY_BYTES).await?;
    let caller = caller(&body.bytes).ok_or(ApiError::Malformed)?;
    // Before the scope is read: what is committed after this is heard.
    let (lines, flow) = mpsc::channel(1);
    let (ready, took_place) = oneshot::channel();
    tokio::spawn(async move { listen(&shared, caller, lines, ready).await });
    took_place.await.map_err(|_| ApiError::Internal)??;
    door.prove(caller.0);
    let mut response = Response::new(Body::new(Flow(flow)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A device and its secret.
type Caller = (DeviceId, Secret);

fn caller(body: &[u8]) -> Option<Caller> {
    let (device, secret) = body.split_first_chunk::<16>()?;
    Some((DeviceId(*device), Secret(secret.try_into().ok()?)))
}

/// Listens until the client leaves, the server stops or the device is shut out.
async fn listen(
    shared: &Shared,
    caller: Caller,
    lines: mpsc::Sender<Bytes>,
    ready: oneshot::Sender<Result<(), ApiError>>,
) {
    let begun = async {
        // A stranger takes no place; whose rights end in between hears so.
        scope(shared, caller).await?;
        let listener = shared.news.listen(caller.0)?;
        Ok((listener, scope(shared, caller).await?))
    };
    let (mut listener, mut scope) = match begun.await {
        Ok(begun) => begun,
        Err(error) => {
            // A client that has left needs no reason.
            let _told = ready.send(Err(error));
            return;
        }
    };
    let mut line = ALIVE;
    if ready.send(Ok(())).is_err() {
        return;
    }
    loop {
        if lines.send(line).await.is_err() {
            return;
        }
        let wait = tokio::time::timeout(
            limits::NEWS_ALIVE_EVERY,
            listener.next(|unit| scope.holds(unit)),
        );
        let waited = tokio::select! {
            waited = wait => waited,
            () = lines.closed() => return,
        };
        let heard = match waited {
            Err(_) => {
                line = ALIVE;
                continue;
            }
            Ok(None) => return,
            Ok(Some(heard)) => heard,
        };
        // Whoever was shut out or moved meanwhile hears nothing more of the old streams.
        let Ok(now) = self::scope(shared, caller).await else {
            return;
        };
        scope = now;
        line = match heard {
            Heard::New(place) => Bytes::from(format!("data: {place}\n\n")),
            Heard::Rights => ALIVE,
        };
    }
}

async fn scope(shared: &Shared, (device, secret): Caller) -> Result<Arc<Scope>, ApiError> {
    let mut view = shared.store.view().await?;
    let (_, scope) = shared.admit(&mut view, (device, &secret)).await?;
    Ok(scope)
}

/// The lines as the body of an answer.
struct Flow(mpsc::Receiver<Bytes>);

impl HttpBody for Flow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
