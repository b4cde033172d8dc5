#include "structure/structure.h"

#include <math.h>
#include <string.h>

#include "support/support.h"

static hop_context *context;

static void setup(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }

static void teardown(void) { hop_context_free(context); }

static const int32_t silver_gold[3] = {47, 79, 47};

static hop_structure *three(void) {
    hop_structure *s;
    ck_assert_int_eq(hop_structure_new(context, 3, silver_gold, &s), HOP_OK);
    return s;
}

static void assert_unknown(const double *values, size_t count) {
    for (size_t k = 0; k < count; k++)
        ck_assert_msg(isnan(values[k]), "number %zu is %g", k, values[k]);
}

static void assert_zero(const double *values, size_t count) {
    for (size_t k = 0; k < count; k++)
        ck_assert_double_eq(values[k], 0.0);
}

START_TEST(test_new) {
    hop_structure *s = three();
    ck_assert_uint_eq(hop_structure_count(s), 3);
    ck_assert_mem_eq(hop_structure_numbers(s), silver_gold, sizeof silver_gold);
    assert_zero(hop_structure_positions(s), 9);
    assert_zero(hop_structure_cell(s), 9);
    for (int a = 0; a < 3; a++) {
        ck_assert_int_eq(hop_structure_periodic(s)[a], 0);
        ck_assert_int_eq(hop_structure_fixed(s)[a], 0);
    }
    assert_unknown(hop_structure_energy(s), 1);
    assert_unknown(hop_structure_forces(s), 9);
    assert_unknown(hop_structure_virial(s), 6);
    assert_unknown(hop_structure_energies(s), 3);
    ck_assert(!hop__structure_is_periodic(s));
    hop_structure_periodic(s)[2] = 1;
    ck_assert(hop__structure_is_periodic(s));
    hop_structure_free(s);
}
END_TEST

/* Each array has a place of its own: filling one changes no other. */
START_TEST(test_arrays_do_not_overlap) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *own;
    ck_assert_int_eq(hop_context_new(&allocator, &own), HOP_OK);
    for (size_t count = 1; count <= 9; count++) {
        int32_t numbers[9] = {0};
        hop_structure *s;
        ck_assert_int_eq(hop_structure_new(own, count, numbers, &s), HOP_OK);
        struct {
            void *at;
            size_t bytes;
        } arrays[] = {
            {s->numbers, 4 * count},    {s->periodic, 12}, {s->fixed, 4 * count},
            {s->positions, 24 * count}, {s->cell, 72},     {s->energy, 8},
            {s->forces, 24 * count},    {s->virial, 48},   {s->energies, 8 * count}};
        const size_t total = sizeof arrays / sizeof *arrays;
        for (size_t k = 0; k < total; k++)
            memset(arrays[k].at, (int)k + 1, arrays[k].bytes);
        for (size_t k = 0; k < total; k++)
            for (size_t byte = 0; byte < arrays[k].bytes; byte++)
                ck_assert_uint_eq(((unsigned char *)arrays[k].at)[byte], k + 1);
        hop_structure_free(s);
    }
    hop_context_free(own);
    ck_assert_uint_eq(state.damaged, 0); /* nothing was written beyond the block */
    ck_assert_uint_eq(state.live, 0);
}
END_TEST

START_TEST(test_wrap_shares_the_arrays) {
    int32_t numbers[2] = {14, 14}, periodic[3] = {1, 1, 1}, fixed[2] = {0, 1};
    double positions[6] = {0, 0, 0, 1, 2, 3}, cell[9] = {9, 0, 0, 0, 9, 0, 0, 0, 9};
    double energy = 5.0, forces[6] = {1}, virial[6] = {2}, energies[2] = {3, 4};
    hop_structure_arrays host = {
        sizeof host, 2,       numbers, positions, cell,     periodic,
        fixed,       &energy, forces,  virial,    energies,
    };
    hop_structure *s;
    ck_assert_int_eq(hop_structure_wrap(context, &host, &s), HOP_OK);
    ck_assert_ptr_eq(hop_structure_numbers(s), numbers);
    ck_assert_ptr_eq(hop_structure_positions(s), positions);
    ck_assert_ptr_eq(hop_structure_cell(s), cell);
    ck_assert_ptr_eq(hop_structure_periodic(s), periodic);
    ck_assert_ptr_eq(hop_structure_fixed(s), fixed);
    ck_assert_ptr_eq(hop_structure_energy(s), &energy);
    ck_assert_ptr_eq(hop_structure_forces(s), forces);
    ck_assert_ptr_eq(hop_structure_virial(s), virial);
    ck_assert_ptr_eq(hop_structure_energies(s), energies);
    ck_assert_double_eq(energy, 5.0); /* what the host knows stays */
    ck_assert_double_eq(energies[1], 4.0);
    hop_structure_free(s);
    ck_assert_double_eq(positions[5], 3.0);
}
END_TEST

