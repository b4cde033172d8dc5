/* Energies and forces.  Each row is summed by itself, eight neighbours at a time, in the
 * order of the list: the result does not depend on who does which row.
 *
 *   first pass   rho_i = sum b, the squared hopping
 *   second pass  repulsion a and, with A = -2 a'/r, B = -b'/(2 r), the force
 *                (A - (1/sqrt(rho_i) + 1/sqrt(rho_j)) B) u
 *
 * The second makes b anew: to keep it would move more bytes than the processor can while
 * it computes.  All vectors of a block are done in one loop: loops over the two or three
 * vectors of a row, whose ends no processor foresees, would take longer than what is in
 * them. */
#include "potentials/gupta_list_pairs.h"

typedef hop__gupta_list list;

/* ---- virial ---- */

typedef struct virial {
    lanes of[6];
} virial;

LANES_KERNEL void add_virial(virial *v, vectors f, vectors u) {
    v->of[0] = lanes_fma(f.x, u.x, v->of[0]);
    v->of[1] = lanes_fma(f.y, u.y, v->of[1]);
    v->of[2] = lanes_fma(f.z, u.z, v->of[2]);
    v->of[3] = lanes_fma(f.y, u.z, v->of[3]);
    v->of[4] = lanes_fma(f.x, u.z, v->of[4]);
    v->of[5] = lanes_fma(f.x, u.y, v->of[5]);
}

LANES_KERNEL void clear_virial(virial *v) {
    for (int k = 0; k < 6; k++)
        v->of[k] = lanes_all(0.0);
}

LANES_KERNEL void give_virial(const virial *v, double *sums) {
    for (int k = 0; k < 6; k++)
        sums[1 + k] = 0.5 * lanes_sum(v->of[k]);
}

/* ---- first pass ---- */

LANES_KERNEL void first_vectors(const list *l, int kinds, bool tail, size_t begin,
                                size_t block, row_sums *sums) {
    const size_t end = end_entry(l, block, tail);
    size_t entry = first_entry(l, block, tail);
    if (entry == end)
        return;
    bonds b, next = measure(l, kinds, tail, false, begin, entry);
    for (; entry < end; entry += 8) {
        b = next;
        next = measure(l, kinds, tail, false, begin, entry_after(entry, end));
        add_to_row(sums, b.row, 0, hopping_of(tail, kinds, &b));
    }
}

/* Band energies and 1/sqrt(rho) of eight rows. */
LANES_KERNEL void finish_rows(const list *l, size_t atom, size_t end, lanes density) {
    _Alignas(64) double root[8], inverse[8];
    const lanes roots = lanes_sqrt(density);
    lanes_store(root, roots);
    lanes_store(inverse, inverse_roots(density, roots));
    for (size_t k = 0; k < 8 && atom + k < end; k++) {
        l->energies[atom + k] = -root[k];
        l->root[l->neighbors->place[atom + k]] = inverse[k];
    }
}

LANES_KERNEL void first_pass(const list *l, int kinds, size_t begin, size_t end,
                             size_t block) {
    row_sums sums;
    clear_sums(&sums, 1);
    first_vectors(l, kinds, false, begin, block, &sums);
    first_vectors(l, kinds, true, begin, block, &sums);
    for (size_t atom = begin; atom < end; atom += 8)
        finish_rows(l, atom, end, eight_rows(&sums, atom - begin, 0));
}

void VARIANT(hop__gupta_list_first_)(const hop__gupta_list *l, size_t begin, size_t end,
                                     size_t block) {
    FOR_KINDS(first_pass, l, begin, end, block);
}

/* ---- second pass ---- */

enum { ENERGY, FORCE }; /* of row_sums */

LANES_KERNEL void second_vectors(const list *l, int kinds, bool tail, size_t begin,
                                 size_t block, row_sums *sums, virial *v) {
    const size_t end = end_entry(l, block, tail);
    size_t entry = first_entry(l, block, tail);
    if (entry == end)
        return;
    bonds b, next = measure(l, kinds, tail, true, begin, entry);
    for (; entry < end; entry += 8) {
        b = next;
        next = measure(l, kinds, tail, true, begin, entry_after(entry, end));
        const pair p = pair_of(tail, false, kinds, &b);
        const vectors f =
            times(lanes_fnma(roots_of(l, kinds, &b), p.big_b, p.big_a), b.u);
        add_to_row(sums, b.row, ENERGY, p.a);
        set_row_vector(sums, b.row, FORCE, plus(row_vector(sums, b.row, FORCE), f));
        add_virial(v, f, b.u);
    }
}

/* Returns the sum of the energies. */
LANES_KERNEL double add_repulsion(const list *l, size_t atom, size_t end,
                                  lanes repulsion) {
    _Alignas(64) double energy[8];
    double sum = 0.0;
    lanes_store(energy, repulsion);
    for (size_t k = 0; k < 8 && atom + k < end; k++)
        sum += l->energies[atom + k] += energy[k];
    return sum;
}

LANES_KERNEL void second_pass(const list *l, int kinds, size_t begin, size_t end,
                              size_t block) {
    double *total = l->sums + block * HOP__LIST_SUMS;
    row_sums sums;
    virial v;
    clear_sums(&sums, 4);
    clear_virial(&v);
    second_vectors(l, kinds, false, begin, block, &sums, &v);
    second_vectors(l, kinds, true, begin, block, &sums, &v);
    total[0] = 0.0;
    for (size_t atom = begin; atom < end; atom += 8) {
        const size_t row = atom - begin;
        put_by_atom(l->forces, atom, end, eight_vectors(&sums, row, FORCE));
        total[0] += add_repulsion(l, atom, end, eight_rows(&sums, row, ENERGY));
    }
    give_virial(&v, total);
}

void VARIANT(hop__gupta_list_second_)(const hop__gupta_list *l, size_t begin,
                                      size_t end, size_t block) {
    FOR_KINDS(second_pass, l, begin, end, block);
}
