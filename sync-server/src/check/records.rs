//! Records: do their changes fold, are their rows what the changes say, and who signed them?

use std::collections::BTreeMap;

use domain::document::{self, Reading};
use domain::id::{ChangeHash, Part, RecordId};
use domain::view::Row as RecordRow;
use sqlx::SqliteConnection;

use super::{Finding, Look, Next, rest};
use crate::gate;
use crate::limits;
use crate::projection::{self, Renewed};
use crate::proof::{self, Proven, Verdict};
use crate::store::log::{self, Known};
use crate::store::{author, device};

/// What the changes of a record tell.
struct Told {
    /// Changes of each part that cannot be applied although none is missing.
    unread: Vec<(Part, usize)>,
    /// The row.
    row: Option<RecordRow>,
    lacks: bool,
}

impl Told {
    fn by(record: RecordId, known: &Known) -> Self {
        let lacks = !known.lacking.is_empty();
        let unread = |part: Part| {
            let changes = known.part(part).iter().map(|kept| &kept.change);
            (part, Reading::from_hashed(changes).1)
        };
        let unread = [Part::Body, Part::Vault].map(unread);
        Self {
            unread: unread
                .into_iter()
                .filter(|(_, count)| *count > 0 && !lacks)
                .collect(),
            row: gate::refold(record, known),
            lacks,
        }
    }
}

impl Look<'_> {
    pub(super) async fn records(&mut self) -> Result<(), sqlx::Error> {
        let mut after = Vec::new();
        loop {
            let mut view = self.store.view().await?;
            let some: Vec<Vec<u8>> = sqlx::query_scalar(
                "SELECT DISTINCT record FROM doc WHERE record > ? ORDER BY record LIMIT ?",
            )
            .bind(after.as_slice())
            .bind(limits::SCRUB_RECORDS)
            .fetch_all(&mut *view)
            .await?;
            let Some(last) = some.last() else { break };
            after.clone_from(last);
            for record in &some {
                if let Ok(record) = <[u8; 16]>::try_from(record.as_slice()) {
                    self.record(&mut view, RecordId::from_bytes(record)).await?;
                }
            }
            drop(view);
            rest(self.manner).await;
        }
        self.stray_rows().await
    }

    async fn record(
        &mut self,
        view: &mut SqliteConnection,
        record: RecordId,
    ) -> Result<(), sqlx::Error> {
        self.report.records += 1;
        let known = log::load(view, record).await?;
        let actors = actors(&known);
        let told = tokio::task::spawn_blocking(move || Told::by(record, &known)).await;
        let Ok(told) = told else {
            let wrong = Finding::of("reading it failed", Next::Person);
            self.found(&wrong.in_record(record));
            return Ok(());
        };
        for (part, count) in &told.unread {
            let doc = domain::id::DocId {
                record,
                part: *part,
            };
            let what = format!("{count} changes do not follow from the others");
            self.found(&Finding::of(what, Next::Person).in_doc(doc));
        }
        if !projection::is_right(view, record, (told.lacks, told.row.as_ref())).await? {
            self.row(record).await?;
        }
        for one in proof::of_record(view, record).await? {
            self.signature(view, (record, &one)).await?;
            if let Some((part, actor)) = actors.get(&one.hash) {
                let of_device = device::person(view, one.device).await?;
                let own = of_device.is_some_and(|person| person.as_str() == one.person);
                let bound = match author::owner(view, *actor).await? {
                    Some(owner) => owner.person.is_some_and(|who| who.as_str() == one.person),
                    // One that others passed on need not be bound.
                    None => !own,
                };
                if !bound {
                    let what = "its author key is not bound to its writer";
                    let doc = domain::id::DocId {
                        record,
                        part: *part,
                    };
                    let wrong = Finding::of(what, Next::Person).in_doc(doc);
                    self.found(&wrong.named(one.hash.hex()));
                }
            }
        }
        Ok(())
    }

    /// Puts a row right that is not what its changes say.
    async fn row(&mut self, record: RecordId) -> Result<(), sqlx::Error> {
        if self.manner.mends {
            let mut write = self.store.begin().await?;
            let renewed = projection::renew(&mut write, record, self.manner.now).await?;
            write.commit().await?;
            // It was written in the meantime.
            if matches!(renewed, Renewed::Same | Renewed::Stays) {
                return Ok(());
            }
        }
        let next = self.next(Next::Mended);
        let wrong = Finding::of("its row is not what its changes say", next);
        self.found(&wrong.in_record(record));
        Ok(())
    }

    /// A change that came when its device signed is named by a proof whose signature holds.
    async fn signature(
        &mut self,
        view: &mut SqliteConnection,
        (record, one): (RecordId, &Proven),
    ) -> Result<(), sqlx::Error> {
        let what = match one.verdict {
            Verdict::Broken => "the signature of the batch that it came in does not fit",
            Verdict::Unsigned => {
                let signed: bool = sqlx::query_scalar(
                    "SELECT EXISTS (SELECT 1 FROM device_key WHERE device = ? AND enrolled_at <= ?)",
                )
                .bind(one.device.0.as_slice())
                .bind(one.received_at.0)
                .fetch_one(view)
                .await?;
                if !signed {
                    return Ok(());
                }
                "its device signed when it came, and no signature names it"
            }
            Verdict::Holds | Verdict::PassedOn | Verdict::Damaged | Verdict::Aside => {
                return Ok(());
            }
        };
        let wrong = Finding::of(what, Next::Person).in_record(record);
        self.found(&wrong.named(one.hash.hex()));
        Ok(())
    }

    async fn stray_rows(&mut self) -> Result<(), sqlx::Error> {
        let mut view = self.store.view().await?;
        let stray: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT record FROM row WHERE record NOT IN (SELECT record FROM doc)",
        )
        .fetch_all(&mut *view)
        .await?;
        drop(view);
        for record in stray {
            if self.manner.mends {
                let mut write = self.store.begin().await?;
                sqlx::query("DELETE FROM row WHERE record = ?")
                    .bind(record.as_slice())
                    .execute(&mut *write)
                    .await?;
                write.commit().await?;
            }
            let next = self.next(Next::Mended);
            let wrong = Finding::of("a row that no change stands behind", next);
            let record = record.try_into().map(RecordId::from_bytes).ok();
            self.found(&Finding { record, ..wrong });
        }
        Ok(())
    }
}

/// The author key that each change names.
fn actors(known: &Known) -> BTreeMap<ChangeHash, (Part, domain::id::ActorKey)> {
    let part = |part: Part| {
        let named = known.part(part).iter();
        named.filter_map(move |kept| {
            let actor = document::author(kept.change.bytes())?;
            Some((kept.change.hash(), (part, actor)))
        })
    };
    part(Part::Body).chain(part(Part::Vault)).collect()
}
