//! The loop against fakes of the outside world: what is applied, what is refused, what is kept.

#[cfg(test)]
mod approval;
#[cfg(test)]
mod following;
#[cfg(test)]
mod guard;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod world;
