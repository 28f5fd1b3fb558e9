//! A security layer between libldap and its connection.

use std::ffi::{c_int, c_long, c_ulong, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use zeroize::Zeroizing;

use super::Functions;
use super::sockbuf::{Descriptor, Io, LEVEL_APPLICATION, close, failed};

/// What protects the bytes of a connection.
pub trait Codec: Send {
    /// Protects bytes, and appends what is to be sent for them. None when they cannot be.
    fn encode(&mut self, clear: &[u8], out: &mut Vec<u8>) -> Option<()>;

    /// Takes what has come, be it less or more than a packet, and appends what became clear by it. None when it is not what
    /// the peer has sent.
    fn decode(&mut self, input: &[u8], clear: &mut Vec<u8>) -> Option<()>;
}

/// Asks whether there is something to read without looking at the connection.
const DATA_READY: c_int = 8;
/// How much is read at once.
const CHUNK: usize = 16384;

static IO: Io = Io { setup, remove, ctrl, read, write, close };

/// One layer, and what is between its two sides.
struct Layer {
    codec: Box<dyn Codec>,
    /// What has been read and is clear, and how much of it has been given on.
    clear: Zeroizing<Vec<u8>>,
    given: usize,
    /// What is to be written still, and for how many bytes it stands.
    waiting: Vec<u8>,
    accepted: usize,
}

/// Puts a layer on top of a connection.
pub(super) fn install(ldap: &Functions, sockbuf: *mut c_void, codec: Box<dyn Codec>) -> bool {
    let layer = Layer { codec, clear: Zeroizing::default(), given: 0, waiting: Vec::new(), accepted: 0 };
    let layer = Box::into_raw(Box::new(layer));
    // SAFETY: the connection is open and this is its own. The table is good for as long as this code is, and `setup` takes the
    // layer over.
    let added = unsafe { (ldap.add_io)(sockbuf, (&raw const IO).cast(), LEVEL_APPLICATION, layer.cast()) } == 0;
    if !added {
        // SAFETY: nobody has taken it over.
        drop(unsafe { Box::from_raw(layer) });
    }
    added
}

unsafe extern "C" fn setup(descriptor: *mut Descriptor, layer: *mut c_void) -> c_int {
    // SAFETY: liblber gives the descriptor that it has made.
    unsafe { (*descriptor).private = layer };
    0
}

unsafe extern "C" fn remove(descriptor: *mut Descriptor) -> c_int {
    // SAFETY: the descriptor has the layer that `setup` put there, which goes with it.
    unsafe {
        drop(Box::from_raw((*descriptor).private.cast::<Layer>()));
        (*descriptor).private = std::ptr::null_mut();
    }
    0
}

unsafe extern "C" fn ctrl(descriptor: *mut Descriptor, option: c_int, argument: *mut c_void) -> c_int {
    // SAFETY: as in `read`.
    unsafe {
        let layer = &*(*descriptor).private.cast::<Layer>();
        if option == DATA_READY && layer.given < layer.clear.len() {
            return 1;
        }
        let next = (*descriptor).next;
        ((*(*next).io).ctrl)(next, option, argument)
    }
}

unsafe extern "C" fn read(descriptor: *mut Descriptor, buffer: *mut c_void, length: c_ulong) -> c_long {
    // SAFETY: liblber gives the descriptor of this layer, which nobody else uses meanwhile, below which there is another, and a
    // buffer of this length.
    unsafe {
        let layer = &mut *(*descriptor).private.cast::<Layer>();
        let next = (*descriptor).next;
        let mut chunk = [0_u8; CHUNK];
        while layer.given == layer.clear.len() {
            let count = ((*(*next).io).read)(next, chunk.as_mut_ptr().cast(), CHUNK as c_ulong);
            let Some(input) = usize::try_from(count).ok().and_then(|count| chunk.get(..count)) else { return count };
            if input.is_empty() {
                return 0;
            }
            layer.clear.clear();
            layer.given = 0;
            if caught(|| layer.codec.decode(input, &mut layer.clear)).is_none() {
                return failed(libc::EIO);
            }
        }
        let left = layer.clear.get(layer.given..).unwrap_or_default();
        let count = left.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        std::ptr::copy_nonoverlapping(left.as_ptr(), buffer.cast(), count);
        layer.given += count;
        c_long::try_from(count).unwrap_or(c_long::MAX)
    }
}

unsafe extern "C" fn write(descriptor: *mut Descriptor, buffer: *mut c_void, length: c_ulong) -> c_long {
    // SAFETY: as in `read`.
    unsafe {
        let layer = &mut *(*descriptor).private.cast::<Layer>();
        let next = (*descriptor).next;
        // What could not be written is offered again: it is protected already.
        if layer.waiting.is_empty() {
            let clear = std::slice::from_raw_parts(buffer.cast::<u8>(), usize::try_from(length).unwrap_or_default());
            if caught(|| layer.codec.encode(clear, &mut layer.waiting)).is_none() {
                return failed(libc::EIO);
            }
            layer.accepted = clear.len();
        }
        while !layer.waiting.is_empty() {
            let count = layer.waiting.len() as c_ulong;
            let written = ((*(*next).io).write)(next, layer.waiting.as_mut_ptr().cast(), count);
            match usize::try_from(written) {
                Ok(count) if count > 0 => drop(layer.waiting.drain(..count.min(layer.waiting.len()))),
                _ => return written,
            }
        }
        c_long::try_from(layer.accepted).unwrap_or(c_long::MAX)
    }
}

/// Nothing that goes wrong here may go through C.
fn caught(work: impl FnOnce() -> Option<()>) -> Option<()> {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}
