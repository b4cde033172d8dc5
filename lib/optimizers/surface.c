#include "optimizers/surface.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

#define TOUCH 0.97   /* contact distances from an atom to a place beside it */
#define OVERLAP 0.88 /* nearer there is no place */
#define SAME 0.4     /* places as near as this are one */
#define STAY 0.5     /* an atom moves farther than this, or not at all */
#define REACH 1.9    /* what is looked at around an atom */
#define PAIR 1.55    /* two atoms that a third may touch */

void hop__surface_begin(hop__surface *s, const hop__hop_atoms *atoms, double *block) {
    const size_t n = atoms->count;
    s->atoms = atoms;
    s->places = 0;
    s->grip = hop__cut(&block, n);
    s->bound = hop__cut(&block, n);
    s->done = hop__cut(&block, n);
    s->nears = hop__cut(&block, n);
    s->near = hop__cut(&block, HOP__NEAR * n);
    s->place = hop__cut(&block, 3 * HOP__PLACES(n));
    s->strength = hop__cut(&block, HOP__PLACES(n));
    for (size_t i = 0; i < n; i++)
        s->grip[i] = sqrt(fmax(1.0 + atoms->cohesion[i], 0.0));
}

static double dot(const double a[3], const double b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* Of atom i with whatever atom may come. */
static double reach_of(const hop__surface *s, size_t i) {
    return 0.5 * (s->atoms->lengths[i] + s->atoms->units.length);
}

/* ---- what is around ---- */

void hop__surface_look(hop__surface *s, const double *x) {
    const size_t n = s->atoms->count;
    memset(s->nears, 0, n * sizeof *s->nears);
    memset(s->bound, 0, n * sizeof *s->bound);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            const double reach = 0.5 * (s->atoms->lengths[i] + s->atoms->lengths[j]);
            const double square = hop__surface_square(x + 3 * i, x + 3 * j);
            if (square > REACH * REACH * reach * reach)
                continue;
            const double c = hop__surface_contact(square, reach);
            s->bound[i] += s->grip[i] * s->grip[j] * c;
            s->bound[j] += s->grip[i] * s->grip[j] * c;
            if (s->nears[i] < HOP__NEAR)
                s->near[HOP__NEAR * i + (size_t)s->nears[i]++] = (double)j;
            if (s->nears[j] < HOP__NEAR)
                s->near[HOP__NEAR * j + (size_t)s->nears[j]++] = (double)i;
        }
}

static void keep_place(hop__surface *s, const double *x, const double place[3]) {
    double strength = 0.0;
    for (size_t k = 0; k < s->places; k++) {
        const double same = SAME * s->atoms->units.length;
        if (hop__surface_square(s->place + 3 * k, place) < same * same)
            return;
    }
    if (s->places == HOP__PLACES(s->atoms->count))
        return;
    for (size_t j = 0; j < s->atoms->count; j++)
        strength +=
            s->grip[j] *
            hop__surface_contact(hop__surface_square(x + 3 * j, place), reach_of(s, j));
    memcpy(s->place + 3 * s->places, place, 3 * sizeof *place);
    s->strength[s->places++] = strength;
}

/* Is there room beside atom i? */
static bool room(const hop__surface *s, const double *x, size_t i,
                 const double place[3]) {
    for (size_t k = 0; k < (size_t)s->nears[i]; k++) {
        const size_t j = hop__surface_neighbour(s, i, k);
        const double least = OVERLAP * reach_of(s, j);
        if (hop__surface_square(x + 3 * j, place) < least * least)
            return false;
    }
    return true;
}

/* The two points that touch atoms i, j and k: with u and v from i to the others, solve
   q u = a, q v = b in their plane, and go up and down from there. */
