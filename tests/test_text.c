#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "support/support.h"

static hop__span span_of(const char *text) { return (hop__span){text, strlen(text)}; }

/* ---- lines and words ---- */

START_TEST(test_lines) {
    const char text[] = "\xEF\xBB\xBFone\r\n\ntwo words \nlast";
    hop__lines lines;
    hop__span line;
    hop__lines_start(&lines, "name", text, sizeof text - 1);
    static const char *const expected[] = {"one", "", "two words ", "last"};
    for (int k = 0; k < 4; k++) {
        ck_assert(hop__lines_next(&lines, &line));
        ck_assert(hop__span_equals(line, expected[k]));
        ck_assert_int_eq(lines.number, k + 1);
    }
    ck_assert(!hop__lines_next(&lines, &line));
    ck_assert(!hop__lines_next(&lines, &line));
    ck_assert_str_eq(lines.name, "name");
}
END_TEST

START_TEST(test_lines_of_odd_texts) {
    static const struct {
        const char *text;
        int lines;
    } odd[] = {{"", 0},      {"\n", 1},           {"\r\n", 1},     {"a", 1}, {"a\n", 1},
               {"a\n\n", 2}, {"\xEF\xBB\xBF", 0}, {"\xEF\xBB", 1}, {"\r", 1}};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        hop__lines lines;
        hop__span line;
        int count = 0;
        hop__lines_start(&lines, "", odd[k].text, strlen(odd[k].text));
        while (hop__lines_next(&lines, &line))
            count++;
        ck_assert_int_eq(count, odd[k].lines);
    }
}
END_TEST

START_TEST(test_words) {
    hop__span rest = span_of("  Ag\tAu  2.5 \r\n"), word;
    ck_assert(hop__span_word(&rest, &word) && hop__span_equals(word, "Ag"));
    ck_assert(hop__span_word(&rest, &word) && hop__span_equals(word, "Au"));
    ck_assert(hop__span_word(&rest, &word) && hop__span_equals(word, "2.5"));
    ck_assert(!hop__span_word(&rest, &word));
    ck_assert(!hop__span_word(&rest, &word));
    rest = span_of(" \t ");
    ck_assert(!hop__span_word(&rest, &word));
}
END_TEST

START_TEST(test_equals_and_trim) {
    ck_assert(hop__span_equals(span_of("abc"), "abc"));
    ck_assert(!hop__span_equals(span_of("abc"), "ab"));
    ck_assert(!hop__span_equals(span_of("ab"), "abc"));
    ck_assert(!hop__span_equals(span_of("abC"), "abc"));
    ck_assert(hop__span_equals_nocase(span_of("UNITS"), "units"));
    ck_assert(!hop__span_equals_nocase(span_of("UNIT["), "unit{"));
    ck_assert(!hop__span_equals_nocase(span_of("units"), "unit"));
    ck_assert(hop__span_equals(hop__span_trim(span_of(" \t a b \r\n")), "a b"));
    ck_assert(hop__span_equals(hop__span_trim(span_of("   ")), ""));
}
END_TEST

/* ---- numbers ---- */

START_TEST(test_doubles) {
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0.0},
        {"-0", -0.0},
        {"1", 1.0},
        {"+2.5", 2.5},
        {".5", 0.5},
        {"5.", 5.0},
        {"-1.5e3", -1500.0},
        {"1E-2", 0.01},
        {"1d3", 1000.0},
        {"2.5D-1", 0.25},
        {"1e+02", 100.0},
        {"1e-400", 0.0},
        {"4.9e-324", 5e-324},
        {"1.7976931348623157e308", DBL_MAX},
        {"0.1", 0.1},
        {"000000000001", 1.0},
        /* halfway between two doubles, and a hair above */
        {"9007199254740993", 9007199254740992.0},
        {"9007199254740993.0000000000000000000000000000000000001", 9007199254740994.0},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
    };
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        double value = NAN;
        ck_assert_msg(hop__span_double(span_of(good[k].text), &value), "%s",
                      good[k].text);
        ck_assert_msg(value == good[k].value &&
                          !signbit(value) == !signbit(good[k].value),
                      "%s", good[k].text);
    }
}
END_TEST

