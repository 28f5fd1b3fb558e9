//! Pluggable authentication modules: one authentication through `libpam.so.0`, which is opened at the first one.
//!
//! The declarations are those of Linux-PAM's interface (pam(3) and the pages it names).

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use zeroize::Zeroize as _;

use super::dl::Library;

const SONAME: &CStr = c"libpam.so.0";

/// What the functions of PAM answer; all but the first are failures.
pub mod code {
    #![allow(missing_docs)]
    pub const SUCCESS: i32 = 0;
    pub const OPEN_ERR: i32 = 1;
    pub const SYMBOL_ERR: i32 = 2;
    pub const SERVICE_ERR: i32 = 3;
    pub const SYSTEM_ERR: i32 = 4;
    pub const BUF_ERR: i32 = 5;
    pub const AUTHINFO_UNAVAIL: i32 = 9;
    pub const CONV_ERR: i32 = 19;
    pub const ABORT: i32 = 26;
    pub const MODULE_UNKNOWN: i32 = 28;
}

const SILENT: c_int = 0x8000;
const ITEM_RHOST: c_int = 4;
/// Of Linux-PAM: the function that waits after a failure.
const ITEM_FAIL_DELAY: c_int = 10;
/// The most messages that one conversation may have.
const MESSAGES_MAX: usize = 32;

/// What a module wants in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// An answer that may be seen while it is typed.
    Echoed,
    /// An answer that may not.
    Hidden,
    /// Nothing: it says something.
    Message,
}

/// One authentication.
pub struct Request<'a> {
    /// The service, whose file under `/etc/pam.d` says which modules are asked.
    pub service: &'a CStr,
    /// The user.
    pub user: &'a CStr,
    /// The client's address.
    pub remote_host: Option<&'a CStr>,
    /// Whether the modules are also asked if the account may be used (`pam_acct_mgmt`).
    pub account: bool,
    /// What the modules are answered: bytes without a NUL.
    pub answer: &'a dyn Fn(Prompt) -> &'a [u8],
}

/// Why an authentication did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// PAM is not to be had: what the loader says.
    Missing(String),
    /// A module of an authentication has asked for another one.
    Nested,
    /// A function of PAM has failed.
    Failed {
        /// Which.
        function: &'static str,
        /// Its answer, one of [`code`].
        code: i32,
        /// What PAM calls that.
        text: String,
    },
}

/// Authenticates a user. One at a time in a process, as few modules are written for threads; the time that modules want to
/// pass after a failure is waited for when the next may have begun.
///
/// # Errors
/// [`Failure`] for whatever is no success.
pub fn authenticate(request: &Request<'_>) -> Result<(), Failure> {
    let pam = Functions::get().map_err(Failure::Missing)?;
    let context = Context { answer: request.answer, delay: Cell::default() };
    let result = {
        let _turn = Turn::take()?;
        Transaction::start(pam, request, &context).and_then(|mut transaction| transaction.run(request))
    };
    std::thread::sleep(context.delay.get());
    result
}

/// The right to use PAM.
struct Turn(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

thread_local! {
    static HAS_TURN: Cell<bool> = const { Cell::new(false) };
}

impl Turn {
    fn take() -> Result<Self, Failure> {
        static LOCK: Mutex<()> = Mutex::new(());
        // A module may use SASL itself.
        if HAS_TURN.get() {
            return Err(Failure::Nested);
        }
        let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        HAS_TURN.set(true);
        Ok(Turn(guard))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        HAS_TURN.set(false);
    }
}

/// `struct pam_message`.
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct Response {
    text: *mut c_char,
    /// Not used; 0.
    code: c_int,
}

type Converse = extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int;

/// `struct pam_conv`.
#[repr(C)]
struct Conv {
    converse: Converse,
    data: *mut c_void,
}

/// `pam_handle_t`, of which nothing is known.
#[repr(C)]
struct Handle {
    _opaque: [u8; 0],
}

/// The library's functions.
struct Functions {
    start: unsafe extern "C" fn(*const c_char, *const c_char, *const Conv, *mut *mut Handle) -> c_int,
    end: unsafe extern "C" fn(*mut Handle, c_int) -> c_int,
    set_item: unsafe extern "C" fn(*mut Handle, c_int, *const c_void) -> c_int,
    authenticate: unsafe extern "C" fn(*mut Handle, c_int) -> c_int,
    acct_mgmt: unsafe extern "C" fn(*mut Handle, c_int) -> c_int,
    strerror: unsafe extern "C" fn(*mut Handle, c_int) -> *const c_char,
}

/// Opens the library, if it is not open yet.
///
/// # Errors
/// What the loader says.
pub fn load() -> Result<(), String> {
    Functions::get().map(drop)
}

impl Functions {
    fn get() -> Result<&'static Self, String> {
        static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
        if let Some(functions) = FUNCTIONS.get() {
            return Ok(functions);
        }
        let library = Library::open(SONAME)?;
        // SAFETY: the types are those that pam(3) and the pages it names give these functions.
        let functions = unsafe {
            Functions {
                start: library.function(c"pam_start")?,
                end: library.function(c"pam_end")?,
                set_item: library.function(c"pam_set_item")?,
                authenticate: library.function(c"pam_authenticate")?,
                acct_mgmt: library.function(c"pam_acct_mgmt")?,
                strerror: library.function(c"pam_strerror")?,
            }
        };
        Ok(FUNCTIONS.get_or_init(|| functions))
    }
}

