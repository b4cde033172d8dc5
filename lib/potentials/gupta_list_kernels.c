/* Each row is summed by itself, eight neighbours at a time, in the order of the list:
 * the result does not depend on who does which row.
 *
 *   first pass   a: repulsion, b: squared hopping eta^2, B = -(eta^2)'/(2 r);
 *                rho_i = sum b, and the part -2 a'/r u of the force and of the virial
 *   second pass  the part -(1/sqrt(rho_i) + 1/sqrt(rho_j)) B u
 */
#include "potentials/gupta_list_kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "potentials/gupta_kernels.h"
#include "potentials/gupta_lanes.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

typedef hop__gupta_list list;

typedef struct vectors {
    lanes x, y, z;
} vectors;

LANES_KERNEL vectors from_neighbors(const list *l, size_t i, lanes_places p) {
    const double *x = l->places + 4 * i;
    return (vectors){lanes_sub(lanes_all(x[0]), p.x), lanes_sub(lanes_all(x[1]), p.y),
                     lanes_sub(lanes_all(x[2]), p.z)};
}

LANES_KERNEL lanes times_square(lanes t, lanes p) {
    return lanes_mul(lanes_mul(t, t), p);
}

LANES_KERNEL vectors times(lanes s, vectors u) {
    return (vectors){lanes_mul(s, u.x), lanes_mul(s, u.y), lanes_mul(s, u.z)};
}

LANES_KERNEL vectors plus(vectors a, vectors b) {
    return (vectors){lanes_add(a.x, b.x), lanes_add(a.y, b.y), lanes_add(a.z, b.z)};
}

LANES_KERNEL void add_virial(lanes virial[6], vectors f, vectors u) {
    virial[0] = lanes_fma(f.x, u.x, virial[0]);
    virial[1] = lanes_fma(f.y, u.y, virial[1]);
    virial[2] = lanes_fma(f.z, u.z, virial[2]);
    virial[3] = lanes_fma(f.y, u.z, virial[3]);
    virial[4] = lanes_fma(f.x, u.z, virial[4]);
    virial[5] = lanes_fma(f.x, u.y, virial[5]);
}

LANES_KERNEL void begin_virial(lanes virial[6]) {
    for (int k = 0; k < 6; k++)
        virial[k] = lanes_all(0.0);
}

LANES_KERNEL void end_virial(const list *l, size_t block, const lanes virial[6]) {
    for (int k = 0; k < 6; k++)
        l->sums[block * HOP__LIST_SUMS + 1 + (size_t)k] += 0.5 * lanes_sum(virial[k]);
}

/* A number of the pairs of i's element with the neighbours' elements. */
LANES_KERNEL lanes rate(const double *rates, int kinds, int what, lanes element) {
    const double *of = rates + what * kinds;
    if (kinds == 1)
        return lanes_all(of[0]);
    if (kinds == 2)
        return lanes_select(element, lanes_all(0.5), lanes_all(of[0]),
                            lanes_all(of[1]));
    return lanes_lookup(of, element);
}

typedef struct pair {
    lanes a, b, slope_a, slope_b; /* repulsion, eta^2; -2 a', -(eta^2)'/2 */
} pair;

#define RATE(what) rate(rates, kinds, what, element)
#define POLYNOMIAL(what, t)                                                            \
    lanes_fma(lanes_fma(RATE((what) + 2), t, RATE((what) + 1)), t, RATE(what))

LANES_KERNEL pair exponential_pair(const double *rates, int kinds, lanes element,
                                   lanes r) {
    pair p;
    p.a = lanes_exp2(lanes_fnma(RATE(HOP__LIST_BA), r, RATE(HOP__LIST_CA)));
    p.b = lanes_exp2(lanes_fnma(RATE(HOP__LIST_BB), r, RATE(HOP__LIST_CB)));
    p.slope_a = lanes_mul(RATE(HOP__LIST_KA), p.a);
    p.slope_b = lanes_mul(RATE(HOP__LIST_KB), p.b);
    return p;
}

