//! QR codes: a worker reads and draws them, so that screens do not stutter meanwhile and a picture
//! that breaks the reader breaks nothing else.

use core::cell::RefCell;
use std::rc::Rc;

use gloo::events::EventListener;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

use super::camera::Picture;
use super::outcome::{Outcome, within};

/// How long the worker may take, its start on a slow phone included.
const ANSWER_MS: u32 = 10_000;

/// What the worker answers.
type Answer = Outcome<JsValue>;

/// The worker; one question at a time.
pub struct Reader {
    worker: RefCell<Option<Hired>>,
}

struct Hired {
    worker: Worker,
    asked: Rc<RefCell<Option<Answer>>>,
    _ears: EventListener,
}

impl Drop for Hired {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

impl core::fmt::Debug for Reader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Reader")
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            worker: RefCell::new(Hired::new()),
        }
    }
}

impl Reader {
    /// The texts of the codes in a picture; none as well when the worker does not answer.
    pub async fn read(&self, picture: &Picture) -> Vec<String> {
        let texts = self.ask(picture.data()).await;
        let texts = texts.and_then(|texts| texts.dyn_into::<Array>().ok());
        let texts = texts.iter().flat_map(Array::iter);
        texts.filter_map(|text| text.as_string()).collect()
    }

    /// The drawing of a text: the width of the picture in squares, and the dark ones as a path.
    pub async fn draw(&self, text: &str) -> Option<(u32, String)> {
        let drawn = self.ask(&text.into()).await?.as_string()?;
        let (width, path) = drawn.split_once(' ')?;
        Some((width.parse().ok()?, path.to_owned()))
    }

    async fn ask(&self, question: &JsValue) -> Option<JsValue> {
        let answer = {
            let mut hired = self.worker.borrow_mut();
            if hired.is_none() {
                *hired = Hired::new();
            }
            hired.as_ref()?.ask(question)?
        };
        let answer = within(ANSWER_MS, answer.wait()).await;
        if answer.is_none() {
            // It broke on this question: another one takes the next.
            let broken = self.worker.borrow_mut().take();
            drop(broken);
        }
        answer
    }
}

impl Hired {
    fn new() -> Option<Self> {
        let tag = web_sys::window()?.document()?.get_element_by_id("start")?;
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(&tag.get_attribute("data-qr")?, &options).ok()?;
        let asked = Rc::new(RefCell::new(None::<Answer>));
        let waiting = Rc::clone(&asked);
        let ears = EventListener::new(&worker, "message", move |event| {
            let answer = waiting.borrow_mut().take();
            if let (Some(answer), Some(event)) = (answer, event.dyn_ref::<MessageEvent>()) {
                answer.settle(event.data());
            }
        });
        Some(Self {
            worker,
            asked,
            _ears: ears,
        })
    }

    fn ask(&self, question: &JsValue) -> Option<Answer> {
        let answer = Answer::new();
        *self.asked.borrow_mut() = Some(answer.clone());
        self.worker.post_message(question).ok()?;
        Some(answer)
    }
}
