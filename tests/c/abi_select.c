/* Which mechanism the client takes, and how it asks for what it lacks (SASL_INTERACT). */
#include "abi.h"

static void choose(const char *title, sasl_conn_t *c, const char *list)
{
    const char *out = NULL, *mech = "untouched";
    unsigned len = 0;
    int code = sasl_client_start(c, list, NULL, &out, &len, &mech);
    say("%s \"%s\": %s %s %s", title, list, rc(code), mech, code < 0 ? detail(c) : "");
}

static void lists(void)
{
    static const char *const offered[] = {
        "PLAIN LOGIN CRAM-MD5", "LOGIN PLAIN", "plain", "ANONYMOUS PLAIN", "ANONYMOUS", "EXTERNAL PLAIN", "DIGEST-MD5 CRAM-MD5 SCRAM-SHA-1",
        "SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512", "PLAIN,LOGIN", "PLAIN;LOGIN", "(PLAIN LOGIN)", "AUTH=PLAIN", "\"PLAIN\"", "PLAIN\tLOGIN\n",
        "XPLAIN", "PLAINX", "PLAIN.LOGIN", "NOSUCH", "", " ", "GSSAPI PLAIN", "NOSUCH,CRAM-MD5", "-PLAIN", "PLAIN-", "SCRAM_SHA_1"};
    for (size_t i = 0; i < sizeof offered / sizeof *offered; i++) {
        sasl_conn_t *c = client();
        choose("default", c, offered[i]);
        sasl_dispose(&c);
    }
}

