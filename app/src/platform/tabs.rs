//! Other tabs of the same identity: they hear which records changed.

use domain::id::RecordId;
use gloo::events::EventListener;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent};

/// A channel to the other tabs; silent where the browser has none.
#[derive(Debug)]
pub struct Tabs {
    channel: Option<BroadcastChannel>,
    _listening: Option<EventListener>,
}

impl Tabs {
    /// Joins the channel `name`; `heard` gets the records that another tab has just stored.
    pub fn join(name: &str, heard: impl Fn(Vec<RecordId>) + 'static) -> Self {
        let channel = BroadcastChannel::new(name).ok();
        let listening = channel.as_ref().map(|channel| {
            EventListener::new(channel, "message", move |event| {
                if let Some(message) = event.dyn_ref::<MessageEvent>() {
                    heard(records(&message.data()));
                }
            })
        });
        Self {
            channel,
            _listening: listening,
        }
    }

    /// Tells the other tabs.
    pub fn tell(&self, changed: &[RecordId]) {
        if let Some(channel) = &self.channel {
            let list: Array = changed
                .iter()
                .map(|id| JsValue::from_str(&id.to_string()))
                .collect();
            // A tab that hears nothing shows an older row until it is shown again.
            let _told = channel.post_message(&list);
        }
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }
}

fn records(data: &JsValue) -> Vec<RecordId> {
    let Some(list) = data.dyn_ref::<Array>() else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|id| id.as_string()?.parse().ok())
        .collect()
}
