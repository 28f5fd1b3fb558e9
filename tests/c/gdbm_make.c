/* Makes GDBM files, and shows them as db_dump shows those of Berkeley DB.
 * Usage: gdbm_make FILE BLOCKSIZE plain|numsync users COUNT   as many users
 *        gdbm_make FILE BLOCKSIZE plain|numsync churn COUNT   the same, and others come and go; long and odd ones
 *        gdbm_make FILE 0 plain busy COUNT                    says "ready", then changes users one by one, without an end
 *        gdbm_make FILE 0 plain load 0                        what standard input has: a key and a value a line, in hexadecimal, `-` for nothing
 *        gdbm_make FILE 0 plain hold COUNT                    says "ready" and keeps the file open for writing
 *        gdbm_make FILE 0 plain dump 0 */
#include <gdbm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static GDBM_FILE db;

static void check(int failed, const char *what)
{
    if (failed) {
        fprintf(stderr, "%s: %s\n", what, gdbm_strerror(gdbm_errno));
        exit(1);
    }
}

static datum user(int n)
{
    static char name[64];
    datum key;

    key.dptr = name;
    key.dsize = sprintf(name, "user%d%cexample.com%cuserPassword", n, 0, 0);
    return key;
}

static void put(datum key, const char *value, int length)
{
    datum content;

    content.dptr = (char *)value;
    content.dsize = length;
    check(gdbm_store(db, key, content, GDBM_REPLACE) != 0, "store");
}

static void users(int from, int count)
{
    int n;

    for (n = from; n < from + count; n++) {
        char text[64];
        put(user(n), text, sprintf(text, "secret of %d", n));
    }
}

static void churn(int count)
{
    static char many[100000];
    static const char *const odd[] = {"", "a", "ab", "abc", "\377\351\200", "Zo\303\253"};
    datum key;
    int n;

    users(count, count);
    for (n = count; n < 2 * count; n++)
        check(gdbm_delete(db, user(n)) != 0, "delete");
    memset(many, 'm', sizeof many);
    for (n = 0; n < 6; n++) {
        key.dptr = (char *)odd[n];
        key.dsize = (int)strlen(odd[n]);
        put(key, many, n * 20000);
        put(key, many, n);
    }
    key.dptr = many;
    key.dsize = 5000;
    put(key, "value of a long key", 19);
    key.dsize = 5;
    put(key, many, sizeof many);
}

/* Makes bytes of the next word in hexadecimal of the input. */
static int next_word(char *bytes, int *length)
{
    static char word[20000];
    unsigned byte;

    if (scanf("%19999s", word) != 1)
        return 0;
    for (*length = 0; sscanf(word + 2 * *length, "%2x", &byte) == 1; ++*length)
        bytes[*length] = (char)byte;
    return 1;
}

static void load(void)
{
    static char name[10000], value[10000];
    datum key;
    int length;

    key.dptr = name;
    while (next_word(name, &key.dsize) && next_word(value, &length))
        put(key, value, length);
}

static void show(datum item)
{
    int n;

    putchar(' ');
    for (n = 0; n < item.dsize; n++)
        printf("%02x", (unsigned char)item.dptr[n]);
    putchar('\n');
}

static void dump(void)
{
    datum key, next;

    puts("HEADER=END");
    for (key = gdbm_firstkey(db); key.dptr != NULL; key = next) {
        datum content = gdbm_fetch(db, key);
        check(content.dptr == NULL, "fetch");
        show(key);
        show(content);
        next = gdbm_nextkey(db, key);
        free(content.dptr);
        free(key.dptr);
    }
    puts("DATA=END");
}

int main(int argc, char **argv)
{
    int mode = GDBM_NEWDB, size, count, n;

    if (argc != 6)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(argv[3], "numsync") == 0)
        mode |= GDBM_NUMSYNC;
    if (strcmp(argv[4], "dump") == 0)
        mode = GDBM_READER;
    size = atoi(argv[2]);
    count = atoi(argv[5]);
    db = gdbm_open(argv[1], size, mode, 0600, NULL);
    check(db == NULL, "open");
    if (mode == GDBM_READER) {
        dump();
    } else {
        users(0, count);
        if (strcmp(argv[4], "churn") == 0)
            churn(count);
        if (strcmp(argv[4], "load") == 0)
            load();
    }
    if (strcmp(argv[4], "hold") == 0) {
        puts("ready");
        pause();
    }
    gdbm_close(db);
    for (n = 0; strcmp(argv[4], "busy") == 0; n++) {
        char text[64];
        if (n == 1)
            puts("ready");
        /* It is there for one of them at a time, and does not wait. */
        while ((db = gdbm_open(argv[1], size, GDBM_WRITER, 0600, NULL)) == NULL)
            usleep(100);
        memset(text, 'a' + n % 26, sizeof text);
        put(user(n % count), text, 40 + n % 3);
        put(user(count + n % 500), text, 40);
        gdbm_close(db);
    }
    return 0;
}
