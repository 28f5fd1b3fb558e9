//! A connection to PostgreSQL through `libpq.so.5`, which is opened at the first one. Nothing waits beyond a deadline but the
//! look-up of host names.
//!
//! The declarations are those of PostgreSQL's manual, chapter "libpq - C Library".

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr::{NonNull, null};
use std::sync::OnceLock;
use std::time::Instant;

use super::dl::Library;
use super::sql::{Descriptor, Failure, Rows, wait_for};
use crate::secret::Secret;

const SONAME: &CStr = c"libpq.so.5";

/// `ConnStatusType`.
const CONNECTION_OK: c_int = 0;
const CONNECTION_BAD: c_int = 1;
/// `PostgresPollingStatusType`.
const POLLING_READING: c_int = 1;
const POLLING_WRITING: c_int = 2;
const POLLING_OK: c_int = 3;
/// `ExecStatusType`.
const COMMAND_OK: c_int = 1;
const TUPLES_OK: c_int = 2;
/// Fields of an error.
const DIAG_SQLSTATE: c_int = b'C' as c_int;
const DIAG_MESSAGE_PRIMARY: c_int = b'M' as c_int;

/// `PGconn` and `PGresult`.
type Raw = *mut c_void;
type NoticeProcessor = unsafe extern "C" fn(*mut c_void, *const c_char);

macro_rules! functions {
    ($($name:ident: $kind:ty = $symbol:literal;)+) => {
        struct Functions { $($name: $kind,)+ }

        impl Functions {
            fn load() -> Result<Self, String> {
                let library = Library::open(SONAME)?;
                // SAFETY: the types are those which the manual gives the functions.
                unsafe { Ok(Functions { $($name: library.function($symbol)?,)+ }) }
            }
        }
    };
}

