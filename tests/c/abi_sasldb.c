/* The sasldb store, each library with a file of its own making: who is there, what a lookup finds, changes, removal. */
#include "abi.h"

static sasl_conn_t *s;
static void fresh(const char *realm)
{
    sasl_dispose(&s);
    s = server_with(realm, 0);
}
static void set(const char *user, const char *pass, unsigned flags)
{
    int code;
    trace = 4;
    code = sasl_setpass(s, user, pass, pass ? (unsigned)strlen(pass) : 0, NULL, 0, flags);
    trace = 0;
    say("setpass %s %s: %s %s", str(user), str(pass), rc(code), code ? detail(s) : "");
}
static void check(const char *user, const char *pass)
{
    int code = sasl_checkpass(s, user, (unsigned)strlen(user), pass, (unsigned)strlen(pass)), exists;
    say("check %s %s: %s", str(user), str(pass), rc(code));
    exists = sasl_user_exists(s, "svc", NULL, user);
    say("  exists %s", rc(exists));
}
static void store(const char *user, const char *name, const char *value)
{
    const char *names[] = {name, NULL};
    struct propctx *ctx = prop_new(0);
    int code;
    prop_request(ctx, names);
    prop_set(ctx, name, value, value ? (int)strlen(value) : 0);
    code = sasl_auxprop_store(s, ctx, user);
    say("store %s %s = %s: %s", str(user), name, str(value), rc(code));
    prop_dispose(&ctx);
}
static void look(const char *mech, const char *user, const char *pass)
{
    static const char *const names[] = {"*mail", "mail", "*nosuch", "userPassword", "*userPassword", NULL};
    sasl_conn_t *c = client();
    const char *out, *in = NULL;
    unsigned len, inlen = 0;
    int code;
    cli_auth = user;
    cli_pass = pass;
    sasl_auxprop_request(s, (const char **)names);
    sasl_client_start(c, mech, NULL, &out, &len, NULL);
    code = sasl_server_start(s, mech, out, len, &in, &inlen);
    while (code == SASL_CONTINUE) {
        if (sasl_client_step(c, in, inlen, NULL, &out, &len) < 0) break;
        in = NULL;
        code = sasl_server_step(s, out, len, &in, &inlen);
    }
    say("%s as %s: %s", mech, user, rc(code));
    show_props("found", sasl_auxprop_getctx(s));
    sasl_dispose(&c);
}

int main(void)
{
    unsetenv("HOME");
    begin();
    set_option("auxprop_plugin", "sasldb");
    set_option("sasldb_path", "./db");
    /* What the stock library keeps. */
    set_option("password_storage", "plaintext");
    fresh(NULL);
    say("-- no file");
    check("alice", "secret");
    say("-- made");
    set("alice", "secret", SASL_SET_CREATE);
    set("bob", "builder", 0);
    check("alice", "secret");
    check("alice", "wrong");
    check("alice", "");
    check("alice@host.example.com", "secret");
    check("alice@other", "secret");
    check("Alice", "secret");
    check("nobody", "secret");
    fresh("r.example");
    check("alice", "secret");
    set("alice", "in the realm", SASL_SET_CREATE);
    check("alice", "in the realm");
    check("alice@host.example.com", "secret");
    fresh(NULL);
    check("alice@r.example", "in the realm");
    say("-- changed");
    set("alice", "new secret", 0);
    check("alice", "secret");
    check("alice", "new secret");
    say("-- other properties");
    store("alice", "mail", "alice@example.com");
    store("alice", "empty", "");
    store("carol", "mail", "carol@example.com");
    check("carol", "x");
    look("SCRAM-SHA-1", "alice", "new secret");
    fresh(NULL);
    look("PLAIN", "alice", "new secret");
    fresh(NULL);
    look("CRAM-MD5", "bob", "builder");
    fresh(NULL);
    look("DIGEST-MD5", "bob", "builder");
    fresh(NULL);
    look("DIGEST-MD5", "bob", "wrong");
    fresh(NULL);
    look("CRAM-MD5", "nobody", "x");
    store("alice", "mail", "changed@example.com");
    fresh(NULL);
    look("PLAIN", "alice", "new secret");
    store("alice", "mail", NULL);
    store("alice", "nosuch", NULL);
    fresh(NULL);
    look("PLAIN", "alice", "new secret");
    say("-- removed");
    set("bob", NULL, SASL_SET_DISABLE);
    check("bob", "builder");
    set("nosuch", NULL, SASL_SET_DISABLE);
    say("-- names");
    set("with blank", "x", SASL_SET_CREATE);
    check("with blank", "x");
    set("a@b@c", "x", SASL_SET_CREATE);
    check("a@b@c", "x");
    check("a@b", "x");
    set("m\xc3\xbcller", "p\xc3\xa4ss", SASL_SET_CREATE);
    check("m\xc3\xbcller", "p\xc3\xa4ss");
    say("-- no such directory");
    set_option("sasldb_path", "./nosuch/db");
    fresh(NULL);
    check("alice", "new secret");
    trace = 4;
    say("setpass %s", rc(sasl_setpass(s, "alice", "x", 1, NULL, 0, SASL_SET_CREATE)) );
    trace = 0;
    sasl_dispose(&s);
    finish();
    return 0;
}
