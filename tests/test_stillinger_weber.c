/* Stillinger-Weber: the sums of one element's kernels against pairs and triplets, several
   elements against a plain sum over images, the same bits whatever the threads and the
   past, and bad input. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/vector_math.h"
#include "potentials/stillinger_weber.h"
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

/* ---- files ---- */

/* epsilon sigma a lambda gamma cos0 A B p q tol */
#define SILICON                                                                        \
    "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 "  \
    "4 0 0\n"

static const char *const one_element[] = {
    SILICON,
    /* gamma, powers and cosine of their own */
    "Si Si Si 2.0 2.1 1.75 18.0 1.05 -0.25 7.0 0.61 4 0 0\n",
    "Si Si Si 1.9 2.0 1.90 25.0 1.20 -0.40 7.5 0.55 5.5 1.5 0\n",
    "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4 "
    "0 1e-4\n",
    "Si Si Si 2.1683 2.0951 1.80 0 1.20 -0.333333333333 7.049556277 0.6022245584 4 0 "
    "0\n",
    /* triplets that begin at the cut-off */
    "Si Si Si 2.0 2.1 1.75 18.0 0.04 -0.25 7.0 0.61 4 0 0\n",
    "Si Si Si 2.0 2.1 1.75 18.0 0 -0.25 7.0 0.61 4 0 0\n",
    "Si Si Si 2.0 2.1 1.75 18.0 9 -0.25 7.0 0.61 4 0 0\n",
};
#define FILES (int)(sizeof one_element / sizeof *one_element)

/* Every leg and every triplet different, as far as they may be. */
static const char two_elements[] =
    SILICON "C C C 2.9 1.65 1.75 24.0 1.15 -0.30 7.2 0.58 4 0 0\n"
            "Si C C 2.5 1.90 1.82 22.0 1.20 -0.33 7.1 0.60 4 0 0\n"
            "C Si Si 2.5 1.90 1.82 20.0 1.20 -0.35 7.1 0.60 4 0 0\n"
            "Si Si C 2.2 0 0 23.0 0 -0.31 0 0 0 0 0\n"
            "Si C Si 2.2 0 0 23.0 0 -0.31 0 0 0 0 0\n"
            "C C Si 2.4 0 0 19.0 0 -0.36 0 0 0 0 0\n"
            "C Si C 2.4 0 0 19.0 0 -0.36 0 0 0 0 0\n";

static void load(const char *text) {
    const char *path = support_path("test.sw");
    support_write_file(path, text, strlen(text));
    hop_potential_free(potential);
    ck_assert_msg(hop_potential_load(context, path, &potential) == HOP_OK, "%s",
                  hop_error_message(context));
}

/* ---- structures ---- */

static double between(hop__random *r, double low, double high) {
    return low + (high - low) * hop__random_uniform(r);
}

