/* Gupta: every number of atoms and mix of elements against sums written out pair by pair,
   symmetries, far and close atoms, the list's independence of its past and of threads. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "potentials/gupta.h"
#include "potentials/gupta_exp2.h"
#include "potentials/gupta_rows.h"
#include "support/support.h"

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

/* Five elements, every pair of its own. */
static const char five_elements[] = "# UNITS: metal CITATION: test\n"
                                    "Ag Ag 2.8921 10.85 3.18 0.1031 1.1895\n"
                                    "Au Au 2.885 10.139 4.033 0.2096 1.8153\n"
                                    "Cu Cu 2.556 10.96 2.278 0.0855 1.224\n"
                                    "Ni Ni 2.491 16.999 1.189 0.0376 1.070\n"
                                    "Pt Pt 2.7747 10.612 4.004 0.2975 2.695\n"
                                    "Ag Au 2.8885 10.494 3.607 0.1488 1.4874\n"
                                    "Ag Cu 2.724 10.70 2.805 0.0977 1.2275\n"
                                    "Ag Ni 2.69 13.0 2.2 0.066 1.13\n"
                                    "Ag Pt 2.833 10.73 3.59 0.175 1.79\n"
                                    "Au Cu 2.72 11.05 3.0475 0.1539 1.5605\n"
                                    "Au Ni 2.69 13.5 2.6 0.09 1.4\n"
                                    "Au Pt 2.83 10.38 4.018 0.25 2.2\n"
                                    "Cu Ni 2.52 14.0 1.7 0.058 1.14\n"
                                    "Cu Pt 2.665 10.8 3.1 0.16 1.8\n"
                                    "Ni Pt 2.63 13.8 2.6 0.106 1.7\n";
static const int32_t elements[] = {47, 79, 29, 28, 78};

static void load_text(const char *text, size_t size, hop_potential **out) {
    const char *path = support_path("test.gupta");
    support_write_file(path, text, size);
    ck_assert_msg(hop_potential_load(context, path, out) == HOP_OK, "%s",
                  hop_error_message(context));
}

/* Atoms at random, none nearer than 2 angstrom; elements in turn when `mixed`, else in
   groups. */
static void make_cluster(size_t count, int kinds, bool mixed, uint64_t seed) {
    hop__random random = hop__random_start(seed, 0);
    int32_t numbers[600];
    for (size_t i = 0; i < count; i++)
        numbers[i] = elements[mixed ? i % (size_t)kinds : i * (size_t)kinds / count];
    ck_assert_int_eq(hop_structure_new(context, count, numbers, &structure), HOP_OK);
    double *x = hop_structure_positions(structure), size = 3.2 * cbrt((double)count);
    for (size_t i = 0; i < count; i++)
        for (bool free = false; !free;) {
            for (int c = 0; c < 3; c++)
                x[3 * i + c] = size * hop__random_uniform(&random);
            free = true;
            for (size_t j = 0; j < i; j++)
                free &= hypot(hypot(x[3 * i] - x[3 * j], x[3 * i + 1] - x[3 * j + 1]),
                              x[3 * i + 2] - x[3 * j + 2]) > 2.0;
        }
}

static void evaluate(void) {
    ck_assert_msg(hop_potential_evaluate(potential, structure) == HOP_OK, "%s",
                  hop_error_message(context));
}

/* ---- against the formula ---- */

static const hop__gupta_pair *pair_of(size_t i, size_t j) {
    const hop__gupta_parameters *p = potential->parameters;
    const int32_t *numbers = hop_structure_numbers(structure);
    return hop__gupta_pair_of(p, hop__species_index(&p->species, numbers[i]),
                              hop__species_index(&p->species, numbers[j]));
}

