/* Which log lines reach the application's callback, which go to syslog, and which nowhere, for every level of the
 * line and of the log_level option. The calls of syslog are caught here. */
#include "abi.h"
#include <syslog.h>

static void caught(int priority, const char *format, va_list arguments)
{
    char text[1000];
    vsnprintf(text, sizeof text, format, arguments);
    say("    syslog 0x%x %s", priority, str(text));
}
void syslog(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    caught(priority, format, arguments);
    va_end(arguments);
}
void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    caught(priority, format, arguments);
    va_end(arguments);
}
void vsyslog(int priority, const char *format, va_list arguments) { caught(priority, format, arguments); }
void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments)
{
    (void)flag;
    caught(priority, format, arguments);
}

static void levels(const char *title, sasl_conn_t *conn)
{
    const char *text = "text %d %s %c %% %z";
    say("  %s", title);
    for (int level = 0; level <= 8; level++) {
        say("   level %d", level);
        sasl_global_utils->log(conn, level, text, level, "word", 'x', SASL_BADAUTH);
    }
    say("   seterror");
    sasl_seterror(conn, 0, "an error");
    say("   seterror nolog");
    sasl_seterror(conn, SASL_NOLOG, "an unlogged error");
}

static sasl_callback_t no_log[] = {{SASL_CB_GETOPT, CB(on_getopt), "conn"}, {SASL_CB_LIST_END, NULL, NULL}};
static sasl_callback_t null_log[] = {
    {SASL_CB_GETOPT, CB(on_getopt), "conn"}, {SASL_CB_LOG, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};

static void with(const char *log_level, int global)
{
    sasl_conn_t *s = NULL, *c = NULL;
    say("== log_level %s, %s", str(log_level), global ? "global callback" : "no global callback");
    set_option("log_level", log_level);
    sasl_server_init(global ? global_callbacks : no_log, NULL);
    sasl_client_init(global ? global_callbacks : no_log);
    s = server();
    levels("server with callback", s);
    sasl_dispose(&s);
    c = client();
    levels("client with callback", c);
    sasl_dispose(&c);
    sasl_server_new("svc", FQDN, NULL, NULL, NULL, no_log, 0, &s);
    levels("server without callback", s);
    sasl_dispose(&s);
    sasl_client_new("svc", FQDN, NULL, NULL, no_log, 0, &c);
    levels("client without callback", c);
    sasl_dispose(&c);
    sasl_server_new("svc", FQDN, NULL, NULL, NULL, null_log, 0, &s);
    levels("server with a callback entry without procedure", s);
    sasl_dispose(&s);
    levels("no connection", NULL);
    finish();
}

int main(void)
{
    trace = 1;
    with(NULL, 1);
    with(NULL, 0);
    with("0", 0);
    with("2", 1);
    with("5", 0);
    with("7", 0);
    with("junk", 0);
    with("-1", 0);
    with("99", 0);
    return 0;
}
