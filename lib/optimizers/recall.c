/* Beginning again from a shape that was low in energy elsewhere.
 *
 * A shape counts by the square of its value, by how near its number of atoms is, and less each
 * time it was recalled.  Atoms that are too many are taken away where they are bound the
 * least; those that are missing are put where they touch the most.  Which atom goes where is
 * random: the order of an alloy is found afterwards, as after every other move (hops.c). */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "optimizers/hops.h"

#define NEAREST 0.97 /* lengths: to the nearest neighbour */
#define FORGET 0.5   /* of what a shape counts, each time it was recalled */
#define NEAR 2.0     /* atoms more or fewer by which it counts less by a factor of e */
#define FARTHEST 6.0
#define AWAY 1e4 /* lengths: where atoms are that have no place yet */

static const double *slot_of(const hop__hops *h, size_t k) {
    return h->shapes + k * HOP__SHAPE_NUMBERS;
}

static double weight(const hop__hops *h, size_t k) {
    const double *slot = slot_of(h, k);
    const double off = fabs(slot[HOP__SHAPE_SIZE] - (double)h->start->count);
    if (slot[HOP__SHAPE_SIZE] == 0.0 || off > FARTHEST)
        return 0.0;
    const double value = slot[HOP__SHAPE_VALUE];
    return value * value * hop__exp(-off / NEAR) * hop__power(FORGET, h->recalled[k]);
}

static double weigh(const hop__hops *h, double weights[HOP__SHAPES]) {
    double sum = 0.0;
    for (size_t k = 0; k < HOP__SHAPES; k++)
        sum += weights[k] = weight(h, k);
    return sum;
}

bool hop__hops_time_to_recall(hop__hops *h) {
    double weights[HOP__SHAPES];
    if (!h->shapes)
        return false;
    const double sum = weigh(h, weights);
    const double chance = h->settings->recall * sum / (1.0 + sum);
    return hop__random_uniform(&h->moves.random) < chance;
}

static size_t choose(hop__hops *h) {
    double weights[HOP__SHAPES];
    const double sum = weigh(h, weights);
    return hop__random_weighted(&h->moves.random, weights, HOP__SHAPES, sum);
}

/* ---- atoms too many, atoms missing ---- */

static double contacts(const double *x, size_t n, const double *at, double reach) {
    double sum = 0.0;
    for (size_t j = 0; j < n; j++)
        if (x + 3 * j != at)
            sum += hop__surface_contact(hop__surface_square(x + 3 * j, at), reach);
    return sum;
}

static void drop_weakest(double *x, size_t n, double reach) {
    size_t weakest = 0;
    double least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        const double bound = contacts(x, n, x + 3 * i, reach);
        if (bound < least) {
            least = bound;
            weakest = i;
        }
    }
    memmove(x + 3 * weakest, x + 3 * (n - 1), 3 * sizeof *x);
}

/* Atom i and those after it are far away; i finds a place. */
static void add_one(hop__hops *h, double *x, size_t i) {
    static const double centre[3] = {0.0, 0.0, 0.0};
    double place[HOP__SITES][3], most = -1.0;
    size_t best = 0;
    hop__moves_sites(&h->moves, x, i, centre, HOP__SITES, place);
    for (size_t k = 0; k < HOP__SITES; k++) {
        const double bound = contacts(x, i, place[k], h->moves.length);
        if (bound > most) {
            most = bound;
            best = k;
        }
    }
    memcpy(x + 3 * i, place[best], sizeof place[best]);
}

static void fill(hop__hops *h, const double *slot, double *x) {
    const size_t n = h->start->count, size = (size_t)slot[HOP__SHAPE_SIZE];
    double place[3 * HOP__SHAPE_ATOMS] = {0.0};
    const double *from = slot + HOP__SHAPE_PLACES, unit = NEAREST * h->moves.length;
    size_t left = size;
    for (size_t a = 0; a < 3 * size; a++)
        place[a] = from[a] * unit;
    for (; left > n; left--)
        drop_weakest(place, left, h->moves.length);
    for (size_t i = 0; i < left; i++)
        hop__moves_turn(&h->moves, place + 3 * i, x + 3 * i);
    for (size_t i = left; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            x[3 * i + c] = AWAY * h->moves.length;
    for (size_t i = left; i < n; i++)
        add_one(h, x, i);
}

static void shuffle(hop__random *random, size_t n, double *x) {
    for (size_t i = n; i-- > 1;) {
        const size_t j = (size_t)hop__random_below(random, i + 1);
        for (size_t c = 0; c < 3; c++) {
            const double keep = x[3 * i + c];
            x[3 * i + c] = x[3 * j + c];
            x[3 * j + c] = keep;
        }
    }
}

void hop__hops_recall(hop__hops *h, double *x) {
    const size_t n = h->start->count, k = choose(h);
    h->move = HOP__MOVE_RECALL;
    h->recalled[k] += 1.0;
    memset(h->involved, 0, n * sizeof *h->involved);
    fill(h, slot_of(h, k), x);
    if (h->atoms.alloy) {
        shuffle(&h->moves.random, n, x);
        hop__order_settle(&h->order, &h->sites, &h->surface, x, n, 0.0);
    }
    hop__moves_apart(&h->moves, h->settings->apart, x);
}
