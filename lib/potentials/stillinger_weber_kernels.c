/* The triplets of a centre i sum over pairs of legs j, k.  With g = exp(gamma sigma /
 * (r - a sigma)) and n = u / r of each leg and the sums over legs
 *
 *   S = sum g,  V = sum g n,  T = sum g n n,
 *
 *   sum_{j<k} (cos - c)^2 g_j g_k = (T:T - 2 c V.V + c^2 S^2 - (1 - c)^2 sum g^2) / 2,
 *
 * and the force between i and j needs only the sums of both:
 *
 *   h_ij = a n + b W,  W = 2 T n - 2 c V,  T = T_i + T_j,  V = V_i - V_j,  S = S_i + S_j,
 *   Q = n.T n - 2 c V.n + c^2 S - 2 (1 - c)^2 g,  b = g / r,
 *   a = dphi/dr + dg/dr Q - b n.W          (T, V, S, Q times lambda epsilon)
 *
 * Each atom adds up its own neighbours in the order of the list. */
#include "potentials/stillinger_weber_kernels.h"
#include "potentials/stillinger_weber_fetch.h"
#include "potentials/stillinger_weber_filter.h"
#include "potentials/stillinger_weber_legs.h"
#include "potentials/stillinger_weber_totals.h"

/* ---- memory in time ---- */

FETCH void fetch_for_moments(const hop__sw_system *s, ahead *a, size_t row) {
    size_t chunk;
    const size_t coming = a->begin + row;
    if (a->count > 0 && coming < s->list->atoms) {
        fetch_to_write(s->moments + 8 * coming);
        fetch_to_write(s->moment_pairs + 2 * coming);
        if (s->energies)
            fetch_to_write(s->energies + s->list->atom[coming]);
    }
    while (next_chunk(a, row, &chunk)) {
        fetch_bytes(s->list->rough + 4 * HOP__SW_CHUNK * chunk, 16 * HOP__SW_CHUNK);
        fetch_bytes(s->list->positions + 4 * HOP__SW_CHUNK * chunk, 32 * HOP__SW_CHUNK);
        if (s->direction)
            fetch_bytes(s->direction + 4 * HOP__SW_CHUNK * chunk, 32 * HOP__SW_CHUNK);
    }
}

/* ---- groups ---- */

/* The rows of a block by the number of their neighbours, most first. */
static void sort_by_count(const size_t *counts, size_t begin, size_t n, int32_t *rows,
                          int32_t *sorted) {
    enum { CLASSES = 64 };
    int32_t at[CLASSES + 1] = {0};
    for (size_t i = 0; i < n; i++)
        at[CLASSES - (counts[i] < CLASSES ? counts[i] : CLASSES - 1)]++;
    for (int c = 1; c <= CLASSES; c++)
        at[c] += at[c - 1];
    for (size_t i = n; i-- > 0;) {
        size_t class = CLASSES - (counts[i] < CLASSES ? counts[i] : CLASSES - 1);
        size_t to = (size_t)--at[class];
        rows[to] = (int32_t)(begin + i);
        sorted[to] = (int32_t)counts[i];
    }
    for (size_t i = n; i < HOP__SW_BLOCK; i++) {
        rows[i] = (int32_t)begin;
        sorted[i] = 0;
    }
}

/* Neighbour k of each lane; the atom itself where a lane has no more.  Rows of `scratch`
   have room for LANES more; up to LANES * LANES entries too many are written. */
static void fill_entries(const group *g, size_t begin, int32_t *scratch, size_t stride,
                         int32_t *entries) {
    const int32_t *rows[LANES];
    for (size_t l = 0; l < LANES; l++) {
        /* empty lanes are in the last group of all, whose block has rows to spare */
        const size_t at = l < g->lanes ? (size_t)g->rows[l] - begin : HOP__SW_BLOCK - 1;
        int32_t *row = scratch + at * stride;
        for (size_t k = (size_t)g->counts[l]; k < g->longest; k++)
            row[k] = g->rows[l];
        rows[l] = row;
    }
    for (size_t k = 0; k < g->longest; k += LANES) {
        interleave(rows, entries + k * LANES);
        for (int l = 0; l < LANES; l++)
            rows[l] += LANES;
    }
}

/* ---- sums over the neighbours of each atom ---- */

static void group_moments(hop__sw_system *s, const group *gr, int32_t *entries,
                          double *kept) {
    const hop__sw_element e = s->element;
    const vec zero = all(0.0);
    sums m = {{zero, zero, zero, zero, zero, zero}, {zero, zero, zero}, zero};
    vec center[3], pairs = zero, squares = zero;
    leg l[PART];
    gather3(s->list->positions, gr->rows, center);
    for (size_t from = 0; from < gr->longest; from += PART) {
        const size_t count = gr->longest - from < PART ? gr->longest - from : PART;
        find_vectors(s, 2.0 * s->element.barrier, gr, center, entries + from * LANES,
                     from, count, l);
        find_energies(&e, count, l, kept ? kept + KEPT * LANES * from : NULL);
        for (size_t k = from; kept && k < from + count; k++)
            homes(s->list, entries + k * LANES, entries + k * LANES);
        for (size_t k = 0; k < count; k++) {
            pairs += l[k].phi;
            squares = fused(l[k].g, l[k].g, squares);
            add_leg(&m, &l[k]);
        }
    }
    const double c = e.cosine;
    vec triplets = contract(m.t, m.t) - 2.0 * c * dot(m.v, m.v) + c * c * (m.s * m.s) -
                   (1.0 - c) * (1.0 - c) * squares;
    vec energy = 0.5 * (e.pair * pairs + e.triplet * triplets);
    for (size_t k = 0; k < gr->lanes && s->energies; k++)
        s->energies[s->list->atom[gr->rows[k]]] = energy[k];
    weigh(&e, &m);
    put_sums(&m, gr, s->moments, s->moment_pairs);
}

