//! What the head of an answer and a short text of the server say.

use crate::sync::message::ErrorCode;

/// The head of an answer, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The media type; none where the server names none.
    pub kind: Option<String>,
    /// The name under which the rest can be asked for.
    pub part: Option<String>,
    /// The length of the whole answer in bytes.
    pub total: Option<usize>,
    /// The length of this body in bytes; none where it is not known or the body was packed.
    pub length: Option<usize>,
    /// After how many seconds to come again.
    pub wait_s: Option<u32>,
}

impl Head {
    /// Reads the headers by their names.
    pub fn read(status: u16, header: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| header(name)?.trim().parse().ok();
        let packed = header("content-encoding").is_some();
        Self {
            status,
            kind: header("content-type"),
            part: header("part").filter(|name| is_name(name)),
            total: number("total"),
            length: number("content-length").filter(|_| !packed),
            wait_s: header("retry-after").and_then(|text| text.trim().parse().ok()),
        }
    }

    /// Not a page of whoever stands in between: bytes, or of no named type.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.kind
            .as_deref()
            .is_none_or(|kind| kind == "application/octet-stream")
    }

    /// The code with which the server refuses, where this is the head of a refusal.
    #[must_use]
    pub fn refusal(&self, text: &[u8]) -> Option<ErrorCode> {
        code(text).filter(|_| self.is_json())
    }

    pub(super) fn is_json(&self) -> bool {
        self.kind
            .as_deref()
            .is_some_and(|kind| kind.starts_with("application/json"))
    }
}

fn is_name(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// A count of bytes as text.
pub(super) fn count(text: &[u8]) -> Option<usize> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    core::str::from_utf8(text)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// The code in `{"code": …}`; the codes hold small letters and lines alone, so that no parser is
/// needed.
pub(super) fn code(text: &[u8]) -> Option<ErrorCode> {
    let text = core::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("\"code\"")?;
    let rest = rest.trim_start().strip_prefix(':')?;
    let rest = rest.trim_start().strip_prefix('"')?;
    ErrorCode::from_code(rest.split_once('"')?.0)
}
