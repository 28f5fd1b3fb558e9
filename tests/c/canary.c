/* Passwords in the memory of a process after the connections that used them are gone: canary DATABASE
 *
 * Logs in by each mechanism as client and server, right and wrong, sets a password, and disposes of everything. Then it looks
 * for the passwords in all memory that can be written, and prints how often each is there: the copies of this program's own are
 * wiped first, or with a second argument kept, which shows that they are found.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sasl/sasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Kept so that no copy of it is anywhere in the program: each byte is changed. */
static const char hidden[2][24] = {"dbobsz.qbttxpse.sjhiu.1", "dbobsz.qbttxpse.xspoh.1"};
static char database[4096];
static char current[24];
static sasl_secret_t *secret;

static void reveal(int which, char *into)
{
    for (int i = 0; hidden[which][i]; i++) {
        char one = hidden[which][i];
        into[i] = one == '.' || one == '1' ? one : (char)(one - 1);
    }
}

static int option(void *context, const char *plugin, const char *name, const char **result, unsigned *length)
{
    (void)context;
    (void)plugin;
    *result = NULL;
    if (strcmp(name, "sasldb_path") == 0) *result = database;
    if (strcmp(name, "auxprop_plugin") == 0) *result = "sasldb";
    if (strcmp(name, "scram_iteration_counter") == 0) *result = "4096";
    if (strcmp(name, "log_level") == 0) *result = "7";
    if (length && *result) *length = (unsigned)strlen(*result);
    return *result ? SASL_OK : SASL_FAIL;
}

static int on_log(void *context, int level, const char *message)
{
    (void)context;
    printf("log %d %s\n", level, message);
    return SASL_OK;
}

static int simple(void *context, int id, const char **result, unsigned *length)
{
    (void)context;
    (void)id;
    *result = "alice";
    if (length) *length = 5;
    return SASL_OK;
}

static int password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **result)
{
    (void)conn, (void)context, (void)id;
    *result = secret;
    return SASL_OK;
}

static const sasl_callback_t servers[] = {{SASL_CB_GETOPT, (int (*)(void))option, NULL},
                                          {SASL_CB_LOG, (int (*)(void))on_log, NULL},
                                          {SASL_CB_LIST_END, NULL, NULL}};
static const sasl_callback_t clients[] = {{SASL_CB_AUTHNAME, (int (*)(void))simple, NULL},
                                          {SASL_CB_USER, (int (*)(void))simple, NULL},
                                          {SASL_CB_PASS, (int (*)(void))password, NULL},
                                          {SASL_CB_LIST_END, NULL, NULL}};

static int login(const char *mechanism)
{
    sasl_conn_t *client = NULL, *server = NULL;
    const char *out = NULL, *chosen;
    unsigned length = 0;
    int ours, theirs;
    if (sasl_client_new("test", "host.example.com", NULL, NULL, NULL, 0, &client) != SASL_OK) exit(1);
    if (sasl_server_new("test", "host.example.com", NULL, NULL, NULL, NULL, 0, &server) != SASL_OK) exit(1);
    ours = sasl_client_start(client, mechanism, NULL, &out, &length, &chosen);
    theirs = sasl_server_start(server, mechanism, out, length, &out, &length);
    while (theirs == SASL_CONTINUE && (ours == SASL_CONTINUE || ours == SASL_OK)) {
        ours = sasl_client_step(client, out, length, NULL, &out, &length);
        if (ours < 0) break;
        theirs = sasl_server_step(server, out, length, &out, &length);
    }
    printf("%s: %d %s\n", mechanism, theirs, sasl_errdetail(server));
    sasl_dispose(&client);
    sasl_dispose(&server);
    return theirs;
}

/* How often the bytes are in memory that can be written. */
static int found(const char *text, size_t length)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY), count = 0;
    static char line[1000], block[1 << 16];
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w') continue;
        for (unsigned long at = from; at < to; at += sizeof block - 64) {
            ssize_t got;
            /* Not in the buffers of this very search. */
            memset(block, 0, sizeof block);
            got = pread(memory, block, sizeof block, (off_t)at);
            for (ssize_t i = 0; i + (ssize_t)length <= got; i++) {
                unsigned long place = at + (unsigned long)i;
                if (place >= (unsigned long)block && place < (unsigned long)block + sizeof block) continue;
                if (place == (unsigned long)text || i >= (ssize_t)sizeof block - 64) continue;
                if (memcmp(block + i, text, length) == 0) {
                    count++;
                    fprintf(stderr, "at %lx in %s", place, line);
                }
            }
        }
    }
    fclose(maps);
    close(memory);
    return count;
}

int main(int argc, char **argv)
{
    static const char *const mechanisms[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"};
    sasl_conn_t *conn = NULL;
    int keep = argc > 2;

    setvbuf(stdout, NULL, _IONBF, 0);
    snprintf(database, sizeof database, "%s", argc > 1 ? argv[1] : "");
    secret = malloc(sizeof *secret + sizeof current);
    if (sasl_server_init(servers, "canary") != SASL_OK || sasl_client_init(clients) != SASL_OK) return 1;
    for (int which = 0; which < 2; which++) {
        reveal(which, current);
        secret->len = strlen(current);
        memcpy(secret->data, current, secret->len + 1);
        if (sasl_server_new("test", "host.example.com", NULL, NULL, NULL, NULL, 0, &conn) != SASL_OK) return 1;
        if (which == 0)
            printf("set: %d\n", sasl_setpass(conn, "alice", current, (unsigned)strlen(current), NULL, 0, SASL_SET_CREATE));
        printf("check: %d\n", sasl_checkpass(conn, "alice", 5, current, (unsigned)strlen(current)));
        sasl_dispose(&conn);
        for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) login(mechanisms[i]);
        if (!keep) explicit_bzero(secret, sizeof *secret + sizeof current);
        printf("found: %d\n", found(current, strlen(current)));
        explicit_bzero(current, sizeof current);
    }
    sasl_server_done();
    sasl_client_done();
    return 0;
}
