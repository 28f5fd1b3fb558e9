/* The stock mechanism plugins, opened by the program and handed to the library under names of their own (X-PLAIN), so that
 * what is built in does not take their place: whole exchanges, layers, prompts, passwords, and how they end. */
#include "abi.h"
#include <dlfcn.h>

/* ---- plugins under another name ----------------------------------------------------------------------------------- */

static sasl_server_plug_t server_plugs[32];
static sasl_client_plug_t client_plugs[32];
static int servers, clients;
static sasl_server_plug_init_t *server_entry;
static sasl_client_plug_init_t *client_entry;

static const char *renamed(const char *name)
{
    static char names[64][64];
    static int used;
    snprintf(names[used], sizeof names[used], "X-%s", name);
    return names[used++];
}
static int server_init(const sasl_utils_t *utils, int max, int *version, sasl_server_plug_t **list, int *count)
{
    int code = server_entry(utils, max, version, list, count);
    if (code != SASL_OK) return code;
    memcpy(server_plugs + servers, *list, (size_t)*count * sizeof **list);
    *list = server_plugs + servers;
    for (int i = 0; i < *count; i++) server_plugs[servers + i].mech_name = renamed(server_plugs[servers + i].mech_name);
    servers += *count;
    return code;
}
static int client_init(const sasl_utils_t *utils, int max, int *version, sasl_client_plug_t **list, int *count)
{
    int code = client_entry(utils, max, version, list, count);
    if (code != SASL_OK) return code;
    memcpy(client_plugs + clients, *list, (size_t)*count * sizeof **list);
    *list = client_plugs + clients;
    for (int i = 0; i < *count; i++) client_plugs[clients + i].mech_name = renamed(client_plugs[clients + i].mech_name);
    clients += *count;
    return code;
}

static void load(const char *name)
{
    char path[200];
    void *object;
    snprintf(path, sizeof path, "/usr/lib/x86_64-linux-gnu/sasl2/lib%s.so", name);
    object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        say("%s", dlerror());
        exit(1);
    }
    *(void **)&server_entry = dlsym(object, "sasl_server_plug_init");
    *(void **)&client_entry = dlsym(object, "sasl_client_plug_init");
    say("%s: server %s client %s", name, rc(sasl_server_add_plugin(name, server_init)), rc(sasl_client_add_plugin(name, client_init)));
}

/* ---- exchanges ------------------------------------------------------------------------------------------------------ */

/* As exchange(), but the server is told another name than the client has. Messages are not shown: they are random. */
static int talk(sasl_conn_t *c, sasl_conn_t *s, const char *client_mech, const char *server_mech)
{
    const char *out = NULL, *in = NULL;
    unsigned outlen = 0, inlen = 0;
    int sc, cc = sasl_client_start(c, client_mech, NULL, &out, &outlen, NULL), started = 0;
    for (int round = 0; round < 9; round++) {
        if (cc != SASL_OK && cc != SASL_CONTINUE) {
            say("  client %s %s", rc(cc), detail(c));
            return cc;
        }
        in = NULL;
        inlen = 0;
        sc = started ? sasl_server_step(s, out, outlen, &in, &inlen) : sasl_server_start(s, server_mech, out, outlen, &in, &inlen);
        started = 1;
        if (sc != SASL_OK && sc != SASL_CONTINUE) {
            say("  server %s", rc(sc));
            return sc;
        }
        if (sc == SASL_OK && in == NULL) break;
        out = NULL;
        outlen = 0;
        cc = sasl_client_step(c, in, inlen, NULL, &out, &outlen);
        if (sc == SASL_OK) {
            if (cc != SASL_OK) say("  client %s %s", rc(cc), detail(c));
            break;
        }
    }
    return sc;
}

