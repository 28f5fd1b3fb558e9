/* Callbacks that use the very connection that they are called for. */
#include "c1.h"

static sasl_conn_t *current, *current_client;
static int policies, names;

static int policy(void *context, const char *auth, const char *requested, const char **user, const char **errstr)
{
    sasl_security_properties_t props = {0, 0, 0, 0, NULL, NULL};
    void *value;
    char *out;
    unsigned len;
    (void)context, (void)auth, (void)requested, (void)errstr;
    policies++;
    is(sasl_getprop(current, SASL_SSF, &value), SASL_OK);
    is(sasl_getprop(current, SASL_USERNAME, &value), SASL_NOTDONE);
    is(sasl_setprop(current, SASL_SEC_PROPS, &props), SASL_OK);
    is(sasl_listmech(current, NULL, NULL, NULL, NULL, &out, &len, NULL), SASL_OK);
    my_free(out);
    /* A step within a step is refused, and changes nothing. */
    is(sasl_server_step(current, "x", 1, &out, &len, NULL), SASL_FAIL);
    is(sasl_server_start(current, "LOGIN", NULL, 0, &out, &len, NULL), SASL_FAIL);
    check(out == NULL);
    *user = my_strdup("chosen");
    return SASL_OK;
}

static int name(void *context, int id, const char **result, unsigned *len)
{
    void *value;
    char *out;
    unsigned length;
    names++;
    is(sasl_getprop(current_client, SASL_SSF, &value), SASL_OK);
    is(sasl_client_step(current_client, "x", 1, NULL, &out, &length), SASL_FAIL);
    check(out == NULL && length == 0);
    return simple(context, id, result, len);
}

/* The options may be asked for before the connection is ready. */
static int careless(void *context, const char *plugin, const char *what, const char **result, unsigned *len)
{
    void *value;
    if (current != NULL) sasl_getprop(current, SASL_USERNAME, &value);
    return option(context, plugin, what, result, len);
}

int main(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_PROXY_POLICY, policy, NULL}, {SASL_CB_GETOPT, careless, options},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_callback_t client_callbacks[] = {{SASL_CB_AUTHNAME, name, "jephe"}, {SASL_CB_PASS, password, "secret"},
                                          {SASL_CB_LIST_END, NULL, NULL}};
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"};
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    for (int i = 0; i < 4; i++) {
        current = new_server("", callbacks, 0);
        current_client = new_client(client_callbacks, 0);
        is(talk(current_client, current, mechs[i]), SASL_OK);
        text_is(name_of(current, SASL_USERNAME), "chosen");
        sasl_dispose(&current);
        sasl_dispose(&current_client);
    }
    is(policies, 4);
    check(names >= 4);
    return finish();
}
