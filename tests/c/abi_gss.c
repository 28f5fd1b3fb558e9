/* GSSAPI, GSS-SPNEGO and GS2-KRB5 between two connections of the library: which layer comes of which limits, channel bindings,
 * names and who is asked about them, credentials, delegation, and what is said when something is missing. Runs in a Kerberos
 * realm with alice's tickets in the default cache; CACHE_BOB, CACHE_OLGA (of another realm) and CACHE_FORWARD (alice's, which may be
 * forwarded) name others. */
#include "abi.h"
#include "gss.h"

static const char *const mechs[] = {"GSSAPI", "GSS-SPNEGO", "GS2-KRB5"};

/* Runs the exchange; the codes that the two sides ended with. */
static int quiet(sasl_conn_t *c, sasl_conn_t *s, const char *offered, int *at_client, int *at_server)
{
    const char *out = NULL, *in = NULL, *chosen = NULL;
    unsigned outlen = 0, inlen = 0;
    *at_server = SASL_NOTDONE;
    *at_client = sasl_client_start(c, offered, NULL, &out, &outlen, &chosen);
    if (*at_client < 0) return 0;
    *at_server = sasl_server_start(s, chosen, out, outlen, &in, &inlen);
    while (*at_server == SASL_CONTINUE && *at_client >= 0) {
        if (*at_client == SASL_CONTINUE) *at_client = sasl_client_step(c, in, inlen, NULL, &out, &outlen);
        else outlen = 0;
        if (*at_client < 0) break;
        in = NULL;
        inlen = 0;
        *at_server = sasl_server_step(s, out, outlen, &in, &inlen);
    }
    return *at_client == SASL_OK && *at_server == SASL_OK;
}

static unsigned number(sasl_conn_t *conn, int id)
{
    const void *value = NULL;
    return sasl_getprop(conn, id, &value) == SASL_OK && value ? *(const unsigned *)value : 99999999u;
}

/* Bytes through the layer, both ways, in one piece, in single bytes, and several packets at once. */
static const char *talk(sasl_conn_t *from, sasl_conn_t *to)
{
    static char text[300000], got[300000];
    const char *out, *part;
    unsigned len, part_len, total;
    for (unsigned i = 0; i < sizeof text; i++) text[i] = (char)(i * 7);
    for (unsigned size = 1; size < sizeof text; size = size * 13 + 1) {
        int code = sasl_encode(from, text, size, &out, &len);
        if (code != SASL_OK) return rc(code);
        unsigned step = size == 1 ? 1 : size < 300 ? 7 : size < 40000 ? 16384 : 60000;
        total = 0;
        for (unsigned at = 0; at < len; at += step) {
            code = sasl_decode(to, out + at, at + step < len ? step : len - at, &part, &part_len);
            if (code != SASL_OK) return rc(code);
            if (total + part_len > sizeof got) return "too much";
            memcpy(got + total, part, part_len);
            total += part_len;
        }
        if (total != size || memcmp(text, got, size) != 0) return "differs";
    }
    return "same";
}

static void limits(const char *mech, const unsigned *w)
{
    sasl_conn_t *c = client(), *s = server();
    int cc, sc;
    secprops(c, w[0], w[1], w[2], 0);
    secprops(s, w[3], w[4], w[5], 0);
    sasl_setprop(c, SASL_SSF_EXTERNAL, &w[6]);
    sasl_setprop(s, SASL_SSF_EXTERNAL, &w[6]);
    printf("%s client %u..%u/%u server %u..%u/%u external %u: ", mech, w[0], w[1], w[2], w[3], w[4], w[5], w[6]);
    if (quiet(c, s, mech, &cc, &sc)) {
        printf("ssf %u/%u maxout %u/%u", number(c, SASL_SSF), number(s, SASL_SSF), number(c, SASL_MAXOUTBUF), number(s, SASL_MAXOUTBUF));
        if (w[2] >= 1000 && w[2] < 100000 && w[5] >= 1000 && number(c, SASL_SSF) == number(s, SASL_SSF)) {
            printf(" c>s %s", number(c, SASL_SSF) ? talk(c, s) : "-");
            printf(" s>c %s", number(c, SASL_SSF) ? talk(s, c) : "-");
        }
        say("");
    } else say("client %s server %s", rc(cc), rc(sc));
    sasl_dispose(&c);
    sasl_dispose(&s);
}

