/* The prop_* functions: by hand at their edges, and then long sequences of pseudo-random operations. */
#include "abi.h"

static void show(const char *label, struct propctx *ctx)
{
    const struct propval *p = prop_get(ctx);
    printf("%s:", label);
    for (; p && p->name; p++) {
        printf(" %s(%u,%u)", p->name, p->nvalues, p->valsize);
        if (p->values == NULL) continue;
        printf("=[");
        for (unsigned i = 0; p->values[i]; i++) printf("%s%s", i ? " " : "", str(p->values[i]));
        printf("]");
    }
    say("");
}

static void by_hand(void)
{
    static const char *const none[] = {NULL}, *const three[] = {"a", "b", "c", NULL}, *const again[] = {"b", "d", "b", NULL};
    static const char *const asked[] = {"c", "zz", "a", "a", NULL}, *const values[] = {"one", "", "three", NULL};
    struct propctx *ctx = prop_new(0), *copy = NULL, *null = NULL;
    struct propval out[5];
    char text[64];
    show("fresh", ctx);
    say("request NULL ctx %s", rc(prop_request(NULL, (const char **)three)));
    say("request NULL names %s", rc(prop_request(ctx, NULL)));
    say("request none %s", rc(prop_request(ctx, (const char **)none)));
    show("still", ctx);
    say("request %s", rc(prop_request(ctx, (const char **)three)));
    show("three", ctx);
    say("request again %s", rc(prop_request(ctx, (const char **)again)));
    show("four", ctx);
    say("set %s", rc(prop_set(ctx, "a", "value", 5)));
    say("set part %s", rc(prop_set(ctx, "a", "value", 3)));
    say("set zero length %s", rc(prop_set(ctx, "b", "all", 0)));
    say("set negative length %s", rc(prop_set(ctx, "b", "all of it", -1)));
    say("set same name %s", rc(prop_set(ctx, NULL, "more", 4)));
    say("set with nul %s", rc(prop_set(ctx, "c", "x\0y", 3)));
    say("set empty %s", rc(prop_set(ctx, "c", "", 0)));
    say("set unknown %s", rc(prop_set(ctx, "zz", "v", 1)));
    show("values", ctx);
    say("set NULL on values %s", rc(prop_set(ctx, "a", NULL, 0)));
    say("set NULL on none %s", rc(prop_set(ctx, "d", NULL, 0)));
    show("after NULL", ctx);
    say("set NULL name NULL value %s", rc(prop_set(ctx, NULL, NULL, 0)));
    say("set NULL ctx %s", rc(prop_set(NULL, "a", "v", 1)));
    memset(out, 0x55, sizeof out);
    say("getnames %d", prop_getnames(ctx, (const char **)asked, out));
    for (int i = 0; i < 4; i++)
        say("  %s %u %u %s", out[i].name ? out[i].name : "(null)", out[i].nvalues, out[i].valsize,
            out[i].values && out[i].values[0] ? str(out[i].values[0]) : "-");
    say("getnames NULL ctx %d NULL names %d NULL out %d none %d", prop_getnames(NULL, (const char **)asked, out),
        prop_getnames(ctx, NULL, out), prop_getnames(ctx, (const char **)asked, NULL), prop_getnames(ctx, (const char **)none, out));
    say("dup %s", rc(prop_dup(ctx, &copy)));
    show("copy", copy);
    say("erase");
    prop_erase(ctx, "a");
    prop_erase(ctx, "zz");
    prop_erase(ctx, "d");
    prop_erase(NULL, "a");
    prop_erase(ctx, NULL);
    show("erased", ctx);
    show("copy untouched", copy);
    say("set after erase %s", rc(prop_set(ctx, "a", "new", 3)));
    show("again", ctx);
    say("setvals %s", rc(prop_setvals(ctx, "d", (const char **)values)));
    say("setvals NULL values %s", rc(prop_setvals(ctx, "d", NULL)));
    say("setvals NULL name %s", rc(prop_setvals(ctx, NULL, (const char **)values)));
    say("setvals unknown %s", rc(prop_setvals(ctx, "zz", (const char **)values)));
    say("setvals NULL ctx %s", rc(prop_setvals(NULL, "d", (const char **)values)));
    show("setvals", ctx);
    for (int room = 0; room < 12; room++) {
        unsigned len = 4711;
        memset(text, '~', sizeof text);
        text[63] = 0;
        printf("format in %d: %d", room, prop_format(ctx, ", ", 2, text, (unsigned)room, &len));
        say(" len %d %s", (int)len, room ? str(text) : "-");
    }
    say("format separator by strlen %d %s", prop_format(ctx, "--", -1, text, 64, NULL), str(text));
    say("format NULL separator %d %s", prop_format(ctx, NULL, 0, text, 64, NULL), str(text));
    say("format NULL ctx %s", rc(prop_format(NULL, ",", 1, text, 64, NULL)));
    prop_clear(ctx, 0);
    show("cleared", ctx);
    say("set NULL name after clear %s", rc(prop_set(ctx, NULL, "v", 1)));
    say("set after clear %s", rc(prop_set(ctx, "a", "v", 1)));
    say("request clears %s", rc(prop_request(ctx, (const char **)three)));
    show("cleared by request", ctx);
    prop_clear(ctx, 1);
    show("names cleared", ctx);
    say("set after that %s", rc(prop_set(ctx, "a", "v", 1)));
    say("request after that %s", rc(prop_request(ctx, (const char **)again)));
    show("names again", ctx);
    prop_dispose(&ctx);
    say("dispose: %s", ctx ? "set" : "NULL");
    prop_dispose(&null);
    prop_dispose(NULL);
    show("copy lives", copy);
    prop_dispose(&copy);
    say("dup NULL src %s", rc(prop_dup(NULL, &copy)));
    ctx = prop_new(0);
    say("dup NULL dst %s", rc(prop_dup(ctx, NULL)));
    say("dup of empty %s", rc(prop_dup(ctx, &copy)));
    show("copy of empty", copy);
    say("copy usable %s %s", rc(prop_request(copy, (const char **)three)), rc(prop_set(copy, "a", "v", 1)));
    show("copy", copy);
    prop_dispose(&copy);
    prop_dispose(&ctx);
    ctx = prop_new(1);
    prop_dispose(&ctx);
    ctx = prop_new(100000);
    show("estimate", ctx);
    prop_dispose(&ctx);
    say("get NULL %s", prop_get(NULL) ? "set" : "NULL");
}

