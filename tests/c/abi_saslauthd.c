/* The saslauthd and authdaemond verifiers against a daemon of the program's own: the bytes of the request, what each
 * answer leads to. */
#include "abi.h"
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* What the daemon answers. Of the saslauthd kind when binary, else lines. */
struct answer { const char *title; const char *bytes; int len; };

/* Waits for one request, prints it, answers, ends. The pipe tells that it listens. */
static pid_t daemon_with(const char *path, const struct answer *answer, int read_all, int *report)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), ready[2], said[2];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char byte;
    pid_t pid;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    if (pipe(ready) || pipe(said) || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 5)) abort();
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        static char request[70000];
        int conn, len = 0, n;
        alarm(20);
        close(ready[0]);
        close(said[0]);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        conn = accept(fd, NULL, NULL);
        if (read_all) {
            /* Four fields, each with its length. */
            int fields = 0, need = 0;
            while (fields < 4) {
                while (len < need + 2 && (n = (int)read(conn, request + len, (size_t)(need + 2 - len))) > 0) len += n;
                if (len < need + 2) break;
                need += 2 + ((unsigned char)request[need] << 8 | (unsigned char)request[need + 1]);
                while (len < need && (n = (int)read(conn, request + len, (size_t)(need - len))) > 0) len += n;
                if (len < need) break;
                fields++;
            }
        } else {
            /* A line with the number of bytes that follow it. */
            int follow = -1, start = 0;
            while ((n = (int)read(conn, request + len, sizeof request - 1 - (size_t)len)) > 0) {
                len += n;
                request[len] = 0;
                if (follow < 0 && strchr(request, '\n')) {
                    start = (int)(strchr(request, '\n') - request) + 1;
                    follow = atoi(request + 5);
                }
                if (follow >= 0 && len >= start + follow) break;
            }
        }
        n = (int)write(said[1], request, (size_t)len);
        close(said[1]);
        if (answer->len) n = (int)write(conn, answer->bytes, (size_t)answer->len);
        _exit(n < 0);
    }
    close(ready[1]);
    close(said[1]);
    close(fd);
    if (read(ready[0], &byte, 1) != 1) abort();
    close(ready[0]);
    *report = said[0];
    return pid;
}

static void check(const char *option, const char *path, const struct answer *answer, int read_all, const char *realm, const char *user, const char *pass,
                  int plen)
{
    sasl_conn_t *s;
    static char request[70000];
    int report, code, len = 0, n;
    pid_t pid;
    set_option(option, path);
    pid = daemon_with(path, answer, read_all, &report);
    s = server_with(realm, 0);
    trace = 4;
    code = sasl_checkpass(s, user, (unsigned)strlen(user), pass, plen < 0 ? (unsigned)strlen(pass) : (unsigned)plen);
    trace = 0;
    say("%s: %s %s", answer->title, rc(code), detail(s));
    if (strlen(pass) > 65535 || code == SASL_NOMECH || (code == SASL_BADAUTH && plen > (int)strlen(pass))) kill(pid, SIGTERM); /* the request was never sent: nobody comes */
    while ((n = (int)read(report, request + len, sizeof request - (size_t)len)) > 0) len += n;
    if (len < 400) say("  request %s", esc(request, len));
    else say("  request of %d", len);
    close(report);
    waitpid(pid, NULL, 0);
    unlink(path);
    sasl_dispose(&s);
}

static void saslauthd(void)
{
    static const struct answer ok = {"OK", "\0\2OK", 4};
    static const struct answer answers[] = {
        {"OK with text", "\0\012OK welcome", 12}, {"NO", "\0\2NO", 4}, {"NO with text", "\0\016NO authfailure", 16}, {"ok in small letters", "\0\2ok", 4},
        {"OKAY", "\0\4OKAY", 6}, {"empty", "\0\0", 2}, {"one byte", "\0\1O", 3}, {"nothing", "", 0}, {"half a length", "\0", 1}, {"cut short", "\0\012OK", 4},
        {"no text", "\0\2", 2}, {"garbage", "HTTP/1.0 400 Bad", 16}, {"blank before", "\0\3 OK", 5}, {"more after it", "\0\2OKxxxx", 8}};
    static char big[70000];
    set_option("pwcheck_method", "saslauthd");
    check("saslauthd_path", "./mux", &ok, 1, NULL, "alice", "secret", -1);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) check("saslauthd_path", "./mux", &answers[i], 1, NULL, "alice", "secret", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "alice@example.com", "secret", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "alice@a@b", "secret", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "@realm", "secret", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "alice@", "secret", -1);
    check("saslauthd_path", "./mux", &ok, 1, "r.example", "alice", "secret", -1);
    check("saslauthd_path", "./mux", &ok, 1, "r.example", "alice@other", "secret", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, " alice ", "se cret", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "alice", "", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "m\xc3\xbcller", "p\xc3\xa4ss\xff", -1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "alice", "sec\0ret", 7);
    memset(big, 'p', sizeof big - 1);
    check("saslauthd_path", "./mux", &ok, 1, NULL, "alice", big, 1000);
    set_option("saslauthd_path", "./mux");
    {
        sasl_conn_t *s = server();
        FILE *f;
        say("no socket %s", rc(sasl_checkpass(s, "alice", 5, "x", 1)));
        f = fopen("mux", "w");
        fclose(f);
        say("a file in its place %s", rc(sasl_checkpass(s, "alice", 5, "x", 1)));
        unlink("mux");
        memset(big, 'd', 200);
        big[200] = 0;
        set_option("saslauthd_path", big);
        say("path too long %s", rc(sasl_checkpass(s, "alice", 5, "x", 1)));
        sasl_dispose(&s);
    }
}

static void authdaemond(void)
{
    static const struct answer answers[] = {
        {"good", "USERNAME=alice\nUID=1000\n.\n", 26}, {"only a dot", ".\n", 2}, {"FAIL", "FAIL\n", 5}, {"nothing", "", 0}, {"garbage", "garbage\n", 8},
        {"dot not alone", "x.\n", 3}, {"FAIL later", "USERNAME=alice\nFAIL\n", 20}, {"dot without end of line", ".", 1}};
    set_option("pwcheck_method", "authdaemond");
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) check("authdaemond_path", "./ad", &answers[i], 0, NULL, "alice", "secret", -1);
    check("authdaemond_path", "./ad", &answers[0], 0, "r.example", "alice", "secret", -1);
    check("authdaemond_path", "./ad", &answers[0], 0, NULL, "alice@a@b", "", -1);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    begin();
    saslauthd();
    authdaemond();
    finish();
    return 0;
}
