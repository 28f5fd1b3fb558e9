/* Words of a line, and the bytes that they stand for.
 *
 * value     atom{+atom}{|operation}
 * atom      NULL, "text with \n \0 \xNN", bare-text, hex(00ff), rep(count,atom), $variable
 * operation cut(n) drop(n) chop(n) flip(n) other(n) set(n,HH) ins(n,atom) sub(atom,atom) twice upper lower back apop(password) */
#include "driver.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


void broken(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("!! script: ");
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    _exit(3);
}

/* ---- variables ------------------------------------------------------------------------------------------------------ */

static struct { char name[48]; struct value value; } variables[64];

/* Remembers bytes as $variable.part, or $variable where there is no part. */
void keep(const char *variable, const char *part, const char *data, size_t len)
{
    char name[48];
    snprintf(name, sizeof name, "%s%s%s", variable, part ? "." : "", part ? part : "");
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (variables[i].name[0] && strcmp(variables[i].name, name) != 0) continue;
        memcpy(variables[i].name, name, sizeof name);
        variables[i].value.data = NULL;
        variables[i].value.len = 0;
        if (data) {
            variables[i].value.data = calloc(1, len + 1);
            memcpy(variables[i].value.data, data, len);
            variables[i].value.len = len;
        }
        return;
    }
    broken("too many variables");
}

static struct value variable(const char *name)
{
    static const struct value none;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (strcmp(variables[i].name, name) == 0) return variables[i].value;
    return none;
}

/* ---- parsing -------------------------------------------------------------------------------------------------------- */

static struct value joined(struct value a, struct value b)
{
    struct value both = {malloc(a.len + b.len + 1), a.len + b.len};
    if (a.len) memcpy(both.data, a.data, a.len);
    if (b.len) memcpy(both.data + a.len, b.data, b.len);
    both.data[both.len] = 0;
    return both;
}

