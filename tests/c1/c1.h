/* What the programs here share: checks, an allocator that knows its own memory, an application's callbacks, and a dialogue
 * of a client with a server. A program includes this once; everything is static. What is expected is what is known of the
 * SASL 1.5 interface. */
#ifndef OXISASL_TESTS_C1_H
#define OXISASL_TESTS_C1_H

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sasl.h>
#include <saslutil.h>

#define UNUSED __attribute__((unused))
#define HOST "smtp.domain.com"

/* ---- checks -------------------------------------------------------------------------------------------------- */

static int failures;

static UNUSED void check_at(int line, int ok, const char *what)
{
    if (!ok) {
        printf("line %d: not so: %s\n", line, what);
        failures++;
    }
    fflush(stdout);
}
#define check(condition) check_at(__LINE__, (condition) != 0, #condition)

static UNUSED void is_at(int line, long got, long expected, const char *what)
{
    if (got != expected) {
        printf("line %d: %s is %ld, not %ld\n", line, what, got, expected);
        failures++;
    }
    fflush(stdout);
}
#define is(what, expected) is_at(__LINE__, (long)(what), (long)(expected), #what)

static UNUSED void text_at(int line, const char *got, const char *expected, const char *what)
{
    if (got == NULL || expected == NULL ? got != expected : strcmp(got, expected) != 0) {
        printf("line %d: %s is \"%s\", not \"%s\"\n", line, what, got ? got : "(null)", expected ? expected : "(null)");
        failures++;
    }
    fflush(stdout);
}
#define text_is(what, expected) text_at(__LINE__, (what), (expected), #what)

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* Each block knows that it is one of ours and how long it is. A block that a test has marked must be wiped before it is freed. */
struct block {
    unsigned long magic, size;
    int secret;
    long pad;
};
static long live, allocated, fail_after = -1, wiped;

static UNUSED void *my_malloc(unsigned long size)
{
    struct block *block;
    if (fail_after == 0) return NULL;
    if (fail_after > 0) fail_after--;
    block = malloc(sizeof *block + size);
    if (block == NULL) exit(3);
    block->magic = 0x6f786973;
    block->size = size;
    block->secret = 0;
    live++;
    allocated++;
    return block + 1;
}

static UNUSED void *my_calloc(unsigned long count, unsigned long size)
{
    void *data = my_malloc(count * size);
    return data ? memset(data, 0, count * size) : NULL;
}

static UNUSED void my_free(void *data)
{
    struct block *block = (struct block *)data - 1;
    if (data == NULL) return;
    if (block->magic != 0x6f786973) {
        printf("memory is freed that is not of this allocator, or twice\n");
        fflush(stdout);
        abort();
    }
    if (block->secret) {
        int clean = 1;
        for (unsigned long i = block->secret == 1 ? sizeof(unsigned long) : 0; i < block->size; i++) clean &= ((char *)data)[i] == 0;
        check(clean && "a secret is wiped before it is freed");
        wiped++;
    }
    block->magic = 0;
    live--;
    free(block);
}

static UNUSED void *my_realloc(void *data, unsigned long size)
{
    void *moved = my_malloc(size);
    if (data != NULL && moved != NULL) {
        unsigned long old = ((struct block *)data - 1)->size;
        memcpy(moved, data, old < size ? old : size);
        my_free(data);
    }
    return moved;
}

static UNUSED char *my_strdup(const char *text)
{
    return strcpy(my_malloc(strlen(text) + 1), text);
}

/* An answer that has to be wiped. */
static UNUSED char *my_answer(const char *text)
{
    char *answer = strcpy(my_calloc(1, strlen(text) + 1 + sizeof(unsigned long)), text);
    ((struct block *)answer - 1)->secret = 2;
    return answer;
}

static UNUSED sasl_secret_t *my_secret(const void *data, unsigned long len)
{
    sasl_secret_t *secret = my_calloc(1, sizeof(sasl_secret_t) + len);
    secret->len = len;
    memcpy(secret->data, data, len);
    ((struct block *)secret - 1)->secret = 1;
    return secret;
}

/* ---- callbacks ----------------------------------------------------------------------------------------------- */

static char logged[1 << 16];

/* Keeps each line as "level text". */
static UNUSED int log_line(void *context, int priority, const char *message)
{
    size_t used = strlen(logged);
    (void)context;
    snprintf(logged + used, sizeof logged - used, "%d %s\n", priority, message);
    return SASL_OK;
}

