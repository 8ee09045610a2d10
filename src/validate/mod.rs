//! Rules over whole trees: from files to [`Desired`], or to everything that is wrong with them.
#![deny(clippy::disallowed_methods)]

mod context;
mod declared;
mod desired;
mod gaps;
mod missing;
mod places;
mod policies;
mod reading;
mod rules;
mod scopes;
mod section;
mod signing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use desired::Desired;
pub use signing::{Breach, Demand, Signing, may_hold_policy};

use crate::diag::{Code, Diagnostic, Severity, SourceMap, Span, leave_secrets_out};
use crate::manifest::decode::Declares;
use crate::manifest::numbers;
use crate::manifest::tree::SourceTree;
use crate::model::value::{Coverage, Date, DidSet, Name, NumberRange};
use crate::model::{Kind, ResourceId, ResourceSet};
use context::Context;
use declared::Declared;
use places::{Place, Places};
use reading::{Found, Reading};
use section::Subjects;

/// What the check of a tree came to.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The resources, if there is no error.
    pub desired: Option<Desired>,
    /// Every resource that could be read, also beside errors: a proof of nothing.
    pub resources: Arc<ResourceSet>,
    /// Every problem, sorted by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// What follows from these mistakes: told nowhere, but a deletion may be to blame (TL801).
    pub followers: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: Arc<SourceMap>,
    /// How much was checked and found.
    pub summary: Summary,
    places: Arc<Places>,
}

impl Checked {
    /// What a tree without any document wants: nothing. `validate` refuses it (TL804); against a
    /// live state, whoever plans has to judge it. `None` for every other tree.
    pub fn nothing_declared(&self) -> Option<Desired> {
        let only = self.summary.documents == 0 && self.summary.errors == 1;
        let empty = only && self.diagnostics.iter().any(|one| one.code == Code::TL804);
        empty.then(|| Desired {
            resources: Arc::default(),
            sources: Arc::clone(&self.sources),
            places: Arc::clone(&self.places),
        })
    }

    /// The places that a diagnostic about a field of a resource may have: its value, or its key.
    pub fn spans(&self, id: &ResourceId, field: &str) -> [Option<Span>; 2] {
        [self.places.span(id, field), self.places.key_span(id, field)]
    }

    /// The place of a field of a resource, as [`Desired::span`] has it.
    pub fn span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.places.span(id, field)
    }
}

/// The figures of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Manifest files.
    pub files: usize,
    /// Documents in them.
    pub documents: usize,
    /// Diagnostics that are errors.
    pub errors: usize,
    /// Diagnostics that are warnings.
    pub warnings: usize,
}

/// Reads a tree without checking what it says: the texts of its files in their order, and what cannot
/// be read or parsed in them.
pub fn read(tree: &SourceTree) -> (SourceMap, Vec<Diagnostic>) {
    let Reading { sources, mut diagnostics, .. } = reading::read(tree);
    diagnostics.retain(|one| {
        matches!(one.code, Code::TL001 | Code::TL002 | Code::TL003 | Code::TL004 | Code::TL603)
    });
    sort(&mut diagnostics);
    leave_secrets_out(&mut diagnostics, &sources);
    (sources, diagnostics)
}

/// Checks a tree: all problems of all files, but for what depends on the day.
pub fn validate(tree: &SourceTree) -> Checked {
    validate_on(tree, None)
}

/// Checks a tree as of a day: presets of brands grow old (TL414).
pub fn validate_on(tree: &SourceTree, today: Option<Date>) -> Checked {
    let Reading { sources, found: read, mut declared, documents, diagnostics: mut found, .. } =
        reading::read(tree);
    let sources = Arc::new(sources);
    let read = if tree.rooted { policies::void_last(read, &sources) } else { read };
    let (resources, places) = settle(read, &sources, tree.rooted, &mut declared, &mut found);
    if documents == 0 && found.is_empty() {
        found.push(no_manifests(tree));
    }
    fill_in_country_codes(&resources, &mut found);
    declared.note_misspelt_tenants(&resources);
    if tree.rooted {
        declared.note_policies(&resources, places.paths());
        declared.note_strays(&resources, places.paths());
        found.retain(|one| one.code != Code::TL202 || !is_of_stray(one, &declared));
    }
    let subjects = Subjects::new(&resources, declared.rests());
    let mut context = Context::new(&resources, &declared, &subjects, Some(&places));
    (context.rooted, context.today) = (tree.rooted, today);
    let mut checked = context.check();
    let paths = tree.files.iter().map(|file| file.path.as_str());
    rules::idle_globs(&context, paths, &mut checked);
    missing::once(&mut checked);
    let (mut followers, told): (Vec<_>, Vec<_>) = checked.into_iter().partition(|one| one.follows);
    // What a pool should be written as has the right dashes in it.
    let items = told.iter().filter(|one| one.code == Code::TL304).map(|one| one.span);
    let items: BTreeSet<_> = items.collect();
    let is_told = |one: &Diagnostic| one.code == Code::TL304 && items.contains(&one.span);
    found.retain(|one| !is_outside(one, &told) && !is_told(one));
    found.extend(told);
    drop_what_bytes_say(&mut found, &sources);
    sort(&mut found);
    leave_secrets_out(&mut found, &sources);
    leave_secrets_out(&mut followers, &sources);
    let errors = found.iter().filter(|one| one.severity() == Severity::Error).count();
    let files = tree.files.len();
    let summary = Summary { files, documents, errors, warnings: found.len() - errors };
    let (resources, places) = (Arc::new(resources), Arc::new(places));
    let desired = (errors == 0).then(|| Desired {
        resources: Arc::clone(&resources),
        sources: Arc::clone(&sources),
        places: Arc::clone(&places),
    });
    Checked { desired, resources, diagnostics: found, followers, sources, summary, places }
}

