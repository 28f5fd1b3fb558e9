/* sasl_seterror's own format language, and what sasl_errdetail says in many situations. */
#include "abi.h"
#include <errno.h>

typedef void seterror_like(sasl_conn_t *, unsigned, const char *, ...);

static void formats(sasl_conn_t *conn, const char *side)
{
    /* Called through a pointer: the compiler would object to these formats. */
    seterror_like *set = sasl_seterror;
    sasl_global_listmech();
#define TRY(...) \
    do { \
        const void *raw = NULL; \
        set(conn, 0, __VA_ARGS__); \
        sasl_getprop(conn, SASL_PLUGERR, &raw); \
        say("%s %s: %s / %s", side, #__VA_ARGS__, str(raw), detail(conn)); \
    } while (0)
    TRY("plain text");
    TRY("");
    TRY("%s", "a string");
    TRY("%s and %s", "one", "two");
    TRY("%s", (char *)NULL);
    TRY("%c", 'x');
    TRY("%d %i", -5, 7);
    TRY("%%");
    TRY("100%% of %d", 3);
    TRY("%m", ENOENT);
    TRY("%z", SASL_BADAUTH);
    TRY("%z", SASL_NOUSER);
    TRY("%z", SASL_OK);
    TRY("%z", 4711);
    TRY("line\nbreak");
    TRY("end%");
    TRY("%5d|", 42);
    TRY("%-5d|", 42);
    TRY("%05d|", 42);
    TRY("%10s|", "text");
    TRY("%.2s|", "text");
    {
        char *big = malloc(5000);
        const void *raw = NULL;
        memset(big, 'y', 4999);
        big[4999] = 0;
        set(conn, 0, "%s", big);
        sasl_getprop(conn, SASL_PLUGERR, &raw);
        say("%s long: %zu detail %zu", side, strlen(raw), strlen(sasl_errdetail(conn)));
        free(big);
    }
    TRY("short again");
}

static void utils_formats(sasl_conn_t *conn)
{
    void (*log)(sasl_conn_t *, int, const char *, ...) = sasl_global_utils->log;
    trace = 4;
    log(conn, 3, "plain");
    log(conn, 3, "%s %d %i %c %%", "s", -1, 2, 'c');
    log(conn, 3, "%u %x %X %o", 10u, 255u, 255u, 8u);
    log(conn, 3, "%m", EACCES);
    log(conn, 3, "%z %z", SASL_NOUSER, SASL_OK);
    log(conn, 3, "%s", (char *)NULL);
    log(conn, 3, "%5u|%-4x|%04d", 10u, 255u, 7);
    log(conn, 3, "");
    log(conn, 3, "ends with newline\n");
    trace = 0;
}

static void situations(void)
{
    sasl_conn_t *s = server(), *c = client();
    const char *out;
    unsigned len;
    int count;
    const void *value;
    say("fresh server %s", detail(s));
    say("fresh client %s", detail(c));
    say("twice the same pointer or text: %s", strcmp(sasl_errdetail(s), sasl_errdetail(s)) ? "differs" : "same");
    sasl_getprop(s, SASL_USERNAME, &value);
    say("getprop not done %s", detail(s));
    sasl_getprop(s, 77, &value);
    say("getprop unknown %s", detail(s));
    sasl_setprop(s, 77, "x");
    say("setprop unknown %s", detail(s));
    sasl_setprop(s, SASL_IPLOCALPORT, "junk");
    say("setprop junk %s", detail(s));
    sasl_server_start(s, "NOSUCH", NULL, 0, &out, &len);
    say("start unknown %s", detail(s));
    sasl_server_start(s, "PLAIN", "x", 1, &out, &len);
    say("PLAIN junk %s", detail(s));
    sasl_server_start(s, "PLAIN", "\0alice\0wrong", 12, &out, &len);
    say("PLAIN wrong %s", detail(s));
    sasl_server_start(s, "PLAIN", "\0nobody\0wrong", 13, &out, &len);
    say("PLAIN unknown %s", detail(s));
    sasl_server_start(s, "PLAIN", "\0alice\0secret", 13, &out, &len);
    say("PLAIN right, after all that %s", detail(s));
    sasl_seterror(s, 0, "of the application");
    say("seterror after success %s", detail(s));
    say("listmech %s", rc(sasl_listmech(s, NULL, NULL, NULL, NULL, &out, &len, &count)));
    say("after listmech %s", detail(s));
    sasl_encode(s, "x", 1, &out, &len);
    say("encode without layers %s", detail(s));
    sasl_decode(s, "x", 1, &out, &len);
    say("decode without layers %s", detail(s));
    sasl_encode(s, "x", 0, &out, &len);
    say("encode nothing %s", detail(s));
    sasl_dispose(&s);
    s = server();
    sasl_checkpass(s, "alice", 5, "wrong", 5);
    say("checkpass wrong %s", detail(s));
    sasl_checkpass(s, "nobody", 6, "wrong", 5);
    say("checkpass unknown %s", detail(s));
    sasl_checkpass(s, "alice", 5, "secret", 6);
    say("checkpass right %s", detail(s));
    sasl_user_exists(s, "svc", NULL, "nobody");
    say("user_exists no %s", detail(s));
    sasl_user_exists(s, "svc", NULL, "alice");
    say("user_exists yes %s", detail(s));
    sasl_checkapop(s, "<c>", 3, "alice x", 7);
    say("checkapop junk %s", detail(s));
    sasl_checkapop(s, "<c>", 3, "alice 0123456789abcdef0123456789abcdef", 38);
    say("checkapop wrong %s", detail(s));
    sasl_checkapop(s, "<c>", 3, "nobody 0123456789abcdef0123456789abcdef", 39);
    say("checkapop unknown %s", detail(s));
    sasl_setpass(s, "alice", NULL, 0, NULL, 0, 0);
    say("setpass nothing %s", detail(s));
    sasl_dispose(&s);
    sasl_client_start(c, "NOSUCH", NULL, &out, &len, NULL);
    say("client start unknown %s", detail(c));
    sasl_client_start(c, "SCRAM-SHA-1", NULL, &out, &len, NULL);
    say("client start %s", detail(c));
    sasl_client_step(c, "junk", 4, NULL, &out, &len);
    say("client step junk %s", detail(c));
    sasl_dispose(&c);
    cli_pass = NULL;
    c = client();
    say("no password from the callback %s", rc(sasl_client_start(c, "PLAIN", NULL, &out, &len, NULL)));
    say("detail %s", detail(c));
    sasl_dispose(&c);
    cli_pass = "secret";
    cli_auth = NULL;
    c = client();
    say("no name from the callback %s", rc(sasl_client_start(c, "PLAIN", NULL, &out, &len, NULL)));
    say("detail %s", detail(c));
    sasl_dispose(&c);
    cli_auth = "";
    c = client();
    say("empty name from the callback %s", rc(sasl_client_start(c, "PLAIN", NULL, &out, &len, NULL)));
    say("detail %s", detail(c));
    sasl_dispose(&c);
    cli_auth = "alice";
    cli_pass = "";
    c = client();
    say("empty password from the callback %s", rc(sasl_client_start(c, "PLAIN", NULL, &out, &len, NULL)));
    say("detail %s", detail(c));
    sasl_dispose(&c);
    cli_pass = "secret";
}

int main(void)
{
    sasl_conn_t *s, *c;
    begin();
    s = server();
    formats(s, "server");
    utils_formats(s);
    sasl_dispose(&s);
    c = client();
    formats(c, "client");
    sasl_dispose(&c);
    situations();
    finish();
    return 0;
}
