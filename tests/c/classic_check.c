/* Checks passwords through the interface of SASL 1.5: pairs of a user and a password. */
#include <sasl.h>
#include <stdio.h>
#include <string.h>

static int to_output(void *context, int level, const char *message)
{
    (void)context;
    printf("log %d %s\n", level, message);
    return SASL_OK;
}

/* libldap is not to find this one, which is of another interface than the one that it is made for. */
int sasl_client_init(const sasl_callback_t *callbacks)
{
    (void)callbacks;
    printf("libldap has found another library\n");
    return SASL_OK;
}

int main(int count, char **arg)
{
    static sasl_callback_t callbacks[] = {{SASL_CB_LOG, (int (*)())to_output, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    if (sasl_server_init(callbacks, "storetest") != SASL_OK) return 2;
    for (int i = 1; i + 1 < count; i += 2) {
        sasl_conn_t *conn = NULL;
        if (sasl_server_new("svc", "host.example", NULL, NULL, 0, &conn) != SASL_OK) return 3;
        const char *why = NULL;
        printf("%s: %d\n", arg[i], sasl_checkpass(conn, arg[i], strlen(arg[i]), arg[i + 1], strlen(arg[i + 1]), &why));
        sasl_dispose(&conn);
    }
    sasl_done();
    return 0;
}
