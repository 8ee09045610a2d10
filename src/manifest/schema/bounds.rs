//! What is told of a value that has the wrong form or is beyond its bounds, by the field that it is of.

use serde_json::Value as JsonValue;

use super::words::{Place, is_index};
use super::{forms, stand_in};
use crate::diag::{Code, Diagnostic};
use crate::manifest::lost::IF_GONE;
use crate::manifest::node::{Field, Node, Value};
use crate::manifest::yaml::{shown, shown_key};
use crate::model::Kind;

impl Place<'_> {
    pub(super) fn wrong_pattern(&self) -> Option<Diagnostic> {
        let schema = self.schema_of_keyword()?;
        if schema.get("format").is_some() {
            // The form says it better.
            return None;
        }
        let text = self.value().and_then(Node::text).unwrap_or_default();
        let message = format!("`{}` cannot be `{}`", self.field(), shown(text));
        let words = match self.pointer.rsplit('/').find(|segment| !is_index(segment)) {
            Some("countryCode") => "write the digits of a country code, like `44`",
            Some("timezone") => "write an IANA time zone, like `Europe/London`",
            Some("prefixes" | "blockedPrefixes" | "blockedNumbers" | "emergencyNumbers") => {
                "write 1 to 64 of the digits, `+`, `*` and `#`"
            }
            Some("allowedCountries") => "write the digits of a country code, like `44`",
            Some("areaCode" | "internationalCode" | "nationalCode" | "prefix") => "write digits",
            Some("username" | "authUsername") => "write 1 to 64 visible characters, no blanks",
            Some("env") => "write the name of an environment variable, like `CARRIER_A_PASSWORD`",
            Some("name") if self.pointer.contains("customHeaders") => {
                "write the name of a header: letters, digits and hyphens"
            }
            Some("to" | "from") => {
                "write a number, or the user of a SIP URI, in at most 256 ASCII characters"
            }
            Some("value") => "write 1 to 64 visible ASCII characters",
            Some("custom") => "write 1 to 128 visible ASCII characters",
            Some("prepend") => "write at most 32 of the digits, `+`, `*` and `#`",
            Some(
                "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday",
            ) => "write a list like `[\"09:00-17:00\"]`, or `open`; a closed day is left out",
            Some("phoneNumberId" | "businessAccountId") => "write the digits of the identifier",
            _ => "see the field's documentation for its form",
        };
        Some(self.at_value(Code::TL104, message).help(words))
    }

    /// What to do with a mapping that has more than the one field that it must have: of two blocks the
    /// key line between them may be gone.
    pub(super) fn one_too_many(&self, fields: &[Field]) -> String {
        let remove = "remove all but one";
        let ([first, second, ..], Some((within, _))) = (fields, self.pointer.rsplit_once('/'))
        else {
            return remove.to_owned();
        };
        let beside = self.document.pointer(within);
        let takes = |name: &String| {
            let absent = beside.is_some_and(|one| one.get(name).is_none());
            let known = stand_in::fields(self.kind, &format!("{within}/{name}"));
            absent && known.iter().any(|one| **one == *second.key)
        };
        let all = stand_in::fields(self.kind, within).into_iter().filter(takes);
        let all: Vec<String> = all.map(|name| format!("`{name}:`")).collect();
        // Between fields in braces stand a comma and a blank.
        let on_one_line = second.key_span.start <= first.value.span.end.saturating_add(2);
        if all.is_empty() || on_one_line {
            return remove.to_owned();
        }
        let (all, key) = (all.join(" or "), shown_key(&second.key));
        format!("{IF_GONE} {all} above `{key}:` is gone, write it; if not: {remove}")
    }

    pub(super) fn out_of_bounds(&self, bound: &str) -> Diagnostic {
        let text = self.value().and_then(Node::text).unwrap_or_default();
        let schema = self.schema_of_keyword();
        // A number that is read as it is written has the form of its text, which says it better.
        let form = schema.and_then(|schema| schema.get("format")).and_then(JsonValue::as_str);
        if let Some(form) = form.filter(|form| forms::why_not(form, text).is_some()) {
            return self.wrong_form(form);
        }
        let message = format!("`{}` is {}: it must be {bound}", self.field(), shown(text));
        let limit =
            |name: &str| schema.and_then(|schema| schema.get(name)).map(JsonValue::to_string);
        let help = match (limit("minimum"), limit("maximum")) {
            (Some(least), Some(most)) => format!("write {least} to {most}"),
            _ => format!("write {bound}"),
        };
        self.at_value(self.bounds_code(), message).help(help)
    }

    pub(super) fn length(&self, word: &str, limit: u64, noun: &str) -> Diagnostic {
        let is_condition = self.pointer.starts_with("/spec/match/") && noun == "item";
        if self.kind == Kind::OutboundRule && is_condition {
            let conditions = self.document.pointer("/spec/match").map(|one| &one.value);
            let is_empty =
                |one: &Field| matches!(&one.value.value, Value::Sequence(all) if all.is_empty());
            let has_others =
                matches!(conditions, Some(Value::Mapping(all)) if !all.iter().all(is_empty));
            if has_others {
                let span = self.document.nearest_span(self.pointer);
                let message = format!("`{}` is an empty list, which no call meets", self.field());
                let help = "name one, or remove the field";
                return Diagnostic::new(Code::TL504, message).at(span).help(help);
            }
            // Several empty lists lack the same.
            let is_alone = matches!(conditions, Some(Value::Mapping(all)) if all.len() == 1);
            let place = if is_alone { self.pointer } else { "/spec/match" };
            return no_condition().at(self.document.nearest_span(place));
        }
        let plural = if limit == 1 { "" } else { "s" };
        let message = format!("`{}` must have {word} {limit} {noun}{plural}", self.field());
        let help = match (word, noun) {
            ("at least", "item") => "add one",
            ("at least", _) => "write one, or remove the field",
            _ => "make it shorter",
        };
        self.at_value(self.bounds_code(), message).help(help)
    }

    fn bounds_code(&self) -> Code {
        let is_route = self.pointer.starts_with("/spec/routes");
        if self.kind == Kind::OutboundRule && is_route { Code::TL505 } else { Code::TL106 }
    }
}

/// The one fault of an outbound rule that would take every call.
pub(super) fn no_condition() -> Diagnostic {
    Diagnostic::new(Code::TL504, "an outbound rule needs a condition in `spec.match`")
        .help("say which calls it takes, for example `match: {prefixes: [\"00\"]}`")
}
