//! One slip, one error, of kinds that need a text of their own: what is told is what was done.

use super::single_breaks::{SOUND, errors};

/// The message and the help of the one error of a text.
fn told(text: &str) -> String {
    let found = errors(text);
    let [one] = found.as_slice() else { return format!("{} errors: {found:#?}", found.len()) };
    format!("{} = {}", one.message, one.help.as_deref().unwrap_or_default())
}

/// What is told of the sound text with one part of it written otherwise.
fn told_of(written: &str, instead: &str) -> String {
    assert_eq!(SOUND.matches(written).count(), 1, "{written}");
    told(&SOUND.replacen(written, instead, 1))
}

#[test]
fn an_anchor_without_a_value_is_told_as_that() {
    for (written, instead, key) in [
        ("displayName: Acme Ltd", "displayName: &acme", "`spec.displayName`"),
        ("  schedule: office\n  voicemail", "  schedule: &acme\n  voicemail", "`spec.schedule`"),
        ("prefixes:\n      - 112", "prefixes:\n      - &acme", "`spec.match.prefixes[0]`"),
    ] {
        let told = told_of(written, instead);
        let begins = format!("{key} has no value: `&acme` is an anchor without one = ");
        assert!(told.starts_with(&begins) && told.contains("in quotes"), "{told}");
    }
}

#[test]
fn a_secret_that_begins_as_an_anchor_is_not_told() {
    for instead in
        ["password: &hunter2", "realm:\n    pasword: &hunter2", "expires: &x\n    password: *x"]
    {
        let text = SOUND.replacen("password:\n      env: CARRIER\n    expires: 10m", instead, 1);
        assert_ne!(text, SOUND);
        let found = format!("{:?}", errors(&text));
        assert!(!found.contains("hunter2"), "{found}");
    }
}

#[test]
fn a_field_that_is_there_already_is_told_as_that() {
    for (written, instead, name) in [
        ("    username: acme\n", "    username: acme\n    passwort: x\n", "password"),
        ("    username: acme\n", "    username: acme\n    user: x\n", "username"),
        (
            "  displayName: Acme Ltd\n",
            "  displayName: Acme Ltd\n  display_name: x\n",
            "displayName",
        ),
        ("  host: 203.0.113.10\n", "  host: 203.0.113.10\n  server: 203.0.113.10\n", "host"),
    ] {
        let told = told_of(written, instead);
        let help = format!(" = `{name}` is there already: remove one of the two");
        assert!(told.starts_with("unknown field") && told.ends_with(&help), "{told}");
    }
}

#[test]
fn a_scope_that_is_not_indented_is_one_error() {
    let scopes =
        |lines: &str| told_of("  prune: true\n", &format!("  prune: true\n  scopes:\n{lines}"));
    for lines in [
        "    \"tenants/acme/**\":\n    tenant: acme\n",
        "      \"tenants/acme/**\":\n      tenant: acme\n",
        "    \"x/**\": system\n    \"tenants/acme/**\":\n    tenant: acme\n",
        "    \"tenants/acme/**\":\n    tenant: acme\n    \"x/**\": system\n",
    ] {
        let told = scopes(lines);
        let begins = "the lines below `tenants/acme/**:` are not indented = ";
        assert!(told.starts_with(begins), "{lines}{told}");
    }
    let told = scopes("    \"a/**\":\n      tenant: acme\n      \"b/**\": system\n");
    assert!(told.ends_with("write it as far left as `a/**:`"), "{told}");
}

#[test]
fn an_item_with_little_in_it_is_one_error() {
    let all = "    - name: Christmas\n      from: 2027-12-25\n      to: 2027-12-26\n      everyYear: true\n";
    for lines in ["    - name: Christmas\n", "    - name: Christmas\n      everyYear: true\n"] {
        let told = told_of(all, lines);
        assert_eq!(
            told,
            "`spec.holidays[0]` is not complete: `from`, `to` are missing = add them, for example `from: 2027-12-24` and `to: 2027-12-26`"
        );
    }
    let told =
        told_of(all, "    - name: Christmas\n      form: 2027-12-25\n      to: 2027-12-26\n");
    assert_eq!(told, "unknown field `spec.holidays[0].form` = did you mean `from`?");
    let header = "    - name: X-Customer\n      value: acme\n";
    let told = told_of(header, "    -\n");
    assert!(told.contains("`name`, `value` are missing"), "{told}");
}

#[test]
fn a_spec_too_far_right_behind_labels_is_one_error() {
    let begin = SOUND.find("  labels:").unwrap();
    let end = begin + SOUND[begin..].find("---").unwrap();
    let spec = begin + SOUND[begin..end].find("spec:").unwrap();
    let moved = |by: usize| {
        let blanks = " ".repeat(by);
        SOUND[spec..end].lines().map(|line| format!("{blanks}{line}\n")).collect::<String>()
    };
    let line_alone = |by: usize| SOUND[spec..end].replacen("spec:", &(" ".repeat(by) + "spec:"), 1);
    for (what, text) in [
        ("the line, by 4", line_alone(4)),
        ("the line, by 2", line_alone(2)),
        ("all of it, by 4", moved(4)),
        ("all of it, by 2", moved(2)),
    ] {
        let told = told(&(SOUND[..spec].to_owned() + &text + &SOUND[end..]));
        let help = "it is a field of the document itself: write it as far left as `metadata:`";
        assert!(told.ends_with(help) && told.starts_with("unknown field"), "{what}: {told}");
    }
    // A label of that name is one.
    let label = SOUND.replacen("    team: sales", "    team: sales\n    spec: x", 1);
    assert_eq!(errors(&label), []);
}

#[test]
fn what_stands_above_its_block_is_one_error() {
    let block = "  limits:\n    concurrentCalls: 30\n    callsPerSecond: 5\n";
    for (lines, begins) in [
        (
            "  concurrentCalls: 30\n  callsPerSecond: 5\n  limits:\n",
            "the lines above `limits:` belong below it = ",
        ),
        (
            "  concurrentCalls: 30\n  limits:\n  callsPerSecond: 5\n",
            "the line above `limits:` belongs below it = ",
        ),
        (
            "  concurrentCalls: 30\n  limits:\n    callsPerSecond: 5\n",
            "unknown field `spec.concurrentCalls` = it is a field of `spec.limits`",
        ),
        (
            "  callsPerSecond: 5\n  concurrentCalls: 30\n  limits: {}\n",
            "unknown field `spec.callsPerSecond` = it is a field of `spec.limits`",
        ),
    ] {
        let told = told_of(block, lines);
        assert!(told.starts_with(begins), "{lines}{told}");
    }
    let told =
        told_of("  limits:\n    concurrentCalls: 10\n", "  concurrentCalls: 10\n  limits:\n");
    assert!(told.starts_with("the line above `limits:` belongs below it"), "{told}");
}
