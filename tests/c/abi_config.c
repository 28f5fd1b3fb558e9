/* The configuration file: its grammar, good and broken, and where it is looked for. */
#include "abi.h"

static const char *const keys[] = {"mech_list", "key", "a", "b", "k-1", "k_2", "upper", "", "pwcheck_method", "x", NULL};

static void try(const char *text, long length)
{
    FILE *f = fopen("app.conf", "w");
    int code;
    if (length < 0) length = (long)strlen(text);
    fwrite(text, 1, (size_t)length, f);
    fclose(f);
    code = sasl_server_init(NULL, "app");
    printf("%s: %s", length < 200 ? esc(text, length) : "long", rc(code));
    for (int i = 0; keys[i]; i++) {
        const char *value = sasl_config_getstring(keys[i], NULL);
        if (value) printf(", %s = %s", keys[i], strlen(value) < 200 ? str(value) : "long");
    }
    say("");
    if (code == SASL_OK) sasl_server_done();
}

static void grammar(void)
{
    static char big[20000];
    try("", -1);
    try("\n\n", -1);
    try("# comment\n", -1);
    try("  # comment\n", -1);
    try("key: value\n", -1);
    try("key: value", -1);
    try("key:value\n", -1);
    try("key:    value   \n", -1);
    try("key:\tvalue\t\n", -1);
    try("  key: value\n", -1);
    try("key : value\n", -1);
    try("key value\n", -1);
    try("key\n", -1);
    try("key:\n", -1);
    try("key: \n", -1);
    try(":value\n", -1);
    try(": value\n", -1);
    try("UPPER: Value\n", -1);
    try("k-1: one\nk_2: two\n", -1);
    try("k.3: three\n", -1);
    try("key: value # not a comment\n", -1);
    try("key: \"quoted value\"\n", -1);
    try("key: 'quoted'\n", -1);
    try("key: one: two\n", -1);
    try("key: value\\\n  continued\n", -1);
    try("key: first\nkey: second\n", -1);
    try("key: first\nKEY: second\n", -1);
    try("key: value\r\na: b\r\n", -1);
    try("\xef\xbb\xbfkey: value\n", -1);
    try("key: v\xc3\xa4lue\n", -1);
    try("a: one\nbroken\nb: two\n", -1);
    try("a: one\n\nb: two\n# c\nx: three\n", -1);
    try("a: one\nb: \n", -1);
    try("key: va\0lue\na: b\n", 18);
    try("\0key: value\n", 12);
    try("key: value\n\0", 12);
    try("[section]\n", -1);
    try("; comment\n", -1);
    try("// comment\n", -1);
    memset(big, 'v', sizeof big);
    memcpy(big, "key: ", 5);
    strcpy(big + 4000, "\na: b\n");
    try(big, -1);
    memset(big + 4000, 'v', 15000);
    strcpy(big + 4094, "\na: b\n");
    try(big, -1);
    memset(big, ' ', 100);
    strcpy(big + 100, "key: value\n");
    try(big, -1);
    memset(big, '#', 8000);
    strcpy(big + 8000, "\nkey: value\n");
    try(big, -1);
    big[0] = 0;
    for (int i = 0; i < 500; i++) sprintf(big + strlen(big), "key%d: value%d\n", i, i);
    strcat(big, "x: last\n");
    try(big, -1);
    say("key499 %s", str(sasl_config_getstring("key499", "none")));
}

static void direct(void)
{
    const char *value;
    FILE *f = fopen("direct.conf", "w");
    fputs("key: value\nmech_list: PLAIN\n", f);
    fclose(f);
    say("before %s", str(sasl_config_getstring("key", "default")));
    say("config_init %s", rc(sasl_config_init("direct.conf")));
    say("key %s", str(sasl_config_getstring("key", "default")));
    say("KEY %s", str(sasl_config_getstring("KEY", "default")));
    say("other %s", str(sasl_config_getstring("other", "default")));
    say("other without default %s", str(sasl_config_getstring("other", NULL)));
    value = sasl_config_getstring("key", "default");
    say("again %s", rc(sasl_config_init("direct.conf")));
    say("the value from before %s", str(value));
    sasl_config_done();
    say("after done %s", str(sasl_config_getstring("key", "default")));
    sasl_config_done();
    say("missing %s", rc(sasl_config_init("nosuch.conf")));
    say("directory %s", rc(sasl_config_init("/")));
    f = fopen("direct.conf", "w");
    fputs("good: x\nbroken\n", f);
    fclose(f);
    say("broken %s", rc(sasl_config_init("direct.conf")));
    say("good %s", str(sasl_config_getstring("good", "default")));
    sasl_config_done();
}

static void table(const char *after, int code)
{
    const char *key = sasl_config_getstring("key", NULL), *list = sasl_config_getstring("mech_list", NULL);
    say("%s %s: key %s mech_list %s", after, rc(code), str(key), str(list));
}

/* One table for all: what fills it, what leaves it alone and what empties it. */
static void shared(void)
{
    FILE *f = fopen("app.conf", "w");
    fputs("key: of the server\nmech_list: PLAIN\n", f);
    fclose(f);
    f = fopen("own.conf", "w");
    fputs("key: own\nx: own\n", f);
    fclose(f);
    table("a server's init", sasl_server_init(NULL, "app"));
    table("config_init", sasl_config_init("own.conf"));
    table("config_init of no file", sasl_config_init("nosuch.conf"));
    table("config_init of NULL", sasl_config_init(NULL));
    table("config_init", sasl_config_init("own.conf"));
    table("a server's done", sasl_server_done());
    table("config_init", sasl_config_init("own.conf"));
    table("a server without a name", sasl_server_init(NULL, NULL));
    table("a second init", sasl_server_init(NULL, "app"));
    table("one done", sasl_server_done());
    table("the other", sasl_server_done());
    table("config_init", sasl_config_init("own.conf"));
    table("a server without a file", sasl_server_init(NULL, "nosuch"));
    table("its done", sasl_server_done());
    table("config_init", sasl_config_init("own.conf"));
    table("a client", sasl_client_init(NULL));
    table("its done", sasl_client_done());
    sasl_config_done();
}

static void places(void)
{
    static const char *const paths[] = {".", "/nonexistent:.", ":.", ".:", "", "/nonexistent", "..", "./", "dir:.", NULL};
    FILE *f = fopen("app.conf", "w");
    fputs("key: here\n", f);
    fclose(f);
    mkdir("dir", 0700);
    f = fopen("dir/app.conf", "w");
    fputs("key: in dir\n", f);
    fclose(f);
    for (int i = 0; paths[i]; i++) {
        int code;
        setenv("SASL_CONF_PATH", paths[i], 1);
        code = sasl_server_init(NULL, "app");
        say("SASL_CONF_PATH %s: %s %s", str(paths[i]), rc(code), str(sasl_config_getstring("key", "none")));
        if (code == SASL_OK) sasl_server_done();
        say("  after done %s", str(sasl_config_getstring("key", "none")));
    }
    setenv("SASL_CONF_PATH", ".", 1);
    chmod("app.conf", 0);
    mkdir("app2.conf", 0700);
    say("a directory in its place %s", rc(sasl_server_init(NULL, "app2")));
    sasl_server_done();
    say("name with a slash %s", rc(sasl_server_init(NULL, "dir/app")));
    say("  %s", str(sasl_config_getstring("key", "none")));
    sasl_server_done();
    rmdir("app2.conf");
}

int main(void)
{
    setenv("SASL_CONF_PATH", ".", 1);
    direct();
    shared();
    grammar();
    places();
    return 0;
}
