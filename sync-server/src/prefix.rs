//! Whose neighbourhood an address is in: what one line or one office usually has of the address space.

use std::net::IpAddr;
use std::str::FromStr;

/// The part of an address by which shares are dealt out: 24 bits of IPv4, 64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prefix {
    /// The first 24 bits.
    V4([u8; 3]),
    /// The first 64 bits.
    V6([u8; 8]),
}

impl Prefix {
    /// The prefix of an address; IPv4 written as IPv6 is IPv4.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => Self::V6(ip.octets().first_chunk().copied().unwrap_or_default()),
        }
    }
}

/// Some addresses: those that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u32,
}

/// Why a text names no addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address, or an address and a number of bits such as 10.0.0.0/8")]
pub struct NoNetwork;

impl Network {
    /// Whether an address is one of them.
    #[must_use]
    pub fn holds(&self, ip: IpAddr) -> bool {
        let (own, len) = number(self.base);
        let (other, other_len) = number(ip.to_canonical());
        let differ = len.saturating_sub(self.bits);
        len == other_len && (own ^ other).checked_shr(differ).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) => (base, Some(bits.parse().map_err(|_| NoNetwork)?)),
            None => (text, None),
        };
        let base: IpAddr = base.trim().parse().map_err(|_| NoNetwork)?;
        let base = base.to_canonical();
        let (_, len) = number(base);
        let bits = bits.unwrap_or(len);
        if bits > len {
            return Err(NoNetwork);
        }
        Ok(Self { base, bits })
    }
}

/// An address as a number, and how many bits it has.
fn number(ip: IpAddr) -> (u128, u32) {
    match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn neighbours_share_a_prefix_and_others_do_not() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.255", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.9", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::1", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ] {
            let (one, other) = (Prefix::of(ip(one)), Prefix::of(ip(other)));
            assert_eq!(one == other, same, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_network_holds_what_begins_like_it() {
        for (network, address, held) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "203.0.113.7", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
        ] {
            let network: Network = network.parse().expect("a network");
            assert_eq!(network.holds(ip(address)), held, "{network:?} {address}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::1/129",
            "10.0.0.1/",
            "a/8",
            "10.0.0.1/-1",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NoNetwork), "{text}");
        }
    }
}
