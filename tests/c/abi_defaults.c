/* The functions that plugins get in the place of callbacks that a program does not have. */
#include "abi.h"

static sasl_callback_ft found(sasl_conn_t *conn, unsigned long id, void **context)
{
    sasl_callback_ft proc = NULL;
    int code = sasl_global_utils->getcallback(conn, id, &proc, context);
    say("-- 0x%lx %s %s", id, rc(code), proc ? "set" : "NULL");
    return proc;
}

static void paths(sasl_conn_t *conn)
{
    void *context = NULL;
    const char *path = "stale";
    char *conf = NULL;
    sasl_getpath_t *getpath = (sasl_getpath_t *)found(conn, SASL_CB_GETPATH, &context);
    sasl_getconfpath_t *getconfpath;
    say("%s", rc(getpath(context, &path)));
    say("that of the environment: %d", !strcmp(path, getenv("SASL_PATH")));
    getconfpath = (sasl_getconfpath_t *)found(conn, SASL_CB_GETCONFPATH, &context);
    say("%s", rc(getconfpath(context, &conf)));
    say("that of the environment: %d", !strcmp(conf, getenv("SASL_CONF_PATH")));
}

static void others(sasl_conn_t *conn)
{
    void *context = NULL;
    const char *name = "stale";
    unsigned len = 99;
    sasl_getsimple_t *authname = (sasl_getsimple_t *)found(conn, SASL_CB_AUTHNAME, &context);
    sasl_verifyfile_t *verify;
    sasl_authorize_t *policy;
    say("%s", rc(authname(context, SASL_CB_AUTHNAME, &name, &len)));
    /* What 2.1.28 makes of the pointer cannot be read. */
    say("length %u", len);
    verify = (sasl_verifyfile_t *)found(conn, SASL_CB_VERIFYFILE, &context);
    say("%s %s", rc(verify(context, "/nowhere", SASL_VRFY_CONF)), rc(verify(context, "/etc/passwd", SASL_VRFY_PLUGIN)));
    policy = (sasl_authorize_t *)found(conn, SASL_CB_PROXY_POLICY, &context);
    say("oneself %s", rc(policy(conn, context, "alice", 5, "alice", 5, "", 0, NULL)));
    say("another %s", rc(policy(conn, context, "bob", 3, "alice", 5, "", 0, NULL)));
    say("detail %s", sasl_errdetail(conn));
    say("a longer one %s", rc(policy(conn, context, "alice2", 6, "alice", 5, "", 0, NULL)));
    say("nobody %s", rc(policy(conn, context, "", 0, "alice", 5, "", 0, NULL)));
}

int main(void)
{
    sasl_conn_t *s = NULL, *c = NULL;
    sasl_server_init(NULL, "abi");
    sasl_client_init(NULL);
    sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &s);
    sasl_client_new("svc", FQDN, NULL, NULL, NULL, 0, &c);
    say("== server");
    paths(s);
    others(s);
    say("== client");
    paths(c);
    others(c);
    sasl_dispose(&s);
    sasl_dispose(&c);
    sasl_done();
    return 0;
}
