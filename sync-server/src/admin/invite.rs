//! Invitations: a code, its link, and the link as a QR code.

use std::io::Write;

use domain::id::PersonId;
use qrcodegen::{QrCode, QrCodeEcc};

use super::AdminError;
use crate::config::Config;
use crate::store::{Store, device};

/// The light squares around a QR code that cameras ask for.
const QR_MARGIN: i32 = 2;

/// Prints a new code.
pub(super) async fn invite(
    store: &Store,
    config: &Config,
    person: &PersonId,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    let code = device::invite(&mut write, person, crate::clock::now()).await?;
    write.commit().await?;
    writeln!(out, "{code}")?;
    let fallback = config.url(config.listen);
    let base = fallback.trim_end_matches('/');
    let link = format!("{base}/join#{code}");
    writeln!(out, "{link}")?;
    for line in drawn(&link) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// The QR code of a link in the signs of a terminal, two rows of squares in each line: a phone's own
/// camera opens it. Light squares are drawn, so that it stands on a dark terminal as on paper.
fn drawn(link: &str) -> Vec<String> {
    let Ok(code) = QrCode::encode_text(link, QrCodeEcc::Medium) else {
        return Vec::new();
    };
    let edge = -QR_MARGIN..code.size() + QR_MARGIN;
    let sign = |x: i32, y: i32| match (code.get_module(x, y), code.get_module(x, y + 1)) {
        (false, false) => '█',
        (false, true) => '▀',
        (true, false) => '▄',
        (true, true) => ' ',
    };
    let rows = edge.clone().step_by(2);
    rows.map(|y| edge.clone().map(|x| sign(x, y)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a phone's camera sees of the lines: a sign is one square wide and two high.
    #[test]
    fn an_invitation_can_be_read_from_the_terminal() {
        const SCALE: usize = 4;
        let link = "https://fengge.example.cn:8443/join#ABCD1234";
        let lines = drawn(link);
        let width = lines[0].chars().count();
        let mut pixels = Vec::new();
        for line in &lines {
            for light in ["█▀", "█▄"] {
                let row = line.chars().flat_map(|sign| {
                    let value = if light.contains(sign) { 240 } else { 10 };
                    [value; 4 * SCALE]
                });
                let row: Vec<u8> = row.collect();
                pixels.extend(row.repeat(SCALE));
            }
        }
        let read = qr::read(&pixels, width * SCALE, lines.len() * 2 * SCALE);
        assert_eq!(read, [link]);
    }
}
