//! Telephone numbers as written, checked before anything else looks at them (TL302, TL303): the
//! exact item is shown, and what a person would write instead.

use super::node::{Node, Value};
use super::{notations, schema};
use crate::diag::{Code, Diagnostic, Severity, Span};
use crate::model::value::{
    CallerMask, DidMatch, LeadingPrefix, Number, NumberError, NumberRange, StatusRange, TimeRange,
    is_country_code,
};
use crate::model::{InboundRule, Kind, Spec};

/// Faults told for one document; further ones show when these are mended.
const MAX_FAULTS: usize = 1000;

/// En dash and minus sign, as in ranges copied from a web page.
const FOREIGN_DASHES: [char; 2] = ['\u{2013}', '\u{2212}'];

/// What is said of a fault that the formatter mends.
const FORMATTER_DOES_IT: &str = "; `trunkline fmt` does it";

/// What stands in a fix for the country code of a tenant, which the document does not know.
pub(crate) const COUNTRY_CODE: &str = "<country code>";

/// A fix with the country code of its tenant. A number that begins with it already, as `0044…` written
/// with one zero does, may be meant without a second one; one that is the tenant's without any code
/// has another country's.
pub(crate) fn with_country_code(
    help: &str,
    code: &str,
    is_owned: impl Fn(NumberRange) -> bool,
) -> String {
    let bare = help.replace(COUNTRY_CODE, "");
    let number = bare.split('`').nth(1).and_then(|number| number.parse().ok());
    if number.is_some_and(is_owned) {
        return bare;
    }
    let with = help.replace(COUNTRY_CODE, code);
    let begins_with_it = format!("write `{COUNTRY_CODE}{code}");
    let without = help.starts_with(&begins_with_it).then(|| help.replace(COUNTRY_CODE, ""));
    let Some(without) = without else { return with };
    let other = with.split('`').nth(1).unwrap_or_default();
    let (fix, why) = without.split_once("`: ").unwrap_or((&without, ""));
    format!("{fix}`, or `{other}` if its `{code}` is an area code: {why}")
}

/// Takes back that the formatter mends something, where a worse fault keeps it from that.
pub(crate) fn without_formatter(diagnostics: &mut [Diagnostic]) {
    for help in diagnostics.iter_mut().filter_map(|one| one.help.as_mut()) {
        if let Some(rest) = help.strip_suffix(FORMATTER_DOES_IT) {
            help.truncate(rest.len());
        }
    }
}

/// Characters that look like a `-` and are none that a range takes.
const LOOK_ALIKES: &[(char, &str)] = &[
    ('\u{ad}', "a soft hyphen"),
    ('\u{2010}', "a typographic hyphen"),
    ('\u{2011}', "a non-breaking hyphen"),
    ('\u{2012}', "a figure dash"),
    ('\u{2014}', "an em dash"),
    ('\u{2015}', "a horizontal bar"),
    ('\u{fe63}', "a small hyphen"),
    ('\u{ff0d}', "a full-width hyphen"),
    ('~', "a tilde"),
];

/// What other systems call any number.
const ANY: [&str; 5] = ["all", "any", "default", "everything", ".*"];

/// How strict a field is about the first digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// A number of the telephone network: country code first, no `+`, `0` or `00`.
    Did,
    /// A number inside the tenant: any digits.
    Internal,
    /// A mask of callers, as they are presented.
    Caller,
    /// No number, but a range too: part of a day.
    Time,
    /// The same: SIP codes.
    Code,
    /// The code of a country.
    Country,
}

/// What a field may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A list, or one text with `;` between the items.
    Items,
    /// An item of such a list.
    Item,
    /// One number.
    Single,
    /// One number or one range.
    One,
    /// One number, one range or `*`.
    OneOrAny,
}