static void properties(void)
{
    static const char all[] = "ANONYMOUS LOGIN PLAIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256 EXTERNAL";
    static const struct { unsigned min, max, buf, flags, external; } cases[] = {
        {0, 0, 0, 0, 0}, {0, 256, 65536, 0, 0}, {1, 256, 65536, 0, 0}, {56, 256, 65536, 0, 0}, {200, 256, 65536, 0, 0}, {0, 0, 0, 0x1, 0}, {0, 0, 0, 0x2, 0},
        {0, 0, 0, 0x4, 0}, {0, 0, 0, 0x8, 0}, {0, 0, 0, 0x10, 0}, {0, 0, 0, 0x20, 0}, {0, 0, 0, 0x40, 0}, {0, 0, 0, 0x21, 0}, {0, 0, 0, 0x21, 2},
        {56, 256, 65536, 1, 56}, {56, 256, 65536, 1, 128}, {1, 1, 65536, 0, 0}, {0, 0, 0, 0xffff, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sasl_conn_t *c = client();
        char title[100];
        snprintf(title, sizeof title, "%u-%u/%u flags 0x%x external %u", cases[i].min, cases[i].max, cases[i].buf, cases[i].flags, cases[i].external);
        secprops(c, cases[i].min, cases[i].max, cases[i].buf, cases[i].flags);
        sasl_setprop(c, SASL_SSF_EXTERNAL, &cases[i].external);
        choose(title, c, all);
        sasl_dispose(&c);
        c = client();
        secprops(c, cases[i].min, cases[i].max, cases[i].buf, cases[i].flags);
        sasl_setprop(c, SASL_SSF_EXTERNAL, &cases[i].external);
        choose(title, c, "PLAIN LOGIN");
        sasl_dispose(&c);
    }
    {
        sasl_conn_t *c = client();
        sasl_setprop(c, SASL_AUTH_EXTERNAL, "ext");
        choose("external name", c, all);
        sasl_dispose(&c);
        c = client();
        sasl_setprop(c, SASL_AUTH_EXTERNAL, "ext");
        choose("external name", c, "EXTERNAL PLAIN");
        sasl_dispose(&c);
        c = client_with(SASL_NEED_PROXY);
        choose("proxy", c, "CRAM-MD5 LOGIN ANONYMOUS");
        choose("proxy", c, all);
        sasl_dispose(&c);
        c = client_with(SASL_NEED_HTTP);
        choose("http", c, "CRAM-MD5 LOGIN ANONYMOUS");
        choose("http", c, all);
        sasl_dispose(&c);
        sasl_client_new("svc", NULL, NULL, NULL, client_callbacks, 0, &c);
        choose("no host name", c, "DIGEST-MD5 PLAIN");
        sasl_dispose(&c);
        sasl_client_new("svc", FQDN, NULL, NULL, NULL, 0, &c);
        choose("no callbacks", c, all);
        choose("no callbacks", c, "PLAIN SCRAM-SHA-1");
        sasl_dispose(&c);
        set_option("client_mech_list", "PLAIN CRAM-MD5");
        c = client();
        choose("client_mech_list", c, all);
        sasl_dispose(&c);
        set_option("client_mech_list", "LOGIN PLAIN");
        c = client();
        choose("client_mech_list", c, all);
        sasl_dispose(&c);
        set_option("client_mech_list", NULL);
    }
}

static void show(const sasl_interact_t *prompts)
{
    if (prompts == NULL) {
        say("    no prompts");
        return;
    }
    for (; prompts->id != SASL_CB_LIST_END; prompts++)
        say("    0x%lx challenge %s prompt %s default %s result %s len %u", prompts->id, str(prompts->challenge), str(prompts->prompt), str(prompts->defresult),
            str(prompts->result), prompts->len);
}
/* answers: u user, a authname, p pass, r realm, e echo; capital letters leave the answer NULL. */
static void fill(sasl_interact_t *prompts, const char *leave)
{
    for (; prompts && prompts->id != SASL_CB_LIST_END; prompts++) {
        const char *answer = prompts->id == SASL_CB_USER ? cli_user : prompts->id == SASL_CB_AUTHNAME ? "alice" : prompts->id == SASL_CB_PASS ? "secret"
                             : prompts->id == SASL_CB_GETREALM ? FQDN : "answer";
        char letter = prompts->id == SASL_CB_USER ? 'u' : prompts->id == SASL_CB_AUTHNAME ? 'a' : prompts->id == SASL_CB_PASS ? 'p' : 'r';
        if (strchr(leave, letter)) continue;
        prompts->result = answer;
        prompts->len = (unsigned)strlen(answer);
    }
}

/* Callbacks with those in with answered, those in ask given without procedure. */
static void interact(const char *mech, const char *with, const char *ask, const char *leave)
{
    sasl_callback_t cbs[8];
    sasl_conn_t *c = NULL, *s = server();
    sasl_interact_t *prompts = NULL;
    const char *out = NULL, *in = NULL, *chosen = "untouched";
    unsigned len = 0, inlen = 0;
    int n = 0, code, sc;
    static const struct { char letter; unsigned long id; int (*proc)(void); } all[] = {
        {'u', SASL_CB_USER, CB(on_simple)}, {'a', SASL_CB_AUTHNAME, CB(on_simple)}, {'p', SASL_CB_PASS, CB(on_pass)}, {'r', SASL_CB_GETREALM, CB(on_realm)}};
    for (int i = 0; i < 4; i++) {
        if (strchr(with, all[i].letter)) cbs[n++] = (sasl_callback_t){all[i].id, all[i].proc, "x"};
        else if (strchr(ask, all[i].letter)) cbs[n++] = (sasl_callback_t){all[i].id, NULL, NULL};
    }
    cbs[n] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    sasl_client_new("svc", FQDN, NULL, NULL, cbs, 0, &c);
    if (strcmp(mech, "EXTERNAL") == 0) {
        sasl_setprop(c, SASL_AUTH_EXTERNAL, "alice");
        sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
    }
    say("-- %s, answers %s, asks %s, leaves %s", mech, with, ask, leave);
    code = sasl_client_start(c, mech, &prompts, &out, &len, &chosen);
    say("  start %s %s", rc(code), chosen);
    for (int round = 0; code == SASL_INTERACT && round < 4; round++) {
        show(prompts);
        fill(prompts, leave);
        code = sasl_client_start(c, mech, &prompts, &out, &len, &chosen);
        say("  start again %s %s prompts %s", rc(code), chosen, prompts ? "set" : "NULL");
    }
    if (code != SASL_OK && code != SASL_CONTINUE) {
        say("  detail %s", detail(c));
        goto end;
    }
    say("  out %s", shape(out, len));
    sc = sasl_server_start(s, mech, out, len, &in, &inlen);
    for (int steps = 0; sc == SASL_CONTINUE && steps < 5; steps++) {
        code = sasl_client_step(c, in, inlen, &prompts, &out, &len);
        say("  step %s", rc(code));
        for (int round = 0; code == SASL_INTERACT && round < 4; round++) {
            show(prompts);
            fill(prompts, leave);
            code = sasl_client_step(c, in, inlen, &prompts, &out, &len);
            say("  step again %s prompts %s", rc(code), prompts ? "set" : "NULL");
        }
        if (code < 0) {
            say("  detail %s", detail(c));
            goto end;
        }
        say("  out %s", shape(out, len));
        sc = sasl_server_step(s, out, len, &in, &inlen);
    }
    say("  server %s", rc(sc));
    show_identity("  C", c);
end:
    sasl_dispose(&c);
    sasl_dispose(&s);
}

int main(void)
{
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-256", "ANONYMOUS", "EXTERNAL"};
    sasl_conn_t *c;
    const char *out, *mech;
    unsigned len;
    sasl_callback_t asks[] = {{SASL_CB_USER, NULL, NULL}, {SASL_CB_AUTHNAME, NULL, NULL}, {SASL_CB_PASS, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    trace = 4;
    begin();
    mem_set("tester", "userPassword", "secret", -1);
    mem_set("anonymous", "x", "y", 1);
    lists();
    properties();
    for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++) {
        cli_user = "";
        interact(mechs[i], "", "uap", "");
        cli_user = "bob";
        interact(mechs[i], "", "uapr", "");
        cli_user = "";
        interact(mechs[i], "", "uap", "u");
        interact(mechs[i], "", "uap", "a");
        interact(mechs[i], "", "uap", "p");
        interact(mechs[i], "ap", "u", "");
        interact(mechs[i], "u", "ap", "");
        interact(mechs[i], "uap", "", "");
        interact(mechs[i], "p", "", "");
        interact(mechs[i], "ap", "", "");
        interact(mechs[i], "", "", "");
    }
    say("-- unanswered");
    sasl_client_new("svc", FQDN, NULL, NULL, asks, 0, &c);
    {
        sasl_interact_t *prompts = NULL;
        say("PLAIN %s", rc(sasl_client_start(c, "PLAIN", &prompts, &out, &len, &mech)));
        say("unanswered %s", rc(sasl_client_start(c, "PLAIN", &prompts, &out, &len, &mech)));
        say("%s", detail(c));
    }
    sasl_dispose(&c);
    say("-- realms to choose from");
    asks[0].id = SASL_CB_GETREALM;
    sasl_client_new("svc", "realms.example.com", NULL, NULL, asks, 0, &c);
    {
        static const char challenge[] = "nonce=\"N\",realm=\"R\",realm=\"S\",qop=\"auth\",algorithm=md5-sess";
        sasl_interact_t *prompts = NULL;
        say("start %s", rc(sasl_client_start(c, "DIGEST-MD5", &prompts, &out, &len, &mech)));
        say("step %s", rc(sasl_client_step(c, challenge, sizeof challenge - 1, &prompts, &out, &len)));
        show(prompts);
        fill(prompts, "");
        say("step %s", rc(sasl_client_step(c, challenge, sizeof challenge - 1, &prompts, &out, &len)));
        say("%s", shape(out, len));
    }
    sasl_dispose(&c);
    say("-- abandoned prompts");
    sasl_client_new("svc", FQDN, NULL, NULL, asks, 0, &c);
    {
        sasl_interact_t *prompts = NULL;
        say("start %s", rc(sasl_client_start(c, "PLAIN", &prompts, &out, &len, &mech)));
        sasl_dispose(&c);
        /* They are the program's now. */
        free(prompts);
    }
    finish();
    return 0;
}
