/* sasl_encode64 and sasl_decode64 over inputs and buffer sizes. Each line says: function, room, input, result, outlen
 * ("-" when it was left alone), and what was written when the result is not an error. With no room at all the line does
 * not say what was written: the stock library writes there nevertheless. abi_base64.stock is what the stock library
 * prints. */
#include <sasl/sasl.h>
#include <sasl/saslutil.h>
#include <stdio.h>
#include <string.h>

#define UNTOUCHED 7777u
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static char out[256];

static void hex(const char *bytes, unsigned length)
{
    if (length == 0)
        putchar('-');
    for (unsigned i = 0; i < length; i++)
        printf("%02x", (unsigned char)bytes[i]);
}

static void row(const char *function, const char *in, unsigned length, unsigned room)
{
    unsigned outlen = UNTOUCHED, written = 0;
    memset(out, '~', sizeof out);
    int result = function[0] == 'e' ? sasl_encode64(in, length, out, room, &outlen)
                                    : sasl_decode64(in, length, out, room, &outlen);
    printf("%s %u ", function, room);
    hex(in, length);
    printf(" %d ", result);
    if (outlen == UNTOUCHED)
        printf("- ");
    else
        printf("%u ", outlen);
    if (result >= 0 && room > 0)
        for (unsigned i = 0; i < sizeof out; i++)
            if (out[i] != '~')
                written = i + 1;
    hex(out, written);
    putchar('\n');
}

int main(void)
{
    static const char *const texts[] = {
        "", "Y", "YQ", "YQ=", "YQ==", "YWI", "YWI=", "YWJj", "YWJjZA==", "YWJjZGU=", "YWJjZGVm", "YR==", "YWJ=",
        "=", "==", "===", "====", "Y=", "Y===", "Y=Q=", "YQ=a", "YQ=Q", "YWI=a", "YWI=YWJj", "YQ==YQ==", "YQ==\r\n",
        "YWJj\r\n", "YWJj\n", "YWJj\r", "\r", "\rYWJj", "\nYWJj", " YWJj", "YW Jj", "YWJj ", "YW\nJj", "YWJj\r\nYWJj",
        "YWJjYWJj", "A", "AB", "ABC", "ABCD", "!@#$", "-_-_", "YWJjY", "YWJjYQ", "YWJjYWI", "YWJj=", "YWJj==",
        "YWJj====", "\xff\xff\xff\xff", "+/+/", "YWJj*", "YWJj**", "YWJj***", "YWJj****", "YQ=*", "YQ=\n", "YQ==*",
        "YQ== ", "YWI=\r\n", "YWI=="};
    static const char *const plains[] = {"", "a", "ab", "abc", "abcd", "\xff\xfe\xfd\xfb"};

    for (unsigned i = 0; i < COUNT(texts); i++) {
        row("decode", texts[i], (unsigned)strlen(texts[i]), 100);
        for (unsigned room = 0; room < 9; room++)
            row("decode", texts[i], (unsigned)strlen(texts[i]), room);
    }
    row("decode", "YQ\0=", 4, 100);
    row("decode", "\0YQ=", 4, 100);
    row("decode", "YWJj\0", 5, 100);
    for (unsigned i = 0; i < COUNT(plains); i++)
        for (unsigned room = 0; room < 11; room++)
            row("encode", plains[i], (unsigned)strlen(plains[i]), room);
    return 0;
}
