//! The forms of our own values as JSON Schema formats: a text has the form if the type's own parser
//! takes it, so the rule stands in one place.

use std::net::IpAddr;

use crate::model::value::{Cidr, Host, Name, Seconds, SipTarget};

/// Why a text does not have a form; `None` if it does.
type Check = fn(&str) -> Option<String>;

fn refusal<T: std::str::FromStr<Err = String>>(text: &str) -> Option<String> {
    text.parse::<T>().err()
}

fn ip_refusal(text: &str) -> Option<String> {
    text.parse::<IpAddr>().err().map(|_| format!("`{text}` is not an IP address"))
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
    Form { name: "Seconds", check: refusal::<Seconds>, help: "write a duration like `360s`" },
    Form {
        name: "SipTarget",
        check: refusal::<SipTarget>,
        help: "write a URI like `sip:192.0.2.20:5060`",
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

/// Why a text does not have the form of that name, and what to write.
pub(super) fn why_not(name: &str, text: &str) -> Option<(String, &'static str)> {
    let form = form(name)?;
    (form.check)(text).map(|why| (why, form.help))
}

/// Every form with its predicate.
pub(super) fn predicates() -> impl Iterator<Item = (&'static str, impl Fn(&str) -> bool)> {
    FORMS.iter().map(|form| (form.name, move |text: &str| (form.check)(text).is_none()))
}