static void places_over(hop__surface *s, const double *x, size_t i, size_t j,
                        size_t k) {
    const double ri = TOUCH * reach_of(s, i), rj = TOUCH * reach_of(s, j),
                 rk = TOUCH * reach_of(s, k);
    double u[3], v[3], foot[3];
    for (size_t c = 0; c < 3; c++) {
        u[c] = x[3 * j + c] - x[3 * i + c];
        v[c] = x[3 * k + c] - x[3 * i + c];
    }
    const double uu = dot(u, u), vv = dot(v, v), uv = dot(u, v);
    const double a = 0.5 * (ri * ri - rj * rj + uu), b = 0.5 * (ri * ri - rk * rk + vv);
    const double area = uu * vv - uv * uv;
    if (area < 1e-3 * uu * vv)
        return;
    for (size_t c = 0; c < 3; c++)
        foot[c] = ((a * vv - b * uv) * u[c] + (b * uu - a * uv) * v[c]) / area;
    const double up = ri * ri - dot(foot, foot);
    if (up < 0.0)
        return;
    const double normal[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2],
                              u[0] * v[1] - u[1] * v[0]};
    const double side[2] = {-sqrt(up / area), sqrt(up / area)};
    for (int end = 0; end < (up > 0.0 ? 2 : 1); end++) {
        double place[3];
        for (size_t c = 0; c < 3; c++)
            place[c] = x[3 * i + c] + foot[c] + side[end] * normal[c];
        if (room(s, x, i, place))
            keep_place(s, x, place);
    }
}

static bool close(const hop__surface *s, const double *x, size_t i, size_t j) {
    const double reach = PAIR * 0.5 * (s->atoms->lengths[i] + s->atoms->lengths[j]);
    return hop__surface_square(x + 3 * i, x + 3 * j) < reach * reach;
}

/* Places that touch atom i and two others; each triangle once when `all` are asked for. */
static void places_at(hop__surface *s, const double *x, size_t i, bool all) {
    size_t around[HOP__NEAR], count = 0;
    for (size_t a = 0; a < (size_t)s->nears[i]; a++) {
        const size_t j = hop__surface_neighbour(s, i, a);
        if (!(all && j > i) && close(s, x, i, j))
            around[count++] = j;
    }
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < a; b++)
            if (close(s, x, around[a], around[b]))
                places_over(s, x, i, around[a], around[b]);
}

/* ---- moving ---- */

static double blur(hop__random *random, double noise) {
    return noise * hop__random_uniform(random);
}

static size_t weakest(const hop__surface *s, hop__random *random, double noise) {
    size_t chosen = s->atoms->count;
    double least = INFINITY;
    for (size_t i = 0; i < s->atoms->count; i++) {
        if (s->done[i] != 0.0 || s->atoms->fixed[i])
            continue;
        const double bound = s->bound[i] + blur(random, noise);
        if (bound < least) {
            least = bound;
            chosen = i;
        }
    }
    return chosen;
}

/* Contacts of atom i at a place, when it has left its own. */
static double contacts_at(const hop__surface *s, const double *x, size_t i, size_t k) {
    const double square = hop__surface_square(s->place + 3 * k, x + 3 * i);
    return s->grip[i] *
           (s->strength[k] - s->grip[i] * hop__surface_contact(square, reach_of(s, i)));
}

static size_t best_place(const hop__surface *s, const double *x, size_t i,
                         hop__random *random, double noise) {
    const double stay = STAY * s->atoms->units.length;
    size_t chosen = s->places;
    double most = -INFINITY;
    for (size_t k = 0; k < s->places; k++) {
        if (hop__surface_square(s->place + 3 * k, x + 3 * i) < stay * stay)
            continue;
        const double contacts = contacts_at(s, x, i, k) - blur(random, noise);
        if (contacts > most) {
            most = contacts;
            chosen = k;
        }
    }
    return chosen;
}

