//! New passwords: typed twice at the terminal, or read once from elsewhere. Never from the command line, which everyone
//! on the machine can see.

use oxisasl::{Error, Secret};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::stdio::stdin;
use rustix::termios::isatty;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::terminal::{Terminal, Typed, cannot, too_long};

/// The longest password in bytes.
pub const MAX: usize = 2048;

/// Reads a new password. With `once`, or where standard input is no terminal, it is read without asking, and one line
/// end at its end does not count.
///
/// # Errors
/// [`Failure::Mismatch`] when it is typed differently the second time; [`oxisasl::Code::BufOver`] when it is longer than
/// [`MAX`] bytes; [`oxisasl::Code::BadParam`] when it has a NUL byte, which no mechanism can send; when it cannot be read.
pub fn read(once: bool) -> Result<Secret, Failure> {
    leave_no_core();
    let typed = match (isatty(stdin()), once) {
        (true, false) => typed_twice()?,
        (true, true) => {
            let mut terminal = Terminal::open()?;
            let typed = terminal.ask("", MAX)?;
            terminal.close()?;
            typed
        }
        (false, _) => piped()?,
    };
    let password = secret(typed);
    if password.expose().contains(&0) {
        return Err(Error::param("the password contains a NUL byte").into());
    }
    Ok(password)
}

/// Whatever happens, no password is to end in a core file.
pub fn leave_no_core() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

fn typed_twice() -> Result<Typed, Failure> {
    let mut terminal = Terminal::open()?;
    let first = terminal.ask("Password: ", MAX)?;
    let second = secret(terminal.ask("Again (for verification): ", MAX)?);
    terminal.close()?;
    if bool::from(second.matches(&first)) { Ok(first) } else { Err(Failure::Mismatch) }
}

/// What comes until the end, or until no more has come after a line end: whoever writes a line and waits is not waited
/// for.
fn piped() -> Result<Typed, Failure> {
    let mut buffer = Zeroizing::new(vec![0; MAX + 2]);
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        let count = rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut *rest))
            .map_err(|error| cannot("read the password", &error.into()))?;
        length += count;
        if count == 0 || buffer.get(..length).is_some_and(|read| read.ends_with(b"\n")) {
            break;
        }
    }
    buffer.truncate(length);
    if buffer.last() == Some(&b'\n') {
        buffer.pop();
    }
    if buffer.len() > MAX { Err(too_long(MAX)) } else { Ok(buffer) }
}

/// The very buffer as a secret.
fn secret(mut typed: Typed) -> Secret {
    Secret::new(std::mem::take(&mut *typed))
}
