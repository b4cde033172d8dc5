/* Hessian-vector products.  Along v, with w = v_i - v_j, u = x_i - x_j, dr = u.w / r and
 * the terms of gupta_list_kernels.c, the force s u, s = A - R B, R = 1/sqrt(rho_i) +
 * 1/sqrt(rho_j), changes by
 *
 *   (A' dr) u + A w - (R B' dr + dR B) u - R B w,
 *
 *   first pass   rho_i and its change -2 sum B u.w, the part with A
 *   second pass  the rest */
#include "potentials/gupta_kernels.h"
#include "potentials/gupta_list_pairs.h"

typedef hop__gupta_list list;

enum { B, CHANGE, PULL }; /* of row_sums */

LANES_KERNEL void first_vectors(const list *l, int kinds, bool tail, size_t begin,
                                size_t block, row_sums *sums) {
    const size_t end = end_entry(l, block, tail);
    for (size_t entry = first_entry(l, block, tail); entry < end; entry += 8) {
        const place_of at = vector_at(l, begin, entry);
        const lanes_places places = lanes_gather(l->places, l->kept + entry);
        const lanes_places moves = lanes_gather(l->moves, l->kept + entry);
        const vectors u = to_center(broadcast(l->places + 4 * at.center), places);
        const vectors w = to_center(broadcast(l->moves + 4 * at.center), moves);
        lanes inverse;
        const pair p = pair_of(tail, true, rates_of_row(l, kinds, at.center), kinds,
                               places.w, square_of(u), at.count, &inverse);
        const lanes along = dot(u, w), dr = lanes_mul(along, inverse);
        const vectors pull = row_vector(sums, at.row, PULL);
        lanes_store(l->terms + 2 * entry, p.big_b);
        lanes_store(l->terms + 2 * entry + 8, lanes_mul(p.slope_b, dr));
        add_to_row(sums, at.row, B, p.b);
        add_to_row(sums, at.row, CHANGE, lanes_mul(p.big_b, along));
        set_row_vector(sums, at.row, PULL,
                       add_times(add_times(pull, lanes_mul(p.slope_a, dr), u), p.big_a,
                                 w));
    }
}

/* 1/sqrt(rho) and its change of eight rows, both 0 for an atom without neighbours. */
LANES_KERNEL void finish_rows(const list *l, size_t atom, size_t end, lanes density,
                              lanes change) {
    _Alignas(64) double inverse[8], dot[8];
    lanes root = lanes_div(lanes_all(1.0), lanes_sqrt(density));
    root = lanes_where_above(density, HOP__GUPTA_ALONE, root);
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
    clear_sums(&sums, 5);
    first_vectors(l, kinds, false, begin, block, &sums);
    first_vectors(l, kinds, true, begin, block, &sums);
    for (size_t atom = begin; atom < end; atom += 8) {
        const size_t row = atom - begin;
        const vectors pull = eight_vectors(&sums, row, PULL);
        lanes_store(pulls_of(l, atom), pull.x);
        lanes_store(pulls_of(l, atom) + 8, pull.y);
        lanes_store(pulls_of(l, atom) + 16, pull.z);
        finish_rows(l, atom, end, eight_rows(&sums, row, B),
                    eight_rows(&sums, row, CHANGE));
    }
}

void VARIANT(hop__gupta_product_first_)(const hop__gupta_list *l, size_t begin,
                                        size_t end, size_t block) {
    FOR_KINDS(first_pass, l, begin, end, block);
}

LANES_KERNEL void second_vectors(const list *l, bool tail, size_t begin, size_t block,
                                 row_sums *sums) {
    const size_t end = end_entry(l, block, tail);
    for (size_t entry = first_entry(l, block, tail); entry < end; entry += 8) {
        const place_of at = vector_at(l, begin, entry);
        const double *root = l->root + 2 * at.center;
        const lanes_places places = lanes_gather(l->places, l->kept + entry);
        const lanes_places moves = lanes_gather(l->moves, l->kept + entry);
        const vectors u = to_center(broadcast(l->places + 4 * at.center), places);
        const vectors w = to_center(broadcast(l->moves + 4 * at.center), moves);
        const lanes big_b = lanes_load(l->terms + 2 * entry);
        const lanes change_b = lanes_load(l->terms + 2 * entry + 8);
        const lanes both = lanes_add(lanes_all(root[0]), places.w);
        const lanes change = lanes_add(lanes_all(root[1]), moves.w);
        const lanes c = lanes_fma(both, change_b, lanes_mul(change, big_b));
        const vectors sum = add_times(row_vector(sums, at.row, 0), c, u);
        set_row_vector(sums, at.row, 0, add_times(sum, lanes_mul(both, big_b), w));
    }
}

void VARIANT(hop__gupta_product_second_)(const hop__gupta_list *l, size_t begin,
                                         size_t end, size_t block) {
    row_sums sums;
    clear_sums(&sums, 3);
    second_vectors(l, false, begin, block, &sums);
    second_vectors(l, true, begin, block, &sums);
    for (size_t atom = begin; atom < end; atom += 8) {
        const double *pulls = pulls_of(l, atom);
        vectors product = eight_vectors(&sums, atom - begin, 0);
        product.x = lanes_sub(product.x, lanes_load(pulls));
        product.y = lanes_sub(product.y, lanes_load(pulls + 8));
        product.z = lanes_sub(product.z, lanes_load(pulls + 16));
        put_by_atom(l->forces, atom, end, product);
    }
}
