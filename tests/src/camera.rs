//! Pictures as a camera makes them: large, lying on their side, with a place written into them.

use serde_json::Value;
use tempfile::TempDir;

use crate::page::Page;

/// What the camera writes into a picture and nobody may ever get.
pub const SECRET: &str = "FENGGE-GPS-29.4N-105.9E";

/// A picture on the disk; the folder goes with it.
#[derive(Debug)]
pub struct Shot {
    _folder: TempDir,
    path: String,
}

impl Shot {
    /// Lets the browser's own canvas draw a picture, and writes into it what a camera would.
    ///
    /// It is 2400 wide and 1800 high and says that it has to be turned by a quarter.
    pub async fn draw(page: &Page, hue: u32) -> Self {
        let script = format!(
            "const c = document.createElement('canvas'); c.width = 2400; c.height = 1800;
             const p = c.getContext('2d');
             const sky = p.createLinearGradient(0, 0, 0, 1800);
             sky.addColorStop(0, 'hsl({hue},60%,85%)'); sky.addColorStop(1, 'hsl({hue},45%,35%)');
             p.fillStyle = sky; p.fillRect(0, 0, 2400, 1800);
             for (let n = 0; n < 4000; n++) {{
               p.fillStyle = `hsla(${{({hue} + n * 7) % 360}},40%,${{30 + n % 50}}%,0.35)`;
               p.fillRect((n * 7919) % 2400, (n * 104729) % 1800, 20 + n % 60, 8 + n % 30);
             }}
             const url = c.toDataURL('image/jpeg', 0.9);
             return Array.from(atob(url.slice(url.indexOf(',') + 1)),
               (letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join('')"
        );
        let Value::String(hex) = page.run(&script).await else {
            panic!("the browser drew nothing");
        };
        let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte");
        let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect();
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("photo.jpg");
        std::fs::write(&path, with_camera_notes(&bytes)).expect("a file");
        Self {
            path: path.display().to_string(),
            _folder: folder,
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// The same picture with an EXIF block: turned by a quarter, and a place.
fn with_camera_notes(jpeg: &[u8]) -> Vec<u8> {
    let mut notes = b"Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    notes.extend([0x12, 0x01, 0x03, 0x00, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    notes.extend(SECRET.as_bytes());
    let len = u16::try_from(notes.len() + 2).expect("short");
    let (start, rest) = jpeg.split_at(2);
    let mut all = start.to_vec();
    all.extend([0xff, 0xe1]);
    all.extend(len.to_be_bytes());
    all.extend(notes);
    all.extend(rest);
    all
}
