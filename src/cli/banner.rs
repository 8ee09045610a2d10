//! What `serve` says when it stands: what runs, where, and what to try next.

use std::path::Path;

use crate::diag::visible;
use crate::model::Observed;
use crate::reconcile::Standing;

/// Printed at the start when it stands in the followed directory, instead of the usual advice.
const TRY_NEXT: &str = "TRY-NEXT.txt";

/// Advice longer than this is none.
const MAX_TRY_NEXT_BYTES: u64 = 16 * 1024;

/// Resources without their secrets that are told at the start; `status` tells all.
const MAX_WAITING: usize = 10;

/// The words, with a line end.
pub(super) fn text(
    standing: &Standing,
    observed: Option<&Observed>,
    url: &str,
    path: &Path,
) -> String {
    let mut lines = vec![String::new(), format!("trunkline serves {}", visible(&standing.source))];
    match &standing.applied {
        Some(applied) => {
            let resources = &applied.resources;
            lines.push(format!(
                "  revision    {} (generation {})",
                applied.revision, applied.generation
            ));
            lines.push(format!(
                "  resources   {}: {} tenants, {} trunks",
                resources.len(),
                resources.tenants().count(),
                resources.trunks().count()
            ));
        }
        None => lines.push("  revision    nothing is in force yet: no call is routed".to_owned()),
    }
    for transport in observed.map_or(&[][..], |observed| &observed.transports) {
        let why = transport.message.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        lines.push(format!(
            "  transport   {} {} {:?}{why}",
            transport.resource, transport.address, transport.condition
        ));
    }
    for waiting in observed.map_or(&[][..], |observed| &observed.waiting).iter().take(MAX_WAITING) {
        lines.push(format!("  waiting     {}: {}", waiting.resource, waiting.message));
    }
    lines.push(format!("  API         {url}"));
    for condition in standing.conditions() {
        if condition.holds == Some(false) {
            lines.push(format!("  {:<11} {}", condition.reason, condition.message));
        }
    }
    lines.push(String::new());
    lines.push(try_next(path, url));
    lines.join("\n")
}

fn try_next(path: &Path, url: &str) -> String {
    let file = path.join(TRY_NEXT);
    let small =
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_TRY_NEXT_BYTES);
    match small.then(|| std::fs::read_to_string(&file)) {
        Some(Ok(text)) => text,
        _ => format!(
            "Try next, in a second terminal:\n  \
             trunkline status --server {url}\n  \
             trunkline plan {} --server {url}\n",
            visible(&path.display().to_string())
        ),
    }
}
