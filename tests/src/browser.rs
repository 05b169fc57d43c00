//! Browsers with a profile of their own: opened, killed hard, opened again as after a dead battery.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::camera::Film;
use crate::page::Page;
use crate::{PATIENCE, eventually};

const FLAGS: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-search-engine-choice-screen",
    "--password-store=basic",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
];

/// How often a browser that dies while it starts is started again.
const STARTS_MAX: u32 = 2;

/// The size of a screen in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Across.
    pub width: u32,
    /// Down.
    pub height: u32,
}

/// A small phone.
pub const PHONE: Screen = Screen {
    width: 360,
    height: 640,
};
/// A tablet held upright.
pub const TABLET: Screen = Screen {
    width: 800,
    height: 1280,
};
/// The desk at the station.
pub const DESK: Screen = Screen {
    width: 1366,
    height: 768,
};

/// One person's browser.
#[derive(Debug)]
pub struct Browser {
    profile: TempDir,
    screen: Screen,
    flags: Vec<String>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    driver: WebDriver,
    _chromedriver: Child,
}

impl Browser {
    /// A browser that was never used before.
    pub async fn new(screen: Screen) -> Self {
        Self::with_flags(screen, Vec::new()).await
    }

    /// The same, with a camera that sees a film and may be used.
    pub async fn with_film(screen: Screen, film: &Film) -> Self {
        let flags = vec![
            "--use-fake-ui-for-media-stream".to_owned(),
            "--use-fake-device-for-media-stream".to_owned(),
            format!("--use-file-for-fake-video-capture={}", film.path()),
        ];
        Self::with_flags(screen, flags).await
    }

    async fn with_flags(screen: Screen, flags: Vec<String>) -> Self {
        let profile = TempDir::new().expect("a temporary folder");
        let mut browser = Self {
            profile,
            screen,
            flags,
            running: None,
        };
        browser.open().await;
        browser
    }

    /// Opens it again with everything that it had stored.
    pub async fn open(&mut self) {
        // On a busy machine a browser now and then dies while it starts, before any page is open.
        let mut refused = 0;
        let running = loop {
            match self.start().await {
                Ok(running) => break running,
                Err(error) if refused == STARTS_MAX => panic!("a browser session: {error}"),
                Err(_) => refused += 1,
            }
            self.kill().await;
        };
        self.running = Some(running);
        self.resize(self.screen).await;
    }

    async fn start(&self) -> WebDriverResult<Running> {
        let (chromedriver, port) = start_chromedriver().await;
        let server = format!("http://127.0.0.1:{port}");
        let driver = WebDriver::builder(server, self.capabilities())
            .request_timeout(PATIENCE)
            .connect()
            .await?;
        Ok(Running {
            driver,
            _chromedriver: chromedriver,
        })
    }

