/* What the passes over Stillinger-Weber's blocks share: groups of atoms in lanes, the legs
   from each to its neighbours, sums over legs.  Included by kernels only. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_LEGS_H
#define HOP_POTENTIALS_STILLINGER_WEBER_LEGS_H

#include "base/vector_math.h"
#include "potentials/stillinger_weber_kernels.h"
#include "potentials/stillinger_weber_lanes.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

#define KEPT HOP__SW_KEPT

static inline size_t rows_in(const hop__sw_system *s, size_t block) {
    const size_t left = s->list->atoms - block * HOP__SW_BLOCK;
    return left < HOP__SW_BLOCK ? left : HOP__SW_BLOCK;
}

/* Pointers rather than copies: what was just written piece by piece must not be read as a
   vector before it is in the cache. */
typedef struct group {
    const int32_t *rows, *counts; /* for empty lanes any row, and 0 */
    size_t lanes, longest;        /* lanes that are not empty; the largest of counts */
} group;

static inline group group_at(const hop__sw_system *s, size_t block, size_t first) {
    const size_t at = block * HOP__SW_BLOCK + first, left = rows_in(s, block) - first;
    group g = {s->rows + at, s->counts + at, left < LANES ? left : LANES, 0};
    for (int l = 0; l < LANES; l++) {
        const size_t count = (size_t)g.counts[l];
        g.longest = count > g.longest ? count : g.longest;
    }
    return g;
}

/* ---- legs: a group's neighbours, PART of them at a time, step by step so that what has
   to wait (root, division, exponential) overlaps ---- */

#define PART 16

typedef struct leg {
    vec u[3];     /* from the centre */
    vec inverse;  /* 1 / r */
    vec a, b, g1; /* dphi/dr - kappa g dg/dr, g / r, dg/dr */
    vec a2, g2;   /* slopes of a and g1 */
    vec g, phi;   /* exp(gamma sigma/(r - a sigma)), pair energy */
} leg;

/* Neighbours that are not there are put `away`. */
static inline void find_vectors(const hop__sw_system *s, double away, const group *gr,
                                const vec center[3], const int32_t *places, size_t from,
                                size_t count, leg *l) {
    const double *positions = s->list->positions;
    const vec out = all(away);
    vec counts = out;
    for (int k = 0; k < LANES; k++)
        counts[k] = (double)gr->counts[k];
    for (size_t k = 0; k < count; k++) {
        vec x[3];
        gather3(positions, places + k * LANES, x);
        mask here = below(all((double)(from + k)), counts);
        l[k].u[0] = x[0] - center[0];
        l[k].u[1] = x[1] - center[1];
        l[k].u[2] = choose(here, x[2] - center[2], out);
    }
}

static inline vec power(vec x, double p) {
    for (int l = 0; l < LANES; l++)
        x[l] = p == 0.0 ? 1.0 : hop__power(x[l], p);
    return x;
}

/* 1/r, t = sigma / (r - a sigma), exp(t) and g = exp(gamma t).  p = 4, q = 0 and
   gamma = 1.2 are the `usual` parameters: with one exponential, exp(t/5), exp(t) is its
   fifth and exp(1.2 t) its sixth power. */
typedef struct base {
    vec inverse, t, fifth, decay, g;
} base;

static inline base base_at(const hop__sw_element *e, const leg *l, size_t k,
                           bool usual) {
    const vec u[3] = {l[k].u[0], l[k].u[1], l[k].u[2]};
    const vec r = root(dot(u, u));
    const vec gap = least(r - e->barrier, all(-e->edge));
    const mask here = below(r, all(e->reach));
    const vec both = 1.0 / (r * gap);
    base v = {.inverse = gap * both, .t = e->sigma * (r * both)};
    if (usual) {
        v.fifth = only(here, exponential(0.2 * v.t));
    } else {
        v.decay = only(here, exponential(most(v.t, all(-700.0))));
        v.g = only(here, exponential(most(e->gamma * v.t, all(-700.0))));
    }
    return v;
}

static inline void raise(base *v) {
    const vec square = v->fifth * v->fifth;
    v->decay = square * square * v->fifth;
    v->g = v->decay * v->fifth;
}

