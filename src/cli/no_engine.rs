//! Stands where the engine will be wired in: keeps generations, routes no call, and says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{Observed, ResourceSet, Revision};
use crate::port::{Installed, Target, TargetError};

#[derive(Debug, Default)]
pub(super) struct NoEngine(Mutex<(u64, Option<Revision>)>);

impl Target for NoEngine {
    fn install(&self, revision: Revision, _: Arc<ResourceSet>) -> Result<Installed, TargetError> {
        tracing::warn!("this build has no SIP engine yet: no call is routed");
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += 1;
        state.1 = Some(revision);
        Ok(Installed { generation: state.0, stalled: Vec::new() })
    }

    fn observe(&self) -> Result<Observed, TargetError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Observed {
            generation: state.0,
            revision: state.1.clone(),
            transports: Vec::new(),
            trunks: Vec::new(),
            calls: Vec::new(),
            active_calls: 0,
            refusals: BTreeMap::new(),
        })
    }
}
