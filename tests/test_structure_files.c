/* POSCAR and LAMMPS data: what is understood, what is written, what is refused and how. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vector_math.h"
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

static int read_as(const char *name, const char *text, hop_structure **out) {
    const char *path = support_path(name);
    support_write_file(path, text, strlen(text));
    return hop_structure_read(context, path, 0, out);
}

static hop_structure *good(const char *name, const char *text) {
    hop_structure *s;
    int status = read_as(name, text, &s);
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    return s;
}

static void near(const double *got, const double *expected, size_t count) {
    for (size_t k = 0; k < count; k++)
        ck_assert_double_eq_tol(got[k], expected[k], 1e-12);
}

static const char silicon[] = "Si\n5.0\n0 .5 .5\n.5 0 .5\n.5 .5 0\nSi Ge\n1 1\nDirect\n"
                              "0 0 0 and more\n.25 .25 .25\n\n0 0 0\n";

START_TEST(poscar) {
    const double cell[9] = {0, 2.5, 2.5, 2.5, 0, 2.5, 2.5, 2.5, 0};
    const double x[6] = {0, 0, 0, 1.25, 1.25, 1.25};
    hop_structure *s = good("POSCAR", silicon);
    ck_assert_uint_eq(hop_structure_count(s), 2);
    ck_assert_int_eq(hop_structure_numbers(s)[0], 14);
    ck_assert_int_eq(hop_structure_numbers(s)[1], 32);
    near(hop_structure_cell(s), cell, 9);
    near(hop_structure_positions(s), x, 6);
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(hop_structure_periodic(s)[k], 1);
    ck_assert(isnan(*hop_structure_energy(s)));
    hop_structure_free(s);
}
END_TEST

/* A negative scale is the volume; three are for the axes; Cartesian positions are scaled,
   too; "Ag_pv" is silver; flags become the fixed mask. */
START_TEST(poscar_scales_and_flags) {
    static const struct {
        const char *scale;
        double by[3];
    } cases[] = {{"2", {2, 2, 2}}, {"-8", {2, 2, 2}}, {"1 2. 3d0", {1, 2, 3}}};
    char text[512];
    snprintf(text, sizeof text,
             "title\r\n %s \r\n1 0 0\r\n0 1 0\r\n0.5 0 1\r\nAg_pv Au/1a2b\r\n1 2\r\n"
             "selective\r\nK\r\n0.5 .25 1 T T T\r\n1 1 1 F .FALSE. f\r\n0 0 0 .T. t T",
             cases[_i].scale);
    hop_structure *s = good("a.vasp", text);
    const double *by = cases[_i].by;
    const double x[6] = {0.5 * by[0], 0.25 * by[1], by[2], by[0], by[1], by[2]};
    const double cell[9] = {by[0], 0, 0, 0, by[1], 0, 0.5 * by[0], 0, by[2]};
    near(hop_structure_positions(s), x, 6);
    near(hop_structure_cell(s), cell, 9);
    ck_assert_int_eq(hop_structure_fixed(s)[0], 0);
    ck_assert_int_eq(hop_structure_fixed(s)[1], 1);
    ck_assert_int_eq(hop_structure_fixed(s)[2], 0);
    ck_assert_int_eq(hop_structure_numbers(s)[0], 47);
    ck_assert_int_eq(hop_structure_numbers(s)[2], 79);
    hop_structure_free(s);
}
END_TEST

static const char triclinic[] =
    "LAMMPS data\n\n3 atoms # three\n0 bonds\n2 atom types\n\n1 5 xlo xhi\n-1 4 ylo "
    "yhi\n"
    "0 6 zlo zhi\n1 0 0.5 xy xz yz\n\nMasses\n\n2 28.09\n1 1.5 # Ag silver\n\n"
    "Pair Coeffs\n\n1 0.1 2\n2 0.2 3\n\nAtoms # atomic\n\n3 1 1 2 3 0 0 1\n"
    "1 2 1.5 -1 0 # first\n2 2 0 0 0\n\nVelocities\n\n1 0 0 0\n2 0 0 0\n3 0 0 0\n";

