//! The app's own tests, in a real browser.

#![cfg(target_arch = "wasm32")]

#[cfg(test)]
mod carried;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod indexed_db;
#[cfg(test)]
mod photos;
#[cfg(test)]
mod platform;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod runtime;
#[cfg(test)]
mod search;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
