//! Another kind than the fields of `spec` are of, and another type of trunk than its blocks are of: one
//! error.

use super::single_breaks::{SOUND, errors, joined, lines, owned};

const KINDS: [&str; 10] = [
    "Policy",
    "Transport",
    "Tenant",
    "Trunk",
    "DidPool",
    "Extension",
    "Schedule",
    "InboundRule",
    "OutboundRule",
    "RouteTest",
];

const TYPES: [&str; 5] = ["ip", "register", "acceptRegister", "teams", "whatsApp"];

/// Every text in which one line says another word, without those that have one error: `there`, at that
/// line.
fn wrong(begins: &str, words: &[&str], there: bool) -> Vec<String> {
    let (all, mut wrong) = (lines(), Vec::new());
    for (at, line) in all.iter().enumerate().filter(|(_, line)| line.starts_with(begins)) {
        for word in words {
            let mut changed = owned(&all);
            changed[at] = format!("{begins}{word}");
            if changed[at] == *line {
                continue;
            }
            let text = joined(&changed);
            let found = errors(&text);
            let here = |start: u32| !there || text[..start as usize].matches('\n').count() == at;
            let is_told =
                matches!(found.as_slice(), [one] if one.span.is_some_and(|span| here(span.start)));
            if !is_told {
                wrong.push(format!("line {}: {line} as {word}: {found:#?}", at + 1));
            }
        }
    }
    wrong
}

#[test]
fn another_kind_is_one_error_there() {
    let wrong = wrong("kind: ", &KINDS, true);
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(KINDS.iter().all(|kind| SOUND.contains(&format!("kind: {kind}\n"))));
}

#[test]
fn another_type_of_trunk_is_one_error() {
    let wrong = wrong("  type: ", &TYPES, false);
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
