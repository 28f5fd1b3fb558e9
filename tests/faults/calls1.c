/* Every function of the interface of SASL 1.5 in every state of a connection and of the library, with good arguments and with
 * NULL and zero: each answers with a code that sasl.h has, nothing ends the process, and all memory comes back. A call that
 * needs a connection of one side never succeeds without, and what it gives out is nothing where it fails. */
#include "c1.h"

static char *out, buffer[200];
static unsigned len, count;
static const char *chosen, *errstr;
static void *value;
static sasl_conn_t *made;
static sasl_interact_t *prompts;
static sasl_rand_t *pool;
static sasl_secret_t *secret;
static const char good[] = "\0jephe\0secret", wrong[] = "\0jephe\0wrong";
static int number = 1;

enum { SERVER = 1, CLIENT = 2, ANY = 4, GIVES = 8 };

/* A name, on which side it can succeed (ANY: on none needed), whether it gives memory out, and the call. */
#define CALLS(X) \
    X(start_good, SERVER | GIVES, sasl_server_start(k, "PLAIN", good, sizeof good - 1, &out, &len, &errstr)) \
    X(start_wrong, SERVER | GIVES, sasl_server_start(k, "PLAIN", wrong, sizeof wrong - 1, &out, &len, &errstr)) \
    X(start_first, SERVER | GIVES, sasl_server_start(k, "CRAM-MD5", NULL, 0, &out, &len, &errstr)) \
    X(start_unknown, SERVER | GIVES, sasl_server_start(k, "NOTHING", NULL, 0, &out, &len, &errstr)) \
    X(start_null_name, SERVER | GIVES, sasl_server_start(k, NULL, NULL, 0, &out, &len, &errstr)) \
    X(start_null_data, SERVER | GIVES, sasl_server_start(k, "PLAIN", NULL, 5, &out, &len, &errstr)) \
    X(start_null_out, SERVER, sasl_server_start(k, "PLAIN", good, sizeof good - 1, NULL, NULL, NULL)) \
    X(step_data, SERVER | GIVES, sasl_server_step(k, "x", 1, &out, &len, &errstr)) \
    X(step_null, SERVER | GIVES, sasl_server_step(k, NULL, 0, &out, &len, &errstr)) \
    X(step_null_data, SERVER | GIVES, sasl_server_step(k, NULL, 9, &out, &len, &errstr)) \
    X(step_null_out, SERVER, sasl_server_step(k, "x", 1, NULL, NULL, NULL)) \
    X(cstart_good, CLIENT | GIVES, sasl_client_start(k, "PLAIN", NULL, NULL, &out, &len, &chosen)) \
    X(cstart_prompts, CLIENT | GIVES, sasl_client_start(k, "CRAM-MD5", NULL, &prompts, &out, &len, &chosen)) \
    X(cstart_null_list, CLIENT | GIVES, sasl_client_start(k, NULL, NULL, NULL, &out, &len, &chosen)) \
    X(cstart_empty_list, CLIENT | GIVES, sasl_client_start(k, "", NULL, NULL, &out, &len, &chosen)) \
    X(cstart_null_out, CLIENT, sasl_client_start(k, "PLAIN", NULL, NULL, NULL, NULL, NULL)) \
    X(cstep_data, CLIENT | GIVES, sasl_client_step(k, "x", 1, NULL, &out, &len)) \
    X(cstep_null, CLIENT | GIVES, sasl_client_step(k, NULL, 0, NULL, &out, &len)) \
    X(cstep_null_data, CLIENT | GIVES, sasl_client_step(k, NULL, 9, NULL, &out, &len)) \
    X(cstep_null_out, CLIENT, sasl_client_step(k, "x", 1, NULL, NULL, NULL)) \
    X(client_auth, CLIENT, sasl_client_auth(k, "jephe", "secret", 6, NULL, NULL)) \
    X(client_auth_nulls, CLIENT, sasl_client_auth(k, NULL, NULL, 0, NULL, NULL)) \
    X(listmech, SERVER | GIVES, sasl_listmech(k, "jephe", "(", " ", ")", &out, &len, &count)) \
    X(listmech_nulls, SERVER | GIVES, sasl_listmech(k, NULL, NULL, NULL, NULL, &out, NULL, NULL)) \
    X(listmech_null_result, SERVER, sasl_listmech(k, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) \
    X(checkpass, SERVER, sasl_checkpass(k, "jephe", 5, "secret", 6, &errstr)) \
    X(checkpass_wrong, SERVER, sasl_checkpass(k, "jephe", 5, "wrong", 5, &errstr)) \
    X(checkpass_nulls, SERVER, sasl_checkpass(k, NULL, 0, NULL, 0, NULL)) \
    X(checkpass_null_pass, SERVER, sasl_checkpass(k, "jephe", 5, NULL, 0, NULL)) \
    X(setpass, SERVER, sasl_setpass(k, "other", "new", 3, SASL_SET_CREATE, &errstr)) \
    X(setpass_nulls, SERVER, sasl_setpass(k, NULL, NULL, 0, 0, NULL)) \
    X(setpass_null_pass, SERVER, sasl_setpass(k, "other", NULL, 0, SASL_SET_DISABLE, NULL)) \
    X(encode, SERVER | CLIENT | GIVES, sasl_encode(k, "text", 4, &out, &len)) \
    X(encode_null, SERVER | CLIENT | GIVES, sasl_encode(k, NULL, 4, &out, &len)) \
    X(encode_null_out, SERVER | CLIENT, sasl_encode(k, "text", 4, NULL, NULL)) \
    X(decode, SERVER | CLIENT | GIVES, sasl_decode(k, "text", 4, &out, &len)) \
    X(decode_null, SERVER | CLIENT | GIVES, sasl_decode(k, NULL, 4, &out, &len)) \
    X(decode_null_out, SERVER | CLIENT, sasl_decode(k, "text", 4, NULL, NULL)) \
    X(idle, ANY, sasl_idle(k)) \
    X(get_user, SERVER | CLIENT, sasl_getprop(k, SASL_USERNAME, &value)) \
    X(get_null, SERVER | CLIENT, sasl_getprop(k, SASL_USERNAME, NULL)) \
    X(get_unknown, SERVER | CLIENT, sasl_getprop(k, 4711, &value)) \
    X(set_null, SERVER | CLIENT, sasl_setprop(k, SASL_SEC_PROPS, NULL)) \
    X(set_unknown, SERVER | CLIENT, sasl_setprop(k, 4711, "x")) \
    X(set_external_null, SERVER | CLIENT, sasl_setprop(k, SASL_SSF_EXTERNAL, NULL)) \
    X(set_local_null, SERVER | CLIENT, sasl_setprop(k, SASL_IP_LOCAL, NULL)) \
    X(cred_install, ANY, sasl_cred_install(k)) \
    X(cred_uninstall, ANY, sasl_cred_uninstall(k)) \
    X(mkchal, ANY, (sasl_mkchal(k, buffer, sizeof buffer, 1), 0)) \
    X(mkchal_short, ANY, (sasl_mkchal(k, buffer, 2, 0), sasl_mkchal(k, buffer, 0, 0), 0)) \
    X(user_exists, ANY, sasl_user_exists("smtp", NULL, "jephe")) \
    X(user_exists_nulls, ANY, sasl_user_exists(NULL, NULL, NULL)) \
    X(server_new, ANY, sasl_server_new("smtp", HOST, NULL, NULL, 0, &made)) \
    X(server_new_nulls, ANY, sasl_server_new(NULL, NULL, NULL, NULL, 0, NULL)) \
    X(client_new, ANY, sasl_client_new("smtp", HOST, NULL, 0, &made)) \
    X(client_new_nulls, ANY, sasl_client_new(NULL, NULL, NULL, 0, NULL)) \
    X(dispose_null, ANY, (sasl_dispose(NULL), 0)) \
    X(free_secret_null, ANY, (sasl_free_secret(NULL), sasl_free_secret(&secret), 0)) \
    X(usererr, ANY, sasl_usererr(SASL_NOUSER)) \
    X(errstring, ANY, (check(sasl_errstring(-5, NULL, NULL) != NULL), check(sasl_errstring(-4711, "en", &chosen) != NULL), 0)) \
    X(encode64, ANY, sasl_encode64("abc", 3, buffer, sizeof buffer, &len)) \
    X(encode64_no_room, ANY, sasl_encode64("abc", 3, buffer, 0, &len)) \
    X(encode64_nulls, ANY, sasl_encode64(NULL, 0, NULL, 0, NULL)) \
    X(decode64, ANY, sasl_decode64("YWJj", 4, buffer, &len)) \
    X(decode64_nulls, ANY, sasl_decode64(NULL, 0, NULL, NULL)) \
    X(utf8verify, ANY, sasl_utf8verify("\xff", 1)) \
    X(utf8verify_null, ANY, sasl_utf8verify(NULL, 0)) \
    X(rand, ANY, (sasl_randcreate(&pool), sasl_randseed(pool, "seed", 4), sasl_rand(pool, buffer, 9), sasl_churn(pool, "x", 1), \
                  sasl_randfree(&pool), 0)) \
    X(rand_nulls, ANY, (sasl_randseed(NULL, NULL, 0), sasl_rand(NULL, NULL, 0), sasl_churn(NULL, NULL, 0), sasl_randfree(NULL), 0)) \
    X(randcreate_null, ANY, sasl_randcreate(NULL)) \
    X(server_init, ANY, sasl_server_init(NULL, NULL)) \
    X(client_init, ANY, sasl_client_init(NULL)) \
    X(done, ANY, (sasl_done(), 0)) \
    X(set_alloc_nulls, ANY, (sasl_set_alloc(NULL, NULL, NULL, NULL), 0)) \
    X(set_mutex_nulls, ANY, (sasl_set_mutex(NULL, NULL, NULL, NULL), 0))

#define FUNCTION(name, sides, expression) static int call_##name(sasl_conn_t *k) { (void)k; return expression; }
CALLS(FUNCTION)
struct call { const char *name; int sides; int (*make)(sasl_conn_t *); };
#define ENTRY(name, sides, expression) {#name, sides, call_##name},
static const struct call calls[] = {CALLS(ENTRY) {NULL, 0, NULL}};

enum { BEFORE, INIT, NEW, STARTED, SUCCESS, FAILURE, OTHER, DONE, STATES };
static sasl_conn_t *s, *c;
static sasl_callback_t answers[] = {{SASL_CB_AUTHNAME, simple, "jephe"}, {SASL_CB_PASS, password, "secret"}, {SASL_CB_LIST_END, NULL, NULL}};

static void enter(int state)
{
    if (state == BEFORE) return;
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    if (state == DONE) sasl_done();
    if (state == INIT || state == DONE) return;
    s = new_server(NULL, NULL, 0);
    c = new_client(answers, 0);
    if (state == OTHER) {
        sasl_conn_t *other = new_server(NULL, NULL, 0);
        is(login(other, "PLAIN", "jephe", "secret"), SASL_OK);
        sasl_dispose(&other);
    }
    if (state == STARTED) {
        sasl_server_start(s, "CRAM-MD5", NULL, 0, &out, &len, &errstr);
        my_free(out);
        sasl_client_start(c, "CRAM-MD5", NULL, NULL, &out, &len, &chosen);
        my_free(out);
    }
    if (state == SUCCESS) is(talk(c, s, "DIGEST-MD5"), SASL_OK);
    if (state == FAILURE) {
        sasl_server_start(s, "PLAIN", wrong, sizeof wrong - 1, &out, &len, &errstr);
        sasl_client_start(c, "NOTHING", NULL, NULL, &out, &len, &chosen);
    }
    out = NULL;
}

static void attempt(int state, const struct call *call, int side)
{
    long before;
    int code, conn = side == SERVER ? s != NULL : side == CLIENT ? c != NULL : 0;
    before = live;
    out = call->sides & GIVES ? (char *)1 : NULL;
    code = call->make(side == SERVER ? s : side == CLIENT ? c : NULL);
    if (code < -25 || code > 2) {
        printf("%s in state %d on %d: no such code: %d\n", call->name, state, side, code);
        failures++;
    }
    if (code >= 0 && !(call->sides & ANY) && !(conn && (call->sides & side))) {
        printf("%s in state %d on %d succeeds without a connection that it could be about\n", call->name, state, side);
        failures++;
    }
    if (call->sides & GIVES) {
        if (code != SASL_OK && code != SASL_CONTINUE && out != NULL && out != (char *)1) {
            printf("%s in state %d on %d gives something with %d\n", call->name, state, side, code);
            failures++;
        }
        if (out != (char *)1) my_free(out);
        out = NULL;
    }
    if (prompts) my_free(prompts);
    prompts = NULL;
    if (made) sasl_dispose(&made);
    if (live != before && strcmp(call->name, "done") != 0) {
        printf("%s in state %d on %d: %ld blocks are lost\n", call->name, state, side, live - before);
        failures++;
    }
}

int main(int argc, char **argv)
{
    static const int sides[] = {SERVER, CLIENT, 0};
    int step = argc > 1 ? atoi(argv[1]) : 1, tried = 0;
    begin();
    for (int state = BEFORE; state < STATES; state++)
        for (const struct call *call = calls; call->name; call++)
            for (int i = 0; i < 3; i++) {
                if (number++ % step != 0) continue;
                enter(state);
                attempt(state, call, sides[i]);
                sasl_dispose(&s);
                sasl_dispose(&c);
                sasl_done();
                tried++;
            }
    printf("%d calls\n", tried);
    check(tried > 30);
    return finish();
}
