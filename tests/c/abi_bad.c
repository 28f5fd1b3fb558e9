/* What the server answers to wrong passwords, unknown users, and malformed, oversized and odd messages: code, detail
 * text, log lines, and whose name can be read afterwards. Messages are made by hand. */
#include "abi.h"

static char big[20001];
#define Z(text) text, sizeof(text) - 1

static void attempt(const char *title, const char *mech, const char *in, unsigned inlen, const char *in2, unsigned inlen2)
{
    sasl_conn_t *s = server();
    const char *out = "stale";
    unsigned outlen = 99;
    int code;
    say("-- %s %s", mech, title);
    trace = 4;
    code = sasl_server_start(s, mech, in, inlen, &out, &outlen);
    if (code == SASL_CONTINUE) {
        say("start CONTINUE %s", shape(out, outlen));
        code = sasl_server_step(s, in2, inlen2, &out, &outlen);
    }
    trace = 0;
    say("%s out=%s", rc(code), code >= 0 ? shape(out, outlen) : out == NULL ? "(null)" : "set");
    say("detail %s", detail(s));
    if (code != SASL_OK && code != SASL_BADPARAM && code != SASL_NOMECH) {
        code = sasl_server_step(s, "x", 1, &out, &outlen);
        say("step again %s detail %s", rc(code), detail(s));
    }
    show_identity("S", s);
    sasl_dispose(&s);
}
#define one(title, mech, text) attempt(title, mech, Z(text), "", 0)

/* A message of a prefix, a filling of x and an end. */
static const char *filled(const char *prefix, unsigned filling, const char *end, unsigned *total)
{
    unsigned before = (unsigned)strlen(prefix);
    memcpy(big, prefix, before);
    memset(big + before, 'x', filling);
    strcpy(big + before + filling, end);
    *total = before + filling + (unsigned)strlen(end);
    return big;
}

static void plain(void)
{
    unsigned n;
    attempt("no data", "PLAIN", NULL, 0, NULL, 0);
    attempt("no data then good", "PLAIN", NULL, 0, Z("\0alice\0secret"));
    attempt("no data then empty", "PLAIN", NULL, 0, "", 0);
    attempt("null data with length", "PLAIN", NULL, 5, NULL, 0);
    one("good", "PLAIN", "\0alice\0secret");
    one("wrong", "PLAIN", "\0alice\0wrong");
    one("prefix of the password", "PLAIN", "\0alice\0secre");
    one("password with more", "PLAIN", "\0alice\0secrets");
    one("password in capitals", "PLAIN", "\0alice\0SECRET");
    one("unknown", "PLAIN", "\0nobody\0secret");
    one("empty password", "PLAIN", "\0alice\0");
    one("empty password of unknown", "PLAIN", "\0nobody\0");
    one("empty password of user with empty password", "PLAIN", "\0empty\0");
    one("any password of user with empty password", "PLAIN", "\0empty\0x");
    one("user without password", "PLAIN", "\0nopass\0x");
    one("empty user", "PLAIN", "\0\0secret");
    one("blank user", "PLAIN", "\0  \0secret");
    one("blanks around user", "PLAIN", "\0 alice \0secret");
    one("user in capitals", "PLAIN", "\0ALICE\0secret");
    one("empty", "PLAIN", "");
    one("one byte", "PLAIN", "x");
    one("one nul", "PLAIN", "\0");
    one("two nuls", "PLAIN", "\0\0");
    one("three nuls", "PLAIN", "\0\0\0");
    one("no password", "PLAIN", "\0alice");
    one("authzid only", "PLAIN", "alice");
    one("nul after password", "PLAIN", "\0alice\0secret\0");
    one("nul inside password", "PLAIN", "\0alice\0sec\0ret");
    one("authzid other", "PLAIN", "bob\0alice\0secret");
    one("authzid same", "PLAIN", "alice\0alice\0secret");
    one("authzid unknown", "PLAIN", "ghost\0alice\0secret");
    one("authzid blank", "PLAIN", "  \0alice\0secret");
    one("authzid other, wrong password", "PLAIN", "bob\0alice\0wrong");
    one("user not UTF-8", "PLAIN", "\0al\xff\xfe\0secret");
    one("password not UTF-8", "PLAIN", "\0alice\0sec\xff");
    one("password UTF-8", "PLAIN", "\0ursel\0xi\xc3\xbf");
    one("control characters", "PLAIN", "\0al\x01\x7f\0secret");
    one("newline in user", "PLAIN", "\0al\nice\0secret");
    memcpy(big, "\0", 1);
    memset(big + 1, 'u', 1024);
    memcpy(big + 1025, "\0p", 2);
    attempt("user of 1024", "PLAIN", big, 1027, NULL, 0);
    memset(big + 1, 'u', 1025);
    memcpy(big + 1026, "\0p", 2);
    attempt("user of 1025", "PLAIN", big, 1028, NULL, 0);
    memcpy(big, "\0alice\0", 7);
    memset(big + 7, 'p', 10000);
    attempt("password of 10000", "PLAIN", big, 10007, NULL, 0);
    attempt("oversized garbage", "PLAIN", filled("", 20000, "", &n), 20000, NULL, 0);
}

