use std::str;
use std::sync::Arc;

use crate::wire::Malformed;

const KEPT: usize = 16;
const LONGEST: usize = 256;

/// The last few names that were read, since most messages repeat one: no allocation and no check for those.
#[derive(Default)]
pub(super) struct Names {
    /// The last one used is first.
    recent: Vec<Arc<str>>,
}

impl Names {
    pub(super) fn get(&mut self, name: &[u8]) -> Result<Arc<str>, Malformed> {
        if let Some(at) = self.recent.iter().position(|known| known.as_bytes() == name) {
            self.recent[..=at].rotate_right(1);
            return Ok(self.recent[0].clone());
        }
        let name: Arc<str> = str::from_utf8(name).map_err(|_| Malformed::Text)?.into();
        if name.len() <= LONGEST {
            self.recent.truncate(KEPT - 1);
            self.recent.insert(0, name.clone());
        }
        Ok(name)
    }
}
