/* Commands for the library's and the connections' beginning and end. */
#include "driver.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct conn conns[32];

/* The connection of this name; a new place for it where there is none. */
struct conn *slot(const char *name)
{
    for (size_t i = 0; i < sizeof conns / sizeof *conns; i++) {
        if (conns[i].name[0] == 0) snprintf(conns[i].name, sizeof conns[i].name, "%s", name);
        if (strcmp(conns[i].name, name) == 0) return &conns[i];
    }
    broken("too many connections");
}

sasl_conn_t *conn_of(const struct line *line, int n) { return strcmp(word(line, n), "NULL") == 0 ? NULL : slot(word(line, n))->conn; }

/* server-init [callbacks=list] [app=name] */
static void server_init(const struct line *line)
{
    say("%s", rc(sasl_server_init(callback_list(named_text(line, "callbacks", "global")), named_text(line, "app", NULL))));
}

/* client-init [callbacks=list] */
static void client_init(const struct line *line)
{
    say("%s", rc(sasl_client_init(callback_list(named_text(line, "callbacks", "global")))));
}

static void server_done(const struct line *line) { (void)line; say("%s", rc(sasl_server_done())); }
static void client_done(const struct line *line) { (void)line; say("%s", rc(sasl_client_done())); }
static void both_done(const struct line *line) { (void)line; sasl_done(); }
static void common_done(const struct line *line) { (void)line; sasl_common_done(); }

/* ready: both sides initialised, and the store in memory is the only one. */
static void ready(const struct line *line)
{
    int code = sasl_server_init(callback_list(named_text(line, "callbacks", "global")), named_text(line, "app", NULL));
    if (code == SASL_OK) code = sasl_client_init(callback_list(named_text(line, "callbacks", "global")));
    if (code == SASL_OK) code = sasl_auxprop_add_plugin("mem", mem_init);
    if (code != SASL_OK) say("%s", rc(code));
}

static void made(struct conn *conn, int code)
{
    if (conn && code != SASL_OK) say("%s connection %s", rc(code), conn->conn ? "set" : "NULL");
    else say("%s", rc(code));
}

/* server name [service= fqdn= realm= local= remote= callbacks= flags=]: without one of these, as most programs have it */
static void server_new(const struct line *line)
{
    struct conn *conn = strcmp(word(line, 1), "NULL") == 0 ? NULL : slot(word(line, 1));
    int code;
    if (conn) conn->server = 1, conn->prompts = NULL;
    code = sasl_server_new(named_text(line, "service", "svc"), named_text(line, "fqdn", "host.example.com"), named_text(line, "realm", NULL),
                           named_text(line, "local", NULL), named_text(line, "remote", NULL),
                           callback_list(named_text(line, "callbacks", "server")), (unsigned)named_number(line, "flags", 0),
                           conn ? &conn->conn : NULL);
    made(conn, code);
}

/* client name [service= fqdn= local= remote= callbacks= flags=] */
static void client_new(const struct line *line)
{
    struct conn *conn = strcmp(word(line, 1), "NULL") == 0 ? NULL : slot(word(line, 1));
    int code;
    if (conn) conn->server = 0, conn->prompts = NULL;
    code = sasl_client_new(named_text(line, "service", "svc"), named_text(line, "fqdn", "host.example.com"), named_text(line, "local", NULL),
                           named_text(line, "remote", NULL), callback_list(named_text(line, "callbacks", "client")),
                           (unsigned)named_number(line, "flags", 0), conn ? &conn->conn : NULL);
    made(conn, code);
}

static void dispose(const struct line *line)
{
    struct conn *conn = strcmp(word(line, 1), "NULL") == 0 ? NULL : slot(word(line, 1));
    sasl_dispose(conn ? &conn->conn : NULL);
    if (conn) say("%s", conn->conn ? "set" : "NULL");
}

static void idle(const struct line *line) { say("%d", sasl_idle(conn_of(line, 1))); }

/* set-path type path */
static void set_path(const struct line *line) { say("%s", rc(sasl_set_path((int)number(line, 1, 0), bytes(line, 2).data))); }

