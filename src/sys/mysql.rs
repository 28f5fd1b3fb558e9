//! A connection to MySQL or MariaDB through `libmariadb.so.3`, which is opened at the first one.
//!
//! The declarations are those of the manual of MariaDB Connector/C.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::ptr::{NonNull, null, null_mut};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::dl::Library;
use super::sql::{Descriptor, Failure, Rows};
use crate::secret::Secret;

const SONAME: &CStr = c"libmariadb.so.3";

/// `enum mysql_option`.
const OPT_CONNECT_TIMEOUT: c_int = 0;
const SET_CHARSET_NAME: c_int = 7;
const OPT_LOCAL_INFILE: c_int = 8;
const OPT_READ_TIMEOUT: c_int = 11;
const OPT_WRITE_TIMEOUT: c_int = 12;
const OPT_SSL_ENFORCE: c_int = 38;
/// `enum enum_field_types`.
const TYPE_NULL: c_int = 6;
const TYPE_STRING: c_int = 254;
/// What fetching a row says besides 0.
const NO_DATA: c_int = 100;
const DATA_TRUNCATED: c_int = 101;

/// `MYSQL` and `MYSQL_STMT`.
type Raw = *mut c_void;

/// `MYSQL_BIND`.
#[repr(C)]
struct Bind {
    length: *mut c_ulong,
    is_null: *mut c_char,
    buffer: *mut c_void,
    error: *mut c_char,
    row: *mut c_void,
    functions: [*const c_void; 3],
    buffer_length: c_ulong,
    offset: c_ulong,
    length_value: c_ulong,
    flags: c_uint,
    pack_length: c_uint,
    kind: c_int,
    error_value: c_char,
    is_unsigned: c_char,
    long_data_used: c_char,
    is_null_value: c_char,
    extension: *mut c_void,
}

const _: () = assert!(size_of::<usize>() != 8 || size_of::<Bind>() == 112);

impl Bind {
    fn new(kind: c_int) -> Self {
        Bind {
            length: null_mut(),
            is_null: null_mut(),
            buffer: null_mut(),
            error: null_mut(),
            row: null_mut(),
            functions: [null(); 3],
            buffer_length: 0,
            offset: 0,
            length_value: 0,
            flags: 0,
            pack_length: 0,
            kind,
            error_value: 0,
            is_unsigned: 0,
            long_data_used: 0,
            is_null_value: 0,
            extension: null_mut(),
        }
    }
}

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
    library_init: unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int = c"mysql_server_init";
    init: unsafe extern "C" fn(Raw) -> Raw = c"mysql_init";
    options: unsafe extern "C" fn(Raw, c_int, *const c_void) -> c_int = c"mysql_options";
    connect: unsafe extern "C" fn(
        Raw, *const c_char, *const c_char, *const c_char, *const c_char, c_uint, *const c_char, c_ulong
    ) -> Raw = c"mysql_real_connect";
    close: unsafe extern "C" fn(Raw) = c"mysql_close";
    cipher: unsafe extern "C" fn(Raw) -> *const c_char = c"mysql_get_ssl_cipher";
    socket: unsafe extern "C" fn(Raw) -> c_int = c"mysql_get_socket";
    error_number: unsafe extern "C" fn(Raw) -> c_uint = c"mysql_errno";
    error_text: unsafe extern "C" fn(Raw) -> *const c_char = c"mysql_error";
    query: unsafe extern "C" fn(Raw, *const c_char, c_ulong) -> c_int = c"mysql_real_query";
    statement: unsafe extern "C" fn(Raw) -> Raw = c"mysql_stmt_init";
    prepare: unsafe extern "C" fn(Raw, *const c_char, c_ulong) -> c_int = c"mysql_stmt_prepare";
    parameters: unsafe extern "C" fn(Raw) -> c_ulong = c"mysql_stmt_param_count";
    bind: unsafe extern "C" fn(Raw, *mut Bind) -> c_char = c"mysql_stmt_bind_param";
    execute: unsafe extern "C" fn(Raw) -> c_int = c"mysql_stmt_execute";
    columns: unsafe extern "C" fn(Raw) -> c_uint = c"mysql_stmt_field_count";
    bind_result: unsafe extern "C" fn(Raw, *mut Bind) -> c_char = c"mysql_stmt_bind_result";
    store_result: unsafe extern "C" fn(Raw) -> c_int = c"mysql_stmt_store_result";
    fetch: unsafe extern "C" fn(Raw) -> c_int = c"mysql_stmt_fetch";
    fetch_column: unsafe extern "C" fn(Raw, *mut Bind, c_uint, c_ulong) -> c_int = c"mysql_stmt_fetch_column";
    statement_error_number: unsafe extern "C" fn(Raw) -> c_uint = c"mysql_stmt_errno";
    statement_error_text: unsafe extern "C" fn(Raw) -> *const c_char = c"mysql_stmt_error";
    statement_close: unsafe extern "C" fn(Raw) -> c_char = c"mysql_stmt_close";
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
    static TURN: Mutex<()> = Mutex::new(());
    if let Some(functions) = FUNCTIONS.get() {
        return Ok(functions);
    }
    // The library must be initialised once, before any thread uses it.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(functions) = FUNCTIONS.get() {
        return Ok(functions);
    }
    let loaded = Functions::load().map_err(Failure::Missing)?;
    // SAFETY: there are no arguments, and no other thread is here.
    if unsafe { (loaded.library_init)(0, null_mut(), null_mut()) } != 0 {
        return Err(Failure::Missing("the client library of MariaDB cannot be initialised".into()));
    }
    Ok(FUNCTIONS.get_or_init(|| loaded))
}

