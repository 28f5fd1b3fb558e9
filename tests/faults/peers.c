/* A smaller set of the changes of tests/hostile, through the C interface: each message is in a block of its own length, so that
 * a tool sees whoever reads on, and a panic that the library catches shows in the system's log, which is here. Compiled with
 * CLASSIC it is about the interface of SASL 1.5. */
#ifdef CLASSIC
#include "c1.h"
#else
#include "abi.h"
#endif
#include <syslog.h>

static int panics, bad;

/* The program's own comes before that of the C library. */
void syslog(int priority, const char *format, ...)
{
    char line[1000];
    va_list arguments;
    (void)priority;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (strstr(line, "internal error")) {
        printf("%s\n", line);
        panics++;
    }
}

struct message { char *data; unsigned len; int none; };

#ifdef CLASSIC
static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "ANONYMOUS", NULL};
static sasl_callback_t answers[] = {{SASL_CB_AUTHNAME, simple, "jephe"}, {SASL_CB_PASS, password, "secret"}, {SASL_CB_LIST_END, NULL, NULL}};
#define USER "jephe"
static void open_both(sasl_conn_t **s, sasl_conn_t **c)
{
    *s = new_server(NULL, NULL, 0);
    *c = new_client(answers, 0);
}
static int kept(int code, char *out, unsigned len, struct message *reply)
{
    reply->none = out == NULL;
    reply->len = out ? len : 0;
    reply->data = memcpy(malloc(reply->len + 1), out ? out : "", reply->len);
    my_free(out);
    return code;
}
static int first(sasl_conn_t *c, const char *mech, struct message *reply)
{
    const char *chosen;
    char *out = NULL;
    unsigned len = 0;
    int code = sasl_client_start(c, mech, NULL, NULL, &out, &len, &chosen);
    return kept(code, out, len, reply);
}
static int to_client(sasl_conn_t *c, const struct message *in, struct message *reply)
{
    char *out = NULL;
    unsigned len = 0;
    int code = sasl_client_step(c, in->none ? NULL : in->data, in->len, NULL, &out, &len);
    return kept(code, out, len, reply);
}
static int to_server(sasl_conn_t *s, const char *mech, const struct message *in, struct message *reply)
{
    char *out = NULL, *data = in->none ? NULL : in->data;
    const char *errstr;
    unsigned len = 0;
    int code = mech ? sasl_server_start(s, mech, data, in->len, &out, &len, &errstr) : sasl_server_step(s, data, in->len, &out, &len, &errstr);
    return kept(code, out, len, reply);
}
#else
static const char *const *mechs;
#define USER "alice"
static void open_both(sasl_conn_t **s, sasl_conn_t **c)
{
    *s = server();
    *c = client();
    secprops(*s, 0, 256, 4096, 0);
    secprops(*c, 0, 256, 4096, 0);
    sasl_setprop(*s, SASL_AUTH_EXTERNAL, "alice");
    sasl_setprop(*c, SASL_AUTH_EXTERNAL, "alice");
}
static int kept(int code, const char *out, unsigned len, struct message *reply)
{
    reply->none = out == NULL;
    reply->len = out ? len : 0;
    reply->data = memcpy(malloc(reply->len + 1), out ? out : "", reply->len);
    return code;
}
static int first(sasl_conn_t *c, const char *mech, struct message *reply)
{
    const char *chosen, *out = NULL;
    unsigned len = 0;
    int code = sasl_client_start(c, mech, NULL, &out, &len, &chosen);
    return kept(code, code < 0 ? NULL : out, len, reply);
}
static int to_client(sasl_conn_t *c, const struct message *in, struct message *reply)
{
    const char *out = NULL;
    unsigned len = 0;
    int code = sasl_client_step(c, in->none ? NULL : in->data, in->len, NULL, &out, &len);
    return kept(code, code < 0 ? NULL : out, len, reply);
}
static int to_server(sasl_conn_t *s, const char *mech, const struct message *in, struct message *reply)
{
    const char *out = NULL, *data = in->none ? NULL : in->data;
    unsigned len = 0;
    int code = mech ? sasl_server_start(s, mech, data, in->len, &out, &len) : sasl_server_step(s, data, in->len, &out, &len);
    return kept(code, code < 0 ? NULL : out, len, reply);
}
#endif

