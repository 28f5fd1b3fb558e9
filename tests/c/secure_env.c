/* Prints whether the process has more rights than its caller, and the mechanisms of a server of the application "secure",
 * whose secure.conf only the environment can point to: secure AT_SECURE, list MECHANISMS. */
#include <sasl/sasl.h>
#include <stdio.h>
#include <sys/auxv.h>

int main(void)
{
    sasl_conn_t *conn = NULL;
    const char *list = "";
    if (sasl_server_init(NULL, "secure") != SASL_OK) return 1;
    if (sasl_server_new("test", "host.example.com", NULL, NULL, NULL, NULL, 0, &conn) != SASL_OK) return 1;
    if (sasl_listmech(conn, NULL, "", " ", "", &list, NULL, NULL) != SASL_OK) list = "none";
    printf("secure %lu\nlist %s\n", getauxval(AT_SECURE) != 0 ? 1UL : 0UL, list);
    sasl_dispose(&conn);
    sasl_server_done();
    return 0;
}
