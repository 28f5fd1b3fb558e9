/* sasl_getprop of every number in every state of a connection, and sasl_setprop of every kind of value. */
#include "abi.h"

static void get(sasl_conn_t *conn, int from, int to)
{
    for (int id = from; id <= to; id++) {
        static const char untouched[] = "untouched";
        const void *value = untouched;
        int code = sasl_getprop(conn, id, &value);
        const char *shown = value == untouched ? "untouched" : value == NULL ? "NULL" : "set";
        char text[200] = "";
        if (code == SASL_OK && value != NULL && value != untouched) {
            switch (id) {
            case SASL_USERNAME: case SASL_DEFUSERREALM: case SASL_IPLOCALPORT: case SASL_IPREMOTEPORT:
            case SASL_PLUGERR: case SASL_SERVICE: case SASL_SERVERFQDN: case SASL_AUTHSOURCE: case SASL_MECHNAME:
            case SASL_AUTHUSER: case SASL_APPNAME: case SASL_AUTH_EXTERNAL:
                shown = str(value);
                break;
            case SASL_SSF: case SASL_MAXOUTBUF: case SASL_SSF_EXTERNAL:
                snprintf(text, sizeof text, "%u", *(const unsigned *)value);
                shown = text;
                break;
            case SASL_GETOPTCTX:
                shown = value == (const void *)conn ? "the connection" : "something else";
                break;
            case SASL_SEC_PROPS: {
                const sasl_security_properties_t *p = value;
                snprintf(text, sizeof text, "%u-%u/%u/0x%x", p->min_ssf, p->max_ssf, p->maxbufsize, p->security_flags);
                shown = text;
                break;
            }
            case SASL_CALLBACK:
                shown = value == (const void *)server_callbacks || value == (const void *)client_callbacks ? "the callbacks"
                                                                                                             : "something else";
                break;
            }
        }
        say("  %d: %s %s", id, rc(code), shown);
    }
}
static void all(const char *title, sasl_conn_t *conn)
{
    say("%s", title);
    get(conn, -1, 24);
    get(conn, 99, 103);
    say("  detail %s", detail(conn));
}

static void set_string(sasl_conn_t *conn, int id, const char *value)
{
    const void *back = NULL;
    int code = sasl_setprop(conn, id, value), read;
    const char *why = code ? detail(conn) : "";
    read = sasl_getprop(conn, id, &back);
    say("  set %d %s: %s %s; get %s %s", id, str(value), rc(code), why, rc(read), read == SASL_OK ? str(back) : "-");
}

static void addresses(sasl_conn_t *conn, const char *which)
{
    static const char *const values[] = {
        "10.0.0.1;25", "10.0.0.1", "10.0.0.1;", ";25", "", "10.0.0.1;65535", "10.0.0.1;65536", "10.0.0.1;99999",
        "10.0.0.1;0", "10.0.0.1;-1", "10.0.0.1;25x", "10.0.0.1; 25", "10.0.0.1;smtp", "10.0.0.1;00025", "256.0.0.1;25",
        "10.1;25", "1;25", "0x7f.1;25", "::1;25", "::1", "[::1];25", "2001:DB8::1;143", "::ffff:10.0.0.1;25",
        "fe80::1%lo;25", "host.example.com;25", "localhost;25", "10.0.0.1;25;26", "10.0.0.1:25", " 10.0.0.1;25",
        "10.0.0.1 ;25", "unix;25", "10.0.0.1;+25", NULL};
    char old[4] = "";
    (void)old;
    say("addresses of the %s", which);
    for (int i = 0; i == 0 || values[i - 1]; i++) {
        set_string(conn, SASL_IPLOCALPORT, values[i]);
        set_string(conn, SASL_IPREMOTEPORT, values[i]);
    }
}

static void new_with(const char *local, const char *remote)
{
    sasl_conn_t *conn = (sasl_conn_t *)&conn;
    int code = sasl_server_new("svc", FQDN, NULL, local, remote, NULL, 0, &conn);
    say("  server_new local=%s remote=%s: %s conn %s", str(local), str(remote), rc(code), conn ? "set" : "NULL");
    if (code == SASL_OK) {
        get(conn, 8, 9);
        sasl_dispose(&conn);
    }
    conn = (sasl_conn_t *)&conn;
    code = sasl_client_new("svc", FQDN, local, remote, client_callbacks, 0, &conn);
    say("  client_new: %s conn %s", rc(code), conn ? "set" : "NULL");
    if (code == SASL_OK) sasl_dispose(&conn);
}

