//! One break, one error: sound manifests of every kind in which exactly one thing is broken, as
//! people break it: a line gone, moved, or written with a tab; a field under another name; a value
//! of another type; a document gone or there twice.

use std::sync::Arc;

use trunkline::diag::{Diagnostic, Severity};
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::validate::validate;

/// Every kind, each field on a line of its own.
pub(super) const SOUND: &str = include_str!("single_breaks.yaml");

pub(super) fn errors(text: &str) -> Vec<Diagnostic> {
    let content = Content::Text(Arc::from(text));
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    let mut found = validate(&SourceTree { files: vec![file], rooted: false }).diagnostics;
    found.retain(|one| one.severity() == Severity::Error);
    found
}

/// The lines of the sound text, with the index of each.
pub(super) fn lines() -> Vec<&'static str> {
    SOUND.lines().collect()
}

/// How far a line is indented; the dash of an item counts as blanks.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '-']).len()
}

/// Where the block of a line ends: the line with what is below it.
fn block_end(all: &[&str], at: usize) -> usize {
    let own = indent(all[at]);
    let inside = |line: &&&str| indent(line) > own && !line.starts_with("---");
    at + 1 + all[at + 1..].iter().take_while(inside).count()
}

/// The field of a line: what stands before it, its name, and its value.
pub(super) fn field(line: &str) -> Option<(&str, &str, &str)> {
    let begin = indent(line);
    let (name, value) = line.get(begin..)?.split_once(':')?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain && !line.starts_with('#')).then_some((&line[..begin], name, value.trim()))
}

pub(super) fn joined(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

/// Every text with one break, with what was done.
#[derive(Default)]
struct Broken(Vec<(String, String)>);

impl Broken {
    fn add(&mut self, what: String, all: &[String]) {
        self.0.push((what, joined(all)));
    }

    /// The texts that are refused with more than one error.
    fn wrong(&self, at_least: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        for (what, text) in &self.0 {
            let found = errors(text);
            if found.len() > 1 || found.len() < at_least {
                let told = found.iter().map(|one| {
                    format!(
                        "  {} {} = {}",
                        one.code,
                        one.message,
                        one.help.as_deref().unwrap_or("")
                    )
                });
                wrong.push(format!("{what}\n{}", told.collect::<Vec<_>>().join("\n")));
            }
        }
        wrong
    }
}

pub(super) fn owned(all: &[&str]) -> Vec<String> {
    all.iter().map(|line| (*line).to_owned()).collect()
}

fn assert_one_each(broken: &Broken, at_least: usize) {
    let wrong = broken.wrong(at_least);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), broken.0.len(), wrong.join("\n"));
}

#[test]
fn the_text_is_sound() {
    assert_eq!(errors(SOUND), []);
}

#[test]
fn a_field_that_is_gone_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let Some((before, name, _)) = field(all[at]) else { continue };
        let mut changed = owned(&all);
        let end = block_end(&all, at);
        // The first field of an item has its dash.
        let next = changed.get(end).cloned().unwrap_or_default();
        if before.contains('-') {
            if indent(&next) != indent(all[at]) || next.trim_start().starts_with('-') {
                continue;
            }
            changed[end] = format!("{before}{}", next.trim_start());
        }
        changed.drain(at..end);
        broken.add(format!("line {}: without `{name}`", at + 1), &changed);
    }
    assert_one_each(&broken, 0);
}

#[test]
fn a_field_of_another_name_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let Some((before, name, value)) = field(all[at]) else { continue };
        let swapped = {
            let mut letters: Vec<char> = name.chars().collect();
            letters.swap(0, 1);
            String::from_iter(letters)
        };
        for other in [format!("{name}s"), swapped, "somethingElse".to_owned()] {
            let mut changed = owned(&all);
            changed[at] = format!("{before}{other}: {value}");
            broken.add(format!("line {}: `{other}` for `{name}`", at + 1), &changed);
        }
    }
    assert_one_each(&broken, 0);
}

