/* Checks one user's password with sasl_checkpass(): checkpass USER PASSWORD [REALM [SERVICE [REMOTE]]]
 *
 * An empty REALM is none; REMOTE is the client's address and port, `192.0.2.1;4711`.
 *
 * Prints the log lines of the library ("log LEVEL TEXT"), the result's number and the detail text. The application name is
 * "checkpass": SASL_CONF_PATH tells where its checkpass.conf lies.
 */
#include <sasl/sasl.h>
#include <stdio.h>
#include <string.h>

static int on_log(void *context, int level, const char *message)
{
    (void)context;
    printf("log %d %s\n", level, message);
    return SASL_OK;
}

int main(int argc, char **argv)
{
    sasl_callback_t callbacks[] = {
        {SASL_CB_LOG, (int (*)(void))on_log, NULL},
        {SASL_CB_LIST_END, NULL, NULL},
    };
    sasl_conn_t *conn = NULL;
    int result;

    if (argc < 3) {
        fprintf(stderr, "usage: checkpass USER PASSWORD [REALM [SERVICE [REMOTE]]]\n");
        return 2;
    }
    result = sasl_server_init(callbacks, "checkpass");
    if (result != SASL_OK) {
        printf("init %d\n", result);
        return 1;
    }
    result = sasl_server_new(argc > 4 ? argv[4] : "rig", "host.rig.test", argc > 3 && *argv[3] ? argv[3] : NULL,
                             argc > 5 ? "192.0.2.25;25" : NULL, argc > 5 ? argv[5] : NULL, NULL, 0, &conn);
    if (result != SASL_OK) {
        printf("new %d\n", result);
        return 1;
    }
    result = sasl_checkpass(conn, argv[1], strlen(argv[1]), argv[2], strlen(argv[2]));
    printf("result %d\n", result);
    printf("detail %s\n", sasl_errdetail(conn));
    sasl_dispose(&conn);
    sasl_done();
    return 0;
}
