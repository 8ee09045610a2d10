//! Who may register with us, and where: the phones of the tenants, and the far ends of
//! `acceptRegister` trunks. Of a password only its digests are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::Party;
use crate::model::value::{Host, NumberRange};
use crate::model::{
    REGISTER_PASSWORD, REGISTRAR_PASSWORD, Resolved, ResourceId, ResourceSet, Secret,
};
use crate::routing::Table;
use crate::sip::digest::{Algorithm, Ha1};

/// The functions that we offer, in the order in which we like them (RFC 8760 section 2.2).
pub(super) const OFFERED: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];
/// Contacts of one phone.
const PHONE_CONTACTS: usize = 5;
/// The shortest and the longest registration of a phone, in seconds.
const PHONE_EXPIRES: (u32, u32) = (60, 3600);

/// One that may register.
#[derive(Debug)]
pub(super) struct Account {
    /// The extension or the trunk.
    pub(super) id: ResourceId,
    /// Whose its calls are.
    pub(super) party: Party,
    pub(super) domain: Box<str>,
    pub(super) username: Box<str>,
    /// The numbers that a phone goes by, beside its user name.
    pub(super) numbers: Option<NumberRange>,
    pub(super) max_contacts: usize,
    pub(super) min_expires: u32,
    pub(super) max_expires: u32,
    secrets: [Ha1; 2],
}

impl Account {
    /// The secret half of its responses with a function that we offer.
    pub(super) fn secret(&self, algorithm: Algorithm) -> Option<&Ha1> {
        self.secrets.iter().find(|one| one.algorithm() == algorithm)
    }

    /// Whether its Contact is all that can be called there.
    pub(super) fn has_one_number(&self) -> bool {
        self.numbers.is_some_and(|numbers| numbers.size() == 1)
    }

    /// Whether it registers as the same one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.domain == other.domain && self.username == other.username
    }

    /// Whether it may call itself so: its user name, or a number of its own.
    pub(super) fn is_called(&self, user: &[u8]) -> bool {
        let number = || std::str::from_utf8(user).ok()?.parse().ok();
        user == self.username.as_bytes()
            || self.numbers.is_some_and(|own| number().is_some_and(|number| own.contains(number)))
    }
}

/// A domain that is registered at.
#[derive(Debug)]
pub(super) struct Domain {
    pub(super) name: Box<str>,
    users: BTreeMap<Box<str>, Arc<Account>>,
    /// Of nobody: whoever is unknown costs the same sums.
    nobody: [Ha1; 2],
}

impl Domain {
    /// The account of a user name.
    pub(super) fn account(&self, username: &[u8]) -> Option<&Arc<Account>> {
        self.users.get(std::str::from_utf8(username).ok()?)
    }

    /// What an unknown user is compared with.
    pub(super) fn nobody(&self, algorithm: Algorithm) -> Option<&Ha1> {
        self.nobody.iter().find(|one| one.algorithm() == algorithm)
    }
}

/// All domains of one generation, in small letters.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    domains: BTreeMap<Box<str>, Domain>,
    by_id: BTreeMap<ResourceId, Arc<Account>>,
}

impl Accounts {
    /// Those of a set whose password was found. What is switched off is unknown.
    pub(super) fn new(resources: &ResourceSet, secrets: &Resolved, table: &Table) -> Self {
        let mut accounts = Self::default();
        for (id, spec) in resources.extensions() {
            let Some(register) = &spec.register else { continue };
            let tenant = id.tenant.as_ref().and_then(|name| table.tenant_named(name));
            let Some((tenant, entry)) = tenant.and_then(|at| Some((at, table.tenant(at)?))) else {
                continue;
            };
            let Some(password) = secrets.get(id, REGISTER_PASSWORD) else { continue };
            let domain = domain_of(&entry.spec.sip_domain);
            accounts.add(
                entry.spec.enabled,
                Account {
                    id: id.clone(),
                    party: Party::Tenant(tenant),
                    secrets: digests([&register.username, &domain], password),
                    domain,
                    username: register.username.as_str().into(),
                    numbers: Some(spec.numbers),
                    max_contacts: PHONE_CONTACTS,
                    min_expires: PHONE_EXPIRES.0,
                    max_expires: PHONE_EXPIRES.1,
                },
            );
        }
        for (trunk, entry) in table.trunks() {
            let Some(registrar) = &entry.spec.registrar else { continue };
            let Some(password) = secrets.get(&entry.id, REGISTRAR_PASSWORD) else { continue };
            let domain = domain_of(&registrar.domain);
            accounts.add(
                entry.spec.enabled,
                Account {
                    id: entry.id.clone(),
                    party: Party::Trunk(trunk),
                    secrets: digests([&registrar.username, &domain], password),
                    domain,
                    username: registrar.username.as_str().into(),
                    numbers: None,
                    max_contacts: usize::try_from(registrar.max_contacts).unwrap_or(1),
                    min_expires: registrar.min_expires.0,
                    max_expires: registrar.max_expires.0.max(registrar.min_expires.0),
                },
            );
        }
        accounts
    }

    /// Whether nobody may register.
    pub(super) fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// The domain of a URI's host.
    pub(super) fn domain(&self, host: &[u8]) -> Option<&Domain> {
        let host = std::str::from_utf8(host).ok()?.to_ascii_lowercase();
        self.domains.get(host.as_str())
    }

    /// The account of an extension or trunk.
    pub(super) fn of(&self, id: &ResourceId) -> Option<&Arc<Account>> {
        self.by_id.get(id)
    }

    fn add(&mut self, enabled: bool, account: Account) {
        let name = &account.domain;
        let domain = self.domains.entry(name.clone()).or_insert_with(|| Domain {
            name: name.clone(),
            users: BTreeMap::new(),
            nobody: OFFERED.map(|one| Ha1::new(one, [b"", name.as_bytes(), b""])),
        });
        // A domain stays one where everybody is switched off: it answers as it did.
        if enabled {
            let account = Arc::new(account);
            domain.users.insert(account.username.clone(), account.clone());
            self.by_id.insert(account.id.clone(), account);
        }
    }
}

fn domain_of(host: &Host) -> Box<str> {
    host.to_string().to_ascii_lowercase().into()
}

fn digests([username, realm]: [&str; 2], password: &Secret) -> [Ha1; 2] {
    let parts = [username.as_bytes(), realm.as_bytes(), password.expose()];
    OFFERED.map(|one| Ha1::new(one, parts))
}
