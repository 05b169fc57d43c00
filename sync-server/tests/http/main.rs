//! HTTP tests: a real server on port 0 with a database and an app folder of its own.

#[cfg(test)]
mod files;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod server;
