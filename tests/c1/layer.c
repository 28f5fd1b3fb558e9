/* Security layers: encoding and decoding, and connections without one. */
#include "c1.h"

static sasl_callback_t callbacks[] = {
    {SASL_CB_AUTHNAME, simple, "jephe"}, {SASL_CB_PASS, password, "secret"}, {SASL_CB_LIST_END, NULL, NULL}};

static unsigned number_of(sasl_conn_t *conn, int property)
{
    void *value = NULL;
    is(sasl_getprop(conn, property, &value), SASL_OK);
    return *(unsigned *)value;
}

/* Encodes, checks that what comes is NUL-terminated memory of ours, and decodes it at the other end: little byte by byte, more
 * in pieces that fit no packet. */
static void carry(sasl_conn_t *from, sasl_conn_t *to, const char *text, unsigned len, int layer)
{
    char *packet, *part, *whole = malloc(len + 1);
    unsigned packet_len, part_len, got = 0, step = len < 1000 ? 1 : 997, piece;
    is(sasl_encode(from, text, len, &packet, &packet_len), SASL_OK);
    check(packet != NULL && packet[packet_len] == 0);
    is(packet_len > len, layer);
    for (unsigned i = 0; i < packet_len; i += piece) {
        piece = packet_len - i < step ? packet_len - i : step;
        part = (char *)1;
        part_len = 7;
        is(sasl_decode(to, packet + i, piece, &part, &part_len), SASL_OK);
        if (part == NULL) is(part_len, 0);
        else {
            check(part_len > 0 && part[part_len] == 0 && got + part_len <= len);
            memcpy(whole + got, part, part_len);
            got += part_len;
            my_free(part);
        }
        if (layer && step == 1 && i + 1 < packet_len) check(part == NULL);
    }
    is(got, len);
    check(memcmp(whole, text, len) == 0);
    my_free(packet);
    free(whole);
}

static void test_layers(void)
{
    static const struct { unsigned min, max, ssf; } cases[] = {{0, INT_MAX, 128}, {0, 1, 1}, {1, 1, 1}, {56, 56, 56}};
    static char big[100000];
    for (unsigned i = 0; i < sizeof big; i++) big[i] = (char)(i * 7);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        sasl_security_properties_t props = {cases[i].min, cases[i].max, 8192, 0, NULL, NULL};
        sasl_conn_t *server = new_server("", NULL, 0), *client = new_client(callbacks, 0);
        char *out;
        unsigned len;
        is(sasl_setprop(server, SASL_SEC_PROPS, &props), SASL_OK);
        is(sasl_setprop(client, SASL_SEC_PROPS, &props), SASL_OK);
        is(talk(client, server, "DIGEST-MD5"), SASL_OK);
        is(number_of(server, SASL_SSF), cases[i].ssf);
        is(number_of(client, SASL_SSF), cases[i].ssf);
        check(number_of(server, SASL_MAXOUTBUF) > 8000 && number_of(server, SASL_MAXOUTBUF) < 8192);
        carry(server, client, "220 hello", 9, 1);
        carry(client, server, "EHLO", 4, 1);
        carry(client, server, big, sizeof big, 1);

        /* A packet that was changed is refused, and so is what follows. */
        is(sasl_encode(client, "MAIL", 4, &out, &len), SASL_OK);
        out[5] ^= 1;
        {
            char *clear = (char *)1;
            unsigned clear_len = 1;
            check(sasl_decode(server, out, len, &clear, &clear_len) < 0);
            check(clear == NULL && clear_len == 0);
        }
        my_free(out);
        sasl_dispose(&server);
        sasl_dispose(&client);
    }
}

/* What the flag of the connection asks for holds until the properties say otherwise. */
static void test_defaults(void)
{
    for (int flags = 0; flags < 4; flags++) {
        sasl_conn_t *server = new_server("", NULL, flags & 1 ? SASL_SECURITY_LAYER : 0);
        sasl_conn_t *client = new_client(callbacks, flags & 2 ? SASL_SECURITY_LAYER : 0);
        int layer = flags == 3;
        is(talk(client, server, "DIGEST-MD5"), SASL_OK);
        is(number_of(server, SASL_SSF), layer ? 128 : 0);
        carry(server, client, "220 hello", 9, layer);
        carry(client, server, "EHLO", 4, layer);
        sasl_dispose(&server);
        sasl_dispose(&client);
    }
}

/* Without a layer the bytes come as they are, whatever was said of buffers. */
static void test_without(void)
{
    sasl_security_properties_t props = {0, 0, 0, 0, NULL, NULL};
    sasl_conn_t *server = new_server("", NULL, 0);
    char *out = (char *)1;
    unsigned len = 1;
    for (int i = 0; i < 2; i++) {
        is(sasl_encode(server, "abc", 3, &out, &len), SASL_OK);
        check(len == 3 && strcmp(out, "abc") == 0);
        my_free(out);
        is(sasl_decode(server, "abc", 3, &out, &len), SASL_OK);
        check(len == 3 && strcmp(out, "abc") == 0);
        my_free(out);
        is(sasl_setprop(server, SASL_SEC_PROPS, &props), SASL_OK);
    }
    out = (char *)1;
    is(sasl_encode(NULL, "abc", 3, &out, &len), SASL_FAIL);
    check(out == NULL && len == 0);
    is(sasl_encode(server, NULL, 3, &out, &len), SASL_FAIL);
    is(sasl_encode(server, "abc", 3, NULL, &len), SASL_FAIL);
    is(sasl_encode(server, "abc", 3, &out, NULL), SASL_FAIL);
    is(sasl_decode(NULL, "abc", 3, &out, &len), SASL_FAIL);
    is(sasl_decode(server, NULL, 3, &out, &len), SASL_FAIL);
    is(sasl_decode(server, "abc", 3, NULL, &len), SASL_FAIL);
    is(sasl_decode(server, "abc", 3, &out, NULL), SASL_FAIL);
    check(out == NULL);
    sasl_dispose(&server);
}

int main(void)
{
    begin();
    start_server();
    is(sasl_client_init(NULL), SASL_OK);
    add_user("jephe", "secret");
    test_layers();
    test_defaults();
    test_without();
    return finish();
}
