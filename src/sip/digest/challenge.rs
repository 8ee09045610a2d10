//! `WWW-Authenticate` and `Proxy-Authenticate`.

use std::cmp::Reverse;

use super::fields::{Scheme, quoted};
use super::sum::{Algorithm, SESSION};
use super::{MAX_CHALLENGES, MAX_VALUE};
use crate::sip::{HeaderName, Message};

/// A challenge that can be answered: a function that we know, and `qop` either absent or with
/// `auth`. Its values are without quotes and escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose password is asked for.
    pub realm: Box<[u8]>,
    /// What the response is made for.
    pub nonce: Box<[u8]>,
    /// What goes back as it came.
    pub opaque: Option<Box<[u8]>>,
    /// The hash function; MD5 where none is named.
    pub algorithm: Algorithm,
    /// Whether it is the `-sess` variant.
    pub session: bool,
    /// Whether `qop=auth` is offered; without it there is no `nc`.
    pub qop: bool,
    /// The nonce before was too old, the password was right.
    pub stale: bool,
}

impl Challenge {
    /// The answerable challenges of all lines of a header, strongest first, in their own order where
    /// they are equally strong.
    pub fn all(message: &Message, name: HeaderName) -> Vec<Self> {
        let lines = message.headers().filter(|header| header.name == name);
        let each = lines.flat_map(|header| Self::parse_all(header.value));
        let mut found: Vec<Self> = each.take(MAX_CHALLENGES).collect();
        found.sort_by_key(|one| Reverse(one.algorithm));
        found
    }

    /// The answerable challenges of one header value, in order.
    pub fn parse_all(value: &[u8]) -> Vec<Self> {
        Scheme::all(value).iter().filter_map(Self::of).collect()
    }

    fn of(scheme: &Scheme<'_>) -> Option<Self> {
        if !scheme.is_digest() || !scheme.is_sound() {
            return None;
        }
        let get = |name| scheme.get(name).filter(|value| value.len() <= MAX_VALUE);
        let (algorithm, session) = match scheme.get("algorithm") {
            Some(token) => Algorithm::parse(token)?,
            None => (Algorithm::Md5, false),
        };
        let qop = match scheme.get("qop") {
            Some(list) => {
                let mut words = list.split(|byte| matches!(byte, b',' | b' ' | b'\t'));
                // `auth-int` alone would have us sign bodies that others may still change.
                words.any(|word| word.eq_ignore_ascii_case(b"auth")).then_some(true)?
            }
            None => false,
        };
        Some(Self {
            realm: get("realm")?.into(),
            nonce: get("nonce")?.into(),
            opaque: match scheme.get("opaque") {
                Some(_) => Some(get("opaque")?.into()),
                None => None,
            },
            algorithm,
            session,
            qop,
            stale: scheme.get("stale").is_some_and(|value| value.eq_ignore_ascii_case(b"true")),
        })
    }

    /// As a header value.
    pub fn print(&self) -> Vec<u8> {
        let mut out = b"Digest ".to_vec();
        quoted(&mut out, "realm", &self.realm);
        out.extend_from_slice(b", ");
        quoted(&mut out, "nonce", &self.nonce);
        if let Some(opaque) = &self.opaque {
            out.extend_from_slice(b", ");
            quoted(&mut out, "opaque", opaque);
        }
        out.extend_from_slice(b", algorithm=");
        out.extend_from_slice(self.algorithm.as_str().as_bytes());
        if self.session {
            out.extend_from_slice(SESSION);
        }
        if self.qop {
            out.extend_from_slice(b", qop=\"auth\"");
        }
        if self.stale {
            out.extend_from_slice(b", stale=true");
        }
        out
    }
}
