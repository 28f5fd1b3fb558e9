/* Base64, challenges, UTF-8, random bytes, and the sentences for codes. */
#include "c1.h"

static void decodes(const char *in, const char *expected, int line)
{
    unsigned length = (unsigned)strlen(in), len = 77, room = length ? length : 1;
    /* The buffer that Sendmail gives is as long as the text; valgrind watches its end. */
    char *out = malloc(room);
    memset(out, '~', room);
    is_at(line, sasl_decode64(in, length, out, &len), SASL_OK, in);
    is_at(line, len, (long)strlen(expected), in);
    text_at(line, out, expected, in);
    is_at(line, sasl_decode64(in, length, out, NULL), SASL_OK, in);
    free(out);
}

static void refuses(const char *in, int line)
{
    unsigned len = 77;
    char *out = malloc(strlen(in) + 1);
    is_at(line, sasl_decode64(in, (unsigned)strlen(in), out, &len), SASL_FAIL, in);
    is_at(line, len, 0, in);
    free(out);
}

static void test_base64(void)
{
    char out[64];
    unsigned len;
    decodes("", "", __LINE__);
    decodes("VXNlcm5hbWU6", "Username:", __LINE__);
    decodes("amVwaGU=", "jephe", __LINE__);
    decodes("Zg==", "f", __LINE__);
    /* Up to three characters at the end do not count, whatever they are. */
    decodes("***", "", __LINE__);
    decodes("Zm9vY", "foo", __LINE__);
    decodes("Zm9vYmF", "foo", __LINE__);
    decodes("Zm9v\r\n", "foo", __LINE__);
    decodes("+ Zm9v", "foo", __LINE__);
    refuses("****", __LINE__);
    refuses("Zm9v****", __LINE__);
    refuses("Zm9 ", __LINE__);
    refuses("=Zm9", __LINE__);
    refuses("Z===", __LINE__);
    refuses("Zg==Zg==", __LINE__);
    refuses("\rZm9v", __LINE__);
    refuses("\r", __LINE__);
    is(sasl_decode64(NULL, 0, out, &len), SASL_FAIL);
    is(sasl_decode64("Zm9v", 4, NULL, &len), SASL_FAIL);

    /* Whole bytes, and a NUL where there is room. */
    memset(out, '~', sizeof out);
    is(sasl_encode64("jephe", 5, out, 9, &len), SASL_OK);
    text_is(out, "amVwaGU=");
    is(len, 8);
    memset(out, '~', sizeof out);
    is(sasl_encode64("jephe", 5, out, 8, &len), SASL_OK);
    check(memcmp(out, "amVwaGU=~", 9) == 0);
    is(sasl_encode64("jephe", 5, out, 8, NULL), SASL_OK);
    memset(out, '~', sizeof out);
    len = 0;
    is(sasl_encode64("jephe", 5, out, 7, &len), SASL_BUFOVER);
    is(len, 8);
    check(out[0] == '~');
    is(sasl_encode64("", 0, out, 1, &len), SASL_OK);
    check(len == 0 && out[0] == 0);
    is(sasl_encode64(NULL, 0, out, 0, &len), SASL_OK);
    is(sasl_encode64(NULL, 3, out, 9, &len), SASL_FAIL);
    is(sasl_encode64("a", 1, NULL, 9, &len), SASL_FAIL);
}

static void test_challenges(void)
{
    sasl_conn_t *server = new_server(NULL, NULL, 0);
    char one[200], two[200], small[20];
    int len = sasl_mkchal(server, one, sizeof one, 1);
    is(len, strlen(one));
    check(one[0] == '<' && strstr(one, "@" HOST ">") != NULL);
    sasl_mkchal(server, two, sizeof two, 1);
    check(strcmp(one, two) != 0);
    check(sasl_mkchal(server, one, sizeof one, 0) > 0 && strchr(one, '@') == NULL);
    check(sasl_mkchal(NULL, one, sizeof one, 1) > 0 && strchr(one, '@') == NULL);
    is(sasl_mkchal(server, small, sizeof small, 1), 0);
    is(sasl_mkchal(server, NULL, 0, 1), 0);
    sasl_dispose(&server);
}

