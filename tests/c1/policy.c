/* Who may act as whom. 1.5.24 asked its application and did not heed the answer; here it counts. */
#include "c1.h"

static char seen[256];
static int answer;
static const char *give, *say;
static int alias;

static int policy(void *context, const char *auth, const char *requested, const char **user, const char **errstr)
{
    check(context == seen && user != NULL && errstr != NULL);
    check(*user == NULL && *errstr == NULL);
    snprintf(seen, sizeof seen, "%s as %s", auth, requested);
    if (give != NULL) *user = my_strdup(give);
    if (alias) *user = requested;
    if (say != NULL) *errstr = say;
    return answer;
}

static sasl_callback_t callbacks[] = {{SASL_CB_PROXY_POLICY, policy, seen}, {SASL_CB_LIST_END, NULL, NULL}};

/* A client that wants to act as somebody. */
static int login_as(sasl_conn_t *server, const char *mech, const char *user, const char *authzid, const char *pass)
{
    sasl_callback_t client_callbacks[] = {{SASL_CB_USER, simple, (void *)authzid},
                                          {SASL_CB_AUTHNAME, simple, (void *)user},
                                          {SASL_CB_PASS, password, (void *)pass},
                                          {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = new_client(client_callbacks, 0);
    int result = talk(client, server, mech);
    sasl_dispose(&client);
    return result;
}

/* The hole of 1.5.24. */
static void test_a_refusal_is_obeyed(void)
{
    static const int codes[] = {SASL_BADAUTH, SASL_NOAUTHZ, SASL_FAIL, SASL_DISABLED, SASL_NEWSECRET, -77};
    sasl_conn_t *server = new_server("", callbacks, 0);
    say = "not today";
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++)
        for (int j = 0; j < 4; j++) {
            answer = codes[i];
            is(login(server, ((const char *[]){"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"})[j], "jephe", "secret"),
               codes[i]);
            text_is(last_errstr, "not today");
            text_is(name_of(server, SASL_USERNAME), "(not done)");
        }
    answer = SASL_OK;
    say = NULL;
    is(login(server, "PLAIN", "jephe", "secret"), SASL_OK);
    sasl_dispose(&server);
}

/* The name that the policy gives is taken over: it is the user's from then on, and freed here. */
static void test_the_name_is_adopted(void)
{
    sasl_conn_t *server = new_server("", callbacks, 0);
    long before = live;
    void *value;
    answer = SASL_OK;
    give = "somebody";
    is(login_as(server, "PLAIN", "jephe", "root", "secret"), SASL_OK);
    text_is(seen, "jephe as root");
    text_is(name_of(server, SASL_USERNAME), "somebody");
    is(live, before + 1);
    is(sasl_getprop(server, SASL_USERNAME, &value), SASL_OK);
    is(login(server, "CRAM-MD5", "jephe", "secret"), SASL_OK);
    text_is(seen, "jephe as jephe");
    is(live, before + 1);
    give = NULL;
    is(login_as(server, "PLAIN", "jephe", "root", "secret"), SASL_OK);
    text_is(name_of(server, SASL_USERNAME), "root");
    is(live, before);
    /* One that points to what it was given has allocated nothing. */
    alias = 1;
    is(login_as(server, "PLAIN", "jephe", "root", "secret"), SASL_OK);
    text_is(name_of(server, SASL_USERNAME), "root");
    alias = 0;
    /* Nobody has an empty name. */
    give = "";
    is(login(server, "PLAIN", "jephe", "secret"), SASL_NOAUTHZ);
    text_is(name_of(server, SASL_USERNAME), "(not done)");
    give = "somebody";
    is(login(server, "PLAIN", "jephe", "secret"), SASL_OK);
    sasl_dispose(&server);
    is(live, before);
    give = NULL;
}

static void test_without_a_policy(void)
{
    sasl_conn_t *server = new_server("", NULL, 0);
    is(login_as(server, "PLAIN", "jephe", "root", "secret"), SASL_BADAUTH);
    text_is(last_errstr, "Requested identity not authenticated identity");
    text_is(name_of(server, SASL_USERNAME), "(not done)");
    is(login_as(server, "PLAIN", "jephe", "jephe", "secret"), SASL_OK);
    is(login_as(server, "PLAIN", "jephe", "", "secret"), SASL_OK);
    is(login_as(server, "DIGEST-MD5", "jephe", "root", "secret"), SASL_BADAUTH);
    is(login_as(server, "DIGEST-MD5", "jephe", "", "secret"), SASL_OK);
    text_is(name_of(server, SASL_USERNAME), "jephe");
    sasl_dispose(&server);
}

int main(void)
{
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    test_a_refusal_is_obeyed();
    test_the_name_is_adopted();
    test_without_a_policy();
    return finish();
}