/* In long double with libm, every ordered pair. */
static long double written_out(long double *energies, long double *forces) {
    size_t n = hop_structure_count(structure);
    const double *x = hop_structure_positions(structure);
    long double total = 0.0L, density[600], root[600];
    for (size_t i = 0; i < n; i++) {
        energies[i] = density[i] = 0.0L;
        for (size_t j = 0; j < n; j++) {
            const hop__gupta_pair *t = pair_of(i, j);
            long double d[3], square = 0.0L;
            for (int c = 0; c < 3; c++) {
                d[c] = (long double)x[3 * i + c] - x[3 * j + c];
                square += d[c] * d[c];
            }
            long double s = 1.0L - sqrtl(square) / t->r0;
            energies[i] += j == i ? 0.0L : t->a * expl(t->p * s);
            density[i] += j == i ? 0.0L : t->xi * t->xi * expl(2.0L * t->q * s);
        }
        root[i] = density[i] > 0.0L ? 1.0L / sqrtl(density[i]) : 0.0L;
        energies[i] -= sqrtl(density[i]);
        total += energies[i];
    }
    for (size_t i = 0; i < n; i++) {
        forces[3 * i] = forces[3 * i + 1] = forces[3 * i + 2] = 0.0L;
        for (size_t j = 0; j < n; j++) {
            const hop__gupta_pair *t = pair_of(i, j);
            long double d[3], square = 0.0L;
            for (int c = 0; c < 3; c++) {
                d[c] = (long double)x[3 * i + c] - x[3 * j + c];
                square += d[c] * d[c];
            }
            long double r = sqrtl(square), s = 1.0L - r / t->r0;
            long double pull = 2.0L * t->a * t->p / t->r0 * expl(t->p * s) -
                               t->xi * t->xi * t->q / t->r0 * expl(2.0L * t->q * s) *
                                   (root[i] + root[j]);
            for (int c = 0; c < 3 && j != i; c++)
                forces[3 * i + c] += pull * d[c] / r;
        }
    }
    return total;
}

/* The same on AVX2 and AVX-512 to the bit, near the formula on all. */
static void check_against_formula(void) {
    static long double energies[600], forces[1800];
    static double bits[1800];
    size_t n = hop_structure_count(structure);
    enum hop__isa best = context->isa;
    long double total = written_out(energies, forces), size = 1.0L;
    for (size_t k = 0; k < 3 * n; k++)
        size = fmaxl(size, fabsl(forces[k]));
    for (int isa = HOP__ISA_BASE; isa <= (int)best; isa++) {
        context->isa = (enum hop__isa)isa;
        evaluate();
        const double *f = hop_structure_forces(structure);
        double net[3] = {0};
        ck_assert_double_le(fabs((double)(*hop_structure_energy(structure) - total)),
                            3e-15 * (double)n * fabs((double)total) + 1e-300);
        for (size_t i = 0; i < n; i++)
            ck_assert_double_le(
                fabs((double)(hop_structure_energies(structure)[i] - energies[i])),
                1e-13 * fmax(1.0, fabs((double)energies[i])));
        for (size_t k = 0; k < 3 * n; k++) {
            ck_assert_double_le(fabs((double)(f[k] - forces[k])), 2e-14 * (double)size);
            net[k % 3] += f[k];
        }
        for (int c = 0; c < 3; c++)
            ck_assert_double_le(fabs(net[c]), 1e-14 * (double)n * (double)size);
        if (isa == HOP__ISA_AVX512)
            ck_assert_mem_eq(bits, f, 3 * n * sizeof *bits);
        memcpy(bits, f, 3 * n * sizeof *bits);
    }
    context->isa = best;
}

/* Every remainder of quads and blocks; one element, two in groups and in turn, five. */
START_TEST(test_formula) {
    static const struct {
        int kinds;
        bool mixed;
    } mixes[] = {{1, false}, {2, false}, {2, true}, {3, true}, {5, false}, {5, true}};
    load_text(five_elements, sizeof five_elements - 1, &potential);
    for (size_t count = 2; count <= 41; count++) {
        make_cluster(count, mixes[_i].kinds, mixes[_i].mixed, count);
        check_against_formula();
        hop_structure_free(structure);
    }
    make_cluster(147, mixes[_i].kinds, mixes[_i].mixed, 1);
    check_against_formula();
}
END_TEST

