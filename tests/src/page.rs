//! A page as a person meets it: things are found by what they are and what they are called.

use serde_json::{Value, json};
use thirtyfour::prelude::*;

use crate::eventually;
use crate::words::Word;

/// What is on the screen of one browser.
#[derive(Debug, Clone)]
pub struct Page {
    driver: WebDriver,
}

impl Page {
    /// The page of that session.
    pub fn new(driver: WebDriver) -> Self {
        Self { driver }
    }

    /// Types an address into the browser.
    pub async fn open(&self, url: &str) {
        self.driver
            .goto(url)
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.driver.refresh().await.expect("a reload");
    }

    /// Path of the address.
    pub async fn path(&self) -> String {
        self.driver
            .current_url()
            .await
            .expect("an address")
            .path()
            .to_owned()
    }

    /// Waits for an address whose path fits.
    pub async fn path_where(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        eventually(what, || async {
            Some(self.path().await).filter(|path| fits(path))
        })
        .await
    }

    /// Waits for a heading and thereby for its screen.
    pub async fn heading(&self, word: Word) {
        self.find("heading", word).await;
    }

    /// Waits for a heading that begins so, such as a case number.
    pub async fn heading_starting(&self, start: &str) {
        let script = "return (document.querySelector('h1') || {}).innerText || ''";
        eventually(&format!("a heading {start}…"), || async {
            let shown = self.run(script).await;
            shown
                .as_str()
                .is_some_and(|text| text.starts_with(start))
                .then_some(())
        })
        .await;
    }

    /// Presses a button or link.
    pub async fn press(&self, word: Word) {
        let what = format!("{} to press", word.en);
        eventually(&what, || async {
            let element = match self.look("button", word).await {
                Some(element) => Some(element),
                None => self.look("link", word).await,
            }?;
            if element.click().await.is_ok() {
                return Some(());
            }
            // Drawn anew between finding and pressing, or below a bar: a person scrolls and looks again.
            let middle = "arguments[0].scrollIntoView({ block: 'center' })";
            let element = element.to_json().ok()?;
            let _scrolled = self.driver.execute(middle, vec![element]).await;
            None
        })
        .await;
    }

    /// Puts `text` into a field, in place of what was there.
    pub async fn fill(&self, word: Word, text: &str) {
        eventually(&format!("{} to fill in", word.en), || async {
            let field = self.look_field(word).await?;
            // Drawn anew in between: look again.
            field.clear().await.ok()?;
            field.send_keys(text).await.ok()
        })
        .await;
    }

    /// Adds to what stands in a field.
    pub async fn type_into(&self, word: Word, text: &str) {
        self.field(word)
            .await
            .send_keys(text)
            .await
            .expect("a field that can be typed into");
    }

    /// What stands in a field.
    pub async fn value(&self, word: Word) -> String {
        let field = self.field(word).await;
        field
            .prop("value")
            .await
            .expect("a field")
            .unwrap_or_default()
    }

    /// Waits until a field holds this.
    pub async fn shows_value(&self, word: Word, text: &str) {
        eventually(&format!("{text} in {}", word.en), || async {
            (self.value(word).await == text).then_some(())
        })
        .await;
    }

    async fn field(&self, word: Word) -> WebElement {
        eventually(&format!("field {}", word.en), || self.look_field(word)).await
    }

    async fn look_field(&self, word: Word) -> Option<WebElement> {
        for role in ["textbox", "searchbox"] {
            if let Some(element) = self.look(role, word).await {
                return Some(element);
            }
        }
        None
    }

    /// Presses one of a group of chips by its label.
    pub async fn choose(&self, word: Word) {
        eventually(&format!("{} to choose", word.en), || async {
            self.look("radio", word).await?.click().await.ok()
        })
        .await;
    }

    /// Chooses the first of a named group of chips.
    pub async fn choose_first(&self, group: Word) {
        eventually(&format!("a choice of {}", group.en), || async {
            let group = self.look("group", group).await?;
            group.find(By::Css("input")).await.ok()?.click().await.ok()
        })
        .await;
    }

    /// Chooses from a list by its label; `place` counts from 1. The text of what was chosen.
    pub async fn pick(&self, word: Word, place: usize) -> String {
        let option = format!("option:nth-child({})", place + 1);
        eventually(&format!("{} to choose from", word.en), || async {
            let list = self.look("combobox", word).await?;
            let option = list.find(By::Css(option.as_str())).await.ok()?;
            option.click().await.ok()?;
            option.text().await.ok()
        })
        .await
    }

    /// The code of what is chosen in a list; none without one of that name.
    pub async fn picked(&self, word: Word) -> Option<String> {
        let list = self.look("combobox", word).await?;
        list.prop("value").await.expect("a list")
    }

