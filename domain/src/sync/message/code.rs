//! The codes of refusals and of invitations.

/// The fixed codes with which the server refuses a whole request. Never used for anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// The request cannot be read.
    BadRequest,
    /// The request is too large.
    TooLarge,
    /// The request came too slowly.
    TooSlow,
    /// The request is of a version that the server does not speak.
    OtherVersion,
    /// The batch follows changes that the server does not have: send it with full names.
    Unknown,
    /// The device is unknown or its proof is wrong.
    UnknownDevice,
    /// The server does not know the key of the device: enrol it.
    UnknownKey,
    /// Nothing vouches for the key that the device brings: it needs an invitation for this device.
    KeyLocked,
    /// The device has as many keys as it may have.
    TooManyKeys,
    /// The device was shut out.
    Revoked,
    /// The invitation code is not known.
    UnknownCode,
    /// The invitation code was used by another device.
    UsedCode,
    /// The invitation code is too old or was cancelled.
    ExpiredCode,
    /// Too many wrong attempts: wait.
    TooMany,
    /// The member may not ask for this.
    NotAllowed,
    /// Counts of so small a place or period are not given.
    TooFine,
    /// There is no such thing.
    NotFound,
    /// Bytes of a photo are not what their hash says.
    Checksum,
    /// Bytes that should be a photo are none.
    NotAPhoto,
    /// The server cannot write: its disk is full.
    NoRoom,
    /// Something went wrong on the server; nothing was changed.
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 21] = [
        Self::BadRequest,
        Self::TooLarge,
        Self::TooSlow,
        Self::OtherVersion,
        Self::Unknown,
        Self::UnknownDevice,
        Self::UnknownKey,
        Self::KeyLocked,
        Self::TooManyKeys,
        Self::Revoked,
        Self::UnknownCode,
        Self::UsedCode,
        Self::ExpiredCode,
        Self::TooMany,
        Self::NotAllowed,
        Self::TooFine,
        Self::NotFound,
        Self::Checksum,
        Self::NotAPhoto,
        Self::NoRoom,
        Self::Internal,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::OtherVersion => "other_version",
            Self::Unknown => "unknown_changes",
            Self::UnknownDevice => "unknown_device",
            Self::UnknownKey => "unknown_key",
            Self::KeyLocked => "key_locked",
            Self::TooManyKeys => "too_many_keys",
            Self::Revoked => "revoked",
            Self::UnknownCode => "unknown_code",
            Self::UsedCode => "used_code",
            Self::ExpiredCode => "expired_code",
            Self::TooMany => "too_many",
            Self::NotAllowed => "not_allowed",
            Self::TooFine => "too_fine",
            Self::NotFound => "not_found",
            Self::Checksum => "checksum",
            Self::NotAPhoto => "not_a_photo",
            Self::NoRoom => "no_room",
            Self::Internal => "internal",
        }
    }

    /// The code with this word.
    #[must_use]
    pub fn from_code(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.code() == word)
    }
}

/// An invitation code as typed, reduced to its eight letters and digits; `None` when it cannot be
/// one. Letters that are easily confused with digits are read as these.
#[must_use]
pub fn normal_code(typed: &str) -> Option<String> {
    let typed = crate::text::folded(typed).to_ascii_uppercase();
    let mut code = String::new();
    for letter in typed.chars().filter(|c| !matches!(c, '-' | ' ')) {
        code.push(match letter {
            'O' => '0',
            'I' | 'L' => '1',
            '0'..='9' | 'A'..='Z' if letter != 'U' => letter,
            _ => return None,
        });
    }
    (code.len() == 8).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_people_type_them() {
        for typed in [
            "abcd-2o1l",
            " ABCD 2011",
            "ＡＢＣＤ２０１１",
            "ABCD–2011",
            "ＡＢＣＤ－２０１１\u{200b}",
            "ABCD\t2011\n",
        ] {
            assert_eq!(normal_code(typed).as_deref(), Some("ABCD2011"), "{typed}");
        }
        for typed in ["", "ABCD", "ABCD-201!", "ABCD-20111", "UUUU-UUUU"] {
            assert_eq!(normal_code(typed), None, "{typed}");
        }
    }

    #[test]
    fn error_codes_read_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.code()), Some(code));
        }
    }
}
