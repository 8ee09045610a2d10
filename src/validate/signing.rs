//! Who must have signed what (TL602): what the Policy of a tree demands of commits, and what is
//! said of a commit that does not have it.

use std::collections::BTreeMap;

use super::policies::tenant_of;
use super::rules::fault_of_list;
use super::scopes::Scopes;
use super::{Checked, reading};
use crate::diag::{Code, Diagnostic, FileId, Span, visible};
use crate::manifest::tree::{Content, SourceTree};
use crate::model::{Commit, Kind, Policy, ResourceId, ScopeOwner, SignatureForm, Signers, Spec};

/// Files of one commit that a message names.
const MAX_NAMED: usize = 3;

/// What one tree demands of those who change it.
#[derive(Debug, Default)]
pub struct Signing {
    /// Of every Policy: a second one is an error, which frees nobody from the first.
    policies: Vec<Demands>,
    unreadable: Option<String>,
}

#[derive(Debug)]
struct Demands {
    scopes: Scopes,
    signers: BTreeMap<ScopeOwner, Signers>,
}

/// A signature that is demanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Whose scope is touched, and who may do so.
    pub signers: Signers,
    /// The files of it that are touched.
    pub files: Vec<String>,
}

/// Why a commit does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Breach {
    /// It is not signed.
    Unsigned(Demand),
    /// It is signed in another way than with an SSH key.
    Form(Demand, SignatureForm),
    /// It is signed by this key of somebody else.
    UnknownKey(Demand, String),
    /// It is signed by this key outside the key's time.
    NotValidThen(Demand, String),
    /// Its signature does not fit it.
    Bad(Demand),
    /// The list of those who may sign is not there: this file.
    NoList(Demand, String),
    /// The Policy that would decide cannot be read: this file.
    UnreadablePolicy(String),
    /// Its parent is not here: the clone is shallow.
    CutOff,
}

/// Whether a manifest's text may hold a Policy. An escape may spell the word.
pub fn may_hold_policy(bytes: &[u8]) -> bool {
    memchr::memchr(b'\\', bytes).is_some() || memchr::memmem::find(bytes, b"Policy").is_some()
}

impl Signing {
    /// What a tree demands.
    pub fn of(tree: &SourceTree) -> Self {
        let mut signing = Self::default();
        // What stands in a tenant's file is no Policy of anybody.
        let files = tree.files.iter().filter(|file| tenant_of(&file.path).is_none());
        for file in files.filter(|file| match &file.content {
            Content::Text(text) => may_hold_policy(text.as_bytes()),
            Content::Bytes(bytes) => may_hold_policy(bytes),
            // Whatever stands there, no Policy is read from it.
            Content::TooLarge(_)
            | Content::Unreadable(_)
            | Content::NotAFile(_)
            | Content::Symlink
            | Content::Outside(_) => false,
        }) {
            let alone = SourceTree { files: vec![file.clone()], rooted: tree.rooted };
            let read = reading::read(&alone);
            let mut is_unreadable = read.declared.may_have_any(Kind::Policy);
            for found in &read.found {
                match found.resource.as_ref().map(|resource| &resource.spec) {
                    Some(Spec::Policy(policy)) => signing.add(policy),
                    Some(_) => {}
                    None => is_unreadable |= found.id.kind == Kind::Policy,
                }
            }
            if is_unreadable {
                signing.unreadable = Some(visible(&file.path).into_owned());
            }
        }
        signing
    }

    fn add(&mut self, policy: &Policy) {
        if policy.signers.is_empty() {
            return;
        }
        // A glob that is none is told where the Policy itself is checked.
        let scopes = Scopes::of(Some(policy));
        let mut signers: BTreeMap<ScopeOwner, Signers> = BTreeMap::new();
        for one in &policy.signers {
            match signers.get_mut(&one.scope) {
                Some(same) => {
                    same.keys.extend(one.keys.iter().cloned());
                    same.files.extend(one.files.iter().cloned());
                }
                None => drop(signers.insert(one.scope.clone(), one.clone())),
            }
        }
        self.policies.push(Demands { scopes, signers });
    }

    /// Whether it demands nothing of anybody.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.unreadable.is_none()
    }

    /// The file of a Policy that cannot be read, so that nobody knows what it demands.
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// The signatures that a commit needs which touches these files: one of every scope.
    pub fn demands(&self, touched: &[String]) -> Vec<Demand> {
        let mut demands = Vec::new();
        for policy in &self.policies {
            let mut files: BTreeMap<ScopeOwner, Vec<String>> = BTreeMap::new();
            for path in touched {
                files.entry(policy.scopes.owner(path)).or_default().push(path.clone());
            }
            demands.extend(files.into_iter().filter_map(|(owner, files)| {
                Some(Demand { signers: policy.signers.get(&owner)?.clone(), files })
            }));
        }
        demands
    }
}

impl Checked {
    /// Whether a Policy says who may sign.
    pub fn names_signers(&self) -> bool {
        self.resources.policies().any(|(_, policy)| !policy.signers.is_empty())
    }

    /// The files inside the repository that a Policy says list signers, each with its Policy and the
    /// field that names it.
    pub fn lists_of_signers(&self) -> Vec<(ResourceId, String, String)> {
        let files = self.resources.policies().flat_map(|(id, policy)| {
            policy.signers.iter().enumerate().flat_map(move |(index, signers)| {
                signers.files.iter().enumerate().map(move |(at, file)| {
                    (id.clone(), format!("/spec/signers/{index}/files/{at}"), file.clone())
                })
            })
        });
        // What lies outside is told as that.
        files.filter(|(.., file)| is_inside(file)).collect()
    }

