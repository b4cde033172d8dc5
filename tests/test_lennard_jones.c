/* Lennard-Jones on its three ways - all pairs, list, all pairs through the list -
   against the textbook's double loop over images; the same bits for any number of
   threads and whatever was evaluated before; extreme positions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

/* What the file says: element, element, epsilon, sigma, cut-off, truncation. */
typedef struct line {
    int32_t a, b;
    double epsilon, sigma, cutoff;
    const char *truncation;
} line;

typedef struct file {
    const char *name;
    int lines;
    line line[3];
} file;

#define NONE INFINITY
static const file files[] = {
    {"one.lj", 1, {{18, 18, 0.0104, 3.4, NONE, ""}}},
    {"two.lj",
     3,
     {{18, 18, 0.0104, 3.4, NONE, ""},
      {18, 10, 0.0061, 3.1, NONE, ""},
      {10, 10, 0.0031, 2.8, NONE, ""}}},
    {"cut.lj", 1, {{18, 18, 0.0104, 3.4, 8.5, "truncate"}}},
    {"shift.lj", 1, {{18, 18, 0.0104, 3.4, 8.5, "shift"}}},
    {"smooth.lj", 1, {{18, 18, 0.0104, 3.4, 8.5, "smooth"}}},
    {"all.lj",
     3,
     {{18, 18, 0.0104, 3.4, 8.5, "smooth"},
      {10, 18, 0.0061, 3.1, 7.5, "shift"},
      {10, 10, 0.0031, 2.8, 7.0, "truncate"}}},
    {"half.lj",
     3,
     {{18, 18, 0.0104, 3.4, 8.5, "truncate"},
      {18, 10, 0.0061, 3.1, NONE, ""},
      {10, 10, 0.0031, 2.8, 7.0, "smooth"}}},
    /* rows of more than 256 neighbours */
    {"long.lj", 1, {{18, 18, 0.0104, 3.4, 23.0, "smooth"}}},
};
enum { ONE, TWO, CUT, SHIFTED, SMOOTH, ALL, HALF, LONG, FILES };

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

static hop_potential *load(const file *f) {
    char text[512];
    int at = snprintf(text, sizeof text, "# UNITS: metal CITATION: test\n");
    for (int k = 0; k < f->lines; k++) {
        const line *l = &f->line[k];
        at += snprintf(text + at, sizeof text - (size_t)at, "%s %s %.17g %.17g",
                       hop_element_symbol(l->a), hop_element_symbol(l->b), l->epsilon,
                       l->sigma);
        if (isfinite(l->cutoff))
            at += snprintf(text + at, sizeof text - (size_t)at, " %.17g %s", l->cutoff,
                           l->truncation);
        at += snprintf(text + at, sizeof text - (size_t)at, "\n");
    }
    hop_potential *out;
    support_write_file(support_path(f->name), text, (size_t)at);
    ck_assert_msg(hop_potential_load(context, support_path(f->name), &out) == HOP_OK,
                  "%s", hop_error_message(context));
    return out;
}

/* ---- the textbook ---- */

static const line *line_of(const file *f, int32_t a, int32_t b) {
    for (int k = 0; k < f->lines; k++)
        if ((f->line[k].a == a && f->line[k].b == b) ||
            (f->line[k].a == b && f->line[k].b == a))
            return &f->line[k];
    return NULL;
}

static double bare(const line *l, double r) {
    double six = pow(l->sigma / r, 6);
    return 4.0 * l->epsilon * (six * six - six);
}

/* Energy and its slope. */
static void pair_values(const line *l, double r, double *energy, double *slope) {
    double six = pow(l->sigma / r, 6);
    *energy = bare(l, r);
    *slope = -4.0 * l->epsilon * (12.0 * six * six - 6.0 * six) / r;
    if (strcmp(l->truncation, "shift") == 0)
        *energy -= bare(l, l->cutoff);
    double t = (r / l->cutoff - 0.9) / 0.1;
    if (strcmp(l->truncation, "smooth") == 0 && t > 0.0) {
        double s = 1.0 - 10.0 * pow(t, 3) + 15.0 * pow(t, 4) - 6.0 * pow(t, 5);
        double ds = (-30.0 * pow(t, 2) + 60.0 * pow(t, 3) - 30.0 * pow(t, 4)) /
                    (0.1 * l->cutoff);
        *slope = *slope * s + *energy * ds;
        *energy *= s;
    }
}

#define MOST 700
static double expected[10 * MOST + 7],
    found[10 * MOST + 7]; /* forces, energies, virial, E */

static size_t sizes(void) { return 4 * hop_structure_count(structure) + 7; }

