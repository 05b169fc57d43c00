//! Frames of HTTP/2, written by hand: what no library would send.

use super::Storm;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// What a client begins with.
pub(super) fn preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes
}

/// A flood of frames, a hundred at a time.
pub(super) struct Frames {
    storm: Storm,
    stream: u32,
}

impl Frames {
    pub(super) const fn new(storm: Storm) -> Self {
        Self { storm, stream: 1 }
    }

    /// The next hundred.
    pub(super) fn some(&mut self) -> Vec<u8> {
        (0..100).flat_map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Vec<u8> {
        match self.storm {
            Storm::Ping => frame(PING, 0, 0, &[7; 8]),
            Storm::Settings => frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
            Storm::Continuation if self.stream == 1 => {
                self.stream = 3;
                frame(HEADERS, 0, 1, &request())
            }
            Storm::Continuation => {
                // Literals that are not to be kept, each with a name of its own length.
                let field = [&[0_u8, 100][..], &[b'x'; 100], &[100], &[b'y'; 100]].concat();
                frame(CONTINUATION, 0, 1, &field.repeat(10))
            }
            Storm::Reset
            | Storm::Bodies(_)
            | Storm::Plain(_)
            | Storm::Stalled
            | Storm::Fill
            | Storm::Codes
            | Storm::Batches
            | Storm::Refused => {
                let begun = frame(HEADERS, END_HEADERS, self.stream, &request());
                let reset = frame(RST_STREAM, 0, self.stream, &[0, 0, 0, 8]);
                self.stream += 2;
                [begun, reset].concat()
            }
        }
    }
}

/// The head of an exchange, by the static table and literals.
fn request() -> Vec<u8> {
    let path = b"/api/v1/exchange";
    let mut head = vec![0x83, 0x87, 0x04, u8::try_from(path.len()).unwrap_or(0)];
    head.extend(path);
    head.extend([0x01, 9]);
    head.extend(b"localhost");
    head
}

fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(0).to_be_bytes();
    let mut bytes = length.into_iter().skip(1).collect::<Vec<_>>();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_length_its_kind_and_its_stream() {
        let ping = frame(PING, 0, 0, &[7; 8]);
        assert_eq!(ping[..9], [0, 0, 8, 6, 0, 0, 0, 0, 0]);
        assert_eq!(ping.len(), 17);
        let mut resets = Frames::new(Storm::Reset);
        let (first, second) = (resets.one(), resets.one());
        assert_eq!((first[8], second[8]), (1, 3));
    }
}
