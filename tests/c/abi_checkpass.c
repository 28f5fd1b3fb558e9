/* sasl_checkpass, sasl_checkapop, sasl_user_exists and sasl_setpass over a store in memory, verifiers, realms. */
#include "abi.h"

static sasl_conn_t *s;

static void check(const char *user, int ulen, const char *pass, int plen)
{
    int code;
    trace = 4;
    code = sasl_checkpass(s, user, ulen < 0 ? (unsigned)strlen(user) : (unsigned)ulen, pass, plen < 0 ? (unsigned)strlen(pass) : (unsigned)plen);
    trace = 0;
    say("checkpass %s %s: %s %s", user && strlen(user) > 50 ? "long" : str(user), pass && strlen(pass) > 50 ? "long" : str(pass), rc(code), code ? detail(s) : "");
    show_identity(" ", s);
}
static void fresh(const char *realm)
{
    sasl_dispose(&s);
    s = server_with(realm, 0);
}

static void passwords(void)
{
    static char big[10000];
    fresh(NULL);
    check("alice", -1, "secret", -1);
    check("alice", -1, "wrong", -1);
    check("alice", -1, "", -1);
    check("alice", -1, "secret", 3);
    check("alice", -1, "secret\0x", 8);
    check("alice", -1, "secret", 0);
    check("alicexx", 5, "secretxx", 6);
    check("nobody", -1, "secret", -1);
    check("", -1, "secret", -1);
    check("alice", 0, "secret", -1);
    check(" alice ", -1, "secret", -1);
    check("ALICE", -1, "secret", -1);
    check("ali\0ce", 6, "secret", -1);
    check("empty", -1, "", -1);
    check("empty", -1, "x", -1);
    check("nopass", -1, "x", -1);
    check("old", -1, "secret", -1);
    check("old", -1, "wrong", -1);
    check("alice@example.com", -1, "secret", -1);
    say("no user %s", rc(sasl_checkpass(s, NULL, 0, NULL, 0)));
    say("no pass %s", rc(sasl_checkpass(s, "alice", 5, NULL, 0)));
    say("%s", detail(s));
    say("no connection %s", rc(sasl_checkpass(NULL, "alice", 5, "x", 1)));
    say("no connection, no user %s", rc(sasl_checkpass(NULL, NULL, 0, NULL, 0)));
    memset(big, 'p', 9999);
    check("alice", -1, big, 9999);
    check(big, 2000, "x", 1);
    fresh("realm.example");
    check("alice", -1, "secret", -1);
    check("alice", -1, "in the realm", -1);
    check("alice@realm.example", -1, "in the realm", -1);
    check("alice@other", -1, "x", -1);
    show_props("after", sasl_auxprop_getctx(s));
    check("alice", -1, "wrong", -1);
    show_props("after", sasl_auxprop_getctx(s));
}

static void verifiers(void)
{
    static const char *const methods[] = {"auxprop", "AUXPROP", "alwaystrue", "nosuch", "nosuch auxprop", "auxprop nosuch", "saslauthd", "authdaemond",
                                          "sia", "auxprop-hashed", "", " ", "auxprop,alwaystrue", "saslauthd auxprop", "auxprop saslauthd",
                                          "pwcheck", "auxprop alwaystrue", NULL};
    set_option("saslauthd_path", "/nonexistent/mux");
    set_option("authdaemond_path", "/nonexistent/socket");
    set_option("pwcheck_path", "/nonexistent/pwcheck");
    for (int i = 0; methods[i]; i++) {
        if (strcmp(methods[i], "alwaystrue") == 0 || strcmp(methods[i], "auxprop alwaystrue") == 0) {
            set_option("auto_transition", "no");
        }
        set_option("pwcheck_method", methods[i]);
        say("pwcheck_method %s", str(methods[i]));
        fresh(NULL);
        check("alice", -1, "secret", -1);
        check("alice", -1, "wrong", -1);
        check("nobody", -1, "wrong", -1);
        if (strstr(methods[i], "saslauthd") == NULL)
            say("exists alice %s nobody %s", rc(sasl_user_exists(s, "svc", NULL, "alice")), rc(sasl_user_exists(s, "svc", NULL, "nobody")));
    }
    set_option("pwcheck_method", NULL);
    say("callback");
    for (int code = -30; code <= 2; code++) {
        if (code == -25) continue;
        checkpass_result = code;
        fresh(NULL);
        say("callback %s: right %s wrong %s", rc(code), rc(sasl_checkpass(s, "alice", 5, "secret", 6)), rc(sasl_checkpass(s, "alice", 5, "wrong", 5)));
    }
    checkpass_result = SASL_FAIL;
    fresh(NULL);
    trace = 1;
    sasl_checkpass(s, "alice", 5, "secret", 6);
    sasl_checkpass(s, "nobody", 6, "secret", 6);
    proxy_result = SASL_BADAUTH;
    say("policy refuses %s", rc(sasl_checkpass(s, "alice", 5, "secret", 6)));
    proxy_result = SASL_OK;
    trace = 0;
}

