/* Old holes of the field, called from C: under valgrind nothing of this may touch memory that is not its own.
 *
 * holes prefixes     messages cut at every length, each in memory of just that length
 * holes sizes        results in buffers of every size, and messages that are too long
 * holes properties   random calls of the property functions against a simple model of them
 *
 * Prints "ok" when all was as expected.
 */
#include <sasl/prop.h>
#include <sasl/sasl.h>
#include <sasl/saslutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
            exit(1); \
        } \
    } while (0)

static int option(void *context, const char *plugin, const char *name, const char **result, unsigned *length)
{
    (void)context;
    (void)plugin;
    *result = NULL;
    if (strcmp(name, "pwcheck_method") == 0) *result = "auxprop";
    if (strcmp(name, "sasldb_path") == 0) *result = "./no-such-file";
    if (strcmp(name, "mech_list") == 0) *result = "SCRAM-SHA-256 SCRAM-SHA-1 DIGEST-MD5 CRAM-MD5 PLAIN LOGIN ANONYMOUS";
    if (length && *result) *length = (unsigned)strlen(*result);
    return *result ? SASL_OK : SASL_FAIL;
}

static const sasl_callback_t globals[] = {
    {SASL_CB_GETOPT, (int (*)(void))option, NULL},
    {SASL_CB_LIST_END, NULL, NULL},
};

static sasl_conn_t *server(void)
{
    sasl_conn_t *conn = NULL;
    CHECK(sasl_server_new("test", "host.example.com", NULL, NULL, NULL, NULL, 0, &conn) == SASL_OK);
    return conn;
}

/* Messages of clients, of mechanisms whose server speaks first, too; what a server has said is not looked at for these. */
static const struct {
    const char *mechanism, *message;
    int length, first;
} messages[] = {
    {"PLAIN", "bob\0alice\0secret", 16, 1},
    {"LOGIN", "alice", 5, 0},
    {"ANONYMOUS", "someone@example.com", 19, 1},
    {"CRAM-MD5", "alice 0123456789abcdef0123456789abcdef", 38, 0},
    {"SCRAM-SHA-1", "n,a=b=2Cb=3D,n=al=2Cice,r=0123456789abcdef,x=y", 46, 1},
    {"SCRAM-SHA-256", "p=tls-server-end-point,a=bob,n=alice,r=0123456789abcdef", 54, 1},
    {"SCRAM-SHA-256", "y,,m=x,n=alice,r=0123456789abcdef", 33, 1},
    {"DIGEST-MD5", "username=\"al\\\"ice\",realm=\"host.example.com\",nonce=\"abc\",cnonce=\"def\",nc=00000001,qop=auth,"
                   "digest-uri=\"test/host.example.com\",response=0123456789abcdef0123456789abcdef,charset=utf-8", 179, 0},
};

static void prefixes(void)
{
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        for (int length = 0; length <= messages[i].length; length++) {
            char *exact = malloc((size_t)length + (length == 0));
            sasl_conn_t *conn = server();
            const char *out = NULL;
            unsigned got = 0;
            int code;
            memcpy(exact, messages[i].message, (size_t)length);
            code = sasl_server_start(conn, messages[i].mechanism, messages[i].first ? exact : NULL,
                                     messages[i].first ? (unsigned)length : 0, &out, &got);
            if (code == SASL_CONTINUE) code = sasl_server_step(conn, exact, (unsigned)length, &out, &got);
            CHECK(code != SASL_OK || strcmp(messages[i].mechanism, "ANONYMOUS") == 0);
            free(exact);
            /* Whatever it was: a further step is no success, and a start is possible. */
            CHECK(code == SASL_CONTINUE || sasl_server_step(conn, "x", 1, &out, &got) != SASL_OK);
            CHECK(sasl_server_start(conn, "ANONYMOUS", "x", 1, &out, &got) == SASL_OK);
            sasl_dispose(&conn);
        }
    }
}

