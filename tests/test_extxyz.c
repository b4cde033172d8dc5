/* Extended XYZ: the dialect of docs/formats.md, read and written. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

static support_allocator state;
static hop_context *context;

static void setup(void) {
    memset(&state, 0, sizeof state);
    hop_allocator allocator = support_allocator_for(&state);
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
}

static void teardown(void) {
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}

static int read_text(const char *text, int64_t frame, hop_structure **out) {
    const char *path = support_path("text.xyz");
    support_write_file(path, text, strlen(text));
    return hop_structure_read(context, path, frame, out);
}

static hop_structure *good(const char *text) {
    hop_structure *s;
    int status = read_text(text, 0, &s);
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    return s;
}

static void assert_numbers(const double *got, const double *expected, size_t count) {
    for (size_t k = 0; k < count; k++)
        ck_assert_double_eq(got[k], expected[k]);
}

START_TEST(everything_a_frame_can_hold) {
    hop_structure *s =
        good("2\nLattice=\"4 0 0 1 5 0 0 0 6\" note=\"a \\\" b\" list={1 2} flag "
             "Properties=tag:I:1:species:S:1:pos:R:3:forces:R:3:energies:R:1:move_mask:"
             "L:1:Z:I:1 "
             "energy=-3.5 virial=\"1 2 3 2 4 5 3 5 6\" pbc=\"T F T\"\n"
             "7 Ag 0.5 1d0 -2E-1 1 2 3 -1.5 T 47\n8 Au +.25 3. 4 -1 -2 -3 -2 F 79\n");
    const double cell[9] = {4, 0, 0, 1, 5, 0, 0, 0, 6}, virial[6] = {1, 4, 6, 5, 3, 2};
    const double x[6] = {0.5, 1, -0.2, 0.25, 3, 4}, f[6] = {1, 2, 3, -1, -2, -3};
    ck_assert_uint_eq(hop_structure_count(s), 2);
    ck_assert_int_eq(hop_structure_numbers(s)[0], 47);
    ck_assert_int_eq(hop_structure_numbers(s)[1], 79);
    assert_numbers(hop_structure_cell(s), cell, 9);
    assert_numbers(hop_structure_positions(s), x, 6);
    assert_numbers(hop_structure_forces(s), f, 6);
    assert_numbers(hop_structure_virial(s), virial, 6);
    ck_assert_double_eq(*hop_structure_energy(s), -3.5);
    ck_assert_double_eq(hop_structure_energies(s)[1], -2.0);
    ck_assert_int_eq(hop_structure_fixed(s)[0], 0);
    ck_assert_int_eq(hop_structure_fixed(s)[1], 1);
    const int32_t periodic[3] = {1, 0, 1};
    ck_assert_mem_eq(hop_structure_periodic(s), periodic, sizeof periodic);
    hop_structure_free(s);
}
END_TEST

START_TEST(plain_xyz) {
    hop_structure *s = good("2\n some text with energy=none and a=\"quote\n"
                            "  Ag   1 2 3  and more\n79\t4\t5\t6\n");
    ck_assert_int_eq(hop_structure_numbers(s)[0], 47);
    ck_assert_int_eq(hop_structure_numbers(s)[1], 79);
    ck_assert_double_eq(hop_structure_positions(s)[5], 6.0);
    ck_assert(isnan(*hop_structure_energy(s)));
    ck_assert(isnan(hop_structure_forces(s)[0]));
    hop_structure_free(s);
}
END_TEST

START_TEST(ends_of_lines) {
    hop_structure *s = good("\xef\xbb\xbf"
                            "1\r\nenergy=2\r\nSi 1 2 3");
    ck_assert_double_eq(*hop_structure_energy(s), 2.0);
    ck_assert_double_eq(hop_structure_positions(s)[2], 3.0);
    hop_structure_free(s);
}
END_TEST

START_TEST(periodicity) {
    static const struct {
        const char *line;
        int32_t periodic[3];
    } cases[] = {{"", {0, 0, 0}},
                 {"Lattice=\"3 0 0 0 3 0 0 0 3\"", {1, 1, 1}},
                 {"Lattice=\"0 0 0 0 0 0 0 0 0\"", {0, 0, 0}},
                 {"Lattice=\"3 0 0 0 3 0 0 0 3\" pbc=\"F F F\"", {0, 0, 0}},
                 {"pbc=[true, false, 1] Lattice=[3,0,0,0,3,0,0,0,3]", {1, 0, 1}}};
    char text[256];
    snprintf(text, sizeof text, "1\n%s\nAg 0 0 0\n", cases[_i].line);
    hop_structure *s = good(text);
    ck_assert_mem_eq(hop_structure_periodic(s), cases[_i].periodic, 12);
    hop_structure_free(s);
}
END_TEST

/* stress = -virial/volume, whichever of the two is there. */
START_TEST(stress_becomes_virial) {
    hop_structure *s = good("1\nProperties=species:S:1:pos:R:3 stress=\"1 2 3 4 5 6\" "
                            "Lattice=\"2 0 0 0 2 0 0 0 2\"\nAg 0 0 0\n");
    const double virial[6] = {-8, -16, -24, -32, -40, -48};
    double stress[6];
    assert_numbers(hop_structure_virial(s), virial, 6);
    ck_assert_int_eq(hop_structure_stress(s, stress), HOP_OK);
    for (int k = 0; k < 6; k++)
        ck_assert_double_eq(stress[k], k + 1.0);
    hop_structure_free(s);
}
END_TEST

