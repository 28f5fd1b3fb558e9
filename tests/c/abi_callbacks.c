/* Which callbacks are asked, of which list, in which order: GETOPT, GETPATH, GETCONFPATH, VERIFYFILE, NULL procedures. */
#include "abi.h"

static int answers; /* bits: 1 connection's, 2 global */

static int opt(void *context, const char *plugin, const char *option, const char **result, unsigned *len)
{
    int mine = strcmp(context, "conn") == 0 ? 1 : 2;
    if (strcmp(option, "mech_list")) return SASL_FAIL;
    say("  getopt[%s] %s %s len %s", (char *)context, str(plugin), option, len ? "given" : "NULL");
    if (!(answers & mine)) return SASL_FAIL;
    *result = mine == 1 ? "PLAIN" : "LOGIN";
    return SASL_OK;
}
static int verify(void *context, const char *file, sasl_verify_type_t type)
{
    const char *name = strrchr(file, '/');
    if (type != SASL_VRFY_PLUGIN) say("  verify[%s] %s type %d", (char *)context, name ? name + 1 : file, type);
    return SASL_OK;
}
static char *conf_path;
static int getconfpath(void *context, char **path)
{
    say("  getconfpath[%s]", (char *)context);
    *path = strdup(conf_path);
    return SASL_OK;
}
static const char *plugin_path = "/nonexistent";
static int path_result;
static int getpath(void *context, const char **path)
{
    say("  getpath[%s]", (char *)context);
    *path = plugin_path;
    return path_result;
}

static sasl_callback_t on_conn[] = {{SASL_CB_GETOPT, CB(opt), "conn"}, {SASL_CB_LIST_END, NULL, NULL}};
static sasl_callback_t global[] = {{SASL_CB_GETOPT, CB(opt), "global"}, {SASL_CB_LIST_END, NULL, NULL}};

static void listed(const char *title, const sasl_callback_t *callbacks)
{
    sasl_conn_t *s = NULL;
    const char *out = NULL;
    int code = sasl_server_new("svc", FQDN, NULL, NULL, NULL, callbacks, 0, &s), count = -1;
    if (code != SASL_OK) {
        say("%s: new %s", title, rc(code));
        return;
    }
    code = sasl_listmech(s, NULL, NULL, NULL, NULL, &out, NULL, &count);
    say("%s: %s count %d %s", title, rc(code), count, count < 3 && code == SASL_OK ? out : "");
    sasl_dispose(&s);
}

static void file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    fputs(text, f);
    fclose(f);
}

static void options_order(void)
{
    file("app.conf", "mech_list: CRAM-MD5\n");
    for (int app = 0; app < 2; app++) {
        say("-- %s", app ? "with a file" : "without a file");
        setenv("SASL_CONF_PATH", ".", 1);
        sasl_server_init(global, app ? "app" : NULL);
        for (answers = 0; answers < 4; answers++) {
            say("answers %d", answers);
            listed("both lists", on_conn);
            listed("global only", NULL);
        }
        sasl_server_done();
        say("init without callbacks");
        sasl_server_init(NULL, app ? "app" : NULL);
        answers = 1;
        listed("connection's", on_conn);
        answers = 0;
        listed("connection's that does not answer", on_conn);
        listed("no callbacks at all", NULL);
        sasl_server_done();
    }
}

static void twice_in_a_list(void)
{
    sasl_callback_t two[] = {{SASL_CB_GETOPT, CB(opt), "conn"}, {SASL_CB_GETOPT, CB(opt), "second"}, {SASL_CB_LIST_END, NULL, NULL}};
    say("-- twice in a list");
    sasl_server_init(NULL, NULL);
    answers = 3;
    listed("two", two);
    answers = 2;
    listed("two, the first does not answer", two);
    sasl_server_done();
}

static void files(void)
{
    sasl_callback_t cbs[] = {{SASL_CB_VERIFYFILE, CB(verify), "v"}, {SASL_CB_GETCONFPATH, CB(getconfpath), "p"}, {SASL_CB_LIST_END, NULL, NULL}};
    say("-- configuration files");
    mkdir("one", 0700);
    mkdir("two", 0700);
    file("two/app.conf", "mech_list: PLAIN\n");
    conf_path = "one:two";
    say("init %s", rc(sasl_server_init(cbs, "app")));
    listed("second directory", NULL);
    say("done %s", rc(sasl_server_done()));
    file("one/app.conf", "mech_list: LOGIN\n");
    say("init %s", rc(sasl_server_init(cbs, "app")));
    listed("first directory", NULL);
    say("done %s", rc(sasl_server_done()));
    say("init %s", rc(sasl_server_init(cbs, "other")));
    listed("no file", NULL);
    say("done %s", rc(sasl_server_done()));
    say("init %s", rc(sasl_server_init(cbs, NULL)));
    say("done %s", rc(sasl_server_done()));
    say("client init %s", rc(sasl_client_init(cbs)));
    say("done %s", rc(sasl_client_done()));
    conf_path = "";
    say("empty path: init %s", rc(sasl_server_init(cbs, "app")));
    listed("empty path", NULL);
    say("done %s", rc(sasl_server_done()));
    say("-- sasl_set_path");
    say("type 2 %s NULL %s", rc(sasl_set_path(2, "x")), rc(sasl_set_path(1, NULL)));
    say("config path %s", rc(sasl_set_path(SASL_PATH_TYPE_CONFIG, "two")));
    say("init %s", rc(sasl_server_init(NULL, "app")));
    listed("path set", NULL);
    sasl_server_done();
    say("config path %s", rc(sasl_set_path(SASL_PATH_TYPE_CONFIG, "two")));
    conf_path = "one";
    say("init with a callback too %s", rc(sasl_server_init(cbs, "app")));
    listed("the callback", NULL);
    sasl_server_done();
}

