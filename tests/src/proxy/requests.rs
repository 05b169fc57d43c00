//! Counts HTTP/1.1 requests in a stream by reading their heads and stepping over their bodies.

/// A head that is longer is no head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Body(u64),
    /// Not HTTP/1.1 with known lengths: nothing more can be said about this connection.
    Lost,
}

/// What a piece of the stream brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// Requests whose head ended in this piece.
    pub seen: u64,
    /// The count ends here: the stream cannot be read any further.
    pub lost: bool,
}

/// The reader of one connection.
#[derive(Debug, Default)]
pub struct Requests {
    state: State,
    head: Vec<u8>,
}

impl Requests {
    /// Reads the next bytes of the stream.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Heads {
        let mut heads = Heads::default();
        while let Some((first, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Lost => break,
                State::Body(left) => {
                    let step = bytes
                        .len()
                        .min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= step as u64;
                    if *left == 0 {
                        self.state = State::Head;
                    }
                    bytes = bytes.get(step..).unwrap_or_default();
                }
                State::Head => {
                    self.head.push(*first);
                    bytes = rest;
                    if self.head.ends_with(b"\r\n\r\n") {
                        heads.seen += 1;
                        self.state = after(&self.head);
                        self.head.clear();
                    } else if self.head.len() > HEAD_BYTES_MAX {
                        self.state = State::Lost;
                    }
                    heads.lost |= matches!(self.state, State::Lost);
                }
            }
        }
        heads
    }
}

/// What follows a head.
fn after(head: &[u8]) -> State {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    if !lines.next().unwrap_or_default().ends_with(" HTTP/1.1") {
        return State::Lost;
    }
    let mut length = Some(0);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return State::Lost;
        }
    }
    match length {
        Some(0) => State::Head,
        Some(length) => State::Body(length),
        None => State::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &[u8] =
        b"POST /a HTTP/1.1\r\nhost: b\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    const GET: &[u8] = b"GET /health HTTP/1.1\r\nhost: b\r\n\r\n";

    #[test]
    fn a_body_that_looks_like_a_request_is_none() {
        let stream = [POST, GET, POST, POST].concat();
        for size in [1, 2, 7, 50, stream.len()] {
            let mut reader = Requests::default();
            let seen: u64 = stream
                .chunks(size)
                .map(|piece| reader.feed(piece).seen)
                .sum();
            assert_eq!(seen, 4, "in pieces of {size}");
        }
    }

    #[test]
    fn a_stream_of_unknown_lengths_is_given_up_once() {
        let mut reader = Requests::default();
        let chunked = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
        let first = reader.feed(chunked);
        assert_eq!((first.seen, first.lost), (1, true));
        assert_eq!(reader.feed(GET), Heads::default());
        let second = Requests::default().feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        assert!(second.lost, "HTTP/2 is not read");
    }
}
