//! The exit codes: published, never changed.

use std::process::ExitCode;

macro_rules! exits {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $word:literal,)*) => {
        /// How a run ended. Prints as the word that stands under `result` in JSON outputs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Exit { $($(#[doc = $doc])+ $name,)* }

        impl Exit {
            /// Every exit code, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number that the process returns.
            pub fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// The word for it, `invalid`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

exits! {
    /// Done; or no changes.
    Ok 0 "ok",
    /// The operation failed: network, I/O, internal.
    Failed 1 "failed",
    /// Only with `--detailed-exitcode`: there are changes.
    Changes 2 "changes",
    /// Manifests have errors (or warnings under `--deny-warnings`).
    Invalid 3 "invalid",
    /// A guard or policy refused: protected, threshold, dependency, signature.
    Refused 4 "refused",
    /// The plan no longer matches what it was made from.
    Stale 5 "stale",
    /// Applied, but not converged within `--timeout`.
    Unconverged 6 "unconverged",
    /// `test`: an expectation does not hold.
    TestsFailed 7 "tests-failed",
    /// Wrong arguments.
    Usage 64 "usage",
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}
