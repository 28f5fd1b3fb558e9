/* Plugins of the program's own: a mechanism TOY with a security layer on both sides, which uses every function that the
 * library hands to plugins and calls back into the library while it is stepped. */
#include "abi.h"

static const char key[] = "toy key";

/* ---- what sasl_utils_t offers --------------------------------------------------------------------------------- */

static void hexed(const char *label, const unsigned char *bytes, int len)
{
    printf("  %s ", label);
    for (int i = 0; i < len; i++) printf("%02x", bytes[i]);
    say("");
}

static void use_utils(const sasl_utils_t *u, sasl_conn_t *conn, int server)
{
    unsigned char digest[16], again[16];
    HMAC_MD5_CTX hmac;
    HMAC_MD5_STATE state;
    MD5_CTX md5;
    void *block, *mutex;
    char text[200], back[200];
    unsigned len = 0;
    struct propctx *props, *copy = NULL;
    static const char *const names[] = {"x", "y", NULL}, *const values[] = {"1", "2", NULL};
    struct propval two[2];
    sasl_callback_ft proc;
    void *context;
    const void *value = NULL;
    const char *option = NULL;
    say("  conn %s, rpool %s, getopt_context %s", u->conn == conn ? "this" : u->conn ? "other" : "NULL", u->rpool ? "set" : "NULL",
        u->getopt_context == (void *)conn ? "this" : "other");
    say("  checkpass %s", u->checkpass ? "set" : "NULL");
    say("  spares %s %s %s", u->spare_fptr ? "set" : "NULL", u->spare_fptr1 ? "set" : "NULL", u->spare_fptr2 ? "set" : "NULL");
    block = u->malloc(10);
    block = u->realloc(block, 1000);
    memset(block, 1, 1000);
    u->free(block);
    block = u->calloc(10, 10);
    say("  calloc zeroes: %d", ((char *)block)[99]);
    u->free(block);
    mutex = u->mutex_alloc();
    say("  mutex %d %d", u->mutex_lock(mutex), u->mutex_unlock(mutex));
    u->mutex_free(mutex);
    u->MD5Init(&md5);
    u->MD5Update(&md5, (const unsigned char *)"abc", 3);
    u->MD5Final(digest, &md5);
    hexed("md5", digest, 16);
    u->hmac_md5((const unsigned char *)"what do ya want for nothing?", 28, (const unsigned char *)"Jefe", 4, digest);
    hexed("hmac", digest, 16);
    u->hmac_md5_init(&hmac, (const unsigned char *)"Jefe", 4);
    u->MD5Update(&hmac.ictx, (const unsigned char *)"what do ya want for nothing?", 28);
    u->hmac_md5_final(again, &hmac);
    say("  the same in steps: %d", memcmp(digest, again, 16));
    u->hmac_md5_precalc(&state, (const unsigned char *)"Jefe", 4);
    hexed("state", (const unsigned char *)&state, sizeof state);
    u->hmac_md5_import(&hmac, &state);
    u->MD5Update(&hmac.ictx, (const unsigned char *)"what do ya want for nothing?", 28);
    u->hmac_md5_final(again, &hmac);
    say("  the same from the state: %d", memcmp(digest, again, 16));
    memset(text, 'k', 100);
    u->hmac_md5((const unsigned char *)"text", 4, (const unsigned char *)text, 100, digest);
    hexed("hmac of a long key", digest, 16);
    say("  mkchal %d", (int)u->mkchal(conn, text, sizeof text, 1) > 20);
    say("  utf8verify %s %s", rc(u->utf8verify("\xc3\xa4", 2)), rc(u->utf8verify("\xff", 1)));
    u->rand(u->rpool, text, 16);
    u->rand(u->rpool, back, 16);
    say("  rand %s", memcmp(text, back, 16) ? "differs" : "repeats");
    u->churn(u->rpool, "noise", 5);
    say("  encode64 %s", rc(u->encode64("hello", 5, text, sizeof text, &len)));
    say("  %s", esc(text, len));
    say("  decode64 %s", rc(u->decode64(text, len, back, sizeof back, &len)));
    say("  %s", esc(back, len));
    u->erasebuffer(back, 5);
    say("  erased %d", back[0]);
    say("  getprop %s", rc(u->getprop(conn, SASL_SERVICE, &value)));
    say("  %s", str(value));
    say("  setprop %s", rc(u->setprop(conn, SASL_AUTH_EXTERNAL, "from the plugin")));
    say("  getcallback %s", rc(u->getcallback(conn, SASL_CB_USER, &proc, &context)));
    say("  getcallback of nothing %s", rc(u->getcallback(conn, 0x7777, &proc, &context)));
    say("  getopt %s", rc(u->getopt(u->getopt_context, "TOY", "toy_option", &option, &len)));
    say("  option %s %u", str(option), len);
    option = NULL;
    say("  getopt without length %s", rc(u->getopt(u->getopt_context, NULL, "toy_option", &option, NULL)));
    say("  getopt of nothing %s", rc(u->getopt(u->getopt_context, "TOY", "no_such_option", &option, NULL)));
    u->log(conn, SASL_LOG_NOTE, "a note of %s", "the plugin");
    u->seterror(conn, 0, "an error of %s", "the plugin");
    u->seterror(conn, SASL_NOLOG, "a silent error of %s", "the plugin");
    props = u->prop_new(0);
    say("  prop_request %s", rc(u->prop_request(props, (const char **)names)));
    say("  prop_set %s", rc(u->prop_set(props, "x", "value", 5)));
    say("  prop_setvals %s", rc(u->prop_setvals(props, "y", (const char **)values)));
    say("  prop_getnames %d", u->prop_getnames(props, (const char **)names, two));
    say("  prop_format %d", u->prop_format(props, ",", 1, text, sizeof text, &len));
    say("  %s", esc(text, len));
    say("  prop_dup %s", rc(u->prop_dup(props, &copy)));
    u->prop_erase(copy, "x");
    show_props("copy", copy);
    u->prop_clear(props, 0);
    say("  prop_get %s", u->prop_get(props)->name);
    u->prop_dispose(&copy);
    u->prop_dispose(&props);
    say("  auxprop_store %s", rc(u->auxprop_store(conn, NULL, NULL)));
    if (server) {
        say("  checkpass right %s", rc(u->checkpass(conn, "alice", 5, "secret", 6)));
        say("  checkpass wrong %s", rc(u->checkpass(conn, "alice", 5, "wrong", 5)));
    }
}

