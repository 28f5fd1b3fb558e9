/* sasl_listmech in every state of filter, server and client, and the global list. */
#include "abi.h"

static void list(const char *label, sasl_conn_t *conn)
{
    const char *out = "untouched";
    unsigned len = 4711;
    int count = 4711, code = sasl_listmech(conn, NULL, NULL, NULL, NULL, &out, &len, &count);
    say("%s: %s %s len %u count %d %s", label, rc(code), out ? out : "(null)", len, count, code ? detail(conn) : "");
}
static void shaped(sasl_conn_t *conn, const char *user, const char *prefix, const char *sep, const char *suffix)
{
    const char *out = "untouched";
    int code = sasl_listmech(conn, user, prefix, sep, suffix, &out, NULL, NULL);
    say("user %s prefix %s sep %s suffix %s: %s %s", str(user), str(prefix), str(sep), str(suffix), rc(code), str(out));
}

static void filters(const char *side, sasl_conn_t *(*make)(void))
{
    static const unsigned windows[][3] = {{0, 0, 0},       {0, 256, 65536}, {1, 256, 65536},   {56, 256, 65536}, {128, 256, 65536},
                                          {129, 256, 65536}, {256, 256, 65536}, {112, 112, 65536}, {0, 1, 0}};
    unsigned ssf;
    sasl_conn_t *c;
    char label[100];
    say("-- %s", side);
    c = make();
    list("fresh", c);
    sasl_dispose(&c);
    for (unsigned flag = 1; flag <= 0x80; flag <<= 1) {
        c = make();
        secprops(c, 0, 0, 0, flag);
        snprintf(label, sizeof label, "flag 0x%x", flag);
        list(label, c);
        sasl_dispose(&c);
    }
    c = make();
    secprops(c, 0, 0, 0, 0x11);
    list("no plain, no anonymous", c);
    secprops(c, 0, 0, 0, 0xffff);
    list("all flags", c);
    secprops(c, 0, 0, 0, 0);
    list("none again", c);
    sasl_dispose(&c);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        for (ssf = 0; ssf <= 128; ssf += ssf ? 72 : 56) {
            c = make();
            secprops(c, windows[i][0], windows[i][1], windows[i][2], SASL_SEC_NOPLAINTEXT);
            sasl_setprop(c, SASL_SSF_EXTERNAL, &ssf);
            snprintf(label, sizeof label, "ssf %u-%u external %u no plain", windows[i][0], windows[i][1], ssf);
            list(label, c);
            sasl_dispose(&c);
        }
    for (ssf = 0; ssf < 3; ssf++) {
        c = make();
        secprops(c, 0, 0, 0, SASL_SEC_NOPLAINTEXT);
        sasl_setprop(c, SASL_SSF_EXTERNAL, &ssf);
        snprintf(label, sizeof label, "external %u no plain", ssf);
        list(label, c);
        sasl_dispose(&c);
    }
    c = make();
    sasl_setprop(c, SASL_AUTH_EXTERNAL, "ext");
    list("external name", c);
    secprops(c, 0, 0, 0, 0x3);
    list("external name, no plain, no active", c);
    sasl_dispose(&c);
    for (int critical = 0; critical < 2; critical++) {
        sasl_channel_binding_t cb = {"tls-unique", critical, 4, (const unsigned char *)"data"};
        c = make();
        sasl_setprop(c, SASL_CHANNEL_BINDING, &cb);
        list(critical ? "critical binding" : "binding", c);
        shaped(c, NULL, "<", "><", ">");
        secprops(c, 0, 0, 0, SASL_SEC_NOPLAINTEXT);
        list("the same, no plain", c);
        sasl_dispose(&c);
    }
}

static sasl_conn_t *s0(void) { return server(); }
static sasl_conn_t *c0(void) { return client(); }
static sasl_conn_t *s_proxy(void) { return server_with(NULL, SASL_NEED_PROXY); }
static sasl_conn_t *c_proxy(void) { return client_with(SASL_NEED_PROXY); }
static sasl_conn_t *s_http(void) { return server_with(NULL, SASL_NEED_HTTP); }
static sasl_conn_t *c_http(void) { return client_with(SASL_NEED_HTTP); }