static void layers(void)
{
    static const unsigned windows[][7] = {
        {0, 256, 65536, 0, 256, 65536, 0}, {0, 0, 65536, 0, 256, 65536, 0}, {0, 256, 65536, 0, 0, 65536, 0},
        {0, 1, 65536, 0, 256, 65536, 0}, {0, 256, 65536, 0, 1, 65536, 0}, {1, 1, 65536, 1, 1, 65536, 0},
        {2, 256, 65536, 0, 256, 65536, 0}, {0, 255, 65536, 0, 256, 65536, 0}, {0, 256, 65536, 0, 255, 65536, 0},
        {256, 256, 65536, 256, 256, 65536, 0}, {0, 1, 65536, 2, 256, 65536, 0}, {2, 256, 65536, 0, 1, 65536, 0},
        {0, 0, 65536, 1, 256, 65536, 0}, {1, 256, 65536, 0, 0, 65536, 0}, {257, 300, 65536, 0, 256, 65536, 0},
        {0, 256, 65536, 257, 300, 65536, 0}, {0, 256, 0, 0, 256, 65536, 0}, {0, 256, 65536, 0, 256, 0, 0},
        {0, 256, 1000, 0, 256, 3000, 0}, {0, 1, 3000, 0, 256, 1000, 0}, {0, 256, 60, 0, 256, 60, 0},
        {0, 256, 61, 0, 256, 61, 0}, {0, 256, 0x2000000, 0, 256, 0x2000000, 0}, {0, 256, 65536, 0, 256, 65536, 128},
        {0, 256, 65536, 0, 256, 65536, 256}, {200, 256, 65536, 0, 256, 65536, 128}};
    for (int m = 0; m < 3; m++)
        for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
            if (m < 2 || windows[i][0] <= windows[i][6]) limits(mechs[m], windows[i]);
}

/* ---- channel bindings ------------------------------------------------------------------------------------------- */

static sasl_channel_binding_t unique = {"tls-unique", 0, 4, (const unsigned char *)"data"},
                              critical = {"tls-unique", 1, 4, (const unsigned char *)"data"},
                              other_data = {"tls-unique", 0, 4, (const unsigned char *)"atad"},
                              end_point = {"tls-server-end-point", 0, 4, (const unsigned char *)"data"},
                              empty = {"tls-unique", 0, 0, (const unsigned char *)""};

static const struct { const char *name; sasl_channel_binding_t *binding; } kinds[] = {
    {"none", NULL}, {"unique", &unique}, {"critical", &critical}, {"other data", &other_data}, {"end point", &end_point}, {"empty", &empty}};

static void bound(int at_client, int at_server, const char *offered)
{
    sasl_conn_t *c = client(), *s = server();
    int cc, sc;
    secprops(c, 0, 256, 65536, 0);
    secprops(s, 0, 256, 65536, 0);
    if (kinds[at_client].binding) sasl_setprop(c, SASL_CHANNEL_BINDING, kinds[at_client].binding);
    if (kinds[at_server].binding) sasl_setprop(s, SASL_CHANNEL_BINDING, kinds[at_server].binding);
    quiet(c, s, offered, &cc, &sc);
    say("\"%s\" client %s, server %s: client %s server %s", offered, kinds[at_client].name, kinds[at_server].name,
        cc < 0 ? rc(cc) : "goes on", cc < 0 ? "-" : rc(sc));
    sasl_dispose(&c);
    sasl_dispose(&s);
}

static void bindings(void)
{
    static const char *const offers[] = {"GSSAPI", "GSS-SPNEGO", "GS2-KRB5 GS2-KRB5-PLUS", "GS2-KRB5 PLAIN"};
    for (int o = 0; o < 4; o++)
        for (int a = 0; a < 6; a++)
            for (int b = 0; b < 6; b++) bound(a, b, offers[o]);
}

/* ---- names, credentials ------------------------------------------------------------------------------------------- */

static void show_gss(const char *label, sasl_conn_t *conn)
{
    const void *peer = NULL, *local = NULL, *cred = NULL;
    uint32_t minor;
    int p = sasl_getprop(conn, SASL_GSS_PEER_NAME, &peer), l = sasl_getprop(conn, SASL_GSS_LOCAL_NAME, &local),
        d = sasl_getprop(conn, SASL_DELEGATEDCREDS, &cred);
    void *whose = NULL;
    printf("%s peer %s %s local %s %s delegated %s", label, rc(p), p ? "-" : named(peer), rc(l), l ? "-" : named(local), rc(d));
    if (d == SASL_OK && gss_inquire_cred(&minor, *(void *const *)cred, &whose, NULL, NULL, NULL) == 0) {
        printf(" of %s", named(whose));
        gss_release_name(&minor, &whose);
    }
    say("");
}

