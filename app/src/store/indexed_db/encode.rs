//! A batch, written down for the browser before any transaction is open.

use domain::replica::WriteBatch;
use domain::view::Row;
use wasm_bindgen::JsValue;
use web_sys::IdbKeyRange;

use super::bridge::{object, to_js};
use super::save::{Plan, Tally, Write};
use super::schema::{ASIDE, CHANGES, DRAFTS, META, OUTBOX, ROWS};
use crate::store::{Fault, codec};

/// Everything that the batch writes.
pub(crate) fn plan(batch: &WriteBatch) -> Plan {
    let mut writes = Vec::new();
    for (doc, change) in &batch.changes {
        let key = codec::change_key(*doc, change.hash);
        writes.push(put(CHANGES, &key, to_js(&codec::encode_change(change))));
    }
    for (doc, hash) in &batch.drop_changes {
        writes.push(delete(CHANGES, &codec::change_key(*doc, *hash)));
    }
    writes.extend(batch.rows.iter().map(row));
    writes.extend(batch.rows_ahead.iter().map(row_ahead));
    let dropped = batch.rows_drop.iter();
    writes.extend(dropped.map(|id| delete(ROWS, &id.to_string())));
    for (doc, grid, hash) in &batch.outbox_add {
        writes.push(append(OUTBOX, &codec::encode_waiting(*doc, grid, *hash)));
    }
    for place in &batch.outbox_remove {
        writes.push(leave_outbox(*place));
    }
    for (key, bytes) in &batch.meta {
        writes.push(put(META, key.name(), to_js(bytes)));
    }
    for aside in &batch.aside {
        writes.push(append(ASIDE, &codec::encode_aside(aside)));
    }
    for key in &batch.drafts_remove {
        writes.push(delete(DRAFTS, key));
    }
    let expect = batch
        .expect
        .iter()
        .map(|(id, rev)| (id.to_string().into(), *rev))
        .collect();
    let hashes: Vec<_> = batch.outbox_add.iter().map(|(_, _, hash)| *hash).collect();
    let tally = (!hashes.is_empty()).then(|| Tally::new(hashes));
    Plan {
        expect,
        writes,
        tally,
    }
}

/// A row with the fields that the browser's indexes and the check of the revision need.
pub(crate) fn row(row: &Row) -> Write {
    put(ROWS, &row.id.to_string(), row_value(row))
}

/// A row whose record comes later: one that is there already is newer.
fn row_ahead(row: &Row) -> Write {
    Write::Add {
        store: ROWS,
        key: row.id.to_string().into(),
        value: row_value(row),
    }
}

fn row_value(row: &Row) -> JsValue {
    // Newest first in an ascending index, so that a limited list needs no cursor.
    let newest = -millis(row.updated_at.0);
    let mut fields = vec![
        ("bytes", to_js(&codec::encode_row(row))),
        ("rev", row.delivery.rev.into()),
        ("kind", row.kind.code().into()),
        ("newest", newest.into()),
    ];
    if let Some(due) = row.due {
        fields.push(("due", millis(due.at.0).into()));
    }
    object(&fields).into()
}

pub(crate) fn put(store: &'static str, key: &str, value: JsValue) -> Write {
    Write::Put {
        store,
        key: Some(key.into()),
        value,
    }
}

pub(crate) fn append(store: &'static str, bytes: &[u8]) -> Write {
    Write::Put {
        store,
        key: None,
        value: to_js(bytes),
    }
}

pub(crate) fn delete(store: &'static str, key: &str) -> Write {
    Write::Delete {
        store,
        key: key.into(),
    }
}

/// Deletes everything whose key begins so; the last sign of a key is never the last one there is.
pub(crate) fn delete_from(store: &'static str, start: &str) -> Result<Write, Fault> {
    let end = format!("{start}\u{ffff}");
    let range = IdbKeyRange::bound(&start.into(), &end.into()).map_err(|_| Fault::Aborted)?;
    Ok(Write::Delete {
        store,
        key: range.into(),
    })
}

pub(crate) fn leave_outbox(place: u64) -> Write {
    Write::Delete {
        store: OUTBOX,
        key: place_key(place),
    }
}

/// Places of the outbox are the browser's own numbers, from 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "the browser counts in floats up to 2^53"
)]
pub(crate) fn place_key(place: u64) -> JsValue {
    JsValue::from_f64(place as f64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds stay far below 2^53"
)]
fn millis(at: i64) -> f64 {
    at as f64
}