/// Of a value in which a byte is no UTF-8 nothing else is told: it was another one (TL004).
fn drop_what_bytes_say(found: &mut Vec<Diagnostic>, sources: &SourceMap) {
    let of_bytes = |one: &&Diagnostic| one.code == Code::TL004;
    let files = found.iter().filter(of_bytes).filter_map(|one| Some(one.span?.file));
    let files: BTreeSet<_> = files.collect();
    let is_damaged = |span: Span| {
        let text = files.contains(&span.file).then(|| sources.text(span.file));
        let written = text.and_then(|text| text.get(span.start as usize..span.end as usize));
        written.is_some_and(|text| text.contains(char::REPLACEMENT_CHARACTER))
    };
    if !files.is_empty() {
        found.retain(|one| one.code == Code::TL004 || !one.span.is_some_and(is_damaged));
    }
}

/// Whether a document's fault is only that it stands in a file of a tenant (TL601): what belongs to
/// the system has no tenant, and is out of place there with or without.
fn is_outside(one: &Diagnostic, told: &[Diagnostic]) -> bool {
    let outside = |other: &Diagnostic| other.code == Code::TL601 && other.span == one.span;
    one.code == Code::TL107 && told.iter().any(outside)
}

/// Whether a diagnostic is about what stands in a file of another tenant, which is told (TL601).
fn is_of_stray(one: &Diagnostic, declared: &Declared) -> bool {
    let id = one.resource.as_deref().and_then(|id| id.parse::<ResourceId>().ok());
    id.is_some_and(|id| declared.is_stray(&id))
}

/// Completes the fixes of numbers whose country is their tenant's (TL302).
fn fill_in_country_codes(resources: &ResourceSet, found: &mut [Diagnostic]) {
    let mut owned = None;
    for one in found.iter_mut().filter(|one| one.code == Code::TL302) {
        let id = one.resource.as_deref().and_then(|id| id.parse::<ResourceId>().ok());
        let owner = id.as_ref().and_then(|id| id.tenant.as_ref());
        let tenant = owner.and_then(|owner| resources.tenant(None, owner));
        let code = tenant.and_then(|tenant| tenant.country_code.as_deref());
        if let (Some(code), Some(help)) = (code, one.help.as_mut()) {
            let owned = owned.get_or_insert_with(|| owned_numbers(resources));
            let owned = owner.and_then(|tenant| owned.get(tenant));
            let is_owned = |range| owned.is_some_and(|all| all.uncovered(range).is_empty());
            *help = numbers::with_country_code(help, code, is_owned);
        }
    }
}

/// The numbers of each tenant's pools.
fn owned_numbers(resources: &ResourceSet) -> BTreeMap<&Name, Coverage> {
    let mut items: BTreeMap<&Name, Vec<NumberRange>> = BTreeMap::new();
    for (id, pool) in resources.did_pools() {
        let tenant = id.tenant.as_ref().map(|tenant| items.entry(tenant).or_default());
        tenant.into_iter().for_each(|all| all.extend(pool.numbers.items()));
    }
    items.into_iter().map(|(tenant, all)| (tenant, DidSet::new(all).coverage())).collect()
}

/// The errors of a set whose files are not at hand, by the rules over more than one field: the
/// diagnostics have no places.
pub fn check_resources(resources: &ResourceSet) -> Vec<Diagnostic> {
    let declared = Declared::default();
    let subjects = Subjects::new(resources, declared.rests());
    let mut found = Context::new(resources, &declared, &subjects, None).check();
    found.retain(|one| one.severity() == Severity::Error);
    found
}