/* ---- a layer: each packet is its length, and the text with every byte changed ----------------------------------- */

struct toy { int state; const sasl_utils_t *utils; char *buffer; char name[100]; };

static int toy_encode(void *context, const struct iovec *in, unsigned count, const char **out, unsigned *outlen)
{
    struct toy *toy = context;
    unsigned total = 0, at = 4;
    for (unsigned i = 0; i < count; i++) total += (unsigned)in[i].iov_len;
    say("  toy_encode %u pieces %u bytes", count, total);
    toy->buffer = toy->utils->realloc(toy->buffer, total + 5);
    toy->buffer[0] = (char)(total >> 24);
    toy->buffer[1] = (char)(total >> 16);
    toy->buffer[2] = (char)(total >> 8);
    toy->buffer[3] = (char)total;
    for (unsigned i = 0; i < count; i++)
        for (size_t k = 0; k < in[i].iov_len; k++) toy->buffer[at++] = ((const char *)in[i].iov_base)[k] ^ 0x55;
    *out = toy->buffer;
    *outlen = at;
    return SASL_OK;
}
static int toy_decode(void *context, const char *in, unsigned len, const char **out, unsigned *outlen)
{
    struct toy *toy = context;
    say("  toy_decode %u", len);
    if (len < 4) return SASL_BADMAC;
    toy->buffer = toy->utils->realloc(toy->buffer, len);
    for (unsigned i = 4; i < len; i++) toy->buffer[i - 4] = in[i] ^ 0x55;
    toy->buffer[len - 4] = 0;
    *out = toy->buffer;
    *outlen = len - 4;
    return SASL_OK;
}
static void layer(sasl_out_params_t *out)
{
    out->mech_ssf = 77;
    out->maxoutbuf = 50;
    out->encode = toy_encode;
    out->decode = toy_decode;
}

/* ---- the server's side ---------------------------------------------------------------------------------------- */

static int server_new_result, server_step_result, avail_result, nested;

static int server_new(void *glob, sasl_server_params_t *p, const char *challenge, unsigned challen, void **context)
{
    struct toy *toy;
    say(" server mech_new glob %s challenge %s/%u", (char *)glob, str(challenge), challen);
    if (server_new_result) return server_new_result;
    toy = p->utils->calloc(1, sizeof *toy);
    toy->utils = p->utils;
    *context = toy;
    return SASL_OK;
}