/* Options are lines "name=value" in the context. */
static UNUSED int option(void *context, const char *plugin, const char *name, const char **result, unsigned *len)
{
    static char values[8][512];
    static int turn;
    const char *line = context;
    size_t length = strlen(name);
    (void)plugin;
    while (line != NULL && *line) {
        if (strncmp(line, name, length) == 0 && line[length] == '=') {
            turn = (turn + 1) % 8;
            snprintf(values[turn], sizeof values[turn], "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
            *result = values[turn];
            if (len != NULL) *len = (unsigned)strlen(*result);
            return SASL_OK;
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    return SASL_FAIL;
}

static UNUSED int simple(void *context, int id, const char **result, unsigned *len)
{
    (void)id;
    *result = context;
    if (len != NULL) *len = context ? (unsigned)strlen(*result) : 0;
    return SASL_OK;
}

static UNUSED int password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    check(conn != NULL);
    is(id, SASL_CB_PASS);
    *secret = my_secret(context, strlen(context));
    return SASL_OK;
}

/* ---- an application ------------------------------------------------------------------------------------------- */

static char options[1024];

/* The callbacks of a server that asks nothing of the system: a database here, lines into `logged`. */
static sasl_callback_t server_callbacks[8] = {
    {SASL_CB_GETOPT, option, options}, {SASL_CB_LOG, log_line, NULL}, {SASL_CB_LIST_END, NULL, NULL}};

static UNUSED void start_server(void)
{
    char here[512];
    check(getcwd(here, sizeof here) != NULL);
    setenv("SASL_PATH", here, 1);
    if (!*options) snprintf(options, sizeof options, "sasldb_path=%s/sasldb\n", here);
    is(sasl_server_init(server_callbacks, "tester"), SASL_OK);
}

static UNUSED sasl_conn_t *new_server(const char *realm, const sasl_callback_t *callbacks, int secflags)
{
    sasl_conn_t *conn = NULL;
    is(sasl_server_new("smtp", HOST, realm, callbacks, secflags, &conn), SASL_OK);
    return conn;
}

/* A user, in the database. */
static UNUSED void add_user(const char *user, const char *pass)
{
    sasl_conn_t *conn = new_server(NULL, NULL, 0);
    is(sasl_setpass(conn, user, pass, (unsigned)strlen(pass), SASL_SET_CREATE, NULL), SASL_OK);
    sasl_dispose(&conn);
}

static UNUSED sasl_conn_t *new_client(const sasl_callback_t *callbacks, int secflags)
{
    sasl_conn_t *conn = NULL;
    is(sasl_client_new("smtp", HOST, callbacks, secflags, &conn), SASL_OK);
    return conn;
}

static const char *last_errstr;

/* A dialogue until one side is done or fails; gives the server's last word, or the client's if that failed. */
static UNUSED int talk(sasl_conn_t *client, sasl_conn_t *server, const char *mech)
{
    char *cout = (char *)1, *sout;
    unsigned clen, slen;
    const char *chosen, *errstr = (const char *)1;
    int c, s;
    last_errstr = NULL;
    c = sasl_client_start(client, mech, NULL, NULL, &cout, &clen, &chosen);
    if (c != SASL_OK && c != SASL_CONTINUE) {
        check(cout == NULL && clen == 0);
        return c;
    }
    s = sasl_server_start(server, chosen, cout, clen, &sout, &slen, &errstr);
    my_free(cout);
    while (s == SASL_CONTINUE) {
        check(errstr == NULL);
        cout = (char *)1;
        c = sasl_client_step(client, sout, slen, NULL, &cout, &clen);
        my_free(sout);
        if (c != SASL_OK && c != SASL_CONTINUE) {
            check(cout == NULL && clen == 0);
            return c;
        }
        /* Whoever has nothing more to say still answers. */
        check(cout != NULL && cout[clen] == 0);
        sout = (char *)1;
        errstr = (const char *)1;
        s = sasl_server_step(server, cout, clen, &sout, &slen, &errstr);
        my_free(cout);
    }
    if (s == SASL_OK) check(errstr == NULL);
    if (s == SASL_OK) my_free(sout);
    else check(sout == NULL && slen == 0);
    last_errstr = errstr;
    return s;
}

/* One login of a user with a password on a new client; the server is the caller's. */
static UNUSED int login(sasl_conn_t *server, const char *mech, const char *user, const char *pass)
{
    sasl_callback_t callbacks[] = {{SASL_CB_AUTHNAME, simple, (void *)user},
                                   {SASL_CB_PASS, password, (void *)pass},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = new_client(callbacks, 0);
    int result = talk(client, server, mech);
    sasl_dispose(&client);
    check(client == NULL);
    return result;
}

static UNUSED const char *name_of(sasl_conn_t *conn, int property)
{
    void *value = NULL;
    int result = sasl_getprop(conn, property, &value);
    return result == SASL_OK ? value : result == SASL_NOTDONE ? "(not done)" : "(error)";
}

static UNUSED void write_file(const char *path, const char *content, int mode)
{
    FILE *file = fopen(path, "w");
    check(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
    chmod(path, (mode_t)mode);
}

static UNUSED void begin(void)
{
    sasl_set_alloc(my_malloc, my_calloc, my_realloc, my_free);
}

/* The end of each program: all that went through the allocator is back. */
static UNUSED int finish(void)
{
    sasl_done();
    is(live, 0);
    if (failures == 0) printf("all is well\n");
    return failures != 0;
}

#endif