START_TEST(test_wrap_fills_in_what_is_missing) {
    int32_t numbers[2] = {14, 14};
    double positions[6] = {0, 0, 0, 1, 2, 3}, stress[6];
    hop_structure_arrays host = {
        .size = sizeof host, .count = 2, .numbers = numbers, .positions = positions};
    hop_structure *s;
    ck_assert_int_eq(hop_structure_wrap(context, &host, &s), HOP_OK);
    assert_zero(hop_structure_cell(s), 9);
    assert_unknown(hop_structure_energy(s), 1);
    assert_unknown(hop_structure_forces(s), 6);
    assert_unknown(hop_structure_virial(s), 6);
    assert_unknown(hop_structure_energies(s), 2);
    for (int a = 0; a < 3; a++) {
        hop_structure_periodic(s)[a] = 1;
        hop_structure_cell(s)[4 * a] = 5.0;
    }
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_ERROR_STATE);
    hop_structure_free(s);
}
END_TEST

START_TEST(test_copy_is_independent) {
    hop_structure *s = three(), *copy;
    for (int k = 0; k < 9; k++) {
        s->positions[k] = k;
        s->forces[k] = -k;
        s->cell[k] = 10 + k;
    }
    for (int k = 0; k < 6; k++)
        s->virial[k] = 20 + k;
    for (int k = 0; k < 3; k++) {
        s->periodic[k] = k % 2;
        s->fixed[k] = k == 1;
        s->energies[k] = 30 + k;
    }
    *s->energy = -7.0;
    ck_assert_int_eq(hop_structure_copy(s, &copy), HOP_OK);
    ck_assert_mem_eq(copy->positions, s->positions, 9 * sizeof(double));
    ck_assert_mem_eq(copy->forces, s->forces, 9 * sizeof(double));
    ck_assert_mem_eq(copy->cell, s->cell, 9 * sizeof(double));
    ck_assert_mem_eq(copy->virial, s->virial, 6 * sizeof(double));
    ck_assert_mem_eq(copy->energies, s->energies, 3 * sizeof(double));
    ck_assert_mem_eq(copy->periodic, s->periodic, 3 * sizeof(int32_t));
    ck_assert_mem_eq(copy->fixed, s->fixed, 3 * sizeof(int32_t));
    ck_assert_mem_eq(copy->numbers, s->numbers, 3 * sizeof(int32_t));
    ck_assert_double_eq(*copy->energy, -7.0);
    memset(s->positions, 0x77, 9 * sizeof(double));
    ck_assert_double_eq(copy->positions[8], 8.0);
    hop_structure_free(s);
    ck_assert_double_eq(copy->positions[7], 7.0);
    hop_structure_free(copy);
}
END_TEST

/* A structure keeps its context alive. */
START_TEST(test_free_in_any_order) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *own;
    hop_structure *s, *copy;
    ck_assert_int_eq(hop_context_new(&allocator, &own), HOP_OK);
    ck_assert_int_eq(hop_structure_new(own, 3, silver_gold, &s), HOP_OK);
    hop_context_free(own);
    ck_assert_int_eq(hop_structure_copy(s, &copy), HOP_OK);
    hop_structure_free(s);
    copy->positions[8] = 1.0;
    hop_structure_free(copy);
    hop_structure_free(NULL);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}
END_TEST

