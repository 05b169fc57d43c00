//! The app: a thin shell between the browser and the domain.

pub mod link;
pub mod platform;
pub mod runtime;
pub mod store;