static void login(void)
{
    unsigned n;
    attempt("good", "LOGIN", NULL, 0, Z("alice"));
    attempt("initial response", "LOGIN", Z("alice"), Z("secret"));
    attempt("initial response, wrong", "LOGIN", Z("alice"), Z("wrong"));
    attempt("initial response, unknown", "LOGIN", Z("nobody"), Z("secret"));
    attempt("initial response, empty password", "LOGIN", Z("alice"), "", 0);
    attempt("initial response, password NULL", "LOGIN", Z("alice"), NULL, 0);
    attempt("empty initial response", "LOGIN", "", 0, "", 0);
    attempt("blank user", "LOGIN", Z("  "), Z("x"));
    attempt("nul in user", "LOGIN", Z("ali\0ce"), Z("secret"));
    attempt("nul in password", "LOGIN", Z("alice"), Z("secret\0x"));
    attempt("nul at the end of password", "LOGIN", Z("alice"), Z("secret\0"));
    attempt("empty password of user with empty password", "LOGIN", Z("empty"), "", 0);
    attempt("user of 1024", "LOGIN", filled("", 1024, "", &n), 1024, Z("x"));
    attempt("user of 1025", "LOGIN", filled("", 1025, "", &n), 1025, Z("x"));
    attempt("password of 1024", "LOGIN", Z("alice"), filled("", 1024, "", &n), 1024);
    attempt("password of 1025", "LOGIN", Z("alice"), filled("", 1025, "", &n), 1025);
    attempt("not UTF-8", "LOGIN", Z("al\xff"), Z("x"));
}

static void cram(void)
{
    unsigned n;
    attempt("initial response", "CRAM-MD5", Z("alice"), NULL, 0);
    attempt("empty initial response", "CRAM-MD5", "", 0, NULL, 0);
    attempt("wrong digest", "CRAM-MD5", NULL, 0, Z("alice 0123456789abcdef0123456789abcdef"));
    attempt("short digest", "CRAM-MD5", NULL, 0, Z("alice 0123"));
    attempt("capitals", "CRAM-MD5", NULL, 0, Z("alice 0123456789ABCDEF0123456789ABCDEF"));
    attempt("empty digest", "CRAM-MD5", NULL, 0, Z("alice "));
    attempt("no digest", "CRAM-MD5", NULL, 0, Z("alice"));
    attempt("unknown", "CRAM-MD5", NULL, 0, Z("nobody 0123456789abcdef0123456789abcdef"));
    attempt("no password", "CRAM-MD5", NULL, 0, Z("nopass 0123456789abcdef0123456789abcdef"));
    attempt("empty password", "CRAM-MD5", NULL, 0, Z("empty 0123456789abcdef0123456789abcdef"));
    attempt("empty user", "CRAM-MD5", NULL, 0, Z(" 0123456789abcdef0123456789abcdef"));
    attempt("blank user", "CRAM-MD5", NULL, 0, Z("   0123456789abcdef0123456789abcdef"));
    attempt("empty", "CRAM-MD5", NULL, 0, "", 0);
    attempt("null", "CRAM-MD5", NULL, 0, NULL, 0);
    attempt("nul in user", "CRAM-MD5", NULL, 0, Z("ali\0ce 0123456789abcdef0123456789abcdef"));
    attempt("star", "CRAM-MD5", NULL, 0, Z("*"));
    attempt("1024 bytes", "CRAM-MD5", NULL, 0, filled("", 990, " 0123456789abcdef0123456789abcdef0", &n), 1024);
    attempt("1025 bytes", "CRAM-MD5", NULL, 0, filled("", 991, " 0123456789abcdef0123456789abcdef0", &n), 1025);
    attempt("not UTF-8", "CRAM-MD5", NULL, 0, Z("al\xff 0123456789abcdef0123456789abcdef"));
}

