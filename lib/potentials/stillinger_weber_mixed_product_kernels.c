/* Products of the Hessian with a direction for several elements: names as in
 * stillinger_weber_mixed_kernels.c, steps as in stillinger_weber_product_kernels.c. */
#include "potentials/stillinger_weber_mixed.h"
#include "potentials/stillinger_weber_motion.h"

/* ---- the change of the sums ---- */

static void segment_dots(const hop__sw_system *s, const group *gr,
                         const hop__sw_element *e, const vec center[3],
                         const vec own[3], const int32_t *entries, const double *kept,
                         sums *d) {
    leg l[PART];
    *d = no_sums();
    for (size_t k = 0; k < gr->longest; k++) {
        const size_t at = k % PART;
        vec v[3], n[3];
        int32_t home[LANES];
        if (at == 0) {
            if (!kept)
                find_vectors(s, s->mix->away, gr, center, entries + k * LANES, k,
                             part(gr, k), l);
            find_slopes(e, part(gr, k), l, kept ? kept + KEPT * LANES * k : NULL,
                        false);
        }
        places_of(s, entries + k * LANES, kept, home);
        relative(s->direction, home, own, v);
        unit_vector(l + at, n);
        const motion m = motion_at(v, n, l[at].inverse);
        add_change(d, n, &m, l[at].g, l[at].g1);
    }
}

static size_t crowd_dots(const hop__sw_system *s, const crowd *c, size_t at) {
    const size_t kinds = (size_t)s->mix->kinds;
    vec center[3], own[3];
    sums raw[KINDS], d;
    group gr = segment_of(s, c, 0);
    gather3(s->list->positions, gr.rows, center);
    gather3(s->direction, gr.rows, own);
    for (size_t t = 0; t < kinds; t++) {
        gr = segment_of(s, c, t);
        segment_dots(s, &gr, &s->mix->pairs[c->kind * kinds + t], center, own,
                     s->entries + at, s->kept ? s->kept + KEPT * at : NULL, &raw[t]);
        at += LANES * gr.longest;
    }
    for (size_t t = 0; t < kinds; t++) {
        mix_sums(s->mix, c->kind, raw, t, &d);
        put_mixed(s, &gr, t, &d, s->dots, s->dot_pairs);
    }
    return at;
}

/* ---- the change of the forces ---- */

static void segment_product(const hop__sw_system *s, const group *gr, size_t a,
                            size_t t, const vec center[3], const vec own[3],
                            const int32_t *entries, const double *kept, vec hv[3]) {
    const size_t kinds = (size_t)s->mix->kinds, pair = a * kinds + t;
    const hop__sw_element *e = &s->mix->pairs[pair];
    const bool same = s->mix->same[pair];
    const sums mi = get_mixed(s, gr->rows, t, s->moments, s->moment_pairs);
    const sums di = get_mixed(s, gr->rows, t, s->dots, s->dot_pairs);
    leg l[PART], back[PART];
    for (size_t k = 0; k < gr->longest; k++) {
        const size_t at = k % PART;
        int32_t home[LANES];
        vec v[3];
        if (at == 0) {
            if (!kept)
                find_vectors(s, s->mix->away, gr, center, entries + k * LANES, k,
                             part(gr, k), l);
            find_slopes(e, part(gr, k), l, kept ? kept + KEPT * LANES * k : NULL, true);
            if (!same) {
                memcpy(back, l, part(gr, k) * sizeof *l);
                find_slopes(&s->mix->pairs[t * kinds + a], part(gr, k), back, NULL,
                            true);
            }
        }
        places_of(s, entries + k * LANES, kept, home);
        relative(s->direction, home, own, v);
        const sums mj = get_mixed(s, home, a, s->moments, s->moment_pairs);
        const sums dj = get_mixed(s, home, a, s->dots, s->dot_pairs);
        if (same) {
            const sums m = across(&mi, &mj), d = across(&di, &dj);
            leg_product(l + at, v, &m, &d, hv);
        } else {
            const sums m = reversed(&mj), d = reversed(&dj);
            leg_product(l + at, v, &mi, &di, hv);
            leg_product(back + at, v, &m, &d, hv);
        }
    }
}

static size_t crowd_product(const hop__sw_system *s, const crowd *c, size_t at) {
    const vec zero = all(0.0);
    vec center[3], own[3], hv[3] = {zero, zero, zero};
    group gr = segment_of(s, c, 0);
    gather3(s->list->positions, gr.rows, center);
    gather3(s->direction, gr.rows, own);
    for (size_t t = 0; t < (size_t)s->mix->kinds; t++) {
        gr = segment_of(s, c, t);
        segment_product(s, &gr, c->kind, t, center, own, s->entries + at,
                        s->kept ? s->kept + KEPT * at : NULL, hv);
        at += LANES * gr.longest;
    }
    for (size_t k = 0; k < gr.lanes; k++)
        for (size_t x = 0; x < 3; x++)
            s->forces[3 * (size_t)s->list->atom[gr.rows[k]] + x] = hv[x][k];
    return at;
}

/* ---- blocks ---- */

void VARIANT(hop__sw_mixed_dots_)(const hop__sw_system *s, size_t block) {
    const size_t kinds = (size_t)s->mix->kinds;
    size_t at = s->begins[block], done = 0;
    crowd c = {0, block * slots_of(s->mix), 0};
    while (next_crowd(s->sizes + block * kinds, kinds, &done, &c))
        at = crowd_dots(s, &c, at);
}

void VARIANT(hop__sw_mixed_product_)(const hop__sw_system *s, size_t block) {
    const size_t kinds = (size_t)s->mix->kinds;
    size_t at = s->begins[block], done = 0;
    crowd c = {0, block * slots_of(s->mix), 0};
    while (next_crowd(s->sizes + block * kinds, kinds, &done, &c))
        at = crowd_product(s, &c, at);
}
