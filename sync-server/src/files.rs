//! The app's files: read once at the start, served from memory, precompressed, with exact caching.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::limits;

/// Why the app's files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder cannot be read.
    #[error("cannot read the app's files in {path}: {source}; build the app or give --app DIR")]
    Read {
        /// Folder or file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The folder holds something else.
    #[error("there is no index.html in {0}; build the app or give --app DIR")]
    NoIndex(String),
    /// The folder is far larger than the app.
    #[error("the files in {0} are larger than an app can be; give --app DIR of the built app")]
    TooLarge(String),
}

/// All files of the app by path, without a leading slash.
#[derive(Debug, Default)]
pub struct AppFiles {
    by_path: BTreeMap<String, AppFile>,
    /// Whether the listener speaks TLS.
    is_secure: bool,
}

#[derive(Debug)]
struct AppFile {
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    etag: HeaderValue,
    media: &'static str,
    immutable: bool,
}

/// What a page, and a worker by its own script, may do. `trusted-types` names the one policy that the
/// page makes (`public/start.js`); browsers that do not know it pass it over.
const CSP: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
    base-uri 'none'; frame-ancestors 'none'; form-action 'none'; \
    require-trusted-types-for 'script'; trusted-types default";

/// For half a year a browser that was here over TLS comes over nothing else. Neighbours under the same
/// name are not ours to speak for.
const ONLY_TLS: &str = "max-age=15552000";

const PERMISSIONS: &str =
    "camera=(self), geolocation=(self), microphone=(), payment=(), usb=(), interest-cohort=()";

impl AppFiles {
    /// Reads the folder that the build made.
    ///
    /// # Errors
    /// When it cannot be read, holds no `index.html` or is absurdly large.
    pub fn load(folder: &Path) -> Result<Self, FilesError> {
        let mut raw = BTreeMap::new();
        let mut bytes_left = limits::APP_BYTES_MAX;
        collect(folder, "", &mut raw, &mut bytes_left)?;
        if !raw.contains_key("index.html") {
            return Err(FilesError::NoIndex(folder.display().to_string()));
        }
        let by_path = raw
            .iter()
            .filter(|(path, _)| !path.ends_with(".br") && !path.ends_with(".gz"))
            .map(|(path, plain)| {
                let beside = |end: &str| raw.get(&format!("{path}{end}")).cloned();
                let file = AppFile {
                    plain: plain.clone(),
                    brotli: beside(".br"),
                    gzip: beside(".gz"),
                    etag: etag(plain),
                    media: media_type(path),
                    immutable: is_hashed(path),
                };
                (path.clone(), file)
            })
            .collect();
        Ok(Self {
            by_path,
            is_secure: false,
        })
    }

    /// The same behind a listener that speaks TLS, or does not.
    #[must_use]
    pub fn over_tls(self, is_secure: bool) -> Self {
        Self { is_secure, ..self }
    }

    /// Answers a request for a file, or for a page of the app.
    #[must_use]
    pub fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response {
        if *method != Method::GET && *method != Method::HEAD {
            return (
                StatusCode::METHOD_NOT_ALLOWED,
                [(header::ALLOW, "GET, HEAD")],
            )
                .into_response();
        }
        let path = path.trim_start_matches('/');
        let direct = if path.is_empty() { "index.html" } else { path };
        let file = match self.by_path.get(direct) {
            Some(file) => Some(file),
            None if is_navigation(path, headers) => self.by_path.get("index.html"),
            None => None,
        };
        file.map_or_else(not_found, |file| file.answer(headers, self.is_secure))
    }
}

impl AppFile {
    fn answer(&self, request: &HeaderMap, is_secure: bool) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let caching = if self.immutable {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
        if self.media.starts_with("text/javascript") {
            let policy = HeaderValue::from_static(CSP);
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        if self.media.starts_with("text/html") {
            page_headers(&mut headers);
            if is_secure {
                let only = HeaderValue::from_static(ONLY_TLS);
                headers.insert(header::STRICT_TRANSPORT_SECURITY, only);
            }
        }
        if is_known(request, &self.etag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media));
        let (body, encoding) = match (&self.brotli, &self.gzip) {
            (Some(body), _) if accepts(request, "br") => (body, Some("br")),
            (_, Some(body)) if accepts(request, "gzip") => (body, Some("gzip")),
            _ => (&self.plain, None),
        };
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        (headers, body.clone()).into_response()
    }
}

fn page_headers(headers: &mut HeaderMap) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
    headers.insert(
        "cross-origin-opener-policy",
        HeaderValue::from_static("same-origin"),
    );
}

fn not_found() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (StatusCode::NOT_FOUND, headers, "not found\n").into_response()
}

/// A browser that goes to a page says that it wants HTML; a page's path has no file extension.
fn is_navigation(path: &str, headers: &HeaderMap) -> bool {
    let last = path.rsplit('/').next().unwrap_or("");
    let wants_page = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    wants_page && !last.contains('.')
}

fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let (Some(known), Ok(etag)) = (known, etag.to_str()) else {
        return false;
    };
    known
        .split(',')
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == etag)
}

fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let Some(offered) = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
    else {
        return false;
    };
    offered.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = parts.any(|part| {
            let quality = part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
            quality.is_some_and(|quality| quality <= 0.0)
        });
        named && !refused
    })
}

fn etag(bytes: &[u8]) -> HeaderValue {
    let hash = Sha256::digest(bytes);
    let hex: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::from_str(&format!("\"{hex}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// Whether the path carries a hash of the content: eight or more hexadecimal digits as a word.
fn is_hashed(path: &str) -> bool {
    path.split(['/', '-', '.', '_']).any(|word| {
        word.len() >= 8
            && word.bytes().all(|c| c.is_ascii_hexdigit())
            && word.bytes().any(|c| c.is_ascii_digit())
    })
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn collect(
    folder: &Path,
    prefix: &str,
    into: &mut BTreeMap<String, Bytes>,
    bytes_left: &mut u64,
) -> Result<(), FilesError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| FilesError::Read { path, source }
    };
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let path: PathBuf = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let meta = std::fs::metadata(&path).map_err(failed(&path))?;
        if meta.is_dir() {
            collect(&path, &format!("{name}/"), into, bytes_left)?;
            continue;
        }
        *bytes_left = bytes_left
            .checked_sub(meta.len())
            .ok_or_else(|| FilesError::TooLarge(folder.display().to_string()))?;
        into.insert(
            name,
            Bytes::from(std::fs::read(&path).map_err(failed(&path))?),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for name in [
            "app-0a1b2c3d4e5f6071.js",
            "app_bg.0a1b2c3d.wasm",
            "s/x-0123456789abcdef/i.js",
        ] {
            assert!(is_hashed(name), "{name}");
        }
        for name in [
            "index.html",
            "sw.js",
            "manifest.webmanifest",
            "icon-512.png",
            "style.css",
        ] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn an_encoding_that_is_refused_by_quality_is_not_used() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("gzip, br;q=0"),
        );
        assert!(accepts(&headers, "gzip") && !accepts(&headers, "br"));
    }
}
