/* In which order start and step may be called, with NULL and empty messages, after success, after failure. */
#include "abi.h"

/* A CRAM-MD5 challenge has as many digits as its random number. */
static unsigned steady(const char *message, unsigned len) { return message && len != 4711 && len && *message == '<' ? 0 : len; }

static const char *out;
static unsigned outlen;
static sasl_conn_t *s, *c;

static int start(const char *mech, const char *in, unsigned len)
{
    int code;
    out = "untouched";
    outlen = 4711;
    code = sasl_server_start(s, mech, in, len, &out, &outlen);
    say("  start %s %s: %s out=%s/%u", str(mech), in ? "data" : "NULL", rc(code), code == SASL_OK || code == SASL_CONTINUE
        ? shape(out, out && outlen == 4711 ? 9 : outlen) : out == NULL ? "NULL" : "set",
        code >= 0 ? steady(out, outlen) : outlen);
    if (code < 0) say("    %s", detail(s));
    return code;
}
static int step(const char *in, unsigned len)
{
    int code;
    out = "untouched";
    outlen = 4711;
    code = sasl_server_step(s, in, len, &out, &outlen);
    say("  step %s/%u: %s out=%s/%u", in ? "data" : "NULL", len, rc(code), code == SASL_OK || code == SASL_CONTINUE
        ? shape(out, out && outlen == 4711 ? 9 : outlen) : out == NULL ? "NULL" : "set",
        code >= 0 ? steady(out, outlen) : outlen);
    if (code < 0) say("    %s", detail(s));
    return code;
}
static void fresh(const char *title, unsigned flags)
{
    sasl_dispose(&s);
    say("-- %s", title);
    s = server_with(NULL, flags);
}
static void who(void) { show_identity("  ", s); }

static const char good[] = "\0alice\0secret", bad[] = "\0alice\0wrong";
#define GOOD good, sizeof good - 1
#define BAD bad, sizeof bad - 1

/* A whole SCRAM exchange up to the server's final message. */
static void scram(unsigned flags)
{
    const char *message, *mech;
    unsigned len;
    c = client_with(flags);
    sasl_client_start(c, "SCRAM-SHA-1", NULL, &message, &len, &mech);
    start("SCRAM-SHA-1", message, len);
    sasl_client_step(c, out, outlen, NULL, &message, &len);
    step(message, len);
    sasl_dispose(&c);
}

static void client_states(void)
{
    const char *message, *mech;
    unsigned len;
    int code;
    sasl_interact_t *prompts = NULL;
#define CSTART(list) \
    (message = "untouched", len = 4711, mech = "untouched", code = sasl_client_start(c, list, &prompts, &message, &len, &mech), \
     say("  client_start %s: %s mech %s out %s/%u %s", str(list), rc(code), str(mech), code >= 0 ? shape(message, len == 4711 ? 9 : len) : \
         message ? "set" : "NULL", len, code < 0 ? detail(c) : ""))
#define CSTEP(in, inlen) \
    (message = "untouched", len = 4711, code = sasl_client_step(c, in, inlen, &prompts, &message, &len), \
     say("  client_step: %s out %s/%u %s", rc(code), code >= 0 ? shape(message, len == 4711 ? 9 : len) : message ? "set" : "NULL", len, \
         code < 0 ? detail(c) : ""))
    say("-- client states");
    c = client();
    CSTART("NOTHING");
    CSTART("");
    CSTART("PLAIN");
    CSTEP("", 0);
    CSTART("PLAIN");
    CSTART("LOGIN");
    CSTEP("Username:", 9);
    CSTEP("Password:", 9);
    CSTEP("more", 4);
    CSTART("CRAM-MD5");
    CSTEP("<1.2@x>", 7);
    sasl_dispose(&c);
    c = client();
    say("  clientout NULL: %s", rc(sasl_client_start(c, "PLAIN", NULL, NULL, NULL, &mech)));
    CSTEP(NULL, 0);
    sasl_dispose(&c);
    c = client();
    say("  mech NULL: %s", rc(sasl_client_start(c, "PLAIN", NULL, &message, &len, NULL)));
    say("  list NULL: %s", rc(sasl_client_start(c, NULL, NULL, &message, &len, &mech)));
    say("  %s", detail(c));
    say("  conn NULL: %s", rc(sasl_client_start(NULL, "PLAIN", NULL, &message, &len, &mech)));
    say("  step data NULL with length: %s", rc(sasl_client_step(c, NULL, 4, NULL, &message, &len)));
    sasl_dispose(&c);
    c = client();
    CSTART("LOGIN");
    CSTEP(NULL, 0);
    sasl_dispose(&c);
    c = client();
    CSTART("SCRAM-SHA-1");
    CSTEP("junk", 4);
    CSTEP("junk", 4);
    CSTART("SCRAM-SHA-1");
    CSTEP("", 0);
    sasl_dispose(&c);
    c = client();
    CSTART("CRAM-MD5");
    CSTEP(NULL, 0);
    CSTART("PLAIN");
    sasl_dispose(&c);
    c = client();
    CSTART("NOTHING");
    CSTART("CRAM-MD5");
    CSTEP("<1.2@x>", 7);
    sasl_dispose(&c);
}

