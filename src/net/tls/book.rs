//! Who shows which certificate to whom, by listener and by trunk.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use rustls::{RootCertStore, SupportedProtocolVersion};

use super::material::{Identity, Roots, only};
use super::verify::DomainVerifier;
use crate::model::value::{Host, Name};
use crate::model::{
    ClientCertificate, Condition, Kind, ListenerTls, Observed, Protocol, Resolved, ResourceId,
    ResourceSet, TlsVersion, Trunk,
};
use crate::port::Fault;

const CERTIFICATE: &str = "/spec/tls/certificate";
const PRIVATE_KEY: &str = "/spec/tls/privateKey";
const CLIENT_CA: &str = "/spec/tls/clientCa";

/// How long before its end a certificate is warned of.
const WARN_SECONDS: i64 = 14 * 24 * 3600;

/// Plaintext that a connection may hold before it is written; one SIP message fits.
const MAX_BUFFER: usize = 128 * 1024;

/// Who has to be at the far end of a connection that we make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::net) struct ClientEnd {
    /// The SIP domain that its certificate has to speak for.
    pub(in crate::net) host: Host,
    /// The trunk, whose own certificate is shown.
    pub(in crate::net) trunk: Option<ResourceId>,
}

/// A listener in both roles.
#[derive(Debug, Clone)]
struct Ready {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    asks: bool,
}

/// The TLS of one generation.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Book {
    listeners: BTreeMap<Name, Result<Ready, String>>,
    /// Of trunks with a certificate of their own.
    trunks: BTreeMap<ResourceId, Result<Arc<ClientConfig>, String>>,
    /// The ends of the certificates in use, in seconds since 1970.
    ends: BTreeMap<ResourceId, i64>,
    /// What could not be used, although all of it was found.
    faults: Vec<Fault>,
}

impl Book {
    /// Makes everything ready. What cannot be used leaves what `former` used in its place.
    pub(in crate::net) fn new(
        resources: &ResourceSet,
        secrets: &Resolved,
        (roots, former): (&Roots, &Self),
    ) -> Self {
        let mut book = Self::default();
        let listeners = resources.transports().filter(|(_, one)| one.protocol == Protocol::Tls);
        for (id, spec) in listeners {
            let Some(tls) = &spec.tls else { continue };
            book.add_listener((id, tls), secrets, (roots, former));
        }
        for (id, trunk) in resources.trunks().filter(|(_, trunk)| trunk.tls.is_some()) {
            let listener =
                trunk.transport.as_ref().and_then(|name| resources.transport(None, name));
            let tls = listener.and_then(|listener| listener.tls.as_ref());
            if let Some(tls) = tls.filter(|_| trunk.enabled) {
                book.add_trunk((id, trunk, tls), secrets, (roots, former));
            }
        }
        book
    }

    fn add_listener(
        &mut self,
        (id, tls): (&ResourceId, &ListenerTls),
        secrets: &Resolved,
        (roots, former): (&Roots, &Self),
    ) {
        let made = match secrets.missing(id) {
            Some(why) => Err((None, why.to_owned())),
            None => ready((id, tls), secrets, roots).map_err(|(field, why)| (Some(field), why)),
        };
        let kept = match made {
            Ok((ready, end)) => {
                self.ends.insert(id.clone(), end);
                Ok(ready)
            }
            Err((field, why)) => {
                self.fault(id, field, &why);
                let kept = former.listeners.get(&id.name).and_then(|one| one.clone().ok());
                self.keep_end(id, former, kept.is_some());
                kept.ok_or(why)
            }
        };
        self.listeners.insert(id.name.clone(), kept);
    }

