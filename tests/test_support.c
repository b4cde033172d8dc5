/* The harness itself: numerical derivatives of an energy known in closed form, and
   injected failures that must be noticed. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "support/support.h"

/* E = sum over pairs of exp(-d^2 / 8), all pairs, no images: smooth, so that only the
   helpers' own error is seen. */
static double pair(const double *x, size_t i, size_t j, double d[3]) {
    double square = 0.0;
    for (int c = 0; c < 3; c++) {
        d[c] = x[3 * i + c] - x[3 * j + c];
        square += d[c] * d[c];
    }
    return exp(-square / 8.0);
}

static int evaluate(void *user, hop_structure *structure) {
    (void)user;
    static const int pairs[6][2] = {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}};
    size_t n = hop_structure_count(structure);
    const double *x = hop_structure_positions(structure);
    double *f = hop_structure_forces(structure), *w = hop_structure_virial(structure);
    double energy = 0.0, d[3];
    memset(f, 0, 3 * n * sizeof *f);
    memset(w, 0, 6 * sizeof *w);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double e = pair(x, i, j, d);
            energy += e;
            for (int c = 0; c < 3; c++) {
                f[3 * i + c] += e * d[c] / 4.0;
                f[3 * j + c] -= e * d[c] / 4.0;
            }
            for (int v = 0; v < 6; v++) /* virial = sum of d_a F_b */
                w[v] += d[pairs[v][0]] * e * d[pairs[v][1]] / 4.0;
        }
    *hop_structure_energy(structure) = energy;
    return 0;
}

/* Second derivatives of one pair: e (d d^T / 16 - 1/4). */
static void exact_hessian_vector(const hop_structure *structure, const double *v,
                                 double *hv) {
    hop_structure *copy;
    ck_assert_int_eq(hop_structure_copy(structure, &copy), HOP_OK);
    size_t n = hop_structure_count(copy);
    const double *x = hop_structure_positions(copy);
    memset(hv, 0, 3 * n * sizeof *hv);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double d[3], e = pair(x, i, j, d), along = 0.0;
            for (int c = 0; c < 3; c++)
                along += d[c] * (v[3 * i + c] - v[3 * j + c]);
            for (int c = 0; c < 3; c++) {
                double term =
                    e * (d[c] * along / 16.0 - (v[3 * i + c] - v[3 * j + c]) / 4.0);
                hv[3 * i + c] += term;
                hv[3 * j + c] -= term;
            }
        }
    hop_structure_free(copy);
}

static hop_context *context;
static hop_potential *potential;
static hop_structure *structure;
static double numerical[3 * 32], exact[3 * 32], direction[3 * 32];

static void setup(void) {
    const hop_provider provider = {.size = sizeof provider, .evaluate = evaluate};
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_external(context, &provider, &potential), HOP_OK);
    structure =
        support_crystal(context, (const int32_t[]){47, 79}, 2, 4.0,
                        (const int[]){2, 1, 2}, (const int32_t[]){0, 0, 0}, 0.3, 1);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
}

static void teardown(void) {
    hop_structure_free(structure);
    hop_potential_free(potential);
    hop_context_free(context);
}

START_TEST(test_crystal) {
    ck_assert_uint_eq(hop_structure_count(structure), 16);
    ck_assert_int_eq(hop_structure_numbers(structure)[4], 47);
    ck_assert_int_eq(hop_structure_numbers(structure)[5], 79);
    ck_assert_double_eq(hop_structure_cell(structure)[0], 8.0);
    ck_assert_double_eq(hop_structure_cell(structure)[4], 4.0);
    const double *x = hop_structure_positions(structure);
    double shortest = INFINITY;
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < i; j++)
            shortest = fmin(
                shortest, hypot(hypot(x[3 * i] - x[3 * j], x[3 * i + 1] - x[3 * j + 1]),
                                x[3 * i + 2] - x[3 * j + 2]));
    ck_assert_double_lt(fabs(shortest - 4.0 / sqrt(2.0)), 2 * 0.3 * sqrt(3.0));
    ck_assert_double_ne(shortest, 4.0 / sqrt(2.0));
}
END_TEST

START_TEST(test_forces) {
    support_forces(potential, structure, 0.05, numerical);
    ck_assert_double_lt(
        support_relative_error(numerical, hop_structure_forces(structure), 48), 1e-10);
}
END_TEST

START_TEST(test_virial) {
    support_virial(potential, structure, 0.01, numerical);
    ck_assert_double_lt(
        support_relative_error(numerical, hop_structure_virial(structure), 6), 1e-10);
}
END_TEST

START_TEST(test_hessian_vector) {
    for (int k = 0; k < 48; k++)
        direction[k] = sin(1.0 + k);
    exact_hessian_vector(structure, direction, exact);
    support_hessian_vector(potential, structure, direction, 0.05, numerical);
    ck_assert_double_lt(support_relative_error(numerical, exact, 48), 1e-10);
}
END_TEST