static hop_structure *atoms(size_t count, int32_t even, int32_t odd) {
    hop_structure *s;
    int32_t *numbers = calloc(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = i % 2 ? odd : even;
    ck_assert_int_eq(hop_structure_new(context, count, numbers, &s), HOP_OK);
    free(numbers);
    return s;
}

/* Random atoms no nearer than `apart`, at a density where all sorts of angles occur. */
static hop_structure *random_atoms(hop__random *r, size_t count, double volume,
                                   double apart, int periodic) {
    hop_structure *s = atoms(count, 14, 14);
    const double size = cbrt(volume * (double)count);
    for (int k = 0; k < 9; k++)
        s->cell[k] = size * ((k % 4 == 0) + between(r, -0.15, 0.15));
    for (int a = 0; a < 3; a++)
        s->periodic[a] = (periodic >> a) & 1;
    for (size_t i = 0; i < count; i++)
        for (int trial = 0; trial < 200; trial++) {
            double nearest = INFINITY;
            for (size_t c = 0; c < 3; c++)
                s->positions[3 * i + c] = between(r, 0.0, size);
            for (size_t j = 0; j < i; j++) {
                double d[3];
                for (size_t c = 0; c < 3; c++)
                    d[c] = s->positions[3 * i + c] - s->positions[3 * j + c];
                nearest = fmin(nearest, hop__dot(d, d, 3));
            }
            if (nearest > apart * apart)
                break;
        }
    return s;
}

static hop_structure *diamond(int cells, double lattice, double rattle) {
    static const double basis[8][3] = {
        {0, 0, 0},          {0, 0.5, 0.5},      {0.5, 0, 0.5},      {0.5, 0.5, 0},
        {0.25, 0.25, 0.25}, {0.25, 0.75, 0.75}, {0.75, 0.25, 0.75}, {0.75, 0.75, 0.25}};
    const size_t n = (size_t)cells;
    hop_structure *s = atoms(8 * n * n * n, 14, 14);
    for (size_t i = 0; i < s->count; i++) {
        const size_t cell[3] = {i / 8 / n / n, i / 8 / n % n, i / 8 % n};
        for (int c = 0; c < 3; c++)
            s->positions[3 * i + (size_t)c] =
                lattice * ((double)cell[c] + basis[i % 8][c]);
    }
    for (int a = 0; a < 3; a++) {
        s->cell[4 * a] = lattice * cells;
        s->periodic[a] = 1;
    }
    if (rattle > 0.0)
        support_rattle(s, rattle, 5);
    return s;
}

/* ---- results in one row ---- */

typedef struct results {
    size_t count;
    double *at; /* energy, virial, energies, forces, Hessian product */
} results;

static void direction_of(size_t n3, double *v) {
    for (size_t k = 0; k < n3; k++)
        v[k] = sin(3.0 * (double)k + 1.0);
}

static results results_of(hop_potential *p, hop_structure *s) {
    const size_t n = s->count;
    results r = {7 + 7 * n, calloc(7 + 10 * n, sizeof(double))};
    double *v = r.at + r.count;
    direction_of(3 * n, v);
    ck_assert_msg(hop_potential_evaluate(p, s) == HOP_OK, "%s",
                  hop_error_message(context));
    r.at[0] = *s->energy;
    memcpy(r.at + 1, s->virial, 6 * sizeof(double));
    memcpy(r.at + 7, s->energies, n * sizeof(double));
    memcpy(r.at + 7 + n, s->forces, 3 * n * sizeof(double));
    ck_assert_int_eq(hop_potential_hessian_vector(p, s, v, r.at + 7 + 4 * n), HOP_OK);
    return r;
}

static void assert_close(results a, results b, size_t n, double tolerance) {
    const size_t begins[] = {0, 1, 7, 7 + n, 7 + 4 * n, 7 + 7 * n};
    const char *const names[] = {"energy", "virial", "energies", "forces", "product"};
    ck_assert_uint_eq(a.count, b.count);
    for (int k = 0; k < 5; k++) {
        double error = support_relative_error(a.at + begins[k], b.at + begins[k],
                                              begins[k + 1] - begins[k]);
        ck_assert_msg(error <= tolerance, "%s of %zu atoms: %g", names[k], n, error);
    }
}

static void assert_same(results a, results b) {
    ck_assert_uint_eq(a.count, b.count);
    ck_assert(memcmp(a.at, b.at, a.count * sizeof(double)) == 0);
}

/* By pairs and triplets, with numbers that carry their change. */
static results plain_results(hop_structure *s) {
    const size_t n = s->count;
    results r = {7 + 7 * n, calloc(7 + 10 * n, sizeof(double))};
    support_sw_results out = {r.at, r.at + 1, r.at + 7, r.at + 7 + n, r.at + 7 + 4 * n};
    direction_of(3 * n, r.at + r.count);
    ck_assert_msg(hop_potential_evaluate(potential, s) == HOP_OK, "%s",
                  hop_error_message(context));
    support_stillinger_weber(potential, s, r.at + r.count, &out);
    return r;
}

/* ---- one element ---- */

/* Sizes around those of lanes, groups and blocks; all sorts of periodicity. */
START_TEST(test_sums_replace_triplets) {
    const size_t counts[] = {1, 2, 3, 7, 8, 9, 17, 40, 127, 128, 129, 300};
    enum hop__isa best = context->isa;
    load(one_element[_i]);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        hop__random r = hop__random_start(11, (uint64_t)k);
        structure = random_atoms(&r, counts[k], 16.0, 1.7, (int)(k % 8));
        results plain = plain_results(structure);
        for (int isa = 0; isa <= (int)best; isa++) {
            context->isa = (enum hop__isa)isa;
            results lanes = results_of(potential, structure);
            assert_close(lanes, plain, counts[k], 2e-13);
            free(lanes.at);
        }
        context->isa = best;
        free(plain.at);
        hop_structure_free(structure);
        structure = NULL;
    }
}
END_TEST

