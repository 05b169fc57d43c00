//! The one error that the API answers with, and the one table of its codes.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::sync::message::{ErrorCode, MessageError};

use crate::{limits, logging, store};

/// Whether the log says that the database file is damaged: it does so once, not for each request.
static TOLD_OF_DAMAGE: AtomicBool = AtomicBool::new(false);

/// Why a request was not served; nothing was changed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The body cannot be read as what it should be.
    #[error("the body is not a valid message")]
    Malformed,
    /// The message is of a version that this server does not speak.
    #[error("this version of the protocol is not spoken here")]
    OtherVersion,
    /// The body has another media type.
    #[error("send application/octet-stream")]
    MediaType,
    /// The body is too large.
    #[error("the body is larger than the limit")]
    TooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// No such device, or a wrong secret.
    #[error("the device is not known or its secret is wrong")]
    UnknownDevice,
    /// The signature is of no key that the server knows, or is missing.
    #[error("the signature is missing, wrong, or of a key that is not known; enrol the key")]
    UnknownKey,
    /// The device has a key, and nothing vouches for another one.
    #[error("nothing vouches for this key: ask for an invitation for this device")]
    KeyLocked,
    /// The device has as many keys as it may have.
    #[error("the device has as many keys as it may have: revoke it and invite its person anew")]
    TooManyKeys,
    /// The device or its person was shut out.
    #[error("the device was shut out")]
    Revoked,
    /// No such invitation.
    #[error("the invitation code is not known")]
    UnknownCode,
    /// The invitation was used by another device.
    #[error("the invitation code was used by another device")]
    UsedCode,
    /// The invitation is too old, or was cancelled.
    #[error("the invitation code is too old or was cancelled")]
    ExpiredCode,
    /// Too many wrong codes.
    #[error("too many attempts; wait some minutes")]
    TooMany,
    /// The device brought as much as it may in a day.
    #[error("the device brought as much as it may in a day; it keeps the rest and goes on then")]
    Quota {
        /// Seconds until it may go on.
        wait_s: u32,
    },
    /// Other batches of the device wait for their turn.
    #[error("other batches of this device are being worked on; wait")]
    Queue,
    /// There is no room to buffer the request.
    #[error("too many requests at the moment; come again in some seconds")]
    Crowded,
    /// The person may not see this.
    #[error("not allowed for this person")]
    NotAllowed,
    /// A unit below the village, or a period that is not over or no whole weeks.
    #[error("counts are given of villages and whole weeks that are over, of nothing smaller")]
    TooFine,
    /// The number of the batch was used for other bytes.
    #[error("this batch number was used for other content")]
    BatchDiffers,
    /// The batch follows changes that are not here.
    #[error("the batch follows changes that are not here; send it with full names")]
    UnknownChanges,
    /// A piece of a request does not begin where the request ends so far.
    #[error("the piece does not begin where the request ends; ask how much has come")]
    WrongOffset,
    /// A piece of a photo, or the whole of it, is not what its hash says.
    #[error("the bytes are not what their hash says; ask how much has come")]
    Checksum,
    /// Bytes that should be a photo are none.
    #[error("send JPEG or WebP")]
    NotAPhoto,
    /// No such path.
    #[error("no such path")]
    UnknownPath,
    /// The path exists, the method does not.
    #[error("no such method here")]
    UnknownMethod,
    /// The disk is full.
    #[error("the server has no room left")]
    NoRoom,
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
    /// The table: code, status and loudness of each error. The codes are those of the protocol and
    /// never get another meaning.
    #[must_use]
    pub const fn row(&self) -> (ErrorCode, StatusCode, Loudness) {
        use Loudness::{Alarm, Notice, Quiet};
        match self {
            Self::Malformed => (ErrorCode::BadRequest, StatusCode::BAD_REQUEST, Notice),
            Self::MediaType => (
                ErrorCode::BadRequest,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Notice,
            ),
            Self::BatchDiffers => (ErrorCode::BadRequest, StatusCode::CONFLICT, Notice),
            Self::UnknownChanges => (ErrorCode::Unknown, StatusCode::CONFLICT, Notice),
            Self::WrongOffset => (ErrorCode::BadRequest, StatusCode::CONFLICT, Quiet),
            Self::Checksum => (ErrorCode::Checksum, StatusCode::UNPROCESSABLE_ENTITY, Quiet),
            Self::NotAPhoto => (
                ErrorCode::NotAPhoto,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Notice,
            ),
            Self::OtherVersion => (ErrorCode::OtherVersion, StatusCode::BAD_REQUEST, Notice),
            Self::TooLarge => (ErrorCode::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, Notice),
            Self::TooSlow => (ErrorCode::TooSlow, StatusCode::REQUEST_TIMEOUT, Quiet),
            Self::UnknownDevice => (ErrorCode::UnknownDevice, StatusCode::UNAUTHORIZED, Notice),
            Self::UnknownKey => (ErrorCode::UnknownKey, StatusCode::UNAUTHORIZED, Notice),
            Self::KeyLocked => (ErrorCode::KeyLocked, StatusCode::FORBIDDEN, Notice),
            Self::TooManyKeys => (ErrorCode::TooManyKeys, StatusCode::FORBIDDEN, Notice),
            Self::Revoked => (ErrorCode::Revoked, StatusCode::FORBIDDEN, Notice),
            Self::UnknownCode => (ErrorCode::UnknownCode, StatusCode::FORBIDDEN, Notice),
            Self::UsedCode => (ErrorCode::UsedCode, StatusCode::FORBIDDEN, Notice),
            Self::ExpiredCode => (ErrorCode::ExpiredCode, StatusCode::FORBIDDEN, Notice),
            Self::TooMany => (ErrorCode::TooMany, StatusCode::TOO_MANY_REQUESTS, Notice),
            Self::Quota { .. } | Self::Queue => {
                (ErrorCode::TooMany, StatusCode::TOO_MANY_REQUESTS, Quiet)
            }
            Self::Crowded => (ErrorCode::TooMany, StatusCode::SERVICE_UNAVAILABLE, Notice),
            Self::NotAllowed => (ErrorCode::NotAllowed, StatusCode::FORBIDDEN, Notice),
            Self::TooFine => (ErrorCode::TooFine, StatusCode::FORBIDDEN, Notice),
            Self::UnknownPath => (ErrorCode::NotFound, StatusCode::NOT_FOUND, Quiet),
            Self::UnknownMethod => (ErrorCode::NotFound, StatusCode::METHOD_NOT_ALLOWED, Quiet),
            Self::NoRoom => (ErrorCode::NoRoom, StatusCode::INSUFFICIENT_STORAGE, Alarm),
            Self::Busy => (ErrorCode::Internal, StatusCode::SERVICE_UNAVAILABLE, Notice),
            Self::Internal => (
                ErrorCode::Internal,
                StatusCode::INTERNAL_SERVER_ERROR,
                Alarm,
            ),
        }
    }
}

