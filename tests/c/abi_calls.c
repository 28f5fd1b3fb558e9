/* Every function of the library, in every state of a connection and of the library, with good arguments and with NULL and
 * zero in their places. Each call is a process of its own, for the stock library may end it; with an argument all are made in
 * this one, or one of so many. */
#include "abi.h"
#include <signal.h>
#include <sys/wait.h>

static const char *out, *in_names[] = {"userPassword", "mail", NULL};
static unsigned len;
static int count;
static const void *value;
static sasl_conn_t *made;
static char buffer[200];
static sasl_interact_t *prompts;
static const char good[] = "\0alice\0secret", wrong[] = "\0alice\0wrong";
static const sasl_security_properties_t strict = {0, 256, 4096, SASL_SEC_NOANONYMOUS, NULL, NULL};
static const sasl_ssf_t ssf = 56;
static const sasl_channel_binding_t binding = {"tls-unique", 0, 4, (const unsigned char *)"data"};
static const struct iovec vector[2] = {{"ab", 2}, {"c", 1}};
static sasl_rand_t *pool;

/* Exported, but not in the stock headers. */
extern int sasl_config_init(const char *file);
extern void sasl_config_done(void);

static void on_server(server_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock) { (void)mech, (void)stage, (void)rock; }
static void on_client(client_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock) { (void)mech, (void)stage, (void)rock; }
static void on_auxprop(sasl_auxprop_plug_t *plug, sasl_info_callback_stage_t stage, void *rock) { (void)plug, (void)stage, (void)rock; }

static const char *yes(int condition) { return condition ? "yes" : "no"; }
static const char *text(const char *string) { return string ? "text" : "NULL"; }

