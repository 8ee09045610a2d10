//! The rules: one function per code, grouped by what they are about.

mod answers;
mod beside;
mod brands;
mod caller_ids;
mod circles;
mod covered;
mod dead;
mod dialling;
mod effects;
mod emergency;
mod exceptions;
mod forwards;
mod headers;
mod hours;
mod identities;
mod inbound;
mod listeners;
mod loops;
mod outbound;
mod overlap;
mod pbxs;
mod pools;
mod provider;
mod references;
mod schedules;
mod scopes;
mod shares;
mod signers;
mod strays;
mod tenants;
mod transports;
mod trunks;
mod values;

pub(super) use answers::{Answers, answers};
pub(super) use beside::Room;
pub(super) use dialling::{Dialled, of_tenant as dialled};
pub(super) use references::misses_extension;
pub(super) use scopes::tl108_globs as idle_globs;
pub(super) use shares::{Uses, of_rules as uses};
pub(super) use signers::fault_of_list;

use super::context::Context;
use super::section::Section;
use crate::diag::Diagnostic;

/// A rule adds what it finds.
pub(super) type Rule = fn(&Context<'_>, &mut Vec<Diagnostic>);

/// A rule that looks at the resources of one owner at a time adds what it finds to what others have
/// found there.
pub(super) type SectionRule = for<'a> fn(&Context<'a>, &Section<'a>, &mut Vec<Diagnostic>);

/// Every rule about what belongs to one owner.
pub(super) const OF_SECTION: &[SectionRule] = &[
    values::tl103_ours,
    values::tl104_protection,
    values::tl104_former_names,
    values::tl104_uri_templates,
    values::tl105_one_of_two,
    effects::tl108_hours,
    effects::tl108_voicemail,
    effects::tl108_weights,
    schedules::tl106_holidays,
    schedules::tl201_schedules,
    references::tl201_extensions,
    tenants::tl202_extension_numbers,
    tenants::tl202_extension_users,
    inbound::tl502_same_numbers,
    inbound::tl503_lengths,
    inbound::tl506_foreign_trunk,
    outbound::tl506_foreign_trunk,
    caller_ids::tl501_tl507_outside_pools,
    dead::tl508_dead_outbound,
    dead::tl508_dead_emergency,
    dead::tl508_dead_routes,
    answers::tl508_dead_catch_all,
    exceptions::tl508_dead_exceptions,
    outbound::tl509_equal_priority,
    outbound::tl512_emergency,
    emergency::tl512_callers,
];

/// Every rule that compares owners, or what they share. They come after the others.
pub(super) const OF_ALL: &[Rule] = &[
    values::tl105_listener_tls,
    values::tl105_host,
    values::tl106_addresses,
    values::tl106_bounds,
    values::tl106_order,
    effects::tl108_trunks,
    references::tl201_tenants,
    references::tl201_trunks,
    references::tl201_rules,
    references::tl202_trunk_names,
    references::tl202_policies,
    shares::tl204_disabled_trunk,
    shares::tl204_disabled_tenant,
    tenants::tl104_timezones,
    tenants::tl104_headers,
    tenants::tl410_sip_domains,
    transports::tl408_same_address,
    transports::tl409_none,
    trunks::tl401_scope,
    trunks::tl405_second_of_provider,
    listeners::tl406_transport,
    listeners::tl406_family,
    trunks::tl407_same_packet,
    pbxs::tl407_same_pbx,
    pbxs::tl407_pbx_at_trunk,
    identities::tl403_same_user,
    identities::tl403_same_whatsapp,
    identities::tl404_tenant_domain,
    identities::tl411_teams,
    identities::tl413_private_address,
    shares::tl305_without_pool,
    shares::tl415_unassigned,
    shares::tl416_auth_id,
    shares::tl417_shares,
    shares::tl418_in_no_rule,
    pools::tl301_shared_numbers,
    pools::tl304_mergeable,
    pools::tl304_own_pools,
    pools::tl306_shared_anywhere,
    answers::tl510_unanswered,
    brands::tl104_regions,
    brands::tl412_advice,
    brands::tl414_old_presets,
    signers::tl104_signers,
    signers::tl105_signers,
    strays::tl601_scopes,
    loops::tl511_circles,
];