    fn add_trunk(
        &mut self,
        (id, trunk, listener): (&ResourceId, &Trunk, &ListenerTls),
        secrets: &Resolved,
        (roots, former): (&Roots, &Self),
    ) {
        let transport =
            trunk.transport.clone().map(|name| ResourceId::system(Kind::Transport, name));
        let made = match (secrets.missing(id), transport) {
            (Some(why), _) => Err((None, why.to_owned())),
            (None, None) => return,
            (None, Some(transport)) => identity(id, secrets)
                .and_then(|own| {
                    let roots = authorities(&transport, secrets, roots)?;
                    Ok((client(listener, roots, &own)?, own.not_after))
                })
                .map_err(|(field, why)| (Some(field), why)),
        };
        let kept = match made {
            Ok((config, end)) => {
                self.ends.insert(id.clone(), end);
                Ok(config)
            }
            Err((field, why)) => {
                self.fault(id, field, &why);
                let kept = former.trunks.get(id).and_then(|one| one.clone().ok());
                self.keep_end(id, former, kept.is_some());
                kept.ok_or(why)
            }
        };
        self.trunks.insert(id.clone(), kept);
    }

    fn fault(&mut self, id: &ResourceId, field: Option<&'static str>, why: &str) {
        // What is missing is told as that (TL703).
        if let Some(field) = field {
            self.faults.push(Fault { resource: id.clone(), field, why: why.to_owned() });
        }
    }

    fn keep_end(&mut self, id: &ResourceId, former: &Self, kept: bool) {
        if let Some(end) = former.ends.get(id).filter(|_| kept) {
            self.ends.insert(id.clone(), *end);
        }
    }

    /// What could not be used.
    pub(in crate::net) fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The same, of a book that was made for that.
    pub(in crate::net) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Why a listener cannot listen.
    pub(in crate::net) fn refusal(&self, listener: &Name) -> Option<&str> {
        match self.listeners.get(listener) {
            Some(Ok(_)) => None,
            Some(Err(why)) => Some(why),
            None => Some("it has no `tls` block"),
        }
    }

    /// Whether a listener asks its callers for a certificate.
    pub(in crate::net) fn asks(&self, listener: &Name) -> bool {
        matches!(self.listeners.get(listener), Some(Ok(ready)) if ready.asks)
    }

    /// Begins a handshake with somebody who connected.
    pub(in crate::net) fn accept(&self, listener: &Name) -> Result<ServerConnection, String> {
        let Some(Ok(ready)) = self.listeners.get(listener) else {
            return Err("it takes no connections just now".to_owned());
        };
        let begun = ServerConnection::new(Arc::clone(&ready.server));
        let mut begun = begun.map_err(|error| error.to_string())?;
        begun.set_buffer_limit(Some(MAX_BUFFER));
        Ok(begun)
    }

    /// Begins a handshake with somebody whom we connect to. A trunk with a certificate of its own
    /// that cannot be used is called with no other.
    pub(in crate::net) fn connect(
        &self,
        listener: &Name,
        end: &ClientEnd,
    ) -> Result<ClientConnection, String> {
        let own = end.trunk.as_ref().and_then(|trunk| self.trunks.get(trunk));
        let config = match (own, self.listeners.get(listener)) {
            (Some(own), _) => own.clone()?,
            (None, Some(Ok(ready))) => Arc::clone(&ready.client),
            (None, _) => return Err("its listener has no certificate".to_owned()),
        };
        let name = match &end.host {
            Host::Ip(ip) => ServerName::from(ip.to_canonical()),
            Host::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|error| error.to_string())?
            }
        };
        let begun = ClientConnection::new(config, name).map_err(|error| error.to_string())?;
        let mut begun = begun;
        begun.set_buffer_limit(Some(MAX_BUFFER));
        Ok(begun)
    }

    /// Tells of certificates in what is observed: which cannot be used, and which end soon.
    pub(in crate::net) fn tell(&self, observed: &mut Observed, now: i64) {
        let ending = self.expiring(now).map(|(id, words)| (id.to_string(), words));
        let mut ending: BTreeMap<String, String> = ending.collect();
        for Fault { resource, why, .. } in &self.faults {
            let words = ending.entry(resource.to_string()).or_default();
            let also = if words.is_empty() { "" } else { "; " };
            *words = format!("what is new cannot be used: {why}; the former stays{also}{words}");
        }
        for transport in &mut observed.transports {
            let words = ending.get(&transport.resource).cloned();
            transport.message = transport.message.take().or(words);
        }
        let refused = self.trunks.iter().filter_map(|(id, own)| Some((id, own.as_ref().err()?)));
        let refused: BTreeMap<String, &String> =
            refused.map(|(id, why)| (id.to_string(), why)).collect();
        for trunk in observed.trunks.iter_mut().filter(|trunk| trunk.message.is_none()) {
            if let Some(why) = refused.get(&trunk.resource) {
                (trunk.condition, trunk.message) = (Condition::Stalled, Some((*why).clone()));
            } else {
                trunk.message = ending.get(&trunk.resource).cloned();
            }
        }
    }

    /// Every certificate in use that ends soon or has ended, with words; `now` is in seconds since
    /// 1970.
    pub(in crate::net) fn expiring(&self, now: i64) -> impl Iterator<Item = (&ResourceId, String)> {
        let soon = self.ends.iter().filter(move |(_, end)| **end - now < WARN_SECONDS);
        soon.map(move |(id, end)| {
            let date = jiff::Timestamp::from_second(*end).map(|end| end.to_string());
            let date = date.unwrap_or_default();
            let word = if *end < now { "expired at" } else { "expires at" };
            (id, format!("the certificate {word} {date}"))
        })
    }
}

