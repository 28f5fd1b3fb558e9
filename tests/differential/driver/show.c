/* What is printed, in a form that does not depend on random bytes, addresses or the clock. */
#include "driver.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int coarse;
const char untouched[] = "untouched";

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("  ");
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

const char *rc(int code)
{
    static const struct { int code; const char *name; } names[] = {
        {1, "CONTINUE"}, {0, "OK"}, {2, "INTERACT"}, {-1, "FAIL"}, {-2, "NOMEM"}, {-3, "BUFOVER"}, {-4, "NOMECH"},
        {-5, "BADPROT"}, {-6, "NOTDONE"}, {-7, "BADPARAM"}, {-8, "TRYAGAIN"}, {-9, "BADMAC"}, {-10, "BADSERV"},
        {-11, "WRONGMECH"}, {-12, "NOTINIT"}, {-13, "BADAUTH"}, {-14, "NOAUTHZ"}, {-15, "TOOWEAK"}, {-16, "ENCRYPT"},
        {-17, "TRANS"}, {-18, "EXPIRED"}, {-19, "DISABLED"}, {-20, "NOUSER"}, {-21, "PWLOCK"}, {-22, "NOCHANGE"},
        {-23, "BADVERS"}, {-24, "UNAVAIL"}, {-26, "NOVERIFY"}, {-27, "WEAKPASS"}, {-28, "NOUSERPASS"},
        {-29, "NEED_OLD_PASSWD"}, {-30, "CONSTRAINT_VIOLAT"}, {-32, "BADBINDING"}, {-100, "CONFIGERR"}};
    static char other[16];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) return names[i].name;
    snprintf(other, sizeof other, "%d", code);
    return other;
}

/* Bytes as a quoted string with escapes, long ones cut; NULL as it is. Sixteen results live at a time. */
const char *esc(const void *bytes, long length)
{
    static char buffers[16][9000];
    static int turn;
    const unsigned char *from = bytes;
    char *to;
    if (bytes == NULL) return "NULL";
    if (length < 0) length = (long)strlen(bytes);
    to = buffers[turn++ % 16];
    bytes = to;
    *to++ = '"';
    for (long i = 0; i < length; i++) {
        if (i == 2000) {
            to += sprintf(to, "...%ld bytes", length);
            break;
        }
        if (from[i] == '"' || from[i] == '\\') to += sprintf(to, "\\%c", from[i]);
        else if (from[i] < 32 || from[i] > 126) to += sprintf(to, "\\x%02x", from[i]);
        else *to++ = (char)from[i];
    }
    *to++ = '"';
    *to = 0;
    return bytes;
}

static int is_random(const char *name, size_t len)
{
    static const char *const names[] = {"r", "s", "v", "p", "nonce", "cnonce", "response", "rspauth"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) return 1;
    return 0;
}

/* A mechanism's message with what is random replaced: the numbers of a CRAM-MD5 challenge and its digest, and by their
 * length the values of r s v p (SCRAM), nonce cnonce response rspauth (DIGEST-MD5). */
const char *shape(const char *bytes, unsigned length)
{
    static char buffers[4][9000];
    static int turn;
    char *to, *start;
    unsigned i = 0;
    if (bytes == NULL) return "NULL";
    to = start = buffers[turn++ % 4];
    if (length > 2000) {
        sprintf(to, "[%u bytes]", length);
        return to;
    }
    *to++ = '"';
    if (length > 3 && bytes[0] == '<' && isdigit((unsigned char)bytes[1])) {
        while (i < length && bytes[i] != '@' && bytes[i] != '>') i++;
        to += sprintf(to, "<N.N");
    }
    for (unsigned end; i < length; i = end) {
        for (end = i; end < length && isalpha((unsigned char)bytes[end]); end++) {}
        if (end > i && end < length && bytes[end] == '=' && (i == 0 || bytes[i - 1] == ',') && is_random(bytes + i, end - i) &&
            !(end + 4 <= length && memcmp(bytes + end + 1, "tls", 3) == 0)) {
            unsigned value = end + 1;
            for (end = value; end < length && bytes[end] != ','; end++) {}
            to += sprintf(to, "%.*s[%u]", (int)(value - i), bytes + i, end - value);
            continue;
        }
        if (end == i) end = i + 1;
        for (unsigned k = i; k < end; k++) {
            unsigned char c = (unsigned char)bytes[k];
            if (c < 32 || c > 126 || c == '"' || c == '\\') to += sprintf(to, "\\x%02x", c);
            else *to++ = (char)c;
        }
    }
    *to = 0;
    /* alice 0123456789abcdef0123456789abcdef */
    if (to - start > 33 && to[-33] == ' ' && strspn(to - 32, "0123456789abcdef") == 32) strcpy(to -= 32, "[digest]"), to += 8;
    strcpy(to, "\"");
    return start;
}

/* The detail text. Where the stock library names a place in its own source that place is left out; coarse transcripts have
 * nothing of it, as a code is shown anyway. */
const char *detail(sasl_conn_t *conn)
{
    static char buffers[2][3000];
    static int turn;
    char *out = buffers[turn++ % 2];
    const char *text = sasl_errdetail(conn), *cut;
    if (text == NULL) return "NULL";
    cut = strstr(text, "in ../../");
    snprintf(out, sizeof buffers[0], "%.*s%s", cut ? (int)(cut - text) : (int)strlen(text), text, cut ? "in FILE near line N" : "");
    return str(out);
}

void show_code(sasl_conn_t *conn, int code)
{
    if (code < 0 && conn && !coarse) say("%s %s", rc(code), detail(conn));
    else say("%s", rc(code));
}

void show_output(const char *label, sasl_conn_t *conn, int code, const char *out, unsigned len, int raw)
{
    char lengths[32] = "";
    const char *shown;
    if (code < 0) {
        /* Whether something is in it is all that counts after a failure. */
        int left = out == untouched && len == UNTOUCHED_LENGTH;
        if (coarse) shown = out == NULL || left ? "nothing" : "something";
        else shown = left ? "untouched" : out == NULL ? "NULL" : out == untouched ? "pointer untouched" : "set";
        if (!left && len != 0) snprintf(lengths, sizeof lengths, " length %u", len);
        say("%s%s out %s%s%s%s", label, rc(code), shown, lengths, conn && !coarse ? " " : "", conn && !coarse ? detail(conn) : "");
        return;
    }
    if (out == untouched) shown = coarse ? "NULL" : "untouched";
    else if (out == NULL) shown = "NULL";
    else shown = raw ? esc(out, (long)len) : shape(out, len);
    if (out == untouched ? len != UNTOUCHED_LENGTH : out == NULL && len != 0) snprintf(lengths, sizeof lengths, " length %u", len);
    say("%s%s out %s%s", label, rc(code), shown, lengths);
}
