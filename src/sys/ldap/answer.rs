//! Answers of a directory.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::ptr::{NonNull, null_mut};

use super::{BIND_IN_PROGRESS, Bytes, Connection, Functions, SUCCESS};
use crate::secret::Secret;

/// Result codes of RFC 4511 that are no failure of a search.
const SIZE_LIMIT: c_int = 4;

/// Why a directory did not do as it was asked. No text has a password or a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The client library is not to be had: what the loader says.
    Missing(String),
    /// A setting that the library does not take, by its number.
    Setting(c_int, String),
    /// There is no connection, or none any more.
    Lost(String),
    /// The time was up.
    Timeout,
    /// The server's answer: its result code (RFC 4511 appendix A), and what it says.
    Refused(c_int, String),
    /// The other side of the connection did not prove who it is, or this side cannot.
    Untrusted(String),
}

impl Failure {
    /// The result code of the server, where it gave one.
    #[must_use]
    pub fn code(&self) -> Option<c_int> {
        match self {
            Failure::Refused(code, _) => Some(*code),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout => f.write_str("no answer in time"),
            Failure::Setting(option, why) => write!(f, "libldap does not take the setting {option:#x}: {why}"),
            Failure::Missing(why) | Failure::Lost(why) | Failure::Refused(_, why) | Failure::Untrusted(why) => {
                f.write_str(why)
            }
        }
    }
}

/// What a server answers to a message of a mechanism, with its own message.
#[derive(Debug)]
pub enum Bound {
    /// The mechanism goes on.
    Continue(Option<Vec<u8>>),
    /// The server says that this is who it said.
    Done(Option<Vec<u8>>),
}

/// An entry, with the values of each attribute that was asked for.
pub struct Entry {
    /// Its name (DN).
    pub name: CString,
    /// In the order of the attributes.
    pub values: Vec<Vec<Secret>>,
}

/// What a search has found.
pub struct Found {
    pub entries: Vec<Entry>,
    /// Whether there are no more of them.
    pub is_all: bool,
}

/// All messages of one answer.
pub(super) struct Answer<'a> {
    pub(super) connection: &'a Connection,
    pub(super) message: NonNull<c_void>,
}

