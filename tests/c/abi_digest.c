/* DIGEST-MD5: malformed and odd responses to the server, challenges to the client, realms, and the layer window. */
#include "abi.h"

static sasl_conn_t *c, *s;
static const char *challenge, *response;
static unsigned challenge_len, response_len;
static char work[9000];

/* The response of a client that has just begun, in work, terminated; the server waits for it. Its own host name makes
 * every client new to the library's cache of earlier sessions. */
static void until_response(const char *realm)
{
    static int round;
    static char host[50];
    snprintf(host, sizeof host, "h%d.example.com", round++);
    sasl_server_new("svc", host, realm, NULL, NULL, server_callbacks, 0, &s);
    sasl_client_new("svc", host, NULL, NULL, client_callbacks, 0, &c);
    sasl_server_start(s, "DIGEST-MD5", NULL, 0, &challenge, &challenge_len);
    sasl_client_start(c, "DIGEST-MD5", NULL, &response, &response_len, NULL);
    sasl_client_step(c, challenge, challenge_len, NULL, &response, &response_len);
    memcpy(work, response, response_len);
    work[response_len] = 0;
}
/* Replaces the first occurrence of what in work. */
static void replace(const char *what, const char *with)
{
    char *at = strstr(work, what);
    static char rest[9000];
    if (at == NULL) abort();
    strcpy(rest, at + strlen(what));
    strcpy(at, with);
    strcat(at, rest);
}
static void answer(const char *title, unsigned len)
{
    const char *out;
    unsigned outlen;
    int code = sasl_server_step(s, work, len, &out, &outlen);
    char text[400], *cut;
    snprintf(text, sizeof text, "%s", code >= 0 ? shape(out, outlen) : detail(s));
    if ((cut = strstr(text, "parameters missing:")) != NULL) cut[19] = 0;
    say("%s: %s %s", title, rc(code), text);
    if (code >= 0 || code == SASL_NOUSER) show_identity(" ", s);
    sasl_dispose(&s);
    sasl_dispose(&c);
}
static void mutated(const char *title, const char *what, const char *with)
{
    until_response(NULL);
    replace(what, with);
    answer(title, (unsigned)strlen(work));
}

