/* sasl_encode, sasl_encodev and sasl_decode: without a layer, with each layer of DIGEST-MD5, in pieces, damaged. */
#include "abi.h"

static sasl_conn_t *c, *s;

static void pair(const char *mech, unsigned max, unsigned server_buf, unsigned client_buf)
{
    static int round;
    char host[50];
    const char *out, *in = NULL, *chosen;
    unsigned outlen, inlen = 0;
    int code;
    snprintf(host, sizeof host, "l%d.example.com", round++);
    sasl_server_new("svc", host, NULL, NULL, NULL, server_callbacks, SASL_SUCCESS_DATA, &s);
    sasl_client_new("svc", host, NULL, NULL, client_callbacks, SASL_SUCCESS_DATA, &c);
    secprops(s, 0, max, server_buf, 0);
    secprops(c, 0, max, client_buf, 0);
    code = sasl_client_start(c, mech, NULL, &out, &outlen, &chosen);
    code = sasl_server_start(s, chosen, out, outlen, &in, &inlen);
    while (code == SASL_CONTINUE) {
        sasl_client_step(c, in, inlen, NULL, &out, &outlen);
        in = NULL;
        code = sasl_server_step(s, out, outlen, &in, &inlen);
    }
    if (in) sasl_client_step(c, in, inlen, NULL, &out, &outlen);
    if (code != SASL_OK) say("cannot authenticate: %s", rc(code));
}
static void end(void)
{
    sasl_dispose(&c);
    sasl_dispose(&s);
}

static unsigned sum(const char *bytes, unsigned len)
{
    unsigned hash = 0;
    for (unsigned i = 0; i < len; i++) hash = hash * 31 + (unsigned char)bytes[i];
    return hash;
}

static char sent[200000], big[200000], joined[1000];
static unsigned sent_len;

static void encode(sasl_conn_t *conn, const char *in, unsigned len)
{
    const char *out = "untouched";
    unsigned outlen = 4711;
    int code = sasl_encode(conn, in, len, &out, &outlen);
    say("encode %u: %s %u %s", len, rc(code), outlen, code ? detail(conn) : "");
    sent_len = 0;
    if (code == SASL_OK && outlen < sizeof sent) memcpy(sent, out, sent_len = outlen);
}
/* The byte at which a digest differs first depends on the keys. */
static const char *steady(sasl_conn_t *conn)
{
    static char text[500];
    char *cut;
    snprintf(text, sizeof text, "%s", detail(conn));
    if ((cut = strstr(text, "at byte")) != NULL) *cut = 0;
    return text;
}
static int decode(sasl_conn_t *conn, const char *in, unsigned len)
{
    const char *out = "untouched";
    unsigned outlen = 4711;
    int code = sasl_decode(conn, in, len, &out, &outlen);
    say("decode %u: %s %u %s%s%s", len, rc(code), outlen, out == NULL ? "NULL" : code == SASL_OK ? (outlen < 60 ? esc(out, outlen) : "long") : "",
        code == SASL_OK && out && outlen < 10000 && strcmp(out, "untouched") && out[outlen] == 0 ? " terminated" : "", code ? steady(conn) : "");
    if (code == SASL_OK && outlen >= 60 && outlen != 4711) say("  sum %08x", sum(out, outlen));
    return code;
}

static void without_layer(void)
{
    struct iovec vec[4] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
    const char *out;
    unsigned len;
    say("== before authentication");
    c = client();
    s = server();
    encode(c, "hello", 5);
    decode(s, "hello", 5);
    secprops(c, 0, 0, 100, 0);
    secprops(s, 0, 0, 100, 0);
    encode(c, "hello", 5);
    decode(s, "hello", 5);
    decode(s, "hello", 0);
    encode(c, "hello", 0);
    encode(c, big, 100);
    encode(c, big, 101);
    encode(c, big, 100000);
    decode(s, big, 100);
    decode(s, big, 101);
    say("encodev %s", rc(sasl_encodev(c, vec, 4, &out, &len)));
    say("%s", esc(out, len));
    say("encodev of none %s", rc(sasl_encodev(c, vec, 0, &out, &len)));
    say("encodev of empty %s", rc(sasl_encodev(c, vec + 1, 1, &out, &len)));
    say("encodev NULL %s", rc(sasl_encodev(c, NULL, 1, &out, &len)));
    say("NULLs %s %s %s %s", rc(sasl_encode(c, NULL, 5, &out, &len)), rc(sasl_encode(c, "x", 1, NULL, &len)), rc(sasl_encode(c, "x", 1, &out, NULL)),
        rc(sasl_encode(NULL, "x", 1, &out, &len)));
    say("NULLs %s %s %s %s", rc(sasl_decode(s, NULL, 5, &out, &len)), rc(sasl_decode(s, "x", 1, NULL, &len)), rc(sasl_decode(s, "x", 1, &out, NULL)),
        rc(sasl_decode(NULL, "x", 1, &out, &len)));
    end();
    say("== PLAIN, no buffer");
    pair("PLAIN", 0, 0, 0);
    encode(c, "hello", 5);
    decode(s, "hello", 5);
    end();
    say("== PLAIN, buffer");
    pair("PLAIN", 256, 4096, 4096);
    encode(c, "hello", 5);
    decode(s, sent, sent_len);
    encode(s, big, 10000);
    end();
}