static void add_pair(const file *f, size_t i, size_t j, const int image[3]) {
    const size_t n = hop_structure_count(structure);
    const double *x = hop_structure_positions(structure);
    const double *cell = hop_structure_cell(structure);
    const int32_t *numbers = hop_structure_numbers(structure);
    const line *l = line_of(f, numbers[i], numbers[j]);
    double u[3], energy, slope, *virial = expected + 4 * n;
    for (int c = 0; c < 3; c++)
        u[c] = x[3 * i + c] - x[3 * j + c] - image[0] * cell[c] -
               image[1] * cell[3 + c] - image[2] * cell[6 + c];
    double r = sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
    if (!(r < l->cutoff))
        return;
    pair_values(l, r, &energy, &slope);
    static const int first[] = {0, 1, 2, 1, 0, 0}, second[] = {0, 1, 2, 2, 2, 1};
    for (int c = 0; c < 3; c++)
        expected[3 * i + c] -= slope * u[c] / r;
    expected[3 * n + i] += 0.5 * energy;
    for (int c = 0; c < 6; c++)
        virial[c] -= 0.5 * slope * u[first[c]] * u[second[c]] / r;
    virial[6] += 0.5 * energy;
}

static void textbook(const file *f, int images) {
    const size_t n = hop_structure_count(structure);
    const int32_t *periodic = hop_structure_periodic(structure);
    int most[3], image[3];
    memset(expected, 0, sizeof expected);
    for (int c = 0; c < 3; c++)
        most[c] = periodic[c] ? images : 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (image[0] = -most[0]; image[0] <= most[0]; image[0]++)
                for (image[1] = -most[1]; image[1] <= most[1]; image[1]++)
                    for (image[2] = -most[2]; image[2] <= most[2]; image[2]++)
                        if (i != j || image[0] || image[1] || image[2])
                            add_pair(f, i, j, image);
}

/* ---- what it gives ---- */

static void evaluate(hop_potential *p, double *out) {
    const size_t n = hop_structure_count(structure);
    ck_assert_msg(hop_potential_evaluate(p, structure) == HOP_OK, "%s",
                  hop_error_message(context));
    memcpy(out, hop_structure_forces(structure), 3 * n * sizeof *out);
    memcpy(out + 3 * n, hop_structure_energies(structure), n * sizeof *out);
    memcpy(out + 4 * n, hop_structure_virial(structure), 6 * sizeof *out);
    out[4 * n + 6] = *hop_structure_energy(structure);
}

static void crystal(int size, const int32_t periodic[3], uint64_t seed,
                    size_t species) {
    const int repeat[3] = {size, size, size};
    structure = support_crystal(context, (const int32_t[]){18, 10}, species, 5.0,
                                repeat, periodic, 0.4, seed);
}

static size_t species_of(int k) { return files[k].lines > 1 ? 2 : 1; }

START_TEST(clusters) {
    const file *f = &files[_i];
    potential = load(f);
    for (int size = 1; size <= 4; size++) {
        crystal(size, (const int32_t[]){0, 0, 0}, (uint64_t)size, species_of(_i));
        for (int isa = (int)context->isa; isa >= HOP__ISA_BASE; isa--) {
            enum hop__isa best = context->isa;
            context->isa = (enum hop__isa)isa;
            textbook(f, 0);
            evaluate(potential, found);
            context->isa = best;
            double error = support_relative_error(found, expected, sizes());
            ck_assert_msg(error < 1e-13, "%s, size %d, variant %d: %g", f->name, size,
                          isa, error);
        }
        hop_structure_free(structure);
        structure = NULL;
    }
}
END_TEST

START_TEST(cells) {
    const int number = _i % (FILES - CUT) + CUT, shape = _i / (FILES - CUT);
    const file *f = &files[number];
    potential = load(f);
    crystal(1, (const int32_t[]){1, 1, shape == 0}, 5, species_of(number));
    double *cell = hop_structure_cell(structure);
    cell[1] += 1.7;
    cell[6] -= 2.1;
    if (number == HALF) {
        ck_assert_int_eq(hop_potential_evaluate(potential, structure),
                         HOP_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(hop_error_message(context), "no cut-off"));
        return;
    }
    textbook(f, number == LONG ? 7 : 3);
    evaluate(potential, found);
    double error = support_relative_error(found, expected, sizes());
    ck_assert_msg(error < 1e-12, "%s: %g", f->name, error);
}
END_TEST

/* Only what occurs in a structure must have a cut-off. */
START_TEST(unused_pairs_do_not_matter) {
    static const file mixed = {
        "mixed.lj",
        2,
        {{18, 18, 0.0104, 3.4, 8.5, "shift"}, {36, 36, 0.0200, 3.9, NONE, ""}}};
    potential = load(&mixed);
    crystal(1, (const int32_t[]){1, 1, 1}, 5, 1);
    textbook(&mixed, 3);
    evaluate(potential, found);
    ck_assert(support_relative_error(found, expected, sizes()) < 1e-12);
    hop_structure_numbers(structure)[2] = 36;
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "Ar-Kr"));
}
END_TEST

