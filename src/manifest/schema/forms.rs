//! The forms of our own values as JSON Schema formats: a text has the form if the type's own parser
//! takes it, so the rule stands in one place.

use std::net::IpAddr;

use crate::model::value::{
    Cidr, Date, Host, Name, PhoneNumber, Seconds, SipTarget, SourceAddress, StatusRange, TimeRange,
    Timestamp, age_refusal, secret_file_refusal,
};
use crate::model::{Brand, HostSlot, ScopeOwner, UserSlot};

/// Why a text does not have a form; `None` if it does.
pub(super) type Check = fn(&str) -> Option<String>;

fn refusal<T: std::str::FromStr<Err = String>>(text: &str) -> Option<String> {
    text.parse::<T>().err()
}

fn phone_refusal(text: &str) -> Option<String> {
    let error = text.parse::<PhoneNumber>().err()?;
    Some(format!("`{text}` is not a telephone number: {error}"))
}

fn ip_refusal(text: &str) -> Option<String> {
    text.parse::<IpAddr>().err().map(|_| format!("`{text}` is not an IP address"))
}

fn control_refusal(text: &str) -> Option<String> {
    control_beside(text, &[])
}

/// The first control character of a text but for some.
fn control_beside(text: &str, taken: &[char]) -> Option<String> {
    // A line may end with any of the last two, too.
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let found = text.chars().find(|c| ends(*c) && !taken.contains(c))?;
    let name = match found {
        '\r' | '\n' | '\u{2028}' | '\u{2029}' | '\u{85}' => "an end of a line",
        '\t' => "a tab",
        _ => "a control character",
    };
    Some(format!("{name} (U+{:04X}) stands in the text", u32::from(found)))
}

/// What stands in a block is in its lines.
fn note_refusal(text: &str) -> Option<String> {
    control_beside(text, &['\n', '\t'])
}

fn pem_refusal(text: &str) -> Option<String> {
    match text.contains("-----BEGIN") {
        true => control_beside(text, &['\n', '\r', '\t']),
        false => control_refusal(text),
    }
}

/// A form: the name of its type, its parser's refusal, and what to write.
struct Form {
    name: &'static str,
    check: Check,
    help: &'static str,
}

/// Every form. Numbers and ranges are checked before the schema is.
const FORMS: &[Form] = &[
    Form {
        name: "Cidr",
        check: refusal::<Cidr>,
        help: "write an address like `198.51.100.7`, or a range like `198.51.100.0/24`",
    },
    Form {
        name: "Host",
        check: refusal::<Host>,
        help: "write an address like `203.0.113.10`, or a name like `acme.example.net`",
    },
    Form {
        name: "Name",
        check: refusal::<Name>,
        help: "write small letters, digits and hyphens, like `carrier-a`",
    },
    Form { name: "Brand", check: refusal::<Brand>, help: "write one of the brands" },
    Form { name: "Date", check: refusal::<Date>, help: "write a date like `2027-12-24`" },
    Form {
        name: "HostSlot",
        check: refusal::<HostSlot>,
        help: "write one of the words, or `{custom: TEXT}`",
    },
    Form {
        name: "PhoneNumber",
        check: phone_refusal,
        help: "write digits, with a `+` in front if wanted",
    },
    Form {
        name: "ScopeOwner",
        check: refusal::<ScopeOwner>,
        help: "write `system`, or `{tenant: NAME}`",
    },
    Form {
        name: "SourceAddress",
        check: refusal::<SourceAddress>,
        help: "write an address, or one with its port: `203.0.113.10:5060`",
    },
    Form {
        name: "StatusRange",
        check: refusal::<StatusRange>,
        help: "write a code like `408`, or a range like `500-599`",
    },
    Form {
        name: "TimeRange",
        check: refusal::<TimeRange>,
        help: "write a range like `09:00-17:30`",
    },
    Form {
        name: "Timestamp",
        check: refusal::<Timestamp>,
        help: "write a moment like `2026-11-24T10:00:00Z`",
    },
    Form {
        name: "UserSlot",
        check: refusal::<UserSlot>,
        help: "write one of the words, or `{custom: TEXT}`",
    },
    Form { name: "Seconds", check: refusal::<Seconds>, help: "write a duration like `360s`" },
    Form {
        name: "SipTarget",
        check: refusal::<SipTarget>,
        help: "write a URI like `sip:192.0.2.20:5060`",
    },
    Form {
        name: "SecretFile",
        check: secret_file_refusal,
        help: "write a path like `carrier-a/password`",
    },
    Form {
        name: "AgeText",
        check: age_refusal,
        help: "write what `age --armor` prints, as a block after `|`",
    },
    Form {
        name: "FreeText",
        check: control_refusal,
        help: "write it on one line, without control characters: it may become part of a SIP header",
    },
    Form {
        name: "Label",
        check: control_refusal,
        help: "write it on one line, without control characters",
    },
    Form {
        name: "Note",
        check: note_refusal,
        help: "write it without control characters, lines as a block after `|`",
    },
    Form {
        name: "PemOrFile",
        check: pem_refusal,
        help: "write a path like `sbc/fullchain.pem` on one line, or the PEM text as a block after `|`",
    },
    // What schemars writes for an address.
    Form { name: "ip", check: ip_refusal, help: "write an address like `203.0.113.5`" },
];

