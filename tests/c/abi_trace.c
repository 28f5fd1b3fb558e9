/* In which order, and with which arguments, a whole exchange calls the application: canonicalisation, property
 * lookups, options, proxy policy, password check, log. */
#include "abi.h"

static void run(const char *title, const char *mech, const char *authzid, const char *realm, unsigned flags, unsigned maxbuf)
{
    sasl_conn_t *c, *s;
    say("== %s", title);
    cli_user = authzid;
    say("- server_new");
    s = server_with(realm, flags);
    say("- client_new");
    c = client_with(flags);
    if (maxbuf) {
        secprops(s, 0, 256, maxbuf, 0);
        secprops(c, 0, 256, maxbuf, 0);
    }
    if (strcmp(mech, "EXTERNAL") == 0) {
        sasl_setprop(s, SASL_AUTH_EXTERNAL, "alice");
        sasl_setprop(c, SASL_AUTH_EXTERNAL, "alice");
    }
    say("- exchange");
    exchange(c, s, mech);
    show_identity("S", s);
    show_identity("C", c);
    show_props("after", sasl_auxprop_getctx(s));
    say("C detail %s", detail(c));
    say("S detail %s", detail(s));
    sasl_dispose(&c);
    sasl_dispose(&s);
    cli_user = "";
}

int main(void)
{
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256",
                                        "SCRAM-SHA-512", "ANONYMOUS", "EXTERNAL"};
    char title[100];
    trace = 3;
    say("== init");
    begin();
    for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++) {
        trace = 3;
        snprintf(title, sizeof title, "%s", mechs[i]);
        run(title, mechs[i], "", NULL, 0, 0);
        trace = 1;
        snprintf(title, sizeof title, "%s, authorization id bob", mechs[i]);
        run(title, mechs[i], "bob", NULL, 0, 0);
        snprintf(title, sizeof title, "%s, authorization id alice", mechs[i]);
        run(title, mechs[i], "alice", NULL, 0, 0);
    }
    run("PLAIN, success data", "PLAIN", "", NULL, SASL_SUCCESS_DATA, 0);
    run("SCRAM-SHA-1, success data", "SCRAM-SHA-1", "", NULL, SASL_SUCCESS_DATA, 0);
    run("DIGEST-MD5, success data, layer", "DIGEST-MD5", "", NULL, SASL_SUCCESS_DATA, 65536);
    mem_set("alice@realm.example", "userPassword", "secret", -1);
    for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++) {
        snprintf(title, sizeof title, "%s, realm", mechs[i]);
        run(title, mechs[i], "", "realm.example", 0, 0);
    }
    say("== checkpass callback accepts");
    checkpass_result = SASL_OK;
    run("PLAIN", "PLAIN", "", NULL, 0, 0);
    run("LOGIN", "LOGIN", "", NULL, 0, 0);
    checkpass_result = SASL_FAIL;
    say("== requested properties");
    {
        const char *names[] = {"mail", "*mail", "uidNumber", NULL};
        sasl_conn_t *s = server(), *c = client();
        mem_set("alice", "mail", "alice@example.com", -1);
        mem_set("bob", "mail", "bob@example.com", -1);
        say("request %s", rc(sasl_auxprop_request(s, names)));
        cli_user = "bob";
        exchange(c, s, "SCRAM-SHA-256");
        show_props("after", sasl_auxprop_getctx(s));
        sasl_dispose(&c);
        sasl_dispose(&s);
    }
    finish();
    return 0;
}
