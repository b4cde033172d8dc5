/* Periodic neighbourhoods, voids, transposed bonds and repeated halves, against counting
   them out. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "optimizers/network.h"
#include "optimizers/optimizer.h"
#include "potentials/potential.h"
#include "support/support.h"

#define MOST 64

typedef struct bench {
    hop_context *context;
    hop_potential *potential;
    hop_structure *s;
    hop__units units;
    double lengths[MOST], scales[MOST];
    hop__moves moves;
    double scores[4 * MOST];
    hop__network *network;
} bench;

static void begin(bench *b, size_t count, const double cell[9], uint64_t seed) {
    int32_t numbers[MOST];
    memset(b, 0, sizeof *b);
    for (size_t i = 0; i < count; i++)
        numbers[i] = 14;
    ck_assert_int_eq(hop_context_new(NULL, &b->context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(b->context, "Si.sw", &b->potential), HOP_OK);
    ck_assert_int_eq(hop_structure_new(b->context, count, numbers, &b->s), HOP_OK);
    memcpy(b->s->cell, cell, 9 * sizeof *cell);
    for (int a = 0; a < 3; a++)
        b->s->periodic[a] = 1;
    ck_assert_int_eq(hop_structure_scatter(b->s, b->potential, seed), HOP_OK);
    ck_assert_int_eq(hop__units_of(b->context, b->potential, count, b->s->numbers,
                                   &b->units, b->lengths, b->scales),
                     HOP_OK);
    b->moves = (hop__moves){.count = count,
                            .numbers = b->s->numbers,
                            .fixed = b->s->fixed,
                            .periodic = b->s->periodic,
                            .cell = b->s->cell,
                            .lengths = b->lengths,
                            .length = b->units.length,
                            .frame = {1, 0, 0, 0, 1, 0, 0, 0, 1},
                            .random = hop__random_start(seed, 3),
                            .scores = b->scores};
    ck_assert_int_eq(hop__network_new(b->context, b->s, &b->moves, &b->network),
                     HOP_OK);
}

static void end(bench *b) {
    hop__network_free(b->network);
    hop_structure_free(b->s);
    hop_potential_free(b->potential);
    hop_context_free(b->context);
}

static double length_of(const double d[3]) {
    return sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

static void diamond(double *x, double edge) {
    static const double site[8][3] = {{0, 0, 0},       {0, .5, .5},     {.5, 0, .5},
                                      {.5, .5, 0},     {.25, .25, .25}, {.25, .75, .75},
                                      {.75, .25, .75}, {.75, .75, .25}};
    for (size_t k = 0; k < 64; k++)
        for (size_t c = 0; c < 3; c++)
            x[3 * k + c] = edge * (site[k % 8][c] + (double)(k / 8 >> c & 1));
}

/* ---- the vicinity ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const double cells[][9] = {{10.9, 0, 0, 0, 10.9, 0, 0, 0, 10.9},
                                  {4.1, 0.3, 0, 2.2, 5.0, 0.1, -1.9, 1.0, 6.0},
                                  {3.1, 0, 0, 0, 9.0, 0, 0, 0, 7.0}};

/* Distances to all images within the reach, in order, and vectors that lead to one. */
START_TEST(neighbours_are_all_images) {
    bench b;
    begin(&b, 6, cells[_i % 3], 5);
    b.s->periodic[1] = _i < 3;
    for (size_t a = 0; a < 18; a++) /* outside the cell, too */
        b.s->positions[a] += (double)(a % 5) * 7.0 - 9.0;
    const double reach = 5.0, *x = b.s->positions, *cell = b.s->cell;
    hop__vicinity *v;
    ck_assert_int_eq(hop__vicinity_new(b.context, b.s, reach, &v), HOP_OK);
    hop__vicinity_look(v, x);
    for (size_t i = 0; i < 6; i++) {
        double expected[512];
        size_t count = 0;
        for (size_t j = 0; j < 6; j++)
            for (int p = -12; p <= 12; p++)
                for (int q = _i < 3 ? -12 : 0; q <= (_i < 3 ? 12 : 0); q++)
                    for (int r = -12; r <= 12; r++) {
                        double d[3];
                        for (size_t c = 0; c < 3; c++)
                            d[c] = x[3 * j + c] - x[3 * i + c] + p * cell[c] +
                                   q * cell[3 + c] + r * cell[6 + c];
                        const bool itself = i == j && p == 0 && q == 0 && r == 0;
                        if (!itself && length_of(d) < reach)
                            expected[count++] = length_of(d);
                    }
        qsort(expected, count, sizeof *expected, ascending);
        ck_assert_uint_le(count, HOP__VICINITY_MOST);
        ck_assert_uint_eq(v->many[i], count);
        for (size_t k = 0; k < count; k++) {
            const hop__neighbour *near = hop__vicinity_of(v, i) + k;
            ck_assert_double_eq_tol(near->distance, expected[k], 1e-9);
            ck_assert_double_eq_tol(length_of(near->d), expected[k], 1e-9);
            for (int a = 0; a < 3; a++) {
                double f = 0.0;
                for (size_t c = 0; c < 3; c++)
                    f += (x[3 * i + c] + near->d[c] - x[3 * near->atom + c]) *
                         v->inverse[3 * a + (int)c];
                ck_assert_double_eq_tol(f, floor(f + 0.5), 1e-9);
            }
        }
    }
    hop__vicinity_free(v);
    end(&b);
}
END_TEST

