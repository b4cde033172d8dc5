/* Normal modes: the dense Hessian of finite differences has the same eigenvalues,
   textbook frequencies, counts at minima and saddles, fixed atoms, bad input, failing
   memory. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

#define MOST 200
#define WAVENUMBER 521.4708983725064

static hop_context *context;
static hop_potential *potential;
static hop_structure *structure;
static double frequencies[MOST], vectors[MOST * MOST];
static hop_normal_modes modes;

static void setup(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    potential = NULL;
    structure = NULL;
    modes = (hop_normal_modes){.size = sizeof modes};
}

static void teardown(void) {
    hop_structure_free(structure);
    hop_potential_free(potential);
    hop_context_free(context);
}

static void load(const char *name) {
    ck_assert_msg(hop_potential_builtin(context, name, &potential) == HOP_OK, "%s",
                  hop_error_message(context));
}

static void relax(double fmax) {
    hop_optimizer *optimizer;
    ck_assert_int_eq(
        hop_optimizer_new(context, "lbfgs", structure, potential, &optimizer), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(optimizer, "fmax", fmax), HOP_OK);
    int status = hop_optimizer_run(optimizer, structure, NULL, NULL);
    ck_assert_msg(status == HOP_CONVERGED, "%s", hop_status_name(status));
    hop_optimizer_free(optimizer);
}

static void solve(void) {
    ck_assert_msg(hop_potential_normal_modes(potential, structure, frequencies, vectors,
                                             &modes) == HOP_OK,
                  "%s", hop_error_message(context));
}

static double mass_of(size_t k) { /* of coordinate k */
    return hop_element_mass(hop_structure_numbers(structure)[k / 3]);
}

static double eigenvalue(size_t k) {
    double root = frequencies[k] / WAVENUMBER;
    return copysign(root * root, root);
}

/* Each vector is an eigenvector of the mass-weighted Hessian of finite differences, all
   are orthonormal, and there are as many as coordinates: so they are all eigenvectors.
 */
static void check_against_differences(double step, double tolerance) {
    static double v[MOST], hv[MOST], product[MOST * MOST];
    const size_t n3 = 3 * hop_structure_count(structure);
    double largest = 0.0;
    for (size_t k = 0; k < modes.count; k++)
        largest = fmax(largest, fabs(eigenvalue(k)));
    for (size_t k = 0; k < modes.count; k++) {
        const double *e = vectors + k * n3;
        for (size_t c = 0; c < n3; c++)
            v[c] = e[c] / sqrt(mass_of(c));
        support_hessian_vector(potential, structure, v, step, hv);
        for (size_t c = 0; c < n3; c++) {
            bool fixed = hop_structure_fixed(structure)[c / 3];
            product[c] = fixed ? 0.0 : hv[c] / sqrt(mass_of(c));
            ck_assert_msg(fabs(product[c] - eigenvalue(k) * e[c]) < tolerance * largest,
                          "mode %zu, coordinate %zu: %g, not %g", k, c, product[c],
                          eigenvalue(k) * e[c]);
            ck_assert(!fixed || e[c] == 0.0);
        }
        for (size_t j = 0; j <= k; j++) {
            double dot = 0.0;
            for (size_t c = 0; c < n3; c++)
                dot += e[c] * vectors[j * n3 + c];
            ck_assert_double_eq_tol(dot, j == k, 1e-12);
        }
        ck_assert(k == 0 || frequencies[k] >= frequencies[k - 1]);
    }
}

static const struct {
    const char *potential, *formula;
} clusters[] = {{"AgAu.gupta", "Ag7Au6"},
                {"Ag.gupta", "Ag19"},
                {"Si.sw", "Si12"},
                {"Ar.lj", "Ar13"},
                {"LJ.lj", "X13"}};