/* A call on a connection `k`. */
#define ON_CONNECTION(X) \
    X(start_good, rc(sasl_server_start(k, "PLAIN", good, sizeof good - 1, &out, &len))) \
    X(start_wrong, rc(sasl_server_start(k, "PLAIN", wrong, sizeof wrong - 1, &out, &len))) \
    X(start_unknown, rc(sasl_server_start(k, "NOTHING", NULL, 0, &out, &len))) \
    X(start_empty_name, rc(sasl_server_start(k, "", NULL, 0, &out, &len))) \
    X(start_null_name, rc(sasl_server_start(k, NULL, NULL, 0, &out, &len))) \
    X(start_null_data, rc(sasl_server_start(k, "PLAIN", NULL, 5, &out, &len))) \
    X(start_null_out, rc(sasl_server_start(k, "PLAIN", good, sizeof good - 1, NULL, NULL))) \
    X(step_data, rc(sasl_server_step(k, "x", 1, &out, &len))) \
    X(step_null, rc(sasl_server_step(k, NULL, 0, &out, &len))) \
    X(step_null_data, rc(sasl_server_step(k, NULL, 9, &out, &len))) \
    X(step_null_out, rc(sasl_server_step(k, "x", 1, NULL, NULL))) \
    X(cstart_good, rc(sasl_client_start(k, "PLAIN", NULL, &out, &len, &out))) \
    X(cstart_first, rc(sasl_client_start(k, "CRAM-MD5", &prompts, &out, &len, NULL))) \
    X(cstart_null_list, rc(sasl_client_start(k, NULL, NULL, &out, &len, &out))) \
    X(cstart_empty_list, rc(sasl_client_start(k, "", NULL, &out, &len, &out))) \
    X(cstart_null_out, rc(sasl_client_start(k, "PLAIN", NULL, NULL, NULL, NULL))) \
    X(cstep_data, rc(sasl_client_step(k, "x", 1, NULL, &out, &len))) \
    X(cstep_null, rc(sasl_client_step(k, NULL, 0, NULL, &out, &len))) \
    X(cstep_null_data, rc(sasl_client_step(k, NULL, 9, NULL, &out, &len))) \
    X(cstep_null_out, rc(sasl_client_step(k, "x", 1, NULL, NULL, NULL))) \
    X(listmech, rc(sasl_listmech(k, "alice", "(", " ", ")", &out, &len, &count))) \
    X(listmech_nulls, rc(sasl_listmech(k, NULL, NULL, NULL, NULL, &out, NULL, NULL))) \
    X(listmech_null_result, rc(sasl_listmech(k, NULL, NULL, NULL, NULL, NULL, NULL, NULL))) \
    X(checkpass_good, rc(sasl_checkpass(k, "alice", 5, "secret", 6))) \
    X(checkpass_wrong, rc(sasl_checkpass(k, "alice", 5, "wrong", 5))) \
    X(checkpass_null_user, rc(sasl_checkpass(k, NULL, 0, "secret", 6))) \
    X(checkpass_null_pass, rc(sasl_checkpass(k, "alice", 5, NULL, 0))) \
    X(checkpass_zero, rc(sasl_checkpass(k, "", 0, "", 0))) \
    X(checkapop_nulls, rc(sasl_checkapop(k, NULL, 0, NULL, 0))) \
    X(checkapop, rc(sasl_checkapop(k, "<1@x>", 5, "alice 00", 8))) \
    X(checkapop_null_response, rc(sasl_checkapop(k, "<1@x>", 5, NULL, 0))) \
    X(user_exists, rc(sasl_user_exists(k, "svc", NULL, "alice"))) \
    X(user_exists_not, rc(sasl_user_exists(k, NULL, NULL, "nobody"))) \
    X(user_exists_null, rc(sasl_user_exists(k, "svc", NULL, NULL))) \
    X(setpass, rc(sasl_setpass(k, "carol", "new", 3, NULL, 0, SASL_SET_CREATE))) \
    X(setpass_null_user, rc(sasl_setpass(k, NULL, "new", 3, NULL, 0, SASL_SET_CREATE))) \
    X(setpass_null_pass, rc(sasl_setpass(k, "bob", NULL, 0, NULL, 0, SASL_SET_DISABLE))) \
    X(encode, rc(sasl_encode(k, "text", 4, &out, &len))) \
    X(encode_zero, rc(sasl_encode(k, "", 0, &out, &len))) \
    X(encode_null, rc(sasl_encode(k, NULL, 4, &out, &len))) \
    X(encode_null_out, rc(sasl_encode(k, "text", 4, NULL, NULL))) \
    X(encodev, rc(sasl_encodev(k, vector, 2, &out, &len))) \
    X(encodev_zero, rc(sasl_encodev(k, vector, 0, &out, &len))) \
    X(encodev_null, rc(sasl_encodev(k, NULL, 2, &out, &len))) \
    X(decode, rc(sasl_decode(k, "text", 4, &out, &len))) \
    X(decode_zero, rc(sasl_decode(k, "", 0, &out, &len))) \
    X(decode_null, rc(sasl_decode(k, NULL, 4, &out, &len))) \
    X(decode_null_out, rc(sasl_decode(k, "text", 4, NULL, NULL))) \
    X(errdetail, text(sasl_errdetail(k))) \
    X(seterror, (sasl_seterror(k, 0, "%s %d", "text", 1), "made")) \
    X(seterror_null, (sasl_seterror(k, 0, NULL), "made")) \
    X(idle, yes(sasl_idle(k))) \
    X(request, rc(sasl_auxprop_request(k, in_names))) \
    X(request_null, rc(sasl_auxprop_request(k, NULL))) \
    X(getctx, yes(sasl_auxprop_getctx(k) != NULL)) \
    X(store_nothing, rc(sasl_auxprop_store(k, NULL, NULL))) \
    X(store_null_user, rc(sasl_auxprop_store(k, k ? sasl_auxprop_getctx(k) : NULL, NULL))) \
    X(get_null, rc(sasl_getprop(k, SASL_USERNAME, NULL))) \
    X(get_negative, rc(sasl_getprop(k, -1, &value))) \
    X(get_unknown, rc(sasl_getprop(k, 4711, &value))) \
    X(set_user, rc(sasl_setprop(k, SASL_USERNAME, "x"))) \
    X(set_unknown, rc(sasl_setprop(k, 4711, "x"))) \
    X(set_secprops, rc(sasl_setprop(k, SASL_SEC_PROPS, &strict))) \
    X(set_secprops_null, rc(sasl_setprop(k, SASL_SEC_PROPS, NULL))) \
    X(set_ssf, rc(sasl_setprop(k, SASL_SSF_EXTERNAL, &ssf))) \
    X(set_ssf_null, rc(sasl_setprop(k, SASL_SSF_EXTERNAL, NULL))) \
    X(set_external, rc(sasl_setprop(k, SASL_AUTH_EXTERNAL, "alice"))) \
    X(set_external_null, rc(sasl_setprop(k, SASL_AUTH_EXTERNAL, NULL))) \
    X(set_local, rc(sasl_setprop(k, SASL_IPLOCALPORT, "127.0.0.1;25"))) \
    X(set_local_null, rc(sasl_setprop(k, SASL_IPLOCALPORT, NULL))) \
    X(set_remote_bad, rc(sasl_setprop(k, SASL_IPREMOTEPORT, "nowhere"))) \
    X(set_realm, rc(sasl_setprop(k, SASL_DEFUSERREALM, "realm"))) \
    X(set_realm_null, rc(sasl_setprop(k, SASL_DEFUSERREALM, NULL))) \
    X(set_appname, rc(sasl_setprop(k, SASL_APPNAME, "name"))) \
    X(set_appname_null, rc(sasl_setprop(k, SASL_APPNAME, NULL))) \
    X(set_binding, rc(sasl_setprop(k, SASL_CHANNEL_BINDING, &binding))) \
    X(set_binding_null, rc(sasl_setprop(k, SASL_CHANNEL_BINDING, NULL))) \
    X(dispose, (made = k, sasl_dispose(&made), k ? "not here" : "made"))