/* ---- voids ---- */

typedef struct corner {
    double place[3], radius;
} corner;

static int larger(const void *a, const void *b) {
    const corner *p = a, *q = b;
    return (p->radius < q->radius) - (p->radius > q->radius);
}

/* The centre of the sphere through the origin and three points. */
static bool sphere(const double *a, const double *b, const double *c, double out[3]) {
    const double rows[9] = {a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2]};
    const double half[3] = {0.5 * hop__dot(a, a, 3), 0.5 * hop__dot(b, b, 3),
                            0.5 * hop__dot(c, c, 3)};
    double inverse[9];
    if (!hop__invert3(rows, inverse))
        return false;
    for (int k = 0; k < 3; k++)
        out[k] = inverse[3 * k] * half[0] + inverse[3 * k + 1] * half[1] +
                 inverse[3 * k + 2] * half[2];
    return true;
}

/* Every four atoms whose sphere holds no other. */
static size_t all_corners(const bench *b, const hop__vicinity *v, corner *out) {
    size_t count = 0;
    for (size_t i = 0; i < v->count; i++) {
        const hop__neighbour *near = hop__vicinity_of(v, i);
        const size_t many = v->many[i];
        for (size_t p = 0; p < many; p++)
            for (size_t q = 0; q < p; q++)
                for (size_t r = 0; r < q; r++) {
                    double centre[3];
                    if (!sphere(near[p].d, near[q].d, near[r].d, centre))
                        continue;
                    const double radius = length_of(centre);
                    bool empty =
                        radius >= 0.7 * b->units.length && radius <= 0.5 * v->reach;
                    for (size_t k = 0; k < many && empty; k++) {
                        const double d[3] = {near[k].d[0] - centre[0],
                                             near[k].d[1] - centre[1],
                                             near[k].d[2] - centre[2]};
                        empty = length_of(d) > radius - 1e-9;
                    }
                    if (!empty)
                        continue;
                    for (size_t c = 0; c < 3; c++)
                        out[count].place[c] = b->s->positions[3 * i + c] + centre[c];
                    out[count++].radius = radius;
                    ck_assert_uint_lt(count, 20000);
                }
    }
    qsort(out, count, sizeof *out, larger);
    return count;
}

