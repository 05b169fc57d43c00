//! The app's own tests, in a real browser.

#![cfg(target_arch = "wasm32")]

mod contract;
mod fixture;
mod indexed_db;
mod platform;
mod raw;
mod runtime;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
