//! Who is at the other end: the address of a request, and the connection that it came in by.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use domain::id::DeviceId;
use domain::sync::signed::head_of_device;
use tokio::sync::OwnedSemaphorePermit;

use crate::budget::{Budget, Permit};
use crate::error::ApiError;
use crate::limits;
use crate::prefix::{Network, Prefix};
use crate::seats::Seat;

/// What a proxy says of whom it speaks for.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Whose word is taken for the address of others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Arc<[Network]>);

impl Proxies {
    pub(crate) fn new(networks: &[Network]) -> Self {
        Self(networks.into())
    }

    /// Whether a connection from there is a proxy's.
    pub(crate) fn hold(&self, ip: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(ip))
    }

    /// The address that a request of this connection came from. A proxy adds the address that it was
    /// called from at the end, so the last one that is no proxy is the caller's; whatever cannot be
    /// read counts as the proxy itself.
    pub(crate) fn peer(&self, connection: IpAddr, headers: &HeaderMap) -> Peer {
        let own = Peer(connection.to_canonical());
        if !self.hold(connection) {
            return own;
        }
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            match address(entry.trim()) {
                None => return own,
                Some(ip) if self.hold(ip) => {}
                Some(ip) => return Peer(ip),
            }
        }
        own
    }
}

/// An address as proxies write it, with a port or without.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or(entry, |(inner, _)| inner);
    let ip: Option<IpAddr> = bare.parse().ok();
    let with_port = || entry.parse().ok().map(|at: std::net::SocketAddr| at.ip());
    ip.or_else(with_port).map(|ip| ip.to_canonical())
}

/// Where a request came in.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) peer: Peer,
    seat: Option<Seat>,
}

/// What a request takes until its sender is known.
#[derive(Debug)]
pub(crate) struct Stranger {
    _lookup: Option<OwnedSemaphorePermit>,
    _room: Permit<Prefix>,
}

impl Door {
    /// A request without a connection is one that a test hands over.
    pub(crate) fn of<B>(request: &axum::http::Request<B>) -> Result<Self, ApiError> {
        let peer = request.extensions().get::<Peer>();
        Ok(Self {
            peer: *peer.ok_or(ApiError::Internal)?,
            seat: request.extensions().get::<Seat>().cloned(),
        })
    }

    /// Room for so many bytes of a request whose sender is not known yet.
    ///
    /// # Errors
    /// [`ApiError::Crowded`] when there is none for too long.
    pub(crate) async fn stranger(
        &self,
        budget: &Budget,
        bytes: usize,
    ) -> Result<Stranger, ApiError> {
        let lookup = match &self.seat {
            None => None,
            Some(seat) => {
                let place = seat.lookups().acquire_owned();
                let place = tokio::time::timeout(limits::BUDGET_WAIT, place).await;
                Some(place.ok().and_then(Result::ok).ok_or(ApiError::Crowded)?)
            }
        };
        let room = budget.strangers.take(Prefix::of(self.peer.0), bytes);
        Ok(Stranger {
            _lookup: lookup,
            _room: room.await?,
        })
    }

    /// Notes that the request is of a known device.
    pub(crate) fn prove(&self, device: DeviceId) {
        if let Some(seat) = &self.seat {
            seat.prove(head_of_device(device));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pr11_the_forwarded_address_is_read_from_trusted_proxies_alone() {
        let networks = ["192.0.2.0/24", "2001:db8::/32"].map(|text| text.parse().expect("network"));
        let proxies = Proxies::new(&networks);
        for (from, said, expected) in [
            // Nobody else's word counts.
            ("203.0.113.1", vec!["198.51.100.7"], "203.0.113.1"),
            ("192.0.2.1", vec![], "192.0.2.1"),
            ("192.0.2.1", vec!["198.51.100.7"], "198.51.100.7"),
            ("::ffff:192.0.2.1", vec!["198.51.100.7"], "198.51.100.7"),
            // What the caller itself wrote stands before what the proxy added.
            ("192.0.2.1", vec!["10.0.0.1, 198.51.100.7"], "198.51.100.7"),
            (
                "192.0.2.1",
                vec!["10.0.0.1", "198.51.100.7"],
                "198.51.100.7",
            ),
            // Several proxies in a row.
            ("192.0.2.1", vec!["198.51.100.7, 192.0.2.9"], "198.51.100.7"),
            ("192.0.2.1", vec!["192.0.2.8, 192.0.2.9"], "192.0.2.1"),
            ("192.0.2.1", vec!["198.51.100.7:4711"], "198.51.100.7"),
            ("2001:db8::1", vec!["[2001:db9::5]:80"], "2001:db9::5"),
            ("2001:db8::1", vec!["[2001:db9::5]"], "2001:db9::5"),
            ("2001:db8::1", vec!["2001:db9::5"], "2001:db9::5"),
            // What cannot be read is the proxy's own, and nothing before it is looked at.
            ("192.0.2.1", vec!["198.51.100.7, unknown"], "192.0.2.1"),
            ("192.0.2.1", vec!["198.51.100.7,"], "192.0.2.1"),
            ("192.0.2.1", vec!["198.51.100.700"], "192.0.2.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in &said {
                headers.append(FORWARDED_FOR, line.parse().expect("a value"));
            }
            let peer = proxies.peer(from.parse().expect("an address"), &headers);
            assert_eq!(
                peer.0,
                expected.parse::<IpAddr>().expect("an address"),
                "{said:?}"
            );
        }
    }
}