    fn capabilities(&self) -> Capabilities {
        let mut args: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        args.extend(self.flags.iter().cloned());
        args.push(format!("--user-data-dir={}", self.profile.path().display()));
        args.push(format!(
            "--window-size={},{}",
            self.screen.width, self.screen.height
        ));
        let wishes = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": program("CHROMIUM", "/usr/bin/chromium"),
                "args": args,
                "prefs": { "intl.accept_languages": "zh-CN,zh" }
            }
        });
        serde_json::from_value(wishes).expect("an object")
    }

    /// The folder with everything that it stores.
    pub fn profile(&self) -> &Path {
        self.profile.path()
    }

    /// What is on the screen.
    pub fn page(&self) -> Page {
        let running = self.running.as_ref().expect("the browser is closed");
        Page::new(running.driver.clone())
    }

    /// Closes it as a person does: what it had yet to write, such as settings, is on the disk.
    pub async fn close(&mut self) {
        if let Some(running) = &self.running {
            // It may be gone before it has answered.
            let _closing = running
                .driver
                .cdp()
                .send_raw("Browser.close", json!({}))
                .await;
        }
        let profile = self.profile.path().to_path_buf();
        eventually("the browser to close", || async {
            processes(&profile).is_empty().then_some(())
        })
        .await;
        self.kill().await;
    }

    /// Ends every process of this profile at once: no page hears of it.
    pub async fn kill(&mut self) {
        kill_all(self.profile.path());
        if let Some(running) = self.running.take() {
            running
                .driver
                .leak()
                .expect("a session that was not closed");
        }
        let profile = self.profile.path().to_path_buf();
        eventually("the end of the browser", || async {
            processes(&profile).is_empty().then_some(())
        })
        .await;
        // A dead browser leaves its lock behind; the next one asks nobody's leave.
        for name in ["SingletonLock", "SingletonCookie", "SingletonSocket"] {
            let _absent = std::fs::remove_file(self.profile.path().join(name));
        }
    }

    /// Another screen: sets the viewport exactly.
    pub async fn resize(&mut self, screen: Screen) {
        self.screen = screen;
        let metrics = json!({
            "width": screen.width, "height": screen.height, "deviceScaleFactor": 1,
            "mobile": screen.width < DESK.width,
        });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    /// Tells the page that the device is offline or online (`navigator.onLine` and its events).
    /// The service worker does not hear of it: shut the gate as well.
    pub async fn say_offline(&self, offline: bool) {
        let conditions = json!({
            "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        self.cdp("Network.enable", json!({})).await;
        self.cdp("Network.emulateNetworkConditions", conditions)
            .await;
    }

    /// Makes the processor so many times slower.
    pub async fn slow_down(&self, times: u32) {
        self.cdp("Emulation.setCPUThrottlingRate", json!({ "rate": times }))
            .await;
    }

    /// Limits what `origin` may store; `None` lifts the limit.
    pub async fn limit_storage(&self, origin: &str, bytes: Option<u64>) {
        let mut wish = json!({ "origin": origin });
        if let (Some(bytes), Some(map)) = (bytes, wish.as_object_mut()) {
            map.insert("quotaSize".to_owned(), json!(bytes));
        }
        self.cdp("Storage.overrideQuotaForOrigin", wish).await;
    }

    /// A picture of what is on the screen.
    pub async fn picture(&self) -> Vec<u8> {
        let running = self.running.as_ref().expect("the browser is closed");
        running.driver.screenshot_as_png().await.expect("a picture")
    }

    /// A command of the browser's own protocol.
    pub async fn cdp(&self, method: &str, params: Value) -> Value {
        let running = self.running.as_ref().expect("the browser is closed");
        let answer = running.driver.cdp().send_raw(method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            kill_all(self.profile.path());
            // The session is gone with its browser; there is nobody to say goodbye to.
            let _gone = running.driver.leak();
        }
    }
}

/// How often a program is started that finds its port taken: it takes one that is free for one family
/// of addresses, and ends where somebody else has it in the other.
const STARTS: usize = 3;

async fn start_chromedriver() -> (Child, u16) {
    for _ in 0..STARTS {
        if let Some(started) = try_chromedriver().await {
            return started;
        }
    }
    panic!("chromedriver ended before it listened, {STARTS} times");
}

/// None where it ended before it listened.
async fn try_chromedriver() -> Option<(Child, u16)> {
    let mut child = Command::new(program("CHROMEDRIVER", "/usr/bin/chromedriver"))
        .arg("--port=0")
        // Native pickers and error pages in the language of the people who use the app.
        .envs([("LANGUAGE", "zh_CN"), ("LANG", "zh_CN.UTF-8")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("chromedriver: run `cargo xtask test`, which installs it");
    let stdout = child.stdout.take().expect("a piped output");
    let mut lines = BufReader::new(stdout).lines();
    let port = async {
        while let Some(line) = lines.next_line().await.expect("readable output") {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                return Some(port.trim_end_matches('.').parse().expect("a port"));
            }
        }
        None
    };
    let port = tokio::time::timeout(PATIENCE, port)
        .await
        .expect("chromedriver never listened")?;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Some((child, port))
}

fn program(variable: &str, usual: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| PathBuf::from(usual), PathBuf::from)
}

/// Kills all processes of one profile, by their numbers.
fn kill_all(profile: &Path) {
    let ids = processes(profile);
    if !ids.is_empty() {
        let _status = std::process::Command::new("kill")
            .arg("-9")
            .args(ids)
            .status();
    }
}

/// Numbers of the processes that were started with this profile.
fn processes(profile: &Path) -> Vec<String> {
    let wanted = profile.to_string_lossy().into_owned();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|name| {
            let line = std::fs::read(format!("/proc/{name}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&wanted)
        })
        .collect()
}
