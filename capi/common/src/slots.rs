//! Memory that C is shown: one slot for each property and output of a connection. What is in a slot stays where it is
//! until the slot is written again or the connection goes, and is wiped then.

use std::cell::RefCell;
use std::ffi::c_char;

use zeroize::Zeroizing;

/// The slots of one connection. `K` names them.
pub struct Slots<K> {
    used: RefCell<Vec<(K, Zeroizing<Vec<u8>>)>>,
}

impl<K> Default for Slots<K> {
    fn default() -> Self {
        Slots { used: RefCell::default() }
    }
}

impl<K: PartialEq> Slots<K> {
    /// Keeps a copy of bytes, as [`keep`](Self::keep) does.
    pub fn keep_copy(&self, slot: K, bytes: &[u8]) -> *const c_char {
        let mut copy = Vec::with_capacity(bytes.len() + 1);
        copy.extend_from_slice(bytes);
        self.keep(slot, copy)
    }

    /// Keeps bytes in a slot, with a NUL behind them, and tells where they are. The same bytes again stay where they are.
    pub fn keep(&self, slot: K, mut bytes: Vec<u8>) -> *const c_char {
        if let Some((_, old)) = self.used.borrow().iter().find(|(known, _)| *known == slot)
            && old.strip_suffix(&[0]) == Some(&bytes[..])
        {
            drop(Zeroizing::new(bytes));
            return old.as_ptr().cast();
        }
        // Growing the buffer would leave a copy behind that is not wiped.
        if bytes.capacity() == bytes.len() {
            let mut grown = Vec::with_capacity(bytes.len() + 1);
            grown.extend_from_slice(&bytes);
            drop(Zeroizing::new(bytes));
            bytes = grown;
        }
        bytes.push(0);
        let bytes = Zeroizing::new(bytes);
        let place = bytes.as_ptr().cast();
        let mut used = self.used.borrow_mut();
        match used.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, old)) => *old = bytes,
            None => used.push((slot, bytes)),
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn a_slot_keeps_its_bytes_while_others_change() {
        let slots = Slots::default();
        let first = slots.keep(1, b"first".to_vec());
        for slot in 2..40 {
            slots.keep(slot, vec![b'x'; slot]);
        }
        // SAFETY: slot 1 has not been written again.
        assert_eq!(unsafe { CStr::from_ptr(first) }.to_bytes(), b"first");
    }
}
