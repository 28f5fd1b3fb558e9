//! A database file of SQLite through `libsqlite3.so.0`, which is opened at the first one.
//!
//! The declarations are those of SQLite's "C/C++ Interface".

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::OnceLock;
use std::time::Instant;

use super::dl::Library;
use super::sql::{Failure, Rows};
use crate::secret::Secret;

const SONAME: &CStr = c"libsqlite3.so.0";

const OK: c_int = 0;
const INTERRUPT: c_int = 9;
const BUSY: c_int = 5;
const MISUSE: c_int = 21;
const ROW: c_int = 100;
const DONE: c_int = 101;
/// The type of a value that is NULL.
const NULL: c_int = 5;
const OPEN_READWRITE: c_int = 2;
/// One connection is used by many threads, in turn.
const OPEN_FULLMUTEX: c_int = 0x0001_0000;
/// How many steps of SQLite's machine pass between two looks at the clock.
const STEPS: c_int = 10_000;

/// `sqlite3` and `sqlite3_stmt`.
type Raw = *mut c_void;
type Progress = unsafe extern "C" fn(*mut c_void) -> c_int;
type Destructor = Option<unsafe extern "C" fn(*mut c_void)>;
/// `SQLITE_STATIC`: the value stays as it is until the statement is done.
const STATIC: Destructor = None;

macro_rules! functions {
    ($($name:ident: $kind:ty = $symbol:literal;)+) => {
        struct Functions { $($name: $kind,)+ }

        impl Functions {
            fn load() -> Result<Self, String> {
                let library = Library::open(SONAME)?;
                // SAFETY: the types are those which the interface gives the functions.
                unsafe { Ok(Functions { $($name: library.function($symbol)?,)+ }) }
            }
        }
    };
}

functions! {
    open: unsafe extern "C" fn(*const c_char, *mut Raw, c_int, *const c_char) -> c_int = c"sqlite3_open_v2";
    close: unsafe extern "C" fn(Raw) -> c_int = c"sqlite3_close_v2";
    message: unsafe extern "C" fn(Raw) -> *const c_char = c"sqlite3_errmsg";
    busy_timeout: unsafe extern "C" fn(Raw, c_int) -> c_int = c"sqlite3_busy_timeout";
    progress: unsafe extern "C" fn(Raw, c_int, Option<Progress>, *mut c_void) = c"sqlite3_progress_handler";
    prepare: unsafe extern "C" fn(Raw, *const c_char, c_int, *mut Raw, *mut *const c_char) -> c_int
        = c"sqlite3_prepare_v2";
    bind_text: unsafe extern "C" fn(Raw, c_int, *const c_char, c_int, Destructor) -> c_int = c"sqlite3_bind_text";
    bind_null: unsafe extern "C" fn(Raw, c_int) -> c_int = c"sqlite3_bind_null";
    step: unsafe extern "C" fn(Raw) -> c_int = c"sqlite3_step";
    columns: unsafe extern "C" fn(Raw) -> c_int = c"sqlite3_column_count";
    kind: unsafe extern "C" fn(Raw, c_int) -> c_int = c"sqlite3_column_type";
    blob: unsafe extern "C" fn(Raw, c_int) -> *const c_void = c"sqlite3_column_blob";
    length: unsafe extern "C" fn(Raw, c_int) -> c_int = c"sqlite3_column_bytes";
    finalize: unsafe extern "C" fn(Raw) -> c_int = c"sqlite3_finalize";
}

/// Opens the library, if it is not open yet.
///
/// # Errors
/// [`Failure::Missing`].
pub fn load() -> Result<(), Failure> {
    functions().map(drop)
}

fn functions() -> Result<&'static Functions, Failure> {
    static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
    if let Some(functions) = FUNCTIONS.get() {
        return Ok(functions);
    }
    let loaded = Functions::load().map_err(Failure::Missing)?;
    Ok(FUNCTIONS.get_or_init(|| loaded))
}

/// A database that is open. It may go from thread to thread, and is used by one at a time.
pub struct Connection {
    lite: &'static Functions,
    raw: NonNull<c_void>,
}

// SAFETY: the connection is opened for use by many threads, and every method takes `&mut self`.
unsafe impl Send for Connection {}

