/* Plugins that say what cannot be, and programs that use them in the wrong order. Not for the stock library, which believes
 * everything: ours refuses, says why in one line of the log, and goes on. Exits with 0 when all is as it should be. */
#include "abi.h"

static int failures;
#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            say("line %d: %s", __LINE__, #condition); \
            failures++; \
        } \
    } while (0)

/* ---- the log: how many lines, and the last ------------------------------------------------------------------------ */

static int lines;
static char last[500];
static int count_log(void *context, int level, const char *message)
{
    (void)context;
    if (level >= SASL_LOG_NOTE) return SASL_OK;
    lines++;
    snprintf(last, sizeof last, "%s", message);
    return SASL_OK;
}
static int asked_name(void *context, int id, const char **result, unsigned *len)
{
    (void)context;
    (void)id;
    *result = "alice";
    if (len) *len = 5;
    return SASL_OK;
}
static sasl_callback_t callbacks[] = {
    {SASL_CB_GETOPT, CB(on_getopt), NULL}, {SASL_CB_LOG, CB(count_log), NULL}, {SASL_CB_USER, CB(asked_name), NULL}, {SASL_CB_LIST_END, NULL, NULL}};

static sasl_conn_t *new_server(unsigned maxbuf)
{
    sasl_conn_t *conn = NULL;
    CHECK(sasl_server_new("svc", FQDN, NULL, NULL, NULL, callbacks, 0, &conn) == SASL_OK);
    secprops(conn, 0, 256, maxbuf, 0);
    lines = 0;
    last[0] = 0;
    return conn;
}
static sasl_conn_t *new_client(unsigned maxbuf)
{
    sasl_conn_t *conn = NULL;
    CHECK(sasl_client_new("svc", FQDN, NULL, NULL, callbacks, 0, &conn) == SASL_OK);
    secprops(conn, 0, 256, maxbuf, 0);
    lines = 0;
    last[0] = 0;
    return conn;
}

/* ---- a mechanism that does as it is told ---------------------------------------------------------------------------- */

enum lie {
    TRUTH, NO_USER, USER_BY_HAND, HALF_A_USER, LENGTH_WITHOUT_BYTES, TOO_MANY_BYTES, CODE_42, CODE_MINUS_999, CODE_INTERACT, LAYER_WITHOUT_FUNCTIONS,
    LAYER_ONE_WAY, LAYER_GIVES_NULL, LAYER_GIVES_LENGTH, LAYER_GIVES_TOO_MUCH, LAYER_FAILS, BINDING_USED, BINDING_WANTED, STARTS_AGAIN, STEPS_AGAIN, BAD_NAMES,
    CHANGES_EVERYTHING, GIVES_CREDENTIALS, SETS_ERROR
};
static enum lie lie;
static int live, freed, asked_to_free;

static int layer_code(int whole, const char **out, unsigned *outlen)
{
    *out = NULL;
    *outlen = 0;
    switch (lie) {
    case LAYER_GIVES_LENGTH: *outlen = 17; return SASL_OK;
    case LAYER_GIVES_TOO_MUCH: *out = "x"; *outlen = 0xfffffff0u; return SASL_OK;
    case LAYER_FAILS: return SASL_BADMAC;
    case LAYER_GIVES_NULL: return SASL_OK;
    default: *out = "ok"; *outlen = whole ? 2 : 0; return SASL_OK;
    }
}
static sasl_conn_t *nested;
static int encode(void *context, const struct iovec *in, unsigned count, const char **out, unsigned *outlen)
{
    (void)context;
    CHECK(count == 1 && in->iov_len > 0);
    if (nested) {
        const char *o;
        unsigned l;
        /* What is sent meanwhile must not go out without the layer. */
        CHECK(sasl_encode(nested, "x", 1, &o, &l) == SASL_FAIL);
    }
    return layer_code(1, out, outlen);
}
static int decode(void *context, const char *in, unsigned len, const char **out, unsigned *outlen)
{
    (void)context;
    (void)in;
    (void)len;
    return layer_code(0, out, outlen);
}

