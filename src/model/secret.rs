//! What stands outside of the repository: which fields it is for, and its values once they are
//! looked up. A value is in memory only, is printed by nothing, and is overwritten when it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::id::ResourceId;
use super::resource::Spec;
use super::resource_set::ResourceSet;
use super::value::{Name, SecretRef};

/// Begins a PEM text; a path holds no such thing.
const PEM_BEGIN: &str = "-----BEGIN ";

/// The value of a secret. Nothing prints, compares or stores it: who needs it asks for its bytes.
#[expect(missing_debug_implementations, reason = "what cannot be printed cannot leak")]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a value over; the bytes are overwritten when it is dropped.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The value itself. It must not be copied to where it outlives its use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same; takes the same time wherever they differ.
    fn is(&self, other: &Self) -> bool {
        blake3::hash(&self.0) == blake3::hash(&other.0)
    }
}

/// Where the value of a field stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    /// A secret.
    Secret(SecretRef),
    /// Certificates: a PEM file, with a path as those of secrets are.
    Pem(String),
}

/// The fields of a spec whose values stand outside, with a JSON pointer from the resource. What is
/// switched off needs none.
pub fn outside(spec: &Spec) -> Vec<(&'static str, Outside)> {
    let secret = |at: &SecretRef| Outside::Secret(at.clone());
    let mut found = Vec::new();
    match spec {
        Spec::Transport(one) => {
            if let Some(tls) = &one.tls {
                let ca = tls.client_ca.as_ref();
                found.push(("/spec/tls/certificate", Outside::Pem(tls.certificate.clone())));
                found.push(("/spec/tls/privateKey", secret(&tls.private_key)));
                found.extend(ca.map(|ca| ("/spec/tls/clientCa", Outside::Pem(ca.clone()))));
            }
        }
        Spec::Trunk(one) if one.enabled => {
            if let Some(tls) = &one.tls {
                found.push(("/spec/tls/certificate", Outside::Pem(tls.certificate.clone())));
                found.push(("/spec/tls/privateKey", secret(&tls.private_key)));
            }
            let registration = one.registration.as_ref();
            found.extend(registration.map(|it| (REGISTRATION_PASSWORD, secret(&it.password))));
            let registrar = one.registrar.as_ref();
            found.extend(registrar.map(|it| (REGISTRAR_PASSWORD, secret(&it.password))));
            if let Some(whats_app) = &one.whats_app {
                found.push(("/spec/whatsApp/accessToken", secret(&whats_app.access_token)));
                found.push(("/spec/whatsApp/appSecret", secret(&whats_app.app_secret)));
                found.push(("/spec/whatsApp/verifyToken", secret(&whats_app.verify_token)));
            }
        }
        Spec::Extension(one) => {
            let register = one.register.as_ref();
            found.extend(register.map(|it| (REGISTER_PASSWORD, secret(&it.password))));
        }
        Spec::Trunk(_)
        | Spec::Policy(_)
        | Spec::Tenant(_)
        | Spec::DidPool(_)
        | Spec::Schedule(_)
        | Spec::InboundRule(_)
        | Spec::OutboundRule(_)
        | Spec::RouteTest(_) => {}
    }
    found
}

/// The field of a trunk that registers.
pub const REGISTRATION_PASSWORD: &str = "/spec/registration/password";
/// The field of a trunk whose far end registers here.
pub const REGISTRAR_PASSWORD: &str = "/spec/registrar/password";
/// The field of a phone that registers.
pub const REGISTER_PASSWORD: &str = "/spec/register/password";

/// Finds the value of a field for a resource of an owner (`None`: the system scope).
pub type LookUp<'a> = dyn Fn(Option<&Name>, &Outside) -> Result<Secret, String> + 'a;

/// What a look-up came to.
type Found = Result<Arc<Secret>, String>;

/// The values that one set of resources needs from outside, as they were found. Clones share the
/// values; the last one to go overwrites them.
#[derive(Clone, Default)]
pub struct Resolved {
    fields: BTreeMap<ResourceId, Vec<(&'static str, Outside, Found)>>,
}

impl Resolved {
    /// Looks up what a set needs. What `former` looked up in the same place is not looked up
    /// again, found or not: a value changes when its reference does, or when all are looked up anew.
    pub fn of(resources: &ResourceSet, former: &Self, look_up: &LookUp<'_>) -> Self {
        let mut fields = BTreeMap::new();
        for (id, resource) in resources.iter() {
            let known = former.fields.get(id).map_or(&[][..], Vec::as_slice);
            let found = outside(&resource.spec).into_iter().map(|(field, at)| {
                let same = known.iter().find(|(name, place, _)| *name == field && *place == at);
                let found = same.map(|(_, _, found)| found.clone());
                let found = found.unwrap_or_else(|| look_up(id.tenant.as_ref(), &at).map(Arc::new));
                (field, at, found)
            });
            let found: Vec<_> = found.collect();
            if !found.is_empty() {
                fields.insert(id.clone(), found);
            }
        }
        Self { fields }
    }

