//! Numbers of persons (GB 11643), however they are written: found by shape, date and check digit.
//!
//! A number of today has 18 places: six of an area, eight of a date of birth, three in order, and
//! one that follows from the others. The old one has 15: area, date with a year of two digits, three
//! in order. Nothing else is one: a telephone number beside a date, two telephone numbers, an amount
//! or the number of an order has no area and no date in the right places.
//!
//! Groups of digits that only signs stand between are judged together. Where a part of what was
//! written starts and ends with a group and its last place fits, it is a number of a person. Where
//! the last place does not fit, it is one as long as it is written in one piece or parted where such
//! numbers are parted: one wrong digit makes it no less the number of somebody, and it would be kept
//! for good. Its owner is found by the other digits.

use super::{clean, is_variant};

/// Places of a number of today.
const PLACES: usize = 18;
/// Places of an old one.
const OLD_PLACES: usize = 15;
/// Behind which places people part a number: area, year, month, day, all but the last.
const PARTED: [usize; 5] = [6, 10, 12, 14, 17];
/// The same of an old number.
const OLD_PARTED: [usize; 4] = [6, 8, 10, 12];
/// What the last place may be beside a digit.
const TEN: u8 = 10;
/// What each place but the last counts.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// The last place, by the remainder of the others.
const CHECKS: [u8; 11] = [1, 0, TEN, 9, 8, 7, 6, 5, 4, 3, 2];

/// Whether a text holds the number of a person.
#[must_use]
pub fn has_identity_number(text: &str) -> bool {
    let mut run = Run::default();
    let mut found = false;
    for sign in clean(text).chars() {
        match read(sign) {
            Some((digit, script)) if digit != TEN || !run.signs.is_empty() => {
                run.push(digit, script);
            }
            _ if is_mark(sign) => {}
            _ if !sign.is_alphanumeric() => run.script = None,
            _ => found |= core::mem::take(&mut run).holds_one(),
        }
    }
    found || run.holds_one()
}

/// How a digit is written; two ways in a row are two groups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Plain,
    Chinese,
}

/// Digits between which there is nothing but signs.
#[derive(Default)]
struct Run {
    signs: Vec<u8>,
    /// Whether a group begins with the digit at the same place.
    begins: Vec<bool>,
    /// How the group that goes on is written.
    script: Option<Script>,
}

impl Run {
    fn push(&mut self, digit: u8, script: Script) {
        // The last place is X whatever the digits before it are written in.
        let goes_on = match self.script {
            Some(before) => before == script || digit == TEN,
            None => false,
        };
        self.signs.push(digit);
        self.begins.push(!goes_on);
        if !goes_on {
            self.script = Some(script);
        }
    }

    fn holds_one(&self) -> bool {
        let mut today = self.signs.windows(PLACES).enumerate();
        let mut old = self.signs.windows(OLD_PLACES).enumerate();
        today.any(|(from, places)| self.is_one(from, places))
            || old.any(|(from, places)| self.is_old(from, places))
    }

    fn is_one(&self, from: usize, places: &[u8]) -> bool {
        if !has_shape(places) {
            return false;
        }
        let whole = self.is_whole(from, PLACES);
        if fits(places) {
            return whole || self.gaps(from, PLACES).next().is_none();
        }
        // A company's number has as many places and begins as those of foreigners do.
        let foreign = places.first() == Some(&9);
        whole && !foreign && self.gaps(from, PLACES).all(|gap| PARTED.contains(&gap))
    }

    fn is_old(&self, from: usize, places: &[u8]) -> bool {
        let mut gaps = self.gaps(from, OLD_PLACES).peekable();
        // Nothing proves an old number: only one that is parted behind its area counts as parted.
        let parted = gaps.peek().is_none_or(|first| *first == 6);
        has_old_shape(places)
            && self.is_whole(from, OLD_PLACES)
            && parted
            && gaps.all(|gap| OLD_PARTED.contains(&gap))
    }

    /// Whether so many places begin and end with a group.
    fn is_whole(&self, from: usize, places: usize) -> bool {
        let begins = |at| self.begins.get(at).copied().unwrap_or(true);
        begins(from) && begins(from + places)
    }

    /// Behind how many of the places something stands.
    fn gaps(&self, from: usize, places: usize) -> impl Iterator<Item = usize> {
        let begins = self.begins.iter().skip(from).take(places).enumerate();
        begins
            .skip(1)
            .filter(|(_, begins)| **begins)
            .map(|(at, _)| at)
    }
}

