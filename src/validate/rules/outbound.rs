//! Rules about outbound rules.

use super::inbound::foreign_trunk;
use crate::diag::Diagnostic;
use crate::validate::context::Context;

/// A route over a trunk that the tenant neither owns nor has a pool on.
pub(super) fn tl506_foreign_trunk(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, rule) in context.set.outbound_rules() {
        for (index, route) in rule.routes.iter().enumerate() {
            let field = format!("/spec/routes/{index}/trunk");
            found.extend(foreign_trunk(context, id, &route.trunk, &field));
        }
    }
}
