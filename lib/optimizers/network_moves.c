/* The moves from an accepted minimum of a periodic system: the kinds that clusters know,
   with the meaning that they have where there is no surface. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "optimizers/hops.h"

/* All around a badly bound atom are shaken: farther, and a few. */
static void shake(hop__hops *h, double *x) {
    const double length = h->atoms.units.length;
    const size_t atom = hop__hops_weakly_bound(h, HOP__MOVE_SHAKE, HOP__AMPLITUDE);
    const double size = h->uniform ? 1.0 : hop__hop_policy_size(h->policy);
    hop__network_shake(h->network, atom, h->settings->range * length,
                       h->shake * length * size, x);
    h->involved[atom] = 1.0;
}

/* A badly bound atom goes into a void. */
static void relocate(hop__hops *h, double *x) {
    const size_t atom = hop__hops_weakly_bound(h, HOP__MOVE_RELOCATE, HOP__RELOCATE);
    double *place = x + 3 * atom, neighbours;
    hop__site site[HOP__SITES];
    h->involved[atom] = 1.0;
    hop__network_voids(h->network, x);
    const hop__void *hole = h->network->hole;
    if (h->network->holes == 0)
        return;
    memset(site, 0, sizeof site);
    for (size_t k = 0; k < HOP__SITES; k++) {
        site[k].logit = -INFINITY;
        if (k >= h->network->holes)
            continue;
        hop__site_features(&h->atoms, &h->shells, x, atom, hole[k].place, place,
                           &neighbours, site[k].in);
        site[k].logit = h->settings->site_bias * neighbours;
    }
    memcpy(place, hole[hop__hop_policy_site(h->policy, site)].place, 3 * sizeof *x);
}

/* ... into the largest. */
static void insert(hop__hops *h, double *x) {
    const size_t atom = hop__hops_weakly_bound(h, HOP__MOVE_INSERT, HOP__INSERT);
    h->involved[atom] = 1.0;
    hop__network_voids(h->network, x);
    if (h->network->holes > 0)
        memcpy(x + 3 * atom, h->network->hole[0].place, 3 * sizeof *x);
}

/* Halves that can be repeated along a random axis, in policy->logits; -1: none. */
static int halves(hop__hops *h, const double *energy, double bias, const double *x) {
    const int axis = (int)hop__random_below(&h->moves.random, 3);
    hop__network_halves(h->network, axis, x, energy, bias, h->policy->logits);
    for (size_t i = 0; i < h->start->count; i++)
        if (isfinite(h->policy->logits[i]))
            return axis;
    return -1;
}

/* Half of the cell becomes like the other, where that is bound well: what has fewer atoms to
   be found is found sooner. */
static void repeat_half(hop__hops *h, double *x) {
    const int axis = halves(h, h->shells.energy, h->settings->repeat_bias, x);
    if (axis >= 0)
        hop__network_repeat(h->network, axis,
                            hop__hop_policy_atom(h->policy, HOP__AMPLITUDE), x);
}

/* Up to three times, without regard to energies, which are not known. */
void hop__hops_repeat_start(hop__hops *h, double *x) {
    const size_t n = h->start->count;
    size_t times = hop__random_below(&h->moves.random, 4);
    for (; h->settings->twist_weight > 0.0 && times > 0; times--) {
        const int axis = halves(h, NULL, 0.0, x);
        if (axis >= 0)
            hop__network_repeat(
                h->network, axis,
                hop__random_softmax(&h->moves.random, h->policy->logits, n), x);
    }
}

static void transpose(hop__hops *h, double *x) {
    const hop__network *w = h->network;
    const size_t a = hop__hops_weakly_bound(h, HOP__MOVE_SWAP, HOP__SWAP);
    h->involved[a] = 1.0;
    if (w->links[a] == 0)
        return;
    const size_t b =
        w->link[HOP__LINKS * a + hop__random_below(&h->moves.random, w->links[a])];
    h->involved[b] = 1.0;
    hop__network_transpose(h->network, a, b, x);
}

void hop__hops_move_in_network(hop__hops *h, enum hop__move move, double *x) {
    memset(h->involved, 0, h->start->count * sizeof *h->involved);
    hop__network_look(h->network, x);
    if (move == HOP__MOVE_RELOCATE)
        relocate(h, x);
    else if (move == HOP__MOVE_SWAP)
        transpose(h, x);
    else if (move == HOP__MOVE_INSERT)
        insert(h, x);
    else if (move == HOP__MOVE_TWIST)
        repeat_half(h, x);
    else
        shake(h, x);
}
