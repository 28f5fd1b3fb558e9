#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CALLBACK(function) (int (*)(void))(void (*)(void))(function)

static const char *sasldb;
static const char *password = RIGHT;

void must(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "not so: %s\n", what);
    exit(1);
}

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The store. */

static int lookup(void *context, sasl_server_params_t *params, unsigned flags, const char *user, unsigned len)
{
    const struct propval *asked = params->utils->prop_get(params->propctx);
    (void)context;
    if (len >= strlen("anonymous") && memcmp(user, "anonymous", strlen("anonymous")) == 0) return SASL_OK;
    if (len < strlen(USER) || memcmp(user, USER, strlen(USER)) != 0) return SASL_NOUSER;
    for (; asked && asked->name; asked++) {
        /* The properties of the user that is authenticated have a star. */
        int authenticated = asked->name[0] == '*';
        if (authenticated == !!(flags & SASL_AUXPROP_AUTHZID) || asked->values) continue;
        if (strcmp(asked->name + authenticated, SASL_AUX_PASSWORD_PROP) == 0)
            params->utils->prop_set(params->propctx, asked->name, RIGHT, (int)strlen(RIGHT));
    }
    return SASL_OK;
}

static int store(const sasl_utils_t *utils, int max, int *version, sasl_auxprop_plug_t **plugin, const char *name)
{
    static char own_name[] = "memory";
    static sasl_auxprop_plug_t own = {.auxprop_lookup = lookup, .name = own_name};
    (void)utils;
    (void)max;
    (void)name;
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plugin = &own;
    return SASL_OK;
}

/* What the library asks. */

static int option(void *context, const char *plugin, const char *name, const char **result, unsigned *len)
{
    (void)context;
    (void)plugin;
    if (strcmp(name, "auxprop_plugin") == 0) *result = sasldb ? "sasldb" : "memory";
    else if (strcmp(name, "pwcheck_method") == 0) *result = "auxprop";
    else if (strcmp(name, "sasldb_path") == 0 && sasldb) *result = sasldb;
    else return SASL_FAIL;
    if (len) *len = (unsigned)strlen(*result);
    return SASL_OK;
}

/* What is refused on purpose would fill the log of the system. */
static int no_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
    return SASL_OK;
}

static int simple(void *context, int id, const char **result, unsigned *len)
{
    (void)context;
    *result = id == SASL_CB_AUTHNAME ? USER : "";
    if (len) *len = (unsigned)strlen(*result);
    return SASL_OK;
}

static int secret(sasl_conn_t *conn, void *context, int id, sasl_secret_t **result)
{
    static union {
        sasl_secret_t secret;
        char room[sizeof(sasl_secret_t) + sizeof WRONG];
    } kept;
    (void)conn;
    (void)context;
    (void)id;
    kept.secret.len = strlen(password);
    memcpy(kept.secret.data, password, kept.secret.len);
    *result = &kept.secret;
    return SASL_OK;
}

static const sasl_callback_t callbacks[] = {
    {SASL_CB_GETOPT, CALLBACK(option), NULL},
    {SASL_CB_LOG, CALLBACK(no_log), NULL},
    {SASL_CB_USER, CALLBACK(simple), NULL},
    {SASL_CB_AUTHNAME, CALLBACK(simple), NULL},
    {SASL_CB_PASS, CALLBACK(secret), NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

void start_server(const char *database)
{
    sasldb = database;
    must(sasl_server_init(callbacks, "bench") == SASL_OK, "sasl_server_init");
    must(sasl_auxprop_add_plugin("memory", store) == SASL_OK, "sasl_auxprop_add_plugin");
}

void start_client(void) { must(sasl_client_init(callbacks) == SASL_OK, "sasl_client_init"); }

/* Connections. */

static void set_layer(sasl_conn_t *conn, unsigned ssf, unsigned flags)
{
    const sasl_security_properties_t properties = {
        .min_ssf = ssf, .max_ssf = ssf, .maxbufsize = ssf ? 1 << 20 : 0, .security_flags = flags};
    must(sasl_setprop(conn, SASL_SEC_PROPS, &properties) == SASL_OK, "SASL_SEC_PROPS");
}

sasl_conn_t *new_server(void)
{
    sasl_conn_t *conn = NULL;
    must(sasl_server_new("bench", REALM, NULL, NULL, NULL, NULL, 0, &conn) == SASL_OK, "sasl_server_new");
    return conn;
}

struct pair new_pair(unsigned ssf)
{
    struct pair pair = {.server = new_server()};
    must(sasl_client_new("bench", REALM, NULL, NULL, NULL, 0, &pair.client) == SASL_OK, "sasl_client_new");
    set_layer(pair.server, ssf, 0);
    set_layer(pair.client, ssf, 0);
    return pair;
}

void dispose_pair(struct pair *pair)
{
    sasl_dispose(&pair->server);
    sasl_dispose(&pair->client);
}

/* Adds the time since the last call to a sum. */
static void add(struct spent *spent, double *sum, double *since)
{
    double time;
    if (!spent) return;
    time = now();
    if (sum) *sum += time - *since;
    *since = time;
}

int exchange(struct pair *pair, const char *mechanism, int right, struct spent *spent)
{
    const char *response = NULL, *challenge = NULL;
    unsigned response_len = 0, challenge_len = 0;
    double since = 0;
    int client, server;

    password = right ? RIGHT : WRONG;
    if (strcmp(mechanism, "EXTERNAL") == 0) {
        sasl_setprop(pair->client, SASL_AUTH_EXTERNAL, USER);
        if (right) sasl_setprop(pair->server, SASL_AUTH_EXTERNAL, USER);
    } else if (strcmp(mechanism, "ANONYMOUS") == 0 && !right) {
        set_layer(pair->server, 0, SASL_SEC_NOANONYMOUS);
    }
    add(spent, NULL, &since);
    client = sasl_client_start(pair->client, mechanism, NULL, &response, &response_len, NULL);
    add(spent, spent ? &spent->client : NULL, &since);
    if (client != SASL_OK && client != SASL_CONTINUE) return client;
    server = sasl_server_start(pair->server, mechanism, response, response_len, &challenge, &challenge_len);
    add(spent, spent ? &spent->server : NULL, &since);
    while (server == SASL_CONTINUE) {
        client = sasl_client_step(pair->client, challenge, challenge_len, NULL, &response, &response_len);
        add(spent, spent ? &spent->client : NULL, &since);
        if (client != SASL_OK && client != SASL_CONTINUE) return client;
        server = sasl_server_step(pair->server, response ? response : "", response_len, &challenge, &challenge_len);
        add(spent, spent ? &spent->server : NULL, &since);
    }
    /* A last message with the success is for the client to check, such as the signature of a SCRAM server. */
    if (server == SASL_OK && client == SASL_CONTINUE) {
        client = sasl_client_step(pair->client, challenge, challenge_len, NULL, &response, &response_len);
        add(spent, spent ? &spent->client : NULL, &since);
    }
    return server == SASL_OK ? client : server;
}
