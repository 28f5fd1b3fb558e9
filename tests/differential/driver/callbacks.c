/* The application's callbacks. Each prints how it was called, and answers what the script has told it to. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CB(fn) ((int (*)(void))(fn))

int log_limit = SASL_LOG_NOTE;

/* ---- answers ---------------------------------------------------------------------------------------------------------- */

/* What a callback answers: an error code, or a value, where it has one to give. */
static struct answer {
    const char *name;
    int code;
    struct value value;
} answers[] = {
    {"getopt", 0, {NULL, 0}},   {"log", 0, {NULL, 0}},      {"user", 0, {"", 0}},        {"auth", 0, {"alice", 5}},
    {"language", 0, {"en", 2}}, {"cnonce", 0, {"abc", 3}},  {"pass", 0, {"secret", 6}},  {"realm", 0, {NULL, 0}},
    {"echo", 0, {"said", 4}},   {"noecho", 0, {"kept", 4}}, {"proxy", 0, {NULL, 0}},     {"checkpass", 0, {NULL, 0}},
    {"setpass", 0, {NULL, 0}},  {"canon", 0, {NULL, 0}},    {"getpath", 0, {NULL, 0}},   {"getconfpath", 0, {NULL, 0}},
    {"verifyfile", 0, {NULL, 0}}};

static struct answer *answer_of(const char *name)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strcmp(answers[i].name, name) == 0) return &answers[i];
    broken("no callback %s", name);
}

/* answer name value */
static void answer(const struct line *line)
{
    struct answer *it = answer_of(word(line, 1));
    it->value = bytes(line, 2);
    it->code = 0;
}

/* result name code */
static void result(const struct line *line) { answer_of(word(line, 1))->code = (int)number(line, 2, 0); }

/* ---- options ---------------------------------------------------------------------------------------------------------- */

static struct { char *name, *value; } options[64] = {{"auxprop_plugin", "mem"}};
static char *asked[200];

static void remember_question(const char *context, const char *plugin, const char *option)
{
    char text[300];
    snprintf(text, sizeof text, "%s %s %s", context, plugin ? plugin : "-", option);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        if (asked[i] && strcmp(asked[i], text) != 0) continue;
        if (asked[i] == NULL) asked[i] = strdup(text);
        return;
    }
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* asked: the options that were asked for since the last time, in order of their names. */
static void show_asked(const struct line *line)
{
    size_t count = 0;
    (void)line;
    while (count < sizeof asked / sizeof *asked && asked[count]) count++;
    qsort(asked, count, sizeof *asked, by_text);
    for (size_t i = 0; i < count; i++) {
        say("%s", asked[i]);
        free(asked[i]);
        asked[i] = NULL;
    }
}

/* option name value: what getopt answers from now on; NULL for nothing. */
static void option(const struct line *line)
{
    const char *name = word(line, 1);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].name == NULL || strcmp(options[i].name, name) == 0) {
            options[i].name = strdup(name);
            options[i].value = bytes(line, 2).data;
            return;
        }
}

static int on_getopt(void *context, const char *plugin, const char *option, const char **result, unsigned *len)
{
    int code = answer_of("getopt")->code;
    remember_question(context, plugin, option);
    if (code) return code;
    for (size_t i = 0; i < sizeof options / sizeof *options && options[i].name; i++)
        if (options[i].value && strcmp(options[i].name, option) == 0) {
            *result = options[i].value;
            if (len) *len = (unsigned)strlen(options[i].value);
            return SASL_OK;
        }
    return SASL_FAIL;
}

/* ---- the others ------------------------------------------------------------------------------------------------------- */

static int on_log(void *context, int level, const char *message)
{
    /* The stock library's internal errors name its source: row file-line. */
    if (level <= log_limit && strstr(message, " in ../../") == NULL) say("log %s %d %s", context ? (char *)context : "-", level, str(message));
    return answer_of("log")->code;
}

/* log level: lines up to this level are printed. */
static void set_log(const struct line *line) { log_limit = (int)number(line, 1, 0); }

static int give(struct answer *it, const char **result, unsigned *len)
{
    if (it->code) return it->code;
    if (it->value.data == NULL) return SASL_FAIL;
    *result = it->value.data;
    if (len) *len = (unsigned)it->value.len;
    return SASL_OK;
}

