/* The client's side: what is given out and when, what is asked, and questions to the user. */
#include "c1.h"

static char asked[256];

/* Notes that it was asked, and by what name. */
static int noted_name(void *context, int id, const char **result, unsigned *len)
{
    strcat(asked, id == SASL_CB_AUTHNAME ? "authname " : "user ");
    return simple(context, id, result, len);
}

static int noted_password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    strcat(asked, "pass ");
    return password(conn, context, id, secret);
}

static int noted_realm(void *context, int id, const char **realms, const char **result)
{
    is(id, 0x4007);
    strcat(asked, "realm(");
    for (; realms != NULL && *realms != NULL; realms++) strcat(strcat(asked, *realms), ";");
    strcat(asked, ") ");
    *result = context;
    return SASL_OK;
}

static int failing(void *context, int id, const char **result, unsigned *len)
{
    (void)context, (void)id, (void)result, (void)len;
    return SASL_EXPIRED;
}

/* Every return of start and step says that there is nothing, or gives something new. */
static void test_outputs(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_AUTHNAME, noted_name, "jephe"},
                                   {SASL_CB_PASS, noted_password, "secret"},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_callback_t broken[] = {
        {SASL_CB_AUTHNAME, failing, NULL}, {SASL_CB_PASS, password, "secret"}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = new_client(callbacks, 0);
    char *out;
    unsigned len;
    const char *mech = "untouched";

#define nothing(call, code) \
    out = (char *)1; len = 7; \
    is(call, code); \
    check(out == NULL && len == 0)
    nothing(sasl_client_start(NULL, "PLAIN", NULL, NULL, &out, &len, &mech), SASL_FAIL);
    nothing(sasl_client_start(client, NULL, NULL, NULL, &out, &len, &mech), SASL_BADPARAM);
    nothing(sasl_client_start(client, "", NULL, NULL, &out, &len, &mech), SASL_NOMECH);
    nothing(sasl_client_start(client, "KERBEROS_V4 SECURID", NULL, NULL, &out, &len, &mech), SASL_NOMECH);
    text_is(mech, "untouched");
    nothing(sasl_client_step(NULL, "x", 1, NULL, &out, &len), SASL_FAIL);
    nothing(sasl_client_step(client, NULL, 1, NULL, &out, &len), SASL_BADPARAM);
    nothing(sasl_client_step(client, "x", 1, NULL, &out, &len), SASL_BADPROT);

    /* CRAM-MD5 has no first message, and asks for nothing before the challenge is there. */
    *asked = 0;
    nothing(sasl_client_start(client, "CRAM-MD5", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    text_is(mech, "CRAM-MD5");
    text_is(asked, "");
    is(sasl_client_step(client, "<1.2@host>", 10, NULL, &out, &len), SASL_OK);
    check(len == 38 && memcmp(out, "jephe ", 6) == 0 && out[38] == 0);
    check(strstr(asked, "authname") != NULL && strstr(asked, "pass") != NULL);
    my_free(out);
    nothing(sasl_client_step(client, "x", 1, NULL, &out, &len), SASL_FAIL);

    /* LOGIN and DIGEST-MD5 neither. */
    nothing(sasl_client_start(client, "login", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    text_is(mech, "LOGIN");
    nothing(sasl_client_start(client, "DIGEST-MD5", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    nothing(sasl_client_step(client, "garbage", 7, NULL, &out, &len), SASL_BADAUTH);

    /* Without a place for it no first message is made; the first step gives it then. */
    is(sasl_client_start(client, "PLAIN", NULL, NULL, NULL, NULL, &mech), SASL_CONTINUE);
    is(sasl_client_step(client, NULL, 0, NULL, &out, &len), SASL_OK);
    is(len, 13);
    my_free(out);
    sasl_dispose(&client);

    /* The code of a callback is the result. */
    client = new_client(broken, 0);
    nothing(sasl_client_start(client, "PLAIN", NULL, NULL, &out, &len, &mech), SASL_EXPIRED);
    sasl_dispose(&client);

    /* Without a way to know the user a mechanism is not taken. */
    client = new_client(NULL, 0);
    nothing(sasl_client_start(client, "PLAIN CRAM-MD5", NULL, NULL, &out, &len, &mech), SASL_NOMECH);
    is(sasl_client_start(client, "PLAIN ANONYMOUS", NULL, NULL, &out, &len, &mech), SASL_OK);
    text_is(mech, "ANONYMOUS");
    my_free(out);
    sasl_dispose(&client);
}

/* The strongest of the mechanisms that are offered is taken. */
static void test_choice(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_AUTHNAME, simple, "jephe"},
                                   {SASL_CB_PASS, password, "secret"},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = new_client(callbacks, SASL_SECURITY_LAYER);
    char *out;
    unsigned len;
    const char *mech;
    is(sasl_client_start(client, "LOGIN PLAIN CRAM-MD5 DIGEST-MD5", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    text_is(mech, "DIGEST-MD5");
    sasl_dispose(&client);
}

/* Answers to questions are taken over with the array that they came in. */
static void test_interaction(void)
{
    sasl_callback_t callbacks[] = {{SASL_CB_USER, NULL, NULL},
                                   {SASL_CB_AUTHNAME, NULL, NULL},
                                   {SASL_CB_PASS, NULL, NULL},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = new_client(callbacks, 0);
    sasl_interact_t *prompts = NULL, *prompt;
    char *out = (char *)1;
    unsigned len;
    const char *mech;
    int seen = 0;
    long before;
    is(sasl_client_start(client, "PLAIN", NULL, &prompts, &out, &len, &mech), SASL_INTERACT);
    check(out == NULL && len == 0 && prompts != NULL);
    for (prompt = prompts; prompt->id != SASL_CB_LIST_END; prompt++) {
        check(prompt->prompt != NULL && *prompt->prompt && prompt->result == NULL);
        if (prompt->id == SASL_CB_PASS) {
            seen |= 1;
            prompt->result = my_answer("secret");
            prompt->len = 6;
        } else if (prompt->id == SASL_CB_AUTHNAME) {
            seen |= 2;
            prompt->result = my_answer("jephe");
            prompt->len = 5;
        } else if (prompt->id == SASL_CB_USER) {
            seen |= 4; /* not answered */
        }
    }
    is(seen, 7);
    before = live;
    wiped = 0;
    is(sasl_client_start(client, "PLAIN", NULL, &prompts, &out, &len, &mech), SASL_OK);
    check(prompts == NULL);
    is(wiped, 2);
    /* Two answers and the array are gone, the message has come. */
    is(live, before - 3 + 1);
    is(len, 13);
    check(memcmp(out, "\0jephe\0secret", 13) == 0);
    my_free(out);

    /* In a step it is the same. */
    is(sasl_client_start(client, "CRAM-MD5", NULL, &prompts, &out, &len, &mech), SASL_CONTINUE);
    is(sasl_client_step(client, "<1@h>", 5, &prompts, &out, &len), SASL_INTERACT);
    check(out == NULL && len == 0);
    for (prompt = prompts; prompt->id != SASL_CB_LIST_END; prompt++) {
        prompt->result = my_answer(prompt->id == SASL_CB_PASS ? "secret" : "jephe");
        prompt->len = (unsigned)strlen(prompt->result);
    }
    is(sasl_client_step(client, "<1@h>", 5, &prompts, &out, &len), SASL_OK);
    check(prompts == NULL && out != NULL);
    my_free(out);

    /* Nobody to ask. */
    is(sasl_client_start(client, "PLAIN", NULL, NULL, &out, &len, &mech), SASL_INTERACT);
    check(out == NULL && len == 0);
    sasl_dispose(&client);
}

/* DIGEST-MD5 asks which realm unless the server offers a single one. */
static void test_realm(void)
{
    static const char two[] = "realm=\"one\",realm=\"two\",nonce=\"abc\",qop=\"auth\",charset=utf-8,algorithm=md5-sess";
    static const char none[] = "nonce=\"abc\",qop=\"auth\",charset=utf-8,algorithm=md5-sess";
    static const char one[] = "realm=\"one\",nonce=\"abc\",qop=\"auth\",charset=utf-8,algorithm=md5-sess";
    sasl_callback_t callbacks[] = {{SASL_CB_AUTHNAME, noted_name, "jephe"},
                                   {SASL_CB_PASS, noted_password, "secret"},
                                   {SASL_CB_GETREALM, noted_realm, "two"},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = new_client(callbacks, 0);
    char *out;
    unsigned len;
    const char *mech;
    *asked = 0;
    is(sasl_client_start(client, "DIGEST-MD5", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    is(sasl_client_step(client, two, sizeof two - 1, NULL, &out, &len), SASL_CONTINUE);
    check(strstr(asked, "realm(one;two;)") != NULL);
    check(strstr(out, "realm=\"two\"") != NULL);
    my_free(out);
    is(sasl_client_start(client, "DIGEST-MD5", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    is(sasl_client_step(client, one, sizeof one - 1, NULL, &out, &len), SASL_CONTINUE);
    check(strstr(out, "realm=\"one\"") != NULL);
    my_free(out);
    /* Where the server offers none the application may know one. */
    *asked = 0;
    is(sasl_client_start(client, "DIGEST-MD5", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    is(sasl_client_step(client, none, sizeof none - 1, NULL, &out, &len), SASL_CONTINUE);
    check(strstr(asked, "realm()") != NULL);
    check(strstr(out, "realm=\"two\"") != NULL);
    my_free(out);
    sasl_dispose(&client);
}

int main(void)
{
    sasl_conn_t *client = (sasl_conn_t *)1;
    sasl_secret_t *kept = (sasl_secret_t *)1;
    begin();
    is(sasl_client_new("smtp", HOST, NULL, 0, &client), SASL_FAIL); /* before init */
    check(client == NULL);
    is(sasl_client_init(NULL), SASL_OK);
    is(sasl_client_init(NULL), SASL_OK);
    is(sasl_client_new(NULL, HOST, NULL, 0, &client), SASL_FAIL);
    check(client == NULL);
    is(sasl_client_new("smtp", HOST, NULL, 0, NULL), SASL_FAIL);
    is(sasl_client_auth(NULL, "u", "p", 1, NULL, &kept), SASL_FAIL);
    check(kept == NULL);
    test_outputs();
    test_choice();
    test_interaction();
    test_realm();
    return finish();
}