START_TEST(lammps) {
    const double cell[9] = {4, 0, 0, 1, 5, 0, 0, 0.5, 6};
    const double x[9] = {0.5, 0, 0, -1, 1, 0, 0, 3, 3};
    hop_structure *s = good("a.data", triclinic);
    ck_assert_uint_eq(hop_structure_count(s), 3);
    near(hop_structure_cell(s), cell, 9);
    near(hop_structure_positions(s), x, 9);
    ck_assert_int_eq(hop_structure_numbers(s)[0], 14); /* by its mass */
    ck_assert_int_eq(hop_structure_numbers(s)[2], 47); /* by its name */
    hop_structure_free(s);
}
END_TEST

/* Names that say nothing: the first lines do. */
START_TEST(by_content) {
    hop_structure *s = good("one", silicon);
    ck_assert_int_eq(hop_structure_periodic(s)[0], 1);
    hop_structure_free(s);
    s = good("two.in", triclinic);
    ck_assert_uint_eq(hop_structure_count(s), 3);
    hop_structure_free(s);
    s = good("three", "1\n\nAg 1 2 3\n");
    ck_assert_int_eq(hop_structure_periodic(s)[0], 0);
    hop_structure_free(s);
    ck_assert_int_eq(hop_structure_read(context, support_path("one"), 1, &s), HOP_END);
    ck_assert_int_eq(hop_structure_read(context, support_path("one"), -2, &s), HOP_END);
    ck_assert_int_eq(hop_structure_read(context, support_path("one"), -1, &s), HOP_OK);
    hop_structure_free(s);
}
END_TEST

#define POS "t\n1\n1 0 0\n0 1 0\n0 0 1\n"
#define LMP "t\n\n1 atoms\n1 atom types\n0 1 xlo xhi\n0 1 ylo yhi\n0 1 zlo zhi\n\n"
#define MASS "Masses\n\n1 28.0855\n\n"

static const struct {
    const char *name, *text, *message;
} faults[] = {
    {"POSCAR", "", ":0: expected a title"},
    {"POSCAR", "t\nx\n", ":2: expected a scaling factor"},
    {"POSCAR", "t\n0\n", ":2: expected a scaling factor"},
    {"POSCAR", "t\n-1 2 3\n", ":2: expected a scaling factor"},
    {"POSCAR", "t\n1\n1 0\n", ":3: expected a lattice vector of three numbers"},
    {"POSCAR", "t\n1\n1 0 0\n2 0 0\n0 0 1\n", ":5: expected three independent"},
    {"POSCAR", POS "2\nDirect\n0 0 0\n0 0 0\n",
     ":6: expected element symbols (VASP 5)"},
    {"POSCAR", POS "Zz\n1\n", ":6: expected an element symbol, got 'Zz'"},
    {"POSCAR", POS "\n1\n", ":6: expected element symbols"},
    {"POSCAR", POS "Si Ge\n1\n", ":7: expected a number of atoms for each element"},
    {"POSCAR", POS "Si\n-1\n", ":7: expected a number of atoms, got '-1'"},
    {"POSCAR", POS "Si\n1 2\n", ":7: expected as many numbers of atoms as elements"},
    {"POSCAR", POS "Si\n0\nD\n", ":7: expected as many positions as atoms"},
    {"POSCAR", POS "Si\n9000000\nD\n0 0 0\n", ":7: expected as many positions"},
    {"POSCAR", POS "Si\n1\n0.5 0.5 0.5\n", ":8: expected Direct or Cartesian"},
    {"POSCAR", POS "Si\n2\nDirect\n0 0 0\n", ":9: expected a position, the file ends"},
    {"POSCAR", POS "Si\n1\nDirect\n0 0 a\n",
     ":9: expected a position of three numbers"},
    {"POSCAR", POS "Si\n1\nS\nD\n0 0 0 T T\n", ":10: expected three flags"},
    {"POSCAR", POS "Si\n1\nS\nD\n0 0 0 T T x\n", ":10: expected T or F, got 'x'"},
    {"POSCAR", POS "Si\n1\nS\nD\n0 0 0 T T F\n",
     ":10: expected an atom fixed along all"},
    {"a.data", "t\n", "expected a section Atoms"},
    {"a.data", "t\n\nx atoms\n", "expected"},
    {"a.data", "t\n0 atoms\n", ":2: expected a number from 1"},
    {"a.data", "t\n1 atoms\nAtoms\n", ":3: expected the number of atom types"},
    {"a.data", "t\n1 atoms\n1 atom types\nAtoms\n", ":4: expected xlo xhi"},
    {"a.data", "t\n1 1 xlo xhi\n", ":2: expected a lower bound below"},
    {"a.data", "t\n1 xlo xhi\n", ":2: expected two bounds"},
    {"a.data", "t\n1 2 xy xz yz\n", ":2: expected three tilt factors"},
    {"a.data", LMP "Atoms\n\n1 1 0 0 0\n", "expected a section Masses"},
    {"a.data", LMP "Masses\n\n2 28\n", ":11: expected an atom type"},
    {"a.data", LMP "Masses\n\n1 0\n", ":11: expected a positive mass"},
    {"a.data", LMP "Masses\n\n1 500\n", ":11: expected the mass of an element"},
    {"a.data", LMP "Masses\n\n", "the file ends"},
    {"a.data", LMP MASS "Atoms # full\n\n1 1 1 0 0 0 0\n",
     "expected atom style atomic"},
    {"a.data", LMP MASS "Atoms\n\n2 1 0 0 0\n", ":15: expected the number of an atom"},
    {"a.data", LMP MASS "Atoms\n\n1 2 0 0 0\n", ":15: expected an atom type"},
    {"a.data", LMP MASS "Atoms\n\n1 1 0 0\n", ":15: expected a position"},
    {"a.data", LMP MASS "Atoms\n\n", "the file ends"},
    {"a.data", LMP MASS "Atoms\n\n1 1 0 0 0\nAtoms\n", ":16: expected one section"},
};

