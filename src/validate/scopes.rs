//! Whose file is whose.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::model::value::Name;
use crate::model::{Policy, ResourceId, ScopeOwner};

/// The scopes of a repository: globs, the longest of which decides. By default a folder below
/// `tenants/` belongs to the tenant of its name, and all else to the system.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    /// With the text and the owner of each; `None`: the default.
    globs: Option<(GlobSet, Vec<(String, ScopeOwner)>)>,
}

impl Scopes {
    /// The scopes that a Policy writes. `wrong` is told which globs are none.
    pub(super) fn new(
        written: &BTreeMap<String, ScopeOwner>,
        mut wrong: impl FnMut(&str, &globset::Error),
    ) -> Self {
        let mut builder = GlobSetBuilder::new();
        let mut owners = Vec::new();
        for (glob, owner) in written {
            // As in `.gitignore`: only `**` crosses folders.
            match GlobBuilder::new(glob).literal_separator(true).build() {
                Ok(parsed) => {
                    builder.add(parsed);
                    owners.push((glob.clone(), owner.clone()));
                }
                Err(error) => wrong(glob, &error),
            }
        }
        let globs = builder.build().unwrap_or_else(|error| {
            // Each is a glob, and all of them together are too much.
            written.keys().next_back().into_iter().for_each(|glob| wrong(glob, &error));
            GlobSet::empty()
        });
        Self { globs: Some((globs, owners)) }
    }

    /// The scopes of the Policy that counts, whatever is wrong with them.
    pub(super) fn of(policy: Option<&Policy>) -> Self {
        let written = policy.and_then(|policy| policy.scopes.as_ref());
        written.map_or_else(Self::default, |all| Self::new(all, |_, _| {}))
    }

    /// Whether a Policy writes them.
    pub(super) fn are_written(&self) -> bool {
        self.globs.is_some()
    }

    /// The globs that match none of these paths, with their owners.
    pub(super) fn idle<'p>(
        &self,
        paths: impl Iterator<Item = &'p str>,
    ) -> Vec<(&str, &ScopeOwner)> {
        let Some((globs, owners)) = &self.globs else { return Vec::new() };
        let mut idle: Vec<_> = owners.iter().map(Some).collect();
        let mut left = idle.len();
        let mut matches = Vec::new();
        for path in paths {
            if left == 0 {
                break;
            }
            globs.matches_into(path, &mut matches);
            for index in &matches {
                left -= usize::from(idle.get_mut(*index).is_some_and(|one| one.take().is_some()));
            }
        }
        idle.into_iter().flatten().map(|(glob, owner)| (glob.as_str(), owner)).collect()
    }

    /// Resources with their files, and whose those are.
    pub(super) fn owners<'p>(
        &self,
        paths: impl Iterator<Item = (&'p ResourceId, &'p str)>,
    ) -> impl Iterator<Item = (&'p ResourceId, &'p str, ScopeOwner)> {
        let mut last: Option<(&str, ScopeOwner)> = None;
        paths.map(move |(id, path)| {
            // Resources of one file mostly stand together.
            let owner = match &last {
                Some((same, owner)) if *same == path => owner.clone(),
                _ => self.owner(path),
            };
            last = Some((path, owner.clone()));
            (id, path, owner)
        })
    }

    /// Whose a file is.
    pub(super) fn owner(&self, path: &str) -> ScopeOwner {
        let Some((globs, owners)) = &self.globs else {
            let mut parts = path.split('/');
            let tenant = match (parts.next(), parts.next(), parts.next()) {
                (Some("tenants"), Some(name), Some(_)) => name.parse::<Name>().ok(),
                _ => None,
            };
            return tenant.map_or(ScopeOwner::System, ScopeOwner::Tenant);
        };
        longest(globs, owners, path).map_or(ScopeOwner::System, |(_, owner)| owner.clone())
    }

    /// What makes a file its owner's: a glob, or by default a folder below `tenants/`.
    pub(super) fn part<'s>(&'s self, path: &'s str) -> Option<&'s str> {
        let Some((globs, owners)) = &self.globs else {
            let name = path.strip_prefix("tenants/")?;
            return path.get(..path.len() - name.len() + name.find('/')?);
        };
        longest(globs, owners, path).map(|(glob, _)| glob.as_str())
    }
}

/// The longest glob that matches a path, with the owner.
fn longest<'s>(
    globs: &GlobSet,
    owners: &'s [(String, ScopeOwner)],
    path: &str,
) -> Option<&'s (String, ScopeOwner)> {
    let matches = globs.matches(path);
    matches.iter().filter_map(|index| owners.get(*index)).max_by_key(|(glob, _)| glob.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_in_its_folder() {
        let tenant = |name: &str| ScopeOwner::Tenant(name.parse().unwrap());
        let written = BTreeMap::from([
            ("customers/*".to_owned(), tenant("all")),
            ("customers/acme/**".to_owned(), tenant("acme")),
            ("customers/acme/shared/*.yaml".to_owned(), ScopeOwner::System),
        ]);
        let scopes = Scopes::new(&written, |glob, error| panic!("{glob}: {error}"));
        for (path, owner) in [
            ("customers/a.yaml", tenant("all")),
            ("customers/bolt/a.yaml", ScopeOwner::System),
            ("customers/acme/a.yaml", tenant("acme")),
            ("customers/acme/x/y/a.yaml", tenant("acme")),
            ("customers/acme/shared/a.yaml", ScopeOwner::System),
            ("customers/acme/shared/x/a.yaml", tenant("acme")),
        ] {
            assert_eq!(scopes.owner(path), owner, "{path}");
        }
    }
}