/* A handle that has seen other elements, orders and sizes gives the same bits. */
START_TEST(test_plan_follows_the_elements) {
    double energy[2][4];
    static const struct {
        size_t count;
        int kinds;
        bool mixed;
    } calls[4] = {{38, 2, false}, {38, 2, true}, {13, 5, true}, {55, 1, false}};
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 0)
            load_text(five_elements, sizeof five_elements - 1, &potential);
        for (int k = 0; k < 4; k++) {
            if (pass == 1)
                load_text(five_elements, sizeof five_elements - 1, &potential);
            make_cluster(calls[k].count, calls[k].kinds, calls[k].mixed, 3);
            evaluate();
            energy[pass][k] = *hop_structure_energy(structure);
            hop_structure_free(structure);
            if (pass == 1)
                hop_potential_free(potential);
        }
        if (pass == 0)
            hop_potential_free(potential);
    }
    structure = NULL;
    potential = NULL;
    ck_assert_mem_eq(energy[0], energy[1], sizeof energy[0]);
}
END_TEST

/* Turned and moved, the energy stays and the forces turn along. */
START_TEST(test_turned_and_moved) {
    load_text(five_elements, sizeof five_elements - 1, &potential);
    make_cluster(38, 2, true, 5);
    evaluate();
    double energy = *hop_structure_energy(structure), before[114];
    double *x = hop_structure_positions(structure),
           *f = hop_structure_forces(structure);
    memcpy(before, f, sizeof before);
    const double c = 0.6, s = 0.8;
    for (size_t i = 0; i < 38; i++) {
        double old = x[3 * i];
        x[3 * i] = c * old - s * x[3 * i + 1] + 11.0;
        x[3 * i + 1] = s * old + c * x[3 * i + 1] - 7.0;
        x[3 * i + 2] += 3.0;
    }
    evaluate();
    ck_assert_double_eq_tol(*hop_structure_energy(structure), energy,
                            1e-13 * fabs(energy));
    for (size_t i = 0; i < 38; i++) {
        ck_assert_double_eq_tol(f[3 * i], c * before[3 * i] - s * before[3 * i + 1],
                                1e-11);
        ck_assert_double_eq_tol(f[3 * i + 1], s * before[3 * i] + c * before[3 * i + 1],
                                1e-11);
        ck_assert_double_eq_tol(f[3 * i + 2], before[3 * i + 2], 1e-11);
    }
}
END_TEST

/* ---- bad input ---- */

START_TEST(test_coincident_atoms_are_named) {
    load_text(five_elements, sizeof five_elements - 1, &potential);
    make_cluster((size_t)_i, 2, true, 7);
    double *x = hop_structure_positions(structure);
    size_t last = (size_t)_i - 1;
    memcpy(x + 3 * last, x + 3, 3 * sizeof *x);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_NONFINITE);
    char names[40];
    snprintf(names, sizeof names, "atoms 1 and %zu are 0 apart", last);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), names));
    ck_assert(isnan(*hop_structure_energy(structure)));
}
END_TEST

/* Close atoms repel with what the formula says, or the pair is named; never infinite. */
START_TEST(test_close_atoms) {
    load_text(five_elements, sizeof five_elements - 1, &potential);
    for (int exponent = 0; exponent <= 320; exponent += 4) {
        make_cluster(13, 2, false, 11);
        double *x = hop_structure_positions(structure);
        double nearness = pow(10.0, -exponent);
        for (int c = 0; c < 3; c++)
            x[3 + c] = x[c] = 0.0;
        x[3] = nearness;
        int status = hop_potential_evaluate(potential, structure);
        if (exponent <= 152) {
            ck_assert_int_eq(status, HOP_OK);
            check_against_formula();
        } else if (status != HOP_OK) {
            ck_assert_int_eq(status, HOP_ERROR_NONFINITE);
            ck_assert_ptr_nonnull(
                strstr(hop_error_message(context), "atoms 0 and 1 are"));
        } else
            ck_assert(isfinite(*hop_structure_energy(structure)));
        hop_structure_free(structure);
        structure = NULL;
    }
}
END_TEST

