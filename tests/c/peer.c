/* One end of an exchange: a server or a client that talks over its standard input and output to the other end, which may
 * run on another library. What came of it goes to the standard error, one line for each fact.
 *
 *   peer server|client MECHANISM [name=value ...]
 *
 * user, authzid, pass, realm, fqdn, min, max, and path (for plugins) are its own; every other name is an option that the
 * library is told when it asks. Afterwards each end sends text through the security layer, and checks what it gets.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#include "abi.h"

static const char *given(const char *name, const char *otherwise)
{
    for (size_t i = 0; i < sizeof options / sizeof *options && options[i].name; i++)
        if (strcmp(options[i].name, name) == 0) return options[i].value;
    return otherwise;
}

#define TELL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))

static int logs(void *context, int level, const char *line)
{
    (void)context;
    TELL("log %d %s", level, line);
    return SASL_OK;
}
static int finds_path(void *context, const char **path)
{
    (void)context;
    *path = given("path", "/nonexistent");
    return SASL_OK;
}
static int names(void *context, int id, const char **result, unsigned *len)
{
    (void)context;
    *result = id == SASL_CB_USER ? given("authzid", "") : given("user", "alice");
    if (len) *len = (unsigned)strlen(*result);
    return SASL_OK;
}
static int has_pass(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    static union { sasl_secret_t secret; char room[300]; } kept;
    const char *pass = given("pass", "secret");
    (void)conn, (void)context, (void)id;
    kept.secret.len = strlen(pass);
    strcpy((char *)kept.secret.data, pass);
    *secret = &kept.secret;
    return SASL_OK;
}
static int has_realm(void *context, int id, const char **available, const char **result)
{
    (void)context, (void)id, (void)available;
    *result = given("realm", FQDN);
    return SASL_OK;
}

static sasl_callback_t callbacks[] = {{SASL_CB_GETOPT, CB(on_getopt), NULL},      {SASL_CB_LOG, CB(logs), NULL},
                                      {SASL_CB_GETPATH, CB(finds_path), NULL},    {SASL_CB_USER, CB(names), NULL},
                                      {SASL_CB_AUTHNAME, CB(names), NULL},        {SASL_CB_PASS, CB(has_pass), NULL},
                                      {SASL_CB_GETREALM, CB(has_realm), NULL},    {SASL_CB_LIST_END, NULL, NULL}};

/* ---- messages: a length, then the bytes; a length of all ones says that the other end has failed, one less is NULL ---- */

#define FAILED 0xffffffffu
#define NOTHING 0xfffffffeu

static void transport(int writing, void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = writing ? write(1, (char *)bytes + done, len - done) : read(0, (char *)bytes + done, len - done);
        if (n <= 0) {
            TELL("the other end has gone");
            exit(3);
        }
        done += (size_t)n;
    }
}
static void put(const char *bytes, unsigned len)
{
    uint32_t head = bytes ? len : NOTHING;
    transport(1, &head, sizeof head);
    if (bytes) transport(1, (void *)(uintptr_t)bytes, len);
}
static char message[1 << 20];
static const char *get(unsigned *len)
{
    uint32_t head;
    transport(0, &head, sizeof head);
    *len = 0;
    if (head == NOTHING) return NULL;
    if (head == FAILED || head > sizeof message) {
        TELL("the other end has failed");
        exit(2);
    }
    transport(0, message, head);
    *len = head;
    return message;
}
static void fail(sasl_conn_t *conn, const char *what, int code)
{
    uint32_t head = FAILED;
    TELL("%s %s %s", what, rc(code), conn ? sasl_errdetail(conn) : "");
    transport(1, &head, sizeof head);
    exit(1);
}

/* ---- whose code runs ------------------------------------------------------------------------------------------------ */

static void tell_file(const char *mech, const void *function)
{
    Dl_info info;
    TELL("code of %s in %s", mech, dladdr(function, &info) ? info.dli_fname : "?");
}
static void server_code(server_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock)
{
    (void)rock;
    if (stage == SASL_INFO_LIST_MECH) tell_file(mech->plug->mech_name, *(void **)&mech->plug->mech_step);
}
static void client_code(client_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock)
{
    (void)rock;
    if (stage == SASL_INFO_LIST_MECH) tell_file(mech->plug->mech_name, *(void **)&mech->plug->mech_step);
}
static void store_code(sasl_auxprop_plug_t *plug, sasl_info_callback_stage_t stage, void *rock)
{
    (void)rock;
    if (stage == SASL_INFO_LIST_MECH) tell_file(plug->name, *(void **)&plug->auxprop_lookup);
}

