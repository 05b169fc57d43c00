//! What the server spends on the largest first load: processor time and memory.

use std::time::Duration;

use super::stage::Stage;
use super::table::{Row, Table, float, seconds};
use super::{BenchError, Options, SIZE_LOAD};
use crate::proxy::Profile;

const CPU_GOAL: Duration = Duration::from_secs(1);
const MEMORY_GOAL_MB: f64 = 96.0;

/// One device uploads, another downloads, and the server comes to rest.
pub(super) async fn run(options: &Options, table: &mut Table) -> Result<(), BenchError> {
    let workload = options.workload(SIZE_LOAD)?;
    let stage = Stage::new().await?;
    let started = stage.server.idle().await;
    let mut a = stage.device("device-a", Profile::CLEAR).await?;
    a.apply(&workload.initial).await?;
    a.sync().await?;
    let uploaded = stage.server.idle().await;
    let mut b = stage.device("device-b", Profile::CLEAR).await?;
    b.sync().await?;
    let downloaded = stage.server.idle().await;
    let (up, down) = (uploaded.cpu - started.cpu, downloaded.cpu - uploaded.cpu);
    let frames = stage.server.frame_building();
    let said = frames.map_or_else(|| "not told".to_owned(), seconds);
    let work = (up + down).saturating_sub(frames.unwrap_or_default());
    table.row(&Row {
        scenario: format!("server's CPU, up and down of {SIZE_LOAD}"),
        goal: format!("<= {}, frame building apart", seconds(CPU_GOAL)),
        measured: format!(
            "{} (up {}, down {}), frames {said}",
            seconds(work),
            seconds(up),
            seconds(down)
        ),
        met: Some(work <= CPU_GOAL),
        method: format!(
            "utime + stime of the process tree in /proc until idle, frame building (its processor \
             time, the server's own word) taken off; its start ({}) not counted",
            seconds(started.cpu)
        ),
    });
    let megabytes = float(downloaded.peak_kb) / 1024.0;
    table.row(&Row {
        scenario: format!("server's memory, up and down of {SIZE_LOAD}"),
        goal: format!("<= {MEMORY_GOAL_MB} MB"),
        measured: format!("{megabytes:.1} MB"),
        met: Some(megabytes <= MEMORY_GOAL_MB),
        method: "VmHWM of the process tree in /proc, at the end".to_owned(),
    });
    let both = &mut [&mut a, &mut b];
    table
        .compare("at both ends", &workload.loaded()?, both)
        .await?;
    a.close().await?;
    b.close().await
}
