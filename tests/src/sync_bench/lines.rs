//! On bad lines: slow and far, or breaking again and again.

use std::time::{Duration, Instant};

use super::stage::Stage;
use super::table::{Row, Table, bytes, calls, ratio, seconds, ways};
use super::{BenchError, Options, SIZE_LINES};
use crate::proxy::{Profile, Tally};
use crate::workload::Workload;

/// One bar of signal in a village.
const SLOW: Profile = Profile {
    rtt: Duration::from_millis(600),
    up_bits: Some(64_000),
    down_bits: Some(128_000),
    connect_round_trips: 2,
    cut_after: None,
};
const SLOW_GOAL: Duration = Duration::from_secs(27);

/// A line that would be good if it held.
const WHOLE: Profile = Profile {
    rtt: Duration::from_millis(100),
    up_bits: Some(512_000),
    down_bits: Some(512_000),
    connect_round_trips: 0,
    cut_after: None,
};
const BROKEN: Profile = Profile {
    cut_after: Some(20_000),
    ..WHOLE
};
const CUT_GOAL: f64 = 1.3;

/// An upload over one bar of signal.
pub(super) async fn slow(options: &Options, table: &mut Table) -> Result<(), BenchError> {
    let workload = options.workload(SIZE_LINES)?;
    let stage = Stage::new().await?;
    let mut a = stage.device("device-a", SLOW).await?;
    a.apply(&workload.initial).await?;
    let start = Instant::now();
    let tally = a.sync().await?;
    let time = start.elapsed();
    table.row(&Row {
        scenario: format!("upload of {SIZE_LINES} over one bar of signal"),
        goal: format!("<= {} s", SLOW_GOAL.as_secs()),
        measured: format!(
            "{}, {}, {}",
            seconds(time),
            bytes(tally.bytes()),
            calls(&tally)
        ),
        met: Some(time <= SLOW_GOAL),
        method: "from `sync` to its answer, joining included; \
                 RTT 600 ms, 64 kbit/s up, 128 down, 2 RTT for a new connection"
            .to_owned(),
    });
    let mut b = stage.device("device-b", Profile::CLEAR).await?;
    b.sync().await?;
    let both = &mut [&mut a, &mut b];
    table
        .compare("at both ends", &workload.loaded()?, both)
        .await?;
    a.close().await?;
    b.close().await
}

/// The same upload and download on a line that holds and on one that does not.
pub(super) async fn cut(options: &Options, table: &mut Table) -> Result<(), BenchError> {
    let workload = options.workload(SIZE_LINES)?;
    let whole = there_and_back(&workload, WHOLE, table).await?;
    let broken = there_and_back(&workload, BROKEN, table).await?;
    for (way, whole, broken) in [
        ("upload", &whole.0, &broken.0),
        ("download", &whole.1, &broken.1),
    ] {
        let times = ratio(broken.bytes(), whole.bytes());
        table.row(&Row {
            scenario: format!("{way} of {SIZE_LINES}, cut each 20 KB"),
            goal: format!("<= {CUT_GOAL} x uncut {}, finishes", bytes(whole.bytes())),
            measured: format!(
                "{} = {times:.2} x, {} cuts, {}",
                bytes(broken.bytes()),
                broken.cuts,
                calls(broken)
            ),
            met: Some(times <= CUT_GOAL),
            method: format!(
                "delivered bytes ({}) over an uncut run's; RTT 100 ms, 512 kbit/s, \
                 each connection reset after 20,000 delivered bytes",
                ways(broken)
            ),
        });
    }
    Ok(())
}

/// Uploads from one device and downloads to a new one, both on lines of that kind.
async fn there_and_back(
    workload: &Workload,
    profile: Profile,
    table: &mut Table,
) -> Result<(Tally, Tally), BenchError> {
    let stage = Stage::new().await?;
    let mut a = stage.device("device-a", profile).await?;
    a.apply(&workload.initial).await?;
    let up = a.sync().await?;
    let mut b = stage.device("device-b", profile).await?;
    let down = b.sync().await?;
    let what = if profile.cut_after.is_some() {
        "on the line that breaks"
    } else {
        "on the line that holds"
    };
    let both = &mut [&mut a, &mut b];
    table.compare(what, &workload.loaded()?, both).await?;
    a.close().await?;
    b.close().await?;
    Ok((up, down))
}
