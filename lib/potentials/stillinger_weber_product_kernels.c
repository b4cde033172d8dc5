/* Products of the Hessian with a direction: the change along it of the sums, and then of
 * h = a n + b W, by the product rule (names as in stillinger_weber_kernels.c).  The passes
 * come after hop__sw_moments. */
#include "potentials/stillinger_weber_fetch.h"
#include "potentials/stillinger_weber_motion.h"

/* ---- the change of the sums ---- */

static void group_dots(const hop__sw_system *s, const group *gr, const int32_t *entries,
                       const double *kept) {
    const vec zero = all(0.0);
    sums d = {{zero, zero, zero, zero, zero, zero}, {zero, zero, zero}, zero};
    vec center[3], own[3];
    leg l[PART];
    gather3(s->list->positions, gr->rows, center);
    gather3(s->direction, gr->rows, own);
    for (size_t k = 0; k < gr->longest; k++) {
        const size_t at = k % PART;
        vec v[3], n[3];
        int32_t home[LANES];
        if (at == 0) {
            if (!kept)
                find_vectors(s, 2.0 * s->element.barrier, gr, center,
                             entries + k * LANES, k, part(gr, k), l);
            find_slopes(&s->element, part(gr, k), l,
                        kept ? kept + KEPT * LANES * k : NULL, false);
        }
        if (kept)
            memcpy(home, entries + k * LANES, sizeof home);
        else
            homes(s->list, entries + k * LANES, home);
        relative(s->direction, home, own, v);
        unit_vector(l + at, n);
        const motion m = motion_at(v, n, l[at].inverse);
        add_change(&d, n, &m, l[at].g, l[at].g1);
    }
    weigh(&s->element, &d);
    put_sums(&d, gr, s->dots, s->dot_pairs);
}

/* ---- the change of the forces ---- */

static void group_product(const hop__sw_system *s, const group *gr,
                          const int32_t *entries, const double *kept) {
    const vec zero = all(0.0);
    vec center[3], own[3], hv[3] = {zero, zero, zero};
    leg l[PART];
    gather3(s->list->positions, gr->rows, center);
    gather3(s->direction, gr->rows, own);
    const sums mi = get_sums(gr->rows, s->moments, s->moment_pairs);
    const sums di = get_sums(gr->rows, s->dots, s->dot_pairs);
    for (size_t k = 0; k < gr->longest; k++) {
        const size_t at = k % PART;
        int32_t home[LANES];
        vec v[3];
        if (at == 0) {
            if (!kept)
                find_vectors(s, 2.0 * s->element.barrier, gr, center,
                             entries + k * LANES, k, part(gr, k), l);
            find_slopes(&s->element, part(gr, k), l,
                        kept ? kept + KEPT * LANES * k : NULL, true);
        }
        if (kept)
            memcpy(home, entries + k * LANES, sizeof home);
        else
            homes(s->list, entries + k * LANES, home);
        const sums mj = get_sums(home, s->moments, s->moment_pairs),
                   m = across(&mi, &mj);
        const sums dj = get_sums(home, s->dots, s->dot_pairs), d = across(&di, &dj);
        relative(s->direction, home, own, v);
        leg_product(l + at, v, &m, &d, hv);
    }
    for (size_t k = 0; k < gr->lanes; k++)
        for (size_t c = 0; c < 3; c++)
            s->forces[3 * (size_t)s->list->atom[gr->rows[k]] + c] = hv[c][k];
}

/* ---- blocks ---- */

void VARIANT(hop__sw_dots_)(const hop__sw_system *s, size_t block) {
    size_t at = s->begins[block];
    for (size_t first = 0; first < rows_in(s, block); first += LANES) {
        const group g = group_at(s, block, first);
        group_dots(s, &g, s->entries + at, s->kept ? s->kept + KEPT * at : NULL);
        at += LANES * g.longest;
    }
}

FETCH void fetch_for_product(const hop__sw_system *s, ahead *a, size_t row) {
    size_t chunk;
    const size_t coming = a->begin + row;
    for (size_t k = 0; a->count > 0 && coming + k < s->list->atoms && k < LANES; k++)
        fetch_to_write(s->forces + 3 * (size_t)s->list->atom[coming + k]);
    while (next_chunk(a, row, &chunk)) {
        fetch_sums(s, HOP__SW_CHUNK * chunk, HOP__SW_CHUNK * (chunk + 1));
        fetch_changes(s, HOP__SW_CHUNK * chunk, HOP__SW_CHUNK * (chunk + 1));
    }
}

void VARIANT(hop__sw_product_)(const hop__sw_system *s, size_t block) {
    ahead coming = ahead_of(s, block);
    size_t at = s->begins[block];
    for (size_t first = 0; first < rows_in(s, block); first += LANES) {
        const group g = group_at(s, block, first);
        fetch_for_product(s, &coming, first);
        group_product(s, &g, s->entries + at, s->kept ? s->kept + KEPT * at : NULL);
        at += LANES * g.longest;
    }
}
