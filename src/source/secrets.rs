//! Secrets and certificates as the daemon finds them: in its environment, in files below one folder.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use crate::model::value::{Name, SecretRef};
use crate::model::{Outside, Secret, inline_pem};
use crate::port::{SecretError, Secrets};

/// The largest secret; a private key of 16,384 bits has a fifth of it.
const MAX_SECRET_BYTES: u64 = 64 * 1024;
/// The largest file of certificates; all the authorities of an operating system fit.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// Below this folder of the secrets folder everything belongs to the tenant that the next one is
/// named after.
const TENANTS: &str = "tenants";

/// The daemon's environment and a folder.
#[derive(Debug, Clone)]
pub struct LocalSecrets {
    folder: PathBuf,
}

impl LocalSecrets {
    /// Secrets whose files stand below `folder`, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn file(&self, owner: Option<&Name>, path: &str, limit: u64) -> Result<Secret, SecretError> {
        let refused = |why: &str| SecretError(format!("the secrets folder's file `{path}` {why}"));
        let plain = |part| matches!(part, Component::Normal(_));
        if path.is_empty() || !Path::new(path).components().all(plain) {
            return Err(refused("is not a relative path below it"));
        }
        let absent = |error: std::io::Error| refused(&format!("cannot be read: {error}"));
        let folder = self.folder.canonicalize().map_err(absent)?;
        // Links may lead from place to place inside the folder (as mounted secrets have them), and
        // nowhere else. Whoever could swap a link between this and the opening can write here anyway.
        let found = folder.join(path).canonicalize().map_err(absent)?;
        let inside = found.strip_prefix(&folder).map_err(|_| refused("leads out of it"))?;
        if belongs_to_another(inside, owner) {
            return Err(refused("belongs to another tenant"));
        }
        read(&found, limit).map_err(|why| refused(&why))
    }
}

impl Secrets for LocalSecrets {
    fn read(&self, owner: Option<&Name>, at: &Outside) -> Result<Secret, SecretError> {
        match at {
            Outside::Secret(SecretRef::Env(name)) => variable(name),
            Outside::Secret(SecretRef::File(path)) => {
                let secret = self.file(owner, path, MAX_SECRET_BYTES)?;
                not_empty(secret, || format!("the secrets folder's file `{path}`"))
            }
            Outside::Secret(SecretRef::Age(_)) => {
                Err(SecretError("this build does not decrypt `age` secrets yet".to_owned()))
            }
            Outside::Pem(text) => match inline_pem(text) {
                Some(text) => Ok(Secret::new(Zeroizing::new(text.as_bytes().to_vec()))),
                None => self.file(owner, text, MAX_PEM_BYTES),
            },
        }
    }
}

/// Whether a file is in the folder of a tenant that is not the owner. What the System Admin
/// declares may use every tenant's.
fn belongs_to_another(inside: &Path, owner: Option<&Name>) -> bool {
    let mut parts = inside.components().map(Component::as_os_str);
    let (Some(owner), Some(first)) = (owner, parts.next()) else { return false };
    first == OsStr::new(TENANTS) && parts.next() != Some(OsStr::new(owner.as_str()))
}

fn variable(name: &str) -> Result<Secret, SecretError> {
    let value = std::env::var_os(name)
        .ok_or_else(|| SecretError(format!("the environment variable {name} is not set")))?;
    let secret = Secret::new(Zeroizing::new(value.as_bytes().to_vec()));
    not_empty(secret, || format!("the environment variable {name}"))
}

fn not_empty(secret: Secret, what: impl Fn() -> String) -> Result<Secret, SecretError> {
    if secret.expose().is_empty() {
        return Err(SecretError(format!("{} is empty", what())));
    }
    Ok(secret)
}

