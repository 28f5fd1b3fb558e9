//! Our own kernels against the crates that they stand in for: how many times as fast they are. Below 1 a kernel has
//! lost its reason to exist.

use std::hint::black_box;
use std::time::Instant;

use des::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use oxisasl::crypto::{BlockCipher, CbcEncryptor, Hash, Md5, Rc4, md5_compress, salted_password};
use rc4::StreamCipher as _;

const KEY: &[u8; 16] = b"0123456789abcdef";
const SIZE: usize = 64 * 1024;

/// The best time of each, in turns, so that whatever else the machine does meets both.
fn ratio(name: &str, mut theirs: impl FnMut(), mut ours: impl FnMut()) {
    let time = |f: &mut dyn FnMut()| {
        let begin = Instant::now();
        f();
        begin.elapsed().as_secs_f64()
    };
    let mut best = [f64::MAX; 2];
    for _ in 0..200 {
        best[0] = best[0].min(time(&mut theirs));
        best[1] = best[1].min(time(&mut ours));
    }
    println!("{name:<28} {:.2}", best[0] / best[1]);
}

fn main() {
    ratio(
        "PBKDF2-SHA-1, 4096",
        || {
            black_box(pbkdf2::pbkdf2_hmac_array::<sha1::Sha1, 20>(b"pencil", KEY, 4096));
        },
        || {
            black_box(salted_password(Hash::Sha1, b"pencil", KEY, 4096));
        },
    );
    ratio(
        "PBKDF2-SHA-256, 4096",
        || {
            black_box(pbkdf2::pbkdf2_hmac_array::<sha2::Sha256, 32>(b"pencil", KEY, 4096));
        },
        || {
            black_box(salted_password(Hash::Sha256, b"pencil", KEY, 4096));
        },
    );
    ratio(
        "PBKDF2-SHA-512, 4096",
        || {
            black_box(pbkdf2::pbkdf2_hmac_array::<sha2::Sha512, 64>(b"pencil", KEY, 4096));
        },
        || {
            black_box(salted_password(Hash::Sha512, b"pencil", KEY, 4096));
        },
    );

    let (mut a, mut b) = ([7u8; SIZE], [7u8; SIZE]);
    ratio(
        "MD5",
        || {
            let mut state = [0; 4];
            a.as_chunks().0.iter().for_each(|block| md5_compress(&mut state, block));
            black_box(state);
        },
        || {
            let mut md5 = Md5::new();
            md5.update(&b);
            black_box(md5.finish());
        },
    );
    let (mut theirs, mut ours) = (rc4::Rc4::new_from_slice(KEY).unwrap(), Rc4::new(KEY));
    ratio("RC4", || theirs.apply_keystream(&mut a), || ours.apply(&mut b));

    let (mut data, mut one_by_one, mut together) = ([7u8; SIZE], Rc4::new(KEY), Rc4::new(KEY));
    ratio(
        "MD5 and RC4 in turns",
        || {
            let mut md5 = Md5::new();
            md5.update(&data);
            one_by_one.apply(&mut data);
            black_box(md5.finish());
        },
        || {
            let mut md5 = Md5::new();
            together.encrypt_hashing(&mut b, &mut md5);
            black_box(md5.finish());
        },
    );

    let (theirs, mut ours) = (des::Des::new(&[1; 8].into()), CbcEncryptor::new(BlockCipher::Des, KEY));
    ratio(
        "DES",
        || a.as_chunks_mut::<8>().0.iter_mut().for_each(|block| theirs.encrypt_block(block.into())),
        || ours.encrypt(&mut b).unwrap(),
    );
}
