//! RC: what becomes of text that people typed, whatever it is written with.

use domain::command::{Command, Denial, NamedField};
use domain::document::Value;
use domain::record::dispute::{
    AgreementDraft, CloseDraft, Draft, EventDraft, SessionDraft, TermDraft,
};
use domain::record::hazard::{self, StepDraft};
use domain::record::patrol::{CheckinDraft, read_log};
use domain::record::task::{RETURN_VISIT, ReportDraft};
use domain::record::{FieldError, FieldName, Problem, Said};
use domain::replica::CommandError;
use domain::text;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixture::{draft, morning, new_dispute, officer, record, said};
use crate::honest::HONEST;
use crate::phone::{Link, Phone, Server};

/// An invented number whose last place fits, and one of the old form.
const NUMBER: &str = "110101199003070011";
const OLD_NUMBER: &str = "110101900307001";

const PLAIN: [&str; 11] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "X"];
const WIDE: [&str; 11] = [
    "０", "１", "２", "３", "４", "５", "６", "７", "８", "９", "Ｘ",
];
const CHINESE: [&str; 11] = [
    "〇", "一", "二", "三", "四", "五", "六", "七", "八", "九", "X",
];
const FORMAL: [&str; 11] = [
    "零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖", "x",
];
/// What people, keyboards and programs put between the digits of one number.
const BETWEEN: [&str; 24] = [
    "", "", "", "", " ", "-", "/", ".", "－", "／", "．", "—", "–", "\u{2011}", "·", "・", "_",
    "、", "\u{a0}", "\u{3000}", "\t", "\u{200b}", "\u{202d}", "\u{2060}",
];
/// What stands before it, and behind it.
const BEFORE: [&str; 6] = ["", "证号", "身份证：", "13900000001 ", "2026-3-15/", "（"];
const BEHIND: [&str; 6] = [
    "",
    "，电话13900000001",
    " 2026-3-15",
    "/6000001",
    "）甲方",
    "。",
];

/// The digits of a number whose last place fits: the weight of a place is a power of two.
fn number(area: u32, day: (u32, u32, u32), order: u32) -> Vec<usize> {
    let (year, month, date) = day;
    let text = format!("{area:06}{year:04}{month:02}{date:02}{order:03}");
    let mut digits: Vec<usize> = text.bytes().map(|b| usize::from(b - b'0')).collect();
    let weighed = digits.iter().zip((1..18).rev());
    let sum: usize = weighed.map(|(digit, place)| digit * (1 << place)).sum();
    digits.push((12 - sum % 11) % 11);
    digits
}

fn numbers() -> impl Strategy<Value = Vec<usize>> {
    let province = select(vec![11_u32, 15, 23, 37, 46, 50, 51, 65, 71, 81, 83, 91]);
    let area = (province, 1_u32..9999).prop_map(|(province, rest)| province * 10_000 + rest);
    let day = (1920_u32..2026, 1_u32..13, 1_u32..29);
    let sound = |digits: &Vec<usize>| {
        // The sixth place of a foreigner's number is one of a country; the second is of a province.
        digits[0] != 9 || [1, 2, 3].contains(&digits[2])
    };
    (area, day, 1_u32..999)
        .prop_map(|(area, day, order)| number(area, day, order))
        .prop_filter("an area", sound)
}

fn written(digits: &[usize], script: &[&str; 11], between: &[&str]) -> String {
    let parted = digits.iter().zip(between);
    parted
        .map(|(digit, gap)| format!("{}{gap}", script[*digit]))
        .collect()
}

fn is_refused(text: &str) -> bool {
    text.parse::<Said>() == Err(Problem::IdentityNumber)
}

