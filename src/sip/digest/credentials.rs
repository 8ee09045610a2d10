//! `Authorization` and `Proxy-Authorization`.

use super::fields::{Scheme, quoted};
use super::sum::{Algorithm, Ha1, SESSION};
use super::{Challenge, MAX_VALUE};

/// What an answer to a challenge is made of.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// Who answers.
    pub username: &'a [u8],
    /// The password.
    pub password: &'a [u8],
    /// The method of the request.
    pub method: &'a [u8],
    /// Its Request-URI.
    pub uri: &'a [u8],
    /// How often the nonce has been used with this request: 1 at first.
    pub count: u32,
    /// A fresh random word.
    pub cnonce: &'a [u8],
}

impl Answer<'_> {
    /// The credentials that answer a challenge, as a header value.
    pub fn print(&self, challenge: &Challenge) -> Vec<u8> {
        let Challenge { realm, nonce, algorithm, session, .. } = challenge;
        let own = Ha1::new(*algorithm, [self.username, realm, self.password]);
        let own = if *session { own.of_session(nonce, self.cnonce) } else { own };
        let count = format!("{:08x}", self.count);
        let counted = challenge.qop.then_some((count.as_bytes(), self.cnonce));
        let response = own.response(nonce, counted, (self.method, self.uri));
        let mut out = b"Digest ".to_vec();
        let values: [(&str, &[u8]); 5] = [
            ("username", self.username),
            ("realm", realm),
            ("nonce", nonce),
            ("uri", self.uri),
            ("response", response.as_bytes()),
        ];
        for (name, value) in values {
            quoted(&mut out, name, value);
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(b"algorithm=");
        out.extend_from_slice(algorithm.as_str().as_bytes());
        if *session {
            out.extend_from_slice(SESSION);
        }
        if challenge.qop || *session {
            out.extend_from_slice(b", ");
            quoted(&mut out, "cnonce", self.cnonce);
        }
        if challenge.qop {
            out.extend_from_slice(b", qop=auth, nc=");
            out.extend_from_slice(count.as_bytes());
        }
        if let Some(opaque) = &challenge.opaque {
            out.extend_from_slice(b", ");
            quoted(&mut out, "opaque", opaque);
        }
        out
    }
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({})", self.username.escape_ascii())
    }
}

/// Why a header value is no credentials that we could look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No `Digest`, or more than one scheme.
    NotDigest,
    /// A parameter that cannot be read, comes twice, is missing or too long.
    Malformed,
    /// A hash function that nobody offered, or the `-sess` variant of one.
    Algorithm,
    /// Without `qop=auth`, whose count alone tells a repetition from a replay.
    Quality,
}

/// The credentials of a request, as a server looks at them. Its values are without quotes and
/// escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who claims to ask.
    pub username: Box<[u8]>,
    /// Where.
    pub realm: Box<[u8]>,
    /// What the response was made for.
    pub nonce: Box<[u8]>,
    /// The Request-URI that it was made for.
    pub uri: Box<[u8]>,
    /// The hash function.
    pub algorithm: Algorithm,
    /// How often the nonce has been used.
    pub count: u32,
    response: Box<[u8]>,
    count_text: Box<[u8]>,
    cnonce: Box<[u8]>,
}

impl Credentials {
    /// Reads a header value.
    pub fn parse(value: &[u8]) -> Result<Self, Fault> {
        let schemes = Scheme::all(value);
        let [scheme] = schemes.as_slice() else { return Err(Fault::NotDigest) };
        if !scheme.is_digest() {
            return Err(Fault::NotDigest);
        }
        if !scheme.is_sound() {
            return Err(Fault::Malformed);
        }
        let get = |name| {
            let value = scheme.get(name).filter(|value| value.len() <= MAX_VALUE);
            value.map(Box::<[u8]>::from).ok_or(Fault::Malformed)
        };
        let algorithm = match scheme.get("algorithm").map(Algorithm::parse) {
            Some(Some((algorithm, false))) => algorithm,
            Some(_) => return Err(Fault::Algorithm),
            None => Algorithm::Md5,
        };
        if !scheme.get("qop").is_some_and(|qop| qop.eq_ignore_ascii_case(b"auth")) {
            return Err(Fault::Quality);
        }
        let count_text = get("nc")?;
        Ok(Self {
            username: get("username")?,
            realm: get("realm")?,
            nonce: get("nonce")?,
            uri: get("uri")?,
            algorithm,
            count: counted(&count_text).ok_or(Fault::Malformed)?,
            response: get("response")?.to_ascii_lowercase().into(),
            count_text,
            cnonce: get("cnonce")?,
        })
    }

    /// Whether the response is the one that a password gives for this method. The time that it takes
    /// does not depend on where a wrong one differs.
    pub fn prove(&self, own: &Ha1, method: &[u8]) -> bool {
        let counted = Some((&*self.count_text, &*self.cnonce));
        let expected = own.response(&self.nonce, counted, (method, &self.uri));
        own.algorithm() == self.algorithm && expected.is(&self.response)
    }
}

/// The eight hexadecimal digits of `nc`; 0 is no count.
fn counted(text: &[u8]) -> Option<u32> {
    let digits = text.len() == 8 && text.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    u32::from_str_radix(text, 16).ok().filter(|count| *count > 0)
}