functions! {
    connect_start: unsafe extern "C" fn(*const *const c_char, *const *const c_char, c_int) -> Raw = c"PQconnectStartParams";
    connect_poll: unsafe extern "C" fn(Raw) -> c_int = c"PQconnectPoll";
    status: unsafe extern "C" fn(Raw) -> c_int = c"PQstatus";
    socket: unsafe extern "C" fn(Raw) -> c_int = c"PQsocket";
    error_message: unsafe extern "C" fn(Raw) -> *const c_char = c"PQerrorMessage";
    finish: unsafe extern "C" fn(Raw) = c"PQfinish";
    set_notice_processor: unsafe extern "C" fn(Raw, Option<NoticeProcessor>, *mut c_void) -> Option<NoticeProcessor>
        = c"PQsetNoticeProcessor";
    set_nonblocking: unsafe extern "C" fn(Raw, c_int) -> c_int = c"PQsetnonblocking";
    send: unsafe extern "C" fn(
        Raw, *const c_char, c_int, *const c_uint, *const *const c_char, *const c_int, *const c_int, c_int
    ) -> c_int = c"PQsendQueryParams";
    flush: unsafe extern "C" fn(Raw) -> c_int = c"PQflush";
    consume_input: unsafe extern "C" fn(Raw) -> c_int = c"PQconsumeInput";
    is_busy: unsafe extern "C" fn(Raw) -> c_int = c"PQisBusy";
    get_result: unsafe extern "C" fn(Raw) -> Raw = c"PQgetResult";
    result_status: unsafe extern "C" fn(Raw) -> c_int = c"PQresultStatus";
    result_error_field: unsafe extern "C" fn(Raw, c_int) -> *const c_char = c"PQresultErrorField";
    rows: unsafe extern "C" fn(Raw) -> c_int = c"PQntuples";
    columns: unsafe extern "C" fn(Raw) -> c_int = c"PQnfields";
    is_null: unsafe extern "C" fn(Raw, c_int, c_int) -> c_int = c"PQgetisnull";
    value: unsafe extern "C" fn(Raw, c_int, c_int) -> *const c_char = c"PQgetvalue";
    length: unsafe extern "C" fn(Raw, c_int, c_int) -> c_int = c"PQgetlength";
    clear: unsafe extern "C" fn(Raw) = c"PQclear";
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

/// What the server says besides: it must not come out on the standard error of the program.
unsafe extern "C" fn no_notice(_: *mut c_void, _: *const c_char) {}

/// A connection. It may go from thread to thread, and is used by one at a time.
pub struct Connection {
    pq: &'static Functions,
    raw: NonNull<c_void>,
    /// What its descriptor stands for.
    descriptor: Option<Descriptor>,
}

// SAFETY: libpq's connections belong to no thread; it only asks that no two use one at the same time, and every method but
// `is_intact`, which reads numbers, takes `&mut self`.
unsafe impl Send for Connection {}

impl Connection {
    /// Connects, with parameters of a connection by name.
    ///
    /// # Errors
    /// [`Failure`], none of which has the password in it.
    pub fn open(parameters: &[(&CStr, CString)], deadline: Instant) -> Result<Self, Failure> {
        let pq = functions()?;
        let ends = std::iter::once(null());
        let names: Vec<_> = parameters.iter().map(|(name, _)| name.as_ptr()).chain(ends.clone()).collect();
        let values: Vec<_> = parameters.iter().map(|(_, value)| value.as_ptr()).chain(ends).collect();
        // SAFETY: both lists have C strings and end with NULL. The library copies them.
        let raw = unsafe { (pq.connect_start)(names.as_ptr(), values.as_ptr(), 0) };
        let raw = NonNull::new(raw).ok_or_else(|| Failure::Lost("no memory for a connection".into()))?;
        let mut connection = Connection { pq, raw, descriptor: None };
        // SAFETY: the connection is open, and the function is good for as long as the program runs.
        unsafe { (pq.set_notice_processor)(raw.as_ptr(), Some(no_notice), std::ptr::null_mut()) };
        connection.establish(deadline)?;
        connection.descriptor = Descriptor::of(connection.socket());
        // SAFETY: the connection is open.
        unsafe { (pq.set_nonblocking)(raw.as_ptr(), 1) };
        Ok(connection)
    }

    fn establish(&mut self, deadline: Instant) -> Result<(), Failure> {
        let mut state = POLLING_WRITING;
        // SAFETY: the connection is open, as it is in every call below.
        if unsafe { (self.pq.status)(self.raw.as_ptr()) } == CONNECTION_BAD {
            return Err(self.lost());
        }
        loop {
            match state {
                POLLING_OK => return Ok(()),
                POLLING_READING => wait_for(self.socket(), libc::POLLIN, deadline)?,
                POLLING_WRITING => wait_for(self.socket(), libc::POLLOUT, deadline)?,
                // Failed, or a state that there is no more.
                _ => return Err(self.lost()),
            };
            // SAFETY: as above.
            state = unsafe { (self.pq.connect_poll)(self.raw.as_ptr()) };
        }
    }

    /// Runs a statement with parameters, each of them a text or NULL.
    ///
    /// # Errors
    /// [`Failure`]; after [`Failure::Lost`] and [`Failure::Timeout`] the connection is of no more use.
    pub fn query(&mut self, text: &CStr, parameters: &[Option<CString>], deadline: Instant) -> Result<Rows, Failure> {
        let values: Vec<_> = parameters.iter().map(|one| one.as_ref().map_or(null(), |one| one.as_ptr())).collect();
        let count = c_int::try_from(values.len()).map_err(|_| Failure::Value("too many parameters".into()))?;
        // SAFETY: the statement is a C string; there are `count` values, each NULL or a C string; the lengths and formats of
        // texts need not be told. The library copies them all.
        let sent = unsafe {
            (self.pq.send)(self.raw.as_ptr(), text.as_ptr(), count, null(), values.as_ptr(), null(), null(), 0)
        };
        if sent != 1 {
            return Err(self.lost());
        }
        self.send_all(deadline)?;
        let mut answer = Ok(Rows::default());
        // The results end with none; only then another statement may follow.
        while let Some(result) = self.next_result(deadline)? {
            if answer.is_ok() {
                answer = result.read();
            }
        }
        match answer {
            // A server that shuts down says so in an answer.
            Err(failure) if !self.is_up() => Err(Failure::Lost(failure.to_string())),
            other => other,
        }
    }

    /// Whether its descriptor still stands for the connection.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.descriptor.is_some_and(Descriptor::is_current)
    }

    fn send_all(&mut self, deadline: Instant) -> Result<(), Failure> {
        loop {
            // SAFETY: the connection is open.
            match unsafe { (self.pq.flush)(self.raw.as_ptr()) } {
                0 => return Ok(()),
                1 => {
                    let events = wait_for(self.socket(), libc::POLLIN | libc::POLLOUT, deadline)?;
                    if events & libc::POLLIN != 0 {
                        self.consume()?;
                    }
                }
                _ => return Err(self.lost()),
            }
        }
    }

    fn next_result(&mut self, deadline: Instant) -> Result<Option<Answer>, Failure> {
        // SAFETY: the connection is open.
        while unsafe { (self.pq.is_busy)(self.raw.as_ptr()) } != 0 {
            wait_for(self.socket(), libc::POLLIN, deadline)?;
            self.consume()?;
        }
        // SAFETY: the connection is open; this does not wait, as it is not busy. The result is the caller's.
        let raw = unsafe { (self.pq.get_result)(self.raw.as_ptr()) };
        Ok(NonNull::new(raw).map(|raw| Answer { pq: self.pq, raw }))
    }

    fn consume(&mut self) -> Result<(), Failure> {
        // SAFETY: the connection is open.
        if unsafe { (self.pq.consume_input)(self.raw.as_ptr()) } == 1 { Ok(()) } else { Err(self.lost()) }
    }

    fn is_up(&self) -> bool {
        // SAFETY: the connection is open.
        unsafe { (self.pq.status)(self.raw.as_ptr()) == CONNECTION_OK }
    }

    fn socket(&self) -> c_int {
        // SAFETY: the connection is open.
        unsafe { (self.pq.socket)(self.raw.as_ptr()) }
    }

    fn lost(&self) -> Failure {
        // SAFETY: the connection is open, and its message a C string that stays until its next use.
        let text = unsafe { CStr::from_ptr((self.pq.error_message)(self.raw.as_ptr())) };
        let text = text.to_string_lossy().split_whitespace().collect::<Vec<_>>().join(" ");
        Failure::Lost(if text.is_empty() { "the connection is gone".into() } else { text })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What another file has taken the place of would be written to, and closed.
        if self.descriptor.is_some() && self.socket() >= 0 && !self.is_intact() {
            return;
        }
        // SAFETY: the connection came from the library, and this is its last use.
        unsafe { (self.pq.finish)(self.raw.as_ptr()) };
    }
}

