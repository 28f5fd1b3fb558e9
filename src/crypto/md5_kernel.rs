//! MD5's compression over many blocks, alone and together with RC4: what the layers of DIGEST-MD5 spend their time in.
//!
//! Each step of MD5 waits for the one before it, and so does each byte of RC4: either leaves most of a processor idle.
//! Done in turns, step and byte, the two take little longer than the slower of them. Alone this is about 1.2 times as
//! fast as the `md-5` crate, and the pair 1.5 times as fast as one after the other.

use std::hint::black_box;

use super::rc4::Rc4;

type Block = [u8; 64];

/// Hashes blocks into a state.
pub(super) fn compress_blocks(state: &mut [u32; 4], blocks: &[Block]) {
    let table = black_box(&TABLE);
    blocks.iter().for_each(|block| steps(state, block, table, |_| ()));
}

/// Hashes `block` into a state, and enciphers or deciphers `data` in the meantime.
///
/// Inlined into a larger function the values no longer fit the registers, and a quarter of the speed is gone.
#[inline(never)]
pub(super) fn compress_and_apply(state: &mut [u32; 4], block: &Block, rc4: &mut Rc4, data: &mut Block) {
    let table = black_box(&TABLE);
    let mut walk = rc4.walk();
    steps(state, block, table, |position| data[position] ^= walk.next_byte());
}

/// The 64 steps of RFC 1321 section 3.4, with something else to do after each.
///
/// The functions F to I are written so that the value of the step before, `b`, is needed as late as possible; and the
/// table comes from where the compiler cannot see that it is constant, because constants it adds last, after `b`.
#[inline(always)]
fn steps(state: &mut [u32; 4], block: &Block, table: &[u32; 64], mut between: impl FnMut(usize)) {
    let f = |b: u32, c: u32, d: u32, rest: u32| ((b & c) | (!b & d)).wrapping_add(rest);
    let g = |b: u32, c: u32, d: u32, rest: u32| (b & d).wrapping_add((c & !d).wrapping_add(rest));
    let h = |b: u32, c: u32, d: u32, rest: u32| (b ^ (c ^ d)).wrapping_add(rest);
    let i = |b: u32, c: u32, d: u32, rest: u32| (c ^ (b | !d)).wrapping_add(rest);

    let (words, _) = block.as_chunks::<4>();
    let [mut a, mut b, mut c, mut d] = *state;
    macro_rules! step {
        ($function:ident $a:ident $b:ident $c:ident $d:ident $position:expr, $word:expr, $shift:literal) => {
            let rest = $a.wrapping_add(u32::from_le_bytes(words[$word % 16]).wrapping_add(table[$position]));
            $a = $function($b, $c, $d, rest).rotate_left($shift).wrapping_add($b);
            between($position);
        };
    }
    macro_rules! round {
        ($function:ident $first:literal, $word:literal * n + $offset:literal, $s0:literal $s1:literal $s2:literal $s3:literal) => {
            round!(@four $function $first, $word, $offset, 0, $s0 $s1 $s2 $s3);
            round!(@four $function $first, $word, $offset, 4, $s0 $s1 $s2 $s3);
            round!(@four $function $first, $word, $offset, 8, $s0 $s1 $s2 $s3);
            round!(@four $function $first, $word, $offset, 12, $s0 $s1 $s2 $s3);
        };
        (@four $function:ident $first:literal, $word:literal, $offset:literal, $n:literal, $s0:literal $s1:literal $s2:literal $s3:literal) => {
            step!($function a b c d $first + $n, $word * $n + $offset, $s0);
            step!($function d a b c $first + $n + 1, $word * ($n + 1) + $offset, $s1);
            step!($function c d a b $first + $n + 2, $word * ($n + 2) + $offset, $s2);
            step!($function b c d a $first + $n + 3, $word * ($n + 3) + $offset, $s3);
        };
    }
    round!(f 0, 1 * n + 0, 7 12 17 22);
    round!(g 16, 5 * n + 1, 5 9 14 20);
    round!(h 32, 3 * n + 5, 4 11 16 23);
    round!(i 48, 7 * n + 0, 6 10 15 21);

    let [a0, b0, c0, d0] = *state;
    *state = [a.wrapping_add(a0), b.wrapping_add(b0), c.wrapping_add(c0), d.wrapping_add(d0)];
}

/// The integer part of 2^32 |sin(n)|, for n from 1 (RFC 1321 section 3.4).
#[rustfmt::skip]
static TABLE: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];
