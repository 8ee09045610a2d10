//! A `:` that is lost or another sign, and the blank behind it or behind a dash: one error that names
//! the key, says what to write, and nothing of the value.

use super::single_breaks::{errors, field, joined, lines, owned};

/// The message and the help of the one error of a text, which stands in a line.
fn told(text: &str) -> String {
    let found = errors(text);
    let [one] = found.as_slice() else { return format!("{} errors: {found:#?}", found.len()) };
    let before = &text[..one.span.unwrap().start as usize];
    let line = before.matches('\n').count() + 1;
    format!("{line}: {} = {}", one.message, one.help.as_deref().unwrap_or_default())
}

#[test]
fn a_colon_that_is_lost_is_one_error_that_says_what_to_write() {
    let (all, mut wrong) = (lines(), Vec::new());
    for at in 0..all.len() {
        let Some((before, name, value)) = field(all[at]) else { continue };
        for (instead, message) in [
            (" ", format!("`:` is missing behind `{name}`")),
            ("=", format!("an equals sign stands behind `{name}`, where `:` belongs")),
            (" = ", format!("an equals sign stands behind `{name}`, where `:` belongs")),
            ("; ", format!("a semicolon stands behind `{name}`, where `:` belongs")),
            (":", format!("the blank behind `{name}:` is missing")),
        ] {
            if instead == ":" && value.is_empty() {
                continue;
            }
            let mut changed = owned(&all);
            changed[at] = format!("{before}{name}{instead}{value}").trim_end().to_owned();
            let dash = if before.contains('-') { "- " } else { "" };
            let help = match value {
                "" => format!("write `{dash}{name}:`"),
                _ => format!("write `{dash}{name}: …`, with a blank behind the `:`"),
            };
            let (told, expected) =
                (told(&joined(&changed)), format!("{}: {message} = {help}", at + 1));
            // What is told of a reference to a secret says so already.
            let of_secret = name == "env" && told.contains("the blank behind `env:` is missing");
            if told != expected && !of_secret {
                wrong.push(format!("{}\n  {told}\n  {expected}", changed[at]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_blank_behind_a_dash_that_is_lost_is_one_error() {
    let (all, mut wrong) = (lines(), Vec::new());
    for at in 0..all.len() {
        if !all[at].trim_start().starts_with("- ") {
            continue;
        }
        let mut changed = owned(&all);
        changed[at] = all[at].replacen("- ", "-", 1);
        let told = told(&joined(&changed));
        let expected = format!("{}: the blank behind the `-` of an item is missing", at + 1);
        if !told.starts_with(&expected) {
            wrong.push(format!("{}\n  {told}", changed[at]));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
