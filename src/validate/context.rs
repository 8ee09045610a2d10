//! What a rule looks at: the resources, what else is declared, and where everything stands.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;

use super::declared::Declared;
use super::places::Places;
use super::rules::{self, Answers, Dialled, Room, Uses};
use super::section::{Section, Subjects};
use crate::diag::{Code, Diagnostic, Span};
use crate::manifest::suggest;
use crate::model::value::{Date, DidSet, Name, NumberRange};
use crate::model::{
    Extension, Kind, Policy, ResourceId, ResourceSet, RouteTest, Schedule, Tenant, Transport, Trunk,
};

/// A map that is asked all the time, and whose order matters to nobody.
pub(super) type Map<K, V> = HashMap<K, V, RandomState>;

/// A set of that sort.
pub(super) type Set<T> = HashSet<T, RandomState>;

/// The trunks of one name.
#[derive(Debug, Default)]
struct Namesakes<'a> {
    /// The system's.
    system: Option<(&'a ResourceId, &'a Trunk)>,
    /// Those of tenants.
    own: Map<&'a Name, (&'a ResourceId, &'a Trunk)>,
    /// The first tenant's.
    first: Option<&'a ResourceId>,
}

/// A tenant's place on a trunk.
pub(super) type Share<'a> = (&'a ResourceId, &'a Name);

/// The place of a field as a JSON pointer, with the index of an item and what follows it. It is
/// spelled out where somebody asks: most are in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field(pub &'static str, pub Option<(usize, &'static str)>);

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)?;
        self.1.map_or(Ok(()), |(index, rest)| write!(f, "/{index}{rest}"))
    }
}

/// One check of one set.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// The resources that are sound by themselves.
    pub set: &'a ResourceSet,
    /// What refused documents declare.
    pub declared: &'a Declared,
    /// Whether files have a root, so that scopes can be checked.
    pub rooted: bool,
    /// The day of the check, where it is known.
    pub today: Option<Date>,
    places: Option<&'a Places>,
    /// The tenants that are declared soundly.
    tenants: Set<&'a Name>,
    /// Every trunk by its name: rules ask for one all the time, and most have few namesakes.
    trunks: Map<&'a Name, Namesakes<'a>>,
    /// The items of a tenant's pools on a trunk.
    pools: Map<Share<'a>, Vec<PoolItem<'a>>>,
    /// Whose pools there are, by trunk and tenant.
    shares: Vec<Share<'a>>,
    /// The tenants with pools on trunks that do not exist: another one is meant.
    lost_pools: BTreeSet<&'a Name>,
    /// What everybody has, by owner.
    sections: Vec<Section<'a>>,
    /// The first schedule of each name, by tenants, and whether others have the name, too.
    schedules: OnceCell<Map<&'a Name, (&'a ResourceId, bool)>>,
    /// Names that may still be compared for being near to one that means nothing.
    pub compared: Cell<usize>,
    /// The other places that diagnostics may still have.
    pub room: Room,
    /// What [`Context::uses`] came to.
    uses: OnceCell<Uses<'a>>,
}

/// One item of a pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolItem<'a> {
    /// The pool.
    pub pool: &'a ResourceId,
    /// Its index in the pool's list.
    pub index: usize,
    /// The numbers.
    pub range: NumberRange,
}

/// What a trunk's name means where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum TrunkName<'a> {
    /// A trunk that the tenant may use by name.
    Is(&'a ResourceId, &'a Trunk),
    /// A trunk whose document is refused: nothing can be said.
    Refused,
    /// Only other tenants' own trunks have that name.
    OfTenant,
    /// Nothing has that name.
    Nothing,
}

/// Resources that are looked at by themselves, or for what they refer to.
macro_rules! subjects {
    ($($each:ident $kind:ident,)*) => {
        impl<'a> Context<'a> {
            $(
                /// Every resource of the kind, also what is left of refused ones: what a rule reads
                /// of these, it has to ask [`Context::knows`] for.
                pub(super) fn $each(
                    &self,
                ) -> impl Iterator<Item = (&'a ResourceId, &'a $kind)> + use<'a> {
                    self.set.$each().chain(self.declared.rests().$each())
                }
            )*
        }
    };
}

