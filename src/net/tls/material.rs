//! PEM texts as the TLS library wants them, each fault in words that say which file and what to do.

use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroize as _;

use super::certificate::Certificate;
use crate::model::Secret;

/// Certificates in one chain; longer ones are not sent to anybody.
const MAX_CHAIN: usize = 16;

/// A certificate with its key, and until when it is valid.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// In seconds since 1970.
    pub(super) not_after: i64,
}

impl Identity {
    pub(super) fn of(certificate: &Secret, key: &Secret) -> Result<Self, String> {
        let chain = chain(certificate)?;
        let first = chain.first().and_then(|first| Certificate::parse(first));
        let about = first.ok_or("the certificate cannot be read")?;
        let mut der = PrivateKeyDer::from_pem_slice(key.expose())
            .map_err(|_| "the private key holds no unencrypted key in PEM form")?;
        let signer = any_supported_type(&der);
        der.zeroize();
        let signer = signer.map_err(|_| "the private key is of no kind that is supported")?;
        let key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) => Ok(Self { key: Arc::new(key), not_after: about.not_after }),
            Err(_) => Err("the private key does not belong to the certificate".to_owned()),
        }
    }
}

fn chain(pem: &Secret) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = certificates(pem, "the certificate")?;
    if chain.len() > MAX_CHAIN {
        return Err(format!("the certificate chain is longer than {MAX_CHAIN}"));
    }
    Ok(chain)
}

fn certificates(pem: &Secret, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.expose()).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("{what} holds no certificate in PEM form")),
        Err(error) => Err(format!("{what} cannot be read: {error}")),
    }
}

/// The authorities of the operating system, read at the first use.
#[derive(Debug, Default)]
pub(in crate::net) struct Roots(OnceLock<RootCertStore>);

impl Roots {
    /// The system's authorities, and those of a PEM text.
    pub(super) fn with(&self, own: Option<&Secret>) -> Result<RootCertStore, String> {
        let system = self.0.get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            for error in found.errors.iter().take(3) {
                tracing::warn!(%error, "an authority of the system cannot be read");
            }
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(found.certs);
            store
        });
        let mut store = system.clone();
        if let Some(own) = own.map(only).transpose()? {
            store.extend(own.roots);
        }
        Ok(store)
    }
}

/// The authorities of a PEM text and no others.
pub(super) fn only(pem: &Secret) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem, "clientCa")? {
        let added = store.add(certificate);
        added.map_err(|error| format!("clientCa holds no usable authority: {error}"))?;
    }
    Ok(store)
}
