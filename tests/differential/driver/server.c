/* Commands of servers beside the exchange: listings, passwords, users, properties of users. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* list name [user= prefix= sep= suffix=] [nowhere=yes] */
static void list(const struct line *line)
{
    sasl_conn_t *conn = conn_of(line, 1);
    const char *result = untouched;
    unsigned len = UNTOUCHED_LENGTH;
    int count = -1, nowhere = named_word(line, "nowhere") != NULL;
    int code = sasl_listmech(conn, named_text(line, "user", NULL), named_text(line, "prefix", ""), named_text(line, "sep", " "),
                             named_text(line, "suffix", ""), named_word(line, "result") ? NULL : &result, nowhere ? NULL : &len,
                             nowhere ? NULL : &count);
    if (code != SASL_OK) {
        show_code(conn, code);
        return;
    }
    if (nowhere) say("OK %s", str(result));
    else say("OK %s length %s count %d", str(result), len == strlen(result) ? "right" : "wrong", count);
    keep(word(line, 1), "list", result, strlen(result));
}

/* global-list: without the mechanisms that are no plugin of these tests on the other side */
static void global_list(const struct line *line)
{
    const char **names = sasl_global_listmech();
    (void)line;
    printf("  %s", names ? "mechanisms" : "NULL");
    for (; names && *names; names++) printf(" %s", *names);
    putchar('\n');
}

/* checkpass name user password [ulen=] [plen=] */
static void checkpass(const struct line *line)
{
    struct value user = bytes(line, 2), pass = bytes(line, 3);
    sasl_conn_t *conn = conn_of(line, 1);
    int code = sasl_checkpass(conn, user.data, (unsigned)named_number(line, "ulen", (long)user.len), pass.data,
                              (unsigned)named_number(line, "plen", (long)pass.len));
    show_code(conn, code);
}

/* setpass name user password [old] [flags=] [plen=] */
static void setpass(const struct line *line)
{
    struct value pass = bytes(line, 3), old = bytes(line, 4);
    sasl_conn_t *conn = conn_of(line, 1);
    int code = sasl_setpass(conn, text(line, 2, NULL), pass.data, (unsigned)named_number(line, "plen", (long)pass.len), old.data,
                            (unsigned)old.len, (unsigned)named_number(line, "flags", 0));
    show_code(conn, code);
}

/* exists name user [service=] [realm=] */
static void exists(const struct line *line)
{
    sasl_conn_t *conn = conn_of(line, 1);
    show_code(conn, sasl_user_exists(conn, named_text(line, "service", NULL), named_text(line, "realm", NULL), text(line, 2, NULL)));
}

/* challenge name [room=] [host=]: $name.challenge */
static void challenge(const struct line *line)
{
    static char room[300];
    sasl_conn_t *conn = conn_of(line, 1);
    int host = (int)named_number(line, "host", 1), len;
    len = sasl_mkchal(conn, room, (unsigned)named_number(line, "room", sizeof room), (unsigned)host);
    keep(word(line, 1), "challenge", room, len > 0 ? (size_t)len : 0);
    say("%s %s", len > 0 ? "made" : "nothing", shape(room, len > 0 ? (unsigned)len : 0));
}

/* apop name challenge response */
static void apop(const struct line *line)
{
    sasl_conn_t *conn = conn_of(line, 1);
    struct value sent = bytes(line, 2), answer = bytes(line, 3);
    show_code(conn, sasl_checkapop(conn, sent.data, (unsigned)sent.len, answer.data, (unsigned)answer.len));
}

/* ---- properties of users ------------------------------------------------------------------------------------------------- */

/* request name property...; request name NULL clears */
static void request(const struct line *line)
{
    const char *names[WORDS];
    int count = 0;
    sasl_conn_t *conn = conn_of(line, 1);
    for (int i = 2; has(line, i); i++) {
        const char *name = text(line, i, NULL);
        if (name) names[count++] = name;
    }
    names[count] = NULL;
    show_code(conn, sasl_auxprop_request(conn, has(line, 2) && text(line, 2, NULL) == NULL ? NULL : names));
}