START_TEST(test_relative_error) {
    const double a[3] = {1.0, 2.0, -4.0}, b[3] = {1.0, 2.5, -4.0}, none[1] = {NAN};
    ck_assert_double_eq(support_relative_error(a, b, 3), 0.125);
    ck_assert_double_eq(support_relative_error(a, a, 3), 0.0);
    ck_assert(isinf(support_relative_error(none, a, 1)));
    ck_assert(isinf(support_relative_error(a, none, 1)));
}
END_TEST

/* ---- scenarios with a fault; each of these tests must fail inside ---- */

static int leaks(hop_context *inner, void *data) {
    (void)data;
    void *first = hop__allocate(inner, 1, 10), *second = hop__allocate(inner, 1, 10);
    if (!first || !second)
        return HOP_ERROR_MEMORY; /* forgets the other */
    hop__release(inner, first);
    hop__release(inner, second);
    return HOP_OK;
}

static int wrong_status(hop_context *inner, void *data) {
    (void)data;
    void *block = hop__allocate(inner, 1, 10);
    hop__release(inner, block);
    return block ? HOP_OK : HOP_ERROR_IO;
}

static int silent(hop_context *inner, void *data) {
    (void)data;
    void *block = hop__allocate(inner, 1, 10);
    inner->message[0] = '\0';
    hop__release(inner, block);
    return block ? HOP_OK : HOP_ERROR_MEMORY;
}

static int leaves_open(hop_context *inner, void *data) {
    (void)data;
    int fd = inner->files->open("/dev/null", O_WRONLY, 0);
    if (fd < 0 || inner->files->write(fd, "x", 1) != 1)
        return hop__fail(inner, HOP_ERROR_IO, "forgets fd");
    inner->files->close(fd);
    return HOP_OK;
}

static int trusts_write(hop_context *inner, void *data) {
    (void)data;
    int fd = inner->files->open("/dev/null", O_WRONLY, 0);
    if (fd < 0)
        return hop__fail(inner, HOP_ERROR_IO, "open");
    bool whole = inner->files->write(fd, "xx", 2) == 2;
    inner->files->close(fd);
    return whole ? HOP_OK : hop__fail(inner, HOP_ERROR_IO, "gives up on a short write");
}

static const struct {
    size_t (*loop)(support_scenario scenario, void *data);
    support_scenario scenario;
} faulty[] = {{support_torture, leaks},
              {support_torture, wrong_status},
              {support_torture, silent},
              {support_torture_files, leaves_open},
              {support_torture_files, trusts_write}};

START_TEST(test_with_a_fault) { faulty[_i].loop(faulty[_i].scenario, NULL); }
END_TEST

/* Each fault as a suite of its own, run silently: every one of them must fail. */
START_TEST(test_faults_are_noticed) {
    Suite *suite = suite_create("faulty");
    TCase *tests = tcase_create("faulty");
    tcase_add_loop_test(tests, test_with_a_fault, 0, sizeof faulty / sizeof *faulty);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_SILENT);
    ck_assert_int_eq(srunner_ntests_run(runner), sizeof faulty / sizeof *faulty);
    ck_assert_int_eq(srunner_ntests_failed(runner), sizeof faulty / sizeof *faulty);
    srunner_free(runner);
}
END_TEST

/* No fault, so no failure; how many there are to inject is known. */
static int sound(hop_context *inner, void *data) {
    (void)data;
    void *first = hop__allocate(inner, 1, 10);
    void *second = first ? hop__allocate(inner, 1, 10) : NULL;
    hop__release(inner, first);
    hop__release(inner, second);
    return second ? HOP_OK : HOP_ERROR_MEMORY;
}

START_TEST(test_sound_scenario) { ck_assert_uint_eq(support_torture(sound, NULL), 2); }
END_TEST

START_TEST(test_nth_call_fails) {
    const hop__file_calls *calls = support_failing_files(SUPPORT_OPEN, 2, ENOSPC);
    int fd = calls->open("/dev/null", O_RDONLY, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert(!support_files_injected());
    ck_assert_int_eq(calls->open("/dev/null", O_RDONLY, 0), -1);
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert(support_files_injected());
    ck_assert_uint_eq(support_files_count(SUPPORT_OPEN), 2);
    ck_assert_int_eq(calls->close(fd), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("support");
    TCase *tests = tcase_create("support");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_crystal);
    tcase_add_test(tests, test_forces);
    tcase_add_test(tests, test_virial);
    tcase_add_test(tests, test_hessian_vector);
    tcase_add_test(tests, test_relative_error);
    tcase_add_test(tests, test_sound_scenario);
    tcase_add_test(tests, test_faults_are_noticed);
    tcase_add_test(tests, test_nth_call_fails);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