static int tell(const sasl_utils_t *utils, int (*canon)(sasl_conn_t *, const char *, unsigned, unsigned, sasl_out_params_t *), const char **out, unsigned *outlen,
                sasl_out_params_t *o)
{
    sasl_conn_t *conn = utils->conn;
    const char *o2;
    unsigned l2;
    switch (lie) {
    case NO_USER: return SASL_OK;
    case USER_BY_HAND:
        o->user = o->authid = "root";
        o->ulen = o->alen = 4;
        o->doneflag = 1;
        return SASL_OK;
    case HALF_A_USER: return canon(conn, "alice", 0, SASL_CU_AUTHID, o);
    default: break;
    }
    if (canon(conn, "alice", 0, SASL_CU_AUTHID | SASL_CU_AUTHZID, o) != SASL_OK) return SASL_FAIL;
    o->doneflag = 1;
    switch (lie) {
    case LENGTH_WITHOUT_BYTES: *out = NULL; *outlen = 100; return SASL_OK;
    case TOO_MANY_BYTES: *out = "x"; *outlen = 0x7fffffff; return SASL_CONTINUE;
    case CODE_42: return 42;
    case CODE_MINUS_999: return -999;
    case CODE_INTERACT: return SASL_INTERACT;
    case LAYER_WITHOUT_FUNCTIONS: o->mech_ssf = 128; return SASL_OK;
    case LAYER_ONE_WAY: o->encode = encode; return SASL_OK;
    case LAYER_GIVES_NULL: case LAYER_GIVES_LENGTH: case LAYER_GIVES_TOO_MUCH: case LAYER_FAILS:
        o->mech_ssf = 128;
        o->maxoutbuf = 10;
        o->encode = encode;
        o->decode = decode;
        return SASL_OK;
    case BINDING_USED:
        o->cbindingdisp = SASL_CB_DISP_USED;
        o->cbindingname = "tls-unique";
        return SASL_OK;
    case BINDING_WANTED: o->cbindingdisp = SASL_CB_DISP_WANT; return SASL_OK;
    case STARTS_AGAIN:
        CHECK(sasl_server_start(conn, "LIAR", "x", 1, &o2, &l2) == SASL_FAIL);
        return SASL_OK;
    case STEPS_AGAIN:
        CHECK(sasl_server_step(conn, "x", 1, &o2, &l2) == SASL_FAIL);
        return SASL_OK;
    case BAD_NAMES: {
        static char big[3000];
        memset(big, 'u', sizeof big - 1);
        CHECK(canon(conn, big, 0, SASL_CU_AUTHID, o) == SASL_BUFOVER);
        CHECK(canon(conn, "x", 1, 0, o) == SASL_BADPARAM);
        CHECK(canon(conn, NULL, 5, SASL_CU_AUTHID, o) == SASL_BADPARAM);
        CHECK(canon(conn, "x", 1, SASL_CU_AUTHID, NULL) == SASL_BADPARAM);
        CHECK(canon(NULL, "x", 1, SASL_CU_AUTHID, o) == SASL_BADPARAM);
        CHECK(strcmp(o->user, "alice") == 0 && o->ulen == 5);
        return SASL_OK;
    }
    case CHANGES_EVERYTHING: {
        sasl_ssf_t ssf = 0;
        for (int i = 0; i < 50; i++) {
            char name[20];
            snprintf(name, sizeof name, "user%d", i);
            CHECK(canon(conn, name, 0, SASL_CU_AUTHID | SASL_CU_AUTHZID | SASL_CU_EXTERNALLY_VERIFIED, o) == SASL_OK);
            CHECK(strncmp(o->authid, name, strlen(name)) == 0 && o->alen == strlen(o->authid));
            sasl_setprop(conn, SASL_IPREMOTEPORT, i % 2 ? "10.0.0.1;25" : "10.0.0.2;26");
            sasl_setprop(conn, SASL_DEFUSERREALM, name);
            sasl_setprop(conn, SASL_SSF_EXTERNAL, &ssf);
            sasl_errdetail(conn);
            sasl_listmech(conn, NULL, NULL, NULL, NULL, &o2, NULL, NULL);
        }
        return SASL_OK;
    }
    case GIVES_CREDENTIALS:
        o->client_creds = &lie;
        o->gss_peer_name = "peer";
        o->maxoutbuf = 777;
        return SASL_OK;
    case SETS_ERROR: utils->seterror(conn, 0, "said once"); return SASL_BADAUTH;
    default: return SASL_OK;
    }
}

