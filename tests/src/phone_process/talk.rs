//! The phone's language: one JSON object a line, answered in order by lines that begin with `@@`.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, Lines};

const ANSWER: &str = "@@";

/// Why a phone did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// It could not be started.
    #[error("{0}: {1}")]
    Start(PathBuf, std::io::Error),
    /// It ended, or its pipes broke.
    #[error("the phone is gone")]
    Gone,
    /// It took too long.
    #[error("no answer to `{0}` within {1:?}")]
    Late(String, Duration),
    /// It answered that it could not.
    #[error("`{op}` failed: {reason}")]
    Refused {
        /// What it was told.
        op: String,
        /// What it said.
        reason: String,
    },
    /// It answered what is no answer.
    #[error("no answer to `{0}`: {1}")]
    Nonsense(String, String),
    /// It answered "not done" again and again.
    #[error("not done after {0} syncs")]
    NeverDone(usize),
}

/// Both ends of the conversation with a phone.
#[derive(Debug)]
pub struct Talk<R, W> {
    answers: Lines<R>,
    questions: W,
}

impl<R: AsyncBufRead + Unpin, W: AsyncWrite + Unpin> Talk<R, W> {
    /// Over the phone's output and input.
    pub fn new(output: R, input: W) -> Self {
        Self {
            answers: output.lines(),
            questions: input,
        }
    }

    /// Sends one object and waits for its answer.
    pub async fn ask(&mut self, question: &Value, limit: Duration) -> Result<Value, PhoneError> {
        self.send(question).await?;
        let op = question.get("op").and_then(Value::as_str);
        self.answer(op.unwrap_or_default(), limit).await
    }

    /// Sends one object; its answer is due after those of all before it.
    pub async fn send(&mut self, question: &Value) -> Result<(), PhoneError> {
        let line = format!("{question}\n");
        let sent = async {
            self.questions.write_all(line.as_bytes()).await?;
            self.questions.flush().await
        };
        sent.await.map_err(|_| PhoneError::Gone)
    }

    /// Waits for the next answer, which belongs to `op`.
    pub async fn answer(&mut self, op: &str, limit: Duration) -> Result<Value, PhoneError> {
        let line = tokio::time::timeout(limit, self.line()).await;
        let line = line.map_err(|_| PhoneError::Late(op.to_owned(), limit))??;
        let nonsense = || PhoneError::Nonsense(op.to_owned(), line.clone());
        let answer: Value = serde_json::from_str(&line).map_err(|_| nonsense())?;
        match answer.get("ok").and_then(Value::as_bool) {
            Some(true) => Ok(answer),
            Some(false) => Err(PhoneError::Refused {
                op: op.to_owned(),
                reason: reason(&answer),
            }),
            None => Err(nonsense()),
        }
    }

    /// The next line that is an answer; whatever else a phone prints is passed over.
    async fn line(&mut self) -> Result<String, PhoneError> {
        while let Ok(Some(line)) = self.answers.next_line().await {
            if let Some(answer) = line.strip_prefix(ANSWER) {
                return Ok(answer.trim().to_owned());
            }
        }
        Err(PhoneError::Gone)
    }
}

fn reason(answer: &Value) -> String {
    match answer.get("error") {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "no reason given".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::{BufReader, DuplexStream, ReadHalf, WriteHalf};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    type Pipe = Talk<BufReader<ReadHalf<DuplexStream>>, WriteHalf<DuplexStream>>;

    /// A phone that answers each line with the next of `script`, then hangs up.
    fn scripted(script: &'static [&'static str]) -> Pipe {
        let (ours, theirs) = tokio::io::duplex(1024);
        tokio::spawn(async move {
            let (read, mut write) = tokio::io::split(theirs);
            let mut lines = BufReader::new(read).lines();
            for answer in script {
                let Ok(Some(line)) = lines.next_line().await else {
                    return;
                };
                let op = serde_json::from_str::<Value>(&line).unwrap()["op"].clone();
                let said = answer.replace("OP", op.as_str().unwrap_or_default());
                write.write_all(said.as_bytes()).await.unwrap();
            }
        });
        let (read, write) = tokio::io::split(ours);
        Talk::new(BufReader::new(read), write)
    }

    #[tokio::test]
    async fn answers_come_in_order_and_other_lines_do_not_count() {
        let mut talk = scripted(&[
            "hello\n@@{\"ok\":true,\"for\":\"OP\"}\n",
            "@@ {\"ok\": true, \"for\": \"OP\", \"done\": true}\nbye\n",
        ]);
        talk.send(&json!({ "op": "open" })).await.unwrap();
        talk.send(&json!({ "op": "sync" })).await.unwrap();
        assert_eq!(talk.answer("open", SOON).await.unwrap()["for"], "open");
        assert_eq!(talk.answer("sync", SOON).await.unwrap()["done"], true);
    }

    #[tokio::test]
    async fn a_refusal_carries_its_reason_and_the_next_question_works() {
        let mut talk = scripted(&[
            "@@{\"ok\":false,\"error\":\"no network\"}\n",
            "@@{\"ok\":true}\n",
        ]);
        let refused = talk.ask(&json!({ "op": "sync" }), SOON).await.unwrap_err();
        assert_eq!(refused.to_string(), "`sync` failed: no network");
        talk.ask(&json!({ "op": "dump" }), SOON).await.unwrap();
    }

    #[tokio::test]
    async fn silence_nonsense_and_an_end_are_told_apart() {
        let mut talk = scripted(&["still busy\n", "@@yes\n"]);
        let moment = Duration::from_millis(50);
        let late = talk.ask(&json!({ "op": "sync" }), moment).await;
        assert!(matches!(late, Err(PhoneError::Late(..))), "{late:?}");
        let nonsense = talk.ask(&json!({ "op": "dump" }), SOON).await;
        assert!(matches!(nonsense, Err(PhoneError::Nonsense(..))));
        let gone = talk.ask(&json!({ "op": "close" }), SOON).await;
        assert!(matches!(gone, Err(PhoneError::Gone)), "{gone:?}");
    }
}
