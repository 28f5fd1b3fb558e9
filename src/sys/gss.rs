//! The GSS-API (RFC 2743, in C RFC 2744) of MIT Kerberos, opened when it is first needed and never closed: names,
//! credentials and security contexts that free themselves, and messages in place of status numbers.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::ptr::{NonNull, from_ref, null, null_mut};
use std::sync::OnceLock;

use zeroize::Zeroize as _;

/// The library, by the name that its interface has kept since 2007.
const LIBRARY: &CStr = c"libgssapi_krb5.so.2";

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

const ROUTINE_ERRORS: u32 = 0xffff_0000;
const CONTINUE_NEEDED: u32 = 1;
const BAD_BINDINGS: u32 = 4 << 16;
const INITIATE: c_int = 1;
const ACCEPT: c_int = 2;
const OF_MAJOR: c_int = 1;
const OF_MINOR: c_int = 2;
/// Messages that one status may have: one is usual.
const MAX_MESSAGES: usize = 8;

#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

impl Buffer {
    const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

    /// For input only: the library does not write to what it is given to read.
    fn of(bytes: &[u8]) -> Self {
        Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

// SAFETY: an object identifier points to bytes that never change.
unsafe impl Sync for Oid {}

impl Oid {
    const fn of(bytes: &'static [u8]) -> Self {
        Oid { length: bytes.len() as u32, elements: bytes.as_ptr().cast() }
    }

    /// # Safety
    /// `oid` is NULL or an identifier whose bytes are there.
    unsafe fn is(&self, oid: *const Oid) -> bool {
        // SAFETY: by this function's contract, and the constants below.
        unsafe {
            let bytes = |oid: &Oid| std::slice::from_raw_parts(oid.elements.cast::<u8>(), oid.length as usize);
            oid.as_ref().is_some_and(|oid| bytes(oid) == bytes(self))
        }
    }
}

const KRB5_BYTES: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
const SPNEGO_BYTES: &[u8] = b"\x2b\x06\x01\x05\x05\x02";

static KRB5: Oid = Oid::of(KRB5_BYTES);
static SPNEGO: Oid = Oid::of(SPNEGO_BYTES);
static HOSTBASED_SERVICE: Oid = Oid::of(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04");
static USER_NAME: Oid = Oid::of(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x01");
static KRB5_PRINCIPAL: Oid = Oid::of(b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01");

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[repr(C)]
struct BufferSet {
    count: usize,
    elements: *mut Buffer,
}

#[repr(C)]
struct Bindings {
    initiator_type: u32,
    initiator: Buffer,
    acceptor_type: u32,
    acceptor: Buffer,
    application: Buffer,
}

#[repr(C)]
struct KeyValue {
    key: *const c_char,
    value: *const c_char,
}

#[repr(C)]
struct KeyValueSet {
    count: u32,
    elements: *const KeyValue,
}

type Handle = *mut c_void;

/// Functions of the library that all return a major status, and what to take them from.
macro_rules! table {
    ($($name:ident($($argument:ty),*);)*) => {
        #[allow(non_snake_case)]
        struct Api {
            $($name: unsafe extern "C" fn($($argument),*) -> u32,)*
            /// The object identifiers that are asked for by what they are called in the library; NULL without.
            sasl_ssf: *const *const Oid,
            no_ci_flags: *const *const Oid,
        }

        impl Api {
            /// # Safety
            /// `library` is an open handle of a library with this interface.
            unsafe fn load(library: Handle) -> Result<Self, String> {
                // SAFETY: by this function's contract; names are strings with an end.
                let find = |name: &CStr| unsafe { libc::dlsym(library, name.as_ptr()) };
                $(let $name = match CString::new(stringify!($name)).ok().map(|name| find(&name)) {
                    // SAFETY: RFC 2744 and the library's own documentation give the function this type.
                    Some(found) if !found.is_null() => unsafe { std::mem::transmute::<Handle, unsafe extern "C" fn($($argument),*) -> u32>(found) },
                    _ => return Err(format!("{} has no {}", LIBRARY.to_string_lossy(), stringify!($name))),
                };)*
                Ok(Api {
                    $($name,)*
                    sasl_ssf: find(c"GSS_C_SEC_CONTEXT_SASL_SSF").cast(),
                    no_ci_flags: find(c"GSS_KRB5_CRED_NO_CI_FLAGS_X").cast(),
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

fn api() -> Result<&'static Api, Failure> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    let opened = API.get_or_init(|| {
        // SAFETY: the name is a string with an end. What the library does when it is opened is its own affair, as it is
        // for each program that is linked with it.
        let library = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if library.is_null() {
            // SAFETY: after a failure dlerror is NULL or a string that stays until the next call of this thread.
            let reason = unsafe { libc::dlerror().as_ref().map(|text| CStr::from_ptr(text)) };
            return Err(reason.unwrap_or(LIBRARY).to_string_lossy().into_owned());
        }
        // SAFETY: the handle is open, and stays so.
        unsafe { Api::load(library) }
    });
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
    fn new(text: impl Into<String>) -> Self {
        Failure { text: text.into(), bad_bindings: false }
    }
}

impl Api {
    /// Nothing for a status that means success, supplementary information included: a message that came twice, late or
    /// out of order is a failure.
    fn check(&self, major: u32, minor: u32, mech: Mech) -> Result<(), Failure> {
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
struct Output<'a> {
    api: &'a Api,
    buffer: Buffer,
}

impl<'a> Output<'a> {
    fn new(api: &'a Api) -> Self {
        Output { api, buffer: Buffer::EMPTY }
    }

    fn bytes(&self) -> &[u8] {
        if self.buffer.value.is_null() {
            return &[];
        }
        // SAFETY: the library allocated so many bytes, and they stay until this is dropped.
        unsafe { std::slice::from_raw_parts(self.buffer.value.cast(), self.buffer.length) }
    }

    fn wipe(&mut self) {
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
    fn oid(self) -> *const Oid {
        match self {
            Mech::Krb5 => &KRB5,
            Mech::Spnego => &SPNEGO,
        }
    }

    /// The mechanism for calls that take several. A server that speaks SPNEGO takes tokens of Kerberos as they are, too: there
    /// are clients that know what will be chosen.
    fn set(self, usage: Usage) -> OidSet {
        static BOTH: [Oid; 2] = [Oid::of(SPNEGO_BYTES), Oid::of(KRB5_BYTES)];
        match (self, usage) {
            (Mech::Spnego, Usage::Accept) => OidSet { count: BOTH.len(), elements: BOTH.as_ptr() },
            _ => OidSet { count: 1, elements: self.oid() },
        }
    }
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

/// A security context under way or established.
pub struct Context {
    api: &'static Api,
    handle: Handle,
    mech: Mech,
    flags: u32,
    /// Whether this is the server's end, and whether the client has been authenticated to it.
    accepted: bool,
    complete: bool,
    delegated: Option<Cred>,
}

// SAFETY: as for `Cred`.
unsafe impl Send for Context {}

impl Drop for Context {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the handle came from the library, and is freed once.
            unsafe { (self.api.gss_delete_sec_context)(&mut 0, &mut self.handle, null_mut()) };
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("mech", &self.mech).field("complete", &self.complete).finish_non_exhaustive()
    }
}

impl Context {
    /// A context that nothing has been said for.
    ///
    /// # Errors
    /// When there is no library.
    pub fn new(mech: Mech) -> Result<Self, Failure> {
        let api = api()?;
        Ok(Context { api, handle: null_mut(), mech, flags: 0, accepted: false, complete: false, delegated: None })
    }

    /// The client's next token, after the server's; there is none of that at first.
    ///
    /// # Errors
    /// Why the context cannot be established.
    pub fn initiate(
        &mut self,
        credentials: &Credentials,
        target: &Name,
        flags: u32,
        binding: Option<&[u8]>,
        token: Option<&[u8]>,
    ) -> Result<Vec<u8>, Failure> {
        let (mut minor, mut output) = (0, Output::new(self.api));
        let bindings = binding.map(bindings);
        let input = token.map(Buffer::of);
        // SAFETY: everything lives during the call. The context is NULL at first and then the library's own, which the call
        // may free and set to NULL. The output is freed by `Output`.
        let major = unsafe {
            (self.api.gss_init_sec_context)(
                &mut minor,
                credentials.handle(),
                &mut self.handle,
                target.handle.as_ptr(),
                self.mech.oid(),
                flags,
                0,
                bindings.as_ref().map_or(null(), from_ref),
                input.as_ref().map_or(null(), from_ref),
                null_mut(),
                &mut output.buffer,
                &mut self.flags,
                null_mut(),
            )
        };
        self.went_on(major, minor)?;
        Ok(output.bytes().to_vec())
    }

    /// The server's next token, after the client's.
    ///
    /// # Errors
    /// Why the client is not let in.
    pub fn accept(
        &mut self,
        credentials: &Credentials,
        token: &[u8],
        binding: Option<&[u8]>,
    ) -> Result<Vec<u8>, Failure> {
        let (mut minor, mut output, mut delegated) = (0, Output::new(self.api), null_mut());
        let (mut mech, bindings) = (null(), binding.map(bindings));
        self.accepted = true;
        // SAFETY: as for `initiate`; delegated credentials become this side's.
        let major = unsafe {
            (self.api.gss_accept_sec_context)(
                &mut minor,
                &mut self.handle,
                credentials.handle(),
                &Buffer::of(token),
                bindings.as_ref().map_or(null(), from_ref),
                null_mut(),
                &mut mech,
                &mut output.buffer,
                &mut self.flags,
                null_mut(),
                &mut delegated,
            )
        };
        if let Some(cred) = Cred::of(self.api, delegated) {
            self.delegated = Some(cred);
        }
        self.went_on(major, minor)?;
        // SAFETY: an identifier that the library gives is one of its constants. SPNEGO gives what it has chosen.
        if self.complete && !unsafe { KRB5.is(mech) || SPNEGO.is(mech) && self.mech == Mech::Spnego } {
            self.complete = false;
            return Err(Failure::new("the client uses another mechanism than Kerberos V5"));
        }
        if !self.complete && output.bytes().is_empty() {
            return Err(Failure::new("the token is no beginning of a security context"));
        }
        Ok(output.bytes().to_vec())
    }

    fn went_on(&mut self, major: u32, minor: u32) -> Result<(), Failure> {
        let goes_on = major & CONTINUE_NEEDED != 0;
        self.complete = false;
        self.api.check(major & !CONTINUE_NEEDED, minor, self.mech)?;
        self.complete = !goes_on;
        Ok(())
    }

    /// Whether the exchange of tokens is over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Whether this is the server's end, and the client has been authenticated.
    #[must_use]
    pub fn has_authenticated_the_client(&self) -> bool {
        self.complete && self.accepted
    }

    /// Whether the context guarantees all of this ([`flag`]).
    #[must_use]
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// Who the context is with. Delegated credentials are given away.
    ///
    /// # Errors
    /// When the library cannot tell, or the context is not complete.
    pub fn parties(&mut self) -> Result<Parties, Failure> {
        let (mut minor, mut initiator, mut target) = (0, null_mut(), null_mut());
        if !self.complete {
            return Err(Failure::new("the security context is not complete"));
        }
        // SAFETY: the context is live, and what is not wanted may be NULL. The names become this side's.
        let major = unsafe {
            (self.api.gss_inquire_context)(
                &mut minor,
                self.handle,
                &mut initiator,
                &mut target,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        let (initiator, target) = (Name::of(self.api, initiator), Name::of(self.api, target));
        self.api.check(major, minor, self.mech)?;
        let (peer, local) = if self.accepted { (initiator, target) } else { (target, initiator) };
        Ok(Parties { peer, local, delegated: self.delegated.take() })
    }

    /// The strength of its confidentiality, if the library tells it.
    #[must_use]
    pub fn ssf(&self) -> Option<u32> {
        if self.api.sasl_ssf.is_null() || !self.complete {
            return None;
        }
        let (mut minor, mut set) = (0, null_mut());
        // SAFETY: the constant is one of the library's, and the context live.
        let major =
            unsafe { (self.api.gss_inquire_sec_context_by_oid)(&mut minor, self.handle, *self.api.sasl_ssf, &mut set) };
        // SAFETY: after a success the set is NULL or has so many entries, with so many bytes each.
        let ssf = unsafe {
            set.as_ref().filter(|set| major == 0 && set.count > 0 && !set.elements.is_null()).and_then(|set| {
                let first = &*set.elements;
                (first.length == 4 && !first.value.is_null())
                    .then(|| u32::from_be_bytes(*first.value.cast::<[u8; 4]>()))
            })
        };
        // SAFETY: the set is NULL or the library's, and is freed once.
        unsafe { (self.api.gss_release_buffer_set)(&mut minor, &mut set) };
        ssf
    }

    /// Signs a message, and encrypts it as well.
    ///
    /// # Errors
    /// When that fails, also when it cannot be encrypted.
    pub fn wrap(&mut self, encrypt: bool, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let (mut minor, mut output, mut encrypted) = (0, Output::new(self.api), 0);
        self.must_be_complete()?;
        // SAFETY: the context is live, and so is the message; the output is freed by `Output`.
        let major = unsafe {
            (self.api.gss_wrap)(
                &mut minor,
                self.handle,
                c_int::from(encrypt),
                0,
                &Buffer::of(message),
                &mut encrypted,
                &mut output.buffer,
            )
        };
        self.api.check(major, minor, self.mech)?;
        if encrypt && encrypted == 0 {
            return Err(Failure::new("the security context cannot encrypt"));
        }
        Ok(output.bytes().to_vec())
    }

    /// Takes a message of the other side, appends what it says to `out`, and tells whether it was encrypted.
    ///
    /// # Errors
    /// When it is not the other side's, was changed, or is not the next. Nothing was appended.
    pub fn unwrap(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<bool, Failure> {
        let (mut minor, mut output, mut encrypted) = (0, Output::new(self.api), 0);
        self.must_be_complete()?;
        // SAFETY: as for `wrap`.
        let major = unsafe {
            (self.api.gss_unwrap)(
                &mut minor,
                self.handle,
                &Buffer::of(message),
                &mut output.buffer,
                &mut encrypted,
                null_mut(),
            )
        };
        let checked = self.api.check(major, minor, self.mech);
        if checked.is_ok() {
            out.extend_from_slice(output.bytes());
        }
        output.wipe();
        checked.map(|()| encrypted != 0)
    }

    /// The longest message that becomes a token of at most `size` bytes; 0 when none does.
    ///
    /// # Errors
    /// When the library cannot tell.
    pub fn wrap_size_limit(&mut self, encrypt: bool, size: u32) -> Result<u32, Failure> {
        let (mut minor, mut longest) = (0, 0);
        self.must_be_complete()?;
        // SAFETY: the context is live.
        let major = unsafe {
            (self.api.gss_wrap_size_limit)(&mut minor, self.handle, c_int::from(encrypt), 0, size, &mut longest)
        };
        self.api.check(major, minor, self.mech)?;
        Ok(longest)
    }

    fn must_be_complete(&self) -> Result<(), Failure> {
        if self.complete { Ok(()) } else { Err(Failure::new("the security context is not complete")) }
    }
}

/// Channel bindings without addresses.
fn bindings(application: &[u8]) -> Bindings {
    Bindings {
        initiator_type: 0,
        initiator: Buffer::EMPTY,
        acceptor_type: 0,
        acceptor: Buffer::EMPTY,
        application: Buffer::of(application),
    }
}
