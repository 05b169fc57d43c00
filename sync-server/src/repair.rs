//! Answering a device that looks for the difference between its store and the log.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use domain::id::UnitId;
use domain::sync::message::Ask;
use domain::sync::repair::{Repair, Repaired, STREAMS_MAX, Set, WANTED_MAX};
use domain::sync::sum::{Mark, ShortSum, Sums, combined};
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::pull::{Page, Reader};
use crate::store::{log, sums};

/// The sum of everything in a device's scope.
///
/// # Errors
/// When the database fails.
pub(crate) async fn sum(db: &mut SqliteConnection, reader: &Reader) -> Result<ShortSum, ApiError> {
    let known = sums::of(db, &reader.scope.streams).await?;
    Ok(combined(&known, &reader.scope.streams))
}

/// Answers what a device asks to find a difference; changes that it lacks are added to the page.
///
/// # Errors
/// When the question makes no sense, or the database fails.
pub(crate) async fn answer(
    db: &mut SqliteConnection,
    reader: &Reader,
    ask: &Ask,
    page: &mut Page,
) -> Result<Option<Repaired>, ApiError> {
    match &ask.repair {
        None => Ok(None),
        Some(Repair::Streams(asked)) if asked.len() <= STREAMS_MAX => {
            let known = sums::of(db, &reader.scope.streams).await?;
            let streams = differing(reader, asked, &known);
            Ok(Some(Repaired::Streams(streams)))
        }
        Some(Repair::Ranges { streams, message }) if streams.len() <= STREAMS_MAX => {
            // Nobody learns anything of streams that are not in scope.
            let asked: Vec<UnitId> = streams
                .iter()
                .filter(|id| reader.scope.holds(id))
                .cloned()
                .collect();
            let changes = sums::changes(db, Some(&asked)).await?;
            let message = message.clone();
            let compare = move || {
                let set = Set::of(changes.into_iter().map(|(_, doc, hash)| (doc, hash)))?;
                set.answer(&message)
            };
            let compared = tokio::task::spawn_blocking(move || {
                catch_unwind(std::panic::AssertUnwindSafe(compare))
            });
            match compared.await {
                Ok(Ok(Ok(message))) => Ok(Some(Repaired::Ranges(message))),
                Ok(_) | Err(_) => Err(ApiError::Malformed),
            }
        }
        Some(Repair::Wanted(wanted)) if wanted.len() <= WANTED_MAX => {
            let wanted: BTreeSet<[u8; 16]> = wanted.iter().copied().collect();
            bring(db, reader, &wanted, page).await?;
            Ok(None)
        }
        Some(Repair::Record(record)) => {
            let entries = log::read_record(db, &reader.scope.streams, *record).await?;
            page.add(db, entries, reader.bytes_max).await?;
            Ok(None)
        }
        Some(Repair::Streams(_) | Repair::Ranges { .. } | Repair::Wanted(_)) => {
            Err(ApiError::Malformed)
        }
    }
}

/// The streams in scope whose sums are not those that a device names.
fn differing(reader: &Reader, asked: &[(UnitId, ShortSum)], known: &Sums) -> Vec<UnitId> {
    let theirs = |id: &UnitId| asked.iter().find(|(of, _)| of == id).map(|(_, sum)| *sum);
    let streams = reader.scope.streams.iter();
    let differ = streams.filter(|id| {
        let own = known.get(id).copied().unwrap_or_default().short();
        theirs(id).unwrap_or_default() != own
    });
    differ.cloned().collect()
}

/// Adds the changes that a device asked for by name, as far as the page has room.
async fn bring(
    db: &mut SqliteConnection,
    reader: &Reader,
    wanted: &BTreeSet<[u8; 16]>,
    page: &mut Page,
) -> Result<(), ApiError> {
    let all = sums::changes(db, Some(&reader.scope.streams)).await?;
    let found: Vec<_> = all
        .into_iter()
        .filter(|(_, doc, hash)| wanted.contains(&Mark::of(*doc, *hash).short()))
        .map(|(_, doc, hash)| (doc, hash))
        .collect();
    let entries = log::read_named(db, &found).await?;
    page.add(db, entries, reader.bytes_max).await
}
