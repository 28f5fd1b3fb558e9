/* A PAM module that asks for everything in one conversation: a greeting, the name, and the password twice.
 *
 * It succeeds when it gets the user's name and twice the password that its argument `secret=` says. With `style=N` it asks in
 * that style instead, which no application answers, and with `none` it asks nothing at all: both end as the conversation ends.
 */
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <stdlib.h>
#include <string.h>

static const char *argument(int argc, const char **argv, const char *name)
{
    size_t length = strlen(name);
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], name, length) == 0)
            return argv[i] + length;
    return NULL;
}

static int is(const struct pam_response *response, const char *text)
{
    return response->resp && text && strcmp(response->resp, text) == 0;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct pam_message messages[4] = {
        {PAM_TEXT_INFO, "Welcome"}, {PAM_PROMPT_ECHO_ON, "Name: "}, {PAM_PROMPT_ECHO_OFF, "Password: "},
        {PAM_PROMPT_ECHO_OFF, "Again: "},
    };
    const struct pam_message *pointers[4] = {&messages[0], &messages[1], &messages[2], &messages[3]};
    struct pam_response *responses = NULL;
    const void *item = NULL;
    const char *user = NULL, *style = argument(argc, argv, "style="), *secret = argument(argc, argv, "secret=");
    const struct pam_conv *conv;
    int status, right;

    if (!(flags & PAM_SILENT))
        return PAM_IGNORE;
    if (style)
        messages[3].msg_style = atoi(style);
    if (pam_get_user(pamh, &user, NULL) != PAM_SUCCESS || pam_get_item(pamh, PAM_CONV, &item) != PAM_SUCCESS || !item)
        return PAM_SYSTEM_ERR;
    conv = item;
    status = conv->conv(argument(argc, argv, "none") ? 0 : 4, pointers, &responses, conv->appdata_ptr);
    if (status != PAM_SUCCESS)
        return responses ? PAM_SUCCESS : status;
    right = !responses[0].resp[0] && is(&responses[1], user) && is(&responses[2], secret) && is(&responses[3], secret);
    for (int i = 0; i < 4; i++)
        free(responses[i].resp);
    free(responses);
    return right ? PAM_SUCCESS : PAM_AUTH_ERR;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return PAM_SUCCESS;
}
