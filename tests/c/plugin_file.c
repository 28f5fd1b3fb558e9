/* A plugin of each kind, as somebody else would write it: compiled against our headers, linked with nothing, put into a
 * directory. What it is is said when it is compiled:
 *
 *   MECH      the name of its mechanism ("X-FILE")
 *   TAG       its own name, for what it prints ("file")
 *   VERSION   the version that it says it has (4)
 *   ANSWER    what its first functions answer (SASL_OK)
 *   COUNT     how many mechanisms it says there are (1)
 *   NO_SERVER, NO_CLIENT, NO_STORE, NO_CANON    leave something out
 *   UNDEFINED uses a function that nobody has
 *   NESTED    initialises the client side, and finishes it, while the server side is initialised
 *
 * The client sends a name, a NUL and a password; the server compares that with the property userPassword. Then both
 * exclude each byte with 0x55, which is no security at all. On its way the server's step uses all of the library that a
 * step may use.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#ifndef MECH
#define MECH "X-FILE"
#endif
#ifndef TAG
#define TAG "file"
#endif
#ifndef VERSION
#define VERSION 4
#endif
#ifndef ANSWER
#define ANSWER SASL_OK
#endif
#ifndef COUNT
#define COUNT 1
#endif

#define EVENT(...) fprintf(stderr, "[" TAG "] " __VA_ARGS__)

/* Names that programs have as well: neither may get the other's. */
int shared_name = 77;
int shared_function(void);
int shared_function(void) { return shared_name; }

__attribute__((constructor)) static void loaded(void) { EVENT("loaded\n"); }
__attribute__((destructor)) static void unloaded(void) { EVENT("unloaded\n"); }

struct context {
    const sasl_utils_t *utils;
    char out[70000];
};

static int hidden(struct context *context, const char *in, unsigned len, const char **out, unsigned *outlen)
{
    if (len > sizeof context->out) return SASL_BUFOVER;
    for (unsigned i = 0; i < len; i++) context->out[i] = (char)(in[i] ^ 0x55);
    *out = context->out;
    *outlen = len;
    return SASL_OK;
}
static int encode(void *context, const struct iovec *in, unsigned count, const char **out, unsigned *outlen)
{
    return count == 1 ? hidden(context, in->iov_base, (unsigned)in->iov_len, out, outlen) : SASL_BADPARAM;
}
static int decode(void *context, const char *in, unsigned len, const char **out, unsigned *outlen)
{
    return hidden(context, in, len, out, outlen);
}
static void layer(void *context, sasl_out_params_t *out)
{
    out->mech_ssf = 9;
    out->maxoutbuf = 1000;
    out->encode_context = out->decode_context = context;
    out->encode = encode;
    out->decode = decode;
    out->doneflag = 1;
}

static int make(const sasl_utils_t *utils, void **context)
{
    struct context *made = utils->calloc(1, sizeof *made);
    if (made == NULL) return SASL_NOMEM;
    made->utils = utils;
    *context = made;
    return SASL_OK;
}
static void dispose(void *context, const sasl_utils_t *utils)
{
    EVENT("dispose\n");
    utils->free(context);
}
static void release(void *glob, const sasl_utils_t *utils)
{
    (void)utils;
    EVENT("free %s\n", glob ? (const char *)glob : "");
}

/* ---- the server ----------------------------------------------------------------------------------------------------- */

static int server_new(void *glob, sasl_server_params_t *params, const char *challenge, unsigned len, void **context)
{
    (void)glob, (void)challenge, (void)len;
    return make(params->utils, context);
}

