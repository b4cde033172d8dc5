/* Several elements: as in stillinger_weber_kernels.c, with sums S_s, V_s, T_s over the
 * neighbours of each kind s.  With the strengths L and cosines c of a centre's triplets,
 *
 *   sum_{j<k} L (cos - c)^2 g_j g_k = sum_{s,t} (L T_s:T_t - 2 L c V_s.V_t + L c^2 S_s S_t)
 *                                     / 2 - sum_s L_ss (1 - c_ss)^2 sum g^2 / 2,
 *
 * and a leg to a neighbour of kind s feels, in place of L T, sum_t L_st T_t, and so on. */
#include "potentials/stillinger_weber_filter.h"
#include "potentials/stillinger_weber_mixed.h"
#include "potentials/stillinger_weber_totals.h"

/* ---- neighbours by kind ---- */

/* The found neighbours of a row, each to the row of its kind. */
static void part_row(const hop__sw_system *s, size_t i, const int32_t *found,
                     size_t count, const float *limits, int32_t *rows, size_t stride,
                     int32_t *counts) {
    const int32_t *kind = s->mix->kind;
    const float *from = s->list->rough + 4 * i;
    for (size_t k = 0; k < count; k++) {
        const size_t place = (size_t)found[k], t = (size_t)kind[place];
        int32_t inside = 1;
        if (limits) {
            const float *at = s->list->rough + 4 * place;
            float x = at[0] - from[0], y = at[1] - from[1], z = at[2] - from[2];
            inside = x * x + y * y + z * z < limits[t];
        }
        rows[t * stride + (size_t)counts[t]] = (int32_t)place;
        counts[t] += inside;
    }
}

/* Squares within which pairs of kinds are looked at; false where all are. */
static bool limits_of(const hop__sw_system *s, float *limits) {
    const hop__sw_mix *mix = s->mix;
    if (!mix->uneven || !(s->list->rough_error < 1.0))
        return false;
    for (int32_t k = 0; k < mix->kinds * mix->kinds; k++) {
        const double most = roughly(s->list, mix->pair_reach[k]);
        limits[k] = (float)(most * most);
    }
    return true;
}

static void find_rows(const hop__sw_system *s, size_t begin, size_t n, int32_t *scratch,
                      int32_t (*counts)[KINDS]) {
    const hop__sw_mix *mix = s->mix;
    const size_t kinds = (size_t)mix->kinds, stride = s->list->longest + 32;
    int32_t *found = scratch + HOP__SW_BLOCK * kinds * stride;
    float limits[KINDS * KINDS];
    const bool limited = limits_of(s, limits);
    for (size_t i = 0; i < n; i++) {
        const size_t kind = (size_t)mix->kind[begin + i];
        const size_t count = filter_row(s->list, mix->reach[kind], begin + i, found);
        memset(counts[i], 0, sizeof counts[i]);
        part_row(s, begin + i, found, count, limited ? limits + kind * kinds : NULL,
                 scratch + i * kinds * stride, stride, counts[i]);
    }
}

/* ---- groups ---- */

#define CLASSES 64

/* One step of a sort by several keys, the last of them first. */
static void sort_step(const int32_t *keys, size_t apart, size_t n, int32_t *order) {
    int32_t at[CLASSES + 1] = {0}, sorted[HOP__SW_BLOCK] = {0};
    for (size_t i = 0; i < n; i++)
        at[1 + (keys[apart * i] < CLASSES ? keys[apart * i] : CLASSES - 1)]++;
    for (int c = 1; c <= CLASSES; c++)
        at[c] += at[c - 1];
    for (size_t k = 0; k < n; k++) {
        const int32_t key = keys[apart * (size_t)order[k]];
        sorted[at[key < CLASSES ? key : CLASSES - 1]++] = order[k];
    }
    memcpy(order, sorted, n * sizeof *order);
}

