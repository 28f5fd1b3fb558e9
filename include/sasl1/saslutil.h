/*
 * saslutil.h: helpers that are of use beside the protocol: base64, UTF-8 checks, random bytes.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the SASL 1.5 interface, version 1.5.28.
 */
#ifndef SASLUTIL_H
#define SASLUTIL_H 1

#include "sasl.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Decodes base64 (RFC 4648, section 4), as SMTP, IMAP and POP3 carry it. Only whole groups of four count: up to three
 *  characters at the end are left out. A "+ " at the beginning is skipped.
 *  @param in the text; it need not end with NUL; NULL is SASL_FAIL
 *  @param inlen its length in bytes
 *  @param out receives the bytes and a NUL, at most 3 * (inlen / 4) + 1 bytes; NULL is SASL_FAIL
 *  @param outlen receives the decoded length without the NUL; 0 after an error; may be NULL
 *  @returns SASL_OK; SASL_FAIL: a character that does not belong there */
extern int sasl_decode64(const char *in, unsigned inlen, char *out, unsigned *outlen);

/** Encodes bytes as base64 (RFC 4648, section 4), with padding and without line breaks.
 *  @param in the bytes; NULL is SASL_FAIL unless inlen is 0
 *  @param inlen their number
 *  @param out receives the text, and a NUL where there is room for it; NULL is SASL_FAIL
 *  @param outmax the size of out in bytes; it needs 4 * ((inlen + 2) / 3)
 *  @param outlen receives the length of the text without the NUL, also with SASL_BUFOVER; may be NULL
 *  @returns SASL_OK, SASL_BUFOVER or SASL_FAIL */
extern int sasl_encode64(const char *in, unsigned inlen, char *out, unsigned outmax, unsigned *outlen);

/** Makes a challenge as APOP (RFC 1939) and CRAM-MD5 (RFC 2195) use it: "<random.seconds@host>".
 *  @param conn the server connection whose host name is used; NULL leaves the host out
 *  @param buf receives the challenge and a NUL; must not be NULL
 *  @param maxlen the size of buf in bytes
 *  @param hostflag 0 leaves "@host" out
 *  @returns the length without the NUL; 0: buf is too small */
extern int sasl_mkchal(sasl_conn_t *conn, char *buf, unsigned maxlen, int hostflag);

/** Tells whether bytes are formed as UTF-8.
 *  @param str the bytes; may be NULL when len is 0
 *  @param len their number; it is taken as it is, so 0 looks at nothing
 *  @returns SASL_OK or SASL_BADPROT */
extern int sasl_utf8verify(const char *str, unsigned len);

/** Makes a source of random bytes.
 *  @param rpool receives the source, to be given back with ::sasl_randfree; must not be NULL
 *  @returns SASL_OK or SASL_NOMEM */
extern int sasl_randcreate(sasl_rand_t **rpool);

/** Gives a source of random bytes back.
 *  @param rpool where the pointer to it is, which becomes NULL; a pointer to NULL does nothing */
extern void sasl_randfree(sasl_rand_t **rpool);

/** Makes what a source gives follow from a seed, for tests: it is not random any more. A source needs no seed.
 *  @param rpool the source; NULL does nothing
 *  @param seed the bytes that the output follows from
 *  @param len their number */
extern void sasl_randseed(sasl_rand_t *rpool, const char *seed, unsigned len);

/** Draws random bytes.
 *  @param rpool the source; NULL for the system's
 *  @param buf receives the bytes
 *  @param len how many */
extern void sasl_rand(sasl_rand_t *rpool, char *buf, unsigned len);

/** Stirs bytes of any kind into a source of random bytes. They never make it weaker.
 *  @param rpool the source; NULL does nothing
 *  @param data the bytes; NULL does nothing
 *  @param len their number */
extern void sasl_churn(sasl_rand_t *rpool, const char *data, unsigned len);

#ifdef __cplusplus
}
#endif

#endif /* SASLUTIL_H */