/// All of a file but the line end that editors put there; the error never holds any of it.
fn read(path: &Path, limit: u64) -> Result<Secret, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    // A pipe without a writer must not hold us.
    let mut options = OpenOptions::new();
    let file: File = options
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW)
        .open(path)
        .map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err("is not a file".to_owned());
    }
    let too_large = || format!("is larger than {limit} bytes");
    if about.len() > limit {
        return Err(too_large());
    }
    // Room for all of it at once, so that no half-grown copy stays behind in freed memory.
    let room = usize::try_from(about.len().saturating_add(64)).map_err(|_| too_large())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    let line = bytes.strip_suffix(b"\n").map(|rest| rest.strip_suffix(b"\r").unwrap_or(rest));
    let length = line.unwrap_or(&bytes).len();
    bytes.truncate(length);
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Folder {
        outer: tempfile::TempDir,
        secrets: LocalSecrets,
    }

    impl Folder {
        fn new() -> Self {
            let outer = tempfile::tempdir().unwrap();
            let secrets = LocalSecrets::new(outer.path().join("secrets"));
            Self { outer, secrets }
        }

        fn write(&self, path: &str, content: &[u8]) {
            let path = self.outer.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }

        fn read_as(&self, owner: Option<&str>, path: &str) -> Result<Vec<u8>, String> {
            let owner: Option<Name> = owner.map(|owner| owner.parse().unwrap());
            let at = Outside::Secret(SecretRef::File(path.to_owned()));
            let read = self.secrets.read(owner.as_ref(), &at);
            read.map(|secret| secret.expose().to_vec()).map_err(|error| error.to_string())
        }

        fn read(&self, path: &str) -> Result<Vec<u8>, String> {
            self.read_as(None, path)
        }
    }

    #[test]
    fn one_line_end_is_not_part_of_a_secret() {
        let folder = Folder::new();
        for (content, secret) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a \n", " a "),
            ("a\r", "a\r"),
        ] {
            folder.write("secrets/carrier/password", content.as_bytes());
            assert_eq!(folder.read("carrier/password").unwrap(), secret.as_bytes(), "{content:?}");
        }
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let folder = Folder::new();
        folder.write("outside", b"treasure");
        folder.write("secrets/inside", b"fine");
        let at = |name: &str| folder.outer.path().join(name);
        symlink(at("outside"), at("secrets/link")).unwrap();
        symlink(at(""), at("secrets/up")).unwrap();
        symlink("inside", at("secrets/beside")).unwrap();
        let absolute = at("outside").display().to_string();
        for path in ["../outside", "link", "up/outside", "./../outside", absolute.as_str(), "", "."]
        {
            let error = folder.read(path).unwrap_err();
            assert!(!error.contains("treasure"), "{error}");
        }
        assert_eq!(folder.read("beside").unwrap(), b"fine");
    }

    #[test]
    fn what_is_no_secret_is_refused_with_its_reason() {
        let folder = Folder::new();
        assert!(folder.read("a").unwrap_err().contains("No such file"), "no folder at all");
        folder.write("secrets/empty", b"\n");
        folder.write("secrets/large", &[b'x'; 64 * 1024 + 1]);
        folder.write("secrets/folder/a", b"x");
        let pipe = folder.outer.path().join("secrets/pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (path, why) in [
            ("empty", "is empty"),
            ("large", "is larger than 65536 bytes"),
            ("folder", "is not a file"),
            ("pipe", "is not a file"),
            ("absent", "No such file"),
        ] {
            let error = folder.read(path).unwrap_err();
            assert!(error.contains(why), "{path}: {error}");
        }
    }

    #[test]
    fn a_tenants_folder_is_for_its_own_resources() {
        let folder = Folder::new();
        folder.write("secrets/tenants/acme/password", b"a");
        folder.write("secrets/shared", b"s");
        symlink("tenants/acme/password", folder.outer.path().join("secrets/alias")).unwrap();
        assert_eq!(folder.read_as(Some("acme"), "tenants/acme/password").unwrap(), b"a");
        assert_eq!(folder.read_as(None, "tenants/acme/password").unwrap(), b"a");
        assert_eq!(folder.read_as(Some("globex"), "shared").unwrap(), b"s");
        for path in ["tenants/acme/password", "alias"] {
            let error = folder.read_as(Some("globex"), path).unwrap_err();
            assert!(error.contains("belongs to another tenant"), "{error}");
        }
    }

    #[test]
    fn a_variable_is_read_by_its_name() {
        let read = |name: &str| variable(name).map(|secret| secret.expose().to_vec());
        assert!(read("PATH").is_ok_and(|value| !value.is_empty()));
        let error = read("TRUNKLINE_NO_SUCH_VARIABLE").unwrap_err().to_string();
        assert_eq!(error, "the environment variable TRUNKLINE_NO_SUCH_VARIABLE is not set");
    }
}