static int server_step(void *context, sasl_server_params_t *p, const char *in, unsigned inlen, const char **out, unsigned *outlen, sasl_out_params_t *o)
{
    struct toy *toy = context;
    const void *value = NULL;
    int code;
    say(" server mech_step %d in %s", toy->state, esc(in, inlen));
    if (server_step_result) return server_step_result;
    if (toy->state++ == 0) {
        say("  service %s/%u app %s/%u fqdn %s/%u realm %s/%u local %s/%u remote %s/%u", str(p->service), p->servicelen, str(p->appname), p->applen,
            str(p->serverFQDN), p->slen, str(p->user_realm), p->urlen, str(p->iplocalport), p->iploclen, str(p->ipremoteport), p->ipremlen);
        say("  props %u-%u/%u/0x%x external %u log_level %d flags 0x%x version %d", p->props.min_ssf, p->props.max_ssf, p->props.maxbufsize,
            p->props.security_flags, p->external_ssf, p->log_level, p->flags, p->param_version);
        say("  transition %s canon_user %s propctx %s callbacks %s cbinding %s http %s gss %s", p->transition ? "set" : "NULL", p->canon_user ? "set" : "NULL",
            p->propctx ? "set" : "NULL", p->callbacks ? "set" : "NULL", p->cbinding ? "set" : "NULL", p->http_request ? "set" : "NULL",
            p->gss_creds ? "set" : "NULL");
        use_utils(p->utils, p->utils->conn, 1);
        if (nested) {
            const char *o2;
            unsigned l2;
            say("  nested step %s", rc(sasl_server_step(p->utils->conn, "x", 1, &o2, &l2)));
        }
        *out = "who?";
        *outlen = 4;
        return SASL_CONTINUE;
    }
    code = p->canon_user(p->utils->conn, in, inlen, SASL_CU_AUTHID, o);
    say("  canon_user authid %s user %s/%u authid %s/%u", rc(code), str(o->user), o->ulen, str(o->authid), o->alen);
    if (code != SASL_OK) return code;
    code = p->canon_user(p->utils->conn, "bob", 0, SASL_CU_AUTHZID, o);
    say("  canon_user authzid %s user %s/%u authid %s/%u", rc(code), str(o->user), o->ulen, str(o->authid), o->alen);
    say("  canon_user without kind %s", rc(p->canon_user(p->utils->conn, "bob", 0, 0, o)));
    say("  canon_user NULL %s", rc(p->canon_user(p->utils->conn, NULL, 0, SASL_CU_AUTHID, o)));
    say("  re-entrant getprop %s", rc(sasl_getprop(p->utils->conn, SASL_AUTHUSER, &value)));
    say("  %s", str(value));
    say("  re-entrant setprop %s", rc(sasl_setprop(p->utils->conn, SASL_DEFUSERREALM, "new.realm")));
    say("  realm in the parameters %s/%u", str(p->user_realm), p->urlen);
    show_props("  context", p->propctx);
    if (p->transition) say("  transition %s", rc(p->transition(p->utils->conn, "pw", 2)));
    o->doneflag = 1;
    layer(o);
    *out = "welcome";
    *outlen = 7;
    return SASL_OK;
}
static void toy_dispose(void *context, const sasl_utils_t *utils)
{
    struct toy *toy = context;
    say(" dispose");
    if (toy == NULL) return;
    utils->free(toy->buffer);
    utils->free(toy);
}
static void toy_free(void *glob, const sasl_utils_t *utils) { say(" free %s utils %s", (char *)glob, utils ? "given" : "NULL"); }
static int server_setpass(void *glob, sasl_server_params_t *p, const char *user, const char *pass, unsigned passlen, const char *old, unsigned oldlen,
                          unsigned flags)
{
    (void)p;
    say(" setpass %s user %s pass %s/%u old %s/%u flags 0x%x", (char *)glob, str(user), str(pass), passlen, str(old), oldlen, flags);
    return SASL_OK;
}
static int server_idle(void *glob, void *context, sasl_server_params_t *p)
{
    say(" server idle %s context %s params %s", (char *)glob, context ? "given" : "NULL", p ? "given" : "NULL");
    return 1;
}
static int server_avail(void *glob, sasl_server_params_t *p, void **context)
{
    say(" avail %s params %s context %s", (char *)glob, p ? "given" : "NULL", context ? "given" : "NULL");
    return avail_result;
}

static sasl_server_plug_t server_plugs[] = {
    {.mech_name = "TOY", .max_ssf = 77, .security_flags = SASL_SEC_NOPLAINTEXT | SASL_SEC_NOANONYMOUS, .features = SASL_FEAT_WANT_CLIENT_FIRST,
     .glob_context = (void *)"toy-glob", .mech_new = server_new, .mech_step = server_step, .mech_dispose = toy_dispose, .mech_free = toy_free,
     .setpass = server_setpass, .idle = server_idle, .mech_avail = server_avail},
    {.mech_name = "TOY-TWO", .max_ssf = 0, .security_flags = 0, .features = SASL_FEAT_GETSECRET, .glob_context = (void *)"two-glob", .mech_new = server_new,
     .mech_step = server_step, .mech_dispose = toy_dispose}};