START_TEST(minima_have_six_zero_modes) {
    load(clusters[_i].potential);
    ck_assert_int_eq(
        hop_structure_random(context, clusters[_i].formula, potential, 4, &structure),
        HOP_OK);
    relax(1e-6);
    solve();
    ck_assert_uint_eq(modes.count, 3 * hop_structure_count(structure));
    ck_assert_uint_eq(modes.zero, 6);
    ck_assert_uint_eq(modes.negative, 0);
    ck_assert_double_gt(frequencies[6], 10.0 * modes.tolerance);
    hop_scales scales = {.size = sizeof scales};
    hop_potential_scales(potential, hop_structure_numbers(structure)[0], &scales);
    check_against_differences(0.003 * scales.length, 1e-7);
}
END_TEST

/* With forces that are left the rotations are not quite free, and still are counted so.
 */
START_TEST(counts_bear_with_loose_relaxation) {
    static const double fmax[] = {0.01, 1e-3, 1e-4, 1e-8};
    load("AgAu.gupta");
    ck_assert_int_eq(
        hop_structure_random(context, "Ag19Au19", potential, 7, &structure), HOP_OK);
    for (int k = 0; k < 4; k++) {
        relax(fmax[k]);
        solve();
        ck_assert_msg(modes.zero == 6 && modes.negative == 0,
                      "%g: %zu zero, %zu negative", fmax[k], modes.zero,
                      modes.negative);
    }
}
END_TEST

/* omega^2 = k (1/m + 1/M). */
START_TEST(dimer) {
    load("Ar.lj");
    ck_assert_int_eq(hop_structure_new(context, 2, (int32_t[]){18, 18}, &structure),
                     HOP_OK);
    hop_scales scales = {.size = sizeof scales};
    ck_assert_int_eq(hop_potential_scales(potential, 18, &scales), HOP_OK);
    double *x = hop_structure_positions(structure), unit = scales.length / sqrt(3.0);
    x[0] = x[1] = x[2] = 10.0;
    for (int c = 0; c < 3; c++)
        x[3 + c] = 10.0 + unit;
    solve();
    ck_assert_uint_eq(modes.zero, 5);
    ck_assert_uint_eq(modes.negative, 0);
    double expected = WAVENUMBER * sqrt(scales.stiffness * 2.0 / 39.95);
    ck_assert_double_eq_tol(frequencies[5], expected, 1e-9 * expected);
    for (int k = 0; k < 5; k++)
        ck_assert_double_lt(fabs(frequencies[k]), modes.tolerance);
    /* stretched beyond the inflection the bond itself gives way */
    for (int c = 0; c < 3; c++)
        x[3 + c] = 10.0 + 1.3 * unit;
    solve();
    ck_assert_uint_ge(modes.negative, 1);
    ck_assert_double_lt(frequencies[0], -modes.tolerance);
}
END_TEST

/* Three on a line, held there by symmetry: 5 zero modes, and the two bends give way. */
START_TEST(line_is_a_saddle) {
    load("LJ.lj");
    ck_assert_int_eq(hop_structure_new(context, 3, (int32_t[]){0, 0, 0}, &structure),
                     HOP_OK);
    double *x = hop_structure_positions(structure);
    /* -12 r^-13 + 6 r^-7 of both neighbours add up to zero */
    double low = 1.0, high = 1.2;
    for (int k = 0; k < 200; k++) {
        double r = 0.5 * (low + high),
               slope = -12.0 * (pow(r, -13) + pow(2.0 * r, -13)) +
                       6.0 * (pow(r, -7) + pow(2.0 * r, -7));
        *(slope < 0.0 ? &low : &high) = r;
    }
    x[3] = low;
    x[6] = 2.0 * low;
    solve();
    ck_assert_uint_eq(modes.zero, 5);
    ck_assert_uint_eq(modes.negative, 2);
    ck_assert_double_eq_tol(frequencies[0], frequencies[1],
                            1e-6 * fabs(frequencies[0]));
}
END_TEST