static int server_new(void *glob, sasl_server_params_t *p, const char *challenge, unsigned challen, void **context)
{
    (void)glob;
    CHECK(challenge == NULL && challen == 0);
    *context = p->utils->malloc(10);
    live++;
    return SASL_OK;
}
static int server_step(void *context, sasl_server_params_t *p, const char *in, unsigned inlen, const char **out, unsigned *outlen, sasl_out_params_t *o)
{
    (void)context;
    (void)in;
    (void)inlen;
    return tell(p->utils, p->canon_user, out, outlen, o);
}
static void dispose(void *context, const sasl_utils_t *utils)
{
    const void *value;
    live--;
    /* Whatever is asked here still has an answer. */
    if (utils->conn) {
        utils->getprop(utils->conn, SASL_SSF, &value);
        utils->log(utils->conn, SASL_LOG_DEBUG, "dispose");
        utils->seterror(utils->conn, SASL_NOLOG, "dispose");
    }
    utils->free(context);
}
static void release(void *glob, const sasl_utils_t *utils)
{
    const char *value = NULL;
    freed++;
    CHECK(glob == (void *)&asked_to_free);
    CHECK(utils->getopt(utils->getopt_context, NULL, "x", &value, NULL) == SASL_FAIL);
}
static int client_new(void *glob, sasl_client_params_t *p, void **context)
{
    (void)glob;
    *context = p->utils->malloc(10);
    live++;
    return SASL_OK;
}
static int prompting;
static int client_step(void *context, sasl_client_params_t *p, const char *in, unsigned inlen, sasl_interact_t **prompts, const char **out, unsigned *outlen,
                       sasl_out_params_t *o)
{
    (void)context;
    (void)in;
    (void)inlen;
    if (prompting) {
        CHECK(prompts != NULL);
        if (*prompts == NULL) {
            *prompts = p->utils->calloc(2, sizeof **prompts);
            (*prompts)->id = SASL_CB_USER;
            (*prompts)->prompt = "who?";
            return SASL_INTERACT;
        }
        CHECK((*prompts)->len == 3);
        p->utils->free(*prompts);
        *prompts = NULL;
    }
    return tell(p->utils, p->canon_user, out, outlen, o);
}

static const unsigned long no_prompts[] = {0}, odd_prompts[] = {SASL_CB_USER, 0x4003, 0};
static sasl_server_plug_t server_plugs[] = {{.mech_name = "LIAR", .max_ssf = 128, .security_flags = SASL_SEC_NOPLAINTEXT, .features = SASL_FEAT_CHANNEL_BINDING,
                                             .glob_context = &asked_to_free, .mech_new = server_new, .mech_step = server_step, .mech_dispose = dispose,
                                             .mech_free = release},
                                            {.mech_name = NULL, .mech_step = server_step},
                                            {.mech_name = "WITH SPACE", .mech_step = server_step},
                                            {.mech_name = "NO-STEP", .mech_new = server_new},
                                            {.mech_name = "BARE", .mech_step = server_step}};
static sasl_client_plug_t client_plugs[] = {{.mech_name = "LIAR", .max_ssf = 128, .security_flags = SASL_SEC_NOPLAINTEXT, .required_prompts = no_prompts,
                                             .glob_context = &asked_to_free, .mech_new = client_new, .mech_step = client_step, .mech_dispose = dispose,
                                             .mech_free = release},
                                            {.mech_name = "ODD", .required_prompts = odd_prompts, .mech_step = client_step}};

static int plug_version = 4, plug_count = 5, plug_null;
static int server_init(const sasl_utils_t *utils, int max, int *version, sasl_server_plug_t **list, int *count)
{
    CHECK(utils != NULL && max == 4);
    *version = plug_version;
    *count = plug_count;
    *list = plug_null ? NULL : server_plugs;
    return SASL_OK;
}
static int client_init(const sasl_utils_t *utils, int max, int *version, sasl_client_plug_t **list, int *count)
{
    CHECK(utils != NULL && max == 4);
    *version = 4;
    *count = 2;
    *list = client_plugs;
    return SASL_OK;
}

