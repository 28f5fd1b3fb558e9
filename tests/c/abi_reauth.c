/* DIGEST-MD5's fast reauthentication: the second session of a client with a server that remembers, wrong and repeated
 * responses, another user, another password, layers. */
#include "abi.h"

static char kept[5000];
static unsigned kept_len;

static int session(const char *title, const char *host, unsigned max, unsigned flags)
{
    sasl_conn_t *s = NULL, *c = NULL;
    const char *out = NULL, *in = NULL, *mech;
    unsigned len = 0, inlen = 0;
    int sc, cc;
    const void *value;
    sasl_server_new("svc", host, NULL, NULL, NULL, server_callbacks, flags, &s);
    sasl_client_new("svc", host, NULL, NULL, client_callbacks, flags, &c);
    secprops(s, 0, max, max ? 4096 : 0, 0);
    secprops(c, 0, max, max ? 4096 : 0, 0);
    say("-- %s", title);
    cc = sasl_client_start(c, "DIGEST-MD5", NULL, &out, &len, &mech);
    say("C %s %s", rc(cc), shape(out, len));
    kept_len = 0;
    if (out) memcpy(kept, out, kept_len = len);
    sc = sasl_server_start(s, "DIGEST-MD5", out, len, &in, &inlen);
    for (int i = 0; i < 4; i++) {
        say("S %s %s", rc(sc), sc >= 0 ? shape(in, inlen) : detail(s));
        if (sc < 0 || (sc == SASL_OK && in == NULL)) break;
        cc = sasl_client_step(c, in, inlen, NULL, &out, &len);
        say("C %s %s", rc(cc), cc >= 0 ? shape(out, len) : detail(c));
        if (cc < 0 || sc == SASL_OK) break;
        in = NULL;
        inlen = 0;
        sc = sasl_server_step(s, out, len, &in, &inlen);
    }
    show_identity("S", s);
    if (sc == SASL_OK && max) {
        sasl_getprop(s, SASL_SSF, &value);
        say("ssf %u", *(const unsigned *)value);
        if (sasl_encode(c, "hello", 5, &out, &len) == SASL_OK) {
            sc = sasl_decode(s, out, len, &out, &len);
            say("layer %s %s", rc(sc), sc == SASL_OK ? esc(out, len) : "");
        }
    }
    sasl_dispose(&s);
    sasl_dispose(&c);
    return sc;
}

static void raw(const char *title, const char *message, unsigned len)
{
    sasl_conn_t *s = NULL;
    const char *in = NULL;
    unsigned inlen = 0;
    int code;
    sasl_server_new("svc", "one.example.com", NULL, NULL, NULL, server_callbacks, SASL_SUCCESS_DATA, &s);
    code = sasl_server_start(s, "DIGEST-MD5", message, len, &in, &inlen);
    say("-- %s: %s %s", title, rc(code), code >= 0 ? shape(in, inlen) : detail(s));
    sasl_dispose(&s);
}

int main(void)
{
    char *at;
    set_option("reauth_timeout", "10");
    begin();
    session("first", "one.example.com", 0, SASL_SUCCESS_DATA);
    session("second", "one.example.com", 0, SASL_SUCCESS_DATA);
    session("third, without success data", "one.example.com", 0, 0);
    session("fourth", "one.example.com", 0, SASL_SUCCESS_DATA);
    raw("the fourth again", kept, kept_len);
    session("after the repetition", "one.example.com", 0, SASL_SUCCESS_DATA);
    raw("garbage", "garbage", 7);
    raw("nothing", "", 0);
    kept[kept_len] = 0;
    at = strstr(kept, "nc=");
    if (at) {
        at[10] = '9';
        raw("another count", kept, kept_len);
    }
    cli_pass = "wrong";
    session("wrong password", "one.example.com", 0, SASL_SUCCESS_DATA);
    cli_pass = "secret";
    session("right again", "one.example.com", 0, SASL_SUCCESS_DATA);
    session("and again", "one.example.com", 0, SASL_SUCCESS_DATA);
    cli_auth = "bob";
    cli_pass = "builder";
    session("another user", "one.example.com", 0, SASL_SUCCESS_DATA);
    session("another user again", "one.example.com", 0, SASL_SUCCESS_DATA);
    cli_auth = "alice";
    cli_pass = "secret";
    cli_user = "bob";
    session("as another", "one.example.com", 0, SASL_SUCCESS_DATA);
    cli_user = "";
    session("layer, first", "two.example.com", 128, SASL_SUCCESS_DATA);
    session("layer, second", "two.example.com", 128, SASL_SUCCESS_DATA);
    session("layer, third", "two.example.com", 128, 0);
    session("integrity, first", "three.example.com", 1, SASL_SUCCESS_DATA);
    session("integrity, second", "three.example.com", 1, SASL_SUCCESS_DATA);
    finish();
    return 0;
}