/* Crowded atoms: 20 to 100 legs each, more than are taken at a time. */
START_TEST(test_many_legs) {
    load(one_element[_i]);
    hop__random r = hop__random_start(12, 0);
    structure = random_atoms(&r, 90, 3.0, 0.9, 7);
    results plain = plain_results(structure), lanes = results_of(potential, structure);
    assert_close(lanes, plain, structure->count, 1e-12);
    free(plain.at);
    free(lanes.at);
}
END_TEST

/* -4.3366 eV per atom (Stillinger and Weber's 2 epsilon), no forces. */
static void check_crystal(int cells, double tolerance) {
    structure = diamond(cells, 5.430949779, 0.0);
    ck_assert_int_eq(hop_potential_builtin(context, "Si.sw", &potential), HOP_OK);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
    double each = *structure->energy / (double)structure->count;
    ck_assert_double_eq_tol(each, -2.0 * 2.1683, 1e-6);
    for (size_t i = 0; i < structure->count; i++)
        if (!(fabs(structure->energies[i] - each) < 1e-11))
            ck_abort_msg("atom %zu: %.17g, not %.17g", i, structure->energies[i], each);
    for (size_t k = 0; k < 3 * structure->count; k++)
        if (!(fabs(structure->forces[k]) < tolerance))
            ck_abort_msg("force %zu: %g", k, structure->forces[k]);
}

START_TEST(test_crystal) { check_crystal(_i, 1e-11); }
END_TEST

START_TEST(test_a_million_atoms) { check_crystal(50, 1e-10); }
END_TEST

/* ---- several elements, against a sum written out ---- */

typedef struct reference {
    double v[2][2][2][11]; /* by species 0 Si, 1 C */
} reference;

static reference read_reference(const char *text) {
    reference r = {0};
    char a[3], b[3], c[3];
    double v[11];
    int length;
    while (sscanf(text, "%2s %2s %2s %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf%n", a,
                  b, c, v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8,
                  v + 9, v + 10, &length) == 14) {
        memcpy(r.v[*a == 'C'][*b == 'C'][*c == 'C'], v, sizeof v);
        text += length;
    }
    return r;
}

typedef struct neighbour {
    double u[3], r;
    int species;
} neighbour;

static double written_out(const hop_structure *s, const reference *p) {
    double energy = 0.0;
    for (size_t i = 0; i < s->count; i++) {
        neighbour near[500];
        int count = 0, a = s->numbers[i] == 6;
        for (size_t j = 0; j < s->count; j++)
            for (int image = 0; image < 343; image++) {
                const int k[3] = {image / 49 - 3, image / 7 % 7 - 3, image % 7 - 3};
                neighbour n = {.species = s->numbers[j] == 6};
                for (size_t c = 0; c < 3; c++)
                    n.u[c] = s->positions[3 * j + c] - s->positions[3 * i + c] +
                             k[0] * s->cell[c] + k[1] * s->cell[3 + c] +
                             k[2] * s->cell[6 + c];
                bool inside = true;
                for (int c = 0; c < 3; c++)
                    inside = inside && (s->periodic[c] || k[c] == 0);
                n.r = sqrt(n.u[0] * n.u[0] + n.u[1] * n.u[1] + n.u[2] * n.u[2]);
                const double *e = p->v[a][n.species][n.species];
                if (inside && n.r > 0.0 && n.r < e[1] * e[2]) {
                    ck_assert_int_lt(count, 500);
                    near[count++] = n;
                }
            }
        for (int m = 0; m < count; m++) {
            const double *e = p->v[a][near[m].species][near[m].species];
            const double r = near[m].r;
            energy += 0.5 * e[6] * e[0] *
                      (e[7] * pow(e[1] / r, e[8]) - pow(e[1] / r, e[9])) *
                      exp(e[1] / (r - e[1] * e[2]));
            for (int l = m + 1; l < count; l++) {
                const double *f = p->v[a][near[l].species][near[l].species];
                const double *t = p->v[a][near[m].species][near[l].species];
                double cosine =
                    hop__dot(near[m].u, near[l].u, 3) / (near[m].r * near[l].r) - t[5];
                energy += t[3] * t[0] * cosine * cosine *
                          exp(e[4] * e[1] / (r - e[1] * e[2])) *
                          exp(f[4] * f[1] / (near[l].r - f[1] * f[2]));
            }
        }
    }
    return energy;
}