/// Every field of numbers and of ranges: kind, place (`*` is every item of a list, every field of a mapping), rule, shape.
const FIELDS: &[(Kind, &[&str], Rule, Shape)] = &[
    (Kind::DidPool, &["spec", "numbers"], Rule::Did, Shape::Items),
    (Kind::InboundRule, &["spec", "did"], Rule::Did, Shape::OneOrAny),
    (Kind::InboundRule, &["spec", "destination", "extension"], Rule::Internal, Shape::One),
    (Kind::InboundRule, &["spec", "outOfHours", "extension"], Rule::Internal, Shape::One),
    (Kind::InboundRule, &["spec", "holiday", "extension"], Rule::Internal, Shape::One),
    (Kind::InboundRule, &["spec", "advanced", "*", "extension"], Rule::Internal, Shape::One),
    (Kind::InboundRule, &["spec", "destination", "voicemail"], Rule::Internal, Shape::Single),
    (Kind::InboundRule, &["spec", "outOfHours", "voicemail"], Rule::Internal, Shape::Single),
    (Kind::InboundRule, &["spec", "holiday", "voicemail"], Rule::Internal, Shape::Single),
    (Kind::InboundRule, &["spec", "advanced", "*", "voicemail"], Rule::Internal, Shape::Single),
    (Kind::InboundRule, &["spec", "caller"], Rule::Caller, Shape::Items),
    (Kind::InboundRule, &["spec", "advanced", "*", "when", "times"], Rule::Time, Shape::Items),
    (Kind::Schedule, &["spec", "weekly", "*"], Rule::Time, Shape::Items),
    (Kind::Trunk, &["spec", "keepAlive", "downCodes"], Rule::Code, Shape::Items),
    (Kind::Trunk, &["spec", "failover", "codes"], Rule::Code, Shape::Items),
    (Kind::OutboundRule, &["spec", "match", "extensions"], Rule::Internal, Shape::Items),
    (Kind::RouteTest, &["spec", "outbound", "extension"], Rule::Internal, Shape::Single),
    (Kind::Extension, &["spec", "numbers"], Rule::Internal, Shape::One),
    (Kind::Tenant, &["spec", "countryCode"], Rule::Country, Shape::Single),
    (Kind::Tenant, &["spec", "allowedCountries"], Rule::Country, Shape::Items),
];

/// What is wrong with the numbers of a document. `source` is the text of its file.
pub(super) fn check(kind: Kind, document: &Node, source: &str) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for (_, path, rule, shape) in FIELDS.iter().filter(|(of, ..)| *of == kind) {
        at(document, path, &mut |node| field(node, (*rule, *shape), source, &mut diagnostics));
    }
    diagnostics
}

/// Whether [`check`] has nothing to say of a resource that was decoded from a text: what makes no
/// number at all was refused by the number's own type.
pub(super) fn are_plain(spec: &Spec, text: &str) -> bool {
    let plain =
        |range: NumberRange| !range.first().leads_with_zero() && !range.last().leads_with_zero();
    let sound = match spec {
        Spec::DidPool(pool) => pool.numbers.items().iter().copied().all(plain),
        Spec::InboundRule(InboundRule { did: DidMatch::Range(range), .. }) => plain(*range),
        Spec::Tenant(tenant) => {
            let mut codes = tenant.allowed_countries.iter().flatten().chain(&tenant.country_code);
            codes.all(|code| is_country_code(code))
        }
        Spec::InboundRule(_)
        | Spec::Policy(_)
        | Spec::Transport(_)
        | Spec::Trunk(_)
        | Spec::Schedule(_)
        | Spec::Extension(_)
        | Spec::OutboundRule(_)
        | Spec::RouteTest(_) => true,
    };
    sound && (text.is_ascii() || !text.contains(FOREIGN_DASHES))
}

/// The places of the scalars whose ranges are written with an en dash or a minus sign, and which are
/// good with a `-` in its place.
pub(super) fn with_foreign_dashes(kind: Kind, document: &Node, source: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (_, path, rule, shape) in FIELDS.iter().filter(|(of, ..)| *of == kind) {
        at(document, path, &mut |node| {
            let scalars = match &node.value {
                Value::Sequence(items) => items.as_slice(),
                Value::Scalar(_) | Value::Mapping(_) => std::slice::from_ref(node),
            };
            found.extend(scalars.iter().filter_map(|scalar| {
                let written = source.get(scalar.span.start as usize..scalar.span.end as usize)?;
                let plain =
                    plain_dashes(scalar.text().filter(|_| written.contains(FOREIGN_DASHES))?);
                let good = |part: &str| is_good(part.trim(), (*rule, *shape), scalar.span);
                plain.split(';').all(good).then_some(scalar.span)
            }));
        });
    }
    found
}

/// A text with `-` in place of each dash that a web page makes of it.
pub(super) fn plain_dashes(text: &str) -> String {
    text.replace(FOREIGN_DASHES, "-")
}

/// Visits the nodes at a path.
fn at<'a>(node: &'a Node, path: &[&str], visit: &mut impl FnMut(&'a Node)) {
    let Some((step, rest)) = path.split_first() else { return visit(node) };
    match (&node.value, *step) {
        (Value::Sequence(items), "*") => items.iter().for_each(|item| at(item, rest, visit)),
        (Value::Mapping(fields), "*") => {
            fields.iter().for_each(|field| at(&field.value, rest, visit));
        }
        (_, step) => {
            if let Some(child) = node.get(step) {
                at(child, rest, visit);
            }
        }
    }
}

