//! Which diagnostics of a run are shown, and what those come to.

use super::Exit;
use crate::diag::{Code, Diagnostic, Severity, SourceMap, Span};
use crate::manifest::suggest;

/// What `--allow`, `--only` and `--deny-warnings` ask for.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// Codes that are silenced; the command line gives warnings only.
    pub(super) allow: Vec<Code>,
    /// Paths as in diagnostics, without `./` and the `/` at the end; empty: all.
    pub(super) only: Vec<String>,
    /// Whether a warning makes the manifests invalid.
    pub(super) deny_warnings: bool,
}

impl Selection {
    /// Keeps what is to be shown, in its order. A conflict counts as being at each of its ends; a
    /// fault of the whole input is at every path. Of the other places of a diagnostic those that are
    /// asked for come first: a person is shown some of them only.
    pub(super) fn keep(&self, diagnostics: &mut Vec<Diagnostic>, sources: &SourceMap) {
        diagnostics.retain(|one| !self.allow.contains(&one.code) && self.is_wanted(one, sources));
        if self.only.is_empty() {
            return;
        }
        for one in diagnostics {
            let is_here = |span: Option<Span>| span.is_some_and(|span| self.is_here(span, sources));
            one.related.sort_by_cached_key(|related| !is_here(related.span));
        }
    }

    /// Exit code of what is shown.
    pub(super) fn exit(&self, shown: &[Diagnostic]) -> Exit {
        let refuses = |one: &Diagnostic| match one.severity() {
            Severity::Error => true,
            Severity::Warning => self.deny_warnings,
        };
        if shown.iter().any(refuses) { Exit::Invalid } else { Exit::Ok }
    }

    /// Whether a file is to be shown, by its path.
    pub(super) fn asks_for(&self, path: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| is_below(path, only))
    }

    fn is_here(&self, span: Span, sources: &SourceMap) -> bool {
        self.asks_for(sources.path(span.file))
    }

    fn is_wanted(&self, one: &Diagnostic, sources: &SourceMap) -> bool {
        let is_here = |span: Span| self.is_here(span, sources);
        let mut related = one.related.iter().filter_map(|related| related.span);
        one.span.is_none_or(is_here) || related.any(is_here)
    }
}

/// Whether a path is that file, or lies in that folder.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    let rest = path.strip_prefix(folder);
    folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A code as the command line gives it. For a text that is none: what may have been meant.
pub(super) fn code(text: &str) -> Result<Code, String> {
    Code::find(text).ok_or_else(|| {
        let all = Code::ALL.iter().map(|code| code.as_str());
        let near: Vec<_> = match suggest::nearest(text, all) {
            Some(near) if Code::near(text).is_empty() => vec![near],
            Some(_) | None => Code::near(text).iter().map(|code| code.as_str()).collect(),
        };
        let mut message = "there is no such code".to_owned();
        if !near.is_empty() {
            message.push_str("; did you mean ");
            message.push_str(&near.join(", "));
            message.push('?');
        }
        message
    })
}

/// A code that `--allow` takes: a warning.
pub(super) fn warning(text: &str) -> Result<Code, String> {
    let code = code(text)?;
    match code.severity() {
        Severity::Warning => Ok(code),
        Severity::Error => Err(format!(
            "{code} is an error ({}), and only warnings can be allowed",
            code.summary()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> (SourceMap, Vec<Diagnostic>) {
        let mut sources = SourceMap::default();
        let spans: Vec<_> = ["t/acme/a.yaml", "t/acme2/b.yaml", "./c.yaml"]
            .into_iter()
            .map(|path| Span { file: sources.add(path, "x\n"), start: 0, end: 1 })
            .collect();
        let found = vec![
            Diagnostic::new(Code::TL301, "one").at(spans[0]).related(spans[2], "the other"),
            Diagnostic::new(Code::TL202, "two").at(spans[1]),
            Diagnostic::new(Code::TL804, "three"),
        ];
        (sources, found)
    }

    fn kept(selection: &Selection) -> Vec<&'static str> {
        let (sources, mut found) = sources();
        selection.keep(&mut found, &sources);
        found.iter().map(|one| one.code.as_str()).collect()
    }

    #[test]
    fn only_takes_a_folder_by_whole_names_and_both_ends_of_a_conflict() {
        for (only, codes) in [
            ("t/acme", &["TL301", "TL804"][..]),
            ("t/acme2/b.yaml", &["TL202", "TL804"]),
            ("c.yaml", &["TL301", "TL804"]),
            ("t", &["TL301", "TL202", "TL804"]),
            ("t/ac", &["TL804"]),
        ] {
            let selection = Selection { only: vec![only.to_owned()], ..Selection::default() };
            assert_eq!(kept(&selection), codes, "{only}");
        }
    }

    #[test]
    fn an_allowed_code_is_not_shown_and_does_not_count() {
        let selection = Selection { allow: vec![Code::TL301, Code::TL202], ..Selection::default() };
        assert_eq!(kept(&selection), ["TL804"]);
        let (sources, mut found) = sources();
        let all = Selection { allow: Code::ALL.to_vec(), ..Selection::default() };
        assert_eq!(all.exit(&found), Exit::Invalid);
        all.keep(&mut found, &sources);
        assert_eq!(all.exit(&found), Exit::Ok);
    }

    #[test]
    fn warnings_refuse_only_when_denied() {
        let selection = |deny_warnings| Selection { deny_warnings, ..Selection::default() };
        for code in Code::ALL {
            let found = [Diagnostic::new(*code, "x")];
            let is_error = code.severity() == Severity::Error;
            let lax = if is_error { Exit::Invalid } else { Exit::Ok };
            assert_eq!(selection(false).exit(&found), lax, "{code}");
            assert_eq!(selection(true).exit(&found), Exit::Invalid, "{code}");
        }
    }

    #[test]
    fn codes_are_found_in_any_case_and_near_ones_are_named() {
        assert_eq!(code(" tl301"), Ok(Code::TL301));
        assert!(code("TL309").unwrap_err().contains("TL301, TL302, TL303"));
        assert!(code("").unwrap_err().ends_with("there is no such code"));
        assert!(warning("tl301").unwrap_err().contains("TL301 is an error"));
    }
}
