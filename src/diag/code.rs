//! Every diagnostic code, once. Codes are never reused.

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The input is refused.
    Error,
    /// The input is taken; `--deny-warnings` refuses it.
    Warning,
}

macro_rules! codes {
    ($($code:ident $severity:ident $summary:literal,)*) => {
        /// A diagnostic code of the manifest language, section 3.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $summary] $code,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The code as printed, `TL301`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// Error or warning.
            pub fn severity(self) -> Severity {
                match self { $(Self::$code => Severity::$severity,)* }
            }

            /// The rule in one line.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$code => $summary,)* }
            }
        }
    };
}

codes! {
    TL001 Error "the file is not valid YAML",
    TL002 Error "a key stands twice in one mapping",
    TL003 Error "a size, depth or alias limit is exceeded",
    TL004 Error "the file is not UTF-8",
    TL005 Error "a document is not a mapping",
    TL101 Error "the apiVersion is unknown",
    TL102 Error "the kind is unknown",
    TL103 Error "the field is unknown",
    TL104 Error "the value has the wrong type or form",
    TL105 Error "a required field is missing",
    TL106 Error "the value is out of bounds",
    TL107 Error "the field belongs to another trunk type or scope",
    TL108 Warning "the field has no effect",
    TL201 Error "a reference to something that does not exist",
    TL202 Error "a resource is declared twice",
    TL203 Error "a reference to something of another tenant",
    TL204 Warning "a reference to a disabled resource",
    TL301 Error "pools of two tenants share numbers at one provider",
    TL302 Error "a number begins with +, 0 or 00",
    TL303 Error "a number or range is malformed",
    TL304 Warning "items of a pool could be written as one, or have another dash",
    TL305 Error "a tenant's trunk has no pool",
    TL306 Warning "two tenants have one number at different providers",
    TL401 Error "the trunk type is not allowed in this scope",
    TL402 Error "a tenant's own trunk is used by another tenant",
    TL403 Error "two trunks are one user at one host",
    TL404 Error "an accept-register domain is a tenant's SIP domain",
    TL405 Error "a second ip trunk of one provider",
    TL406 Error "the trunk's transport is missing, or of the wrong protocol or address family",
    TL407 Error "two senders can match the same packet",
    TL408 Error "two transports share one address, port and protocol",
    TL409 Error "there is no transport",
    TL410 Error "two tenants share one SIP domain",
    TL411 Error "Teams does not take this name",
    TL412 Warning "the provider is known to want it otherwise",
    TL413 Warning "a private address would be shown to a public provider",
    TL414 Warning "a brand's preset is over a year old",
    TL415 Warning "a system trunk has no pool",
    TL416 Warning "AUTH_ID on a trunk without registration",
    TL417 Warning "the tenants' shares are above the trunk's limit",
    TL418 Warning "no rule uses the trunk",
    TL501 Error "an inbound rule's numbers are not all in the tenant's pool",
    TL502 Error "two inbound rules answer the same numbers",
    TL503 Error "the destination range is not as long as the DID range",
    TL504 Error "an outbound rule has no condition",
    TL505 Error "routes or strip are out of bounds",
    TL506 Error "a rule uses a trunk that is not the tenant's",
    TL507 Error "a caller ID is not in the tenant's pool on the trunk",
    TL508 Warning "a rule can never take a call",
    TL509 Warning "two outbound rules of one priority overlap",
    TL510 Warning "numbers of a pool that no rule answers",
    TL511 Error "calls would go round in a circle",
    TL512 Warning "an emergency number cannot be called",
    TL601 Error "a file declares what is not in its scope",
    TL602 Error "a commit is not signed by a signer of the scope",
    TL603 Error "a symlink or a path outside the repository",
    TL604 Error "a pool on a system trunk lies in a tenant's scope",
    TL701 Error "a secret stands in the repository",
    TL702 Error "a reference to a secret is malformed",
    TL703 Error "a secret cannot be found",
    TL704 Error "a certificate and its key cannot be used",
    TL801 Error "a deletion is refused: the resource is in use",
    TL802 Error "a protected resource would be destroyed",
    TL803 Error "a revision deletes more than the Policy allows",
    TL804 Error "the new revision is empty",
    TL805 Error "the engine of this build does not carry this out yet",
}

impl Code {
    /// The code that a person means: case and blanks around it do not matter.
    pub fn find(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text))
    }

    /// Codes that a person may have meant by a text that is none: those of the same hundred
    /// (`TL3…` or `3…`), in order.
    pub fn near(text: &str) -> Vec<Self> {
        let text = text.trim().to_ascii_uppercase();
        let digit = text.strip_prefix("TL").unwrap_or(&text).chars().next();
        let hundred = |code: &Self| code.as_str().chars().nth(2);
        Self::ALL.iter().copied().filter(|code| digit.is_some() && hundred(code) == digit).collect()
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
