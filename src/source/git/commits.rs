//! The commits of a range, as the objects themselves tell them, and the files that they touch.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use super::command::failed;
use super::{Base, GitError, Repository, Revisions, objects, path_from};
use crate::model::{Commit, ObjectId, SignatureForm};
use crate::source::selection::shown;

/// More commits than this in one range are refused.
const MAX_COMMITS: usize = 20_000;

/// Bytes of one commit object.
const MAX_COMMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Files that the commits of a range touch.
const MAX_CHANGES: usize = 4_000_000;

/// Letters of a subject that are shown.
const MAX_SUBJECT: usize = 60;

/// The trees without a file, which git knows in every repository.
const EMPTY_SHA1: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const EMPTY_SHA256: &str = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321";

/// The commits that a revision brings.
#[derive(Debug)]
pub struct History {
    /// The commits, parents before children.
    pub commits: Vec<Commit>,
    /// Those of them that have the base of the range among their ancestors.
    pub above_base: BTreeSet<ObjectId>,
    /// Those whose parents are not here: the clone is shallow.
    pub cut_off: BTreeSet<ObjectId>,
    /// Names of trees of commits outside the range, so far as they were asked for.
    trees: BTreeMap<ObjectId, ObjectId>,
}

/// One file that differs between two trees: the object on the old side, and on the new one.
type Changes = BTreeMap<PathBuf, (String, String)>;

impl Repository {
    /// The commits of a range, or the one that was named.
    pub fn history(&self, revisions: &Revisions) -> Result<History, GitError> {
        let (tip, base) = (revisions.tip.as_str(), &revisions.base);
        let mut arguments = vec!["rev-list", "--parents", "--topo-order", "--reverse"];
        let limit = format!("--max-count={}", MAX_COMMITS + 1);
        let excluded;
        match base {
            None => arguments.extend(["--no-walk", tip]),
            Some(Base::Nothing) => arguments.extend([&limit, tip]),
            Some(Base::Commit(base)) => {
                excluded = format!("^{base}");
                arguments.extend([&limit, tip, &excluded]);
            }
        }
        let listed = self.listed(&arguments)?;
        if listed.len() > MAX_COMMITS {
            return Err(GitError::TooMuch(format!("more than {MAX_COMMITS} commits")));
        }
        let ids: Vec<_> = listed.iter().filter_map(|line| line.first()).collect();
        let commits = self.commits(&ids)?;
        let seen = |line: &Vec<ObjectId>| line.iter().skip(1).cloned().collect::<Vec<_>>();
        let pairs = commits.iter().zip(&listed);
        let cut_off = pairs
            .filter(|(commit, line)| commit.parents != seen(line))
            .map(|(commit, _)| commit.id.clone())
            .collect();
        let mut above_base = BTreeSet::new();
        if let Some(Base::Commit(base)) = base {
            // Parents come first, so one pass tells who descends from the base.
            for commit in &commits {
                let descends = |id: &ObjectId| id == base || above_base.contains(id);
                if commit.parents.iter().any(descends) {
                    above_base.insert(commit.id.clone());
                }
            }
        }
        let mut trees: BTreeMap<_, _> =
            commits.iter().map(|one| (one.id.clone(), one.tree.clone())).collect();
        let parents =
            commits.iter().filter(|one| !is_in(&cut_off, one)).flat_map(|one| &one.parents);
        let outside: BTreeSet<_> = parents.filter(|id| !trees.contains_key(*id)).cloned().collect();
        for commit in self.commits(&outside.iter().collect::<Vec<_>>())? {
            trees.insert(commit.id, commit.tree);
        }
        Ok(History { commits, above_base, cut_off, trees })
    }

    /// The files below the root that each commit of a history touches, without those that are cut
    /// off. A merge touches what the three-way merge of whole files would not have given: a file
    /// that it takes from the only side which changed it is that side's.
    pub fn touched(&self, history: &History) -> Result<Vec<Vec<String>>, GitError> {
        let mut asked: Vec<(ObjectId, ObjectId)> = Vec::new();
        let mut shares = Vec::new();
        for commit in &history.commits {
            let from = asked.len();
            let mut parents = 0;
            if !is_in(&history.cut_off, commit) {
                let mut sides: Vec<_> =
                    commit.parents.iter().filter_map(|id| history.trees.get(id)).cloned().collect();
                parents = sides.len();
                match commit.parents.as_slice() {
                    [] => sides.push(empty_tree(&commit.tree)?),
                    [_] => {}
                    several => sides.extend(self.merge_bases(several)?),
                }
                asked.extend(sides.into_iter().map(|side| (side, commit.tree.clone())));
            }
            shares.push((from..asked.len(), parents));
        }
        let mut changes = self.differences(&asked)?.into_iter();
        let touched = shares.into_iter().map(|(range, parents)| {
            let mut sides: Vec<_> = changes.by_ref().take(range.len()).collect();
            let paths = match parents {
                0 | 1 => sides.pop().unwrap_or_default().into_keys().collect(),
                _ => {
                    let bases = sides.split_off(parents);
                    made_by_merge(&sides, &bases)
                }
            };
            self.below_root(paths)
        });
        Ok(touched.collect())
    }