static void make_compound(int shape) {
    const int one[3] = {1, 1, 1}, two[3] = {2, 1, 2};
    const int32_t periodic[3] = {shape > 0, shape > 0, shape == 1};
    structure = support_crystal(context, (const int32_t[]){14, 6}, 2, 4.1,
                                shape == 1 ? one : two, periodic, 0.2, 4);
    structure->cell[1] += 0.5;
    structure->cell[6] -= 0.4;
}

START_TEST(test_several_elements) {
    const reference r = read_reference(two_elements);
    load(two_elements);
    make_compound(_i);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
    double expected = written_out(structure, &r);
    ck_assert_double_eq_tol(*structure->energy, expected, 1e-12 * fabs(expected));
}
END_TEST

START_TEST(test_derivatives_of_several_elements) {
    double numerical[3 * 32], exact[3 * 32], v[3 * 32];
    load(two_elements);
    make_compound(_i);
    const size_t n3 = 3 * structure->count;
    ck_assert_uint_le(n3, 3 * 32);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
    support_forces(potential, structure, 1e-3, numerical);
    ck_assert_double_lt(support_relative_error(structure->forces, numerical, n3), 1e-8);
    direction_of(n3, v);
    ck_assert_int_eq(hop_potential_hessian_vector(potential, structure, v, exact),
                     HOP_OK);
    support_hessian_vector(potential, structure, v, 1e-3, numerical);
    ck_assert_double_lt(support_relative_error(exact, numerical, n3), 1e-8);
    support_virial(potential, structure, 1e-4, numerical);
    ck_assert_double_lt(support_relative_error(structure->virial, numerical, 6), 1e-8);
}
END_TEST

/* Atoms of one element take the same numbers from a file that knows others as well. */
START_TEST(test_one_of_several_elements) {
    structure = diamond(2, 5.43, 0.1);
    load(one_element[0]);
    results alone = results_of(potential, structure);
    load(two_elements);
    results among = results_of(potential, structure);
    assert_same(alone, among);
    free(alone.at);
    free(among.at);
}
END_TEST

/* Both ways of a pair different, in functions, strength and reach; triplets that depend on
   the order; a pair without terms; and the like. */
static const char *const several_elements[] = {
    two_elements,
    SILICON "C C C 2.9 1.65 1.75 24.0 1.15 -0.30 7.2 0.58 4 0 0\n"
            "Si C C 2.5 1.90 1.82 22.0 1.10 -0.33 7.1 0.60 4 0 0\n"
            "C Si Si 2.3 1.95 2.02 20.0 1.25 -0.35 7.3 0.63 5 1 1e-4\n"
            "Si Si C 2.2 0 0 23.0 0 -0.31 0 0 0 0 0\n"
            "Si C Si 2.4 0 0 13.0 0 -0.41 0 0 0 0 0\n"
            "C C Si 2.4 0 0 19.0 0 -0.36 0 0 0 0 0\n"
            "C Si C 2.4 0 0 0 0 0.36 0 0 0 0 0\n",
    SILICON "C C C 0 0 0 0 0 0 0 0 0 0 0\n"
            "Si C C 2.5 1.90 1.82 22.0 1.20 -0.33 7.1 0.60 4 0 0\n"
            "C Si Si 2.5 1.90 1.82 22.0 1.20 -0.33 7.1 0.60 4 0 0\n"
            "Si Si C 2.2 0 0 23.0 0 -0.31 0 0 0 0 0\n"
            "Si C Si 2.2 0 0 23.0 0 -0.31 0 0 0 0 0\n"
            "C C Si 2.4 0 0 0 0 0 0 0 0 0 0\n"
            "C Si C 2.4 0 0 0 0 0 0 0 0 0 0\n",
};

