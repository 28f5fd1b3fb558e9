//! The GSS-API (RFC 2743, in C RFC 2744) of MIT Kerberos, opened when it is first needed and never closed: names,
//! credentials and security contexts that free themselves, and messages in place of status numbers.

#![allow(unsafe_code)]

mod api;
mod context;

use std::ffi::{CStr, CString, c_int, c_void};
use std::fmt;
use std::ptr::{NonNull, null, null_mut};

pub use api::{Failure, Mech, load};
pub use context::Context;

use api::{
    ACCEPT, Api, Buffer, HOSTBASED_SERVICE, Handle, INITIATE, KRB5_PRINCIPAL, KeyValue, KeyValueSet, Oid, Output,
    USER_NAME, api,
};

/// What a context guarantees or is asked to (RFC 2744 section 5.19, but for the last).
pub mod flag {
    /// The client's credentials go to the server.
    pub const DELEGATE: u32 = 1;
    /// The server proves itself as well.
    pub const MUTUAL: u32 = 2;
    /// Messages out of sequence are detected.
    pub const SEQUENCE: u32 = 8;
    /// Messages can be encrypted.
    pub const CONFIDENTIALITY: u32 = 16;
    /// Messages can be signed.
    pub const INTEGRITY: u32 = 32;
    /// The client is nobody in particular.
    pub const ANONYMOUS: u32 = 64;
    /// Both sides used the same channel bindings. MIT Kerberos tells it since 1.19.
    pub const BOUND: u32 = 0x800;
}

