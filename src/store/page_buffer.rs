//! Room for a page of a database.

use std::ops::{Deref, DerefMut};

use crate::secret::wipe;

/// Bytes that are wiped before anybody else has the memory, since pages hold passwords.
#[derive(Default)]
pub(super) struct PageBuffer(Vec<u8>);

impl PageBuffer {
    /// Room for so many bytes.
    pub(super) fn new(size: usize) -> Self {
        PageBuffer(vec![0; size])
    }

    /// Forgets what was read.
    pub(super) fn wipe(&mut self) {
        wipe(&mut self.0);
    }
}

impl Drop for PageBuffer {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Deref for PageBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for PageBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