/* What the first pass leaves to the second, per entry; 4 or, usually, 3 numbers. */
static inline void keep_base(double *kept, size_t k, const base *v, const vec u[3],
                             bool usual) {
    double *at = kept + (usual ? 6 : 7) * LANES * k;
    store(at, v->inverse);
    store(at + LANES, v->t);
    store(at + 2 * LANES, usual ? v->fifth : v->decay);
    for (int c = 0; c < 3; c++)
        store(at + (3 + c) * LANES, u[c]);
    if (!usual)
        store(at + 6 * LANES, v->g);
}

static inline base kept_base(const double *kept, size_t k, vec u[3], bool usual) {
    const double *at = kept + (usual ? 6 : 7) * LANES * k;
    base v = {.inverse = load(at), .t = load(at + LANES)};
    if (usual) {
        v.fifth = load(at + 2 * LANES);
    } else {
        v.decay = load(at + 2 * LANES);
        v.g = load(at + 6 * LANES);
    }
    for (int c = 0; c < 3; c++)
        u[c] = load(at + (3 + c) * LANES);
    return v;
}

/* B x^p and x^q. */
static inline void powers(const hop__sw_element *e, vec inverse, bool usual, vec *xp,
                          vec *xq) {
    const vec x = e->sigma * inverse, x2 = x * x;
    *xp = e->B * (usual ? x2 * x2 : power(x, e->p));
    *xq = usual ? all(1.0) : power(x, e->q);
}

static inline void energies_of(const hop__sw_element e, size_t count, leg *l,
                               double *kept, bool usual) {
    for (size_t k = 0; k < count; k++) {
        base v = base_at(&e, l, k, usual);
        vec xp, xq;
        if (kept)
            keep_base(kept, k, &v, l[k].u, usual);
        if (usual)
            raise(&v);
        powers(&e, v.inverse, usual, &xp, &xq);
        l[k].inverse = v.inverse;
        l[k].g = v.g;
        l[k].phi = (xp - xq) * v.decay;
    }
}

static inline void find_energies(const hop__sw_element *e, size_t count, leg *l,
                                 double *kept) {
    if (e->usual)
        energies_of(*e, count, l, kept, true);
    else
        energies_of(*e, count, l, kept, false);
}

static inline void slopes_of(const hop__sw_element e, size_t count, leg *l,
                             const double *kept, bool usual, bool curved) {
    for (size_t k = 0; k < count; k++) {
        base v = kept ? kept_base(kept, k, l[k].u, usual) : base_at(&e, l, k, usual);
        vec xp, xq;
        if (usual)
            raise(&v);
        powers(&e, v.inverse, usual, &xp, &xq);
        const vec rate = v.t * v.t * (-1.0 / e.sigma);
        const vec slope = (usual ? 4.0 * xp : e.p * xp - e.q * xq) * v.inverse;
        const vec g1 = e.gamma * rate * v.g;
        l[k].inverse = v.inverse;
        l[k].a = fused(e.pair * v.decay, fused(xp - xq, rate, -slope),
                       -e.kappa * (v.g * g1));
        l[k].b = v.g * v.inverse;
        l[k].g1 = g1;
        l[k].g = v.g;
        if (!curved)
            continue;
        /* exp(t)' = rate exp(t), rate' = 2 t^3 / sigma^2 */
        const vec bend = v.t * v.t * v.t * (2.0 / (e.sigma * e.sigma));
        const vec curve =
            (usual ? 20.0 * xp : e.p * (e.p + 1.0) * xp - e.q * (e.q + 1.0) * xq) *
            (v.inverse * v.inverse);
        const vec phi2 =
            e.pair * v.decay *
            ((xp - xq) * fused(rate, rate, bend) - 2.0 * slope * rate + curve);
        l[k].g2 = v.g * fused(e.gamma * rate, e.gamma * rate, e.gamma * bend);
        l[k].a2 = phi2 - e.kappa * fused(g1, g1, v.g * l[k].g2);
    }
}

static inline void find_slopes(const hop__sw_element *e, size_t count, leg *l,
                               const double *kept, bool curved) {
    if (!e->usual)
        slopes_of(*e, count, l, kept, false, curved);
    else if (kept)
        slopes_of(*e, count, l, kept, true, curved);
    else
        slopes_of(*e, count, l, NULL, true, curved);
}

