/* Commands for what saslutil.h and md5.h have. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* encode64 bytes [room=] [len=] [out=no]; decode64 likewise */
static void base64(const struct line *line, int encode)
{
    struct value in = bytes(line, 1);
    static char room[20000];
    unsigned outlen = UNTOUCHED_LENGTH, len = (unsigned)named_number(line, "len", (long)in.len);
    unsigned outmax = (unsigned)named_number(line, "room", 16000);
    char *out = named_word(line, "out") ? NULL : room;
    int code;
    memset(room, '#', sizeof room);
    code = encode ? sasl_encode64(in.data, len, out, outmax, named_word(line, "nolen") ? NULL : &outlen)
                  : sasl_decode64(in.data, len, out, outmax, named_word(line, "nolen") ? NULL : &outlen);
    if (outlen == UNTOUCHED_LENGTH) say("%s", rc(code));
    else say("%s length %u", rc(code), outlen);
    if (code >= 0 && out && outlen < outmax) {
        say("%s", esc(out, (long)outlen));
        if (out[outlen] != 0) say("  no NUL after it");
    }
    if (outmax < sizeof room && room[outmax] != '#') say("  more than there is room for was written");
    keep("base64", NULL, code >= 0 && out && outlen < outmax ? out : NULL, outlen == UNTOUCHED_LENGTH ? 0 : outlen);
}
static void encode64(const struct line *line) { base64(line, 1); }
static void decode64(const struct line *line) { base64(line, 0); }

/* utf8 bytes [len=] */
static void utf8(const struct line *line)
{
    struct value in = bytes(line, 1);
    say("%s", rc(sasl_utf8verify(in.data, (unsigned)named_number(line, "len", (long)in.len))));
}

static void strlower(const struct line *line)
{
    char *given = strdup(text(line, 1, ""));
    char *back = sasl_strlower(given);
    say("%s %s", str(given), back == given ? "same" : "other");
}

static void erasebuffer(const struct line *line)
{
    struct value in = bytes(line, 1);
    sasl_erasebuffer(in.data, (unsigned)named_number(line, "len", (long)in.len));
    say("%s", esc(in.data, (long)in.len));
}

/* md5 piece...: the digest of all pieces one after the other */
static void md5(const struct line *line)
{
    MD5_CTX context;
    unsigned char digest[16];
    _sasl_MD5Init(&context);
    for (int i = 1; has(line, i); i++) {
        struct value piece = bytes(line, i);
        _sasl_MD5Update(&context, (unsigned char *)piece.data, (unsigned)piece.len);
    }
    _sasl_MD5Final(digest, &context);
    printf("  ");
    for (int i = 0; i < 16; i++) printf("%02x", digest[i]);
    putchar('\n');
}

/* random [seed=bytes] [churn=bytes] [bytes=n]: with a seed the bytes are shown, without one only that they vary */
static void random_bytes(const struct line *line)
{
    sasl_rand_t *pool = NULL;
    char out[64] = {0}, again[64] = {0};
    unsigned count = (unsigned)named_number(line, "bytes", 16);
    struct value seed = named_bytes(line, "seed", (struct value){NULL, 0}), churn = named_bytes(line, "churn", (struct value){NULL, 0});
    int code = sasl_randcreate(named_word(line, "pool") ? NULL : &pool);
    say("%s", rc(code));
    if (code != SASL_OK) return;
    if (seed.data) sasl_randseed(pool, seed.data, (unsigned)seed.len);
    if (churn.data) sasl_churn(pool, churn.data, (unsigned)churn.len);
    sasl_rand(pool, out, count);
    sasl_rand(pool, again, count);
    say("%s", memcmp(out, again, sizeof out) ? "varies" : "the same");
    if (seed.data) {
        sasl_randseed(pool, seed.data, (unsigned)seed.len);
        if (churn.data) sasl_churn(pool, churn.data, (unsigned)churn.len);
        sasl_rand(pool, again, count);
        say("%s", memcmp(out, again, sizeof out) ? "the seed does not count" : "again with the seed");
    }
    sasl_randfree(&pool);
}

const struct command util_commands[] = {{"encode64", encode64}, {"decode64", decode64},       {"utf8", utf8}, {"strlower", strlower},
                                        {"erasebuffer", erasebuffer}, {"md5", md5},           {"random", random_bytes}, {NULL, NULL}};
