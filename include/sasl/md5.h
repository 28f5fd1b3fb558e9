/*
 * md5.h: the MD5 message digest (RFC 1321), for plugins and programs written for libsasl2. New code has no use for it:
 * MD5 resists neither collisions nor fast guessing of passwords.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the libsasl2 interface, version 2.1.28.
 */
#ifndef SASL_MD5_H
#define SASL_MD5_H 1

#include "md5global.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The state of a digest under way. The caller provides the memory, and wipes it if what was digested is secret. */
typedef struct {
    UINT4 state[4];           /**< the four words A, B, C, D of RFC 1321, section 3.3 */
    UINT4 count[2];           /**< the number of bits digested, modulo 2^64, low word first */
    unsigned char buffer[64]; /**< input that does not fill a block yet */
} MD5_CTX;

/** Starts a digest.
 *  @param ctx the state to set up; must not be NULL */
void _sasl_MD5Init(MD5_CTX *ctx);

/** Digests more input.
 *  @param ctx a state set up by ::_sasl_MD5Init
 *  @param in the input; may be NULL when inlen is 0
 *  @param inlen its length in bytes */
void _sasl_MD5Update(MD5_CTX *ctx, const unsigned char *in, unsigned int inlen);

/** Ends a digest and wipes the state.
 *  @param digest receives the 16 bytes of the digest
 *  @param ctx the state; to use it again, set it up anew */
void _sasl_MD5Final(unsigned char digest[16], MD5_CTX *ctx);

#ifdef __cplusplus
}
#endif

#endif /* SASL_MD5_H */
