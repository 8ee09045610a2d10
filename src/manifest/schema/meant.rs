//! What people mean who write a value in a way that the language does not have.

use jsonschema::error::ValidationErrorKind as Finding;
use serde_json::Value as Json;

use super::stand_in::{fields, required, stand_in};
use super::types::expected_words;
use super::words::{Place, dotted, is_index};
use super::{forms, meant_forms};
use crate::diag::{Code, Diagnostic};
use crate::manifest::node::{Meaning, Node, Scalar, Value};
use crate::manifest::suggest;
use crate::manifest::yaml::shown;
use crate::model::value::{Date, Host, Name, NumberRange, Seconds, SipTarget, TimeRange};
use crate::model::{Kind, TYPE_BLOCKS};

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

/// The words of a choice, for what is not even a text.
pub(super) fn words(schema: &Json) -> Option<String> {
    let words = schema.get("enum")?.as_array()?.iter().filter_map(Json::as_str);
    let words: Vec<&str> = words.collect();
    (!words.is_empty()).then(|| format!("write {}", words.join(" or ")))
}

/// The type of the trunk that has a block of one.
pub(super) fn type_of_block(document: &Node) -> Option<String> {
    let spec = document.get("spec")?;
    let (_, of) = TYPE_BLOCKS.iter().find(|(block, _)| spec.get(block).is_some())?;
    Some(of.as_str().to_owned())
}

