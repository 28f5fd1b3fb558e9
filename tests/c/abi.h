/* What the abi_*.c programs share: printing of results and messages in a form that does not depend on random
 * bytes, addresses or the clock; an application's callbacks, each of which can be told to print how it was called;
 * and a property store in memory. A program includes this once; everything is static. */
#ifndef OXISASL_TESTS_ABI_H
#define OXISASL_TESTS_ABI_H

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>

/* Exported, but not in the stock headers. */
extern const sasl_utils_t *sasl_global_utils;
extern const char *sasl_config_getstring(const char *key, const char *otherwise);
extern void sasl_common_done(void);

#define UNUSED __attribute__((unused))
#define CB(fn) ((int (*)(void))(fn))
#define FQDN "host.example.com"

/* ---- printing ------------------------------------------------------------------------------------------------ */

static UNUSED void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static UNUSED const char *rc(int code)
{
    static const struct { int code; const char *name; } names[] = {
        {1, "CONTINUE"}, {0, "OK"}, {2, "INTERACT"}, {-1, "FAIL"}, {-2, "NOMEM"}, {-3, "BUFOVER"}, {-4, "NOMECH"},
        {-5, "BADPROT"}, {-6, "NOTDONE"}, {-7, "BADPARAM"}, {-8, "TRYAGAIN"}, {-9, "BADMAC"}, {-10, "BADSERV"},
        {-11, "WRONGMECH"}, {-12, "NOTINIT"}, {-13, "BADAUTH"}, {-14, "NOAUTHZ"}, {-15, "TOOWEAK"}, {-16, "ENCRYPT"},
        {-17, "TRANS"}, {-18, "EXPIRED"}, {-19, "DISABLED"}, {-20, "NOUSER"}, {-21, "PWLOCK"}, {-22, "NOCHANGE"},
        {-23, "BADVERS"}, {-24, "UNAVAIL"}, {-26, "NOVERIFY"}, {-27, "WEAKPASS"}, {-28, "NOUSERPASS"},
        {-29, "NEED_OLD_PASSWD"}, {-30, "CONSTRAINT"}, {-32, "BADBINDING"}, {-100, "CONFIGERR"}};
    static char other[4][16];
    static int turn;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) return names[i].name;
    turn = (turn + 1) % 4;
    snprintf(other[turn], sizeof other[turn], "%d", code);
    return other[turn];
}

/* Bytes as a quoted string with C escapes; NULL as (null). Eight results live at a time. */
static UNUSED const char *esc(const void *bytes, long length)
{
    static char buffers[8][20000];
    static int turn;
    const unsigned char *from = bytes;
    char *to;
    if (bytes == NULL) return "(null)";
    if (length < 0) length = (long)strlen(bytes);
    turn = (turn + 1) % 8;
    to = buffers[turn];
    *to++ = '"';
    for (long i = 0; i < length; i++) {
        if (i == 4500) {
            to += sprintf(to, "...%ld bytes", length);
            break;
        }
        if (from[i] == '"' || from[i] == '\\') to += sprintf(to, "\\%c", from[i]);
        else if (from[i] < 32 || from[i] > 126) to += sprintf(to, "\\x%02x", from[i]);
        else *to++ = (char)from[i];
    }
    *to++ = '"';
    *to = 0;
    return buffers[turn];
}
#define str(text) esc((text), -1)

/* A mechanism's message with what is random replaced by its length: digits of a CRAM-MD5 challenge, the values of
 * r s v p (SCRAM), nonce cnonce response rspauth (DIGEST-MD5), hexadecimal CRAM-MD5 digests. */