static void transfer(sasl_conn_t *from, sasl_conn_t *to, const char *label)
{
    static char text[3000];
    const char *packet, *clear;
    unsigned len, clear_len;
    char whole[6000];
    unsigned got = 0, sent = 0;
    int code;
    for (unsigned i = 0; i < sizeof text; i++) text[i] = (char)('a' + i % 26);
    code = sasl_encode(from, text, sizeof text, &packet, &len);
    if (code != SASL_OK) {
        say("  %s encode %s", label, rc(code));
        return;
    }
    /* In pieces that are not packets. */
    for (; sent < len; sent += 700) {
        static char piece[700];
        unsigned size = len - sent < 700 ? len - sent : 700;
        memcpy(piece, packet + sent, size);
        code = sasl_decode(to, piece, size, &clear, &clear_len);
        if (code != SASL_OK) {
            say("  %s decode %s", label, rc(code));
            return;
        }
        if (clear_len) memcpy(whole + got, clear, clear_len);
        got += clear_len;
    }
    say("  %s: %u bytes as %s, %s", label, got, len == sizeof text ? "they are" : "packets",
        got == sizeof text && memcmp(whole, text, got) == 0 ? "the same" : "DIFFERENT");
}

static void ssf(sasl_conn_t *conn)
{
    const void *value;
    sasl_getprop(conn, SASL_SSF, &value);
    printf(" %u", *(const unsigned *)value);
}

static void run(const char *client_mech, const char *server_mech, const char *authzid, unsigned min, unsigned max, unsigned flags)
{
    sasl_conn_t *s = server_with(NULL, flags), *c = client_with(flags);
    int code;
    cli_user = authzid;
    say("%s to %s as %s ssf %u-%u flags %u", client_mech, server_mech, str(authzid), min, max, flags);
    secprops(s, min, max, 1000, 0);
    secprops(c, min, max, 1000, 0);
    code = talk(c, s, client_mech, server_mech);
    say("  %s", rc(code));
    show_identity("  server", s);
    if (code == SASL_OK) {
        show_identity("  client", c);
        printf("  strength");
        ssf(s);
        ssf(c);
        say("");
        transfer(s, c, "down");
        transfer(c, s, "up");
    }
    sasl_dispose(&s);
    sasl_dispose(&c);
    cli_user = "";
}

static void wrong(const char *client_mech, const char *server_mech)
{
    cli_pass = "wrong";
    run(client_mech, server_mech, "", 0, 0, 0);
    cli_pass = "secret";
    cli_auth = "nobody";
    run(client_mech, server_mech, "", 0, 0, 0);
    cli_auth = "alice";
}

