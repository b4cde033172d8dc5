/* Energies, forces and virials against LAMMPS, GMIN and ASE (tests/data/oracle). */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

#define FOLDER "tests/data/oracle/"

static void check_case(hop_context *context, const char *name,
                       const char *potential_name) {
    char path[256];
    hop_potential *potential;
    hop_structure *expected, *s;
    snprintf(path, sizeof path, FOLDER "%s.xyz", name);
    ck_assert_msg(hop_structure_read(context, path, 0, &expected) == HOP_OK, "%s",
                  hop_error_message(context));
    ck_assert_int_eq(hop_structure_copy(expected, &s), HOP_OK);
    snprintf(path, sizeof path, "%s%s",
             strcmp(potential_name, "Si.sw") == 0 ? "potentials/" : FOLDER,
             potential_name);
    ck_assert_msg(hop_potential_load(context, path, &potential) == HOP_OK, "%s",
                  hop_error_message(context));
    ck_assert_msg(hop_potential_evaluate(potential, s) == HOP_OK, "%s: %s", name,
                  hop_error_message(context));
    double e = *hop_structure_energy(expected), got = *hop_structure_energy(s);
    ck_assert_msg(fabs(got - e) <= 1e-10 * fabs(e) + 1e-300,
                  "%s: energy %.17g, not %.17g", name, got, e);
    for (size_t k = 0; k < 3 * hop_structure_count(s); k++) {
        double f = hop_structure_forces(expected)[k], g = hop_structure_forces(s)[k];
        ck_assert_msg(fabs(f - g) <= 1e-8, "%s: force %zu is %.17g, not %.17g", name, k,
                      g, f);
    }
    double stress[6], reference[6];
    if (hop_structure_stress(s, stress) == HOP_OK) {
        ck_assert_int_eq(hop_structure_stress(expected, reference), HOP_OK);
        for (int k = 0; k < 6; k++)
            ck_assert_msg(fabs(stress[k] - reference[k]) <= 1e-8,
                          "%s: stress %d is %.17g, not %.17g", name, k, stress[k],
                          reference[k]);
    }
    hop_structure_free(s);
    hop_structure_free(expected);
    hop_potential_free(potential);
}

START_TEST(every_case_on_every_variant) {
    hop_context *context;
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    if (_i > (int)context->isa) { /* this processor cannot run the variant */
        hop_context_free(context);
        return;
    }
    context->isa = (enum hop__isa)_i;
    FILE *list = fopen(FOLDER "cases.txt", "r");
    ck_assert_ptr_nonnull(list);
    char name[100], potential[100];
    int cases = 0;
    for (; fscanf(list, "%99s %99s", name, potential) == 2; cases++)
        check_case(context, name, potential);
    fclose(list);
    ck_assert_int_eq(cases, 80);
    hop_context_free(context);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("oracle");
    TCase *cases = tcase_create("cases");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, every_case_on_every_variant, 0, 3);
    suite_add_tcase(suite, cases);
    return support_main(suite);
}
