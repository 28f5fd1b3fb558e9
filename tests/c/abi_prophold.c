/* Pointers into property contexts that programs keep while they set values, and values that are no strings. Both as
 * slapd does it: it keeps raw pointers and lengths in properties whose rows lie one behind the other. */
#include "abi.h"

static const char *const names[] = {"*slapConn", "*slapAuthcDNlen", "*slapAuthcDN", "*slapAuthzDNlen", "*slapAuthzDN", NULL};
static char connection[] = "the connection";

static void keep(const char *label, struct propctx *ctx)
{
    const struct propval *held = prop_get(ctx), *row;
    struct propval asked[3];
    static const char *const two[] = {"*slapAuthcDN", "*slapConn", NULL};
    void *pointer = connection, *back = NULL;
    unsigned long length = 0x0000002a00000001ul, length_back = 0;
    const char *dn = "uid=alice,cn=auth", *first;
    say("%s: set %s %s %s", label, rc(prop_set(ctx, names[0], (const char *)&pointer, sizeof pointer)),
        rc(prop_set(ctx, names[1], (const char *)&length, sizeof length)), rc(prop_set(ctx, names[2], (const char *)&dn, sizeof dn)));
    for (row = held; row->name && strcmp(row->name, names[0]) != 0; row++);
    for (int i = 0; i < 5; i++) say("  row %s %u %u", row[i].name, row[i].nvalues, row[i].valsize);
    memcpy(&back, row[0].values[0], sizeof back);
    memcpy(&length_back, row[1].values[0], sizeof length_back);
    say("  pointer %s length %s", back == connection ? "whole" : "broken", length_back == length ? "whole" : "broken");
    memcpy(&back, row[2].values[0], sizeof back);
    say("  name %s", back == (void *)dn ? (char *)back : "broken");
    first = row[0].values[0];
    for (int i = 0; i < 40; i++) prop_set(ctx, names[0], "another value", 0);
    say("  more values: count %u, the first %s, seen in the same place %s", row[0].nvalues,
        row[0].values[0] == first && memcmp(first, &pointer, sizeof pointer) == 0 ? "stays" : "moved",
        prop_get(ctx) == held ? "yes" : "no");
    say("  getnames %d", prop_getnames(ctx, (const char **)two, asked));
    say("  %u and %u, the same values %s", asked[0].nvalues, asked[1].nvalues, asked[1].values == row[0].values ? "yes" : "no");
    prop_erase(ctx, names[0]);
    say("  erased: %u %s, the others %u %u", row[0].nvalues, row[0].values ? "set" : "NULL", row[1].nvalues, row[2].nvalues);
    say("  what was erased reads %s", str(first));
    prop_set(ctx, names[0], "again", 0);
    say("  again: %s", row[0].values[0]);
}

static int lookup(void *glob, sasl_server_params_t *params, unsigned flags, const char *user, unsigned ulen)
{
    (void)glob;
    (void)user;
    (void)ulen;
    if (!(flags & SASL_AUXPROP_AUTHZID)) keep("in a lookup", params->propctx);
    return SASL_OK;
}
static sasl_auxprop_plug_t plug = {.auxprop_lookup = lookup, .name = "keeper"};
static int init(const sasl_utils_t *utils, int max, int *version, sasl_auxprop_plug_t **out, const char *name)
{
    (void)utils;
    (void)max;
    (void)name;
    *version = SASL_AUXPROP_PLUG_VERSION;
    *out = &plug;
    return SASL_OK;
}

/* A value without a name goes to the property of the call before; what makes it forget which that was. */
static void unnamed(void)
{
    static const char *const abc[] = {"a", "b", "c", NULL}, *const more[] = {"d", NULL}, *const none[] = {NULL};
    static const char *const two[] = {"x", "yy", NULL};
    int status;
    struct propctx *ctx = prop_new(0);
    char text[8] = "~~~~~~~";
    say("nothing before: %s", rc(prop_request(ctx, (const char **)abc)));
    say("  no name, no value: %s, with one: %s", rc(prop_set(ctx, NULL, NULL, 0)), rc(prop_set(ctx, NULL, "v", 0)));
    prop_set(ctx, "a", "1", 0);
    say("after a name: %s", rc(prop_set(ctx, NULL, "2", 0)));
    prop_set(ctx, "zz", "1", 0);
    say("after an unknown name: %s", rc(prop_set(ctx, NULL, "2", 0)));
    prop_set(ctx, "a", "1", 0);
    prop_erase(ctx, "b");
    say("after another was erased: %s", rc(prop_set(ctx, NULL, "2", 0)));
    prop_request(ctx, (const char **)none);
    say("after a request of nothing: %s", rc(prop_set(ctx, NULL, "2", 0)));
    prop_request(ctx, (const char **)more);
    say("after a request: %s", rc(prop_set(ctx, NULL, "2", 0)));
    prop_set(ctx, "b", NULL, 0);
    say("after an empty list: %s", rc(prop_set(ctx, NULL, "2", 0)));
    say("setvals: %s", rc(prop_setvals(ctx, "c", (const char **)two)));
    say("after setvals: %s", rc(prop_set(ctx, NULL, "3", 0)));
    say("setvals of no list: %s", rc(prop_setvals(ctx, "zz", NULL)));
    for (const struct propval *p = prop_get(ctx); p->name; p++)
        say("  %s %u %u %s", p->name, p->nvalues, p->valsize, p->values ? "set" : "NULL");
    status = prop_format(ctx, "xyz", 1, text, 8, NULL);
    say("separator of which one byte counts: %d %s", status, str(text));
    say("room for none: %d", prop_format(ctx, ",", 1, text, 0, NULL));
    say("no room at all: %s", rc(prop_format(ctx, ",", 1, NULL, 8, NULL)));
    prop_clear(ctx, 0);
    say("after clear: %s", rc(prop_set(ctx, NULL, "2", 0)));
    prop_dispose(&ctx);
}

int main(void)
{
    struct propctx *ctx = prop_new(0);
    sasl_conn_t *s;
    const char *out;
    unsigned len;
    prop_request(ctx, (const char **)names);
    keep("on its own", ctx);
    prop_dispose(&ctx);
    unnamed();
    begin();
    set_option("auxprop_plugin", "keeper");
    say("add %s", rc(sasl_auxprop_add_plugin("keeper", init)));
    s = server();
    sasl_auxprop_request(s, (const char **)names);
    sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
    say("EXTERNAL %s", rc(sasl_server_start(s, "EXTERNAL", "", 0, &out, &len)));
    ctx = sasl_auxprop_getctx(s);
    keep("of a connection", ctx);
    sasl_dispose(&s);
    finish();
    return 0;
}