/// What the functions that PAM calls are given.
struct Context<'a, 'b> {
    answer: &'a dyn Fn(Prompt) -> &'b [u8],
    /// How long the modules want a failure to take.
    delay: Cell<Duration>,
}

/// From `pam_start` to `pam_end`. PAM has a pointer to the context for as long.
struct Transaction<'c> {
    pam: &'static Functions,
    handle: *mut Handle,
    /// What the last function has answered, which `pam_end` tells the modules.
    status: c_int,
    _context: PhantomData<&'c ()>,
}

impl<'c> Transaction<'c> {
    fn start(pam: &'static Functions, request: &Request<'_>, context: &'c Context<'_, '_>) -> Result<Self, Failure> {
        let conv = Conv { converse, data: (&raw const *context).cast_mut().cast() };
        let mut handle = ptr::null_mut();
        // SAFETY: service and user are C strings, and PAM copies them and the conversation; the context that this points to
        // outlives the transaction. The handle is set on success.
        let status =
            unsafe { (pam.start)(request.service.as_ptr(), request.user.as_ptr(), &raw const conv, &raw mut handle) };
        if status != code::SUCCESS || handle.is_null() {
            // After a failure the handle is undefined, and pam_strerror needs none.
            let text = describe(pam, ptr::null_mut(), status);
            return Err(Failure::Failed { function: "pam_start", code: status, text });
        }
        Ok(Transaction { pam, handle, status, _context: PhantomData })
    }

    fn run(&mut self, request: &Request<'_>) -> Result<(), Failure> {
        if let Some(host) = request.remote_host {
            self.set_item("pam_set_item", ITEM_RHOST, host.as_ptr().cast())?;
        }
        // Where PAM knows no such item it waits itself, and everybody with it.
        let delay: extern "C" fn(c_int, c_uint, *mut c_void) = fail_delay;
        let _ = self.set_item("pam_set_item", ITEM_FAIL_DELAY, delay as *const c_void);
        // SAFETY: the handle is that of a transaction that has not ended.
        let status = unsafe { (self.pam.authenticate)(self.handle, SILENT) };
        self.judge("pam_authenticate", status)?;
        if request.account {
            // SAFETY: as above.
            let status = unsafe { (self.pam.acct_mgmt)(self.handle, SILENT) };
            self.judge("pam_acct_mgmt", status)?;
        }
        Ok(())
    }

    fn set_item(&mut self, function: &'static str, item: c_int, value: *const c_void) -> Result<(), Failure> {
        // SAFETY: the handle is that of a transaction that has not ended; the value is a C string, which PAM copies, or a
        // function of the item's type.
        let status = unsafe { (self.pam.set_item)(self.handle, item, value) };
        self.judge(function, status)
    }

    fn judge(&mut self, function: &'static str, status: c_int) -> Result<(), Failure> {
        self.status = status;
        if status == code::SUCCESS {
            return Ok(());
        }
        Err(Failure::Failed { function, code: status, text: describe(self.pam, self.handle, status) })
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is that of a transaction that ends here.
        unsafe { (self.pam.end)(self.handle, self.status) };
    }
}

