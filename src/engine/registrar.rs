//! REGISTER from phones and gateways (RFC 3261 section 10.3), and whom a proof makes known. A
//! stranger is challenged without a transaction, in fewer bytes than would make us a weapon; who is
//! unknown, switched off or has the wrong password gets the same answer for the same work.

use std::sync::Arc;
use std::time::Duration;

use super::accounts::{Account, Domain, OFFERED};
use super::bindings::{Binding, Bindings, Untaken};
use super::context::{Context, Incoming, Party};
use super::core::Engine;
use super::guesses::Guesses;
use super::header_rules::{joined, unsupported};
use super::nonces::{Nonces, Place};
use super::refusal::Reason;
use super::{MAX_CONTACT, RETRY_AFTER, write};
use crate::routing::Source;
use crate::sip::digest::{Algorithm, Challenge, Credentials};
use crate::sip::{Contacts, HeaderName, Message, Method, NameAddr, ParseError, Scheme, Uri};
use crate::transaction::{Chance, Flow, Link, ServerKey};

/// The longest that a binding over a connection stands unless `minExpires` is longer, in seconds: its
/// refresh comes before the connection has been idle for 600 s and is closed, and the phone with it.
const CONNECTION_EXPIRES: u32 = 540;

/// What registering needs beyond one generation.
#[derive(Debug)]
pub(super) struct Registrar {
    pub(super) bindings: Bindings,
    nonces: Nonces,
    guesses: Guesses,
}

/// Whose request outside any dialog it is.
pub(super) enum Introduced {
    /// That of a binding, or of who proved to be it; `None`: that of its source.
    Known(Option<Party>),
    /// A REGISTER, proven.
    Registering(Arc<Account>),
    /// It has been challenged, refused, or passed over in silence.
    Done,
}

impl Registrar {
    pub(super) fn new(keys: &mut Chance) -> Self {
        let nonces = Nonces::new(keys);
        Self { bindings: Bindings::default(), nonces, guesses: Guesses::default() }
    }
}

impl Context {
    /// Finds out whose a request is: a binding's, its source's, or whoever's password it proves. Of a
    /// repetition (`again`) that is known already.
    pub(super) fn introduce(&mut self, incoming: &Incoming, again: bool) -> Introduced {
        let message = &incoming.message;
        let generation = self.generation.clone();
        let (asked, from) = (message.request_uri(), message.from().uri);
        let here = generation.accounts.domain(asked.host);
        let registers = message.method() == Method::Register;
        if let Some(domain) = here.filter(|_| registers && !again) {
            return self
                .authenticate(incoming, domain)
                .map_or(Introduced::Done, Introduced::Registering);
        }
        if let Some(account) = self.registered_at(incoming.flow, &from).filter(|_| !registers) {
            let account = account.clone();
            return self.speaking(incoming, &account);
        }
        if again || self.identify(&generation.table, incoming.flow) != Source::Unknown {
            return Introduced::Known(None);
        }
        let domain = here.or_else(|| generation.accounts.domain(from.host));
        match domain.filter(|_| message.method() == Method::Invite) {
            Some(domain) => match self.authenticate(incoming, domain) {
                Some(account) => self.speaking(incoming, &account),
                None => Introduced::Done,
            },
            None => {
                self.turn_away(incoming);
                Introduced::Done
            }
        }
    }

    /// A phone speaks for itself, or anonymously; a gateway for everybody behind it.
    fn speaking(&mut self, incoming: &Incoming, account: &Account) -> Introduced {
        let from = incoming.message.from().uri;
        let user = from.user_decoded().unwrap_or_default();
        let free = matches!(account.party, Party::Trunk(_))
            || from.host.eq_ignore_ascii_case(b"anonymous.invalid");
        if free || account.is_called(&user) || incoming.message.method() == Method::Options {
            return Introduced::Known(Some(account.party));
        }
        self.count(Reason::OtherUser);
        let reply = write::reply_flow(&incoming.message, incoming.flow);
        self.send(reply, write::answer(incoming, 403, b"other").into(), None);
        Introduced::Done
    }

    /// The account that a request proves to be; else its sender has been asked for a proof.
    fn authenticate(&mut self, incoming: &Incoming, domain: &Domain) -> Option<Arc<Account>> {
        match self.proof(incoming, domain) {
            Ok(account) => Some(account),
            Err(stale) => {
                self.challenge(incoming, domain, stale);
                None
            }
        }
    }

