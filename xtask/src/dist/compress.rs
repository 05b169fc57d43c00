//! Compressed twins beside the files, so that the server spends nothing on it.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::assets;
use crate::failure::Failure;

/// Kinds of files that get smaller.
const COMPRESSIBLE: [&str; 8] = [
    ".html",
    ".js",
    ".css",
    ".wasm",
    ".svg",
    ".webmanifest",
    ".txt",
    ".json",
];
/// Brotli's largest window that every browser takes, as a power of two.
const WINDOW_BITS: i32 = 22;
const QUALITY_BEST: i32 = 11;
/// A dev build is served to this machine only.
const QUALITY_QUICK: i32 = 4;

/// True for a compressed twin.
pub fn is_twin(name: &str) -> bool {
    [".br", ".gz"].iter().any(|suffix| name.ends_with(suffix))
}

/// Writes `.br` and `.gz` beside every file that is worth it.
pub fn all(folder: &Path, best: bool) -> Result<(), Failure> {
    for name in assets::list(folder)? {
        if COMPRESSIBLE.iter().any(|suffix| name.ends_with(suffix)) {
            let path = folder.join(&name);
            let bytes = fs::read(&path).map_err(Failure::file(&path))?;
            twin(
                &path,
                "br",
                &to_brotli(&bytes, best).map_err(Failure::file(&path))?,
            )?;
            twin(
                &path,
                "gz",
                &to_gzip(&bytes, best).map_err(Failure::file(&path))?,
            )?;
        }
    }
    Ok(())
}

fn twin(path: &Path, suffix: &str, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    let twin = Path::new(&name);
    fs::write(twin, bytes).map_err(Failure::file(twin))
}

fn to_brotli(bytes: &[u8], best: bool) -> std::io::Result<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality: if best { QUALITY_BEST } else { QUALITY_QUICK },
        lgwin: WINDOW_BITS,
        size_hint: bytes.len(),
        ..BrotliEncoderParams::default()
    };
    let mut input = bytes;
    let mut output = Vec::new();
    brotli::BrotliCompress(&mut input, &mut output, &params)?;
    Ok(output)
}

fn to_gzip(bytes: &[u8], best: bool) -> std::io::Result<Vec<u8>> {
    let level = if best {
        Compression::best()
    } else {
        Compression::fast()
    };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes)?;
    encoder.finish()
}
