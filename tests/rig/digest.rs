//! The client side of DIGEST-MD5 (RFC 2831) with its security layers, from the RFC's formulas.

use cbc::cipher::{Block, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, StreamCipher};
use des::{Des, TdesEde2};
use rc4::Rc4;

use super::client::{Hash, Mechanism, hex, nonce};

/// What a client asks for: `qop` and, for `auth-conf`, the cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    None,
    Integrity,
    /// `rc4-40`, `rc4-56`, `rc4`, `des` or `3des`.
    Privacy(&'static str),
}

impl Protection {
    fn qop(self) -> &'static str {
        match self {
            Protection::None => "auth",
            Protection::Integrity => "auth-int",
            Protection::Privacy(_) => "auth-conf",
        }
    }
}

/// The client side.
pub struct DigestMd5 {
    user: String,
    password: String,
    protection: Protection,
    /// Overrides the realm that the server offers.
    pub realm: Option<String>,
    /// The directives of the last challenge, for a look at what was offered.
    pub offered: Vec<(String, String)>,
    rspauth: Option<String>,
    proved: bool,
    ha1: Vec<u8>,
}

impl DigestMd5 {
    pub fn new(user: &str, password: &str, protection: Protection) -> DigestMd5 {
        DigestMd5 {
            user: user.to_owned(),
            password: password.to_owned(),
            protection,
            realm: None,
            offered: Vec::new(),
            rspauth: None,
            proved: false,
            ha1: Vec::new(),
        }
    }

    /// A directive of the challenge.
    pub fn directive(&self, name: &str) -> Option<&str> {
        self.offered.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn respond(&mut self, challenge: &str, cnonce: &str, uri: &str) -> String {
        self.offered = directives(challenge);
        assert_eq!(self.directive("algorithm"), Some("md5-sess"), "{challenge}");
        let nonce = self.directive("nonce").expect("nonce").to_owned();
        let realm = self.realm.clone().unwrap_or_else(|| self.directive("realm").unwrap_or_default().to_owned());
        let qop = self.protection.qop();
        let md5 = |text: &[u8]| Hash::Md5.digest(text);

        // RFC 2831, section 2.1.2.1: user, realm and password in ISO 8859-1 where they fit it.
        let secret = [latin1(&self.user), latin1(&realm), latin1(&self.password)].join(&b':');
        let a1 = [md5(&secret), format!(":{nonce}:{cnonce}").into_bytes()].concat();
        self.ha1 = md5(&a1);
        let body = if qop == "auth" { "" } else { ":00000000000000000000000000000000" };
        let proof = |method: &str| {
            let a2 = hex(&md5(format!("{method}:{uri}{body}").as_bytes()));
            hex(&md5(format!("{}:{nonce}:00000001:{cnonce}:{qop}:{a2}", hex(&self.ha1)).as_bytes()))
        };
        let response = proof("AUTHENTICATE");
        self.rspauth = Some(format!("rspauth={}", proof("")));
        let cipher = match self.protection {
            Protection::Privacy(name) => format!(",cipher={name}"),
            _ => String::new(),
        };
        format!(
            "charset=utf-8,username=\"{}\",realm=\"{realm}\",nonce=\"{nonce}\",nc=00000001,cnonce=\"{cnonce}\",\
             digest-uri=\"{uri}\",maxbuf=65536,response={response},qop={qop}{cipher}",
            self.user
        )
    }
}

impl Mechanism for DigestMd5 {
    fn name(&self) -> &str {
        "DIGEST-MD5"
    }