    /// Opens one more window and goes there; the name of the one that was left.
    pub async fn open_window(&self) -> WindowHandle {
        let here = self.driver.window().await.expect("a window");
        let new = self.driver.new_tab().await.expect("a new window");
        self.to_window(new).await;
        here
    }

    /// Goes to another window; the name of the one that was left.
    pub async fn to_window(&self, window: WindowHandle) -> WindowHandle {
        let here = self.driver.window().await.expect("a window");
        let switched = self.driver.switch_to_window(window).await;
        switched.expect("the other window");
        here
    }

    /// Gives the camera's button a picture, as if it had just been taken.
    pub async fn shoot(&self, path: &str) {
        self.find("button", crate::words::TAKE_PHOTO).await;
        let camera = By::Css("input[type=file]");
        let camera = self.driver.find(camera).await.expect("a camera button");
        camera.send_keys(path).await.expect("a picture was taken");
    }

    /// Presses a switch of the settings.
    pub async fn toggle(&self, word: Word) {
        eventually(&format!("{} to switch", word.en), || async {
            self.look("switch", word).await?.click().await.ok()
        })
        .await;
    }

    /// Waits until a picture with this selector is drawn; its size in pixels.
    pub async fn picture(&self, selector: &str) -> (u64, u64) {
        let script = format!(
            "const i = document.querySelector('{selector}');
             return i && i.complete && i.naturalWidth ? [i.naturalWidth, i.naturalHeight] : null"
        );
        eventually(&format!("the picture {selector}"), || async {
            let size = self.run(&script).await;
            Some((size.get(0)?.as_u64()?, size.get(1)?.as_u64()?))
        })
        .await
    }

    /// Waits until something on the page fits the selector.
    pub async fn drawn(&self, selector: &str) {
        let there = format!("return !!document.querySelector('{selector}')");
        eventually(selector, || async {
            (self.run(&there).await == Value::Bool(true)).then_some(())
        })
        .await;
    }

    /// Waits until a sheet is open.
    pub async fn sheet_opens(&self) {
        let open = "return !!document.querySelector('[role=dialog]')";
        eventually("a sheet", || async {
            (self.run(open).await == Value::Bool(true)).then_some(())
        })
        .await;
    }

    /// Presses the first row of a list that shows `text`.
    pub async fn press_row(&self, text: &str) {
        let path = format!("//tr[contains(., '{text}')]//a | //li[contains(., '{text}')]//a");
        eventually(&format!("a row with {text}"), || async {
            self.driver
                .find(By::XPath(path.as_str()))
                .await
                .ok()?
                .click()
                .await
                .ok()
        })
        .await;
    }

    /// Presses the oldest form of a new record that was left, at home.
    pub async fn press_last_draft(&self) {
        eventually("a form that was left", || async {
            let all = self.driver.find_all(By::Css("a.draft")).await.ok()?;
            all.last()?.click().await.ok()
        })
        .await;
    }

    /// Waits until no sheet is open.
    pub async fn sheet_closes(&self) {
        let open = "return !!document.querySelector('[role=dialog]')";
        eventually("the end of the sheet", || async {
            (self.run(open).await == Value::Bool(false)).then_some(())
        })
        .await;
    }

    /// Waits until `text` is shown.
    pub async fn sees(&self, text: &str) {
        let end = tokio::time::Instant::now() + crate::PATIENCE;
        while !self.text().await.contains(text) {
            if tokio::time::Instant::now() > end {
                panic!(
                    "never shown: {text}\n--- shown instead at {}\n{}",
                    self.path().await,
                    self.text().await
                );
            }
            tokio::time::sleep(crate::LOOK_EVERY).await;
        }
    }

    /// Waits until a word is shown in either language.
    pub async fn sees_word(&self, word: Word) {
        eventually(word.en, || async {
            let text = self.text().await;
            (text.contains(word.zh) || text.contains(word.en)).then_some(())
        })
        .await;
    }

    /// Waits until a word is shown in neither language.
    pub async fn sees_no_more(&self, word: Word) {
        eventually(&format!("the end of {}", word.en), || async {
            let text = self.text().await;
            (!text.contains(word.zh) && !text.contains(word.en)).then_some(())
        })
        .await;
    }

    /// Waits until `text` is not shown.
    pub async fn sees_no_text(&self, text: &str) {
        eventually(&format!("the end of {text}"), || async {
            (!self.shows(text).await).then_some(())
        })
        .await;
    }

    /// True when `text` is shown at this moment.
    pub async fn shows(&self, text: &str) -> bool {
        self.text().await.contains(text)
    }