static void others(sasl_conn_t *conn, const char *which)
{
    sasl_security_properties_t props = {0, 0, 0, 0, NULL, NULL};
    unsigned ssf = 77;
    const void *value;
    say("others of the %s", which);
    set_string(conn, SASL_AUTH_EXTERNAL, "ext");
    set_string(conn, SASL_AUTH_EXTERNAL, "");
    set_string(conn, SASL_AUTH_EXTERNAL, "ext2");
    set_string(conn, SASL_AUTH_EXTERNAL, NULL);
    set_string(conn, SASL_DEFUSERREALM, "realm.example");
    set_string(conn, SASL_DEFUSERREALM, "");
    set_string(conn, SASL_DEFUSERREALM, NULL);
    set_string(conn, SASL_APPNAME, "app");
    set_string(conn, SASL_APPNAME, "");
    set_string(conn, SASL_APPNAME, NULL);
    set_string(conn, SASL_SERVICE, "other");
    set_string(conn, SASL_SERVERFQDN, "other");
    set_string(conn, SASL_USERNAME, "other");
    set_string(conn, SASL_AUTHUSER, "other");
    set_string(conn, SASL_MECHNAME, "PLAIN");
    say("  set SSF_EXTERNAL: %s", rc(sasl_setprop(conn, SASL_SSF_EXTERNAL, &ssf)));
    ssf = 78;
    sasl_getprop(conn, SASL_SSF_EXTERNAL, &value);
    say("  read back %u", *(const unsigned *)value);
    for (unsigned i = 0; i < 5; i++) {
        static const unsigned cases[5][3] = {{0, 0, 0}, {1, 0, 0}, {1, 256, 1}, {56, 1, 100}, {0, 0, 0xffffffff}};
        props.min_ssf = cases[i][0];
        props.max_ssf = cases[i][1];
        props.maxbufsize = cases[i][2];
        props.security_flags = 0xffff;
        say("  set SEC_PROPS %u-%u/%u: %s", cases[i][0], cases[i][1], cases[i][2], rc(sasl_setprop(conn, SASL_SEC_PROPS, &props)));
        say("  %s", detail(conn));
        sasl_getprop(conn, SASL_SEC_PROPS, &value);
        say("  read back %u-%u/%u/0x%x", ((const sasl_security_properties_t *)value)->min_ssf,
            ((const sasl_security_properties_t *)value)->max_ssf, ((const sasl_security_properties_t *)value)->maxbufsize,
            ((const sasl_security_properties_t *)value)->security_flags);
    }
    for (int id = 0; id < 24; id++)
        if (id == 1 || id == 2 || id == 4 || id == 5 || id == 6 || id == 7 || id == 10 || id == 11 || id == 14 || id > 18) {
            if (id == SASL_CHANNEL_BINDING || id == SASL_HTTP_REQUEST || id == SASL_GSS_CREDS) continue;
            say("  set %d: %s", id, rc(sasl_setprop(conn, id, "value")));
            say("  %s", detail(conn));
        }
    say("  set 99: %s", rc(sasl_setprop(conn, 99, "value")));
    say("  set 103: %s", rc(sasl_setprop(conn, 103, "value")));
    say("  set CHANNEL_BINDING NULL: %s", rc(sasl_setprop(conn, SASL_CHANNEL_BINDING, NULL)));
    say("  set HTTP_REQUEST NULL: %s", rc(sasl_setprop(conn, SASL_HTTP_REQUEST, NULL)));
    say("  set GSS_CREDS NULL: %s", rc(sasl_setprop(conn, SASL_GSS_CREDS, NULL)));
    say("  get with NULL: %s", rc(sasl_getprop(conn, SASL_SSF, NULL)));
    say("  %s", detail(conn));
}

int main(void)
{
    sasl_conn_t *s, *c, *bare = NULL;
    const char *out, *in;
    unsigned outlen, inlen;
    const void *value;
    say("before init: get %s set %s", rc(sasl_getprop(NULL, 0, &value)), rc(sasl_setprop(NULL, 101, NULL)));
    begin();
    say("NULL connection: get %s set %s", rc(sasl_getprop(NULL, 0, &value)), rc(sasl_setprop(NULL, 101, NULL)));
    s = server();
    c = client();
    all("fresh server", s);
    all("fresh client", c);
    sasl_server_new("svc", NULL, "realm.example", "10.0.0.1;25", "::1;1000", NULL, 0, &bare);
    say("server with everything");
    get(bare, 3, 3);
    get(bare, 8, 9);
    get(bare, 17, 17);
    sasl_dispose(&bare);
    sasl_client_new("SVC", NULL, NULL, NULL, NULL, 0, &bare);
    all("client without anything", bare);
    sasl_dispose(&bare);
    sasl_server_new("SVC", "HOST.Example.COM", NULL, NULL, NULL, NULL, 0, &bare);
    say("capitals");
    get(bare, 12, 13);
    sasl_dispose(&bare);
    sasl_client_start(c, "SCRAM-SHA-1", NULL, &out, &outlen, NULL);
    sasl_server_start(s, "SCRAM-SHA-1", out, outlen, &in, &inlen);
    all("server in the middle", s);
    all("client in the middle", c);
    sasl_dispose(&s);
    sasl_dispose(&c);
    s = server();
    c = client();
    secprops(s, 0, 256, 4096, 0);
    secprops(c, 0, 256, 4096, 0);
    exchange(c, s, "DIGEST-MD5");
    all("server after success with a layer", s);
    all("client after success with a layer", c);
    sasl_dispose(&s);
    sasl_dispose(&c);
    s = server();
    c = client();
    cli_user = "bob";
    secprops(s, 0, 0, 4096, 0);
    exchange(c, s, "PLAIN");
    all("server after success without a layer", s);
    all("client after success without a layer", c);
    sasl_dispose(&s);
    sasl_dispose(&c);
    s = server();
    c = client();
    cli_user = "";
    cli_pass = "wrong";
    exchange(c, s, "SCRAM-SHA-256");
    all("server after failure", s);
    all("client of the failure", c);
    addresses(s, "server");
    addresses(c, "client");
    say("addresses at creation");
    new_with(NULL, NULL);
    new_with("10.0.0.1;25", NULL);
    new_with(NULL, "junk");
    new_with("junk", NULL);
    new_with("", "");
    others(s, "server");
    others(c, "client");
    sasl_dispose(&s);
    sasl_dispose(&c);
    finish();
    return 0;
}
