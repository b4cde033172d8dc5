/* Gupta with cut-offs: what its kernels share.  Vectors of eight neighbours of one row, the
   formulas of a pair, sums over rows. */
#ifndef HOP_POTENTIALS_GUPTA_LIST_PAIRS_H
#define HOP_POTENTIALS_GUPTA_LIST_PAIRS_H

#include <math.h>

#include "potentials/gupta_columns.h"
#include "potentials/gupta_kernels.h"
#include "potentials/gupta_list_kernels.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

/* One or two elements have code of their own. */
#define FOR_KINDS(function, l, begin, end, block, scratch)                             \
    do {                                                                               \
        if ((l)->kinds == 1)                                                           \
            function(l, 1, begin, end, block, scratch);                                \
        else if ((l)->kinds == 2)                                                      \
            function(l, 2, begin, end, block, scratch);                                \
        else                                                                           \
            function(l, (l)->kinds, begin, end, block, scratch);                       \
    } while (0)

/* ---- vectors ---- */

typedef struct vectors {
    lanes x, y, z;
} vectors;

LANES_KERNEL vectors broadcast(const double *x) {
    return (vectors){lanes_all(x[0]), lanes_all(x[1]), lanes_all(x[2])};
}

LANES_KERNEL vectors to_center(vectors center, lanes_places p) {
    return (vectors){lanes_sub(center.x, p.x), lanes_sub(center.y, p.y),
                     lanes_sub(center.z, p.z)};
}

LANES_KERNEL lanes dot(vectors a, vectors b) {
    return lanes_fma(a.z, b.z, lanes_fma(a.y, b.y, lanes_mul(a.x, b.x)));
}

LANES_KERNEL lanes square_of(vectors u) { return dot(u, u); }

LANES_KERNEL vectors plus(vectors a, vectors b) {
    return (vectors){lanes_add(a.x, b.x), lanes_add(a.y, b.y), lanes_add(a.z, b.z)};
}

LANES_KERNEL vectors times(lanes s, vectors u) {
    return (vectors){lanes_mul(s, u.x), lanes_mul(s, u.y), lanes_mul(s, u.z)};
}

LANES_KERNEL vectors add_times(vectors sum, lanes s, vectors u) {
    return (vectors){lanes_fma(s, u.x, sum.x), lanes_fma(s, u.y, sum.y),
                     lanes_fma(s, u.z, sum.z)};
}

/* ---- the formulas of a pair ---- */

/* A number of the pairs of i's element with the neighbours' elements: of two the second is
   negative. */
LANES_KERNEL lanes rate(const double *rates, int kinds, int what, lanes element) {
    const double *of = rates + what * kinds;
    if (kinds == 1)
        return lanes_all(of[0]);
    if (kinds == 2)
        return lanes_by_sign(element, lanes_all(of[1]), lanes_all(of[0]));
    return lanes_lookup(of, element);
}

LANES_KERNEL const double *rates_of_row(const hop__gupta_list *l, int kinds, size_t i) {
    return kinds == 1
               ? l->rates
               : l->rates + (size_t)l->elements[i] * HOP__LIST_RATES * (size_t)kinds;
}

#define RATE(what) rate(rates, kinds, what, element)

/* Repulsion a, squared hopping b; 1/r, A = -2 a'/r, B = -b'/(2 r) and their slopes. */
typedef struct pair {
    lanes inverse, a, b, big_a, big_b, slope_a, slope_b;
} pair;

LANES_KERNEL pair exponential_pair(bool slopes, const double *rates, int kinds,
                                   lanes element, lanes r) {
    const lanes inverse = lanes_div(lanes_all(1.0), r);
    const lanes ka = RATE(HOP__LIST_KA), kb = RATE(HOP__LIST_KB);
    pair p;
    p.inverse = inverse;
    p.a = lanes_exp2(lanes_fnma(RATE(HOP__LIST_BA), r, RATE(HOP__LIST_CA)));
    p.b = lanes_exp2(lanes_fnma(RATE(HOP__LIST_BB), r, RATE(HOP__LIST_CB)));
    p.big_a = lanes_mul(inverse, lanes_mul(ka, p.a));
    p.big_b = lanes_mul(inverse, lanes_mul(kb, p.b));
    p.slope_a = p.slope_b = p.a;
    if (slopes) {
        const lanes none = lanes_all(0.0);
        p.slope_a = lanes_fnma(p.big_a, lanes_fma(ka, lanes_all(0.5), inverse), none);
        p.slope_b = lanes_fnma(p.big_b, lanes_fma(kb, lanes_all(2.0), inverse), none);
    }
    return p;
}

/* t^3 p of t = r - END, p = c0 + c1 t + c2 t^2, and its derivatives t^2 (3 p + t p') and
   t (6 (p + t p') + t^2 p''). */
