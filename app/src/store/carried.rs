//! Requests of others that this phone carries to the server.

/// The most bytes that a phone carries: some hundred records of a dozen colleagues.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Its place among them.
    pub n: u64,
    /// What is to be posted.
    pub request: Vec<u8>,
}
