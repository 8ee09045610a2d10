//! Secrets on their way into the engine: what is missing starts nothing, what comes starts it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;
use trunkline::model::value::{Name, SecretRef};
use trunkline::model::{Condition, Outside, ResourceSet, Secret};
use trunkline::net::EngineHandle;
use trunkline::port::{SecretError, Secrets, Target as _};
use zeroize::Zeroizing;

use super::listeners::{free, install, peer, resource, transport};

/// The environment of a daemon, which a test writes.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<BTreeMap<String, String>>);

impl Shelf {
    pub(crate) fn put(&self, name: &str, value: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().get(name).cloned()
    }
}

impl Secrets for Shelf {
    fn read(&self, _: Option<&Name>, at: &Outside) -> Result<Secret, SecretError> {
        let name = match at {
            Outside::Secret(SecretRef::Env(name) | SecretRef::File(name)) | Outside::Pem(name) => {
                name
            }
            Outside::Secret(SecretRef::Age(_)) => return Err(SecretError("encrypted".into())),
        };
        let value = self.get(name);
        let value = value.ok_or_else(|| SecretError(format!("{name} is not set")))?;
        Ok(Secret::new(Zeroizing::new(value.into_bytes())))
    }
}

/// Two trunks that are probed every second, one of which needs a secret.
fn set(listener: SocketAddr, peers: [SocketAddr; 2]) -> Arc<ResourceSet> {
    let spec = |peer: SocketAddr| {
        json!({ "type": "ip", "host": peer.ip(), "port": peer.port(), "verifyPort": true,
                "keepAlive": { "interval": "1s" } })
    };
    let mut needy = spec(peers[1]);
    needy["registration"] = json!({ "username": "u", "password": { "env": "PASSWORD" } });
    let trunks = [
        resource("Trunk", false, "free", &spec(peers[0])),
        resource("Trunk", false, "needy", &needy),
    ];
    Arc::new([transport("udp", listener)].into_iter().chain(trunks).collect())
}

#[test]
fn a_trunk_without_its_secret_sends_nothing_until_a_refresh_finds_it() {
    let shelf = Arc::<Shelf>::default();
    let engine = EngineHandle::spawn(None).unwrap().with_secrets(shelf.clone());
    let [one, needy] = [(); 2].map(|()| peer("127.0.0.1"));
    let peers = [&one, &needy].map(|peer| peer.local_addr().unwrap());
    let resources = set(free("127.0.0.1"), peers);
    let installed = install(&engine, "one", Arc::clone(&resources));
    let waiting = vec![("Trunk/needy".to_owned(), "PASSWORD is not set".to_owned())];
    assert_eq!((installed.stalled, installed.waiting), (vec![], waiting));
    let mut buffer = [0; 2048];
    // The other trunk is probed twice: in that time this one would have been.
    for _ in 0..2 {
        one.recv_from(&mut buffer).unwrap();
    }
    needy.set_nonblocking(true).unwrap();
    assert!(needy.recv_from(&mut buffer).is_err());
    let observed = engine.observe().unwrap();
    assert_eq!(observed.waiting[0].resource, "Trunk/needy");
    let shown = |observed: &trunkline::model::Observed| {
        let trunk = &observed.trunks[1];
        (trunk.enabled, trunk.condition, trunk.message.clone())
    };
    let words = Some("PASSWORD is not set".to_owned());
    assert_eq!(shown(&observed), (true, Condition::Stalled, words));

    assert_eq!(engine.refresh().unwrap(), None, "nothing has changed");
    shelf.put("PASSWORD", "hunter2");
    let again = install(&engine, "two", resources);
    assert_eq!(again.waiting.len(), 1, "not looked for at every change");
    let installed = engine.refresh().unwrap().unwrap();
    assert_eq!((installed.generation, installed.waiting), (3, vec![]));
    let observed = engine.observe().unwrap();
    assert!(observed.waiting.is_empty());
    let words = Some("not registered yet".to_owned());
    assert_eq!(shown(&observed), (true, Condition::Reconciling, words));
    needy.set_nonblocking(false).unwrap();
    assert!(needy.recv_from(&mut buffer).is_ok());
    assert!(!format!("{observed:?} {engine:?}").contains("hunter2"));
}