/// The digit that a sign stands for, or ten for an X.
fn read(sign: char) -> Option<(u8, Script)> {
    let chinese = match sign {
        '0'..='9' => {
            let digit = sign
                .to_digit(10)
                .and_then(|digit| u8::try_from(digit).ok())?;
            return Some((digit, Script::Plain));
        }
        // Latin, the sign of multiplication, Cyrillic, Roman ten: keyboards offer them all.
        'x' | 'X' | '\u{d7}' | '\u{425}' | '\u{445}' | '\u{2169}' | '\u{2179}' => {
            return Some((TEN, Script::Plain));
        }
        '\u{3007}' | '\u{96f6}' | '\u{25cb}' => 0,
        // The last of these is how one is said on the telephone.
        '\u{4e00}' | '\u{58f9}' | '\u{5e7a}' => 1,
        '\u{4e8c}' | '\u{8d30}' | '\u{8cb3}' => 2,
        '\u{4e09}' | '\u{53c1}' | '\u{53c3}' => 3,
        '\u{56db}' | '\u{8086}' => 4,
        '\u{4e94}' | '\u{4f0d}' => 5,
        '\u{516d}' | '\u{9646}' | '\u{9678}' => 6,
        '\u{4e03}' | '\u{67d2}' => 7,
        '\u{516b}' | '\u{634c}' => 8,
        '\u{4e5d}' | '\u{7396}' => 9,
        _ => return None,
    };
    Some((chinese, Script::Chinese))
}

/// Whether a sign only stands on the one before it.
fn is_mark(sign: char) -> bool {
    is_variant(sign) || matches!(sign, '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}')
}

/// The number that these digits make; none where one of them is an X.
fn number(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits?.iter();
    digits
        .map(|digit| (*digit < TEN).then_some(u32::from(*digit)))
        .try_fold(0, |sum, digit| Some(sum * 10 + digit?))
}

fn has_shape(places: &[u8]) -> bool {
    let date = || {
        let year = number(places.get(6..10))?;
        let month = number(places.get(10..12))?;
        let day = number(places.get(12..14))?;
        number(places.get(14..17))?;
        Some((1900..2100).contains(&year) && is_date(year, month, day))
    };
    let area = || {
        number(places.get(..6))?;
        // A foreigner's number begins with a nine before the province.
        Some(
            is_province(places.get(..2))
                || (places.first() == Some(&9) && is_province(places.get(1..3))),
        )
    };
    area() == Some(true) && date() == Some(true)
}

fn has_old_shape(places: &[u8]) -> bool {
    let date = || {
        let year = number(places.get(6..8))?;
        let month = number(places.get(8..10))?;
        let day = number(places.get(10..12))?;
        number(places.get(12..15))?;
        Some(is_date(1900 + year, month, day))
    };
    number(places.get(..6)).is_some() && is_province(places.get(..2)) && date() == Some(true)
}

/// The provinces, cities and regions of GB/T 2260, and the three numbers for people of Hong Kong,
/// Macau and Taiwan.
fn is_province(digits: Option<&[u8]>) -> bool {
    matches!(
        number(digits),
        Some(11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
    )
}

const fn is_date(year: u32, month: u32, day: u32) -> bool {
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        _ => 0,
    };
    1 <= day && day <= days
}

/// Whether the last place follows from the others.
fn fits(places: &[u8]) -> bool {
    let counted = places.iter().zip(WEIGHTS);
    let sum: u32 = counted
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum();
    let check = usize::try_from(sum % 11).ok().and_then(|at| CHECKS.get(at));
    check.is_some() && check == places.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_numbers_are_found_and_other_numbers_are_not() {
        for text in [
            "证号11010519491231002X。",
            "110105194912310021",
            "110105 19491231 0021",
            "１１０１０５１９４９１２３１００２１",
            "110105491231002",
            "110105-491231-002",
        ] {
            assert!(has_identity_number(text), "{text}");
        }
        for text in [
            "",
            "电话10000001234",
            "2026-11-22 09:20",
            "金额3333.33元",
            "1234567890123456",
            "110105491 231002",
            "110101********0011",
        ] {
            assert!(!has_identity_number(text), "{text}");
        }
    }

    #[test]
    fn a_number_beside_others_is_found_and_two_telephones_are_none() {
        for text in [
            "110101199003070011 13900000001",
            "13900000001，110101199003070011",
            "110101199003070011 110101199003070011",
            "13900000001110101199003070038",
            "陆110101199003070011",
        ] {
            assert!(has_identity_number(text), "{text}");
        }
        for text in [
            "2026-3-15 13900000001",
            "13900000001 6000001",
            "13900000001 13900000002",
            "订单 202603151234567",
            "13912041515 1234",
        ] {
            assert!(!has_identity_number(text), "{text}");
        }
    }

    #[test]
    fn a_last_place_that_does_not_fit_counts_where_the_rest_is_written_as_such_numbers_are() {
        // 0011 fits, 0012 does not.
        assert!(has_identity_number("110101-19900307-0012"));
        assert!(has_identity_number("11010119900307001 2"));
        assert!(!has_identity_number("1101 0119 9003 0700 12"));
        assert!(has_identity_number("1101 0119 9003 0700 11"));
        // A company's number with an area and a date by chance: its last place proves nothing.
        assert!(!has_identity_number("915001197812120031"));
    }
}
