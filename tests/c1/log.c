/* Which lines are logged, by what number, and how the system's log gets them. */
#include <syslog.h>

#include "c1.h"

static char written[1 << 16];

/* The library finds this one before the system's. */
void syslog(int priority, const char *format, ...)
{
    size_t used = strlen(written);
    va_list arguments;
    va_start(arguments, format);
    used += (size_t)sprintf(written + used, "%d ", priority);
    vsnprintf(written + used, sizeof written - used - 1, format, arguments);
    strcat(written, "\n");
    va_end(arguments);
}

static void failing_login(sasl_conn_t *server)
{
    is(login(server, "CRAM-MD5", "jephe", "wrong"), SASL_BADAUTH);
}

int main(void)
{
    sasl_callback_t silent[] = {{SASL_CB_GETOPT, option, options}, {SASL_CB_LOG, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_callback_t none[] = {{SASL_CB_GETOPT, option, options}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *server;
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);

    /* Errors are 1, warnings and failures 2, the rest that matters 3, and no more comes without being asked for. */
    add_user("jephe", "secret");
    server = new_server("", NULL, 0);
    failing_login(server);
    check(strstr(logged, "3 CRAM-MD5: set secret for jephe") != NULL);
    check(strstr(logged, "2 incorrect digest response") != NULL);
    for (const char *line = logged; *line; line = strchr(line, '\n') + 1) check(*line >= '1' && *line <= '3' && line[1] == ' ');
    text_is(written, "");
    sasl_dispose(&server);

    strcat(options, "log_level=1\n");
    *logged = 0;
    server = new_server("", NULL, 0);
    failing_login(server);
    text_is(logged, "");
    sasl_dispose(&server);
    *strstr(options, "log_level") = 0;

    /* Without a callback: the facility of authentication, whatever the program has opened. */
    is(sasl_server_init(none, "tester"), SASL_OK);
    server = new_server("", NULL, 0);
    failing_login(server);
    {
        char line[100];
        snprintf(line, sizeof line, "%d incorrect digest response\n", LOG_AUTH | LOG_WARNING);
        check(strstr(written, line) != NULL);
        is(sasl_setpass(server, "a%sb%n", "%s", 2, 0, NULL), SASL_NOTDONE);
        snprintf(line, sizeof line, "%d PLAIN: set secret for a%%sb%%n\n", LOG_AUTH | LOG_INFO);
        check(strstr(written, line) != NULL);
    }
    sasl_dispose(&server);

    /* A callback without a function is no log at all. In the list of a connection that is allowed. */
    *written = 0;
    server = new_server("", silent, 0);
    failing_login(server);
    text_is(written, "");
    sasl_dispose(&server);
    return finish();
}