LANES_KERNEL pair tail_pair(const double *rates, int kinds, lanes element, lanes r) {
    pair p;
    lanes t = lanes_sub(r, RATE(HOP__LIST_LAST));
    lanes eta = times_square(t, lanes_mul(t, POLYNOMIAL(HOP__LIST_HOPPING, t)));
    p.a = times_square(t, lanes_mul(t, POLYNOMIAL(HOP__LIST_REPULSION, t)));
    p.b = lanes_mul(eta, eta);
    p.slope_a = times_square(t, POLYNOMIAL(HOP__LIST_REPULSION_SLOPE, t));
    p.slope_b = lanes_mul(eta, times_square(t, POLYNOMIAL(HOP__LIST_HOPPING_SLOPE, t)));
    return p;
}

/* ---- which neighbours ---- */

LANES_KERNEL size_t half_way(const list *l, size_t atom) {
    return (l->kept_at[atom] + l->kept_at[atom + 1]) / 2;
}

LANES_KERNEL lanes square_of(vectors u) {
    return lanes_fma(u.z, u.z, lanes_fma(u.y, u.y, lanes_mul(u.x, u.x)));
}

/* Rows follow places, not atoms: the processor would not foresee which comes. */
LANES_KERNEL void fetch_row(const list *l, size_t i) {
    const int32_t *index = l->index + l->first[i];
    for (size_t k = 0; k < 48; k += 16)
        __builtin_prefetch(index + k);
    __builtin_prefetch(l->places + 4 * i);
}

/* Neighbours within reach; what is left of a vector names the atom itself. */
LANES_KERNEL void sort_out(const list *l, const double *rates, int kinds, size_t atom,
                           size_t i) {
    const int32_t *index = l->index + l->first[i];
    const size_t count = (size_t)l->count[i];
    int32_t *near = l->kept + l->kept_at[atom], *far = l->kept + half_way(l, atom),
            self[8];
    size_t near_count = 0, far_count = 0;
    for (size_t n = 0; n < 8; n++)
        self[n] = (int32_t)i;
    for (size_t k = 0; k < count; k += 8) {
        int32_t eight[8];
        const int32_t *at = index + k;
        const size_t left = count - k < 8 ? count - k : 8;
        if (left < 8) {
            memcpy(eight, self, sizeof eight);
            for (size_t n = 0; n < left; n++)
                eight[n] = at[n];
            at = eight;
        }
        const lanes_places places = lanes_gather(l->places, at);
        lanes element = places.w, square = square_of(from_neighbors(l, i, places));
        square = lanes_max(square, lanes_out_of_reach(left));
        lanes start = RATE(HOP__LIST_START), end = RATE(HOP__LIST_END);
        lanes hidden = lanes_select(square, start, lanes_all(INFINITY), square);
        near_count += lanes_keep(at, square, start, near + near_count);
        far_count += lanes_keep(at, hidden, end, far + far_count);
    }
    memcpy(near + near_count, self, sizeof self);
    memcpy(far + far_count, self, sizeof self);
    l->near[atom] = (int32_t)near_count;
    l->far[atom] = (int32_t)far_count;
}

/* ---- first pass ---- */

typedef struct row_sums {
    lanes a, b, virial[6];
    vectors pull;
} row_sums;

LANES_KERNEL void add_vector(const list *l, const double *rates, int kinds, size_t i,
                             bool tail, const int32_t *kept, size_t left, double *terms,
                             row_sums *sums) {
    const lanes_places places = lanes_gather(l->places, kept);
    const vectors u = from_neighbors(l, i, places);
    lanes element = places.w, square = square_of(u);
    square = lanes_max(square, lanes_out_of_reach(left < 8 ? left : 8));
    if (tail) /* at its end all is zero */
        square = lanes_min(square, RATE(HOP__LIST_END));
    const lanes r = lanes_sqrt(square), inverse = lanes_div(lanes_all(1.0), r);
    const pair p = tail ? tail_pair(rates, kinds, element, r)
                        : exponential_pair(rates, kinds, element, r);
    const vectors f = times(lanes_mul(inverse, p.slope_a), u);
    lanes_store(terms, lanes_mul(inverse, p.slope_b));
    sums->a = lanes_add(sums->a, p.a);
    sums->b = lanes_add(sums->b, p.b);
    sums->pull = plus(sums->pull, f);
    add_virial(sums->virial, f, u);
}

