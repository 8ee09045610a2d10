//! A plan for a pull request: summary first, deletions never collapsed, short enough to be posted.

use std::fmt::Write as _;

use super::render_text::{harmless, numbers_text, summary_line, value_text};
use super::{Action, Change, Plan};
use crate::diag::{SourceMap, render_text as render_diagnostics};

/// Forges refuse comments of 65,536 characters; this leaves room for a heading of theirs.
pub const MAX_CHARACTERS: usize = 64_000;

/// The plan as Markdown of at most [`MAX_CHARACTERS`].
pub fn render_markdown(plan: &Plan, sources: &SourceMap) -> String {
    let mut page = Page { text: String::new(), characters: 0, left_out: 0 };
    page.push(&format!("**{}**\n\n", summary_line(plan)));
    if plan.is_refused() {
        let told = render_diagnostics(&plan.refusals, sources, false);
        page.push(&format!("### Refused\n\n```text\n{}```\n\n", told.replace("```", "'''")));
    }
    let (going, staying): (Vec<_>, Vec<_>) = plan
        .changes
        .iter()
        .partition(|change| matches!(change.action, Action::Delete | Action::Replace));
    page.list("### Deleted or replaced\n\n", "", going.iter().map(|one| change_text(one, sources)));
    let routes = plan.behaviour.iter().map(|change| {
        let from = change.trunk.as_ref().or(change.tenant.as_ref());
        format!(
            "- {} `{}` ({}): `{}` → `{}`\n",
            change.direction.as_str(),
            numbers_text(change),
            from.map(String::as_str).unwrap_or_default(),
            escaped(&change.before),
            escaped(&change.after),
        )
    });
    page.list("### Which numbers change their route\n\n", "", routes);
    let title = format!("<details><summary>{} created or changed</summary>\n\n", staying.len());
    page.list(&title, "\n</details>\n\n", staying.iter().map(|one| change_text(one, sources)));
    if page.left_out > 0 {
        let words = "lines left out: the whole plan is in the output of `trunkline plan -o json`";
        writeln!(page.text, "\n*{} {words}*", page.left_out).ok();
    }
    writeln!(page.text, "\ndigest `{}`", plan.digest).ok();
    page.text
}

/// The text so far, with a bound.
struct Page {
    text: String,
    characters: usize,
    left_out: usize,
}

impl Page {
    /// Adds a piece, or counts it as left out.
    fn push(&mut self, piece: &str) -> bool {
        let characters = piece.chars().count();
        let fits = self.characters + characters <= MAX_CHARACTERS - 500;
        if fits {
            self.text.push_str(piece);
            self.characters += characters;
        } else {
            self.left_out += 1;
        }
        fits
    }

    fn list(&mut self, before: &str, after: &str, lines: impl Iterator<Item = String>) {
        let mut opened = false;
        for line in lines {
            opened = opened || self.push(before);
            self.push(&line);
        }
        if opened {
            // Closes what `before` opened, within the room that `push` keeps free.
            self.text.push_str(if after.is_empty() { "\n" } else { after });
        }
    }
}

fn change_text(change: &Change, sources: &SourceMap) -> String {
    let mut text = format!("- {} `{}`", change.action.as_str(), change.resource);
    if let Some(span) = change.span {
        write!(text, " ({})", escaped(&sources.file_line(span))).ok();
    }
    if let Some(reason) = &change.reason {
        write!(text, ": {reason}").ok();
    }
    if let Some(impact) = &change.impact {
        write!(text, "; {impact}").ok();
    }
    text.push('\n');
    for field in &change.fields {
        let (old, new) = (value_text(field.old.as_ref()), value_text(field.new.as_ref()));
        writeln!(text, "  - `{}`: `{}` → `{}`", escaped(&field.path), escaped(&old), escaped(&new))
            .ok();
    }
    text
}

/// A text that cannot end the code span or the line that it stands in.
fn escaped(text: &str) -> String {
    harmless(text).replace('`', "'")
}
