/* Canonicalisation: the built-in rules, the application's callback, plugins, realms, lengths. */
#include "abi.h"

static sasl_callback_t plain_callbacks[] = {{SASL_CB_GETOPT, CB(on_getopt), "x"}, {SASL_CB_LOG, CB(on_log), "x"}, {SASL_CB_LIST_END, NULL, NULL}};

/* What the server makes of a name; PLAIN with whatever password shows it. */
static void server_makes(const char *name, int len, const char *realm, int with_callback)
{
    char message[5000];
    sasl_conn_t *s = NULL;
    const char *out;
    const void *user = NULL;
    unsigned outlen;
    int code, got;
    if (len < 0) len = (int)strlen(name);
    message[0] = 0;
    memcpy(message + 1, name, (size_t)len);
    memcpy(message + 1 + len, "\0x", 2);
    sasl_server_new("svc", FQDN, realm, NULL, NULL, with_callback ? server_callbacks : plain_callbacks, 0, &s);
    code = sasl_server_start(s, "PLAIN", message, (unsigned)len + 3, &out, &outlen);
    got = sasl_getprop(s, SASL_AUTHUSER, &user);
    say("%s realm %s%s: %s %s %s", len > 100 ? "long" : esc(name, len), str(realm), with_callback ? " callback" : "", rc(code), rc(got),
        got == SASL_OK ? (strlen(user) > 100 ? "long" : str(user)) : detail(s));
    sasl_dispose(&s);
}