impl From<MessageError> for ApiError {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::TooLarge => Self::TooLarge,
            MessageError::Version => Self::OtherVersion,
            MessageError::Damaged => Self::Malformed,
        }
    }
}

impl IntoResponse for ApiError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of all the others none says when to come again"
    )]
    fn into_response(self) -> Response {
        let (code, status, loudness) = self.row();
        let code = code.code();
        let is_first = logging::refused(code);
        match loudness {
            Loudness::Alarm if is_first => tracing::error!(code, "request failed"),
            Loudness::Quiet | Loudness::Notice | Loudness::Alarm => {
                tracing::debug!(code, "request refused");
            }
        }
        let mut said = serde_json::json!({ "code": code, "detail": self.to_string() });
        let wait_s = match self {
            Self::Quota { wait_s } => Some(wait_s),
            Self::Queue => Some(limits::QUEUE_WAIT_S),
            Self::Crowded => Some(limits::CROWDED_RETRY_SECONDS),
            _ => None,
        };
        if let (Some(wait_s), Some(said)) = (wait_s, said.as_object_mut()) {
            said.insert("wait_s".to_owned(), wait_s.into());
        }
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (status, kind, said.to_string()).into_response();
        if let Some(wait_s) = wait_s {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
        }
        response
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if store::is_damaged(&error) && !TOLD_OF_DAMAGE.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the database file is damaged: run `sync-server check`; what it cannot put right needs \
                 the last backup"
            );
        }
        let code = error
            .as_database_error()
            .and_then(|e| e.code())
            .unwrap_or_default();
        // SQLite: 13 is a full disk; 5 and 6, and their extended codes, are a lock held elsewhere; 9 is
        // a query that took too long and was broken off.
        let primary = code.parse::<u32>().map_or(0, |number| number & 0xff);
        match primary {
            // Many wait at the same time; who gets that answer is counted.
            5 | 6 => tracing::debug!(%error, "database"),
            _ if matches!(error, sqlx::Error::PoolTimedOut) => tracing::debug!(%error, "database"),
            _ => tracing::warn!(%error, "database"),
        }
        match primary {
            13 => Self::NoRoom,
            5 | 6 | 9 => Self::Busy,
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
