/* Energies and forces.  Each row is summed by itself, eight neighbours at a time, in the
 * order of the list: the result does not depend on who does which row.
 *
 *   first pass   a: repulsion, b: squared hopping; A = -2 a'/r, B = -b'/(2 r);
 *                rho_i = sum b, and the part A u of the force and of the virial
 *   second pass  the part -(1/sqrt(rho_i) + 1/sqrt(rho_j)) B u
 *
 * All vectors of a block are done in one loop: loops over the two or three vectors of a
 * row, whose ends no processor foresees, would take longer than what is in them. */
#include "potentials/gupta_kernels.h"
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
        sums[1 + k] += 0.5 * lanes_sum(v->of[k]);
}

/* ---- first pass ---- */

enum { A, B, PULL }; /* of row_sums */

LANES_KERNEL void first_vectors(const list *l, int kinds, bool tail, size_t begin,
                                size_t block, row_sums *sums, virial *v) {
    const size_t end = end_entry(l, block, tail);
    for (size_t entry = first_entry(l, block, tail); entry < end; entry += 8) {
        const place_of at = vector_at(l, begin, entry);
        const lanes_places places = lanes_gather(l->places, l->kept + entry);
        const vectors u = to_center(broadcast(l->places + 4 * at.center), places);
        lanes inverse;
        const pair p = pair_of(tail, false, rates_of_row(l, kinds, at.center), kinds,
                               places.w, square_of(u), at.count, &inverse);
        const vectors f = times(p.big_a, u), pull = row_vector(sums, at.row, PULL);
        lanes_store(l->terms + entry, p.big_b);
        add_to_row(sums, at.row, A, p.a);
        add_to_row(sums, at.row, B, p.b);
        set_row_vector(sums, at.row, PULL, add_times(pull, p.big_a, u));
        add_virial(v, f, u);
    }
}

/* Energies and 1/sqrt(rho) of eight rows; 0 for an atom without neighbours, whose band
   energy has no slope there.  Returns the sum of the energies. */
LANES_KERNEL double finish_rows(const list *l, size_t atom, size_t end, lanes repulsion,
                                lanes density) {
    _Alignas(64) double energy[8], inverse[8];
    const lanes root = lanes_sqrt(density);
    lanes_store(energy, lanes_sub(repulsion, root));
    lanes_store(inverse, lanes_where_above(density, HOP__GUPTA_ALONE,
                                           lanes_div(lanes_all(1.0), root)));
    double sum = 0.0;
    for (size_t k = 0; k < 8 && atom + k < end; k++) {
        l->energies[atom + k] = energy[k];
        l->root[l->neighbors->place[atom + k]] = inverse[k];
        sum += energy[k];
    }
    return sum;
}

LANES_KERNEL void first_pass(const list *l, int kinds, size_t begin, size_t end,
                             size_t block) {
    double *total = l->sums + block * HOP__LIST_SUMS;
    row_sums sums;
    virial v;
    clear_sums(&sums, 5);
    clear_virial(&v);
    first_vectors(l, kinds, false, begin, block, &sums, &v);
    first_vectors(l, kinds, true, begin, block, &sums, &v);
    memset(total, 0, HOP__LIST_SUMS * sizeof *total);
    for (size_t atom = begin; atom < end; atom += 8) {
        const size_t row = atom - begin;
        const vectors pull = eight_vectors(&sums, row, PULL);
        lanes_store(pulls_of(l, atom), pull.x);
        lanes_store(pulls_of(l, atom) + 8, pull.y);
        lanes_store(pulls_of(l, atom) + 16, pull.z);
        total[0] += finish_rows(l, atom, end, eight_rows(&sums, row, A),
                                eight_rows(&sums, row, B));
    }
    give_virial(&v, total);
}

void VARIANT(hop__gupta_list_first_)(const hop__gupta_list *l, size_t begin, size_t end,
                                     size_t block) {
    FOR_KINDS(first_pass, l, begin, end, block);
}

/* ---- second pass ---- */

LANES_KERNEL void second_vectors(const list *l, bool tail, size_t begin, size_t block,
                                 row_sums *sums, virial *v) {
    const size_t end = end_entry(l, block, tail);
    for (size_t entry = first_entry(l, block, tail); entry < end; entry += 8) {
        const place_of at = vector_at(l, begin, entry);
        const lanes_places places = lanes_gather(l->places, l->kept + entry);
        const vectors u = to_center(broadcast(l->places + 4 * at.center), places);
        const lanes root = lanes_all(-l->root[at.center]);
        const lanes s = lanes_mul(lanes_sub(root, places.w), lanes_load(l->terms + entry));
        const vectors f = times(s, u), pull = row_vector(sums, at.row, 0);
        set_row_vector(sums, at.row, 0, add_times(pull, s, u));
        add_virial(v, f, u);
    }
}

void VARIANT(hop__gupta_list_second_)(const hop__gupta_list *l, size_t begin,
                                      size_t end, size_t block) {
    row_sums sums;
    virial v;
    clear_sums(&sums, 3);
    clear_virial(&v);
    second_vectors(l, false, begin, block, &sums, &v);
    second_vectors(l, true, begin, block, &sums, &v);
    for (size_t atom = begin; atom < end; atom += 8) {
        const double *pulls = pulls_of(l, atom);
        vectors force = eight_vectors(&sums, atom - begin, 0);
        force.x = lanes_add(lanes_load(pulls), force.x);
        force.y = lanes_add(lanes_load(pulls + 8), force.y);
        force.z = lanes_add(lanes_load(pulls + 16), force.z);
        put_by_atom(l->forces, atom, end, force);
    }
    give_virial(&v, l->sums + block * HOP__LIST_SUMS);
}