    fn below_root(&self, paths: Vec<PathBuf>) -> Vec<String> {
        let below = paths.iter().filter_map(|path| path.strip_prefix(&self.prefix).ok());
        below.map(shown).collect()
    }

    fn listed(&self, arguments: &[&str]) -> Result<Vec<Vec<ObjectId>>, GitError> {
        let output = self.git.run(arguments)?;
        let text = String::from_utf8_lossy(&output);
        let ids = |line: &str| line.split(' ').filter_map(|id| id.parse().ok()).collect();
        Ok(text.lines().map(ids).collect())
    }

    fn commits(&self, ids: &[&ObjectId]) -> Result<Vec<Commit>, GitError> {
        let mut commits = Vec::new();
        objects::read(&self.git, ids, MAX_COMMIT_BYTES, |index, bytes| {
            commits.extend(ids.get(index).and_then(|id| commit(id, &bytes)));
        })
        .map_err(|error| {
            if let GitError::MissingObject(id) = error {
                return GitError::MissingObject(format!("commit {id}"));
            }
            error
        })?;
        if commits.len() == ids.len() {
            Ok(commits)
        } else {
            Err(GitError::Failed("a commit cannot be read".to_owned()))
        }
    }

    /// The trees of the best common ancestors of a merge's parents; the empty tree without any.
    fn merge_bases(&self, parents: &[ObjectId]) -> Result<Vec<ObjectId>, GitError> {
        let mut arguments = vec!["merge-base", "--all"];
        if parents.len() > 2 {
            arguments.push("--octopus");
        }
        arguments.extend(parents.iter().map(ObjectId::as_str));
        let told = self.git.ask(&arguments)?;
        let text = String::from_utf8_lossy(&told.output).into_owned();
        let ids: Vec<ObjectId> = text.lines().filter_map(|line| line.parse().ok()).collect();
        if ids.is_empty() && !told.words.is_empty() {
            return Err(failed(&told.words));
        }
        let bases = self.commits(&ids.iter().collect::<Vec<_>>())?;
        let mut trees: Vec<_> = bases.into_iter().map(|commit| commit.tree).collect();
        if let (true, Some(parent)) = (trees.is_empty(), parents.first()) {
            trees.push(empty_tree(parent)?);
        }
        Ok(trees)
    }

    /// What differs between the two trees of each pair.
    fn differences(&self, pairs: &[(ObjectId, ObjectId)]) -> Result<Vec<Changes>, GitError> {
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let arguments = [
            "diff-tree",
            "--stdin",
            "-r",
            "-z",
            "--raw",
            "--no-abbrev",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=none",
        ];
        let write = |input: &mut dyn Write| {
            for (old, new) in pairs {
                writeln!(input, "{old} {new}")?;
            }
            input.flush()
        };
        let mut all: Vec<Changes> = Vec::new();
        let mut count = 0;
        let (status, words) = self.git.talk(&arguments.map(OsString::from), write, |output| {
            let mut fields = Fields(output);
            while let Some(field) = fields.next()? {
                // `:MODE MODE OLD NEW STATUS`, then the path; before the first one of a pair, the
                // pair itself, whose end is a line's.
                let text = String::from_utf8_lossy(&field).into_owned();
                let mut change = None;
                for line in text.split('\n').filter(|line| !line.is_empty()) {
                    match line.strip_prefix(':') {
                        Some(facts) => change = Some(facts.to_owned()),
                        None => all.push(Changes::new()),
                    }
                }
                let Some(facts) = change else { continue };
                let mut facts = facts.split(' ');
                let modes = (facts.next().unwrap_or_default(), facts.next().unwrap_or_default());
                let ids = (facts.next().unwrap_or_default(), facts.next().unwrap_or_default());
                let side = |mode: &str, id: &str| format!("{mode} {id}");
                let path = fields.next()?.unwrap_or_default();
                if let Some(changes) = all.last_mut() {
                    let sides = (side(modes.0, ids.0), side(modes.1, ids.1));
                    changes.insert(path_from(&path).to_owned(), sides);
                }
                count += 1;
                if count > MAX_CHANGES {
                    return Err(io::Error::other(format!("more than {MAX_CHANGES} changed files")));
                }
            }
            Ok(())
        })?;
        if !status.success() {
            return Err(failed(&words));
        }
        if all.len() != pairs.len() {
            let missing = words.contains("unable to read") || words.contains("could not read");
            let words = if missing { words } else { "the differences cannot be read".to_owned() };
            return Err(failed(&words));
        }
        Ok(all)
    }
}

/// Fields that end with NUL.
struct Fields<'a, R>(&'a mut R);