/* A call that is about no connection. */
#define ALONE(X) \
    X(server_init, rc(sasl_server_init(NULL, NULL))) \
    X(client_init, rc(sasl_client_init(NULL))) \
    X(server_done, rc(sasl_server_done())) \
    X(client_done, rc(sasl_client_done())) \
    X(done, (sasl_done(), "made")) \
    X(common_done, (sasl_common_done(), "made")) \
    X(server_new, rc(sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &made))) \
    X(server_new_nulls, rc(sasl_server_new(NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL))) \
    X(server_new_address, rc(sasl_server_new("svc", FQDN, NULL, "x", "y", NULL, 0, &made))) \
    X(client_new, rc(sasl_client_new("svc", FQDN, NULL, NULL, NULL, 0, &made))) \
    X(client_new_nulls, rc(sasl_client_new(NULL, NULL, NULL, NULL, NULL, 0, NULL))) \
    X(dispose_null, (sasl_dispose(NULL), "made")) \
    X(global_listmech, yes(sasl_global_listmech() != NULL)) \
    X(idle_null, yes(sasl_idle(NULL))) \
    X(errstring, text(sasl_errstring(-5, NULL, NULL))) \
    X(errstring_unknown, text(sasl_errstring(-4711, "en", &out))) \
    X(version, (sasl_version(NULL, NULL), "made")) \
    X(version_info, (sasl_version_info(NULL, NULL, NULL, NULL, NULL, NULL), "made")) \
    X(set_path, rc(sasl_set_path(SASL_PATH_TYPE_PLUGIN, NULL))) \
    X(set_path_unknown, rc(sasl_set_path(4711, "x"))) \
    X(getstring, text(sasl_config_getstring("nothing", "otherwise"))) \
    X(getstring_null, text(sasl_config_getstring("nothing", NULL))) \
    X(encode64, rc(sasl_encode64("abc", 3, buffer, sizeof buffer, &len))) \
    X(encode64_zero, rc(sasl_encode64("", 0, buffer, sizeof buffer, &len))) \
    X(encode64_no_room, rc(sasl_encode64("abc", 3, buffer, 0, &len))) \
    X(encode64_null, rc(sasl_encode64(NULL, 0, NULL, 0, NULL))) \
    X(decode64, rc(sasl_decode64("YWJj", 4, buffer, sizeof buffer, &len))) \
    X(decode64_zero, rc(sasl_decode64("", 0, buffer, sizeof buffer, &len))) \
    X(decode64_no_room, rc(sasl_decode64("YWJj", 4, buffer, 0, &len))) \
    X(decode64_null, rc(sasl_decode64(NULL, 0, NULL, 0, NULL))) \
    X(mkchal_short, yes(sasl_mkchal(NULL, buffer, 3, 0))) \
    X(mkchal_zero, yes(sasl_mkchal(NULL, buffer, 0, 0))) \
    X(utf8verify, rc(sasl_utf8verify("abc", 3))) \
    X(utf8verify_bad, rc(sasl_utf8verify("\xff\xfe", 2))) \
    X(utf8verify_zero, rc(sasl_utf8verify("", 0))) \
    X(utf8verify_null, rc(sasl_utf8verify(NULL, 0))) \
    X(rand, (sasl_randcreate(&pool), sasl_randseed(pool, "seed", 4), sasl_rand(pool, buffer, 16), sasl_churn(pool, "x", 1), \
             sasl_randfree(&pool), "made")) \
    X(rand_zero, (sasl_randcreate(&pool), sasl_randseed(pool, "", 0), sasl_rand(pool, buffer, 0), sasl_randfree(&pool), "made")) \
    X(churn_null, (sasl_churn(NULL, NULL, 0), "made")) \
    X(randseed_null, (sasl_randseed(NULL, NULL, 0), "made")) \
    X(rand_null, (sasl_rand(NULL, buffer, 4), "made")) \
    X(randfree_null, (sasl_randfree(NULL), "made")) \
    X(strlower_empty, text(sasl_strlower(strcpy(buffer, "")))) \
    X(strlower_null, text(sasl_strlower(NULL))) \
    X(erasebuffer, (sasl_erasebuffer(buffer, sizeof buffer), "made")) \
    X(erasebuffer_null, (sasl_erasebuffer(NULL, 0), "made")) \
    X(prop_new_zero, ({ struct propctx *ctx = prop_new(0); prop_dispose(&ctx); yes(ctx == NULL); })) \
    X(prop_request_nulls, rc(prop_request(NULL, NULL))) \
    X(prop_get_null, yes(prop_get(NULL) != NULL)) \
    X(prop_getnames_null, rc(prop_getnames(NULL, NULL, NULL))) \
    X(prop_set_null, rc(prop_set(NULL, NULL, NULL, 0))) \
    X(prop_setvals_null, rc(prop_setvals(NULL, NULL, NULL))) \
    X(prop_clear_null, (prop_clear(NULL, 0), "made")) \
    X(prop_erase_null, (prop_erase(NULL, NULL), "made")) \
    X(prop_dispose_null, (prop_dispose(NULL), "made")) \
    X(prop_dup_null, rc(prop_dup(NULL, NULL))) \
    X(prop_format_null, rc(prop_format(NULL, NULL, 0, buffer, sizeof buffer, &len))) \
    X(server_plugin_info, rc(sasl_server_plugin_info(NULL, on_server, NULL))) \
    X(server_plugin_info_empty, rc(sasl_server_plugin_info("", on_server, NULL))) \
    X(client_plugin_info, rc(sasl_client_plugin_info(NULL, on_client, NULL))) \
    X(auxprop_plugin_info, rc(auxprop_plugin_info(NULL, on_auxprop, NULL))) \
    X(config_init, rc(sasl_config_init("/nonexistent/file"))) \
    X(config_init_null, rc(sasl_config_init(NULL))) \
    X(config_done, (sasl_config_done(), "made")) \
    X(server_add_null, rc(sasl_server_add_plugin(NULL, NULL))) \
    X(client_add_null, rc(sasl_client_add_plugin(NULL, NULL))) \
    X(auxprop_add_null, rc(sasl_auxprop_add_plugin(NULL, NULL))) \
    X(canonuser_add_null, rc(sasl_canonuser_add_plugin(NULL, NULL))) \
    X(set_alloc_null, (sasl_set_alloc(NULL, NULL, NULL, NULL), "made"))  \
    X(set_mutex_null, (sasl_set_mutex(NULL, NULL, NULL, NULL), "made"))

