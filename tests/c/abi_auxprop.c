/* The property engine: several stores, their order and answers, what is asked of them, and storing. */
#include "abi.h"

/* Three stores that only say what they were asked and answer as told. */
static struct store { const char *name; int status, store_status, sets; const char *value; } stores[3] = {
    {"one", 0, 0, 1, "from one"}, {"two", 0, 0, 1, "from two"}, {"three", 0, 0, 1, "from three"}};

static int lookup(void *glob, sasl_server_params_t *params, unsigned flags, const char *user, unsigned ulen)
{
    struct store *me = glob;
    const struct propval *p = params->utils->prop_get(params->propctx);
    printf("  %s lookup %s flags 0x%x:", me->name, esc(user, ulen), flags);
    for (; p && p->name; p++) printf(" %s%s%s", p->name, p->values ? "=" : "", p->values && p->values[0] ? p->values[0] : "");
    say(" -> %s", rc(me->status));
    for (p = params->utils->prop_get(params->propctx); me->sets && p && p->name; p++) {
        int star = *p->name == '*';
        if (star == !!(flags & SASL_AUXPROP_AUTHZID)) continue;
        if (p->values && !(flags & SASL_AUXPROP_OVERRIDE)) continue;
        if (p->values) params->utils->prop_erase(params->propctx, p->name);
        params->utils->prop_set(params->propctx, p->name, strcmp(p->name, "*userPassword") ? me->value : "secret", 0);
    }
    return me->status;
}
static int quiet;
static int store(void *glob, sasl_server_params_t *params, struct propctx *ctx, const char *user, unsigned ulen)
{
    struct store *me = glob;
    if (!quiet) say("  %s store %s ctx %s params %s -> %s", me->name, esc(user, ulen), ctx ? "given" : "NULL", params ? "given" : "NULL", rc(me->store_status));
    return me->store_status;
}
static void freed(void *glob, const sasl_utils_t *utils) { say("  %s freed %s", ((struct store *)glob)->name, utils ? "with utils" : ""); }

static sasl_auxprop_plug_t plugs[3] = {
    {.glob_context = &stores[0], .auxprop_free = freed, .auxprop_lookup = lookup, .name = "one", .auxprop_store = store},
    {.glob_context = &stores[1], .auxprop_free = freed, .auxprop_lookup = lookup, .name = "two", .auxprop_store = store},
    {.glob_context = &stores[2], .auxprop_free = freed, .auxprop_lookup = lookup, .name = "three"}};
static sasl_auxprop_plug_t no_lookup = {.name = "nolookup"};

static sasl_auxprop_plug_t *next;
static int next_version = SASL_AUXPROP_PLUG_VERSION, next_code;
static int plug_init(const sasl_utils_t *utils, int max, int *version, sasl_auxprop_plug_t **plug, const char *name)
{
    say("  init max %d name %s utils %s conn %s", max, str(name), utils ? "given" : "NULL", utils && utils->conn ? "set" : "NULL");
    *version = next_version;
    *plug = next;
    return next_code;
}
static void add(const char *name, sasl_auxprop_plug_t *plug)
{
    next = plug;
    say("add %s: %s", str(name), rc(sasl_auxprop_add_plugin(name, plug_init)));
}

static void authenticate(const char *mech, const char *authzid)
{
    static const char *const wanted[] = {"mail", "*mail", "uidNumber", NULL};
    sasl_conn_t *s = server(), *c = client();
    cli_user = authzid;
    sasl_auxprop_request(s, (const char **)wanted);
    say("- %s as %s", mech, str(authzid));
    exchange(c, s, mech);
    show_props("after", sasl_auxprop_getctx(s));
    sasl_dispose(&s);
    sasl_dispose(&c);
    cli_user = "";
}

static void statuses(void)
{
    static const int codes[] = {SASL_OK, SASL_NOUSER, SASL_NOMECH, SASL_FAIL, SASL_UNAVAIL, SASL_DISABLED, SASL_NOVERIFY, SASL_BADAUTH, SASL_CONTINUE};
    set_option("auxprop_plugin", "one two");
    stores[0].sets = stores[1].sets = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (size_t j = 0; j < sizeof codes / sizeof *codes; j++) {
            sasl_conn_t *s = server();
            const char *out;
            unsigned len;
            stores[0].status = codes[i];
            stores[1].status = codes[j];
            sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
            say("%s and %s: EXTERNAL %s", rc(codes[i]), rc(codes[j]), rc(sasl_server_start(s, "EXTERNAL", "", 0, &out, &len)));
            sasl_dispose(&s);
            s = server();
            say("  ANONYMOUS %s", rc(sasl_server_start(s, "ANONYMOUS", "", 0, &out, &len)));
            sasl_dispose(&s);
        }
    stores[0].status = stores[1].status = SASL_OK;
    stores[0].sets = stores[1].sets = 1;
}

