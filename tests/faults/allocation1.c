/* As allocation.c, for the interface of SASL 1.5: from the n-th allocation on there is no more memory. */
#include "c1.h"

static int careful_password(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
    size_t len = strlen(context);
    (void)conn;
    (void)id;
    *secret = my_malloc(sizeof(sasl_secret_t) + len);
    if (*secret == NULL) return SASL_NOMEM;
    memset(*secret, 0, sizeof(sasl_secret_t) + len);
    (*secret)->len = len;
    memcpy((*secret)->data, context, len);
    return SASL_OK;
}

/* The first error of a login by prompts or callbacks, or SASL_OK. Everything given is freed. */
static int login_by(const char *mech, int asks)
{
    sasl_callback_t answers[] = {{SASL_CB_AUTHNAME, simple, "jephe"}, {SASL_CB_PASS, careful_password, "secret"}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_callback_t questions[] = {{SASL_CB_AUTHNAME, NULL, NULL}, {SASL_CB_PASS, NULL, NULL}, {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *server = NULL, *client = NULL;
    sasl_interact_t *prompts = NULL;
    const char *chosen, *errstr;
    char *cout = NULL, *sout = NULL, *list = NULL;
    unsigned clen = 0, slen = 0, count;
    int started = 0, s = SASL_CONTINUE;
    int c = sasl_server_new("smtp", HOST, NULL, NULL, 0, &server);
    if (c == SASL_OK) c = sasl_client_new("smtp", HOST, asks ? questions : answers, 0, &client);
    if (c != SASL_OK) goto end;
    c = sasl_listmech(server, NULL, NULL, " ", NULL, &list, &clen, &count);
    if (c != SASL_OK) goto end;
    my_free(list);
    while (s == SASL_CONTINUE) {
        for (int tries = 0; tries < 5; tries++) {
            cout = NULL;
            if (started) c = sasl_client_step(client, sout, slen, &prompts, &cout, &clen);
            else c = sasl_client_start(client, mech, NULL, &prompts, &cout, &clen, &chosen);
            if (c != SASL_INTERACT) break;
            for (sasl_interact_t *prompt = prompts; prompt->id != SASL_CB_LIST_END; prompt++) {
                prompt->result = my_malloc(10);
                if (prompt->result) strcpy(prompt->result, prompt->id == SASL_CB_PASS ? "secret" : prompt->id == SASL_CB_AUTHNAME ? "jephe" : "");
                prompt->len = prompt->result ? (unsigned)strlen(prompt->result) : 0;
            }
        }
        my_free(sout);
        sout = NULL;
        if (c != SASL_OK && c != SASL_CONTINUE) break;
        if (started) s = sasl_server_step(server, cout, clen, &sout, &slen, &errstr);
        else s = sasl_server_start(server, chosen, cout, clen, &sout, &slen, &errstr);
        started = 1;
        my_free(cout);
        cout = NULL;
    }
    my_free(sout);
    if (c == SASL_OK || c == SASL_CONTINUE) c = s;
    if (c == SASL_OK) {
        c = sasl_encode(client, "hello", 5, &cout, &clen);
        if (c == SASL_OK) c = sasl_decode(server, cout, clen, &sout, &slen);
        if (c == SASL_OK) check(slen == 5 && memcmp(sout, "hello", 5) == 0);
        my_free(cout);
        if (c == SASL_OK) my_free(sout);
    }
end:
    if (prompts) {
        for (sasl_interact_t *prompt = prompts; prompt->id != SASL_CB_LIST_END; prompt++) my_free(prompt->result);
        my_free(prompts);
    }
    sasl_dispose(&server);
    sasl_dispose(&client);
    return c;
}

int main(void)
{
    static const char *const mechs[] = {"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "ANONYMOUS"};
    long failed = 0;
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    for (size_t i = 0; i < sizeof mechs / sizeof *mechs; i++)
        for (int asks = 0; asks < 2; asks++) {
            long before = live, needed = allocated;
            int code = login_by(mechs[i], asks);
            needed = allocated - needed;
            if (code != SASL_OK) printf("%s %d: %d\n", mechs[i], asks, code);
            check(code == SASL_OK && needed > 0);
            is(live, before);
            for (long n = 0; n < needed; n++) {
                fail_after = n;
                code = login_by(mechs[i], asks);
                fail_after = -1;
                /* An answer that this program had no memory for is one that the user has not given. */
                if (code != SASL_NOMEM && !(asks && code == SASL_BADPARAM)) {
                    printf("%s %d, allocation %ld of %ld: %d\n", mechs[i], asks, n, needed, code);
                    failures++;
                }
                failed += code == SASL_NOMEM;
                if (live != before) printf("%s %d, allocation %ld of %ld: %ld blocks are lost\n", mechs[i], asks, n, needed, live - before);
                is(live, before);
                live = before;
                check(login_by(mechs[i], asks) == SASL_OK);
            }
        }
    check(failed > 20);
    printf("%ld times no memory\n", failed);
    return finish();
}
