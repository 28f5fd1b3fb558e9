/* What a library answers from a store: each argument group is an operation, each line of output its answer. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <sasl/prop.h>
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The descriptors that a file has taken, and that file. */
static char taken[256];
static ino_t stranger;

/* To the file that LOG names, if it does. */
static int write_log(void *context, int level, const char *message)
{
    (void)context;
    FILE *file = getenv("LOG") ? fopen(getenv("LOG"), "a") : NULL;
    if (file) fprintf(file, "%d %s\n", level, message), fclose(file);
    return SASL_OK;
}
static sasl_callback_t callbacks[] = {{SASL_CB_LOG, (int (*)(void))write_log, NULL}, {SASL_CB_LIST_END, NULL, NULL}};

static sasl_conn_t *connection(void)
{
    sasl_conn_t *conn = NULL;
    if (sasl_server_new("svc", "host.example", NULL, NULL, NULL, callbacks, 0, &conn) != SASL_OK) _exit(2);
    return conn;
}

static int check(const char *user, const char *password)
{
    sasl_conn_t *conn = connection();
    int code = sasl_checkpass(conn, user, strlen(user), password, strlen(password));
    sasl_dispose(&conn);
    return code;
}

/* The value of a property of a user whose password is right. */
static void property(const char *user, const char *password, const char *name)
{
    sasl_conn_t *conn = connection();
    const char *names[] = {name, NULL};
    struct propval values[2] = {{0}};
    sasl_auxprop_request(conn, names);
    int code = sasl_checkpass(conn, user, strlen(user), password, strlen(password));
    if (code == SASL_OK) prop_getnames(sasl_auxprop_getctx(conn), names, values);
    printf("property %s %s: %d %s\n", user, name, code, values[0].values ? values[0].values[0] : "none");
    sasl_dispose(&conn);
}

static void store(const char *user, const char *name, const char *value)
{
    sasl_conn_t *conn = connection();
    struct propctx *ctx = prop_new(0);
    const char *names[] = {name, NULL};
    prop_request(ctx, names);
    prop_set(ctx, name, value, 0);
    printf("store %s %s: %d\n", user, name, sasl_auxprop_store(conn, ctx, user));
    prop_dispose(&ctx);
    sasl_dispose(&conn);
}

/* What a client that may only use ANONYMOUS chooses, if its callbacks are heeded. */
static int only_anonymous(void *context, const char *plugin, const char *option, const char **value, unsigned *length)
{
    (void)context; (void)plugin;
    if (strcmp(option, "client_mech_list")) return SASL_FAIL;
    *value = "ANONYMOUS";
    if (length) *length = strlen(*value);
    return SASL_OK;
}
static sasl_callback_t client_callbacks[] = {{SASL_CB_GETOPT, (int (*)(void))only_anonymous, NULL}, {SASL_CB_LIST_END, NULL, NULL}};

static void client(const char *what)
{
    sasl_conn_t *conn = NULL;
    int code = sasl_client_new("svc", "host.example", NULL, NULL, NULL, 0, &conn);
    const char *list = NULL;
    if (code == SASL_OK) code = sasl_listmech(conn, NULL, "", " ", "", &list, NULL, NULL);
    printf("%s: %d %s\n", what, code, list && !strcmp(list, "ANONYMOUS") ? "its own" : "any");
    sasl_dispose(&conn);
}

int main(int count, char **arg)
{
    if (sasl_server_init(callbacks, "storetest") != SASL_OK) return 2;
    for (int i = 1; i < count;) {
        const char *what = arg[i++];
        if (!strcmp(what, "can")) {
            printf("can store: %d\n", sasl_auxprop_store(NULL, NULL, NULL));
        } else if (!strcmp(what, "check")) {
            printf("check %s %s: %d\n", arg[i], arg[i + 1], check(arg[i], arg[i + 1]));
            i += 2;
        } else if (!strcmp(what, "exists")) {
            sasl_conn_t *conn = connection();
            printf("exists %s: %d\n", arg[i], sasl_user_exists(conn, "svc", NULL, arg[i]));
            sasl_dispose(&conn);
            i += 1;
        } else if (!strcmp(what, "set")) {
            sasl_conn_t *conn = connection();
            printf("set %s: %d\n", arg[i], sasl_setpass(conn, arg[i], arg[i + 1], strlen(arg[i + 1]), NULL, 0, SASL_SET_CREATE));
            sasl_dispose(&conn);
            i += 2;
        } else if (!strcmp(what, "property")) {
            property(arg[i], arg[i + 1], arg[i + 2]);
            i += 3;
        } else if (!strcmp(what, "store")) {
            store(arg[i], arg[i + 1], arg[i + 2]);
            i += 3;
        } else if (!strcmp(what, "strangers")) {
            /* A file takes the place of every descriptor but the first three, as where a daemon closes what it does not know. */
            int file = open(arg[i++], O_RDWR | O_CREAT | O_APPEND, 0600);
            struct stat status;
            if (fstat(file, &status) == 0) stranger = status.st_ino;
            for (int fd = 3; fd < 256; fd++)
                if (fd != file && fstat(fd, &status) == 0) taken[fd] = dup2(file, fd) == fd;
        } else if (!strcmp(what, "closed")) {
            struct stat status;
            int all = 0, closed = 0;
            for (int fd = 3; fd < 256; fd++)
                if (taken[fd]) all++, closed += fstat(fd, &status) != 0 || status.st_ino != stranger;
            printf("%s, closed %d\n", all ? "taken" : "none taken", closed);
        } else if (!strcmp(what, "again")) {
            /* The library ends, and begins anew. */
            sasl_done();
            if (sasl_server_init(callbacks, "storetest") != SASL_OK) return 2;
        } else if (!strcmp(what, "client")) {
            if (sasl_client_init(client_callbacks) != SASL_OK) return 5;
            client(what);
        } else if (!strcmp(what, "unprepared")) {
            client(what);
        } else if (!strcmp(what, "confine")) {
            if (chroot(arg[i]) != 0 || chdir("/") != 0) return 6;
            i += 1;
        } else if (!strcmp(what, "fork")) {
            /* The child does what follows, then the parent does it too. */
            fflush(stdout);
            pid_t child = fork();
            int status = 0;
            if (child == 0) continue;
            if (waitpid(child, &status, 0) != child || status != 0) return 3;
        } else {
            return 4;
        }
    }
    sasl_done();
    return 0;
}
