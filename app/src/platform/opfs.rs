//! The origin's private files: a second place beside the database, where the browser has one.

use js_sys::{AsyncIterator, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemWritableFileStream,
};

/// A folder of the private files.
#[derive(Debug, Clone)]
pub struct Folder {
    handle: FileSystemDirectoryHandle,
}

impl Folder {
    /// The root; none where the browser has no private files that a page can write.
    pub async fn root() -> Option<Self> {
        let handle = wait(super::storage_manager()?.get_directory()).await?;
        let writes = Reflect::has(
            &Reflect::get(&js_sys::global(), &"FileSystemFileHandle".into())
                .and_then(|class| Reflect::get(&class, &"prototype".into()))
                .ok()?,
            &"createWritable".into(),
        );
        writes.ok()?.then_some(Self { handle })
    }

    /// The folder in this one, made where it is missing.
    pub async fn folder(&self, name: &str) -> Option<Self> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let asked = self
            .handle
            .get_directory_handle_with_options(name, &options);
        let handle = wait(asked).await?;
        Some(Self { handle })
    }

    /// The names in the folder, in order.
    pub async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let keys: AsyncIterator<JsValue> = self.handle.keys().unchecked_into();
        while let Ok(promise) = keys.next_iterator() {
            let Some(next) = wait::<JsValue>(promise.unchecked_into()).await else {
                break;
            };
            let value = Reflect::get(&next, &"value".into()).ok();
            match value.and_then(|value| value.as_string()) {
                Some(name) => names.push(name),
                None => break,
            }
        }
        names.sort_unstable();
        names
    }

    /// The bytes of a file; none when there is no such file.
    pub async fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file: FileSystemFileHandle = wait(self.handle.get_file_handle(name)).await?;
        let file: File = wait(file.get_file()).await?;
        let buffer: JsValue = wait(file.array_buffer()).await?;
        Some(Uint8Array::new(&buffer).to_vec())
    }

    /// Writes a file, all of it or nothing; false when it did not come to the disk.
    pub async fn write(&self, name: &str, bytes: &[u8]) -> bool {
        self.try_write(name, bytes).await.is_some()
    }

    async fn try_write(&self, name: &str, bytes: &[u8]) -> Option<()> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let asked = self.handle.get_file_handle_with_options(name, &options);
        let file: FileSystemFileHandle = wait(asked).await?;
        let stream: FileSystemWritableFileStream = wait(file.create_writable()).await?;
        let written = stream
            .write_with_js_u8_array(&Uint8Array::from(bytes))
            .ok()?;
        wait::<JsValue>(written).await?;
        wait::<JsValue>(stream.close()).await.map(drop)
    }

    /// Removes a file; one that is not there is as good as removed.
    pub async fn remove(&self, name: &str) {
        let _gone: Option<JsValue> = wait(self.handle.remove_entry(name)).await;
    }
}

async fn wait<T: JsCast>(promise: Promise) -> Option<T> {
    let value = JsFuture::from(promise).await.ok()?;
    Some(value.unchecked_into())
}