START_TEST(test_stress) {
    hop_structure *s = three();
    double stress[6];
    const double cell[9] = {2, 0, 0, 1, 3, 0, 1, 1, -4}; /* left-handed, volume 24 */
    memcpy(s->cell, cell, sizeof cell);
    for (int k = 0; k < 6; k++)
        s->virial[k] = 24.0 * (k + 1);
    const int32_t some[][3] = {{0, 0, 0}, {1, 1, 0}, {0, 1, 1}};
    for (int k = 0; k < 3; k++) {
        memcpy(s->periodic, some[k], sizeof some[k]);
        ck_assert_int_eq(hop_structure_stress(s, stress), HOP_ERROR_STATE);
        ck_assert_ptr_nonnull(strstr(hop_error_message(context), "all three"));
    }
    s->periodic[0] = s->periodic[1] = s->periodic[2] = 1;
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_OK);
    for (int k = 0; k < 6; k++)
        ck_assert_double_eq(stress[k], -(k + 1.0));
    s->virial[3] = NAN;
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_ERROR_STATE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "evaluate"));
    s->virial[3] = 1.0;
    memset(s->cell, 0, 9 * sizeof(double));
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_ERROR_STATE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "volume"));
    hop_structure_free(s);
}
END_TEST

/* ---- bad input ---- */

static void assert_refused(size_t count, const int32_t *numbers, int status,
                           const char *text) {
    hop_structure *s = (hop_structure *)&context;
    ck_assert_int_eq(hop_structure_new(context, count, numbers, &s), status);
    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(hop_error_message(context), text) != NULL, "%s",
                  hop_error_message(context));
}

START_TEST(test_bad_atoms) {
    int32_t numbers[3] = {0, 118, 47};
    hop_structure *s;
    ck_assert_int_eq(hop_structure_new(context, 3, numbers, &s), HOP_OK);
    hop_structure_free(s);
    assert_refused(0, numbers, HOP_ERROR_ARGUMENT, "got 0");
    assert_refused(100000001, numbers, HOP_ERROR_RANGE, "got 100000001");
    assert_refused(SIZE_MAX, numbers, HOP_ERROR_RANGE, "100000000");
    assert_refused(3, NULL, HOP_ERROR_ARGUMENT, "NULL");
    numbers[1] = 119;
    assert_refused(3, numbers, HOP_ERROR_ARGUMENT, "atom 1");
    assert_refused(3, numbers, HOP_ERROR_ARGUMENT, "got 119");
    numbers[1] = 1;
    numbers[2] = -1;
    assert_refused(3, numbers, HOP_ERROR_ARGUMENT, "got -1");
}
END_TEST

START_TEST(test_bad_arrays) {
    int32_t numbers[1] = {14};
    double positions[3] = {0};
    hop_structure_arrays host = {
        .size = sizeof host, .count = 1, .numbers = numbers, .positions = positions};
    hop_structure_arrays bad[5] = {host, host, host, host, host};
    const int statuses[5] = {HOP_ERROR_ARGUMENT, HOP_ERROR_ARGUMENT, HOP_ERROR_ARGUMENT,
                             HOP_ERROR_ARGUMENT, HOP_ERROR_RANGE};
    bad[0].size = 8;
    bad[1].count = 0;
    bad[2].numbers = NULL;
    bad[3].positions = NULL;
    bad[4].count = (size_t)1 << 40;
    for (int k = 0; k < 5; k++) {
        hop_structure *s = (hop_structure *)&context;
        ck_assert_int_eq(hop_structure_wrap(context, &bad[k], &s), statuses[k]);
        ck_assert_ptr_null(s);
        ck_assert_str_ne(hop_error_message(context), "");
    }
}
END_TEST