fn field(node: &Node, form: (Rule, Shape), source: &str, found: &mut Vec<Diagnostic>) {
    let (_, shape) = form;
    match &node.value {
        Value::Sequence(items) if shape == Shape::Items => {
            let form = (form.0, Shape::Item);
            for node in items {
                let Some(text) = node.text() else { continue };
                let parts = parts(node, text, None, source);
                add(found, parts.filter_map(|(part, span)| item(part, form, span)));
            }
        }
        // What is not a text at all is the schema's business.
        Value::Sequence(_) | Value::Mapping(_) => {}
        Value::Scalar(_) => {
            let Some(text) = node.text() else { return };
            if shape == Shape::OneOrAny && text == "*" {
                return;
            }
            let separator = (shape == Shape::Items).then_some(';');
            let parts = parts(node, text, separator, source);
            let fault = |(part, span): (&str, Span)| match part {
                "" if text.contains(';') => Some(empty_item(form.0, span)),
                part => item(part, form, span),
            };
            let mut faults: Vec<_> = parts.filter_map(fault).take(MAX_FAULTS).collect();
            // A text with a bad item stays as it is written.
            if faults.iter().any(|one| one.severity() == Severity::Error) {
                without_formatter(&mut faults);
            }
            add(found, faults.into_iter());
        }
    }
}

/// A `;` that separates nothing.
fn empty_item(rule: Rule, span: Span) -> Diagnostic {
    let what = match rule {
        Rule::Did | Rule::Internal | Rule::Caller => "number",
        Rule::Time => "time",
        Rule::Code | Rule::Country => "code",
    };
    let message = format!("there is no {what} on one side of a `;`");
    let help = format!("write `;` between {what}s only, none at the end");
    Diagnostic::new(Code::TL303, message).at(span).help(help)
}

fn add(found: &mut Vec<Diagnostic>, faults: impl Iterator<Item = Diagnostic>) {
    let room = MAX_FAULTS.saturating_sub(found.len());
    found.extend(faults.take(room));
}

/// The parts of a scalar's text between separators (the whole without one), without the blanks around them, each with its
/// place.
fn parts<'a>(
    node: &'a Node,
    text: &'a str,
    separator: Option<char>,
    source: &'a str,
) -> impl Iterator<Item = (&'a str, Span)> {
    let base = verbatim_start(node, text, source);
    let mut start = 0;
    text.split(move |c| Some(c) == separator).map(move |part| {
        let from = start + part.len() - part.trim_start().len();
        start += part.len() + separator.map_or(0, char::len_utf8);
        let bare = part.trim();
        let byte =
            |base: u32, at: usize| base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        let span = base.filter(|_| !bare.is_empty()).map_or(node.span, |base| Span {
            file: node.span.file,
            start: byte(base, from),
            end: byte(base, from + bare.len()),
        });
        (bare, span)
    })
}

/// Where a scalar's text begins in the file, if it stands there as it is: without an escape, a
/// fold or a doubled quote.
fn verbatim_start(node: &Node, text: &str, source: &str) -> Option<u32> {
    let Span { start, end, .. } = node.span;
    let written = source.get(start as usize..end as usize)?;
    let quote = u32::from(written.starts_with(['"', '\'']));
    let inner = written.get(quote as usize..written.len().checked_sub(quote as usize)?)?;
    (inner == text).then_some(start.saturating_add(quote))
}

/// The place of an item of a list of numbers, in either of its written forms.
pub(crate) fn item_span(numbers: &Node, index: usize, source: &str) -> Span {
    match &numbers.value {
        Value::Sequence(items) => items.get(index).map_or(numbers.span, |item| item.span),
        Value::Mapping(_) => numbers.span,
        Value::Scalar(scalar) => {
            let mut parts = parts(numbers, &scalar.text, Some(';'), source);
            parts.nth(index).map_or(numbers.span, |(_, span)| span)
        }
    }
}

/// Whether a text, with a `-` in it, is as its field wants it.
fn is_good(text: &str, (rule, shape): (Rule, Shape), span: Span) -> bool {
    match rule {
        Rule::Time => text.parse::<TimeRange>().is_ok(),
        Rule::Code => text.parse::<StatusRange>().is_ok(),
        Rule::Country => is_country_code(text),
        Rule::Did | Rule::Internal | Rule::Caller => item(text, (rule, shape), span).is_none(),
    }
}

