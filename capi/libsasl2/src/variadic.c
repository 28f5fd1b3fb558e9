/*
 * The C functions that take "...", which Rust can call but not define. Each hands its arguments on to a Rust function,
 * which takes them one by one through the helpers below.
 */
#include <stdarg.h>

struct arguments {
    va_list list;
};

extern void oxisasl_seterror(void *conn, unsigned flags, const char *format, struct arguments *arguments);
extern void oxisasl_log(void *conn, int level, const char *format, struct arguments *arguments);

/* Data, so it has to be defined here: what plugins and some programs call the library through. */
const void *sasl_global_utils = 0;

int oxisasl_next_int(struct arguments *arguments)
{
    return va_arg(arguments->list, int);
}

const char *oxisasl_next_text(struct arguments *arguments)
{
    return va_arg(arguments->list, const char *);
}

void sasl_seterror(void *conn, unsigned flags, const char *format, ...)
{
    struct arguments arguments;
    va_start(arguments.list, format);
    oxisasl_seterror(conn, flags, format, &arguments);
    va_end(arguments.list);
}

/* The entry `log` of sasl_utils_t. */
void oxisasl_utils_log(void *conn, int level, const char *format, ...)
{
    struct arguments arguments;
    va_start(arguments.list, format);
    oxisasl_log(conn, level, format, &arguments);
    va_end(arguments.list);
}
