//! What a commit says of itself, and what its signature came to.

/// The name of an object of git: 40 or 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its beginning, as people read it.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for ObjectId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let fits = matches!(text.len(), 40 | 64) && text.bytes().all(hex);
        fits.then(|| Self(text.to_owned())).ok_or(())
    }
}

/// How a commit is signed, by the look of its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureForm {
    /// Not at all.
    None,
    /// With an SSH key.
    Ssh,
    /// With OpenPGP.
    OpenPgp,
    /// With an X.509 certificate.
    X509,
    /// In a way that this build does not know.
    Unknown,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: ObjectId,
    /// Its tree.
    pub tree: ObjectId,
    /// Its parents, as the commit itself names them.
    pub parents: Vec<ObjectId>,
    /// The first line of its message, cut to what a diagnostic can hold.
    pub subject: String,
    /// How it is signed.
    pub signature: SignatureForm,
}

/// What an SSH signature came to against a list of allowed signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Made by one of them.
    Good,
    /// Sound, but by a key of nobody on the list; the key, as `ED25519 key SHA256:…`.
    UnknownKey(String),
    /// Made by a key whose time had not come or was over at the commit's date; the key.
    NotValidThen(String),
    /// Does not fit the commit, or is none at all.
    Bad,
}
