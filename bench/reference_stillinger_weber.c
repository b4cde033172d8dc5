/* Stillinger and Weber, Phys. Rev. B 31, 5262 (1985), with its silicon: for each atom
 * the neighbours in reach, each one's exponentials once, then the pairs and the
 * triplets. */
#include <math.h>

#include "reference.h"

static const double epsilon = 2.1683, sigma = 2.0951, a = 1.80, lambda = 21.0,
                    gamma_ = 1.2, cos0 = -0.333333333333, A = 7.049556277,
                    B = 0.6022245584;

typedef struct leg {
    size_t j;
    double n[3], r, inverse, decay, slope;
} leg;

#define MOST 64 /* neighbours in reach of one atom */

static double pair(const leg *l, double *fi, double *fj) {
    double gap = 1.0 / (l->r - a * sigma), s = sigma * l->inverse;
    double cut = exp(sigma * gap), s4 = B * s * s * s * s;
    double value = A * epsilon * (s4 - 1.0) * cut;
    double slope =
        -A * epsilon * 4.0 * s4 * l->inverse * cut - value * sigma * gap * gap;
    for (int c = 0; c < 3; c++) { /* half, for the pair comes twice */
        fi[c] += 0.5 * slope * l->n[c];
        fj[c] -= 0.5 * slope * l->n[c];
    }
    return 0.5 * value;
}

static double triplet(const leg *j, const leg *k, double *fi, double *fj, double *fk) {
    double cosine = j->n[0] * k->n[0] + j->n[1] * k->n[1] + j->n[2] * k->n[2];
    double delta = cosine - cos0, both = j->decay * k->decay;
    double value = lambda * epsilon * delta * delta * both;
    double angular = 2.0 * lambda * epsilon * delta * both;
    double along_j = value * j->slope, along_k = value * k->slope;
    for (int c = 0; c < 3; c++) {
        double gj =
            angular * (k->n[c] - cosine * j->n[c]) * j->inverse + along_j * j->n[c];
        double gk =
            angular * (j->n[c] - cosine * k->n[c]) * k->inverse + along_k * k->n[c];
        fi[c] += gj + gk;
        fj[c] -= gj;
        fk[c] -= gk;
    }
    return value;
}

static int legs_of(const reference_list *list, size_t i, leg *legs) {
    int count = 0;
    const double *x = list->x, reach = a * sigma;
    for (size_t m = list->first[i]; m < list->first[i + 1] && count < MOST; m++) {
        size_t j = list->neighbor[m];
        double d[3], r2 = 0.0;
        for (size_t c = 0; c < 3; c++) {
            d[c] = x[3 * j + c] - x[3 * i + c];
            r2 += d[c] * d[c];
        }
        if (r2 >= reach * reach)
            continue;
        leg *l = &legs[count++];
        l->j = j;
        l->r = sqrt(r2);
        l->inverse = 1.0 / l->r;
        double gap = 1.0 / (l->r - reach);
        l->decay = exp(gamma_ * sigma * gap);
        l->slope = -gamma_ * sigma * gap * gap; /* of its logarithm */
        for (int c = 0; c < 3; c++)
            l->n[c] = d[c] * l->inverse;
    }
    return count;
}

double reference_stillinger_weber(const reference_list *list, double *forces) {
    double energy = 0.0, *pull = list->pull;
    leg legs[MOST];
    for (size_t i = 0; i < list->atoms; i++) {
        int count = legs_of(list, i, legs);
        for (int m = 0; m < count; m++) {
            const leg *j = &legs[m];
            energy += pair(j, pull + 3 * i, pull + 3 * j->j);
            for (int k = m + 1; k < count; k++)
                energy += triplet(j, &legs[k], pull + 3 * i, pull + 3 * j->j,
                                  pull + 3 * legs[k].j);
        }
    }
    reference_list_fold(list, forces);
    return energy;
}
