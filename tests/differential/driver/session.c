/* Commands of an exchange: starts, steps, the security layer. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static void show_prompts(struct conn *conn)
{
    for (sasl_interact_t *p = conn->prompts; p && p->id != SASL_CB_LIST_END; p++)
        say("  prompt %#lx %s %s %s", p->id, str(p->challenge), str(p->prompt), str(p->defresult));
}

/* What is sent next is $name, with what is not to be had after a failure. */
static void sent(struct conn *conn, int code, const char *out, unsigned len)
{
    if (code < 0 || out == untouched) keep(conn->name, NULL, NULL, 0);
    else keep(conn->name, NULL, out, len == UNTOUCHED_LENGTH ? 0 : len);
}

/* start client mechlist [out=no] [prompts=no]; start server mech [message [length]] [out=no] */
static void start(const struct line *line)
{
    struct conn *conn = slot(word(line, 1));
    sasl_conn_t *handle = conn_of(line, 1);
    const char *out = untouched, *chosen = untouched, *mechs = text(line, 2, NULL);
    unsigned len = UNTOUCHED_LENGTH;
    int no_out = named_word(line, "out") != NULL, code;
    if (conn->server || named_word(line, "as") != NULL) {
        struct value in = bytes(line, 3);
        code = sasl_server_start(handle, mechs, in.data, (unsigned)number(line, 4, (long)in.len), no_out ? NULL : &out, no_out ? NULL : &len);
        show_output("", handle, code, out, len, 0);
    } else {
        int no_prompts = named_word(line, "prompts") != NULL;
        code = sasl_client_start(handle, mechs, no_prompts ? NULL : &conn->prompts, no_out ? NULL : &out, no_out ? NULL : &len, &chosen);
        show_output("", handle, code, out, len, 0);
        if (code >= 0) say("  mechanism %s", str(chosen));
        keep(conn->name, "mech", chosen == untouched ? NULL : chosen, chosen && chosen != untouched ? strlen(chosen) : 0);
        show_prompts(conn);
    }
    sent(conn, code, out, len);
}

/* step name [message [length]] [out=no] [prompts=no] */
static void step(const struct line *line)
{
    struct conn *conn = slot(word(line, 1));
    sasl_conn_t *handle = conn_of(line, 1);
    const char *out = untouched;
    unsigned len = UNTOUCHED_LENGTH;
    struct value in = bytes(line, 2);
    unsigned inlen = (unsigned)number(line, 3, (long)in.len);
    int no_out = named_word(line, "out") != NULL, code;
    if (conn->server || named_word(line, "as") != NULL)
        code = sasl_server_step(handle, in.data, inlen, no_out ? NULL : &out, no_out ? NULL : &len);
    else
        code = sasl_client_step(handle, in.data, inlen, named_word(line, "prompts") ? NULL : &conn->prompts, no_out ? NULL : &out,
                                no_out ? NULL : &len);
    show_output("", handle, code, out, len, 0);
    if (!conn->server) show_prompts(conn);
    sent(conn, code, out, len);
}

/* reply client user=.. auth=.. pass=.. realm=.. echo=.. noecho=..: fills in the answers to its questions */
static void reply(const struct line *line)
{
    struct conn *conn = slot(word(line, 1));
    for (sasl_interact_t *p = conn->prompts; p && p->id != SASL_CB_LIST_END; p++) {
        const char *name = p->id == SASL_CB_USER ? "user" : p->id == SASL_CB_AUTHNAME ? "auth" : p->id == SASL_CB_PASS ? "pass"
                         : p->id == SASL_CB_GETREALM ? "realm" : p->id == SASL_CB_ECHOPROMPT ? "echo" : "noecho";
        struct value given = named_bytes(line, name, (struct value){NULL, 0});
        p->result = given.data;
        p->len = (unsigned)given.len;
    }
}

/* talk client server mechs [alter=n:operations] [first=no] [rounds=n]: lets the two talk until one of them is done or refuses. Of
 * the messages, numbered from 0 as they are sent, one may be altered on the way; first=no holds back an initial response. */
