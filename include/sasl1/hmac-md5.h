/*
 * hmac-md5.h: the states of HMAC (RFC 2104) over MD5, for plugins. They reach the functions through sasl_utils_t; the
 * library does not export any.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the SASL 1.5 interface, version 1.5.28.
 */
#ifndef HMAC_MD5_H
#define HMAC_MD5_H 1

#include "md5.h"

/** The length of a result in bytes. */
#define HMAC_MD5_SIZE 16

/** The state of an HMAC under way. The caller provides the memory; it holds what the key became, so wipe it. */
typedef struct HMAC_MD5_CTX_s {
    MD5_CTX ictx; /**< the inner digest, over key XOR ipad and then the text */
    MD5_CTX octx; /**< the outer digest, over key XOR opad */
} HMAC_MD5_CTX;

/** What is left of a key once both digests have taken it in. It is as good as the key for whoever steals it, though the
 *  key cannot be computed back. The words are big-endian, whatever the machine, so that it can be stored: this is the
 *  CRAM-MD5 record of a password database. */
typedef struct HMAC_MD5_STATE_s {
    UINT4 istate[4]; /**< the state of the inner digest after its first block */
    UINT4 ostate[4]; /**< the state of the outer digest after its first block */
} HMAC_MD5_STATE;

#endif /* HMAC_MD5_H */
