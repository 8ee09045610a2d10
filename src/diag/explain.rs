//! What a code means: why the rule exists, something wrong, and something right.

use super::Code;

/// All texts, as one file: `# CODE`, `why:`, and two indented examples.
const TEXTS: &str = include_str!("explain.txt");

/// The text of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// Why the rule exists.
    pub why: &'static str,
    /// What it refuses.
    pub wrong: String,
    /// What it takes.
    pub right: String,
}

/// The explanation of a code.
pub fn explanation(code: Code) -> Option<Explanation> {
    let section = TEXTS.split("# TL").find(|section| {
        code.as_str().strip_prefix("TL").is_some_and(|number| section.starts_with(number))
    })?;
    let (_, rest) = section.split_once("\nwhy: ")?;
    let (why, rest) = rest.split_once("\nwrong:\n")?;
    let (wrong, right) = rest.split_once("\nright:\n")?;
    let plain = |text: &str| {
        let lines = text.trim_end().lines().map(|line| line.strip_prefix("  ").unwrap_or(line));
        lines.collect::<Vec<_>>().join("\n")
    };
    Some(Explanation { why, wrong: plain(wrong), right: plain(right) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_once() {
        for code in Code::ALL {
            let found = explanation(*code).unwrap_or_else(|| panic!("{code} has no explanation"));
            assert!(!found.why.contains('\n') && found.why.ends_with('.'), "{code}");
            assert!(!found.wrong.is_empty() && !found.right.is_empty(), "{code}");
        }
        let sections = TEXTS.lines().filter_map(|line| line.strip_prefix("# "));
        let codes: Vec<&str> = sections.filter(|line| line.starts_with("TL")).collect();
        let all: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes, all);
    }
}