    /// The account whose password a request proves; the error says whether it does and only its
    /// nonce is not good any more.
    fn proof(&mut self, incoming: &Incoming, domain: &Domain) -> Result<Arc<Account>, bool> {
        let message = &incoming.message;
        let registers = message.method() == Method::Register;
        let header =
            if registers { HeaderName::Authorization } else { HeaderName::ProxyAuthorization };
        let lines = message.headers().filter(|line| line.name == header);
        let ours = lines.filter_map(|line| Credentials::parse(line.value).ok());
        let mut ours = ours.filter(|one| one.realm.eq_ignore_ascii_case(domain.name.as_bytes()));
        // Two proofs for one realm: which one would count?
        let (Some(proof), None) = (ours.next(), ours.next()) else { return Err(false) };
        let source = incoming.flow.remote.ip();
        let account = domain.account(&proof.username);
        let secret = match account {
            Some(account) => account.secret(proof.algorithm),
            None => domain.nobody(proof.algorithm),
        };
        // The sums are made whoever it is and whatever else is wrong (S-05).
        let right = secret.is_some_and(|own| proof.prove(own, message.method().as_bytes()));
        let here = same_uri(&proof.uri, message.request_uri_bytes());
        let place = Place { realm: domain.name.as_bytes(), source };
        let Registrar { nonces, guesses, .. } = &mut self.registrar;
        let patient = guesses.may_try(self.now, source, &proof.username);
        let Some(account) = account.filter(|_| right && here && patient) else {
            // Only who got our nonce is really there: who forges sources makes nobody wait (S-07).
            if patient && nonces.is_ours(&proof.nonce, place) {
                guesses.failed(self.now, source, &proof.username);
            }
            self.count(Reason::WrongCredentials);
            return Err(false);
        };
        nonces.spend(self.now, place, &proof.nonce, proof.count).map_err(|_| true)?;
        guesses.succeeded(self.now, source, &proof.username);
        Ok(account.clone())
    }

    /// 401 or 407, without state. What comes in datagrams may come from anybody: it is answered with
    /// at most a fifth more bytes than it has (S-08), if need be with the older function alone, which
    /// every phone knows. A stranger's source has only so many.
    fn challenge(&mut self, incoming: &Incoming, domain: &Domain, stale: bool) {
        let known = self.admits(incoming.flow);
        if !known && !self.strangers.may_ask(incoming.flow.remote.ip(), self.now) {
            self.count(Reason::StrangerRate);
            return;
        }
        self.count(Reason::Challenged);
        let message = &incoming.message;
        let realm: &[u8] = domain.name.as_bytes();
        let place = Place { realm, source: incoming.flow.remote.ip() };
        let nonce = self.registrar.nonces.issue(self.now, place, &mut self.chance);
        // A REGISTER is for us, the rest passes through us.
        let (code, name) = if message.method() == Method::Register {
            (401, "WWW-Authenticate")
        } else {
            (407, "Proxy-Authenticate")
        };
        // The same for every repetition, without remembering any (RFC 3261 section 8.2.7).
        let tag = self.stateless_tag(message);
        let answer = |algorithms: &[Algorithm]| {
            let mut writer = write::response(incoming, code, &tag);
            for algorithm in algorithms {
                let challenge = Challenge {
                    realm: realm.into(),
                    nonce: nonce.as_bytes().into(),
                    opaque: None,
                    algorithm: *algorithm,
                    session: false,
                    qop: true,
                    stale,
                };
                writer.header(name, &[&challenge.print()]);
            }
            writer.finish(b"")
        };
        let most = match incoming.flow.link {
            Link::Datagram if !self.registrar.bindings.is_home(place.source) => {
                message.as_bytes().len() * 6 / 5
            }
            Link::Datagram | Link::Stream(_) | Link::Secure(..) => usize::MAX,
        };
        // Who comes again without a proof may be one of those that give up at a function that they
        // do not know, though another one is offered beside it.
        let source = place.source;
        let user = message.from().uri.raw;
        let helpless = self.registrar.guesses.ask(self.now, source, user) && !proves(message);
        let [_, older] = OFFERED;
        let mut fit = [answer(&OFFERED), answer(&[older])].into_iter().skip(helpless.into());
        let fit = fit.find(|one| one.len() <= most);
        match fit {
            Some(packet) => {
                if !known {
                    self.strangers.say(packet.len());
                }
                let reply = write::reply_flow(message, incoming.flow);
                self.send(reply, packet.into(), None);
            }
            None => self.count(Reason::ShortRequest),
        }
    }