static void who(const char *label, const char *mech, const char *cache, const char *user, const char *auth, const char *realm, unsigned flags)
{
    const char *before = getenv("KRB5CCNAME");
    char *kept = strdup(before ? before : "");
    sasl_conn_t *c, *s;
    say("-- %s %s", label, mech);
    if (cache) setenv("KRB5CCNAME", cache, 1);
    cli_user = user;
    cli_auth = auth;
    c = client();
    s = server_with(realm, 0);
    secprops(c, 0, 256, 65536, flags);
    secprops(s, 0, 256, 65536, 0);
    trace = 1;
    int cc, sc;
    quiet(c, s, mech, &cc, &sc);
    trace = 0;
    say("client %s server %s", rc(cc), rc(sc));
    show_identity("C", c);
    show_identity("S", s);
    show_gss("C", c);
    show_gss("S", s);
    sasl_dispose(&c);
    sasl_dispose(&s);
    cli_user = "";
    cli_auth = "alice";
    setenv("KRB5CCNAME", kept, 1);
    free(kept);
}

static void names(void)
{
    for (int m = 0; m < 3; m++) {
        who("the same", mechs[m], NULL, "", "alice", NULL, 0);
        who("another", mechs[m], NULL, "bob", "alice", NULL, 0);
        who("a comma, and no such user", mechs[m], NULL, "a,b=c", "alice", NULL, 0);
        who("with a realm", mechs[m], NULL, "bob", "alice", "x.example", 0);
        who("of another realm", mechs[m], getenv("CACHE_OLGA"), "", "olga@OTHER.TEST", NULL, 0);
        who("not in the store", mechs[m], getenv("CACHE_GHOST"), "", "ghost/admin", NULL, 0);
        who("delegated", mechs[m], getenv("CACHE_FORWARD"), "", "alice", NULL, SASL_SEC_PASS_CREDENTIALS);
        proxy_result = SASL_NOAUTHZ;
        who("refused", mechs[m], NULL, "bob", "alice", NULL, 0);
        proxy_result = SASL_OK;
    }
}

static void given_credentials(void)
{
    void *cred = tickets(getenv("CACHE_BOB"));
    uint32_t minor;
    for (int m = 0; m < 3; m++) {
        sasl_conn_t *c, *s;
        const void *value = NULL;
        int cc, sc;
        cli_auth = "bob";
        c = client();
        s = server();
        secprops(c, 0, 256, 65536, 0);
        secprops(s, 0, 256, 65536, 0);
        say("%s with given credentials: set %s", mechs[m], rc(sasl_setprop(c, SASL_GSS_CREDS, cred)));
        int code = sasl_getprop(c, SASL_GSS_CREDS, &value);
        say("get %s %s", rc(code), value == cred ? "the same" : "another");
        quiet(c, s, mechs[m], &cc, &sc);
        say("client %s server %s", rc(cc), rc(sc));
        show_identity("C", c);
        show_identity("S", s);
        sasl_dispose(&c);
        sasl_dispose(&s);
        cli_auth = "alice";
    }
    gss_release_cred(&minor, &cred);
}

/* ---- what is missing ------------------------------------------------------------------------------------------------- */

static void missing(const char *variable, const char *value)
{
    char *kept = strdup(getenv(variable));
    setenv(variable, value, 1);
    cli_pass = NULL;
    for (int m = 0; m < 3; m++) {
        sasl_conn_t *c = client(), *s = server();
        int cc, sc;
        secprops(c, 0, 256, 65536, 0);
        secprops(s, 0, 256, 65536, 0);
        quiet(c, s, mechs[m], &cc, &sc);
        say("%s without %s: client %s server %s", mechs[m], variable, rc(cc), rc(sc));
        if (cc < 0) say("C detail %s", detail(c));
        if (cc >= 0 && sc < 0) say("S detail %s", detail(s));
        sasl_dispose(&c);
        sasl_dispose(&s);
    }
    cli_pass = "secret";
    setenv(variable, kept, 1);
    free(kept);
}

static void list(const char *label)
{
    sasl_conn_t *s = server();
    const char *text = NULL;
    secprops(s, 0, 256, 65536, 0);
    int code = sasl_listmech(s, NULL, "", " ", "", &text, NULL, NULL);
    say("%s: %s %s", label, rc(code), text);
    sasl_setprop(s, SASL_CHANNEL_BINDING, &unique);
    sasl_listmech(s, NULL, "", " ", "", &text, NULL, NULL);
    say("%s, with a channel binding: %s", label, text);
    sasl_dispose(&s);
}

int main(void)
{
    begin();
    list("list");
    say("-- layers");
    layers();
    say("-- bindings");
    bindings();
    names();
    say("-- given credentials");
    given_credentials();
    say("-- missing");
    missing("KRB5CCNAME", "FILE:/nonexistent/cache");
    missing("KRB5_KTNAME", "FILE:/nonexistent/keytab");
    finish();
    return 0;
}
