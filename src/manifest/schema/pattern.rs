//! The patterns that our schemas have, as far as one look at each byte decides.

/// A set of ASCII bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class(u128);

impl Class {
    fn has(self, byte: u8) -> bool {
        byte.is_ascii() && self.0 >> byte & 1 == 1
    }
}

/// A pattern of one of the shapes that are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// One byte of each class, then some of the last one: `^[a-z][a-z0-9]{0,7}$`.
    Run { head: Vec<Class>, tail: Class, least: usize, most: usize },
    /// Words with a sign between them that is in no word: `^[a-z]+(/[a-z]+)*$`.
    Parts { word: Class, between: u8 },
}

impl Pattern {
    /// Understands a pattern; `None` for one of another shape.
    pub(super) fn read(pattern: &str) -> Option<Self> {
        let rest = pattern.strip_prefix('^')?.strip_suffix('$')?;
        if let Some((word, parts)) = rest.split_once("+(") {
            let parts = parts.strip_suffix(")*")?;
            let (&between, again) = parts.as_bytes().split_first()?;
            let (class, end) = class(word)?;
            let whole = end.is_empty() && again == format!("{word}+").as_bytes();
            let plain = between.is_ascii_graphic() && !b"\\[](){}.*+?^$|".contains(&between);
            return (whole && plain && !class.has(between))
                .then_some(Self::Parts { word: class, between });
        }
        let (mut head, mut rest) = (Vec::new(), rest);
        loop {
            let (tail, after) = class(rest)?;
            if let Some((least, most)) = counts(after) {
                return Some(Self::Run { head, tail, least, most });
            }
            head.push(tail);
            rest = after;
        }
    }

    /// Whether a text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Run { head, tail, least, most } => {
                let Some((begin, rest)) = text.as_bytes().split_at_checked(head.len()) else {
                    return false;
                };
                let begins = begin.iter().zip(head).all(|(byte, class)| class.has(*byte));
                let counts = *least <= rest.len() && rest.len() <= *most;
                begins && counts && rest.iter().all(|byte| tail.has(*byte))
            }
            Self::Parts { word, between } => text
                .split(char::from(*between))
                .all(|part| !part.is_empty() && part.bytes().all(|byte| word.has(byte))),
        }
    }
}

/// The class that a pattern begins with, and the rest.
fn class(pattern: &str) -> Option<(Class, &str)> {
    let (&first, rest) = pattern.as_bytes().split_first()?;
    if first != b'[' {
        let plain = first.is_ascii_alphanumeric() || first == b'/' || first == b':';
        return plain.then_some((Class(1 << first), pattern.get(1..)?));
    }
    let end = rest.iter().position(|byte| *byte == b']')?;
    let (mut inner, after) = (rest.get(..end)?, rest.get(end + 1..)?);
    // A negated class, or one with escapes.
    if inner.first() == Some(&b'^') || inner.contains(&b'\\') || !inner.is_ascii() {
        return None;
    }
    let mut set = 0;
    while let [from, others @ ..] = inner {
        let (to, others) = match others {
            [b'-', to, others @ ..] => (to, others),
            _ => (from, others),
        };
        set |= (*from..=*to).fold(0, |set, byte| set | 1 << byte);
        inner = others;
    }
    Some((Class(set), std::str::from_utf8(after).ok()?))
}

/// How often something may be repeated, if the pattern ends with that.
fn counts(quantifier: &str) -> Option<(usize, usize)> {
    match quantifier {
        "" => Some((1, 1)),
        "*" => Some((0, usize::MAX)),
        "+" => Some((1, usize::MAX)),
        "?" => Some((0, 1)),
        _ => {
            let (least, most) = quantifier.strip_prefix('{')?.strip_suffix('}')?.split_once(',')?;
            Some((least.parse().ok()?, most.parse().ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNDERSTOOD: &[&str] = &[
        "^[0-9]{0,15}$",
        "^[1-9][0-9]{0,3}$",
        "^[!-~]{1,64}$",
        "^[0-9+*#]{1,64}$",
        "^[A-Za-z_][A-Za-z0-9_]*$",
        "^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$",
        "^open$",
        "^a?$",
    ];

    #[test]
    fn other_shapes_are_not_understood() {
        for pattern in UNDERSTOOD {
            assert!(Pattern::read(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "[0-9]",
            "^[0-9]",
            "^(a|b)$",
            "^[^a]$",
            "^[\\d]$",
            "^a.$",
            "^[0-9]{3}$",
            "^a+b$",
            "^[a/]+(/[a/]+)*$",
            "^[a]+(.[a]+)*$",
            "^a|b$",
            "^[a]+(/[b]+)*$",
            "^$",
            "^a\\b$",
            "^[é]$",
        ] {
            assert_eq!(Pattern::read(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_the_validator_says(
            texts in prop::collection::vec("[a-z0-9A-Z_+*#/~ !é\n-]{0,20}|open|[0-9]{0,17}|[a-z]{1,3}(/[a-z]{1,3}){0,3}", 20)
        ) {
            for pattern in UNDERSTOOD {
                let schema = serde_json::json!({"pattern": pattern});
                let validator = jsonschema::validator_for(&schema).unwrap();
                let read = Pattern::read(pattern).unwrap();
                for text in &texts {
                    let taken = validator.is_valid(&text.as_str().into());
                    prop_assert_eq!(read.matches(text), taken, "{} {:?}", pattern, text);
                }
            }
        }
    }
}