/// Of documents that declare the same, the first one counts and the others are told (TL202).
fn settle(
    documents: Vec<Found>,
    sources: &Arc<SourceMap>,
    rooted: bool,
    declared: &mut Declared,
    found: &mut Vec<Diagnostic>,
) -> (ResourceSet, Places) {
    let (mut placed, mut resources, mut again, mut void) =
        (Vec::<(ResourceId, Place)>::new(), vec![], vec![], vec![]);
    let of_tenant = |id: &ResourceId, path: &str| {
        let is_policy = rooted && id.kind == Kind::Policy;
        is_policy.then(|| policies::tenant_of(path)).flatten()
    };
    for Found { id, place, broken, resource, rest } in by_identity(documents) {
        if let Some((_, first)) = placed.last().filter(|(first, _)| *first == id) {
            let path = sources.path(place.file());
            if let Some(tenant) = of_tenant(&id, path) {
                let counts = of_tenant(&id, sources.path(first.file())).is_none();
                let told = policies::outside(&id, path, "the system", &tenant);
                void.push((told, id, place, counts));
                continue;
            }
            // What it says does not count, and is missed by nobody: it may have meant another name.
            declared.refuse(Declares::Resource(id.clone()));
            again.push((id, place, broken));
            continue;
        }
        if broken.is_none() {
            placed.push((id.clone(), place));
        }
        match resource {
            Some(resource) => resources.push(resource),
            None => {
                declared.refuse(Declares::Resource(id));
                rest.into_iter().for_each(|rest| declared.keep(*rest));
            }
        }
    }
    let places = Places::new(Arc::clone(sources), placed);
    for (told, id, place, counts) in void {
        let span = places.tree_at(place).map(|tree| tree.nearest_span(NAME));
        let first = places.span(&id, NAME).filter(|_| counts);
        found.push(policies::nothing_counts(told.at(span), first));
    }
    for (id, place, broken) in again {
        let span = broken.or_else(|| Some(places.tree_at(place)?.nearest_span(NAME)));
        found.push(twice(&id, span, places.span(&id, NAME)));
    }
    (resources.into_iter().collect(), places)
}

/// The documents by identity, those of one identity as they were read. Most of a comparison would be
/// spent on the names of tenants, which are few and alike: their ranks are compared instead. The
/// resources of one kind and tenant mostly stand in order already.
fn by_identity(documents: Vec<Found>) -> impl Iterator<Item = Found> {
    let mut tenants: Vec<_> = documents.iter().map(|one| one.id.tenant.as_ref()).collect();
    tenants.dedup();
    tenants.sort_unstable();
    tenants.dedup();
    let (mut last, mut rank) = (None, 0);
    let ranks = documents.iter().enumerate().map(|(at, one)| {
        let tenant = one.id.tenant.as_ref();
        // Documents of one tenant mostly stand together.
        if last != Some(tenant) {
            last = Some(tenant);
            rank = tenants.binary_search(&tenant).unwrap_or_default();
        }
        (one.id.kind, rank, at)
    });
    let mut order: Vec<_> = ranks.collect();
    order.sort_unstable();
    let name = |at: usize| documents.get(at).map(|one| &one.id.name);
    for same in order.chunk_by_mut(|a, b| (a.0, a.1) == (b.0, b.1)) {
        if !same.is_sorted_by_key(|one| name(one.2)) {
            // Stable: those of one name stay as they were read.
            same.sort_by(|a, b| name(a.2).cmp(&name(b.2)));
        }
    }
    let mut documents: Vec<_> = documents.into_iter().map(Some).collect();
    order.into_iter().filter_map(move |(_, _, at)| documents.get_mut(at)?.take())
}

/// The field that shows where a resource is declared.
const NAME: &str = "/metadata/name";

fn twice(id: &ResourceId, span: Option<Span>, first: Option<Span>) -> Diagnostic {
    Diagnostic::new(Code::TL202, format!("{id} is declared twice"))
        .at(span)
        .of(id)
        .related(first, "it is declared here already")
        .help("give one of them another name, or remove it")
}

fn no_manifests(tree: &SourceTree) -> Diagnostic {
    let message = if tree.files.is_empty() {
        "no manifests found: there is no *.yaml or *.yml file here"
    } else {
        "no manifests found: the files hold no document"
    };
    Diagnostic::new(Code::TL804, message)
        .help("write a manifest, or give the directory that holds them")
}

fn sort(diagnostics: &mut [Diagnostic]) {
    let key = |one: &Diagnostic| (one.span.map(|span| (span.file, span.start)), one.code);
    diagnostics.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message)));
}
