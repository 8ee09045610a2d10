//! Bytes on the wire: parsing without copies, typed views on demand, one-pass writing. Knows nothing
//! of the rest of the house.
#![deny(clippy::disallowed_methods)]

pub mod digest;
mod digits;
mod extensions;
mod known;
mod lanes;
pub mod limits;
mod message;
mod method;
mod name;
mod name_addr;
mod params;
mod parse;
mod parse_error;
mod redact;
mod scan;
mod stream;
mod uri;
mod via;
mod write;

pub use digits::{put_decimal, put_host, put_ip};
pub use extensions::{RAck, Refresher, SessionExpires, uri_header};
pub use message::{CSeq, Header, Message, Values};
pub use method::Method;
pub use name::HeaderName;
pub use name_addr::{Contacts, NameAddr, NameAddrs};
pub use params::Params;
pub use parse_error::{ParseError, Reason};
pub use redact::{redacted, redacted_start};
pub use scan::Elements;
pub use stream::{Frame, Framer};
pub use uri::{Scheme, Uri, unescape};
pub use via::{DEFAULT_PORT, DEFAULT_TLS_PORT, MAGIC_COOKIE, Via};
pub use write::{Writer, reason_phrase};
