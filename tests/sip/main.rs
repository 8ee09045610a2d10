//! The wire format as a whole: the messages of RFC 4475 and RFC 5118, and properties over generated and
//! damaged messages.

#[cfg(test)]
mod digest;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod torture;
#[cfg(test)]
mod torture_ipv6;