/* The n-th change of a message: 0 when there is none of that number, 1 when it makes another message of it. */
static int change(const struct message *from, unsigned n, struct message *to)
{
    static const unsigned char bits[] = {1, 0x80, 0xff}, added[] = {0, 0xff, ',', '='};
    unsigned len = from->len;
    to->none = 0;
    if (n < len) { /* cut */
        to->len = n;
        to->data = memcpy(malloc(n + !n), from->data, n);
        return 1;
    }
    n -= len;
    if (n < len * sizeof bits) { /* a byte changed */
        to->len = len;
        to->data = memcpy(malloc(len), from->data, len);
        to->data[n / sizeof bits] ^= (char)bits[n % sizeof bits];
        return 1;
    }
    n -= len * (unsigned)sizeof bits;
    if (n < (len + 1) * sizeof added) { /* a byte more */
        unsigned at = n / sizeof added;
        to->len = len + 1;
        to->data = malloc(len + 1);
        memcpy(to->data, from->data, at);
        to->data[at] = (char)added[n % sizeof added];
        memcpy(to->data + at + 1, from->data + at, len - at);
        return 1;
    }
    n -= (len + 1) * (unsigned)sizeof added;
    if (n < 4) { /* far too long */
        to->len = n < 2 ? 65536 : 1048576;
        to->data = malloc(to->len);
        memset(to->data, n % 2 ? 0 : 'x', to->len);
        if (n >= 2) memcpy(to->data, from->data, len);
        return 1;
    }
    n -= 4;
    if (n == 0) { /* none */
        to->none = 1;
        to->len = 0;
        to->data = malloc(1);
        return 1;
    }
    return 0;
}

/* An exchange in which message `at` is changed; whether there was such a change. */
static int attempt(const char *mech, int at, unsigned n)
{
    sasl_conn_t *s = NULL, *c = NULL;
    struct message now, next, other;
    int code, server_code = SASL_CONTINUE, client_code, made = 0;
    open_both(&s, &c);
    client_code = first(c, mech, &now);
    for (int number = 0; number < 16; number++) {
        int for_server = number % 2 == 0, started = number > 0;
        if (number == at) {
            made = change(&now, n, &other);
            if (!made) break;
            free(now.data);
            now = other;
        } else {
            /* Of exactly its length, too. */
            other = now;
            other.data = memcpy(malloc(now.len + !now.len), now.data, now.len);
            free(now.data);
            now = other;
        }
        code = for_server ? to_server(s, started ? NULL : mech, &now, &next) : to_client(c, &now, &next);
        if (for_server) server_code = code;
        else client_code = code;
        if (code < 0) {
            /* It stays an error. */
            free(next.data);
            code = for_server ? to_server(s, NULL, &now, &next) : to_client(c, &now, &next);
            if (code >= 0) {
                printf("%s, message %d, change %u: goes on after an error (%d)\n", mech, at, n, code);
                bad++;
            }
            free(now.data);
            now = next;
            break;
        }
        free(now.data);
        now = next;
        if (server_code == SASL_OK && (client_code == SASL_OK || now.none)) break;
        if (for_server && client_code == SASL_OK) {
            /* The client is done, and what it is told does not matter to it any more. */
            now.len = 0;
            number++;
        }
        if (number == 15) {
            printf("%s, message %d, change %u: goes on for ever\n", mech, at, n);
            bad++;
        }
    }
    free(now.data);
    if (server_code == SASL_OK) {
#ifdef CLASSIC
        void *user = NULL;
#else
        const void *user = NULL;
#endif
        if (sasl_getprop(s, SASL_USERNAME, &user) != SASL_OK || strcmp(user, strcmp(mech, "ANONYMOUS") ? USER : "anonymous") != 0) {
            printf("%s, message %d, change %u: is somebody else\n", mech, at, n);
            bad++;
        }
    }
    sasl_dispose(&s);
    sasl_dispose(&c);
    return made;
}

int main(int argc, char **argv)
{
    unsigned step = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    long tried = 0;
    int before;
    begin();
#ifdef CLASSIC
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
#else
    set_option("scram_iteration_counter", "2");
    set_option("scram_minimum_iterations", "1");
    mechs = (const char *const *)sasl_global_listmech();
#endif
    for (int i = 0; mechs[i]; i++) {
        if (strncmp(mechs[i], "GS", 2) == 0) continue;
        before = (int)tried;
        for (int at = 0; at < 5; at++)
            for (unsigned n = (unsigned)at % step; attempt(mechs[i], at, n); n += step) tried++;
        if (tried - before < 9 / (int)step) {
            printf("%s: only %ld\n", mechs[i], tried - before);
            bad++;
        }
    }
    printf("%ld changed messages\n", tried);
#ifdef CLASSIC
    bad += finish();
#else
    finish();
#endif
    if (panics || bad) return 1;
    printf("all is well\n");
    return 0;
}
