#include "structure/generate.h"

#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "structure/elements.h"
#include "support/support.h"

static hop_context *context;

static void setup(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }

static void teardown(void) { hop_context_free(context); }

/* ---- formulas ---- */

static void assert_formula(const char *formula, const int32_t *expected, size_t count) {
    int32_t *numbers;
    size_t found;
    ck_assert_int_eq(hop__formula_parse(context, formula, &numbers, &found), HOP_OK);
    ck_assert_uint_eq(found, count);
    ck_assert_mem_eq(numbers, expected, count * sizeof *expected);
    hop__release(context, numbers);
}

START_TEST(test_formulas) {
    assert_formula("X", (int32_t[]){0}, 1);
    assert_formula("CO", (int32_t[]){6, 8}, 2);
    assert_formula("Co", (int32_t[]){27}, 1);
    assert_formula("Ag2Au", (int32_t[]){47, 47, 79}, 3);
    assert_formula("AuAgAu2", (int32_t[]){79, 47, 79, 79}, 4);
    assert_formula("Si007", (int32_t[]){14, 14, 14, 14, 14, 14, 14}, 7);
}
END_TEST

START_TEST(test_bad_formulas) {
    const struct {
        const char *formula, *message;
    } bad[] = {
        {"", "expected something like Ag19Au19"},
        {"ag19", "an element symbol at position 0, got 'ag19'"},
        {"Ag19Zz3", "an element symbol at position 4, got 'Zz3'"},
        {"19", "an element symbol at position 0"},
        {"Ag 19", "an element symbol at position 2, got ' 19'"},
        {"Ag19 ", "an element symbol at position 4"},
        {"Ag-3", "an element symbol at position 2"},
        {"Ag1.5", "an element symbol at position 3"},
        {"Ag0", "1 to 1000000 atoms at position 0, got 'Ag0'"},
        {"Ag1000001", "1 to 1000000 atoms"},
        {"Ag600000Au600000", "1 to 1000000 atoms at position 8"},
        {"Ag99999999999999999999999", "1 to 1000000 atoms"},
        {"Ag9223372036854775807Au", "1 to 1000000 atoms"},
        {"Agold", "an element symbol"},
        {"\xC3\xA4", "an element symbol at position 0, got '\\xc3\\xa4'"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        hop_structure *s = (hop_structure *)&context;
        ck_assert_int_eq(hop_structure_random(context, bad[k].formula, NULL, 1, &s),
                         HOP_ERROR_ARGUMENT);
        ck_assert_ptr_null(s);
        ck_assert_msg(strstr(hop_error_message(context), bad[k].message) != NULL,
                      "'%s': %s", bad[k].formula, hop_error_message(context));
    }
}
END_TEST

START_TEST(test_endless_formula) {
    char formula[3000];
    memset(formula, 'a', sizeof formula);
    formula[0] = 'A';
    formula[sizeof formula - 1] = '\0';
    hop_structure *s;
    ck_assert_int_eq(hop_structure_random(context, formula, NULL, 1, &s),
                     HOP_ERROR_ARGUMENT);
    ck_assert_uint_lt(strlen(hop_error_message(context)), 300);
}
END_TEST

/* ---- clusters ---- */

static hop_structure *random_cluster(const char *formula,
                                     const hop_potential *potential, uint64_t seed) {
    hop_structure *s;
    ck_assert_int_eq(hop_structure_random(context, formula, potential, seed, &s),
                     HOP_OK);
    return s;
}

static double distance(const double *a, const double *b) {
    double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return sqrt(hop__dot(d, d, 3));
}

/* Smallest distance over the mean length of the two atoms. */
static double closest(size_t count, const double *lengths, const double *x) {
    double least = INFINITY;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            least = fmin(least, 2.0 * distance(x + 3 * i, x + 3 * j) /
                                    (lengths[i] + lengths[j]));
    return least;
}

static double farthest(size_t count, const double *x) {
    double most = 0.0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, sqrt(hop__dot(x + 3 * i, x + 3 * i, 3)));
    return most;
}

/* Nowhere nearer than 0.7, and inside about the volume of close-packed spheres. */
START_TEST(test_cluster_geometry) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        double lengths[80], x[240], volume = 0.0;
        hop__random r = hop__random_start(seed, 1);
        size_t count = 1 + hop__random_below(&r, 80);
        for (size_t i = 0; i < count; i++) {
            lengths[i] = 2.0 + 1.5 * hop__random_uniform(&r);
            volume += lengths[i] * lengths[i] * lengths[i];
        }
        hop__generate_cluster(&r, count, lengths, x);
        double radius = cbrt(volume / (8.0 * 0.7404805));
        if (count > 1)
            ck_assert_double_ge(closest(count, lengths, x), 0.7 * (1.0 - 1e-12));
        ck_assert_double_le(farthest(count, x), 1.2 * radius);
        if (count > 20)
            ck_assert_double_ge(farthest(count, x), 0.6 * radius);
    }
}
END_TEST

