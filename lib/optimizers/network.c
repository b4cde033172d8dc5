#include "optimizers/network.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/sort.h"
#include "base/vector_math.h"

#define BONDED 1.25  /* contact distances */
#define SIGHT 2.3    /* lengths: the vicinity's reach */
#define SAME 0.5     /* lengths: voids as near as this are one */
#define SMALLEST 0.7 /* lengths: voids of a smaller radius are none */
#define CORNERS 16   /* that are kept for each atom; there are about 7 */
#define SWEEPS 20
#define STIFF 0.5                 /* share of a bond's error that a sweep takes away */
#define BEND 0.15                 /* likewise of the distance across an angle */
#define ACROSS 1.6329931618554521 /* sqrt(8/3): second neighbours of a tetrahedron */

static bool can_repeat(const hop_structure *s) {
    for (size_t i = 0; i < s->count; i++) {
        size_t same = 0;
        for (size_t j = 0; j < s->count; j++)
            same += s->numbers[j] == s->numbers[i];
        if (s->fixed[i] || same % 2 != 0)
            return false;
    }
    return true;
}

int hop__network_new(hop_context *context, const hop_structure *like, hop__moves *moves,
                     hop__network **out) {
    *out = NULL;
    hop__network *net = hop__allocate(context, 1, sizeof *net);
    if (!net)
        return HOP_ERROR_MEMORY;
    const size_t n = like->count;
    net->context = context;
    net->moves = moves;
    net->link = hop__allocate(context, (HOP__LINKS + 2) * n, sizeof *net->link);
    net->mark = hop__allocate(context, n, sizeof *net->mark);
    net->room = HOP__VOIDS + CORNERS * n;
    net->hole = hop__allocate(context, net->room, sizeof *net->hole);
    int status = net->link && net->mark && net->hole ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status =
            hop__vicinity_new(context, like, SIGHT * moves->length, &net->vicinity);
    if (status != HOP_OK) {
        hop__network_free(net);
        return status;
    }
    net->repeatable = can_repeat(like);
    net->links = net->link + HOP__LINKS * n;
    net->active = net->links + n;
    *out = net;
    return HOP_OK;
}

void hop__network_free(hop__network *net) {
    if (!net)
        return;
    hop__vicinity_free(net->vicinity);
    hop__release(net->context, net->link);
    hop__release(net->context, net->mark);
    hop__release(net->context, net->hole);
    hop__release(net->context, net);
}

static double contact(const hop__network *net, size_t i, size_t j) {
    return 0.5 * (net->moves->lengths[i] + net->moves->lengths[j]);
}

void hop__network_look(hop__network *net, const double *x) {
    const hop__vicinity *v = net->vicinity;
    hop__vicinity_look(net->vicinity, x);
    for (size_t i = 0; i < v->count; i++) {
        const hop__neighbour *around = hop__vicinity_of(v, i);
        net->links[i] = 0;
        for (size_t k = 0; k < v->many[i] && net->links[i] < HOP__LINKS; k++)
            if (around[k].distance < BONDED * contact(net, i, around[k].atom))
                net->link[HOP__LINKS * i + net->links[i]++] = around[k].atom;
    }
}

/* ---- around an atom ---- */

/* mark[i] = 1 for the free atoms within range of one, itself included. */
static void mark_near(hop__network *net, size_t atom, double range) {
    const hop__vicinity *v = net->vicinity;
    const hop__neighbour *around = hop__vicinity_of(v, atom);
    memset(net->mark, 0, v->count * sizeof *net->mark);
    net->mark[atom] = net->moves->fixed[atom] ? 0.0 : 1.0;
    for (size_t k = 0; k < v->many[atom] && around[k].distance < range; k++)
        net->mark[around[k].atom] = net->moves->fixed[around[k].atom] ? 0.0 : 1.0;
}

void hop__network_shake(hop__network *net, size_t atom, double range, double radius,
                        double *x) {
    mark_near(net, atom, range);
    hop__move_shake_atoms(net->moves, radius, NULL, net->mark, x);
}