/* Largest first, at least half a length apart, as many as are kept. */
START_TEST(voids_are_the_largest) {
    static corner found[20000];
    static const double cell[9] = {8.5, 0, 0, 1.1, 8.2, 0, -0.7, 0.9, 8.8};
    bench b;
    begin(&b, 30, cell, (uint64_t)_i + 1);
    hop__network *w = b.network;
    hop__network_look(w, b.s->positions);
    hop__network_voids(w, b.s->positions);
    const size_t count = all_corners(&b, w->vicinity, found);
    size_t at = 0;
    for (size_t k = 0; k < count && at < HOP__VOIDS; k++) {
        bool alone = true;
        for (size_t m = 0; m < at && alone; m++) {
            double d[3];
            hop__vicinity_between(w->vicinity, w->hole[m].place, found[k].place, d);
            alone = length_of(d) >= 0.5 * b.units.length;
        }
        if (!alone)
            continue;
        double d[3];
        ck_assert_uint_lt(at, w->holes);
        ck_assert_double_eq_tol(w->hole[at].radius, found[k].radius, 1e-9);
        hop__vicinity_between(w->vicinity, w->hole[at].place, found[k].place, d);
        ck_assert_double_lt(length_of(d), 1e-6);
        at++;
    }
    ck_assert_uint_eq(at, w->holes);
    ck_assert_uint_gt(at, 8);
    end(&b);
}
END_TEST

/* The widest places of diamond are its tetrahedral interstices, one for each atom, as far
   from four atoms as a bond is long. */
START_TEST(voids_of_a_crystal) {
    static const double cell[9] = {10.862, 0, 0, 0, 10.862, 0, 0, 0, 10.862};
    bench b;
    begin(&b, 64, cell, 1);
    diamond(b.s->positions, 5.431);
    hop__network_look(b.network, b.s->positions);
    hop__network_voids(b.network, b.s->positions);
    ck_assert_uint_eq(b.network->holes, HOP__VOIDS);
    for (size_t k = 0; k < HOP__VOIDS; k++)
        ck_assert_double_eq_tol(b.network->hole[k].radius, 0.25 * sqrt(3.0) * 5.431,
                                1e-6);
    end(&b);
}
END_TEST

/* ---- bonds ---- */

static double apart(const bench *b, const double *x, size_t i, size_t j) {
    double d[3];
    hop__vicinity_between(b->network->vicinity, x + 3 * i, x + 3 * j, d);
    return length_of(d);
}

/* In a crystal one transposition gives four bonds other partners, and a minimum of its own in
   which each atom still has four. */
START_TEST(transposed_bonds) {
    static const double cell[9] = {10.862, 0, 0, 0, 10.862, 0, 0, 0, 10.862};
    bench b;
    begin(&b, 64, cell, (uint64_t)_i + 1);
    diamond(b.s->positions, 5.431);
    hop__network *w = b.network;
    hop__network_look(w, b.s->positions);
    double x[3 * 64];
    const size_t a = (size_t)_i * 7, near = w->link[HOP__LINKS * a + (size_t)_i % 4];
    for (size_t i = 0; i < 64; i++)
        ck_assert_uint_eq(w->links[i], 4);
    const size_t still = 63 - a;
    b.s->fixed[still] = 1;
    memcpy(x, b.s->positions, sizeof x);
    ck_assert(hop__network_transpose(w, a, near, x));
    ck_assert_mem_eq(x + 3 * still, b.s->positions + 3 * still, 3 * sizeof *x);
    b.s->fixed[still] = 0;
    size_t broken = 0, made = 0, moved = 0;
    for (size_t i = 0; i < 64; i++) {
        moved += memcmp(x + 3 * i, b.s->positions + 3 * i, 3 * sizeof *x) != 0;
        for (size_t j = 0; j < i; j++) {
            const double is = apart(&b, x, i, j), was = apart(&b, b.s->positions, i, j);
            broken += was < 2.5 && is > 2.85;
            made += was > 2.5 && is < 2.7;
        }
    }
    ck_assert_uint_eq(broken, 2);
    ck_assert_uint_eq(made, 2);
    ck_assert_uint_lt(moved, 64);
    end(&b);
}
END_TEST