/* Uniform in the sphere: <r^3/R^3> = 1/2 and no preferred direction. */
START_TEST(test_uniform_in_the_sphere) {
    double cubes = 0.0, sum[3] = {0.0, 0.0, 0.0}, squares[3] = {0.0, 0.0, 0.0}, x[3];
    const double one = 2.0, radius = cbrt(8.0 / (8.0 * 0.7404805));
    const int samples = 20000;
    hop__random r = hop__random_start(3, 1);
    for (int k = 0; k < samples; k++) {
        hop__generate_cluster(&r, 1, &one, x);
        cubes += pow(hop__dot(x, x, 3), 1.5) / (radius * radius * radius);
        for (int c = 0; c < 3; c++) {
            sum[c] += x[c] / radius;
            squares[c] += x[c] * x[c] / (radius * radius);
        }
    }
    ck_assert_double_eq_tol(cubes / samples, 0.5, 0.01);
    for (int c = 0; c < 3; c++) {
        ck_assert_double_eq_tol(sum[c] / samples, 0.0, 0.015);
        ck_assert_double_eq_tol(squares[c] / samples, 0.2, 0.01);
    }
}
END_TEST

START_TEST(test_same_seed_same_bits) {
    hop_structure *a = random_cluster("Ag19Au19", NULL, 7);
    hop_structure *b = random_cluster("Ag19Au19", NULL, 7);
    hop_structure *c = random_cluster("Ag19Au19", NULL, 8);
    ck_assert_mem_eq(a->positions, b->positions, 3 * 38 * sizeof(double));
    ck_assert_mem_ne(a->positions, c->positions, 3 * 38 * sizeof(double));
    for (size_t i = 0; i < 38; i++)
        ck_assert_int_eq(a->numbers[i], i < 19 ? 47 : 79);
    ck_assert(isnan(*hop_structure_energy(a)));
    ck_assert(!hop__structure_is_periodic(a));
    hop_structure_free(a);
    hop_structure_free(b);
    hop_structure_free(c);
}
END_TEST

/* Lengths come from the potential, otherwise from covalent radii. */
START_TEST(test_lengths) {
    hop_potential *potential;
    double radii[38], x[38];
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu.gupta", &potential), HOP_OK);
    hop_scales silver, gold;
    silver.size = gold.size = sizeof silver;
    ck_assert_int_eq(hop_potential_scales(potential, 47, &silver), HOP_OK);
    ck_assert_int_eq(hop_potential_scales(potential, 79, &gold), HOP_OK);
    for (int i = 0; i < 38; i++) {
        radii[i] = 2.0 * hop__element_radius(i < 19 ? 47 : 79);
        x[i] = i < 19 ? silver.length : gold.length;
    }
    for (uint64_t seed = 0; seed < 20; seed++) {
        hop_structure *a = random_cluster("Ag19Au19", potential, seed);
        hop_structure *b = random_cluster("Ag19Au19", NULL, seed);
        ck_assert_double_ge(closest(38, x, a->positions), 0.7 * (1.0 - 1e-12));
        ck_assert_double_ge(closest(38, radii, b->positions), 0.7 * (1.0 - 1e-12));
        ck_assert_mem_ne(a->positions, b->positions, 3 * 38 * sizeof(double));
        hop_structure_free(a);
        hop_structure_free(b);
    }
    hop_structure *s;
    ck_assert_int_eq(hop_structure_random(context, "Ag2Cu", potential, 1, &s),
                     HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(s);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "Cu"));
    hop_potential_free(potential);
}
END_TEST

/* Both elements are found everywhere: the mean distance from the middle is the same. */
START_TEST(test_species_in_random_order) {
    double silver = 0.0, gold = 0.0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        hop_structure *s = random_cluster("Ag10Au10", NULL, seed);
        for (size_t i = 0; i < 20; i++) {
            double r = sqrt(hop__dot(s->positions + 3 * i, s->positions + 3 * i, 3));
            *(s->numbers[i] == 47 ? &silver : &gold) += r / 3000.0;
        }
        hop_structure_free(s);
    }
    ck_assert_double_gt(silver, 1.5);
    ck_assert_double_eq_tol(silver / gold, 1.0, 0.04);
}
END_TEST

