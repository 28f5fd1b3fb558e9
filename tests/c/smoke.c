/* Shows that an installed libsasl2 works: a client and a server in this process run PLAIN with each other, once with the
 * right password and once with a wrong one. Prints each fact that it checked; exits with 1 at the first wrong one.
 *
 *   cc smoke.c $(pkg-config --cflags --libs libsasl2) -o smoke && ./smoke
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>

/* Over void (*)(void), which gcc takes for a cast that is meant. */
#define CB(function) ((sasl_callback_ft)(void (*)(void))(function))

static int verified, authorized;

static void check(int ok, const char *what)
{
    printf("%s: %s\n", ok ? "ok" : "WRONG", what);
    if (!ok)
        exit(1);
}

static int quiet(void *context, int level, const char *message)
{
    (void)context, (void)level, (void)message;
    return SASL_OK;
}

/* No file of the system has a say. */
static int option(void *context, const char *plugin, const char *name, const char **result, unsigned *len)
{
    (void)context, (void)plugin;
    if (strcmp(name, "mech_list") == 0)
        *result = "PLAIN";
    else if (strcmp(name, "pwcheck_method") == 0)
        *result = "auxprop";
    else if (strcmp(name, "auxprop_plugin") == 0)
        *result = "none";
    else
        return SASL_FAIL;
    if (len != NULL)
        *len = (unsigned)strlen(*result);
    return SASL_OK;
}

static int simple(void *context, int id, const char **result, unsigned *len)
{
    (void)context;
    *result = id == SASL_CB_AUTHNAME ? "alice" : "";
    if (len != NULL)
        *len = (unsigned)strlen(*result);
    return SASL_OK;
}

static int password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    (void)conn, (void)id;
    *secret = context;
    return SASL_OK;
}

static int checkpass(sasl_conn_t *conn, void *context, const char *user, const char *pass, unsigned len,
                     struct propctx *properties)
{
    (void)conn, (void)context, (void)properties;
    verified++;
    return strcmp(user, "alice") == 0 && len == 6 && memcmp(pass, "secret", 6) == 0 ? SASL_OK : SASL_BADAUTH;
}

static int policy(sasl_conn_t *conn, void *context, const char *user, unsigned ulen, const char *auth, unsigned alen,
                  const char *realm, unsigned rlen, struct propctx *properties)
{
    (void)conn, (void)context, (void)realm, (void)rlen, (void)properties;
    authorized++;
    return ulen == alen && memcmp(user, auth, alen) == 0 ? SASL_OK : SASL_NOAUTHZ;
}

static sasl_secret_t *secret(const char *text)
{
    size_t len = strlen(text);
    sasl_secret_t *secret = malloc(sizeof *secret + len);
    if (secret == NULL)
        exit(1);
    secret->len = len;
    memcpy(secret->data, text, len + 1);
    return secret;
}

/* One authentication; gives the server's last word. */
static int authenticate(const char *with)
{
    sasl_secret_t *pass = secret(with);
    sasl_callback_t ccb[] = {{SASL_CB_USER, CB(simple), NULL},
                             {SASL_CB_AUTHNAME, CB(simple), NULL},
                             {SASL_CB_PASS, CB(password), NULL},
                             {SASL_CB_LIST_END, NULL, NULL}};
    sasl_callback_t scb[] = {{SASL_CB_GETOPT, CB(option), NULL},
                             {SASL_CB_SERVER_USERDB_CHECKPASS, CB(checkpass), NULL},
                             {SASL_CB_PROXY_POLICY, CB(policy), NULL},
                             {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = NULL, *server = NULL;
    const char *mechs, *mech, *cout, *sout;
    const void *value;
    unsigned mechslen, clen, slen;
    int count, result;

    ccb[2].context = pass;
    check(sasl_server_new("smtp", "mail.example.org", NULL, "192.0.2.1;25", "192.0.2.2;40000", scb, 0, &server) ==
              SASL_OK, "sasl_server_new");
    check(sasl_client_new("smtp", "mail.example.org", NULL, NULL, ccb, 0, &client) == SASL_OK, "sasl_client_new");

    check(sasl_listmech(server, NULL, "(", " ", ")", &mechs, &mechslen, &count) == SASL_OK, "sasl_listmech");
    check(strcmp(mechs, "(PLAIN)") == 0 && mechslen == 7 && count == 1, "the server offers PLAIN");

    /* The only message of PLAIN is the last one as far as the client goes. */
    check(sasl_client_start(client, mechs, NULL, &cout, &clen, &mech) == SASL_OK, "sasl_client_start");
    check(strcmp(mech, "PLAIN") == 0, "the client takes PLAIN");
    check(clen == 7 + strlen(with) && memcmp(cout, "\0alice\0", 7) == 0, "its message is that of RFC 4616");

    result = sasl_server_start(server, mech, cout, clen, &sout, &slen);
    if (result == SASL_OK) {
        check(sasl_getprop(server, SASL_USERNAME, &value) == SASL_OK && strcmp(value, "alice") == 0, "SASL_USERNAME");
        check(sasl_getprop(server, SASL_SSF, &value) == SASL_OK && *(const sasl_ssf_t *)value == 0, "SASL_SSF");
    }
    sasl_dispose(&client);
    sasl_dispose(&server);
    check(client == NULL && server == NULL, "sasl_dispose");
    free(pass);
    return result;
}

int main(void)
{
    static const sasl_callback_t log[] = {{SASL_CB_LOG, CB(quiet), NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    const char *name, *text;
    char base64[16], plain[16];
    unsigned len;
    int major, minor, step, patch, version;

    sasl_version(NULL, &version);
    sasl_version_info(&name, &text, &major, &minor, &step, &patch);
    check(version == (SASL_VERSION_MAJOR << 24 | SASL_VERSION_MINOR << 16 | SASL_VERSION_STEP), "sasl_version");
    check(major == 2 && minor == 1 && step == SASL_VERSION_STEP && patch == 0, "sasl_version_info");
    check(strncmp(text, "2.1.", 4) == 0 && *name != '\0', "its texts");

    check(sasl_encode64("sasl", 4, base64, sizeof base64, &len) == SASL_OK && len == 8, "sasl_encode64");
    check(strcmp(base64, "c2FzbA==") == 0, "its result");
    check(sasl_decode64(base64, len, plain, sizeof plain, &len) == SASL_OK && len == 4, "sasl_decode64");

    check(sasl_server_init(log, NULL) == SASL_OK, "sasl_server_init");
    check(sasl_client_init(log) == SASL_OK, "sasl_client_init");
    check(sasl_global_listmech() != NULL, "sasl_global_listmech");

    check(authenticate("secret") == SASL_OK, "the right password is taken");
    check(verified == 1 && authorized == 1, "both callbacks were asked, once");
    check(authenticate("Secret") < 0, "a wrong password is refused");
    check(verified == 2 && authorized == 1, "only the password callback was asked");

    check(sasl_client_done() >= SASL_OK && sasl_server_done() >= SASL_OK, "done");
    return 0;
}