/* Two atoms, each of which has only the other: nothing to transpose. */
START_TEST(nothing_to_transpose) {
    static const double cell[9] = {20, 0, 0, 0, 20, 0, 0, 0, 20};
    bench b;
    begin(&b, 2, cell, 1);
    double x[6] = {1, 1, 1, 1, 1, 3.3}, kept[6];
    memcpy(kept, x, sizeof x);
    hop__network_look(b.network, x);
    ck_assert_uint_eq(b.network->links[0], 1);
    ck_assert(!hop__network_transpose(b.network, 0, 1, x));
    ck_assert_mem_eq(x, kept, sizeof x);
    end(&b);
}
END_TEST

/* ---- shakes ---- */

START_TEST(shakes_stay_near) {
    bench b;
    begin(&b, 48, cells[0], 9);
    double *from = b.s->positions, x[3 * 48];
    hop__network_look(b.network, from);
    b.s->fixed[7] = 1;
    for (size_t atom = 0; atom < 48; atom++) {
        size_t moved = 0;
        memcpy(x, from, sizeof x);
        hop__network_shake(b.network, atom, 4.0, 0.5, x);
        for (size_t i = 0; i < 48; i++) {
            const double d[3] = {x[3 * i] - from[3 * i], x[3 * i + 1] - from[3 * i + 1],
                                 x[3 * i + 2] - from[3 * i + 2]};
            const bool near = i != 7 && apart(&b, from, i, atom) < 4.0;
            ck_assert_int_eq(length_of(d) > 0.0, near);
            ck_assert_double_le(length_of(d), 0.5 * (1.0 + 1e-12));
            moved += near;
        }
        ck_assert_uint_gt(moved, atom == 7 ? 0 : 1);
    }
    end(&b);
}
END_TEST

/* ---- halves ---- */

/* What has been repeated goes over into itself by one of the shifts, and each element has
   as many atoms as before. */
START_TEST(halves_are_repeated) {
    bench b;
    begin(&b, 24, cells[0], (uint64_t)_i + 1);
    double logits[24], energy[24], *x = b.s->positions, before[72];
    size_t possible = 0, best = 0;
    for (size_t i = 0; i < 24; i++) {
        b.s->numbers[i] = i < 12 ? 14 : 32;
        energy[i] = -1.0 + 0.01 * (double)(i * 7 % 24);
    }
    const int axis = _i % 3;
    memcpy(before, x, sizeof before);
    hop__network_halves(b.network, axis, x, energy, 10.0, logits);
    for (size_t i = 0; i < 24; i++)
        if (isfinite(logits[i])) {
            possible++;
            best = logits[i] > logits[best] || !isfinite(logits[best]) ? i : best;
        }
    if (possible > 0) {
        double mean = 0.0;
        size_t kept = 0;
        hop__network_repeat(b.network, axis, best, x);
        for (size_t i = 0; i < 24; i++)
            if (memcmp(x + 3 * i, before + 3 * i, 3 * sizeof *x) == 0) {
                mean += energy[i];
                kept++;
            }
        ck_assert_uint_eq(kept, 12);
        ck_assert_double_eq_tol(-10.0 * mean / 12.0, logits[best], 1e-12);
        bool any = false;
        for (int k = 1; k < 8; k++) {
            bool all = k >> axis & 1;
            for (size_t i = 0; i < 24 && all; i++) {
                size_t same = 0;
                for (size_t j = 0; j < 24; j++) {
                    const double to[3] = {x[3 * i] + (k & 1 ? 5.45 : 0.0),
                                          x[3 * i + 1] + (k & 2 ? 5.45 : 0.0),
                                          x[3 * i + 2] + (k & 4 ? 5.45 : 0.0)};
                    double d[3];
                    hop__vicinity_between(b.network->vicinity, to, x + 3 * j, d);
                    same += length_of(d) < 1e-9 && b.s->numbers[i] == b.s->numbers[j];
                }
                all = same == 1;
            }
            any |= all;
        }
        ck_assert(any);
    }
    b.s->fixed[3] = 1;
    hop__network_halves(b.network, axis, x, energy, 10.0, logits);
    for (size_t i = 0; i < 24; i++)
        ck_assert(!isfinite(logits[i]));
    end(&b);
}
END_TEST