/// What PAM calls a status.
fn describe(pam: &Functions, handle: *mut Handle, status: c_int) -> String {
    // SAFETY: the function gives a C string that is constant; it looks at the number only.
    let text = unsafe { (pam.strerror)(handle, status) };
    if text.is_null() {
        return format!("error {status}");
    }
    // SAFETY: it is not NULL, so it is a C string.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// In place of the pause that PAM makes after a failure: notes how long it is to be.
extern "C" fn fail_delay(status: c_int, microseconds: c_uint, data: *mut c_void) {
    if status != code::SUCCESS && !data.is_null() {
        // SAFETY: the data is what pam_start was given: a Context, which lives until after pam_end.
        unsafe { &*data.cast::<Context<'_, '_>>() }.delay.set(Duration::from_micros(microseconds.into()));
    }
}

/// Answers the messages of a module.
extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    if messages.is_null() || responses.is_null() || data.is_null() {
        return code::CONV_ERR;
    }
    // SAFETY: it is the caller's place for a pointer.
    unsafe { *responses = ptr::null_mut() };
    let Some(count) = usize::try_from(count).ok().filter(|count| (1..=MESSAGES_MAX).contains(count)) else {
        return code::CONV_ERR;
    };
    let replies = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: PAM passes as many pointers to messages as it says, and as data what pam_start was given.
        let (messages, context) =
            unsafe { (std::slice::from_raw_parts(messages, count), &*data.cast::<Context<'_, '_>>()) };
        // SAFETY: each pointer is NULL or that of a message.
        let styles = messages.iter().map(|message| unsafe { message.as_ref() }.map(|message| message.style));
        answers(styles, count, context.answer)
    }));
    match replies {
        Ok(Ok(replies)) => {
            // SAFETY: as above.
            unsafe { *responses = replies.into_raw() };
            code::SUCCESS
        }
        Ok(Err(status)) => status,
        Err(_) => code::CONV_ERR,
    }
}

fn answers<'a>(
    styles: impl Iterator<Item = Option<c_int>>,
    count: usize,
    answer: &dyn Fn(Prompt) -> &'a [u8],
) -> Result<Replies, c_int> {
    let mut replies = Replies::new(count).ok_or(code::BUF_ERR)?;
    for style in styles {
        let prompt = match style {
            Some(1) => Prompt::Hidden,
            Some(2) => Prompt::Echoed,
            Some(3 | 4) => Prompt::Message,
            // A list to choose from, binary data, or no message at all: nothing that a name or password answers.
            _ => return Err(code::CONV_ERR),
        };
        replies.push(answer(prompt))?;
    }
    Ok(replies)
}

/// Replies on their way to PAM, in memory of the C library, whose `free` PAM uses; wiped and freed if they do not get there.
struct Replies {
    first: *mut Response,
    capacity: usize,
    len: usize,
}

impl Replies {
    fn new(capacity: usize) -> Option<Self> {
        // SAFETY: calloc takes any numbers; all zero is a value of a Response.
        let first = unsafe { libc::calloc(capacity, size_of::<Response>()) }.cast::<Response>();
        (!first.is_null()).then_some(Replies { first, capacity, len: 0 })
    }

    fn push(&mut self, answer: &[u8]) -> Result<(), c_int> {
        if self.len >= self.capacity || answer.contains(&0) {
            return Err(code::CONV_ERR);
        }
        // SAFETY: calloc takes any number; the copy is of `answer`, into memory that is one longer, whose last byte stays 0.
        // The response is one of the `capacity` that were allocated.
        unsafe {
            let text = libc::calloc(answer.len() + 1, 1).cast::<u8>();
            if text.is_null() {
                return Err(code::BUF_ERR);
            }
            ptr::copy_nonoverlapping(answer.as_ptr(), text, answer.len());
            (*self.first.add(self.len)).text = text.cast();
        }
        self.len += 1;
        Ok(())
    }

    fn into_raw(self) -> *mut Response {
        std::mem::ManuallyDrop::new(self).first
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        // SAFETY: the first `len` texts are C strings from calloc, and so is the array; nobody else has them.
        unsafe {
            for index in 0..self.len {
                let text = (*self.first.add(index)).text;
                std::slice::from_raw_parts_mut(text.cast::<u8>(), libc::strlen(text)).zeroize();
                libc::free(text.cast());
            }
            libc::free(self.first.cast());
        }
    }
}

#[cfg(test)]
mod tests;