static void mech_lists(void)
{
    static const char *const lists[] = {
        "PLAIN", "plain login", "PLAIN,LOGIN", "  PLAIN\tLOGIN  ", "LOGIN PLAIN", "PLAIN PLAIN", "NONE", "", " ", "PLAIN NONE LOGIN",
        "SCRAM-SHA-1-PLUS PLAIN", "PLAIN-PLUS", "SCRAM", "EXTERNAL PLAIN", "scram-sha-256 cram-md5", "PLAIN\nLOGIN", NULL};
    for (int i = 0; lists[i]; i++) {
        sasl_conn_t *s, *c = NULL;
        char label[100];
        int code;
        set_option("mech_list", lists[i]);
        set_option("client_mech_list", lists[i]);
        s = server();
        snprintf(label, sizeof label, "server mech_list %s", str(lists[i]));
        list(label, s);
        sasl_dispose(&s);
        code = sasl_client_new("svc", FQDN, NULL, NULL, client_callbacks, 0, &c);
        snprintf(label, sizeof label, "client_mech_list %s new %s", str(lists[i]), rc(code));
        if (code == SASL_OK) {
            list(label, c);
            sasl_dispose(&c);
        } else
            say("%s conn %s", label, c ? "set" : "NULL");
    }
    set_option("mech_list", NULL);
    set_option("client_mech_list", NULL);
}

int main(void)
{
    const char **all;
    const char *out;
    unsigned len;
    int count;
    sasl_conn_t *c = NULL, *s;
    trace = 4;
    say("client only");
    sasl_client_init(NULL);
    all = sasl_global_listmech();
    for (int i = 0; all && all[i]; i++) printf(" %s", all[i]);
    say("");
    sasl_client_done();
    say("server only");
    sasl_server_init(NULL, NULL);
    all = sasl_global_listmech();
    for (int i = 0; all && all[i]; i++) printf(" %s", all[i]);
    say("");
    sasl_server_done();
    begin();
    all = sasl_global_listmech();
    printf("global:");
    for (int i = 0; all && all[i]; i++) printf(" %s", all[i]);
    say("");
    filters("server", s0);
    filters("client", c0);
    say("-- new flags");
    s = s_proxy(); list("server proxy", s); sasl_dispose(&s);
    s = c_proxy(); list("client proxy", s); sasl_dispose(&s);
    s = s_http(); list("server http", s); sasl_dispose(&s);
    s = c_http(); list("client http", s); sasl_dispose(&s);
    say("-- client without this and that");
    for (int i = 0; i < 5; i++) {
        sasl_callback_t cbs[6] = {{SASL_CB_LIST_END, NULL, NULL}};
        int n = 0;
        if (i != 1) cbs[n++] = (sasl_callback_t){SASL_CB_USER, i == 4 ? NULL : CB(on_simple), "x"};
        if (i != 2) cbs[n++] = (sasl_callback_t){SASL_CB_AUTHNAME, i == 4 ? NULL : CB(on_simple), "x"};
        if (i != 3) cbs[n++] = (sasl_callback_t){SASL_CB_PASS, i == 4 ? NULL : CB(on_pass), "x"};
        cbs[n].id = SASL_CB_LIST_END;
        sasl_client_new("svc", i == 0 ? NULL : FQDN, NULL, NULL, cbs, 0, &c);
        list(i == 0 ? "no fqdn" : i == 1 ? "no user" : i == 2 ? "no authname" : i == 3 ? "no pass" : "all interact", c);
        sasl_dispose(&c);
    }
    sasl_client_new("svc", NULL, NULL, NULL, NULL, 0, &c);
    list("no callbacks at all", c);
    sasl_dispose(&c);
    say("-- shapes");
    s = server();
    secprops(s, 0, 0, 0, SASL_SEC_NOPLAINTEXT | SASL_SEC_NOACTIVE);
    shaped(s, NULL, NULL, NULL, NULL);
    shaped(s, "alice", "(", ",", ")");
    shaped(s, "", "", "", "");
    shaped(s, NULL, NULL, "\r\n", NULL);
    shaped(s, NULL, "AUTH ", NULL, "\r\n");
    secprops(s, 0, 0, 0, 0xffff);
    shaped(s, NULL, "(", ",", ")");
    shaped(s, NULL, NULL, NULL, NULL);
    say("result NULL: %s", rc(sasl_listmech(s, NULL, NULL, NULL, NULL, NULL, &len, &count)));
    say("conn NULL: %s", rc(sasl_listmech(NULL, NULL, NULL, NULL, NULL, &out, &len, &count)));
    sasl_dispose(&s);
    mech_lists();
    finish();
    return 0;
}