static UNUSED const char *shape(const char *bytes, unsigned length)
{
    static const char *const secret[] = {"r", "s", "v", "p", "nonce", "cnonce", "response", "rspauth", NULL};
    static char out[4][8192];
    static int turn;
    char *to;
    unsigned i = 0;
    if (bytes == NULL) return "(null)";
    turn = (turn + 1) % 4;
    to = out[turn];
    if (length > 6000) {
        sprintf(to, "[%u bytes]", length);
        return to;
    }
    if (length > 3 && bytes[0] == '<' && isdigit((unsigned char)bytes[1])) {
        const char *at = memchr(bytes, '@', length);
        if (at != NULL) {
            sprintf(to, "<N.N%.*s", (int)(bytes + length - at), at);
            return to;
        }
    }
    while (i < length) {
        unsigned end = i;
        while (end < length && isalpha((unsigned char)bytes[end])) end++;
        if (end > i && end < length && bytes[end] == '=' && (i == 0 || bytes[i - 1] == ',')) {
            int hidden = 0;
            for (int k = 0; secret[k]; k++)
                if (strlen(secret[k]) == end - i && memcmp(secret[k], bytes + i, end - i) == 0) hidden = 1;
            if (hidden && !(end + 3 < length && memcmp(bytes + end + 1, "tls", 3) == 0)) {
                unsigned stop = end + 1;
                while (stop < length && bytes[stop] != ',') stop++;
                to += sprintf(to, "%.*s[%u]", (int)(end + 1 - i), bytes + i, stop - end - 1);
                i = stop;
                continue;
            }
        }
        if (end - i < 1) end = i + 1;
        if (end == i + 1 && !isprint((unsigned char)bytes[i])) to += sprintf(to, "\\x%02x", (unsigned char)bytes[i]);
        else {
            memcpy(to, bytes + i, end - i);
            to += end - i;
        }
        i = end;
    }
    *to = 0;
    to = out[turn];
    if (length > 33 && bytes[length - 33] == ' ') {
        size_t shown = strlen(to);
        if (shown > 32 && strspn(to + shown - 32, "0123456789abcdef") == 32) strcpy(to + shown - 32, "[hex]");
    }
    return to;
}

/* Detail text; the places where stock prints its own source file and line are not compared. */
static UNUSED const char *detail(sasl_conn_t *conn)
{
    static char out[2][4096];
    static int turn;
    const char *text = sasl_errdetail(conn), *cut;
    if (text == NULL) return "(null)";
    turn = (turn + 1) % 2;
    cut = strstr(text, "in ../../lib/");
    if (cut == NULL) cut = strstr(text, "in ../../plugins/");
    snprintf(out[turn], sizeof out[turn], "%.*s%s", cut ? (int)(cut - text) : (int)strlen(text), text,
             cut ? "in FILE near line N" : "");
    return out[turn];
}

/* ---- options ------------------------------------------------------------------------------------------------- */

static struct { const char *name, *value; } options[64] UNUSED;
static int trace UNUSED; /* bits: 1 callbacks print their arguments, 2 so does on_getopt, 4 only on_log */

static UNUSED void set_option(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].name == NULL || strcmp(options[i].name, name) == 0) {
            options[i].name = name;
            options[i].value = value;
            return;
        }
    abort();
}
static UNUSED void clear_options(void) { memset(options, 0, sizeof options); }

static UNUSED int on_getopt(void *context, const char *plugin, const char *option, const char **result, unsigned *len)
{
    if (trace & 2) say("  getopt[%s] plugin=%s option=%s", (char *)context, plugin ? plugin : "(null)", option);
    for (size_t i = 0; i < sizeof options / sizeof *options && options[i].name; i++)
        if (options[i].value && strcmp(options[i].name, option) == 0) {
            *result = options[i].value;
            if (len) *len = (unsigned)strlen(options[i].value);
            return SASL_OK;
        }
    return SASL_FAIL;
}

/* ---- the application's other callbacks --------------------------------------------------------------------------- */

static UNUSED int on_log(void *context, int level, const char *message)
{
    if (trace & 5) say("  log[%s] %d %s", context ? (char *)context : "", level, str(message));
    return SASL_OK;
}

static UNUSED int canon_result;               /* what on_canon answers when not SASL_OK */
static UNUSED const char *canon_suffix;       /* appended to the name when set */
static UNUSED int on_canon(sasl_conn_t *conn, void *context, const char *in, unsigned inlen, unsigned flags,
                           const char *realm, char *out, unsigned outmax, unsigned *outlen)
{
    (void)conn;
    if (trace & 1)
        say("  canon[%s] in=%s flags=0x%x realm=%s outmax=%u", (char *)context, esc(in, inlen), flags, str(realm), outmax);
    if (canon_result) return canon_result;
    if (inlen + (canon_suffix ? strlen(canon_suffix) : 0) > outmax) return SASL_BUFOVER;
    memmove(out, in, inlen);
    if (canon_suffix) {
        memcpy(out + inlen, canon_suffix, strlen(canon_suffix));
        inlen += (unsigned)strlen(canon_suffix);
    }
    *outlen = inlen;
    return SASL_OK;
}

static UNUSED void show_props(const char *label, struct propctx *ctx)
{
    const struct propval *values = ctx ? prop_get(ctx) : NULL;
    printf("  %s props:", label);
    for (; values && values->name; values++) {
        printf(" %s", values->name);
        if (values->values) {
            printf("=");
            for (unsigned i = 0; values->values[i]; i++) printf("%s%s", i ? "|" : "", str(values->values[i]));
        }
    }
    say("");
}