START_TEST(refused) {
    hop_structure *s = (hop_structure *)&s;
    int status = read_as(faults[_i].name, faults[_i].text, &s);
    ck_assert_msg(status == HOP_ERROR_FORMAT, "%d: %s: %s", _i, hop_status_name(status),
                  hop_error_message(context));
    ck_assert_ptr_null(s);
    ck_assert_msg(strstr(hop_error_message(context), faults[_i].message) != NULL,
                  "%d: '%s' is not in '%s'", _i, faults[_i].message,
                  hop_error_message(context));
    ck_assert(strstr(hop_error_message(context), faults[_i].name) != NULL);
}
END_TEST

/* Each file cut anywhere: an error, or, of what stands behind the atoms, the same. */
START_TEST(cut_anywhere) {
    const char *text = _i ? triclinic : silicon, *name = _i ? "a.data" : "POSCAR";
    char part[1024];
    const size_t needed =
        _i ? (size_t)(strstr(text, "2 2 0 0 0") - text) : strlen(silicon) - 13;
    for (size_t cut = 0; cut < strlen(text); cut++) {
        hop_structure *s;
        memcpy(part, text, cut);
        part[cut] = '\0';
        int status = read_as(name, part, &s);
        ck_assert(status == HOP_OK || status == HOP_ERROR_FORMAT);
        ck_assert_msg(status != HOP_OK || cut > needed, "cut at %zu", cut);
        hop_structure_free(s);
    }
}
END_TEST

static double energy_of(hop_structure *s) {
    hop_potential *p;
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu-cutoff.gupta", &p), HOP_OK);
    int status = hop_potential_evaluate(p, s);
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    hop_potential_free(p);
    return *hop_structure_energy(s);
}

/* A triclinic alloy, some of it fixed: the same energy, to the bits where nothing is
   turned; twice written is once written. */
