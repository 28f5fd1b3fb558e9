/* Prints what a program compiled against <sasl/...> has built in: sizes, offsets, values and types of constants.
 * tests/c_layout.rs compiles it once against our headers and once against the stock ones; both must print the same.
 * layout_items.h, which that test writes, lists what the headers declare: SIZE(type), MEMBER(type, member),
 * CONSTANT(name), TEXT(name). */
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <sasl/sasl.h>
#include <sasl/saslutil.h>
#include <sasl/saslplug.h>

#define KIND(x) \
    _Generic((x), int: "int", unsigned: "unsigned", long: "long", unsigned long: "unsigned long", void *: "void *", \
        default: "other")
#define SIZE(type) printf("%s: %zu bytes, aligned to %zu\n", #type, sizeof(type), _Alignof(type));
#define MEMBER(type, member) \
    printf("%s.%s: at %zu, %zu bytes\n", #type, #member, offsetof(type, member), sizeof(((type *)0)->member));
#define CONSTANT(name) printf("%s: %s %lld\n", #name, KIND(name), (long long)(name));
#define TEXT(name) printf("%s: \"%s\", %zu bytes\n", #name, name, sizeof name);

int main(void)
{
    static sasl_channel_binding_t binding = {"tls-exporter", 7, 0, NULL};
    static sasl_client_params_t client;
    static sasl_server_params_t server;
    int line;

#include "layout_items.h"

    /* The macros with parameters, and those that are not numbers. */
    printf("SASL_AUX_END: %s\n", SASL_AUX_END == NULL ? "NULL" : "other");
    printf("hash strength: %d %d %d\n", SASL_GET_HASH_STRENGTH(0x00207fff), SASL_SET_HASH_STRENGTH_BITS(160),
           SASL_SET_HASH_STRENGTH_BITS(512 + 7) | SASL_SEC_MAXIMUM);
    printf("no binding: %d %d\n", SASL_CB_PRESENT(&client), SASL_CB_CRITICAL(&server));
    client.cbinding = server.cbinding = &binding;
    printf("binding: %d %d\n", SASL_CB_PRESENT(&server), SASL_CB_CRITICAL(&client) != 0);
    binding.critical = 0;
    printf("optional binding: %d %d\n", SASL_CB_PRESENT(&client), SASL_CB_CRITICAL(&server) != 0);
    line = sizeof(void (*) PROTO_LIST((int))) == sizeof(void (*)(void));
    printf("PROTO_LIST: %d\n", line);
    return 0;
}