static void server_side(void)
{
    char *at;
    until_response(NULL);
    answer("untouched", (unsigned)strlen(work));
    mutated("no username", "username=", "xsername=");
    mutated("empty username", "username=\"alice\"", "username=\"\"");
    mutated("unknown", "username=\"alice\"", "username=\"nobody\"");
    mutated("no password", "username=\"alice\"", "username=\"nopass\"");
    mutated("empty password", "username=\"alice\"", "username=\"empty\"");
    mutated("two usernames", "username=\"alice\"", "username=\"alice\",username=\"bob\"");
    mutated("name in capitals", "username=", "USERNAME=");
    mutated("username unquoted", "username=\"alice\"", "username=alice");
    mutated("username escaped", "username=\"alice\"", "username=\"al\\ice\"");
    mutated("quote not closed", "username=\"alice\"", "username=\"alice");
    mutated("no realm", "realm=", "xealm=");
    mutated("other realm", "realm=\"h", "realm=\"g");
    mutated("two realms", ",nonce=", ",realm=\"x\",nonce=");
    mutated("no nonce", ",nonce=", ",xonce=");
    mutated("other nonce", ",nonce=\"", ",nonce=\"x");
    mutated("no cnonce", "cnonce=", "xnonce=");
    mutated("two cnonces", "cnonce=\"", "cnonce=\"y\",cnonce=\"");
    mutated("nc 2", "nc=00000001", "nc=00000002");
    mutated("nc 0", "nc=00000001", "nc=00000000");
    mutated("nc short", "nc=00000001", "nc=1");
    mutated("nc not a number", "nc=00000001", "nc=0000000x");
    mutated("no nc", ",nc=", ",xc=");
    mutated("qop absent", "qop=auth,", "");
    mutated("qop auth-int", "qop=auth,", "qop=auth-int,");
    mutated("qop auth-conf", "qop=auth,", "qop=auth-conf,cipher=rc4,");
    mutated("qop unknown", "qop=auth,", "qop=auth-x,");
    mutated("qop in capitals", "qop=auth,", "qop=AUTH,");
    mutated("qop quoted", "qop=auth,", "qop=\"auth\",");
    mutated("two qops", "qop=auth,", "qop=auth,qop=auth,");
    mutated("cipher without conf", "qop=auth,", "qop=auth,cipher=rc4,");
    mutated("maxbuf", "qop=auth,", "qop=auth,maxbuf=4096,");
    mutated("maxbuf 16", "qop=auth,", "qop=auth,maxbuf=16,");
    mutated("maxbuf 17", "qop=auth,", "qop=auth,maxbuf=17,");
    mutated("maxbuf 16777215", "qop=auth,", "qop=auth,maxbuf=16777215,");
    mutated("maxbuf 16777216", "qop=auth,", "qop=auth,maxbuf=16777216,");
    mutated("maxbuf junk", "qop=auth,", "qop=auth,maxbuf=junk,");
    mutated("two maxbufs", "qop=auth,", "qop=auth,maxbuf=4096,maxbuf=4096,");
    mutated("charset utf-8", "qop=auth,", "qop=auth,charset=utf-8,");
    mutated("charset in capitals", "qop=auth,", "qop=auth,charset=UTF-8,");
    mutated("charset other", "qop=auth,", "qop=auth,charset=latin1,");
    mutated("two charsets", "qop=auth,", "qop=auth,charset=utf-8,charset=utf-8,");
    mutated("algorithm", "qop=auth,", "qop=auth,algorithm=md5-sess,");
    mutated("algorithm other", "qop=auth,", "qop=auth,algorithm=md5,");
    mutated("unknown directive", "qop=auth,", "qop=auth,foo=bar,");
    mutated("unknown directive quoted", "qop=auth,", "qop=auth,foo=\"b,ar\",");
    mutated("directive without value", "qop=auth,", "qop=auth,foo,");
    mutated("directive with empty value", "qop=auth,", "qop=auth,foo=,");
    mutated("blanks", "qop=auth,", " qop = auth ,\t");
    mutated("two commas", "qop=auth,", "qop=auth,,");
    mutated("authzid added", ",nonce=", ",authzid=\"bob\",nonce=");
    mutated("authzid empty", ",nonce=", ",authzid=\"\",nonce=");
    mutated("uri of another service", "digest-uri=\"svc/", "digest-uri=\"other/");
    mutated("uri of service in capitals", "digest-uri=\"svc/", "digest-uri=\"SVC/");
    mutated("uri of another host", "digest-uri=\"svc/h", "digest-uri=\"svc/g");
    mutated("uri without host", "digest-uri=\"svc/", "digest-uri=\"svc\",x=\"");
    mutated("no uri", "digest-uri=", "xigest-uri=");
    mutated("two uris", "digest-uri=", "digest-uri=\"svc/x\",digest-uri=");
    mutated("no response", "response=", "xesponse=");
    until_response(NULL);
    at = strstr(work, "response=");
    at[9] = at[9] == '0' ? '1' : '0';
    answer("response changed", (unsigned)strlen(work));
    until_response(NULL);
    for (at = strstr(work, "response=") + 9; *at; at++) *at = (char)toupper((unsigned char)*at);
    answer("response in capitals", (unsigned)strlen(work));
    until_response(NULL);
    answer("response cut", (unsigned)strlen(work) - 1);
    until_response(NULL);
    strcat(work, ",");
    answer("comma at the end", (unsigned)strlen(work));
    until_response(NULL);
    answer("nul at the end", (unsigned)strlen(work) + 1);
    until_response(NULL);
    strcpy(work, "garbage");
    answer("garbage", 7);
    until_response(NULL);
    strcpy(work, "=");
    answer("equals", 1);
    until_response(NULL);
    answer("nothing", 0);
    until_response(NULL);
    memset(work, 'x', sizeof work);
    answer("of 4096", 4096);
    until_response(NULL);
    answer("of 4097", 4097);
}

