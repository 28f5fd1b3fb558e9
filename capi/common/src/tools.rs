//! What the tools of `saslutil.h` do in both interfaces: random bytes, and challenges for APOP.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_uint};
use std::ptr::null_mut;
use std::slice;
use std::time::{SystemTime, UNIX_EPOCH};

use oxisasl::rng;

use crate::arg;

/// `sasl_rand_t`. After `sasl_randseed` its output follows from the seed; otherwise it is the system's.
pub struct Rand {
    seeded: Cell<Option<u64>>,
}

impl Rand {
    /// One that gives the system's random bytes.
    #[must_use]
    pub const fn unseeded() -> Self {
        Rand { seeded: Cell::new(None) }
    }
}

/// Makes a source, which is to be freed with [`rand_free`]. False when there is no place for it.
///
/// # Safety
/// `pool` is NULL or writable.
#[must_use]
pub unsafe fn rand_create(pool: *mut *mut Rand) -> bool {
    if !pool.is_null() {
        // SAFETY: by this function's contract.
        unsafe { arg::put(pool, Box::into_raw(Box::new(Rand::unseeded()))) };
    }
    !pool.is_null()
}

/// Frees a source, and sets the pointer to it to NULL.
///
/// # Safety
/// `pool` is NULL, or points to NULL or a source that nothing else uses.
pub unsafe fn rand_free(pool: *mut *mut Rand) {
    if pool.is_null() {
        return;
    }
    // SAFETY: by this function's contract.
    let rand = unsafe { pool.replace(null_mut()) };
    if !rand.is_null() {
        // SAFETY: it came from `Box::into_raw`, and by contract nothing else uses it.
        drop(unsafe { Box::from_raw(rand) });
    }
}

/// Makes the output follow from a seed.
///
/// # Safety
/// `rand` is NULL or a source; `seed` is NULL or has `len` bytes.
pub unsafe fn rand_seed(rand: *mut Rand, seed: *const c_char, len: c_uint) {
    // SAFETY: by this function's contract.
    if let (Some(rand), Ok(Some(seed))) = unsafe { (rand.as_ref(), arg::bytes(seed, len, "seed")) } {
        let state = seed.iter().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        rand.seeded.set(Some(state));
    }
}

/// Fills a buffer with random bytes; those of the system without a source.
///
/// # Panics
/// When the system has none to give: there is no way to report it. The boundary makes a log line of it, and the buffer
/// keeps what it had.
///
/// # Safety
/// `rand` is NULL or a source; `buffer` is NULL or has room for `len` bytes.
pub unsafe fn rand_fill(rand: *mut Rand, buffer: *mut c_char, len: c_uint) {
    // SAFETY: by this function's contract.
    let rand = unsafe { rand.as_ref() };
    if buffer.is_null() || len == 0 {
        return;
    }
    // SAFETY: by this function's contract.
    let room = unsafe { slice::from_raw_parts_mut(buffer.cast::<u8>(), len as usize) };
    match rand.and_then(|rand| rand.seeded.get().map(|state| (rand, state))) {
        Some((rand, state)) => {
            let mut state = state;
            for byte in room {
                // SplitMix64: enough for tests, and nothing else is seeded.
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                *byte = (mixed >> 32) as u8;
            }
            rand.seeded.set(Some(state));
        }
        None => rng::fill(room).unwrap_or_else(|error| panic!("{error}")),
    }
}

/// Room for the two numbers of a challenge and its punctuation.
const CHALLENGE: usize = 44;

/// Writes a challenge for APOP (RFC 1939 section 7) with a NUL behind it, and says how long it is; 0 when there is no room
/// for it.
///
/// # Safety
/// `buffer` is NULL or has room for `max` bytes.
#[must_use]
pub unsafe fn challenge(host: Option<&str>, buffer: *mut c_char, max: c_uint) -> c_int {
    let needed = CHALLENGE + host.map_or(0, |host| host.len() + 1);
    let mut random = [0; 8];
    if buffer.is_null() || (max as usize) < needed || rng::fill(&mut random).is_err() {
        return 0;
    }
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let random = u64::from_ne_bytes(random);
    let challenge = match host {
        Some(host) => format!("<{random}.{time}@{host}>"),
        None => format!("<{random}.{time}>"),
    };
    if challenge.len() >= max as usize {
        return 0;
    }
    // SAFETY: the buffer has room for the challenge and a NUL.
    unsafe {
        buffer.cast::<u8>().copy_from_nonoverlapping(challenge.as_ptr(), challenge.len());
        buffer.add(challenge.len()).write(0);
    }
    challenge.len() as c_int
}