static int on_simple(void *context, int id, const char **result, unsigned *len)
{
    const char *name = id == SASL_CB_USER ? "user" : id == SASL_CB_AUTHNAME ? "auth" : id == SASL_CB_CNONCE ? "cnonce" : "language";
    say("callback %s %s len %s", (char *)context, name, len ? "given" : "NULL");
    return give(answer_of(name), result, len);
}

static int on_pass(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    struct answer *it = answer_of("pass");
    say("callback %s pass %#x conn %s", (char *)context, id, conn ? "given" : "NULL");
    if (it->code) return it->code;
    if (it->value.data == NULL) return SASL_FAIL;
    *secret = calloc(1, sizeof **secret + it->value.len + 1);
    (*secret)->len = it->value.len;
    memcpy((*secret)->data, it->value.data, it->value.len);
    return SASL_OK;
}

static int on_realm(void *context, int id, const char **available, const char **result)
{
    printf("  callback %s realm %#x of", (char *)context, id);
    for (int i = 0; available && available[i]; i++) printf(" %s", str(available[i]));
    putchar('\n');
    return give(answer_of("realm"), result, NULL);
}

static int on_prompt(void *context, int id, const char *challenge, const char *prompt, const char *otherwise, const char **result,
                     unsigned *len)
{
    say("callback %s prompt %#x %s %s %s", (char *)context, id, str(challenge), str(prompt), str(otherwise));
    return give(answer_of(id == SASL_CB_ECHOPROMPT ? "echo" : "noecho"), result, len);
}

static void show_props(struct propctx *ctx)
{
    const struct propval *values = ctx ? prop_get(ctx) : NULL;
    printf("    properties");
    for (; values && values->name; values++) {
        printf(" %s", values->name);
        for (unsigned i = 0; values->values && values->values[i]; i++) printf("%s%s", i ? "|" : "=", str(values->values[i]));
    }
    putchar('\n');
}

static int on_proxy(sasl_conn_t *conn, void *context, const char *requested, unsigned rlen, const char *authid, unsigned alen,
                    const char *realm, unsigned urlen, struct propctx *props)
{
    (void)conn;
    say("callback %s proxy %s as %s realm %s", (char *)context, esc(authid, alen), esc(requested, rlen), realm ? esc(realm, urlen) : "NULL");
    show_props(props);
    return answer_of("proxy")->code;
}

static int on_checkpass(sasl_conn_t *conn, void *context, const char *user, const char *pass, unsigned passlen, struct propctx *props)
{
    (void)conn;
    say("callback %s checkpass %s %s", (char *)context, str(user), esc(pass, passlen));
    show_props(props);
    return answer_of("checkpass")->code;
}

static int on_setpass(sasl_conn_t *conn, void *context, const char *user, const char *pass, unsigned passlen, struct propctx *props,
                      unsigned flags)
{
    (void)conn;
    (void)props;
    say("callback %s setpass %s %s flags %#x", (char *)context, str(user), pass ? esc(pass, passlen) : "NULL", flags);
    return answer_of("setpass")->code;
}

/* Answers with the name that it is given, or with the one of the script. */
static int on_canon(sasl_conn_t *conn, void *context, const char *in, unsigned inlen, unsigned flags, const char *realm, char *out,
                    unsigned outmax, unsigned *outlen)
{
    struct answer *it = answer_of("canon");
    struct value name = it->value.data ? it->value : (struct value){(char *)in, inlen};
    (void)conn;
    say("callback %s canon %s flags %#x realm %s room %u", (char *)context, esc(in, inlen), flags, str(realm), outmax);
    if (it->code) return it->code;
    if (name.len > outmax) return SASL_BUFOVER;
    memmove(out, name.data, name.len);
    *outlen = (unsigned)name.len;
    return SASL_OK;
}

static int on_getpath(void *context, const char **path)
{
    struct answer *it = answer_of("getpath");
    say("callback %s getpath", (char *)context);
    return give(it, path, NULL);
}

static int on_getconfpath(void *context, char **path)
{
    struct answer *it = answer_of("getconfpath");
    say("callback %s getconfpath", (char *)context);
    if (it->code) return it->code;
    *path = it->value.data ? strdup(it->value.data) : NULL;
    return it->value.data ? SASL_OK : SASL_FAIL;
}