static double dot(const double a[3], const double b[3]) {
    return (a[0] * b[0] + a[2] * b[2]) + a[1] * b[1];
}

static void cross(const double a[3], const double b[3], double out[3]) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* ---- voids ---- */

static bool larger(const void *a, const void *b) {
    const hop__void *p = a, *q = b;
    return p->radius > q->radius;
}

/* Points as far from atom i (at the origin) as from two neighbours, along a line. */
typedef struct line {
    double foot[3], normal[3], low, high; /* foot + t normal, low < t < high */
    size_t last[2];                       /* which neighbours bound it */
} line;

static bool line_between(const double *u, const double *v, double radius, line *l) {
    const double uu = dot(u, u), vv = dot(v, v), uv = dot(u, v),
                 area = uu * vv - uv * uv;
    if (area < 1e-6 * uu * vv)
        return false;
    const double p = 0.5 * vv * (uu - uv) / area, q = 0.5 * uu * (vv - uv) / area;
    for (int c = 0; c < 3; c++)
        l->foot[c] = p * u[c] + q * v[c];
    cross(u, v, l->normal);
    const double room = radius * radius - dot(l->foot, l->foot);
    if (room <= 0.0)
        return false;
    l->high = sqrt(room / area);
    l->low = -l->high;
    l->last[0] = l->last[1] = 0;
    return true;
}

/* Only what is not nearer to neighbour k: t slope <= room. */
static void cut(line *l, const double d[3], size_t k) {
    const double room = 0.5 * dot(d, d) - dot(d, l->foot), slope = dot(d, l->normal);
    const double t = room / slope;
    if (slope > 0.0 && t < l->high) {
        l->high = t;
        l->last[1] = k;
    } else if (slope < 0.0 && t > l->low) {
        l->low = t;
        l->last[0] = k;
    } else if (slope == 0.0 && room < 0.0) {
        l->high = l->low - 1.0;
    }
}

static void keep_corner(hop__network *net, const double *x, const line *l, double t) {
    double place[3];
    for (size_t c = 0; c < 3; c++)
        place[c] = l->foot[c] + t * l->normal[c];
    const double radius = sqrt(dot(place, place));
    if (radius < SMALLEST * net->moves->length || net->holes == net->room)
        return;
    hop__void *hole = &net->hole[net->holes++];
    hole->radius = radius;
    for (size_t c = 0; c < 3; c++)
        hole->place[c] = x[c] + place[c];
}

/* Corners of the Voronoi cell of atom i at the line of neighbours a and b < a; each once:
   where the last of its atoms stands behind a in the list. */
static void corners(hop__network *net, const double *x, size_t i, size_t a, size_t b) {
    const hop__neighbour *around = hop__vicinity_of(net->vicinity, i);
    line l;
    if (!line_between(around[a].d, around[b].d, 0.5 * net->vicinity->reach, &l))
        return;
    for (size_t k = 0; k < net->vicinity->many[i] && l.low <= l.high; k++)
        if (k != a && k != b)
            cut(&l, around[k].d, k);
    if (l.low > l.high)
        return;
    const double end[2] = {l.low, l.high};
    for (int k = 0; k < 2; k++)
        if (l.last[k] > a && around[l.last[k]].atom <= i)
            keep_corner(net, x + 3 * i, &l, end[k]);
}

/* Largest first; those beside a larger one go. */
static void thin_out(hop__network *net) {
    const double same = SAME * net->moves->length;
    size_t kept = 0;
    hop__sort(net->hole, net->holes, sizeof *net->hole, larger);
    for (size_t k = 0; k < net->holes && kept < HOP__VOIDS; k++) {
        bool alone = true;
        for (size_t m = 0; m < kept && alone; m++) {
            double d[3];
            hop__vicinity_between(net->vicinity, net->hole[m].place, net->hole[k].place,
                                  d);
            alone = dot(d, d) >= same * same;
        }
        if (alone)
            net->hole[kept++] = net->hole[k];
    }
    net->holes = kept;
}

