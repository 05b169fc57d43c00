//! Invents records of the benchmark's kind: 18 fields, about 890 bytes, mostly Chinese.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Workload;
use super::characters::CHARACTERS;

const KINDS: [&str; 8] = [
    "邻里纠纷",
    "田土边界",
    "宅基地",
    "家庭纠纷",
    "债务纠纷",
    "劳资纠纷",
    "水电公摊",
    "噪音扰邻",
];
const STATUSES: [&str; 6] = [
    "待受理",
    "调解中",
    "已达成协议",
    "待回访",
    "已移交",
    "已结案",
];
const PLACES: [&str; 8] = [
    "新房子",
    "龙井",
    "沙坝",
    "茶园",
    "柏树",
    "石桥",
    "上湾",
    "老街",
];
/// What mediators write about, all day.
const WORDS: &str = "现场 书面 登记 欠款 司法所 沟通 口头 调解 田土 老人 和解 果树 村委 围墙 协商 \
    合同 当事人 移交 到场 承诺 子女 援助 照片 约定 派出所 道歉 赔偿 修复 回访 邻里 签字 噪音 排水 \
    边界 复核 材料 院坝 安抚 履行 租金 双方 宅基地 网格 因为 情绪 化解 法律 借款 证明 费用 水渠 \
    赡养 期限 误会 婚姻 劝导 工资 同意 满意 停车";
/// Crockford's alphabet, in which record ids are written.
const BASE32: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HEX: &[u8] = b"0123456789abcdef";
const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Of 100 pieces of text so many are words; the others are single characters.
const WORDS_IN_100: usize = 28;
/// Of 100 breaks so many end a sentence.
const FULL_STOPS_IN_100: usize = 30;
/// Every so many records one is edited within the first load.
const EDITED_EVERY: usize = 10;
/// Records that each side edits.
const EDITED_BY_SIDE: usize = 10;

/// All operations of that many records.
pub(super) fn workload(seed: u64, records: usize) -> Workload {
    let mut inventor = Inventor::new(seed);
    let mut initial = String::new();
    let mut ids = Vec::with_capacity(records);
    for _ in 0..records {
        let record = inventor.record();
        ids.push(text(&record, "id"));
        line(&mut initial, &json!({ "put": record }));
    }
    for id in ids.iter().step_by(EDITED_EVERY) {
        initial.push_str(&inventor.edits(id));
    }
    let step = (records / EDITED_BY_SIDE).max(2);
    // One side starts at the second record of each stretch, the other in its middle.
    let side = |inventor: &mut Inventor, start: usize| -> String {
        let chosen = ids.iter().skip(start).step_by(step).take(EDITED_BY_SIDE);
        chosen.map(|id| inventor.edits(id)).collect()
    };
    let edits_a = side(&mut inventor, 1);
    let edits_b = side(&mut inventor, if step > 2 { step / 2 + 1 } else { 0 });
    Workload {
        initial,
        edits_a,
        edits_b,
    }
}

fn line(lines: &mut String, operation: &Value) {
    lines.push_str(&operation.to_string());
    lines.push('\n');
}