impl<R: BufRead> Fields<'_, R> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        const MAX_FIELD: u64 = 64 * 1024;
        let mut field = Vec::new();
        self.0.by_ref().take(MAX_FIELD).read_until(0, &mut field)?;
        match field.pop() {
            None => Ok(None),
            Some(0) => Ok(Some(field)),
            Some(_) => Err(io::Error::other("a path is too long, or cut off")),
        }
    }
}

/// The files of a merge that no three-way merge of whole files explains. Sides are the parents,
/// each with what differs between it and the merge.
fn made_by_merge(sides: &[Changes], bases: &[Changes]) -> Vec<PathBuf> {
    let paths: BTreeSet<_> = sides.iter().flat_map(BTreeMap::keys).collect();
    let clean = |path: &PathBuf| {
        bases.iter().all(|base| {
            // A side that lacks a path has what the merge has.
            let before = base.get(path).map(|change| &change.0);
            let changed = |side: &Changes| side.get(path).map(|change| &change.0) != before;
            let mut by = sides.iter().filter(|side| changed(side)).peekable();
            by.peek().is_some() && by.all(|side| !side.contains_key(path))
        })
    };
    paths.into_iter().filter(|path| !clean(path)).cloned().collect()
}

fn is_in(ids: &BTreeSet<ObjectId>, commit: &Commit) -> bool {
    ids.contains(&commit.id)
}

/// The empty tree in the format of a repository, of which any name is given.
fn empty_tree(like: &ObjectId) -> Result<ObjectId, GitError> {
    let name = if like.as_str().len() == EMPTY_SHA1.len() { EMPTY_SHA1 } else { EMPTY_SHA256 };
    name.parse().map_err(|()| GitError::Failed("no empty tree".to_owned()))
}

/// Reads a commit object: header lines, an empty line, the message. A header line that begins with
/// a space goes on with the one before.
fn commit(id: &ObjectId, bytes: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(bytes);
    let (header, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut tree = None;
    let mut parents = Vec::new();
    let mut signature = SignatureForm::None;
    for line in header.lines() {
        match line.split_once(' ') {
            Some(("tree", id)) if tree.is_none() => tree = id.parse().ok(),
            Some(("parent", id)) => parents.push(id.parse().ok()?),
            Some(("gpgsig" | "gpgsig-sha256", first)) => signature = form(first),
            Some(_) | None => {}
        }
    }
    let subject = message.lines().next().unwrap_or_default();
    let mut shown: String = subject.chars().take(MAX_SUBJECT).collect();
    if shown.len() < subject.len() {
        shown.push('…');
    }
    let subject = shown.replace(char::is_control, "\u{fffd}");
    Some(Commit { id: id.clone(), tree: tree?, parents, subject, signature })
}

fn form(first_line: &str) -> SignatureForm {
    match first_line.trim() {
        "-----BEGIN SSH SIGNATURE-----" => SignatureForm::Ssh,
        "-----BEGIN PGP SIGNATURE-----" | "-----BEGIN PGP MESSAGE-----" => SignatureForm::OpenPgp,
        "-----BEGIN SIGNED MESSAGE-----" => SignatureForm::X509,
        _ => SignatureForm::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What differs between a side and the merge; files are words `name=content`.
    fn differs(side: &str, merge: &str) -> Changes {
        let files = |text: &str| -> BTreeMap<String, String> {
            let pairs = text.split_whitespace().filter_map(|file| file.split_once('='));
            pairs.map(|(name, content)| (name.to_owned(), content.to_owned())).collect()
        };
        let (side, merge) = (files(side), files(merge));
        let of = |all: &BTreeMap<_, _>, name| all.get(name).cloned().unwrap_or_default();
        let names: BTreeSet<_> = side.keys().chain(merge.keys()).collect();
        let changed = names.into_iter().filter(|name| side.get(*name) != merge.get(*name));
        changed.map(|name| (name.into(), (of(&side, name), of(&merge, name)))).collect()
    }

    #[test]
    fn a_merge_touches_what_no_side_explains() {
        for (base, ours, theirs, merge, touched) in [
            ("a=1 b=1", "a=2 b=1", "a=1 b=2", "a=2 b=2", ""),
            ("a=1", "a=2", "a=2", "a=2", ""),
            ("a=1", "a=2", "a=3", "a=4", "a"),
            // One side alone wins where both changed it: somebody chose.
            ("a=1", "a=2", "a=3", "a=2", "a"),
            // What one side changed is put back to what the other one, which is older, has.
            ("a=1", "a=2", "a=1", "a=1", "a"),
            ("a=1", "a=2", "a=1", "a=2 b=1", "b"),
            ("a=1", "", "a=1", "", ""),
            ("a=1", "a=1", "", "a=1", "a"),
            ("", "a=1", "b=1", "a=1 b=1", ""),
        ] {
            let sides = [differs(ours, merge), differs(theirs, merge)];
            let found = made_by_merge(&sides, &[differs(base, merge)]);
            let found: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
            assert_eq!(found.join(" "), touched, "{base} | {ours} | {theirs} | {merge}");
        }
    }
}
