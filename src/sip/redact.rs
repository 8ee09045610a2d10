//! A message as people may see it: everything that opens a door is masked, in every form that it can
//! take. What is told is text; what goes over the wire never passes here.

use super::scan::{trim, trim_end};
use super::uri::unescape;

/// What stands in place of a secret.
const MASK: &str = "••••••";
/// Parameters of credentials that tell who and for what, but open nothing.
const HARMLESS: &[&str] = &["username", "realm", "uri", "algorithm", "qop", "nc", "charset"];
/// Headers that hold credentials.
const CREDENTIALS: &[&str] = &["authorization", "proxy-authorization", "authentication-info"];

/// A message, whole or in part, as text: credentials, passwords inside URIs and keys of media are
/// masked, line ends become `\n`, other control characters and what is no UTF-8 become `\u{fffd}`.
pub fn redacted(message: &[u8]) -> String {
    let mut text = String::with_capacity(message.len());
    let mut within = false;
    let mut body = false;
    for line in message.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !text.is_empty() {
            text.push('\n');
        }
        if body {
            push_media(&mut text, line);
            continue;
        }
        body = line.is_empty();
        // A folded line goes on with the header above it.
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        if folded && within {
            text.push_str(MASK);
            continue;
        }
        within = push_header(&mut text, line, folded);
    }
    text
}

/// The first line of a message, as [`redacted`] shows it.
pub fn redacted_start(message: &[u8]) -> String {
    let start = message.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty());
    let mut text = String::new();
    push_uris(&mut text, start.unwrap_or_default());
    text
}

/// One line of a header; whether it holds credentials.
fn push_header(text: &mut String, line: &[u8], folded: bool) -> bool {
    let colon = line.iter().position(|byte| *byte == b':').filter(|_| !folded);
    let split = colon.and_then(|at| Some((line.get(..at)?, line.get(at + 1..)?)));
    let named = split.filter(|(name, _)| {
        let name = trim_end(name);
        CREDENTIALS.iter().any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
    });
    let Some((name, value)) = named else {
        push_uris(text, line);
        return false;
    };
    push_shown(text, name);
    text.push_str(": ");
    push_credentials(text, trim(value));
    true
}

/// `Digest username="1000", realm="acme", response=••••••`: of a digest what is harmless and well
/// formed; of anything else only the scheme.
fn push_credentials(text: &mut String, value: &[u8]) {
    let blank = value.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let (scheme, rest) = value.split_at_checked(blank.unwrap_or(0)).unwrap_or((b"", value));
    if !scheme.eq_ignore_ascii_case(b"digest") {
        let known = [&b"basic"[..], b"bearer"].iter().any(|one| scheme.eq_ignore_ascii_case(one));
        if known {
            push_shown(text, scheme);
            text.push(' ');
        }
        text.push_str(MASK);
        return;
    }
    text.push_str("Digest ");
    for (index, parameter) in super::scan::Elements::of(rest).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let equals = parameter.iter().position(|byte| *byte == b'=');
        let split = equals.and_then(|at| parameter.split_at_checked(at));
        let Some((name, with_equals)) = split else {
            text.push_str(MASK);
            continue;
        };
        let name = String::from_utf8_lossy(trim(name)).to_ascii_lowercase();
        let value = trim(with_equals.get(1..).unwrap_or_default());
        if HARMLESS.contains(&name.as_str()) && is_plain(value) {
            text.push_str(&name);
            text.push('=');
            push_uris(text, value);
        } else if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            text.push_str(&name);
            text.push('=');
            text.push_str(MASK);
        } else {
            text.push_str(MASK);
        }
    }
}

/// One token, or one quoted string without escapes: nothing can hide behind it.
fn is_plain(value: &[u8]) -> bool {
    let inner = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    match inner {
        Some(inner) => inner.iter().all(|byte| !matches!(byte, b'"' | b'\\')),
        None => value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte)),
    }
}

/// A line with the passwords of its URIs masked (`sip:user:password@host`), and headers inside
/// URIs if they hold credentials.
fn push_uris(text: &mut String, line: &[u8]) {
    let mut rest = line;
    while let Some((at, length)) = next_scheme(rest) {
        let (before, after) = rest.split_at_checked(at + length).unwrap_or((rest, b""));
        push_shown(text, before);
        let end = after.iter().position(|byte| b" \t<>\",".contains(byte)).unwrap_or(after.len());
        let (uri, tail) = after.split_at_checked(end).unwrap_or((after, b""));
        push_uri(text, uri);
        rest = tail;
    }
    push_shown(text, rest);
}

