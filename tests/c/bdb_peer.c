/* A program with Berkeley DB itself, on files that we wrote.
 * Usage: bdb_peer FILE check            every pair that a walk finds is found by its key
 *        bdb_peer FILE add FROM COUNT   stores users, each with a value of its own
 *        bdb_peer FILE del FROM COUNT   removes them */
#include <db.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int code, const char *what)
{
    if (code != 0) {
        fprintf(stderr, "%s: %s\n", what, db_strerror(code));
        exit(1);
    }
}

static void look_up_all(DB *db)
{
    DBC *cursor;
    DBT key, value, again;
    int code, count = 0;

    memset(&key, 0, sizeof key);
    memset(&value, 0, sizeof value);
    memset(&again, 0, sizeof again);
    key.flags = value.flags = again.flags = DB_DBT_REALLOC;
    check(db->cursor(db, NULL, &cursor, 0), "cursor");
    while ((code = cursor->get(cursor, &key, &value, DB_NEXT)) == 0) {
        check(db->get(db, NULL, &key, &again, 0), "get");
        if (again.size != value.size || memcmp(again.data, value.data, value.size) != 0) {
            fprintf(stderr, "another value by key: %.*s\n", (int)key.size, (char *)key.data);
            exit(1);
        }
        count++;
    }
    if (code != DB_NOTFOUND)
        check(code, "walk");
    check(cursor->close(cursor), "close");
    printf("%d\n", count);
}

static void change(DB *db, int add, int from, int count)
{
    int n;

    for (n = from; n < from + count; n++) {
        char name[64], text[64];
        DBT key, value;

        memset(&key, 0, sizeof key);
        memset(&value, 0, sizeof value);
        key.data = name;
        key.size = (u_int32_t)snprintf(name, sizeof name, "user%d%cexample.com%cuserPassword", n, 0, 0);
        value.data = text;
        value.size = (u_int32_t)snprintf(text, sizeof text, "peer's %d", n);
        check(add ? db->put(db, NULL, &key, &value, 0) : db->del(db, NULL, &key, 0), name);
    }
}

int main(int argc, char **argv)
{
    DB *db;

    if (argc != 3 && argc != 5)
        return 2;
    check(db_create(&db, NULL, 0), "db_create");
    check(db->open(db, NULL, argv[1], NULL, DB_UNKNOWN, argc == 3 ? DB_RDONLY : 0, 0600), "open");
    if (argc == 3)
        look_up_all(db);
    else
        change(db, strcmp(argv[2], "add") == 0, atoi(argv[3]), atoi(argv[4]));
    check(db->close(db, 0), "close");
    return 0;
}