typedef struct joint {
    lanes value, slope, curve;
} joint;

LANES_KERNEL joint joint_of(bool slope, bool curve, lanes t, lanes c0, lanes c1,
                            lanes c2) {
    const lanes t2 = lanes_mul(t, t), p = lanes_fma(lanes_fma(c2, t, c1), t, c0);
    joint j = {lanes_mul(lanes_mul(t2, t), p), t, t};
    if (slope) {
        const lanes twice = lanes_add(c2, c2),
                    tp1 = lanes_mul(t, lanes_fma(twice, t, c1));
        j.slope = lanes_mul(t2, lanes_fma(lanes_all(3.0), p, tp1));
        if (curve)
            j.curve = lanes_mul(
                t, lanes_fma(lanes_all(6.0), lanes_add(p, tp1), lanes_mul(t2, twice)));
    }
    return j;
}

#define JOINT(slope, curve, what)                                                      \
    joint_of(slope, curve, lanes_sub(r, RATE(HOP__LIST_LAST)), RATE(what),             \
             RATE((what) + 1), RATE((what) + 2))

LANES_KERNEL pair tail_pair(bool slopes, const double *rates, int kinds, lanes element,
                            lanes r) {
    const lanes inverse = lanes_div(lanes_all(1.0), r), less = lanes_all(-2.0);
    const joint a = JOINT(true, slopes, HOP__LIST_REPULSION);
    const joint eta = JOINT(true, slopes, HOP__LIST_HOPPING);
    pair p = {.inverse = inverse, .a = a.value, .slope_a = r, .slope_b = r};
    p.b = lanes_mul(eta.value, eta.value);
    p.big_a = lanes_mul(inverse, lanes_mul(less, a.slope));
    p.big_b =
        lanes_mul(lanes_mul(inverse, lanes_all(-1.0)), lanes_mul(eta.value, eta.slope));
    if (slopes) { /* (f/r)' = (f' - f/r)/r */
        const lanes b2 =
            lanes_fma(eta.slope, eta.slope, lanes_mul(eta.value, eta.curve));
        const lanes none = lanes_all(0.0);
        p.slope_a =
            lanes_mul(inverse, lanes_fma(less, a.curve, lanes_sub(none, p.big_a)));
        p.slope_b = lanes_mul(inverse, lanes_sub(lanes_sub(none, b2), p.big_b));
    }
    return p;
}

/* Squared hopping alone, as above to the bit. */
LANES_KERNEL lanes exponential_hopping(const double *rates, int kinds, lanes element,
                                       lanes r) {
    return lanes_exp2(lanes_fnma(RATE(HOP__LIST_BB), r, RATE(HOP__LIST_CB)));
}

LANES_KERNEL lanes tail_hopping(const double *rates, int kinds, lanes element,
                                lanes r) {
    const lanes eta = JOINT(false, false, HOP__LIST_HOPPING).value;
    return lanes_mul(eta, eta);
}

/* ---- the vectors of a block ---- */

/* One element needs no number, of two the sign of what there is will do, more are looked
   up. */
LANES_KERNEL lanes elements_of(const hop__gupta_list *l, int kinds, lanes at_hand,
                               const int32_t *kept) {
    _Alignas(64) double element[8];
    if (kinds <= 2)
        return at_hand;
    for (int k = 0; k < 8; k++)
        element[k] = l->elements[l->neighbors->home[kept[k]]];
    return lanes_load(element);
}

LANES_KERNEL size_t first_entry(const hop__gupta_list *l, size_t block, bool tail) {
    return l->room[block] + (tail ? l->half[block] : 0);
}

LANES_KERNEL size_t end_entry(const hop__gupta_list *l, size_t block, bool tail) {
    return first_entry(l, block, tail) + 8 * (size_t)l->filled[2 * block + tail];
}

/* The last one once more. */
LANES_KERNEL size_t entry_after(size_t entry, size_t end) {
    return entry + 8 < end ? entry + 8 : entry;
}

/* A vector of neighbours, measured: where it is in the block, the vectors to the center,
   distances.  The loops measure the next vector before they compute with one: what waits
   for roots and divisions leaves the processor's window to the exponentials. */
typedef struct bonds {
    size_t row, center;
    const double *rates;
    lanes w, element; /* the places' last number */
    vectors u;
    lanes r;
} bonds;

LANES_KERNEL bonds bonds_of(const hop__gupta_list *l, int kinds, size_t begin,
                            size_t entry) {
    bonds b = {.row = (size_t)l->vectors[entry / 8] / 16};
    b.center = (size_t)l->neighbors->place[begin + b.row];
    b.rates = rates_of_row(l, kinds, b.center);
    return b;
}