static void client_makes(const char *name, int with_callback)
{
    sasl_callback_t cbs[] = {{SASL_CB_GETOPT, CB(on_getopt), "x"}, {SASL_CB_LOG, CB(on_log), "x"}, {SASL_CB_USER, CB(on_simple), "x"},
                             {SASL_CB_AUTHNAME, CB(on_simple), "x"}, {SASL_CB_PASS, CB(on_pass), "x"},
                             {with_callback ? SASL_CB_CANON_USER : SASL_CB_LIST_END, CB(on_canon), "x"}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *c = NULL;
    const char *out;
    unsigned len;
    int code;
    cli_auth = name;
    sasl_client_new("svc", FQDN, NULL, NULL, cbs, 0, &c);
    code = sasl_client_start(c, "PLAIN", NULL, &out, &len, NULL);
    say("client %s%s: %s %s", strlen(name) > 100 ? "long" : str(name), with_callback ? " callback" : "", rc(code),
        code == SASL_OK ? (len > 200 ? "long" : esc(out, len)) : detail(c));
    show_identity(" ", c);
    sasl_dispose(&c);
    cli_auth = "alice";
}

static int plug_result, plug_version = SASL_CANONUSER_PLUG_VERSION;
/* The name and what a plugin adds; out may be the buffer that user is in. */
static int append(const char *user, unsigned len, const char *more, char *out, unsigned max, unsigned *outlen)
{
    char whole[1200];
    *outlen = (unsigned)snprintf(whole, sizeof whole, "%.*s+%s", (int)len, user, more);
    if (*outlen > max) return SASL_BUFOVER;
    memcpy(out, whole, *outlen + 1);
    return SASL_OK;
}
static int plug_server(void *glob, sasl_server_params_t *params, const char *user, unsigned len, unsigned flags, char *out, unsigned max,
                       unsigned *outlen)
{
    say("  plugin %s server %s flags 0x%x realm %s max %u", (char *)glob, esc(user, len), flags, str(params->user_realm), max);
    if (plug_result) return plug_result;
    return append(user, len, glob, out, max, outlen);
}
static int plug_client(void *glob, sasl_client_params_t *params, const char *user, unsigned len, unsigned flags, char *out, unsigned max,
                       unsigned *outlen)
{
    say("  plugin %s client %s flags 0x%x fqdn %s max %u", (char *)glob, esc(user, len), flags, str(params->serverFQDN), max);
    if (plug_result) return plug_result;
    return append(user, len, glob, out, max, outlen);
}
static void plug_free(void *glob, const sasl_utils_t *utils) { say("  plugin %s freed, utils %s", (char *)glob, utils ? "given" : "NULL"); }

static sasl_canonuser_plug_t both = {.glob_context = "both", .name = "inner", .canon_user_free = plug_free, .canon_user_server = plug_server,
                                     .canon_user_client = plug_client};
static sasl_canonuser_plug_t only_server = {.glob_context = "server", .name = "onlyserver", .canon_user_server = plug_server};
static sasl_canonuser_plug_t neither = {.glob_context = "neither", .name = "neither"};
static sasl_canonuser_plug_t *next;
static int next_code;
static int plug_init(const sasl_utils_t *utils, int max, int *version, sasl_canonuser_plug_t **plug, const char *name)
{
    say("  init max %d name %s utils %s", max, str(name), utils ? "given" : "NULL");
    *version = plug_version;
    *plug = next;
    return next_code;
}
static void add(const char *name, sasl_canonuser_plug_t *plug)
{
    next = plug;
    say("add %s: %s", str(name), rc(sasl_canonuser_add_plugin(name, plug_init)));
}

int main(void)
{
    char big[3000];
    static const char *const names[] = {"alice", " alice", "alice ", "\talice\r\n", "al ice", "  ", " ", "", "\t\n", "Alice", "alice@x", "@x", "alice@",
                                        "@", "a@b@c", "al\xc3\xa4", "\xff", " @x ", "alice @x", "\xa0" "alice", NULL};
    static const char *const realms[] = {NULL, "r.example", "", " ", "R@S"};
    trace = 4;
    begin();
    for (int r = 0; r < 5; r++)
        for (int i = 0; names[i]; i++) {
            server_makes(names[i], -1, realms[r], 0);
            if (r < 2) server_makes(names[i], -1, realms[r], 1);
        }
    server_makes("ali\0ce", 6, NULL, 0);
    for (int i = 0; names[i]; i++) {
        client_makes(names[i], 0);
        client_makes(names[i], 1);
    }
    for (unsigned n = 1005; n < 1040; n++) {
        memset(big, 'u', n);
        big[n] = 0;
        if (n == 1005 || (n > 1012 && n < 1018) || n > 1022) {
            say("%u", n);
            server_makes(big, -1, NULL, 0);
            server_makes(big, -1, "r.example", 0);
            client_makes(big, 0);
        }
        if (n == 1026) break;
    }
    memset(big, ' ', 1500);
    memcpy(big + 700, "alice", 5);
    big[1500] = 0;
    server_makes(big, -1, NULL, 0);
    client_makes(big, 0);
    say("-- callback that changes and refuses");
    canon_suffix = "+cb";
    server_makes("alice", -1, NULL, 1);
    server_makes("alice", -1, "r.example", 1);
    canon_suffix = "@over";
    server_makes("alice", -1, "r.example", 1);
    client_makes("alice", 1);
    canon_suffix = NULL;
    canon_result = SASL_BADAUTH;
    server_makes("alice", -1, NULL, 1);
    client_makes("alice", 1);
    canon_result = SASL_CONTINUE;
    server_makes("alice", -1, NULL, 1);
    canon_result = 0;
    say("-- plugins");
    say("add NULL name: %s", rc(sasl_canonuser_add_plugin(NULL, plug_init)));
    add("outer", &both);
    add("server", &only_server);
    add("neither", &neither);
    plug_version = 1;
    add("old", &both);
    plug_version = SASL_CANONUSER_PLUG_VERSION;
    next_code = SASL_NOMECH;
    add("refusing", &both);
    next_code = SASL_OK;
    for (int i = 0; i < 9; i++) {
        static const char *const chosen[] = {"inner", "outer", "INNER", "server", "onlyserver", "INTERNAL", "internal", "nosuch", ""};
        say("canon_user_plugin %s", chosen[i]);
        set_option("canon_user_plugin", chosen[i]);
        server_makes("alice", -1, "r.example", 0);
        server_makes("alice", -1, NULL, 1);
        if (i != 3 && i != 4) client_makes("alice", 0);
    }
    set_option("canon_user_plugin", "inner");
    plug_result = SASL_BADAUTH;
    server_makes("alice", -1, NULL, 0);
    plug_result = SASL_NOUSER;
    server_makes("alice", -1, NULL, 0);
    client_makes("alice", 0);
    finish();
    return 0;
}