fn text(record: &Value, field: &str) -> String {
    let value = record.get(field).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

/// A source of texts that are always the same for a seed.
struct Inventor {
    state: u64,
    characters: Vec<char>,
    words: Vec<&'static str>,
}

impl Inventor {
    fn new(seed: u64) -> Self {
        let mut inventor = Self {
            state: seed,
            characters: CHARACTERS.chars().collect(),
            words: WORDS.split_whitespace().collect(),
        };
        // Which characters are the frequent ones is a matter of the seed, too.
        for last in (1..inventor.characters.len()).rev() {
            let other = inventor.below(last + 1);
            inventor.characters.swap(last, other);
        }
        inventor
    }

    /// The next number of `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        let number = self.next() % (limit.max(1) as u64);
        usize::try_from(number).unwrap_or_default()
    }

    fn one_of(&mut self, choices: &[&'static str]) -> &'static str {
        let at = self.below(choices.len());
        choices.get(at).copied().unwrap_or_default()
    }

    fn letters(&mut self, alphabet: &[u8], count: usize) -> String {
        let letter = |at: usize| alphabet.get(at).map_or('0', |byte| char::from(*byte));
        (0..count)
            .map(|_| letter(self.below(alphabet.len())))
            .collect()
    }

    /// A character; few are frequent and many are rare, as in real writing.
    fn character(&mut self) -> char {
        let count = self.characters.len();
        // The smaller of two draws falls where small numbers lie.
        let rank = self.below(count) * self.below(count) / count.max(1);
        self.characters.get(rank).copied().unwrap_or('字')
    }

    /// At least so many characters of text, in short clauses.
    fn prose(&mut self, least: usize) -> String {
        let mut prose = String::new();
        let (mut length, mut clause) = (0, 0);
        let mut clause_max = 6 + self.below(9);
        while length < least {
            let before = prose.chars().count();
            if clause >= clause_max {
                let stop = self.below(100) < FULL_STOPS_IN_100;
                prose.push(if stop { '。' } else { ',' });
                (clause, clause_max) = (0, 6 + self.below(9));
            } else if self.below(100) < WORDS_IN_100 {
                let at = self.below(self.words.len());
                prose.push_str(self.words.get(at).copied().unwrap_or_default());
            } else {
                let character = self.character();
                prose.push(character);
            }
            length = prose.chars().count();
            clause += length - before;
        }
        prose
    }

    fn date(&mut self) -> String {
        let (month, day) = (1 + self.below(6), 1 + self.below(28));
        format!("2025-{month:02}-{day:02}")
    }

    fn moment(&mut self) -> String {
        let date = self.date();
        let (hour, minute, second) = (self.below(24), self.below(60), self.below(60));
        let milli = self.below(1000);
        format!("{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    fn record(&mut self) -> Value {
        let moment = self.moment();
        let narrative = 70 + self.below(30);
        json!({
            "id": format!("01J8{}", self.letters(BASE32, 22)),
            "schema": "mediation/1",
            "station": format!("st-{}", 100 + self.below(3)),
            "grid": format!("g-{:04}", self.below(40)),
            "officer": format!("off-{}", self.letters(HEX, 6)),
            "created_at": moment,
            "updated_at": moment,
            "kind": self.one_of(&KINDS),
            "status": self.one_of(&STATUSES),
            "title": self.prose(12),
            "party_a": format!("甲-{}", self.letters(HEX, 8)),
            "party_b": format!("乙-{}", self.letters(HEX, 8)),
            "place": self.place(),
            "narrative": self.prose(narrative),
            "action_taken": self.prose_between(22, 31),
            "agreement": self.prose_between(20, 31),
            "follow_up_due": self.date(),
            "note": self.note(),
        })
    }

    fn prose_between(&mut self, least: usize, most: usize) -> String {
        let length = least + self.below(most - least);
        self.prose(length)
    }

    fn place(&mut self) -> String {
        let place = self.one_of(&PLACES);
        let (group, house) = (1 + self.below(12), 1 + self.below(180));
        format!("{place}{group}组{house}号旁")
    }

    fn note(&mut self) -> String {
        let reference = self.letters(BASE36, 6);
        let visit = 1 + self.below(3);
        format!("ref {reference}; visit {visit}; {}", self.prose(5))
    }

    /// Three edits of a record, as an officer makes them one after the other.
    fn edits(&mut self, id: &str) -> String {
        let mut lines = String::new();
        for (field, value) in [
            ("status", self.one_of(&STATUSES).to_owned()),
            ("follow_up_due", self.date()),
            ("agreement", self.prose(20)),
        ] {
            let set = json!({ "set": { "id": id, "field": field, "value": value } });
            writeln!(lines, "{set}").unwrap_or_default();
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const FIELDS: usize = 18;

    fn edited(lines: &str) -> BTreeSet<String> {
        let id = |line: &str| {
            let set: Value = serde_json::from_str(line).unwrap();
            text(&set["set"], "id")
        };
        lines.lines().map(id).collect()
    }

    #[test]
    fn a_seed_gives_the_same_workload_and_another_seed_another() {
        assert_eq!(workload(7, 50), workload(7, 50));
        assert_ne!(workload(7, 50).initial, workload(8, 50).initial);
    }

    #[test]
    fn the_workload_has_the_shape_that_the_benchmark_is_about() {
        for records in [50, 500] {
            let workload = workload(1, records);
            let (puts, sets): (Vec<&str>, Vec<&str>) = workload
                .initial
                .lines()
                .partition(|line| line.starts_with("{\"put\""));
            assert_eq!((puts.len(), sets.len()), (records, records / 10 * 3));
            let bytes = puts.iter().map(|line| line.len()).sum::<usize>() / records;
            assert!((860..930).contains(&bytes), "{bytes} bytes a record");
            for put in puts {
                let put: Value = serde_json::from_str(put).unwrap();
                assert_eq!(put["put"].as_object().unwrap().len(), FIELDS);
            }
            let (a, b) = (edited(&workload.edits_a), edited(&workload.edits_b));
            assert_eq!((a.len(), b.len()), (EDITED_BY_SIDE, EDITED_BY_SIDE));
            assert!(a.is_disjoint(&b));
            assert_eq!(workload.edits_a.lines().count(), EDITED_BY_SIDE * 3);
            assert_eq!(workload.edited().unwrap().count(), records);
        }
    }
}