static UNUSED int proxy_result;
static UNUSED int on_proxy(sasl_conn_t *conn, void *context, const char *requested, unsigned rlen, const char *authid,
                           unsigned alen, const char *realm, unsigned urlen, struct propctx *props)
{
    (void)conn;
    if (trace & 1) {
        say("  proxy[%s] requested=%s/%u auth=%s/%u realm=%s/%u", (char *)context, str(requested), rlen, str(authid),
            alen, str(realm), urlen);
        show_props("proxy", props);
    }
    return proxy_result;
}

static UNUSED int checkpass_result = SASL_FAIL;
static UNUSED int on_checkpass(sasl_conn_t *conn, void *context, const char *user, const char *pass, unsigned passlen,
                               struct propctx *props)
{
    (void)conn;
    if (trace & 1) {
        say("  checkpass[%s] user=%s pass=%s/%u", (char *)context, str(user), esc(pass, passlen), passlen);
        show_props("checkpass", props);
    }
    return checkpass_result;
}

static UNUSED int setpass_result;
static UNUSED int on_setpass(sasl_conn_t *conn, void *context, const char *user, const char *pass, unsigned passlen,
                             struct propctx *props, unsigned flags)
{
    (void)conn;
    (void)props;
    if (trace & 1)
        say("  setpass[%s] user=%s pass=%s/%u flags=0x%x", (char *)context, str(user), pass ? esc(pass, passlen) : "(null)",
            passlen, flags);
    return setpass_result;
}

/* The client's answers; a NULL answer makes the callback return SASL_FAIL. */
static UNUSED const char *cli_user = "", *cli_auth = "alice", *cli_pass = "secret", *cli_realm;
static UNUSED long cli_pass_len = -1;

static UNUSED int on_simple(void *context, int id, const char **result, unsigned *len)
{
    const char *answer = id == SASL_CB_USER ? cli_user : id == SASL_CB_AUTHNAME ? cli_auth : "en";
    if (trace & 1) say("  simple[%s] id=0x%x len=%s", (char *)context, id, len ? "given" : "NULL");
    if (answer == NULL) return SASL_FAIL;
    *result = answer;
    if (len) *len = (unsigned)strlen(answer);
    return SASL_OK;
}

static UNUSED int on_pass(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    static union { sasl_secret_t secret; char room[12000]; } kept;
    unsigned long len;
    if (trace & 1) say("  pass[%s] conn=%s id=0x%x", (char *)context, conn ? "given" : "NULL", id);
    if (cli_pass == NULL) return SASL_FAIL;
    len = cli_pass_len >= 0 ? (unsigned long)cli_pass_len : strlen(cli_pass);
    kept.secret.len = len;
    memcpy(kept.secret.data, cli_pass, len);
    kept.secret.data[len] = 0;
    *secret = &kept.secret;
    return SASL_OK;
}

static UNUSED int on_realm(void *context, int id, const char **available, const char **result)
{
    if (trace & 1) {
        printf("  realm[%s] id=0x%x available:", (char *)context, id);
        for (int i = 0; available && available[i]; i++) printf(" %s", str(available[i]));
        say("");
    }
    if (cli_realm == NULL) return SASL_FAIL;
    *result = cli_realm;
    return SASL_OK;
}

static UNUSED sasl_callback_t client_callbacks[] = {
    {SASL_CB_GETOPT, CB(on_getopt), "cconn"}, {SASL_CB_LOG, CB(on_log), "cconn"},
    {SASL_CB_USER, CB(on_simple), "cconn"},   {SASL_CB_AUTHNAME, CB(on_simple), "cconn"},
    {SASL_CB_PASS, CB(on_pass), "cconn"},     {SASL_CB_GETREALM, CB(on_realm), "cconn"},
    {SASL_CB_CANON_USER, CB(on_canon), "cconn"}, {SASL_CB_LIST_END, NULL, NULL}};

static UNUSED sasl_callback_t server_callbacks[] = {
    {SASL_CB_GETOPT, CB(on_getopt), "sconn"}, {SASL_CB_LOG, CB(on_log), "sconn"},
    {SASL_CB_CANON_USER, CB(on_canon), "sconn"}, {SASL_CB_PROXY_POLICY, CB(on_proxy), "sconn"},
    {SASL_CB_SERVER_USERDB_CHECKPASS, CB(on_checkpass), "sconn"},
    {SASL_CB_SERVER_USERDB_SETPASS, CB(on_setpass), "sconn"}, {SASL_CB_LIST_END, NULL, NULL}};