void VARIANT(hop__sw_moments_)(hop__sw_system *s, size_t block, int32_t *scratch) {
    const hop__neighbors *list = s->list;
    const size_t begin = block * HOP__SW_BLOCK, stride = list->longest + 32;
    const size_t n = rows_in(s, block);
    size_t counts[HOP__SW_BLOCK], total = 0;
    ahead next = ahead_of(s, block);
    for (size_t i = 0; i < n; i++) {
        fetch_for_moments(s, &next, i);
        counts[i] = filter_row(list, s->element.reach, begin + i, scratch + i * stride);
    }
    sort_by_count(counts, begin, n, s->rows + begin, s->counts + begin);
    for (size_t first = 0; first < n; first += LANES)
        total += LANES * group_at(s, block, first).longest;
    total += LANES * LANES;
    size_t at =
        atomic_fetch_add_explicit(&s->entries_used, total, memory_order_relaxed);
    s->begins[block] = at;
    if (at + total > s->entry_capacity)
        return;
    for (size_t first = 0; first < n; first += LANES) {
        const group g = group_at(s, block, first);
        fill_entries(&g, begin, scratch, stride, s->entries + at);
        group_moments(s, &g, s->entries + at, s->kept ? s->kept + KEPT * at : NULL);
        at += LANES * g.longest;
    }
}

/* ---- forces ---- */

static void group_forces(const hop__sw_system *s, const group *gr,
                         const int32_t *entries, const double *kept, whole *virial) {
    const vec zero = all(0.0), half = all(-0.5 * s->virial_scale);
    vec center[3], fx = zero, fy = zero, fz = zero;
    vec xx = zero, yy = zero, zz = zero, yz = zero, xz = zero, xy = zero;
    leg l[PART];
    gather3(s->list->positions, gr->rows, center);
    const sums mi = get_sums(gr->rows, s->moments, s->moment_pairs);
    for (size_t from = 0; from < gr->longest; from += PART) {
        const size_t count = gr->longest - from < PART ? gr->longest - from : PART;
        const int32_t *places = entries + from * LANES;
        if (!kept)
            find_vectors(s, 2.0 * s->element.barrier, gr, center, places, from, count,
                         l);
        find_slopes(&s->element, count, l, kept ? kept + KEPT * LANES * from : NULL,
                    false);
        for (size_t k = 0; k < count; k++) {
            int32_t home[LANES];
            vec h[3];
            if (!kept)
                homes(s->list, places + k * LANES, home);
            const sums mj =
                get_sums(kept ? places + k * LANES : home, s->moments, s->moment_pairs);
            const sums m = across(&mi, &mj);
            leg_force(l + k, &m, h);
            const vec ux = l[k].u[0], uy = l[k].u[1], uz = l[k].u[2];
            fx += h[0];
            fy += h[1];
            fz += h[2];
            xx = fused(ux, h[0], xx);
            yy = fused(uy, h[1], yy);
            zz = fused(uz, h[2], zz);
            yz = fused(uy, h[2], yz);
            xz = fused(ux, h[2], xz);
            xy = fused(ux, h[1], xy);
        }
    }
    const vec w[6] = {half * xx, half * yy, half * zz, half * yz, half * xz, half * xy};
    for (int k = 0; k < 6; k++)
        add_whole(virial, k, w[k]);
    put_forces(s, gr, fx, fy, fz);
}

FETCH void fetch_for_forces(const hop__sw_system *s, ahead *a, size_t row) {
    size_t chunk;
    const size_t coming = a->begin + row;
    for (size_t k = 0; a->count > 0 && coming + k < s->list->atoms && k < LANES; k++)
        fetch_to_write(s->forces + 3 * (size_t)s->list->atom[coming + k]);
    while (next_chunk(a, row, &chunk))
        fetch_sums(s, HOP__SW_CHUNK * chunk, HOP__SW_CHUNK * (chunk + 1));
}

void VARIANT(hop__sw_forces_)(const hop__sw_system *s, size_t block) {
    const size_t n = rows_in(s, block);
    ahead coming = ahead_of(s, block);
    size_t at = s->begins[block];
    group next = group_at(s, block, 0);
    whole virial;
    memset(&virial, 0, sizeof virial);
    for (size_t first = 0; first < n; first += LANES) {
        const group g = next;
        fetch_for_forces(s, &coming, first);
        if (first + LANES < n)
            next = group_at(s, block, first + LANES);
        group_forces(s, &g, s->entries + at, s->kept ? s->kept + KEPT * at : NULL,
                     &virial);
        at += LANES * g.longest;
    }
    put_whole(&s->virials[block], &virial);
}