static void name_at_random(hop_structure *s, hop__random *r, const int32_t *numbers,
                           uint32_t kinds) {
    for (size_t i = 0; i < s->count; i++)
        s->numbers[i] = numbers[(size_t)(between(r, 0.0, 1.0) * kinds) % kinds];
    s->numbers[0] = numbers[0];
    s->numbers[s->count - 1] = numbers[1];
}

static void check_mixture(size_t count, double volume, double apart, int periodic,
                          const int32_t *numbers, uint32_t kinds, double tolerance) {
    enum hop__isa best = context->isa;
    hop__random r = hop__random_start(15, (uint64_t)count);
    structure = random_atoms(&r, count, volume, apart, periodic);
    name_at_random(structure, &r, numbers, kinds);
    results plain = plain_results(structure);
    for (int isa = 0; isa <= (int)best; isa++) {
        context->isa = (enum hop__isa)isa;
        results lanes = results_of(potential, structure);
        assert_close(lanes, plain, count, tolerance);
        free(lanes.at);
    }
    context->isa = best;
    free(plain.at);
    hop_structure_free(structure);
    structure = NULL;
}

START_TEST(test_mixtures) {
    const size_t counts[] = {2, 3, 8, 17, 40, 129, 255, 257, 300, 700};
    load(several_elements[_i]);
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        check_mixture(counts[k], 14.0, 1.7, (int)(k % 8), (const int32_t[]){14, 6}, 2,
                      4e-13);
    check_mixture(90, 3.0, 0.9, 7, (const int32_t[]){6, 14}, 2, 2e-12);
}
END_TEST

/* As many as there may be, each entry different. */
START_TEST(test_twelve_elements) {
    static const char *const symbols[] = {"H", "He", "Li", "Be", "B",  "C",
                                          "N", "O",  "F",  "Ne", "Na", "Mg"};
    const int32_t numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    char *text = malloc(400000), *at = text;
    for (int e = 0; e < 1728; e++) {
        const int i = e / 144, j = e / 12 % 12, k = e % 12;
        const double pair = i + j, order = (e * 7) % 12;
        at += sprintf(at, "%s %s %s %g %g 1.8 %g 1.2 %g 7.0 0.6 4 0 0\n", symbols[i],
                      symbols[j], symbols[k], 1.5 + 0.02 * pair, 1.7 + 0.02 * pair,
                      15.0 + order, -0.5 + 0.03 * order);
    }
    load(text);
    free(text);
    check_mixture(700, 12.0, 1.6, 7, numbers, 12, 4e-13);
    check_mixture(40, 12.0, 1.6, 0, numbers + 3, 5, 4e-13);
}
END_TEST

/* One potential that sees other elements and other numbers of them in between. */
START_TEST(test_changing_elements) {
    const int32_t kinds[] = {14, 6};
    load(two_elements);
    structure = diamond(3, 5.1, 0.1);
    hop_potential *used = potential;
    potential = NULL;
    hop__random r = hop__random_start(16, 0);
    for (int step = 0; step < 6; step++) {
        for (size_t i = 0; i < structure->count; i++)
            structure->numbers[i] = kinds[step % 2];
        if (step % 3 != 0)
            name_at_random(structure, &r, kinds, 2);
        load(two_elements);
        results expected = results_of(potential, structure);
        results got = results_of(used, structure);
        assert_same(got, expected);
        free(expected.at);
        free(got.at);
    }
    hop_potential_free(used);
}
END_TEST

/* ---- the same bits ---- */