/* An atom out of every reach feels nothing, and the others do not feel it. */
START_TEST(test_far_atom) {
    static const double far[] = {1e3, 1e6, 1e12, 1e30, 1e100, 1e150, 1e200};
    load_text(five_elements, sizeof five_elements - 1, &potential);
    for (size_t k = 0; k < sizeof far / sizeof *far; k++)
        for (size_t which = 0; which < 14; which += 13) {
            make_cluster(14, 1, false, 13);
            double *x = hop_structure_positions(structure), energy;
            for (int c = 0; c < 3; c++)
                x[3 * which + (size_t)c] = far[k];
            evaluate();
            energy = *hop_structure_energy(structure);
            const double *f = hop_structure_forces(structure) + 3 * which;
            ck_assert_double_le(fabs(hop_structure_energies(structure)[which]), 1e-100);
            for (int c = 0; c < 3; c++)
                ck_assert_double_le(fabs(f[c]), 1e-50);
            ck_assert(isfinite(energy));
            check_against_formula();
            hop_structure_free(structure);
            structure = NULL;
        }
}
END_TEST

START_TEST(test_lone_atom_and_lone_pair) {
    load_text(five_elements, sizeof five_elements - 1, &potential);
    make_cluster(1, 1, false, 1);
    evaluate();
    ck_assert_double_eq(*hop_structure_energy(structure), 0.0);
    ck_assert_double_eq(hop_structure_forces(structure)[0], 0.0);
    hop_structure_free(structure);
    make_cluster(2, 2, true, 1);
    hop_structure_positions(structure)[0] = 1e4;
    evaluate();
    ck_assert_double_eq_tol(*hop_structure_energy(structure), 0.0, 1e-100);
    double v[6] = {1, 2, 3, 4, 5, 6}, hv[6];
    ck_assert_int_eq(hop_potential_hessian_vector(potential, structure, v, hv), HOP_OK);
    for (int k = 0; k < 6; k++)
        ck_assert_double_eq_tol(hv[k], 0.0, 1e-100);
}
END_TEST

/* Too far apart for a difference: an error, not nonsense. */
START_TEST(test_overflowing_coordinates) {
    load_text(five_elements, sizeof five_elements - 1, &potential);
    make_cluster(13, 1, false, 17);
    hop_structure_positions(structure)[0] = 1.7e308;
    hop_structure_positions(structure)[3] = -1.7e308;
    int status = hop_potential_evaluate(potential, structure);
    ck_assert_int_eq(status, HOP_ERROR_NONFINITE);
    ck_assert(isnan(*hop_structure_energy(structure)));
}
END_TEST

START_TEST(test_parameters_out_of_range) {
    static const char *const lines[] = {
        "Ag Ag 2.9 800 3 0.1 1.2\n", "Ag Ag 2.9 10 400 0.1 1.2\n",
        "Ag Ag 2.9e9 10 3 0.1 1.2\n", "Ag Ag 2.9 1e-9 3 0.1 1.2\n"};
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        char text[200];
        const char *path = support_path("range.gupta");
        int size =
            snprintf(text, sizeof text, "# UNITS: metal CITATION: test\n%s", lines[k]);
        support_write_file(path, text, (size_t)size);
        ck_assert_int_eq(hop_potential_load(context, path, &potential),
                         HOP_ERROR_FORMAT);
        ck_assert_ptr_nonnull(
            strstr(hop_error_message(context), "range.gupta:2: expected"));
    }
}
END_TEST

