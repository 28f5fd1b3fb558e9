/* sasl_utf8verify: for every lead byte, the numbers of following bytes with which it passes, and the bytes that may
 * follow. A NUL comes after each buffer: the stock library looks past the end for the rest of a sequence. */
#include <sasl/sasl.h>
#include <sasl/saslutil.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    char text[9];
    for (int lead = 0; lead < 256; lead++) {
        printf("%02x:", lead);
        for (unsigned following = 0; following < 7; following++) {
            memset(text, 0, sizeof text);
            memset(text, 0x80, 1 + following);
            text[0] = (char)lead;
            int alone = sasl_utf8verify(text, 1 + following);
            text[1 + following] = 'a';
            int before_a = sasl_utf8verify(text, 2 + following);
            if (alone == SASL_OK || before_a == SASL_OK)
                printf(" %u:%d,%d", following, alone, before_a);
        }
        putchar('\n');
    }
    printf("second bytes:");
    for (int byte = 0; byte < 256; byte++) {
        text[0] = (char)0xc3, text[1] = (char)byte, text[2] = 0;
        if (sasl_utf8verify(text, 2) == SASL_OK)
            printf(" %02x", byte);
    }
    printf("\nlength 0: %d, NUL: %d, after NUL: %d\n", sasl_utf8verify("\xff", 0), sasl_utf8verify("a\0b", 3),
           sasl_utf8verify("a\0\xff", 3));
    return 0;
}
