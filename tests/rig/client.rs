//! The client sides of the mechanisms, written from the RFCs' formulas and sharing nothing with the libraries under
//! test but the hash functions.

use std::fs::File;
use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

pub use super::digest::{DigestMd5, Layer, Protection};

/// A mechanism's client side. It panics when the server breaks the protocol.
pub trait Mechanism {
    fn name(&self) -> &str;
    /// The initial response; none when the server speaks first.
    fn initial(&mut self) -> Option<Vec<u8>>;
    /// The answer to a challenge.
    fn answer(&mut self, challenge: &[u8]) -> Vec<u8>;
    /// Called on success: panics unless the server has proved what the mechanism makes it prove.
    fn finish(&mut self) {}
    /// The security layer negotiated.
    fn layer(&mut self) -> Option<Layer> {
        None
    }
}

/// The client side named so, without a security layer.
pub fn mechanism(name: &str, user: &str, password: &str) -> Box<dyn Mechanism> {
    match name {
        "PLAIN" => Box::new(Plain::new("", user, password)),
        "LOGIN" => Box::new(Login::new(user, password)),
        "CRAM-MD5" => Box::new(CramMd5::new(user, password)),
        "DIGEST-MD5" => Box::new(DigestMd5::new(user, password, Protection::None)),
        _ => Box::new(Scram::new(name, user, password)),
    }
}

/// RFC 4616.
pub struct Plain(Vec<u8>);

impl Plain {
    pub fn new(authzid: &str, user: &str, password: &str) -> Plain {
        Plain(format!("{authzid}\0{user}\0{password}").into_bytes())
    }
}

impl Mechanism for Plain {
    fn name(&self) -> &str {
        "PLAIN"
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }

    fn answer(&mut self, challenge: &[u8]) -> Vec<u8> {
        panic!("PLAIN has one message, yet came {challenge:?}");
    }
}

/// draft-murchison-sasl-login: the user name, then the password; the user name may come as the initial response.
pub struct Login {
    answers: [Vec<u8>; 2],
    step: usize,
    initial: bool,
}

impl Login {
    pub fn new(user: &str, password: &str) -> Login {
        Login { answers: [user.into(), password.into()], step: 0, initial: false }
    }

    /// With the user name as the initial response.
    pub fn with_initial(user: &str, password: &str) -> Login {
        Login { initial: true, ..Login::new(user, password) }
    }
}

impl Mechanism for Login {
    fn name(&self) -> &str {
        "LOGIN"
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        self.initial.then(|| {
            self.step = 1;
            self.answers[0].clone()
        })
    }

    fn answer(&mut self, challenge: &[u8]) -> Vec<u8> {
        let expected = [&b"Username:"[..], b"Password:"][self.step];
        assert_eq!(String::from_utf8_lossy(challenge), String::from_utf8_lossy(expected));
        self.step += 1;
        self.answers[self.step - 1].clone()
    }
}

/// RFC 2195.
pub struct CramMd5 {
    user: String,
    password: String,
}

impl CramMd5 {
    pub fn new(user: &str, password: &str) -> CramMd5 {
        CramMd5 { user: user.to_owned(), password: password.to_owned() }
    }
}

impl Mechanism for CramMd5 {
    fn name(&self) -> &str {
        "CRAM-MD5"
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn answer(&mut self, challenge: &[u8]) -> Vec<u8> {
        assert!(challenge.starts_with(b"<") && challenge.ends_with(b">"), "{challenge:?}");
        let digest = Hash::Md5.hmac(self.password.as_bytes(), challenge);
        format!("{} {}", self.user, hex(&digest)).into_bytes()
    }
}

/// RFC 5802 without channel binding.
pub struct Scram {
    name: String,
    hash: Hash,
    user: String,
    password: String,
    nonce: String,
    first_bare: String,
    signature: Option<Vec<u8>>,
    step: u8,
}

impl Scram {
    pub fn new(name: &str, user: &str, password: &str) -> Scram {
        Scram::with_nonce(name, user, password, &nonce())
    }

    fn with_nonce(name: &str, user: &str, password: &str, nonce: &str) -> Scram {
        let hash = match name {
            "SCRAM-SHA-1" => Hash::Sha1,
            "SCRAM-SHA-224" => Hash::Sha224,
            "SCRAM-SHA-256" => Hash::Sha256,
            "SCRAM-SHA-384" => Hash::Sha384,
            "SCRAM-SHA-512" => Hash::Sha512,
            _ => panic!("no client side for {name}"),
        };
        let escaped = user.replace('=', "=3D").replace(',', "=2C");
        Scram {
            name: name.to_owned(),
            hash,
            user: user.to_owned(),
            password: password.to_owned(),
            nonce: nonce.to_owned(),
            first_bare: format!("n={escaped},r={nonce}"),
            signature: None,
            step: 0,
        }
    }

