/* A client and a server that run PLAIN (RFC 4616) with each other in one program. Between the two a real protocol would
 * send the message as base64, over TLS.
 *
 *   cc plain.c $(pkg-config --cflags --libs libsasl2) -o plain && ./plain
 */
#include <stdio.h>
#include <string.h>

#include <sasl/sasl.h>

#define CB(f) ((int (*)(void))(void (*)(void))(f))

/* The client's side of the user: the name, and the password as a sasl_secret_t. */
static int name(void *context, int id, const char **result, unsigned *len)
{
    *result = id == SASL_CB_AUTHNAME ? context : ""; /* "": act for oneself */
    if (len != NULL)
        *len = (unsigned)strlen(*result);
    return SASL_OK;
}

static int password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **result)
{
    (void)conn, (void)id;
    *result = context;
    return SASL_OK;
}

/* The server's side: a user database with one entry. */
static int verify(sasl_conn_t *conn, void *context, const char *user, const char *pass, unsigned passlen,
                  struct propctx *properties)
{
    (void)conn, (void)context, (void)properties;
    return strcmp(user, "alice") == 0 && passlen == 6 && memcmp(pass, "secret", 6) == 0 ? SASL_OK : SASL_BADAUTH;
}

int main(void)
{
    static union { sasl_secret_t secret; char room[sizeof(sasl_secret_t) + 8]; } pass;
    sasl_callback_t client_callbacks[] = {{SASL_CB_USER, CB(name), NULL}, {SASL_CB_AUTHNAME, CB(name), "alice"},
                                          {SASL_CB_PASS, CB(password), &pass}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_callback_t server_callbacks[] = {{SASL_CB_SERVER_USERDB_CHECKPASS, CB(verify), NULL},
                                          {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = NULL, *server = NULL;
    const char *message, *challenge, *mechanism;
    const void *user;
    unsigned messagelen, challengelen;
    int result;

    pass.secret.len = 6;
    memcpy(pass.secret.data, "secret", 6);

    if (sasl_server_init(NULL, "example") != SASL_OK || sasl_client_init(NULL) != SASL_OK)
        return 1;
    if (sasl_server_new("smtp", "mail.example.org", NULL, NULL, NULL, server_callbacks, 0, &server) != SASL_OK ||
        sasl_client_new("smtp", "mail.example.org", NULL, NULL, client_callbacks, 0, &client) != SASL_OK)
        return 1;

    result = sasl_client_start(client, "PLAIN", NULL, &message, &messagelen, &mechanism);
    if (result == SASL_OK)
        result = sasl_server_start(server, mechanism, message, messagelen, &challenge, &challengelen);
    if (result == SASL_OK && sasl_getprop(server, SASL_USERNAME, &user) == SASL_OK)
        printf("authenticated: %s by %s\n", (const char *)user, mechanism);
    else
        printf("refused: %s\n", sasl_errstring(result, NULL, NULL));

    sasl_dispose(&client);
    sasl_dispose(&server);
    sasl_client_done();
    sasl_server_done();
    return result == SASL_OK ? 0 : 1;
}
