#include <check.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "optimizers/surface.h"
#include "potentials/potential.h"
#include "support/support.h"

#define ATOMS 13

typedef struct bench {
    hop_context *context;
    hop_potential *potential;
    hop_structure *s;
    hop__hop_atoms atoms;
    double lengths[ATOMS], scales[ATOMS], size[ATOMS], cohesion[ATOMS];
    double block[HOP__SURFACE_NUMBERS(ATOMS)];
    hop__surface surface;
    hop__random random;
} bench;

/* An icosahedron of edge 1, the contact distance: vertices are the even permutations of
   (0, 1, golden ratio) / 2, the last atom is the centre. */
static void icosahedron(double *x, double edge) {
    const double golden = 0.5 * (1.0 + sqrt(5.0));
    size_t k = 0;
    for (size_t c = 0; c < 3; c++)
        for (int a = -1; a <= 1; a += 2)
            for (int b = -1; b <= 1; b += 2, k += 3) {
                x[k + c] = 0.0;
                x[k + (c + 1) % 3] = 0.5 * edge * a;
                x[k + (c + 2) % 3] = 0.5 * edge * golden * b;
            }
    memset(x + k, 0, 3 * sizeof *x);
}

static void set_up(bench *b) {
    memset(b, 0, sizeof *b);
    ck_assert_int_eq(hop_context_new(NULL, &b->context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(b->context, "LJ.lj", &b->potential), HOP_OK);
    ck_assert_int_eq(hop_structure_random(b->context, "X13", b->potential, 3, &b->s),
                     HOP_OK);
    b->atoms.count = ATOMS;
    b->atoms.numbers = b->s->numbers;
    b->atoms.fixed = b->s->fixed;
    b->atoms.lengths = b->lengths;
    b->atoms.size = b->size;
    b->atoms.cohesion = b->cohesion;
    ck_assert_int_eq(hop__units_of(b->context, b->potential, ATOMS, b->s->numbers,
                                   &b->atoms.units, b->lengths, b->scales),
                     HOP_OK);
    hop__surface_begin(&b->surface, &b->atoms, b->block);
    b->random = hop__random_start(1, 2);
    icosahedron(b->s->positions, b->atoms.units.length);
}

static void tear_down(bench *b) {
    hop_structure_free(b->s);
    hop_potential_free(b->potential);
    hop_context_free(b->context);
}

static double distance(const double *a, const double *b) {
    return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                (a[2] - b[2]) * (a[2] - b[2]));
}

/* No atom of a perfect icosahedron would be bound better elsewhere. */
START_TEST(perfect_stays) {
    bench b;
    set_up(&b);
    double x[3 * ATOMS];
    for (int round = 0; round < 50; round++) {
        memcpy(x, b.s->positions, sizeof x);
        ck_assert_uint_eq(
            hop__surface_settle(&b.surface, &b.random, x, 6, 0.1, 0.3, NULL), 0);
        ck_assert_mem_eq(x, b.s->positions, sizeof x);
    }
    tear_down(&b);
}
END_TEST

/* A vertex that sits on a far face goes back to where it is missing. */
START_TEST(stray_atom_goes_home) {
    bench b;
    set_up(&b);
    double *x = b.s->positions, home[3], moved[ATOMS] = {0.0};
    size_t far = 0;
    memcpy(home, x, sizeof home);
    for (size_t i = 1; i < ATOMS - 1; i++) /* the vertex on the other side */
        if (distance(x + 3 * i, home) > distance(x + 3 * far, home))
            far = i;
    const double *on[3] = {x + 3 * far, NULL, NULL};
    for (size_t i = 1, k = 1; i < ATOMS - 1 && k < 3; i++)
        if (i != far && distance(x + 3 * i, on[0]) < 1.1 * b.atoms.units.length &&
            (k == 1 || distance(x + 3 * i, on[1]) < 1.1 * b.atoms.units.length))
            on[k++] = x + 3 * i;
    double face[3], out = 0.0;
    for (size_t c = 0; c < 3; c++) {
        face[c] = (on[0][c] + on[1][c] + on[2][c]) / 3.0;
        out += face[c] * face[c];
    }
    for (size_t c = 0; c < 3; c++)
        x[c] = face[c] * (1.0 + 0.8 * b.atoms.units.length / sqrt(out));
    ck_assert_uint_eq(hop__surface_settle(&b.surface, &b.random, x, 6, 0.1, 0.3, moved),
                      1);
    ck_assert_double_lt(distance(x, home), 0.15 * b.atoms.units.length);
    for (size_t i = 0; i < ATOMS; i++)
        ck_assert_double_eq(moved[i], i == 0 ? 1.0 : 0.0);
    tear_down(&b);
}
END_TEST

/* In random clusters: at most as many as asked for, no fixed atoms, none onto another,
   and each of them is bound better than before. */
START_TEST(random_clusters) {
    bench b;
    int all = 0;
    set_up(&b);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        hop_structure *s;
        double x[3 * ATOMS], moved[ATOMS] = {0.0};
        size_t touched = 0;
        ck_assert_int_eq(hop_structure_random(b.context, "X13", b.potential, seed, &s),
                         HOP_OK);
        memcpy(x, s->positions, sizeof x);
        b.s->fixed[3] = b.s->fixed[7] = 1;
        const size_t times =
            hop__surface_settle(&b.surface, &b.random, x, 2, 0.1, 0.0, moved);
        for (size_t i = 0; i < ATOMS; i++) {
            const bool stays = memcmp(x + 3 * i, s->positions + 3 * i, 24) == 0;
            ck_assert_int_eq(stays, moved[i] == 0.0);
            ck_assert(stays || !b.s->fixed[i]);
            touched += !stays;
            for (size_t j = 0; j < ATOMS && !stays; j++)
                if (j != i)
                    ck_assert_double_gt(distance(x + 3 * i, x + 3 * j),
                                        0.87 * b.atoms.units.length);
        }
        ck_assert_uint_eq(touched, times);
        ck_assert_uint_le(times, 2);
        all += (int)times;
        hop_structure_free(s);
    }
    ck_assert_int_gt(all, 200);
    tear_down(&b);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("surface");
    TCase *all = tcase_create("all");
    tcase_add_test(all, perfect_stays);
    tcase_add_test(all, stray_atom_goes_home);
    tcase_add_test(all, random_clusters);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