/* A client that is asked for everything. */
static void prompted(const char *client_mech, const char *server_mech, int answer)
{
    sasl_callback_t asks[] = {{SASL_CB_USER, NULL, NULL}, {SASL_CB_AUTHNAME, NULL, NULL}, {SASL_CB_PASS, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *s = server(), *c = NULL;
    sasl_interact_t *prompts = NULL;
    const char *out = NULL, *in = NULL;
    unsigned outlen = 0, inlen = 0;
    int cc, sc = SASL_CONTINUE, started = 0;
    say("%s to %s with prompts%s", client_mech, server_mech, answer ? "" : ", unanswered");
    sasl_client_new("svc", FQDN, NULL, NULL, asks, 0, &c);
    cc = sasl_client_start(c, client_mech, &prompts, &out, &outlen, NULL);
    for (int round = 0; round < 12; round++) {
        if (cc == SASL_INTERACT) {
            for (sasl_interact_t *p = prompts; p && p->id; p++) {
                say("  asked 0x%lx %s %s %s", p->id, str(p->challenge), str(p->prompt), str(p->defresult));
                if (!answer) continue;
                p->result = p->id == SASL_CB_PASS ? "secret" : p->id == SASL_CB_USER ? "" : "alice";
                p->len = (unsigned)strlen(p->result);
            }
            if (started) cc = sasl_client_step(c, in, inlen, &prompts, &out, &outlen);
            else cc = sasl_client_start(c, client_mech, &prompts, &out, &outlen, NULL);
            say("  then %s, prompts %s", rc(cc), prompts ? "left" : "gone");
            if (cc == SASL_INTERACT) break;
            continue;
        }
        if (cc != SASL_OK && cc != SASL_CONTINUE) {
            say("  client %s %s", rc(cc), detail(c));
            break;
        }
        if (sc == SASL_OK) break;
        sc = started ? sasl_server_step(s, out, outlen, &in, &inlen) : sasl_server_start(s, server_mech, out, outlen, &in, &inlen);
        started = 1;
        if (sc != SASL_CONTINUE) break;
        out = NULL;
        outlen = 0;
        cc = sasl_client_step(c, in, inlen, &prompts, &out, &outlen);
    }
    say("  server %s", rc(sc));
    show_identity("  server", s);
    /* What is left of the prompts is the application's. */
    free(prompts);
    sasl_dispose(&s);
    sasl_dispose(&c);
}

int main(void)
{
    static const char *const plugins[] = {"plain", "login", "crammd5", "anonymous", "digestmd5", "scram"};
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-512"};
    static const unsigned windows[][2] = {{0, 0}, {0, 1}, {1, 1}, {0, 256}, {56, 128}, {128, 128}};
    begin();
    mem_set("anonymous", "nothing", "x", -1);
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++) load(plugins[i]);
    for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++) {
        char foreign[40];
        snprintf(foreign, sizeof foreign, "X-%s", mechs[i]);
        say("== %s", mechs[i]);
        run(foreign, foreign, "", 0, 0, 0);
        run(foreign, foreign, "", 0, 0, SASL_SUCCESS_DATA);
        run(foreign, foreign, "bob", 0, 0, 0);
        run(foreign, mechs[i], "", 0, 0, 0);
        run(mechs[i], foreign, "", 0, 0, 0);
        wrong(foreign, foreign);
        prompted(foreign, foreign, 1);
        prompted(foreign, foreign, 0);
    }
    say("== ANONYMOUS");
    run("X-ANONYMOUS", "X-ANONYMOUS", "", 0, 0, 0);
    say("== layers");
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        run("X-DIGEST-MD5", "X-DIGEST-MD5", "", windows[i][0], windows[i][1], 0);
        run("X-DIGEST-MD5", "DIGEST-MD5", "bob", windows[i][0], windows[i][1], 0);
        run("DIGEST-MD5", "X-DIGEST-MD5", "", windows[i][0], windows[i][1], SASL_SUCCESS_DATA);
    }
    run("X-PLAIN", "X-PLAIN", "", 1, 256, 0);
    say("== passwords");
    {
        sasl_conn_t *s = server();
        say("setpass %s", rc(sasl_setpass(s, "carol", "new secret", 10, NULL, 0, SASL_SET_CREATE)));
        sasl_dispose(&s);
        cli_auth = "carol";
        cli_pass = "new secret";
        run("X-SCRAM-SHA-1", "X-SCRAM-SHA-1", "", 0, 0, 0);
        run("SCRAM-SHA-1", "X-SCRAM-SHA-1", "", 0, 0, 0);
        cli_auth = "alice";
        cli_pass = "secret";
    }
    say("== abandoned in the middle");
    for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++) {
        char foreign[40];
        sasl_conn_t *s = server(), *c = client();
        const char *out, *in;
        unsigned outlen, inlen;
        snprintf(foreign, sizeof foreign, "X-%s", mechs[i]);
        sasl_client_start(c, foreign, NULL, &out, &outlen, NULL);
        sasl_server_start(s, foreign, out, outlen, &in, &inlen);
        /* Another takes its place. */
        sasl_server_start(s, "X-CRAM-MD5", NULL, 0, &in, &inlen);
        sasl_dispose(&s);
        sasl_dispose(&c);
    }
    finish();
    return 0;
}
