//! The phone's store: bytes in, bytes out.

pub mod indexed_db;
