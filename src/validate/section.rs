//! The resources of one owner. Rules mostly compare what belongs to one tenant: run over one tenant
//! after the other, they find what they share in the processor's caches, however large the estate is.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::rules::{self, Answers, Dialled};
use crate::model::value::Name;
use crate::model::{
    DidPool, Extension, InboundRule, Kind, OutboundRule, Resource, ResourceId, ResourceSet,
    RouteTest, Schedule, Spec, Tenant,
};

/// A resource with its identity.
type Subject<'a> = (&'a ResourceId, &'a Resource);

/// The tenant whose names a resource may use: a Tenant uses its own.
pub(super) fn owner(id: &ResourceId) -> Option<&Name> {
    if id.kind == Kind::Tenant { Some(&id.name) } else { id.tenant.as_ref() }
}

/// Every resource, those of one owner together, by kind and name.
#[derive(Debug)]
pub(super) struct Subjects<'a> {
    sound: Vec<Subject<'a>>,
    rests: Vec<Subject<'a>>,
}

impl<'a> Subjects<'a> {
    /// Those that are sound by themselves, and what is left of refused ones.
    pub(super) fn new(sound: &'a ResourceSet, rests: &'a ResourceSet) -> Self {
        let sorted = |set: &'a ResourceSet| {
            let mut all: Vec<Subject<'a>> = set.iter().map(|(id, one)| (id, &**one)).collect();
            // Stable: what is of one owner and kind stays in the order of names.
            all.sort_by_key(|(id, _)| (owner(id), id.kind));
            all
        };
        Self { sound: sorted(sound), rests: sorted(rests) }
    }

    /// The sections, by owner; the system's is the first, if it has resources of its own.
    pub(super) fn sections<'s: 'a>(&'s self) -> Vec<Section<'a>> {
        let same = |a: &Subject<'_>, b: &Subject<'_>| owner(a.0) == owner(b.0);
        let mut rests = self.rests.chunk_by(same).peekable();
        let mut sections: Vec<Section<'_>> = Vec::new();
        let whose = |run: &[Subject<'a>]| run.first().and_then(|(id, _)| owner(id));
        for run in self.sound.chunk_by(same) {
            let tenant = whose(run);
            while let Some(rest) = rests.next_if(|rest| whose(rest) < tenant) {
                sections.push(Section::new(whose(rest), &[], rest));
            }
            let rest = rests.next_if(|rest| whose(rest) == tenant).unwrap_or_default();
            sections.push(Section::new(tenant, run, rest));
        }
        sections.extend(rests.map(|rest| Section::new(whose(rest), &[], rest)));
        sections
    }
}

/// Resources of one owner, by kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    all: &'a [Subject<'a>],
    /// Where each kind ends.
    ends: [usize; Kind::ALL.len()],
}

macro_rules! kinds {
    ($($each:ident $kind:ident,)*) => {
        impl<'a> Part<'a> {
            $(
                /// Every resource of the kind, in the order of names.
                pub(super) fn $each(
                    &self,
                ) -> impl Iterator<Item = (&'a ResourceId, &'a $kind)> + use<'a> {
                    self.of_kind(Kind::$kind).iter().filter_map(|(id, one)| match &one.spec {
                        Spec::$kind(spec) => {
                            let spec: &$kind = spec;
                            Some((*id, spec))
                        }
                        _ => None,
                    })
                }
            )*
        }

        impl<'a> Section<'a> {
            $(
                /// Every resource of the kind, also what is left of refused ones: what a rule reads
                /// of these, it has to ask [`Context::knows`] for.
                pub(super) fn $each(
                    &self,
                ) -> impl Iterator<Item = (&'a ResourceId, &'a $kind)> + use<'a> {
                    self.sound.$each().chain(self.rests.$each())
                }
            )*
        }
    };
}

kinds! {
    tenants Tenant,
    did_pools DidPool,
    schedules Schedule,
    extensions Extension,
    inbound_rules InboundRule,
    outbound_rules OutboundRule,
    route_tests RouteTest,
}

impl<'a> Part<'a> {
    fn new(all: &'a [Subject<'a>]) -> Self {
        let mut ends = [0; Kind::ALL.len()];
        for (id, _) in all {
            if let Some(count) = ends.get_mut(id.kind as usize) {
                *count += 1;
            }
        }
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        Self { all, ends }
    }

    /// Whether there is one of this kind and name.
    pub(super) fn has(&self, kind: Kind, name: &Name) -> bool {
        self.of_kind(kind).binary_search_by(|(id, _)| id.name.cmp(name)).is_ok()
    }

    fn of_kind(&self, kind: Kind) -> &'a [Subject<'a>] {
        let end = |index: usize| self.ends.get(index).copied().unwrap_or_default();
        let index = kind as usize;
        let start = index.checked_sub(1).map_or(0, end);
        self.all.get(start..end(index)).unwrap_or_default()
    }
}

/// What one tenant has, or the system.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// The tenant; `None` for what is the system's.
    pub tenant: Option<&'a Name>,
    /// What is sound by itself.
    pub sound: Part<'a>,
    /// What is left of refused documents.
    rests: Part<'a>,
    /// What [`Section::dialled`] came to: ordinary rules, emergency rules.
    dialled: [OnceCell<Vec<Dialled<'a>>>; 2],
    /// What [`Section::misses_extension`] came to.
    misses_extension: OnceCell<bool>,
    /// What [`Section::groups`] came to.
    groups: OnceCell<BTreeSet<&'a str>>,
    /// What [`Section::answers`] came to.
    answers: OnceCell<BTreeMap<&'a ResourceId, Answers<'a>>>,
}

impl<'a> Section<'a> {
    fn new(tenant: Option<&'a Name>, sound: &'a [Subject<'a>], rests: &'a [Subject<'a>]) -> Self {
        let (sound, rests) = (Part::new(sound), Part::new(rests));
        Self {
            tenant,
            sound,
            rests,
            dialled: Default::default(),
            misses_extension: OnceCell::new(),
            groups: OnceCell::new(),
            answers: OnceCell::new(),
        }
    }

    /// Every resource, also what is left of refused ones.
    pub(super) fn all(&self) -> impl Iterator<Item = Subject<'a>> + use<'a> {
        self.sound.all.iter().chain(self.rests.all).copied()
    }

    /// The outbound rules in the order they are tried: those for emergencies, or the others.
    pub(super) fn dialled(&self, context: &Context<'a>, emergency: bool) -> &[Dialled<'a>] {
        let [ordinary, urgent] = &self.dialled;
        let cell = if emergency { urgent } else { ordinary };
        cell.get_or_init(|| rules::dialled(context, self, emergency))
    }

    /// Whether something names an extension that does not exist, which is told.
    pub(super) fn misses_extension(&self, context: &Context<'a>) -> bool {
        *self.misses_extension.get_or_init(|| rules::misses_extension(context, self))
    }

    /// The groups that extensions are in.
    pub(super) fn groups(&self) -> &BTreeSet<&'a str> {
        let groups = || self.sound.extensions().filter_map(|(_, one)| one.group.as_deref());
        self.groups.get_or_init(|| groups().collect())
    }

    /// What the enabled rules answer, by their trunks.
    pub(super) fn answers(&self, context: &Context<'a>) -> &BTreeMap<&'a ResourceId, Answers<'a>> {
        self.answers.get_or_init(|| rules::answers(context, self))
    }
}