int main(void)
{
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "ANONYMOUS", NULL};
    trace = 4;
    begin();
    for (int i = 0; mechs[i]; i++) {
        fresh(mechs[i], 0);
        start(mechs[i], NULL, 0);
        fresh("empty message", 0);
        start(mechs[i], "", 0);
        fresh("NULL, then NULL", 0);
        if (start(mechs[i], NULL, 0) == SASL_CONTINUE) step(NULL, 0);
        fresh("NULL, then empty", 0);
        if (start(mechs[i], NULL, 0) == SASL_CONTINUE) step("", 0);
        fresh("NULL, then garbage", 0);
        if (start(mechs[i], NULL, 0) == SASL_CONTINUE) step("garbage", 7);
    }
    fresh("names", 0);
    start("plain", GOOD);
    fresh("name unknown", 0);
    start("NOSUCH", GOOD);
    start("", GOOD);
    start(NULL, GOOD);
    start("PLAINX", GOOD);
    start("PLAI", GOOD);
    start("PLAIN ", GOOD);
    start("PLAIN-PLUS", GOOD);
    fresh("EXTERNAL without name", 0);
    start("EXTERNAL", "", 0);
    sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
    start("EXTERNAL", "", 0);
    fresh("after success a step", 0);
    start("PLAIN", GOOD);
    step("x", 1);
    who();
    fresh("after success a start", 0);
    start("PLAIN", GOOD);
    start("PLAIN", BAD);
    who();
    start("PLAIN", GOOD);
    who();
    fresh("after success a start of another mechanism", 0);
    start("PLAIN", GOOD);
    start("CRAM-MD5", NULL, 0);
    fresh("after failure", 0);
    start("PLAIN", BAD);
    who();
    start("PLAIN", GOOD);
    who();
    fresh("after three failures", 0);
    start("PLAIN", BAD);
    start("PLAIN", "x", 1);
    start("CRAM-MD5", NULL, 0);
    step("alice 0", 7);
    start("PLAIN", GOOD);
    who();
    fresh("start in the middle of another", 0);
    start("LOGIN", NULL, 0);
    step("alice", 5);
    start("CRAM-MD5", NULL, 0);
    start("LOGIN", NULL, 0);
    step("alice", 5);
    step("secret", 6);
    who();
    fresh("last message without success data", 0);
    scram(0);
    who();
    say("  ssf %s", rc(sasl_getprop(s, SASL_SSF, (const void **)&out)));
    step("anything", 8);
    who();
    step("more", 4);
    fresh("last message with success data", SASL_SUCCESS_DATA);
    scram(SASL_SUCCESS_DATA);
    who();
    step("more", 4);
    fresh("start instead of the last empty step", 0);
    scram(0);
    start("PLAIN", BAD);
    who();
    fresh("policy refuses", 0);
    proxy_result = SASL_NOAUTHZ;
    start("PLAIN", GOOD);
    who();
    step("", 0);
    fresh("policy refuses with another code", 0);
    proxy_result = SASL_FAIL;
    start("PLAIN", GOOD);
    fresh("policy refuses after the last message", 0);
    scram(0);
    step("", 0);
    proxy_result = SASL_OK;
    start("PLAIN", BAD);
    who();
    fresh("too weak", 0);
    secprops(s, 1, 256, 4096, 0);
    start("PLAIN", GOOD);
    start("CRAM-MD5", NULL, 0);
    secprops(s, 0, 0, 0, SASL_SEC_NOPLAINTEXT);
    start("PLAIN", GOOD);
    secprops(s, 0, 0, 0, SASL_SEC_NOANONYMOUS | SASL_SEC_MUTUAL_AUTH);
    start("CRAM-MD5", NULL, 0);
    secprops(s, 0, 0, 0, SASL_SEC_NOPLAINTEXT | SASL_SEC_MUTUAL_AUTH);
    start("PLAIN", GOOD);
    start("ANONYMOUS", GOOD);
    secprops(s, 0, 0, 0, 0);
    start("PLAIN", GOOD);
    fresh("NULL data with a length", 0);
    start("CRAM-MD5", NULL, 0);
    say("  step data NULL with length %s", rc(sasl_server_step(s, NULL, 5, &out, &outlen)));
    say("  step of a client %s", rc(sasl_server_step(NULL, "", 0, &out, &outlen)));
    sasl_dispose(&s);
    client_states();
    finish();
    return 0;
}
