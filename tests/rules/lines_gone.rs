//! Lines that are gone, or stand elsewhere, so that what is left says another thing: the line is named.

use super::single_breaks::{SOUND, errors, field, joined, lines, owned};

/// The help or the message of the one error of a text.
fn told(text: &str) -> String {
    let found = errors(text);
    let [one] = found.as_slice() else { return format!("{} errors: {found:#?}", found.len()) };
    format!("{} = {}", one.message, one.help.as_deref().unwrap_or_default())
}

#[test]
fn a_key_line_of_a_list_that_is_gone_is_one_error_that_names_it() {
    let (all, mut wrong) = (lines(), Vec::new());
    for at in 0..all.len() {
        let Some((before, name, "")) = field(all[at]) else { continue };
        let is_list = all.get(at + 1).is_some_and(|below| below.trim_start().starts_with('-'));
        // The days of a week take the same.
        if !is_list || before.contains('-') {
            continue;
        }
        for (how, line) in [("gone", None), ("a comment", Some(format!("# {}", all[at].trim())))] {
            let mut changed = owned(&all);
            changed.splice(at..=at, line);
            let told = told(&joined(&changed));
            if !told.contains(&format!("`{name}:`")) && name != "monday" {
                wrong.push(format!("line {}: `{name}:` {how}: {told}", at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_key_line_that_is_a_comment_is_one_error_that_names_it() {
    let (all, mut wrong) = (lines(), Vec::new());
    for at in 0..all.len() {
        let Some((before, name, "")) = field(all[at]).filter(|one| !one.0.is_empty()) else {
            continue;
        };
        let mut changed = owned(&all);
        let dash = if before.contains('-') { "- " } else { "" };
        let blanks = " ".repeat(before.len() - dash.len());
        changed[at] = format!("{blanks}# {dash}{name}:");
        let told = told(&joined(&changed));
        if !told.contains(&format!("{name}:` above is a comment")) {
            wrong.push(format!("line {}: {}: {told}", at + 1, changed[at]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_line_that_stands_too_far_left_among_others_is_told_there() {
    for (line, instead, key) in [
        ("  port: 5060", "port: 5060", "`port:` stands"),
        ("  port: 5060", " port: 5060", "`port:` stands"),
        ("  transport: udp\n  reg", "transport: udp\n  reg", "`transport:` stands"),
        ("    enabled: true\n    int", "  enabled: true\n    int", "`enabled:` stands"),
        ("      strip: 1", "    strip: 1", "`strip:` stands"),
        ("      - 500-599", "    - 500-599", "this item stands"),
    ] {
        let told = told(&SOUND.replacen(line, instead, 1));
        assert!(told.starts_with(&format!("{key} too far left")), "{instead}: {told}");
    }
}

#[test]
fn what_becomes_another_thing_without_a_line_names_the_line() {
    for (gone, name) in [
        ("  outOfHours:\n", "`outOfHours:` above"),
        ("  holiday:\n", "`holiday:` above"),
        ("    - trunk: backbone\n      w", "`- trunk:` above"),
        ("    groups:\n", "`groups:` above"),
    ] {
        let left = if gone.ends_with('w') { "      w" } else { "" };
        let told = told(&SOUND.replacen(gone, left, 1));
        assert!(told.contains(&format!("if the line {name}")), "{gone}: {told}");
    }
}
