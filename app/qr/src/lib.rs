//! QR codes, read from a camera's picture and drawn for a screen.
//!
//! A module of its own, which a worker loads when somebody films or shows codes: the app does not grow
//! by it, its screens do not stutter while a picture is read, and a picture that breaks the reader
//! ends the worker and nothing else.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};
use quircs::Quirc;
use wasm_bindgen::prelude::wasm_bindgen;

/// The light squares around a code that readers ask for.
const MARGIN: i32 = 4;

/// The texts of the codes in a picture: `pixels` are four bytes each, red, green, blue and alpha,
/// row by row.
#[wasm_bindgen]
#[must_use]
pub fn read(pixels: &[u8], width: usize, height: usize) -> Vec<String> {
    if pixels.len() < width * height * 4 || width * height == 0 {
        return Vec::new();
    }
    // Green alone is close to what the eye calls bright, and a camera's best channel.
    let luma: Vec<u8> = pixels.iter().skip(1).step_by(4).copied().collect();
    let mut reader = Quirc::default();
    let codes = reader.identify(width, height, &luma);
    let texts = codes.filter_map(|code| code.ok()?.decode().ok());
    texts
        .filter_map(|code| String::from_utf8(code.payload).ok())
        .collect()
}

/// A code for a text: the width of its picture in squares, a space, and the dark squares as the path
/// of an SVG. Nothing when the text is too long for a code.
#[wasm_bindgen]
#[must_use]
pub fn draw(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let size = code.size();
    let mut drawn = format!("{} ", size + 2 * MARGIN);
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let run = (x..size).take_while(|x| code.get_module(*x, y)).count();
            let run = i32::try_from(run).unwrap_or(i32::MAX);
            if run > 0 {
                let (left, top) = (x + MARGIN, y + MARGIN);
                // Writing into a `String` cannot fail.
                let _ok = write!(drawn, "M{left} {top}h{run}v1h-{run}z");
            }
            x = x.saturating_add(run.max(1));
        }
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera sees of a drawing, each square so many pixels wide.
    fn filmed(drawn: &str, scale: usize) -> (Vec<u8>, usize) {
        let (size, path) = drawn.split_once(' ').expect("a size and a path");
        let width = size.parse::<usize>().expect("a number") * scale;
        let mut pixels = vec![230; width * width * 4];
        for run in path.split_terminator('z') {
            let numbers = run.split(['M', ' ', 'h', 'v']).filter(|n| !n.is_empty());
            let numbers: Vec<i64> = numbers.map(|n| n.parse().expect("a number")).collect();
            let [left, top, long] = [numbers[0], numbers[1], numbers[2]]
                .map(|n| usize::try_from(n).expect("in the picture") * scale);
            for y in top..top + scale {
                pixels[(y * width + left) * 4..(y * width + left + long) * 4].fill(20);
            }
        }
        (pixels, width)
    }

    #[test]
    fn bd5_a_code_that_was_drawn_is_read() {
        let texts = [
            "A".to_owned(),
            "https://example.cn/join#ABCD1234".to_owned(),
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:".repeat(14)[..619].to_owned(),
        ];
        for text in texts {
            let drawn = draw(&text).expect("short enough");
            for scale in [3, 5] {
                let (pixels, width) = filmed(&drawn, scale);
                assert_eq!(read(&pixels, width, width), [text.as_str()], "{scale}");
            }
        }
        assert_eq!(draw(&"a".repeat(3_000)), None);
    }

    #[test]
    fn bd5_a_picture_without_a_code_gives_none() {
        assert_eq!(read(&[], 0, 0), [""; 0]);
        assert_eq!(read(&[0; 16], 3, 3), [""; 0]);
        assert_eq!(read(&vec![128; 64 * 48 * 4], 64, 48), [""; 0]);
        let mut noise = vec![0_u8; 200 * 200 * 4];
        let mut seed = 1_u32;
        for byte in &mut noise {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = u8::try_from(seed >> 24).expect("eight bits");
        }
        assert_eq!(read(&noise, 200, 200), [""; 0]);
    }
}