/* userprops name: what the connection knows of the user */
static void userprops(const struct line *line)
{
    struct propctx *ctx = sasl_auxprop_getctx(conn_of(line, 1));
    const struct propval *values = ctx ? prop_get(ctx) : NULL;
    if (ctx == NULL) say("no context");
    for (; values && values->name; values++) {
        printf("  %s", values->name);
        for (unsigned i = 0; values->values && values->values[i]; i++) printf("%s%s", i ? "|" : "=", str(values->values[i]));
        printf(" %u %u\n", values->nvalues, values->valsize);
    }
}

/* save name user [property value]: sasl_auxprop_store; ctx=NULL asks whether something can be stored */
static void save(const struct line *line)
{
    struct propctx *ctx = NULL;
    sasl_conn_t *conn = conn_of(line, 1);
    if (named_word(line, "ctx") == NULL) {
        const char *names[2] = {has(line, 3) ? word(line, 3) : NULL, NULL};
        struct value value = bytes(line, 4);
        ctx = prop_new(0);
        if (names[0]) prop_request(ctx, names);
        if (names[0]) prop_set(ctx, names[0], value.data, (int)value.len);
    }
    show_code(conn, sasl_auxprop_store(conn, ctx, text(line, 2, NULL)));
    prop_dispose(&ctx);
}

/* ---- what is there --------------------------------------------------------------------------------------------------------- */

static int is_named(const char *wanted, const char *name) { return wanted == NULL || strcasecmp(wanted, name) == 0; }
static void on_server_info(server_sasl_mechanism_t *m, sasl_info_callback_stage_t stage, void *rock)
{
    if (stage != SASL_INFO_LIST_MECH) say("%s", stage == SASL_INFO_LIST_START ? "begin" : "end");
    else if (is_named(rock, m->plug->mech_name))
        say("  %s version %d ssf %u flags %#x features %#x setpass %s", m->plug->mech_name, m->version, m->plug->max_ssf,
            m->plug->security_flags, m->plug->features, m->plug->setpass ? "yes" : "no");
}
static void on_client_info(client_sasl_mechanism_t *m, sasl_info_callback_stage_t stage, void *rock)
{
    if (stage != SASL_INFO_LIST_MECH) say("%s", stage == SASL_INFO_LIST_START ? "begin" : "end");
    else if (is_named(rock, m->plug->mech_name))
        say("  %s version %d ssf %u flags %#x features %#x", m->plug->mech_name, m->version, m->plug->max_ssf, m->plug->security_flags,
            m->plug->features);
}
static void on_auxprop_info(sasl_auxprop_plug_t *m, sasl_info_callback_stage_t stage, void *rock)
{
    if (stage != SASL_INFO_LIST_MECH) say("%s", stage == SASL_INFO_LIST_START ? "begin" : "end");
    else if (is_named(rock, m->name)) say("  %s store %s", m->name, m->auxprop_store ? "yes" : "no");
}

/* info server|client|auxprop [list] [only=]: only=name shows just that one, as plugins come in any order */
static void info(const struct line *line)
{
    const char *kind = word(line, 1), *names = text(line, 2, NULL), *only = named_text(line, "only", NULL);
    int code = strcmp(kind, "server") == 0   ? sasl_server_plugin_info(names, on_server_info, (void *)only)
               : strcmp(kind, "client") == 0 ? sasl_client_plugin_info(names, on_client_info, (void *)only)
                                             : auxprop_plugin_info(names, on_auxprop_info, (void *)only);
    say("%s", rc(code));
}

const struct command server_commands[] = {{"list", list},           {"global-list", global_list}, {"checkpass", checkpass},
                                          {"setpass", setpass},     {"exists", exists},           {"challenge", challenge},
                                          {"apop", apop},           {"request", request},         {"userprops", userprops},
                                          {"save", save},           {"info", info},               {NULL, NULL}};
