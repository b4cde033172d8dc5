/* The minima that came out below published ones (bench/minima) are what is said of them. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

#define FOLDER "bench/minima/"

static void check_minimum(hop_context *context, const char *name, const char *formula,
                          double energy, double reference) {
    char path[256];
    hop_potential *potential;
    hop_structure *s;
    hop_normal_modes modes = {.size = sizeof modes};
    double frequencies[3 * 128];
    snprintf(path, sizeof path, FOLDER "%s-%s.xyz", name, formula);
    ck_assert_msg(hop_structure_read(context, path, 0, &s) == HOP_OK, "%s",
                  hop_error_message(context));
    ck_assert_uint_le(3 * hop_structure_count(s), sizeof frequencies / sizeof(double));
    ck_assert_msg(hop_potential_builtin(context, name, &potential) == HOP_OK, "%s",
                  hop_error_message(context));
    ck_assert_msg(hop_potential_evaluate(potential, s) == HOP_OK, "%s: %s", path,
                  hop_error_message(context));
    ck_assert_msg(fabs(*hop_structure_energy(s) - energy) <= 1e-6,
                  "%s: energy %.9f, not %.9f", path, *hop_structure_energy(s), energy);
    ck_assert_msg(*hop_structure_energy(s) < reference - 1e-5,
                  "%s: energy %.9f is not below %.6f", path, *hop_structure_energy(s),
                  reference);
    for (size_t k = 0; k < 3 * hop_structure_count(s); k++)
        ck_assert_msg(fabs(hop_structure_forces(s)[k]) < 1e-6, "%s: force %zu is %g",
                      path, k, hop_structure_forces(s)[k]);
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, s, frequencies, NULL, &modes), HOP_OK);
    ck_assert_msg(modes.negative == 0, "%s: %d negative modes", path,
                  (int)modes.negative);
    hop_structure_free(s);
    hop_potential_free(potential);
}

START_TEST(each_is_a_minimum_below_the_reference) {
    hop_context *context;
    char line[256], name[64], formula[64];
    double energy, reference;
    int count = 0;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    FILE *list = fopen(FOLDER "list.txt", "r");
    ck_assert_ptr_nonnull(list);
    while (fgets(line, sizeof line, list)) {
        if (line[0] == '#')
            continue;
        ck_assert_msg(
            sscanf(line, "%63s %63s %lf %lf", name, formula, &energy, &reference) == 4,
            "%s", line);
        check_minimum(context, name, formula, energy, reference);
        count++;
    }
    fclose(list);
    ck_assert_int_gt(count, 0);
    hop_context_free(context);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("minima");
    TCase *cases = tcase_create("minima");
    tcase_add_test(cases, each_is_a_minimum_below_the_reference);
    suite_add_tcase(suite, cases);
    return support_main(suite);
}
