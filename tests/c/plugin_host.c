/* A program with plugins: what is found, what the application is asked, what is listed, and what is left when all is done.
 *
 *   plugin_host [name=value ...]
 *
 * path (callback), set_path, verify (the files that hold this text get the verdict that follows a comma), side (server,
 * client), start (a mechanism), loops (how often all is initialised and finished), late (a connection is disposed of after the
 * last done), closed (the root directory is left for an empty one after the init); other names are options.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>

#include "abi.h"

/* Plugins have something of this name as well. */
int shared_name = 5;
int shared_function(void);
int shared_function(void) { return shared_name; }

static const char *given(const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options && options[i].name; i++)
        if (strcmp(options[i].name, name) == 0) return options[i].value;
    return NULL;
}

static int logs(void *context, int level, const char *line)
{
    (void)context;
    say("log %d %s", level, line);
    return SASL_OK;
}
static int finds_path(void *context, const char **path)
{
    if (!given("quiet")) say("getpath");
    *path = context;
    return SASL_OK;
}
static int verifies(void *context, const char *file, sasl_verify_type_t type)
{
    const char *comma = strchr(context, ',');
    char text[100];
    say("verify %s %d", file, (int)type);
    snprintf(text, sizeof text, "%.*s", comma ? (int)(comma - (const char *)context) : 99, (const char *)context);
    return comma && strstr(file, text) ? atoi(comma + 1) : SASL_OK;
}

static sasl_callback_t *callbacks(void)
{
    static sasl_callback_t list[5];
    int n = 0;
    list[n++] = (sasl_callback_t){SASL_CB_GETOPT, CB(on_getopt), NULL};
    if (!given("quiet")) list[n++] = (sasl_callback_t){SASL_CB_LOG, CB(logs), NULL};
    if (given("path")) list[n++] = (sasl_callback_t){SASL_CB_GETPATH, CB(finds_path), (void *)(uintptr_t)given("path")};
    if (given("verify")) list[n++] = (sasl_callback_t){SASL_CB_VERIFYFILE, CB(verifies), (void *)(uintptr_t)given("verify")};
    list[n] = (sasl_callback_t){SASL_CB_LIST_END, NULL, NULL};
    return list;
}

static int want(const char *side) { return given("side") == NULL || strcmp(given("side"), side) == 0; }

static void begin_sides(void)
{
    int code;
    if (given("set_path")) sasl_set_path(SASL_PATH_TYPE_PLUGIN, (char *)(uintptr_t)given("set_path"));
    if (want("server") && (code = sasl_server_init(callbacks(), NULL)) != SASL_OK) say("server_init %s", rc(code));
    if (want("client") && (code = sasl_client_init(callbacks())) != SASL_OK) say("client_init %s", rc(code));
}
static void end_sides(void)
{
    if (want("server")) sasl_server_done();
    if (want("client")) sasl_client_done();
}

static void list_server(server_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock)
{
    (void)rock;
    if (stage == SASL_INFO_LIST_MECH)
        say("server %s %s condition %s ssf %u flags %x features %x%s%s", mech->plugname, mech->plug->mech_name, rc(mech->condition), mech->plug->max_ssf,
            mech->plug->security_flags, mech->plug->features, mech->plug->setpass ? " setpass" : "", mech->f ? " file" : "");
}
static void list_client(client_sasl_mechanism_t *mech, sasl_info_callback_stage_t stage, void *rock)
{
    (void)rock;
    if (stage == SASL_INFO_LIST_MECH)
        say("client %s %s ssf %u flags %x features %x prompts %s", mech->plugname, mech->plug->mech_name, mech->plug->max_ssf, mech->plug->security_flags,
            mech->plug->features, mech->plug->required_prompts ? "listed" : "usual");
}
static void list_store(sasl_auxprop_plug_t *plug, sasl_info_callback_stage_t stage, void *rock)
{
    (void)rock;
    if (stage == SASL_INFO_LIST_MECH) say("store %s%s", plug->name, plug->auxprop_store ? " writable" : "");
}

/* What of the plugins' names the program can see, and whether its own are still its own. */
static void scope(void)
{
    static const char *const names[] = {"sasl_server_plug_init", "sasl_client_plug_init", "sasl_auxprop_plug_init", "sasl_canonuser_init"};
    int (*function)(void) = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (dlsym(RTLD_DEFAULT, names[i])) say("%s is everybody's", names[i]);
    *(void **)&function = dlsym(RTLD_DEFAULT, "shared_function");
    say("shared_function %d %d", shared_function(), function ? function() : 0);
}

int main(int argc, char **argv)
{
    sasl_conn_t *conn = NULL;
    const char *out;
    unsigned len;
    int loops, code;
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL) return 64;
        *equals = 0;
        set_option(argv[i], equals + 1);
    }
    loops = given("loops") ? atoi(given("loops")) : 0;
    for (int i = 0; i < loops; i++) {
        static size_t before;
        begin_sides();
        if (want("server")) {
            sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &conn);
            sasl_listmech(conn, NULL, NULL, NULL, NULL, &out, &len, NULL);
            sasl_dispose(&conn);
        }
        end_sides();
        /* What is kept for good is there after some turns. */
        if (i == loops / 10) before = mallinfo2().uordblks;
        if (i == loops - 1) say("grown by %ld", (long)(mallinfo2().uordblks - before));
    }
    if (loops) return 0;
    begin_sides();
    if (given("closed") && (chroot(given("closed")) != 0 || chdir("/") != 0)) return 65;
    scope();
    sasl_server_plugin_info(NULL, list_server, NULL);
    sasl_client_plugin_info(NULL, list_client, NULL);
    auxprop_plugin_info(NULL, list_store, NULL);
    if (want("server") && (code = sasl_server_new("svc", FQDN, NULL, NULL, NULL, NULL, 0, &conn)) == SASL_OK) {
        secprops(conn, 0, 256, 4000, 0);
        code = sasl_listmech(conn, NULL, "", " ", "", &out, &len, NULL);
        say("offered %s %s", rc(code), code == SASL_OK ? out : "");
        if (given("check")) {
            const char *user = given("check"), *password = strchr(user, ':');
            code = sasl_checkpass(conn, user, password - user, password + 1, strlen(password + 1));
            say("check %s %s", rc(code), code == SASL_OK ? "" : sasl_errdetail(conn));
        }
        if (given("start")) {
            code = sasl_server_start(conn, given("start"), "alice\0secret", 12, &out, &len);
            say("start %s %s", rc(code), sasl_errdetail(conn));
        }
    }
    if (given("late")) {
        end_sides();
        say("all done");
    }
    sasl_dispose(&conn);
    if (!given("late")) end_sides();
    say("end");
    return 0;
}