/* ---- what becomes of it --------------------------------------------------------------------------------------------- */

static int start(sasl_conn_t *conn)
{
    const char *out;
    unsigned len;
    return sasl_server_start(conn, "LIAR", "x", 1, &out, &len);
}

static void servers(void)
{
    static const struct { enum lie lie; int code, lines; const char *text; } cases[] = {
        {TRUTH, SASL_OK, 0, ""},
        {NO_USER, SASL_BADPROT, 1, "did not call canon_user"},
        {USER_BY_HAND, SASL_BADPROT, 1, "did not call canon_user"},
        {HALF_A_USER, SASL_BADPROT, 1, "did not call canon_user"},
        {LENGTH_WITHOUT_BYTES, SASL_FAIL, 1, "length without any bytes"},
        {TOO_MANY_BYTES, SASL_FAIL, 1, "2147483647 bytes at once"},
        {CODE_42, 42, 0, ""},
        {CODE_MINUS_999, -999, 0, ""},
        {LAYER_WITHOUT_FUNCTIONS, SASL_FAIL, 1, "without its functions"},
        {LAYER_ONE_WAY, SASL_FAIL, 1, "without its functions"},
        {BINDING_USED, SASL_BADBINDING, 1, "client provided channel binding but server had none"},
        {BINDING_WANTED, SASL_OK, 0, ""},
        {STARTS_AGAIN, SASL_OK, 0, ""},
        {STEPS_AGAIN, SASL_OK, 0, ""},
        {BAD_NAMES, SASL_OK, 0, ""},
        {CHANGES_EVERYTHING, SASL_OK, 0, ""},
        {SETS_ERROR, SASL_BADAUTH, 1, "said once"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sasl_conn_t *conn = new_server(1000);
        const char *out;
        unsigned len;
        int code;
        lie = cases[i].lie;
        code = start(conn);
        if (code != cases[i].code || lines != cases[i].lines || !strstr(last, cases[i].text)) {
            say("lie %d: %s, %d lines, last %s", (int)lie, rc(code), lines, str(last));
            failures++;
        }
        CHECK(sasl_server_step(conn, "x", 1, &out, &len) != SASL_OK);
        /* The connection is still of use. */
        lie = TRUTH;
        CHECK(start(conn) == SASL_OK);
        sasl_dispose(&conn);
        CHECK(live == 0);
    }
    /* What else a mechanism finds out. */
    lie = GIVES_CREDENTIALS;
    {
        sasl_conn_t *conn = new_server(1000);
        const void *value = NULL;
        CHECK(sasl_getprop(conn, SASL_DELEGATEDCREDS, &value) == SASL_NOTDONE);
        CHECK(start(conn) == SASL_OK);
        CHECK(sasl_getprop(conn, SASL_DELEGATEDCREDS, &value) == SASL_OK && value == &lie);
        CHECK(sasl_getprop(conn, SASL_GSS_PEER_NAME, &value) == SASL_OK && strcmp(value, "peer") == 0);
        CHECK(sasl_getprop(conn, SASL_GSS_LOCAL_NAME, &value) == SASL_NOTDONE);
        CHECK(sasl_getprop(conn, SASL_MAXOUTBUF, &value) == SASL_OK && *(const unsigned *)value == 777);
        sasl_dispose(&conn);
    }
    lie = CODE_INTERACT;
    {
        sasl_conn_t *conn = new_server(1000);
        CHECK(start(conn) == SASL_INTERACT);
        sasl_dispose(&conn);
        CHECK(live == 0);
    }
    /* A layer is demanded, and the mechanism ends without. */
    lie = TRUTH;
    {
        sasl_conn_t *conn = new_server(1000);
        secprops(conn, 56, 256, 1000, 0);
        CHECK(start(conn) == SASL_TOOWEAK && lines == 1);
        sasl_dispose(&conn);
    }
    /* A channel binding that the client says the server lacks, or does not use though it must be. */
    {
        static const sasl_channel_binding_t binding = {"tls-unique", 1, 4, (const unsigned char *)"data"};
        sasl_conn_t *conn = new_server(1000);
        sasl_setprop(conn, SASL_CHANNEL_BINDING, &binding);
        CHECK(start(conn) == SASL_BADBINDING);
        lie = BINDING_WANTED;
        CHECK(start(conn) == SASL_BADAUTH);
        lie = BINDING_USED;
        CHECK(start(conn) == SASL_OK);
        sasl_dispose(&conn);
        lie = TRUTH;
    }
    /* Without mech_new and mech_dispose. */
    {
        sasl_conn_t *conn = new_server(1000);
        const char *out;
        unsigned len;
        CHECK(sasl_server_start(conn, "BARE", "x", 1, &out, &len) == SASL_OK);
        CHECK(sasl_server_start(conn, "NO-STEP", "x", 1, &out, &len) == SASL_NOMECH);
        sasl_dispose(&conn);
        CHECK(live == 0);
    }
}

static void layers(int client)
{
    static const struct { enum lie lie; int encode, decode; } cases[] = {{LAYER_GIVES_NULL, SASL_FAIL, SASL_OK},
                                                                         {LAYER_GIVES_LENGTH, SASL_FAIL, SASL_FAIL},
                                                                         {LAYER_GIVES_TOO_MUCH, SASL_FAIL, SASL_FAIL},
                                                                         {LAYER_FAILS, SASL_BADMAC, SASL_BADMAC}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sasl_conn_t *conn = client ? new_client(1000) : new_server(1000);
        const char *out;
        unsigned len;
        int code;
        lie = cases[i].lie;
        code = client ? sasl_client_start(conn, "LIAR", NULL, &out, &len, NULL) : start(conn);
        CHECK(code == SASL_OK);
        code = sasl_encode(conn, "hello, world", 12, &out, &len);
        if (code != cases[i].encode) say("lie %d: encode %s", (int)lie, rc(code)), failures++;
        code = sasl_decode(conn, "hello", 5, &out, &len);
        if (code != cases[i].decode) say("lie %d: decode %s", (int)lie, rc(code)), failures++;
        CHECK(out == NULL && len == 0);
        sasl_dispose(&conn);
        CHECK(live == 0);
    }
    /* An encoding within an encoding does not get out in the clear. */
    lie = LAYER_FAILS;
    nested = client ? new_client(1000) : new_server(1000);
    {
        const char *out;
        unsigned len;
        CHECK((client ? sasl_client_start(nested, "LIAR", NULL, &out, &len, NULL) : start(nested)) == SASL_OK);
        lie = TRUTH;
        CHECK(sasl_encode(nested, "hello", 5, &out, &len) == SASL_OK && len == 2);
        sasl_dispose(&nested);
    }
}

static void clients(void)
{
    static const struct { enum lie lie; int code; } cases[] = {{TRUTH, SASL_OK}, {NO_USER, SASL_BADPROT}, {USER_BY_HAND, SASL_BADPROT},
                                                               {LENGTH_WITHOUT_BYTES, SASL_FAIL}, {TOO_MANY_BYTES, SASL_FAIL}, {CODE_42, 42},
                                                               {LAYER_WITHOUT_FUNCTIONS, SASL_FAIL}, {LAYER_ONE_WAY, SASL_FAIL}};
    const char *out;
    unsigned len;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sasl_conn_t *conn = new_client(1000);
        int code;
        lie = cases[i].lie;
        code = sasl_client_start(conn, "LIAR", NULL, &out, &len, NULL);
        if (code != cases[i].code) say("lie %d: client %s", (int)lie, rc(code)), failures++;
        sasl_dispose(&conn);
        CHECK(live == 0);
    }
    lie = TRUTH;
    prompting = 1;
    {
        sasl_conn_t *conn = new_client(1000);
        sasl_interact_t *prompts = NULL;
        /* Nowhere to put the questions. */
        CHECK(sasl_client_start(conn, "LIAR", NULL, &out, &len, NULL) == SASL_INTERACT);
        CHECK(sasl_client_start(conn, "LIAR", NULL, &out, &len, NULL) == SASL_INTERACT);
        CHECK(sasl_client_start(conn, "LIAR", &prompts, &out, &len, NULL) == SASL_INTERACT);
        CHECK(prompts != NULL && prompts->id == SASL_CB_USER && strcmp(prompts->prompt, "who?") == 0);
        prompts->result = "bob";
        prompts->len = 3;
        CHECK(sasl_client_start(conn, "LIAR", &prompts, &out, &len, NULL) == SASL_OK);
        CHECK(prompts == NULL);
        sasl_dispose(&conn);
        CHECK(live == 0);
    }
    prompting = 0;
    {
        /* A callback that the engine knows nothing of is looked for all the same. */
        sasl_callback_t more[] = {{SASL_CB_USER, CB(asked_name), NULL}, {0x4003, CB(asked_name), NULL}, {SASL_CB_LIST_END, NULL, NULL}};
        sasl_conn_t *conn = new_client(1000);
        CHECK(sasl_client_start(conn, "ODD", NULL, &out, &len, NULL) == SASL_NOMECH);
        sasl_dispose(&conn);
        CHECK(sasl_client_new("svc", FQDN, NULL, NULL, more, 0, &conn) == SASL_OK);
        CHECK(sasl_client_start(conn, "ODD", NULL, &out, &len, NULL) == SASL_OK);
        sasl_dispose(&conn);
    }
}

