/* MD5 and HMAC-MD5 over the caller's own contexts: the exported functions and the entries of sasl_utils_t. What stands in
 * a context between two calls is part of the interface, as plugins keep contexts and store states. */
#include "abi.h"

static void hex(const char *label, const void *bytes, unsigned length)
{
    const unsigned char *b = bytes;
    printf("%s ", label);
    for (unsigned i = 0; i < length; i++) printf("%02x", b[i]);
    say("");
}

static void context(const char *label, const MD5_CTX *c)
{
    unsigned waiting = (unsigned)(((const unsigned *)c)[4] / 8 % 64);
    hex(label, c, 24);
    hex("  buffer", (const char *)c + 24, waiting);
}

static void digests(void)
{
    static const char *const suite[] = {"", "a", "abc", "message digest", "abcdefghijklmnopqrstuvwxyz",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890", NULL};
    static unsigned char data[200];
    unsigned char out[16];
    MD5_CTX c;
    say("size %zu", sizeof c);
    for (int i = 0; suite[i]; i++) {
        _sasl_MD5Init(&c);
        _sasl_MD5Update(&c, (const unsigned char *)suite[i], (unsigned)strlen(suite[i]));
        _sasl_MD5Final(out, &c);
        hex(suite[i], out, 16);
    }
    for (unsigned i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 7);
    _sasl_MD5Init(&c);
    context("begun", &c);
    for (unsigned at = 0, piece = 1; at + piece <= sizeof data; at += piece, piece += 5) {
        _sasl_MD5Update(&c, data + at, piece);
        context("taken", &c);
    }
    _sasl_MD5Update(&c, data, 0);
    _sasl_MD5Final(out, &c);
    hex("pieces", out, 16);
    for (unsigned length = 0; length < 130; length++) {
        _sasl_MD5Init(&c);
        _sasl_MD5Update(&c, data, length);
        _sasl_MD5Final(out, &c);
        hex("length", out, 16);
    }
}

static void hmacs(const sasl_utils_t *u)
{
    static unsigned char key[200];
    static const unsigned char text[] = "what do ya want for nothing?";
    unsigned char out[16];
    HMAC_MD5_CTX h;
    HMAC_MD5_STATE state;
    MD5_CTX c;
    say("sizes %zu %zu", sizeof h, sizeof state);
    u->MD5Init(&c);
    u->MD5Update(&c, (const unsigned char *)"abc", 3);
    u->MD5Final(out, &c);
    hex("table abc", out, 16);
    for (unsigned i = 0; i < sizeof key; i++) key[i] = (unsigned char)(i + 1);
    for (int length = 0; length < 200; length += length < 60 || length > 68 ? 11 : 1) {
        say("key of %d", length);
        u->hmac_md5(text, 28, key, length, out);
        hex("  at once", out, 16);
        u->hmac_md5_init(&h, key, length);
        context("  inner", &h.ictx);
        context("  outer", &h.octx);
        u->MD5Update(&h.ictx, text, 10);
        u->MD5Update(&h.ictx, text + 10, 18);
        u->hmac_md5_final(out, &h);
        hex("  pieces", out, 16);
        u->hmac_md5_precalc(&state, key, length);
        hex("  state", &state, 32);
        u->hmac_md5_import(&h, &state);
        context("  imported", &h.ictx);
        u->MD5Update(&h.ictx, text, 28);
        u->hmac_md5_final(out, &h);
        hex("  imported", out, 16);
    }
    u->hmac_md5((const unsigned char *)"", 0, key, 16, out);
    hex("no text", out, 16);
}

int main(void)
{
    digests();
    begin();
    hmacs(sasl_global_utils);
    finish();
    return 0;
}
