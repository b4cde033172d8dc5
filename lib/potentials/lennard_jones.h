/* What the parts of Lennard-Jones share: lennard_jones.c reads files and is the kind,
   lennard_jones_cluster.c takes all pairs, lennard_jones_list.c those within a cut-off.
 */
#ifndef HOP_POTENTIALS_LENNARD_JONES_H
#define HOP_POTENTIALS_LENNARD_JONES_H

#include "potentials/parameter_file.h"
#include "potentials/potential.h"
#include "structure/neighbors.h"

#define HOP__LJ_SMOOTH_FROM 0.9 /* of the cut-off */

enum hop__lj_truncation { HOP__LJ_TRUNCATE, HOP__LJ_SHIFT, HOP__LJ_SMOOTH };

typedef struct hop__lj_pair {
    bool known;
    double epsilon, sigma;
    double cutoff; /* infinite without */
    double shift;  /* the energy at the cut-off */
    enum hop__lj_truncation truncation;
} hop__lj_pair;

typedef struct hop__lj_parameters {
    char *name;
    hop__species species;
    double cutoff, skin;
    hop__lj_pair pairs[HOP__MAX_SPECIES * HOP__MAX_SPECIES];
} hop__lj_parameters;

typedef struct hop__lj_workspace {
    hop_context *context;
    size_t species_capacity, block_size;
    int32_t *
        species; /* each atom's index into the parameters' species, then each place's */
    double *block; /* all arrays of the kernels */
    hop__neighbors *neighbors;
} hop__lj_workspace;

/* What occurs in a structure. */
typedef struct hop__lj_contents {
    int32_t kinds;                  /* different species */
    int32_t kind[HOP__MAX_SPECIES]; /* their indices */
    double reach;                   /* largest cut-off of their pairs */
    bool open;                      /* none of their pairs has a cut-off */
} hop__lj_contents;

static inline const hop__lj_pair *hop__lj_pair_of(const hop__lj_parameters *p,
                                                  int32_t a, int32_t b) {
    return &p->pairs[a * HOP__MAX_SPECIES + b];
}

/* Room for as many species and numbers. */
int hop__lj_reserve(hop__lj_workspace *w, size_t species, size_t numbers);

int hop__lj_cluster_evaluate(hop_potential *potential, hop_structure *s,
                             const hop__lj_contents *found);
int hop__lj_cluster_hessian(hop_potential *potential, const hop_structure *s,
                            const hop__lj_contents *found, const double *v, double *hv);
int hop__lj_list_evaluate(hop_potential *potential, hop_structure *s,
                          const hop__lj_contents *found);
int hop__lj_list_hessian(hop_potential *potential, const hop_structure *s,
                         const hop__lj_contents *found, const double *v, double *hv);

#endif