static int init_code, init_version = SASL_SERVER_PLUG_VERSION;
static int server_init(const sasl_utils_t *utils, int max, int *version, sasl_server_plug_t **list, int *count)
{
    say(" server init max %d utils %s conn %s checkpass %s", max, utils ? "given" : "NULL", utils->conn ? "set" : "NULL", utils->checkpass ? "set" : "NULL");
    *version = init_version;
    *list = server_plugs;
    *count = 2;
    return init_code;
}

/* ---- the client's side ---------------------------------------------------------------------------------------- */

static int client_new(void *glob, sasl_client_params_t *p, void **context)
{
    struct toy *toy = p->utils->calloc(1, sizeof *toy);
    say(" client mech_new glob %s", (char *)glob);
    toy->utils = p->utils;
    *context = toy;
    return SASL_OK;
}
static int client_step(void *context, sasl_client_params_t *p, const char *in, unsigned inlen, sasl_interact_t **prompts, const char **out, unsigned *outlen,
                       sasl_out_params_t *o)
{
    struct toy *toy = context;
    int code;
    say(" client mech_step %d in %s prompts %s", toy->state, esc(in, inlen), prompts ? *prompts ? "set" : "empty" : "NULL");
    switch (toy->state++) {
    case 0:
        say("  service %s/%u fqdn %s/%u local %s/%u remote %s/%u", str(p->service), p->servicelen, str(p->serverFQDN), p->slen, str(p->iplocalport),
            p->iploclen, str(p->ipremoteport), p->ipremlen);
        say("  clientFQDN %s", p->clientFQDN && p->clen == strlen(p->clientFQDN) ? "set" : "odd");
        say("  props %u-%u/%u/0x%x external %u flags 0x%x version %d cbinding %s disposition %d", p->props.min_ssf, p->props.max_ssf, p->props.maxbufsize,
            p->props.security_flags, p->external_ssf, p->flags, p->param_version, p->cbinding ? "set" : "NULL", (int)p->cbindingdisp);
        say("  prompt_supp %s canon_user %s", p->prompt_supp ? "set" : "NULL", p->canon_user ? "set" : "NULL");
        use_utils(p->utils, p->utils->conn, 0);
        *out = "hello";
        *outlen = 5;
        return SASL_CONTINUE;
    case 1:
        code = p->canon_user(p->utils->conn, "alice", 0, SASL_CU_AUTHID | SASL_CU_AUTHZID, o);
        say("  canon_user %s user %s/%u authid %s/%u", rc(code), str(o->user), o->ulen, str(o->authid), o->alen);
        *out = "alice";
        *outlen = 5;
        return SASL_CONTINUE;
    default:
        o->doneflag = 1;
        layer(o);
        *out = NULL;
        *outlen = 0;
        return SASL_OK;
    }
}
static int client_idle(void *glob, void *context, sasl_client_params_t *p)
{
    say(" client idle %s context %s params %s", (char *)glob, context ? "given" : "NULL", p ? "given" : "NULL");
    return 1;
}
static const unsigned long no_prompts[] = {0};
static sasl_client_plug_t client_plugs[] = {{.mech_name = "TOY", .max_ssf = 77, .security_flags = SASL_SEC_NOPLAINTEXT | SASL_SEC_NOANONYMOUS,
                                             .features = SASL_FEAT_WANT_CLIENT_FIRST, .required_prompts = no_prompts, .glob_context = (void *)"toy-client",
                                             .mech_new = client_new, .mech_step = client_step, .mech_dispose = toy_dispose, .mech_free = toy_free,
                                             .idle = client_idle}};
