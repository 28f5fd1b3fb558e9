/* Who frees what. All memory that passes between library and program is of the allocator that the program named. */
#include "c1.h"

static int getpath(void *context, char **path)
{
    *path = my_strdup(context);
    return SASL_OK;
}

int main(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_AUTHNAME, simple, "jephe"},
                                   {SASL_CB_PASS, password, "secret"},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_callback_t path_callbacks[] = {{SASL_CB_GETPATH, getpath, "/nonexistent:/elsewhere"},
                                        {SASL_CB_LOG, log_line, NULL},
                                        {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *server, *client;
    sasl_secret_t *secret;
    char *out;
    unsigned len, count;
    const char *mech, *errstr;
    long before;

    /* A call with a NULL among the functions changes nothing. */
    begin();
    sasl_set_alloc(malloc, NULL, realloc, free);

    /* The answer of GETPATH is freed. */
    is(sasl_server_init(path_callbacks, "tester"), SASL_OK);
    is(live, 0);
    is(allocated, 1);
    sasl_done();

    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    is(live, 0);

    /* Lists and messages are the caller's, with a NUL behind. */
    server = new_server(NULL, NULL, 0);
    is(sasl_listmech(server, "user", "<", NULL, ">", &out, &len, &count), SASL_OK);
    is(live, 1);
    is(strlen(out), len);
    check(out[0] == '<' && out[len - 1] == '>');
    my_free(out);
    is(sasl_server_start(server, "CRAM-MD5", NULL, 0, &out, &len, &errstr), SASL_CONTINUE);
    is(live, 1);
    is(strlen(out), len);
    my_free(out);
    sasl_dispose(&server);

    /* The password of SASL_CB_PASS is wiped and freed; names stay the callback's. */
    client = new_client(callbacks, 0);
    wiped = 0;
    is(sasl_client_start(client, "PLAIN", NULL, NULL, &out, &len, &mech), SASL_OK);
    is(wiped, 1);
    is(live, 1);
    is(len, 13);
    check(memcmp(out, "\0jephe\0secret", 14) == 0);
    my_free(out);

    /* That of sasl_client_start stays the caller's, and is asked for nowhere else. */
    secret = my_secret("other", 5);
    before = allocated;
    is(sasl_client_start(client, "PLAIN", secret, NULL, &out, &len, &mech), SASL_OK);
    is(allocated, before + 1);
    check(memcmp(out, "\0jephe\0other", 13) == 0);
    my_free(out);
    check(secret->len == 5 && memcmp(secret->data, "other", 5) == 0);
    sasl_free_secret(&secret);
    check(secret == NULL);
    sasl_free_secret(&secret);
    sasl_free_secret(NULL);
    is(wiped, 2);
    is(live, 0);

    /* Where there is no memory the code says so, and nothing is given. */
    callbacks[1].proc = simple; /* not asked */
    secret = my_secret("secret", 6);
    fail_after = 0;
    out = (char *)1;
    is(sasl_client_start(client, "PLAIN", secret, NULL, &out, &len, &mech), SASL_NOMEM);
    check(out == NULL && len == 0);
    fail_after = -1;
    sasl_free_secret(&secret);
    server = new_server(NULL, NULL, 0);
    fail_after = 0;
    out = (char *)1;
    is(sasl_listmech(server, NULL, NULL, NULL, NULL, &out, &len, &count), SASL_NOMEM);
    check(out == NULL && len == 0 && count == 0);
    out = (char *)1;
    is(sasl_server_start(server, "LOGIN", NULL, 0, &out, &len, &errstr), SASL_NOMEM);
    check(out == NULL && len == 0);
    out = (char *)1;
    is(sasl_encode(server, "x", 1, &out, &len), SASL_NOMEM);
    check(out == NULL && len == 0);
    out = (char *)1;
    is(sasl_decode(server, "x", 1, &out, &len), SASL_NOMEM);
    check(out == NULL && len == 0);
    fail_after = -1;
    sasl_dispose(&server);
    sasl_dispose(&client);
    sasl_dispose(&client);
    sasl_dispose(NULL);
    return finish();
}
