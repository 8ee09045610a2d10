//! What the rest of the program holds of the engine: commands to its thread and their answers.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::{Poll, Waker};

use super::driver::{Driver, WAKE, unix_seconds};
use super::resolver::Resolver;
use super::tls::{Book, Roots};
use super::told::{self, News};
use crate::engine::Compiled;
use crate::model::value::{Cidr, Name};
use crate::model::{
    CallRecord, EventLine, Observed, Outside, Resolved, ResourceSet, Revision, Secret, Spec,
    Transport,
};
use crate::port::{Fault, Installed, SecretError, Secrets, Target, TargetError};

/// Commands that may wait for the engine's thread.
const MAX_COMMANDS: usize = 16;
/// How long a command may take; the thread never blocks, so beyond this it is gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A command to the engine's thread.
#[derive(Debug)]
pub(super) enum Command {
    Install(Box<Generation>, SyncSender<Installed>),
    Observe(SyncSender<Observed>),
    /// The messages of the call of this name.
    Record(String, SyncSender<Option<told::Found>>),
    /// What happened after the event of this number.
    Events(u64, SyncSender<News>),
    Stop,
}

/// A generation with what the rim has to do for it.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) compiled: Box<Compiled>,
    /// The listeners that it wants.
    pub(super) transports: Vec<(Name, Transport)>,
    /// The addresses that it may send to.
    pub(super) remotes: Vec<IpAddr>,
    /// The certificates of its handshakes.
    pub(super) book: Arc<Book>,
}

/// The generation that was installed last, and what to make it again from.
#[derive(Debug, Default)]
struct Latest {
    /// How many there have been.
    number: u64,
    content: Option<(Revision, Arc<ResourceSet>)>,
    secrets: Resolved,
    book: Arc<Book>,
    /// What the log has of certificates that end soon.
    warned: BTreeSet<String>,
}

impl Latest {
    /// Warns once of each certificate that ends soon.
    fn warn(&mut self) {
        let ending = self.book.expiring(unix_seconds());
        let ending: BTreeSet<String> = ending.map(|(id, words)| format!("{id}: {words}")).collect();
        ending.difference(&self.warned).for_each(|words| tracing::warn!("{words}"));
        self.warned = ending;
    }
}

/// An engine that was given no secrets finds none.
struct NoSecrets;

impl Secrets for NoSecrets {
    fn read(&self, _: Option<&Name>, _: &Outside) -> Result<Secret, SecretError> {
        Err(SecretError("this engine has no secrets".to_owned()))
    }
}

/// The running engine. Dropping it stops the engine's thread.
pub struct EngineHandle {
    commands: SyncSender<Command>,
    waker: Arc<Waker>,
    secrets: Arc<dyn Secrets>,
    roots: Roots,
    /// Held while a generation is installed, so that they keep order.
    installed: Mutex<Latest>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineHandle").field("installed", &self.installed).finish_non_exhaustive()
    }
}

impl EngineHandle {
    /// Starts the engine's thread, with no generation, no listener and no secrets. Names are looked
    /// up at `dns`, or where the system is configured to.
    pub fn spawn(dns: Option<SocketAddr>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
        let (commands, waiting) = sync_channel(MAX_COMMANDS);
        let resolver = Resolver::spawn(dns, waker.clone())?;
        let driver = Driver::new(poll, waiting, resolver, seed);
        let thread =
            std::thread::Builder::new().name("engine".into()).spawn(move || driver.run())?;
        let (secrets, installed) = (Arc::new(NoSecrets), Mutex::default());
        Ok(Self {
            commands,
            waker,
            secrets,
            roots: Roots::default(),
            installed,
            thread: Some(thread),
        })
    }

    /// With a place where secrets and certificates are found.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Arc<dyn Secrets>) -> Self {
        self.secrets = secrets;
        self
    }

    fn resolve(&self, resources: &ResourceSet, former: &Resolved) -> Resolved {
        Resolved::of(resources, former, &|owner, at| {
            self.secrets.read(owner, at).map_err(|SecretError(why)| why)
        })
    }

    /// Makes a generation with these secrets the one in force.
    fn put_in_force(
        &self,
        latest: &mut Latest,
        (revision, resources): (Revision, Arc<ResourceSet>),
        secrets: Resolved,
    ) -> Result<Installed, TargetError> {
        let number = latest.number + 1;
        let book = Arc::new(Book::new(&resources, &secrets, (&self.roots, &latest.book)));
        for Fault { resource, why, .. } in book.faults() {
            tracing::error!("{resource}: {why}; what was in use before stays so, if anything was");
        }
        let unusable = book.faults().iter().map(|one| (one.resource.to_string(), one.why.clone()));
        let unusable = unusable.collect();
        let transports = resources.transports();
        let content = Some((revision.clone(), Arc::clone(&resources)));
        let generation = Box::new(Generation {
            // Compiled here, so that the engine's thread only has to swap.
            compiled: Box::new(Compiled::new(number, revision, &resources, secrets.clone())),
            transports: transports.map(|(id, spec)| (id.name.clone(), spec.clone())).collect(),
            remotes: remotes(&resources),
            book: Arc::clone(&book),
        });
        let mut done = self.ask(|answer| Command::Install(generation, answer))?;
        let waiting = secrets.all_missing().map(|(id, why)| (id.to_string(), why.to_owned()));
        (done.waiting, done.unusable) = (waiting.collect(), unusable);
        let warned = std::mem::take(&mut latest.warned);
        *latest = Latest { number, content, secrets, book, warned };
        latest.warn();
        Ok(done)
    }

    fn ask<T>(&self, command: impl FnOnce(SyncSender<T>) -> Command) -> Result<T, TargetError> {
        let (answer, answered) = sync_channel(1);
        self.commands.send(command(answer)).map_err(|_| TargetError::Stopped)?;
        self.waker.wake().map_err(|_| TargetError::Stopped)?;
        answered.recv_timeout(ANSWER_LIMIT).map_err(|_| TargetError::Stopped)
    }
}

