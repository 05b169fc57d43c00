//! Text that people typed: cleaned, measured, compared, and judged for numbers of persons.

mod identity;

pub use identity::has_identity_number;

/// Text as it is kept: trimmed, with plain digits and letters, and without signs that nobody sees.
///
/// Whatever stands between words stays between them: a line end of any kind becomes a line end, any
/// other gap a space, so that no two numbers ever become one.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign == '\r' && signs.peek() == Some(&'\n') {
            continue;
        }
        match sign {
            '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => kept.push('\n'),
            // The four separators of old data files, and a letter of Braille without a dot.
            '\u{1c}'..='\u{1f}' | '\u{2800}' => kept.push(' '),
            _ if sign.is_whitespace() => kept.push(' '),
            _ if is_hidden(sign) => {}
            // What chooses between the forms of a sign stands behind one, or is nothing.
            _ if is_variant(sign) => {
                let last = kept.chars().next_back();
                if last.is_some_and(|last| !last.is_whitespace() && !is_variant(last)) {
                    kept.push(sign);
                }
            }
            _ => kept.push(plain(sign)),
        }
    }
    kept.trim().to_owned()
}

/// The full-width forms of digits and letters lie 0xFEE0 above ASCII.
fn plain(sign: char) -> char {
    match sign {
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            char::from_u32(u32::from(sign) - 0xfee0).unwrap_or(sign)
        }
        _ => sign,
    }
}

/// Whether nothing was typed, or nothing that anybody could see.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    clean(text).is_empty()
}

/// Whether a character shows nothing of itself and can make a text look like another one.
///
/// Control and escape signs, line ends, marks of writing direction, zero width, fillers. Marks that
/// choose between the forms of one Chinese character are none of them: names need them.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e00ff}')
}

/// Whether a sign only chooses the form of the one before it.
const fn is_variant(sign: char) -> bool {
    matches!(sign, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Hyphens and dashes of every width, the sign that lengthens a Japanese vowel among them: keyboards
/// offer it for a dash.
const fn is_dash(sign: char) -> bool {
    matches!(
        sign,
        '-' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{2212}'
                | '\u{2500}'
                | '\u{2501}'
                | '\u{30fc}'
                | '\u{fe58}'
                | '\u{fe63}'
                | '\u{ff0d}'
                | '\u{ff70}'
    )
}

/// The dot between the parts of a name, which keyboards write in many ways.
const fn is_middle_dot(sign: char) -> bool {
    matches!(
        sign,
        '\u{b7}' | '\u{2022}' | '\u{2027}' | '\u{2219}' | '\u{22c5}' | '\u{30fb}' | '\u{ff65}'
    )
}

/// Text as it is searched: what looks alike is alike, and any gap is a space.
///
/// A list asks this of each of its rows at each letter, so it is one pass.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            _ if sign.is_whitespace() => folded.push(' '),
            _ if sign.is_ascii_graphic() => folded.push(sign.to_ascii_lowercase()),
            _ if is_hidden(sign) || is_variant(sign) => {}
            _ if is_dash(sign) => folded.push('-'),
            _ if is_middle_dot(sign) => folded.push('\u{b7}'),
            _ => folded.extend(plain(sign).to_lowercase()),
        }
    }
    folded
}

/// Whether what an input method composes is still letters on their way to a character: of an alphabet,
/// as pinyin is, or Zhuyin signs with their tones.
#[must_use]
pub fn is_half_typed(composed: &str) -> bool {
    let letter = |sign: char| {
        sign.is_ascii_alphabetic()
            || matches!(sign, '\'' | '\u{2019}' | ' ' | '\u{fc}' | '\u{dc}')
            || matches!(
                sign,
                '\u{2c7}' | '\u{2ca}' | '\u{2cb}' | '\u{2d9}' | '\u{3105}'..='\u{312f}'
            )
    };
    !composed.is_empty() && composed.chars().all(letter)
}

/// Length as people count it: Unicode scalar values, not bytes.
#[must_use]
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// The first `max` characters on one line, with an ellipsis when something was cut.
#[must_use]
pub fn excerpt(text: &str, max: usize) -> String {
    let flat = text.replace('\n', " ");
    if length(&flat) <= max {
        return flat;
    }
    let mut cut: String = flat.chars().take(max.saturating_sub(1)).collect();
    cut.push('\u{2026}');
    cut
}