proptest! {
    #[test]
    fn rc3_no_number_of_a_person_passes_in_any_form(
        digits in numbers(),
        script in select(vec![PLAIN, WIDE, CHINESE, FORMAL]),
        between in vec(select(BETWEEN.to_vec()), 17),
        (before, behind) in (select(BEFORE.to_vec()), select(BEHIND.to_vec())),
    ) {
        let last = between.into_iter().chain([""]).collect::<Vec<_>>();
        let text = format!("{before}{}{behind}", written(&digits, &script, &last));
        prop_assert!(is_refused(&text), "{text}");
    }

    #[test]
    fn rc3_one_wrong_digit_makes_it_no_other_number(
        mut digits in numbers(),
        wrong in 0_usize..10,
        (first, second) in (select(BETWEEN.to_vec()), select(BETWEEN.to_vec())),
    ) {
        prop_assume!(digits[0] != 9);
        digits[17] = wrong;
        let mut between = [""; 18];
        (between[5], between[13]) = (first, second);
        let text = written(&digits, &PLAIN, &between);
        prop_assert!(is_refused(&text), "{text}");
    }

    #[test]
    fn rc3_old_numbers_are_numbers_of_persons(
        digits in numbers(),
        (first, second) in (select(BETWEEN.to_vec()), select(BETWEEN.to_vec())),
    ) {
        prop_assume!(digits[0] != 9 && (digits[6], digits[7]) == (1, 9));
        let old = [&digits[..6], &digits[8..17]].concat();
        let mut between = [""; 15];
        between[5] = first;
        // Parted behind the date alone, a place of an area and three digits would be taken for one.
        if !text::is_blank(first) {
            between[11] = second;
        }
        let text = written(&old, &PLAIN, &between);
        prop_assert!(is_refused(&text), "{text}");
    }

    #[test]
    fn rc3_a_date_beside_a_telephone_and_two_telephones_are_taken(
        (year, month, day) in (1950_u32..2060, 1_u32..13, 1_u32..29),
        (one, other) in (0_u32..10_000, 0_u32..10_000),
        gap in select(BETWEEN[4..20].to_vec()),
        dash in select(vec!["-", "/", ".", "年"]),
    ) {
        let date = format!("{year}{dash}{month}{dash}{day}");
        for text in [
            format!("{date}{gap}1390000{one:04}"),
            format!("1390000{one:04}{gap}{date}"),
            format!("1390000{one:04}{gap}1390000{other:04}"),
            format!("1390000{one:04}{gap}600{other:04}"),
            format!("600{one:04}{gap}1390000{other:04}{gap}{date}"),
        ] {
            prop_assert!(text.parse::<Said>().is_ok(), "{text}");
        }
    }

    #[test]
    fn rc20_what_stands_between_words_stays_and_what_nobody_sees_goes(
        words in vec("[0-9a-z甲-龥]{1,6}", 1..8),
        gap in select(vec![
            "\t", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}", "\r", "\r\n", "\n", "\u{a0}",
            "\u{1680}", "\u{2000}", "\u{2007}", "\u{202f}", "\u{205f}", "\u{3000}", "\u{1c}", "\u{1f}",
        ]),
        mark in select(vec!["", "\u{200b}", "\u{202d}", "\u{202c}", "\u{feff}", "\u{2060}", "\u{0}"]),
    ) {
        let typed = words.join(&format!("{mark}{gap}{mark}"));
        let kept = text::clean(&typed);
        prop_assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), words);
        prop_assert!(!kept.chars().any(|c| c != '\n' && text::is_hidden(c)));
    }

    #[test]
    fn rc20_what_is_saved_is_what_is_shown(typed in any::<String>()) {
        let kept = text::clean(&typed);
        prop_assert_eq!(&text::clean(&kept), &kept);
        prop_assert!(!kept.chars().any(|c| c != '\n' && text::is_hidden(c)));
        if let Ok(said) = typed.parse::<Said>() {
            prop_assert_eq!(said.as_str(), kept);
        }
    }

    #[test]
    fn rc22_a_telephone_number_is_its_digits_however_it_is_written(
        digits in vec(0_usize..10, 3..16),
        script in select(vec![PLAIN, WIDE]),
        between in vec(select(vec![
            "", "", "-", " ", "－", "—", "–", "\u{2010}", "\u{2011}", "\u{2212}", "ー", "(", "）",
            "\u{a0}", "\u{200b}", "\u{2060}", ".", "・",
        ]), 16),
        plus in select(vec!["", "+", "＋", "（+", "\u{202d}+"]),
        behind in select(vec!["", "\u{202c}", " ", "\u{feff}"]),
    ) {
        let typed = format!("{plus}{}{behind}", written(&digits, &script, &between));
        let mut expected = written(&digits, &PLAIN, &[""; 16]);
        if !plus.is_empty() {
            expected.insert(0, '+');
        }
        prop_assert_eq!(text::phone(&typed), Some(expected.clone()));
        prop_assert_eq!(text::phone(&expected), Some(expected));
    }
}

