/* The functions of saslutil.h, sasl_errstring, versions, MD5. */
#include "abi.h"



static void texts(void)
{
    const char *out = NULL;
    for (int code = -120; code <= 20; code++)
        say("errstring %d %s", code, sasl_errstring(code, NULL, NULL));
    say("errstring language %s", sasl_errstring(-1, "de,fr", &out));
    say("language %s", out);
    say("errstring in no language %s", sasl_errstring(-1, "", &out));
}

static void versions(void)
{
    const char *implementation = NULL, *text = NULL;
    int version = 0, major = -1, minor = -1, step = -1, patch = -1;
    sasl_version(&implementation, &version);
    say("version %s 0x%x", implementation, (unsigned)version);
    sasl_version(NULL, NULL);
    sasl_version_info(&implementation, &text, &major, &minor, &step, &patch);
    say("version_info %s %s %d %d %d %d", implementation, text, major, minor, step, patch);
    sasl_version_info(NULL, NULL, NULL, NULL, NULL, NULL);
}

static void base64(void)
{
    char in[300], out[500], back[400];
    unsigned len, backlen;
    for (unsigned n = 0; n < 300; n++) in[n] = (char)(n * 7 + 3);
    for (unsigned n = 0; n < 300; n += n < 20 ? 1 : 37) {
        int code = sasl_encode64(in, n, out, sizeof out, &len);
        int back_code = sasl_decode64(out, len, back, sizeof back, &backlen);
        say("base64 %u: %s %u %s back %s %u %s", n, rc(code), len, n < 40 ? out : "-", rc(back_code), backlen,
            backlen == n && memcmp(in, back, n) == 0 ? "same" : "other");
    }
    say("encode NULL %s", rc(sasl_encode64(NULL, 3, out, sizeof out, &len)));
    say("encode NULL of nothing %s", rc(sasl_encode64(NULL, 0, out, sizeof out, &len)));
    say("encode without outlen %s %s", rc(sasl_encode64("abc", 3, out, sizeof out, NULL)), out);
    say("decode NULL out %s", rc(sasl_decode64("YWJj", 4, NULL, 0, &len)));
    say("decode without outlen %s", rc(sasl_decode64("YWJj", 4, out, sizeof out, NULL)));
    for (unsigned room = 0; room < 12; room++) {
        len = 4711;
        printf("encode into %u: %s", room, rc(sasl_encode64("abcd", 4, out, room, &len)));
        say(" %u", len);
        len = 4711;
        printf("decode into %u: %s", room, rc(sasl_decode64("YWJjZGU=", 8, out, room, &len)));
        say(" %u", len);
    }
    {
        static const char *const odd[] = {"", "Y", "YW", "YWI", "YWJ", "YWJj", "YWJjZ", "YWJjZG", "YW==", "YR==", "YWI=", "YWJ=", "====",
                                          "=WJj", "Y=Jj", "YW=j", "YW==YWJj", "YWJj\r\n", "YWJj\n", "\rYWJj", "\nYWJj", " YWJj", "YW Jj",
                                          "YW\nJj", "Y*Jj", "YWJj=", "YWJj==", "YWI==", "-_-_", "YWJj\t", "YWI=\r\n", "YWI= "};
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            int code;
            memset(out, 0, sizeof out);
            len = 4711;
            code = sasl_decode64(odd[i], (unsigned)strlen(odd[i]), out, sizeof out, &len);
            say("decode %s: %s %u %s", str(odd[i]), rc(code), len, code >= 0 && len < 100 ? esc(out, len) : "-");
        }
        memset(out, 0, sizeof out);
        len = 4711;
        say("decode with nul: %s", rc(sasl_decode64("YW\0j", 4, out, sizeof out, &len)));
    }
}