START_TEST(crystal_has_three_zero_modes) {
    load("Si.sw");
    structure = support_crystal(context, (int32_t[]){14}, 1, 4.2, (int[]){2, 1, 1},
                                (int32_t[]){1, 1, 1}, 0.1, 3);
    relax(1e-7);
    solve();
    ck_assert_uint_eq(modes.zero, 3);
    ck_assert_uint_eq(modes.negative, 0);
    check_against_differences(1e-4, 1e-6);
}
END_TEST

START_TEST(fixed_atoms_have_no_modes) {
    load("AgAu.gupta");
    ck_assert_int_eq(hop_structure_random(context, "Ag6Au5", potential, 2, &structure),
                     HOP_OK);
    relax(1e-7);
    for (int k = 0; k < 3; k++)
        hop_structure_fixed(structure)[3 * k] = 1;
    solve();
    ck_assert_uint_eq(modes.count, 3 * (11 - 3));
    ck_assert_uint_eq(modes.zero, 0);
    ck_assert_uint_eq(modes.negative, 0);
    check_against_differences(0.01, 1e-7);
    /* two fixed atoms leave one rotation, three in a row none of the free atom's own */
    for (int k = 0; k < 11; k++)
        hop_structure_fixed(structure)[k] = k < 2;
    solve();
    ck_assert_uint_eq(modes.count, 27);
    ck_assert_uint_eq(modes.zero, 1);
    for (int k = 0; k < 11; k++)
        hop_structure_fixed(structure)[k] = 1;
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, vectors, &modes),
        HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "all 11 are"));
}
END_TEST

START_TEST(same_bits_for_any_number_of_threads) {
    static double first[MOST], first_vectors[MOST * MOST];
    load("AgAu.gupta");
    ck_assert_int_eq(
        hop_structure_random(context, "Ag19Au19", potential, 7, &structure), HOP_OK);
    for (int32_t threads = 1; threads <= 4; threads++) {
        hop_context_set_threads(context, threads);
        solve();
        if (threads == 1) {
            memcpy(first, frequencies, sizeof first);
            memcpy(first_vectors, vectors, sizeof first_vectors);
        }
        ck_assert_mem_eq(frequencies, first, modes.count * sizeof *first);
        ck_assert_mem_eq(vectors, first_vectors,
                         modes.count * modes.count * sizeof *first);
    }
    /* without vectors another way of LAPACK's is taken */
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, NULL, NULL),
        HOP_OK);
    for (size_t k = 0; k < modes.count; k++)
        ck_assert_double_eq_tol(
            eigenvalue(k), copysign(pow(first[k] / WAVENUMBER, 2), first[k]), 1e-12);
}
END_TEST

START_TEST(one_atom) {
    load("Ag.gupta");
    ck_assert_int_eq(hop_structure_new(context, 1, (int32_t[]){47}, &structure),
                     HOP_OK);
    solve();
    ck_assert_uint_eq(modes.count, 3);
    ck_assert_uint_eq(modes.zero, 3);
    ck_assert_uint_eq(modes.negative, 0);
}
END_TEST

static double spring; /* eV/angstrom^2 */

static int provide(void *user, hop_structure *s) {
    (void)user;
    double *x = hop_structure_positions(s), energy = 0.0;
    for (size_t k = 0; k < 3 * hop_structure_count(s); k++) {
        energy += 0.5 * spring * x[k] * x[k];
        hop_structure_forces(s)[k] = -spring * x[k];
    }
    if (spring < 0.0)
        return 1;
    *hop_structure_energy(s) = energy;
    return 0;
}

