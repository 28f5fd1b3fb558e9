/* The server's side: initialising, lists, codes, and the text that tells what was wrong. */
#include "c1.h"

static void test_arguments(void)
{
    static const sasl_callback_t empty[] = {{SASL_CB_LOG, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *server = (sasl_conn_t *)1;
    char *out = (char *)1;
    unsigned len = 1, count = 1;
    is(sasl_server_new("smtp", HOST, NULL, NULL, 0, &server), SASL_FAIL); /* before init */
    check(server == NULL);
    is(sasl_listmech(server, NULL, NULL, NULL, NULL, &out, &len, &count), SASL_FAIL);
    check(out == NULL && len == 0 && count == 0);
    is(sasl_server_init(NULL, NULL), SASL_BADPARAM);
    is(sasl_server_init(empty, "tester"), SASL_FAIL);
    start_server();
    is(sasl_server_new(NULL, HOST, NULL, NULL, 0, &server), SASL_FAIL);
    check(server == NULL);
    is(sasl_server_new("smtp", HOST, NULL, NULL, 0, NULL), SASL_FAIL);
    is(sasl_listmech(NULL, NULL, NULL, NULL, NULL, &out, &len, &count), SASL_FAIL);
    server = new_server(NULL, NULL, 0);
    is(sasl_listmech(server, NULL, NULL, NULL, NULL, NULL, &len, &count), SASL_FAIL);
    /* Declared though 1.5 lacked them; they never do anything. */
    is(sasl_user_exists("smtp", HOST, "jephe"), SASL_FAIL);
    is(sasl_cred_install(server), SASL_FAIL);
    is(sasl_cred_uninstall(server), SASL_FAIL);
    is(sasl_idle(server), 0);
    is(sasl_idle(NULL), 0);
    sasl_dispose(&server);

    /* Without a name the host's own is taken. */
    is(sasl_server_new("smtp", NULL, NULL, NULL, 0, &server), SASL_OK);
    {
        char host[256] = "", challenge[600];
        gethostname(host, sizeof host - 1);
        check(sasl_mkchal(server, challenge, sizeof challenge, 1) > 0);
        check(strncasecmp(strchr(challenge, '@') + 1, host, strlen(host)) == 0);
    }
    sasl_dispose(&server);
}

static int has(const char *list, const char *name)
{
    const char *at = strstr(list, name);
    return at != NULL && (at == list || at[-1] == ' ') && (at[strlen(name)] == ' ' || !at[strlen(name)]);
}

static char *list_of(sasl_conn_t *server, unsigned expected)
{
    char *out;
    unsigned len, count;
    is(sasl_listmech(server, NULL, NULL, NULL, NULL, &out, &len, &count), SASL_OK);
    is(count, expected);
    is(strlen(out), len);
    return out;
}

static void test_list(void)
{
    sasl_security_properties_t props = {0, INT_MAX, 8192, 0, NULL, NULL};
    sasl_external_properties_t external = {256, "jephe"};
    sasl_conn_t *server = new_server("", NULL, 0);
    char *out;
    unsigned len, count;

    /* No user yet, so that CRAM-MD5 and DIGEST-MD5 are hidden, and cannot be started. */
    out = list_of(server, 3);
    check(has(out, "PLAIN") && has(out, "LOGIN") && has(out, "ANONYMOUS"));
    my_free(out);
    is(sasl_server_start(server, "CRAM-MD5", NULL, 0, &out, &len, NULL), SASL_NOMECH);
    add_user("jephe", "secret");
    out = list_of(server, 5);
    check(has(out, "CRAM-MD5") && has(out, "DIGEST-MD5") && !has(out, "EXTERNAL"));
    my_free(out);

    /* Prefix, separator and suffix; none of them; one name. */
    is(sasl_listmech(server, "user", "{", "|", "}", &out, NULL, NULL), SASL_OK);
    check(out[0] == '{' && strchr(out, '|') != NULL && strchr(out, ' ') == NULL && out[strlen(out) - 1] == '}');
    my_free(out);

    /* An external identity brings EXTERNAL, an empty one does not. */
    is(sasl_setprop(server, SASL_SSF_EXTERNAL, &external), SASL_OK);
    out = list_of(server, 6);
    check(has(out, "EXTERNAL"));
    my_free(out);
    external.auth_id = "";
    is(sasl_setprop(server, SASL_SSF_EXTERNAL, &external), SASL_OK);
    my_free(list_of(server, 5));

    /* What is demanded hides what does not meet it; with enough underneath a plaintext password is no danger. */
    props.security_flags = SASL_SEC_NOPLAINTEXT | SASL_SEC_NOANONYMOUS;
    is(sasl_setprop(server, SASL_SEC_PROPS, &props), SASL_OK);
    out = list_of(server, 4);
    check(has(out, "PLAIN") && has(out, "LOGIN"));
    my_free(out);
    external.ssf = 0;
    is(sasl_setprop(server, SASL_SSF_EXTERNAL, &external), SASL_OK);
    out = list_of(server, 2);
    check(has(out, "CRAM-MD5") && has(out, "DIGEST-MD5"));
    my_free(out);
    is(sasl_server_start(server, "PLAIN", "\0j\0p", 4, &out, &len, NULL), SASL_NOMECH);
    props.security_flags = 0;
    props.min_ssf = 56;
    is(sasl_setprop(server, SASL_SEC_PROPS, &props), SASL_OK);
    out = list_of(server, 1);
    text_is(out, "DIGEST-MD5");
    my_free(out);

    /* A list of nothing is no error. The flags are those of this interface: 0x0200 asks for credentials, 0x0020 for nothing
     * that anything has. */
    props.min_ssf = 0;
    for (int flag = 0; flag < 3; flag++) {
        props.security_flags = (int[]){SASL_SEC_PASS_CREDENTIALS, 0x20, 0x40}[flag];
        is(sasl_setprop(server, SASL_SEC_PROPS, &props), SASL_OK);
        is(sasl_listmech(server, NULL, NULL, NULL, NULL, &out, &len, &count), SASL_OK);
        text_is(out, "");
        check(len == 0 && count == 0);
        my_free(out);
    }
    sasl_dispose(&server);
}

static void test_codes(void)
{
    sasl_conn_t *server = new_server("", NULL, 0);
    char *out;
    unsigned len;
    const char *errstr;

#define refused(call, code) \
    out = (char *)1; len = 7; errstr = (const char *)1; \
    is(call, code); \
    check(out == NULL && len == 0 && errstr != (const char *)1)
    refused(sasl_server_start(NULL, "PLAIN", NULL, 0, &out, &len, &errstr), SASL_FAIL);
    check(errstr == NULL);
    refused(sasl_server_start(server, NULL, NULL, 0, &out, &len, &errstr), SASL_BADPARAM);
    refused(sasl_server_start(server, "PLAIN", NULL, 3, &out, &len, &errstr), SASL_BADPARAM);
    refused(sasl_server_start(server, "GSSAPI", NULL, 0, &out, &len, &errstr), SASL_NOMECH);
    check(errstr != NULL && strstr(errstr, "GSSAPI") != NULL);
    refused(sasl_server_start(server, "EXTERNAL", "", 0, &out, &len, &errstr), SASL_NOMECH);
    refused(sasl_server_step(NULL, "x", 1, &out, &len, &errstr), SASL_FAIL);
    refused(sasl_server_step(server, "x", 1, &out, &len, &errstr), SASL_BADPROT);
    refused(sasl_server_step(server, NULL, 1, &out, &len, &errstr), SASL_BADPARAM);
    check(errstr != NULL);

    /* Capitals do not matter, nor do the places that are NULL. */
    is(sasl_server_start(server, "plain", "\0jephe\0secret", 13, NULL, NULL, NULL), SASL_OK);
    refused(sasl_server_start(server, "PLAIN", "\0jephe\0wrong", 12, &out, &len, &errstr), SASL_BADAUTH);
    check(errstr != NULL);
    is(sasl_server_start(server, "PLAIN", "\0nobody\0wrong", 13, NULL, NULL, NULL), SASL_NOUSER);
    /* No data is asked for with an empty challenge. */
    is(sasl_server_start(server, "PLAIN", NULL, 0, &out, &len, &errstr), SASL_CONTINUE);
    check(out != NULL && len == 0 && *out == 0 && errstr == NULL);
    my_free(out);
    is(sasl_server_step(server, "\0jephe\0secret", 13, &out, &len, &errstr), SASL_OK);
    check(errstr == NULL);
    my_free(out);
    /* Done is done. */
    refused(sasl_server_step(server, "x", 1, &out, &len, &errstr), SASL_FAIL);

    /* LOGIN, with and without the name along. */
    is(sasl_server_start(server, "LOGIN", NULL, 0, &out, &len, &errstr), SASL_CONTINUE);
    text_is(out, "Username:");
    my_free(out);
    is(sasl_server_step(server, "jephe", 5, &out, &len, &errstr), SASL_CONTINUE);
    text_is(out, "Password:");
    my_free(out);
    is(sasl_server_step(server, "secret", 6, &out, &len, &errstr), SASL_OK);
    my_free(out);
    is(sasl_server_start(server, "LOGIN", "jephe", 5, &out, &len, &errstr), SASL_CONTINUE);
    text_is(out, "Password:");
    my_free(out);
    sasl_dispose(&server);

    for (int i = 0; i < 4; i++) {
        const char *mech = ((const char *[]){"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"})[i];
        server = new_server("", NULL, 0);
        is(login(server, mech, "jephe", "secret"), SASL_OK);
        is(login(server, mech, "jephe", "Secret"), SASL_BADAUTH);
        check(last_errstr != NULL && *last_errstr);
        is(login(server, mech, "nobody", "secret"), SASL_NOUSER);
        is(login(server, mech, "jephe", "secret"), SASL_OK);
        sasl_dispose(&server);
    }
}

static void test_passwords(void)
{
    sasl_conn_t *server = new_server(NULL, NULL, 0);
    const char *errstr;
    is(sasl_checkpass(NULL, "jephe", 5, "secret", 6, &errstr), SASL_FAIL);
    is(sasl_checkpass(server, NULL, 5, "secret", 6, &errstr), SASL_BADPARAM);
    check(errstr != NULL);
    is(sasl_checkpass(server, "jephe", 5, NULL, 0, &errstr), SASL_BADPARAM);
    is(sasl_checkpass(server, "jephe", 99, "secret", 6, &errstr), SASL_OK); /* the length of the name is not looked at */
    check(errstr == NULL);
    text_is(name_of(server, SASL_USERNAME), "jephe");
    is(sasl_checkpass(server, "jephe", 5, "secret", 5, NULL), SASL_BADAUTH);
    text_is(name_of(server, SASL_USERNAME), "(not done)");
    is(sasl_checkpass(server, "nobody", 6, "secret", 6, &errstr), SASL_NOUSER);

    is(sasl_setpass(NULL, "jephe", "x", 1, 0, &errstr), SASL_FAIL);
    is(sasl_setpass(server, NULL, "x", 1, 0, &errstr), SASL_BADPARAM);
    is(sasl_setpass(server, "jephe", "x", 1, SASL_SET_CREATE | SASL_SET_DISABLE, &errstr), SASL_BADPARAM);
    text_is(errstr, "Can't both create and disable simultaneously");
    for (int flags = 0; flags < 2; flags++) {
        is(sasl_setpass(server, "jephe", "x", 0, flags, &errstr), SASL_BADPARAM);
        text_is(errstr, "Password must be at least one character long");
        is(sasl_setpass(server, "jephe", NULL, 0, flags, &errstr), SASL_BADPARAM);
        text_is(errstr, "Password must be at least one character long");
    }
    is(sasl_checkpass(server, "jephe", 5, "secret", 6, NULL), SASL_OK);
    *logged = 0;
    is(sasl_setpass(server, "jephe", "changed", 7, 0, &errstr), SASL_OK);
    check(errstr == NULL);
    check(strstr(logged, "3 PLAIN: set secret for jephe\n") != NULL);
    check(strstr(logged, "3 CRAM-MD5: set secret for jephe\n") != NULL);
    check(strstr(logged, "3 DIGEST-MD5: set secret for jephe\n") != NULL);
    check(strstr(logged, "changed") == NULL);
    is(sasl_checkpass(server, "jephe", 5, "secret", 6, NULL), SASL_BADAUTH);
    is(sasl_checkpass(server, "jephe", 5, "changed", 7, NULL), SASL_OK);
    is(sasl_setpass(server, "jephe", "ignored", 7, SASL_SET_DISABLE, NULL), SASL_OK);
    is(sasl_checkpass(server, "jephe", 5, "changed", 7, NULL), SASL_NOUSER);
    is(sasl_setpass(server, "jephe", NULL, 0, SASL_SET_DISABLE, &errstr), SASL_NOUSER);
    sasl_dispose(&server);
}

/* A second init does everything anew; a connection of before goes on as it was. */
static void test_again(void)
{
    sasl_conn_t *before, *after;
    char *list, *out;
    unsigned len;
    add_user("jephe", "secret");
    before = new_server(NULL, NULL, 0);
    strcat(options, "pwcheck_method=magic\n");
    *logged = 0;
    is(sasl_server_init(server_callbacks, "tester"), SASL_OK);
    after = new_server(NULL, NULL, 0);
    list = list_of(after, 5);
    my_free(list);
    is(sasl_checkpass(after, "jephe", 5, "secret", 6, NULL), SASL_NOMECH);
    check(strstr(logged, "1 unrecognized plaintext verifier magic") != NULL);
    is(login(before, "CRAM-MD5", "jephe", "secret"), SASL_OK);
    sasl_dispose(&before);
    sasl_dispose(&after);
    sasl_done();
    sasl_done();
    is(sasl_server_new("smtp", HOST, NULL, NULL, 0, &after), SASL_FAIL);
    is(sasl_server_start(after, "PLAIN", NULL, 0, &out, &len, NULL), SASL_FAIL);
}

int main(void)
{
    begin();
    test_arguments();
    is(sasl_client_init(NULL), SASL_OK);
    test_list();
    test_codes();
    test_passwords();
    test_again();
    return finish();
}