static void exists(void)
{
    fresh(NULL);
    say("exists alice %s", rc(sasl_user_exists(s, "svc", NULL, "alice")));
    show_identity(" ", s);
    say("exists nobody %s", rc(sasl_user_exists(s, "svc", NULL, "nobody")));
    say("exists nopass %s", rc(sasl_user_exists(s, "svc", NULL, "nopass")));
    say("exists empty %s", rc(sasl_user_exists(s, "svc", NULL, "empty")));
    say("exists in realm %s", rc(sasl_user_exists(s, "svc", "realm.example", "alice")));
    say("exists in other realm %s", rc(sasl_user_exists(s, "svc", "other", "alice")));
    say("exists NULL service %s", rc(sasl_user_exists(s, NULL, NULL, "alice")));
    say("exists NULL user %s", rc(sasl_user_exists(s, "svc", NULL, NULL)));
    say("exists empty user %s", rc(sasl_user_exists(s, "svc", NULL, "")));
    say("exists NULL connection %s", rc(sasl_user_exists(NULL, "svc", NULL, "alice")));
}

static void apop(void)
{
    /* MD5 of "<1896.697170952@dbc.mtview.ca.us>tanstaaf": RFC 1939 section 7. */
    static const char challenge[] = "<1896.697170952@dbc.mtview.ca.us>";
    static const struct { const char *response; } cases[] = {
        {"mrose c4c9334bac560ecc979e58001b3e22fb"}, {"mrose C4C9334BAC560ECC979E58001B3E22FB"}, {"mrose c4c9334bac560ecc979e58001b3e22fc"},
        {"mrose c4c9334bac560ecc979e58001b3e22f"}, {"mrose c4c9334bac560ecc979e58001b3e22fbb"}, {"mrose"}, {""}, {" c4c9334bac560ecc979e58001b3e22fb"},
        {"c4c9334bac560ecc979e58001b3e22fb"}, {"two words c4c9334bac560ecc979e58001b3e22fb"}, {"nobody c4c9334bac560ecc979e58001b3e22fb"},
        {"nopass c4c9334bac560ecc979e58001b3e22fb"}, {"empty c4c9334bac560ecc979e58001b3e22fb"}, {"mrose  c4c9334bac560ecc979e58001b3e22fb"},
        {"mrose xxxx334bac560ecc979e58001b3e22fb"}};
    mem_set("mrose", "userPassword", "tanstaaf", -1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code;
        fresh(NULL);
        trace = 4;
        code = sasl_checkapop(s, challenge, sizeof challenge - 1, cases[i].response, (unsigned)strlen(cases[i].response));
        trace = 0;
        say("apop %s: %s %s", str(cases[i].response), rc(code), code ? detail(s) : "");
        show_identity(" ", s);
    }
    fresh(NULL);
    say("apop NULL challenge %s", rc(sasl_checkapop(s, NULL, 0, NULL, 0)));
    say("apop NULL response %s", rc(sasl_checkapop(s, challenge, 33, NULL, 0)));
    say("apop NULL connection %s", rc(sasl_checkapop(NULL, challenge, 33, "x", 1)));
    say("apop other challenge %s", rc(sasl_checkapop(s, "<x>", 3, cases[0].response, 38)));
    trace = 1;
    sasl_checkapop(s, challenge, sizeof challenge - 1, cases[0].response, 38);
    trace = 0;
    show_props("after", sasl_auxprop_getctx(s));
}

static void set(const char *title, const char *user, const char *pass, int plen, unsigned flags)
{
    int code;
    trace = 5;
    code = sasl_setpass(s, user, pass, plen < 0 ? (unsigned)strlen(pass) : (unsigned)plen, NULL, 0, flags);
    trace = 0;
    say("setpass %s: %s %s", title, rc(code), code ? detail(s) : "");
}

