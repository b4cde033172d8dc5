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

typedef struct motion {
    vectors w;
    lanes along, roots; /* u.w; second pass: change of 1/sqrt(rho_i) + 1/sqrt(rho_j) */
} motion;

LANES_KERNEL motion motion_of(const list *l, const bonds *b, size_t entry) {
    const double *center = l->moves + 4 * b->center;
    const lanes_places moves = lanes_gather(l->moves, l->kept + entry);
    const vectors w = to_center(broadcast(center), moves);
    return (motion){w, dot(b->u, w), lanes_add(lanes_all(center[3]), moves.w)};
}

/* ---- first pass ---- */

enum { DENSITY, CHANGE }; /* of row_sums */

LANES_KERNEL void first_vectors(const list *l, int kinds, bool tail, size_t begin,
                                size_t block, row_sums *sums) {
    const size_t end = end_entry(l, block, tail);
    size_t entry = first_entry(l, block, tail);
    if (entry == end)
        return;
    bonds b, next = measure(l, kinds, tail, begin, entry);
    for (; entry < end; entry += 8) {
        b = next;
        next = measure(l, kinds, tail, begin, entry_after(entry, end));
        const motion m = motion_of(l, &b, entry);
        const pair p = pair_of(tail, false, kinds, &b);
        add_to_row(sums, b.row, DENSITY, p.b);
        add_to_row(sums, b.row, CHANGE, lanes_mul(p.big_b, m.along));
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
                             size_t block, double *unused) {
    row_sums sums;
    (void)unused;
    clear_sums(&sums, 2);
    first_vectors(l, kinds, false, begin, block, &sums);
    first_vectors(l, kinds, true, begin, block, &sums);
    for (size_t atom = begin; atom < end; atom += 8)
        finish_rows(l, atom, end, eight_rows(&sums, atom - begin, DENSITY),
                    eight_rows(&sums, atom - begin, CHANGE));
}

void VARIANT(hop__gupta_product_first_)(const hop__gupta_list *l, size_t begin,
                                        size_t end, size_t block, double *unused) {
    FOR_KINDS(first_pass, l, begin, end, block, unused);
}

/* ---- second pass ---- */

LANES_KERNEL void second_vectors(const list *l, int kinds, bool tail, size_t begin,
                                 size_t block, row_sums *sums) {
    const size_t end = end_entry(l, block, tail);
    size_t entry = first_entry(l, block, tail);
    if (entry == end)
        return;
    bonds b, next = measure(l, kinds, tail, begin, entry);
    for (; entry < end; entry += 8) {
        b = next;
        next = measure(l, kinds, tail, begin, entry_after(entry, end));
        const motion m = motion_of(l, &b, entry);
        const pair p = pair_of(tail, true, kinds, &b);
        const lanes roots = roots_of(kinds, l->places + 4 * b.center, b.w);
        const lanes s = lanes_fnma(p.big_b, roots, p.big_a);
        const lanes slope = lanes_fnma(p.slope_b, roots, p.slope_a);
        const lanes dr = lanes_mul(m.along, p.inverse);
        const lanes ds = lanes_fnma(p.big_b, m.roots, lanes_mul(slope, dr));
        const vectors sum = add_times(row_vector(sums, b.row, 0), ds, b.u);
        set_row_vector(sums, b.row, 0, add_times(sum, s, m.w));
    }
}

LANES_KERNEL void second_pass(const list *l, int kinds, size_t begin, size_t end,
                              size_t block, double *unused) {
    const lanes none = lanes_all(0.0);
    row_sums sums;
    (void)unused;
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
                                         size_t end, size_t block, double *unused) {
    FOR_KINDS(second_pass, l, begin, end, block, unused);
}