/* Rows by kind, and within one by the numbers of their neighbours, into slots. */
static void fill_slots(hop__sw_system *s, size_t block, size_t n,
                       int32_t (*counts)[KINDS]) {
    const size_t begin = block * HOP__SW_BLOCK, kinds = (size_t)s->mix->kinds;
    const int32_t *kind = s->mix->kind + begin;
    int32_t order[HOP__SW_BLOCK], *sizes = s->sizes + block * kinds;
    for (size_t i = 0; i < n; i++)
        order[i] = (int32_t)i;
    for (size_t t = kinds; t-- > 0;)
        sort_step(&counts[0][t], KINDS, n, order);
    sort_step(kind, 1, n, order);
    size_t slot = block * slots_of(s->mix);
    for (size_t k = 0, a = 0; a < kinds; a++) {
        const size_t first = slot;
        for (; k < n && (size_t)kind[order[k]] == a; k++, slot++) {
            s->rows[slot] = (int32_t)begin + order[k];
            for (size_t t = 0; t < kinds; t++)
                s->counts[t * s->slots + slot] = counts[order[k]][t];
        }
        sizes[a] = (int32_t)(slot - first);
        for (; (slot - first) % LANES != 0; slot++) {
            s->rows[slot] = (int32_t)begin;
            for (size_t t = 0; t < kinds; t++)
                s->counts[t * s->slots + slot] = 0;
        }
    }
}

/* Neighbour k of kind `kind` of each lane; the atom itself where a lane has no more, the
   first lane's where it is empty. */