static void paths(void)
{
    sasl_callback_t cbs[] = {{SASL_CB_GETPATH, CB(getpath), "g"}, {SASL_CB_LIST_END, NULL, NULL}};
    say("-- plugin path");
    say("server init %s", rc(sasl_server_init(cbs, NULL)));
    say("client init %s", rc(sasl_client_init(cbs)));
    sasl_done();
    path_result = SASL_FAIL;
    say("path fails: server init %s", rc(sasl_server_init(cbs, NULL)));
    say("path fails: client init %s", rc(sasl_client_init(cbs)));
    sasl_done();
    path_result = SASL_OK;
}

static void user_default(void)
{
    /* The name of the one who runs the program is the default of AUTHNAME. */
    sasl_callback_t cbs[] = {{SASL_CB_PASS, CB(on_pass), "x"}, {SASL_CB_LIST_END, NULL, NULL}};
    static const char *const settings[][2] = {{"one", "two"}, {NULL, "two"}, {NULL, NULL}, {"", "two"}};
    say("-- AUTHNAME by default");
    sasl_client_init(NULL);
    for (size_t i = 0; i < 4; i++) {
        sasl_conn_t *c = NULL;
        const char *out = NULL;
        unsigned len = 0;
        int code;
        if (settings[i][0]) setenv("USER", settings[i][0], 1);
        else unsetenv("USER");
        if (settings[i][1]) setenv("USERNAME", settings[i][1], 1);
        else unsetenv("USERNAME");
        sasl_client_new("svc", FQDN, NULL, NULL, cbs, 0, &c);
        code = sasl_client_start(c, "PLAIN", NULL, &out, &len, NULL);
        say("USER %s USERNAME %s: %s %s", str(settings[i][0]), str(settings[i][1]), rc(code), code == SASL_OK ? esc(out, len) : detail(c));
        sasl_dispose(&c);
    }
    sasl_client_done();
}

static int wrong_getcallback(const sasl_utils_t *utils, sasl_conn_t *conn, unsigned long id)
{
    sasl_callback_ft proc = NULL;
    void *context = NULL;
    return utils->getcallback(conn, id, &proc, &context);
}

static void of_plugins(void)
{
    sasl_callback_t cbs[] = {{SASL_CB_USER, NULL, NULL}, {SASL_CB_AUTHNAME, CB(on_simple), "x"}, {SASL_CB_LIST_END, NULL, NULL}};
    static const unsigned long ids[] = {SASL_CB_GETOPT, SASL_CB_LOG, SASL_CB_GETPATH, SASL_CB_VERIFYFILE, SASL_CB_GETCONFPATH, SASL_CB_USER, SASL_CB_AUTHNAME,
                                        SASL_CB_LANGUAGE, SASL_CB_PASS, SASL_CB_ECHOPROMPT, SASL_CB_NOECHOPROMPT, SASL_CB_CNONCE, SASL_CB_GETREALM,
                                        SASL_CB_PROXY_POLICY, SASL_CB_SERVER_USERDB_CHECKPASS, SASL_CB_SERVER_USERDB_SETPASS, SASL_CB_CANON_USER, 0x9999, 0};
    sasl_conn_t *c = NULL, *s = NULL;
    say("-- what a plugin finds");
    sasl_server_init(NULL, NULL);
    sasl_client_init(NULL);
    sasl_client_new("svc", FQDN, NULL, NULL, cbs, 0, &c);
    sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &s);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        say("0x%lx: client %s server %s none %s", ids[i], rc(wrong_getcallback(sasl_global_utils, c, ids[i])), rc(wrong_getcallback(sasl_global_utils, s, ids[i])),
            rc(wrong_getcallback(sasl_global_utils, NULL, ids[i])));
    }
    say("client detail %s", detail(c));
    say("server detail %s", detail(s));
    sasl_dispose(&c);
    sasl_dispose(&s);
    sasl_done();
}

int main(void)
{
    options_order();
    twice_in_a_list();
    files();
    paths();
    user_default();
    of_plugins();
    return 0;
}