START_TEST(test_null_arguments) {
    hop_structure *s = three(), *out = s;
    double stress[6];
    hop_structure_arrays host = {.size = sizeof host};
    ck_assert_int_eq(hop_structure_new(NULL, 3, silver_gold, &out), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(out);
    out = s;
    ck_assert_int_eq(hop_structure_wrap(NULL, &host, &out), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(out);
    out = s;
    ck_assert_int_eq(hop_structure_wrap(context, NULL, &out), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(out);
    out = s;
    ck_assert_int_eq(hop_structure_copy(NULL, &out), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(hop_structure_new(context, 3, silver_gold, NULL),
                     HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_wrap(context, &host, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_copy(s, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_stress(NULL, stress), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_stress(s, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_uint_eq(hop_structure_count(NULL), 0);
    ck_assert_ptr_null(hop_structure_numbers(NULL));
    ck_assert_ptr_null(hop_structure_positions(NULL));
    ck_assert_ptr_null(hop_structure_cell(NULL));
    ck_assert_ptr_null(hop_structure_periodic(NULL));
    ck_assert_ptr_null(hop_structure_fixed(NULL));
    ck_assert_ptr_null(hop_structure_energy(NULL));
    ck_assert_ptr_null(hop_structure_forces(NULL));
    ck_assert_ptr_null(hop_structure_virial(NULL));
    ck_assert_ptr_null(hop_structure_energies(NULL));
    hop_structure_free(s);
}
END_TEST

START_TEST(test_match) {
    hop_structure *a = three(), *b = three(), *c;
    ck_assert_int_eq(hop__structure_match(context, "ask", a, b), HOP_OK);
    b->numbers[1] = 46;
    ck_assert_int_eq(hop__structure_match(context, "ask", a, b), HOP_ERROR_ARGUMENT);
    ck_assert_str_eq(hop_error_message(context),
                     "ask: atom 1: expected atomic number 79, got 46");
    ck_assert_int_eq(hop_structure_new(context, 2, silver_gold, &c), HOP_OK);
    ck_assert_int_eq(hop__structure_match(context, "tell", a, c), HOP_ERROR_ARGUMENT);
    ck_assert_str_eq(hop_error_message(context), "tell: expected 3 atoms, got 2");
    hop_structure_free(a);
    hop_structure_free(b);
    hop_structure_free(c);
}
END_TEST

static void assert_check(hop_structure *s, int status, const char *text) {
    ck_assert_int_eq(hop__structure_check(context, s), status);
    ck_assert_msg(status == HOP_OK || strstr(hop_error_message(context), text), "%s",
                  hop_error_message(context));
}

START_TEST(test_check) {
    hop_structure *s = three();
    assert_check(s, HOP_OK, "");
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) {
        s->positions[7] = bad[k];
        assert_check(s, HOP_ERROR_NONFINITE,
                     "atom 2: expected finite positions, got y");
    }
    s->positions[7] = 0.0;
    s->numbers[0] = 300;
    assert_check(s, HOP_ERROR_ARGUMENT, "got 300");
    s->numbers[0] = 47;
    s->cell[0] = NAN; /* nobody looks at the cell of a cluster */
    assert_check(s, HOP_OK, "");
    s->periodic[0] = 1;
    assert_check(s, HOP_ERROR_ARGUMENT, "cell");
    s->cell[0] = 0.0;
    assert_check(s, HOP_ERROR_ARGUMENT, "periodic direction 0");
    s->cell[0] = 3.0; /* the others may be zero */
    assert_check(s, HOP_OK, "");
    s->periodic[1] = s->periodic[2] = 1;
    s->cell[3] = 3.0;
    s->cell[8] = 1.0;
    assert_check(s, HOP_ERROR_ARGUMENT, "independent");
    s->cell[4] = -2.0;
    assert_check(s, HOP_OK, "");
    hop_structure_free(s);
}
END_TEST

static int make_all(hop_context *failing, void *data) {
    (void)data;
    double positions[9] = {0};
    int32_t numbers[3] = {1, 2, 3};
    hop_structure_arrays host = {
        .size = sizeof host, .count = 3, .numbers = numbers, .positions = positions};
    hop_structure *s, *wrapped = NULL, *copy = NULL;
    int status = hop_structure_new(failing, 3, silver_gold, &s);
    ck_assert((s == NULL) == (status != HOP_OK));
    if (status == HOP_OK) {
        status = hop_structure_wrap(failing, &host, &wrapped);
        ck_assert((wrapped == NULL) == (status != HOP_OK));
    }
    if (status == HOP_OK) {
        status = hop_structure_copy(s, &copy);
        ck_assert((copy == NULL) == (status != HOP_OK));
    }
    hop_structure_free(s);
    hop_structure_free(wrapped);
    hop_structure_free(copy);
    return status;
}

START_TEST(test_failing_memory) {
    ck_assert_uint_eq(support_torture(make_all, NULL), 6);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("structure");
    TCase *tests = tcase_create("structure");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_new);
    tcase_add_test(tests, test_arrays_do_not_overlap);
    tcase_add_test(tests, test_wrap_shares_the_arrays);
    tcase_add_test(tests, test_wrap_fills_in_what_is_missing);
    tcase_add_test(tests, test_copy_is_independent);
    tcase_add_test(tests, test_free_in_any_order);
    tcase_add_test(tests, test_stress);
    tcase_add_test(tests, test_bad_atoms);
    tcase_add_test(tests, test_bad_arrays);
    tcase_add_test(tests, test_null_arguments);
    tcase_add_test(tests, test_match);
    tcase_add_test(tests, test_check);
    tcase_add_test(tests, test_failing_memory);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