/// Where to connect to, and as whom. What is NULL is what the library takes by itself.
pub struct Target {
    /// The host, by name or address.
    pub host: Option<CString>,
    /// Its port; 0 is the usual one.
    pub port: u16,
    /// The path of a socket, in place of a host.
    pub socket: Option<CString>,
    /// The user.
    pub user: Option<CString>,
    /// The password; ends with a NUL.
    pub password: Option<CString>,
    /// The database.
    pub database: Option<CString>,
    /// Whether it must be encrypted.
    pub encrypted: bool,
    /// How long connecting may take, and each answer, in whole seconds.
    pub timeout: Duration,
}

/// A connection. It may go from thread to thread, and is used by one at a time.
pub struct Connection {
    my: &'static Functions,
    raw: NonNull<c_void>,
    /// What its descriptor stands for.
    descriptor: Option<Descriptor>,
}

// SAFETY: the library's connections belong to no thread; it only asks that no two use one at the same time, and every method
// but `is_intact`, which reads numbers, takes `&mut self`.
unsafe impl Send for Connection {}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Failure`], none of which has the password in it.
    pub fn open(target: &Target) -> Result<Self, Failure> {
        let my = functions()?;
        // SAFETY: NULL asks for a new one, which is the caller's.
        let raw = unsafe { (my.init)(null_mut()) };
        let raw = NonNull::new(raw).ok_or_else(|| Failure::Lost("no memory for a connection".into()))?;
        let mut connection = Connection { my, raw, descriptor: None };
        connection.prepare(target)?;
        let text = |text: &Option<CString>| text.as_ref().map_or(null(), |text| text.as_ptr());
        // SAFETY: the connection is initialised; each text is NULL or a C string, which the library copies.
        let connected = unsafe {
            (my.connect)(
                raw.as_ptr(),
                text(&target.host),
                text(&target.user),
                text(&target.password),
                text(&target.database),
                target.port.into(),
                text(&target.socket),
                0,
            )
        };
        if connected.is_null() {
            return Err(Failure::Lost(connection.text()));
        }
        connection.descriptor = Descriptor::of(connection.socket());
        // SAFETY: it is connected.
        if target.encrypted && unsafe { (my.cipher)(raw.as_ptr()) }.is_null() {
            return Err(Failure::Lost("the server does not encrypt, and sql_usessl demands it".into()));
        }
        Ok(connection)
    }

    fn prepare(&mut self, target: &Target) -> Result<(), Failure> {
        let seconds = c_uint::try_from(target.timeout.as_secs().max(1)).unwrap_or(c_uint::MAX);
        let (none, yes): (c_uint, c_char) = (0, 1);
        let mut options: Vec<(c_int, *const c_void)> = vec![
            (OPT_CONNECT_TIMEOUT, (&raw const seconds).cast()),
            (OPT_READ_TIMEOUT, (&raw const seconds).cast()),
            (OPT_WRITE_TIMEOUT, (&raw const seconds).cast()),
            // A server could ask for any file of this host otherwise.
            (OPT_LOCAL_INFILE, (&raw const none).cast()),
            (SET_CHARSET_NAME, c"utf8mb4".as_ptr().cast()),
        ];
        if target.encrypted {
            options.push((OPT_SSL_ENFORCE, (&raw const yes).cast()));
        }
        for (option, value) in options {
            // SAFETY: the connection is initialised; the value is of the type of the option, and is copied.
            if unsafe { (self.my.options)(self.raw.as_ptr(), option, value) } != 0 {
                return Err(Failure::Refused(format!("the client library does not know the option {option}")));
            }
        }
        Ok(())
    }

    /// Runs a statement with parameters, each of them a text in UTF-8 or NULL.
    ///
    /// # Errors
    /// [`Failure`]; after [`Failure::Lost`] and [`Failure::Timeout`] the connection is of no more use.
    pub fn query(&mut self, text: &str, parameters: &[Option<&[u8]>], deadline: Instant) -> Result<Rows, Failure> {
        // SAFETY: the connection is open.
        let raw = unsafe { (self.my.statement)(self.raw.as_ptr()) };
        let raw = NonNull::new(raw).ok_or_else(|| Failure::Lost("no memory for a statement".into()))?;
        let statement = Statement { my: self.my, raw, deadline };
        // SAFETY: the statement is new, and the text has that many bytes.
        let code = unsafe { (self.my.prepare)(raw.as_ptr(), text.as_ptr().cast(), length_of(text.as_bytes())) };
        statement.check(code)?;
        // SAFETY: the statement is prepared.
        if unsafe { (self.my.parameters)(raw.as_ptr()) } != parameters.len() as c_ulong {
            return Err(Failure::Refused("the statement has a ? of its own".into()));
        }
        let mut binds: Vec<Bind> = parameters.iter().map(|value| parameter(*value)).collect::<Result<_, _>>()?;
        if !binds.is_empty() {
            // SAFETY: there are as many as the statement has; what they point to lives until it has been executed.
            statement.check(unsafe { (self.my.bind)(raw.as_ptr(), binds.as_mut_ptr()) }.into())?;
        }
        // SAFETY: the statement is prepared, and its parameters are set.
        statement.check(unsafe { (self.my.execute)(raw.as_ptr()) })?;
        statement.rows()
    }

    /// Runs a statement without parameters that has no answer.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn command(&mut self, text: &str, deadline: Instant) -> Result<(), Failure> {
        // SAFETY: the connection is open, and the text has that many bytes.
        let code = unsafe { (self.my.query)(self.raw.as_ptr(), text.as_ptr().cast(), length_of(text.as_bytes())) };
        // SAFETY: the connection is open.
        let number = unsafe { (self.my.error_number)(self.raw.as_ptr()) };
        if code == 0 { Ok(()) } else { Err(failure(number, self.text(), deadline)) }
    }

    /// Whether its descriptor still stands for the connection.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.descriptor.is_some_and(Descriptor::is_current)
    }

    fn socket(&self) -> c_int {
        // SAFETY: the connection is open.
        unsafe { (self.my.socket)(self.raw.as_ptr()) }
    }

    fn text(&mut self) -> String {
        // SAFETY: the connection is open; the text is a C string that stays until its next use.
        unsafe { CStr::from_ptr((self.my.error_text)(self.raw.as_ptr())).to_string_lossy().into_owned() }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // What another file has taken the place of would be written to, and closed.
        if self.descriptor.is_some() && self.socket() >= 0 && !self.is_intact() {
            return;
        }
        // SAFETY: the connection came from the library, and this is its last use.
        unsafe { (self.my.close)(self.raw.as_ptr()) };
    }
}

fn length_of(bytes: &[u8]) -> c_ulong {
    bytes.len() as c_ulong
}

/// What is given for a parameter. It points to the value.
fn parameter(value: Option<&[u8]>) -> Result<Bind, Failure> {
    let Some(value) = value else { return Ok(Bind::new(TYPE_NULL)) };
    if std::str::from_utf8(value).is_err() {
        return Err(Failure::Value("it is not in UTF-8".into()));
    }
    let buffer = value.as_ptr().cast_mut().cast();
    // Without a place for the length, that of the buffer is it.
    Ok(Bind { buffer, buffer_length: length_of(value), ..Bind::new(TYPE_STRING) })
}

/// The failure with a number of the server or the library, and its text.
fn failure(number: c_uint, text: String, deadline: Instant) -> Failure {
    match number {
        // The library does not tell a read that took too long from one that failed.
        2013 | 2006 if Instant::now() >= deadline => Failure::Timeout,
        1053 | 1152..=1161 | 1927 | 2000..=2030 | 2048..=2055 => Failure::Lost(text),
        1205 | 1969 | 3024 => Failure::Timeout,
        1054 => Failure::NoColumn(text),
        1064 => Failure::Refused("syntax error".into()),
        // A value that is out of range, too long, of another character set or no number.
        1264 | 1265 | 1267 | 1292 | 1300 | 1366 | 1406 => Failure::Value(format!("error {number}")),
        // The texts of these name users, databases and tables. Others may show a value or the statement.
        1044 | 1045 | 1049 | 1142 | 1143 | 1146 | 1290 => Failure::Refused(format!("{text} (error {number})")),
        _ => Failure::Refused(format!("error {number}")),
    }
}

/// A statement, which goes before its connection.
struct Statement {
    my: &'static Functions,
    raw: NonNull<c_void>,
    deadline: Instant,
}

impl Statement {
    fn rows(&self) -> Result<Rows, Failure> {
        let raw = self.raw.as_ptr();
        // SAFETY: the statement has been executed.
        let columns = unsafe { (self.my.columns)(raw) };
        if columns == 0 {
            return Ok(Rows::new());
        }
        let mut length: c_ulong = 0;
        let mut is_null: c_char = 0;
        let mut binds: Vec<Bind> = (0..columns).map(|_| Bind::new(TYPE_STRING)).collect();
        if let Some(first) = binds.first_mut() {
            first.length = &raw mut length;
            first.is_null = &raw mut is_null;
        }
        // SAFETY: there are as many as there are columns, and room for no byte of each. The library copies the list; what the
        // first points to lives as long as rows are fetched.
        self.check(unsafe { (self.my.bind_result)(raw, binds.as_mut_ptr()) }.into())?;
        // SAFETY: the statement has been executed and has columns.
        self.check(unsafe { (self.my.store_result)(raw) })?;
        let mut rows = Rows::new();
        loop {
            // SAFETY: the rows are stored, and what is written to lives.
            match unsafe { (self.my.fetch)(raw) } {
                0 | DATA_TRUNCATED => {}
                NO_DATA => return Ok(rows),
                _ => return Err(self.failure()),
            }
            // SAFETY: fetching wrote them through the pointers above.
            let (null, length) = unsafe { ((&raw const is_null).read_volatile(), (&raw const length).read_volatile()) };
            rows.push(if null != 0 { None } else { Some(self.first_column(length)?) });
        }
    }

    /// The value in the first column of the row that was fetched.
    fn first_column(&self, length: c_ulong) -> Result<Secret, Failure> {
        let size = usize::try_from(length).map_err(|_| Failure::Refused("a value is too long".into()))?;
        let mut value = vec![0_u8; size];
        if size > 0 {
            let mut got = length;
            let mut bind = Bind::new(TYPE_STRING);
            (bind.buffer, bind.buffer_length, bind.length) = (value.as_mut_ptr().cast(), length, &raw mut got);
            // SAFETY: a row was fetched and has a first column; the buffer has room for that many bytes.
            let code = unsafe { (self.my.fetch_column)(self.raw.as_ptr(), &raw mut bind, 0, 0) };
            let secret = Secret::new(value);
            return self.check(code).map(|()| secret);
        }
        Ok(Secret::new(value))
    }

    fn check(&self, code: c_int) -> Result<(), Failure> {
        if code == 0 { Ok(()) } else { Err(self.failure()) }
    }

    fn failure(&self) -> Failure {
        // SAFETY: the statement is open; the text is a C string that stays until its next use.
        unsafe {
            let text = CStr::from_ptr((self.my.statement_error_text)(self.raw.as_ptr())).to_string_lossy().into_owned();
            failure((self.my.statement_error_number)(self.raw.as_ptr()), text, self.deadline)
        }
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        // SAFETY: the statement came from the library, and this is its last use.
        unsafe { (self.my.statement_close)(self.raw.as_ptr()) };
    }
}
