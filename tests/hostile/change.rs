//! What a hostile peer, or somebody between two honest ones, does to a message.

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the first bytes are sent.
    Cut(usize),
    /// Bits of a byte are turned over.
    Flip(usize, u8),
    /// A byte is put in.
    Insert(usize, u8),
    /// More is sent.
    Longer(&'static [u8]),
    /// As much of this byte follows that the message has this length.
    Padded(usize, u8),
    /// The length, of this byte.
    Filled(usize, u8),
    /// Something else is sent: another mechanism's message, the receiver's own, nonsense.
    Other(Vec<u8>),
    /// No message at all, which the interface tells from an empty one.
    Missing,
    /// It is sent twice.
    Twice,
    /// The sender's next message comes first; it is taken from another exchange.
    Reordered,
    /// It does not arrive, and the sender gets an answer from another exchange.
    Dropped,
}

pub const KIB: usize = 1024;
pub const MIB: usize = 1024 * KIB;

impl Change {
    /// The changed message, where the change is of the bytes. None when the message is too short to be changed so, or stays as
    /// it is.
    pub fn apply(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut out = message.to_vec();
        match self {
            Change::Cut(length) => out.truncate(*length),
            Change::Flip(at, bits) => *out.get_mut(*at)? ^= bits,
            Change::Insert(at, byte) if *at <= out.len() => out.insert(*at, *byte),
            Change::Longer(more) => out.extend_from_slice(more),
            Change::Padded(length, byte) if out.len() < *length => out.resize(*length, *byte),
            Change::Filled(length, byte) => out = vec![*byte; *length],
            Change::Other(other) => out.clone_from(other),
            _ => return None,
        }
        (out != message).then_some(out)
    }
}

/// Whether there is all the time in the world.
pub fn thorough() -> bool {
    std::env::var_os("OXISASL_SOAK").is_some()
}

/// All changes of a message of about this length; `others` are messages that do not belong here.
pub fn all(length: usize, others: &[Vec<u8>]) -> Vec<Change> {
    let mut changes = vec![Change::Missing, Change::Twice, Change::Reordered, Change::Dropped];
    // Every place of a short message; of a long one both ends and some between, where there is no time.
    let short = length < 300 || thorough();
    let step = if short { 1 } else { 5 };
    let some = move |at: &usize| at.is_multiple_of(step) || *at < 20 || *at + 20 > length;
    changes.extend((0..length).filter(some).map(Change::Cut));
    let single = (0..8).map(|bit| 1 << bit);
    let bits: Vec<u8> = if short { single.chain([0xff]).collect() } else { vec![1, 0x80] };
    changes.extend((0..length).flat_map(|at| bits.iter().map(move |bits| Change::Flip(at, *bits))));
    let places = (0..=length).filter(some);
    changes.extend(places.flat_map(|at| [0, 0xff, b',', b' '].map(|byte| Change::Insert(at, byte))));
    let more: [&[u8]; 9] = [b"\0", b"\0\0", b"\xff", b"x", b"=", b",", b",x=y", b"\r\n", b"\0alice\0secret"];
    changes.extend(more.map(Change::Longer));
    for byte in [0, b'x', 0xff] {
        changes.extend([4 * KIB, 64 * KIB, MIB].map(|length| Change::Padded(length, byte)));
        changes.extend([1, 2, 64 * KIB, MIB].map(|length| Change::Filled(length, byte)));
    }
    changes.extend(others.iter().cloned().map(Change::Other));
    changes
}
