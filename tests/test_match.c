/* Same minimum or not: moved, turned, mirrored, renumbered. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/vector_math.h"
#include "support/support.h"

static hop_context *context;
static hop__random dice;

static void setup(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    dice = hop__random_start(11, 3);
}

static void teardown(void) { hop_context_free(context); }

static hop_structure *cluster(const char *formula, uint64_t seed) {
    hop_structure *s;
    int status = hop_structure_random(context, formula, NULL, seed, &s);
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    return s;
}

/* A random rotation, or a reflection with it. */
static void turn(double r[9], bool mirrored) {
    hop__random_direction(&dice, r);
    double other[3], along;
    do {
        hop__random_direction(&dice, other);
        along = hop__dot(other, r, 3);
    } while (fabs(along) > 0.9);
    for (int k = 0; k < 3; k++)
        r[3 + k] = other[k] - along * r[k];
    double length = sqrt(hop__dot(r + 3, r + 3, 3));
    for (int k = 0; k < 3; k++)
        r[3 + k] /= length;
    for (int k = 0; k < 3; k++)
        r[6 + k] = (mirrored ? -1.0 : 1.0) * (r[(k + 1) % 3] * r[3 + (k + 2) % 3] -
                                              r[(k + 2) % 3] * r[3 + (k + 1) % 3]);
}

