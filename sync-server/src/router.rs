//! All routes on one screen: the API under `/api/`, health, and the app's files for the rest.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use domain::id::DeviceId;
use domain::sync::message::Secret;
use domain::sync::signed::DeviceHead;
use sqlx::SqliteConnection;
use tower_http::catch_panic::CatchPanicLayer;

use crate::album::Album;
use crate::brake::JoinBrake;
use crate::budget::{Budget, Pool};
use crate::clock::Clock;
use crate::error::ApiError;
use crate::files::AppFiles;
use crate::headers;
use crate::news::News;
use crate::parts::Parts;
use crate::route::{exchange, health, news, overview, parts, photo};
use crate::scope::{Scope, Scopes};
use crate::store::Store;
use crate::store::device::{self, Device};
use crate::store::usage::Quotas;
use crate::turns::Turns;

/// What every request may use.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The database.
    pub(crate) store: Store,
    /// What is taken for the time.
    pub(crate) clock: Clock,
    /// The app's files; none when only the API is served.
    pub(crate) files: Option<AppFiles>,
    /// Scopes of people, worked out.
    pub(crate) scopes: Scopes,
    /// The brake on guessing codes.
    pub(crate) brake: JoinBrake,
    /// How much may be buffered, for whom.
    pub(crate) budget: Budget,
    /// Who reads the database for an answer, by device.
    pub(crate) looks: Pool<DeviceHead>,
    /// What was cut on the way.
    pub(crate) parts: Parts,
    /// Whose batch is worked on next.
    pub(crate) turns: Turns,
    /// How much one device may bring in a day.
    pub(crate) quotas: Quotas,
    /// Who listens for news.
    pub(crate) news: News,
    /// The pictures.
    pub(crate) album: Album,
    /// The code with which devices of this machine join the bench station.
    pub(crate) bench_join: Option<String>,
    /// Entries in scope from which on a first load comes in frames.
    pub(crate) frames_from: u64,
}

impl Shared {
    /// The one way from a device's secret to what its person may see.
    ///
    /// # Errors
    /// When there is no such device, or it may not come in.
    pub(crate) async fn admit(
        &self,
        db: &mut SqliteConnection,
        (device, secret): (DeviceId, &Secret),
    ) -> Result<(Device, Arc<Scope>), ApiError> {
        let device = device::find(db, device, &secret.0).await?;
        let scope = self.scopes.of(db, &device).await?;
        Ok((device, scope))
    }
}

/// The server's routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let routes = Router::new()
        .route(
            "/api/v1/exchange",
            post(exchange::answer).fallback(unknown_method),
        )
        .route(
            "/api/v1/overview",
            post(overview::outdated).fallback(unknown_method),
        )
        .route(
            "/api/v2/overview",
            post(overview::answer).fallback(unknown_method),
        )
        .route(
            "/api/v1/parts/{id}",
            get(parts::answer).fallback(unknown_method),
        )
        .route("/api/v1/news", post(news::answer).fallback(unknown_method))
        .route(
            "/api/v1/photos",
            post(photo::arrived).fallback(unknown_method),
        )
        .route(
            "/api/v1/photos/{hash}",
            get(photo::answer)
                .head(photo::held)
                .patch(photo::append)
                .fallback(unknown_method),
        )
        .route("/health", get(health::answer).fallback(unknown_method))
        .route("/api", axum::routing::any(unknown_path))
        .route("/api/{*rest}", axum::routing::any(unknown_path))
        .fallback(file);
    guarded(routes).with_state(shared)
}

/// What holds for every answer, whatever gave it.
fn guarded<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(map_response(headers::put))
}

async fn unknown_method() -> ApiError {
    ApiError::UnknownMethod
}

async fn unknown_path() -> ApiError {
    ApiError::UnknownPath
}

async fn file(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match &shared.files {
        Some(files) => files.answer(request.method(), request.uri().path(), request.headers()),
        None => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

/// A panic ends its own request and no other. Where it was is in the log (`logging`); what it
/// said is not, because that may quote a record.
fn panicked(_said: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::Internal.into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::Service as _;

    use super::*;

    async fn boom() -> Response {
        panic!("for a test")
    }

    #[tokio::test]
    async fn ac21_a_panic_is_answered_with_the_fixed_headers() {
        let mut routes = guarded(Router::new().route("/", get(boom)));
        let request = Request::new(Body::empty());
        let answer = routes.call(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        for name in ["x-content-type-options", "content-security-policy"] {
            assert!(answer.headers().contains_key(name), "{name}");
        }
    }
}
