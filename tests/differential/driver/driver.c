/* Reads a script from standard input and carries out each of its cases in a process of its own.
 *
 * The lines before the first case are the preparation: with --shared they are carried out once, and each case goes on from
 * there in a fork; otherwise every case begins with them. What a case prints stands between `== name` and `== end`. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 10 /* no case takes as long, unless it hangs */

static const struct command *const tables[] = {life_commands, session_commands,  server_commands, util_commands,
                                               prop_commands, callback_commands, store_commands,  property_commands};

/* in-child line: a process of its own carries it out, after a fork. */
static int in_child(const char *text)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        run_line(text);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status;
}

void run_line(const char *text)
{
    struct line line;
    char *copy;
    if (strncmp(text, "in-child ", 9) == 0) {
        if (in_child(text + 9) != 0) say("the child failed");
        return;
    }
    copy = strdup(text);
    split(&line, copy);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct command *command = tables[t]; command->name; command++)
            if (strcmp(command->name, line.words[0]) == 0) {
                command->run(&line);
                free(copy);
                return;
            }
    broken("no command %s", line.words[0]);
}

static void run_all(char *const *lines, int count, int quiet)
{
    for (int i = 0; i < count; i++) {
        if (!quiet) printf("> %s\n", lines[i]);
        fflush(stdout);
        run_line(lines[i]);
    }
}

/* Carries out a case in a child, and says how that ended. */
static void run_case(const char *name, char *const *before, int prepared, char *const *lines, int count, int own_directory)
{
    int status;
    pid_t child;
    printf("== %s\n", name);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        alarm(SECONDS);
        if (own_directory && (mkdir(name, 0700) != 0 || chdir(name) != 0)) broken("%s: %s", name, strerror(errno));
        run_all(before, prepared, 1);
        run_all(lines, count, 0);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("!! %s\n", WTERMSIG(status) == SIGALRM ? "no end" : "crash");
    else if (WEXITSTATUS(status) != 0) printf("!! exit %d\n", WEXITSTATUS(status));
    printf("== end\n");
    fflush(stdout);
}

#define LINES 4000
int main(int argc, char **argv)
{
    static char *before[LINES], *lines[LINES];
    char *text = NULL, *name = NULL;
    size_t room = 0;
    int shared = 0, prepared = 0, count = 0;
    ssize_t len;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--shared") == 0) shared = 1;
        else if (strcmp(argv[i], "--coarse") == 0) coarse = 1;
    }
    callbacks_prepare();
    store_prepare();
    if (coarse) log_limit = -1;
    while ((len = getline(&text, &room, stdin)) >= 0) {
        char *line = text;
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == ' ')) line[--len] = 0;
        while (*line == ' ') line++;
        if (*line == 0 || *line == '#') continue;
        if (strncmp(line, "case ", 5) == 0) {
            if (name) run_case(name, before, shared ? 0 : prepared, lines, count, !shared);
            else if (shared) run_all(before, prepared, 1);
            free(name);
            name = strdup(line + 5);
            while (count > 0) free(lines[--count]);
            continue;
        }
        if (count == LINES || prepared == LINES) broken("the case is too long");
        if (name) lines[count++] = strdup(line);
        else before[prepared++] = strdup(line);
    }
    if (name) run_case(name, before, shared ? 0 : prepared, lines, count, !shared);
    return 0;
}
