//! What people mean who write a value in a way that the language does not have.

use super::words::is_index;
use crate::manifest::node::Meaning;
use crate::manifest::suggest;
use crate::model::value::{Date, Host, Name, Seconds, SipTarget};

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

/// What somebody means whose text nearly has the form of that name.
pub(super) fn form(name: &str, text: &str) -> Option<String> {
    match name {
        "Name" => {
            let lower = text.trim().to_lowercase();
            let near = lower.replace([' ', '_', '.'], "-");
            let near = if lower.parse::<Name>().is_ok() { lower } else { near };
            near.parse::<Name>().ok().map(|name| format!("write `{name}`"))
        }
        "Host" => {
            let text = text.trim();
            if let Some(host) = text.strip_suffix('.').and_then(|bare| bare.parse::<Host>().ok()) {
                return Some(format!("write `{host}`, without the dot at the end"));
            }
            let schemes = ["sips:", "sip:", "https://", "http://"];
            let bare = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
            let host = match bare.rsplit_once(':') {
                Some((host, port)) => port.parse::<u16>().ok().map(|_| host)?,
                None => bare,
            };
            let host = host.parse::<Host>().ok()?;
            Some(format!("write the host alone, `{host}`: a port has a field of its own"))
        }
        "SipTarget" => {
            let uri = format!("sip:{}", text.trim());
            uri.parse::<SipTarget>().ok().map(|_| format!("write `{uri}`"))
        }
        "Seconds" => {
            let bare = text.strip_prefix('0')?.trim_start_matches('0');
            let zero = if bare.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
            let right = format!("{zero}{bare}");
            right.parse::<Seconds>().ok().map(|_| format!("write `{right}`"))
        }
        "Date" => {
            let mut parts = text.trim().split(['.', '/', '-']).map(|part| part.parse::<u16>().ok());
            let all = [parts.next()??, parts.next()??];
            let last = parts.next();
            if last.is_none() {
                return Some("a date has a year: write one like `2027-12-24`".to_owned());
            }
            let last = last.flatten()?;
            let (year, month, day) = match all {
                [year, month] if year > 31 => (year, month, last),
                // `12/24/2027`
                [month, day] if day > 12 => (last, month, day),
                [day, month] => (last, month, day),
            };
            let date = format!("{year:04}-{month:02}-{day:02}").parse::<Date>().ok()?;
            Some(format!("write `{date}`: year, month, day"))
        }
        _ => None,
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