/* Plugins are files on one side and built in on the other, so that their questions are not the same. */
static int on_verifyfile(void *context, const char *file, sasl_verify_type_t type)
{
    const char *base = strrchr(file, '/');
    if (type != SASL_VRFY_PLUGIN) say("callback %s verifyfile %s type %d", (char *)context, base ? base + 1 : file, (int)type);
    return type == SASL_VRFY_PLUGIN ? SASL_OK : answer_of("verifyfile")->code;
}

/* ---- lists ------------------------------------------------------------------------------------------------------------ */

static const struct { const char *name; unsigned long id; int (*proc)(void); } known[] = {
    {"getopt", SASL_CB_GETOPT, CB(on_getopt)},       {"log", SASL_CB_LOG, CB(on_log)},
    {"user", SASL_CB_USER, CB(on_simple)},           {"auth", SASL_CB_AUTHNAME, CB(on_simple)},
    {"language", SASL_CB_LANGUAGE, CB(on_simple)},   {"cnonce", SASL_CB_CNONCE, CB(on_simple)},
    {"pass", SASL_CB_PASS, CB(on_pass)},             {"realm", SASL_CB_GETREALM, CB(on_realm)},
    {"echo", SASL_CB_ECHOPROMPT, CB(on_prompt)},     {"noecho", SASL_CB_NOECHOPROMPT, CB(on_prompt)},
    {"proxy", SASL_CB_PROXY_POLICY, CB(on_proxy)},   {"checkpass", SASL_CB_SERVER_USERDB_CHECKPASS, CB(on_checkpass)},
    {"setpass", SASL_CB_SERVER_USERDB_SETPASS, CB(on_setpass)}, {"canon", SASL_CB_CANON_USER, CB(on_canon)},
    {"getpath", SASL_CB_GETPATH, CB(on_getpath)},    {"getconfpath", SASL_CB_GETCONFPATH, CB(on_getconfpath)},
    {"verifyfile", SASL_CB_VERIFYFILE, CB(on_verifyfile)}};

static struct { char name[24]; sasl_callback_t entries[24]; } lists[16];

/* Makes the list of this name of words like `user` or, without a procedure, `user:null`. */
static void make_list(const char *name, char *const *words, int count)
{
    size_t at = 0;
    sasl_callback_t *entry;
    while (lists[at].name[0] && strcmp(lists[at].name, name) != 0) at++;
    snprintf(lists[at].name, sizeof lists[at].name, "%s", name);
    entry = lists[at].entries;
    for (int i = 0; i < count; i++, entry++) {
        char *colon = strchr(words[i], ':');
        size_t len = colon ? (size_t)(colon - words[i]) : strlen(words[i]), k = 0;
        while (k < sizeof known / sizeof *known && (strlen(known[k].name) != len || memcmp(known[k].name, words[i], len) != 0)) k++;
        if (k == sizeof known / sizeof *known) broken("no callback %s", words[i]);
        entry->id = known[k].id;
        entry->proc = colon ? NULL : known[k].proc;
        entry->context = lists[at].name;
    }
    entry->id = SASL_CB_LIST_END;
    entry->proc = NULL;
    entry->context = NULL;
}

/* callbacks name entry... */
static void define(const struct line *line) { make_list(word(line, 1), line->words + 2, line->count - 2); }

const sasl_callback_t *callback_list(const char *name)
{
    if (name == NULL || strcmp(name, "NULL") == 0) return NULL;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(lists[i].name, name) == 0) return lists[i].entries;
    broken("no list of callbacks %s", name);
}

void callbacks_prepare(void)
{
    static char *global[] = {"getopt", "log"}, *server[] = {"getopt", "log", "proxy", "canon"},
                *client[] = {"getopt", "log", "user", "auth", "pass", "realm"};
    make_list("global", global, 2);
    make_list("server", server, 2);
    make_list("asking", server, 4);
    make_list("client", client, 6);
}

const struct command callback_commands[] = {{"answer", answer}, {"result", result}, {"option", option}, {"asked", show_asked},
                                            {"log", set_log},   {"callbacks", define}, {NULL, NULL}};