static void talk(const struct line *line)
{
    struct conn *c = slot(word(line, 1)), *s = slot(word(line, 2));
    const char *out = NULL, *in = NULL, *chosen = NULL, *alter = named_word(line, "alter");
    unsigned outlen = 0, inlen = 0;
    long rounds = named_number(line, "rounds", 12);
    int cc, sc = SASL_CONTINUE, turn = -1;
    char *end = NULL;
    if (alter) turn = (int)strtol(alter, &end, 10);
    cc = sasl_client_start(c->conn, text(line, 3, NULL), &c->prompts, &out, &outlen, &chosen);
    show_output("client start ", c->conn, cc, out, outlen, 0);
    if (cc != SASL_OK && cc != SASL_CONTINUE) return;
    say("mechanism %s", str(chosen));
    for (int i = 0; i < rounds; i++) {
        struct value message = {(char *)out, outlen};
        int starting = i == 0;
        if (starting && named_word(line, "first")) message.data = NULL, message.len = 0;
        if (turn == 2 * i) message = altered(message, end + 1);
        in = NULL;
        inlen = 0;
        sc = starting ? sasl_server_start(s->conn, named_text(line, "mech", chosen), message.data, (unsigned)message.len, &in, &inlen)
                      : sasl_server_step(s->conn, message.data, (unsigned)message.len, &in, &inlen);
        show_output(starting ? "server start " : "server step ", s->conn, sc, in, inlen, 0);
        if (starting && named_word(line, "first") && sc == SASL_CONTINUE && inlen == 0) {
            message = (struct value){(char *)out, outlen};
            sc = sasl_server_step(s->conn, message.data, (unsigned)message.len, &in, &inlen);
            show_output("server step ", s->conn, sc, in, inlen, 0);
        }
        if (sc != SASL_OK && sc != SASL_CONTINUE) return;
        if (sc == SASL_OK && (cc == SASL_OK || in == NULL)) return;
        message = (struct value){(char *)in, inlen};
        if (turn == 2 * i + 1) message = altered(message, end + 1);
        out = NULL;
        outlen = 0;
        cc = sasl_client_step(c->conn, message.data, (unsigned)message.len, &c->prompts, &out, &outlen);
        show_output("client step ", c->conn, cc, out, outlen, 0);
        if ((cc != SASL_OK && cc != SASL_CONTINUE) || sc == SASL_OK) return;
    }
}

/* ---- security layers ------------------------------------------------------------------------------------------------------ */

/* With a layer what is sent is random in part: its length counts. */
static void show_packet(struct conn *conn, sasl_conn_t *handle, const char *kind, int code, const char *out, unsigned len)
{
    const void *ssf = NULL;
    int plain = handle == NULL || sasl_getprop(handle, SASL_SSF, &ssf) != SASL_OK || *(const unsigned *)ssf == 0;
    if (code != SASL_OK || plain || strcmp(kind, "decoded") == 0) show_output("", handle, code, out, len, 1);
    else say("%s %u bytes", rc(code), len);
    keep(conn->name, kind, code == SASL_OK && out != untouched ? out : NULL, code == SASL_OK ? len : 0);
}

/* encode name message [length]: $name.encoded */
static void encode(const struct line *line)
{
    const char *out = untouched;
    unsigned len = UNTOUCHED_LENGTH;
    struct value in = bytes(line, 2);
    sasl_conn_t *handle = conn_of(line, 1);
    int none = named_word(line, "out") != NULL;
    int code = sasl_encode(handle, in.data, (unsigned)number(line, 3, (long)in.len), none ? NULL : &out, none ? NULL : &len);
    show_packet(slot(word(line, 1)), handle, "encoded", code, out, len);
}

/* encodev name piece... */
static void encodev(const struct line *line)
{
    const char *out = untouched;
    unsigned len = UNTOUCHED_LENGTH, count = 0;
    struct iovec pieces[WORDS];
    sasl_conn_t *handle = conn_of(line, 1);
    int code;
    for (int i = 2; has(line, i); i++, count++) {
        struct value piece = bytes(line, i);
        pieces[count].iov_base = piece.data;
        pieces[count].iov_len = piece.len;
    }
    code = sasl_encodev(handle, named_word(line, "vector") ? NULL : pieces, (unsigned)named_number(line, "count", count), &out, &len);
    show_packet(slot(word(line, 1)), handle, "encoded", code, out, len);
}

/* decode name message [length]: $name.decoded */
static void decode(const struct line *line)
{
    const char *out = untouched;
    unsigned len = UNTOUCHED_LENGTH;
    struct value in = bytes(line, 2);
    sasl_conn_t *handle = conn_of(line, 1);
    int none = named_word(line, "out") != NULL;
    int code = sasl_decode(handle, in.data, (unsigned)number(line, 3, (long)in.len), none ? NULL : &out, none ? NULL : &len);
    show_packet(slot(word(line, 1)), handle, "decoded", code, out, len);
}

const struct command session_commands[] = {{"start", start},   {"step", step},       {"reply", reply},   {"talk", talk},
                                           {"encode", encode}, {"encodev", encodev}, {"decode", decode}, {NULL, NULL}};