fn item(text: &str, (rule, shape): (Rule, Shape), span: Span) -> Option<Diagnostic> {
    if matches!(rule, Rule::Time | Rule::Code) {
        // Whether it is one at all is the schema's business.
        return foreign_dash(text, span).filter(|_| is_good(text, (rule, shape), span));
    }
    if rule == Rule::Country {
        return country(text, span);
    }
    let prefix = leads(text).filter(|_| rule == Rule::Did);
    if let Some(told) = prefix.and_then(|prefix| leading(text, prefix, span)) {
        return Some(told);
    }
    let (error, what) = match (rule, shape) {
        (Rule::Caller, _) => (text.parse::<CallerMask>().err(), "number, range or mask"),
        (_, Shape::Single) => (text.parse::<Number>().err(), "number"),
        _ => (text.parse::<NumberRange>().err(), "number or range"),
    };
    let Some(error) = error else { return foreign_dash(text, span) };
    let other =
        several(text, (rule, shape), span).or_else(|| look_alike(text, (rule, shape), span));
    if let Some(told) = other {
        return Some(told);
    }
    let message = format!("`{}` is not a {what}: {error}", super::yaml::shown(text));
    let bare = text.strip_prefix('+').filter(|bare| bare.parse::<CallerMask>().is_ok());
    let is_one = |one: &str| match shape {
        Shape::Single => one.parse::<Number>().is_ok(),
        Shape::Items | Shape::Item | Shape::One | Shape::OneOrAny => {
            one.parse::<NumberRange>().is_ok()
        }
    };
    let right = match rule {
        Rule::Caller => None,
        Rule::Did => notations::meant(text, fixed, is_one),
        Rule::Internal | Rule::Time | Rule::Code | Rule::Country => {
            notations::meant(text, notations::digits, is_one)
        }
    };
    if let Some(right) = right {
        let is_reversed = error == NumberError::Reversed;
        let or = if is_reversed { ", or correct one of its ends" } else { "" };
        let help = format!("write `{right}`{or}");
        return Some(Diagnostic::new(Code::TL303, message).at(span).help(help));
    }
    let help = match rule {
        Rule::Did if shape == Shape::OneOrAny && ANY.contains(&text.to_lowercase().as_str()) => {
            "write `\"*\"` for any number of the pool"
        }
        Rule::Caller if bare.is_some() => {
            let bare = bare.unwrap_or_default();
            let message =
                format!("write `{bare}` or `00{bare}`, as the carrier presents it, without `+`");
            return Some(
                Diagnostic::new(Code::TL303, format!("`{text}` begins with `+`"))
                    .at(span)
                    .help(message),
            );
        }
        Rule::Caller => "write a number as it is presented, a range, or a mask like `0044******`",
        Rule::Internal if shape == Shape::Single => "write one number like `1000`",
        Rule::Did => {
            "write one number like `442079460000`, or a range like `442079460000-442079460099`"
        }
        Rule::Internal | Rule::Time | Rule::Code | Rule::Country => {
            "write one number like `1000`, or a range like `1000-1019`"
        }
    };
    Some(Diagnostic::new(Code::TL303, message).at(span).help(help))
}

/// Digits that are no country code; what else is none is the schema's business.
fn country(text: &str, span: Span) -> Option<Diagnostic> {
    let has_form = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !has_form || text.starts_with('0') || is_country_code(text) {
        return None;
    }
    let message = format!("`{text}` is no country code");
    let help = "write one like `44`; a number that calls for help belongs to `emergencyNumbers`";
    Some(Diagnostic::new(Code::TL104, message).at(span).help(help))
}

/// A dash of a web page is understood, and told.
fn foreign_dash(text: &str, span: Span) -> Option<Diagnostic> {
    let plain = text.contains(FOREIGN_DASHES).then(|| plain_dashes(text))?;
    let message = format!("`{}` has another dash than `-`", super::yaml::shown(text));
    let help = format!("write `{}`{FORMATTER_DOES_IT}", super::yaml::shown(&plain));
    Some(Diagnostic::new(Code::TL304, message).at(span).help(help))
}

/// A range with another character where its `-` belongs.
fn look_alike(text: &str, (rule, shape): (Rule, Shape), span: Span) -> Option<Diagnostic> {
    let (found, name) = LOOK_ALIKES.iter().find(|(found, _)| text.contains(*found))?;
    let plain = text.replace(*found, "-");
    if !is_good(&plain, (rule, shape), span) {
        return None;
    }
    let code = u32::from(*found);
    let message = format!("`{}` has {name} (U+{code:04X}) for its `-`", super::yaml::shown(text));
    let help = format!("write `{}`", super::yaml::shown(&plain));
    Some(Diagnostic::new(Code::TL303, message).at(span).help(help))
}