/// What is wrong, with the field that it is of.
type Wrong = (&'static str, String);

fn identity(id: &ResourceId, secrets: &Resolved) -> Result<Identity, Wrong> {
    let value =
        |field| secrets.get(id, field).ok_or_else(|| (field, "it was not found".to_owned()));
    Identity::of(value(CERTIFICATE)?, value(PRIVATE_KEY)?).map_err(|why| (PRIVATE_KEY, why))
}

/// Who may have signed the certificate of a server that is called from a listener.
fn authorities(
    listener: &ResourceId,
    secrets: &Resolved,
    roots: &Roots,
) -> Result<Arc<RootCertStore>, Wrong> {
    let own = secrets.get(listener, CLIENT_CA).map(|ca| &**ca);
    roots.with(own).map(Arc::new).map_err(|why| (CLIENT_CA, why))
}

fn ready(
    (id, tls): (&ResourceId, &ListenerTls),
    secrets: &Resolved,
    roots: &Roots,
) -> Result<(Ready, i64), Wrong> {
    let own = identity(id, secrets)?;
    let trusted = authorities(id, secrets, roots)?;
    let client = client(tls, Arc::clone(&trusted), &own)?;
    let asks = tls.client_certificate != ClientCertificate::Disable;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| (CERTIFICATE, error.to_string()))?;
    let builder = if asks {
        let callers = match secrets.get(id, CLIENT_CA) {
            Some(ca) => Arc::new(only(ca).map_err(|why| (CLIENT_CA, why))?),
            None => trusted,
        };
        let verifier = WebPkiClientVerifier::builder_with_provider(callers, provider());
        let verifier = match tls.client_certificate {
            ClientCertificate::Optional => verifier.allow_unauthenticated(),
            ClientCertificate::Require | ClientCertificate::Disable => verifier,
        };
        let verifier = verifier.build().map_err(|error| (CLIENT_CA, error.to_string()))?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let resolver = SingleCertAndKey::from(Arc::clone(&own.key));
    let mut server = builder.with_cert_resolver(Arc::new(resolver));
    // Connections live for hours: a session that is taken up again saves nothing, and would skip a
    // check against authorities that have changed.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    Ok((Ready { server: Arc::new(server), client, asks }, own.not_after))
}

fn client(
    tls: &ListenerTls,
    roots: Arc<RootCertStore>,
    own: &Identity,
) -> Result<Arc<ClientConfig>, Wrong> {
    let verifier = DomainVerifier { roots, provider: provider() };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| (CERTIFICATE, error.to_string()))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let resolver = SingleCertAndKey::from(Arc::clone(&own.key));
    let mut config = builder.with_client_cert_resolver(Arc::new(resolver));
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_12: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    static FROM_13: &[&SupportedProtocolVersion] = &[&TLS13];
    match least {
        TlsVersion::V12 => FROM_12,
        TlsVersion::V13 => FROM_13,
    }
}