/// What somebody means whose text nearly has the form of that name.
pub(super) fn form(name: &str, text: &str) -> Option<String> {
    match name {
        "Name" => {
            let lower = text.trim().to_lowercase();
            let near = lower.replace([' ', '_', '.'], "-");
            let near = if lower.parse::<Name>().is_ok() { lower } else { near };
            let near = near.parse::<Name>().ok().map(|name| format!("write `{name}`"));
            near.or_else(|| meant_forms::last_name(text))
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
        "TimeRange" => times(text),
        "Cidr" => meant_forms::addresses(text),
        "PhoneNumber" => meant_forms::telephone(text),
        "ScopeOwner" => meant_forms::tenant(text),
        "Timestamp" => meant_forms::moment(text),
        "Seconds" => {
            let Some(bare) = text.strip_prefix('0') else { return meant_forms::duration(text) };
            let bare = bare.trim_start_matches('0');
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
            let year = match year {
                // `24.12.27`
                0..100 if all.first() != Some(&year) => year + 2000,
                0..1900 => {
                    return Some("a year has four digits: write one like `2027-12-24`".to_owned());
                }
                year => year,
            };
            let date = format!("{year:04}-{month:02}-{day:02}").parse::<Date>().ok()?;
            Some(format!("write `{date}`: year, month, day"))
        }
        _ => None,
    }
}

/// The part of a day that somebody means who leaves out minutes, writes `9am`, or goes on past midnight.
fn times(text: &str) -> Option<String> {
    let dashes = ["-", "\u{2013}", "\u{2212}", " to ", " bis "];
    let (from, to) = dashes.iter().find_map(|dash| text.split_once(dash))?;
    let (from, to) = (clock(from)?, clock(to)?);
    // Midnight ends a day, too.
    let to = if to == "00:00" { "24:00".to_owned() } else { to };
    if from > to {
        return Some(format!("write `{from}-24:00`, and `00:00-{to}` for the day after it"));
    }
    let right = format!("{from}-{to}");
    right.parse::<TimeRange>().ok().map(|_| format!("write `{right}`"))
}

/// A time of day in one of its spellings, as we have it.
fn clock(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let afternoon = lower.strip_suffix("pm").map(|bare| (bare, 12));
    let half = afternoon.or_else(|| lower.strip_suffix("am").map(|bare| (bare, 0)));
    let (bare, later) = half.map_or((lower.as_str(), None), |(bare, later)| (bare, Some(later)));
    let bare = bare.trim().trim_end_matches('h');
    let (hours, minutes) = match bare.split_once([':', '.', 'h']) {
        Some((hours, minutes)) => (hours, minutes.get(..2)?),
        None if bare.len() == 4 => bare.split_at_checked(2)?,
        None => (bare, "00"),
    };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let hours = hours.parse::<u8>().ok().filter(|_| is_number(hours) && is_number(minutes))?;
    let hours = later.map_or(hours, |later| hours % 12 + later);
    (hours <= 24).then(|| format!("{hours:02}:{minutes}"))
}

/// What somebody means who writes one value for a block.
pub(super) fn block(kind: Kind, pointer: &str, value: &Node) -> Option<String> {
    let name = pointer.rsplit('/').next()?;
    if let (Some(text), true) = (value.text(), kind == Kind::InboundRule && has_extension(pointer))
    {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let right = match text {
            // No extension is as long, or begins as calls to other numbers do.
            _ if is_number(text) && text.starts_with('0') && text.len() > 6 => {
                format!("{{number: \"{text}\"}}")
            }
            _ if is_number(text) => format!("{{extension: {text}}}"),
            _ if text.strip_prefix('+').is_some_and(is_number) => format!("{{number: \"{text}\"}}"),
            _ if text.starts_with("sip:") => format!("{{sip: \"{}\"}}", shown(text)),
            "keep" => "{keep: true}".to_owned(),
            _ => return None,
        };
        return Some(format!("write `{name}: {right}`"));
    }
    let truth = match &value.value {
        Value::Scalar(Scalar { meaning: Meaning::Bool(truth), .. }) => *truth,
        Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => return None,
    };
    let has_switch = stand_in(kind, &format!("{pointer}/enabled")).is_some();
    has_switch.then(|| format!("write `{name}: {{enabled: {truth}}}`"))
}

/// Whether what stands there is where a call goes.
fn has_extension(pointer: &str) -> bool {
    matches!(pointer, "/spec/destination" | "/spec/outOfHours" | "/spec/holiday")
}

/// A line that may stand in a block, as an example.
pub(super) fn line(kind: Kind, pointer: &str) -> Option<String> {
    let fields = fields(kind, pointer).into_iter();
    let mut lines = fields.filter_map(|name| match stand_in(kind, &format!("{pointer}/{name}"))? {
        Json::String(text) if is_bare(&text) => Some(format!("{name}: {text}")),
        value @ (Json::Bool(_) | Json::Number(_)) => Some(format!("{name}: {value}")),
        Json::Null | Json::String(_) | Json::Array(_) | Json::Object(_) => None,
    });
    lines.next()
}

/// The range whose two ends somebody writes as fields.
pub(super) fn two_ends(value: &Node) -> Option<String> {
    let Value::Mapping(fields) = &value.value else { return None };
    let [first, last] = fields.as_slice() else { return None };
    let range = format!("{}-{}", first.value.text()?, last.value.text()?);
    range.parse::<NumberRange>().ok().map(|_| format!("write `{range}`"))
}

/// What somebody means who writes a number in another way.
pub(super) fn number(text: &str) -> String {
    let bare = text.trim_start_matches('0');
    match Meaning::of_plain(bare) {
        Meaning::Unsigned(_) if bare.len() == text.len() => format!("write {text} without quotes"),
        Meaning::Unsigned(_) => format!("write {bare}, without a zero in front"),
        Meaning::Null | Meaning::Bool(_) | Meaning::Negative(_) | Meaning::Text => {
            let near = meant_forms::leading_number(text);
            near.unwrap_or_else(|| "write a number, in digits".to_owned())
        }
    }
}

/// Whether a text can stand in a list as it is.
fn is_bare(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
    !text.is_empty() && text.chars().all(plain)
}

/// The items that a text with commas means, as they stand in a list; none if it means no list.
pub(super) fn listed(text: &str) -> Vec<String> {
    let items = || text.split(',').map(str::trim);
    if !items().all(is_bare) {
        return Vec::new();
    }
    let quote = |item| if Meaning::of_plain(item) == Meaning::Text { "\"" } else { "" };
    items().map(|item| format!("{0}{item}{0}", quote(item))).collect()
}

/// What to write for a field that means several.
pub(super) fn several(fields: &[&str], value: Option<&str>) -> String {
    let value = value.map(|value| format!(" {}", shown(value))).unwrap_or_default();
    let all: Vec<_> = fields.iter().map(|field| format!("`{field}:{value}`")).collect();
    format!("write {}", all.join(" and "))
}

/// What is told in place of a finding that follows from another mistake than it names.
pub(super) fn instead(place: &Place<'_>, finding: &Finding) -> Option<Vec<Diagnostic>> {
    system_scope(place).or_else(|| bare_items(place, finding))
}

/// `{system: true}` for `system`, as one writes `{tenant: NAME}`.
fn system_scope(place: &Place<'_>) -> Option<Vec<Diagnostic>> {
    let glob = place.pointer.strip_prefix("/spec/scopes/").filter(|it| !it.contains('/'))?;
    let Value::Mapping(fields) = &place.value()?.value else { return None };
    let is_system = matches!(fields.as_slice(), [field] if &*field.key == "system");
    if !is_system || place.kind != Kind::Policy {
        return None;
    }
    let message = format!("`{}` is a mapping, and `system` a word alone", place.field());
    let glob = shown(&glob.replace("~1", "/").replace("~0", "~"));
    let told = Diagnostic::new(Code::TL104, message).at(place.value()?.span);
    Some(vec![told.help(format!("write `\"{glob}\": system`"))])
}

/// Items of a list that are looked at, whether all of them are the same mistake.
const MAX_ITEMS: usize = 100;

/// A list of texts where one of mappings is wanted, told once.
fn bare_items(place: &Place<'_>, finding: &Finding) -> Option<Vec<Diagnostic>> {
    let Finding::Type { kind } = finding else { return None };
    let (list, index) = place.pointer.rsplit_once('/').filter(|(_, index)| is_index(index))?;
    let node = place.document.pointer(list)?;
    let Value::Sequence(items) = &node.value else { return None };
    let are_bare = items.iter().take(MAX_ITEMS).all(|item| item.text().is_some());
    let first = items.first().filter(|_| are_bare && expected_words(kind) == "a mapping")?;
    place.value()?.text()?;
    if index != "0" {
        return Some(Vec::new());
    }
    let what = first.what();
    let message = format!("each item of `{}` must be a mapping, found {what}", dotted(list));
    let text = first.text().unwrap_or_default();
    let form = item(place.kind, place.pointer, text).unwrap_or_else(|| "{key: value}".to_owned());
    let told = Diagnostic::new(Code::TL104, message).at(node.span);
    Some(vec![told.help(format!("write `- {form}` for each"))])
}

/// An item of a list of mappings with what it has to have, where somebody wrote a text alone; none
/// where it has to have nothing.
pub(super) fn item(kind: Kind, pointer: &str, text: &str) -> Option<String> {
    match required(kind, pointer).as_slice() {
        [] => None,
        [name] => Some(format!("{name}: {}", shown(text))),
        several => {
            let field = |name: &String| {
                let example = stand_in(kind, &format!("{pointer}/{name}")).unwrap_or_default();
                let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                format!("{name}: {example}")
            };
            Some(format!("{{{}}}", several.iter().map(field).collect::<Vec<_>>().join(", ")))
        }
    }
}

/// What helps where a sound text was written so that more is read than it: a block, whose last line
/// ends, or several items with a comma for one.
pub(super) fn as_written(place: &Place<'_>, finding: &Finding) -> Option<String> {
    let text = place.value()?.text()?;
    let name = place.pointer.rsplit('/').next()?;
    let is_item = is_index(name);
    if let Some(line) = text.strip_suffix('\n') {
        let is_sound = !line.trim().is_empty() && !line.contains('\n') && takes(finding, line);
        let field = if is_item { "- ".to_owned() } else { format!("{name}: ") };
        let line = shown(line);
        return is_sound.then(|| {
            format!(
                "write it on one line, `{field}{line}`: below `|` or `>` the end of the line is part of the text"
            )
        });
    }
    if !is_item {
        return None;
    }
    let items = listed(text);
    if items.len() > 1 && text.split(',').all(|item| takes(finding, item.trim())) {
        return Some(one_each(&items));
    }
    without_commas(text, finding).map(|items| one_each(&items))
}

/// The items of a text with blanks where the commas of a list belong.
fn without_commas(text: &str, finding: &Finding) -> Option<Vec<String>> {
    let has_form = matches!(finding, Finding::Format { .. } | Finding::Enum { .. });
    let mut items = text.split_whitespace();
    let are_sound = || text.split_whitespace().all(|item| is_bare(item) && takes(finding, item));
    let is_list = has_form && items.nth(1).is_some() && are_sound();
    is_list.then(|| text.split_whitespace().map(str::to_owned).collect())
}

/// What somebody means who writes several whole numbers in one item of a list.
pub(super) fn several_numbers(pointer: &str, text: &str) -> Option<String> {
    let items = text.split([',', ' ']).filter(|item| !item.is_empty());
    let items: Vec<String> = items.map(str::to_owned).collect();
    let is_item = pointer.rsplit('/').next().is_some_and(is_index);
    let are_numbers = items.iter().all(|item| item.parse::<u32>().is_ok());
    (is_item && items.len() > 1 && are_numbers).then(|| one_each(&items))
}

/// What to do with several items in one.
pub(in crate::manifest) fn one_each(items: &[String]) -> String {
    let all: Vec<_> = items.iter().map(|item| format!("`- {}`", shown(item))).collect();
    let most = all.get(..MAX_SHOWN).unwrap_or(&all);
    let more = if most.len() < all.len() { ", …" } else { "" };
    format!("write one item each: {}{more}", most.join(", "))
}

/// Items of a list that a help writes.
const MAX_SHOWN: usize = 4;

/// Whether what a finding says is not so of another text, as far as that can be said.
#[expect(clippy::wildcard_enum_match_arm, reason = "the validator's list may grow")]
fn takes(finding: &Finding, text: &str) -> bool {
    match finding {
        Finding::Format { format } => forms::why_not(format, text).is_none(),
        Finding::Enum { options } => {
            options.as_array().is_some_and(|all| all.iter().any(|one| one.as_str() == Some(text)))
        }
        _ => true,
    }
}