static void damaged(const char *title, void (*damage)(void))
{
    say("-- %s", title);
    pair("DIGEST-MD5", 256, 65536, 65536);
    encode(c, "hello world", 11);
    damage();
    decode(s, sent, sent_len);
    encode(c, "next", 4);
    decode(s, sent, sent_len);
    end();
}
static void flip_mac(void) { sent[sent_len - 8] ^= 1; }
static void flip_text(void) { sent[5] ^= 1; }
static void flip_version(void) { sent[sent_len - 5] ^= 1; }
static void flip_sequence(void) { sent[sent_len - 1] ^= 1; }
static void huge_length(void) { memcpy(sent, "\x00\x01\x00\x01", 4); }
static void giant_length(void) { memcpy(sent, "\xff\xff\xff\xff", 4); }
static void tiny_length(void) { memcpy(sent, "\0\0\0\x0f", 4); sent_len = 19; }
static void zero_length(void) { memcpy(sent, "\0\0\0\0", 4); sent_len = 4; }
static void sixteen_length(void) { memcpy(sent, "\0\0\0\x10", 4); sent_len = 20; }
static void repeated(void) { memcpy(sent + sent_len, sent, sent_len); sent_len *= 2; }

static void layers(void)
{
    static const unsigned levels[] = {1, 40, 55, 56, 128};
    struct iovec vec[3] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    const char *out;
    unsigned len;
    for (size_t i = 0; i < 5; i++) {
        const void *value;
        say("== layer %u", levels[i]);
        pair("DIGEST-MD5", levels[i], 65536, 65536);
        sasl_getprop(c, SASL_SSF, &value);
        say("ssf %u", *(const unsigned *)value);
        encode(c, "hello", 5);
        decode(s, sent, sent_len);
        encode(s, "hello back", 10);
        decode(c, sent, sent_len);
        encode(c, "", 0);
        encode(c, "x", 1);
        decode(s, sent, sent_len);
        for (unsigned n = 1; n < 20; n++) {
            encode(c, big, n);
            decode(s, sent, sent_len);
        }
        encode(c, big, 65000);
        decode(s, sent, sent_len);
        encode(c, big, 150000);
        decode(s, sent, sent_len);
        say("encodev %s", rc(sasl_encodev(c, vec, 3, &out, &len)));
        decode(s, out, len);
        encode(c, "in pieces", 9);
        for (unsigned n = 0; n < sent_len; n++) decode(s, sent + n, 1);
        encode(c, "first", 5);
        memcpy(joined, sent, sent_len);
        len = sent_len;
        encode(c, "second", 6);
        memcpy(joined + len, sent, sent_len);
        decode(s, joined, len + sent_len);
        encode(c, "third", 5);
        memcpy(joined, sent, sent_len);
        len = sent_len;
        encode(c, "fourth", 6);
        memcpy(joined + len, sent, sent_len);
        decode(s, joined, len + 3);
        decode(s, joined + len + 3, sent_len - 3);
        end();
    }
    say("== small buffers");
    for (unsigned n = 0; n < 3; n++) {
        static const unsigned sizes[][2] = {{100, 4096}, {4096, 100}, {64, 64}};
        pair("DIGEST-MD5", 256, sizes[n][0], sizes[n][1]);
        encode(c, big, 300);
        decode(s, sent, sent_len);
        encode(s, big, 300);
        decode(c, sent, sent_len);
        end();
    }
    say("== damage, privacy");
    damaged("mac", flip_mac);
    damaged("text", flip_text);
    damaged("version", flip_version);
    damaged("sequence", flip_sequence);
    damaged("length beyond the buffer", huge_length);
    damaged("giant length", giant_length);
    damaged("length 15", tiny_length);
    damaged("length 0", zero_length);
    damaged("length 16", sixteen_length);
    damaged("sent twice", repeated);
}

static void of_client_props(void)
{
    say("== buffer of the application set to nothing after the layer");
    pair("DIGEST-MD5", 256, 65536, 65536);
    secprops(c, 0, 0, 0, 0);
    encode(c, "hello", 5);
    secprops(s, 0, 0, 0, 0);
    decode(s, "hello", 5);
    end();
}

int main(void)
{
    for (unsigned i = 0; i < sizeof big; i++) big[i] = (char)(i * 7 + i / 251);
    begin();
    without_layer();
    layers();
    of_client_props();
    finish();
    return 0;
}