/// One result of a statement.
struct Answer {
    pq: &'static Functions,
    raw: NonNull<c_void>,
}

impl Answer {
    fn read(&self) -> Result<Rows, Failure> {
        // SAFETY: the result is one of the library's, as it is in every call below.
        match unsafe { (self.pq.result_status)(self.raw.as_ptr()) } {
            COMMAND_OK => Ok(Rows::default()),
            TUPLES_OK => Ok(self.first_column()),
            _ => Err(self.failure()),
        }
    }

    fn first_column(&self) -> Rows {
        // SAFETY: as above.
        let (rows, columns) = unsafe { ((self.pq.rows)(self.raw.as_ptr()), (self.pq.columns)(self.raw.as_ptr())) };
        (0..rows).map(|row| if columns > 0 { self.value(row) } else { None }).collect()
    }

    fn value(&self, row: c_int) -> Option<Secret> {
        // SAFETY: there are such a row and column 0; the value is that many bytes, which stay while the result does.
        unsafe {
            if (self.pq.is_null)(self.raw.as_ptr(), row, 0) != 0 {
                return None;
            }
            let start = (self.pq.value)(self.raw.as_ptr(), row, 0);
            let length = usize::try_from((self.pq.length)(self.raw.as_ptr(), row, 0)).ok()?;
            if start.is_null() { None } else { Some(Secret::from(std::slice::from_raw_parts(start.cast(), length))) }
        }
    }

    fn failure(&self) -> Failure {
        let state = self.field(DIAG_SQLSTATE).unwrap_or_default();
        let message = self.field(DIAG_MESSAGE_PRIMARY).unwrap_or_default();
        // The messages of these name tables, columns, functions and roles. Others may show a value or the statement.
        match (state.get(..2).unwrap_or_default(), state.as_str()) {
            (_, "42703") => Failure::NoColumn(message),
            // Not of the character set, too long, no number, out of range, no date.
            (_, "22001" | "22003" | "22007" | "22008" | "22021" | "22P02" | "22P05") => {
                Failure::Value(format!("SQLSTATE {state}"))
            }
            ("08" | "28" | "3D" | "53" | "57" | "58", _) | (_, "25006" | "42P01" | "42501" | "42883") => {
                Failure::Refused(format!("{message} (SQLSTATE {state})"))
            }
            (_, "42601") => Failure::Refused("syntax error".into()),
            _ => Failure::Refused(format!("error (SQLSTATE {state})")),
        }
    }

    fn field(&self, code: c_int) -> Option<String> {
        // SAFETY: the result is one of the library's; the field is NULL or a C string that stays while it does.
        unsafe {
            let field = (self.pq.result_error_field)(self.raw.as_ptr(), code);
            (!field.is_null()).then(|| CStr::from_ptr(field).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the result came from the library, and this is its last use.
        unsafe { (self.pq.clear)(self.raw.as_ptr()) };
    }
}