/* Atoms on springs of their own: all modes alike, none of them free. */
START_TEST(external_potential) {
    hop_provider provider = {.size = sizeof provider, .evaluate = provide};
    ck_assert_int_eq(hop_potential_external(context, &provider, &potential), HOP_OK);
    ck_assert_int_eq(hop_structure_new(context, 3, (int32_t[]){14, 14, 14}, &structure),
                     HOP_OK);
    hop_structure_positions(structure)[3] = 2.0;
    hop_structure_positions(structure)[7] = 1.0;
    spring = 3.0;
    hop_context_set_threads(context, 3);
    solve();
    double expected = WAVENUMBER * sqrt(3.0 / 28.085);
    for (int k = 0; k < 9; k++)
        ck_assert_double_eq_tol(frequencies[k], expected, 1e-6 * expected);
    ck_assert_uint_eq(modes.zero, 0);
    spring = -1.0;
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, vectors, &modes),
        HOP_ERROR_NONFINITE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "cannot evaluate"));
}
END_TEST

START_TEST(bad_input) {
    load("Ag.gupta");
    ck_assert_int_eq(hop_structure_random(context, "Ag5", potential, 7, &structure),
                     HOP_OK);
    frequencies[0] = 77.0;
    ck_assert_int_eq(
        hop_potential_normal_modes(NULL, structure, frequencies, vectors, &modes),
        HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, NULL, frequencies, vectors, &modes),
        HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, NULL, vectors, &modes),
        HOP_ERROR_ARGUMENT);
    modes.size = 8;
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, vectors, &modes),
        HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "hop_normal_modes"));
    modes.size = sizeof modes;
    hop_structure_positions(structure)[7] = INFINITY;
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, vectors, &modes),
        HOP_ERROR_NONFINITE);
    memset(hop_structure_positions(structure), 0, 6 * sizeof(double)); /* coincident */
    hop_structure_positions(structure)[7] = 9.0;
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, vectors, &modes),
        HOP_ERROR_NONFINITE);
    hop_structure_numbers(structure)[0] = 29;
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, vectors, &modes),
        HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "Cu"));
    hop_structure_numbers(structure)[0] = 47;
    hop_cancel(context);
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, structure, frequencies, vectors, &modes),
        HOP_STOPPED);
    ck_assert(frequencies[0] == 77.0);
    hop_structure *large;
    static int32_t numbers[10923];
    for (int k = 0; k < 10923; k++)
        numbers[k] = 47;
    ck_assert_int_eq(hop_structure_new(context, 10923, numbers, &large), HOP_OK);
    ck_assert_int_eq(
        hop_potential_normal_modes(potential, large, frequencies, vectors, &modes),
        HOP_ERROR_RANGE);
    hop_structure_free(large);
}
END_TEST

static int small_modes(hop_context *inner, void *data) {
    hop_potential *p = NULL;
    hop_structure *s = NULL;
    hop_normal_modes found = {.size = sizeof found};
    double own[3 * 7], own_vectors[21 * 21];
    hop_context_set_threads(inner, *(int *)data);
    int status = hop_potential_builtin(inner, "AgAu.gupta", &p);
    if (status == HOP_OK)
        status = hop_structure_random(inner, "Ag4Au3", p, 1, &s);
    if (status == HOP_OK)
        status = hop_potential_normal_modes(p, s, own, own_vectors, &found);
    hop_structure_free(s);
    hop_potential_free(p);
    return status;
}

START_TEST(every_allocation_fails_once) {
    int threads = 1 + _i;
    ck_assert_uint_gt(support_torture(small_modes, &threads), 15);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("normal_modes");
    TCase *all = tcase_create("normal modes");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, minima_have_six_zero_modes, 0, 5);
    tcase_add_test(all, counts_bear_with_loose_relaxation);
    tcase_add_test(all, dimer);
    tcase_add_test(all, line_is_a_saddle);
    tcase_add_test(all, crystal_has_three_zero_modes);
    tcase_add_test(all, fixed_atoms_have_no_modes);
    tcase_add_test(all, same_bits_for_any_number_of_threads);
    tcase_add_test(all, one_atom);
    tcase_add_test(all, external_potential);
    tcase_add_test(all, bad_input);
    tcase_add_loop_test(all, every_allocation_fails_once, 0, 2);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