static int server_step(void *context, sasl_server_params_t *params, const char *in, unsigned len, const char **out, unsigned *outlen,
                       sasl_out_params_t *oparams)
{
    const sasl_utils_t *utils = params->utils;
    static const char *wanted[] = {"*userPassword", NULL};
    struct propval found[2];
    const void *value;
    const char *password, *option = NULL;
    int code;
    *out = NULL;
    *outlen = 0;
    if (in == NULL || (password = memchr(in, 0, len)) == NULL) {
        utils->seterror(utils->conn, 0, "a name and a password are wanted");
        return SASL_BADPROT;
    }
    password++;
    /* The connection is used while its step runs. */
    if (utils->getprop(utils->conn, SASL_SERVICE, &value) != SASL_OK || strcmp(value, params->service) != 0) return SASL_FAIL;
    if (utils->setprop(utils->conn, SASL_IPREMOTEPORT, "192.0.2.1;25") != SASL_OK || strcmp(params->ipremoteport, "192.0.2.1;25") != 0) return SASL_FAIL;
    if (utils->getopt(utils->getopt_context, TAG, "file_option", &option, NULL) == SASL_OK)
        utils->log(utils->conn, SASL_LOG_NOTE, "the option is %s", option);
    if (utils->prop_request(params->propctx, wanted) != SASL_OK) return SASL_FAIL;
    code = params->canon_user(utils->conn, in, 0, SASL_CU_AUTHID | SASL_CU_AUTHZID, oparams);
    if (code != SASL_OK) return code;
    if (utils->prop_getnames(params->propctx, wanted, found) != 1 || found[0].values == NULL || found[0].values[0] == NULL) return SASL_NOUSER;
    if (found[0].valsize != (in + len) - password || memcmp(found[0].values[0], password, found[0].valsize) != 0) {
        utils->seterror(utils->conn, 0, "the password is wrong");
        return SASL_BADAUTH;
    }
    utils->prop_erase(params->propctx, wanted[0]);
    layer(context, oparams);
    return SASL_OK;
}

static sasl_server_plug_t server_plugs[] = {{.mech_name = MECH, .max_ssf = 9, .security_flags = SASL_SEC_NOANONYMOUS | SASL_SEC_NOPLAINTEXT,
                                             .features = SASL_FEAT_WANT_CLIENT_FIRST | SASL_FEAT_ALLOWS_PROXY, .glob_context = "server",
                                             .mech_new = server_new, .mech_step = server_step, .mech_dispose = dispose, .mech_free = release}};

#ifndef NO_SERVER
int sasl_server_plug_init(const sasl_utils_t *utils, int max, int *version, sasl_server_plug_t **list, int *count)
{
    (void)utils;
    EVENT("server %d\n", max);
#ifdef NESTED
    int (*init)(const sasl_callback_t *);
    int (*done)(void);
    *(void **)&init = dlsym(RTLD_DEFAULT, "sasl_client_init");
    *(void **)&done = dlsym(RTLD_DEFAULT, "sasl_client_done");
    EVENT("nested %d\n", init(NULL));
    EVENT("nested %d\n", done());
#endif
    *version = VERSION;
    *list = server_plugs;
    *count = COUNT;
    return ANSWER;
}
#endif

/* ---- the client ----------------------------------------------------------------------------------------------------- */

static int client_new(void *glob, sasl_client_params_t *params, void **context)
{
    (void)glob;
    return make(params->utils, context);
}

static int client_step(void *context, sasl_client_params_t *params, const char *in, unsigned len, sasl_interact_t **prompts, const char **out,
                       unsigned *outlen, sasl_out_params_t *oparams)
{
    struct context *own = context;
    const sasl_utils_t *utils = params->utils;
    sasl_getsimple_t *names;
    sasl_getsecret_t *passwords;
    void *names_context, *passwords_context;
    const char *name = NULL;
    sasl_secret_t *password = NULL;
    unsigned name_len;
    int code;
    (void)in, (void)len, (void)prompts;
    if (utils->getcallback(utils->conn, SASL_CB_AUTHNAME, (sasl_callback_ft *)&names, &names_context) != SASL_OK ||
        utils->getcallback(utils->conn, SASL_CB_PASS, (sasl_callback_ft *)&passwords, &passwords_context) != SASL_OK)
        return SASL_FAIL;
    if (names(names_context, SASL_CB_AUTHNAME, &name, &name_len) != SASL_OK ||
        passwords(utils->conn, passwords_context, SASL_CB_PASS, &password) != SASL_OK)
        return SASL_FAIL;
    code = params->canon_user(utils->conn, name, 0, SASL_CU_AUTHID | SASL_CU_AUTHZID, oparams);
    if (code != SASL_OK) return code;
    snprintf(own->out, sizeof own->out, "%s", oparams->authid);
    memcpy(own->out + oparams->alen + 1, password->data, password->len);
    *out = own->out;
    *outlen = oparams->alen + 1 + (unsigned)password->len;
    layer(context, oparams);
    return SASL_OK;
}

