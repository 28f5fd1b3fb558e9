/* Plugins that the application adds itself: a property store in memory, and canonicalisers. */
#include "driver.h"

#include <stdio.h>
#include <string.h>

static struct { char user[1100], property[64], value[2048]; size_t length; } entries[64];
static int trace, lookup_result, store_result;

static void put(const char *user, const char *property, const char *value, size_t length)
{
    int room = -1;
    for (int i = 63; i >= 0; i--) {
        if (entries[i].property[0] == 0) room = i;
        else if (value == NULL || strcmp(property, "authPassword") != 0) {
            /* authPassword has several values. */
            if (strcmp(entries[i].user, user) == 0 && strcmp(entries[i].property, property) == 0) {
                room = i;
                entries[i].property[0] = 0;
            }
        }
    }
    if (value == NULL || room < 0 || length >= sizeof entries[0].value) return;
    snprintf(entries[room].user, sizeof entries[room].user, "%s", user);
    snprintf(entries[room].property, sizeof entries[room].property, "%s", property);
    memcpy(entries[room].value, value, length);
    entries[room].length = length;
}

static int mem_lookup(void *glob, sasl_server_params_t *params, unsigned flags, const char *user, unsigned ulen)
{
    char name[1100];
    const struct propval *asked = params->utils->prop_get(params->propctx);
    int known = 0;
    (void)glob;
    snprintf(name, sizeof name, "%.*s", (int)ulen, user);
    if (trace) {
        printf("  lookup %s flags %#x:", esc(user, ulen), flags);
        for (const struct propval *p = asked; p && p->name; p++) printf(" %s%s", p->name, p->values ? "=" : "");
        putchar('\n');
    }
    if (lookup_result) return lookup_result;
    for (int i = 0; i < 64; i++) known |= entries[i].property[0] && strcmp(entries[i].user, name) == 0;
    for (; asked && asked->name; asked++) {
        const char *wanted = asked->name;
        if ((*wanted == '*') == ((flags & SASL_AUXPROP_AUTHZID) != 0)) continue;
        if (*wanted == '*') wanted++;
        if (asked->values && !(flags & SASL_AUXPROP_OVERRIDE)) continue;
        if (asked->values) params->utils->prop_erase(params->propctx, asked->name);
        for (int i = 0; i < 64; i++)
            if (strcmp(entries[i].user, name) == 0 && strcmp(entries[i].property, wanted) == 0)
                params->utils->prop_set(params->propctx, asked->name, entries[i].value, (int)entries[i].length);
    }
    return known ? SASL_OK : SASL_NOUSER;
}

static int mem_store(void *glob, sasl_server_params_t *params, struct propctx *ctx, const char *user, unsigned ulen)
{
    char name[1100];
    const struct propval *given = ctx ? params->utils->prop_get(ctx) : NULL;
    (void)glob;
    if (trace) say("store %s %s", esc(user, ulen), ctx ? "given" : "NULL");
    if (store_result) return store_result;
    snprintf(name, sizeof name, "%.*s", (int)ulen, user);
    for (; given && given->name; given++) {
        const char *value = given->values ? given->values[0] : NULL;
        if (trace) say("  %s %s", given->name, strcmp(given->name, "authPassword") ? str(value) : "(verifier)");
        put(name, given->name, value, value ? strlen(value) : 0);
    }
    return SASL_OK;
}

static sasl_auxprop_plug_t mem = {.auxprop_lookup = mem_lookup, .name = "mem", .auxprop_store = mem_store};
static sasl_auxprop_plug_t reading = {.auxprop_lookup = mem_lookup, .name = "reading"};
static sasl_auxprop_plug_t nothing = {.name = "nothing", .auxprop_store = mem_store};
static int version = SASL_AUXPROP_PLUG_VERSION;

int mem_init(const sasl_utils_t *utils, int max, int *out, sasl_auxprop_plug_t **plug, const char *name)
{
    (void)utils;
    if (trace) say("init max %d name %s", max, str(name));
    *out = version;
    *plug = name && strcmp(name, "reading") == 0 ? &reading : name && strcmp(name, "nothing") == 0 ? &nothing : &mem;
    return name && strcmp(name, "failing") == 0 ? SASL_NOMEM : SASL_OK;
}

/* ---- canonicalisers --------------------------------------------------------------------------------------------------- */