/* The table of 2^(k/16): each entry, put together as the kernels do, is nearest (the
   compiler rounds the decimals to nearest). */
START_TEST(test_exp2_table) {
    static const double power[16] = {1,
                                     1.04427378242741384032196647873,
                                     1.09050773266525765920701065576,
                                     1.13878863475669165370383028384,
                                     1.18920711500272106671749997056,
                                     1.24185781207348404859367746872,
                                     1.29683955465100966593375411779,
                                     1.35425554693689272829801474014,
                                     1.41421356237309504880168872420,
                                     1.47682614593949931138690748037,
                                     1.54221082540794082361229186209,
                                     1.61049033194925430817952066735,
                                     1.68179283050742908606225095246,
                                     1.75625216037329948311216061937,
                                     1.83400808640934246348708318958,
                                     1.91520656139714729387261127029};
    for (int k = -16000; k <= 16000; k++) {
        const int whole = (k + 16000) / 16 - 1000;
        double shifted = k / 16.0 + HOP__EXP2_MAGIC, value;
        uint64_t bits, entry;
        memcpy(&bits, &shifted, sizeof bits);
        memcpy(&entry, &hop__exp2_table[bits & 15], sizeof entry);
        entry += bits << 48;
        memcpy(&value, &entry, sizeof value);
        ck_assert_double_eq(value, ldexp(power[k - 16 * whole], whole));
    }
}
END_TEST

/* ---- with cut-off ---- */

static void make_crystal(int kinds, int cells) {
    const int32_t numbers[] = {47, kinds > 1 ? 79 : 47};
    const int times[3] = {cells, cells, cells};
    const int32_t periodic[3] = {1, 1, 1};
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu-cutoff.gupta", &potential),
                     HOP_OK);
    structure = support_crystal(context, numbers, 2, 4.08, times, periodic, 0.1, 21);
}

START_TEST(test_same_bits_for_any_threads) {
    make_crystal(2, 9);
    static double bits[3 * 4 * 9 * 9 * 9], product[2][3 * 4 * 9 * 9 * 9],
        v[3 * 4 * 9 * 9 * 9];
    for (size_t k = 0; k < sizeof v / sizeof *v; k++)
        v[k] = cos((double)k);
    size_t n3 = 3 * hop_structure_count(structure);
    double energy = 0.0, virial[6] = {0};
    ck_assert_uint_eq(n3, sizeof bits / sizeof *bits);
    for (int32_t threads = 1; threads <= 4; threads++) {
        ck_assert_int_eq(hop_context_set_threads(context, threads), HOP_OK);
        evaluate();
        ck_assert_int_eq(
            hop_potential_hessian_vector(potential, structure, v, product[threads > 1]),
            HOP_OK);
        if (threads > 1) {
            ck_assert_mem_eq(product[0], product[1], sizeof product[0]);
            ck_assert(energy == *hop_structure_energy(structure));
            ck_assert_mem_eq(virial, hop_structure_virial(structure), sizeof virial);
            ck_assert_mem_eq(bits, hop_structure_forces(structure), sizeof bits);
        }
        energy = *hop_structure_energy(structure);
        memcpy(virial, hop_structure_virial(structure), sizeof virial);
        memcpy(bits, hop_structure_forces(structure), sizeof bits);
    }
}
END_TEST

/* A list built elsewhere holds other neighbours out of reach: no influence. */
START_TEST(test_the_past_does_not_matter) {
    make_crystal(2, 3);
    static double bits[3 * 108], there[3 * 108];
    double *x = hop_structure_positions(structure);
    size_t n3 = 3 * hop_structure_count(structure);
    ck_assert_uint_eq(n3, 3 * 108);
    memcpy(there, x, sizeof there);
    evaluate();
    double energy = *hop_structure_energy(structure);
    memcpy(bits, hop_structure_forces(structure), sizeof bits);
    hop_potential_free(potential);
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu-cutoff.gupta", &potential),
                     HOP_OK);
    for (size_t k = 0; k < n3; k++)
        x[k] += 0.13 * sin(7.0 * (double)k);
    evaluate();
    memcpy(x, there, sizeof there);
    evaluate();
    ck_assert(energy == *hop_structure_energy(structure));
    ck_assert_mem_eq(bits, hop_structure_forces(structure), sizeof bits);
}
END_TEST

