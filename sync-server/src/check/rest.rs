//! The order of the log, its sums, what is kept packed, and pictures.

use domain::id::{ChangeHash, DocId, PhotoHash, RecordId};
use sqlx::Row as _;

use super::{Finding, Look, Next, rest};
use crate::album::Looked;
use crate::limits;
use crate::store::{bytes, frame, log, photo, receipt, sums};

impl Look<'_> {
    /// Each change has one place in the log, in the stream of its record, and each place a change.
    pub(super) async fn order(&mut self) -> Result<(), sqlx::Error> {
        let mut view = self.store.view().await?;
        let rows = sqlx::query(
            "SELECT d.record, d.part, c.hash, e.seq IS NULL FROM change c \
             JOIN doc d ON d.id = c.doc LEFT JOIN entry e ON e.change = c.id \
             WHERE (e.seq IS NULL OR e.stream <> d.stream) \
             AND d.record NOT IN (SELECT record FROM retired)",
        )
        .fetch_all(&mut *view)
        .await?;
        let places: Vec<i64> = sqlx::query_scalar(
            "SELECT e.seq FROM entry e LEFT JOIN change c ON c.id = e.change \
             LEFT JOIN doc d ON d.id = c.doc WHERE d.id IS NULL ORDER BY e.seq",
        )
        .fetch_all(&mut *view)
        .await?;
        drop(view);
        for row in &rows {
            let doc = DocId {
                record: RecordId::from_bytes(bytes::<16>(row, 0)?),
                part: log::part(row.try_get(1)?)?,
            };
            let what = match row.try_get(3)? {
                true => "a change that has no place in the log",
                false => "its place in the log is of another grid than its record",
            };
            let hash = ChangeHash(bytes::<32>(row, 2).unwrap_or_default());
            let wrong = Finding::of(what, Next::Person).in_doc(doc);
            self.found(&wrong.named(hash.hex()));
        }
        for seq in places {
            let what = format!("place {seq} of the log has no change");
            self.found(&Finding::of(what, Next::Restore));
        }
        Ok(())
    }

    /// The sums are those of what is there.
    pub(super) async fn sums(&mut self) -> Result<(), sqlx::Error> {
        let mut view = self.store.view().await?;
        let right = sums::are_right(&mut view).await?;
        drop(view);
        if right {
            return Ok(());
        }
        if self.manner.mends {
            let mut write = self.store.begin().await?;
            sums::rebuild(&mut write).await?;
            write.commit().await?;
        }
        let next = self.next(Next::Mended);
        self.found(&Finding::of(
            "the sums of the log are not those of its changes",
            next,
        ));
        Ok(())
    }

    /// Frames and receipts, which are kept packed and can be made anew.
    pub(super) async fn packed(&mut self) -> Result<(), sqlx::Error> {
        let mut view = self.store.view().await?;
        let frames = frame::damaged(&mut view).await?;
        let receipts = receipt::altered(&mut view).await?;
        drop(view);
        if self.manner.mends && !(frames.is_empty() && receipts.is_empty()) {
            let mut write = self.store.begin().await?;
            frame::forget(&mut write, &frames).await?;
            receipt::forget(&mut write, &receipts).await?;
            write.commit().await?;
        }
        let next = self.next(Next::Mended);
        for _ in &frames {
            self.found(&Finding::of("a kept frame does not fit its hash", next));
        }
        for _ in &receipts {
            self.found(&Finding::of("a kept receipt does not fit its hash", next));
        }
        Ok(())
    }

    /// Pictures are whole and what their names say.
    pub(super) async fn pictures(&mut self) -> Result<(), sqlx::Error> {
        let mut after = Vec::new();
        loop {
            let mut view = self.store.view().await?;
            let some = photo::after(&mut view, &after, limits::SCRUB_PICTURES).await?;
            drop(view);
            let Some(last) = some.last() else {
                return Ok(());
            };
            after = last.0.to_vec();
            for hash in some {
                self.picture(hash).await?;
            }
            rest(self.manner).await;
        }
    }

    async fn picture(&mut self, hash: PhotoHash) -> Result<(), sqlx::Error> {
        self.report.pictures += 1;
        let path = self.album.whole(&hash);
        let looked = tokio::task::spawn_blocking(move || Looked::at(&path, &hash)).await;
        let what = match looked {
            Ok(Looked::Sound(_)) => return Ok(()),
            Ok(Looked::Damaged) => "a picture that does not fit its hash",
            Ok(Looked::Absent) | Err(_) => "a picture that is not where it was put",
        };
        if self.manner.mends {
            photo::set_aside(self.store, self.album, hash).await?;
            self.report.aside += 1;
        }
        let next = self.next(Next::Devices);
        self.found(&Finding::of(what, next).named(hash.hex()));
        Ok(())
    }
}