static unsigned seed;
static unsigned next(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

static void random_walk(unsigned start)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "*a", "*b", "*c"};
    static char big[3000];
    struct propctx *ctx = prop_new(next(3) * 50), *copy = NULL;
    int requested = 0;
    seed = start;
    memset(big, 'B', sizeof big);
    for (int step = 0; step < 60; step++) {
        const char *list[6] = {NULL}, *vals[5] = {NULL}, *name = names[next(19)];
        unsigned n = next(5), length;
        switch (next(11)) {
        case 0: case 1:
            for (unsigned i = 0; i < n; i++) list[i] = names[next(19)];
            say("request %u %s", n, rc(prop_request(ctx, list)));
            if (n) requested = 1;
            break;
        case 2: case 3: case 4:
            length = 1 + next(40);
            say("set %s %u %s", name, length, rc(prop_set(ctx, name, big, (int)length)));
            break;
        case 5:
            length = 500 + next(2400);
            say("set %s %u %s", name, length, rc(prop_set(ctx, name, big, (int)length)));
            break;
        case 6:
            for (unsigned i = 0; i < n; i++) vals[i] = names[next(19)];
            say("setvals %s %u %s", name, n, rc(prop_setvals(ctx, name, vals)));
            break;
        case 7:
            prop_erase(ctx, name);
            say("erase %s", name);
            break;
        case 8:
            if (requested && next(3) == 0) {
                int all = (int)next(2);
                prop_clear(ctx, all);
                say("clear %d", all);
                if (all) requested = 0;
            }
            break;
        case 9:
            if (requested) {
                say("dup %s", rc(prop_dup(ctx, &copy)));
                prop_dispose(&ctx);
                ctx = copy;
                copy = NULL;
            }
            break;
        case 10: {
            struct propval out[6];
            for (unsigned i = 0; i < n; i++) list[i] = names[next(19)];
            say("getnames %u %d", n, prop_getnames(ctx, list, out));
            break;
        }
        }
        if (step % 5 == 4) {
            const struct propval *p = prop_get(ctx);
            unsigned total = 0, hash = 0;
            printf(" state");
            for (; p && p->name; p++) {
                printf(" %s:%u:%u", p->name, p->nvalues, p->valsize);
                for (unsigned i = 0; p->values && p->values[i]; i++) {
                    total += (unsigned)strlen(p->values[i]);
                    for (const char *c = p->values[i]; *c; c++) hash = hash * 31 + (unsigned char)*c;
                }
            }
            say(" / %u %08x", total, hash);
        }
    }
    prop_dispose(&ctx);
}

int main(void)
{
    by_hand();
    for (unsigned i = 1; i <= 40; i++) {
        say("-- walk %u", i);
        random_walk(i * 7919);
    }
    return 0;
}
