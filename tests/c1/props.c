/* What a connection can be asked and told. */
#include "c1.h"

static sasl_conn_t *open_conn;
static int policies;

/* The name is not told before the authentication is over. */
static int policy(void *context, const char *auth, const char *requested, const char **user, const char **errstr)
{
    (void)context, (void)auth, (void)requested, (void)user, (void)errstr;
    text_is(name_of(open_conn, SASL_USERNAME), "(not done)");
    text_is(name_of(open_conn, SASL_REALM), "(not done)");
    policies++;
    return SASL_OK;
}

static void test_get(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_PROXY_POLICY, policy, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *server = open_conn = new_server("", callbacks, 0);
    void *value = (void *)1;
    char *out;
    unsigned len;

    is(sasl_getprop(NULL, SASL_USERNAME, &value), SASL_FAIL);
    is(sasl_getprop(server, SASL_USERNAME, NULL), SASL_FAIL);
    is(sasl_getprop(server, SASL_USERNAME, &value), SASL_NOTDONE);
    is(sasl_getprop(server, SASL_REALM, &value), SASL_NOTDONE);
    is(sasl_getprop(server, SASL_GETOPTCTX, &value), SASL_FAIL);
    is(sasl_getprop(server, SASL_IP_LOCAL, &value), SASL_NOTDONE);
    is(sasl_getprop(server, SASL_IP_REMOTE, &value), SASL_NOTDONE);
    for (int id = -1; id < 103; id++)
        if (id < 0 || id > 6) is(sasl_getprop(server, id, &value), SASL_BADPARAM);
    check(value == (void *)1);
    is(sasl_getprop(server, SASL_SSF, &value), SASL_OK);
    is(*(sasl_ssf_t *)value, 0);
    is(sasl_getprop(server, SASL_MAXOUTBUF, &value), SASL_OK);
    is(*(unsigned *)value, 0);

    /* CRAM-MD5's name is that without the realm, PLAIN's that which was sent. */
    is(login(server, "CRAM-MD5", "jephe@other.org", "there"), SASL_OK);
    text_is(name_of(server, SASL_USERNAME), "jephe");
    text_is(name_of(server, SASL_REALM), "other.org");
    is(login(server, "PLAIN", "jephe@other.org", "there"), SASL_OK);
    text_is(name_of(server, SASL_USERNAME), "jephe@other.org");
    is(login(server, "LOGIN", "jephe", "secret"), SASL_OK);
    text_is(name_of(server, SASL_USERNAME), "jephe");
    text_is(name_of(server, SASL_REALM), HOST);
    is(policies, 3);

    /* DIGEST-MD5 is not done before the client has acknowledged the last message. */
    is(login(server, "DIGEST-MD5", "jephe", "secret"), SASL_OK);
    text_is(name_of(server, SASL_USERNAME), "jephe");

    /* With the next attempt nobody is authenticated any more, nor after it has failed. */
    is(sasl_server_start(server, "CRAM-MD5", NULL, 0, &out, &len, NULL), SASL_CONTINUE);
    my_free(out);
    text_is(name_of(server, SASL_USERNAME), "(not done)");
    is(sasl_server_step(server, "jephe 0123456789abcdef0123456789abcdef", 38, &out, &len, NULL), SASL_BADAUTH);
    text_is(name_of(server, SASL_USERNAME), "(not done)");
    sasl_dispose(&server);
}

static void test_addresses(void)
{
    sasl_conn_t *server = new_server("", NULL, 0), *client = new_client(NULL, 0);
    struct sockaddr_in in = {0}, *got;
    struct sockaddr_in6 in6 = {0};
    void *value;
    in.sin_family = AF_INET;
    in.sin_port = htons(25);
    in.sin_addr.s_addr = htonl(0xc0000201);
    for (int id = SASL_IP_LOCAL; id <= SASL_IP_REMOTE; id++)
        for (int side = 0; side < 2; side++) {
            sasl_conn_t *conn = side ? client : server;
            is(sasl_setprop(conn, id, &in), SASL_OK);
            in.sin_port = 0; /* it was copied */
            is(sasl_getprop(conn, id, &value), SASL_OK);
            got = value;
            check((unsigned long)got % 4 == 0 && got != &in);
            check(got->sin_family == AF_INET && got->sin_port == htons(25) && got->sin_addr.s_addr == htonl(0xc0000201));
            in.sin_port = htons(25);
            is(sasl_setprop(conn, id, NULL), SASL_OK);
            is(sasl_getprop(conn, id, &value), SASL_NOTDONE);
            /* Another family is kept and means nothing: Sendmail without a socket sets memory that was never written. */
            in6.sin6_family = AF_INET6;
            is(sasl_setprop(conn, id, &in6), SASL_OK);
            is(sasl_getprop(conn, id, &value), SASL_OK);
        }
    sasl_dispose(&server);
    sasl_dispose(&client);
}

static void test_set(void)
{
    sasl_conn_t *server = new_server("", NULL, 0);
    sasl_security_properties_t props = {0, 0, 0, 0, NULL, NULL};
    char name[] = "jephe";
    sasl_external_properties_t external = {128, name};
    char *out;
    unsigned len;
    is(sasl_setprop(NULL, SASL_SEC_PROPS, &props), SASL_FAIL);
    is(sasl_setprop(server, SASL_SEC_PROPS, NULL), SASL_BADPARAM);
    is(sasl_setprop(server, SASL_SSF_EXTERNAL, NULL), SASL_BADPARAM);
    for (int id = -1; id < 103; id++)
        if (id != SASL_IP_LOCAL && id != SASL_IP_REMOTE && id != SASL_SSF_EXTERNAL && id != SASL_SEC_PROPS)
            is(sasl_setprop(server, id, &props), SASL_BADPARAM);
    is(sasl_setprop(server, SASL_SEC_PROPS, &props), SASL_OK);
    /* The external identity is copied. */
    is(sasl_setprop(server, SASL_SSF_EXTERNAL, &external), SASL_OK);
    memset(name, 'x', 5);
    is(sasl_server_start(server, "EXTERNAL", "", 0, &out, &len, NULL), SASL_OK);
    my_free(out);
    text_is(name_of(server, SASL_USERNAME), "jephe");
    sasl_dispose(&server);
}

int main(void)
{
    sasl_conn_t *conn;
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    conn = new_server("other.org", NULL, 0);
    is(sasl_setpass(conn, "jephe", "there", 5, 0, NULL), SASL_OK);
    sasl_dispose(&conn);
    test_get();
    test_addresses();
    test_set();
    return finish();
}