fn form(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name)
}

/// Whether the definition of this name has a form.
pub(super) fn is_form(name: &str) -> bool {
    form(name).is_some()
}

/// The forms whose fields are plain texts in the model. Every other form is the parser of its type,
/// which decoding asks.
const OF_TEXTS: &[&str] = &["SecretFile", "AgeText", "FreeText", "Label", "Note", "PemOrFile"];

/// What has to be asked of a text of the form of that name, if it is decoded as well.
pub(super) fn beside_decoding(name: &str) -> Option<Option<Check>> {
    form(name).map(|form| OF_TEXTS.contains(&form.name).then_some(form.check))
}

/// Why a text does not have the form of that name, and what to write.
pub(super) fn why_not(name: &str, text: &str) -> Option<(String, &'static str)> {
    let form = form(name)?;
    (form.check)(text).map(|why| (why, form.help))
}

/// Every form with its predicate.
pub(super) fn predicates() -> impl Iterator<Item = (&'static str, impl Fn(&str) -> bool)> {
    FORMS.iter().map(|form| (form.name, move |text: &str| (form.check)(text).is_none()))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::manifest::schema::generate;

    /// Each form with its published pattern and an example.
    static PATTERNS: LazyLock<Vec<(&Form, jsonschema::Validator, String)>> = LazyLock::new(|| {
        let (_, any) =
            generate::published().into_iter().find(|(name, _)| name.starts_with("any")).unwrap();
        let found = FORMS.iter().filter_map(|form| {
            let published = any.get("$defs")?.get(form.name)?;
            let pattern = serde_json::json!({"pattern": published.get("pattern")?});
            let example = published.get("examples")?.get(0)?.as_str()?.to_owned();
            Some((form, jsonschema::validator_for(&pattern).unwrap(), example))
        });
        found.collect()
    });

    proptest! {
        /// So that our validator may ask for the form alone.
        #[test]
        fn a_form_takes_nothing_that_its_pattern_refuses(
            edits in proptest::collection::vec((any::<prop::sample::Index>(), ".|[0-9a-zA-Z:;@ +-]"), 0..4),
        ) {
            assert!(PATTERNS.len() >= 5, "{}", PATTERNS.len());
            for (form, pattern, example) in &*PATTERNS {
                let mut text: Vec<char> = example.chars().collect();
                for (at, put) in &edits {
                    let at = at.index(text.len() + 1);
                    let end = text.len().min(at + put.len() % 2);
                    text.splice(at..end, put.chars());
                }
                let text: String = text.into_iter().collect();
                let taken = (form.check)(&text).is_none();
                prop_assert!(!taken || pattern.is_valid(&text.clone().into()), "{}: {text}", form.name);
            }
        }
    }
}
