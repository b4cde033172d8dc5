/* What the files of the Gupta potential share: parameters and one thread's workspace.
 */
#ifndef HOP_POTENTIALS_GUPTA_H
#define HOP_POTENTIALS_GUPTA_H

#include "potentials/parameter_file.h"
#include "potentials/potential.h"

/* Repulsion A exp(-p (r/r0 - 1)), hopping xi exp(-q (r/r0 - 1)); both joined to zero
   between `start` and `end` by a3 t^3 + a4 t^4 + a5 t^5, t = r - end.  Without a
   cut-off start and end are infinite. */
typedef struct hop__gupta_pair {
    bool known;
    double r0, p, q, a, xi;
    double start, end;
    double rep_tail[3], hop_tail[3];
} hop__gupta_pair;

typedef struct hop__gupta_parameters {
    char *name;
    hop__species species;
    double cutoff;
    bool open;              /* no pair has a cut-off */
    hop__gupta_pair *pairs; /* species.count squared */
} hop__gupta_parameters;

typedef struct hop__gupta_plan hop__gupta_plan; /* gupta_cluster.c */
typedef struct hop__gupta_rows hop__gupta_rows; /* gupta_rows.c */

typedef struct hop__gupta_workspace {
    hop__gupta_plan *plan; /* each made at first use */
    hop__gupta_rows *rows;
} hop__gupta_workspace;

static inline const hop__gupta_pair *hop__gupta_pair_of(const hop__gupta_parameters *p,
                                                        int32_t a, int32_t b) {
    return &p->pairs[a * p->species.count + b];
}

int hop__gupta_parse(hop_context *context, const char *name, const char *text,
                     size_t size, void **out);
void hop__gupta_free_parameters(hop_context *context, void *opaque);

/* Each atom's index into the species; every pair that occurs must be known. */
int hop__gupta_find_species(hop_potential *potential, const hop_structure *s,
                            int32_t *species);
int hop__gupta_missing_pair(const hop_potential *potential, int32_t a, int32_t b);

/* Clusters without cut-off: all pairs. */
int hop__gupta_cluster_evaluate(hop_potential *potential, hop_structure *s);
int hop__gupta_cluster_hessian(hop_potential *potential, const hop_structure *s,
                               const double *v, double *hv);
void hop__gupta_plan_free(hop_context *context, hop__gupta_plan *plan);

/* With cut-off, periodic or not: through the neighbour list. */
int hop__gupta_list_evaluate(hop_potential *potential, hop_structure *s);
int hop__gupta_list_hessian(hop_potential *potential, const hop_structure *s,
                            const double *v, double *hv);
void hop__gupta_rows_free(hop_context *context, hop__gupta_rows *rows);

#endif
