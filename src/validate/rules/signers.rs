//! Who may sign: lists that nobody could be found on.

use std::borrow::Cow;

use data_encoding::BASE64_NOPAD;

use crate::diag::{Code, Diagnostic, visible};
use crate::model::ScopeOwner;
use crate::validate::context::Context;
use crate::validate::signing::is_inside;

const WRITE_A_LINE: &str = "write who signs, then the key as it stands in a `.pub` file: `jo@example.net ssh-ed25519 AAAA…`";

/// Lists of signers that nobody could be found on: a public key without who signs with it, as it
/// stands in a `.pub` file, a key that is none, and files outside the repository (TL603).
pub(super) fn tl104_signers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, policy) in context.policies().filter(|(id, _)| context.knows(id, &["/spec/signers"])) {
        for (index, signers) in policy.signers.iter().enumerate() {
            for (at, line) in signers.keys.iter().enumerate() {
                let field = format!("/spec/signers/{index}/keys/{at}");
                let Some(message) = fault_of_line(line) else { continue };
                found.push(context.diagnostic(Code::TL104, id, &field, message).help(WRITE_A_LINE));
            }
            for (at, file) in signers.files.iter().enumerate() {
                if is_inside(file) {
                    continue;
                }
                let field = format!("/spec/signers/{index}/files/{at}");
                let message = format!("`{file}` is no path inside the repository");
                let help = "give the file relative to the root: `signers/admins`";
                found.push(context.diagnostic(Code::TL603, id, &field, message).help(help));
            }
        }
    }
}

/// A scope that nobody may sign for: every commit to it would be refused.
pub(super) fn tl105_signers(context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (id, policy) in context.policies().filter(|(id, _)| context.knows(id, &["/spec/signers"])) {
        for (index, signers) in policy.signers.iter().enumerate() {
            // Several entries of one scope are one list.
            let of_scope = || policy.signers.iter().filter(|one| one.scope == signers.scope);
            let is_somebody = |line: &String| !is_comment(line);
            if of_scope().any(|one| !one.files.is_empty() || one.keys.iter().any(is_somebody)) {
                continue;
            }
            let whose = match &signers.scope {
                ScopeOwner::System => "the system".to_owned(),
                ScopeOwner::Tenant(tenant) => format!("tenant `{tenant}`"),
            };
            let field = format!("/spec/signers/{index}/scope");
            let message = format!("nobody may sign for {whose}: there are neither keys nor files");
            let help = "add `keys: [\"jo@example.net ssh-ed25519 AAAA…\"]`, or `files:` with such lines; or remove it, if commits need no signature";
            found.push(context.diagnostic(Code::TL105, id, &field, message).help(help));
        }
    }
}

/// What is wrong with a file that lists signers, and what to do.
pub(in crate::validate) fn fault_of_list(file: &str, text: &str) -> Option<(String, &'static str)> {
    let file = visible(file);
    let lines = || text.lines().enumerate().filter(|(_, line)| !is_comment(line));
    let mut faults = lines().filter_map(|(at, line)| Some((at + 1, fault_of_line(line)?)));
    let Some((line, fault)) = faults.next() else {
        let help = "add a line to it like `jo@example.net ssh-ed25519 AAAA…`";
        return lines().next().is_none().then(|| (format!("`{file}` lists nobody"), help));
    };
    let more = match faults.count() {
        0 => String::new(),
        1 => ", and another line like it".to_owned(),
        more => format!(", and {more} more lines like it"),
    };
    Some((format!("line {line} of `{file}`: {fault}{more}"), WRITE_A_LINE))
}

fn is_comment(line: &str) -> bool {
    line.split_whitespace().next().is_none_or(|word| word.starts_with('#'))
}

/// What is wrong with a line of OpenSSH's allowed-signers form; what its options may be is left
/// to OpenSSH.
fn fault_of_line(line: &str) -> Option<Cow<'static, str>> {
    let is_type = |word: &str| {
        ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|kind| word.starts_with(kind))
    };
    let mut words = line.split_whitespace();
    let first = words.next().filter(|_| !is_comment(line))?;
    if is_type(first) {
        return Some("the key does not say whose it is".into());
    }
    let Some(kind) = words.find(|word| is_type(word)) else {
        return Some("there is no public key in this line".into());
    };
    match words.next() {
        None => Some(format!("there is no key behind `{}`", visible(kind)).into()),
        Some(key) if is_key(kind, key) => None,
        Some(_) => {
            let kind = visible(kind);
            Some(format!("what stands behind `{kind}` is no such key, or not all of one").into())
        }
    }
}

/// Whether a word is a public key of a type: RFC 4253 section 6.6, strings with their lengths, the
/// first of which names the type.
fn is_key(kind: &str, word: &str) -> bool {
    // What pads it may be missing.
    let digits = word.trim_end_matches('=').as_bytes();
    let Ok(bytes) = BASE64_NOPAD.decode(digits) else { return false };
    let mut rest = bytes.as_slice();
    let mut parts = 0;
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((part, after)) = after.split_at_checked(length) else { return false };
        if parts == 0 && part != kind.as_bytes() {
            return false;
        }
        (rest, parts) = (after, parts + 1);
    }
    rest.is_empty() && parts > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIMGLNm0iRPUCdkTNxCVe0RXIUGkrIsBSd0TaD3Fh8Rkm";

    #[test]
    fn keys_are_told_from_what_is_none() {
        assert!(is_key("ssh-ed25519", KEY));
        assert!(!is_key("ssh-rsa", KEY));
        for word in ["", "AAAA", "AAAAC3NzaC1lZDI1NTE5", "notbase64!!", &KEY[..64], &KEY[..67]] {
            assert!(!is_key("ssh-ed25519", word), "{word}");
        }
    }

    #[test]
    fn a_list_needs_keys_in_all_its_lines() {
        let good =
            format!("# who\n\njo@x ssh-ed25519 {KEY}\n* namespaces=\"git\" ssh-ed25519 {KEY} x\n");
        assert_eq!(fault_of_list("s", &good), None);
        assert_eq!(fault_of_list("s", "# who\n").unwrap().0, "`s` lists nobody");
        let (told, _) = fault_of_list("s", &(good + "junk\njunk\njo@x ssh-rsa AAAA\n")).unwrap();
        assert_eq!(
            told,
            "line 5 of `s`: there is no public key in this line, and 2 more lines like it"
        );
    }
}
