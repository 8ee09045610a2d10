//! Two neighbouring lines that stand the wrong way round, as a key of an editor does it: one error.

use super::single_breaks::{errors, joined, lines, owned};

#[test]
fn two_lines_that_are_swapped_are_one_error() {
    let (all, mut wrong, mut told) = (lines(), Vec::new(), 0);
    for at in 0..all.len() - 1 {
        if all[at] == "---" || all[at + 1] == "---" {
            continue;
        }
        let mut changed = owned(&all);
        changed.swap(at, at + 1);
        let found = errors(&joined(&changed));
        told += usize::from(found.iter().any(|one| one.message.contains("wrong way round")));
        if found.len() > 1 {
            wrong.push(format!("line {}: {} and {}: {found:#?}", at + 1, all[at], all[at + 1]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(told > 100, "{told}");
}
