//! The library's functions and structures, and what its status numbers mean.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use zeroize::Zeroize as _;

use super::Usage;
use crate::sys::dl::Library;

/// The library, by the name that its interface has kept since 2007.
const LIBRARY: &CStr = c"libgssapi_krb5.so.2";

const ROUTINE_ERRORS: u32 = 0xffff_0000;
pub(super) const CONTINUE_NEEDED: u32 = 1;
const BAD_BINDINGS: u32 = 4 << 16;
pub(super) const INITIATE: c_int = 1;
pub(super) const ACCEPT: c_int = 2;
const OF_MAJOR: c_int = 1;
const OF_MINOR: c_int = 2;
/// Messages that one status may have: one is usual.
const MAX_MESSAGES: usize = 8;

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    pub(super) length: usize,
    pub(super) value: *mut c_void,
}

impl Buffer {
    pub(super) const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

    /// For input only: the library does not write to what it is given to read.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

#[repr(C)]
pub(super) struct Oid {
    length: u32,
    elements: *const c_void,
}

// SAFETY: an object identifier points to bytes that never change.
unsafe impl Sync for Oid {}

impl Oid {
    pub(super) const fn of(bytes: &'static [u8]) -> Self {
        Oid { length: bytes.len() as u32, elements: bytes.as_ptr().cast() }
    }

    /// # Safety
    /// `oid` is NULL or an identifier whose bytes are there.
    pub(super) unsafe fn is(&self, oid: *const Oid) -> bool {
        // SAFETY: by this function's contract, and the constants below.
        unsafe {
            let bytes = |oid: &Oid| std::slice::from_raw_parts(oid.elements.cast::<u8>(), oid.length as usize);
            oid.as_ref().is_some_and(|oid| bytes(oid) == bytes(self))
        }
    }
}

pub(super) const KRB5_BYTES: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
pub(super) const SPNEGO_BYTES: &[u8] = b"\x2b\x06\x01\x05\x05\x02";

pub(super) static KRB5: Oid = Oid::of(KRB5_BYTES);
pub(super) static SPNEGO: Oid = Oid::of(SPNEGO_BYTES);
pub(super) static HOSTBASED_SERVICE: Oid = Oid::of(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04");
pub(super) static USER_NAME: Oid = Oid::of(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x01");
pub(super) static KRB5_PRINCIPAL: Oid = Oid::of(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01");

#[repr(C)]
pub(super) struct OidSet {
    pub(super) count: usize,
    pub(super) elements: *const Oid,
}

#[repr(C)]
pub(super) struct BufferSet {
    pub(super) count: usize,
    pub(super) elements: *mut Buffer,
}

#[repr(C)]
pub(super) struct Bindings {
    pub(super) initiator_type: u32,
    pub(super) initiator: Buffer,
    pub(super) acceptor_type: u32,
    pub(super) acceptor: Buffer,
    pub(super) application: Buffer,
}

#[repr(C)]
pub(super) struct KeyValue {
    pub(super) key: *const c_char,
    pub(super) value: *const c_char,
}

#[repr(C)]
pub(super) struct KeyValueSet {
    pub(super) count: u32,
    pub(super) elements: *const KeyValue,
}

pub(super) type Handle = *mut c_void;

/// Functions of the library that all return a major status, and what to take them from.
macro_rules! table {
    ($($name:ident($($argument:ty),*);)*) => {
        #[allow(non_snake_case)]
        pub(super) struct Api {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) -> u32,)*
            /// The object identifiers that are asked for by what they are called in the library; NULL without.
            pub(super) sasl_ssf: *const *const Oid,
            pub(super) no_ci_flags: *const *const Oid,
        }

        impl Api {
            fn load(library: &Library) -> Result<Self, String> {
                // SAFETY: the constants of this library are pointers to object identifiers.
                let constant = |name: &CStr| unsafe { library.function(name) }.unwrap_or(null());
                Ok(Api {
                    $($name: {
                        const NAME: &[u8] = concat!(stringify!($name), "\0").as_bytes();
                        let name = CStr::from_bytes_with_nul(NAME).map_err(|error| error.to_string())?;
                        // SAFETY: RFC 2744, and the library's own documentation, give the function this type.
                        unsafe { library.function::<unsafe extern "C" fn($($argument),*) -> u32>(name) }?
                    },)*
                    sasl_ssf: constant(c"GSS_C_SEC_CONTEXT_SASL_SSF"),
                    no_ci_flags: constant(c"GSS_KRB5_CRED_NO_CI_FLAGS_X"),
                })
            }
        }
    };
}

table! {
    gss_import_name(*mut u32, *const Buffer, *const Oid, *mut Handle);
    gss_display_name(*mut u32, Handle, *mut Buffer, *mut *const Oid);
    gss_compare_name(*mut u32, Handle, Handle, *mut c_int);
    gss_release_name(*mut u32, *mut Handle);
    gss_acquire_cred_from(*mut u32, Handle, u32, *const OidSet, c_int, *const KeyValueSet, *mut Handle, *mut *mut OidSet, *mut u32);
    gss_acquire_cred_with_password(*mut u32, Handle, *const Buffer, u32, *const OidSet, c_int, *mut Handle, *mut *mut OidSet, *mut u32);
    gss_store_cred_into(*mut u32, Handle, c_int, *const Oid, u32, u32, *const KeyValueSet, *mut *mut OidSet, *mut c_int);
    gss_set_cred_option(*mut u32, *mut Handle, *const Oid, *const Buffer);
    gss_release_cred(*mut u32, *mut Handle);
    gss_init_sec_context(*mut u32, Handle, *mut Handle, Handle, *const Oid, u32, u32, *const Bindings, *const Buffer, *mut *const Oid, *mut Buffer, *mut u32, *mut u32);
    gss_accept_sec_context(*mut u32, *mut Handle, Handle, *const Buffer, *const Bindings, *mut Handle, *mut *const Oid, *mut Buffer, *mut u32, *mut u32, *mut Handle);
    gss_inquire_context(*mut u32, Handle, *mut Handle, *mut Handle, *mut u32, *mut *const Oid, *mut u32, *mut c_int, *mut c_int);
    gss_inquire_sec_context_by_oid(*mut u32, Handle, *const Oid, *mut *mut BufferSet);
    gss_release_buffer_set(*mut u32, *mut *mut BufferSet);
    gss_delete_sec_context(*mut u32, *mut Handle, *mut Buffer);
    gss_wrap(*mut u32, Handle, c_int, u32, *const Buffer, *mut c_int, *mut Buffer);
    gss_unwrap(*mut u32, Handle, *const Buffer, *mut Buffer, *mut c_int, *mut u32);
    gss_wrap_size_limit(*mut u32, Handle, c_int, u32, u32, *mut u32);
    gss_display_status(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer);
    gss_release_buffer(*mut u32, *mut Buffer);
}

// SAFETY: functions and constants of a library that may be called from any thread.
unsafe impl Send for Api {}
// SAFETY: as for `Send`.
unsafe impl Sync for Api {}

pub(super) fn api() -> Result<&'static Api, Failure> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    let opened = API.get_or_init(|| Library::open(LIBRARY).and_then(|library| Api::load(&library)));
    opened.as_ref().map_err(|reason| Failure::new(format!("no Kerberos library: {reason}")))
}

/// Opens the library, if that has not been done.
///
/// # Errors
/// Why there is none.
pub fn load() -> Result<(), Failure> {
    api().map(|_| ())
}

/// Why a call of the library failed: `what it means (what the mechanism adds)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    text: String,
    /// Whether the channel bindings of the two sides differ.
    pub bad_bindings: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Failure { text: text.into(), bad_bindings: false }
    }
}