static void realms(void)
{
    static const char *const names[] = {"realm.example", "with blank", "quo\"te", "", NULL};
    for (int i = 0; names[i]; i++) {
        s = server_with(names[i], 0);
        c = client();
        say("-- realm %s", str(names[i]));
        exchange(c, s, "DIGEST-MD5");
        show_identity("S", s);
        sasl_dispose(&c);
        sasl_dispose(&s);
    }
    say("-- user with realm");
    cli_auth = "alice@realm.example";
    s = server();
    c = client();
    exchange(c, s, "DIGEST-MD5");
    show_identity("S", s);
    sasl_dispose(&c);
    sasl_dispose(&s);
    s = server_with("realm.example", 0);
    c = client();
    exchange(c, s, "DIGEST-MD5");
    show_identity("S", s);
    sasl_dispose(&c);
    sasl_dispose(&s);
    cli_auth = "alice";
}

static void windows(void)
{
    static const unsigned cases[][8] = {
        /* server min max maxbuf external, client the same */
        {0, 0, 65536, 0, 0, 256, 65536, 0}, {0, 256, 65536, 0, 0, 0, 65536, 0}, {0, 1, 65536, 0, 0, 256, 65536, 0},
        {0, 256, 65536, 0, 0, 1, 65536, 0}, {1, 1, 65536, 0, 0, 256, 65536, 0}, {0, 40, 65536, 0, 0, 256, 65536, 0},
        {0, 55, 65536, 0, 0, 256, 65536, 0}, {0, 56, 65536, 0, 0, 256, 65536, 0}, {56, 56, 65536, 0, 0, 256, 65536, 0},
        {0, 112, 65536, 0, 0, 256, 65536, 0}, {0, 127, 65536, 0, 0, 256, 65536, 0}, {128, 256, 65536, 0, 0, 256, 65536, 0},
        {129, 256, 65536, 0, 0, 256, 65536, 0}, {0, 256, 65536, 0, 129, 256, 65536, 0}, {0, 256, 65536, 128, 0, 256, 65536, 128},
        {0, 256, 65536, 56, 0, 256, 65536, 0}, {1, 256, 65536, 0, 0, 0, 65536, 0}, {0, 0, 65536, 0, 1, 256, 65536, 0},
        {56, 256, 65536, 56, 0, 256, 65536, 0}, {0, 256, 0, 0, 0, 256, 65536, 0}, {0, 256, 65536, 0, 0, 256, 0, 0},
        {0, 256, 16777215, 0, 0, 256, 4096, 0}, {0, 256, 100, 0, 0, 256, 64, 0}, {0, 256, 16777216, 0, 0, 256, 65536, 0},
        {0, 256, 16, 0, 0, 256, 65536, 0}, {0, 256, 20, 0, 0, 256, 65536, 0}, {40, 40, 65536, 0, 0, 256, 65536, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned *w = cases[i];
        const void *value;
        char host[50];
        int code;
        snprintf(host, sizeof host, "w%zu.example.com", i);
        say("-- server %u-%u/%u external %u, client %u-%u/%u external %u", w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]);
        sasl_server_new("svc", host, NULL, NULL, NULL, server_callbacks, 0, &s);
        sasl_client_new("svc", host, NULL, NULL, client_callbacks, 0, &c);
        secprops(s, w[0], w[1], w[2], 0);
        secprops(c, w[4], w[5], w[6], 0);
        sasl_setprop(s, SASL_SSF_EXTERNAL, &w[3]);
        sasl_setprop(c, SASL_SSF_EXTERNAL, &w[7]);
        code = exchange(c, s, "DIGEST-MD5");
        if (code == SASL_OK) {
            sasl_getprop(s, SASL_SSF, &value);
            printf("server ssf %u", *(const unsigned *)value);
            sasl_getprop(s, SASL_MAXOUTBUF, &value);
            printf(" maxout %u", *(const unsigned *)value);
            sasl_getprop(c, SASL_SSF, &value);
            printf("; client ssf %u", *(const unsigned *)value);
            sasl_getprop(c, SASL_MAXOUTBUF, &value);
            say(" maxout %u", *(const unsigned *)value);
        }
        sasl_dispose(&c);
        sasl_dispose(&s);
    }
}

