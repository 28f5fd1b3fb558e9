/* Stores a password through the 1.5 interface: classic_setpass REALM USER, the password on standard input.
 * SASL_PATH names the directory of setpass.conf, which may name the database. */
#include <stdio.h>
#include <string.h>

#include <sasl.h>

int main(int argc, char **argv)
{
    char password[1024];
    size_t length;
    const char *reason = NULL;
    sasl_conn_t *conn = NULL;
    int result;

    if (argc != 3) {
        fprintf(stderr, "usage: classic_setpass REALM USER\n");
        return 2;
    }
    length = fread(password, 1, sizeof password - 1, stdin);
    password[length] = '\0';
    result = sasl_server_init(NULL, "setpass");
    if (result == SASL_OK)
        result = sasl_server_new("setpass", NULL, argv[1], NULL, 0, &conn);
    if (result == SASL_OK)
        result = sasl_setpass(conn, argv[2], password, (unsigned)length, 0, &reason);
    memset(password, 0, sizeof password);
    if (result != SASL_OK)
        fprintf(stderr, "%s (%d) %s\n", sasl_errstring(result, NULL, NULL), result, reason ? reason : "");
    sasl_dispose(&conn);
    sasl_done();
    return result == SASL_OK ? 0 : 1;
}