#define FUNCTION(name, expression) static const char *call_##name(sasl_conn_t *k) { (void)k; return expression; }
ON_CONNECTION(FUNCTION)
ALONE(FUNCTION)

struct call { const char *name; const char *(*make)(sasl_conn_t *); };
#define ENTRY(name, expression) {#name, call_##name},
static const struct call on_connection[] = {ON_CONNECTION(ENTRY) {NULL, NULL}}, alone[] = {ALONE(ENTRY) {NULL, NULL}};

/* ---- states ----------------------------------------------------------------------------------------------------- */

static const char *const states[] = {"before init", "after init", "after new", "after start", "in the middle", "after success",
                                     "after failure", "after another was disposed of", "after done"};
enum { BEFORE, INIT, NEW, STARTED, MIDDLE, SUCCESS, FAILURE, OTHER, DONE };

static sasl_conn_t *s, *c;

static void enter(int state)
{
    const char *message = NULL, *answer = NULL, *mech;
    unsigned length = 0, answered = 0;
    if (state == BEFORE) return;
    begin();
    if (state == DONE) {
        s = server();
        c = client();
        sasl_dispose(&s);
        sasl_dispose(&c);
        sasl_done();
    }
    if (state == INIT || state == DONE) return;
    s = server();
    c = client();
    secprops(s, 0, 0, 4096, 0);
    secprops(c, 0, 0, 4096, 0);
    if (state == OTHER) {
        sasl_conn_t *other = server(), *peer = client();
        sasl_server_start(other, "PLAIN", good, sizeof good - 1, &out, &len);
        sasl_client_start(peer, "PLAIN", NULL, &out, &len, &mech);
        sasl_dispose(&other);
        sasl_dispose(&peer);
    }
    if (state == NEW || state == OTHER) return;
    if (state == FAILURE) {
        sasl_server_start(s, "PLAIN", wrong, sizeof wrong - 1, &out, &len);
        sasl_client_start(c, "SCRAM-SHA-1", NULL, &out, &len, &mech);
        sasl_client_step(c, "nonsense", 8, NULL, &out, &len);
        return;
    }
    sasl_client_start(c, "SCRAM-SHA-1", NULL, &message, &length, &mech);
    sasl_server_start(s, "SCRAM-SHA-1", message, length, &answer, &answered);
    if (state == STARTED) return;
    sasl_client_step(c, answer, answered, NULL, &message, &length);
    if (state == MIDDLE) return;
    sasl_server_step(s, message, length, &answer, &answered);
    sasl_client_step(c, answer, answered, NULL, &message, &length);
    sasl_server_step(s, "", 0, &answer, &answered);
}