static void storing(void)
{
    static const int codes[] = {SASL_OK, SASL_FAIL, SASL_CONSTRAINT_VIOLAT, SASL_NOUSER, SASL_NOMECH};
    static const char *const names[] = {"userPassword", NULL};
    sasl_conn_t *s = server(), *c = client();
    struct propctx *ctx = prop_new(0);
    prop_request(ctx, (const char **)names);
    prop_set(ctx, "userPassword", "x", 1);
    set_option("auxprop_plugin", NULL);
    set_option("sasldb_path", "./new-sasldb");
    say("can store: %s", rc(sasl_auxprop_store(NULL, NULL, NULL)));
    quiet = 1;
    set_option("auxprop_plugin", "two");
    stores[0].store_status = SASL_FAIL;
    say("can the store that the application chose: %s", rc(sasl_auxprop_store(NULL, NULL, NULL)));
    stores[0].store_status = SASL_OK;
    quiet = 0;
    set_option("auxprop_plugin", "one two");
    say("can this store: %s", rc(sasl_auxprop_store(s, NULL, NULL)));
    say("without user: %s", rc(sasl_auxprop_store(s, ctx, NULL)));
    say("without connection: %s", rc(sasl_auxprop_store(NULL, ctx, "u")));
    say("client: %s", rc(sasl_auxprop_store(c, NULL, NULL)));
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        for (size_t j = 0; j < sizeof codes / sizeof *codes; j++) {
            stores[0].store_status = codes[i];
            stores[1].store_status = codes[j];
            say("%s and %s: %s", rc(codes[i]), rc(codes[j]), rc(sasl_auxprop_store(s, ctx, "u")));
        }
    stores[0].store_status = stores[1].store_status = SASL_OK;
    set_option("auxprop_plugin", "three");
    say("plugin without store: %s", rc(sasl_auxprop_store(s, ctx, "u")));
    say("can it: %s", rc(sasl_auxprop_store(s, NULL, NULL)));
    set_option("auxprop_plugin", "nosuch");
    say("no plugin: %s", rc(sasl_auxprop_store(s, ctx, "u")));
    say("can it: %s", rc(sasl_auxprop_store(s, NULL, NULL)));
    prop_dispose(&ctx);
    sasl_dispose(&s);
    sasl_dispose(&c);
}

static void requests(void)
{
    static const char *const first[] = {"mail", NULL}, *const second[] = {"*mail", "mail", NULL};
    sasl_conn_t *s = server(), *c = client();
    say("client request %s ctx %s", rc(sasl_auxprop_request(c, (const char **)first)), sasl_auxprop_getctx(c) ? "set" : "NULL");
    show_props("fresh", sasl_auxprop_getctx(s));
    say("request %s", rc(sasl_auxprop_request(s, (const char **)first)));
    say("request %s", rc(sasl_auxprop_request(s, (const char **)second)));
    show_props("two", sasl_auxprop_getctx(s));
    say("request NULL %s", rc(sasl_auxprop_request(s, NULL)));
    show_props("none", sasl_auxprop_getctx(s));
    sasl_dispose(&s);
    sasl_dispose(&c);
}

int main(void)
{
    static const char *const orders[] = {"one", "two", "one two", "two one", "one two three", " TWO\tOne ", "one,two", "nosuch", "nosuch one", "", NULL};
    trace = 4;
    begin();
    add("outer", &plugs[0]);
    add("two", &plugs[1]);
    add("three", &plugs[2]);
    add("nolookup", &no_lookup);
    next_version = 7;
    add("old", &plugs[0]);
    next_version = 9;
    add("new", &plugs[0]);
    next_version = SASL_AUXPROP_PLUG_VERSION;
    next_code = SASL_NOMECH;
    add("refusing", &plugs[0]);
    next_code = SASL_OK;
    for (int i = 0; i == 0 || orders[i - 1]; i++) {
        say("== auxprop_plugin %s", str(orders[i]));
        set_option("auxprop_plugin", orders[i]);
        authenticate("CRAM-MD5", "");
        if (i < 3) {
            authenticate("SCRAM-SHA-1", "bob");
            authenticate("PLAIN", "bob");
        }
    }
    set_option("auxprop_plugin", "one two");
    stores[0].value = "";
    authenticate("CRAM-MD5", "");
    stores[0].value = "from one";
    statuses();
    storing();
    requests();
    say("== information");
    fflush(stdout);
    say("all: %s", rc(auxprop_plugin_info(NULL, NULL, NULL)));
    say("two: %s", rc(auxprop_plugin_info("two", NULL, NULL)));
    say("none: %s", rc(auxprop_plugin_info("nosuch", NULL, NULL)));
    finish();
    return 0;
}
