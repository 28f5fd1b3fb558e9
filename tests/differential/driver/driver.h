/* The driver of tests/differential: it carries out the cases of a script (../README.md has the language) with whichever libsasl2
 * it is started on, and prints what an application would notice. */
#ifndef OXISASL_DIFFERENTIAL_DRIVER_H
#define OXISASL_DIFFERENTIAL_DRIVER_H

#include <stddef.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>

/* Exported, but not in the stock headers. */
extern const sasl_utils_t *sasl_global_utils;
extern const char *sasl_config_getstring(const char *key, const char *otherwise);
extern void sasl_common_done(void);

/* ---- value.c: words of a line and the bytes that they stand for ---------------------------------------------------- */

/* Bytes with a NUL after them; data is NULL for a NULL pointer. */
struct value {
    char *data;
    size_t len;
};

#define WORDS 64
struct line {
    int count;                 /* positional words, the command first */
    char *words[WORDS];
    int named;
    char *names[WORDS], *values[WORDS];
};

void split(struct line *line, char *text);
struct value value_of(const char *word);
struct value altered(struct value value, const char *operations);
void keep(const char *variable, const char *part, const char *data, size_t len);
void broken(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Positional word n as bytes, text or number, the otherwise-value where it is not there. */
int has(const struct line *line, int n);
const char *word(const struct line *line, int n);
struct value bytes(const struct line *line, int n);
const char *text(const struct line *line, int n, const char *otherwise);
long number(const struct line *line, int n, long otherwise);
/* The same for name=value. */
const char *named_word(const struct line *line, const char *name);
struct value named_bytes(const struct line *line, const char *name, struct value otherwise);
const char *named_text(const struct line *line, const char *name, const char *otherwise);
long named_number(const struct line *line, const char *name, long otherwise);
long to_number(const char *word);

/* ---- show.c: what is printed -------------------------------------------------------------------------------------- */

/* Coarse transcripts leave out what our library says differently on purpose everywhere: texts, lines of the log, and
 * whether an output of a failed call was touched. */
extern int coarse;
extern const char untouched[];
#define UNTOUCHED_LENGTH 4711u

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *rc(int code);
const char *esc(const void *bytes, long length);
#define str(text) esc((text), -1)
const char *shape(const char *bytes, unsigned length);
const char *detail(sasl_conn_t *conn);
/* The result of a call with an output: code, output and, for a failure, the reason. */
void show_output(const char *label, sasl_conn_t *conn, int code, const char *out, unsigned len, int raw);
void show_code(sasl_conn_t *conn, int code);

/* ---- callbacks.c: an application's callbacks ------------------------------------------------------------------------ */

void callbacks_prepare(void);
const sasl_callback_t *callback_list(const char *name);
extern int log_limit;

/* ---- store.c: plugins of the application's own --------------------------------------------------------------------- */

void store_prepare(void);
sasl_auxprop_init_t mem_init;

/* ---- connections ---------------------------------------------------------------------------------------------------- */

struct conn {
    char name[24];
    sasl_conn_t *conn;
    int server;
    sasl_interact_t *prompts;
};

struct conn *slot(const char *name);
sasl_conn_t *conn_of(const struct line *line, int n);

/* ---- commands ------------------------------------------------------------------------------------------------------- */

struct command {
    const char *name;
    void (*run)(const struct line *line);
};
extern const struct command life_commands[], session_commands[], server_commands[], util_commands[], prop_commands[],
    callback_commands[], store_commands[], property_commands[];
void run_line(const char *line);

#endif