/* Cut-offs of a pair that does not meet change nothing, also where distances are at a border,
   as all second neighbours are where nothing is shaken; nor do stages, whether they keep the
   first pass's terms for the second or not. */
START_TEST(test_borders_and_terms) {
    static const char *const last[] = {"4.08 5.01\n", "4.2 5.3\n"};
    const int times[3] = {3, 3, 3};
    const int32_t periodic[3] = {1, 1, 1}, numbers[] = {47, 47};
    static double bits[2][3 * 108], products[2][3 * 108], v[3 * 108];
    structure =
        support_crystal(context, numbers, 2, 4.08, times, periodic, 0.1 * _i, 21);
    hop_structure_numbers(structure)[0] = 79;
    for (size_t k = 0; k < sizeof v / sizeof *v; k++)
        v[k] = sin((double)k);
    for (int k = 0; k < 2; k++) {
        char text[400];
        snprintf(text, sizeof text, "# UNITS: metal CITATION: test\n%s%s%s",
                 "Ag Ag 2.8921 10.85 3.18 0.1031 1.1895 4.08 5.01\n"
                 "Ag Au 2.8885 10.494 3.607 0.1488 1.4874 4.08 5.01\n",
                 "Au Au 2.885 10.139 4.033 0.2096 1.8153 ", last[k]);
        hop_potential_free(potential);
        load_text(text, strlen(text), &potential);
        evaluate();
        memcpy(bits[k], hop_structure_forces(structure), sizeof bits[k]);
        ck_assert_int_eq(
            hop_potential_hessian_vector(potential, structure, v, products[k]), HOP_OK);
    }
    hop__gupta_rows *rows = ((hop__gupta_workspace *)potential->workspace)->rows;
    const double energy = *hop_structure_energy(structure);
    ck_assert_uint_eq(rows->stages.count, 1);
    for (size_t keep = 0; keep < 4; keep++) { /* a stage for each block */
        rows->together = 0;
        rows->stage_blocks = 1;
        rows->kept_stages = keep;
        rows->builds = SIZE_MAX;
        evaluate();
        ck_assert_uint_eq(rows->stages.count, 4);
        ck_assert(energy == *hop_structure_energy(structure));
        ck_assert_mem_eq(bits[1], hop_structure_forces(structure), sizeof bits[1]);
        ck_assert_int_eq(
            hop_potential_hessian_vector(potential, structure, v, products[0]), HOP_OK);
        ck_assert_mem_eq(products[0], products[1], sizeof products[0]);
    }
    ck_assert_mem_eq(bits[0], bits[1], sizeof bits[0]);
    ck_assert_mem_eq(products[0], products[1], sizeof products[0]);
}
END_TEST