    /// The value of a field; `None` when it was not found, or the field has none.
    pub fn get(&self, id: &ResourceId, field: &str) -> Option<&Arc<Secret>> {
        let (_, _, found) = self.fields.get(id)?.iter().find(|(name, _, _)| *name == field)?;
        found.as_ref().ok()
    }

    /// Why a resource does not have all that it needs: what is missing first.
    pub fn missing(&self, id: &ResourceId) -> Option<&str> {
        let fields = self.fields.get(id)?;
        fields.iter().find_map(|(_, _, found)| found.as_ref().err().map(String::as_str))
    }

    /// Every resource that does not have all that it needs, with the reason.
    pub fn all_missing(&self) -> impl Iterator<Item = (&ResourceId, &str)> {
        self.fields.keys().filter_map(|id| Some((id, self.missing(id)?)))
    }

    /// Whether both found the same values in the same places.
    pub fn is_as(&self, other: &Self) -> bool {
        let same = |one: &Found, other: &Found| match (one, other) {
            (Ok(one), Ok(other)) => Arc::ptr_eq(one, other) || one.is(other),
            (Err(one), Err(other)) => one == other,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        let flat = |all: &Self| -> usize { all.fields.values().map(Vec::len).sum() };
        flat(self) == flat(other)
            && self.fields.iter().all(|(id, fields)| {
                let others = other.fields.get(id).map_or(&[][..], Vec::as_slice);
                fields.iter().zip(others).all(|((name, at, found), (other_name, place, other))| {
                    name == other_name && at == place && same(found, other)
                })
            })
    }
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let missing = self.all_missing().count();
        f.debug_struct("Resolved").field("missing", &missing).finish_non_exhaustive()
    }
}

/// The text itself, where a PEM text stands in place of a path.
pub fn inline_pem(text: &str) -> Option<&str> {
    text.contains(PEM_BEGIN).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn set(password: &serde_json::Value, enabled: bool) -> ResourceSet {
        let trunk = serde_json::json!({"metadata": {"name": "a"}, "kind": "Trunk", "spec": {
            "type": "register", "host": "192.0.2.1", "enabled": enabled,
            "registration": {"username": "u", "password": password}
        }});
        [Arc::new(serde_json::from_value(trunk).unwrap())].into_iter().collect()
    }

    fn trunk() -> ResourceId {
        "Trunk/a".parse().unwrap()
    }

    fn value(text: &str) -> Secret {
        Secret::new(Zeroizing::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_value_is_looked_up_again_only_where_its_reference_changes() {
        let looked = RefCell::new(Vec::new());
        let look_up = |_: Option<&Name>, at: &Outside| {
            looked.borrow_mut().push(at.clone());
            match at {
                Outside::Secret(SecretRef::Env(name)) if name == "GONE" => Err("gone".to_owned()),
                Outside::Secret(_) | Outside::Pem(_) => Ok(value("hunter2")),
            }
        };
        let of = |name: &str, former: &Resolved| {
            Resolved::of(&set(&serde_json::json!({"env": name}), true), former, &look_up)
        };
        let first = of("ONE", &Resolved::default());
        assert_eq!(first.get(&trunk(), REGISTRATION_PASSWORD).unwrap().expose(), b"hunter2");
        let second = of("ONE", &first);
        assert!(second.is_as(&first));
        assert_eq!(looked.borrow().len(), 1);
        let third = of("GONE", &second);
        assert_eq!(third.missing(&trunk()), Some("gone"));
        assert!(third.get(&trunk(), REGISTRATION_PASSWORD).is_none());
        assert!(!third.is_as(&second));
        assert_eq!(of("GONE", &third).all_missing().count(), 1);
        assert_eq!(looked.borrow().len(), 2, "what is missing is not looked up at every change");
        assert!(of("ONE", &Resolved::default()).is_as(&first), "another copy of the same value");
    }

    #[test]
    fn what_is_switched_off_needs_nothing() {
        let off = set(&serde_json::json!({"env": "ONE"}), false);
        let never = |_: Option<&Name>, _: &Outside| -> Result<Secret, String> { unreachable!() };
        assert_eq!(Resolved::of(&off, &Resolved::default(), &never).all_missing().count(), 0);
    }

    #[test]
    fn no_value_is_printed() {
        let found = |_: Option<&Name>, _: &Outside| Ok(value("hunter2"));
        let on = set(&serde_json::json!({"env": "ONE"}), true);
        let text = format!("{:?}", Resolved::of(&on, &Resolved::default(), &found));
        assert_eq!(text, "Resolved { missing: 0, .. }");
    }
}
