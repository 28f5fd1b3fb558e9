//! What cases made up from a seed are made of.

/// A generator of numbers (SplitMix64): the same ones for the same seed, everywhere.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }
}

/// Bytes as a word of the language.
pub fn quoted(bytes: &[u8]) -> String {
    let mut word = "\"".to_owned();
    for byte in bytes {
        match byte {
            b'"' | b'\\' => {
                word.push('\\');
                word.push(*byte as char);
            }
            b' '..=b'~' => word.push(*byte as char),
            _ => word += &format!("\\x{byte:02x}"),
        }
    }
    word + "\""
}

/// Any bytes, mostly letters; what comes often in messages comes often here.
pub fn text(rng: &mut Rng, most: u64) -> String {
    const TELLING: &[&[u8]] = &[
        b"\0",
        b",",
        b"=",
        b"@",
        b" ",
        b"\"",
        b"\\",
        b"\xff",
        b"\xc3\xa9",
        b"\r\n",
        b"a=",
        b"n,,",
        b"\xed\xa0\x80",
        b"\xc0\x80",
    ];
    let mut bytes = Vec::new();
    for _ in 0..rng.below(most + 1) {
        if rng.one_in(8) {
            bytes.extend_from_slice(rng.pick(TELLING));
        } else {
            bytes.push(b'a' + u8::try_from(rng.below(26)).unwrap_or(0));
        }
    }
    quoted(&bytes)
}

pub fn name(rng: &mut Rng) -> String {
    const NAMES: &[&str] = &[
        "alice",
        "alice",
        "alice",
        "bob",
        "dora",
        "carol",
        "nobody",
        "\"\"",
        "alice@realm.test",
        "\" alice \"",
        "Alice",
        "alice@host.example.com",
        "\"a,b=c\"",
        "\"\\xc3\\xa9mile\"",
        "rep(1024,a)",
        "rep(1025,a)",
        "\"a\\\"b\"",
        "@",
        "\" \"",
    ];
    if rng.one_in(12) { text(rng, 12) } else { rng.pick(NAMES).to_owned() }
}

pub fn password(rng: &mut Rng) -> String {
    const PASSWORDS: &[&str] = &[
        "secret",
        "secret",
        "secret",
        "builder",
        "wrong",
        "\"\"",
        "\"p\\xc3\\xa4ss\"",
        "secretx",
        "secre",
        "rep(1025,p)",
        "\"sec\\0ret\"",
    ];
    rng.pick(PASSWORDS).to_owned()
}

/// How a message is altered. Where bytes are set, they are set to something that does not depend on what was random there.
pub fn message_change(rng: &mut Rng) -> String {
    let mut changes = Vec::new();
    for _ in 0..rng.below(2) + 1 {
        let at = if rng.one_in(2) { rng.below(12) } else { rng.below(90) };
        changes.push(match rng.below(12) {
            0 => format!("cut({at})"),
            1 => format!("chop({})", rng.below(6) + 1),
            2 => format!("drop({})", rng.below(6) + 1),
            3..6 => format!("set({at},{:02x})", rng.pick(&[0u8, 0x2c, 0x3d, 0x20, 0x22, 0x40, 0x41, 0x7e, 0x80, 0xff])),
            6 | 7 => format!("ins({at},{})", text(rng, 4)),
            8 => {
                let (from, to) = rng.pick(&[
                    ("alice", "bob"),
                    ("r=", "x="),
                    (",", ",,"),
                    ("n=", "a="),
                    ("=", ""),
                    ("auth", "auth-int"),
                    ("i=", "i=0"),
                    ("\\0", "\\0\\0"),
                    ("c=", "c=A"),
                    ("v=", "e="),
                    ("nc=", "nc=1"),
                    ("realm", "Realm"),
                    ("s=", "s=AAAA"),
                ]);
                format!("sub(\"{from}\",\"{to}\")")
            }
            9 => "twice".to_owned(),
            10 => "ins(10000,\",x=y\")".to_owned(),
            _ => rng.pick(&["upper", "back", "cut(0)", "ins(100000,\"\\0\")"]).to_owned(),
        });
    }
    changes.join("|")
}
