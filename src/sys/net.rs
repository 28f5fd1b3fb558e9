//! Unix stream sockets with what the standard library leaves out: a limit on the time that connecting takes, and writing
//! without SIGPIPE, which would end a host program that has not asked to ignore it.

#![allow(unsafe_code)]

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest path of a socket, in bytes: the kernel's limit, less the NUL that ends it.
pub const PATH_MAX: usize = size_of::<libc::sockaddr_un>() - offset_of!(libc::sockaddr_un, sun_path) - 1;

/// Connects to the stream socket at `path`. When its queue is full this waits, but not beyond `deadline`.
///
/// The stream has a write timeout of what was left then; see [`until`].
///
/// # Errors
/// The system's error; [`io::ErrorKind::TimedOut`] at the deadline; [`io::ErrorKind::InvalidInput`] for a path that is
/// empty, has a NUL in it or is longer than [`PATH_MAX`].
pub fn connect_unix(path: &Path, deadline: Instant) -> io::Result<UnixStream> {
    let path = path.as_os_str().as_bytes();
    if path.is_empty() || path.len() > PATH_MAX || path.contains(&0) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: sockaddr_un is numbers only, for which zero is a value.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).unwrap_or_default();
    address.sun_path.iter_mut().zip(path).for_each(|(to, from)| *to = *from as libc::c_char);

    let stream = unix_socket()?;
    loop {
        // Linux waits in connect(2) no longer than the write timeout, and says EAGAIN when that is over.
        stream.set_write_timeout(Some(until(deadline)?))?;
        // SAFETY: the address is a sockaddr_un of the length given, and lives across the call.
        let result = unsafe {
            libc::connect(
                stream.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_un>() as libc::socklen_t,
            )
        };
        if result == 0 {
            return Ok(stream);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
            _ => return Err(error),
        }
    }
}

fn unix_socket() -> io::Result<UnixStream> {
    // SAFETY: socket takes numbers only.
    let fd = unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into())
}

/// Writes some of the bytes, without SIGPIPE when the peer has gone.
///
/// # Errors
/// The system's error, with [`io::ErrorKind::BrokenPipe`] for a peer that has gone.
pub fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a slice that lives across the call.
    let sent = unsafe { libc::send(stream.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// What is left until `deadline`, for the timeout of a socket.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`] when nothing is.
pub fn until(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    use super::*;

    fn socket_path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("oxisasl-net-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(200)
    }

    #[test]
    fn a_full_queue_is_waited_for_until_the_deadline() {
        let path = socket_path("full");
        let listener = UnixListener::bind(&path).unwrap();
        // SAFETY: the descriptor is that of a socket which lives across the call.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let first = connect_unix(&path, soon()).unwrap();
        let begin = Instant::now();
        let error = connect_unix(&path, soon()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() >= Duration::from_millis(150), "{:?}", begin.elapsed());
        assert!(begin.elapsed() < Duration::from_secs(10));
        // Once the queue has room again the same call succeeds.
        drop(listener.accept().unwrap());
        drop(first);
        connect_unix(&path, soon()).unwrap();
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn paths_that_do_not_fit_are_refused() {
        for path in ["", "a\0b", &"x".repeat(PATH_MAX + 1)] {
            let error = connect_unix(Path::new(path), soon()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        assert_eq!(PATH_MAX, 107);
        let longest = "x".repeat(PATH_MAX);
        assert_eq!(connect_unix(Path::new(&longest), soon()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn writing_to_a_peer_that_has_gone_is_an_error_and_no_signal() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(there);
        // SAFETY: this sets the signal's action to the system's default, and back to what Rust's start-up had set.
        let error = unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            let error = send(&here, b"x").unwrap_err();
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            error
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
