#include "structure/elements.h"

#include <math.h>
#include <string.h>

#include "support/support.h"

START_TEST(test_symbols) {
    ck_assert_str_eq(hop_element_symbol(0), "X");
    ck_assert_str_eq(hop_element_symbol(1), "H");
    ck_assert_str_eq(hop_element_symbol(14), "Si");
    ck_assert_str_eq(hop_element_symbol(26), "Fe");
    ck_assert_str_eq(hop_element_symbol(28), "Ni");
    ck_assert_str_eq(hop_element_symbol(29), "Cu");
    ck_assert_str_eq(hop_element_symbol(46), "Pd");
    ck_assert_str_eq(hop_element_symbol(47), "Ag");
    ck_assert_str_eq(hop_element_symbol(57), "La");
    ck_assert_str_eq(hop_element_symbol(71), "Lu");
    ck_assert_str_eq(hop_element_symbol(78), "Pt");
    ck_assert_str_eq(hop_element_symbol(79), "Au");
    ck_assert_str_eq(hop_element_symbol(92), "U");
    ck_assert_str_eq(hop_element_symbol(118), "Og");
    ck_assert_ptr_null(hop_element_symbol(-1));
    ck_assert_ptr_null(hop_element_symbol(119));
    ck_assert_ptr_null(hop_element_symbol(INT32_MAX));
    ck_assert_ptr_null(hop_element_symbol(INT32_MIN));
}
END_TEST

/* Every symbol is found again, so no two are the same. */
START_TEST(test_there_and_back) {
    for (int32_t number = 0; number < HOP__ELEMENTS; number++) {
        const char *symbol = hop_element_symbol(number);
        ck_assert_uint_ge(strlen(symbol), 1);
        ck_assert_uint_le(strlen(symbol), 2);
        ck_assert_int_eq(hop_element_number(symbol), number);
    }
}
END_TEST

START_TEST(test_unknown_symbols) {
    const char *const bad[] = {"",  "ag",  "AG",  "aG", "Agg",
                               "A", "Ag ", " Ag", "Q",  "47"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        ck_assert_msg(hop_element_number(bad[k]) == -1, "'%s' is known", bad[k]);
    ck_assert_int_eq(hop_element_number(NULL), -1);
    ck_assert_int_eq(hop__element_from_span((hop__span){"Agon", 2}), 47);
    ck_assert_int_eq(hop__element_from_span((hop__span){"Agon", 0}), -1);
}
END_TEST

/* Cordero et al., Dalton Trans. 2008, 2832, table 2. */
START_TEST(test_radii) {
    const struct {
        int32_t number;
        double radius;
    } known[] = {{0, 0.50},  {1, 0.31},  {6, 0.76},  {8, 0.66},  {14, 1.11},
                 {18, 1.06}, {28, 1.24}, {29, 1.32}, {46, 1.39}, {47, 1.45},
                 {55, 2.44}, {78, 1.36}, {79, 1.36}, {92, 1.96}, {96, 1.69}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        ck_assert_double_eq_tol(hop__element_radius(known[k].number), known[k].radius,
                                1e-7);
    for (int32_t number = 0; number < HOP__ELEMENTS; number++) {
        ck_assert_double_gt(hop__element_radius(number), 0.25);
        ck_assert_double_lt(hop__element_radius(number), 2.65);
    }
}
END_TEST

/* Standard atomic weights 2021; the atomic numbers of neighbours whose masses do not
   rise are known (Ar K, Co Ni, Te I, Th Pa and some made by man). */
START_TEST(test_masses) {
    const struct {
        int32_t number;
        double mass;
    } known[] = {{0, 1.0},      {1, 1.008},      {14, 28.085}, {18, 39.95},
                 {28, 58.6934}, {29, 63.546},    {46, 106.42}, {47, 107.8682},
                 {78, 195.084}, {79, 196.96657}, {82, 207.2},  {92, 238.02891},
                 {43, 97.0},    {118, 294.0}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        ck_assert_double_eq(hop_element_mass(known[k].number), known[k].mass);
    for (int32_t number = 2; number < 93; number++) {
        bool falls = hop_element_mass(number) < hop_element_mass(number - 1);
        ck_assert_int_eq(falls,
                         number == 19 || number == 28 || number == 53 || number == 91);
        double per_proton = hop_element_mass(number) / number;
        ck_assert(per_proton > 1.9 && per_proton < 2.7);
    }
    ck_assert(isnan(hop_element_mass(-1)));
    ck_assert(isnan(hop_element_mass(119)));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("elements");
    TCase *tests = tcase_create("elements");
    tcase_add_test(tests, test_symbols);
    tcase_add_test(tests, test_there_and_back);
    tcase_add_test(tests, test_unknown_symbols);
    tcase_add_test(tests, test_radii);
    tcase_add_test(tests, test_masses);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
