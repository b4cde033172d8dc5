/* What the passes over atoms of several elements share.  Within a block atoms are put into
 * groups by kind, so that all lanes have the same kind of centre; and the neighbours of a
 * group are taken kind by kind, in segments, so that in each all legs have the same
 * parameters.  Included by kernels only. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_MIXED_H
#define HOP_POTENTIALS_STILLINGER_WEBER_MIXED_H

#include "potentials/stillinger_weber_legs.h"

#define KINDS HOP__SW_KINDS

/* Atoms in lanes, all of one kind. */
typedef struct crowd {
    size_t kind, slot, lanes;
} crowd;

static inline size_t slots_of(const hop__sw_mix *mix) {
    return HOP__SW_BLOCK + HOP__SW_SPARE * (size_t)mix->kinds;
}

/* Groups of a block one after the other; starts with {0, first slot, 0}. */
static inline bool next_crowd(const int32_t *sizes, size_t kinds, size_t *done,
                              crowd *c) {
    *done += c->lanes;
    c->slot += c->lanes > 0 ? LANES : 0;
    for (; c->kind < kinds; c->kind++, *done = 0) {
        const size_t left = (size_t)sizes[c->kind] - *done;
        c->lanes = left < LANES ? left : LANES;
        if (left > 0)
            return true;
    }
    return false;
}

/* The neighbours of kind `kind`. */
static inline group segment_of(const hop__sw_system *s, const crowd *c, size_t kind) {
    group g = {s->rows + c->slot, s->counts + kind * s->slots + c->slot, c->lanes, 0};
    for (int l = 0; l < LANES; l++) {
        const size_t count = (size_t)g.counts[l];
        g.longest = count > g.longest ? count : g.longest;
    }
    return g;
}

/* The entries of all segments of a group. */
static inline size_t entries_of(const hop__sw_system *s, const crowd *c) {
    size_t total = 0;
    for (size_t t = 0; t < (size_t)s->mix->kinds; t++)
        total += LANES * segment_of(s, c, t).longest;
    return total;
}

/* What a centre of kind `kind` feels of all its neighbours along legs of each kind:
   sums over kinds t of lambda epsilon (2 T_t, 2 c V_t, c^2 S_t). */
static inline void mix_sums(const hop__sw_mix *mix, size_t kind, const sums *raw,
                            size_t of, sums *m) {
    const vec zero = all(0.0);
    const size_t kinds = (size_t)mix->kinds, at = (kind * kinds + of) * kinds;
    *m = (sums){{zero, zero, zero, zero, zero, zero}, {zero, zero, zero}, zero};
    for (size_t t = 0; t < kinds; t++) {
        const vec a = all(2.0 * mix->t[at + t]), b = all(2.0 * mix->v[at + t]);
        for (int k = 0; k < 6; k++)
            m->t[k] = fused(a, raw[t].t[k], m->t[k]);
        for (int k = 0; k < 3; k++)
            m->v[k] = fused(b, raw[t].v[k], m->v[k]);
        m->s = fused(all(mix->s[at + t]), raw[t].s, m->s);
    }
}

static inline sums no_sums(void) {
    const vec zero = all(0.0);
    return (sums){{zero, zero, zero, zero, zero, zero}, {zero, zero, zero}, zero};
}

static inline void put_mixed(const hop__sw_system *s, const group *gr, size_t kind,
                             const sums *m, double *eight, double *two) {
    put_sums(m, gr, eight + 8 * kind * s->places, two + 2 * kind * s->places);
}

static inline sums get_mixed(const hop__sw_system *s, const int32_t *places,
                             size_t kind, const double *eight, const double *two) {
    return get_sums(places, eight + 8 * kind * s->places, two + 2 * kind * s->places);
}

/* Of the neighbour as seen from it, for the leg as seen from the centre. */
static inline sums reversed(const sums *j) {
    const sums none = no_sums();
    return across(&none, j);
}

static inline void places_of(const hop__sw_system *s, const int32_t *entries,
                             bool are_homes, int32_t *out) {
    if (are_homes)
        memcpy(out, entries, LANES * sizeof *out);
    else
        homes(s->list, entries, out);
}

#endif
