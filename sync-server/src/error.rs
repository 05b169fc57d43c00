//! The one error that the API answers with, and the one table of its codes.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request was not served; nothing was changed by it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The body cannot be read as what it should be.
    #[error("the body is not a valid message")]
    Malformed,
    /// The message is of a version that this server does not speak.
    #[error("this version of the protocol is not spoken here")]
    UnknownVersion,
    /// The body has another media type.
    #[error("send application/octet-stream")]
    MediaType,
    /// The body is too large.
    #[error("the body is larger than the limit")]
    TooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    Timeout,
    /// No such device, or a wrong secret.
    #[error("the device is not known or its secret is wrong")]
    UnknownDevice,
    /// The device may not come back.
    #[error("the device was revoked")]
    DeviceRevoked,
    /// The person behind the device is not active any more.
    #[error("the person is not active")]
    PersonInactive,
    /// The invitation does not exist, has run out or was used by another device.
    #[error("the invitation is not valid; ask for a new one")]
    InvitationRefused,
    /// Too many wrong codes.
    #[error("too many attempts; wait ten minutes")]
    TooManyAttempts,
    /// The person may not see this.
    #[error("not allowed for this person")]
    NotAllowed,
    /// The number of the batch was used for other bytes.
    #[error("this batch number was used for other content")]
    BatchDiffers,
    /// No such path.
    #[error("no such path")]
    UnknownPath,
    /// The path exists, the method does not.
    #[error("no such method here")]
    UnknownMethod,
    /// The disk is full.
    #[error("the server has no room left")]
    StorageFull,
    /// The database is busy.
    #[error("the server is busy; try again")]
    Busy,
    /// A broken invariant, a panic or a failing disk.
    #[error("the server failed; the work is still on the device")]
    Internal,
}

/// How loud a refusal is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    /// Part of a normal day.
    Quiet,
    /// Worth a look when it happens often.
    Notice,
    /// Somebody has to act.
    Alarm,
}

impl ApiError {
    /// The table: code, status and loudness of each error. Codes are never used again for another
    /// meaning.
    #[must_use]
    pub const fn row(&self) -> (&'static str, StatusCode, Loudness) {
        use Loudness::{Alarm, Notice, Quiet};
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, Notice),
            Self::UnknownVersion => ("unknown_version", StatusCode::BAD_REQUEST, Notice),
            Self::MediaType => ("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, Notice),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, Notice),
            Self::Timeout => ("timeout", StatusCode::REQUEST_TIMEOUT, Quiet),
            Self::UnknownDevice => ("unknown_device", StatusCode::UNAUTHORIZED, Notice),
            Self::DeviceRevoked => ("device_revoked", StatusCode::FORBIDDEN, Notice),
            Self::PersonInactive => ("person_inactive", StatusCode::FORBIDDEN, Notice),
            Self::InvitationRefused => ("invitation_refused", StatusCode::FORBIDDEN, Notice),
            Self::TooManyAttempts => ("too_many_attempts", StatusCode::TOO_MANY_REQUESTS, Notice),
            Self::NotAllowed => ("not_allowed", StatusCode::FORBIDDEN, Notice),
            Self::BatchDiffers => ("batch_differs", StatusCode::CONFLICT, Notice),
            Self::UnknownPath => ("unknown_path", StatusCode::NOT_FOUND, Quiet),
            Self::UnknownMethod => ("unknown_method", StatusCode::METHOD_NOT_ALLOWED, Quiet),
            Self::StorageFull => ("storage_full", StatusCode::INSUFFICIENT_STORAGE, Alarm),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, Notice),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, Alarm),
        }
    }

    /// The fixed code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.row().0
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, status, loudness) = self.row();
        match loudness {
            Loudness::Quiet => tracing::debug!(code, "request refused"),
            Loudness::Notice => tracing::info!(code, "request refused"),
            Loudness::Alarm => tracing::error!(code, "request failed"),
        }
        let body = serde_json::json!({ "code": code, "detail": self.to_string() }).to_string();
        (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(|e| e.code())
            .unwrap_or_default();
        // SQLite: 13 is a full disk; 5 and 6, and their extended codes, are a lock held elsewhere.
        let primary = code.parse::<u32>().map_or(0, |number| number & 0xff);
        tracing::warn!(%error, "database");
        match primary {
            13 => Self::StorageFull,
            5 | 6 => Self::Busy,
            _ if matches!(error, sqlx::Error::PoolTimedOut) => Self::Busy,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_answers_its_code_and_an_explanation_as_json() {
        let response = ApiError::TooLarge.into_response();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let body = axum::body::to_bytes(response.into_body(), 1024)
            .await
            .expect("body");
        let json: serde_json::Value = serde_json::from_slice(&body).expect("json");
        assert_eq!(json["code"], "too_large");
        assert!(json["detail"].as_str().is_some_and(|text| !text.is_empty()));
    }
}