#[test]
fn rc3_two_hundred_honest_texts_are_taken() {
    assert!(HONEST.lines().count() >= 200);
    for text in HONEST.lines() {
        assert!(text.parse::<Said>().is_ok(), "{text}");
        let inside = format!("双方到场。{text}。约定回访");
        assert!(inside.parse::<Said>().is_ok(), "{inside}");
    }
}

#[test]
fn rc3_what_was_saved_with_a_number_in_it_is_refused_and_what_is_honest_is_not() {
    // Saved before: a number beside a telephone, two numbers, other hyphens, a stroke, a dot.
    for text in [
        format!("{NUMBER} 13900000001"),
        format!("{NUMBER} {NUMBER}"),
        "110101－19900307－0011".to_owned(),
        "110101/19900307/0011".to_owned(),
        "110101.19900307.0011".to_owned(),
        "一一〇一〇一一九九〇〇三〇七〇〇一一".to_owned(),
        OLD_NUMBER.to_owned(),
    ] {
        assert!(is_refused(&text), "{text}");
    }
}

fn problems<T: core::fmt::Debug>(parsed: Result<T, Vec<FieldError>>) -> Vec<FieldName> {
    let errors = parsed.expect_err("refused");
    let personal = |error: &FieldError| error.problem == Problem::IdentityNumber;
    assert!(errors.iter().all(personal), "{errors:?}");
    errors.into_iter().map(|error| error.field).collect()
}

#[test]
fn rc3_every_field_of_every_form_is_judged() {
    let number = || format!("见{NUMBER}");
    let register = Draft {
        title: number(),
        place: number(),
        brief: number(),
        party_a_name: number(),
        party_a_phone: OLD_NUMBER.to_owned(),
        party_b_name: number(),
        ..draft()
    };
    assert_eq!(problems(register.parse(morning())).len(), 6);
    assert_eq!(problems(register.parse_party()).len(), 2);
    let event = EventDraft {
        kind: "visit".to_owned(),
        text: number(),
        ..Default::default()
    };
    assert_eq!(problems(event.parse(morning())), [FieldName::Text]);
    let session = SessionDraft {
        place: number(),
        statements: number(),
        result: "again".to_owned(),
        ..Default::default()
    };
    assert_eq!(problems(session.parse(morning(), true)).len(), 2);
    let term = TermDraft {
        text: number(),
        due: "2026-12-01".to_owned(),
    };
    let agreement = AgreementDraft {
        content: number(),
        terms: vec![term],
        ..Default::default()
    };
    assert_eq!(problems(agreement.parse(morning(), true)).len(), 2);
    let closing = CloseDraft {
        outcome: "13".to_owned(),
        summary: number(),
        ..Default::default()
    };
    assert_eq!(problems(closing.parse()), [FieldName::Summary]);
    let hazard = hazard::Draft {
        grid: "g1".to_owned(),
        category: "H08".to_owned(),
        place: number(),
        description: number(),
        fixed: number(),
        ..Default::default()
    };
    assert_eq!(problems(hazard.parse()).len(), 3);
    let step = StepDraft {
        to: "rectified".to_owned(),
        text: number(),
        ..Default::default()
    };
    assert_eq!(problems(step.parse()), [FieldName::Text]);
    let checkin = CheckinDraft {
        place: number(),
        note: number(),
        ..Default::default()
    };
    assert_eq!(problems(checkin.parse()).len(), 2);
    let report = ReportDraft {
        finding: "1".to_owned(),
        mode: "1".to_owned(),
        text: number(),
    };
    assert_eq!(problems(report.parse(RETURN_VISIT)), [FieldName::Text]);
    assert_eq!(problems(read_log(&number())), [FieldName::Log]);
}

#[test]
fn rc21_a_field_by_its_name_is_judged_as_the_forms_judge_it() {
    let put = |path: &str, value: &str| NamedField::new(path, &Value::from(value)).map(drop);
    for path in ["title", "place", "brief", "x/note"] {
        assert_eq!(put(path, NUMBER), Err(Problem::IdentityNumber), "{path}");
        assert_eq!(put(path, "村口\t3 号"), Ok(()), "{path}");
    }
    assert_eq!(
        put("brief", &"长".repeat(1_001)),
        Err(Problem::TooLong(1_000))
    );
    assert_eq!(put("level", "红"), Err(Problem::UnknownCode));
    assert_eq!(put("follow_up", "明天"), Err(Problem::NotATime));
    for path in ["grid", "by", "ev/1/text", "x/", "x/a/b", "x/a\u{200b}", ""] {
        assert!(put(path, "甲").is_err(), "{path:?}");
    }
    assert!(put(&format!("x/{NUMBER}"), "甲").is_err());
    let whole = Value::Int(110_101_199_003_070_011);
    assert!(NamedField::new("x/number", &whole).is_err());
}