static void leave(int state)
{
    if (made) sasl_dispose(&made);
    if (s) sasl_dispose(&s);
    if (c) sasl_dispose(&c);
    sasl_done();
    if (state != BEFORE) sasl_done();
    mem_clear();
    clear_options();
    prompts = NULL;
}

/* ---- each call in each state ------------------------------------------------------------------------------------------ */

static int here, number;

static void attempt(int state, const struct call *call, int which)
{
    static const char *const on[] = {"server", "client", "none", "-"};
    pid_t child;
    int status = 0;
    if (here > 1 && number++ % here != 0) return;
    printf("  %s on %s: ", call->name, on[which]);
    fflush(stdout);
    child = here ? 0 : fork();
    if (child == 0) {
        const char *result;
        if (!here) alarm(20);
        enter(state);
        result = call->make(which == 0 ? s : which == 1 ? c : NULL);
        /* The call has freed it. */
        if (strcmp(call->name, "dispose") == 0 && which == 0) s = NULL;
        if (strcmp(call->name, "dispose") == 0 && which == 1) c = NULL;
        leave(state);
        say("%s", result);
        if (!here) _exit(0);
        return;
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) say(WTERMSIG(status) == SIGALRM ? "hangs" : "ends the process");
    else if (WEXITSTATUS(status)) say("exits");
}

static void get_all(void)
{
    static const int ids[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 100, 101, 200};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        say("  get %d of server %s, of client %s, of none %s", ids[i], rc(s ? sasl_getprop(s, ids[i], &value) : 1),
            rc(c ? sasl_getprop(c, ids[i], &value) : 1), rc(sasl_getprop(NULL, ids[i], &value)));
    }
}

int main(int argc, char **argv)
{
    here = argc > 1 ? atoi(argv[1]) : 0;
    for (int state = BEFORE; state <= DONE; state++) {
        int bare = state == BEFORE || state == INIT || state == DONE;
        say("-- %s", states[state]);
        for (int which = bare ? 2 : 0; which < 3; which++)
            for (const struct call *call = on_connection; call->name; call++) attempt(state, call, which);
        for (const struct call *call = alone; call->name; call++) attempt(state, call, 3);
        enter(state);
        get_all();
        leave(state);
    }
    if (here) say("all is well");
    return 0;
}
