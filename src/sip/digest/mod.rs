//! Digest authentication (RFC 7616, RFC 8760): challenges and credentials as they stand on the wire,
//! and the sums that prove a password. What a nonce means, and who may ask whom, is the engine's
//! business.

mod challenge;
mod credentials;
mod fields;
mod sum;

use self::fields::Scheme;

pub use challenge::Challenge;
pub use credentials::{Answer, Credentials, Fault};
pub use sum::{Algorithm, Ha1};

/// The challenges of one response that are looked at; the rest is as if it were not there.
pub const MAX_CHALLENGES: usize = 16;
/// The parameters of one challenge or of one set of credentials.
pub const MAX_FIELDS: usize = 32;
/// The longest realm, nonce, opaque or cnonce, so that what is sent back stays a header.
pub const MAX_VALUE: usize = 1024;

/// A parameter of the first scheme in a header value, without its quotes and escapes.
pub fn parameter(value: &[u8], name: &str) -> Option<Box<[u8]>> {
    Scheme::all(value).first()?.get(name).map(Box::from)
}

/// The nonce that an `Authentication-Info` wants used from now on.
pub fn next_nonce(info: &[u8]) -> Option<Box<[u8]>> {
    // It has parameters, and no scheme before them.
    let value = [b"Digest ", info].concat();
    parameter(&value, "nextnonce").filter(|nonce| nonce.len() <= MAX_VALUE)
}