    /// `client-final-message`; keeps the signature that the server must show.
    fn prove(&mut self, server_first: &str) -> String {
        let part = |prefix: &str| {
            server_first.split(',').find_map(|p| p.strip_prefix(prefix)).unwrap_or_else(|| panic!("{server_first}"))
        };
        let nonce = part("r=");
        assert!(nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce), "{server_first}");
        let salt = STANDARD.decode(part("s=")).expect("salt");
        let rounds: u32 = part("i=").parse().expect("iteration count");
        assert!(rounds >= 4096, "{server_first}");

        let salted = self.hash.hi(self.password.as_bytes(), &salt, rounds);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let server_key = self.hash.hmac(&salted, b"Server Key");
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{server_first},{without_proof}", self.first_bare);
        let client_signature = self.hash.hmac(&self.hash.digest(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(client_signature).map(|(k, s)| k ^ s).collect();
        self.signature = Some(self.hash.hmac(&server_key, auth_message.as_bytes()));
        format!("{without_proof},p={}", STANDARD.encode(proof))
    }
}

impl Mechanism for Scram {
    fn name(&self) -> &str {
        &self.name
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        assert_eq!((self.step, self.user.is_empty()), (0, false));
        Some(format!("n,,{}", self.first_bare).into_bytes())
    }

    fn answer(&mut self, challenge: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(challenge.to_vec()).expect("text");
        self.step += 1;
        if self.step == 1 {
            return self.prove(&text).into_bytes();
        }
        let signature = STANDARD.encode(self.signature.as_ref().expect("a proof before"));
        assert_eq!(text, format!("v={signature}"), "the server does not know the password");
        Vec::new()
    }

    fn finish(&mut self) {
        assert_eq!(self.step, 2, "the server has not shown its signature");
    }
}

/// The hash functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Hash::Md5 => Md5::digest(data).to_vec(),
            Hash::Sha1 => Sha1::digest(data).to_vec(),
            Hash::Sha224 => Sha224::digest(data).to_vec(),
            Hash::Sha256 => Sha256::digest(data).to_vec(),
            Hash::Sha384 => Sha384::digest(data).to_vec(),
            Hash::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    /// RFC 2104.
    pub fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        fn with<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
            let mut mac = <M as KeyInit>::new_from_slice(key).expect("any length will do");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Hash::Md5 => with::<Hmac<Md5>>(key, data),
            Hash::Sha1 => with::<Hmac<Sha1>>(key, data),
            Hash::Sha224 => with::<Hmac<Sha224>>(key, data),
            Hash::Sha256 => with::<Hmac<Sha256>>(key, data),
            Hash::Sha384 => with::<Hmac<Sha384>>(key, data),
            Hash::Sha512 => with::<Hmac<Sha512>>(key, data),
        }
    }

    /// `Hi()` of RFC 5802, section 2.2.
    pub fn hi(self, password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
        fn with<M: Mac + KeyInit + Clone>(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
            let keyed = <M as KeyInit>::new_from_slice(password).expect("any length will do");
            let next = |data: &[u8]| keyed.clone().chain_update(data).finalize().into_bytes();
            let mut block = next(&[salt, &[0, 0, 0, 1]].concat());
            let mut sum = block.to_vec();
            for _ in 1..rounds {
                block = next(&block);
                sum.iter_mut().zip(&block).for_each(|(s, b)| *s ^= b);
            }
            sum
        }
        match self {
            Hash::Md5 => with::<Hmac<Md5>>(password, salt, rounds),
            Hash::Sha1 => with::<Hmac<Sha1>>(password, salt, rounds),
            Hash::Sha224 => with::<Hmac<Sha224>>(password, salt, rounds),
            Hash::Sha256 => with::<Hmac<Sha256>>(password, salt, rounds),
            Hash::Sha384 => with::<Hmac<Sha384>>(password, salt, rounds),
            Hash::Sha512 => with::<Hmac<Sha512>>(password, salt, rounds),
        }
    }
}

/// A client's nonce.
pub fn nonce() -> String {
    let mut bytes = [0; 18];
    File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).expect("/dev/urandom");
    STANDARD.encode(bytes)
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_client_sides_match_the_published_vectors() {
    // RFC 2195, section 2.
    let mut cram = CramMd5::new("tim", "tanstaaftanstaaf");
    let answer = cram.answer(b"<1896.697170952@postoffice.reston.mci.net>");
    assert_eq!(answer, b"tim b913a602c7eda7a495b4e6e7334d3890");

    // RFC 5802, section 5.
    let mut scram = Scram::with_nonce("SCRAM-SHA-1", "user", "pencil", "fyko+d2lbbFgONRv9qkxdawL");
    assert_eq!(scram.initial().expect("client first"), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
    let answer = scram.answer(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
    let expected = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";
    assert_eq!(String::from_utf8(answer).expect("text"), expected);
    assert_eq!(scram.answer(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), b"");
}
