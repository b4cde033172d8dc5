/* Every kind of potential in clusters and cells: forces, virial and Hessian-vector
   products against central differences, the same bits from every compiled variant, and
   failing memory. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

/* Lennard-Jones with cut-offs, shifted and smoothed; truncation has no derivative. */
static const char lj_text[] = "# UNITS: metal CITATION: test\n"
                              "Ar Ar 0.0104 3.4 8.5 smooth\n"
                              "Ar Ne 0.0061 3.1 7.5 shift\n"
                              "Ne Ne 0.0031 2.8 7.0 smooth\n";
/* Mixed without cut-off. */
static const char lj_open_text[] = "# UNITS: metal CITATION: test\n"
                                   "Ar Ar 0.0104 3.4\n"
                                   "Ne Ar 0.0061 3.1\n"
                                   "Kr Ne 0.0061 3.2\n"
                                   "Ne Ne 0.0031 2.8\n";
/* One pair without cut-off and two with. */
static const char lj_half_text[] = "# UNITS: metal CITATION: test\n"
                                   "Ar Ar 0.0104 3.4 8.5 smooth\n"
                                   "Ar Ne 0.0061 3.1\n"
                                   "Ne Ne 0.0031 2.8 7.0 smooth\n";

static const struct {
    const char *name;
    int32_t numbers[2];
    double lattice;
    bool cutoff; /* usable in a periodic cell */
} systems[] = {
    {"AgAu.gupta", {47, 79}, 4.08, false}, {"AgAu-cutoff.gupta", {47, 79}, 4.08, true},
    {"PdPt.gupta", {46, 78}, 3.90, false}, {"AgNi.gupta", {47, 28}, 3.80, false},
    {"Al.gupta", {13, 13}, 4.05, false},   {"Si.sw", {14, 14}, 4.40, true},
    {"Ar.lj", {18, 18}, 5.30, false},      {"test.lj", {18, 10}, 5.00, true},
    {"open.lj", {18, 10}, 5.00, false},    {"half.lj", {18, 10}, 5.00, false},
};
#define SYSTEMS (int)(sizeof systems / sizeof *systems)

static int load(hop_context *context, int k, hop_potential **out) {
    const char *name = systems[k].name;
    const char *text = strcmp(name, "test.lj") == 0   ? lj_text
                       : strcmp(name, "open.lj") == 0 ? lj_open_text
                       : strcmp(name, "half.lj") == 0 ? lj_half_text
                                                      : NULL;
    if (!text)
        return hop_potential_builtin(context, name, out);
    const char *path = support_path(name);
    support_write_file(path, text, strlen(text));
    return hop_potential_load(context, path, out);
}

enum { CLUSTER, SMALL_CELL, SLAB, SHAPES };
#define CASES (SYSTEMS * SHAPES)

static hop_context *context;
static hop_potential *potential;
static hop_structure *structure;

static void setup(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    potential = NULL;
    structure = NULL;
}

static void teardown(void) {
    hop_structure_free(structure);
    hop_potential_free(potential);
    hop_context_free(context);
}

/* The potential and a rattled crystal; false when the potential has no cut-off and the
   shape is periodic. */
static bool prepare(int number) {
    int k = number / SHAPES, shape = number % SHAPES;
    ck_assert_msg(load(context, k, &potential) == HOP_OK, "%s",
                  hop_error_message(context));
    if (shape != CLUSTER && !systems[k].cutoff)
        return false;
    const int one[3] = {1, 1, 1}, two[3] = {2, 2, 2};
    const int32_t periodic[3] = {shape != CLUSTER, shape != CLUSTER,
                                 shape == SMALL_CELL};
    structure = support_crystal(context, systems[k].numbers, 2, systems[k].lattice,
                                shape == SMALL_CELL ? one : two, periodic, 0.15, 9);
    double *cell = hop_structure_cell(structure); /* triclinic */
    cell[1] += 0.7;
    cell[5] -= 0.4;
    cell[6] += 0.9;
    ck_assert_msg(hop_potential_evaluate(potential, structure) == HOP_OK, "%s: %s",
                  systems[k].name, hop_error_message(context));
    return true;
}