impl Api {
    /// Nothing for a status that means success, supplementary information included: a message that came twice, late or
    /// out of order is a failure.
    pub(super) fn check(&self, major: u32, minor: u32, mech: Mech) -> Result<(), Failure> {
        if major == 0 {
            return Ok(());
        }
        let mut text = self.messages(major, OF_MAJOR, mech);
        // Some say that they have nothing to add.
        match self.messages(minor, OF_MINOR, mech).as_str() {
            "" | "Success" | "Unknown error" => {}
            minor => text.push_str(&format!(" ({minor})")),
        }
        Err(Failure { text, bad_bindings: major & ROUTINE_ERRORS == BAD_BINDINGS })
    }

    fn messages(&self, status: u32, kind: c_int, mech: Mech) -> String {
        let (mut more, mut texts) = (0, Vec::new());
        for _ in 0..MAX_MESSAGES {
            let (mut minor, mut text) = (0, Output::new(self));
            // SAFETY: all places are valid for the call, and the text is freed by `Output`.
            let major =
                unsafe { (self.gss_display_status)(&mut minor, status, kind, mech.oid(), &mut more, &mut text.buffer) };
            if major != 0 {
                break;
            }
            // Some have the NUL that ends them counted in.
            texts.push(String::from_utf8_lossy(text.bytes()).trim_end_matches('\0').to_owned());
            if more == 0 {
                break;
            }
        }
        texts.join("; ")
    }
}

/// A buffer that the library allocates.
pub(super) struct Output<'a> {
    api: &'a Api,
    pub(super) buffer: Buffer,
}

impl<'a> Output<'a> {
    pub(super) fn new(api: &'a Api) -> Self {
        Output { api, buffer: Buffer::EMPTY }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.buffer.value.is_null() {
            return &[];
        }
        // SAFETY: the library allocated so many bytes, and they stay until this is dropped.
        unsafe { std::slice::from_raw_parts(self.buffer.value.cast(), self.buffer.length) }
    }

    pub(super) fn wipe(&mut self) {
        if !self.buffer.value.is_null() {
            // SAFETY: as for `bytes`, and nothing else refers to them.
            let bytes = unsafe { std::slice::from_raw_parts_mut(self.buffer.value.cast::<u8>(), self.buffer.length) };
            bytes.zeroize();
        }
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        // SAFETY: the buffer is empty or was allocated by the library; it is freed once.
        unsafe { (self.api.gss_release_buffer)(&mut 0, &mut self.buffer) };
    }
}

/// A mechanism of the GSS-API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mech {
    /// Kerberos V5 (RFC 4121).
    Krb5,
    /// SPNEGO (RFC 4178), which chooses another.
    Spnego,
}

impl Mech {
    pub(super) fn oid(self) -> *const Oid {
        match self {
            Mech::Krb5 => &KRB5,
            Mech::Spnego => &SPNEGO,
        }
    }

    /// The mechanism for calls that take several. A server that speaks SPNEGO takes tokens of Kerberos as they are, too: there
    /// are clients that know what will be chosen.
    pub(super) fn set(self, usage: Usage) -> OidSet {
        static BOTH: [Oid; 2] = [Oid::of(SPNEGO_BYTES), Oid::of(KRB5_BYTES)];
        match (self, usage) {
            (Mech::Spnego, Usage::Accept) => OidSet { count: BOTH.len(), elements: BOTH.as_ptr() },
            _ => OidSet { count: 1, elements: self.oid() },
        }
    }
}