#[test]
fn a_value_of_another_type_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let Some((before, name, value)) = field(all[at]) else { continue };
        let end = block_end(&all, at);
        for other in
            ["true", "[]", "{}", "[true]", "[[1]]", "{a: b}", "", "~", "-1", "No Such!", "\"\""]
        {
            let is_mapping = end > at + 1 && !all[at + 1].trim_start().starts_with('-');
            if other == "{a: b}" && is_mapping {
                // That lacks every field that was there.
                continue;
            }
            let mut changed = owned(&all);
            changed.splice(at..end, [format!("{before}{name}: {other}")]);
            broken.add(format!("line {}: `{name}: {other}` for `{value}`", at + 1), &changed);
        }
    }
    assert_one_each(&broken, 0);
}

#[test]
fn a_line_that_is_moved_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        if field(all[at]).is_none() {
            continue;
        }
        for (whole, by) in
            [(false, 2_isize), (true, 2), (false, -2), (true, -2), (false, 1), (false, -1)]
        {
            let end = if whole { block_end(&all, at) } else { at + 1 };
            let mut changed = owned(&all);
            for line in &mut changed[at..end] {
                *line = if by > 0 {
                    " ".repeat(by.unsigned_abs()) + line
                } else {
                    let blanks = line.len() - line.trim_start().len();
                    line[blanks.min(by.unsigned_abs())..].to_owned()
                };
            }
            let what = format!(
                "line {}: moved by {by}{}",
                at + 1,
                if whole { " with its block" } else { "" }
            );
            broken.add(format!("{what}: {}", all[at]), &changed);
        }
    }
    assert_one_each(&broken, 0);
}

#[test]
fn a_block_that_is_not_indented_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let end = block_end(&all, at);
        let Some((before, name, _)) = field(all[at]).filter(|_| end > at + 1) else { continue };
        if all[at + 1].trim_start().starts_with('-') || before.contains('-') {
            continue;
        }
        let mut changed = owned(&all);
        changed[at + 1..end].iter_mut().for_each(|line| *line = line[2..].to_owned());
        broken.add(format!("line {}: `{name}` with nothing indented", at + 1), &changed);
    }
    assert_one_each(&broken, 1);
}

#[test]
fn a_tab_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let line = all[at];
        if !line.starts_with("  ") {
            continue;
        }
        let mut changed = owned(&all);
        changed[at] = format!("\t{}", line.trim_start());
        broken.add(format!("line {}: a tab: {line}", at + 1), &changed);
    }
    assert_one_each(&broken, 1);
}

/// Every line with a part of it replaced, where it is there; a label may have any name.
fn replaced(broken: &mut Broken, part: &str, instead: &str) {
    let all = lines();
    let has = |line: &str| line.contains(part) && !line.contains("team:");
    for (at, line) in all.iter().enumerate().filter(|(_, line)| has(line)) {
        let mut changed = owned(&all);
        changed[at] = line.replacen(part, instead, 1);
        broken.add(format!("line {}: {}", at + 1, changed[at]), &changed);
    }
}

#[test]
fn a_character_that_looks_like_another_is_one_error_that_names_it() {
    let mut broken = Broken::default();
    for space in ["\u{a0}", "\u{200b} "] {
        replaced(&mut broken, ": ", &format!(":{space}"));
        replaced(&mut broken, "- ", &format!("-{space}"));
        replaced(&mut broken, "  ", &format!("{space} "));
        replaced(&mut broken, ":", &format!("{}:", space.trim_end_matches(' ')));
    }
    for dash in ["–", "•"] {
        replaced(&mut broken, "- ", &format!("{dash} "));
    }
    replaced(&mut broken, ": ", "： ");
    replaced(&mut broken, ": ", "：");
    for (at, line) in lines().iter().enumerate().filter(|(_, line)| line.contains('"')) {
        for (first, last) in [("“", "”"), ("„", "“"), ("‘", "’")] {
            let mut changed = owned(&lines());
            changed[at] = line.replacen('"', first, 1).replacen('"', last, 1);
            broken.add(format!("line {}: {}", at + 1, changed[at]), &changed);
        }
    }
    let is_named = |text: &str| match errors(text).as_slice() {
        [one] => one.message.contains("(U+"),
        _ => false,
    };
    let wrong = broken.0.iter().filter(|(_, text)| !is_named(text)).map(|(what, _)| what);
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn several_items_in_one_are_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for (at, line) in all.iter().enumerate() {
        let item = line.trim_start().strip_prefix("- ");
        // A group may have any name.
        let Some(item) = item.filter(|item| !item.contains(": ") && *item != "sales") else {
            continue;
        };
        let mut changed = owned(&all);
        changed[at] = format!("{line}, {item}").replace('"', "");
        broken.add(format!("line {}: {}", at + 1, changed[at]), &changed);
    }
    assert_one_each(&broken, 1);
}