START_TEST(test_threads_do_not_matter) {
    enum hop__isa best = context->isa;
    for (int isa = 0; isa <= (int)best; isa++) {
        context->isa = (enum hop__isa)isa;
        structure = diamond(7, 5.1, 0.15); /* 2744 atoms */
        for (size_t i = 0; _i == 1 && i < structure->count; i += 3)
            structure->numbers[i] = 6;
        results first = {0};
        const int32_t threads[] = {1, 2, 4, 2};
        for (int k = 0; k < 4; k++) {
            load(several_elements[_i]);
            ck_assert_int_eq(hop_context_set_threads(context, threads[k]), HOP_OK);
            results r = results_of(potential, structure);
            if (k == 0)
                first = r;
            else {
                assert_same(r, first);
                free(r.at);
            }
        }
        free(first.at);
        hop_structure_free(structure);
    }
    structure = NULL;
    context->isa = best;
}
END_TEST

/* So large that memory is called into the cache ahead; blocks that are not full. */
START_TEST(test_large_systems) {
    structure = diamond(11, 5.43, 0.15);
    for (size_t i = 0; _i == 1 && i < structure->count; i += 3)
        structure->numbers[i] = 6;
    results first = {0};
    for (int32_t threads = 1; threads <= 4; threads *= 2) {
        load(several_elements[_i]);
        ck_assert_int_eq(hop_context_set_threads(context, threads), HOP_OK);
        results r = results_of(potential, structure);
        if (threads > 1) {
            assert_same(r, first);
            free(r.at);
        } else {
            first = r;
        }
    }
    results plain = plain_results(structure);
    assert_close(first, plain, structure->count, 2e-13);
    free(plain.at);
    free(first.at);
}
END_TEST

/* A potential that has followed moving atoms, and seen other structures, gives the bits of
   a new one. */
START_TEST(test_the_past_does_not_matter) {
    hop_potential *used;
    hop__random r = hop__random_start(13, 0);
    ck_assert_int_eq(hop_potential_builtin(context, "Si.sw", &used), HOP_OK);
    structure = diamond(3, 5.43, 0.1);
    hop_structure *other = diamond(4, 5.6, 0.2);
    for (int step = 0; step < 12; step++) {
        load(one_element[0]);
        results expected = results_of(potential, structure);
        results got = results_of(used, structure);
        assert_same(got, expected);
        free(expected.at);
        free(got.at);
        for (size_t k = 0; k < 3 * structure->count; k++)
            structure->positions[k] += between(&r, -0.1, 0.1);
        if (step == 6)
            ck_assert_int_eq(hop_potential_evaluate(used, other), HOP_OK);
    }
    hop_structure_free(other);
    hop_potential_free(used);
}
END_TEST

/* ---- bad input ---- */

START_TEST(test_coincident_atoms) {
    structure = diamond(2, 5.43, 0.1);
    load(SILICON);
    memcpy(structure->positions + 3 * 11, structure->positions + 3 * 5,
           3 * sizeof(double));
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_NONFINITE);
    ck_assert_ptr_nonnull(
        strstr(hop_error_message(context), "atoms 5 and 11 are 0 apart"));
    ck_assert(isnan(*structure->energy));
}
END_TEST

/* Two atoms, by hand, from far too near to beyond the cut-off; nothing is denormal. */
START_TEST(test_pair_at_every_distance) {
    const double sigma = 2.0951, barrier = 1.8 * sigma;
    structure = atoms(2, 14, 14);
    load(SILICON);
    for (double r = 1e-6; r < 4.0; r += r < 3.7 ? 0.01 * r + 1e-6 : 1e-4) {
        structure->positions[3] = r;
        ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
        double x = sigma / r, t = sigma / (r - barrier);
        double e = r < barrier && t > -100.0 ? exp(t) : 0.0;
        double expected =
            7.049556277 * 2.1683 * (0.6022245584 * x * x * x * x - 1.0) * e;
        ck_assert_double_eq_tol(*structure->energy, expected,
                                1e-13 * fabs(expected) + 1e-300);
        ck_assert(structure->forces[0] == 0.0 || fabs(structure->forces[0]) > 1e-100);
        ck_assert(structure->forces[0] == -structure->forces[3]);
        /* from 1e-18 to 1e26 eV */
        ck_assert_double_eq_tol(structure->virial[0], r * structure->forces[3],
                                0x1p-45 + 1e-14 * fabs(structure->virial[0]));
    }
    structure->positions[3] = 1e300;
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
    ck_assert(*structure->energy == 0.0);
}
END_TEST