/* Moved, turned, atoms in another order, each displaced by exactly `rattle`. */
static hop_structure *disguise(hop_structure *s, bool rotate, bool mirrored,
                               double rattle, size_t *order) {
    const size_t n = hop_structure_count(s);
    double r[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, shift[3];
    hop_structure *t;
    ck_assert_int_eq(hop_structure_copy(s, &t), HOP_OK);
    if (rotate)
        turn(r, mirrored);
    for (int k = 0; k < 3; k++)
        shift[k] = 20.0 * hop__random_uniform(&dice) - 10.0;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = hop__random_below(&dice, i + 1), other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
    for (size_t i = 0; i < n; i++) {
        double away[3];
        hop__random_direction(&dice, away);
        hop_structure_numbers(t)[order[i]] = hop_structure_numbers(s)[i];
        for (size_t k = 0; k < 3; k++)
            hop_structure_positions(t)[3 * order[i] + k] =
                hop__dot(r + 3 * k, hop_structure_positions(s) + 3 * i, 3) + shift[k] +
                rattle * away[k];
    }
    return t;
}

static hop_match match(hop_structure *a, hop_structure *b, double tolerance,
                       int64_t *permutation) {
    hop_match m = {.size = sizeof m};
    int status = hop_structure_match(a, b, tolerance, permutation, &m);
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    ck_assert_int_eq(m.same, m.largest <= tolerance);
    return m;
}

/* What match says is what it is: b = rotation a + shift to within `largest`. */
static void check_claims(hop_structure *a, hop_structure *b, const hop_match *m,
                         const int64_t *permutation) {
    const size_t n = hop_structure_count(a);
    double most = 0.0, square = 0.0;
    bool seen[400] = {false};
    for (size_t i = 0; i < n; i++) {
        const size_t j = (size_t)permutation[i];
        double d2 = 0.0;
        ck_assert(j < n && !seen[j]);
        seen[j] = true;
        ck_assert_int_eq(hop_structure_numbers(a)[i], hop_structure_numbers(b)[j]);
        for (size_t k = 0; k < 3; k++) {
            double d =
                hop__dot(m->rotation + 3 * k, hop_structure_positions(a) + 3 * i, 3) +
                m->shift[k] - hop_structure_positions(b)[3 * j + k];
            d2 += d * d;
        }
        most = fmax(most, sqrt(d2));
        square += d2;
    }
    ck_assert_double_eq_tol(most, m->largest, 1e-9);
    ck_assert_double_eq_tol(sqrt(square / (double)n), m->rms, 1e-9);
    ck_assert_double_eq_tol(hop__determinant3(m->rotation), m->mirrored ? -1 : 1, 1e-9);
}

static const char *const formulas[] = {
    "X1", "X2", "X3", "X4", "X7", "Ag38", "Ag1Au1", "Ag19Au19", "Pt147", "Ni13Cu1"};

START_TEST(disguised_clusters) {
    size_t order[400];
    int64_t permutation[400];
    for (int trial = 0; trial < 40; trial++) {
        const bool mirrored = trial % 2;
        const double rattle = trial % 4 < 2 ? 0.0 : 0.05;
        hop_structure *a = cluster(formulas[_i], (uint64_t)trial);
        hop_structure *b = disguise(a, true, mirrored, rattle, order);
        hop_match m = match(a, b, 0.1, permutation);
        ck_assert_msg(m.same, "%s trial %d: %g", formulas[_i], trial, m.largest);
        ck_assert_double_le(m.largest, rattle > 0.0 ? 0.1 : 1e-9);
        check_claims(a, b, &m, permutation);
        if (hop_structure_count(a) > 7) {
            ck_assert_int_eq(m.mirrored, mirrored);
            for (size_t i = 0; i < hop_structure_count(a); i++)
                ck_assert_int_eq(permutation[i], (int64_t)order[i]);
        }
        hop_structure_free(a);
        hop_structure_free(b);
    }
}
END_TEST

/* The symmetric minima that are the hard case: many atoms at the same distance. */
static hop_structure *relaxed(const char *potential, const char *formula,
                              uint64_t seed) {
    hop_potential *p;
    hop_structure *s;
    hop_optimizer *o;
    ck_assert_int_eq(hop_potential_builtin(context, potential, &p), HOP_OK);
    ck_assert_int_eq(hop_structure_random(context, formula, p, seed, &s), HOP_OK);
    ck_assert_int_eq(hop_optimizer_new(context, "basin-hopping", s, p, &o), HOP_OK);
    hop_optimizer_set(o, "seed", (double)seed);
    hop_optimizer_set(o, "max_evaluations", 4000);
    hop_optimizer_set(o, "fmax", 1e-4);
    ck_assert_int_ge(hop_optimizer_run(o, s, NULL, NULL), 0);
    hop_optimizer_free(o);
    hop_potential_free(p);
    return s;
}

START_TEST(icosahedra) {
    size_t order[64];
    int64_t permutation[64];
    hop_structure *a = relaxed("LJ.lj", "X13", 1), *b = relaxed("LJ.lj", "X13", 2);
    ck_assert_double_eq_tol(*hop_structure_energy(a), -44.326801, 1e-5);
    ck_assert_double_eq_tol(*hop_structure_energy(b), -44.326801, 1e-5);
    hop_match m = match(a, b, 0.05, permutation);
    ck_assert_msg(m.same, "%g", m.largest);
    check_claims(a, b, &m, permutation);
    hop_structure *c = disguise(a, true, true, 0.02, order);
    m = match(a, c, 0.05, permutation);
    ck_assert(m.same);
    check_claims(a, c, &m, permutation);
    hop_structure_free(a);
    hop_structure_free(b);
    hop_structure_free(c);
}
END_TEST

/* Not the same: other random clusters, one atom displaced, two unlike atoms exchanged. */
START_TEST(different_clusters) {
    size_t order[64];
    for (uint64_t trial = 0; trial < 20; trial++) {
        hop_structure *a = cluster("Ag19Au19", trial),
                      *b = cluster("Ag19Au19", trial + 100);
        ck_assert_int_eq(match(a, b, 0.1, NULL).same, 0);
        hop_structure *c = disguise(a, true, false, 0.0, order);
        hop_structure_positions(c)[3 * trial] += 0.5;
        ck_assert_int_eq(match(a, c, 0.1, NULL).same, 0);
        hop_structure_positions(c)[3 * trial] -= 0.5;
        ck_assert_int_eq(match(a, c, 0.1, NULL).same, 1);
        size_t silver = 0, gold = 0;
        while (hop_structure_numbers(c)[silver] != 47)
            silver++;
        while (hop_structure_numbers(c)[gold] != 79)
            gold++;
        hop_structure_numbers(c)[silver] = 79;
        hop_structure_numbers(c)[gold] = 47;
        ck_assert_int_eq(match(a, c, 0.1, NULL).same, 0);
        hop_structure_free(a);
        hop_structure_free(b);
        hop_structure_free(c);
    }
    hop_structure *a = cluster("Ag3", 1), *b = cluster("Ag4", 1),
                  *c = cluster("Ag2Au1", 1);
    ck_assert(isinf(match(a, b, 0.1, NULL).largest));
    ck_assert(isinf(match(a, c, 0.1, NULL).largest));
    hop_structure_free(a);
    hop_structure_free(b);
    hop_structure_free(c);
}
END_TEST

/* On a line, in a plane: frames of two atoms say little there. */
START_TEST(flat_clusters) {
    size_t order[64];
    const int32_t numbers[5] = {47, 47, 79, 47, 79};
    for (int plane = 0; plane < 2; plane++)
        for (int trial = 0; trial < 20; trial++) {
            hop_structure *a;
            ck_assert_int_eq(hop_structure_new(context, 5, numbers, &a), HOP_OK);
            for (int i = 0; i < 5; i++) {
                hop_structure_positions(a)[3 * i] = 2.5 * i;
                hop_structure_positions(a)[3 * i + 1] =
                    plane ? 5.0 * hop__random_uniform(&dice) : 0.0;
            }
            hop_structure *b = disguise(a, true, trial % 2, trial % 3 * 0.02, order);
            hop_match m = match(a, b, 0.1, NULL);
            ck_assert_msg(m.same, "plane %d trial %d: %g", plane, trial, m.largest);
            hop_structure_free(a);
            hop_structure_free(b);
        }
}
END_TEST

START_TEST(crystals) {
    size_t order[400];
    int64_t permutation[400];
    const int32_t numbers[3] = {47, 79, 47}, full[3] = {1, 1, 1}, slab[3] = {1, 1, 0};
    const int repeat[3] = {2, 2, 3};
    for (int trial = 0; trial < 20; trial++) {
        const int32_t *periodic = trial % 2 ? slab : full;
        hop_structure *a = support_crystal(context, numbers, 2 + trial % 2, 4.1, repeat,
                                           periodic, 0.3, (uint64_t)trial);
        hop_structure_cell(a)[3] += 1.3; /* triclinic */
        hop_structure *b = disguise(a, false, false, trial % 3 * 0.02, order);
        double *x = hop_structure_positions(b), *cell = hop_structure_cell(b);
        for (size_t i = 0; i < hop_structure_count(b); i++) /* unwrapped */
            for (size_t k = 0; k < 3; k++)
                x[3 * i + k] +=
                    ((int)(i % 5) - 2) * cell[k] - (int)(i % 3) * cell[3 + k];
        hop_match m = match(a, b, 0.1, permutation);
        ck_assert_msg(m.same, "trial %d: %g", trial, m.largest);
        for (size_t i = 0; i < hop_structure_count(a); i++)
            ck_assert_int_eq(permutation[i], (int64_t)order[i]);
        x[0] += 0.5;
        ck_assert_int_eq(match(a, b, 0.1, NULL).same, 0);
        x[0] -= 0.5;
        cell[0] += 0.01;
        m.size = sizeof m;
        ck_assert_int_eq(hop_structure_match(a, b, 0.1, NULL, &m), HOP_ERROR_ARGUMENT);
        ck_assert(strstr(hop_error_message(context), "cell") != NULL);
        cell[0] -= 0.01;
        ck_assert_int_eq(hop_structure_match(a, b, 3.0, NULL, &m), HOP_ERROR_ARGUMENT);
        hop_structure_free(a);
        hop_structure_free(b);
    }
}
END_TEST

START_TEST(bad_arguments) {
    hop_structure *a = cluster("Ag3", 1);
    hop_match m = {.size = sizeof m};
    ck_assert_int_eq(hop_structure_match(NULL, a, 1, NULL, &m), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_match(a, NULL, 1, NULL, &m), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_match(a, a, 1, NULL, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_match(a, a, 0, NULL, &m), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_match(a, a, NAN, NULL, &m), HOP_ERROR_ARGUMENT);
    hop_structure_positions(a)[4] = NAN;
    ck_assert_int_eq(hop_structure_match(a, a, 1, NULL, &m), HOP_ERROR_NONFINITE);
    m.size = 8;
    ck_assert_int_eq(hop_structure_match(a, a, 1, NULL, &m), HOP_ERROR_ARGUMENT);
    hop_structure_free(a);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("match");
    TCase *tests = tcase_create("match");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, disguised_clusters, 0,
                        (int)(sizeof formulas / sizeof *formulas));
    tcase_add_test(tests, icosahedra);
    tcase_add_test(tests, different_clusters);
    tcase_add_test(tests, flat_clusters);
    tcase_add_test(tests, crystals);
    tcase_add_test(tests, bad_arguments);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
