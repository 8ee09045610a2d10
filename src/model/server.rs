//! The name of a SIP server: what has to be located before anything can be sent there (RFC 3263).

use super::spec::Protocol;

/// A DNS name with what decides how its servers are found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerName {
    /// The name, in lower case, without a dot at its end.
    pub host: String,
    /// The port that somebody wrote; with one, only addresses are looked up.
    pub port: Option<u16>,
    /// What the listener speaks that requests leave by.
    pub protocol: Protocol,
}

impl std::fmt::Display for ServerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}
