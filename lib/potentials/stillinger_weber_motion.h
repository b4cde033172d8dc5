/* The change along a direction of sums over legs and of the forces on them, for products
   with the Hessian.  Included by kernels only. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_MOTION_H
#define HOP_POTENTIALS_STILLINGER_WEBER_MOTION_H

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

#endif
