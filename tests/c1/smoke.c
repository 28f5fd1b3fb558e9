/* Shows that an installed libsasl of the 1.5 interface works: a client and a server in this process run PLAIN with each
 * other, once with the right password and once with a wrong one. Prints each fact that it checked; exits with 1 at the
 * first wrong one.
 *
 *   cc smoke.c $(pkg-config --cflags --libs libsasl) -o smoke && ./smoke
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sasl.h>
#include <saslplug.h>
#include <saslutil.h>

static void check(int ok, const char *what)
{
    printf("%s: %s\n", ok ? "ok" : "WRONG", what);
    if (!ok) exit(1);
}

static int quiet(void *context, int priority, const char *message)
{
    (void)context, (void)priority, (void)message;
    return SASL_OK;
}

static int path(void *context, char **result)
{
    *result = malloc(strlen(context) + 1);
    return *result == NULL ? SASL_NOMEM : (strcpy(*result, context), SASL_OK);
}

static int name(void *context, int id, const char **result, unsigned *len)
{
    (void)id;
    *result = context;
    if (len != NULL) *len = (unsigned)strlen(*result);
    return SASL_OK;
}

static int pass(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    size_t len = strlen(context);
    (void)conn, (void)id;
    *secret = malloc(sizeof(sasl_secret_t) + len);
    if (*secret == NULL) return SASL_NOMEM;
    (*secret)->len = len;
    memcpy((*secret)->data, context, len);
    return SASL_OK;
}

/* A store with one user, who has the secret of PLAIN that was put there. */
static sasl_secret_t *stored;

static int put(void *context, const char *mech, const char *user, const char *realm, const sasl_secret_t *secret)
{
    (void)context, (void)user, (void)realm;
    if (strcmp(mech, "PLAIN") != 0 || secret == NULL) return SASL_OK;
    free(stored);
    stored = malloc(sizeof(sasl_secret_t) + secret->len);
    if (stored == NULL) return SASL_NOMEM;
    memcpy(stored->data, secret->data, stored->len = secret->len);
    return SASL_OK;
}

static int get(void *context, const char *mech, const char *user, const char *realm, sasl_secret_t **secret)
{
    (void)context, (void)realm;
    if (stored == NULL || strcmp(mech, "PLAIN") != 0 || strcmp(user, "jephe") != 0) return SASL_NOUSER;
    *secret = malloc(sizeof(sasl_secret_t) + stored->len);
    if (*secret == NULL) return SASL_NOMEM;
    memcpy((*secret)->data, stored->data, (*secret)->len = stored->len);
    return SASL_OK;
}

/* One authentication; gives the server's last word. */
static int authenticate(const char *with)
{
    sasl_callback_t callbacks[] = {{SASL_CB_AUTHNAME, (int (*)())name, "jephe"},
                                   {SASL_CB_PASS, (int (*)())pass, NULL},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = NULL, *server = NULL;
    const char *mech, *errstr;
    char *mechs, *out, *challenge;
    unsigned len, count;
    void *value;
    int result;

    callbacks[1].context = (void *)with;
    check(sasl_server_new("smtp", "smtp.domain.com", "", NULL, 0, &server) == SASL_OK, "sasl_server_new");
    check(sasl_client_new("smtp", "smtp.domain.com", callbacks, 0, &client) == SASL_OK, "sasl_client_new");
    check(sasl_listmech(server, NULL, "(", " ", ")", &mechs, &len, &count) == SASL_OK && count > 1, "sasl_listmech");
    check(strstr(mechs, "PLAIN") != NULL && strlen(mechs) == len, "the server offers PLAIN");
    free(mechs);
    check(sasl_client_start(client, "PLAIN", NULL, NULL, &out, &len, &mech) == SASL_OK, "sasl_client_start");
    check(strcmp(mech, "PLAIN") == 0, "the client takes PLAIN");
    check(len == 7 + strlen(with) && memcmp(out, "\0jephe\0", 7) == 0, "its message is that of RFC 4616");
    result = sasl_server_start(server, mech, out, len, &challenge, &len, &errstr);
    free(out);
    if (result == SASL_OK) {
        free(challenge);
        check(sasl_getprop(server, SASL_USERNAME, &value) == SASL_OK && strcmp(value, "jephe") == 0, "SASL_USERNAME");
        check(sasl_getprop(server, SASL_SSF, &value) == SASL_OK && *(sasl_ssf_t *)value == 0, "SASL_SSF");
        check(errstr == NULL, "nothing is wrong");
    } else {
        check(errstr != NULL && *errstr != '\0', "what was wrong");
    }
    sasl_dispose(&client);
    sasl_dispose(&server);
    check(client == NULL && server == NULL, "sasl_dispose");
    return result;
}

int main(void)
{
    static const sasl_callback_t callbacks[] = {{SASL_CB_LOG, (int (*)())quiet, NULL},
                                                {SASL_CB_GETPATH, (int (*)())path, "/nonexistent"},
                                                {SASL_CB_SERVER_GETSECRET, (int (*)())get, NULL},
                                                {SASL_CB_SERVER_PUTSECRET, (int (*)())put, NULL},
                                                {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *server = NULL;
    char base64[16], plain[16];
    unsigned len;

    check(SASL_VERSION_MAJOR == 1 && SASL_VERSION_MINOR == 5 && SASL_VERSION_STEP > 15, "the version");
    check(sasl_encode64("sasl", 4, base64, sizeof base64, &len) == SASL_OK && len == 8, "sasl_encode64");
    check(strcmp(base64, "c2FzbA==") == 0, "its result");
    check(sasl_decode64(base64, len, plain, &len) == SASL_OK && len == 4, "sasl_decode64");

    check(sasl_server_init(callbacks, "smoke") == SASL_OK, "sasl_server_init");
    check(sasl_client_init(callbacks) == SASL_OK, "sasl_client_init");
    check(sasl_server_new("smtp", "smtp.domain.com", NULL, NULL, 0, &server) == SASL_OK, "a connection for a password");
    check(sasl_setpass(server, "jephe", "secret", 6, SASL_SET_CREATE, NULL) == SASL_OK, "sasl_setpass");
    sasl_dispose(&server);
    check(authenticate("secret") == SASL_OK, "the right password is taken");
    check(authenticate("Secret") < 0, "a wrong password is refused");
    sasl_done();
    free(stored);
    printf("all is well\n");
    return 0;
}
