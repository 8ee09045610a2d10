//! From a name to its targets over the answers that are known (RFC 3263 sections 4.1 and 4.2).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::answer::{Data, Question, RecordType};
use super::order::{Group, Host};
use super::{MAX_SERVICES, MAX_TARGETS};
use crate::model::{Protocol, ServerName};

/// What is known of a question.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look<'c> {
    /// It has not been answered yet.
    Pending,
    /// The records, in order, and whether there is such a name.
    Good(&'c [Data], bool),
    /// It could not be answered, and nothing older is left.
    Failing(&'c str),
}

/// Why a name has no targets, or not all; the greatest one is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// The name exists and has no address.
    NoAddress(String),
    /// There is no such name.
    NoName(String),
    /// The domain says that it does not offer SIP this way (SRV with the target `.`).
    NotOffered(String),
    /// The DNS does not answer this question.
    Failing(Question, String),
    /// Answers are awaited.
    Pending,
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAddress(name) => write!(f, "{name} has no address"),
            Self::NoName(name) => write!(f, "there is no name {name} (NXDOMAIN)"),
            Self::NotOffered(name) => write!(f, "{name} says that the service is not offered"),
            Self::Failing(question, why) => write!(f, "the DNS does not answer {question}: {why}"),
            Self::Pending => f.write_str("its answers are awaited"),
        }
    }
}

/// A way through the answers.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Everything that was looked at on it.
    pub(super) questions: BTreeSet<Question>,
    pub(super) groups: Vec<Group>,
    pub(super) lack: Option<Lack>,
}

/// Walks from a name as far as the answers lead.
pub(super) fn walk<'c>(name: &ServerName, look: impl Fn(&Question) -> Look<'c>) -> Walk {
    let mut walker = Walker { look, walk: Walk::default(), seen: BTreeSet::new() };
    match name.port {
        Some(port) => walker.host(&name.host, port),
        None => walker.services(name),
    }
    walker.walk
}

struct Walker<F> {
    look: F,
    walk: Walk,
    /// Targets so far: each counts once, where it comes first.
    seen: BTreeSet<SocketAddr>,
}

impl<'c, F: Fn(&Question) -> Look<'c>> Walker<F> {
    /// What is known of a question; that it is not answered is noted.
    fn ask(&mut self, name: &str, record_type: RecordType) -> Look<'c> {
        let question = Question { name: name.to_owned(), record_type };
        let known = (self.look)(&question);
        match known {
            Look::Pending => self.lacks(Lack::Pending),
            Look::Failing(why) => self.lacks(Lack::Failing(question.clone(), why.to_owned())),
            Look::Good(..) => {}
        }
        self.walk.questions.insert(question);
        known
    }

    fn lacks(&mut self, lack: Lack) {
        let known = self.walk.lack.take();
        self.walk.lack = known.max(Some(lack));
    }

    /// No port is written: NAPTR, SRV, and the host's own addresses where it has no SRV.
    fn services(&mut self, name: &ServerName) {
        let services = match self.ask(&name.host, RecordType::Naptr) {
            // What comes next is not known: the records may lead to another domain.
            Look::Pending => return,
            Look::Good(records, _) => replacements(records, name.protocol),
            // Some forwarders drop NAPTR; the protocol is settled without.
            Look::Failing(_) => Vec::new(),
        };
        let services = match &*services {
            [] => vec![format!("{}.{}", prefix(name.protocol), name.host)],
            [_, ..] => services,
        };
        // A NAPTR that fails is no lack: what SRV and addresses say is as good.
        self.walk.lack = None;
        let mut absent = true;
        for service in services {
            let Look::Good(records, _) = self.ask(&service, RecordType::Srv) else {
                absent = false;
                continue;
            };
            absent &= records.is_empty();
            self.service(&service, records);
        }
        if absent {
            self.host(&name.host, name.protocol.default_port());
        }
    }

    /// The hosts of one service, in groups of one priority. The records come in order of it.
    fn service(&mut self, service: &str, records: &[Data]) {
        let mut last = None;
        for record in records {
            let Data::Srv { priority, weight, port, target } = record else { continue };
            if target.is_empty() {
                self.lacks(Lack::NotOffered(service.to_owned()));
                continue;
            }
            let addresses = self.addresses(target, *port);
            if addresses.is_empty() {
                continue;
            }
            let host = Host { weight: *weight, addresses };
            match self.walk.groups.last_mut().filter(|_| last == Some(*priority)) {
                Some(group) => group.push(host),
                None => self.walk.groups.push(vec![host]),
            }
            last = Some(*priority);
        }
    }

    /// A name that is a host itself.
    fn host(&mut self, host: &str, port: u16) {
        let addresses = self.addresses(host, port);
        if !addresses.is_empty() {
            self.walk.groups.push(vec![Host { weight: 0, addresses }]);
        }
    }

    /// The addresses of a host that are new, within what is left of [`MAX_TARGETS`].
    fn addresses(&mut self, host: &str, port: u16) -> Vec<SocketAddr> {
        if self.seen.len() >= MAX_TARGETS {
            return Vec::new();
        }
        let looks = [RecordType::Aaaa, RecordType::A].map(|one| self.ask(host, one));
        let mut found = Vec::new();
        let (mut any, mut named) = (false, false);
        for look in looks {
            let Look::Good(records, exists) = look else {
                any = true;
                continue;
            };
            named |= exists;
            for record in records {
                let Data::Address(ip) = record else { continue };
                any = true;
                let address = SocketAddr::new(ip.to_canonical(), port);
                if self.seen.len() < MAX_TARGETS && self.seen.insert(address) {
                    found.push(address);
                }
            }
        }
        match (any, named) {
            (true, _) => {}
            (false, true) => self.lacks(Lack::NoAddress(host.to_owned())),
            (false, false) => self.lacks(Lack::NoName(host.to_owned())),
        }
        found
    }
}

/// The SRV names that NAPTR records lead to for a protocol, best first: only those of the lowest
/// order count (RFC 3403 section 4.1).
fn replacements(records: &[Data], protocol: Protocol) -> Vec<String> {
    let wanted = match protocol {
        Protocol::Udp => "SIP+D2U",
        Protocol::Tcp => "SIP+D2T",
        Protocol::Tls => "SIPS+D2T",
    };
    let fits = records.iter().filter_map(|record| match record {
        Data::Naptr { order, flags, services, replacement, .. } => {
            let service = services.eq_ignore_ascii_case(wanted) && !replacement.is_empty();
            (service && flags.eq_ignore_ascii_case("s")).then_some((*order, replacement))
        }
        Data::Srv { .. } | Data::Address(_) | Data::Alias(_) => None,
    });
    // They come in order of order and preference.
    let lowest = fits.clone().next().map(|(order, _)| order);
    let lowest = fits.filter(|(order, _)| Some(*order) == lowest);
    lowest.map(|(_, replacement)| replacement.clone()).take(MAX_SERVICES).collect()
}

fn prefix(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "_sip._udp",
        Protocol::Tcp => "_sip._tcp",
        Protocol::Tls => "_sips._tcp",
    }
}
