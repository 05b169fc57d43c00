//! On a clear line: first upload, first download, nothing new, and edits on both sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::stage::{Device, Stage};
use super::table::{Row, Table, bytes, calls, ratio, ways};
use super::{BenchError, Options, Scenario, floor};
use crate::proxy::{Profile, Tally};
use crate::workload::Workload;

const UPLOAD_GOAL: f64 = 1.25;
const DOWNLOAD_GOAL: f64 = 1.2;
const USABLE_GOAL: f64 = 0.25;
const EDITS_BYTES_GOAL: u64 = 2_200;
const IDLE_BYTES_GOAL: u64 = 250;

/// Limited, so that the count does not run away between the phone's word and our look at it.
const USABLE_LINE: Profile = Profile {
    down_bits: Some(2_000_000),
    ..Profile::CLEAR
};

/// Runs all four with a first load of `records`, prints those that are wanted.
pub(super) async fn run(
    options: &Options,
    records: usize,
    table: &mut Table,
) -> Result<(), BenchError> {
    let workload = options.workload(records)?;
    let first = options.wants(Scenario::Upload) || options.wants(Scenario::Download);
    let walk = Walk {
        records,
        // Takes seconds, so only where a row needs it.
        floor: if first {
            floor::of(&workload.initial)
        } else {
            0
        },
        stage: Stage::new().await?,
    };
    let mut a = walk.stage.device("device-a", Profile::CLEAR).await?;
    a.apply(&workload.initial).await?;
    let uploaded = a.sync().await?;
    if options.wants(Scenario::Upload) {
        table.row(&walk.upload(&uploaded));
    }
    let mut b = walk.stage.device("device-b", Profile::CLEAR).await?;
    let downloaded = b.sync().await?;
    let loaded = workload.loaded()?;
    if options.wants(Scenario::Download) {
        table.row(&walk.download(&downloaded));
        let mut c = walk.stage.device("device-c", USABLE_LINE).await?;
        table.row(&walk.usable(&mut c).await?);
        let all = &mut [&mut a, &mut b, &mut c];
        table.compare("after the first load", &loaded, all).await?;
        c.close().await?;
    } else {
        let both = &mut [&mut a, &mut b];
        table.compare("after the first load", &loaded, both).await?;
    }
    settle(&mut a, &mut b).await?;
    if options.wants(Scenario::Idle) {
        let idle = [a.sync().await?, b.sync().await?];
        table.row(&walk.idle(&idle));
    }
    if options.wants(Scenario::Edits) {
        walk.edits(&workload, &mut a, &mut b, table).await?;
    }
    a.close().await?;
    b.close().await
}

/// Lets each learn what came of its work, so that nothing is left to say.
async fn settle(a: &mut Device, b: &mut Device) -> Result<(), BenchError> {
    for _ in 0..2 {
        a.sync().await?;
        b.sync().await?;
    }
    Ok(())
}

struct Walk {
    records: usize,
    floor: u64,
    stage: Stage,
}

impl Walk {
    fn goal(&self, times: f64) -> String {
        format!("<= {times} x floor of {}", bytes(self.floor))
    }

    fn upload(&self, tally: &Tally) -> Row {
        let times = ratio(tally.bytes(), self.floor);
        Row {
            scenario: format!("first upload of {} records", self.records),
            goal: format!("{}, 1 request a page", self.goal(UPLOAD_GOAL)),
            measured: format!("{} = {times:.2} x, {}", bytes(tally.bytes()), calls(tally)),
            met: Some(times <= UPLOAD_GOAL),
            method: format!(
                "proxy's count of both ways ({}), from connecting and joining to the answer to `sync`",
                ways(tally)
            ),
        }
    }

    fn download(&self, tally: &Tally) -> Row {
        let times = ratio(tally.bytes(), self.floor);
        Row {
            scenario: format!("first download of {}, all bodies", self.records),
            goal: self.goal(DOWNLOAD_GOAL),
            measured: format!("{} = {times:.2} x, {}", bytes(tally.bytes()), calls(tally)),
            met: Some(times <= DOWNLOAD_GOAL),
            method: format!(
                "proxy's count of both ways ({}) for an empty store, joining included",
                ways(tally)
            ),
        }
    }

    /// A further new device; notes the count when it says that its list is usable.
    async fn usable(&self, device: &mut Device) -> Result<Row, BenchError> {
        let seen = Arc::new(AtomicU64::new(0));
        let (note, counts) = (Arc::clone(&seen), device.proxy.counts());
        device.phone.when_usable(move || {
            note.store(counts.tally().bytes(), Ordering::SeqCst);
        });
        device.sync().await?;
        let count = seen.load(Ordering::SeqCst);
        let times = ratio(count, self.floor);
        let measured = match count {
            0 => "not measured: the phone never said so".to_owned(),
            _ => format!("{} = {times:.2} x", bytes(count)),
        };
        Ok(Row {
            scenario: format!("usable list of {} records", self.records),
            goal: self.goal(USABLE_GOAL),
            measured,
            met: (count > 0).then_some(times <= USABLE_GOAL),
            method: "proxy's count when the phone prints that its rows are committed; \
                     another new device, 2 Mbit/s down"
                .to_owned(),
        })
    }

    fn idle(&self, both: &[Tally; 2]) -> Row {
        let [a, b] = both;
        let most = if b.bytes() > a.bytes() { b } else { a };
        let once = both.iter().all(|tally| tally.requests == 1);
        Row {
            scenario: format!("nothing new, {} records", self.records),
            goal: format!("<= {IDLE_BYTES_GOAL} B, 1 request"),
            measured: format!("{}, {}", bytes(most.bytes()), calls(most)),
            met: Some(once && most.bytes() <= IDLE_BYTES_GOAL),
            method: format!(
                "the larger of two devices' next `sync` after all was settled ({})",
                ways(most)
            ),
        }
    }

    /// Both edit offline; then one exchange is measured with the other's edits already there.
    async fn edits(
        &self,
        workload: &Workload,
        a: &mut Device,
        b: &mut Device,
        table: &mut Table,
    ) -> Result<(), BenchError> {
        a.apply(&workload.edits_a).await?;
        b.apply(&workload.edits_b).await?;
        let before = [a.proxy.tally(), b.proxy.tally()];
        b.sync().await?;
        let one = a.sync().await?;
        b.sync().await?;
        let all = [
            a.proxy.tally().since(&before[0]),
            b.proxy.tally().since(&before[1]),
        ];
        let sum: u64 = all.iter().map(Tally::bytes).sum();
        let requests: u64 = all.iter().map(|tally| tally.requests).sum();
        table.row(&Row {
            scenario: format!("10 records x 3 edits a side, of {}", self.records),
            goal: format!("<= {}, 1 round trip", bytes(EDITS_BYTES_GOAL)),
            measured: format!(
                "{}, {}; all {} in {requests} req",
                bytes(one.bytes()),
                calls(&one),
                bytes(sum)
            ),
            met: Some(one.bytes() <= EDITS_BYTES_GOAL && one.requests == 1),
            method: format!(
                "one device's `sync` ({}) with the other's edits already on the server; \
                 all: both devices until both have everything",
                ways(&one)
            ),
        });
        let edited = workload.edited()?;
        let both = &mut [a, b];
        table.compare("after the edits", &edited, both).await
    }
}