/* Enough atoms for the threads to be used on every way. */
START_TEST(same_bits_for_any_number_of_threads) {
    static double v[3 * MOST], hv[3 * MOST], first_hv[3 * MOST];
    potential = load(&files[_i]);
    structure = support_crystal(
        context, (const int32_t[]){18, 10}, species_of(_i), 5.0, (const int[]){5, 5, 6},
        (const int32_t[]){_i >= CUT && _i != HALF, 0, 0}, 0.4, 8);
    const size_t n = hop_structure_count(structure);
    ck_assert_uint_le(n, MOST);
    for (size_t k = 0; k < 3 * n; k++)
        v[k] = sin((double)k);
    for (int32_t threads = 1; threads <= 4; threads++) {
        hop_context_set_threads(context, threads);
        evaluate(potential, threads == 1 ? expected : found);
        ck_assert_int_eq(hop_potential_hessian_vector(potential, structure, v,
                                                      threads == 1 ? first_hv : hv),
                         HOP_OK);
        if (threads > 1) {
            ck_assert_mem_eq(found, expected, sizes() * sizeof *found);
            ck_assert_mem_eq(hv, first_hv, 3 * n * sizeof *hv);
        }
    }
}
END_TEST

/* The list's skin holds other pairs after a way than at once: the sums must not see it.
 */
START_TEST(the_past_does_not_matter) {
    static double start[3 * MOST];
    potential = load(&files[_i]);
    crystal(3, (const int32_t[]){_i >= CUT && _i != HALF, _i >= CUT && _i != HALF, 0},
            3, species_of(_i));
    double *x = hop_structure_positions(structure);
    const size_t bytes = 3 * hop_structure_count(structure) * sizeof *x;
    memcpy(start, x, bytes);
    for (uint64_t seed = 0; seed < 20; seed++) {
        memcpy(x, start, bytes);
        evaluate(potential, found);
        support_rattle(structure, 0.04, seed);
        evaluate(potential, found);
        hop_potential *fresh = load(&files[_i]);
        evaluate(fresh, expected);
        hop_potential_free(fresh);
        ck_assert_mem_eq(found, expected, sizes() * sizeof *found);
    }
}
END_TEST

START_TEST(extreme_positions) {
    potential = load(&files[_i]);
    ck_assert_int_eq(
        hop_structure_new(context, 3, (const int32_t[]){18, 18, 18}, &structure),
        HOP_OK);
    double *x = hop_structure_positions(structure);
    /* alone */
    x[3] = 1e6;
    x[6] = -1e6;
    evaluate(potential, found);
    if (_i >= CUT)
        ck_assert(found[15] == 0.0 && *hop_structure_energy(structure) == 0.0);
    ck_assert_double_lt(fabs(*hop_structure_energy(structure)), 1e-30);
    /* a dimer, and one that was flung away */
    static const double far[] = {1e3, 1e8, 1e30, 1e100, 1e150};
    for (int k = 0; k < 5; k++) {
        x[3] = 3.9;
        x[6] = far[k];
        int status = hop_potential_evaluate(potential, structure);
        if (status == HOP_OK) {
            double energy, slope;
            pair_values(&files[_i].line[0], 3.9, &energy, &slope);
            ck_assert_double_eq_tol(*hop_structure_energy(structure), energy, 1e-14);
            ck_assert_double_eq_tol(hop_structure_forces(structure)[0], slope, 1e-14);
        } else {
            ck_assert_msg(_i >= CUT, "%g: %s", far[k], hop_error_message(context));
            ck_assert(hop_error_message(context)[0] != '\0');
        }
    }
    /* far from the origin */
    for (int k = 0; k < 3; k++)
        x[3 * k] = 1048576.0 + 3.875 * k;
    evaluate(potential, found);
    for (int k = 0; k < 3; k++)
        x[3 * k] = 3.875 * k;
    evaluate(potential, expected);
    ck_assert(support_relative_error(found, expected, sizes()) < 1e-15);
    /* upon each other */
    x[3] = x[0];
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_NONFINITE);
    ck_assert_ptr_nonnull(
        strstr(hop_error_message(context), "atoms 0 and 1 are 0 apart"));
    ck_assert(isnan(*hop_structure_energy(structure)));
    x[3] = 1e-60;
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_NONFINITE);
}
END_TEST

START_TEST(one_atom) {
    potential = load(&files[_i]);
    ck_assert_int_eq(hop_structure_new(context, 1, (const int32_t[]){18}, &structure),
                     HOP_OK);
    evaluate(potential, found);
    for (int k = 0; k < 11; k++)
        ck_assert(found[k] == 0.0);
    double v[3] = {1.0, 2.0, 3.0}, hv[3];
    ck_assert_int_eq(hop_potential_hessian_vector(potential, structure, v, hv), HOP_OK);
    ck_assert(hv[0] == 0.0 && hv[1] == 0.0 && hv[2] == 0.0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("lennard_jones");
    TCase *all = tcase_create("lennard-jones");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, clusters, 0, FILES);
    tcase_add_loop_test(all, cells, 0, 2 * (FILES - CUT));
    tcase_add_test(all, unused_pairs_do_not_matter);
    tcase_add_loop_test(all, same_bits_for_any_number_of_threads, 0, FILES);
    tcase_add_loop_test(all, the_past_does_not_matter, 0, FILES);
    tcase_add_loop_test(all, extreme_positions, 0, FILES);
    tcase_add_loop_test(all, one_atom, 0, FILES);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