static void client_given(const char *challenge_text)
{
    static int round;
    char host[50];
    const char *out, *end = "rspauth=00000000000000000000000000000000";
    unsigned len;
    int code;
    snprintf(host, sizeof host, "c%d.example.com", round++);
    sasl_client_new("svc", host, NULL, NULL, client_callbacks, 0, &c);
    secprops(c, 0, 256, 65536, 0);
    sasl_client_start(c, "DIGEST-MD5", NULL, &out, &len, NULL);
    code = sasl_client_step(c, challenge_text, (unsigned)strlen(challenge_text), NULL, &out, &len);
    say("client given %s: %s %s", str(challenge_text), rc(code), code >= 0 ? shape(out, len) : detail(c));
    if (code == SASL_CONTINUE) {
        static const char *const ends[] = {"rspauth=00000000000000000000000000000000", "", "rspauth=", "garbage", "x=y"};
        end = ends[round % 5];
        code = sasl_client_step(c, end, (unsigned)strlen(end), NULL, &out, &len);
        say("  then %s: %s %s", str(end), rc(code), detail(c));
    }
    sasl_dispose(&c);
}

static void client_side(void)
{
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth\",charset=utf-8,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth\",algorithm=md5-sess");
    client_given("nonce=\"N\",qop=\"auth\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",realm=\"S\",qop=\"auth\",algorithm=md5-sess");
    client_given("realm=\"R\",qop=\"auth\",algorithm=md5-sess");
    client_given("nonce=\"N\",nonce=\"M\",realm=\"R\",algorithm=md5-sess");
    client_given("nonce=\"\",realm=\"R\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\"");
    client_given("nonce=\"N\",realm=\"R\",algorithm=md5");
    client_given("nonce=\"N\",realm=\"R\",algorithm=md5-sess,algorithm=md5-sess");
    client_given("nonce=N,realm=R,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth-int\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth-conf\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth-conf\",cipher=\"rc4\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth,auth-conf\",cipher=\"aes\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"unknown\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth\",qop=\"auth\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth, auth-int\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",maxbuf=10,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",maxbuf=17,qop=\"auth-int\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",maxbuf=99999999,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",maxbuf=4096,maxbuf=4096,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",charset=latin1,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",charset=utf-8,charset=utf-8,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",stale=true,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",stale=false,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",foo=bar,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\\\"Q\",algorithm=md5-sess");
    client_given("nonce=\"N\\\\\",realm=\"R\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R,algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"\",algorithm=md5-sess");
    client_given("garbage");
    client_given("rspauth=00");
    client_given("");
    cli_realm = "S";
    say("with a realm callback");
    client_given("nonce=\"N\",realm=\"R\",realm=\"S\",qop=\"auth\",algorithm=md5-sess");
    client_given("nonce=\"N\",realm=\"R\",qop=\"auth\",algorithm=md5-sess");
    cli_realm = NULL;
}

int main(void)
{
    begin();
    mem_set("empty", "userPassword", "", 0);
    mem_set("nopass", "mail", "x", 1);
    mem_set("alice@realm.example", "userPassword", "secret", -1);
    mem_set("alice@with blank", "userPassword", "secret", -1);
    mem_set("alice@quo\"te", "userPassword", "secret", -1);
    server_side();
    realms();
    windows();
    client_side();
    say("passwords and names beyond ASCII");
    mem_set("m\xc3\xbcller", "userPassword", "p\xc3\xa4ss", -1);
    mem_set("\xd0\xb8", "userPassword", "\xd0\xb8", -1);
    cli_auth = "m\xc3\xbcller";
    cli_pass = "p\xc3\xa4ss";
    s = server();
    c = client();
    exchange(c, s, "DIGEST-MD5");
    sasl_dispose(&s);
    sasl_dispose(&c);
    cli_auth = cli_pass = "\xd0\xb8";
    s = server();
    c = client();
    exchange(c, s, "DIGEST-MD5");
    sasl_dispose(&s);
    sasl_dispose(&c);
    finish();
    return 0;
}