/* A cell of one or few atoms, ten times smaller than the cut-off, against its repetition;
   and the same lattice in other vectors, left-handed ones among them. */
START_TEST(test_small_cells) {
    static const int other[3][9] = {{0, 1, 0, 1, 0, 0, 0, 0, 1},
                                    {1, 0, 0, 2, 1, 0, -3, 1, 1},
                                    {-1, 0, 0, 0, 1, 0, 0, 2, 1}};
    const double cell[9] = {1.9, 0.1, 0.0, -0.2, 1.8, 0.1, 0.3, 0.0, 2.0};
    const double scale = _i == 0 ? 1.0 : 0.2;
    hop_structure *one = atoms(1, 14, 14), *eight = atoms(8, 14, 14);
    load(SILICON);
    for (int k = 0; k < 9; k++) {
        one->cell[k] = scale * cell[k];
        eight->cell[k] = 2.0 * one->cell[k];
    }
    for (int k = 0; k < 8; k++)
        for (int c = 0; c < 3; c++)
            eight->positions[3 * k + c] = (k & 1) * one->cell[c] +
                                          (k >> 1 & 1) * one->cell[3 + c] +
                                          (k >> 2 & 1) * one->cell[6 + c];
    for (int a = 0; a < 3; a++)
        one->periodic[a] = eight->periodic[a] = 1;
    ck_assert_int_eq(hop_potential_evaluate(potential, one), HOP_OK);
    ck_assert_int_eq(hop_potential_evaluate(potential, eight), HOP_OK);
    const double e = *one->energy;
    ck_assert_double_eq_tol(*eight->energy, 8.0 * e, 1e-11 * fabs(e));
    for (int m = 0; m < 3; m++) {
        for (int k = 0; k < 9; k++)
            one->cell[k] = scale * (other[m][k / 3 * 3] * cell[k % 3] +
                                    other[m][k / 3 * 3 + 1] * cell[3 + k % 3] +
                                    other[m][k / 3 * 3 + 2] * cell[6 + k % 3]);
        ck_assert_int_eq(hop_potential_evaluate(potential, one), HOP_OK);
        ck_assert_double_eq_tol(*one->energy, e, 1e-11 * fabs(e));
    }
    hop_structure_free(one);
    hop_structure_free(eight);
}
END_TEST

/* Atoms some, and very many, cells away from where they could be. */
START_TEST(test_unwrapped_atoms) {
    structure = diamond(2, 5.43, 0.1);
    load(SILICON);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
    const double e = *structure->energy;
    for (double cells = 1.0; cells < 1e7; cells *= 10.0) {
        for (size_t i = 0; i < structure->count; i += 3)
            structure->positions[3 * i + i % 3] += cells * structure->cell[0];
        ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_OK);
        ck_assert_double_eq_tol(*structure->energy, e, 1e-12 * fabs(e) + 1e-13 * cells);
    }
    structure->positions[0] = 1e12;
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "atom 0"));
}
END_TEST

START_TEST(test_missing_entries) {
    load("Si Si Si 2.1683 2.0951 1.8 21 1.2 -0.3333 7.05 0.6 4 0 0\n"
         "C C C 2.1683 2.0951 1.8 21 1.2 -0.3333 7.05 0.6 4 0 0\n");
    structure = atoms(4, 14, 6);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "Si Si C"));
    hop_structure_free(structure);
    structure = atoms(4, 14, 32);
    ck_assert_int_eq(hop_potential_evaluate(potential, structure), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "Ge"));
}
END_TEST

/* ---- memory ---- */