static void test_utf8(void)
{
    is(sasl_utf8verify("plain", 5), SASL_OK);
    is(sasl_utf8verify("gr\xc3\xbc\xc3\x9f", 6), SASL_OK);
    is(sasl_utf8verify("\xe2\x82\xac \xf0\x9f\x98\x80", 8), SASL_OK);
    is(sasl_utf8verify(NULL, 0), SASL_OK);
    is(sasl_utf8verify("\xff", 0), SASL_OK);
    is(sasl_utf8verify("\xff", 1), SASL_BADPROT);
    is(sasl_utf8verify("\xc3", 1), SASL_BADPROT);
    is(sasl_utf8verify("\xc3x", 2), SASL_BADPROT);
    is(sasl_utf8verify("\x80", 1), SASL_BADPROT);
    is(sasl_utf8verify("\xc0\xaf", 2), SASL_BADPROT);
    is(sasl_utf8verify("\xed\xa0\x80", 3), SASL_BADPROT);
    is(sasl_utf8verify(NULL, 1), SASL_BADPROT);
}

static void test_random(void)
{
    sasl_rand_t *one = NULL, *two = NULL;
    char a[32] = "", b[32] = "";
    is(sasl_randcreate(NULL), SASL_BADPARAM);
    is(sasl_randcreate(&one), SASL_OK);
    is(sasl_randcreate(&two), SASL_OK);
    check(one != NULL && two != NULL && one != two);
    sasl_rand(one, a, sizeof a);
    sasl_rand(two, b, sizeof b);
    check(memcmp(a, b, sizeof a) != 0);
    sasl_churn(one, "data", 4);
    sasl_randseed(one, "seed", 4);
    sasl_randseed(two, "seed", 4);
    sasl_rand(one, a, sizeof a);
    sasl_rand(two, b, sizeof b);
    check(memcmp(a, b, sizeof a) == 0);
    sasl_rand(one, a, sizeof a);
    check(memcmp(a, b, sizeof a) != 0);
    sasl_rand(NULL, a, sizeof a);
    sasl_rand(one, NULL, 4);
    sasl_randfree(&one);
    check(one == NULL);
    sasl_randfree(&one);
    sasl_randfree(NULL);
    sasl_randfree(&two);
}

static void test_sentences(void)
{
    static const struct { int code; const char *text; } all[] = {
        {1, "another step is needed in authentication"}, {0, "successful result"}, {-1, "generic failure"},
        {-2, "no memory available"}, {-3, "overflowed buffer"}, {-4, "no mechanism available"},
        {-5, "bad protocol / cancel"}, {-6, "can't request info until later in exchange"},
        {-7, "invalid parameter supplied"}, {-8, "transient failure (e.g., weak key)"}, {-9, "integrity check failed"},
        {2, "needs user interaction"}, {-10, "server failed mutual authentication step"},
        {-11, "mechanism doesn't support requested feature"}, {-12, "new secret needed"}, {-13, "authentication failure"},
        {-14, "authorization failure"}, {-15, "mechanism too weak for this user"},
        {-16, "encryption needed to use mechanism"},
        {-17, "One time use of a plaintext password will enable requested mechanism for user"},
        {-18, "passphrase expired, has to be reset"}, {-19, "account disabled"}, {-20, "user not found"},
        {-21, "password locked"}, {-22, "requested change was not needed"}, {-23, "version mismatch with plug-in"},
        {-25, "path not set"}, {-24, "undefined error!"}, {-26, "undefined error!"}, {3, "undefined error!"},
        {-100, "undefined error!"}, {INT_MIN, "undefined error!"}};
    const char *language = NULL;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) text_is(sasl_errstring(all[i].code, NULL, &language), all[i].text);
    text_is(language, "en-us");
    check(sasl_errstring(0, "de", NULL) != NULL);
    for (int code = -40; code < 3; code++) is(sasl_usererr(code), code == SASL_NOUSER ? SASL_BADAUTH : code);
}

int main(void)
{
    begin();
    start_server();
    test_base64();
    test_challenges();
    test_utf8();
    test_random();
    test_sentences();
    return finish();
}