static void setpass(void)
{
    sasl_conn_t *c = client();
    const char *out;
    unsigned len;
    fresh(NULL);
    set("new", "carol", "pw", -1, SASL_SET_CREATE);
    set("without create", "dave", "pw", -1, 0);
    set("change", "carol", "pw2", -1, 0);
    set("with realm", "carol@realm.example", "pw", -1, SASL_SET_CREATE);
    set("empty", "carol", "", 0, 0);
    set("length 0", "carol", "pw", 0, 0);
    set("part", "erin", "password", 4, SASL_SET_CREATE);
    set("NULL user", NULL, "pw", 2, SASL_SET_CREATE);
    set("empty user", "", "pw", 2, SASL_SET_CREATE);
    set("create and disable", "carol", "pw", -1, SASL_SET_CREATE | SASL_SET_DISABLE);
    set("no plain", "carol", "pw3", -1, SASL_SET_NOPLAIN);
    set("disable", "carol", "", 0, SASL_SET_DISABLE);
    set("disable missing", "nosuch", "", 0, SASL_SET_DISABLE);
    set("only current without one", "carol", "pw", -1, SASL_SET_CURMECH_ONLY);
    sasl_server_start(s, "PLAIN", "\0alice\0secret", 13, &out, &len);
    set("only current, PLAIN", "carol", "pw", -1, SASL_SET_CURMECH_ONLY);
    fresh(NULL);
    sasl_server_start(s, "SCRAM-SHA-1", NULL, 0, &out, &len);
    set("only current, SCRAM-SHA-1", "carol", "pw", -1, SASL_SET_CURMECH_ONLY);
    set_option("scram_secret_generate", "yes");
    fresh(NULL);
    set("verifiers too", "frank", "pencil", -1, SASL_SET_CREATE);
    set("verifiers only", "gina", "pencil", -1, SASL_SET_CREATE | SASL_SET_NOPLAIN);
    set("disable with verifiers", "frank", "", 0, SASL_SET_DISABLE);
    set_option("scram_secret_generate", NULL);
    set_option("mech_list", "PLAIN CRAM-MD5");
    fresh(NULL);
    set("short list of mechanisms", "hal", "pw", -1, SASL_SET_CREATE);
    set_option("mech_list", NULL);
    fresh(NULL);
    setpass_result = SASL_BADAUTH;
    set("callback refuses", "ian", "pw", -1, SASL_SET_CREATE);
    setpass_result = SASL_NOCHANGE;
    set("callback without change", "ian", "pw", -1, SASL_SET_CREATE);
    setpass_result = SASL_OK;
    mem_store_status = SASL_FAIL;
    set("store fails", "jane", "pw", -1, SASL_SET_CREATE);
    mem_store_status = SASL_CONSTRAINT_VIOLAT;
    set("store constrains", "jane", "pw", -1, SASL_SET_CREATE);
    mem_store_status = 0;
    set_option("auxprop_plugin", "nosuch");
    fresh(NULL);
    set("no store", "kim", "pw", -1, SASL_SET_CREATE);
    set_option("auxprop_plugin", "mem");
    say("client %s", rc(sasl_setpass(c, "x", "pw", 2, NULL, 0, SASL_SET_CREATE)));
    say("NULL connection %s", rc(sasl_setpass(NULL, "x", "pw", 2, NULL, 0, SASL_SET_CREATE)));
    fresh(NULL);
    say("NULL pass with length %s", rc(sasl_setpass(s, "x", NULL, 2, NULL, 0, SASL_SET_DISABLE)));
    sasl_dispose(&c);
    mem_show("stored");
}

static void transition(void)
{
    static const char *const values[] = {"no", "yes", "1", "noplain", "true", "on", "off", "YES", NULL};
    for (int i = 0; values[i]; i++) {
        mem_clear();
        set_option("auto_transition", values[i]);
        set_option("pwcheck_method", "alwaystrue");
        fresh(NULL);
        say("auto_transition %s", values[i]);
        check("newcomer", -1, "pw", -1);
        mem_show("stored");
    }
}

int main(void)
{
    static const char old[] = "0123456789abcdef\0";
    char secret[33];
    begin();
    mem_set("alice@realm.example", "userPassword", "in the realm", -1);
    mem_set("empty", "userPassword", "", 0);
    mem_set("nopass", "mail", "x", 1);
    memcpy(secret, old, 17);
    {
        /* MD5(salt "sasldb" "secret") in the place of the old form of a stored secret. */
        MD5_CTX md5;
        sasl_global_utils->MD5Init(&md5);
        sasl_global_utils->MD5Update(&md5, (const unsigned char *)secret, 16);
        sasl_global_utils->MD5Update(&md5, (const unsigned char *)"sasldb", 6);
        sasl_global_utils->MD5Update(&md5, (const unsigned char *)"secret", 6);
        sasl_global_utils->MD5Final((unsigned char *)secret + 17, &md5);
    }
    mem_set("old", "cmusaslsecretPLAIN", secret, 33);
    passwords();
    verifiers();
    exists();
    apop();
    setpass();
    transition();
    sasl_dispose(&s);
    finish();
    return 0;
}