/* ---- searches ---- */

/* The kinds of moves all occur, and a search in a cell is repeatable to the bit. */
START_TEST(searches_in_a_cell) {
    static const char *const kinds[] = {"basin-hopping", "learned"};
    static const double cell[9] = {7.683, 0, 0, 0, 7.683, 0, 0, 0, 5.4325};
    double lowest[2];
    for (int run = 0; run < 2; run++) {
        bench b;
        hop_optimizer *o;
        begin(&b, 16, cell, 4);
        ck_assert_int_eq(hop_optimizer_new(b.context, kinds[_i], b.s, b.potential, &o),
                         HOP_OK);
        static const char *const weights[] = {"shake_weight", "relocate_weight",
                                              "swap_weight", "insert_weight",
                                              "twist_weight"};
        for (size_t k = 0; k < 5; k++)
            ck_assert_int_eq(hop_optimizer_set(o, weights[k], 1.0), HOP_OK);
        size_t seen[HOP__MOVE_NONE + 1] = {0};
        for (int k = 0; k < 6000; k++) {
            ck_assert_int_eq(hop_optimizer_ask(o, b.s), HOP_OK);
            ck_assert_int_eq(hop_potential_evaluate(b.potential, b.s), HOP_OK);
            ck_assert_int_eq(hop_optimizer_tell(o, b.s), HOP_OK);
            seen[o->hops->move]++;
        }
        for (int k = 0; k < HOP__HOP_KINDS; k++)
            ck_assert_uint_gt(seen[k], 0);
        lowest[run] = o->best.energy;
        ck_assert_double_lt(lowest[run] / 16.0, -4.0);
        hop_optimizer_free(o);
        end(&b);
    }
    ck_assert_mem_eq(&lowest[0], &lowest[1], sizeof *lowest);
}
END_TEST

/* The shipped model loads, its hop network chooses in a cell, and what it chooses differs
   from what the frame would. */
START_TEST(the_model_of_silicon) {
    static const double cell[9] = {7.683, 0, 0, 0, 7.683, 0, 0, 0, 5.4325};
    double path[2][48];
    for (int with = 0; with < 2; with++) {
        bench b;
        hop_optimizer *o;
        hop_model *model;
        begin(&b, 16, cell, 4);
        ck_assert_int_eq(hop_model_load(b.context, "models/silicon.h5", &model),
                         HOP_OK);
        ck_assert_int_eq(hop_optimizer_new(b.context, "learned", b.s, b.potential, &o),
                         HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "descend", 0), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "hop", with), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 3000), HOP_OK);
        ck_assert_int_ge(hop_optimizer_run(o, b.s, NULL, NULL), HOP_OK);
        ck_assert_int_eq(o->hops->policy->weights != NULL, with);
        memcpy(path[with], o->hops->accepted, sizeof path[with]);
        ck_assert_double_lt(o->best.energy / 16.0, -4.0);
        hop_optimizer_free(o);
        hop_model_free(model);
        end(&b);
    }
    ck_assert_mem_ne(path[0], path[1], sizeof path[0]);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("network");
    TCase *all = tcase_create("network");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, neighbours_are_all_images, 0, 6);
    tcase_add_loop_test(all, voids_are_the_largest, 0, 4);
    tcase_add_test(all, voids_of_a_crystal);
    tcase_add_loop_test(all, transposed_bonds, 0, 6);
    tcase_add_test(all, nothing_to_transpose);
    tcase_add_test(all, shakes_stay_near);
    tcase_add_loop_test(all, halves_are_repeated, 0, 9);
    tcase_add_loop_test(all, searches_in_a_cell, 0, 2);
    tcase_add_test(all, the_model_of_silicon);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