/* ---- stores and canonicalisers ----------------------------------------------------------------------------------- */

static int canon_length, canon_plug_null, store_null;
static int plug_canon(void *glob, sasl_server_params_t *params, const char *user, unsigned len, unsigned flags, char *out, unsigned max, unsigned *outlen)
{
    (void)glob;
    (void)params;
    (void)flags;
    CHECK(max == 1024);
    memcpy(out, user, len < max ? len : max);
    *outlen = canon_length ? (unsigned)canon_length : len;
    return SASL_OK;
}
static sasl_canonuser_plug_t canon_plug = {.name = "lying", .canon_user_server = plug_canon};
static int canon_init(const sasl_utils_t *utils, int max, int *version, sasl_canonuser_plug_t **plug, const char *name)
{
    CHECK(utils != NULL && max == 5 && name != NULL);
    *version = 5;
    *plug = canon_plug_null ? NULL : &canon_plug;
    return SASL_OK;
}
static int store_init(const sasl_utils_t *utils, int max, int *version, sasl_auxprop_plug_t **plug, const char *name)
{
    static sasl_auxprop_plug_t nameless = {.auxprop_lookup = mem_lookup};
    CHECK(utils != NULL && max == 8 && name != NULL);
    *version = 8;
    *plug = store_null ? NULL : &nameless;
    return SASL_OK;
}

