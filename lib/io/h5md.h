/* H5MD trajectories (de Buyl, Colberg and Hoefling, Comput. Phys. Commun. 185 (2014) 1546;
   version 1.1): docs/formats.md says which elements.  Whole files here; trajectory.c
   replaces them. */
#ifndef HOP_IO_H5MD_H
#define HOP_IO_H5MD_H

#include "structure/structure.h"

/* Frames of one system, array after array: n atoms each. */
typedef struct hop__h5md_frames {
    size_t count;
    int64_t *steps;
    double *positions, *forces; /* 3n each */
    double *cells, *virials;    /* 9 and 6 each */
    double *energies;
} hop__h5md_frames;

/* Write a file without frames at `path`, which may exist; messages call it `name`.
   `like`: numbers, periodicity, fixed mask, and whether there is a cell. */
int hop__h5md_create(hop_context *context, const char *name, const char *path,
                     const hop_structure *like);

/* Write frames behind the first `stored` ones of a file of hop__h5md_create(). */
int hop__h5md_append(hop_context *context, const char *name, const char *path,
                     size_t atoms, size_t stored, const hop__h5md_frames *frames);

/* A file that is open for reading; anybody's, not only ours. */
typedef struct hop__h5md hop__h5md;

/* *like receives numbers, periodicity, fixed mask and the first frame's cell (zero without
   frames); `extendable` whether hop__h5md_append() can go on. */
int hop__h5md_open(hop_context *context, const char *path, hop__h5md **out,
                   hop_structure **like, size_t *frames, bool *extendable);
void hop__h5md_close(hop__h5md *file);

/* Positions, cell, and what is known of energy, forces and virial. */
int hop__h5md_read(hop__h5md *file, size_t frame, hop_structure *structure,
                   int64_t *step);

#endif