    /// The account that is registered from a source; of several lines of one phone the one that the
    /// request says it is from.
    pub(super) fn registered_at(&self, flow: Flow, from: &Uri<'_>) -> Option<&Arc<Account>> {
        let known = self.registrar.bindings.at(flow);
        let mut accounts = known.iter().filter_map(|id| self.generation.accounts.of(id));
        if let [_] = known {
            return accounts.next();
        }
        let user = from.user_decoded().unwrap_or_default();
        accounts.find(|account| account.is_called(&user))
    }
}

/// Whether a request tries to prove something at all.
fn proves(message: &Message) -> bool {
    message.value(HeaderName::Authorization).is_some()
        || message.value(HeaderName::ProxyAuthorization).is_some()
}

/// Whether a proof was made for this Request-URI, as far as equipment keeps to it.
fn same_uri(one: &[u8], other: &[u8]) -> bool {
    let key = |raw| {
        let uri = Uri::parse(raw)?;
        let host = uri.host.to_ascii_lowercase();
        let user = uri.user_decoded().unwrap_or_default().into_owned();
        Some((user, host, uri.port.unwrap_or(crate::sip::DEFAULT_PORT)))
    };
    one == other || key(one).is_some_and(|one| key(other) == Some(one))
}

/// What a REGISTER wants.
enum Wanted {
    /// To know what there is.
    Nothing,
    /// Everything gone.
    Gone,
    /// These contacts, each for so many seconds.
    Contacts(Vec<(Box<[u8]>, u32)>),
}

/// Why it does not get it.
struct Refused(Reason, Option<u32>);

impl Engine {
    /// A datagram from nobody: a REGISTER or the INVITE of a phone is asked for a proof, all else
    /// gets what the listener says to strangers.
    pub(super) fn on_unknown(&mut self, flow: Flow, bytes: &[u8]) {
        if self.ctx.may_introduce(bytes)
            && let Ok(message) = Message::parse_datagram(bytes)
            && self.ctx.introduces(&message)
        {
            self.ctx.strangers.hear(bytes.len());
            self.on_request(Incoming { message, flow, party: None });
        } else if let Some(code) = self.ctx.meets_stranger(flow, bytes.len())
            && let Ok(message) = Message::parse_datagram(bytes)
        {
            self.ctx.answer_stranger(&Incoming { message, flow, party: None }, code);
        }
    }

    /// The same for a message from nobody over a connection. What was no message gets no answer.
    pub(super) fn on_stranger(&mut self, flow: Flow, message: Result<Message, ParseError>) {
        let Ok(message) = message else {
            self.ctx.count_stranger(flow);
            return;
        };
        let bytes = message.as_bytes().len();
        if self.ctx.introduces(&message) {
            self.ctx.strangers.hear(bytes);
            self.on_request(Incoming { message, flow, party: None });
        } else if let Some(code) = self.ctx.meets_stranger(flow, bytes) {
            self.ctx.answer_stranger(&Incoming { message, flow, party: None }, code);
        }
    }

    /// A REGISTER whose sender has proven to be `account`.
    pub(super) fn on_register(
        &mut self,
        incoming: &Incoming,
        server: ServerKey,
        account: &Arc<Account>,
    ) {
        let tag = self.fresh_tag();
        let ctx = &mut self.ctx;
        let now = ctx.now;
        let unsupported = unsupported(&incoming.message);
        let done = match unsupported.is_empty() {
            true => account.wanted(&incoming.message),
            false => Err(Refused(Reason::BadExtension, None)),
        };
        let done = done.and_then(|wanted| ctx.register(incoming, account, wanted));
        let code = done.as_ref().map_or_else(|refused| refused.0.code(), |_| 200);
        let mut writer = write::response(incoming, code, &tag);
        match done {
            Ok(()) => {
                for binding in ctx.registrar.bindings.of(&account.id, now) {
                    let left = binding.until.since(now).as_secs().max(1);
                    let left = format!(">;expires={left}");
                    writer.header("Contact", &[b"<", &binding.contact, left.as_bytes()]);
                }
                let path = joined(&incoming.message, HeaderName::Path);
                if !path.is_empty() {
                    writer.header("Path", &[&path]);
                }
            }
            Err(Refused(reason, least)) => {
                ctx.count(reason);
                least.into_iter().for_each(|least| writer.header_number("Min-Expires", least));
                if code == 420 {
                    writer.header("Unsupported", &[&unsupported]);
                }
                if code == 503 {
                    writer.header_number("Retry-After", RETRY_AFTER);
                }
            }
        }
        ctx.respond(server, code, writer.finish(b""));
    }
}

