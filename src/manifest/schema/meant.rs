//! What people mean who write a value in a way that the language does not have.

use super::words::is_index;
use crate::manifest::node::Meaning;
use crate::manifest::suggest;

/// The weekdays as conditions count them, from 1.
const WEEKDAYS: &[&str] =
    &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The months as conditions count them, from 1.
const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// What somebody means who writes lengths as a range, or weekdays by their names.
pub(super) fn items(pointer: &str, text: &str, expected: &str) -> Option<String> {
    let mut segments = pointer.rsplit('/').skip_while(|segment| is_index(segment));
    let numbers = match segments.next()? {
        "lengths" => {
            let (first, last) = text.split_once('-')?;
            let end = |text: &str| text.trim().parse::<u8>().ok().filter(|one| *one <= 64);
            (end(first)?..=end(last)?).map(|one| one.to_string()).collect::<Vec<_>>()
        }
        "weekdays" => {
            let day = suggest::field(text, WEEKDAYS.iter().copied())?;
            let at = WEEKDAYS.iter().position(|one| *one == day)?;
            vec![(at + 1).to_string()]
        }
        "months" => {
            let month = suggest::field(text, MONTHS.iter().copied())?;
            let at = MONTHS.iter().position(|one| *one == month)?;
            vec![(at + 1).to_string()]
        }
        _ => return None,
    };
    let all = numbers.join(", ");
    let days = pointer.contains("/weekdays");
    let counted = if days { ": weekdays are numbers, Monday is 1" } else { "" };
    match (expected, numbers.len()) {
        (_, 0) => None,
        ("a list", _) => Some(format!("write `[{all}]`{counted}")),
        _ => Some(format!("write {all}{counted}")),
    }
}

/// What somebody means who writes a number in another way.
pub(super) fn number(text: &str) -> String {
    let bare = text.trim_start_matches('0');
    match Meaning::of_plain(bare) {
        Meaning::Unsigned(_) if bare.len() == text.len() => format!("write {text} without quotes"),
        Meaning::Unsigned(_) => format!("write {bare}, without a zero in front"),
        Meaning::Null | Meaning::Bool(_) | Meaning::Negative(_) | Meaning::Text => {
            "write a number, in digits".to_owned()
        }
    }
}

/// Whether a text can stand in a list as it is.
pub(super) fn is_bare(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    !text.is_empty() && text.chars().all(plain)
}