START_TEST(test_large_cluster) {
    hop_structure *s = random_cluster("Cu1500", NULL, 1);
    double lengths[1500];
    for (size_t i = 0; i < 1500; i++)
        lengths[i] = 2.0 * hop__element_radius(29);
    ck_assert_double_ge(closest(1500, lengths, s->positions), 0.7 * (1.0 - 1e-12));
    hop_structure_free(s);
}
END_TEST

/* ---- cells ---- */

START_TEST(test_in_cell) {
    const double cell[9] = {12, 0, 0, 3, 11, 0, -2, 1, 10};
    double inverse[9], lengths[40], x[120];
    ck_assert(hop__invert3(cell, inverse));
    for (size_t i = 0; i < 40; i++)
        lengths[i] = 2.5;
    for (int mask = 0; mask < 8; mask++) {
        const int32_t periodic[3] = {mask & 1, mask & 2, mask & 4};
        hop__random r = hop__random_start((uint64_t)mask, 1);
        hop__generate_in_cell(&r, 40, lengths, cell, periodic, x);
        double least = INFINITY;
        for (size_t i = 0; i < 40; i++) {
            for (int a = 0; a < 3; a++) {
                double f = x[3 * i] * inverse[a] + x[3 * i + 1] * inverse[3 + a] +
                           x[3 * i + 2] * inverse[6 + a];
                ck_assert(f > -1e-12 && f < 1.0 + 1e-12);
            }
            for (size_t j = 0; j < 40; j++)
                for (int image = 0; image < 125; image++) {
                    int u[3] = {image % 5 - 2, image / 5 % 5 - 2, image / 25 - 2};
                    double y[3];
                    bool there = i != j;
                    for (int a = 0; a < 3; a++)
                        there = there && (u[a] == 0 || periodic[a]);
                    for (int c = 0; c < 3; c++)
                        y[c] = x[3 * j + (size_t)c] + u[0] * cell[c] +
                               u[1] * cell[3 + c] + u[2] * cell[6 + c];
                    if (there)
                        least = fmin(least, distance(x + 3 * i, y));
                }
        }
        ck_assert_double_ge(least, 0.7 * 2.5 * (1.0 - 1e-12));
    }
}
END_TEST

/* Far too many atoms for the cell: they come nearer, but it ends. */
START_TEST(test_crowded_cell) {
    const double cell[9] = {5, 0, 0, 0, 5, 0, 0, 0, 5};
    const int32_t periodic[3] = {1, 1, 1};
    double lengths[100], x[300];
    for (size_t i = 0; i < 100; i++)
        lengths[i] = 3.0;
    hop__random r = hop__random_start(1, 1);
    hop__generate_in_cell(&r, 100, lengths, cell, periodic, x);
    ck_assert(hop__all_finite(x, 300));
    ck_assert_double_gt(closest(100, lengths, x), 0.1);
}
END_TEST

/* ---- failures ---- */

START_TEST(test_null_arguments) {
    hop_structure *s = (hop_structure *)&context;
    ck_assert_int_eq(hop_structure_random(NULL, "Ag", NULL, 1, &s), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(s);
    s = (hop_structure *)&context;
    ck_assert_int_eq(hop_structure_random(context, NULL, NULL, 1, &s),
                     HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(s);
    ck_assert_int_eq(hop_structure_random(context, "Ag", NULL, 1, NULL),
                     HOP_ERROR_ARGUMENT);
}
END_TEST

static int make_random(hop_context *failing, void *data) {
    (void)data;
    hop_structure *s;
    int status = hop_structure_random(failing, "Ag5Au6", NULL, 1, &s);
    ck_assert((s == NULL) == (status != HOP_OK));
    hop_structure_free(s);
    return status;
}

START_TEST(test_failing_memory) {
    ck_assert_uint_gt(support_torture(make_random, NULL), 3);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("generate");
    TCase *tests = tcase_create("generate");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_formulas);
    tcase_add_test(tests, test_bad_formulas);
    tcase_add_test(tests, test_endless_formula);
    tcase_add_test(tests, test_cluster_geometry);
    tcase_add_test(tests, test_uniform_in_the_sphere);
    tcase_add_test(tests, test_same_seed_same_bits);
    tcase_add_test(tests, test_lengths);
    tcase_add_test(tests, test_species_in_random_order);
    tcase_add_test(tests, test_large_cluster);
    tcase_add_test(tests, test_in_cell);
    tcase_add_test(tests, test_crowded_cell);
    tcase_add_test(tests, test_null_arguments);
    tcase_add_test(tests, test_failing_memory);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