static void others(void)
{
    static const struct { const char *text; unsigned len; } utf8[] = {
        {"", 0}, {"abc", 3}, {"abc", 0}, {"a\xc3\xa4", 3}, {"a\xc3", 2}, {"\xff", 1}, {"\xc0\x80", 2}, {"\xed\xa0\x80", 3},
        {"\xf0\x9f\x98\x80", 4}, {"\xf4\x90\x80\x80", 4}, {"\xf8\x88\x80\x80\x80", 5}, {"\xfc\x84\x80\x80\x80\x80", 6}, {"\xfe\x80", 2},
        {"\x80", 1}, {"a\0b", 3}, {"\xe2\x82", 2}, {"\xe2\x28\xa1", 3}};
    char buffer[100], text[] = "MiXeD \xc3\x84 CASE [\\]^_`{|}~ 09";
    sasl_conn_t *s;
    unsigned char a[16], b[16], digest[16];
    sasl_rand_t *pool = NULL, *other = NULL;
    MD5_CTX ctx;
    for (size_t i = 0; i < sizeof utf8 / sizeof *utf8; i++)
        say("utf8verify %s: %s", esc(utf8[i].text, utf8[i].len), rc(sasl_utf8verify(utf8[i].text, utf8[i].len)));
    say("strlower %s", esc(sasl_strlower(text), -1));
    memset(buffer, 'x', sizeof buffer);
    sasl_erasebuffer(buffer, 50);
    say("erase: first %d last %d next %c", buffer[0], buffer[49], buffer[50]);
    sasl_erasebuffer(buffer, 0);
    begin();
    s = server();
    for (unsigned room = 40; room < 70; room++) {
        int with, without;
        memset(buffer, 0, sizeof buffer);
        with = (int)sasl_mkchal(s, buffer, room, 1);
        with = with == 0 ? 0 : with == (int)strlen(buffer) && buffer[0] == '<' && strcmp(buffer + with - 18, "@host.example.com>") == 0;
        memset(buffer, 0, sizeof buffer);
        without = (int)sasl_mkchal(s, buffer, room, 0);
        without = without == 0 ? 0 : without == (int)strlen(buffer) && buffer[0] == '<' && strchr(buffer, '.') && buffer[without - 1] == '>';
        say("mkchal in %u: with host %d without %d", room, with, without);
    }
    say("mkchal without connection %u", sasl_mkchal(NULL, buffer, 90, 0) > 10);
    sasl_dispose(&s);
    say("randcreate %s", rc(sasl_randcreate(&pool)));
    say("randcreate %s", rc(sasl_randcreate(&other)));
    sasl_rand(pool, (char *)a, 16);
    sasl_rand(pool, (char *)b, 16);
    say("two draws %s", memcmp(a, b, 16) ? "differ" : "are the same");
    sasl_randseed(pool, "seedseed", 8);
    sasl_rand(pool, (char *)a, 16);
    sasl_randseed(other, "seedseed", 8);
    sasl_rand(other, (char *)b, 16);
    say("same seed %s", memcmp(a, b, 16) ? "differs" : "gives the same");
    sasl_randseed(other, "other seed", 10);
    sasl_rand(other, (char *)b, 16);
    say("other seed %s", memcmp(a, b, 16) ? "differs" : "gives the same");
    sasl_churn(pool, "noise", 5);
    sasl_rand(pool, (char *)b, 16);
    say("after noise %s", memcmp(a, b, 16) ? "differs" : "gives the same");
    sasl_randseed(NULL, "x", 1);
    sasl_churn(pool, NULL, 0);
    sasl_rand(pool, (char *)a, 0);
    sasl_randfree(&pool);
    say("randfree: %s", pool ? "set" : "NULL");
    sasl_randfree(&other);
    _sasl_MD5Init(&ctx);
    _sasl_MD5Update(&ctx, (const unsigned char *)"abc", 3);
    _sasl_MD5Update(&ctx, (const unsigned char *)"", 0);
    _sasl_MD5Final(digest, &ctx);
    printf("MD5 abc ");
    for (int i = 0; i < 16; i++) printf("%02x", digest[i]);
    say("");
    _sasl_MD5Init(&ctx);
    for (int i = 0; i < 1000; i++) _sasl_MD5Update(&ctx, (const unsigned char *)"0123456789", 1 + (unsigned)i % 10);
    _sasl_MD5Final(digest, &ctx);
    printf("MD5 long ");
    for (int i = 0; i < 16; i++) printf("%02x", digest[i]);
    say("");
    finish();
}

int main(void)
{
    texts();
    versions();
    base64();
    others();
    return 0;
}
