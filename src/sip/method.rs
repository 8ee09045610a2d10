//! Request methods.

/// Declares [`Method`] from one list of `Variant "NAME"`.
macro_rules! methods {
    ($($variant:ident $name:literal,)*) => {
        /// A request method; methods are compared with case (RFC 3261 section 7.1).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method<'a> {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
            /// Any other token.
            Extension(&'a [u8]),
        }

        impl<'a> Method<'a> {
            /// The method that `bytes` spells; any token is one.
            pub fn of(bytes: &'a [u8]) -> Self {
                $(if bytes == $name.as_bytes() {
                    return Self::$variant;
                })*
                Self::Extension(bytes)
            }

            /// As on the wire.
            pub const fn as_bytes(self) -> &'a [u8] {
                match self {
                    $(Self::$variant => $name.as_bytes(),)*
                    Self::Extension(bytes) => bytes,
                }
            }
        }
    };
}

methods! {
    Invite "INVITE",
    Ack "ACK",
    Bye "BYE",
    Cancel "CANCEL",
    Options "OPTIONS",
    Register "REGISTER",
    Prack "PRACK",
    Update "UPDATE",
    Info "INFO",
    Refer "REFER",
    Notify "NOTIFY",
    Subscribe "SUBSCRIBE",
    Message "MESSAGE",
    Publish "PUBLISH",
}