/// A telephone number reduced to its digits, with a leading `+` kept; `None` when it is not one.
///
/// Gaps, hyphens, dots and brackets of any width are how people write a number and no part of it.
/// A stroke, a comma or a line end stands between two numbers, which are not one.
#[must_use]
pub fn phone(text: &str) -> Option<String> {
    let mut number = String::new();
    let mut digits = 0;
    for sign in clean(text).chars() {
        match sign {
            '0'..='9' => {
                digits += 1;
                number.push(sign);
            }
            '+' | '\u{ff0b}' | '\u{fe62}' if number.is_empty() => number.push('+'),
            ' ' | '.' | '\u{ff0e}' | '(' | ')' | '\u{ff08}' | '\u{ff09}' | '[' | ']'
            | '\u{3010}' | '\u{3011}' | '\u{fe59}' | '\u{fe5a}' => {}
            _ if is_dash(sign) || is_middle_dot(sign) => {}
            _ => return None,
        }
    }
    (3..=16).contains(&digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_digits_become_plain() {
        assert_eq!(clean("　４组　173号 "), "4组 173号");
        assert_eq!(clean("a\u{0}b\r\nc"), "ab\nc");
    }

    #[test]
    fn what_stands_between_numbers_never_vanishes() {
        // A tab between two numbers was dropped: "3<tab>500" was kept as "3500".
        for gap in
            "\t\u{a0}\u{1680}\u{2000}\u{2003}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}\u{1c}\u{1f}"
                .chars()
        {
            assert_eq!(clean(&format!("3{gap}500元")), "3 500元", "{gap:?}");
        }
        for end in [
            "\n", "\r", "\r\n", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}",
        ] {
            assert_eq!(clean(&format!("3{end}500元")), "3\n500元", "{end:?}");
        }
        assert_eq!(clean("一\r\n\r\n二\n\r三"), "一\n\n二\n\n三");
    }

    #[test]
    fn signs_that_nobody_sees_leave_the_text() {
        assert_eq!(clean("\u{202d}139\u{200b}0000\u{202c}"), "1390000");
        assert_eq!(clean("\u{feff}甲\u{200d}\u{2060}村"), "甲村");
        for nothing in [
            "\u{200b}",
            " \u{2060}\u{3164} ",
            "\u{fe0f}",
            "\u{2800}\u{e0100}",
            "",
        ] {
            assert!(is_blank(nothing), "{nothing:?}");
        }
        // Which form of a character a name is written with is part of the name.
        assert_eq!(clean("葛\u{e0101}某"), "葛\u{e0101}某");
        assert_eq!(clean("葛\u{e0101}\u{e0101}\u{fe00}"), "葛\u{e0101}");
    }

    #[test]
    fn signs_that_nobody_sees_are_told_from_letters() {
        for c in
            "\u{1b}\n\t\u{7f}\u{9b}\u{200b}\u{200d}\u{202e}\u{2066}\u{2069}\u{feff}\u{3164}".chars()
        {
            assert!(is_hidden(c), "{c:?}");
        }
        for c in "双河村 03·㭎\u{e0101}ＡaÄ、（）\u{3000}".chars() {
            assert!(!is_hidden(c), "{c:?}");
        }
    }

    #[test]
    fn what_looks_alike_is_searched_alike() {
        for name in [
            "阿・布",
            "阿•布",
            "阿‧布",
            "阿·布",
            "阿･布",
            "阿\u{200b}·布",
        ] {
            assert_eq!(folded(name), "阿·布");
        }
        assert_eq!(folded("Ｄ2ＣＥ－AACG"), "d2ce-aacg");
        assert_eq!(folded("葛\u{e0101}某"), folded("葛某"));
    }

    #[test]
    fn pinyin_on_its_way_is_told_from_words_and_numbers() {
        for composed in ["s", "shi'qiao", "shi qiao", "nü", "ㄕˊㄑㄧ"] {
            assert!(is_half_typed(composed), "{composed}");
        }
        for composed in ["", "石桥", "石q", "D2", "d2ce-", "4"] {
            assert!(!is_half_typed(composed), "{composed}");
        }
    }

    #[test]
    fn phones_are_reduced_to_digits() {
        for (typed, number) in [
            (" 100-0000 1234", "10000001234"),
            ("+86 23 1234567", "+86231234567"),
            ("\u{202d}13900000001\u{202c}", "13900000001"),
            ("139\u{200b}0000\u{200b}0001", "13900000001"),
            ("139\u{2011}0000\u{2013}0001", "13900000001"),
            ("139\u{a0}0000\u{a0}0001", "13900000001"),
            ("０２３－６０００００１", "0236000001"),
            ("（023）6000001", "0236000001"),
            ("023——6000001", "0236000001"),
            ("023ー6000001", "0236000001"),
            ("【023】6000001", "0236000001"),
            ("（＋86）139 0000 0001", "+8613900000001"),
            ("139.0000.0001", "13900000001"),
        ] {
            assert_eq!(phone(typed).as_deref(), Some(number), "{typed:?}");
        }
        for typed in [
            "张三",
            "12",
            "+",
            "13900000001/6000001",
            "6000001\n6000002",
            "139+1",
            "",
        ] {
            assert_eq!(phone(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn an_excerpt_counts_characters() {
        assert_eq!(excerpt("一二三", 3), "一二三");
        assert_eq!(excerpt("一二三四", 3), "一二…");
    }
}