/* For sasl_server_init and sasl_client_init. */
static UNUSED sasl_callback_t global_callbacks[] = {
    {SASL_CB_GETOPT, CB(on_getopt), "global"}, {SASL_CB_LOG, CB(on_log), "global"}, {SASL_CB_LIST_END, NULL, NULL}};

/* ---- a property store in memory: the auxprop plugin "mem" --------------------------------------------------------- */

static UNUSED struct { char user[1100], prop[64], value[4096]; int length; } entries[64];
static UNUSED int mem_status, mem_store_status; /* forced results when not SASL_OK */

static UNUSED void mem_set(const char *user, const char *prop, const void *value, int length)
{
    int room = -1;
    if (length < 0) length = (int)strlen(value);
    for (int i = 63; i >= 0; i--) {
        if (entries[i].prop[0] == 0) room = i;
        else if (strcmp(entries[i].user, user) == 0 && strcmp(entries[i].prop, prop) == 0) {
            room = i;
            break;
        }
    }
    if (room < 0 || length > 4095) abort();
    snprintf(entries[room].user, sizeof entries[room].user, "%s", user);
    snprintf(entries[room].prop, sizeof entries[room].prop, "%s", prop);
    memcpy(entries[room].value, value, (size_t)length);
    entries[room].length = length;
}

static UNUSED void mem_clear(void) { memset(entries, 0, sizeof entries); }

static UNUSED void mem_show(const char *label)
{
    say("%s:", label);
    for (int i = 0; i < 64; i++)
        if (entries[i].prop[0])
            say("  %s %s = %s", str(entries[i].user), entries[i].prop,
                strcmp(entries[i].prop, "authPassword") ? esc(entries[i].value, entries[i].length) : "(verifier)");
}

static UNUSED int mem_lookup(void *glob, sasl_server_params_t *params, unsigned flags, const char *user, unsigned ulen)
{
    char name[1100];
    const struct propval *asked = params->utils->prop_get(params->propctx);
    int known = 0;
    snprintf(name, sizeof name, "%.*s", (int)ulen, user);
    if (trace & 1) {
        say("  lookup[%s] user=%s flags=0x%x realm=%s fqdn=%s", glob ? (char *)glob : "mem", esc(user, ulen), flags,
            str(params->user_realm), str(params->serverFQDN));
        show_props("lookup", params->propctx);
    }
    if (mem_status) return mem_status;
    for (int i = 0; i < 64; i++)
        if (entries[i].prop[0] && strcmp(entries[i].user, name) == 0) known = 1;
    for (; asked && asked->name; asked++) {
        const char *wanted = asked->name;
        if (flags & SASL_AUXPROP_AUTHZID) {
            if (*wanted == '*') continue;
        } else {
            if (*wanted != '*') continue;
            wanted++;
        }
        if (asked->values && !(flags & SASL_AUXPROP_OVERRIDE)) continue;
        if (asked->values) params->utils->prop_erase(params->propctx, asked->name);
        for (int i = 0; i < 64; i++)
            if (entries[i].prop[0] && strcmp(entries[i].user, name) == 0 && strcmp(entries[i].prop, wanted) == 0)
                params->utils->prop_set(params->propctx, asked->name, entries[i].value, entries[i].length);
    }
    return known ? SASL_OK : SASL_NOUSER;
}

static UNUSED int mem_store(void *glob, sasl_server_params_t *params, struct propctx *ctx, const char *user, unsigned ulen)
{
    char name[1100];
    const struct propval *given = ctx ? params->utils->prop_get(ctx) : NULL;
    if (trace & 1) say("  store[%s] user=%s ctx=%s", glob ? (char *)glob : "mem", esc(user, ulen), ctx ? "given" : "NULL");
    if (mem_store_status) return mem_store_status;
    if (ctx == NULL) return SASL_OK;
    snprintf(name, sizeof name, "%.*s", (int)ulen, user);
    for (; given && given->name; given++) {
        int set = given->values && given->values[0];
        if (trace & 1)
            say("    %s %s valsize=%u", given->name, set ? (strcmp(given->name, "authPassword") ? str(given->values[0])
                                                                                                   : "(verifier)")
                                                            : "(delete)", set ? given->valsize : 0);
        if (set) mem_set(name, given->name, given->values[0], (int)strlen(given->values[0]));
        else
            for (int i = 0; i < 64; i++)
                if (strcmp(entries[i].user, name) == 0 && strcmp(entries[i].prop, given->name) == 0)
                    entries[i].prop[0] = 0;
    }
    return SASL_OK;
}

static UNUSED sasl_auxprop_plug_t mem_plug = {.auxprop_lookup = mem_lookup, .name = "mem", .auxprop_store = mem_store};