void hop__network_voids(hop__network *net, const double *x) {
    net->holes = 0;
    for (size_t i = 0; i < net->vicinity->count; i++) {
        const hop__neighbour *around = hop__vicinity_of(net->vicinity, i);
        for (size_t a = 0; a < net->vicinity->many[i]; a++)
            for (size_t b = 0; b < a && around[a].atom <= i; b++)
                if (around[b].atom <= i) /* by the last of its atoms */
                    corners(net, x, i, a, b);
    }
    thin_out(net);
}

/* ---- transposing bonds ---- */

static void drop_link(hop__network *net, size_t a, size_t b) {
    size_t *list = net->link + HOP__LINKS * a;
    for (size_t k = 0; k < net->links[a]; k++)
        if (list[k] == b) {
            list[k] = list[--net->links[a]];
            return;
        }
}

static void add_link(hop__network *net, size_t a, size_t b) {
    if (net->links[a] < HOP__LINKS)
        net->link[HOP__LINKS * a + net->links[a]++] = b;
}

static void unlink(hop__network *net, size_t a, size_t b) {
    drop_link(net, a, b);
    drop_link(net, b, a);
}

static void link(hop__network *net, size_t a, size_t b) {
    add_link(net, a, b);
    add_link(net, b, a);
}

/* Some atom that is bonded to a, but not to b. */
static size_t partner(hop__network *net, size_t a, size_t b) {
    size_t found = net->vicinity->count, seen = 0;
    for (size_t k = 0; k < net->links[a]; k++) {
        const size_t c = net->link[HOP__LINKS * a + k];
        if (c == a || c == b || hop__network_bonded(net, b, c))
            continue;
        if (hop__random_below(&net->moves->random, ++seen) == 0)
            found = c;
    }
    return found;
}

/* Among those that are bonded to b, but not to a, the farthest from c: only where c-a-b-d
   is a zigzag there is a way. */
static size_t opposite(const hop__network *net, const double *x, size_t a, size_t b,
                       size_t c) {
    size_t found = net->vicinity->count;
    double farthest = 0.0;
    for (size_t k = 0; k < net->links[b]; k++) {
        const size_t d = net->link[HOP__LINKS * b + k];
        double apart[3];
        if (d == a || d == b || d == c || hop__network_bonded(net, a, d))
            continue;
        hop__vicinity_between(net->vicinity, x + 3 * c, x + 3 * d, apart);
        if (dot(apart, apart) > farthest) {
            farthest = dot(apart, apart);
            found = d;
        }
    }
    return found;
}

static void pull(hop__network *net, double *x, size_t i, size_t j, double length,
                 double share) {
    double d[3];
    hop__vicinity_between(net->vicinity, x + 3 * i, x + 3 * j, d);
    const double r = sqrt(dot(d, d));
    if (!(r > 0.0))
        return;
    const double part = 0.5 * share * (1.0 - length / r);
    for (size_t c = 0; c < 3; c++) {
        x[3 * i + c] += net->mark[i] * part * d[c];
        x[3 * j + c] -= net->mark[j] * part * d[c];
    }
}

/* Each bond of atom i takes its length, each pair of its neighbours that of a tetrahedron. */
static void straighten(hop__network *net, double *x, size_t i) {
    const size_t *list = net->link + HOP__LINKS * i;
    for (size_t a = 0; a < net->links[i]; a++) {
        pull(net, x, i, list[a], contact(net, i, list[a]), STIFF);
        for (size_t b = 0; b < a; b++)
            if (list[a] != list[b])
                pull(net, x, list[a], list[b],
                     ACROSS * 0.5 *
                         (contact(net, i, list[a]) + contact(net, i, list[b])),
                     BEND);
    }
}

/* The atoms of `active` up to `count`, and those bonded to them. */
static size_t grow(hop__network *net, size_t count) {
    const size_t before = count;
    for (size_t k = 0; k < before; k++)
        for (size_t m = 0; m < net->links[net->active[k]]; m++) {
            const size_t j = net->link[HOP__LINKS * net->active[k] + m];
            if (net->mark[j] != 0.0)
                continue;
            net->mark[j] = 1.0;
            net->active[count++] = j;
        }
    return count;
}

