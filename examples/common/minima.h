/* What a search finds on its way: an archive of its lowest minima, and a trajectory of all
   of them in turn. */
#ifndef EXAMPLES_MINIMA_H
#define EXAMPLES_MINIMA_H

#include <hop.h>
#include <stdbool.h>
#include <time.h>

typedef struct minima {
    hop_context *context;
    hop_potential *potential;
    const char *archive_path, *trajectory_path; /* NULL: none */
    size_t capacity;                            /* of a new archive */
    bool resume;    /* go on with the trajectory that is there */
    bool by_hand;   /* files are written by save_minima() only */
    uint64_t seed;  /* of the run that is followed */
    int64_t before; /* evaluations of the runs before it */

    hop_archive *archive;
    hop_trajectory *trajectory;
    double fmax, cell, pressure; /* to which minima are relaxed for the archive */
    time_t saved;
    bool lost;       /* something could not be written, and has not been since */
    bool frame_lost; /* a minimum is missing in the trajectory for good */
    bool ending;
} minima;

/* Have the minima that `optimizer` will find from `start` on; does nothing when neither
   file is wanted. */
void follow_minima(minima *m, hop_optimizer *optimizer, hop_structure *start);

/* Bring both files up to date.  What cannot be written is told once; the search goes on, and
   the next time may succeed. */
void save_minima(minima *m);

/* The same, and give back what is held; false when something is not in the files. */
bool end_minima(minima *m);

#endif
