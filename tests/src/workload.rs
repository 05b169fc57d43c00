//! The work that the sync benchmark replays: operations read from files, or invented from a seed.

mod characters;
mod invent;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A benchmark record: its fields by name.
pub type Record = BTreeMap<String, String>;

/// Why there is no workload, or no set of records.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A file could not be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A line is no operation or no record.
    #[error("line {line} of {what}: {reason}")]
    Line {
        /// What is being read.
        what: &'static str,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// The operations of one size, each part JSON lines of `{"put": …}` and `{"set": …}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The first load: records, and three further edits of every tenth.
    pub initial: String,
    /// Ten records edited three times each by one device.
    pub edits_a: String,
    /// Ten other records edited three times each by the other device.
    pub edits_b: String,
}

impl Workload {
    /// Reads the files of that size in `folder`.
    pub fn read(folder: &Path, records: usize) -> Result<Self, WorkloadError> {
        let part = |name: &str| unpacked(&folder.join(format!("{name}-{records}.jsonl.gz")));
        Ok(Self {
            initial: part("initial")?,
            edits_a: part("edits-a")?,
            edits_b: part("edits-b")?,
        })
    }

    /// Invents that many records and their edits; the same seed gives the same text.
    pub fn invent(seed: u64, records: usize) -> Self {
        invent::workload(seed, records)
    }

    /// The records after the first load.
    pub fn loaded(&self) -> Result<Records, WorkloadError> {
        let mut records = Records::default();
        records.apply("the first load", &self.initial)?;
        Ok(records)
    }

    /// The records after both devices' edits, in either order when they do not meet.
    pub fn edited(&self) -> Result<Records, WorkloadError> {
        let mut records = self.loaded()?;
        records.apply("the edits of device A", &self.edits_a)?;
        records.apply("the edits of device B", &self.edits_b)?;
        Ok(records)
    }
}

fn unpacked(path: &Path) -> Result<String, WorkloadError> {
    let failed = |error| WorkloadError::File(path.to_path_buf(), error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// Records by their id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records(BTreeMap<String, Record>);

impl Records {
    /// Runs operations in their order.
    pub fn apply(&mut self, what: &'static str, operations: &str) -> Result<(), WorkloadError> {
        for (index, line) in operations.lines().enumerate() {
            let done = operation(line).and_then(|operation| self.run(operation));
            done.map_err(|reason| WorkloadError::Line {
                what,
                line: index + 1,
                reason,
            })?;
        }
        Ok(())
    }

    fn run(&mut self, operation: Operation) -> Result<(), String> {
        match operation {
            Operation::Put(record) => {
                let id = record.get("id").ok_or("a record without id")?.clone();
                self.0.insert(id, record);
            }
            Operation::Set { id, field, value } => {
                let record = self.0.get_mut(&id).ok_or("no such record")?;
                record.insert(field, value);
            }
        }
        Ok(())
    }

    /// Reads a dump: one record a line, in any order.
    pub fn read_dump(path: &Path) -> Result<Self, WorkloadError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| WorkloadError::File(path.to_path_buf(), error))?;
        let mut records = Self::default();
        for (index, line) in text.lines().enumerate() {
            let added = serde_json::from_str(line)
                .map_err(|error| error.to_string())
                .and_then(|record| records.add(record));
            added.map_err(|reason| WorkloadError::Line {
                what: "a dump",
                line: index + 1,
                reason,
            })?;
        }
        Ok(records)
    }

    fn add(&mut self, record: Record) -> Result<(), String> {
        let id = record.get("id").ok_or("a record without id")?.clone();
        match self.0.insert(id, record) {
            None => Ok(()),
            Some(_) => Err("a second record with this id".to_owned()),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// SHA-256 over the records in the order of their ids, fields in the order of their names.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for record in self.0.values() {
            for (name, value) in record {
                for part in [name, value] {
                    // Lengths keep texts apart that would read the same when joined.
                    hasher.update((part.len() as u64).to_be_bytes());
                    hasher.update(part.as_bytes());
                }
            }
            hasher.update(u64::MAX.to_be_bytes());
        }
        let bytes = hasher.finalize();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

enum Operation {
    Put(Record),
    Set {
        id: String,
        field: String,
        value: String,
    },
}

fn operation(line: &str) -> Result<Operation, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if let Some(put) = value.get("put") {
        let fields = put.as_object().ok_or("`put` without a record")?;
        return fields
            .iter()
            .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<Option<Record>>()
            .map(Operation::Put)
            .ok_or_else(|| "a field that is no text".to_owned());
    }
    let part = |name: &str| {
        let text = value.get("set").and_then(|set| set.get(name)?.as_str());
        text.map(str::to_owned)
            .ok_or_else(|| format!("neither `put` nor `set` with {name}"))
    };
    Ok(Operation::Set {
        id: part("id")?,
        field: part("field")?,
        value: part("value")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{"put":{"id":"1","note":"a"}}
{"put":{"id":"2","note":"b"}}
"#;

    fn records(operations: &str) -> Records {
        let mut records = Records::default();
        records.apply("a test", operations).unwrap();
        records
    }

    #[test]
    fn a_digest_is_of_the_contents_whatever_the_order() {
        let turned: Vec<&str> = TWO.lines().rev().collect();
        assert_eq!(records(TWO).digest(), records(&turned.join("\n")).digest());
        let edited = format!(
            "{TWO}{}",
            r#"{"set":{"id":"2","field":"note","value":"c"}}"#
        );
        assert_ne!(records(TWO).digest(), records(&edited).digest());
        let back = format!(
            "{edited}\n{}",
            r#"{"set":{"id":"2","field":"note","value":"b"}}"#
        );
        assert_eq!(records(TWO), records(&back));
    }

    #[test]
    fn a_dump_is_read_back_and_a_double_record_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump");
        std::fs::write(
            &path,
            "{\"id\":\"2\",\"note\":\"b\"}\n{\"note\":\"a\",\"id\":\"1\"}\n",
        )
        .unwrap();
        assert_eq!(
            Records::read_dump(&path).unwrap().digest(),
            records(TWO).digest()
        );
        std::fs::write(&path, "{\"id\":\"2\"}\n{\"id\":\"2\"}\n").unwrap();
        let error = Records::read_dump(&path).unwrap_err();
        assert!(
            matches!(error, WorkloadError::Line { line: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn an_operation_on_nothing_is_an_error() {
        let mut records = Records::default();
        let orphan = r#"{"set":{"id":"9","field":"note","value":"c"}}"#;
        assert!(records.apply("a test", orphan).is_err());
        assert!(records.apply("a test", "{}").is_err());
    }
}
