//! What a message says of extensions: option tags, methods, session timers (RFC 4028), reliable
//! provisional responses (RFC 3262).

use super::message::Message;
use super::method::Method;
use super::name::HeaderName;
use super::params::Params;
use super::scan::{number, split_once, trim};

/// Who refreshes a session, in the transaction that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// `Session-Expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes; `None` where the other one may choose.
    pub refresher: Option<Refresher>,
}

/// `RAck`: which provisional response a PRACK acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The response's `RSeq`.
    pub response: u32,
    /// The `CSeq` number of what it answers.
    pub number: u32,
    /// The method of that.
    pub method: Method<'a>,
}

impl Message {
    /// Whether `Supported` or `Require` names an option tag.
    pub fn supports(&self, tag: &str) -> bool {
        self.names(HeaderName::Supported, tag) || self.requires(tag)
    }

    /// Whether `Require` names an option tag.
    pub fn requires(&self, tag: &str) -> bool {
        self.names(HeaderName::Require, tag)
    }

    /// Whether `Allow` names a method.
    pub fn allows(&self, method: Method<'_>) -> bool {
        self.values(HeaderName::Allow).any(|one| one == method.as_bytes())
    }

    /// `Session-Expires`, when it is well-formed.
    pub fn session_expires(&self) -> Option<SessionExpires> {
        let value = self.value(HeaderName::SessionExpires)?;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let (seconds, params) = value.split_at_checked(end)?;
        let refresher = match Params::header(params, |_, _| {})?.get("refresher") {
            Some(who) if who.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Some(SessionExpires { seconds: number(trim(seconds))?, refresher })
    }

    /// `Min-SE` in seconds.
    pub fn min_se(&self) -> Option<u32> {
        let value = self.value(HeaderName::MinSe)?;
        number(trim(value.split(|byte| *byte == b';').next()?))
    }

    /// `RSeq`.
    pub fn rseq(&self) -> Option<u32> {
        number(self.value(HeaderName::RSeq)?)
    }

    /// `RAck`.
    pub fn rack(&self) -> Option<RAck<'_>> {
        let value = self.value(HeaderName::RAck)?;
        let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (response, count, method) = (words.next()?, words.next()?, words.next()?);
        let (response, number) = (number(response)?, number(count)?);
        words.next().is_none().then_some(RAck { response, number, method: Method::of(method) })
    }

    fn names(&self, name: HeaderName, tag: &str) -> bool {
        self.values(name).any(|one| one.eq_ignore_ascii_case(tag.as_bytes()))
    }
}

/// The value of one header of a URI (`?Replaces=…&Require=…`), still escaped.
pub fn uri_header<'a>(headers: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut each = headers.split(|byte| *byte == b'&').filter_map(|one| split_once(one, b'='));
    each.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &str) -> Message {
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
        );
        Message::parse_datagram(text.as_bytes()).unwrap()
    }

    #[test]
    fn session_timers_are_read_with_their_parameters() {
        let message = request("x: 1800 ; Refresher=UAS\r\nMin-SE: 120;x=y\r\nk: 100rel, Timer\r\n");
        let expected = SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) };
        assert_eq!(message.session_expires(), Some(expected));
        assert_eq!(message.min_se(), Some(120));
        assert!(message.supports("timer") && !message.requires("timer"));
        let plain = request("Session-Expires: 90\r\n").session_expires().unwrap();
        assert_eq!((plain.seconds, plain.refresher), (90, None));
        assert_eq!(request("Session-Expires: soon\r\n").session_expires(), None);
    }

    #[test]
    fn what_a_prack_acknowledges_is_three_words() {
        let message = request("RAck: 776656  1 INVITE\r\nRSeq: 988789\r\n");
        let expected = RAck { response: 776_656, number: 1, method: Method::Invite };
        assert_eq!(message.rack(), Some(expected));
        assert_eq!(message.rseq(), Some(988_789));
        for bad in ["RAck: 1 INVITE", "RAck: 1 1 INVITE x", "RAck: a 1 INVITE"] {
            assert_eq!(request(&format!("{bad}\r\n")).rack(), None, "{bad}");
        }
    }

    #[test]
    fn a_header_of_a_uri_is_found_by_its_name() {
        let headers = b"Subject=x&replaces=a%40b%3Bto-tag%3D1&Require=replaces";
        assert_eq!(uri_header(headers, "Replaces"), Some(&b"a%40b%3Bto-tag%3D1"[..]));
        assert_eq!(uri_header(b"", "Replaces"), None);
    }
}