/// A handle of the library, and the function that frees it.
macro_rules! handle {
    ($(#[$meta:meta])* $name:ident, $release:ident) => {
        $(#[$meta])*
        pub struct $name {
            api: &'static Api,
            handle: NonNull<c_void>,
        }

        // SAFETY: what the library gives out may be used by any thread, if only by one at a time.
        unsafe impl Send for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the handle came from the library, and is freed once.
                unsafe { (self.api.$release)(&mut 0, &mut self.handle.as_ptr()) };
            }
        }

        impl $name {
            /// What C knows it by, valid for as long as this.
            #[must_use]
            pub fn as_ptr(&self) -> *const c_void {
                self.handle.as_ptr()
            }

            fn of(api: &'static Api, handle: Handle) -> Option<Self> {
                NonNull::new(handle).map(|handle| $name { api, handle })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

handle! {
    /// The name of a user or service.
    Name, gss_release_name
}

handle! {
    /// Credentials: tickets, or the keys of a service.
    Cred, gss_release_cred
}

impl Name {
    fn import(text: &[u8], kind: &'static Oid) -> Result<Self, Failure> {
        let api = api()?;
        let (mut minor, mut handle) = (0, null_mut());
        // SAFETY: the text lives during the call, and the places are valid for it.
        let major = unsafe { (api.gss_import_name)(&mut minor, &Buffer::of(text), kind, &mut handle) };
        api.check(major, minor, Mech::Krb5)?;
        Self::of(api, handle).ok_or_else(|| Failure::new("gss_import_name gave no name"))
    }

    /// A service at a host, whatever realm that is in: `service@host`.
    ///
    /// # Errors
    /// When the name cannot be read, or there is no library.
    pub fn service(name: &str) -> Result<Self, Failure> {
        Self::import(name.as_bytes(), &HOSTBASED_SERVICE)
    }

    /// A user, of the default realm if the name has none.
    ///
    /// # Errors
    /// As [`Name::service`].
    pub fn user(name: &[u8]) -> Result<Self, Failure> {
        Self::import(name, &USER_NAME)
    }

    /// A principal, of the default realm if the name has none: `service/host@REALM`.
    ///
    /// # Errors
    /// As [`Name::service`].
    pub fn principal(name: &str) -> Result<Self, Failure> {
        Self::import(name.as_bytes(), &KRB5_PRINCIPAL)
    }

    /// The name in full: `user@REALM`.
    ///
    /// # Errors
    /// When the library cannot write it.
    pub fn display(&self) -> Result<Vec<u8>, Failure> {
        let (mut minor, mut text) = (0, Output::new(self.api));
        // SAFETY: the name is live, and the text is freed by `Output`.
        let major =
            unsafe { (self.api.gss_display_name)(&mut minor, self.handle.as_ptr(), &mut text.buffer, null_mut()) };
        self.api.check(major, minor, Mech::Krb5)?;
        Ok(text.bytes().to_vec())
    }

    /// Whether both are names of the same.
    #[must_use]
    pub fn is_same(&self, other: &Name) -> bool {
        let (mut minor, mut same) = (0, 0);
        // SAFETY: both names are live.
        let major =
            unsafe { (self.api.gss_compare_name)(&mut minor, self.handle.as_ptr(), other.handle.as_ptr(), &mut same) };
        major == 0 && same != 0
    }
}

fn name_handle(name: Option<&Name>) -> Handle {
    name.map_or(null_mut(), |name| name.handle.as_ptr())
}

/// What credentials are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// A client's.
    Initiate,
    /// A server's.
    Accept,
}

impl Usage {
    fn number(self) -> c_int {
        match self {
            Usage::Initiate => INITIATE,
            Usage::Accept => ACCEPT,
        }
    }
}

/// Calls with a set of one entry, or with none.
fn with_store<T>(store: Option<(&CStr, &CStr)>, call: impl FnOnce(*const KeyValueSet) -> T) -> T {
    let Some((key, value)) = store else { return call(null()) };
    let entry = KeyValue { key: key.as_ptr(), value: value.as_ptr() };
    call(&KeyValueSet { count: 1, elements: &entry })
}

fn c_text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::new(format!("a NUL in {text:?}")))
}

impl Cred {
    /// Credentials of this name, or any without, from the usual places or from this keytab.
    ///
    /// # Errors
    /// When there are none.
    pub fn acquire(name: Option<&Name>, usage: Usage, mech: Mech, keytab: Option<&str>) -> Result<Self, Failure> {
        let api = api()?;
        let keytab = keytab.map(c_text).transpose()?;
        let (mut minor, mut handle) = (0, null_mut());
        let major = with_store(keytab.as_deref().map(|path| (c"keytab", path)), |store| {
            // SAFETY: name, mechanism and store live during the call, and the places are valid for it.
            unsafe {
                (api.gss_acquire_cred_from)(
                    &mut minor,
                    name_handle(name),
                    u32::MAX,
                    &mech.set(usage),
                    usage.number(),
                    store,
                    &mut handle,
                    null_mut(),
                    null_mut(),
                )
            }
        });
        api.check(major, minor, mech)?;
        Self::of(api, handle).ok_or_else(|| Failure::new("gss_acquire_cred_from gave no credentials"))
    }

    /// A client's credentials, which the Kerberos server gives for a password.
    ///
    /// # Errors
    /// When it does not, or cannot be reached.
    pub fn with_password(name: &Name, password: &[u8], mech: Mech) -> Result<Self, Failure> {
        let (mut minor, mut handle) = (0, null_mut());
        // SAFETY: name, password and mechanism live during the call, and the places are valid for it.
        let major = unsafe {
            (name.api.gss_acquire_cred_with_password)(
                &mut minor,
                name.handle.as_ptr(),
                &Buffer::of(password),
                u32::MAX,
                &mech.set(Usage::Initiate),
                INITIATE,
                &mut handle,
                null_mut(),
                null_mut(),
            )
        };
        name.api.check(major, minor, mech)?;
        Self::of(name.api, handle).ok_or_else(|| Failure::new("gss_acquire_cred_with_password gave no credentials"))
    }

    /// Has contexts of a client made with these credentials offer confidentiality and integrity only where they are asked for.
    /// A library that does not know of this always offers both.
    ///
    /// # Errors
    /// When the library knows of it and refuses.
    pub fn without_free_protection(&mut self, mech: Mech) -> Result<(), Failure> {
        if self.api.no_ci_flags.is_null() {
            return Ok(());
        }
        let (mut minor, mut handle) = (0, self.handle.as_ptr());
        // SAFETY: the constant is one of the library's, and the handle is live; the call may not replace one that is there.
        let major =
            unsafe { (self.api.gss_set_cred_option)(&mut minor, &mut handle, *self.api.no_ci_flags, &Buffer::EMPTY) };
        self.api.check(major, minor, mech)
    }

    /// Puts a client's credentials into a credential cache, in place of what is there.
    ///
    /// # Errors
    /// When that fails.
    pub fn store(&self, cache: &str) -> Result<(), Failure> {
        let cache = c_text(cache)?;
        let mut minor = 0;
        let major = with_store(Some((c"ccache", &cache)), |store| {
            // SAFETY: credentials and store live during the call; outputs that are not wanted may be NULL.
            unsafe {
                (self.api.gss_store_cred_into)(
                    &mut minor,
                    self.handle.as_ptr(),
                    INITIATE,
                    Mech::Krb5.oid(),
                    1,
                    0,
                    store,
                    null_mut(),
                    null_mut(),
                )
            }
        });
        self.api.check(major, minor, Mech::Krb5)
    }
}

/// Credentials that the application got from the same library and keeps (`gss_cred_id_t`).
#[derive(Debug, Clone, Copy)]
pub struct ForeignCred(NonNull<c_void>);

// SAFETY: as for `Cred`.
unsafe impl Send for ForeignCred {}

impl ForeignCred {
    /// The credentials behind a handle; none for NULL.
    ///
    /// # Safety
    /// They came from the `libgssapi_krb5.so.2` of this process, and stay valid for as long as this or a copy of it is used.
    #[must_use]
    pub unsafe fn from_raw(handle: *const c_void) -> Option<Self> {
        NonNull::new(handle.cast_mut()).map(ForeignCred)
    }
}

/// The credentials that a context is made with.
#[derive(Debug)]
pub enum Credentials {
    /// Acquired here.
    Own(Cred),
    /// The application's.
    Foreign(ForeignCred),
}

impl Credentials {
    fn handle(&self) -> Handle {
        match self {
            Credentials::Own(cred) => cred.handle.as_ptr(),
            Credentials::Foreign(cred) => cred.0.as_ptr(),
        }
    }
}

/// Who a context is with, and what else came with it.
#[derive(Debug, Default)]
pub struct Parties {
    /// The other side.
    pub peer: Option<Name>,
    /// This side.
    pub local: Option<Name>,
    /// The client's credentials, on a server that they were delegated to.
    pub delegated: Option<Cred>,
}
