//! Who is waiting for news, and what is new: the place of the last change of each stream.
//!
//! Kept in memory only: a device that was not listening finds out in its next exchange. Whoever listens
//! proves anew that they may, whenever somebody's rights changed: also by a command beside the server.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::id::{DeviceId, UnitId};
use tokio::sync::watch;

use crate::error::ApiError;
use crate::limits;

/// The last change of a stream since the server started, and the device that brought it.
type Last = BTreeMap<UnitId, (u64, DeviceId)>;

/// What changed, and who listens.
#[derive(Debug, Default)]
pub struct News {
    last: watch::Sender<Last>,
    /// Counts changes of anybody's rights.
    rights: watch::Sender<u64>,
    open: watch::Sender<Ended>,
    seats: Mutex<BTreeMap<DeviceId, usize>>,
}

/// Whether the server stops.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ended(bool);

/// What a listener is woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Another device brought something: the place of the last of it in the log.
    New(u64),
    /// Somebody's rights changed, perhaps one's own.
    Rights,
}

impl News {
    /// Lets every listener prove anew that it may listen, and to what.
    pub fn recheck(&self) {
        self.rights
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        !self.seats().is_empty()
    }

    /// Tells that a device brought changes of these streams, the last of them at `place` of the log;
    /// called after the commit.
    pub fn tell(&self, place: u64, streams: impl Iterator<Item = UnitId>, from: DeviceId) {
        let streams: Vec<_> = streams.collect();
        if streams.is_empty() {
            return;
        }
        self.last.send_if_modified(|last| {
            last.extend(streams.iter().map(|unit| (unit.clone(), (place, from))));
            !streams.is_empty()
        });
    }

    /// Ends every listener's answer: the server stops.
    pub fn close(&self) {
        self.open.send_replace(Ended(true));
    }

    /// A place among the listeners for a device.
    ///
    /// # Errors
    /// When too many listen, or this device listens too often.
    pub fn listen(&self, device: DeviceId) -> Result<Listener<'_>, ApiError> {
        let mut seats = self.seats();
        let of_device = seats.get(&device).copied().unwrap_or(0);
        if of_device >= limits::NEWS_PER_DEVICE_MAX
            || seats.values().sum::<usize>() >= limits::NEWS_MAX
        {
            return Err(ApiError::TooMany);
        }
        seats.insert(device, of_device + 1);
        drop(seats);
        Ok(Listener {
            device,
            last: self.last.subscribe(),
            rights: self.rights.subscribe(),
            open: self.open.subscribe(),
            told: self.latest(|_| true),
            news: self,
        })
    }

    fn latest(&self, wanted: impl Fn(&UnitId) -> bool) -> u64 {
        let last = self.last.borrow();
        let places = last.iter().filter(|(unit, _)| wanted(unit));
        places.map(|(_, (place, _))| *place).max().unwrap_or(0)
    }

    fn seats(&self) -> MutexGuard<'_, BTreeMap<DeviceId, usize>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One listening device; gives its place back when dropped.
#[derive(Debug)]
pub struct Listener<'a> {
    device: DeviceId,
    last: watch::Receiver<Last>,
    rights: watch::Receiver<u64>,
    open: watch::Receiver<Ended>,
    /// What happened up to here is known, or was told.
    told: u64,
    news: &'a News,
}

impl Listener<'_> {
    /// Waits until another device brought something of the streams that `holds` names, or somebody's
    /// rights changed; none when the server stops.
    pub async fn next(&mut self, holds: impl Fn(&UnitId) -> bool) -> Option<Heard> {
        loop {
            tokio::select! {
                _ = self.open.wait_for(|ended| ended.0) => return None,
                changed = self.rights.changed() => return changed.ok().map(|()| Heard::Rights),
                changed = self.last.changed() => changed.ok()?,
            }
            let (told, device) = (self.told, self.device);
            let newest = {
                let last = self.last.borrow_and_update();
                let new = last.iter().filter(|(unit, (place, from))| {
                    *place > told && *from != device && holds(unit)
                });
                new.map(|(_, (place, _))| *place).max()
            };
            if let Some(place) = newest {
                self.told = place;
                return Some(Heard::New(place));
            }
        }
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        let mut seats = self.news.seats();
        let left = seats.get(&self.device).copied().unwrap_or(0);
        if left <= 1 {
            seats.remove(&self.device);
        } else {
            seats.insert(self.device, left - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ME: DeviceId = DeviceId([1; 16]);
    const OTHER: DeviceId = DeviceId([2; 16]);

    fn unit(name: &str) -> UnitId {
        name.parse().expect("a unit")
    }

    async fn nothing(listener: &mut Listener<'_>, stream: &UnitId) -> bool {
        let wait = listener.next(|unit| unit == stream);
        tokio::time::timeout(Duration::from_millis(20), wait)
            .await
            .is_err()
    }

    #[tokio::test]
    async fn lv1_a_listener_is_told_of_its_own_streams_and_not_of_its_own_work() {
        let news = News::default();
        let (mine, far) = (unit("g1"), unit("g2"));
        let mut listener = news.listen(ME).expect("a place");
        news.tell(5, [far.clone()].into_iter(), OTHER);
        assert!(nothing(&mut listener, &mine).await, "another stream");
        news.tell(6, [mine.clone()].into_iter(), ME);
        assert!(nothing(&mut listener, &mine).await, "its own work");
        news.tell(7, [mine.clone(), far].into_iter(), OTHER);
        assert_eq!(
            listener.next(|unit| *unit == mine).await,
            Some(Heard::New(7))
        );
        news.tell(9, std::iter::empty(), OTHER);
        assert!(nothing(&mut listener, &mine).await, "nothing changed");
    }

    #[tokio::test]
    async fn a_listener_proves_itself_anew_when_rights_change() {
        let news = News::default();
        let mut listener = news.listen(ME).expect("a place");
        assert!(news.is_heard());
        news.recheck();
        assert_eq!(listener.next(|_| true).await, Some(Heard::Rights));
        assert!(nothing(&mut listener, &unit("g1")).await, "told once");
        drop(listener);
        assert!(!news.is_heard());
    }

    #[tokio::test]
    async fn lv2_places_are_limited_given_back_and_end_with_the_server() {
        let news = News::default();
        let held: Vec<_> = (0..limits::NEWS_PER_DEVICE_MAX)
            .map(|_| news.listen(ME).expect("a place"))
            .collect();
        assert_eq!(news.listen(ME).err(), Some(ApiError::TooMany));
        drop(held);
        let mut listener = news.listen(ME).expect("a place again");
        news.close();
        assert_eq!(listener.next(|_| true).await, None);
        assert!(news.seats().len() == 1);
    }
}