START_TEST(frames) {
    const char *text =
        "1\nenergy=0\nAg 0 0 0\n\n1\nenergy=1\nAg 1 0 0\n1\nenergy=2\nAg 2 0 "
        "0\n\n\n";
    static const struct {
        int64_t frame;
        double energy; /* NAN: there is none */
    } cases[] = {{0, 0},  {1, 1},    {2, 2},           {3, NAN},        {-1, 2},
                 {-3, 0}, {-4, NAN}, {INT64_MAX, NAN}, {INT64_MIN, NAN}};
    hop_structure *s;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int status = read_text(text, cases[k].frame, &s);
        if (isnan(cases[k].energy)) {
            ck_assert_int_eq(status, HOP_END);
            ck_assert_ptr_null(s);
        } else {
            ck_assert_int_eq(status, HOP_OK);
            ck_assert_double_eq(*hop_structure_energy(s), cases[k].energy);
        }
        hop_structure_free(s);
    }
}
END_TEST

/* A fault in a later frame does not hide an earlier one, but counting from the end does
   look at all. */
START_TEST(fault_in_a_later_frame) {
    const char *text = "1\n\nAg 0 0 0\n2\n\nAg 1 0 0\n";
    hop_structure *s;
    ck_assert_int_eq(read_text(text, 0, &s), HOP_OK);
    hop_structure_free(s);
    ck_assert_int_eq(read_text(text, 1, &s), HOP_ERROR_FORMAT);
    ck_assert_int_eq(read_text(text, -2, &s), HOP_ERROR_FORMAT);
    ck_assert_ptr_null(s);
}
END_TEST

static hop_structure *awkward(void) {
    const int32_t numbers[3] = {0, 47, 118};
    hop_structure *s;
    ck_assert_int_eq(hop_structure_new(context, 3, numbers, &s), HOP_OK);
    double *x = hop_structure_positions(s);
    const double values[9] = {
        0.1,  1.0 / 3.0,           -0.0,  5e-324, 1.7976931348623157e308,
        1e16, 123456789.123456789, -1e-5, 2.0};
    memcpy(x, values, sizeof values);
    for (int k = 0; k < 9; k++) {
        hop_structure_cell(s)[k] = k % 4 == 0 ? 7.1 + k : 0.1 * k;
        hop_structure_forces(s)[k] = 1.0 / (k + 3.0);
    }
    for (int k = 0; k < 3; k++) {
        hop_structure_periodic(s)[k] = k != 1;
        hop_structure_fixed(s)[k] = k == 2;
        hop_structure_energies(s)[k] = -0.7 * k;
    }
    for (int k = 0; k < 6; k++)
        hop_structure_virial(s)[k] = 0.3 * k - 0.1;
    *hop_structure_energy(s) = -1.0 / 7.0;
    return s;
}

static void assert_same_bits(hop_structure *a, hop_structure *b) {
    const size_t n = hop_structure_count(a);
    ck_assert_uint_eq(hop_structure_count(b), n);
    ck_assert_mem_eq(hop_structure_numbers(a), hop_structure_numbers(b), 4 * n);
    ck_assert_mem_eq(hop_structure_positions(a), hop_structure_positions(b), 24 * n);
    ck_assert_mem_eq(hop_structure_cell(a), hop_structure_cell(b), 72);
    ck_assert_mem_eq(hop_structure_periodic(a), hop_structure_periodic(b), 12);
    ck_assert_mem_eq(hop_structure_fixed(a), hop_structure_fixed(b), 4 * n);
    ck_assert_mem_eq(hop_structure_energy(a), hop_structure_energy(b), 8);
    ck_assert_mem_eq(hop_structure_forces(a), hop_structure_forces(b), 24 * n);
    ck_assert_mem_eq(hop_structure_virial(a), hop_structure_virial(b), 48);
    ck_assert_mem_eq(hop_structure_energies(a), hop_structure_energies(b), 8 * n);
}

START_TEST(written_and_read_again) {
    hop_structure *s = awkward(), *again;
    const hop_structure *frames_[2] = {s, s};
    const char *path = support_path("again.xyz");
    ck_assert_int_eq(hop_structure_write(frames_, 2, path), HOP_OK);
    ck_assert_int_eq(hop_structure_read(context, path, 1, &again), HOP_OK);
    assert_same_bits(s, again);
    hop_structure_free(again);
    hop_structure_free(s);
}
END_TEST

