//! The configuration file for programs that read options themselves (saslauthd and others). The three functions are in no
//! header. There is one table in a process, which a server's init fills as well.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use oxisasl::config::ConfigFile;
use oxisasl::log::Level;
use oxisasl::{Error, syslog};
use oxisasl_capi_common::{arg, export};

use crate::abi::{CONTINUE, OK};
use crate::calls::c_string;
use crate::global;

/// The values that C has pointers to: by the table that they are of, and the option.
struct Given {
    table: Arc<ConfigFile>,
    values: BTreeMap<String, CString>,
}

static GIVEN: Mutex<Vec<Given>> = Mutex::new(Vec::new());

export! {
    /// Reads a configuration file in place of what was read before. `SASL_CONTINUE` when there is no such file.
    ///
    /// # Safety
    /// `filename` is NULL or a string.
    pub fn sasl_config_init(filename: *const c_char) -> c_int {
        // SAFETY: by this function's contract.
        let name = unsafe { arg::optional_text(filename) };
        let (table, status) = name.map_or((None, CONTINUE), |name| read(Path::new(OsStr::from_bytes(name))));
        set(table);
        status
    }

    /// Forgets the configuration file.
    pub fn sasl_config_done() -> () {
        forget();
    }

    /// The value of an option, or `otherwise` where it is not set. The value stays until `sasl_config_done` or the server's last
    /// done; names are in lower case.
    ///
    /// # Safety
    /// `key` is NULL or a string; `otherwise` may be anything.
    pub fn sasl_config_getstring(key: *const c_char, otherwise: *const c_char) -> *const c_char {
        // SAFETY: by this function's contract.
        let key = unsafe { arg::optional_text(key) }.and_then(|key| str::from_utf8(key).ok());
        key.and_then(value).unwrap_or(otherwise)
    }
}

/// Reads a file, and tells how that went. Of a file with a line that cannot be understood, what stands before it counts.
fn read(path: &Path) -> (Option<ConfigFile>, c_int) {
    let refused = |error: &Error| {
        syslog::write(Level::Err, &error.to_string());
        error.code().number()
    };
    let text = match ConfigFile::read_text(path) {
        Ok(Some(text)) => text,
        Ok(None) => return (None, CONTINUE),
        Err(error) => return (None, refused(&error)),
    };
    match ConfigFile::parse(path, &text) {
        Ok(table) => (Some(table), OK),
        Err(error) => {
            let lines = text.split_inclusive(|byte| *byte == b'\n').take(error.line.saturating_sub(1));
            let before = ConfigFile::parse(path, &lines.collect::<Vec<_>>().concat()).ok();
            (before, refused(&error.into()))
        }
    }
}

fn set(table: Option<ConfigFile>) {
    global::write(|global| global.config = table.map(Arc::new));
}

/// The value of an option, where C may look at it.
fn value(key: &str) -> Option<*const c_char> {
    let table = global::read(|global| global.config.clone())?;
    let value = &table.entry(key)?.value;
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let index = match given.iter().position(|given| Arc::ptr_eq(&given.table, &table)) {
        Some(index) => index,
        None => {
            given.push(Given { table: Arc::clone(&table), values: BTreeMap::new() });
            given.len() - 1
        }
    };
    let values = &mut given.get_mut(index)?.values;
    Some(values.entry(key.to_owned()).or_insert_with(|| c_string(value.as_bytes())).as_ptr())
}

/// Forgets the table, and frees the values that C was given.
pub fn forget() {
    set(None);
    GIVEN.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
