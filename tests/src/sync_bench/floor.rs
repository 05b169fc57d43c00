//! The floor: what the best general compressor makes of all operations in one batch.

use std::io::Write as _;

const QUALITY: u32 = 11;
/// The window's size as a power of two; the largest that every browser decodes.
const WINDOW: u32 = 24;
const BUFFER_BYTES: usize = 64 * 1024;

/// Bytes of the operations at brotli's best.
pub(super) fn of(operations: &str) -> u64 {
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut packed, BUFFER_BYTES, QUALITY, WINDOW);
    let written = writer.write_all(operations.as_bytes());
    drop(writer);
    written.expect("memory takes all that is written");
    packed.len() as u64
}

#[cfg(test)]
mod tests {
    use crate::workload::Workload;

    #[test]
    fn an_invented_workload_packs_as_real_ones_do() {
        let operations = Workload::invent(1, 50).initial;
        let share = super::of(&operations) as f64 / operations.len() as f64;
        assert!((0.30..0.40).contains(&share), "{share}");
    }
}
