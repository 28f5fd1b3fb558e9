/* Commands for property contexts, prop.h. A context is named like a connection is; `connection.name` is that connection's own. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct { char name[24]; struct propctx *ctx; } contexts[16];

static struct propctx **context(const char *name)
{
    if (strncmp(name, "connection.", 11) == 0) {
        static struct propctx *own;
        own = sasl_auxprop_getctx(slot(name + 11)->conn);
        return &own;
    }
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
        if (contexts[i].name[0] == 0) snprintf(contexts[i].name, sizeof contexts[i].name, "%s", name);
        if (strcmp(contexts[i].name, name) == 0) return &contexts[i].ctx;
    }
    broken("too many contexts");
}

static struct propctx *given(const struct line *line) { return strcmp(word(line, 1), "NULL") == 0 ? NULL : *context(word(line, 1)); }

static void new(const struct line *line)
{
    struct propctx **ctx = context(word(line, 1));
    *ctx = prop_new((unsigned)number(line, 2, 0));
    say("%s", *ctx ? "made" : "NULL");
}

/* prop-dup from to */
static void dup_command(const struct line *line)
{
    struct propctx *made = NULL;
    int code = prop_dup(given(line), has(line, 2) ? &made : NULL);
    say("%s %s", rc(code), made ? "made" : "NULL");
    if (has(line, 2)) *context(word(line, 2)) = made;
}

static int names_of(const struct line *line, int from, const char **names)
{
    int count = 0;
    for (int i = from; has(line, i); i++) {
        const char *name = text(line, i, NULL);
        if (name) names[count++] = name;
    }
    names[count] = NULL;
    return count;
}

/* prop-request name property...; prop-request name NULL hands over no list at all */
static void request(const struct line *line)
{
    const char *names[WORDS];
    names_of(line, 2, names);
    say("%s", rc(prop_request(given(line), has(line, 2) && text(line, 2, NULL) == NULL ? NULL : names)));
}

static void show_value(const struct propval *value)
{
    printf("  %s", value->name ? value->name : "(no name)");
    if (value->values == NULL) printf(" -");
    for (unsigned i = 0; value->values && value->values[i]; i++) printf(" %s", str(value->values[i]));
    printf(" / %u %u\n", value->nvalues, value->valsize);
}

static void get(const struct line *line)
{
    const struct propval *values = prop_get(given(line));
    if (values == NULL) say("NULL");
    for (; values && values->name; values++) show_value(values);
}

/* prop-getnames name property... */
static void getnames(const struct line *line)
{
    const char *names[WORDS];
    struct propval values[WORDS];
    int count = names_of(line, 2, names), found;
    memset(values, 0, sizeof values);
    found = prop_getnames(given(line), has(line, 2) && text(line, 2, NULL) == NULL ? NULL : names, named_word(line, "out") ? NULL : values);
    say("%d", found);
    for (int i = 0; i < count; i++) show_value(&values[i]);
}

static void clear(const struct line *line) { prop_clear(given(line), (int)number(line, 2, 0)); }
static void erase(const struct line *line) { prop_erase(given(line), text(line, 2, NULL)); }

static void dispose(const struct line *line)
{
    struct propctx **ctx = strcmp(word(line, 1), "NULL") == 0 ? NULL : context(word(line, 1));
    prop_dispose(ctx);
    if (ctx) say("%s", *ctx ? "set" : "NULL");
}

/* prop-format name separator [room=] [seplen=] */
static void format(const struct line *line)
{
    static char out[5000];
    struct value sep = bytes(line, 2);
    unsigned len = UNTOUCHED_LENGTH, room = (unsigned)named_number(line, "room", sizeof out);
    int code;
    memset(out, '#', sizeof out);
    code = prop_format(given(line), sep.data, (int)named_number(line, "seplen", (long)sep.len), named_word(line, "out") ? NULL : out, room,
                       named_word(line, "nolen") ? NULL : &len);
    say("%d", code);
    if (code == 0 && room) say("%s length %u", str(out), len);
}

/* prop-set context property value [len=] */
static void set(const struct line *line)
{
    struct value value = bytes(line, 3);
    say("%s", rc(prop_set(given(line), text(line, 2, NULL), value.data, (int)named_number(line, "len", (long)value.len))));
}

/* prop-setvals context property value...; a first value of NULL hands over no list */
static void setvals(const struct line *line)
{
    const char *values[WORDS];
    names_of(line, 3, values);
    say("%s", rc(prop_setvals(given(line), text(line, 2, NULL), has(line, 3) && text(line, 3, NULL) == NULL ? NULL : values)));
}

const struct command prop_commands[] = {
    {"prop-new", new},     {"prop-dup", dup_command},   {"prop-request", request}, {"prop-get", get},   {"prop-getnames", getnames},
    {"prop-clear", clear}, {"prop-erase", erase},       {"prop-dispose", dispose}, {"prop-format", format}, {"prop-set", set},
    {"prop-setvals", setvals}, {NULL, NULL}};
