//! The real binary from outside: exit codes, what goes to which stream, and input that no manifest
//! should be.

#[cfg(test)]
mod fmt;
#[cfg(test)]
mod init;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod validate;
