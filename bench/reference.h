/* Yardsticks: potentials in plain scalar C with libm, as one would write them first.
 * Periodic images are atoms of their own, as in most molecular dynamics codes. */
#ifndef BENCH_REFERENCE_H
#define BENCH_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct reference_list {
    size_t atoms, all;        /* with images */
    double *x;                /* 3 * all */
    double *pull;             /* 3 * all: work space for forces */
    size_t *owner;            /* all: the atom that this is an image of */
    double *shift;            /* 3 * all */
    size_t *first, *neighbor; /* of atoms only; neighbours may be images */
} reference_list;

/* `full`: each pair under both of its atoms; otherwise once. */
void reference_list_build(reference_list *list, size_t n, const double *x,
                          const double box[3], double reach, bool full);
/* Move the list's atoms and images to new positions. */
void reference_list_follow(reference_list *list, const double *x);
/* Add up the images' forces on their atoms. */
void reference_list_fold(const reference_list *list, double *forces);

/* Each returns the energy and writes forces[3 n]. */
double reference_stillinger_weber(const reference_list *list,
                                  double *forces); /* Si.sw */
double reference_lennard_jones(const reference_list *list, double cutoff,
                               double *forces);
double reference_lennard_jones_all(size_t n, const double *x, double *forces);

#endif