static void others(int early)
{
    sasl_conn_t *conn;
    const char *out;
    unsigned len;
    canon_plug_null = store_null = 1;
    CHECK(sasl_canonuser_add_plugin("lying", canon_init) == SASL_BADPROT);
    CHECK(sasl_auxprop_add_plugin("lying", store_init) == SASL_BADPROT);
    CHECK(sasl_auxprop_add_plugin(NULL, store_init) == SASL_BADPARAM);
    CHECK(sasl_auxprop_add_plugin("x", NULL) == SASL_BADPARAM);
    canon_plug_null = store_null = 0;
    CHECK(sasl_canonuser_add_plugin("lying", canon_init) == SASL_OK);
    /* A store without a name of its own has the one that it is added under. */
    CHECK(sasl_auxprop_add_plugin("nameless", store_init) == SASL_OK);
    set_option("auxprop_plugin", early ? "early" : "nameless");
    set_option("canon_user_plugin", early ? "early" : "lying");
    lie = TRUTH;
    conn = new_server(1000);
    CHECK(start(conn) == SASL_OK);
    canon_length = 1025;
    CHECK(start(conn) == SASL_FAIL);
    canon_length = -1;
    CHECK(start(conn) == SASL_FAIL);
    canon_length = 0;
    CHECK(start(conn) == SASL_OK);
    sasl_dispose(&conn);
    /* There is nothing for a client in it. */
    conn = new_client(1000);
    CHECK(sasl_client_start(conn, "LIAR", NULL, &out, &len, NULL) == SASL_FAIL);
    sasl_dispose(&conn);
    set_option("canon_user_plugin", NULL);
    set_option("auxprop_plugin", "mem");
}