static void version(const struct line *line)
{
    const char *name = NULL, *string = NULL;
    int number = 0, major = 0, minor = 0, step = 0, patch = 0;
    (void)line;
    sasl_version(&name, &number);
    say("%s %#x", name && *name ? "named" : "without a name", number);
    sasl_version_info(&name, &string, &major, &minor, &step, &patch);
    say("%s %d.%d.%d.%d", str(string), major, minor, step, patch);
    sasl_version(NULL, NULL);
    sasl_version_info(NULL, NULL, NULL, NULL, NULL, NULL);
}

static void global_utils(const struct line *line)
{
    (void)line;
    say("global utils %s", sasl_global_utils ? "set" : "NULL");
}

/* ---- memory and locks of the application ------------------------------------------------------------------------------- */

static long allocated, freed, locks, unlocks;
static void *own_malloc(size_t n) { allocated++; return malloc(n); }
static void *own_calloc(size_t n, size_t m) { allocated++; return calloc(n, m); }
static void *own_realloc(void *p, size_t n) { allocated += p == NULL; return realloc(p, n); }
static void own_free(void *p) { freed += p != NULL; free(p); }
static void *mutex_new(void) { return calloc(1, 1); }
static int mutex_lock(void *m) { (void)m; locks++; return 0; }
static int mutex_unlock(void *m) { (void)m; unlocks++; return 0; }
static void mutex_free(void *m) { free(m); }

static void set_alloc(const struct line *line) { (void)line; sasl_set_alloc(own_malloc, own_calloc, own_realloc, own_free); }
static void set_mutex(const struct line *line) { (void)line; sasl_set_mutex(mutex_new, mutex_lock, mutex_unlock, mutex_free); }

/* How much each side asks for differs; that what was taken is given back does not. */
static void balance(const struct line *line)
{
    (void)line;
    say("memory %s, locks %s", allocated == freed ? "even" : "uneven", locks == unlocks ? "even" : "uneven");
}

/* ---- files of the case's own directory ---------------------------------------------------------------------------------- */

/* file name text */
static void file(const struct line *line)
{
    struct value content = bytes(line, 2);
    FILE *to = fopen(word(line, 1), "w");
    if (to == NULL) broken("%s cannot be written", word(line, 1));
    fwrite(content.data, 1, content.len, to);
    fclose(to);
}

static void directory(const struct line *line) { if (mkdir(word(line, 1), 0700) != 0) broken("mkdir"); }

/* here name...: $here becomes the path of the case's directory, with this before and after it. */
static void here(const struct line *line)
{
    char path[PATH_MAX], made[2 * PATH_MAX];
    if (getcwd(path, sizeof path) == NULL) broken("getcwd");
    snprintf(made, sizeof made, "%s%s%s", text(line, 1, ""), path, text(line, 2, ""));
    keep("here", NULL, made, strlen(made));
}

/* environment name value */
static void environment(const struct line *line)
{
    const char *value = bytes(line, 2).data;
    if (value) setenv(word(line, 1), value, 1);
    else unsetenv(word(line, 1));
}

/* config-init file */
static void config_init(const struct line *line)
{
    extern int sasl_config_init(const char *);
    say("%s", rc(sasl_config_init(text(line, 1, NULL))));
}
/* config-get key otherwise */
static void config_get(const struct line *line) { say("%s", str(sasl_config_getstring(text(line, 1, NULL), text(line, 2, NULL)))); }
static void config_done(const struct line *line)
{
    extern void sasl_config_done(void);
    (void)line;
    sasl_config_done();
}

const struct command life_commands[] = {
    {"ready", ready},           {"server-init", server_init}, {"client-init", client_init}, {"server-done", server_done},
    {"client-done", client_done}, {"done", both_done},        {"common-done", common_done}, {"server", server_new},
    {"client", client_new},     {"dispose", dispose},         {"idle", idle},               {"set-path", set_path},
    {"version", version},       {"global-utils", global_utils}, {"set-alloc", set_alloc},   {"set-mutex", set_mutex},
    {"balance", balance},       {"file", file},               {"directory", directory},     {"here", here},
    {"environment", environment}, {"config-init", config_init}, {"config-get", config_get}, {"config-done", config_done},
    {NULL, NULL}};
