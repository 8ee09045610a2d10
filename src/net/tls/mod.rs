//! TLS of a generation: certificates, keys and authorities made ready for handshakes.
//!
//! Everything is made anew for each generation, off the engine's thread. A connection keeps what its
//! handshake began with; the next handshake uses what is newest (G39).

mod book;
mod certificate;
mod material;
mod verify;

pub(super) use book::{Book, ClientEnd};
pub(super) use material::Roots;

use rustls::pki_types::CertificateDer;

use crate::model::value::Host;

/// The SIP domains that the far end's verified certificate speaks for.
pub(super) fn domains(certificates: Option<&[CertificateDer<'static>]>) -> Vec<Host> {
    let own = certificates.and_then(|chain| chain.first());
    let read = own.and_then(|own| certificate::Certificate::parse(own));
    read.map(|certificate| certificate.domains).unwrap_or_default()
}