/* ---- names that are taken ------------------------------------------------------------------------------------------- */

static int own_init(const sasl_utils_t *utils, int max, int *version, sasl_server_plug_t **list, int *count)
{
    static sasl_server_plug_t plug = {.mech_name = "Plain", .security_flags = SASL_SEC_NOPLAINTEXT, .mech_step = server_step};
    (void)utils, (void)max;
    *version = 4;
    *list = &plug;
    *count = 1;
    return SASL_OK;
}
static void whose(server_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock)
{
    if (stage == SASL_INFO_LIST_MECH) sprintf((char *)rock + strlen(rock), "%s ", mech->plugname);
}
static const char *plain_is_of(void)
{
    static char names[100];
    names[0] = 0;
    CHECK(sasl_server_plugin_info("PLAIN", whose, names) == SASL_OK);
    return names;
}
/* What is built in stays, however strong the other says that it is, unless the administrator prefers plugins. */
static void taken(void)
{
    CHECK(sasl_server_add_plugin("mine", own_init) == SASL_OK);
    CHECK(strcmp(plain_is_of(), "plain ") == 0);
    set_option("prefer_plugins", "CRAM-MD5 PLAIN");
    CHECK(sasl_server_add_plugin("mine", own_init) == SASL_OK);
    CHECK(strcmp(plain_is_of(), "mine ") == 0);
    CHECK(sasl_server_add_plugin("other", own_init) == SASL_OK);
    CHECK(strcmp(plain_is_of(), "mine ") == 0);
    set_option("prefer_plugins", NULL);
}

int main(void)
{
    sasl_conn_t *conn, *client;
    const char *out;
    unsigned len;
    CHECK(sasl_server_add_plugin("liar", server_init) == SASL_NOTINIT);
    CHECK(sasl_client_add_plugin("liar", client_init) == SASL_NOTINIT);
    /* Of mechanisms there is no side to take them yet; the others wait for it, as slapd's store does. */
    CHECK(sasl_auxprop_add_plugin("early", store_init) == SASL_OK);
    CHECK(sasl_canonuser_add_plugin("early", canon_init) == SASL_OK);
    for (int round = 0; round < 2; round++) {
        begin();
        mem_set("alice@user49", "userPassword", "secret", -1);
        plug_count = -1;
        CHECK(sasl_server_add_plugin("liar", server_init) == SASL_FAIL);
        plug_count = 1000000;
        CHECK(sasl_server_add_plugin("liar", server_init) == SASL_FAIL);
        plug_count = 5;
        plug_null = 1;
        CHECK(sasl_server_add_plugin("liar", server_init) == SASL_FAIL);
        plug_null = 0;
        plug_version = 5;
        CHECK(sasl_server_add_plugin("liar", server_init) == SASL_BADVERS);
        plug_version = 4;
        CHECK(sasl_server_add_plugin("liar", server_init) == SASL_OK);
        CHECK(sasl_client_add_plugin("liar", client_init) == SASL_OK);
        servers();
        layers(0);
        layers(1);
        clients();
        others(round == 0);
        taken();
        /* Connections that are disposed of too late: what they use stays as long as they do. */
        lie = LAYER_GIVES_NULL;
        conn = new_server(1000);
        client = new_client(1000);
        CHECK(start(conn) == SASL_OK);
        CHECK(sasl_client_start(client, "LIAR", NULL, &out, &len, NULL) == SASL_OK);
        freed = 0;
        finish();
        CHECK(freed == 0 && live == 2);
        CHECK(sasl_encode(conn, "x", 1, &out, &len) == SASL_FAIL);
        sasl_dispose(&conn);
        CHECK(freed == 1);
        sasl_dispose(&client);
        CHECK(freed == 2 && live == 0);
        CHECK(sasl_global_utils == NULL);
        mem_clear();
    }
    say("%d failures", failures);
    return failures != 0;
}