/* A film in many stages, which wait for few others and so share the ring's shelves. */
START_TEST(test_stages_of_a_film) {
    const int times[3] = {12, 2, 2};
    const int32_t periodic[3] = {0, 1, 1}, numbers[] = {47, 79};
    static double bits[3 * 192], product[2][3 * 192], v[3 * 192];
    structure = support_crystal(context, numbers, 2, 4.08, times, periodic, 0.1, 22);
    ck_assert_uint_eq(hop_structure_count(structure), 192);
    for (size_t k = 0; k < sizeof v / sizeof *v; k++)
        v[k] = cos((double)k);
    hop_potential_free(potential);
    ck_assert_int_eq(hop_potential_builtin(context, "AgAu-cutoff.gupta", &potential),
                     HOP_OK);
    evaluate();
    memcpy(bits, hop_structure_forces(structure), sizeof bits);
    ck_assert_int_eq(hop_potential_hessian_vector(potential, structure, v, product[0]),
                     HOP_OK);
    const double energy = *hop_structure_energy(structure);
    hop__gupta_rows *rows = ((hop__gupta_workspace *)potential->workspace)->rows;
    for (size_t keep = 0; keep < 6; keep++) {
        rows->together = 0;
        rows->stage_blocks = 1;
        rows->kept_stages = keep;
        rows->builds = SIZE_MAX;
        evaluate();
        ck_assert_uint_eq(rows->stages.count, 6);
        ck_assert(rows->stages.ready[3] > 0); /* not all wait for the last */
        ck_assert(energy == *hop_structure_energy(structure));
        ck_assert_mem_eq(bits, hop_structure_forces(structure), sizeof bits);
        ck_assert_int_eq(
            hop_potential_hessian_vector(potential, structure, v, product[1]), HOP_OK);
        ck_assert_mem_eq(product[0], product[1], sizeof product[0]);
    }
}
END_TEST

/* Three elements take another way to their parameters than one or two. */
START_TEST(test_elements_of_equal_parameters) {
    static const char text[] = "# UNITS: metal CITATION: test\n"
                               "Ag Ag 2.8921 10.85 3.18 0.1031 1.1895 4.09 5.01\n"
                               "Au Au 2.8921 10.85 3.18 0.1031 1.1895 4.09 5.01\n"
                               "Cu Cu 2.8921 10.85 3.18 0.1031 1.1895 4.09 5.01\n"
                               "Ag Au 2.8921 10.85 3.18 0.1031 1.1895 4.09 5.01\n"
                               "Ag Cu 2.8921 10.85 3.18 0.1031 1.1895 4.09 5.01\n"
                               "Au Cu 2.8921 10.85 3.18 0.1031 1.1895 4.09 5.01\n";
    static double bits[3 * 32];
    make_crystal(1, 2);
    hop_potential_free(potential);
    load_text(text, sizeof text - 1, &potential);
    for (int kinds = 1; kinds <= 3; kinds++) {
        for (size_t i = 0; i < 32; i++)
            hop_structure_numbers(structure)[i] = elements[i % (size_t)kinds];
        evaluate();
        if (kinds > 1)
            ck_assert_mem_eq(bits, hop_structure_forces(structure), sizeof bits);
        memcpy(bits, hop_structure_forces(structure), sizeof bits);
    }
}
END_TEST

START_TEST(test_coincident_atoms_in_a_cell) {
    make_crystal(1, 2);
    double *x = hop_structure_positions(structure);
    memcpy(x + 3 * 20, x + 3 * 4, 3 * sizeof *x);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_NONFINITE);
    ck_assert_ptr_nonnull(
        strstr(hop_error_message(context), "atoms 4 and 20 are 0 apart"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("gupta");
    TCase *tests = tcase_create("gupta");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_formula, 0, 6);
    tcase_add_test(tests, test_plan_follows_the_elements);
    tcase_add_test(tests, test_turned_and_moved);
    tcase_add_loop_test(tests, test_coincident_atoms_are_named, 3, 20);
    tcase_add_test(tests, test_close_atoms);
    tcase_add_test(tests, test_far_atom);
    tcase_add_test(tests, test_lone_atom_and_lone_pair);
    tcase_add_test(tests, test_overflowing_coordinates);
    tcase_add_test(tests, test_parameters_out_of_range);
    tcase_add_test(tests, test_exp2_table);
    tcase_add_test(tests, test_same_bits_for_any_threads);
    tcase_add_test(tests, test_the_past_does_not_matter);
    tcase_add_loop_test(tests, test_borders_and_terms, 0, 2);
    tcase_add_test(tests, test_stages_of_a_film);
    tcase_add_test(tests, test_elements_of_equal_parameters);
    tcase_add_test(tests, test_coincident_atoms_in_a_cell);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
