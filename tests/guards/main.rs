//! The guards against deletions, against chance: what they decide is what a statement of the rule
//! says that counts one number and one resource after the other.

#[cfg(test)]
mod deletions;
#[cfg(test)]
mod in_use;
#[cfg(test)]
mod needs;
#[cfg(test)]
mod world;