impl Target for EngineHandle {
    fn install(
        &self,
        revision: Revision,
        resources: Arc<ResourceSet>,
    ) -> Result<Installed, TargetError> {
        let mut latest = self.installed.lock().map_err(|_| TargetError::Stopped)?;
        let secrets = self.resolve(&resources, &latest.secrets);
        self.put_in_force(&mut latest, (revision, resources), secrets)
    }

    fn refresh(&self) -> Result<Option<Installed>, TargetError> {
        let mut latest = self.installed.lock().map_err(|_| TargetError::Stopped)?;
        let Some(content) = latest.content.clone() else { return Ok(None) };
        let secrets = self.resolve(&content.1, &Resolved::default());
        if secrets.is_as(&latest.secrets) {
            latest.warn();
            return Ok(None);
        }
        self.put_in_force(&mut latest, content, secrets).map(Some)
    }

    fn check(&self, resources: &ResourceSet) -> Vec<Fault> {
        let secure = resources.iter().filter(|(_, resource)| match &resource.spec {
            Spec::Transport(transport) => transport.tls.is_some(),
            Spec::Trunk(trunk) => trunk.tls.is_some(),
            Spec::Policy(_)
            | Spec::Tenant(_)
            | Spec::DidPool(_)
            | Spec::Schedule(_)
            | Spec::Extension(_)
            | Spec::InboundRule(_)
            | Spec::OutboundRule(_)
            | Spec::RouteTest(_) => false,
        });
        let secure: ResourceSet = secure.map(|(_, resource)| Arc::clone(resource)).collect();
        let secrets = self.resolve(&secure, &Resolved::default());
        Book::new(&secure, &secrets, (&self.roots, &Book::default())).into_faults()
    }

    fn observe(&self) -> Result<Observed, TargetError> {
        self.ask(Command::Observe)
    }

    fn record(&self, call: &str) -> Result<Option<CallRecord>, TargetError> {
        let found = self.ask(|answer| Command::Record(call.to_owned(), answer))?;
        // Put into words here: the engine's thread only takes references.
        Ok(found.as_ref().map(told::words))
    }

    fn events(&self, after: u64) -> Result<Vec<EventLine>, TargetError> {
        let (events, clock) = self.ask(|answer| Command::Events(after, answer))?;
        Ok(events.iter().map(|event| told::line(event, clock)).collect())
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        if self.commands.send(Command::Stop).is_ok() && self.waker.wake().is_ok() {
            // A panic of the thread has been reported where it happened.
            drop(self.thread.take().map(JoinHandle::join));
        }
    }
}

/// Every address that a set may send to and one of every range that may call, without repetition.
fn remotes(resources: &ResourceSet) -> Vec<IpAddr> {
    let trunks = resources.trunks().filter_map(|(_, trunk)| trunk.host()?.ip());
    let proxies =
        resources.trunks().filter_map(|(_, trunk)| trunk.outbound_proxy.as_ref()?.host.ip());
    let ranges = resources.trunks().flat_map(|(_, trunk)| trunk.associated_ips());
    let ranges = ranges.map(|range| first_host(*range));
    let contacts = resources
        .extensions()
        .filter_map(|(_, extension)| extension.contact.as_ref()?.host_port.host.ip());
    let targets = resources.inbound_rules().filter_map(|(_, rule)| match &rule.destination {
        crate::model::Destination::Sip(target) => target.host_port.host.ip(),
        crate::model::Destination::Extension(_)
        | crate::model::Destination::Number(_)
        | crate::model::Destination::Voicemail(_)
        | crate::model::Destination::Keep(_)
        | crate::model::Destination::Reject(_) => None,
    });
    let all: BTreeSet<IpAddr> =
        trunks.chain(proxies).chain(ranges).chain(contacts).chain(targets).collect();
    all.into_iter().collect()
}

/// An address inside a range to ask the system's routes with. The network's own address will not
/// do: of an attached IPv4 network it is a broadcast address, which the system refuses.
fn first_host(range: Cidr) -> IpAddr {
    match range.network() {
        IpAddr::V4(base) if range.bits() < 31 => {
            Ipv4Addr::from_bits(base.to_bits().saturating_add(1)).into()
        }
        base @ (IpAddr::V4(_) | IpAddr::V6(_)) => base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_asked_about_by_its_first_host() {
        for (range, host) in [
            ("203.0.113.0/24", "203.0.113.1"),
            ("203.0.113.8/31", "203.0.113.8"),
            ("203.0.113.9/32", "203.0.113.9"),
            ("2001:db8::/64", "2001:db8::"),
        ] {
            assert_eq!(first_host(range.parse().unwrap()).to_string(), host);
        }
    }
}
