/* Commands for the properties of a connection. */
#include "driver.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name; int id; char kind; } properties[] = {
    {"username", SASL_USERNAME, 's'},       {"ssf", SASL_SSF, 'u'},
    {"maxoutbuf", SASL_MAXOUTBUF, 'u'},     {"realm", SASL_DEFUSERREALM, 's'},
    {"getoptctx", SASL_GETOPTCTX, 'c'},     {"callback", SASL_CALLBACK, 'p'},
    {"local", SASL_IPLOCALPORT, 's'},       {"remote", SASL_IPREMOTEPORT, 's'},
    {"plugerr", SASL_PLUGERR, 'e'},         {"delegated", SASL_DELEGATEDCREDS, 'p'},
    {"service", SASL_SERVICE, 's'},         {"fqdn", SASL_SERVERFQDN, 's'},
    {"authsource", SASL_AUTHSOURCE, 's'},   {"mechname", SASL_MECHNAME, 's'},
    {"authuser", SASL_AUTHUSER, 's'},       {"appname", SASL_APPNAME, 's'},
    {"gss-creds", SASL_GSS_CREDS, 'p'},     {"gss-peer", SASL_GSS_PEER_NAME, 'p'},
    {"gss-local", SASL_GSS_LOCAL_NAME, 'p'}, {"binding", SASL_CHANNEL_BINDING, 'b'},
    {"http", SASL_HTTP_REQUEST, 'h'},       {"ssf-external", SASL_SSF_EXTERNAL, 'u'},
    {"secprops", SASL_SEC_PROPS, 'p'},      {"auth-external", SASL_AUTH_EXTERNAL, 's'}};
#define COUNT (sizeof properties / sizeof *properties)

/* The property of a name or number; an unknown number is one without a place in the table. */
static size_t find(const char *name, int *id)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(properties[i].name, name) == 0 || (isdigit((unsigned char)*name) && properties[i].id == atoi(name))) {
            *id = properties[i].id;
            return i;
        }
    *id = (int)to_number(name);
    return COUNT;
}

static void get(sasl_conn_t *conn, const char *name)
{
    int id;
    size_t at = find(name, &id);
    const void *value = untouched;
    int code = sasl_getprop(conn, id, &value);
    char kind = at < COUNT ? properties[at].kind : 'p';
    if (code != SASL_OK) say("%s %s%s", name, rc(code), coarse || value == untouched ? "" : value ? " set" : " NULL");
    else if (value == NULL || value == untouched) say("%s OK %s", name, value ? "untouched" : "NULL");
    else if (kind == 'u') say("%s OK %u", name, *(const unsigned *)value);
    else if (kind == 's') say("%s OK %s", name, str(value));
    else if (kind == 'e') say("%s OK %s", name, coarse ? "text" : str(value));
    else if (kind == 'c') say("%s OK %s", name, value == conn ? "this" : "other");
    else say("%s OK set", name);
}

/* get name property...; get name all; get name who, which is the names and the layer */
static void get_command(const struct line *line)
{
    sasl_conn_t *conn = conn_of(line, 1);
    for (int n = 2; has(line, n); n++) {
        const char *wanted = word(line, n);
        if (strcmp(wanted, "all") == 0)
            for (size_t i = 0; i < COUNT; i++) get(conn, properties[i].name);
        else if (strcmp(wanted, "who") == 0) {
            static const char *const few[] = {"username", "authuser", "mechname", "ssf", "maxoutbuf"};
            for (size_t i = 0; i < sizeof few / sizeof *few; i++) get(conn, few[i]);
        } else if (strcmp(wanted, "nowhere") == 0) say("%s", rc(sasl_getprop(conn, SASL_SSF, NULL)));
        else get(conn, wanted);
    }
}

/* set name property value; a binding is name critical data, an HTTP request method uri entity */
static void set_command(const struct line *line)
{
    sasl_conn_t *handle = conn_of(line, 1);
    int id, code;
    size_t at = find(word(line, 2), &id);
    char kind = at < COUNT ? properties[at].kind : 'p';
    const void *value = text(line, 3, NULL);
    static unsigned numbers[32];
    static int turn;
    if (kind == 'u' && value) {
        numbers[turn] = (unsigned)number(line, 3, 0);
        value = &numbers[turn++ % 32];
    } else if (kind == 'b' && value) {
        sasl_channel_binding_t *binding = calloc(1, sizeof *binding);
        struct value data = bytes(line, 5);
        binding->name = value;
        binding->critical = (int)number(line, 4, 0);
        binding->data = (unsigned char *)data.data;
        binding->len = data.len;
        value = binding;
    } else if (kind == 'h' && value) {
        sasl_http_request_t *request = calloc(1, sizeof *request);
        struct value entity = bytes(line, 5);
        request->method = value;
        request->uri = text(line, 4, "/");
        request->entity = (unsigned char *)entity.data;
        request->elen = entity.len;
        value = request;
    }
    code = sasl_setprop(handle, id, value);
    show_code(handle, code);
}

/* limits name min max maxbuf flags */
static void limits(const struct line *line)
{
    sasl_security_properties_t wanted = {(unsigned)number(line, 2, 0), (unsigned)number(line, 3, 256), (unsigned)number(line, 4, 65536),
                                         (unsigned)number(line, 5, 0), NULL, NULL};
    sasl_conn_t *conn = conn_of(line, 1);
    int code = sasl_setprop(conn, SASL_SEC_PROPS, &wanted);
    if (code != SASL_OK) show_code(conn, code);
}

/* errdetail name */
static void errdetail(const struct line *line)
{
    const char *shown = detail(conn_of(line, 1));
    if (!coarse) say("%s", shown);
}

/* errstring code [languages]: the text, and the language */
static void errstring(const struct line *line)
{
    const char *language = untouched;
    const char *given = sasl_errstring((int)number(line, 1, 0), text(line, 2, NULL), named_word(line, "language") ? NULL : &language);
    say("%s %s", str(given), str(language));
}

/* errstrings from to */
static void errstrings(const struct line *line)
{
    for (long code = number(line, 1, 0); code <= number(line, 2, 0); code++) say("%ld %s", code, str(sasl_errstring((int)code, NULL, NULL)));
}

/* seterror name flags format arguments: the formats that programs use, with an argument of their kind each */
static void seterror(const struct line *line)
{
    sasl_conn_t *conn = conn_of(line, 1);
    unsigned flags = (unsigned)number(line, 2, 0);
    const char *format = text(line, 3, NULL);
    const char *kind = named_word(line, "with");
    if (kind == NULL) sasl_seterror(conn, flags, format);
    else if (strcmp(kind, "text") == 0) sasl_seterror(conn, flags, format, text(line, 4, NULL), text(line, 5, NULL));
    else if (strcmp(kind, "number") == 0) sasl_seterror(conn, flags, format, (int)number(line, 4, 0), (int)number(line, 5, 0));
    else broken("seterror with what?");
    if (conn) say("%s", detail(conn));
}

const struct command property_commands[] = {{"get", get_command},     {"set", set_command},       {"limits", limits},
                                            {"errdetail", errdetail}, {"errstring", errstring},   {"errstrings", errstrings},
                                            {"seterror", seterror},   {NULL, NULL}};
