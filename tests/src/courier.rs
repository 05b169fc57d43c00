//! A photo's way to the server over plain HTTP, from wherever the server has it.

use domain::command::Command;
use domain::id::{ItemId, PhotoHash, RecordId};
use domain::record::photo::{Photo, Size};
use reqwest::{Client, Method, Response};

use crate::headless::shell::now;

/// Bytes of a piece.
const PIECE_BYTES: usize = 16 * 1024;

/// Carries one picture of one record for one device.
#[derive(Debug)]
pub struct Courier {
    client: Client,
    proof: String,
    path: String,
    picture: Vec<u8>,
}

/// Adds a photo that is its own thumbnail to a record.
#[must_use]
pub fn add(id: RecordId, item: ItemId, picture: &[u8]) -> Command {
    let (hash, bytes) = (
        PhotoHash::of(picture),
        u32::try_from(picture.len()).unwrap_or(0),
    );
    let photo = Photo {
        full: hash,
        full_bytes: bytes,
        width: 10,
        height: 10,
        thumb: hash,
        thumb_bytes: bytes,
        taken_at: now(),
    };
    Command::AddPhoto { id, item, photo }
}

impl Courier {
    /// A courier for a device: its name and its secret, 16 bytes each.
    #[must_use]
    pub fn new(identity: &[u8], record: RecordId, picture: Vec<u8>) -> Self {
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let (device, secret) = identity.split_at(16.min(identity.len()));
        let (name, size) = (PhotoHash::of(&picture).hex(), Size::Full.code());
        Self {
            client: Client::new(),
            proof: format!("Device {}.{}", hex(device), hex(secret)),
            path: format!("/api/v1/photos/{name}?record={record}&size={size}"),
            picture,
        }
    }

    /// Sends what is missing; true when the server says that it has everything.
    pub async fn send(&self, url: &str) -> bool {
        while let Some(at) = self.held(url).await {
            if at >= self.picture.len() {
                return true;
            }
            let end = self.picture.len().min(at + PIECE_BYTES);
            let piece = self.picture.get(at..end).unwrap_or_default().to_vec();
            let sum = PhotoHash::of(&piece).hex();
            let request = self.request(Method::PATCH, url);
            let request = request.header("upload-offset", at);
            let request = request.header("upload-checksum", format!("sha256 {sum}"));
            let sent = request.body(piece).send().await;
            if !sent.is_ok_and(|answer| answer.status() == 204) {
                return false;
            }
        }
        false
    }

    /// The picture as the server gives it out; none when it has not all of it.
    pub async fn fetch(&self, url: &str) -> Option<Vec<u8>> {
        let answer = self.request(Method::GET, url).send().await.ok()?;
        let whole = answer.status() == 200;
        let bytes = answer.bytes().await.ok()?;
        whole.then(|| bytes.to_vec())
    }

    async fn held(&self, url: &str) -> Option<usize> {
        let answer: Response = self.request(Method::HEAD, url).send().await.ok()?;
        let offset = answer.headers().get("upload-offset")?;
        offset.to_str().ok()?.parse().ok()
    }

    fn request(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{url}{}", self.path));
        request.header("authorization", &self.proof)
    }
}