static void fill_segment(const hop__sw_system *s, const group *g, size_t begin,
                         size_t kind, int32_t *scratch, int32_t *entries) {
    const size_t stride = s->list->longest + 32, kinds = (size_t)s->mix->kinds;
    const int32_t *rows[LANES] = {NULL};
    for (size_t l = 0; l < LANES; l++) {
        if (l >= g->lanes) {
            rows[l] = rows[0];
            continue;
        }
        int32_t *row = scratch + (((size_t)g->rows[l] - begin) * kinds + kind) * stride;
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

static vec segment_moments(const hop__sw_system *s, const group *gr, size_t pair,
                           const vec center[3], int32_t *entries, double *kept,
                           sums *m) {
    const hop__sw_element *e = &s->mix->pairs[pair];
    vec pairs = all(0.0), squares = all(0.0);
    leg l[PART];
    *m = no_sums();
    for (size_t from = 0; from < gr->longest; from += PART) {
        const size_t count = gr->longest - from < PART ? gr->longest - from : PART;
        find_vectors(s, s->mix->away, gr, center, entries + from * LANES, from, count,
                     l);
        find_energies(e, count, l, kept ? kept + KEPT * LANES * from : NULL);
        for (size_t k = from; kept && k < from + count; k++)
            homes(s->list, entries + k * LANES, entries + k * LANES);
        for (size_t k = 0; k < count; k++) {
            pairs += l[k].phi;
            squares = fused(l[k].g, l[k].g, squares);
            add_leg(m, &l[k]);
        }
    }
    return s->mix->pair[pair] * pairs - s->mix->kappa[pair] * squares;
}

/* Its own frame: together with its caller's it would be too large for small stacks. */
__attribute__((noinline)) static size_t crowd_moments(hop__sw_system *s, const crowd *c,
                                                      size_t begin, int32_t *scratch,
                                                      size_t at) {
    const size_t kinds = (size_t)s->mix->kinds;
    vec center[3], energy = all(0.0);
    sums raw[KINDS];
    group gr = segment_of(s, c, 0);
    gather3(s->list->positions, gr.rows, center);
    for (size_t t = 0; t < kinds; t++) {
        gr = segment_of(s, c, t);
        fill_segment(s, &gr, begin, t, scratch, s->entries + at);
        energy += segment_moments(s, &gr, c->kind * kinds + t, center, s->entries + at,
                                  s->kept ? s->kept + KEPT * at : NULL, &raw[t]);
        at += LANES * gr.longest;
    }
    for (size_t t = 0; t < kinds; t++) {
        sums m;
        mix_sums(s->mix, c->kind, raw, t, &m);
        energy += 0.5 * contract(raw[t].t, m.t) - dot(raw[t].v, m.v) + raw[t].s * m.s;
        put_mixed(s, &gr, t, &m, s->moments, s->moment_pairs);
    }
    for (size_t k = 0; k < gr.lanes && s->energies; k++)
        s->energies[s->list->atom[gr.rows[k]]] = 0.5 * energy[k];
    return at;
}

void VARIANT(hop__sw_mixed_moments_)(hop__sw_system *s, size_t block,
                                     int32_t *scratch) {
    const size_t begin = block * HOP__SW_BLOCK, kinds = (size_t)s->mix->kinds;
    const size_t n = rows_in(s, block);
    const int32_t *sizes = s->sizes + block * kinds;
    int32_t counts[HOP__SW_BLOCK][KINDS];
    find_rows(s, begin, n, scratch, counts);
    fill_slots(s, block, n, counts);
    crowd c = {0, block * slots_of(s->mix), 0};
    size_t total = LANES * LANES, done = 0;
    while (next_crowd(sizes, kinds, &done, &c))
        total += entries_of(s, &c);
    size_t at =
        atomic_fetch_add_explicit(&s->entries_used, total, memory_order_relaxed);
    s->begins[block] = at;
    if (at + total > s->entry_capacity)
        return;
    c = (crowd){0, block * slots_of(s->mix), 0};
    for (done = 0; next_crowd(sizes, kinds, &done, &c);)
        at = crowd_moments(s, &c, begin, scratch, at);
}

/* ---- forces ---- */

typedef struct pull {
    vec f[3], w[6]; /* forces; u h: xx yy zz yz xz xy */
} pull;

static inline void add_pull(pull *p, const leg *l, const vec h[3]) {
    const vec ux = l->u[0], uy = l->u[1], uz = l->u[2];
    for (int c = 0; c < 3; c++)
        p->f[c] += h[c];
    p->w[0] = fused(ux, h[0], p->w[0]);
    p->w[1] = fused(uy, h[1], p->w[1]);
    p->w[2] = fused(uz, h[2], p->w[2]);
    p->w[3] = fused(uy, h[2], p->w[3]);
    p->w[4] = fused(ux, h[2], p->w[4]);
    p->w[5] = fused(ux, h[1], p->w[5]);
}

/* Legs from kind `a` to kind `t`; where the way back has other functions, `back` are the
   legs with those. */
static void segment_forces(const hop__sw_system *s, const group *gr, size_t a, size_t t,
                           const vec center[3], const int32_t *entries,
                           const double *kept, pull *p) {
    const size_t kinds = (size_t)s->mix->kinds, pair = a * kinds + t;
    const hop__sw_element *e = &s->mix->pairs[pair];
    const bool same = s->mix->same[pair];
    const sums mi = get_mixed(s, gr->rows, t, s->moments, s->moment_pairs);
    leg l[PART], back[PART];
    for (size_t from = 0; from < gr->longest; from += PART) {
        const size_t count = gr->longest - from < PART ? gr->longest - from : PART;
        const int32_t *places = entries + from * LANES;
        if (!kept)
            find_vectors(s, s->mix->away, gr, center, places, from, count, l);
        find_slopes(e, count, l, kept ? kept + KEPT * LANES * from : NULL, false);
        if (!same) {
            memcpy(back, l, count * sizeof *l);
            find_slopes(&s->mix->pairs[t * kinds + a], count, back, NULL, false);
        }
        for (size_t k = 0; k < count; k++) {
            int32_t home[LANES];
            vec h[3], more[3];
            places_of(s, places + k * LANES, kept, home);
            const sums mj = get_mixed(s, home, a, s->moments, s->moment_pairs);
            const sums m = same ? across(&mi, &mj) : mi;
            leg_force(l + k, &m, h);
            if (!same) {
                const sums other = reversed(&mj);
                leg_force(back + k, &other, more);
                for (int c = 0; c < 3; c++)
                    h[c] += more[c];
            }
            add_pull(p, l + k, h);
        }
    }
}

static size_t crowd_forces(const hop__sw_system *s, const crowd *c, size_t at,
                           whole *virial) {
    const vec half = all(-0.5 * s->virial_scale);
    pull p;
    vec center[3];
    group gr = segment_of(s, c, 0);
    memset(&p, 0, sizeof p);
    gather3(s->list->positions, gr.rows, center);
    for (size_t t = 0; t < (size_t)s->mix->kinds; t++) {
        gr = segment_of(s, c, t);
        segment_forces(s, &gr, c->kind, t, center, s->entries + at,
                       s->kept ? s->kept + KEPT * at : NULL, &p);
        at += LANES * gr.longest;
    }
    for (int k = 0; k < 6; k++)
        add_whole(virial, k, half * p.w[k]);
    put_forces(s, &gr, p.f[0], p.f[1], p.f[2]);
    return at;
}

void VARIANT(hop__sw_mixed_forces_)(const hop__sw_system *s, size_t block) {
    const size_t kinds = (size_t)s->mix->kinds;
    size_t at = s->begins[block], done = 0;
    crowd c = {0, block * slots_of(s->mix), 0};
    whole virial;
    memset(&virial, 0, sizeof virial);
    while (next_crowd(s->sizes + block * kinds, kinds, &done, &c))
        at = crowd_forces(s, &c, at, &virial);
    put_whole(&s->virials[block], &virial);
}