static int hex_digit(int c)
{
    if (!isxdigit(c)) broken("not a hexadecimal digit: %c", c);
    return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

static struct value quoted(const char **at)
{
    struct value made = {malloc(strlen(*at) + 1), 0};
    const char *p = *at + 1;
    for (; *p && *p != '"'; p++) {
        char c = *p;
        if (c == '\\') {
            p++;
            c = *p;
            if (c == 'n') c = '\n';
            else if (c == 'r') c = '\r';
            else if (c == 't') c = '\t';
            else if (c == '0') c = 0;
            else if (c == 'x') {
                c = (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
                p += 2;
            }
        }
        made.data[made.len++] = c;
    }
    if (*p != '"') broken("a quote is missing: %s", *at);
    made.data[made.len] = 0;
    *at = p + 1;
    return made;
}

static long digits(const char **at)
{
    char *end;
    long n = strtol(*at, &end, 0);
    if (end == *at) broken("a number is missing at %s", *at);
    *at = end;
    return n;
}

static void expect(const char **at, char c)
{
    if (**at != c) broken("%c is missing at %s", c, *at);
    (*at)++;
}

static struct value atom(const char **at)
{
    struct value made = {NULL, 0};
    const char *p = *at;
    if (*p == '"') return quoted(at);
    if (strncmp(p, "hex(", 4) == 0) {
        made.data = malloc(strlen(p) + 1);
        for (p += 4; *p && *p != ')'; p += 2) made.data[made.len++] = (char)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
        made.data[made.len] = 0;
        *at = p;
        expect(at, ')');
        return made;
    }
    if (strncmp(p, "rep(", 4) == 0) {
        struct value one;
        long count;
        p += 4;
        count = digits(&p);
        expect(&p, ',');
        one = atom(&p);
        expect(&p, ')');
        made.data = malloc(one.len * (size_t)count + 1);
        for (long i = 0; i < count; i++) memcpy(made.data + made.len, one.data, one.len), made.len += one.len;
        made.data[made.len] = 0;
        *at = p;
        return made;
    }
    while (*p && !strchr("+|,)", *p)) p++;
    made.len = (size_t)(p - *at);
    if (made.len == 4 && memcmp(*at, "NULL", 4) == 0) {
        *at = p;
        made.len = 0;
        return made;
    }
    made.data = strndup(*at, made.len);
    *at = p;
    return made.data[0] == '$' ? variable(made.data + 1) : made;
}

static size_t place(struct value v, long n) { return v.len ? (size_t)(n < 0 ? -n : n) % v.len : 0; }

/* The digest of a challenge and a password, as APOP has it. */
static struct value apop(struct value challenge, struct value password)
{
    unsigned char digest[16];
    MD5_CTX md5;
    struct value made = {malloc(33), 32};
    _sasl_MD5Init(&md5);
    _sasl_MD5Update(&md5, (unsigned char *)challenge.data, (unsigned)challenge.len);
    _sasl_MD5Update(&md5, (unsigned char *)password.data, (unsigned)password.len);
    _sasl_MD5Final(digest, &md5);
    for (int i = 0; i < 16; i++) sprintf(made.data + 2 * i, "%02x", digest[i]);
    return made;
}

static struct value operation(struct value v, const char **at)
{
    char name[16];
    const char *p = *at;
    size_t n = 0;
    while (isalnum((unsigned char)p[n])) n++;
    snprintf(name, sizeof name, "%.*s", (int)n, p);
    p += n;
    if (v.data == NULL) { /* nothing to change */
        while (*p && *p != '|') p++;
        *at = p;
        return v;
    }
    v = joined(v, (struct value){NULL, 0});
    if (strcmp(name, "twice") == 0) v = joined(v, v);
    else if (strcmp(name, "upper") == 0) for (size_t i = 0; i < v.len; i++) v.data[i] = (char)toupper((unsigned char)v.data[i]);
    else if (strcmp(name, "lower") == 0) for (size_t i = 0; i < v.len; i++) v.data[i] = (char)tolower((unsigned char)v.data[i]);
    else if (strcmp(name, "back") == 0) {
        for (size_t i = 0; i < v.len / 2; i++) {
            char c = v.data[i];
            v.data[i] = v.data[v.len - 1 - i];
            v.data[v.len - 1 - i] = c;
        }
    } else {
        expect(&p, '(');
        if (strcmp(name, "apop") == 0) v = apop(v, atom(&p));
        else if (strcmp(name, "sub") == 0) {
            struct value from = atom(&p), to;
            char *found;
            expect(&p, ',');
            to = atom(&p);
            found = from.len && v.len >= from.len ? memmem(v.data, v.len, from.data, from.len) : NULL;
            if (found) {
                size_t head = (size_t)(found - v.data);
                struct value tail = {found + from.len, v.len - head - from.len};
                v = joined(joined((struct value){v.data, head}, to), tail);
            }
        } else {
            long count = digits(&p);
            size_t where = place(v, count), whole = count < 0 ? 0 : (size_t)count < v.len ? (size_t)count : v.len;
            if (strcmp(name, "cut") == 0) v.data[v.len = whole] = 0;
            else if (strcmp(name, "chop") == 0) v.data[v.len -= whole] = 0;
            else if (strcmp(name, "drop") == 0) v = joined((struct value){v.data + whole, v.len - whole}, (struct value){NULL, 0});
            else if (strcmp(name, "flip") == 0) {
                if (v.len) v.data[where] ^= 1;
            } else if (strcmp(name, "other") == 0) {
                if (v.len) v.data[where] = v.data[where] == 'A' ? 'B' : 'A';
            } else if (strcmp(name, "set") == 0) {
                expect(&p, ',');
                if (v.len) v.data[where] = (char)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
                p += 2;
            } else if (strcmp(name, "ins") == 0) {
                struct value more;
                expect(&p, ',');
                more = atom(&p);
                where = count > (long)v.len ? v.len : where;
                v = joined(joined((struct value){v.data, where}, more), (struct value){v.data + where, v.len - where});
            } else broken("no operation %s", name);
        }
        expect(&p, ')');
    }
    *at = p;
    return v;
}

struct value altered(struct value v, const char *operations)
{
    const char *p = operations;
    for (;;) {
        v = operation(v, &p);
        if (*p == 0) return v;
        expect(&p, '|');
    }
}

struct value value_of(const char *given)
{
    const char *p = given;
    struct value made = atom(&p);
    while (*p == '+') {
        p++;
        made = joined(made, atom(&p));
    }
    if (*p == '|') return altered(made, p + 1);
    if (*p) broken("what is %s in %s?", p, given);
    return made;
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

void split(struct line *line, char *text)
{
    memset(line, 0, sizeof *line);
    for (char *p = text;;) {
        char *start, *equals = NULL;
        int inside = 0;
        while (*p == ' ') p++;
        if (*p == 0) return;
        for (start = p; *p && (inside || *p != ' '); p++) {
            if (*p == '\\' && inside && p[1]) p++;
            else if (*p == '"') inside = !inside;
            else if (*p == '=' && !inside && equals == NULL) equals = p;
        }
        if (*p) *p++ = 0;
        if (line->count == WORDS || line->named == WORDS) broken("too many words");
        for (char *c = start; equals && c < equals; c++)
            if (!islower((unsigned char)*c)) equals = NULL;
        if (equals && equals > start) {
            *equals = 0;
            line->names[line->named] = start;
            line->values[line->named++] = equals + 1;
        } else line->words[line->count++] = start;
    }
}

int has(const struct line *line, int n) { return n < line->count; }

const char *word(const struct line *line, int n)
{
    if (!has(line, n)) broken("%s: word %d is missing", line->words[0], n);
    return line->words[n];
}

struct value bytes(const struct line *line, int n)
{
    static const struct value none;
    return has(line, n) ? value_of(line->words[n]) : none;
}

const char *text(const struct line *line, int n, const char *otherwise)
{
    return has(line, n) ? value_of(line->words[n]).data : otherwise;
}

long to_number(const char *given)
{
    char *end;
    long n = strtol(given, &end, 0);
    if (end == given || *end) broken("not a number: %s", given);
    return n;
}

long number(const struct line *line, int n, long otherwise) { return has(line, n) ? to_number(line->words[n]) : otherwise; }

const char *named_word(const struct line *line, const char *name)
{
    for (int i = 0; i < line->named; i++)
        if (strcmp(line->names[i], name) == 0) return line->values[i];
    return NULL;
}

struct value named_bytes(const struct line *line, const char *name, struct value otherwise)
{
    const char *found = named_word(line, name);
    return found ? value_of(found) : otherwise;
}

const char *named_text(const struct line *line, const char *name, const char *otherwise)
{
    const char *found = named_word(line, name);
    return found ? value_of(found).data : otherwise;
}

long named_number(const struct line *line, const char *name, long otherwise)
{
    const char *found = named_word(line, name);
    return found ? to_number(found) : otherwise;
}