#[test]
fn items_without_their_keys_are_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let is_first = |one: &(&str, &str, &str)| one.0.contains('-') && !one.2.is_empty();
        let Some((before, _, value)) = field(all[at]).filter(is_first) else { continue };
        // All the items of the list, by their first values alone.
        let is_item = |line: &&&str| indent(line) >= before.len();
        let begin = at - all[..at].iter().rev().take_while(is_item).count();
        let end = at + all[at..].iter().take_while(is_item).count();
        let mut changed = owned(&all);
        changed.splice(begin..end, [format!("{before}{value}"), format!("{before}other")]);
        broken.add(format!("line {}: {before}{value}", at + 1), &changed);
    }
    assert_one_each(&broken, 1);
}

#[test]
fn a_block_for_a_text_of_one_line_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let Some((before, name, value)) = field(all[at]).filter(|one| !one.2.is_empty()) else {
            continue;
        };
        let mut changed = owned(&all);
        let blanks = " ".repeat(before.len() + 2);
        changed[at] = format!("{before}{name}: |\n{blanks}{}", value.trim_matches('"'));
        broken.add(format!("line {}: {name}: |", at + 1), &changed);
    }
    assert_one_each(&broken, 0);
}

#[test]
fn a_quote_that_is_not_closed_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for (at, line) in all.iter().enumerate() {
        let Some((before, name, value)) = field(line).filter(|one| !one.2.is_empty()) else {
            continue;
        };
        for open in ["\"", "'", "[", "{", "[\"", "{a: "] {
            let mut changed = owned(&all);
            changed[at] = format!("{before}{name}: {open}{}", value.trim_matches('"'));
            broken.add(format!("line {}: {}", at + 1, changed[at]), &changed);
        }
    }
    assert_one_each(&broken, 1);
}

#[test]
fn a_fence_around_it_is_one_error() {
    let mut broken = Broken::default();
    for (begin, end) in [
        ("```yaml\n", "```\n"),
        ("```\n", "```\n"),
        ("```yaml\n", ""),
        ("", "```\n"),
        ("# Manifests\n\nThese are *all*: yes\n\n```yaml\n", "```\n\nNo more: of them.\n"),
    ] {
        broken.0.push((begin.to_owned(), format!("{begin}{SOUND}{end}")));
    }
    assert_one_each(&broken, 1);
}

#[test]
fn a_name_that_nobody_else_says_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    let naming = ["name", "tenant", "trunk", "transport", "schedule", "rule"];
    for at in 0..all.len() {
        let Some((before, name, value)) = field(all[at]) else { continue };
        if !naming.contains(&name) || value.is_empty() {
            continue;
        }
        // A name that is near, and one that is not.
        for other in [format!("{value}x"), "zzzzzz".to_owned()] {
            let mut changed = owned(&all);
            changed[at] = format!("{before}{name}: {other}");
            broken.add(format!("line {}: `{other}` for `{value}`", at + 1), &changed);
        }
    }
    assert_one_each(&broken, 0);
}

#[test]
fn a_key_line_that_is_gone_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let end = block_end(&all, at);
        let Some((before, name, value)) = field(all[at]).filter(|_| end > at + 1) else { continue };
        // Of a list, what is left is mostly the value of the line before it.
        if !value.is_empty() || before.contains('-') || all[at + 1].trim_start().starts_with('-') {
            continue;
        }
        for (how, line) in [("gone", None), ("a comment", Some(format!("# {}", all[at].trim())))] {
            for by in [0, 2] {
                let mut changed = owned(&all);
                changed[at + 1..end].iter_mut().for_each(|line| *line = line[by..].to_owned());
                changed.splice(at..=at, line.clone());
                let what = format!("line {}: `{name}:` {how}, moved by {by}", at + 1);
                broken.add(what, &changed);
            }
        }
    }
    assert_one_each(&broken, 1);
}

