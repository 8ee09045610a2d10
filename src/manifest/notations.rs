//! What people mean who write a number or a range as spreadsheets, web pages and other systems do.

/// What stands between the ends of a range elsewhere, the longest first.
const BETWEEN: [&str; 7] = ["...", "..", "…", "--", " to ", " - ", ":"];

/// What stands for any digit at the end of a pattern elsewhere. A `*` alone is any number of them.
const ANY_DIGIT: [char; 6] = ['x', 'X', '?', '#', '_', '*'];

/// Digits of the longest end that leaves out what both ends begin with: a longer one is cut off.
const MAX_TAIL: usize = 4;

/// Digits of the shortest number that is written in groups with `-` between them.
const LEAST_OF_GROUPS: usize = 7;

/// Any digit, as a regular expression has it.
const ANY_OF_TEN: [&str; 2] = ["[0-9]", "\\d"];

/// The number or range that is meant; none if nothing is near that `is_good`. `end` reads one number
/// in the spelling of people.
pub(super) fn meant(
    text: &str,
    end: impl Fn(&str) -> Option<String>,
    is_good: impl Fn(&str) -> bool,
) -> Option<String> {
    let bare = ["tel:", "sip:"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let bare = bare.unwrap_or(text).trim();
    let between = BETWEEN.iter().filter_map(|mark| bare.split_once(mark));
    let halves = between.chain(bare.split_once('-').filter(|(_, rest)| !rest.contains('-')));
    let ranges = halves.filter_map(|(first, last)| range(first, last, &end));
    let whole = end(bare).filter(|_| is_one(bare));
    ranges.chain(pattern(bare, &end)).chain(whole).find(|one| is_good(one))
}

/// Whether groups of digits are those of one number: short ones but for the last, and together no short
/// number. Else they are the ends of a range, or two numbers.
fn is_one(text: &str) -> bool {
    let groups = text.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|one| *one > 0);
    let groups: Vec<usize> = groups.collect();
    let Some((_, before)) = groups.split_last() else { return false };
    let is_short = before.iter().all(|one| *one < LEAST_OF_GROUPS);
    // A `+` begins a telephone number, however short.
    let is_long = groups.iter().sum::<usize>() >= LEAST_OF_GROUPS
        || text.starts_with('+') && !text.contains('-');
    before.is_empty() || is_short && is_long
}

/// The range between two ends: the last may leave out what both begin with, or be the first.
fn range(first: &str, last: &str, end: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (first, other) = (end(first)?, end(last)?);
    if first.len() == other.len() {
        return Some(if first <= other {
            format!("{first}-{other}")
        } else {
            format!("{other}-{first}")
        });
    }
    let tail = last.trim();
    let is_digits = tail.bytes().all(|byte| byte.is_ascii_digit());
    let is_tail = is_digits && (1..=MAX_TAIL).contains(&tail.len());
    let shared = first.get(..first.len().checked_sub(tail.len())?).filter(|_| is_tail)?;
    let last = format!("{shared}{tail}");
    (first <= last).then(|| format!("{first}-{last}"))
}

/// The range of the numbers that a pattern matches, whose last digits may be any.
fn pattern(text: &str, end: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut fixed = text;
    let mut count = 0;
    loop {
        let of_ten = ANY_OF_TEN.iter().find_map(|mark| fixed.strip_suffix(mark));
        let Some(rest) = of_ten.or_else(|| fixed.strip_suffix(ANY_DIGIT)) else { break };
        (fixed, count) = (rest, count + 1);
    }
    if count == 0 || count == 1 && text.ends_with('*') {
        return None;
    }
    let fixed = end(fixed)?;
    Some(format!("{fixed}{}-{fixed}{}", "0".repeat(count), "9".repeat(count)))
}

/// Whether people write a character in a number: a digit, or what they put between digits. A `+` is none.
pub(super) fn is_spelling(c: char) -> bool {
    c.is_ascii_digit() || " ().-/".contains(c)
}

/// The digits of a number with what people put between them.
pub(super) fn digits(written: &str) -> Option<String> {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty() && written.chars().all(is_spelling)).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::NumberRange;

    #[test]
    fn what_people_write_is_understood() {
        for (text, expected) in [
            ("44 20 7946 0000", Some("442079460000")),
            ("44-20-7946-0001", Some("442079460001")),
            ("44 (20) 7946.0002", Some("442079460002")),
            ("4420-79460003", Some("442079460003")),
            ("tel:442079460000", Some("442079460000")),
            ("442079460200-99", Some("442079460200-442079460299")),
            ("442079460200-0199", None),
            ("44 20 7946 0000 - 44 20 7946 0099", Some("442079460000-442079460099")),
            ("44-20-7946-0000 to 44-20-7946-0099", Some("442079460000-442079460099")),
            ("1000..1999", Some("1000-1999")),
            ("1000:1999", Some("1000-1999")),
            ("1000--1999", Some("1000-1999")),
            ("1999-1000", Some("1000-1999")),
            ("10xx", Some("1000-1099")),
            ("10[0-9][0-9]", Some("1000-1099")),
            ("10*", None),
            ("10**", Some("1000-1099")),
            ("x", None),
            ("10-200", None),
            ("442079480200-442079480", None),
            ("442079480299-200", None),
            ("442079480299-00", None),
            ("442079480200/99", None),
            ("442079480200 (99)", None),
            ("2000/9", None),
            ("1-2-3", None),
            ("DID 1000", None),
            ("1000-1099-1199-9999", None),
            ("442079460000-4420794600999", None),
            ("123456789012345xx", None),
        ] {
            let is_good = |one: &str| one.parse::<NumberRange>().is_ok();
            assert_eq!(meant(text, digits, is_good).as_deref(), expected, "{text}");
        }
    }
}