impl Connection {
    /// Opens a file that is there.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn open(path: &CStr) -> Result<Self, Failure> {
        let lite = functions()?;
        let mut raw = null_mut();
        // SAFETY: the path is a C string, `raw` is writable, and NULL stands for the system's own file access.
        let code = unsafe { (lite.open)(path.as_ptr(), &raw mut raw, OPEN_READWRITE | OPEN_FULLMUTEX, null()) };
        let raw = NonNull::new(raw).ok_or_else(|| Failure::Lost("no memory to open the database".into()))?;
        let mut connection = Connection { lite, raw };
        if code == OK { Ok(connection) } else { Err(Failure::Lost(connection.message())) }
    }

    /// Runs a statement with parameters, each of them a text or NULL.
    ///
    /// # Errors
    /// [`Failure`]. The connection can be used afterwards.
    pub fn query(
        &mut self,
        text: &CString,
        parameters: &[Option<&[u8]>],
        mut deadline: Instant,
    ) -> Result<Rows, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = c_int::try_from(left.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the connection is open. The handler gets the deadline, which lives until it is taken away again below; it is
        // called in this thread, while a statement runs.
        unsafe {
            (self.lite.busy_timeout)(self.raw.as_ptr(), left);
            (self.lite.progress)(self.raw.as_ptr(), STEPS, Some(is_over), (&raw mut deadline).cast());
        }
        let rows = self.run(text, parameters);
        // SAFETY: as above.
        unsafe { (self.lite.progress)(self.raw.as_ptr(), 0, None, null_mut()) };
        rows
    }

    fn run(&mut self, text: &CString, parameters: &[Option<&[u8]>]) -> Result<Rows, Failure> {
        let mut raw = null_mut();
        // SAFETY: the connection is open, the text a C string, `raw` writable; what follows the statement is not asked for.
        let code = unsafe { (self.lite.prepare)(self.raw.as_ptr(), text.as_ptr(), -1, &raw mut raw, null_mut()) };
        if code != OK {
            return Err(self.failure(code));
        }
        let raw = NonNull::new(raw).ok_or_else(|| Failure::Refused("the statement is empty".into()))?;
        let statement = Statement { lite: self.lite, raw };
        for (value, index) in parameters.iter().zip(1..) {
            let code = statement.bind(index, *value)?;
            if code != OK {
                return Err(self.failure(code));
            }
        }
        let mut rows = Rows::new();
        loop {
            // SAFETY: the statement is prepared, and its values live until this function ends.
            match unsafe { (self.lite.step)(raw.as_ptr()) } {
                ROW => rows.push(statement.first_column()),
                DONE => return Ok(rows),
                code => return Err(self.failure(code)),
            }
        }
    }

    fn failure(&mut self, code: c_int) -> Failure {
        let message = self.message();
        // Messages with a part of the statement in them.
        let quotes = ["near ", "unrecognized token", "incomplete input"].iter().any(|start| message.starts_with(start));
        match code & 0xff {
            INTERRUPT | BUSY => Failure::Timeout,
            MISUSE => Failure::Lost("the connection cannot be used".into()),
            _ if message.starts_with("no such column") || message.contains("has no column named") => {
                Failure::NoColumn(message)
            }
            _ if quotes => Failure::Refused("syntax error".into()),
            _ => Failure::Refused(message),
        }
    }

    fn message(&mut self) -> String {
        // SAFETY: the connection is open; the text is a C string that stays until its next use.
        unsafe { CStr::from_ptr((self.lite.message)(self.raw.as_ptr())).to_string_lossy().into_owned() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the connection came from the library, and this is its last use.
        unsafe { (self.lite.close)(self.raw.as_ptr()) };
    }
}

/// Whether the deadline that this is given has passed.
///
/// # Safety
/// `deadline` points to an [`Instant`].
unsafe extern "C" fn is_over(deadline: *mut c_void) -> c_int {
    // SAFETY: by this function's contract.
    let deadline = unsafe { *deadline.cast::<Instant>() };
    c_int::from(Instant::now() >= deadline)
}

/// A statement, which goes before its connection.
struct Statement {
    lite: &'static Functions,
    raw: NonNull<c_void>,
}

impl Statement {
    /// Sets a parameter, counted from 1. The value must stay until the statement is gone.
    fn bind(&self, index: c_int, value: Option<&[u8]>) -> Result<c_int, Failure> {
        let raw = self.raw.as_ptr();
        let Some(value) = value else {
            // SAFETY: the statement is prepared.
            return Ok(unsafe { (self.lite.bind_null)(raw, index) });
        };
        let length = c_int::try_from(value.len()).map_err(|_| Failure::Value("it is too long".into()))?;
        // SAFETY: the statement is prepared; the value has that many bytes and outlives its use.
        Ok(unsafe { (self.lite.bind_text)(raw, index, value.as_ptr().cast(), length, STATIC) })
    }

    fn first_column(&self) -> Option<Secret> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement stands at a row; a value that is not NULL has that many bytes, which stay until the next step.
        unsafe {
            if (self.lite.columns)(raw) < 1 || (self.lite.kind)(raw, 0) == NULL {
                return None;
            }
            let start = (self.lite.blob)(raw, 0);
            let length = usize::try_from((self.lite.length)(raw, 0)).unwrap_or(0);
            // An empty value has no address.
            let empty = start.is_null() || length == 0;
            Some(if empty { Secret::default() } else { Secret::from(std::slice::from_raw_parts(start.cast(), length)) })
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: the statement came from the library, and this is its last use.
        unsafe { (self.lite.finalize)(self.raw.as_ptr()) };
    }
}
