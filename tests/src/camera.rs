//! Pictures as a camera makes them: large, lying on their side, with a place written into them; and
//! films of what another screen shows.

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
        let bytes = bytes(&page.run(&script).await);
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

/// Bytes that a page gave as hexadecimal digits.
fn bytes(drawn: &Value) -> Vec<u8> {
    let hex = drawn.as_str().expect("the browser drew something");
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("a byte");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// How many pictures of a film a scene takes; ten make a second.
const PICTURES: usize = 5;
/// The size of a film in pixels.
const FILM: (usize, usize) = (800, 600);

/// A film on the disk, for a browser whose camera sees it again and again.
#[derive(Debug)]
pub struct Film {
    _folder: TempDir,
    path: String,
    scenes: usize,
}

impl Film {
    /// Films what the picture at `selector` shows until it has shown so many different things.
    ///
    /// It is as a hand would hold the phone: smaller than what the camera sees, a little turned, not
    /// in the middle, on grey. The film is raw (YUV4MPEG2): browsers read packed ones with damage.
    pub async fn of_svgs(page: &Page, selector: &str, scenes: usize) -> Self {
        let (width, height) = FILM;
        let script = format!(
            "const asked = document.querySelector('{selector}');
             const xml = new XMLSerializer().serializeToString(asked);
             const c = document.createElement('canvas'); c.width = {width}; c.height = {height};
             const p = c.getContext('2d');
             const image = new Image();
             return new Promise((done) => {{
               image.onload = () => {{
                 p.fillStyle = '#777'; p.fillRect(0, 0, {width}, {height});
                 p.translate(390, 310); p.rotate(0.04); p.drawImage(image, -260, -260, 520, 520);
                 const seen = p.getImageData(0, 0, {width}, {height}).data;
                 let digits = '';
                 for (let at = 1; at < seen.length; at += 4)
                   digits += seen[at].toString(16).padStart(2, '0');
                 done(digits);
               }};
               image.src = URL.createObjectURL(new Blob([xml], {{ type: 'image/svg+xml' }}));
             }})"
        );
        let mut seen: Vec<Vec<u8>> = Vec::new();
        while seen.len() < scenes {
            let picture = bytes(&page.run(&script).await);
            if !seen.contains(&picture) {
                seen.push(picture);
            }
        }
        let mut film =
            format!("YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n").into_bytes();
        for picture in seen
            .iter()
            .flat_map(|one| std::iter::repeat_n(one, PICTURES))
        {
            film.extend(b"FRAME\n");
            film.extend(picture);
            // No colour.
            film.extend(std::iter::repeat_n(128, width * height / 2));
        }
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("film.y4m");
        std::fs::write(&path, film).expect("a file");
        Self {
            path: path.display().to_string(),
            _folder: folder,
            scenes,
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How many different things it shows.
    pub const fn scenes(&self) -> usize {
        self.scenes
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