/* From the squares that the filter found: distances only. */
LANES_KERNEL bonds recall(const hop__gupta_list *l, int kinds, size_t begin,
                          size_t entry, const double *square) {
    bonds b = bonds_of(l, kinds, begin, entry);
    const lanes squares = lanes_load(square);
    b.element = elements_of(l, kinds, squares, l->kept + entry);
    b.r = lanes_sqrt(kinds == 2 ? lanes_abs(squares) : squares);
    return b;
}

/* Those of entry .. entry+7 of `kept`. */
LANES_KERNEL bonds measure(const hop__gupta_list *l, int kinds, bool tail, size_t begin,
                           size_t entry) {
    const size_t count = (size_t)l->vectors[entry / 8] % 16;
    const lanes_places places = lanes_gather(l->places, l->kept + entry);
    bonds b = bonds_of(l, kinds, begin, entry);
    b.w = places.w;
    b.element = elements_of(l, kinds, places.w, l->kept + entry);
    b.u = to_center(broadcast(l->places + 4 * b.center), places);
    /* those that do not count are put where they add nothing, and at its end all is zero */
    lanes square = lanes_max(square_of(b.u), lanes_out_of_reach(count));
    if (tail)
        square = lanes_min(square, rate(b.rates, kinds, HOP__LIST_END, b.element));
    b.r = lanes_sqrt(square);
    return b;
}

/* 1/sqrt(rho_i) + 1/sqrt(rho_j) */
LANES_KERNEL lanes roots_of(int kinds, const double *center, lanes w) {
    return lanes_add(lanes_all(fabs(center[3])), kinds == 2 ? lanes_abs(w) : w);
}

LANES_KERNEL pair pair_of(bool tail, bool slopes, int kinds, const bonds *b) {
    return tail ? tail_pair(slopes, b->rates, kinds, b->element, b->r)
                : exponential_pair(slopes, b->rates, kinds, b->element, b->r);
}

LANES_KERNEL lanes hopping_of(bool tail, int kinds, const bonds *b) {
    return tail ? tail_hopping(b->rates, kinds, b->element, b->r)
                : exponential_hopping(b->rates, kinds, b->element, b->r);
}

/* ---- sums of rows ---- */

/* Lane by lane, until eight rows are summed up together. */
typedef struct row_sums {
    lanes of[4][HOP__LIST_BLOCK];
} row_sums;

LANES_KERNEL void clear_sums(row_sums *s, int quantities) {
    for (int q = 0; q < quantities; q++)
        for (int row = 0; row < HOP__LIST_BLOCK; row++)
            s->of[q][row] = lanes_all(0.0);
}

LANES_KERNEL void add_to_row(row_sums *s, size_t row, int quantity, lanes value) {
    s->of[quantity][row] = lanes_add(s->of[quantity][row], value);
}

LANES_KERNEL vectors row_vector(const row_sums *s, size_t row, int quantity) {
    return (vectors){s->of[quantity][row], s->of[quantity + 1][row],
                     s->of[quantity + 2][row]};
}

LANES_KERNEL void set_row_vector(row_sums *s, size_t row, int quantity, vectors v) {
    s->of[quantity][row] = v.x;
    s->of[quantity + 1][row] = v.y;
    s->of[quantity + 2][row] = v.z;
}

/* Of rows row .. row+7, one in each lane. */
LANES_KERNEL lanes eight_rows(const row_sums *s, size_t row, int quantity) {
    return lanes_sums(&s->of[quantity][row]);
}

LANES_KERNEL vectors eight_vectors(const row_sums *s, size_t row, int quantity) {
    return (vectors){eight_rows(s, row, quantity), eight_rows(s, row, quantity + 1),
                     eight_rows(s, row, quantity + 2)};
}

/* 1/sqrt(rho), never 0, so that it has a sign, but nearly so for an atom without
   neighbours, whose band energy has no slope. */
LANES_KERNEL lanes inverse_roots(lanes density, lanes roots) {
    const lanes inverse = lanes_div(lanes_all(1.0), roots);
    return lanes_max(lanes_where_above(density, HOP__GUPTA_ALONE, inverse),
                     lanes_all(1e-300));
}

/* x y z of each atom from `v`, which begins with atom `atom`. */
LANES_KERNEL void put_by_atom(double *to, size_t atom, size_t end, vectors v) {
    _Alignas(64) double x[8], y[8], z[8];
    lanes_store(x, v.x);
    lanes_store(y, v.y);
    lanes_store(z, v.z);
    for (size_t k = 0; k < 8 && atom + k < end; k++) {
        to[3 * (atom + k)] = x[k];
        to[3 * (atom + k) + 1] = y[k];
        to[3 * (atom + k) + 2] = z[k];
    }
}

#endif
