/* One workload on the library that the dynamic linker finds: workloads NAME ARGUMENT COUNT DATABASE.
 * It shows first that the right password succeeds and the wrong one fails, and prints the nanoseconds of processor time that
 * one turn takes. It uses the public interface only. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *argument, *database;
static long count;

static int once(int right, struct spent *spent)
{
    struct pair pair = new_pair(0);
    int result = exchange(&pair, argument, right, spent);
    const void *name = NULL;
    if (result == SASL_OK && strcmp(argument, "ANONYMOUS") != 0)
        must(sasl_getprop(pair.server, SASL_USERNAME, &name) == SASL_OK && strncmp(name, USER, strlen(USER)) == 0, "name");
    dispose_pair(&pair);
    return result;
}

static void ready(const char *file)
{
    start_server(file);
    start_client();
}

static void check_once(void)
{
    must(once(1, NULL) == SASL_OK, "the right password succeeds");
    must(once(0, NULL) != SASL_OK, "the wrong password fails");
}

static double exchanges(const char *file)
{
    double start;
    ready(file);
    check_once();
    start = now();
    for (long i = 0; i < count; i++) must(once(1, NULL) == SASL_OK, "an exchange");
    return now() - start;
}

static double whole(void) { return exchanges(NULL); }
static double whole_database(void) { return exchanges(database); }

static struct spent sides(void)
{
    struct spent spent = {0, 0};
    ready(NULL);
    check_once();
    for (long i = 0; i < count; i++) must(once(1, &spent) == SASL_OK, "an exchange");
    return spent;
}

static double server_side(void) { return sides().server; }
static double client_side(void) { return sides().client; }

static int check_password(const char *password)
{
    sasl_conn_t *conn = new_server();
    int result = sasl_checkpass(conn, USER, strlen(USER), password, (unsigned)strlen(password));
    sasl_dispose(&conn);
    return result;
}

static double checkpass(void)
{
    double start;
    start_server(strcmp(argument, "database") == 0 ? database : NULL);
    must(check_password(RIGHT) == SASL_OK, "the right password succeeds");
    must(check_password(WRONG) != SASL_OK, "the wrong password fails");
    start = now();
    for (long i = 0; i < count; i++) must(check_password(RIGHT) == SASL_OK, "sasl_checkpass");
    return now() - start;
}

static double user_exists(void)
{
    sasl_conn_t *conn;
    double start;
    start_server(database);
    conn = new_server();
    must(sasl_user_exists(conn, "bench", REALM, USER) == SASL_OK, "the user is there");
    must(sasl_user_exists(conn, "bench", REALM, "nobody") != SASL_OK, "nobody is not there");
    start = now();
    for (long i = 0; i < count; i++) must(sasl_user_exists(conn, "bench", REALM, USER) == SASL_OK, "sasl_user_exists");
    start = now() - start;
    sasl_dispose(&conn);
    return start;
}

static double listmech(void)
{
    sasl_conn_t *conn;
    const char *list = NULL;
    double start;
    start_server(NULL);
    conn = new_server();
    start = now();
    for (long i = 0; i < count; i++)
        must(sasl_listmech(conn, NULL, "", " ", "", &list, NULL, NULL) == SASL_OK, "sasl_listmech");
    start = now() - start;
    must(strstr(list, "SCRAM-SHA-256") && strstr(list, "DIGEST-MD5") && strstr(list, "PLAIN"), "the list is whole");
    sasl_dispose(&conn);
    return start;
}

static double connection(void)
{
    sasl_conn_t *conn;
    double start;
    start_server(NULL);
    start = now();
    for (long i = 0; i < count; i++) {
        conn = new_server();
        sasl_dispose(&conn);
    }
    return now() - start;
}

/* The whole process up to here, the dynamic linker's part of it included. */
static double first_init(void)
{
    start_server(NULL);
    return now() * (double)count;
}

static double init_again(void)
{
    double start;
    start_server(NULL);
    sasl_done();
    start = now();
    for (long i = 0; i < count; i++) {
        start_server(NULL);
        sasl_done();
    }
    return now() - start;
}

/* Protects a message of the client and lets the server take it. */
static int pass_on(struct pair *pair, const char *text, unsigned len, int damage)
{
    static char wire[1 << 17];
    const char *out = NULL;
    unsigned out_len = 0;
    int result;
    must(sasl_encode(pair->client, text, len, &out, &out_len) == SASL_OK && out_len < sizeof wire, "sasl_encode");
    if (damage) {
        memcpy(wire, out, out_len);
        wire[len / 2] ^= 1;
        out = wire;
    }
    result = sasl_decode(pair->server, out, out_len, &out, &out_len);
    if (result == SASL_OK) must(out_len == len && memcmp(out, text, len) == 0, "the text arrives");
    return result;
}

static double layer(unsigned ssf)
{
    unsigned len = (unsigned)atoi(argument);
    char *text = malloc(len);
    struct pair pair;
    double start;
    must(text != NULL, "memory");
    for (unsigned i = 0; i < len; i++) text[i] = (char)(i * 31);
    ready(NULL);
    for (int damage = 1; damage >= 0; damage--) {
        pair = new_pair(ssf);
        must(exchange(&pair, "DIGEST-MD5", 1, NULL) == SASL_OK, "an exchange with a layer");
        must((pass_on(&pair, text, len, damage) == SASL_OK) == !damage, "a whole message arrives, a damaged one does not");
        if (damage) dispose_pair(&pair);
    }
    start = now();
    for (long i = 0; i < count; i++) must(pass_on(&pair, text, len, 0) == SASL_OK, "sasl_decode");
    start = now() - start;
    dispose_pair(&pair);
    free(text);
    return start;
}

static double auth_int(void) { return layer(1); }
static double rc4(void) { return layer(128); }

static const struct {
    const char *name;
    double (*run)(void);
} workloads[] = {
    {"exchange", whole},       {"exchange-database", whole_database}, {"server", server_side}, {"client", client_side},
    {"checkpass", checkpass},  {"user_exists", user_exists},          {"listmech", listmech},  {"connection", connection},
    {"first-init", first_init}, {"init-again", init_again},           {"auth-int", auth_int},  {"rc4", rc4},
};

int main(int argc, char **argv)
{
    must(argc == 5, "workloads NAME ARGUMENT COUNT DATABASE");
    argument = argv[2];
    count = atol(argv[3]);
    database = argv[4];
    must(count > 0, "a count");
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, argv[1]) != 0) continue;
        printf("%.0f\n", workloads[i].run() / (double)count);
        return 0;
    }
    must(0, "a workload has this name");
}