/// Several numbers in one text with something else than `;` between them.
fn several(text: &str, (rule, shape): (Rule, Shape), span: Span) -> Option<Diagnostic> {
    let is_item = shape == Shape::Item;
    let by_blanks = are_parted_by_blanks(text, rule);
    let between =
        |c: char| matches!(c, ',' | '\n') || is_item && c == ';' || by_blanks && c.is_whitespace();
    let parts = || text.split(between).map(str::trim).filter(|part| !part.is_empty());
    let is_good = |part: &str| item(part, (rule, shape), span).is_none();
    if !matches!(shape, Shape::Items | Shape::Item)
        || parts().nth(1).is_none()
        || !parts().all(is_good)
    {
        return None;
    }
    if is_item {
        let help = schema::one_each(&parts().map(str::to_owned).collect::<Vec<_>>());
        let message = format!("`{}` is several numbers in one item", super::yaml::shown(text));
        return Some(Diagnostic::new(Code::TL303, message).at(span).help(help));
    }
    let what = match () {
        () if text.contains(',') => "a comma",
        () if text.contains('\n') => "a line end",
        () => "a blank",
    };
    let message = format!("numbers of one text have `;` between them, not {what}");
    let all = super::yaml::shown(&parts().collect::<Vec<_>>().join("; "));
    let help = format!("write `{all}`, or a list");
    Some(Diagnostic::new(Code::TL303, message).at(span).help(help))
}

/// Whether the blanks in a text are between numbers, and not in one that is written in groups: all have as
/// many digits, and those of the telephone network not as few as a group.
fn are_parted_by_blanks(text: &str, rule: Rule) -> bool {
    const LONGEST_GROUP: usize = 6;
    let least = if rule == Rule::Did { LONGEST_GROUP + 1 } else { 3 };
    let mut ends = text.split(|c: char| c == '-' || c.is_whitespace()).map(str::len);
    let first = ends.next().unwrap_or_default();
    rule != Rule::Caller && first >= least && ends.all(|length| length == first)
}

/// What a number, or an end of a range, begins with that it must not.
fn leads(text: &str) -> Option<LeadingPrefix> {
    let ends: Vec<&str> = text.split(['-', '\u{2013}', '\u{2212}']).map(str::trim).collect();
    let digits = |end: &str| end.bytes().filter(u8::is_ascii_digit).count();
    let first = ends.first().copied().unwrap_or_default();
    // What is shorter is no end of a range: a part of one number, or what the ends do not share.
    let last = match ends.as_slice() {
        [first, last] if digits(first) == digits(last) || last.starts_with('+') => last,
        _ => "",
    };
    LeadingPrefix::of(first).or_else(|| LeadingPrefix::of(last))
}

/// A number with something in front of its country code; `None` for what is no number at all.
fn leading(text: &str, prefix: LeadingPrefix, span: Span) -> Option<Diagnostic> {
    let is_good = |one: &str| one.replace(COUNTRY_CODE, "").parse::<NumberRange>().is_ok();
    let help = match notations::meant(&plain_dashes(text), fixed, is_good) {
        Some(right) => format!("write `{right}`: a number begins with its country code"),
        // Zeros alone are digits, too.
        None if text.parse::<NumberRange>().is_ok() => {
            "write a whole number: it begins with its country code".to_owned()
        }
        None => return None,
    };
    let message = format!("`{}` begins with `{}`", super::yaml::shown(text), prefix.as_str());
    Some(Diagnostic::new(Code::TL302, message).at(span).help(help))
}

/// One end of a range as it should be written; `None` for what is no number at all.
fn fixed(end: &str) -> Option<String> {
    // The zero that is dialled inside the country only.
    let written = end.replace("(0)", "");
    let is_spelling = |c: char| c == '+' || notations::is_spelling(c);
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let national = match LeadingPrefix::of(written.trim_start_matches([' ', '('])) {
        None => false,
        Some(LeadingPrefix::Zero) => true,
        // No country code begins with 0.
        Some(LeadingPrefix::Plus) => digits.starts_with('0'),
        Some(LeadingPrefix::DoubleZero) => false,
    };
    let bare = digits.trim_start_matches('0');
    let country = if national { COUNTRY_CODE } else { "" };
    let is_number = !bare.is_empty() && written.chars().all(is_spelling);
    is_number.then(|| format!("{country}{bare}"))
}
