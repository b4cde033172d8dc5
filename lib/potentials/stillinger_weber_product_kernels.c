/* Products of the Hessian with a direction: the change along it of the sums, and then of
 * h = a n + b W, by the product rule (names as in stillinger_weber_kernels.c).  The passes
 * come after hop__sw_moments. */
#include "potentials/stillinger_weber_legs.h"

/* The change of a leg: of its length and of its unit vector. */
typedef struct motion {
    vec v[3], dr, dn[3];
} motion;

static inline motion motion_at(const vec v[3], const vec n[3], vec inverse) {
    motion m = {{v[0], v[1], v[2]}, dot(n, v), {v[0], v[1], v[2]}};
    for (int c = 0; c < 3; c++)
        m.dn[c] = (v[c] - n[c] * m.dr) * inverse;
    return m;
}

static inline void relative(const double *direction, const int32_t *places,
                            const vec center[3], vec out[3]) {
    gather3(direction, places, out);
    for (int c = 0; c < 3; c++)
        out[c] -= center[c];
}

static inline void unit_vector(const leg *l, vec n[3]) {
    for (int c = 0; c < 3; c++)
        n[c] = l->u[c] * l->inverse;
}

static inline size_t part(const group *g, size_t k) {
    return g->longest - k < PART ? g->longest - k : PART;
}

/* ---- the change of the sums ---- */

static inline void add_change(sums *d, const vec n[3], const motion *m, vec g, vec g1) {
    static const int row[6] = {0, 1, 2, 1, 0, 0}, column[6] = {0, 1, 2, 2, 2, 1};
    const vec dg = g1 * m->dr;
    vec gn[3], dgn[3];
    for (int c = 0; c < 3; c++) {
        gn[c] = g * n[c];
        dgn[c] = fused(dg, n[c], g * m->dn[c]);
        d->v[c] += dgn[c];
    }
    for (int k = 0; k < 6; k++)
        d->t[k] = fused(dgn[row[k]], n[column[k]],
                        fused(gn[row[k]], m->dn[column[k]], d->t[k]));
    d->s += dg;
}

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
                find_vectors(s, gr, center, entries + k * LANES, k, part(gr, k), l);
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

static inline void leg_product(const leg *l, const vec v[3], const sums *m,
                               const sums *d, vec hv[3]) {
    vec n[3], tn[3], tdn[3], dtn[3];
    unit_vector(l, n);
    const motion mo = motion_at(v, n, l->inverse);
    const vec b = l->b, g1 = l->g1;
    times(m->t, n, tn);
    times(m->t, mo.dn, tdn);
    times(d->t, n, dtn);
    const vec ntn = dot(n, tn), nv = dot(n, m->v), nw = ntn - nv;
    const vec dntn = fused(all(2.0), dot(tn, mo.dn), dot(n, dtn));
    const vec dnv = dot(n, d->v) + dot(mo.dn, m->v);
    const vec q = fused(ntn, all(0.5), m->s - nv),
              dq = fused(dntn, all(0.5), d->s - dnv);
    const vec db = (g1 - b) * l->inverse * mo.dr;
    const vec a = fused(g1, q, l->a) - b * nw;
    const vec da =
        fused(fused(l->g2, q, l->a2), mo.dr, g1 * dq) - db * nw - b * (dntn - dnv);
    for (int c = 0; c < 3; c++) {
        vec dw = tdn[c] + dtn[c] - d->v[c], w = tn[c] - m->v[c];
        hv[c] -= fused(da, n[c], a * mo.dn[c]) + fused(db, w, b * dw);
    }
}

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
                find_vectors(s, gr, center, entries + k * LANES, k, part(gr, k), l);
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

typedef void group_function(const hop__sw_system *s, const group *gr,
                            const int32_t *entries, const double *kept);

static inline void each_group(const hop__sw_system *s, size_t block,
                              group_function *function) {
    size_t at = s->begins[block];
    for (size_t first = 0; first < rows_in(s, block); first += LANES) {
        const group g = group_at(s, block, first);
        function(s, &g, s->entries + at, s->kept ? s->kept + KEPT * at : NULL);
        at += LANES * g.longest;
    }
}

void VARIANT(hop__sw_dots_)(const hop__sw_system *s, size_t block) {
    each_group(s, block, group_dots);
}

void VARIANT(hop__sw_product_)(const hop__sw_system *s, size_t block) {
    each_group(s, block, group_product);
}
