/* 1.5.24 compared four of the sixteen bytes of a CRAM-MD5 response. Here all 32 digits count. */
#include "c1.h"

/* The response of a client of ours to a challenge. */
static char *respond(const char *challenge, unsigned length)
{
    sasl_callback_t callbacks[] = {{SASL_CB_AUTHNAME, simple, "jephe"},
                                   {SASL_CB_PASS, password, "secret"},
                                   {SASL_CB_LIST_END, NULL, NULL}};
    sasl_conn_t *client = new_client(callbacks, 0);
    const char *mech;
    char *out;
    unsigned len;
    is(sasl_client_start(client, "CRAM-MD5", NULL, NULL, &out, &len, &mech), SASL_CONTINUE);
    is(sasl_client_step(client, challenge, length, NULL, &out, &len), SASL_OK);
    is(len, 38);
    sasl_dispose(&client);
    return out;
}

int main(void)
{
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    for (int right = 0; right <= 32; right++) {
        sasl_conn_t *server = new_server("", NULL, 0);
        char *challenge, *response, *out;
        const char *errstr;
        unsigned len;
        is(sasl_server_start(server, "CRAM-MD5", NULL, 0, &challenge, &len, NULL), SASL_CONTINUE);
        check(challenge[0] == '<' && strstr(challenge, "@" HOST ">") != NULL);
        response = respond(challenge, len);
        for (int digit = right; digit < 32; digit++) response[6 + digit] = response[6 + digit] == '0' ? '1' : '0';
        is(sasl_server_step(server, response, 38, &out, &len, &errstr), right == 32 ? SASL_OK : SASL_BADAUTH);
        text_is(errstr, right == 32 ? NULL : "incorrect digest response");
        my_free(out);
        my_free(challenge);
        my_free(response);
        sasl_dispose(&server);
    }
    /* Nor does a part of it do, or a first message. */
    {
        sasl_conn_t *server = new_server("", NULL, 0);
        char *challenge, *response, *out;
        const char *errstr;
        unsigned len;
        for (unsigned length = 6; length < 38; length++) {
            is(sasl_server_start(server, "CRAM-MD5", NULL, 0, &challenge, &len, NULL), SASL_CONTINUE);
            response = respond(challenge, len);
            check(sasl_server_step(server, response, length, &out, &len, NULL) < 0);
            my_free(challenge);
            my_free(response);
        }
        is(sasl_server_start(server, "CRAM-MD5", "jephe 00", 8, &out, &len, &errstr), SASL_FAIL);
        text_is(errstr, "CRAM-MD5 does not accpet inital data"); /* in these letters */
        sasl_dispose(&server);
    }
    return finish();
}