    fn initial(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn answer(&mut self, challenge: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(challenge.to_vec()).expect("text");
        match &self.rspauth {
            None => self.respond(&text, &nonce(), "smtp/mail.example.test").into_bytes(),
            Some(expected) => {
                assert_eq!(&text, expected, "the server does not know the password");
                self.proved = true;
                Vec::new()
            }
        }
    }

    fn finish(&mut self) {
        assert!(self.proved, "the server has not shown its rspauth");
    }

    fn layer(&mut self) -> Option<Layer> {
        let maxbuf = self.directive("maxbuf").map_or(65536, |m| m.parse().expect("maxbuf"));
        match self.protection {
            Protection::None => None,
            Protection::Integrity => Some(Layer::new(&self.ha1, None, maxbuf)),
            Protection::Privacy(cipher) => Some(Layer::new(&self.ha1, Some(cipher), maxbuf)),
        }
    }
}

/// `name=value` and `name="value"` pairs.
pub fn directives(challenge: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut rest = challenge;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("closing quote"),
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        all.push((name.trim_matches([',', ' ']).to_owned(), value.to_owned()));
        rest = next;
    }
    all
}

/// What a server does with a client's response under `qop=auth`: when it is right for this password, gives the
/// `rspauth` that proves so to the client.
pub fn judge(response: &str, password: &str) -> Option<String> {
    let all = directives(response);
    let value = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let (user, realm) = (value("username")?, value("realm").unwrap_or_default());
    let (nonce, cnonce, uri) = (value("nonce")?, value("cnonce")?, value("digest-uri")?);
    let md5 = |text: &[u8]| Hash::Md5.digest(text);
    let secret = md5(&[latin1(user), latin1(realm), latin1(password)].join(&b':'));
    let ha1 = hex(&md5(&[secret, format!(":{nonce}:{cnonce}").into_bytes()].concat()));
    let proof = |method: &str| {
        let a2 = hex(&md5(format!("{method}:{uri}").as_bytes()));
        hex(&md5(format!("{ha1}:{nonce}:{}:{cnonce}:auth:{a2}", value("nc").unwrap_or_default()).as_bytes()))
    };
    (value("qop")? == "auth" && value("response")? == proof("AUTHENTICATE")).then(|| format!("rspauth={}", proof("")))
}

/// ISO 8859-1 when every character is in it, UTF-8 otherwise.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).ok()).collect::<Option<Vec<u8>>>().unwrap_or_else(|| text.into())
}

/// The layer of RFC 2831, sections 2.3 and 2.4: `length, {message, pad, MAC}, 0x0001, sequence number`.
pub struct Layer {
    send_key: Vec<u8>,
    receive_key: Vec<u8>,
    encrypt: Cipher,
    decrypt: Cipher,
    sent: u32,
    received: u32,
    buffer: Vec<u8>,
    /// The longest packet that the server takes, without the length.
    maxbuf: usize,
}

enum Cipher {
    None,
    Rc4(Box<Rc4>),
    DesSend(cbc::Encryptor<Des>),
    DesReceive(cbc::Decryptor<Des>),
    TdesSend(cbc::Encryptor<TdesEde2>),
    TdesReceive(cbc::Decryptor<TdesEde2>),
}

impl Layer {
    fn new(ha1: &[u8], cipher: Option<&str>, maxbuf: usize) -> Layer {
        let key = |base: &[u8], magic: &str| Hash::Md5.digest(&[base, magic.as_bytes()].concat());
        let seal = |magic: &str| {
            let length = match cipher {
                Some("rc4-40") => 5,
                Some("rc4-56") => 7,
                _ => 16,
            };
            key(&ha1[..length], magic)
        };
        let client = seal("Digest H(A1) to client-to-server sealing key magic constant");
        let server = seal("Digest H(A1) to server-to-client sealing key magic constant");
        Layer {
            send_key: key(ha1, "Digest session key to client-to-server signing key magic constant"),
            receive_key: key(ha1, "Digest session key to server-to-client signing key magic constant"),
            encrypt: Cipher::new(cipher, &client, true),
            decrypt: Cipher::new(cipher, &server, false),
            sent: 0,
            received: 0,
            buffer: Vec::new(),
            maxbuf,
        }
    }

    /// Packets for `data`, none longer than the server allows.
    pub fn encode(&mut self, data: &[u8]) -> Vec<u8> {
        let mut packets = Vec::new();
        // MAC 10, padding up to 8, version 2, sequence number 4.
        for chunk in data.chunks(self.maxbuf - 25) {
            let number = self.sent.to_be_bytes();
            self.sent += 1;
            let mac = Hash::Md5.hmac(&self.send_key, &[&number, chunk].concat());
            let mut body = chunk.to_vec();
            let pad = self.encrypt.padding(body.len());
            body.extend(std::iter::repeat_n(pad as u8, pad));
            body.extend(&mac[..10]);
            self.encrypt.apply(&mut body);
            body.extend([0, 1]);
            body.extend(number);
            packets.extend(u32::try_from(body.len()).expect("short packet").to_be_bytes());
            packets.extend(body);
        }
        packets
    }