LANES_KERNEL void first_row(const list *l, const double *rates, int kinds, size_t atom,
                            size_t i, row_sums *sums) {
    const int32_t *near = l->kept + l->kept_at[atom],
                  *far = l->kept + half_way(l, atom);
    const size_t near_count = (size_t)l->near[atom], far_count = (size_t)l->far[atom];
    double *terms = l->terms + l->kept_at[atom] / 2;
    sums->a = sums->b = lanes_all(0.0);
    sums->pull.x = sums->pull.y = sums->pull.z = lanes_all(0.0);
    for (size_t k = 0; k < near_count; k += 8, terms += 8)
        add_vector(l, rates, kinds, i, false, near + k, near_count - k, terms, sums);
    for (size_t k = 0; k < far_count; k += 8, terms += 8)
        add_vector(l, rates, kinds, i, true, far + k, far_count - k, terms, sums);
}

LANES_KERNEL const double *rates_of_row(const list *l, int kinds, size_t i) {
    return l->rates + (size_t)l->elements[i] * HOP__LIST_RATES * (size_t)kinds;
}

LANES_KERNEL void first_pass(const list *l, int kinds, size_t begin, size_t end,
                             size_t block) {
    double energy = 0.0;
    row_sums sums;
    begin_virial(sums.virial);
    for (size_t atom = begin; atom < end; atom++) {
        const size_t i = (size_t)l->place[atom];
        fetch_row(l, (size_t)l->place[atom + 2 < end ? atom + 2 : atom]);
        sort_out(l, rates_of_row(l, kinds, i), kinds, atom, i);
    }
    for (size_t atom = begin; atom < end; atom++) {
        const size_t i = (size_t)l->place[atom];
        first_row(l, rates_of_row(l, kinds, i), kinds, atom, i, &sums);
        double density = lanes_sum(sums.b), root = sqrt(density);
        l->root[i] = density > HOP__GUPTA_ALONE ? 1.0 / root : 0.0;
        l->energies[atom] = lanes_sum(sums.a) - root;
        energy += l->energies[atom];
        l->pulls[4 * atom] = lanes_sum(sums.pull.x);
        l->pulls[4 * atom + 1] = lanes_sum(sums.pull.y);
        l->pulls[4 * atom + 2] = lanes_sum(sums.pull.z);
    }
    l->sums[block * HOP__LIST_SUMS] += energy;
    end_virial(l, block, sums.virial);
}

void VARIANT(hop__gupta_list_first_)(const hop__gupta_list *l, size_t begin, size_t end,
                                     size_t block) {
    if (l->kinds == 1)
        first_pass(l, 1, begin, end, block);
    else if (l->kinds == 2)
        first_pass(l, 2, begin, end, block);
    else
        first_pass(l, l->kinds, begin, end, block);
}

/* ---- second pass ---- */

LANES_KERNEL vectors second_vector(const list *l, size_t i, const int32_t *kept,
                                   const double *terms, lanes root, vectors pull,
                                   lanes virial[6]) {
    const lanes_places places = lanes_gather(l->places, kept);
    const vectors u = from_neighbors(l, i, places);
    const vectors f = times(lanes_mul(lanes_sub(root, places.w), lanes_load(terms)), u);
    add_virial(virial, f, u);
    return plus(pull, f);
}

void VARIANT(hop__gupta_list_second_)(const hop__gupta_list *l, size_t begin,
                                      size_t end, size_t block) {
    lanes virial[6];
    begin_virial(virial);
    for (size_t atom = begin; atom < end; atom++) {
        const size_t i = (size_t)l->place[atom];
        const int32_t *near = l->kept + l->kept_at[atom],
                      *far = l->kept + half_way(l, atom);
        const double *terms = l->terms + l->kept_at[atom] / 2;
        const lanes root = lanes_all(-l->root[i]);
        vectors pull = {lanes_all(0.0), lanes_all(0.0), lanes_all(0.0)};
        for (int32_t k = 0; k < l->near[atom]; k += 8, terms += 8)
            pull = second_vector(l, i, near + k, terms, root, pull, virial);
        for (int32_t k = 0; k < l->far[atom]; k += 8, terms += 8)
            pull = second_vector(l, i, far + k, terms, root, pull, virial);
        double *force = l->forces + 3 * atom;
        force[0] = l->pulls[4 * atom] + lanes_sum(pull.x);
        force[1] = l->pulls[4 * atom + 1] + lanes_sum(pull.y);
        force[2] = l->pulls[4 * atom + 2] + lanes_sum(pull.z);
    }
    end_virial(l, block, virial);
}