subjects! {
    policies Policy,
    transports Transport,
    tenants Tenant,
    trunks Trunk,
    schedules Schedule,
    extensions Extension,
    route_tests RouteTest,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        set: &'a ResourceSet,
        declared: &'a Declared,
        subjects: &'a Subjects<'a>,
        places: Option<&'a Places>,
    ) -> Self {
        let mut context = Self {
            set,
            declared,
            rooted: false,
            today: None,
            places,
            tenants: set.tenants().map(|(id, _)| &id.name).collect(),
            trunks: HashMap::default(),
            pools: HashMap::default(),
            shares: Vec::new(),
            lost_pools: BTreeSet::new(),
            sections: subjects.sections(),
            schedules: OnceCell::new(),
            compared: Cell::new(suggest::MAX_COMPARED),
            room: Room::new(),
            uses: OnceCell::new(),
        };
        for (id, trunk) in set.trunks() {
            let of_name = context.trunks.entry(&id.name).or_default();
            match &id.tenant {
                None => of_name.system = Some((id, trunk)),
                Some(tenant) => {
                    of_name.own.insert(tenant, (id, trunk));
                    of_name.first.get_or_insert(id);
                }
            }
        }
        for (id, pool) in set.did_pools() {
            let Some(tenant) = &id.tenant else { continue };
            let trunk = match context.trunk(Some(tenant), &pool.trunk) {
                TrunkName::Is(trunk, _) => trunk,
                TrunkName::Refused => continue,
                TrunkName::OfTenant | TrunkName::Nothing => {
                    context.lost_pools.insert(tenant);
                    continue;
                }
            };
            let items = pool.numbers.items().iter().enumerate();
            let items = items.map(|(index, range)| PoolItem { pool: id, index, range: *range });
            context.pools.entry((trunk, tenant)).or_default().extend(items);
            context.shares.push((trunk, tenant));
        }
        context.shares.sort_unstable();
        context.shares.dedup();
        context
    }

    /// Whether nothing that a resource says is refused.
    pub(super) fn is_whole(&self, id: &ResourceId) -> bool {
        self.declared.knows_all(id)
    }

    /// Whether nothing that these fields of a resource say is refused; an absent field says
    /// something, too.
    pub(super) fn knows(&self, id: &ResourceId, fields: &[&str]) -> bool {
        self.declared.knows(id, fields)
    }

    /// Runs every rule.
    pub(super) fn check(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for section in &self.sections {
            // What a rule has told is looked at by others of the section.
            let mut told = Vec::new();
            rules::OF_SECTION.iter().for_each(|rule| rule(self, section, &mut told));
            found.append(&mut told);
        }
        rules::OF_ALL.iter().for_each(|rule| rule(self, &mut found));
        found
    }

    /// What each owner has.
    pub(super) fn sections(&self) -> impl Iterator<Item = &Section<'a>> {
        self.sections.iter()
    }

    /// What a tenant has, if anything.
    fn section(&self, tenant: &Name) -> Option<&Section<'a>> {
        let at = self.sections.binary_search_by(|one| one.tenant.cmp(&Some(tenant))).ok()?;
        self.sections.get(at)
    }

    /// A diagnostic at a field of a resource.
    pub(super) fn diagnostic(
        &self,
        code: Code,
        id: &ResourceId,
        field: &str,
        message: impl Into<String>,
    ) -> Diagnostic {
        let follows = is_of_tenants(code) && self.declared.is_stray(id);
        Diagnostic::new(code, message).of(id).at(self.span(id, field)).follows(follows)
    }

    /// A conflict of two resources about a field: the one that stands later is blamed, and the
    /// message says it of the other one. Without places, the later name counts as later.
    pub(super) fn conflict(
        &self,
        code: Code,
        field: &str,
        pair: (&ResourceId, &ResourceId),
        message: impl FnOnce(&ResourceId, &ResourceId) -> String,
    ) -> Diagnostic {
        let order = |id| (self.span(id, field), id);
        let (first, second) = if order(pair.0) <= order(pair.1) { pair } else { (pair.1, pair.0) };
        self.diagnostic(code, second, field, message(second, first))
            .related(self.span(first, field), format!("{first} stands here"))
            .follows(is_of_tenants(code) && self.declared.is_stray(first))
    }

    /// Every resource with its file, where there are files.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&'a ResourceId, &'a str)> {
        let mut sound = self.set.iter().map(|(id, _)| id).peekable();
        let rests = self.declared.rests();
        // What is sound has a place: as many places are the same ones.
        let places = self.places.map_or(0, Places::len);
        let all = self.set.len() == places;
        // Both are sorted.
        self.places.into_iter().flat_map(Places::paths).filter(move |(id, _)| {
            if all {
                return true;
            }
            while sound.next_if(|one| one < id).is_some() {}
            sound.next_if_eq(id).is_some() || rests.contains(id)
        })
    }

    /// The place of a field's value.
    pub(super) fn span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.places.and_then(|places| places.span(id, field))
    }

    /// The place of a field's key: where to show that something is missing below it.
    pub(super) fn key_span(&self, id: &ResourceId, field: &str) -> Option<Span> {
        self.places.and_then(|places| places.key_span(id, field))
    }

    /// The place of an item of a pool.
    pub(super) fn item_span(&self, item: &PoolItem<'_>) -> Option<Span> {
        self.places.and_then(|places| places.item_span(item.pool, item.index))
    }

    /// Whether a tenant is declared, or may be by a document that is refused.
    pub(super) fn has_tenant(&self, name: &Name) -> bool {
        let refused = || self.declared.may_be(&ResourceId::system(Kind::Tenant, name.clone()));
        self.tenants.contains(name) || refused()
    }

    /// Whether a refused document may be a pool of a tenant.
    pub(super) fn may_have_pool(&self, tenant: &Name) -> bool {
        self.declared.may_have(Kind::DidPool, Some(tenant))
    }

    /// Whether something of this kind that names a tenant which does not exist may be a tenant's: where
    /// few do so, any tenant's, and else that of one that has nothing of the kind, because the tenant
    /// that they name may be this one under its former name.
    pub(super) fn has_lost(&self, kind: Kind, tenant: &Name) -> bool {
        let has_none = || self.set.owned(kind, tenant).next().is_none();
        self.declared.has_homeless(kind) || self.declared.has_lost(kind) && has_none()
    }

    /// Whether a tenant has a pool on a trunk that does not exist, or may have one that names a tenant
    /// that does not: it may be meant for any other.
    pub(super) fn has_lost_pool(&self, tenant: &Name) -> bool {
        self.lost_pools.contains(tenant) || self.has_lost(Kind::DidPool, tenant)
    }

    /// Whether any tenant may have one.
    pub(super) fn may_have_any_pool(&self) -> bool {
        !self.lost_pools.is_empty() || self.declared.may_have_any(Kind::DidPool)
    }

    /// A tenant's own trunk of this name.
    pub(super) fn trunk_of_tenant(&self, name: &Name) -> Option<&'a ResourceId> {
        self.trunks.get(name)?.first
    }

    /// The tenant's trunk of this name, where one tenant alone has one.
    pub(super) fn only_trunk_of_tenant(&self, name: &Name) -> Option<&'a ResourceId> {
        let of_name = self.trunks.get(name)?;
        of_name.first.filter(|_| of_name.own.len() == 1)
    }

    /// A schedule of this name, whosever it is, and whether several have one.
    pub(super) fn anybodys_schedule(&self, name: &Name) -> Option<(&'a ResourceId, bool)> {
        let schedules = self.schedules.get_or_init(|| {
            let mut first = Map::default();
            for (id, _) in self.set.schedules() {
                first
                    .entry(&id.name)
                    .and_modify(|one: &mut (_, _)| one.1 = true)
                    .or_insert((id, false));
            }
            first
        });
        schedules.get(name).copied()
    }

    /// What a trunk's name means to a tenant.
    pub(super) fn trunk(&self, tenant: Option<&Name>, name: &Name) -> TrunkName<'a> {
        let of_name = self.trunks.get(name);
        let own = of_name.and_then(|all| all.own.get(tenant?).copied());
        if let Some((id, trunk)) = own.or_else(|| of_name?.system) {
            return TrunkName::Is(id, trunk);
        }
        let own = tenant.map(|tenant| ResourceId::owned(Kind::Trunk, tenant.clone(), name.clone()));
        let system = ResourceId::system(Kind::Trunk, name.clone());
        if own.into_iter().chain([system]).any(|id| self.declared.may_be(&id)) {
            return TrunkName::Refused;
        }
        if of_name.is_some() { TrunkName::OfTenant } else { TrunkName::Nothing }
    }

    /// The trunk of an identity.
    pub(super) fn trunk_of(&self, id: &ResourceId) -> Option<&'a Trunk> {
        let of_name = self.trunks.get(&id.name)?;
        let found = match &id.tenant {
            Some(tenant) => of_name.own.get(tenant).copied(),
            None => of_name.system,
        };
        found.map(|(_, trunk)| trunk)
    }

    /// The outbound rules of a tenant in the order they are tried: those for emergencies, or the
    /// others.
    pub(super) fn dialled(&self, tenant: &Name, emergency: bool) -> &[Dialled<'a>] {
        self.section(tenant).map(|one| one.dialled(self, emergency)).unwrap_or_default()
    }

    /// Which trunks the rules use.
    pub(super) fn uses(&self) -> &Uses<'a> {
        self.uses.get_or_init(|| rules::uses(self))
    }

    /// What the rules of a tenant on a trunk answer, if there is a rule.
    pub(super) fn answers(&self, trunk: &ResourceId, tenant: &Name) -> Option<&Answers<'a>> {
        self.section(tenant)?.answers(self).get(trunk)
    }

    /// The items of a tenant's pools on a trunk; `None` without a pool.
    pub(super) fn pool_items<'s>(
        &'s self,
        trunk: &'s ResourceId,
        tenant: &'s Name,
    ) -> Option<&'s [PoolItem<'a>]> {
        self.pools.get(&(trunk, tenant)).map(Vec::as_slice)
    }

    /// The pools of every trunk and tenant.
    pub(super) fn pools(
        &self,
    ) -> impl Iterator<Item = (&'a ResourceId, &'a Name, &[PoolItem<'a>])> {
        let items = |(trunk, tenant)| Some((trunk, tenant, self.pool_items(trunk, tenant)?));
        self.shares.iter().copied().filter_map(items)
    }
}

/// Whether a code compares what a document says with the rest of its tenant, so that a wrong tenant may
/// be the reason.
fn is_of_tenants(code: Code) -> bool {
    matches!(
        code,
        Code::TL201
            | Code::TL202
            | Code::TL203
            | Code::TL305
            | Code::TL402
            | Code::TL404
            | Code::TL418
            | Code::TL501
            | Code::TL502
            | Code::TL506
            | Code::TL507
            | Code::TL508
            | Code::TL509
            | Code::TL510
            | Code::TL511
    )
}

/// Ranges as people read them, `1-5, 7`; cut after some, with the number of the rest.
pub(super) fn listed(ranges: &[NumberRange]) -> String {
    const MAX_SHOWN: usize = 10;
    let shown: Vec<String> = ranges.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
    let rest = ranges.len().saturating_sub(MAX_SHOWN);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(", ") + &more
}

/// The numbers that some items hold.
pub(super) fn number_set(items: &[PoolItem<'_>]) -> DidSet {
    DidSet::new(items.iter().map(|item| item.range).collect())
}