static sasl_client_plug_t client_plugs[] = {{.mech_name = MECH, .max_ssf = 9, .security_flags = SASL_SEC_NOANONYMOUS | SASL_SEC_NOPLAINTEXT,
                                             .features = SASL_FEAT_WANT_CLIENT_FIRST | SASL_FEAT_ALLOWS_PROXY, .glob_context = "client",
                                             .mech_new = client_new, .mech_step = client_step, .mech_dispose = dispose, .mech_free = release}};

#ifndef NO_CLIENT
int sasl_client_plug_init(const sasl_utils_t *utils, int max, int *version, sasl_client_plug_t **list, int *count)
{
    (void)utils;
    EVENT("client %d\n", max);
    *version = VERSION;
    *list = client_plugs;
    *count = COUNT;
    return ANSWER;
}
#endif

/* ---- a store with one user, and a canonicaliser ------------------------------------------------------------------- */

static int lookup(void *glob, sasl_server_params_t *params, unsigned flags, const char *user, unsigned len)
{
    const struct propval *asked = params->utils->prop_get(params->propctx);
    (void)glob;
    if (len != 5 || memcmp(user, "alice", 5) != 0) return SASL_NOUSER;
    for (; asked && asked->name; asked++)
        if (strcmp(asked->name, "*userPassword") == 0 && !(flags & SASL_AUXPROP_AUTHZID) && asked->values == NULL)
            params->utils->prop_set(params->propctx, asked->name, "secret", 0);
    return SASL_OK;
}
static sasl_auxprop_plug_t store = {.glob_context = "store", .auxprop_free = release, .auxprop_lookup = lookup, .name = TAG};

#ifndef NO_STORE
int sasl_auxprop_plug_init(const sasl_utils_t *utils, int max, int *version, sasl_auxprop_plug_t **plug, const char *name)
{
    (void)utils;
    EVENT("store %d %s\n", max, name);
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plug = &store;
    return ANSWER;
}
#endif

static int lower(const char *in, unsigned len, char *out, unsigned max, unsigned *outlen)
{
    if (len > max) return SASL_BUFOVER;
    for (unsigned i = 0; i < len; i++) out[i] = in[i] >= 'A' && in[i] <= 'Z' ? (char)(in[i] + 32) : in[i];
    *outlen = len;
    return SASL_OK;
}
static int canon_server(void *glob, sasl_server_params_t *params, const char *in, unsigned len, unsigned flags, char *out, unsigned max, unsigned *outlen)
{
    (void)glob, (void)params, (void)flags;
    return lower(in, len, out, max, outlen);
}
static int canon_client(void *glob, sasl_client_params_t *params, const char *in, unsigned len, unsigned flags, char *out, unsigned max, unsigned *outlen)
{
    (void)glob, (void)params, (void)flags;
    return lower(in, len, out, max, outlen);
}
static sasl_canonuser_plug_t canon = {.glob_context = "canon", .name = TAG, .canon_user_free = release, .canon_user_server = canon_server,
                                      .canon_user_client = canon_client};

#ifndef NO_CANON
int sasl_canonuser_init(const sasl_utils_t *utils, int max, int *version, sasl_canonuser_plug_t **plug, const char *name)
{
    (void)utils;
    EVENT("canon %d %s\n", max, name);
    *version = SASL_CANONUSER_PLUG_VERSION;
    *plug = &canon;
    return ANSWER;
}
#endif

#ifdef UNDEFINED
extern int nobody_has_this_function(void);
int uses_it(void);
int uses_it(void) { return nobody_has_this_function(); }
#endif
/* What is left out above is not unused. */
extern const void *const uses[];
const void *const uses[] = {server_plugs, client_plugs, &store, &canon};