/* ---- the exchange --------------------------------------------------------------------------------------------------- */

static void serve(sasl_conn_t *conn, const char *mech)
{
    unsigned len, outlen;
    const char *in = get(&len), *out;
    int code = sasl_server_start(conn, mech, in, len, &out, &outlen);
    while (code == SASL_CONTINUE) {
        put(out, outlen);
        in = get(&len);
        code = sasl_server_step(conn, in, len, &out, &outlen);
    }
    if (code != SASL_OK) fail(conn, "server", code);
    put(out, outlen);
}
static void ask(sasl_conn_t *conn, const char *mech)
{
    unsigned len, outlen;
    const char *in, *out, *chosen;
    int code = sasl_client_start(conn, mech, NULL, &out, &outlen, &chosen);
    while (1) {
        if (code != SASL_OK && code != SASL_CONTINUE) fail(conn, "client", code);
        put(out, outlen);
        in = get(&len);
        if (code == SASL_OK) break;
        if (in == NULL && code == SASL_CONTINUE) {
            in = "";
            len = 0;
        }
        code = sasl_client_step(conn, in, len, NULL, &out, &outlen);
        if (code == SASL_OK && out == NULL) break;
    }
}

static void carry(sasl_conn_t *conn, int server)
{
    static char text[20000];
    for (int turn = 0; turn < 2; turn++) {
        if (turn == server) {
            const char *packet;
            unsigned len, sent = 0;
            int code;
            for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + (i + (size_t)server) % 26);
            code = sasl_encode(conn, text, sizeof text, &packet, &len);
            if (code != SASL_OK) fail(conn, "encode", code);
            for (; sent < len; sent += 1500) put(packet + sent, len - sent < 1500 ? len - sent : 1500);
            put("", 0);
        } else {
            unsigned got = 0, len, clear;
            const char *in, *out;
            while (in = get(&len), len > 0) {
                int code = sasl_decode(conn, in, len, &out, &clear);
                if (code != SASL_OK) fail(conn, "decode", code);
                for (unsigned i = 0; i < clear; i++, got++)
                    if (out[i] != 'a' + (int)(got + (unsigned)!server) % 26) fail(conn, "text", (int)got);
            }
            if (got != sizeof text) fail(conn, "text", (int)got);
        }
    }
    TELL("text carried");
}

int main(int argc, char **argv)
{
    int server = argc > 2 && strcmp(argv[1], "server") == 0, code;
    sasl_conn_t *conn = NULL;
    const void *value;
    if (argc < 3) return 64;
    for (int i = 3; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL) return 64;
        *equals = 0;
        set_option(argv[i], equals + 1);
    }
    code = server ? sasl_server_init(callbacks, NULL) : sasl_client_init(callbacks);
    if (code != SASL_OK) fail(NULL, "init", code);
    if (server) {
        sasl_server_plugin_info(argv[2], server_code, NULL);
        auxprop_plugin_info(NULL, store_code, NULL);
        code = sasl_server_new("svc", given("fqdn", FQDN), given("realm", NULL), NULL, NULL, callbacks, SASL_SUCCESS_DATA, &conn);
    } else {
        sasl_client_plugin_info(argv[2], client_code, NULL);
        code = sasl_client_new("svc", given("fqdn", FQDN), NULL, NULL, callbacks, SASL_SUCCESS_DATA, &conn);
    }
    if (code != SASL_OK) fail(conn, "new", code);
    secprops(conn, (unsigned)atoi(given("min", "0")), (unsigned)atoi(given("max", "256")), 4000, 0);
    if (server) serve(conn, argv[2]);
    else ask(conn, argv[2]);
    if (sasl_getprop(conn, SASL_USERNAME, &value) == SASL_OK) TELL("user %s", (const char *)value);
    if (sasl_getprop(conn, SASL_AUTHUSER, &value) == SASL_OK) TELL("authuser %s", (const char *)value);
    if (sasl_getprop(conn, SASL_SSF, &value) == SASL_OK) TELL("ssf %u", *(const unsigned *)value);
    if (sasl_getprop(conn, SASL_AUTHSOURCE, &value) == SASL_OK) TELL("source %s", (const char *)value);
    carry(conn, server);
    sasl_dispose(&conn);
    TELL("done %s", rc(server ? sasl_server_done() : sasl_client_done()));
    return 0;
}