    /// Adds that a file which lists signers is not there (TL201): nobody could sign.
    pub fn miss_list(&mut self, (id, field, file): &(ResourceId, String, String)) {
        let message = format!("there is no file `{}`, which lists signers", visible(file));
        let told = Diagnostic::new(Code::TL201, message).of(id).at(self.span(id, field));
        self.diagnostics.push(told.help("add the file, relative to the root, or correct its name"));
        super::sort(&mut self.diagnostics);
        self.summary.errors += 1;
        self.desired = None;
    }

    /// Adds what is wrong with the lines of a file which lists signers (TL104).
    pub fn judge_list(&mut self, (id, field, file): &(ResourceId, String, String), text: &str) {
        let Some((message, help)) = fault_of_list(file, text) else { return };
        let told = Diagnostic::new(Code::TL104, message).of(id).at(self.span(id, field));
        self.diagnostics.push(told.help(help));
        super::sort(&mut self.diagnostics);
        self.summary.errors += 1;
        self.desired = None;
    }

    /// Adds what commits lack (TL602). What an unsigned commit wants is not desired.
    pub fn refuse(&mut self, breaches: &[(Commit, Breach)]) {
        if breaches.is_empty() {
            return;
        }
        let told: Vec<_> = breaches.iter().map(|(commit, one)| self.tl602(commit, one)).collect();
        self.summary.errors += told.len();
        self.diagnostics.extend(told);
        super::sort(&mut self.diagnostics);
        self.desired = None;
    }

    fn tl602(&self, commit: &Commit, breach: &Breach) -> Diagnostic {
        let name = format!("commit {} (“{}”)", commit.id.short(), commit.subject);
        let (demand, why, help) = match breach {
            Breach::Unsigned(demand) => (Some(demand), "is not signed".to_owned(), String::new()),
            Breach::Form(demand, form) => {
                (Some(demand), format!("is signed {}", with(*form)), ONLY_SSH.to_owned())
            }
            Breach::UnknownKey(demand, key) => {
                let why = format!("is signed with {key}, which is no key of its signers");
                (Some(demand), why, String::new())
            }
            Breach::NotValidThen(demand, key) => {
                let why = format!("is signed with {key}, which was not valid at the commit's date");
                (Some(demand), why, String::new())
            }
            Breach::Bad(demand) => (
                Some(demand),
                "has a signature that does not fit it".to_owned(),
                "it was altered after it was signed, or its date is outside all keys' times; sign it anew".to_owned(),
            ),
            Breach::NoList(demand, file) => (
                Some(demand),
                format!("cannot be checked: `{file}`, which lists its signers, is not a file there"),
                "the Policy before the commit names the file, relative to the root; restore it".to_owned(),
            ),
            Breach::UnreadablePolicy(file) => (
                None,
                format!("cannot be checked: the Policy before it, in `{file}`, has errors"),
                "nobody knows who may sign: begin the range behind the commit that mended it".to_owned(),
            ),
            Breach::CutOff => (
                None,
                "cannot be checked: its parent, whose Policy decides, is not in this shallow clone"
                    .to_owned(),
                "fetch more of the history: git fetch --deepen=1, or git fetch --unshallow".to_owned(),
            ),
        };
        let Some(demand) = demand else {
            return Diagnostic::new(Code::TL602, format!("{name} {why}")).help(help);
        };
        let owner = match &demand.signers.scope {
            ScopeOwner::System => "the system".to_owned(),
            ScopeOwner::Tenant(tenant) => format!("tenant `{tenant}`"),
        };
        let files = named(&demand.files);
        let message = format!("{name} touches {files}, of {owner}, and {why}");
        let help = if help.is_empty() {
            format!(
                "have a signer of {owner} sign it: git commit --amend --no-edit -S (gpg.format=ssh)"
            )
        } else {
            help
        };
        let place = demand.files.iter().find_map(|path| self.place(path));
        let mut told = Diagnostic::new(Code::TL602, message).at(place).help(help);
        if let Some(span) = self.signers_place(&demand.signers.scope) {
            told = told.related(span, format!("the signers of {owner} stand here"));
        }
        told
    }

    /// The beginning of a file that is in the tree.
    fn place(&self, path: &str) -> Option<Span> {
        let count = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let mut files = (0..count).map(FileId);
        files.find(|file| self.sources.path(*file) == path).map(|file| Span {
            file,
            start: 0,
            end: 0,
        })
    }

    /// Where the tree itself names the signers of a scope.
    fn signers_place(&self, owner: &ScopeOwner) -> Option<Span> {
        let (id, policy) = self.resources.policies().next()?;
        let index = policy.signers.iter().position(|one| one.scope == *owner)?;
        self.span(id, &format!("/spec/signers/{index}/scope"))
    }
}

/// Whether a path leads to something below the root, as it is written.
pub(super) fn is_inside(file: &str) -> bool {
    file.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

const ONLY_SSH: &str =
    "only signatures with SSH keys count: git -c gpg.format=ssh commit --amend --no-edit -S";

fn with(form: SignatureForm) -> &'static str {
    match form {
        SignatureForm::OpenPgp => "with OpenPGP",
        SignatureForm::X509 => "with an X.509 certificate",
        SignatureForm::None | SignatureForm::Ssh | SignatureForm::Unknown => "in an unknown way",
    }
}

fn named(files: &[String]) -> String {
    let shown = |path: &String| format!("`{}`", visible(path));
    let first: Vec<_> = files.iter().take(MAX_NAMED).map(shown).collect();
    match files.len().saturating_sub(MAX_NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