START_TEST(test_no_doubles) {
    static const char *const bad[] = {
        "",         " ",     "1 ",       " 1",
        "+",        "-",     ".",        "-.",
        "e5",       "1e",    "1e+",      "1e5.",
        "1.2.3",    "1,5",   "0x10",     "0x1p3",
        "nan",      "NaN",   "inf",      "-inf",
        "infinity", "1e999", "-1e999",   "--1",
        "+-1",      "1f",    "1e5e5",    "1_000",
        "1.5x",     "1d",    "\xC2\xBD", "1e99999999999999999999"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        double value = 7.0;
        ck_assert_msg(!hop__span_double(span_of(bad[k]), &value), "'%s'", bad[k]);
    }
    double value;
    ck_assert(!hop__span_double((hop__span){"1\0005", 3}, &value));
    ck_assert(!hop__span_double((hop__span){"1\000", 2}, &value));
    ck_assert(!hop__span_double((hop__span){"\0001", 2}, &value));
}
END_TEST

START_TEST(test_long_doubles) {
    char digits[500];
    double value;
    memset(digits, '0', sizeof digits);
    digits[0] = '1';
    ck_assert(hop__span_double((hop__span){digits, 300}, &value));
    ck_assert_double_eq(value, 1e299);
    digits[1] = '.';
    ck_assert(hop__span_double((hop__span){digits, 400}, &value));
    ck_assert_double_eq(value, 1.0);
    ck_assert(!hop__span_double((hop__span){digits, 401}, &value));
    ck_assert(!hop__span_double((hop__span){digits, 499}, &value));
}
END_TEST

