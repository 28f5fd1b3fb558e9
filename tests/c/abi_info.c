/* What sasl_server_plugin_info, sasl_client_plugin_info and auxprop_plugin_info print and hand to a callback. */
#include "abi.h"

static void server_info(server_sasl_mechanism_t *m, sasl_info_callback_stage_t stage, void *rock)
{
    if (m == NULL) {
        say("  stage %d rock %s", (int)stage, str(rock));
        return;
    }
    say("  stage %d version %d condition %s name %s file %s mech %s ssf %d flags 0x%x features 0x%x", (int)stage, m->version, rc(m->condition), str(m->plugname),
        m->f ? "set" : "NULL", m->plug->mech_name, (int)m->plug->max_ssf, m->plug->security_flags, m->plug->features);
    say("    setpass %s user_query %s idle %s avail %s", m->plug->setpass ? "set" : "NULL", m->plug->user_query ? "set" : "NULL", m->plug->idle ? "set" : "NULL",
        m->plug->mech_avail ? "set" : "NULL");
}
static void client_info(client_sasl_mechanism_t *m, sasl_info_callback_stage_t stage, void *rock)
{
    if (m == NULL) {
        say("  stage %d rock %s", (int)stage, str(rock));
        return;
    }
    say("  stage %d version %d name %s mech %s ssf %d flags 0x%x features 0x%x prompts %s", (int)stage, m->version, str(m->plugname), m->plug->mech_name,
        (int)m->plug->max_ssf, m->plug->security_flags, m->plug->features, m->plug->required_prompts ? "given" : "NULL");
}
static void auxprop_info(sasl_auxprop_plug_t *m, sasl_info_callback_stage_t stage, void *rock)
{
    if (m == NULL) say("  stage %d rock %s", (int)stage, str(rock));
    else say("  stage %d features 0x%x name %s lookup %s store %s", (int)stage, (unsigned)m->features, str(m->name), m->auxprop_lookup ? "set" : "NULL",
             m->auxprop_store ? "set" : "NULL");
}

int main(void)
{
    static const char *const lists[] = {NULL, "PLAIN", "plain LOGIN", "NOSUCH", "", "PLAIN,LOGIN", "SCRAM-SHA-1-PLUS"};
    begin();
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        say("== %s", str(lists[i]));
        say("server printed %s", rc(sasl_server_plugin_info(lists[i], NULL, NULL)));
        say("server %s", rc(sasl_server_plugin_info(lists[i], server_info, "rock")));
        say("client printed %s", rc(sasl_client_plugin_info(lists[i], NULL, NULL)));
        say("client %s", rc(sasl_client_plugin_info(lists[i], client_info, "rock")));
    }
    say("auxprop printed %s", rc(auxprop_plugin_info(NULL, NULL, NULL)));
    say("auxprop %s", rc(auxprop_plugin_info(NULL, auxprop_info, "rock")));
    say("auxprop mem %s", rc(auxprop_plugin_info("mem", auxprop_info, "rock")));
    say("auxprop MEM %s", rc(auxprop_plugin_info("MEM", auxprop_info, "rock")));
    say("auxprop none %s", rc(auxprop_plugin_info("nosuch", auxprop_info, "rock")));
    finish();
    return 0;
}