    /// All text on the screen.
    pub async fn text(&self) -> String {
        let shown = self
            .driver
            .execute("return document.body.innerText", Vec::new())
            .await;
        shown.map_or_else(
            |_| String::new(),
            |value| value.convert().unwrap_or_default(),
        )
    }

    /// Runs a script and gives its value.
    pub async fn run(&self, script: &str) -> Value {
        let result = self.driver.execute(script, Vec::new()).await;
        result.map_or(Value::Null, |value| value.json().clone())
    }

    /// Runs a script that answers through its last argument.
    pub async fn run_async(&self, script: &str) -> Value {
        let result = self.driver.execute_async(script, Vec::new()).await;
        result.map_or_else(|error| panic!("{error}"), |value| value.json().clone())
    }

    /// Waits until the service worker holds this page: from then on no network is needed.
    pub async fn works_without_network(&self) {
        eventually("a service worker in charge", || async {
            let script = "return !!(navigator.serviceWorker && navigator.serviceWorker.controller)";
            (self.run(script).await == Value::Bool(true)).then_some(())
        })
        .await;
    }

    /// Waits for the one thing of that role and name.
    pub async fn find(&self, role: &str, word: Word) -> WebElement {
        let end = tokio::time::Instant::now() + crate::PATIENCE;
        loop {
            if let Some(element) = self.look(role, word).await {
                return element;
            }
            if tokio::time::Instant::now() > end {
                panic!(
                    "no {role} “{}” at {}; there are\n{}{}",
                    word.en,
                    self.path().await,
                    self.outline().await,
                    self.console().await
                );
            }
            tokio::time::sleep(crate::LOOK_EVERY).await;
        }
    }

    /// The first thing of that role and name, if it is there at this moment; while a sheet is
    /// open, only what is on the sheet.
    pub async fn look(&self, role: &str, word: Word) -> Option<WebElement> {
        let document = self.cdp("DOM.getDocument", json!({ "depth": 0 })).await?;
        let document = document.pointer("/root/nodeId")?;
        let wish = json!({ "nodeId": document, "selector": "[role=dialog]" });
        let sheet = self.cdp("DOM.querySelector", wish).await?;
        let sheet = sheet.get("nodeId").filter(|id| id.as_i64() != Some(0));
        let query = json!({ "nodeId": sheet.unwrap_or(document), "role": role });
        let found = self.cdp("Accessibility.queryAXTree", query).await?;
        let nodes = found.get("nodes")?.as_array()?.clone();
        let named = nodes.iter().find(|node| {
            let name = node.pointer("/name/value").and_then(Value::as_str);
            let ignored = node
                .get("ignored")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            !ignored && name.is_some_and(|name| word.is(name))
        })?;
        self.element(named.get("backendDOMNodeId")?).await
    }

    /// The same node for WebDriver: marked by the browser's protocol, found by the mark.
    async fn element(&self, backend_node: &Value) -> Option<WebElement> {
        let object = self
            .cdp("DOM.resolveNode", json!({ "backendNodeId": backend_node }))
            .await?;
        let mark = "function(){let e=this.nodeType===1?this:this.parentElement;\
                    window.__found=(window.__found||0)+1;\
                    e.setAttribute('data-found',window.__found);return window.__found}";
        let call = json!({
            "objectId": object.pointer("/object/objectId")?,
            "functionDeclaration": mark,
            "returnByValue": true,
        });
        let number = self.cdp("Runtime.callFunctionOn", call).await?;
        let number = number.pointer("/result/value")?.as_i64()?;
        self.driver
            .find(By::Css(format!("[data-found='{number}']")))
            .await
            .ok()
    }

    async fn cdp(&self, method: &str, params: Value) -> Option<Value> {
        self.driver.cdp().send_raw(method, params).await.ok()
    }

    /// Everything that has a role and a name, a line each: what a screen reader would meet.
    pub async fn outline(&self) -> String {
        let tree = self
            .cdp("Accessibility.getFullAXTree", json!({}))
            .await
            .unwrap_or_default();
        let nodes = tree
            .get("nodes")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let text = |node: &Value, part: &str| {
            node.pointer(part)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let line = |node: &Value| {
            let (role, name) = (text(node, "/role/value"), text(node, "/name/value"));
            let dull = ["StaticText", "InlineTextBox", "LabelText", "ListMarker"];
            (!name.is_empty() && !dull.contains(&role.as_str()))
                .then(|| format!("{role} “{name}”\n"))
        };
        nodes.iter().filter_map(line).collect()
    }

    /// What the page wrote to its console so far; for a test that has failed.
    pub async fn console(&self) -> String {
        match self.driver.browser_log().await {
            Ok(entries) => entries.iter().map(|entry| format!("{entry:?}\n")).collect(),
            Err(error) => error.to_string(),
        }
    }
}
