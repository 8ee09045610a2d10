//! Authorities and certificates made on the spot, and the other end of a TLS connection.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

/// How long the other end may take; never waited for when it works.
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate with its key, in PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Issued {
    fn der(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        (chain.map(Result::unwrap).collect(), key)
    }
}

/// Who signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for names: `sip:…` is a URI, an address an address, all else a host.
    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| ())
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        change: impl Fn(&mut CertificateParams),
    ) -> Issued {
        let (params, key) = (params(names, change), KeyPair::generate().unwrap());
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }
}

/// A certificate that nobody else signed.
pub(crate) fn self_signed(names: &[&str]) -> Issued {
    let key = KeyPair::generate().unwrap();
    let certificate = params(names, |_| ()).self_signed(&key).unwrap();
    Issued { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn params(names: &[&str], change: impl Fn(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    let name = |name: &&str| match name.parse() {
        Ok(ip) => SanType::IpAddress(ip),
        Err(_) if name.starts_with("sip:") => SanType::URI((*name).try_into().unwrap()),
        Err(_) => SanType::DnsName((*name).try_into().unwrap()),
    };
    params.subject_alt_names = names.iter().map(name).collect();
    change(&mut params);
    params
}

pub(crate) type Client = StreamOwned<ClientConnection, TcpStream>;
pub(crate) type Server = StreamOwned<ServerConnection, TcpStream>;

/// Begins TLS as the one who connects, to whoever `trusted` signed for 127.0.0.1.
pub(crate) fn client(stream: TcpStream, trusted: &Authority, own: Option<&Issued>) -> Client {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(trusted.roots());
    let config = match own.map(Issued::der) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

/// Begins TLS as the one who was connected to; `asks` wants a certificate that it signed.
pub(crate) fn server(stream: TcpStream, own: &Issued, asks: Option<&Authority>) -> Server {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match asks {
        Some(authority) => {
            let roots = Arc::new(authority.roots());
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = own.der();
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    StreamOwned::new(ServerConnection::new(config).unwrap(), stream)
}
