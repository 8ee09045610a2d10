//! One suite for every store: what `port::Store` promises holds for each of them.

#[cfg(test)]
mod embedded;
#[cfg(test)]
mod stores;
