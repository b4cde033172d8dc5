/* Hessian-vector products.  Along v, with w = v_i - v_j, u = x_i - x_j, dr = u.w / r and
 * the terms of gupta_list_kernels.c, the force s u, s = A - R B, R = 1/sqrt(rho_i) +
 * 1/sqrt(rho_j), changes by
 *
 *   ds u + s w,  ds = (A' - R B') dr - dR B
 *
 *   first pass   rho_i and its change, -2 sum B u.w
 *   second pass  the product, minus the change of the force */
#include "potentials/gupta_list_pairs.h"

typedef hop__gupta_list list;

/* ---- first pass ---- */

enum { DENSITY, CHANGE }; /* of row_sums */

LANES_KERNEL void first_vectors(const list *l, int kinds, bool tail, size_t begin,
                                size_t block, row_sums *sums) {
    const size_t end = end_entry(l, block, tail);
    for (size_t entry = first_entry(l, block, tail); entry < end; entry += 8) {
        const place_of at = vector_at(l, begin, entry);
        const double *rates = rates_of_row(l, kinds, at.center);
        const lanes_places places = lanes_gather(l->places, l->kept + entry);
        const lanes_places moves = lanes_gather(l->moves, l->kept + entry);
        const vectors u = to_center(broadcast(l->places + 4 * at.center), places);
        const vectors w = to_center(broadcast(l->moves + 4 * at.center), moves);
        const lanes r = distance(tail, rates, kinds, places.w, u, at.count);
        const lanes inverse = lanes_div(lanes_all(1.0), r);
        const pair p = pair_at(tail, false, rates, kinds, places.w, r, inverse);
        add_to_row(sums, at.row, DENSITY, p.b);
        add_to_row(sums, at.row, CHANGE, lanes_mul(p.big_b, dot(u, w)));
    }
}

/* 1/sqrt(rho) of eight rows and its change. */
LANES_KERNEL void finish_rows(const list *l, size_t atom, size_t end, lanes density,
                              lanes change) {
    _Alignas(64) double inverse[8], dot[8];
    const lanes root = inverse_roots(density, lanes_sqrt(density));
    lanes_store(inverse, root);
    lanes_store(dot, lanes_mul(lanes_mul(root, lanes_mul(root, root)), change));
    for (size_t k = 0; k < 8 && atom + k < end; k++) {
        double *to = l->root + 2 * (size_t)l->neighbors->place[atom + k];
        to[0] = inverse[k];
        to[1] = dot[k];
    }
}

LANES_KERNEL void first_pass(const list *l, int kinds, size_t begin, size_t end,
                             size_t block) {
    row_sums sums;
    clear_sums(&sums, 2);
    first_vectors(l, kinds, false, begin, block, &sums);
    first_vectors(l, kinds, true, begin, block, &sums);
    for (size_t atom = begin; atom < end; atom += 8)
        finish_rows(l, atom, end, eight_rows(&sums, atom - begin, DENSITY),
                    eight_rows(&sums, atom - begin, CHANGE));
}

void VARIANT(hop__gupta_product_first_)(const hop__gupta_list *l, size_t begin,
                                        size_t end, size_t block) {
    FOR_KINDS(first_pass, l, begin, end, block);
}

/* ---- second pass ---- */

LANES_KERNEL void second_vectors(const list *l, int kinds, bool tail, size_t begin,
                                 size_t block, row_sums *sums) {
    const size_t end = end_entry(l, block, tail);
    for (size_t entry = first_entry(l, block, tail); entry < end; entry += 8) {
        const place_of at = vector_at(l, begin, entry);
        const double *rates = rates_of_row(l, kinds, at.center);
        const double *center = l->places + 4 * at.center;
        const double *move = l->moves + 4 * at.center;
        const lanes_places places = lanes_gather(l->places, l->kept + entry);
        const lanes_places moves = lanes_gather(l->moves, l->kept + entry);
        const lanes element = elements_of(l, kinds, places, l->kept + entry);
        const vectors u = to_center(broadcast(center), places);
        const vectors w = to_center(broadcast(move), moves);
        const lanes r = distance(tail, rates, kinds, element, u, at.count);
        const lanes inverse = lanes_div(lanes_all(1.0), r);
        const pair p = pair_at(tail, true, rates, kinds, element, r, inverse);
        const lanes roots = roots_of(kinds, center, places);
        const lanes change = lanes_add(lanes_all(move[3]), moves.w);
        const lanes s = lanes_fnma(p.big_b, roots, p.big_a);
        const lanes slope = lanes_fnma(p.slope_b, roots, p.slope_a);
        const lanes dr = lanes_mul(dot(u, w), inverse);
        const lanes ds = lanes_fnma(p.big_b, change, lanes_mul(slope, dr));
        const vectors sum = add_times(row_vector(sums, at.row, 0), ds, u);
        set_row_vector(sums, at.row, 0, add_times(sum, s, w));
    }
}

LANES_KERNEL void second_pass(const list *l, int kinds, size_t begin, size_t end,
                              size_t block) {
    const lanes none = lanes_all(0.0);
    row_sums sums;
    clear_sums(&sums, 3);
    second_vectors(l, kinds, false, begin, block, &sums);
    second_vectors(l, kinds, true, begin, block, &sums);
    for (size_t atom = begin; atom < end; atom += 8) {
        const vectors v = eight_vectors(&sums, atom - begin, 0);
        put_by_atom(l->forces, atom, end,
                    (vectors){lanes_sub(none, v.x), lanes_sub(none, v.y),
                              lanes_sub(none, v.z)});
    }
}

void VARIANT(hop__gupta_product_second_)(const hop__gupta_list *l, size_t begin,
                                         size_t end, size_t block) {
    FOR_KINDS(second_pass, l, begin, end, block);
}
