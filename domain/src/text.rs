//! Text that people typed: cleaned, measured, and checked for numbers that must not be stored.

/// Trims, unifies line ends, and turns full-width digits and letters into plain ones.
#[must_use]
pub fn clean(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_control() || *c == '\n')
        .map(|c| match c {
            '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
                // The full-width forms lie 0xFEE0 above ASCII.
                char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
            }
            '\u{3000}' => ' ',
            _ => c,
        })
        .collect();
    plain.trim().to_owned()
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

/// Length as people count it: Unicode scalar values, not bytes.
#[must_use]
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// The first `max` characters, with an ellipsis when something was cut.
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

/// Whether the text holds what looks like a resident identity number: 18 places, the last of which
/// may be an X, or the old form of 15 digits.
#[must_use]
pub fn has_identity_number(text: &str) -> bool {
    let mut run = 0_usize;
    let mut chars = clean(text)
        .chars()
        .collect::<Vec<_>>()
        .into_iter()
        .peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_digit() {
            run += 1;
            continue;
        }
        if run == 17 && matches!(c, 'x' | 'X') {
            return true;
        }
        // A number written in groups is still a number.
        let grouped = matches!(c, ' ' | '-') && chars.peek().is_some_and(char::is_ascii_digit);
        if !grouped {
            if run == 15 || run == 18 {
                return true;
            }
            run = 0;
        }
    }
    run == 15 || run == 18
}

/// A telephone number reduced to its digits, with a leading `+` kept; `None` when it is not one.
#[must_use]
pub fn phone(text: &str) -> Option<String> {
    let text = clean(text);
    let mut digits = String::new();
    for (place, c) in text.chars().enumerate() {
        match c {
            '0'..='9' => digits.push(c),
            '+' if place == 0 => digits.push(c),
            ' ' | '-' | '(' | ')' => {}
            _ => return None,
        }
    }
    (3..=16).contains(&digits.len()).then_some(digits)
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
    fn identity_numbers_are_found_and_other_numbers_are_not() {
        for text in [
            "证号11010519491231002X。",
            "110105194912310021",
            "110105 19491231 0021",
            "１１０１０５１９４９１２３１００２１",
            "110105491231002",
        ] {
            assert!(has_identity_number(text), "{text}");
        }
        for text in [
            "",
            "电话10000001234",
            "2026-11-22 09:20",
            "金额3333.33元",
            "1234567890123456",
        ] {
            assert!(!has_identity_number(text), "{text}");
        }
    }

    #[test]
    fn phones_are_reduced_to_digits() {
        assert_eq!(phone(" 100-0000 1234").as_deref(), Some("10000001234"));
        assert_eq!(phone("+86 23 1234567").as_deref(), Some("+86231234567"));
        assert_eq!(phone("张三"), None);
        assert_eq!(phone("12"), None);
    }

    #[test]
    fn an_excerpt_counts_characters() {
        assert_eq!(excerpt("一二三", 3), "一二三");
        assert_eq!(excerpt("一二三四", 3), "一二…");
    }
}
