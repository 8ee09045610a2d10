//! The sums: hashes as hexadecimal text, the secret half of a response, the response itself.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A hash function of RFC 8760, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Broken as a hash, and what most equipment still has.
    Md5,
    /// SHA-256
    Sha256,
    /// SHA-512/256
    Sha512_256,
}

impl Algorithm {
    /// Every one, weakest first.
    pub const ALL: [Self; 3] = [Self::Md5, Self::Sha256, Self::Sha512_256];

    /// As it stands in `algorithm=`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// What a token means, in any case, and whether it is the `-sess` variant.
    pub(super) fn parse(token: &[u8]) -> Option<(Self, bool)> {
        let split =
            token.len().checked_sub(SESSION.len()).and_then(|at| token.split_at_checked(at));
        let (name, session) = match split {
            Some((name, tail)) if tail.eq_ignore_ascii_case(SESSION) => (name, true),
            _ => (token, false),
        };
        let is = |one: &Self| one.as_str().as_bytes().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(is).map(|found| (found, session))
    }

    fn hash(self, parts: &[&[u8]]) -> Hex {
        match self {
            Self::Md5 => Hex::of(&joined::<Md5>(parts)),
            Self::Sha256 => Hex::of(&joined::<Sha256>(parts)),
            Self::Sha512_256 => Hex::of(&joined::<Sha512_256>(parts)),
        }
    }
}

/// What a variant's name ends with.
pub(super) const SESSION: &[u8] = b"-sess";

/// The hash of the parts with a colon between each two.
fn joined<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = D::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize().to_vec()
}

/// A hash as text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hex(Vec<u8>);

impl Hex {
    fn of(bytes: &[u8]) -> Self {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
        Self(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether `other` is the same text, in a time that does not tell where they differ.
    pub(super) fn is(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

/// The secret half of every response of one user in one realm: what is kept instead of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    algorithm: Algorithm,
    hex: Hex,
}

impl Ha1 {
    /// Of a user with a password.
    pub fn new(algorithm: Algorithm, [username, realm, password]: [&[u8]; 3]) -> Self {
        Self { algorithm, hex: algorithm.hash(&[username, realm, password]) }
    }

    /// The function that it was made with, and every response has to be made with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// That of one session (`-sess`).
    pub(super) fn of_session(&self, nonce: &[u8], cnonce: &[u8]) -> Self {
        let hex = self.algorithm.hash(&[self.hex.as_bytes(), nonce, cnonce]);
        Self { algorithm: self.algorithm, hex }
    }

    /// The response to a nonce for a request; `count` is `nc` and cnonce with `qop=auth`, nothing
    /// without qop.
    pub(super) fn response(
        &self,
        nonce: &[u8],
        count: Option<(&[u8], &[u8])>,
        (method, uri): (&[u8], &[u8]),
    ) -> Hex {
        let request = self.algorithm.hash(&[method, uri]);
        let (own, request) = (self.hex.as_bytes(), request.as_bytes());
        match count {
            Some((count, cnonce)) => {
                self.algorithm.hash(&[own, nonce, count, cnonce, b"auth", request])
            }
            None => self.algorithm.hash(&[own, nonce, request]),
        }
    }
}

impl Drop for Ha1 {
    fn drop(&mut self) {
        self.hex.0.zeroize();
    }
}

impl std::fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Who has it can answer every challenge of the realm.
        write!(f, "Ha1({})", self.algorithm.as_str())
    }
}