static void sizes(void)
{
    char input[64];
    static char huge[1 << 20];
    memset(input, 0xab, sizeof input);
    for (unsigned length = 0; length < sizeof input; length++) {
        unsigned needed = (length + 2) / 3 * 4 + 1, got, back;
        for (unsigned room = 0; room < needed + 2; room++) {
            char *out = malloc(room + (room == 0));
            int code = sasl_encode64(input, length, out, room, &got);
            CHECK(code == (room >= needed ? SASL_OK : SASL_BUFOVER));
            if (code == SASL_OK) {
                CHECK(got == needed - 1 && out[got] == 0);
                for (unsigned less = 0; less <= length + 1; less++) {
                    char *bytes = malloc(less + (less == 0));
                    code = sasl_decode64(out, got, bytes, less, &back);
                    CHECK(code != SASL_OK || length == 0 || (back == length && less > length && memcmp(bytes, input, length) == 0));
                    CHECK(less <= length || code == SASL_OK);
                    free(bytes);
                }
            }
            free(out);
        }
    }
    memset(huge, 'x', sizeof huge);
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        sasl_conn_t *conn = server();
        const char *out;
        unsigned got;
        int code = sasl_server_start(conn, messages[i].mechanism, huge, sizeof huge, &out, &got);
        if (code == SASL_CONTINUE) code = sasl_server_step(conn, huge, sizeof huge, &out, &got);
        CHECK(code != SASL_OK || strcmp(messages[i].mechanism, "ANONYMOUS") == 0);
        sasl_dispose(&conn);
    }
}

/* ---- a model of the properties: which are requested, and their values -------------------------------------------- */

#define NAMES 5
#define MOST 8

struct model {
    int requested[NAMES], count[NAMES];
    char values[NAMES][MOST][12];
};

static const char *const names[NAMES] = {"userPassword", "*cmusaslsecretPLAIN", "mail", "*mail", ""};

static unsigned random_below(unsigned end)
{
    static unsigned long long state = 88172645463325252ULL;
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (unsigned)(state >> 33) % end;
}

static void compare(struct propctx *context, const struct model *model)
{
    const struct propval *all = prop_get(context);
    for (int n = 0; n < NAMES; n++) {
        const char *wanted[2] = {names[n], NULL};
        struct propval found[2];
        const struct propval *row = all;
        int count = 0;
        memset(found, 0, sizeof found);
        while (row && row->name && strcmp(row->name, names[n]) != 0) row++;
        CHECK((row && row->name) == model->requested[n]);
        if (!model->requested[n]) continue;
        while (row->values && row->values[count]) count++;
        CHECK(count == model->count[n]);
        CHECK((int)row->nvalues == count);
        for (int i = 0; i < count; i++) CHECK(strcmp(row->values[i], model->values[n][i]) == 0);
        CHECK(prop_getnames(context, wanted, found) == 1);
        CHECK(found[0].name && strcmp(found[0].name, names[n]) == 0);
    }
}

static void properties(void)
{
    for (int sequence = 0; sequence < 300; sequence++) {
        struct propctx *context = prop_new(random_below(3) ? 0 : 16);
        struct model model;
        memset(&model, 0, sizeof model);
        for (int step = 0; step < 40; step++) {
            int n = (int)random_below(NAMES), end;
            const char *one[2] = {names[n], NULL};
            struct propctx *other = NULL;
            char value[12];
            switch (random_below(7)) {
            case 0:
            case 1:
                CHECK(prop_request(context, one) == SASL_OK);
                model.requested[n] = 1;
                /* A request begins a look-up: what was found before goes. */
                memset(model.count, 0, sizeof model.count);
                break;
            case 2:
            case 3:
                snprintf(value, sizeof value, "%0*u", (int)random_below(10) + 1, random_below(10));
                if (model.count[n] == MOST) break;
                end = prop_set(context, names[n], value, random_below(2) ? 0 : (int)strlen(value));
                CHECK((end == SASL_OK) == model.requested[n]);
                if (end == SASL_OK) strcpy(model.values[n][model.count[n]++], value);
                break;
            case 4:
                prop_erase(context, names[n]);
                model.count[n] = 0;
                break;
            case 5:
                end = (int)random_below(2);
                prop_clear(context, end);
                memset(model.count, 0, sizeof model.count);
                if (end) memset(model.requested, 0, sizeof model.requested);
                break;
            default:
                CHECK(prop_dup(context, &other) == SASL_OK && other);
                compare(other, &model);
                if (random_below(2)) {
                    prop_dispose(&context);
                    context = other;
                } else {
                    prop_dispose(&other);
                    CHECK(other == NULL);
                }
            }
            compare(context, &model);
        }
        prop_dispose(&context);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    CHECK(sasl_server_init(globals, "holes") == SASL_OK && sasl_client_init(globals) == SASL_OK);
    if (strcmp(what, "prefixes") == 0) prefixes();
    else if (strcmp(what, "sizes") == 0) sizes();
    else if (strcmp(what, "properties") == 0) properties();
    else return 2;
    sasl_server_done();
    sasl_client_done();
    puts("ok");
    return 0;
}