static int client_init(const sasl_utils_t *utils, int max, int *version, sasl_client_plug_t **list, int *count)
{
    say(" client init max %d utils %s checkpass %s", max, utils ? "given" : "NULL", utils->checkpass ? "set" : "NULL");
    *version = SASL_CLIENT_PLUG_VERSION;
    *list = client_plugs;
    *count = 1;
    return init_code;
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static void run(unsigned flags)
{
    static char big[120];
    sasl_conn_t *s = NULL, *c = NULL;
    const char *out;
    unsigned len;
    const void *value;
    say("== flags 0x%x", flags);
    sasl_server_new("svc", FQDN, "r.example", "10.0.0.1;25", "10.0.0.2;1000", server_callbacks, flags, &s);
    sasl_client_new("svc", FQDN, "10.0.0.2;1000", "10.0.0.1;25", client_callbacks, flags, &c);
    secprops(s, 0, 256, 4096, 0);
    secprops(c, 0, 256, 4096, 0);
    exchange(c, s, "TOY");
    show_identity("S", s);
    show_identity("C", c);
    for (int i = 0; i < 2; i++) {
        sasl_conn_t *conn = i ? c : s;
        sasl_getprop(conn, SASL_SSF, &value);
        printf("ssf %u ", *(const unsigned *)value);
        sasl_getprop(conn, SASL_MAXOUTBUF, &value);
        printf("maxoutbuf %u ", *(const unsigned *)value);
        sasl_getprop(conn, SASL_AUTHSOURCE, &value);
        printf("source %s ", str(value));
        sasl_getprop(conn, SASL_MECHNAME, &value);
        say("mech %s", str(value));
    }
    memset(big, 'b', sizeof big);
    say("encode %s", rc(sasl_encode(s, "hello", 5, &out, &len)));
    say("%s", esc(out, len));
    say("decode %s", rc(sasl_decode(c, out, len, &out, &len)));
    say("%s", esc(out, len));
    say("encode 120 %s", rc(sasl_encode(s, big, 120, &out, &len)));
    say("%u", len);
    say("decode short %s", rc(sasl_decode(c, "abc", 3, &out, &len)));
    say("%s", detail(c));
    say("idle %d %d %d", sasl_idle(s), sasl_idle(c), sasl_idle(NULL));
    sasl_dispose(&c);
    sasl_dispose(&s);
}

static void odd(const char *title)
{
    sasl_conn_t *s = server();
    const char *out;
    unsigned len;
    say("== %s", title);
    say("start %s", rc(sasl_server_start(s, "TOY", "x", 1, &out, &len)));
    say("%s", detail(s));
    say("start again %s", rc(sasl_server_start(s, "TOY", "x", 1, &out, &len)));
    say("two %s", rc(sasl_server_start(s, "TOY-TWO", "x", 1, &out, &len)));
    say("%s", detail(s));
    sasl_listmech(s, NULL, NULL, NULL, NULL, &out, NULL, NULL);
    say("list %s", out);
    sasl_dispose(&s);
}

int main(void)
{
    trace = 4;
    begin();
    say("server NULL name %s", rc(sasl_server_add_plugin(NULL, server_init)));
    say("server NULL function %s", rc(sasl_server_add_plugin("toy", NULL)));
    say("client NULL name %s", rc(sasl_client_add_plugin(NULL, client_init)));
    say("client NULL function %s", rc(sasl_client_add_plugin("toy", NULL)));
    init_version = 3;
    say("server version 3 %s", rc(sasl_server_add_plugin("toy", server_init)));
    init_version = 5;
    say("server version 5 %s", rc(sasl_server_add_plugin("toy", server_init)));
    init_version = SASL_SERVER_PLUG_VERSION;
    init_code = SASL_BADAUTH;
    say("server init fails %s", rc(sasl_server_add_plugin("toy", server_init)));
    say("client init fails %s", rc(sasl_client_add_plugin("toy", client_init)));
    init_code = SASL_OK;
    say("server %s", rc(sasl_server_add_plugin("toy-file", server_init)));
    say("client %s", rc(sasl_client_add_plugin("toy-file", client_init)));
    set_option("toy_option", "toy value");
    mem_set("alice@r.example", "userPassword", "secret", -1);
    mem_set("bob@r.example", "userPassword", "secret", -1);
    run(0);
    run(SASL_SUCCESS_DATA);
    server_new_result = SASL_NOMECH;
    odd("mech_new refuses");
    server_new_result = 0;
    server_step_result = SASL_BADAUTH;
    odd("step refuses");
    server_step_result = SASL_INTERACT;
    odd("step wants to interact");
    server_step_result = 42;
    odd("step answers nonsense");
    server_step_result = 0;
    avail_result = SASL_NOMECH;
    odd("not available");
    avail_result = SASL_NOTDONE;
    odd("not available yet");
    avail_result = SASL_OK;
    {
        sasl_conn_t *s = server();
        say("setpass %s", rc(sasl_setpass(s, "u", "pw", 2, "old", 3, SASL_SET_CREATE)));
        sasl_dispose(&s);
    }
    say("transition option on");
    set_option("auto_transition", "yes");
    run(SASL_SUCCESS_DATA);
    say("%s", key);
    finish();
    return 0;
}
