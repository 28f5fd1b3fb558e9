//! A plugin's shared object, open for as long as anything of it is in use.

use std::ffi::{CStr, CString, c_void};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::mem::{size_of, transmute_copy};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::NonNull;

/// An open shared object. Its symbols are its own: neither the program nor another plugin sees them.
pub struct Object {
    handle: NonNull<c_void>,
}

// SAFETY: a handle may be used by any thread.
unsafe impl Send for Object {}
// SAFETY: as for `Send`.
unsafe impl Sync for Object {}

impl Object {
    /// Opens a file, and with it all that it needs.
    ///
    /// # Errors
    /// The reason, which does not name the file.
    pub fn open(path: &Path) -> Result<Self, String> {
        let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
        // Opening a pipe would wait for somebody who writes to it.
        if !metadata.is_file() {
            return Err("it is not a file".to_owned());
        }
        whole(path)?;
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| "there is a NUL in its name".to_owned())?;
        // SAFETY: the name is a string. What the object does when it is loaded is its own affair, as it is the
        // administrator who put it there.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        NonNull::new(handle).map(|handle| Object { handle }).ok_or_else(|| {
            // SAFETY: this thread has made no other call of the loader since; the text is copied at once.
            let text = unsafe {
                let text = libc::dlerror();
                if text.is_null() {
                    return "the loader refuses it".to_owned();
                }
                CStr::from_ptr(text).to_string_lossy().into_owned()
            };
            match text.strip_prefix(&*path.to_string_lossy()).and_then(|rest| rest.strip_prefix(": ")) {
                Some(reason) => reason.to_owned(),
                None => text,
            }
        })
    }

    /// Whether the object has something of this name.
    pub fn has(&self, name: &CStr) -> bool {
        // SAFETY: the handle is open, and the name is a string.
        !unsafe { libc::dlsym(self.handle.as_ptr(), name.as_ptr()) }.is_null()
    }

    /// A function of the object.
    ///
    /// # Safety
    /// `F` is the type of a function pointer, and the function, if there is one of this name, is of this type.
    pub unsafe fn function<F: Copy>(&self, name: &CStr) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        // SAFETY: the handle is open, and the name is a string.
        let address = unsafe { libc::dlsym(self.handle.as_ptr(), name.as_ptr()) };
        // SAFETY: by this function's contract.
        (!address.is_null()).then(|| unsafe { transmute_copy(&address) })
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: whoever uses something of the object holds it, so nothing of it is in use any more.
        unsafe { libc::dlclose(self.handle.as_ptr()) };
    }
}

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// A segment that is mapped into memory.
const PT_LOAD: u32 = 1;

/// Whether all of a shared object is there. The loader maps what the headers promise, and the first access to what is
/// missing would end the program with SIGBUS: a file that was cut off while it was copied must not do that. Everything
/// else that may be wrong with a file the loader finds by itself.
fn whole(path: &Path) -> Result<(), String> {
    let read = || -> io::Result<Option<u64>> {
        let mut file = File::open(path)?;
        let mut header = [0u8; HEADER];
        if !cfg!(target_pointer_width = "64") || file.read_exact(&mut header).is_err() || !is_native(&header) {
            return Ok(None);
        }
        let number = |bytes: &[u8], at: usize, len: usize| -> u64 {
            let mut wide = [0u8; 8];
            let from = bytes.get(at..at + len).unwrap_or_default();
            let to = if cfg!(target_endian = "big") { 8 - len } else { 0 };
            wide.iter_mut().skip(to).zip(from).for_each(|(to, from)| *to = *from);
            u64::from_ne_bytes(wide)
        };
        let (table, size, count) = (number(&header, 32, 8), number(&header, 54, 2), number(&header, 56, 2));
        if size != PROGRAM_HEADER as u64 {
            return Ok(None);
        }
        let mut end = table.saturating_add(size * count);
        file.seek(SeekFrom::Start(table))?;
        for _ in 0..count {
            let mut entry = [0u8; PROGRAM_HEADER];
            if file.read_exact(&mut entry).is_err() {
                return Ok(Some(end));
            }
            if number(&entry, 0, 4) == u64::from(PT_LOAD) {
                end = end.max(number(&entry, 8, 8).saturating_add(number(&entry, 32, 8)));
            }
        }
        Ok(Some(end))
    };
    let len = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    match read().map_err(|error| error.to_string())? {
        Some(end) if end > len => Err(format!("it is cut off: {end} bytes are needed, and it has {len}")),
        _ => Ok(()),
    }
}

/// Whether a header is that of an object of 64 bits in this machine's byte order.
fn is_native(header: &[u8; HEADER]) -> bool {
    let order = if cfg!(target_endian = "big") { 2 } else { 1 };
    header.starts_with(b"\x7fELF\x02") && header.get(5) == Some(&order)
}
