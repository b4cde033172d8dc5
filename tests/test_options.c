#include <math.h>
#include <string.h>

#include "base/options.h"
#include "support/support.h"

typedef struct settings {
    double unrelated, fmax, steps, verbose;
} settings;

static const hop__option rows[] = {
    {"fmax", "eV/angstrom", HOP_OPTION_REAL, 0.0, 100.0, 0.05, "largest force",
     offsetof(settings, fmax)},
    {"steps", "", HOP_OPTION_INTEGER, 1.0, 1e9, 200.0, "how many",
     offsetof(settings, steps)},
    {"verbose", "", HOP_OPTION_FLAG, 0.0, 1.0, 1.0, "talk",
     offsetof(settings, verbose)},
};
static const hop__option_table table = {"fire", rows, 3};
static hop_context *context;

static void setup(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }

static void teardown(void) { hop_context_free(context); }

static settings defaults(void) {
    settings values = {7.0, NAN, NAN, NAN};
    hop__options_reset(&table, &values);
    return values;
}

START_TEST(test_reset) {
    settings values = defaults();
    ck_assert_double_eq(values.unrelated, 7.0);
    ck_assert_double_eq(values.fmax, 0.05);
    ck_assert_double_eq(values.steps, 200.0);
    ck_assert_double_eq(values.verbose, 1.0);
}
END_TEST

START_TEST(test_find) {
    ck_assert_ptr_eq(hop__options_find(&table, "steps"), &rows[1]);
    ck_assert_ptr_null(hop__options_find(&table, "step"));
    ck_assert_ptr_null(hop__options_find(&table, ""));
    ck_assert_ptr_null(hop__options_find(&table, "FMAX"));
}
END_TEST

START_TEST(test_set_and_get) {
    settings values = defaults();
    double value;
    static const struct {
        const char *name;
        double value;
    } good[] = {{"fmax", 0.0},  {"fmax", 100.0},  {"fmax", 0.01},  {"steps", 1.0},
                {"steps", 1e9}, {"verbose", 0.0}, {"verbose", 1.0}};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        ck_assert_int_eq(
            hop__options_set(context, &table, &values, good[k].name, good[k].value),
            HOP_OK);
        ck_assert_int_eq(
            hop__options_get(context, &table, &values, good[k].name, &value), HOP_OK);
        ck_assert_double_eq(value, good[k].value);
    }
    ck_assert_double_eq(values.unrelated, 7.0);
    ck_assert_str_eq(hop_error_message(context), "");
}
END_TEST

START_TEST(test_out_of_range) {
    settings values = defaults(), before = values;
    static const struct {
        const char *name;
        double value;
    } bad[] = {{"fmax", -1e-9},  {"fmax", 100.5},  {"fmax", NAN},    {"fmax", INFINITY},
               {"steps", 0.0},   {"steps", 1.5},   {"steps", 2e9},   {"steps", NAN},
               {"verbose", 2.0}, {"verbose", 0.5}, {"verbose", -1.0}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ck_assert_int_eq(
            hop__options_set(context, &table, &values, bad[k].name, bad[k].value),
            HOP_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(hop_error_message(context), bad[k].name));
        ck_assert_mem_eq(&values, &before, sizeof values);
    }
    hop__options_set(context, &table, &values, "steps", 1.5);
    ck_assert_str_eq(
        hop_error_message(context),
        "fire: option steps: expected a whole number from 1 to 1e+09, got 1.5");
    hop__options_set(context, &table, &values, "fmax", -2.5);
    ck_assert_str_eq(hop_error_message(context),
                     "fire: option fmax: expected a number from 0 to 100, got -2.5");
}
END_TEST

START_TEST(test_unknown) {
    settings values = defaults();
    double value = 3.0;
    ck_assert_int_eq(hop__options_set(context, &table, &values, "fmx", 1.0),
                     HOP_ERROR_ARGUMENT);
    ck_assert_str_eq(hop_error_message(context),
                     "fire has no option 'fmx'; it has: fmax steps verbose");
    ck_assert_int_eq(hop__options_get(context, &table, &values, "x", &value),
                     HOP_ERROR_ARGUMENT);
    ck_assert_double_eq(value, 3.0);
    char endless[2000];
    memset(endless, 'n', sizeof endless);
    endless[sizeof endless - 1] = '\0';
    ck_assert_int_eq(hop__options_set(context, &table, &values, endless, 1.0),
                     HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "verbose"));
}
END_TEST

/* More names than the message has room for. */
START_TEST(test_unknown_among_many) {
    static hop__option many[100];
    for (size_t k = 0; k < 100; k++) {
        many[k] = rows[0];
        many[k].name = "an-option-with-a-long-name";
    }
    const hop__option_table large = {"large", many, 100};
    settings values = defaults();
    ck_assert_int_eq(hop__options_set(context, &large, &values, "fmx", 1.0),
                     HOP_ERROR_ARGUMENT);
    ck_assert_uint_lt(strlen(hop_error_message(context)), HOP__MESSAGE_SIZE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), many[0].name));
}
END_TEST

START_TEST(test_describe) {
    hop_option out = {.size = sizeof out};
    ck_assert_int_eq(hop__options_describe(&table, 1, &out), HOP_OK);
    ck_assert_str_eq(out.name, "steps");
    ck_assert_str_eq(out.unit, "");
    ck_assert_int_eq(out.type, HOP_OPTION_INTEGER);
    ck_assert_double_eq(out.minimum, 1.0);
    ck_assert_double_eq(out.maximum, 1e9);
    ck_assert_double_eq(out.initial, 200.0);
    ck_assert_str_eq(out.doc, "how many");
    ck_assert_uint_eq(out.size, sizeof out);
    ck_assert_int_eq(hop__options_describe(&table, 3, &out), HOP_END);
    ck_assert_int_eq(hop__options_describe(&table, SIZE_MAX, &out), HOP_END);
}
END_TEST

/* A caller built against an older header gets what it has room for. */
START_TEST(test_describe_for_older_callers) {
    hop_option out;
    memset(&out, 0x77, sizeof out);
    hop_option untouched = out;
    out.size = offsetof(hop_option, initial);
    ck_assert_int_eq(hop__options_describe(&table, 0, &out), HOP_OK);
    ck_assert_str_eq(out.name, "fmax");
    ck_assert_double_eq(out.maximum, 100.0);
    ck_assert_mem_eq(&out.initial, &untouched.initial, sizeof out.initial);
    ck_assert_mem_eq(&out.doc, &untouched.doc, sizeof out.doc);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_reset);
    tcase_add_test(tests, test_find);
    tcase_add_test(tests, test_set_and_get);
    tcase_add_test(tests, test_out_of_range);
    tcase_add_test(tests, test_unknown);
    tcase_add_test(tests, test_unknown_among_many);
    tcase_add_test(tests, test_describe);
    tcase_add_test(tests, test_describe_for_older_callers);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