#[test]
fn rc21_a_conflict_is_settled_with_one_of_its_values_and_no_other() {
    let [one, two] = [officer("p1"), officer("p2")];
    let (mut first, mut second) = (Phone::new(1, &one), Phone::new(2, &two));
    let mut server = Server::with(&[(&first, &one), (&second, &two)]);
    let id = record(1);
    let new = new_dispute();
    let register = Command::RegisterDispute { id, new };
    assert_eq!(first.act(&mut server, register), Ok(id));
    second.sync(&mut server);
    for (phone, place) in [(&mut first, "村口"), (&mut second, "桥头")] {
        phone.link = Link::Down;
        let mut new = new_dispute();
        new.place = said(place);
        let base = new_dispute();
        assert_eq!(
            phone.act(&mut server, Command::EditDispute { id, base, new }),
            Ok(id)
        );
    }
    (first.link, second.link) = (Link::Up, Link::Up);
    first.sync(&mut server);
    second.sync(&mut server);
    first.sync(&mut server);
    let conflict = first.case(id).conflicts.remove(0);
    let settle = |value: &str| Command::Settle {
        doc: conflict.doc,
        path: conflict.path.clone(),
        value: Value::from(value),
    };
    let denied = first.act(&mut server, settle(NUMBER));
    assert_eq!(denied, Err(CommandError::Denied(Denial::Nothing)));
    assert_eq!(first.act(&mut server, settle("桥头")), Ok(id));
}

#[test]
fn rc21_no_command_carries_text_that_was_not_judged() {
    // What a command is made of, as it is written: text is `Said`, or a field that judged itself.
    let sources = [
        include_str!("../../src/command.rs"),
        include_str!("../../src/record/dispute/draft.rs"),
        include_str!("../../src/record/hazard.rs"),
        include_str!("../../src/record/patrol.rs"),
        include_str!("../../src/record/task.rs"),
        include_str!("../../src/record/vault.rs"),
    ];
    let mut looked_at = 0;
    for source in sources {
        for (begin, _) in source
            .match_indices("\npub struct ")
            .chain(source.match_indices("\npub enum Command "))
        {
            let item = &source[begin + 1..];
            let item = &item[..item.find("\n}").expect("an end")];
            let name = item.split_whitespace().nth(2).expect("a name");
            if !(name.starts_with("New") || ["Command", "Party"].contains(&name)) {
                continue;
            }
            looked_at += 1;
            // A conflict is settled with a value and at a path that the record itself holds.
            let item = item.split("    Settle {").next().expect("a beginning");
            for plain in ["String", "Value", "&str", "Box<str>"] {
                assert!(!item.contains(plain), "{name} carries {plain}");
            }
        }
    }
    assert_eq!(looked_at, 14);
}

#[test]
fn rc20_a_place_that_nobody_can_see_is_missing() {
    let mut form = draft();
    form.place = " \u{200b}\u{2060}\u{fe0f}\u{2800}".to_owned();
    let missing = FieldError {
        field: FieldName::Place,
        problem: Problem::Missing,
    };
    assert_eq!(form.parse(morning()), Err(vec![missing]));
}

#[test]
fn rc22_what_is_kept_of_a_telephone_number_is_what_the_page_shows() {
    let mut form = draft();
    form.party_a_phone = "\u{202d}（０２３）6000\u{2011}001\u{202c}".to_owned();
    form.party_b_phone = "\u{200b}".to_owned();
    let new = form.parse(morning()).expect("sound");
    let (mut phone, known) = (Phone::new(1, &officer("p1")), officer("p1"));
    let mut server = Server::with(&[(&phone, &known)]);
    let id = record(1);
    assert_eq!(
        phone.act(&mut server, Command::RegisterDispute { id, new }),
        Ok(id)
    );
    let parties = phone.case(id).parties.expect("the vault");
    let phones: Vec<_> = parties.iter().map(|kept| kept.phone.as_str()).collect();
    assert_eq!(phones, ["0236000001", ""]);
}
