/* Energies and forces.  Each row is summed by itself, eight neighbours at a time, in the
 * order of the list: the result does not depend on who does which row.
 *
 *   first pass   rho_i = sum b, the squared hopping
 *   second pass  repulsion a and, with A = -2 a'/r, B = -b'/(2 r), the force
 *                (A - (1/sqrt(rho_i) + 1/sqrt(rho_j)) B) u
 *
 * Where a block has room for terms, the first pass makes a, A and B, too.  Otherwise the
 * second makes all anew, to the same bits.  All vectors of a block are done in one loop: loops over
 * the two or three vectors of a row, whose ends no processor foresees, would take longer
 * than what is in them. */
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

enum { ENERGY, FORCE, DENSITY = FORCE }; /* of row_sums */

/* Where the block's are, two for each entry, or NULL. */
LANES_KERNEL double *terms_of(const list *l, size_t block) {
    return l->room[block] < l->ring ? l->terms + 2 * l->room[block] : NULL;
}

LANES_KERNEL void first_vectors(const list *l, int kinds, double *terms, bool tail,
                                size_t begin, size_t block, const double *squares,
                                row_sums *sums) {
    const size_t end = end_entry(l, block, tail), offset = l->room[block];
    size_t entry = first_entry(l, block, tail);
    if (entry == end)
        return;
    bonds b, next = recall(l, kinds, begin, entry, squares + (entry - offset));
    for (; entry < end; entry += 8) {
        const size_t after = entry_after(entry, end);
        b = next;
        next = recall(l, kinds, begin, after, squares + (after - offset));
        if (terms) {
            const pair p = pair_of(tail, false, kinds, &b);
            lanes_store(terms + 2 * (entry - offset), p.big_a);
            lanes_store(terms + 2 * (entry - offset) + 8, p.big_b);
            add_to_row(sums, b.row, ENERGY, p.a);
            add_to_row(sums, b.row, DENSITY, p.b);
        } else {
            add_to_row(sums, b.row, DENSITY, hopping_of(tail, kinds, &b));
        }
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

LANES_KERNEL void first_rows(const list *l, int kinds, double *terms, size_t begin,
                             size_t end, size_t block, const double *squares) {
    double total = 0.0;
    row_sums sums;
    clear_sums(&sums, 2);
    first_vectors(l, kinds, terms, false, begin, block, squares, &sums);
    first_vectors(l, kinds, terms, true, begin, block, squares, &sums);
    for (size_t atom = begin; atom < end; atom += 8) {
        finish_rows(l, atom, end, eight_rows(&sums, atom - begin, DENSITY));
        if (terms)
            total +=
                add_repulsion(l, atom, end, eight_rows(&sums, atom - begin, ENERGY));
    }
    l->sums[block * HOP__LIST_SUMS] = total;
}

LANES_KERNEL void first_pass(const list *l, int kinds, size_t begin, size_t end,
                             size_t block, const double *squares) {
    double *terms = terms_of(l, block);
    if (terms)
        first_rows(l, kinds, terms, begin, end, block, squares);
    else
        first_rows(l, kinds, NULL, begin, end, block, squares);
}

void VARIANT(hop__gupta_list_first_)(const hop__gupta_list *l, size_t begin, size_t end,
                                     size_t block, double *squares) {
    FOR_KINDS(first_pass, l, begin, end, block, squares);
}

/* ---- second pass ---- */

LANES_KERNEL void add_force(row_sums *sums, virial *v, size_t row, vectors f,
                            vectors u) {
    set_row_vector(sums, row, FORCE, plus(row_vector(sums, row, FORCE), f));
    add_virial(v, f, u);
}

LANES_KERNEL void second_vectors(const list *l, int kinds, bool tail, size_t begin,
                                 size_t block, row_sums *sums, virial *v) {
    const size_t end = end_entry(l, block, tail);
    size_t entry = first_entry(l, block, tail);
    if (entry == end)
        return;
    bonds b, next = measure(l, kinds, tail, begin, entry);
    for (; entry < end; entry += 8) {
        b = next;
        next = measure(l, kinds, tail, begin, entry_after(entry, end));
        const pair p = pair_of(tail, false, kinds, &b);
        const lanes roots = roots_of(kinds, l->places + 4 * b.center, b.w);
        add_to_row(sums, b.row, ENERGY, p.a);
        add_force(sums, v, b.row, times(lanes_fnma(roots, p.big_b, p.big_a), b.u), b.u);
    }
}

/* The same from terms that were kept, but for the energy. */
LANES_KERNEL void second_vectors_kept(const list *l, int kinds, const double *kept,
                                      bool tail, size_t begin, size_t block,
                                      row_sums *sums, virial *v) {
    const size_t end = end_entry(l, block, tail), offset = l->room[block];
    for (size_t entry = first_entry(l, block, tail); entry < end; entry += 8) {
        const size_t row = (size_t)l->vectors[entry / 8] / 16;
        const double *center = l->places + 4 * (size_t)l->neighbors->place[begin + row];
        const double *terms = kept + 2 * (entry - offset);
        const lanes_places places = lanes_gather(l->places, l->kept + entry);
        const vectors u = to_center(broadcast(center), places);
        const lanes roots = roots_of(kinds, center, places.w);
        const lanes s = lanes_fnma(roots, lanes_load(terms + 8), lanes_load(terms));
        add_force(sums, v, row, times(s, u), u);
    }
}

LANES_KERNEL void second_pass(const list *l, int kinds, size_t begin, size_t end,
                              size_t block, const double *unused) {
    double *total = l->sums + block * HOP__LIST_SUMS;
    const double *terms = terms_of(l, block);
    row_sums sums;
    virial v;
    (void)unused;
    clear_sums(&sums, 4);
    clear_virial(&v);
    if (terms) {
        second_vectors_kept(l, kinds, terms, false, begin, block, &sums, &v);
        second_vectors_kept(l, kinds, terms, true, begin, block, &sums, &v);
    } else {
        second_vectors(l, kinds, false, begin, block, &sums, &v);
        second_vectors(l, kinds, true, begin, block, &sums, &v);
    }
    for (size_t atom = begin; atom < end; atom += 8) {
        const size_t row = atom - begin;
        put_by_atom(l->forces, atom, end, eight_vectors(&sums, row, FORCE));
        if (!terms)
            total[0] += add_repulsion(l, atom, end, eight_rows(&sums, row, ENERGY));
    }
    give_virial(&v, total);
}

void VARIANT(hop__gupta_list_second_)(const hop__gupta_list *l, size_t begin,
                                      size_t end, size_t block, double *unused) {
    FOR_KINDS(second_pass, l, begin, end, block, unused);
}