#define TOLERANCE 1e-8 /* the goal is 1e-7 */
static double numerical[3 * 32], exact[3 * 32], direction[3 * 32];

/* At the ends of a cut-off's window a derivative jumps, and differences across it are
   wrong: steps so short that, for this seed, no pair comes upon one. */
static double step_for(int number, double smooth) {
    const char *name = systems[number / SHAPES].name;
    bool windows = systems[number / SHAPES].cutoff || strcmp(name, "half.lj") == 0;
    return windows ? 1e-4 : smooth;
}

START_TEST(test_forces) {
    if (!prepare(_i))
        return;
    size_t n3 = 3 * hop_structure_count(structure);
    support_forces(potential, structure, step_for(_i, 0.02), numerical);
    double error =
        support_relative_error(hop_structure_forces(structure), numerical, n3);
    ck_assert_msg(error < TOLERANCE, "%s: %g", systems[_i / SHAPES].name, error);
}
END_TEST

START_TEST(test_virial) {
    if (!prepare(_i))
        return;
    support_virial(potential, structure, 0.1 * step_for(_i, 0.04), numerical);
    double error =
        support_relative_error(hop_structure_virial(structure), numerical, 6);
    ck_assert_msg(error < TOLERANCE, "%s: %g", systems[_i / SHAPES].name, error);
}
END_TEST

START_TEST(test_hessian_vector) {
    if (!prepare(_i))
        return;
    size_t n3 = 3 * hop_structure_count(structure);
    for (size_t k = 0; k < n3; k++)
        direction[k] = sin(3.0 * (double)k + 1.0);
    ck_assert_int_eq(
        hop_potential_hessian_vector(potential, structure, direction, exact), HOP_OK);
    support_hessian_vector(potential, structure, direction, step_for(_i, 0.01),
                           numerical);
    double error = support_relative_error(exact, numerical, n3);
    ck_assert_msg(error < TOLERANCE, "%s: %g", systems[_i / SHAPES].name, error);
}
END_TEST

START_TEST(test_atoms_share_the_energy) {
    if (!prepare(_i))
        return;
    double sum = 0.0, energy = *hop_structure_energy(structure), net[3] = {0};
    for (size_t i = 0; i < hop_structure_count(structure); i++) {
        sum += hop_structure_energies(structure)[i];
        for (int c = 0; c < 3; c++)
            net[c] += hop_structure_forces(structure)[3 * i + c];
    }
    ck_assert_double_eq_tol(sum, energy, 1e-12 * fabs(energy));
    for (int c = 0; c < 3; c++)
        ck_assert_double_eq_tol(net[c], 0.0, 1e-10);
}
END_TEST

/* AVX2 and AVX-512 agree bit for bit; the portable variant, which does not fuse
   multiplications with additions, to CLOSE. */
#define CLOSE 1e-13
static double reference[3 * 32 + 7], other[3 * 32 + 7];

static size_t results(enum hop__isa isa, int k, double *out) {
    hop_potential *fresh;
    size_t n3 = 3 * hop_structure_count(structure);
    context->isa = isa;
    ck_assert_int_eq(load(context, k, &fresh), HOP_OK);
    ck_assert_int_eq(hop_potential_evaluate(fresh, structure), HOP_OK);
    memcpy(out, hop_structure_forces(structure), n3 * sizeof *out);
    memcpy(out + n3, hop_structure_virial(structure), 6 * sizeof *out);
    out[n3 + 6] = *hop_structure_energy(structure);
    hop_potential_free(fresh);
    return n3 + 7;
}

