/*
 * md5.h: the state of an MD5 message digest (RFC 1321), for plugins. They reach the functions through sasl_utils_t; the
 * library does not export any.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the SASL 1.5 interface, version 1.5.28.
 */
#ifndef SASL_MD5_H
#define SASL_MD5_H 1

#include "md5global.h"

/** The state of a digest under way. The caller provides the memory, and wipes it if what was digested is secret. */
typedef struct {
    UINT4 state[4];           /**< the four words A, B, C, D of RFC 1321, section 3.3 */
    UINT4 count[2];           /**< the number of bits digested, modulo 2^64, low word first */
    unsigned char buffer[64]; /**< input that does not fill a block yet */
} MD5_CTX;

#endif /* SASL_MD5_H */
