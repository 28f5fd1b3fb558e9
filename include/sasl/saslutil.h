/*
 * saslutil.h: helpers that are of use beside the protocol: base64, UTF-8 checks, random bytes, a configuration file.
 *
 * Part of oxisasl, MIT OR Apache-2.0. The names, types and values are those of the libsasl2 interface, version 2.1.28.
 */
#ifndef SASLUTIL_H
#define SASLUTIL_H 1

#include "sasl.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Decodes base64 (RFC 4648, section 4), as SMTP, IMAP and POP3 carry it.
 *  @param in the text; it need not end with NUL
 *  @param inlen its length in bytes
 *  @param out receives the bytes and a NUL; NULL is SASL_FAIL
 *  @param outmax the size of out; it must be larger than the decoded length (inlen is always enough, except for 0)
 *  @param outlen receives the decoded length without the NUL, and is left alone on an error; may be NULL
 *  @returns SASL_OK; SASL_CONTINUE: the text ends within a group of four, and what was whole is decoded;
 *           SASL_BADPROT: a character or a "=" where none may be; SASL_BUFOVER; SASL_FAIL */
LIBSASL_API int sasl_decode64(const char *in, unsigned inlen, char *out, unsigned outmax, unsigned *outlen);

/** Encodes bytes as base64 (RFC 4648, section 4), with padding and without line breaks.
 *  @param in the bytes; NULL is SASL_BADPARAM unless inlen is 0
 *  @param inlen their number
 *  @param out receives the text and a NUL; NULL is an error
 *  @param outmax the size of out in bytes; it needs 4 * ((inlen + 2) / 3) + 1
 *  @param outlen receives the length of the text without the NUL, also with SASL_BUFOVER; may be NULL
 *  @returns SASL_OK, SASL_BADPARAM or SASL_BUFOVER */
LIBSASL_API int sasl_encode64(const char *in, unsigned inlen, char *out, unsigned outmax, unsigned *outlen);

/** Makes a challenge as APOP (RFC 1939) and CRAM-MD5 (RFC 2195) use it: "<random.seconds@host>".
 *  @param conn the server connection whose host name is used; NULL leaves the host out
 *  @param buf receives the challenge and a NUL; must not be NULL
 *  @param maxlen the size of buf in bytes
 *  @param hostflag 0 leaves "@host" out
 *  @returns the length without the NUL; 0: buf is too small */
LIBSASL_API int sasl_mkchal(sasl_conn_t *conn, char *buf, unsigned maxlen, unsigned hostflag);

/** Tells whether bytes are formed as UTF-8.
 *  @param str the bytes; may be NULL when len is 0
 *  @param len their number; it is taken as it is, so 0 looks at nothing
 *  @returns SASL_OK or SASL_BADPROT */
LIBSASL_API int sasl_utf8verify(const char *str, unsigned len);

/** Makes a source of random bytes.
 *  @param rpool receives the source, to be given back with ::sasl_randfree; must not be NULL
 *  @returns SASL_OK or SASL_NOMEM */
LIBSASL_API int sasl_randcreate(sasl_rand_t **rpool);

/** Gives a source of random bytes back.
 *  @param rpool where the pointer to it is, which becomes NULL; a pointer to NULL does nothing */
LIBSASL_API void sasl_randfree(sasl_rand_t **rpool);

/** Adds to a source of random bytes at its beginning. For tests and old programs: a source needs no seed.
 *  @param rpool the source; NULL does nothing
 *  @param seed the bytes to add
 *  @param len their number */
LIBSASL_API void sasl_randseed(sasl_rand_t *rpool, const char *seed, unsigned len);

/** Draws random bytes.
 *  @param rpool the source; NULL does nothing, and buf stays as it is
 *  @param buf receives the bytes
 *  @param len how many */
LIBSASL_API void sasl_rand(sasl_rand_t *rpool, char *buf, unsigned len);

/** Stirs bytes of any kind into a source of random bytes. They never make it weaker.
 *  @param rpool the source; NULL does nothing
 *  @param data the bytes; NULL does nothing
 *  @param len their number */
LIBSASL_API void sasl_churn(sasl_rand_t *rpool, const char *data, unsigned len);

/** Overwrites memory with zeros in a way that no optimiser removes.
 *  @param mem the memory; NULL does nothing
 *  @param len its length in bytes */
LIBSASL_API void sasl_erasebuffer(char *mem, unsigned len);

/** Turns the ASCII letters A to Z into a to z; other bytes stay.
 *  @param val the string, changed in place; NULL gives NULL
 *  @returns val */
LIBSASL_API char *sasl_strlower(char *val);

/** Reads a configuration file ("key: value" lines) into the table of the process, where the library's options are
 *  looked up. ::sasl_server_init does this itself.
 *  @param filename the file; NULL counts as one that cannot be opened
 *  @returns SASL_OK; SASL_CONTINUE: it cannot be opened; SASL_CONFIGERR: a line is wrong; SASL_NOMEM */
LIBSASL_API int sasl_config_init(const char *filename);

/** Forgets the configuration that was read. */
LIBSASL_API void sasl_config_done(void);

#ifdef __cplusplus
}
#endif

#endif /* SASLUTIL_H */