START_TEST(test_variants_agree) {
    enum hop__isa best = context->isa;
    if (!prepare(_i))
        return;
    size_t n = results(best, _i / SHAPES, reference);
    for (int isa = HOP__ISA_BASE; isa <= (int)best; isa++) {
        ck_assert_uint_eq(results((enum hop__isa)isa, _i / SHAPES, other), n);
        double error = support_relative_error(other, reference, n);
        ck_assert_msg(error < CLOSE, "%s: variant %d: %g", systems[_i / SHAPES].name,
                      isa, error);
        if (isa > HOP__ISA_BASE)
            ck_assert_mem_eq(other, reference, n * sizeof *other);
    }
}
END_TEST

START_TEST(test_variants_agree_on_products) {
    enum hop__isa best = context->isa;
    if (!prepare(_i))
        return;
    size_t n = 3 * hop_structure_count(structure);
    for (size_t k = 0; k < n; k++)
        direction[k] = sin(3.0 * (double)k + 1.0);
    for (int isa = (int)best; isa >= HOP__ISA_BASE; isa--) {
        hop_potential *fresh;
        context->isa = (enum hop__isa)isa;
        ck_assert_int_eq(load(context, _i / SHAPES, &fresh), HOP_OK);
        ck_assert_int_eq(
            hop_potential_hessian_vector(fresh, structure, direction, other), HOP_OK);
        if (isa == (int)best)
            memcpy(reference, other, n * sizeof *other);
        ck_assert(support_relative_error(other, reference, n) < CLOSE);
        if (isa > HOP__ISA_BASE)
            ck_assert_mem_eq(other, reference, n * sizeof *other);
        hop_potential_free(fresh);
    }
}
END_TEST

/* Without a cut-off a lattice sum has no end. */
START_TEST(test_cell_needs_a_cutoff) {
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu.gupta", &potential), HOP_OK);
    structure =
        support_crystal(context, systems[0].numbers, 2, 4.08, (const int[]){1, 1, 1},
                        (const int32_t[]){1, 1, 1}, 0, 1);
    ck_assert_int_lt(hop_potential_evaluate(potential, structure), 0);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "cut"));
    ck_assert(isnan(*hop_structure_energy(structure)));
}
END_TEST

static int use(hop_potential *p, hop_structure *s) {
    int status = hop_potential_evaluate(p, s);
    return status == HOP_OK ? hop_potential_hessian_vector(p, s, direction, exact)
                            : status;
}

static int load_and_use(hop_context *inner, void *data) {
    int k = *(int *)data;
    hop_potential *p = (hop_potential *)inner;
    hop_structure *s = (hop_structure *)inner, *copy = s;
    char formula[16];
    snprintf(formula, sizeof formula, "%s14",
             hop_element_symbol(systems[k].numbers[0]));
    int status = load(inner, k, &p);
    if (status != HOP_OK) {
        ck_assert_ptr_null(p);
        return status;
    }
    status = hop_structure_random(inner, formula, p, 3, &s);
    if (status == HOP_OK)
        status = hop_structure_copy(s, &copy);
    else
        copy = s;
    if (status != HOP_OK)
        ck_assert_ptr_null(copy);
    if (status == HOP_OK)
        status = use(p, copy);
    hop_potential_free(p);
    hop_structure_free(copy);
    if (copy != s)
        hop_structure_free(s);
    return status;
}

START_TEST(test_torture) {
    int k = _i;
    ck_assert_uint_ge(support_torture(load_and_use, &k), 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("derivatives");
    TCase *tests = tcase_create("derivatives");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_forces, 0, CASES);
    tcase_add_loop_test(tests, test_virial, 0, CASES);
    tcase_add_loop_test(tests, test_hessian_vector, 0, CASES);
    tcase_add_loop_test(tests, test_atoms_share_the_energy, 0, CASES);
    tcase_add_loop_test(tests, test_variants_agree, 0, CASES);
    tcase_add_loop_test(tests, test_variants_agree_on_products, 0, CASES);
    tcase_add_test(tests, test_cell_needs_a_cutoff);
    tcase_add_loop_test(tests, test_torture, 0, SYSTEMS);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