    /// The plain text of all packets that are complete with these bytes.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        self.buffer.extend(bytes);
        let mut plain = Vec::new();
        while let Some((head, rest)) = self.buffer.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*head) as usize;
            if !(16..=65536).contains(&length) {
                return Err(format!("a packet of {length} bytes"));
            }
            if rest.len() < length {
                break;
            }
            let mut body = rest[..length].to_vec();
            self.buffer.drain(..4 + length);
            let trailer = body.split_off(length - 6);
            let number = self.received.to_be_bytes();
            self.received += 1;
            if trailer != [&[0, 1][..], &number].concat() {
                return Err(format!("trailer {trailer:?}"));
            }
            self.decrypt.apply(&mut body);
            let mac = body.split_off(body.len() - 10);
            if self.decrypt.block() {
                let pad = usize::from(*body.last().ok_or("no padding")?);
                if pad > 8 || pad > body.len() {
                    return Err(format!("padding {pad}"));
                }
                body.truncate(body.len() - pad);
            }
            if mac != Hash::Md5.hmac(&self.receive_key, &[&number, &body[..]].concat())[..10] {
                return Err("MAC".to_owned());
            }
            plain.extend(body);
        }
        Ok(plain)
    }
}

impl Cipher {
    fn new(name: Option<&str>, key: &[u8], send: bool) -> Cipher {
        let iv = key[8..].try_into().expect("8 bytes");
        match name {
            None => Cipher::None,
            Some("des") => {
                let des = Des::new(&parity(&key[..7])[..].try_into().expect("8 bytes"));
                if send {
                    Cipher::DesSend(cbc::Encryptor::inner_iv_init(des, &iv))
                } else {
                    Cipher::DesReceive(cbc::Decryptor::inner_iv_init(des, &iv))
                }
            }
            Some("3des") => {
                let keys = [parity(&key[..7]), parity(&key[7..14])].concat();
                let des = TdesEde2::new(&keys[..].try_into().expect("16 bytes"));
                if send {
                    Cipher::TdesSend(cbc::Encryptor::inner_iv_init(des, &iv))
                } else {
                    Cipher::TdesReceive(cbc::Decryptor::inner_iv_init(des, &iv))
                }
            }
            Some(_) => Cipher::Rc4(Box::new(Rc4::new_from_slice(key).expect("16 bytes"))),
        }
    }

    fn block(&self) -> bool {
        !matches!(self, Cipher::None | Cipher::Rc4(_))
    }

    /// How many bytes of padding a message of this length takes.
    fn padding(&self, length: usize) -> usize {
        if self.block() { 8 - (length + 10) % 8 } else { 0 }
    }

    fn apply(&mut self, data: &mut [u8]) {
        match self {
            Cipher::None => {}
            Cipher::Rc4(rc4) => rc4.apply_keystream(data),
            Cipher::DesSend(mode) => blocks(data, |b| mode.encrypt_block(b)),
            Cipher::DesReceive(mode) => blocks(data, |b| mode.decrypt_block(b)),
            Cipher::TdesSend(mode) => blocks(data, |b| mode.encrypt_block(b)),
            Cipher::TdesReceive(mode) => blocks(data, |b| mode.decrypt_block(b)),
        }
    }
}

fn blocks(data: &mut [u8], mut one: impl FnMut(&mut Block<Des>)) {
    for chunk in data.chunks_exact_mut(8) {
        one(chunk.try_into().expect("8 bytes"));
    }
}

/// Spreads 56 key bits over 8 bytes, leaving the parity bits clear.
fn parity(key: &[u8]) -> Vec<u8> {
    let bits = key.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    (0..8).map(|i| ((bits >> (49 - 7 * i)) as u8) << 1).collect()
}

#[test]
fn the_response_matches_the_published_vector() {
    // RFC 2831, section 4.
    let mut digest = DigestMd5::new("chris", "secret", Protection::None);
    let response = digest.respond(
        "realm=\"elwood.innosoft.com\",nonce=\"OA6MG9tEQGm2hh\",qop=\"auth\",algorithm=md5-sess,charset=utf-8",
        "OA6MHXh6VqTrRk",
        "imap/elwood.innosoft.com",
    );
    assert!(response.contains("response=d388dad90d4bbd760a152321f2143af7"), "{response}");
    assert_eq!(digest.rspauth.as_deref(), Some("rspauth=ea40f60335c427b5527b84dbabcdfffd"));
    assert_eq!(judge(&response, "secret"), digest.rspauth);
    assert_eq!(judge(&response, "Secret"), None);
}
