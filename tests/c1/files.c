/* Which files are read, and that the application is asked about each. */
#include "c1.h"

static char seen[4096], here[256];
static int conf_answer, passwd_answer;

static int verify(void *context, const char *file, sasl_verify_type_t type)
{
    size_t used = strlen(seen);
    check(context == seen);
    snprintf(seen + used, sizeof seen - used, "%d %s\n", type, file);
    return type == SASL_VRFY_CONF ? conf_answer : type == SASL_VRFY_PASSWD ? passwd_answer : SASL_FAIL;
}

static int getpath(void *context, char **path)
{
    *path = context == NULL ? NULL : my_strdup(context);
    return SASL_OK;
}

static int no_path(void *context, char **path)
{
    (void)context, (void)path;
    return SASL_NOPATH;
}

static int offered(const char *name)
{
    sasl_conn_t *server = new_server("", NULL, 0);
    char *list;
    int found, result;
    is(sasl_listmech(server, NULL, " ", NULL, " ", &list, NULL, NULL), SASL_OK);
    found = strstr(list, name) != NULL;
    my_free(list);
    if (!found) {
        result = sasl_server_start(server, name, NULL, 0, &list, NULL, NULL);
        is(result, SASL_NOMECH);
    }
    sasl_dispose(&server);
    return found;
}

static const char *path_of(const char *name)
{
    static char paths[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", here, name);
    return paths[turn];
}

static void test_paths(void)
{
    char both[600];
    sasl_callback_t callbacks[] = {{SASL_CB_VERIFYFILE, verify, seen}, {SASL_CB_LOG, log_line, NULL},
                                   {SASL_CB_GETPATH, getpath, both}, {SASL_CB_LIST_END, NULL, NULL}};
    char expected[1200], text[600];

    /* The first directory of what GETPATH says, and no other; the database after it. */
    snprintf(both, sizeof both, "%s:%s", path_of("one"), path_of("two"));
    snprintf(text, sizeof text, "sasldb_path: %s\n", path_of("two/sasldb"));
    write_file(path_of("two/tester.conf"), "no colon here\n", 0600);
    *seen = 0;
    is(sasl_server_init(callbacks, "tester"), SASL_OK);
    snprintf(expected, sizeof expected, "2 %s\n3 /etc/sasldb\n", path_of("one/tester.conf"));
    text_is(seen, expected);
    write_file(path_of("one/tester.conf"), text, 0600);
    *seen = 0;
    is(sasl_server_init(callbacks, "tester"), SASL_OK);
    snprintf(expected, sizeof expected, "2 %s\n3 %s\n", path_of("one/tester.conf"), path_of("two/sasldb"));
    text_is(seen, expected);

    /* An answer without a path, and no callback: the variable SASL_PATH; then the library's own directory. */
    callbacks[2].context = NULL;
    for (int i = 0; i < 2; i++) {
        setenv("SASL_PATH", both, 1);
        *seen = 0;
        is(sasl_server_init(callbacks, "tester"), SASL_OK);
        text_is(seen, expected);
        callbacks[2].id = SASL_CB_LIST_END;
    }
    unsetenv("SASL_PATH");
    *seen = 0;
    is(sasl_server_init(callbacks, "tester-that-is-not-there"), SASL_OK);
    text_is(seen, "2 /usr/lib/sasl/tester-that-is-not-there.conf\n3 /etc/sasldb\n");

    /* A GETPATH that fails ends the init. */
    callbacks[2].id = SASL_CB_GETPATH;
    callbacks[2].proc = no_path;
    is(sasl_server_init(callbacks, "tester"), SASL_NOPATH);
}

static void test_configuration(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_VERIFYFILE, verify, seen}, {SASL_CB_LOG, log_line, NULL},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    char where[700];
    sasl_conn_t *server;
    setenv("SASL_PATH", path_of("one"), 1);

    /* An error in the file ends the init, and the log says where. */
    write_file(path_of("one/tester.conf"), "# fine\npwcheck_method: sasldb\nauto_transition\n", 0600);
    *logged = 0;
    is(sasl_server_init(callbacks, "tester"), SASL_FAIL);
    snprintf(where, sizeof where, "1 %s:3:", path_of("one/tester.conf"));
    check(strncmp(logged, where, strlen(where)) == 0);
    write_file(path_of("one/tester.conf"), "pwcheck_method:\n", 0600);
    is(sasl_server_init(callbacks, "tester"), SASL_FAIL);

    /* What is hardly meant is a warning, and what this interface knows is none. */
    write_file(path_of("one/tester.conf"),
               "pwcheck_method: sasldb\nauto_transition: true\nsrvtab: /etc/srvtab\nlog_level: 3\n", 0600);
    *logged = 0;
    is(sasl_server_init(callbacks, "tester"), SASL_OK);
    text_is(logged, "");

    /* Why mechanisms are hidden is said at the init. */
    write_file(path_of("one/tester.conf"), "sasldb_path: /nonexistent/sasldb\n", 0600);
    is(sasl_server_init(callbacks, "tester"), SASL_OK);
    check(strstr(logged, "3 CRAM-MD5 is not offered: /nonexistent/sasldb has no secrets for CRAM-MD5") != NULL);
    *logged = 0;
    write_file(path_of("one/tester.conf"), "pwcheckmethod: pam\n", 0600);
    is(sasl_server_init(callbacks, "tester"), SASL_OK);
    snprintf(where, sizeof where, "2 %s:1:", path_of("one/tester.conf"));
    check(strncmp(logged, where, strlen(where)) == 0);
    write_file(path_of("one/tester.conf"), "pwcheck_method:\n", 0600);

    /* A file that the application does not want is as none; one that it calls an error is one. */
    conf_answer = SASL_CONTINUE;
    is(sasl_server_init(callbacks, "tester"), SASL_OK);
    conf_answer = SASL_BADPARAM;
    is(sasl_server_init(callbacks, "tester"), SASL_BADPARAM);
    conf_answer = SASL_OK;

    /* Options: the connection's callback, then the server's, then the file. */
    {
        static char own[] = "pwcheck_method=own", global[] = "pwcheck_method=global";
        sasl_callback_t mine[] = {{SASL_CB_GETOPT, option, own}, {SASL_CB_LIST_END, NULL, NULL}};
        sasl_callback_t all[] = {{SASL_CB_GETOPT, option, global}, {SASL_CB_LOG, log_line, NULL},
                                 {SASL_CB_LIST_END, NULL, NULL}};
        write_file(path_of("one/tester.conf"), "PWCHECK_method: file\npwcheck_method: later\n", 0600);
        for (int i = 0; i < 3; i++) {
            is(sasl_server_init(i == 2 ? callbacks : all, "tester"), SASL_OK);
            server = new_server("", i == 0 ? mine : NULL, 0);
            *logged = 0;
            is(sasl_checkpass(server, "jephe", 5, "secret", 6, NULL), SASL_NOMECH);
            check(strstr(logged, ((const char *[]){"verifier own", "verifier global", "verifier file"})[i]) != NULL);
            sasl_dispose(&server);
        }
    }
}

