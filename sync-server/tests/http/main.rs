//! HTTP tests: a real server on port 0 with a database and an app folder of its own.

#[cfg(test)]
mod access;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod carry;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod files;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod growth;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod healing;
#[cfg(test)]
mod join;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod news;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod photo;
#[cfg(test)]
mod process;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod server;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tree;
