//! Watching for rights that end: commands for the admin run as other processes beside the server.

use sqlx::sqlite::SqliteConnection;

use crate::limits;
use crate::router::Shared;
use crate::store::{self, org};

/// Lets listeners prove themselves anew whenever units, people or devices changed, until it is dropped.
pub(crate) async fn watch(shared: &Shared) {
    let mut eye = None;
    loop {
        tokio::time::sleep(limits::RIGHTS_EVERY).await;
        // Everybody else proves themselves with each request.
        if !shared.news.is_heard() {
            continue;
        }
        let mut open = match eye.take() {
            Some(open) => open,
            None => match Eye::open(&shared.store).await {
                Ok(open) => open,
                Err(error) => {
                    tracing::warn!(%error, "cannot watch for rights that end");
                    shared.news.recheck();
                    continue;
                }
            },
        };
        match open.moved().await {
            Ok(moved) => {
                if moved {
                    shared.news.recheck();
                }
                eye = Some(open);
            }
            // What cannot be watched is asked.
            Err(error) => {
                tracing::warn!(%error, "cannot watch for rights that end");
                shared.news.recheck();
            }
        }
    }
}

/// A connection that sees what others commit.
struct Eye {
    connection: SqliteConnection,
    /// Differs after each commit of anybody else.
    data: i64,
    /// Differs after each change of units, people and devices.
    rights: Option<Vec<u8>>,
}

impl Eye {
    async fn open(store: &store::Store) -> Result<Self, sqlx::Error> {
        // What happened before is not known: the first look counts as a change.
        Ok(Self {
            connection: store.connect().await?,
            data: -1,
            rights: None,
        })
    }

    async fn moved(&mut self) -> Result<bool, sqlx::Error> {
        let data: i64 = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut self.connection)
            .await?;
        if data == self.data {
            return Ok(false);
        }
        let rights = store::setting(&mut self.connection, org::VERSION).await?;
        self.data = data;
        let moved = rights != self.rights;
        self.rights = rights;
        Ok(moved)
    }
}