static void anonymous_external(void)
{
    sasl_conn_t *s;
    const char *out;
    unsigned n;
    one("trace", "ANONYMOUS", "me@there");
    one("empty trace", "ANONYMOUS", "");
    attempt("no data", "ANONYMOUS", NULL, 0, "", 0);
    attempt("long trace", "ANONYMOUS", filled("", 300, "", &n), 300, NULL, 0);
    one("nul in trace", "ANONYMOUS", "me\0you");
    one("not UTF-8", "ANONYMOUS", "me\xff");
    mem_set("anonymous", "x", "y", 1);
    one("anonymous known", "ANONYMOUS", "me@there");
    one("empty trace, anonymous known", "ANONYMOUS", "");
    attempt("no data, anonymous known", "ANONYMOUS", NULL, 0, "", 0);
    one("no external id", "EXTERNAL", "");
    for (int i = 0; i < 10; i++) {
        static const struct { const char *id, *in; int len; unsigned flags; } cases[] = {
            {"alice", "", 0, 0}, {"alice", "bob", 3, 0}, {"alice", "alice", 5, 0}, {"nobody", "", 0, 0},
            {"anonymous", "", 0, 0}, {"anonymous", "", 0, SASL_SEC_NOANONYMOUS}, {"alice", "  ", 2, 0},
            {"alice", "b\0b", 3, 0}, {"alice", NULL, 0, 0}, {"alice", "ghost", 5, 0}};
        int code;
        s = server();
        if (cases[i].flags) secprops(s, 0, 0, 0, cases[i].flags);
        sasl_setprop(s, SASL_AUTH_EXTERNAL, cases[i].id);
        code = sasl_server_start(s, "EXTERNAL", cases[i].in, (unsigned)cases[i].len, &out, &n);
        say("-- EXTERNAL %s as %s: %s", cases[i].id, esc(cases[i].in, cases[i].len), rc(code));
        if (code == SASL_CONTINUE) {
            say("out %s", esc(out, n));
            code = sasl_server_step(s, "", 0, &out, &n);
            say("then %s", rc(code));
        }
        say("detail %s", detail(s));
        show_identity("S", s);
        sasl_dispose(&s);
    }
    s = server();
    sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
    filled("", 16384, "", &n);
    say("-- EXTERNAL of 16384: %s", rc(sasl_server_start(s, "EXTERNAL", big, 16384, &out, &n)));
    say("detail %s", detail(s));
    say("-- EXTERNAL of 16385: %s", rc(sasl_server_start(s, "EXTERNAL", big, 16385, &out, &n)));
    say("detail %s", detail(s));
    sasl_dispose(&s);
}

int main(void)
{
    begin();
    mem_set("empty", "userPassword", "", 0);
    mem_set("nopass", "mail", "x", 1);
    mem_set("ursel", "userPassword", "xi\xc3\xbf", -1);
    plain();
    login();
    cram();
    anonymous_external();
    finish();
    return 0;
}