static int canonical(const char *user, unsigned len, char *out, unsigned room, unsigned *outlen)
{
    if (len + 2 > room) return SASL_BUFOVER;
    memmove(out, user, len);
    memcpy(out + len, ".x", 3);
    *outlen = len + 2;
    return SASL_OK;
}
static int canon_server(void *glob, sasl_server_params_t *params, const char *user, unsigned len, unsigned flags, char *out,
                        unsigned room, unsigned *outlen)
{
    (void)glob;
    say("canonuser server %s flags %#x realm %s room %u", esc(user, len), flags, str(params->user_realm), room);
    return canonical(user, len, out, room, outlen);
}
static int canon_client(void *glob, sasl_client_params_t *params, const char *user, unsigned len, unsigned flags, char *out,
                        unsigned room, unsigned *outlen)
{
    (void)glob;
    say("canonuser client %s flags %#x fqdn %s room %u", esc(user, len), flags, str(params->serverFQDN), room);
    return canonical(user, len, out, room, outlen);
}

static sasl_canonuser_plug_t both = {.name = "suffix", .canon_user_server = canon_server, .canon_user_client = canon_client};
static sasl_canonuser_plug_t neither = {.name = "neither"};

static int canon_init(const sasl_utils_t *utils, int max, int *out, sasl_canonuser_plug_t **plug, const char *name)
{
    (void)utils;
    if (trace) say("init max %d name %s", max, str(name));
    *out = SASL_CANONUSER_PLUG_VERSION;
    *plug = name && strcmp(name, "neither") == 0 ? &neither : &both;
    return name && strcmp(name, "failing") == 0 ? SASL_FAIL : SASL_OK;
}

/* ---- mechanisms: only what their init answers counts -------------------------------------------------------------------- */

static int wanted_code, wanted_count = 0;
static int server_init(const sasl_utils_t *utils, int max, int *out, sasl_server_plug_t **list, int *count)
{
    static sasl_server_plug_t none[1];
    (void)utils;
    if (trace) say("init max %d", max);
    *out = version;
    *list = none;
    *count = wanted_count;
    return wanted_code;
}
static int client_init(const sasl_utils_t *utils, int max, int *out, sasl_client_plug_t **list, int *count)
{
    static sasl_client_plug_t none[1];
    (void)utils;
    if (trace) say("init max %d", max);
    *out = version;
    *list = none;
    *count = wanted_count;
    return wanted_code;
}

/* add auxprop|canonuser|server|client name [version=n] [init=no] [code=n] */
static void add(const struct line *line)
{
    const char *kind = word(line, 1), *name = text(line, 2, NULL);
    int none = named_word(line, "init") != NULL, code;
    version = (int)named_number(line, "version", kind[0] == 'a' ? SASL_AUXPROP_PLUG_VERSION : SASL_SERVER_PLUG_VERSION);
    wanted_code = (int)named_number(line, "code", 0);
    if (strcmp(kind, "auxprop") == 0) code = sasl_auxprop_add_plugin(name, none ? NULL : mem_init);
    else if (strcmp(kind, "canonuser") == 0) code = sasl_canonuser_add_plugin(name, none ? NULL : canon_init);
    else if (strcmp(kind, "server") == 0) code = sasl_server_add_plugin(name, none ? NULL : server_init);
    else if (strcmp(kind, "client") == 0) code = sasl_client_add_plugin(name, none ? NULL : client_init);
    else broken("no plugin of kind %s", kind);
    say("%s", rc(code));
}

/* store user property value: NULL removes */
static void store(const struct line *line)
{
    struct value value = bytes(line, 3);
    put(text(line, 1, ""), text(line, 2, ""), value.data, value.len);
}

/* stored: what the store in memory has */
static void stored(const struct line *line)
{
    (void)line;
    for (int i = 0; i < 64; i++)
        if (entries[i].property[0])
            say("%s %s = %s", str(entries[i].user), entries[i].property,
                strcmp(entries[i].property, "authPassword") ? esc(entries[i].value, (long)entries[i].length) : "(verifier)");
}

/* store-result lookup|store code */
static void result(const struct line *line)
{
    *(strcmp(word(line, 1), "lookup") == 0 ? &lookup_result : &store_result) = (int)number(line, 2, 0);
}

/* store-trace: look-ups and changes are printed */
static void set_trace(const struct line *line) { trace = (int)number(line, 1, 1); }

/* Users whom every case knows. */
void store_prepare(void)
{
    put("alice", "userPassword", "secret", 6);
    put("bob", "userPassword", "builder", 7);
    put("alice@host.example.com", "userPassword", "secret", 6);
    put("alice@realm.test", "userPassword", "secret", 6);
}

const struct command store_commands[] = {{"add", add}, {"store", store}, {"stored", stored}, {"store-result", result},
                                         {"store-trace", set_trace}, {NULL, NULL}};
