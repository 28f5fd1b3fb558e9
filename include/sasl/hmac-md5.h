/*
 * hmac-md5.h: HMAC (RFC 2104) over MD5. Plugins reach these functions through sasl_utils_t; the shared library does not
 * export them.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the libsasl2 interface, version 2.1.28.
 */
#ifndef HMAC_MD5_H
#define HMAC_MD5_H 1

#include "md5.h"

/** The length of a result in bytes. */
#define HMAC_MD5_SIZE 16

#ifdef __cplusplus
extern "C" {
#endif

/** The state of an HMAC under way. The caller provides the memory; it holds what the key became, so wipe it. */
typedef struct HMAC_MD5_CTX_s {
    MD5_CTX ictx; /**< the inner digest, over key XOR ipad and then the text */
    MD5_CTX octx; /**< the outer digest, over key XOR opad */
} HMAC_MD5_CTX;

/** What is left of a key once both digests have taken it in. It is as good as the key for whoever steals it, though the
 *  key cannot be computed back. The words are big-endian, whatever the machine, so that it can be stored. */
typedef struct HMAC_MD5_STATE_s {
    UINT4 istate[4]; /**< the state of the inner digest after its first block */
    UINT4 ostate[4]; /**< the state of the outer digest after its first block */
} HMAC_MD5_STATE;

/** Computes an HMAC in one go.
 *  @param text what to authenticate
 *  @param text_len its length in bytes
 *  @param key the key
 *  @param key_len its length in bytes
 *  @param digest receives ::HMAC_MD5_SIZE bytes */
void _sasl_hmac_md5(const unsigned char *text, int text_len, const unsigned char *key, int key_len,
                    unsigned char digest[HMAC_MD5_SIZE]);

/** Starts an HMAC.
 *  @param hmac the state to set up
 *  @param key the key
 *  @param key_len its length in bytes */
void _sasl_hmac_md5_init(HMAC_MD5_CTX *hmac, const unsigned char *key, int key_len);

/** Computes the state of a key, to be stored in place of the key.
 *  @param hmac receives the state
 *  @param key the key
 *  @param key_len its length in bytes */
void _sasl_hmac_md5_precalc(HMAC_MD5_STATE *hmac, const unsigned char *key, int key_len);

/** Starts an HMAC from the stored state of a key.
 *  @param hmac the state to set up
 *  @param state what ::_sasl_hmac_md5_precalc gave */
void _sasl_hmac_md5_import(HMAC_MD5_CTX *hmac, HMAC_MD5_STATE *state);

/** Takes more text into an HMAC: a HMAC_MD5_CTX pointer, the text, and its length in bytes. */
#define _sasl_hmac_md5_update(hmac, text, text_len) _sasl_MD5Update(&(hmac)->ictx, (text), (text_len))

/** Ends an HMAC and wipes the state.
 *  @param digest receives ::HMAC_MD5_SIZE bytes
 *  @param hmac the state; to use it again, set it up anew */
void _sasl_hmac_md5_final(unsigned char digest[HMAC_MD5_SIZE], HMAC_MD5_CTX *hmac);

#ifdef __cplusplus
}
#endif

#endif /* HMAC_MD5_H */