impl Account {
    /// Reads a REGISTER: whose contacts, which, for how long.
    fn wanted(&self, message: &Message) -> Result<Wanted, Refused> {
        let of = message.to().uri;
        let user = of.user_decoded().unwrap_or_default();
        if !of.host.eq_ignore_ascii_case(self.domain.as_bytes()) || !self.is_called(&user) {
            return Err(Refused(Reason::OtherUser, None));
        }
        let stated = message.expires();
        let contacts = match message.contacts() {
            None => return Ok(Wanted::Nothing),
            Some(Contacts::Star) if stated == Some(0) => return Ok(Wanted::Gone),
            Some(Contacts::Star) => return Err(Refused(Reason::BadContact, None)),
            Some(Contacts::List(contacts)) => contacts,
        };
        let each = contacts.map(|contact| self.contact(&contact, stated));
        let all: Vec<_> = each.collect::<Result<_, _>>()?;
        if all.len() > self.max_contacts {
            return Err(Refused(Reason::BadContact, None));
        }
        Ok(Wanted::Contacts(all))
    }

    fn contact(
        &self,
        contact: &NameAddr<'_>,
        stated: Option<u32>,
    ) -> Result<(Box<[u8]>, u32), Refused> {
        let uri = &contact.uri;
        let sip = matches!(uri.scheme, Scheme::Sip | Scheme::Sips);
        if !sip || !uri.headers.is_empty() || uri.raw.len() > MAX_CONTACT {
            return Err(Refused(Reason::BadContact, None));
        }
        let own = contact.params.get("expires").and_then(|text| std::str::from_utf8(text).ok());
        let asked = own.and_then(|text| text.parse().ok()).or(stated).unwrap_or(self.max_expires);
        if asked > 0 && asked < self.min_expires {
            return Err(Refused(Reason::IntervalTooBrief, Some(self.min_expires)));
        }
        Ok((uri.raw.into(), asked.min(self.max_expires)))
    }
}

impl Context {
    /// All of it or nothing (RFC 3261 section 10.3).
    fn register(
        &mut self,
        incoming: &Incoming,
        account: &Account,
        wanted: Wanted,
    ) -> Result<(), Refused> {
        let message = &incoming.message;
        let (call_id, cseq) = (message.call_id(), message.cseq().number);
        let contacts = match wanted {
            Wanted::Nothing => return Ok(()),
            Wanted::Gone => {
                let older = |one: &Binding| &*one.call_id != call_id || one.cseq < cseq;
                self.registrar.bindings.take(&account.id, older);
                return Ok(());
            }
            Wanted::Contacts(contacts) => contacts,
        };
        let path: Vec<&[u8]> = message.addresses(HeaderName::Path).map(|one| one.uri.raw).collect();
        let path: Box<[u8]> = path.join(&b">, <"[..]).into();
        if path.len() > MAX_CONTACT {
            return Err(Refused(Reason::BadContact, None));
        }
        let mut all = Vec::with_capacity(contacts.len());
        for (contact, seconds) in contacts {
            let seconds = match incoming.flow.link {
                Link::Datagram => seconds,
                Link::Stream(_) | Link::Secure(..) => {
                    seconds.min(account.min_expires.max(CONNECTION_EXPIRES))
                }
            };
            // Spread, so that those who came as one do not come back as one (B-20).
            let granted = u64::from(seconds) * (900 + self.chance.below(101)) / 1000;
            let granted = granted.max(u64::from(account.min_expires.min(seconds)));
            let one = Binding {
                contact,
                flow: incoming.flow,
                path: path.clone(),
                call_id: call_id.into(),
                cseq,
                until: self.now + Duration::from_secs(granted),
            };
            self.registrar.bindings.admits(&account.id, &one).map_err(|untaken| match untaken {
                Untaken::Old => Refused(Reason::CSeqOrder, None),
                Untaken::Full => Refused(Reason::EngineFull, None),
            })?;
            all.push((one, seconds > 0));
        }
        for (one, stays) in all {
            if stays {
                self.registrar.bindings.put(&account.id, one, account.max_contacts);
            } else {
                self.registrar.bindings.take(&account.id, |known| known.contact == one.contact);
            }
        }
        Ok(())
    }
}
