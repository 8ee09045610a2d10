//! "Did you mean": the nearest known word, by edit distance.

use std::collections::BTreeMap;

/// Texts longer than this are no misspelling of anything.
const MAX_CHARS: usize = 64;

/// Words compared in one [`Suggestions`], or in several that share it: half a second.
pub(crate) const MAX_COMPARED: usize = 1_000_000;

/// [`nearest`] for rules that may need it for every document: a word that was sought is remembered,
/// and after very many comparisons nothing is suggested any more.
#[derive(Debug)]
pub(crate) struct Suggestions<'a, S> {
    known: BTreeMap<(S, &'a str), Option<&'a str>>,
    left: usize,
}

impl<'a, S: Ord> Suggestions<'a, S> {
    /// Nothing sought yet.
    pub(crate) fn new() -> Self {
        Self::of_at_most(MAX_COMPARED)
    }

    /// Nothing sought yet, and so many words may be compared.
    pub(crate) fn of_at_most(words: usize) -> Self {
        Self { known: BTreeMap::new(), left: words }
    }

    /// How many words may still be compared.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// The nearest of the words of a scope.
    pub(crate) fn nearest(
        &mut self,
        scope: S,
        text: &'a str,
        words: impl Iterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let left = &mut self.left;
        *self.known.entry((scope, text)).or_insert_with(|| {
            let counted = words.take(*left).inspect(|_| *left = left.saturating_sub(1));
            nearest(text, counted)
        })
    }
}

/// The nearest of the known words, if it is near: at most a third of its letters away.
pub(crate) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text: Vec<char> = text.chars().take(MAX_CHARS + 1).flat_map(char::to_lowercase).collect();
    if text.is_empty() || text.len() > MAX_CHARS {
        return None;
    }
    // A field that is unknown is compared with every known one, in every document.
    let mut letters: Vec<char> = Vec::new();
    let near = known.into_iter().filter_map(|word| {
        let allowed = |length: usize| (length.max(text.len()) / 3).max(1);
        // Of other letters it has no more than bytes.
        if word.len() + allowed(word.len()) < text.len()
            || word.is_ascii() && word.len() > text.len() + allowed(word.len())
        {
            return None;
        }
        letters.clear();
        letters.extend(word.chars().flat_map(char::to_lowercase));
        let allowed = allowed(letters.len());
        if least_distance(&text, &letters) > allowed {
            return None;
        }
        let distance = distance(&text, &letters);
        (distance <= allowed && distance < letters.len()).then_some((distance, word))
    });
    near.min().map(|(_, word)| word)
}

/// The known field that somebody means: one that is near, or the only one that is so abbreviated
/// (`mon`, `Wed`).
pub(crate) fn field<'a>(
    text: &str,
    known: impl IntoIterator<Item = &'a str, IntoIter: Clone>,
) -> Option<&'a str> {
    const SHORTEST: usize = 3;
    let known = known.into_iter();
    let short = text.to_lowercase();
    let begins_so = |word: &&str| {
        let mut letters = word.chars().flat_map(char::to_lowercase);
        short.chars().all(|letter| letters.next() == Some(letter))
    };
    let mut longer = known.clone().filter(begins_so);
    let mut abbreviated = || longer.next().filter(|_| longer.next().is_none());
    let abbreviated = if short.len() >= SHORTEST { abbreviated() } else { None };
    abbreviated.or_else(|| nearest(text, known))
}

/// The word of a choice that somebody means: one that is near, abbreviated, or the only one that begins
/// with so many of the same letters (`registration`).
pub(crate) fn word<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    const SAME: usize = 5;
    let begins_so = |word: &&&str| word.get(..SAME).is_some_and(|begin| text.starts_with(begin));
    let mut alike = known.iter().filter(begins_so);
    let alone = || alike.next().copied().filter(|_| alike.next().is_none());
    field(text, known.iter().copied()).or_else(alone)
}

/// Whether two words differ in capitals, `_` and `-` only.
pub(crate) fn is_same(word: &str, other: &str) -> bool {
    fn letters(word: &str) -> impl Iterator<Item = char> {
        let all = word.chars().take(MAX_CHARS).filter(|c| !matches!(c, '_' | '-'));
        all.flat_map(char::to_lowercase)
    }
    letters(word).eq(letters(other))
}

/// What [`distance`] is at least, found in one pass over each: every letter that one word has more, and
/// every kind of letter that only one of them has, is an edit of its own.
fn least_distance(a: &[char], b: &[char]) -> usize {
    // Kinds that share a bit are taken for one, which makes them fewer.
    let kinds = |word: &[char]| word.iter().fold(0_u64, |all, c| all | 1 << (u32::from(*c) % 64));
    let (of_a, of_b) = (kinds(a), kinds(b));
    let only = |one: u64, other: u64| (one & !other).count_ones() as usize;
    a.len().abs_diff(b.len()).max(only(of_a, of_b)).max(only(of_b, of_a))
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (row, &letter_a) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut previous_b = None;
        for (column, &letter_b) in b.iter().enumerate() {
            let at =
                |line: &[usize], column: usize| line.get(column).copied().unwrap_or(usize::MAX);
            let replaced = at(&last, column) + usize::from(letter_a != letter_b);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            if previous_a == Some(letter_b) && previous_b == Some(letter_a) {
                let swapped =
                    column.checked_sub(1).map_or(usize::MAX, |at_b| at(&before_last, at_b));
                best = best.min(swapped.saturating_add(1));
            }
            current.push(best);
            previous_b = Some(letter_b);
        }
        previous_a = Some(letter_a);
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_distance_is_less_than_its_least() {
        let words =
            ["host", "hots", "transport", "transprot", "associatedIps", "ips", "aab", "bba"];
        for (a, b) in words.iter().flat_map(|a| words.iter().map(move |b| (a, b))) {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            assert!(least_distance(&a, &b) <= distance(&a, &b), "{a:?} {b:?}");
        }
        let (a, b): (Vec<char>, Vec<char>) = ("mask".chars().collect(), "host".chars().collect());
        assert_eq!(least_distance(&a, &b), 3);
    }

    #[test]
    fn near_words_are_suggested() {
        let known = ["host", "port", "transport", "associatedIps", "verifyPort"];
        for (text, word) in [
            ("hots", Some("host")),
            ("hostt", Some("host")),
            ("transprot", Some("transport")),
            ("associatedips", Some("associatedIps")),
            ("verify_port", Some("verifyPort")),
            ("xyz", None),
            ("", None),
        ] {
            assert_eq!(nearest(text, known), word, "{text}");
        }
    }
}
