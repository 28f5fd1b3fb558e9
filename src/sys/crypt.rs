//! Hashing a password as the system's password files have it: `crypt_r` of `libcrypt.so.1`, which is opened at first use.

use std::ffi::{CStr, c_char, c_void};
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::dl::Library;
use crate::secret::Secret;

const SONAME: &CStr = c"libcrypt.so.1";
/// At least the size of `struct crypt_data`: 32768 bytes in libxcrypt, 131232 in the GNU C library of old.
const DATA: usize = 132 * 1024;
/// The longest password that is hashed, in bytes; the library refuses longer ones.
pub const PASSWORD_MAX: usize = 511;

/// Why there is no hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The library is not to be had: what the loader says.
    Missing(String),
    /// It does not know the scheme of this setting, or the password is none that can be hashed.
    Refused,
}

type CryptR = unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void) -> *mut c_char;

/// The hash of a password with the scheme, cost and salt of a setting; a hash is a setting too. Equal to the setting if it is
/// the hash of the same password.
///
/// # Errors
/// [`Failure`].
pub fn crypt(password: &Secret, setting: &Secret) -> Result<Secret, Failure> {
    let function = function().map_err(Failure::Missing)?;
    if password.expose().len() > PASSWORD_MAX {
        return Err(Failure::Refused);
    }
    let password = terminated(password)?;
    let setting = terminated(setting)?;
    let mut data = Zeroizing::new(vec![0u64; DATA / size_of::<u64>()]);
    // SAFETY: both strings end with a NUL; the data is zero, as it must be before its first use, aligned and at least as
    // large as a crypt_data. The result is NULL or a C string within the data.
    let hash = unsafe {
        let hash = function(password.as_ptr().cast(), setting.as_ptr().cast(), data.as_mut_ptr().cast());
        (!hash.is_null()).then(|| CStr::from_ptr(hash).to_bytes())
    };
    match hash {
        // `*0` and `*1` are how a failure looks.
        Some(hash) if !hash.is_empty() && !hash.starts_with(b"*") => Ok(Secret::from(hash)),
        _ => Err(Failure::Refused),
    }
}

/// A C string that is wiped.
fn terminated(secret: &Secret) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = secret.expose();
    if bytes.contains(&0) {
        return Err(Failure::Refused);
    }
    let mut copy = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    copy.extend_from_slice(bytes);
    copy.push(0);
    Ok(copy)
}

/// Opens the library, if it is not open yet.
///
/// # Errors
/// [`Failure::Missing`].
pub fn load() -> Result<(), Failure> {
    function().map(drop).map_err(Failure::Missing)
}

fn function() -> Result<CryptR, String> {
    static FUNCTION: OnceLock<CryptR> = OnceLock::new();
    if let Some(function) = FUNCTION.get() {
        return Ok(*function);
    }
    // SAFETY: the type is that which crypt(3) gives the function.
    let function = unsafe { Library::open(SONAME)?.function(c"crypt_r")? };
    Ok(*FUNCTION.get_or_init(|| function))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(password: &str, setting: &str) -> Result<String, Failure> {
        let hash = crypt(&Secret::from(password), &Secret::from(setting))?;
        Ok(String::from_utf8_lossy(hash.expose()).into_owned())
    }

    #[test]
    fn a_hash_is_the_setting_of_itself() {
        // MD5, SHA-256, SHA-512, yescrypt, bcrypt, and DES, with few rounds where that can be said.
        for setting in [
            "$1$saltsalt$",
            "$5$rounds=1000$saltsalt$",
            "$6$rounds=1000$saltsalt$",
            "$y$j75$saltsalt$",
            "$2b$04$abcdefghijklmnopqrstuu",
            "ab",
        ] {
            let stored = hash("pencil", setting).unwrap();
            assert!(stored.starts_with(setting), "{stored}");
            assert_eq!(hash("pencil", &stored).unwrap(), stored);
            assert_ne!(hash("pencil ", &stored).unwrap(), stored);
        }
        // As crypt(3) of any system has it.
        assert_eq!(hash("test", "$1$abcdefgh$").unwrap(), "$1$abcdefgh$irWbblnpmw.5z7wgBnprh0");
    }

    #[test]
    fn what_is_no_setting_gives_no_hash() {
        for setting in ["", "x", "*", "*0", "!", "!!", "$", "$9$unknown$", "$y$", "a\0b", "\u{e9}\u{e9}"] {
            assert_eq!(hash("pencil", setting), Err(Failure::Refused), "{setting:?}");
        }
        assert_eq!(hash("pen\0cil", "$1$saltsalt$"), Err(Failure::Refused));
        assert_eq!(hash(&"x".repeat(PASSWORD_MAX + 1), "$1$saltsalt$"), Err(Failure::Refused));
        hash(&"x".repeat(PASSWORD_MAX), "$1$saltsalt$").unwrap();
    }
}
