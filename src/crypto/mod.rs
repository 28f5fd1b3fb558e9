//! The cryptographic primitives that the mechanisms need, behind a small interface of our own. This folder is the only
//! place that knows which crates they come from.

mod des;
mod des_kernel;
mod hash;
mod hex;
mod md5;
mod md5_kernel;
mod pbkdf2;
mod rc4;
mod salted_md5;
mod scram;
mod stored;

pub use des::{BlockCipher, CbcDecryptor, CbcEncryptor, DES_BLOCK};
pub use hash::{Digest, Hash};
pub use hex::{from_hex, hex_pairs, to_hex};
pub use md5::{HmacMd5State, MD5_LEN, Md5, compress as md5_compress, hmac_md5, md5};
pub use pbkdf2::salted_password;
pub use rc4::Rc4;
pub use salted_md5::{salted_md5, salted_md5_matches};
pub use scram::{ScramKeys, ScramVerifier, scram_proof};
pub use stored::{CRYPT, SCHEMES, Scheme, StoredPassword};