/// Where the next `sip:` or `sips:` begins, and how long it is.
fn next_scheme(line: &[u8]) -> Option<(usize, usize)> {
    let is_at = |at: &usize| {
        let here = line.get(*at..).unwrap_or_default();
        let starts = |word: &[u8]| {
            here.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        starts(b"sip:") || starts(b"sips:")
    };
    let at = memchr::memchr2_iter(b's', b'S', line).find(is_at)?;
    let colon = line.get(at..)?.iter().position(|byte| *byte == b':')?;
    Some((at, colon + 1))
}

/// What follows the scheme of a URI.
fn push_uri(text: &mut String, uri: &[u8]) {
    let question = uri.iter().position(|byte| *byte == b'?').unwrap_or(uri.len());
    // A `?` may stand in a user part, where it asks nothing.
    let at = uri.iter().rposition(|byte| *byte == b'@');
    let question = if at.is_some_and(|at| at > question) { uri.len() } else { question };
    let (main, headers) = uri.split_at_checked(question).unwrap_or((uri, b""));
    let user = main.iter().rposition(|byte| *byte == b'@');
    let (user, host) = main.split_at_checked(user.unwrap_or(0)).unwrap_or((b"", main));
    match user.iter().position(|byte| *byte == b':').and_then(|at| user.get(..=at)) {
        Some(name) => {
            push_shown(text, name);
            text.push_str(MASK);
        }
        None => push_shown(text, user),
    }
    push_shown(text, host);
    if unescape(headers).to_ascii_lowercase().windows(4).any(|four| four == b"auth") {
        text.push('?');
        text.push_str(MASK);
    } else {
        push_shown(text, headers);
    }
}

/// One line of a body: the keys of media (RFC 4568 `inline:`, RFC 4566 `k=`) are masked.
fn push_media(text: &mut String, line: &[u8]) {
    if line.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"k=")) {
        text.push_str("k=");
        text.push_str(MASK);
        return;
    }
    let inline = line.windows(7).position(|seven| seven.eq_ignore_ascii_case(b"inline:"));
    match inline.and_then(|at| line.get(..at + 7)) {
        Some(before) => {
            push_shown(text, before);
            text.push_str(MASK);
        }
        // A body may be a message in itself (a `message/sipfrag` or what a multipart holds).
        None => {
            push_header(text, line, false);
        }
    }
}

/// Bytes as text; a person's terminal must not be steered by them.
fn push_shown(text: &mut String, bytes: &[u8]) {
    let lossy = String::from_utf8_lossy(bytes);
    text.extend(lossy.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> String {
        redacted(format!("INVITE sip:a@b SIP/2.0\r\n{header}\r\n\r\n").as_bytes())
    }

    #[test]
    fn credentials_are_masked_in_every_form() {
        for header in [
            "Authorization: Digest username=\"u\", nonce=\"SECRET\", response=\"SECRET\"",
            "authorization : Digest response=SECRET,cnonce=\"SECRET\"",
            "PROXY-AUTHORIZATION\t: Digest response=\r\n SECRET",
            "Proxy-Authorization: Digest realm=\"a\",\r\n\tresponse=\"SECRET\"",
            "Authorization: Basic SECRET",
            "Authorization: Bearer SECRET",
            "Authorization: SECRET",
            "Authorization: Digest SECRET",
            "Authorization: Digest username=\"a\\\" SECRET\"",
            "Authorization: Digest username=SECRET=\"x\"",
            "Authorization: Digest username=\"a\" SECRET\"",
            "Authorization:Digest\tresponse=\"a,SECRET\"",
            "Authentication-Info: rspauth=\"SECRET\", cnonce=\"SECRET\"",
            "Contact: <sip:user:SECRET@host>",
            "Contact: \"sip:\" <SIPS:user:SECRET@host;lr>, <sip:u:SECRET@h>",
            "Refer-To: <sip:a@b?Authorization=Digest%20response%3DSECRET>",
            "Refer-To: <sip:a@b?Subject=x&%41uthorization=SECRET>",
            "Via: x\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20",
            "Via: x\r\n\r\nk=base64:SECRET",
            "Via: x\r\n\r\nSIP/2.0 200\r\nAuthorization: Digest response=SECRET",
        ] {
            let text = shown(header);
            assert!(!text.contains("SECRET") && text.contains(MASK), "{header}: {text}");
        }
        let start = redacted_start(b"\r\nINVITE sip:a:SECRET@b SIP/2.0\r\nTo: x\r\n");
        assert_eq!(start, format!("INVITE sip:a:{MASK}@b SIP/2.0"));
    }

    #[test]
    fn what_opens_nothing_stays_readable() {
        let line = "Authorization: Digest username=\"1000\", realm=\"acme\", uri=\"sip:a@b\", \
                    algorithm=MD5, qop=auth, nc=00000001, response=\"x\"";
        let told = line.replace("\"x\"", MASK);
        assert!(shown(line).contains(&told), "{}", shown(line));
        for header in [
            "To: <sip:+442079460000@b;user=phone>;tag=1",
            "WWW-Authenticate: Digest realm=\"acme\", nonce=\"n\"",
            "Contact: <sip:a?b@c?Subject=hello>",
            "X-Odd: sip sips: :@",
        ] {
            assert!(shown(header).contains(header), "{}", shown(header));
        }
        assert_eq!(redacted(b"A: \x1b[2J\xff\r\n"), "A: \u{fffd}[2J\u{fffd}\n");
    }
}
