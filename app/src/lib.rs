//! The app: a thin shell between the browser and the domain.

pub mod app;
pub mod component;
pub mod icon;
pub mod link;
pub mod locale;
pub mod nav;
pub mod platform;
pub mod runtime;
pub mod screen;
pub mod state;
pub mod store;