START_TEST(test_steady_state_allocates_nothing) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *own;
    hop_potential *p;
    hop_structure *s;
    double v[3 * 512], hv[3 * 512];
    hop__random r = hop__random_start(14, 0);
    structure = diamond(4, 5.1, 0.1);
    for (size_t i = 0; _i == 1 && i < structure->count; i += 3)
        structure->numbers[i] = 6;
    support_write_file(support_path("steady.sw"), two_elements, strlen(two_elements));
    ck_assert_int_eq(hop_context_new(&allocator, &own), HOP_OK);
    ck_assert_int_eq(hop_context_set_threads(own, 2), HOP_OK);
    ck_assert_int_eq(hop_potential_load(own, support_path("steady.sw"), &p), HOP_OK);
    ck_assert_int_eq(hop_structure_copy(structure, &s), HOP_OK);
    direction_of(3 * 512, v);
    size_t calls = 0;
    for (int step = 0; step < 20; step++) {
        ck_assert_int_eq(hop_potential_evaluate(p, s), HOP_OK);
        ck_assert_int_eq(hop_potential_hessian_vector(p, s, v, hv), HOP_OK);
        for (size_t k = 0; k < 3 * s->count; k++)
            s->positions[k] += between(&r, -0.1, 0.1); /* some rebuild the list */
        if (step == 0)
            calls = state.calls;
    }
    ck_assert_uint_eq(state.calls, calls);
    hop_structure_free(s);
    hop_potential_free(p);
    hop_context_free(own);
    ck_assert_uint_eq(state.live, 0);
}
END_TEST

static int load_and_use(hop_context *inner, void *data) {
    hop_potential *p = (hop_potential *)inner;
    double v[3 * 64], hv[3 * 64];
    hop_structure *s = data;
    int status = hop_potential_load(inner, support_path("torture.sw"), &p);
    if (status != HOP_OK) {
        ck_assert_ptr_null(p);
        return status;
    }
    direction_of(3 * 64, v);
    status = hop_potential_evaluate(p, s);
    if (status == HOP_OK)
        status = hop_potential_hessian_vector(p, s, v, hv);
    hop_potential_free(p);
    return status;
}

START_TEST(test_failing_memory) {
    support_write_file(support_path("torture.sw"), two_elements, strlen(two_elements));
    structure = diamond(2, 5.43, 0.1);
    ck_assert_uint_gt(support_torture(load_and_use, structure), 20);
    for (size_t i = 0; i < structure->count; i += 3)
        structure->numbers[i] = 6;
    ck_assert_uint_gt(support_torture(load_and_use, structure), 20);
}
END_TEST

int main(int argc, char **argv) {
    Suite *suite = suite_create("stillinger-weber");
    TCase *tests = tcase_create("stillinger-weber");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    if (argc > 1 && strcmp(argv[1], "slow") == 0) {
        tcase_add_test(tests, test_a_million_atoms);
        suite_add_tcase(suite, tests);
        return support_main(suite);
    }
    tcase_add_loop_test(tests, test_sums_replace_triplets, 0, FILES);
    tcase_add_loop_test(tests, test_many_legs, 0, FILES);
    tcase_add_loop_test(tests, test_crystal, 1, 5);
    tcase_add_loop_test(tests, test_several_elements, 0, 3);
    tcase_add_loop_test(tests, test_derivatives_of_several_elements, 0, 3);
    tcase_add_test(tests, test_one_of_several_elements);
    tcase_add_loop_test(tests, test_mixtures, 0, 3);
    tcase_add_test(tests, test_twelve_elements);
    tcase_add_test(tests, test_changing_elements);
    tcase_add_loop_test(tests, test_threads_do_not_matter, 0, 2);
    tcase_add_loop_test(tests, test_large_systems, 0, 2);
    tcase_add_test(tests, test_the_past_does_not_matter);
    tcase_add_test(tests, test_coincident_atoms);
    tcase_add_test(tests, test_pair_at_every_distance);
    tcase_add_loop_test(tests, test_small_cells, 0, 2);
    tcase_add_test(tests, test_unwrapped_atoms);
    tcase_add_test(tests, test_missing_entries);
    tcase_add_loop_test(tests, test_steady_state_allocates_nothing, 0, 2);
    tcase_add_test(tests, test_failing_memory);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