/* Take what atom i gives to atoms and places away (sign -1), or add it (1). */
static void count(hop__surface *s, const double *x, size_t i, double sign) {
    const double *at = x + 3 * i;
    s->bound[i] = 0.0;
    for (size_t j = 0; j < s->atoms->count; j++) {
        if (j == i)
            continue;
        const double reach = 0.5 * (s->atoms->lengths[i] + s->atoms->lengths[j]);
        const double c =
            sign * s->grip[i] * s->grip[j] *
            hop__surface_contact(hop__surface_square(x + 3 * j, at), reach);
        s->bound[j] += c;
        s->bound[i] += c;
    }
    for (size_t k = 0; k < s->places; k++)
        s->strength[k] +=
            sign * s->grip[i] *
            hop__surface_contact(hop__surface_square(s->place + 3 * k, at),
                                 reach_of(s, i));
}

static void drop_covered(hop__surface *s, const double *at, double least) {
    size_t kept = 0;
    for (size_t k = 0; k < s->places; k++) {
        if (hop__surface_square(s->place + 3 * k, at) < least * least)
            continue;
        memmove(s->place + 3 * kept, s->place + 3 * k, 3 * sizeof *s->place);
        s->strength[kept++] = s->strength[k];
    }
    s->places = kept;
}

static void renew_neighbours(hop__surface *s, const double *x, size_t i) {
    for (size_t k = 0; k < (size_t)s->nears[i]; k++) {
        const size_t j = hop__surface_neighbour(s, i, k);
        double *list = s->near + HOP__NEAR * j;
        for (size_t m = 0; m < (size_t)s->nears[j]; m++)
            if (list[m] == (double)i)
                list[m] = list[(size_t)--s->nears[j]];
    }
    s->nears[i] = 0.0;
    for (size_t j = 0; j < s->atoms->count; j++) {
        const double reach =
            REACH * 0.5 * (s->atoms->lengths[i] + s->atoms->lengths[j]);
        if (j == i || s->nears[i] >= HOP__NEAR || s->nears[j] >= HOP__NEAR ||
            hop__surface_square(x + 3 * i, x + 3 * j) > reach * reach)
            continue;
        s->near[HOP__NEAR * i + (size_t)s->nears[i]++] = (double)j;
        s->near[HOP__NEAR * j + (size_t)s->nears[j]++] = (double)i;
    }
}

static bool free_of_all(const hop__surface *s, const double *x, const double place[3]) {
    for (size_t j = 0; j < s->atoms->count; j++) {
        const double least = OVERLAP * reach_of(s, j);
        if (hop__surface_square(x + 3 * j, place) < least * least)
            return false;
    }
    return true;
}

static void move(hop__surface *s, double *x, size_t i, size_t k) {
    const double least = OVERLAP * reach_of(s, i);
    double *at = x + 3 * i, left[3], place[3];
    memcpy(left, at, sizeof left);
    memcpy(place, s->place + 3 * k, sizeof place);
    count(s, x, i, -1.0);
    memcpy(at, place, sizeof place);
    drop_covered(s, at, least);
    count(s, x, i, 1.0);
    renew_neighbours(s, x, i);
    if (free_of_all(s, x, left))
        keep_place(s, x, left);
    places_at(s, x, i, false);
    s->done[i] = 1.0;
}

size_t hop__surface_settle(hop__surface *s, hop__random *random, double *x, size_t most,
                           double margin, double noise, double *moved) {
    const size_t n = s->atoms->count;
    size_t times = 0;
    memset(s->done, 0, n * sizeof *s->done);
    hop__surface_look(s, x);
    s->places = 0;
    for (size_t i = 0; i < n; i++)
        places_at(s, x, i, true);
    for (; times < most; times++) {
        const size_t i = weakest(s, random, noise);
        const size_t k = i < n ? best_place(s, x, i, random, noise) : s->places;
        if (k == s->places || contacts_at(s, x, i, k) - s->bound[i] < margin)
            break;
        move(s, x, i, k);
        if (moved)
            moved[i] = 1.0;
    }
    return times;
}