static UNUSED int mem_init(const sasl_utils_t *utils, int max_version, int *version, sasl_auxprop_plug_t **plug,
                           const char *name)
{
    (void)utils;
    if (trace & 1) say("  mem_init max=%d name=%s", max_version, str(name));
    *version = SASL_AUXPROP_PLUG_VERSION;
    *plug = &mem_plug;
    return SASL_OK;
}

/* ---- connections ----------------------------------------------------------------------------------------------- */

/* Both sides initialised, the store in place and chosen, one user. Configuration files are not looked for. */
static UNUSED void begin(void)
{
    int code;
    set_option("auxprop_plugin", "mem");
    code = sasl_server_init(global_callbacks, NULL);
    if (code == SASL_OK) code = sasl_client_init(global_callbacks);
    if (code == SASL_OK) code = sasl_auxprop_add_plugin("mem", mem_init);
    if (code != SASL_OK) {
        say("cannot begin: %s", rc(code));
        exit(1);
    }
    mem_set("alice", "userPassword", "secret", -1);
    mem_set("bob", "userPassword", "builder", -1);
}
static UNUSED void finish(void)
{
    int client = sasl_client_done(), server = sasl_server_done();
    say("done: client %s server %s", rc(client), rc(server));
}

static UNUSED sasl_conn_t *server_with(const char *realm, unsigned flags)
{
    sasl_conn_t *conn = NULL;
    int code = sasl_server_new("svc", FQDN, realm, NULL, NULL, server_callbacks, flags, &conn);
    if (code != SASL_OK) say("server_new: %s", rc(code));
    return conn;
}
#define server() server_with(NULL, 0)

static UNUSED sasl_conn_t *client_with(unsigned flags)
{
    sasl_conn_t *conn = NULL;
    int code = sasl_client_new("svc", FQDN, NULL, NULL, client_callbacks, flags, &conn);
    if (code != SASL_OK) say("client_new: %s", rc(code));
    return conn;
}
#define client() client_with(0)

static UNUSED void secprops(sasl_conn_t *conn, unsigned min, unsigned max, unsigned maxbuf, unsigned flags)
{
    sasl_security_properties_t props = {min, max, maxbuf, flags, NULL, NULL};
    int code = sasl_setprop(conn, SASL_SEC_PROPS, &props);
    if (code != SASL_OK) say("secprops: %s", rc(code));
}

/* Runs mech between the two, printing every message; returns the server's last code. */
static UNUSED int exchange(sasl_conn_t *c, sasl_conn_t *s, const char *mech)
{
    const char *out = NULL, *in = NULL, *chosen = NULL;
    unsigned outlen = 0, inlen = 0;
    int cc, sc, round;
    cc = sasl_client_start(c, mech, NULL, &out, &outlen, &chosen);
    say("C start %s mech=%s out=%s", rc(cc), str(chosen), cc >= 0 ? shape(out, outlen) : "-");
    if (cc != SASL_OK && cc != SASL_CONTINUE) {
        say("C detail %s", detail(c));
        return cc;
    }
    sc = sasl_server_start(s, chosen, out, outlen, &in, &inlen);
    for (round = 0; round < 8; round++) {
        say("S %s %s out=%s", round ? "step" : "start", rc(sc), sc >= 0 ? shape(in, inlen) : "-");
        if (sc != SASL_OK && sc != SASL_CONTINUE) {
            say("S detail %s", detail(s));
            return sc;
        }
        if (sc == SASL_OK && (cc == SASL_OK || in == NULL)) break;
        out = NULL;
        outlen = 0;
        cc = sasl_client_step(c, in, inlen, NULL, &out, &outlen);
        say("C step %s out=%s", rc(cc), cc >= 0 ? shape(out, outlen) : "-");
        if (cc != SASL_OK && cc != SASL_CONTINUE) {
            say("C detail %s", detail(c));
            return cc;
        }
        if (sc == SASL_OK) break;
        in = NULL;
        inlen = 0;
        sc = sasl_server_step(s, out, outlen, &in, &inlen);
    }
    return sc;
}

static UNUSED void show_identity(const char *label, sasl_conn_t *conn)
{
    const void *user = NULL, *auth = NULL;
    int u = sasl_getprop(conn, SASL_USERNAME, &user), a = sasl_getprop(conn, SASL_AUTHUSER, &auth);
    say("%s identity: user %s %s authuser %s %s", label, rc(u), u == SASL_OK ? str(user) : "-", rc(a),
        a == SASL_OK ? str(auth) : "-");
}

#endif