bool hop__network_transpose(hop__network *net, size_t a, size_t b, double *x) {
    const size_t n = net->vicinity->count, c = partner(net, a, b);
    const size_t d = c < n ? opposite(net, x, a, b, c) : n;
    if (d == n)
        return false;
    memset(net->mark, 0, n * sizeof *net->mark);
    const size_t first[4] = {a, b, c, d};
    for (int k = 0; k < 4; k++) {
        net->mark[first[k]] = 1.0;
        net->active[k] = first[k];
    }
    const size_t count = grow(net, grow(net, 4));
    unlink(net, a, c);
    unlink(net, b, d);
    link(net, a, d);
    link(net, b, c);
    for (size_t i = 0; i < n; i++)
        net->mark[i] = net->moves->fixed[i] ? 0.0 : net->mark[i];
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (size_t k = 0; k < count; k++)
            straighten(net, x, net->active[k]);
    return true;
}

/* ---- repeating ---- */

/* Along lattice vector `axis`, from 0 to 1. */
static double fraction(const hop__vicinity *v, const double *x, int axis) {
    const double f = dot(x, v->inverse + 3 * axis);
    return f - floor(f);
}

/* Atoms whose fraction is within half a cell above that of atom `first` get mark 1. */
static bool mark_half(hop__network *net, const double *f, size_t first) {
    const size_t n = net->vicinity->count;
    size_t inside = 0;
    for (size_t i = 0; i < n; i++) {
        double d = f[i] - f[first];
        d += d < 0.0 ? 1.0 : 0.0;
        net->mark[i] = d < 0.5 ? 1.0 : 0.0;
        inside += d < 0.5;
        if (net->moves->fixed[i])
            return false;
    }
    if (2 * inside != n)
        return false;
    for (size_t i = 0; i < n; i++) { /* of each element as many as outside */
        double more = 0.0;
        for (size_t j = 0; j < n; j++)
            if (net->moves->numbers[j] == net->moves->numbers[i])
                more += net->mark[j] != 0.0 ? 1.0 : -1.0;
        if (more != 0.0)
            return false;
    }
    return true;
}

void hop__network_halves(hop__network *net, int axis, const double *x,
                         const double *energy, double bias, double *logits) {
    const hop__vicinity *v = net->vicinity;
    double *f = net->moves->scores;
    for (size_t i = 0; i < v->count; i++)
        f[i] = fraction(v, x + 3 * i, axis);
    for (size_t first = 0; first < v->count; first++) {
        double sum = 0.0;
        logits[first] = -INFINITY;
        if (!v->periodic[axis] || !mark_half(net, f, first))
            continue;
        for (size_t i = 0; energy && i < v->count; i++)
            sum += net->mark[i] * energy[i];
        logits[first] = -2.0 * bias * sum / (double)v->count;
    }
}

void hop__network_repeat(hop__network *net, int axis, size_t first, double *x) {
    const hop__vicinity *v = net->vicinity;
    double *f = net->moves->scores, by[3] = {0.0, 0.0, 0.0};
    for (size_t i = 0; i < v->count; i++)
        f[i] = fraction(v, x + 3 * i, axis);
    mark_half(net, f, first);
    for (int a = 0; a < 3; a++)
        if (a == axis ||
            (v->periodic[a] && hop__random_below(&net->moves->random, 2) == 0))
            for (int c = 0; c < 3; c++)
                by[c] += 0.5 * v->cell[3 * a + c];
    for (size_t i = 0; i < v->count; i++) {
        size_t from = 0;
        if (net->mark[i] != 0.0)
            continue;
        while (net->mark[from] != 1.0 ||
               net->moves->numbers[from] != net->moves->numbers[i])
            from++;
        net->mark[from] = 2.0; /* taken */
        for (size_t c = 0; c < 3; c++)
            x[3 * i + c] = x[3 * from + c] + by[c];
    }
}