START_TEST(test_integers) {
    int64_t value;
    ck_assert(hop__span_integer(span_of("0"), &value) && value == 0);
    ck_assert(hop__span_integer(span_of("+12"), &value) && value == 12);
    ck_assert(hop__span_integer(span_of("-007"), &value) && value == -7);
    ck_assert(hop__span_integer(span_of("9223372036854775807"), &value));
    ck_assert_int_eq(value, INT64_MAX);
    ck_assert(hop__span_integer(span_of("-9223372036854775808"), &value));
    ck_assert_int_eq(value, INT64_MIN);
    static const char *const bad[] = {"",
                                      "+",
                                      "-",
                                      "1.0",
                                      "1e3",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "--1",
                                      "1-",
                                      "a",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_msg(!hop__span_integer(span_of(bad[k]), &value), "'%s'", bad[k]);
    ck_assert(!hop__span_integer((hop__span){"1\0", 2}, &value));
}
END_TEST

static double any_double(hop__random *random) {
    double value;
    do {
        uint64_t bits = hop__random_bits(random);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void check_round_trips(size_t count) {
    hop__random random = hop__random_start(11, 0);
    char buffer[HOP__NUMBER_SIZE];
    for (size_t k = 0; k < count; k++) {
        double value =
            k % 2 ? any_double(&random) : 100.0 * hop__random_normal(&random);
        double back = NAN;
        hop__format_double(value, 17, buffer);
        ck_assert_msg(hop__span_double(span_of(buffer), &back), "%s", buffer);
        ck_assert_mem_eq(&back, &value, sizeof value);
    }
}

START_TEST(test_round_trip) { check_round_trips(100000); }
END_TEST

START_TEST(test_format) {
    char buffer[HOP__NUMBER_SIZE];
    ck_assert_str_eq(hop__format_double(2.5, 17, buffer), "2.5");
    ck_assert_str_eq(hop__format_double(-1e-300, 6, buffer), "-1e-300");
    ck_assert_str_eq(hop__format_double(1.0 / 3.0, 3, buffer), "0.333");
    ck_assert_str_eq(hop__format_double(1234567.0, 6, buffer), "1.23457e+06");
    hop__format_double(-DBL_MAX, 17, buffer);
    ck_assert_uint_lt(strlen(buffer), HOP__NUMBER_SIZE);
}
END_TEST

/* ---- locale ---- */

/* A locale that writes 2,5: an installed one, or one made here. */
static bool set_comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE",
                                        "fr_FR.UTF-8", "fr_FR.utf8"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (setlocale(LC_ALL, names[k]))
            return true;
    const char *folder = support_path("locale");
    char command[1200];
    snprintf(
        command, sizeof command,
        "mkdir -p '%s' && localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1",
        folder, folder);
    if (system(command) != 0)
        return false;
    setenv("LOCPATH", folder, 1);
    return setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

START_TEST(test_comma_locale) {
    if (!set_comma_locale())
        return; /* none here and localedef missing */
    ck_assert_str_eq(localeconv()->decimal_point, ",");
    double value;
    ck_assert(hop__span_double(span_of("2.1683"), &value));
    ck_assert_double_eq(value, 2.1683);
    ck_assert(!hop__span_double(span_of("2,1683"), &value));
    char buffer[HOP__NUMBER_SIZE];
    ck_assert_str_eq(hop__format_double(2.5, 17, buffer), "2.5");
    ck_assert_str_eq(hop__format_double(1e300, 17, buffer), "1.0000000000000001e+300");
    check_round_trips(2000);
    ck_assert_str_eq(localeconv()->decimal_point, ","); /* the host's, left alone */
}
END_TEST

/* ---- quoting ---- */

START_TEST(test_quote) {
    char buffer[HOP__QUOTE_SIZE];
    ck_assert_str_eq(hop__quote(span_of("Xy 1"), buffer), "Xy 1");
    ck_assert_str_eq(hop__quote(span_of(""), buffer), "");
    ck_assert_str_eq(hop__quote((hop__span){"a\0\n\x7f\xff", 5}, buffer),
                     "a\\x00\\x0a\\x7f\\xff");
    char many[1000];
    memset(many, 'a', sizeof many);
    for (size_t fill = 0; fill < 2; fill++) {
        for (size_t length = 0; length < sizeof many; length++) {
            hop__quote((hop__span){many, length}, buffer);
            ck_assert_uint_lt(strlen(buffer), HOP__QUOTE_SIZE);
            ck_assert(length < 45 || strcmp(buffer + strlen(buffer) - 3, "...") == 0);
        }
        memset(many, '\x01', sizeof many);
    }
}
END_TEST

/* ---- growing text ---- */

static int write_text(hop_context *context, void *data) {
    hop__text text;
    hop__text_start(&text, context);
    for (int k = 0; k < 300; k++) {
        hop__text_add(&text, "%s %d ", "Ag", k);
        hop__text_add_double(&text, 0.1 * k);
        hop__text_add(&text, "\n");
    }
    bool failed = text.failed;
    if (!failed) {
        ck_assert_uint_eq(text.size, strlen(text.data));
        ck_assert_ptr_nonnull(strstr(text.data, "Ag 1 0.10000000000000001\n"));
        *(size_t *)data = text.size;
    }
    hop__text_free(&text);
    ck_assert_ptr_null(text.data);
    return failed ? HOP_ERROR_MEMORY : HOP_OK;
}

START_TEST(test_text) {
    size_t size = 0;
    ck_assert_uint_ge(support_torture(write_text, &size), 4);
    ck_assert_uint_gt(size, 3000);
}
END_TEST

START_TEST(test_empty_text) {
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    hop__text text;
    hop__text_start(&text, context);
    hop__text_add(&text, "%s", "");
    ck_assert_uint_eq(text.size, 0);
    ck_assert(!text.failed);
    hop__text_free(&text);
    hop__text_free(&text);
    hop_context_free(context);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_lines);
    tcase_add_test(tests, test_lines_of_odd_texts);
    tcase_add_test(tests, test_words);
    tcase_add_test(tests, test_equals_and_trim);
    tcase_add_test(tests, test_doubles);
    tcase_add_test(tests, test_no_doubles);
    tcase_add_test(tests, test_long_doubles);
    tcase_add_test(tests, test_integers);
    tcase_add_test(tests, test_round_trip);
    tcase_add_test(tests, test_format);
    tcase_add_test(tests, test_comma_locale);
    tcase_add_test(tests, test_quote);
    tcase_add_test(tests, test_text);
    tcase_add_test(tests, test_empty_text);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