/* CRAM-MD5 and DIGEST-MD5 are hidden while the database may not be used; PLAIN and LOGIN never. */
static void test_database(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_VERIFYFILE, verify, seen}, {SASL_CB_LOG, log_line, NULL},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    char text[600];
    snprintf(text, sizeof text, "sasldb_path: %s\n", path_of("sasldb"));
    write_file(path_of("one/tester.conf"), text, 0600);
    is(sasl_server_init(callbacks, "tester"), SASL_OK);
    check(!offered("CRAM-MD5") && !offered("DIGEST-MD5") && offered("PLAIN") && offered("LOGIN"));
    add_user("jephe", "secret");
    check(offered("CRAM-MD5") && offered("DIGEST-MD5"));
    for (int i = 0; i < 3; i++) {
        passwd_answer = (int[]){SASL_CONTINUE, SASL_FAIL, SASL_OK}[i];
        is(sasl_server_init(callbacks, "tester"), SASL_OK);
        is(offered("CRAM-MD5"), i == 2);
        is(offered("DIGEST-MD5"), i == 2);
        check(offered("PLAIN") && offered("LOGIN"));
    }
}

int main(void)
{
    begin();
    check(getcwd(here, sizeof here) != NULL);
    mkdir(path_of("one"), 0700);
    mkdir(path_of("two"), 0700);
    test_paths();
    test_configuration();
    test_database();
    return finish();
}
