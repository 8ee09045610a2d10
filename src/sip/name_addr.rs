//! `From`, `To`, `Contact`, `Route` and their kin: a display name, a URI, parameters.

use super::lanes;
use super::params::Params;
use super::scan::{Elements, find_outside, quoted_len, trim};
use super::uri::Uri;

/// One name-addr or addr-spec with its header parameters (RFC 3261 section 20.10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as on the wire, with its quotes if it has any; empty when there is none.
    pub display: &'a [u8],
    /// The address.
    pub uri: Uri<'a>,
    /// The parameters of the header, not those of the URI.
    pub params: Params<'a>,
    pub(super) tag: Option<&'a [u8]>,
}

impl<'a> NameAddr<'a> {
    /// Parses one value; nothing when it is malformed.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let value = trim(value);
        let bracket = match value.first()? {
            b'"' => {
                let quoted = quoted_len(value)?;
                quoted + lanes::find(value.get(quoted..)?, lanes::byte(b'<'))?
            }
            b'<' => 0,
            // A display name without quotes holds neither a semicolon nor a quote: behind one of them
            // stands a parameter.
            _ => match lanes::find(value, |chunk| {
                lanes::byte(b'<')(chunk) | lanes::either(b';', b'"')(chunk)
            }) {
                Some(bracket) if value.get(bracket) == Some(&b'<') => bracket,
                _ => return Self::addr_spec(value),
            },
        };
        let (display, rest) = value.split_at_checked(bracket)?;
        let close = lanes::find(rest, lanes::byte(b'>'))?;
        let uri = Uri::parse(rest.get(1..close)?)?;
        let display = trim(display);
        if !is_display_name(display) {
            return None;
        }
        Self { display, uri, ..Self::default() }.with_params(rest.get(close + 1..)?)
    }

    /// The tag, when there is one.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }

    fn with_params(mut self, params: &'a [u8]) -> Option<Self> {
        self.params = Params::header(params, |name, value| {
            if self.tag.is_none() && name.eq_ignore_ascii_case(b"tag") {
                self.tag = value.or_else(|| name.get(name.len()..));
            }
        })?;
        Some(self)
    }

    /// Without brackets every `;` begins a header parameter, and `,` and `?` may not stand in the
    /// URI (RFC 3261 section 20.10).
    fn addr_spec(value: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let (uri, params) = value.split_at_checked(end)?;
        if memchr::memchr2(b',', b'?', uri).is_some() {
            return None;
        }
        Self { uri: Uri::parse(trim(uri))?, ..Self::default() }.with_params(params)
    }
}

/// What `Contact` holds.
#[derive(Debug, Clone)]
pub enum Contacts<'a> {
    /// `*`: all bindings.
    Star,
    /// Addresses, in order.
    List(NameAddrs<'a>),
}

/// The addresses of one header, over all its lines; malformed ones are left out.
#[derive(Debug, Clone)]
pub struct NameAddrs<'a> {
    pub(crate) values: super::message::Values<'a>,
}

impl<'a> Iterator for NameAddrs<'a> {
    type Item = NameAddr<'a>;

    fn next(&mut self) -> Option<NameAddr<'a>> {
        self.values.find_map(NameAddr::parse)
    }
}

/// Whether every element of a header line is an address.
pub(crate) fn all_are_addresses(value: &[u8]) -> bool {
    // A whole value that is one address holds no comma: the usual case, in one pass.
    NameAddr::parse(value).is_some()
        || (find_outside(value, lanes::none).is_ok()
            && Elements::of(value).all(|element| NameAddr::parse(element).is_some()))
}

/// A quoted string, or words. Beyond tokens we let pass what old equipment sends and what cannot be
/// taken for a delimiter: Latin-1, `@`, `(`, `#` and so on.
fn is_display_name(display: &[u8]) -> bool {
    let delimits = |chunk| lanes::not_value(chunk) & !lanes::lws(chunk) | lanes::byte(b'\\')(chunk);
    match display.first() {
        Some(b'"') => quoted_len(display) == Some(display.len()),
        _ => lanes::find(display, delimits).is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_brackets_and_folds_are_understood() {
        let value = b"\"A, \\\"B\\\" <x>\"  <sip:a;p=1@h;lr>\r\n ;\r\n tag = 98a;flag";
        let addr = NameAddr::parse(value).unwrap();
        assert_eq!(addr.display, b"\"A, \\\"B\\\" <x>\"");
        assert_eq!(addr.uri.user, Some(&b"a;p=1"[..]));
        assert_eq!(addr.tag(), Some(&b"98a"[..]));
        assert!(addr.params.has("flag"));
    }

    #[test]
    fn without_brackets_parameters_belong_to_the_header() {
        let addr = NameAddr::parse(b"sip:a@h;user=phone;tag=1").unwrap();
        assert_eq!(addr.uri.raw, b"sip:a@h");
        assert_eq!(addr.tag(), Some(&b"1"[..]));
    }

    #[test]
    fn brackets_in_a_quoted_parameter_are_no_brackets() {
        for value in [&b"sip:a@h;x=\"a<b\";tag=1"[..], b"sip:a@h;tag=1;x=\"<sip:c@d>\""] {
            let addr = NameAddr::parse(value).unwrap();
            assert_eq!((addr.uri.raw, addr.tag()), (&b"sip:a@h"[..], Some(&b"1"[..])));
            assert!(all_are_addresses(value));
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for bad in [
            &b""[..],
            b"\"open <sip:a@b>",
            b"Bell, A <sip:a@b>",
            b"<sip:a@b",
            b"< sip:a@b >",
            b"<sip:a@b>;;",
            b"<sip:a@b> x",
            b"sip:a@b?Route=x",
            b"\"x\" y <sip:a@b>",
            b"<sip:a@b>;tag=",
            b"sip:a@b;x=<sip:c@d>",
            b"a;b <sip:a@b>",
        ] {
            assert_eq!(NameAddr::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn what_old_equipment_sends_passes() {
        let addr = NameAddr::parse(b"Desk #4 (hall) {x} <sip:a@b>;tag={1f|2}").unwrap();
        assert_eq!(addr.tag(), Some(&b"{1f|2}"[..]));
        assert_eq!(NameAddr::parse(b"M\xfcller <sip:a@b>").unwrap().display, b"M\xfcller");
    }
}