/* ---- sums over the neighbours of each atom ---- */

typedef struct sums {
    vec t[6], v[3], s; /* xx yy zz yz xz xy; x y z */
} sums;

static inline void add_leg(sums *m, const leg *l) {
    const vec g = l->g, inverse = l->inverse;
    const vec nx = l->u[0] * inverse, ny = l->u[1] * inverse, nz = l->u[2] * inverse;
    const vec gx = g * nx, gy = g * ny, gz = g * nz;
    m->s += g;
    m->v[0] += gx;
    m->v[1] += gy;
    m->v[2] += gz;
    m->t[0] = fused(gx, nx, m->t[0]);
    m->t[1] = fused(gy, ny, m->t[1]);
    m->t[2] = fused(gz, nz, m->t[2]);
    m->t[3] = fused(gy, nz, m->t[3]);
    m->t[4] = fused(gx, nz, m->t[4]);
    m->t[5] = fused(gx, ny, m->t[5]);
}

static inline void put_sums(const sums *m, const group *gr, double *eight,
                            double *two) {
    const vec columns[8] = {m->t[0], m->t[1], m->t[2], m->t[3],
                            m->t[4], m->t[5], m->v[0], m->v[1]};
    scatter8(eight, gr->rows, gr->lanes, columns);
    for (size_t l = 0; l < gr->lanes; l++) {
        two[2 * (size_t)gr->rows[l]] = m->v[2][l];
        two[2 * (size_t)gr->rows[l] + 1] = m->s[l];
    }
}

static inline sums get_sums(const int32_t *rows, const double *eight,
                            const double *two) {
    vec a[8], b[2];
    gather8(eight, rows, a);
    gather2(two, rows, b);
    return (sums){{a[0], a[1], a[2], a[3], a[4], a[5]}, {a[6], a[7], b[0]}, b[1]};
}

/* 2 lambda epsilon T, 2 c lambda epsilon V, c^2 lambda epsilon S. */
static inline void weigh(const hop__sw_element *e, sums *m) {
    for (int k = 0; k < 6; k++)
        m->t[k] *= 2.0 * e->triplet;
    for (int k = 0; k < 3; k++)
        m->v[k] *= 2.0 * e->triplet * e->cosine;
    m->s *= e->triplet * e->cosine * e->cosine;
}

static inline void times(const vec t[6], const vec n[3], vec out[3]) {
    out[0] = fused(t[4], n[2], fused(t[5], n[1], t[0] * n[0]));
    out[1] = fused(t[3], n[2], fused(t[1], n[1], t[5] * n[0]));
    out[2] = fused(t[2], n[2], fused(t[3], n[1], t[4] * n[0]));
}

static inline sums across(const sums *i, const sums *j) {
    sums m;
    for (int k = 0; k < 6; k++)
        m.t[k] = i->t[k] + j->t[k];
    for (int k = 0; k < 3; k++)
        m.v[k] = i->v[k] - j->v[k];
    m.s = i->s + j->s;
    return m;
}

/* S:T of symmetric matrices. */
static inline vec contract(const vec s[6], const vec t[6]) {
    vec diagonal = dot(s, t), off = dot(s + 3, t + 3);
    return fused(off, all(2.0), diagonal);
}

/* h of one leg. */
static inline void leg_force(const leg *l, const sums *m, vec h[3]) {
    const vec n[3] = {l->u[0] * l->inverse, l->u[1] * l->inverse, l->u[2] * l->inverse};
    vec tn[3];
    times(m->t, n, tn);
    const vec ntn = dot(n, tn), nv = dot(n, m->v);
    const vec q = fused(ntn, all(0.5), m->s - nv);
    const vec a = fused(l->g1, q, l->a) - l->b * (ntn - nv);
    h[0] = fused(a, n[0], l->b * (tn[0] - m->v[0]));
    h[1] = fused(a, n[1], l->b * (tn[1] - m->v[1]));
    h[2] = fused(a, n[2], l->b * (tn[2] - m->v[2]));
}

static inline void homes(const hop__neighbors *list, const int32_t *places,
                         int32_t *out) {
    for (int l = 0; l < LANES; l++)
        out[l] = list->home[places[l]];
}

#endif
