//! HTTP tests: a real server on port 0 with a database and an app folder of its own.

mod files;
mod limits;
mod server;