#[test]
fn a_field_at_the_top_with_another_name_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    let others: [(&str, &[&str]); 4] = [
        ("apiVersion", &["apiversion", "api_version", "api-version", "apiVersions"]),
        ("kind", &["Kind", "KIND", "knd"]),
        ("metadata", &["Metadata", "metdata", "meta"]),
        ("spec", &["Spec", "specs", "settings"]),
    ];
    for at in 0..all.len() {
        let Some(("", name, value)) = field(all[at]) else { continue };
        for other in others.iter().find(|(field, _)| *field == name).unwrap().1 {
            let mut changed = owned(&all);
            changed[at] = format!("{other}: {value}");
            broken.add(format!("line {}: `{other}` for `{name}`", at + 1), &changed);
        }
    }
    assert_one_each(&broken, 1);
}

#[test]
fn a_field_in_another_spelling_is_one_error_that_names_it() {
    let (all, mut wrong) = (lines(), Vec::new());
    for at in 0..all.len() {
        let Some((before, name, value)) = field(all[at]) else { continue };
        let spaced = |sign: &str| {
            let letter = |c: char| {
                let parted = c.is_ascii_uppercase().then_some(sign);
                parted.unwrap_or_default().to_owned() + &c.to_ascii_lowercase().to_string()
            };
            name.chars().map(letter).collect::<String>()
        };
        let first = name[..1].to_uppercase() + &name[1..];
        for other in [first, name.to_uppercase(), spaced("_"), spaced("-")] {
            // A label may have any name, and of a secret no word is told.
            if other == name || ["team", "env"].contains(&name) {
                continue;
            }
            let mut changed = owned(&all);
            changed[at] = format!("{before}{other}: {value}");
            let found = errors(&joined(&changed));
            let help = format!("did you mean `{name}`?");
            let [one] = found.as_slice() else {
                wrong.push(format!("line {}: {other}: {found:#?}", at + 1));
                continue;
            };
            if one.help.as_ref() != Some(&help) {
                wrong.push(format!("line {}: {other}: {} {:?}", at + 1, one.message, one.help));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_tenant_that_cannot_be_read_is_one_error() {
    let (all, mut broken) = (lines(), Broken::default());
    for at in 0..all.len() {
        let Some((_, "tenant", value)) = field(all[at]) else { continue };
        for line in
            ["  tenant {}", "  tenant = {}", "  - tenant: {}", "- tenant: {}", "  tenant:{}"]
        {
            let mut changed = owned(&all);
            changed[at] = line.replace("{}", value);
            broken.add(format!("line {}: {}", at + 1, changed[at]), &changed);
        }
    }
    assert_one_each(&broken, 1);
}

fn documents() -> Vec<&'static str> {
    SOUND.split("---\n").collect()
}

#[test]
fn a_document_that_is_there_twice_is_one_error() {
    let mut broken = Broken::default();
    for document in documents() {
        let what = document.lines().take(3).collect::<Vec<_>>().join(" ");
        let text = format!("{SOUND}---\n{document}");
        broken.0.push((format!("twice: {what}"), text));
    }
    assert_one_each(&broken, 1);
}

#[test]
fn a_document_that_is_gone_is_one_error() {
    let (all, mut broken) = (documents(), Broken::default());
    for (index, gone) in all.iter().enumerate() {
        let rest = all.iter().enumerate().filter(|(at, _)| *at != index);
        let rest: Vec<_> = rest.map(|(_, one)| *one).collect();
        let what = gone.lines().take(6).collect::<Vec<_>>().join(" ");
        broken.0.push((format!("without: {what}"), rest.join("---\n")));
    }
    assert_one_each(&broken, 0);
}