/* A host that set a locale with another decimal point sees no difference. */
START_TEST(other_locales) {
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    char plain[2048], local[2048];
    size_t length;
    hop_structure *s = awkward(), *again;
    ck_assert_int_eq(hop_structure_format(s, plain, sizeof plain, &length), HOP_OK);
    for (size_t k = 0; k < 3; k++)
        if (setlocale(LC_NUMERIC, names[k]))
            break;
    ck_assert_int_eq(hop_structure_format(s, local, sizeof local, &length), HOP_OK);
    again = good(local);
    setlocale(LC_NUMERIC, "C");
    ck_assert_str_eq(local, plain);
    assert_same_bits(s, again);
    hop_structure_free(again);
    hop_structure_free(s);
}
END_TEST

START_TEST(only_what_is_known_is_written) {
    const int32_t numbers[1] = {47};
    char text[256];
    size_t length, whole;
    hop_structure *s;
    ck_assert_int_eq(hop_structure_new(context, 1, numbers, &s), HOP_OK);
    ck_assert_int_eq(hop_structure_format(s, text, sizeof text, &whole), HOP_OK);
    ck_assert_str_eq(text,
                     "1\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\nAg 0 0 0\n");
    ck_assert_uint_eq(whole, strlen(text));
    for (size_t capacity = 0; capacity < whole + 2; capacity++) {
        char part[256];
        memset(part, '#', sizeof part);
        ck_assert_int_eq(hop_structure_format(s, part, capacity, &length), HOP_OK);
        ck_assert_uint_eq(length, whole);
        size_t copied = capacity > whole ? whole : capacity - (capacity > 0);
        ck_assert_mem_eq(part, text, copied);
        ck_assert_int_eq(part[copied], capacity > 0 ? '\0' : '#');
        ck_assert_int_eq(part[capacity > copied ? capacity : copied + 1], '#');
    }
    hop_structure_free(s);
}
END_TEST

START_TEST(what_cannot_be_read_is_not_written) {
    const char *path = support_path("never.xyz");
    hop_structure *s = awkward();
    const hop_structure *frames_[2] = {s, NULL};
    ck_assert_int_eq(hop_structure_write(frames_, 2, path), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "frame 1"));
    hop_structure_positions(s)[4] = NAN;
    ck_assert_int_eq(hop_structure_write(frames_, 1, path), HOP_ERROR_NONFINITE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "frame 0, atom 1"));
    hop_structure_positions(s)[4] = 0.0;
    hop_structure_numbers(s)[2] = 119;
    ck_assert_int_eq(hop_structure_write(frames_, 1, path), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "atom 2"));
    ck_assert_ptr_null(fopen(path, "r"));
    hop_structure_free(s);
}
END_TEST

/* The count of a frame is never believed beyond what the file can hold. */
START_TEST(little_memory_for_a_large_count) {
    hop_structure *s;
    ck_assert_int_eq(read_text("10000000\n\nAg 0 0 0\n", 0, &s), HOP_ERROR_FORMAT);
    ck_assert_int_eq(read_text("99999999999999999999\n\nAg 0 0 0\n", 0, &s),
                     HOP_ERROR_FORMAT);
    ck_assert_int_eq(read_text("-1\n\nAg 0 0 0\n", 0, &s), HOP_ERROR_FORMAT);
    ck_assert_uint_lt(state.calls, 20);
}
END_TEST

static int torture(hop_context *own, void *path) {
    hop_structure *s;
    int status = hop_structure_read(own, path, -1, &s);
    ck_assert(status == HOP_OK || !s);
    const hop_structure *one = s;
    if (status == HOP_OK)
        status = hop_structure_write(&one, 1, support_path("torture.xyz"));
    hop_structure_free(s);
    return status;
}

START_TEST(failing_memory) {
    hop_structure *s = awkward();
    const hop_structure *one = s;
    char path[512];
    snprintf(path, sizeof path, "%s", support_path("whole.xyz"));
    ck_assert_int_eq(hop_structure_write(&one, 1, path), HOP_OK);
    ck_assert_uint_ge(support_torture(torture, path), 7);
    hop_structure_free(s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("extxyz");
    TCase *tests = tcase_create("extxyz");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, everything_a_frame_can_hold);
    tcase_add_test(tests, plain_xyz);
    tcase_add_test(tests, ends_of_lines);
    tcase_add_loop_test(tests, periodicity, 0, 5);
    tcase_add_test(tests, stress_becomes_virial);
    tcase_add_test(tests, frames);
    tcase_add_test(tests, fault_in_a_later_frame);
    tcase_add_test(tests, written_and_read_again);
    tcase_add_test(tests, other_locales);
    tcase_add_test(tests, only_what_is_known_is_written);
    tcase_add_test(tests, what_cannot_be_read_is_not_written);
    tcase_add_test(tests, little_memory_for_a_large_count);
    tcase_add_test(tests, failing_memory);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