impl Answer<'_> {
    fn ldap(&self) -> &'static Functions {
        self.connection.ldap
    }

    fn raw(&self) -> *mut c_void {
        self.connection.raw.as_ptr()
    }

    /// Whether the server did it.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.result()? {
            (SUCCESS, _) => Ok(()),
            (code, text) => Err(Failure::Refused(code, text)),
        }
    }

    fn result(&self) -> Result<(c_int, String), Failure> {
        let (mut code, mut text) = (-1, null_mut::<c_char>());
        // SAFETY: the connection is open and the message one of its, as in every call below; what is not wanted is NULL.
        let parsed = unsafe {
            let (connection, message) = (self.raw(), self.message.as_ptr());
            let (none, nothing) = (null_mut(), null_mut());
            (self.ldap().parse_result)(connection, message, &raw mut code, none, &raw mut text, nothing, null_mut(), 0)
        };
        let said = self.ldap().take_text(text);
        if parsed != SUCCESS {
            return Err(Failure::Lost(self.ldap().name(parsed)));
        }
        let name = self.ldap().name(code);
        Ok((code, if said.is_empty() { name } else { format!("{name}: {said}") }))
    }

    /// That of a bind.
    pub(super) fn bound(&self) -> Result<Bound, Failure> {
        let (code, text) = self.result()?;
        if !matches!(code, SUCCESS | BIND_IN_PROGRESS) {
            return Err(Failure::Refused(code, text));
        }
        let mut bytes = null_mut();
        // SAFETY: as above; the bytes are the caller's.
        unsafe { (self.ldap().parse_bind)(self.raw(), self.message.as_ptr(), &raw mut bytes, 0) };
        let bytes = self.ldap().take_bytes(bytes);
        Ok(if code == SUCCESS { Bound::Done(bytes) } else { Bound::Continue(bytes) })
    }

    /// The value of an extended operation that was done.
    pub(super) fn extended(&self) -> Result<Vec<u8>, Failure> {
        self.check()?;
        let (mut oid, mut bytes) = (null_mut::<c_char>(), null_mut());
        // SAFETY: as above; both are the caller's.
        unsafe {
            let (connection, message) = (self.raw(), self.message.as_ptr());
            (self.ldap().parse_extended)(connection, message, &raw mut oid, &raw mut bytes, 0);
        }
        self.ldap().take_text(oid);
        Ok(self.ldap().take_bytes(bytes).unwrap_or_default())
    }

    /// The entries of a search that was done.
    pub(super) fn entries(&self, attributes: &[CString]) -> Result<Found, Failure> {
        let (code, text) = self.result()?;
        if !matches!(code, SUCCESS | SIZE_LIMIT) {
            return Err(Failure::Refused(code, text));
        }
        let mut entries = Vec::new();
        // SAFETY: as above.
        let mut next = unsafe { (self.ldap().first_entry)(self.raw(), self.message.as_ptr()) };
        while let Some(entry) = NonNull::new(next) {
            // SAFETY: as above; the entry is one of the message. Its name is the caller's.
            let name = unsafe { (self.ldap().entry_name)(self.raw(), entry.as_ptr()) };
            let name = self.ldap().take_string(name);
            entries.push(Entry { name, values: attributes.iter().map(|name| self.values(entry, name)).collect() });
            // SAFETY: as above.
            next = unsafe { (self.ldap().next_entry)(self.raw(), entry.as_ptr()) };
        }
        Ok(Found { entries, is_all: code == SUCCESS })
    }

    fn values(&self, entry: NonNull<c_void>, attribute: &CStr) -> Vec<Secret> {
        // SAFETY: as above. The list ends with NULL and is the caller's; NULL when there is no such attribute.
        unsafe {
            let list = (self.ldap().values)(self.raw(), entry.as_ptr(), attribute.as_ptr());
            if list.is_null() {
                return Vec::new();
            }
            let mut values = Vec::new();
            let mut at = list;
            while let Some(value) = (*at).as_ref() {
                values.push(Secret::from(bytes_of(value)));
                wipe(value);
                at = at.add(1);
            }
            (self.ldap().free_values)(list);
            values
        }
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        // SAFETY: the message came from the library, and this is its last use.
        unsafe { (self.ldap().free_message)(self.message.as_ptr()) };
    }
}

/// The bytes of a value of the library's.
///
/// # Safety
/// It is one, and stays as it is.
unsafe fn bytes_of(value: &Bytes) -> &[u8] {
    match (NonNull::new(value.start), usize::try_from(value.length)) {
        // SAFETY: by this function's contract.
        (Some(start), Ok(length)) => unsafe { std::slice::from_raw_parts(start.as_ptr().cast(), length) },
        _ => &[],
    }
}

/// Overwrites a value that is to be freed.
///
/// # Safety
/// It is one of the library's, which nobody else uses.
unsafe fn wipe(value: &Bytes) {
    let length = usize::try_from(value.length).unwrap_or_default();
    for at in 0..length {
        // SAFETY: by this function's contract there are as many bytes.
        unsafe { value.start.add(at).write_volatile(0) };
    }
}

impl Functions {
    /// The library's words for a result code.
    pub(super) fn name(&self, code: c_int) -> String {
        // SAFETY: the library gives a C string that stays, for any number.
        unsafe { CStr::from_ptr((self.text)(code)) }.to_string_lossy().into_owned()
    }

    /// A text that the library has allocated for its caller; empty for none.
    pub(super) fn take_text(&self, text: *mut c_char) -> String {
        self.take_string(text).to_string_lossy().into_owned()
    }

    fn take_string(&self, text: *mut c_char) -> CString {
        if text.is_null() {
            return CString::default();
        }
        // SAFETY: it is a C string of the library's, and this is its last use.
        unsafe {
            let taken = CStr::from_ptr(text).to_owned();
            (self.free)(text.cast());
            taken
        }
    }

    fn take_bytes(&self, bytes: *mut Bytes) -> Option<Vec<u8>> {
        // SAFETY: they are NULL or the library's, and this is their last use.
        unsafe {
            let taken = bytes_of(bytes.as_ref()?).to_vec();
            (self.free_bytes)(bytes);
            Some(taken)
        }
    }
}