START_TEST(round_trip) {
    static const char *const names[] = {"CONTCAR", "b.data", "POSCAR-2", "b.lmp"};
    const int32_t numbers[2] = {79, 47}, periodic[3] = {1, 1, 1};
    const int repeat[3] = {2, 2, 2};
    hop_structure *s =
        support_crystal(context, numbers, 2, 4.1, repeat, periodic, 0.2, 3);
    const bool vasp = _i % 2 == 0, skewed = _i >= 2;
    for (int k = 0; k < 9 && skewed; k++)
        hop_structure_cell(s)[k] += 0.1 * (k + 1);
    hop_structure_fixed(s)[3] = 1;
    const hop_structure *one = s;
    hop_structure *t, *u;
    const char *path = support_path(names[_i]);
    int status = hop_structure_write(&one, 1, path);
    ck_assert_msg(status == HOP_OK, "%s", hop_error_message(context));
    ck_assert_int_eq(hop_structure_read(context, path, 0, &t), HOP_OK);
    ck_assert_double_eq_tol(energy_of(t), energy_of(s), 1e-9);
    int fixed = 0, gold = 0;
    for (size_t i = 0; i < hop_structure_count(t); i++) {
        fixed += hop_structure_fixed(t)[i];
        gold += hop_structure_numbers(t)[i] == 79;
    }
    ck_assert_int_eq(fixed, vasp);
    ck_assert_int_eq(gold, 16);
    if (vasp) { /* gold came first, and keeps its order */
        ck_assert_mem_eq(hop_structure_cell(t), hop_structure_cell(s), 72);
        ck_assert_mem_eq(hop_structure_positions(t) + 3, hop_structure_positions(s) + 6,
                         24);
    } else if (!skewed) {
        ck_assert_mem_eq(hop_structure_positions(t), hop_structure_positions(s), 768);
        ck_assert_mem_eq(hop_structure_numbers(t), hop_structure_numbers(s), 128);
    }
    ck_assert_double_eq_tol(hop__determinant3(hop_structure_cell(t)),
                            hop__determinant3(hop_structure_cell(s)), 1e-9);
    one = t;
    ck_assert_int_eq(hop_structure_write(&one, 1, path), HOP_OK);
    ck_assert_int_eq(hop_structure_read(context, path, 0, &u), HOP_OK);
    ck_assert_mem_eq(hop_structure_positions(t), hop_structure_positions(u), 768);
    ck_assert_mem_eq(hop_structure_cell(t), hop_structure_cell(u), 72);
    hop_structure_free(s);
    hop_structure_free(t);
    hop_structure_free(u);
}
END_TEST

START_TEST(not_written) {
    hop_structure *s, *t;
    ck_assert_int_eq(hop_structure_random(context, "Ag3", NULL, 1, &s), HOP_OK);
    const hop_structure *two[2] = {s, s};
    ck_assert_int_eq(hop_structure_write(two, 1, support_path("POSCAR")),
                     HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_write(two, 2, support_path("a.data")),
                     HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_write(two, 1, support_path("c.data")), HOP_OK);
    ck_assert_int_eq(hop_structure_read(context, support_path("c.data"), 0, &t),
                     HOP_OK);
    hop_match match = {.size = sizeof match};
    for (int k = 0; k < 3; k++)
        hop_structure_periodic(t)[k] = 0;
    ck_assert_int_eq(hop_structure_match(s, t, 1e-9, NULL, &match), HOP_OK);
    ck_assert_int_eq(match.same, 1);
    hop_structure_positions(s)[0] = NAN;
    ck_assert_int_eq(hop_structure_write(two, 1, support_path("a.data")),
                     HOP_ERROR_NONFINITE);
    for (int k = 0; k < 3; k++) {
        hop_structure_periodic(t)[k] = 1;
        hop_structure_cell(t)[4 * k] *= -1.0;
    }
    two[0] = t;
    ck_assert_int_eq(hop_structure_write(two, 1, support_path("a.data")),
                     HOP_ERROR_ARGUMENT);
    ck_assert(strstr(hop_error_message(context), "right-handed") != NULL);
    hop_structure_free(s);
    hop_structure_free(t);
}
END_TEST

static int job(hop_context *c, void *data) {
    const char *path = data;
    hop_structure *s = NULL;
    int status = hop_structure_read(c, path, 0, &s);
    ck_assert(status == HOP_OK || s == NULL);
    const hop_structure *one = s;
    if (status == HOP_OK)
        status = hop_structure_write(&one, 1, path);
    hop_structure_free(s);
    return status;
}

START_TEST(every_failure) {
    char path[512];
    snprintf(path, sizeof path, "%s", support_path(_i ? "t.data" : "POSCAR"));
    const char *text = _i ? triclinic : silicon;
    support_write_file(path, text, strlen(text));
    ck_assert_uint_gt(support_torture(job, path), 5);
    ck_assert_uint_gt(support_torture_files(job, path), 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("structure_files");
    TCase *tests = tcase_create("structure_files");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, poscar);
    tcase_add_loop_test(tests, poscar_scales_and_flags, 0, 3);
    tcase_add_test(tests, lammps);
    tcase_add_test(tests, by_content);
    tcase_add_loop_test(tests, refused, 0, (int)(sizeof faults / sizeof *faults));
    tcase_add_loop_test(tests, cut_anywhere, 0, 2);
    tcase_add_loop_test(tests, round_trip, 0, 4);
    tcase_add_test(tests, not_written);
    tcase_add_loop_test(tests, every_failure, 0, 2);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
