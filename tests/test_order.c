#include <check.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "optimizers/order.h"
#include "potentials/potential.h"
#include "support/support.h"

#define ATOMS 20

typedef struct bench {
    hop_context *context;
    hop_potential *potential;
    hop_structure *s;
    hop__hop_atoms atoms;
    double lengths[ATOMS], scales[ATOMS], size[ATOMS], cohesion[ATOMS];
    double block[HOP__SURFACE_NUMBERS(ATOMS)], work[HOP__SITES_NUMBERS(ATOMS)];
    hop__surface surface;
    hop__sites sites;
    hop__order order;
    hop__random random;
} bench;

static void set_up(bench *b) {
    memset(b, 0, sizeof *b);
    ck_assert_int_eq(hop_context_new(NULL, &b->context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(b->context, "AgCu.gupta", &b->potential),
                     HOP_OK);
    ck_assert_int_eq(
        hop_structure_random(b->context, "Ag11Cu9", b->potential, 3, &b->s), HOP_OK);
    hop_optimizer *o;
    ck_assert_int_eq(hop_optimizer_new(b->context, "lbfgs", b->s, b->potential, &o),
                     HOP_OK);
    ck_assert_int_eq(hop_optimizer_run(o, b->s, NULL, NULL), HOP_CONVERGED);
    hop_optimizer_free(o);
    b->atoms.count = ATOMS;
    b->atoms.alloy = true;
    b->atoms.numbers = b->s->numbers;
    b->atoms.fixed = b->s->fixed;
    b->atoms.lengths = b->lengths;
    b->atoms.size = b->size;
    b->atoms.cohesion = b->cohesion;
    ck_assert_int_eq(hop__units_of(b->context, b->potential, ATOMS, b->s->numbers,
                                   &b->atoms.units, b->lengths, b->scales),
                     HOP_OK);
    hop__surface_begin(&b->surface, &b->atoms, b->block);
    hop__sites_begin(&b->sites, ATOMS, b->work);
    hop__order_start(&b->order);
    b->random = hop__random_start(1, 2);
}

static void tear_down(bench *b) {
    hop_structure_free(b->s);
    hop_potential_free(b->potential);
    hop_context_free(b->context);
}

/* Silver does not mind the surface, and unlike neighbours are good; binding energies. */
static double energy(const bench *b, const double *x, double *energies) {
    double sum = 0.0;
    for (size_t i = 0; i < ATOMS; i++) {
        double neighbours = 0.0, sides = 0.0;
        for (size_t j = 0; j < ATOMS; j++) {
            if (j == i)
                continue;
            const double c =
                hop__surface_contact(hop__surface_square(x + 3 * i, x + 3 * j),
                                     b->atoms.units.length) /
                12.0;
            neighbours += c;
            sides += b->s->numbers[j] == 47 ? c : -c;
        }
        const bool silver = b->s->numbers[i] == 47;
        double one = silver ? -0.2 * neighbours : -0.8 * neighbours;
        one += silver ? 0.3 * sides : -0.3 * sides;
        sum += one;
        if (energies)
            energies[i] = one * b->atoms.units.energy;
    }
    return sum;
}

static void exchange(double *x, size_t i, size_t j) {
    double keep[3];
    memcpy(keep, x + 3 * i, sizeof keep);
    memcpy(x + 3 * i, x + 3 * j, sizeof keep);
    memcpy(x + 3 * j, keep, sizeof keep);
}

static size_t any(bench *b, size_t count) {
    return (size_t)(hop__random_uniform(&b->random) * (double)count);
}

/* `times` minima of the same sites in any order; silver comes first. */
static void teach(bench *b, int times, bool by_atoms) {
    double *x = b->s->positions, energies[ATOMS];
    for (int k = 0; k < times; k++) {
        for (int m = 0; m < 5; m++)
            exchange(x, any(b, 11), 11 + any(b, 9));
        double whole = energy(b, x, energies) * b->atoms.units.energy;
        for (size_t i = 0; i < ATOMS && !by_atoms; i++)
            energies[i] = NAN;
        hop__order_learn(&b->order, &b->sites, &b->surface, x, whole, energies);
    }
}

/* Nothing is said before some minima were seen; then what single exchanges bring is told,
   from energies of atoms to rounding and penalty, from those of whole minima roughly. */
START_TEST(exchanges_are_told) {
    static bench b;
    const bool by_atoms = _i == 0;
    double flips[ATOMS], x[3 * ATOMS], error = 0.0, spread = 0.0;
    set_up(&b);
    hop__order_flips(&b.order, &b.sites, &b.surface, b.s->positions, flips);
    for (size_t i = 0; i < ATOMS; i++)
        ck_assert_double_eq(flips[i], 0.0);
    memcpy(x, b.s->positions, sizeof x);
    ck_assert_uint_eq(hop__order_settle(&b.order, &b.sites, &b.surface, x, 9, 0.001),
                      0);
    teach(&b, by_atoms ? 40 : 400, by_atoms);
    memcpy(x, b.s->positions, sizeof x);
    hop__order_flips(&b.order, &b.sites, &b.surface, x, flips);
    const double before = energy(&b, x, NULL);
    for (size_t i = 0; i < 11; i++)
        for (size_t j = 11; j < ATOMS; j++) {
            const double reach = 1.5 * b.atoms.units.length;
            if (hop__surface_square(x + 3 * i, x + 3 * j) < reach * reach)
                continue; /* neighbours: not the sum of two flips */
            exchange(x, i, j);
            const double change = energy(&b, x, NULL) - before;
            exchange(x, i, j);
            error += pow(flips[i] + flips[j] - change, 2.0);
            spread += change * change;
        }
    ck_assert_double_gt(spread, 0.0);
    ck_assert_double_lt(sqrt(error / spread), by_atoms ? 0.05 : 0.4);
    tear_down(&b);
}
END_TEST

/* Atoms only change places, fixed ones stay, and the energy falls as far as exchanges of
   any pair can make it. */
START_TEST(order_is_found) {
    static bench b;
    set_up(&b);
    teach(&b, 40, true);
    for (int round = 0; round < 20; round++) {
        double x[3 * ATOMS], *start = b.s->positions;
        for (int m = 0; m < 9; m++)
            exchange(start, any(&b, 11), 11 + any(&b, 9));
        b.s->fixed[2] = b.s->fixed[13] = round % 2;
        memcpy(x, start, sizeof x);
        const size_t most = round < 10 ? 1 : 50;
        const double before = energy(&b, start, NULL);
        const size_t times =
            hop__order_settle(&b.order, &b.sites, &b.surface, x, most, 0.001);
        const double after = energy(&b, x, NULL);
        ck_assert_uint_le(times, most);
        ck_assert_double_le(after, before - 5e-4 * (double)times);
        size_t found = 0;
        for (size_t i = 0; i < ATOMS; i++)
            for (size_t j = 0; j < ATOMS; j++)
                found += memcmp(x + 3 * i, start + 3 * j, 24) == 0;
        ck_assert_uint_eq(found, ATOMS);
        if (round % 2) {
            ck_assert_mem_eq(x + 6, start + 6, 24);
            ck_assert_mem_eq(x + 39, start + 39, 24);
        }
        for (size_t i = 0; i < 11 && most > 1; i++)
            for (size_t j = 11; j < ATOMS; j++) {
                if (b.s->fixed[i] || b.s->fixed[j])
                    continue;
                exchange(x, i, j);
                ck_assert_double_gt(energy(&b, x, NULL), after - 0.02);
                exchange(x, i, j);
            }
    }
    tear_down(&b);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("order");
    TCase *all = tcase_create("all");
    tcase_add_loop_test(all, exchanges_are_told, 0, 2);
    tcase_add_test(all, order_is_found);
    suite_add_tcase(suite, all);
    return support_main(suite);
}
